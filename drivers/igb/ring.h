/* The two rings of an igb VF, polled, for a loop that counts every instruction. drivers/igb/vf.c puts them
 * behind the table of drivers/packet.h.
 *
 * Receive slot i always has receive buffer i, so a frame's index is where the ring stands: nothing that the
 * device writes chooses it. A descriptor is read once, with one load of its second quadword, and made ready
 * for the next frame at once; the device sees it again only when the tail has moved past it. Send descriptors
 * are never written by the device: it reports its head in a dword of its own (head write-back, TDWBAL), at
 * the last frame of each ring(). */
#pragma once
#include "drivers/igb/regs.h"
#include "drivers/packet.h"
#include "kernel/mmio.h"

#define IGB_MASK (PACKET_RING - 1)

struct igb_desc {
	uint64_t address, word;
};

struct igb_rx {
	struct igb_desc *ring;
	uint64_t buffers;                       /* device address of receive buffer 0, for writing */
	uint32_t next;                          /* the slot that is looked at next */
	uint32_t held;                          /* taken and not released */
	uint32_t told;                          /* tail that the device has */
	bool partial;                           /* the rest of a frame that is dropped is still to come */
	volatile uint32_t *tail;                /* RDT */
	struct packet_frame frame[PACKET_RING]; /* by slot: its index never changes */
};

struct igb_tx {
	struct igb_desc *ring;
	const volatile uint32_t *head;    /* written by the device */
	uint32_t next, told;              /* the slot that is filled next; the tail that the device has */
	uint32_t done;                    /* sends before this slot are finished */
	volatile uint32_t *tail;          /* TDT */
	uint64_t read_at[PACKET_BUFFERS]; /* device address of each buffer, for reading */
	uint64_t bad;                     /* impossible heads */
};

#define IGB_TX_COMMAND (TX_DATA | TX_EOP | TX_IFCS | TX_DEXT)
#define IGB_TX_LENGTHS (1 | BIT(46)) /* times the length: TX_LEN and TX_PAYLEN */

/* A good frame in its one buffer, by one comparison of the second quadword: done, its end, no error, shorter
 * than PACKET_ROOM, and no VLAN tag, since none is stripped. So RX_READY is none. */
#define IGB_RX_GOOD (RX_DD | RX_EOP)
#define IGB_RX_MASK (IGB_RX_GOOD | RX_ERRORS | BITS(47, 46) | BITS(63, 48))
_Static_assert(PACKET_ROOM == BIT(46 - 32), "the bits of a length that fits");

/* Makes slot i ready for the next frame. */
FAST_INLINE void igb_rx_ready(struct igb_rx *r, uint32_t i)
{
	r->ring[i].address = r->buffers + (uint64_t)i * PACKET_STRIDE;
	__atomic_store_n(&r->ring[i].word, RX_READY, __ATOMIC_RELAXED);
}

/* Has a frame come there? */
FAST_INLINE bool igb_rx_came(const struct igb_desc *d)
{
	return igb_rx_written(__atomic_load_n(&d->word, __ATOMIC_ACQUIRE));
}

/* Where a burst stands in the ring; for igb_rx_take(). */
struct igb_rx_at {
	struct igb_desc *d;
	struct packet_frame *f;
	uint64_t buffer;
};

FAST_INLINE bool igb_rx_step(struct igb_rx_at *at)
{
	uint64_t w = __atomic_load_n(&at->d->word, __ATOMIC_ACQUIRE);
	if (UNLIKELY((w & IGB_RX_MASK) != IGB_RX_GOOD))
		return false;
	at->f->len = (uint16_t)(w >> 32);
	at->d->address = at->buffer;
	__atomic_store_n(&at->d->word, RX_READY, __ATOMIC_RELAXED);
	at->d++;
	at->f++;
	at->buffer += PACKET_STRIDE;
	return true;
}

FAST_INLINE bool igb_rx_four(struct igb_rx_at *at)
{
	return igb_rx_step(at) && igb_rx_step(at) && igb_rx_step(at) && igb_rx_step(at);
}

/* Takes up to max frames, but none behind the ring's end, nor one that is not good. They are r->frame from
 * r->next on, as that was before. max: at most IGB_MASK - r->held, since what the device was not given is not
 * looked at. */
FAST_INLINE uint32_t igb_rx_take(struct igb_rx *r, uint32_t max)
{
	uint32_t i = r->next, most = PACKET_RING - i, n;
	struct packet_frame *const first = &r->frame[i];
	struct igb_rx_at at = {&r->ring[i], first, r->buffers + (uint64_t)i * PACKET_STRIDE};
	max = max < most ? max : most;
	const struct packet_frame *const eight = first + (max & ~7u), *const end = first + max;
	while (at.f != eight && igb_rx_four(&at) && igb_rx_four(&at))
		;
	while (at.f != end && igb_rx_step(&at))
		;
	n = (uint32_t)(at.f - first);
	r->next = (i + n) & IGB_MASK;
	r->held += n;
	return n;
}

/* Sends may wait in this many slots: one stays empty, since a head at the tail means an empty ring. */
FAST_INLINE uint32_t igb_tx_room(const struct igb_tx *t)
{
	return (t->done - t->next - 1) & IGB_MASK;
}

/* Fills a slot, and adds its bits to those of the others: igb_tx_fill() looks at all of them together. */
FAST_INLINE uint64_t igb_tx_step(struct igb_desc *d, const struct packet_frame *f, const uint64_t *read_at,
				 uint64_t all)
{
	d->address = read_at[f->index];
	uint64_t word = f->len * IGB_TX_LENGTHS + IGB_TX_COMMAND;
	d->word = word;
	return all | word;
}

FAST_INLINE uint64_t igb_tx_four(struct igb_desc *d, const struct packet_frame *f, const uint64_t *read_at,
				 uint64_t all)
{
	for (unsigned k = 0; k < 4; k++)
		all = igb_tx_step(d + k, f + k, read_at, all);
	return all;
}

/* Fills slots with n frames, but none behind the ring's end, and returns how many: 0 when one of them is
 * longer than its buffer. n: at most igb_tx_room(). The lengths are checked together, since the device sees
 * nothing of the slots before its doorbell. */
FAST_INLINE uint32_t igb_tx_fill(struct igb_tx *t, const struct packet_frame *f, uint32_t n)
{
	uint32_t i = t->next, most = PACKET_RING - i;
	struct igb_desc *d = &t->ring[i];
	uint64_t all = 0;
	n = n < most ? n : most;
	const struct packet_frame *const eight = f + (n & ~7u), *const end = f + n;
	for (; f != eight; d += 8, f += 8)
		all = igb_tx_four(d + 4, f + 4, t->read_at, igb_tx_four(d, f, t->read_at, all));
	for (; f != end; d++, f++)
		all = igb_tx_step(d, f, t->read_at, all);
	if (UNLIKELY(all & TX_LEN & ~(uint64_t)(PACKET_ROOM - 1)))
		return 0;
	t->next = (i + n) & IGB_MASK;
	return n;
}

/* A frame in parts that lie at these device addresses, which the VF's domain lets it read: queued as one. n:
 * 1 to IGB_PARTS, and at most igb_tx_room(); of PACKET_LEAST to PACKET_MOST bytes together. Its parts are the
 * caller's again once igb_vf_room() has found as many slots free. */
struct igb_part {
	uint64_t address;
	uint32_t len;
};
#define IGB_PARTS 3u
FAST_INLINE void igb_tx_gather(struct igb_tx *t, const struct igb_part *part, unsigned n)
{
	uint32_t total = 0, slot = t->next;
	for (unsigned i = 0; i < n; i++)
		total += part[i].len;
	uint64_t word = (IGB_TX_COMMAND & ~TX_EOP) | FPUT(TX_PAYLEN, total);
	for (unsigned i = 0; i < n; i++, slot = (slot + 1) & IGB_MASK) {
		t->ring[slot].address = part[i].address;
		t->ring[slot].word = word + part[i].len + (i + 1 < n ? 0 : TX_EOP);
	}
	t->next = slot;
}

/* The addresses that a forwarded frame gets: the next hop's, and the VF's own. */
struct igb_hop {
	uint64_t first; /* bytes 0 to 7 of the frame, */
	uint32_t rest;  /* and 8 to 11 */
};

/* Takes up to max frames, but none behind the end of a ring, nor one that is not good; gives each its new
 * addresses, and fills send slots with them: they go out of the buffers that they came into. memory: receive
 * buffer 0. max: at most what igb_rx_take() and igb_tx_fill() may be given. A received buffer may be released
 * once its frame is sent. */
FAST_INLINE uint32_t igb_forward(struct igb_rx *r, struct igb_tx *t, uint8_t *memory, struct igb_hop hop,
				 uint32_t max)
{
	uint32_t i = r->next, o = t->next, n;
	uint32_t left = PACKET_RING - (i > o ? i : o);
	struct igb_desc *rx = &r->ring[i], *tx = &t->ring[o], *const end = rx + (left < max ? left : max);
	uint8_t *buffer = memory + i * PACKET_STRIDE;
	const uint64_t write = r->buffers - (uintptr_t)memory, read = t->read_at[0] - (uintptr_t)memory;
	for (; rx != end; rx++, tx++, buffer += PACKET_STRIDE) {
		uint64_t w = __atomic_load_n(&rx->word, __ATOMIC_ACQUIRE);
		if (UNLIKELY((w & IGB_RX_MASK) != IGB_RX_GOOD) || UNLIKELY(w >> 32 > PACKET_MOST))
			break;
		__builtin_memcpy(buffer, &hop.first, sizeof hop.first);
		__builtin_memcpy(buffer + sizeof hop.first, &hop.rest, sizeof hop.rest);
		tx->address = read + (uintptr_t)buffer;
		tx->word = (w >> 32) * IGB_TX_LENGTHS + IGB_TX_COMMAND;
		rx->address = write + (uintptr_t)buffer;
		__atomic_store_n(&rx->word, RX_READY, __ATOMIC_RELAXED);
	}
	n = (uint32_t)(rx - &r->ring[i]);
	r->next = (i + n) & IGB_MASK;
	r->held += n;
	t->next = (o + n) & IGB_MASK;
	return n;
}

/* The buffer of a slot, by the address that the driver wrote there: the device may not write to this ring. */
FAST_INLINE uint8_t igb_tx_index(const struct igb_tx *t, uint32_t slot)
{
	uint64_t a = t->ring[slot].address, half = a - t->read_at[PACKET_RING];
	return half < PACKET_HALF ? (uint8_t)(PACKET_RING + half / PACKET_STRIDE)
				  : (uint8_t)((a - t->read_at[0]) / PACKET_STRIDE);
}

/* One doorbell for all sends since the last; the last of them reports. None when there are none. */
FAST_INLINE bool igb_tx_ring(struct igb_tx *t)
{
	if (t->next == t->told)
		return false;
	t->ring[(t->next - 1) & IGB_MASK].word |= TX_RS;
	mmio_doorbell32(t->tail, t->next);
	t->told = t->next;
	return true;
}

/* The slots from t->done on that the device has finished: their number. A head that is none of the slots in
 * flight, or just behind them, is counted in bad and changes nothing. */
FAST_INLINE uint32_t igb_tx_finished(struct igb_tx *t)
{
	uint32_t head = __atomic_load_n(t->head, __ATOMIC_ACQUIRE);
	uint32_t n = (head - t->done) & IGB_MASK;
	if (LIKELY(head < PACKET_RING && n <= ((t->told - t->done) & IGB_MASK)))
		return n;
	t->bad++;
	return 0;
}

/* One doorbell for all buffers released since the last. */
FAST_INLINE bool igb_rx_ring(struct igb_rx *r)
{
	uint32_t tail = (r->next - r->held - 1) & IGB_MASK;
	if (tail == r->told)
		return false;
	mmio_doorbell32(r->tail, tail);
	r->told = tail;
	return true;
}
