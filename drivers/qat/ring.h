/* A ring of requests and its ring of responses, polled; the same engine for every generation (gen.h).
 *
 * Fill slots and push them, ring once, take responses, release their room. A response has arrived when its
 * first dword is no longer the signature written there before; no register is read on the data path. The
 * device's writes are not trusted: a response that matches nothing in flight is counted in bad and dropped.
 *
 * Room. Each request in flight holds one entry of each ring, and fewer than a ring's entries are ever in
 * flight. The response ring also holds what was taken but not released: the head is written to the device
 * when those and depth together would fill it. So qat_ring_release() is due after at most depth takes.
 *
 * A ring opened again after a reset continues its request numbers: a response from before the reset matches
 * nothing in flight. */
#pragma once
#include "drivers/qat/gen.h"
#include "kernel/addr.h"
#include "kernel/err.h"
#include "kernel/mmio.h"

#define QAT_REQUEST   128u /* bytes */
#define QAT_RESPONSE  32u
#define QAT_SIGNATURE 0x7f7f7f7fu
#define QAT_DEPTH_MAX 511u
#define QAT_TX_BYTES  0x10000u /* of a ring: QAT_DEPTH_MAX + 1 requests, */
#define QAT_RX_BYTES  0x8000u  /* twice as many responses */

struct qat_ring {
	uint8_t *tx, *rx;
	uint32_t tx_mask, tx_tail, tx_rung; /* bytes; tx_rung: the tail that the device knows */
	uint32_t rx_mask, rx_head, rx_told; /* bytes; rx_told: the head that the device knows */
	uint32_t rx_late;                   /* bytes taken at which the head register is due */
	uint32_t depth;                     /* tags are below it */
	uint64_t *flight;                   /* by tag: the opaque value of the request in flight, or 0 */
	uint64_t serial;                    /* upper bits of the next opaque value */
	volatile uint32_t *tail, *head;     /* registers */
	uint64_t doorbells;                 /* register writes, both rings */
	uint64_t bad;                       /* impossible responses, */
	uint64_t odd;                       /* the last one's opaque value */
	volatile uint8_t *bank;
	const struct qat_gen *gen;
	struct qat_pair pair;
};

/* Opaque value of a request: its tag, the ring (from 1, so that no value is 0), and a number that does not
 * repeat for long. */
#define OPAQUE_TAG    BITS(15, 0)
#define OPAQUE_RING   BITS(23, 16)
#define OPAQUE_SERIAL BITS(63, 24)

struct qat_ring_cfg {
	const struct qat_gen *gen;
	struct qat_pair pair;
	uint8_t number;         /* of this ring among those that share flight */
	volatile uint8_t *regs; /* of the VF's banks */
	uint8_t *tx, *rx;       /* QAT_TX_BYTES and QAT_RX_BYTES; the device addresses aligned to that */
	iova_t tx_iova, rx_iova;
	uint32_t depth;   /* 1 .. QAT_DEPTH_MAX */
	uint64_t *flight; /* depth of them, zero; may be shared by rings: a tag is in flight on one of them */
	uint64_t serial;  /* of the ring when it was closed; 0 the first time */
};

/* Sets both rings up in the device and enables them. The caller owns memory and flight. SL_RANGE for depth or
 * for a ring pair that the bank does not have, SL_BADVAL for a wrong alignment. */
enum sl_err qat_ring_open(struct qat_ring *r, const struct qat_ring_cfg *cfg) MUST_CHECK;
/* Disables both rings in the device. Requests in flight are lost; the device may still write results of
 * running ones, until bus mastering is off or the IOMMU blocks it. */
void qat_ring_close(struct qat_ring *r);

/* Verifies that the device still has the request ring's address; not for the data path. */
bool qat_ring_is_open(const struct qat_ring *r);

/* The ring's state by the device's registers: for messages only, never used as an address. */
struct qat_ring_seen {
	uint32_t head, tail, answers; /* bytes: requests fetched, requests announced, responses written */
	bool there;                   /* the ring is as it was opened; false on a function that is gone */
	bool sane;                    /* each stands at a message of its ring, and tail where it was put */
};
void qat_ring_look(const struct qat_ring *r, struct qat_ring_seen *out);
/* Requests of this ring in flight; not for the data path. */
unsigned qat_ring_in_flight(const struct qat_ring *r);

/* The entry that the next push gives to the device: fill all of it but the opaque value, dword 6. */
FAST_INLINE uint64_t *qat_ring_slot(struct qat_ring *r)
{
	return (uint64_t *)(void *)(r->tx + r->tx_tail);
}

/* Queues the slot under a tag that is below depth and not in flight. qat_ring_ring() notifies the device. */
FAST_INLINE void qat_ring_push(struct qat_ring *r, uint32_t tag)
{
	uint64_t opaque = r->serial | tag;
	qat_ring_slot(r)[3] = opaque;
	r->flight[tag] = opaque;
	r->serial += BIT(24);
	r->tx_tail = (r->tx_tail + QAT_REQUEST) & r->tx_mask;
}

/* One doorbell for everything pushed since the last; none when there is nothing. */
FAST_INLINE void qat_ring_ring(struct qat_ring *r)
{
	if (r->tx_tail == r->tx_rung)
		return;
	mmio_doorbell32(r->tail, r->tx_tail);
	r->tx_rung = r->tx_tail;
	r->doorbells++;
}

/* True when there is a response to take: reads only memory. */
FAST_INLINE bool qat_ring_ready(const struct qat_ring *r)
{
	return __atomic_load_n((const uint32_t *)(const void *)(r->rx + r->rx_head), __ATOMIC_ACQUIRE) !=
	       QAT_SIGNATURE;
}

enum qat_took { QAT_NONE, QAT_TOOK, QAT_BAD };

/* Takes the next response: QAT_TOOK with its tag and a copy of its 32 bytes, QAT_NONE when there is none,
 * QAT_BAD for one that was counted and dropped. */
FAST_INLINE enum qat_took qat_ring_take(struct qat_ring *r, uint32_t *tag, uint64_t answer[4])
{
	if (!qat_ring_ready(r))
		return QAT_NONE;
	uint64_t *m = (uint64_t *)(void *)(r->rx + r->rx_head);
	for (unsigned i = 0; i < 4; i++) /* once each: the device may change them meanwhile */
		answer[i] = __atomic_load_n(&m[i], __ATOMIC_RELAXED);
	__atomic_store_n((uint32_t *)(void *)m, QAT_SIGNATURE, __ATOMIC_RELAXED);
	r->rx_head = (r->rx_head + QAT_RESPONSE) & r->rx_mask;
	uint64_t id = answer[1] & OPAQUE_TAG;
	if (UNLIKELY(id >= r->depth || r->flight[id] != answer[1] ||
		     ((answer[1] ^ r->serial) & OPAQUE_RING))) {
		r->bad++;
		r->odd = answer[1];
		return QAT_BAD;
	}
	r->flight[id] = 0;
	*tag = (uint32_t)id;
	return QAT_TOOK;
}

/* Returns the room of taken responses to the device when due. */
FAST_INLINE void qat_ring_release(struct qat_ring *r)
{
	if (LIKELY(((r->rx_head - r->rx_told) & r->rx_mask) < r->rx_late))
		return;
	mmio_doorbell32(r->head, r->rx_head);
	r->rx_told = r->rx_head;
	r->doorbells++;
}
