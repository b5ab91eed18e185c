/* A QAT VF as an accelerator (drivers/compute.h): its ring pairs for crypto and for compression, in the VF's
 * domain. Never run on silicon: gen.h.
 *
 * Order: qat_vf_open() on a VF that is attached to its domain, with memory space and bus mastering on;
 * sessions; the queue is worked; qat_vf_close(); then bus mastering off and detach. The caller owns the
 * buffers of jobs: device addresses are passed on unchecked, and the IOMMU keeps them inside the domain. */
#pragma once
#include "drivers/dma.h"
#include "drivers/qat/ring.h"
#include "drivers/qat/session.h"

#define QAT_SESSIONS 80u

/* Layout of a VF's memory. */
#define QAT_MEM_TX   0x00000u
#define QAT_MEM_RX   (QAT_MEM_TX + QAT_SERVICES * QAT_TX_BYTES)
#define QAT_MEM_CD   (QAT_MEM_RX + QAT_SERVICES * QAT_RX_BYTES)
#define QAT_MEM_SIZE (QAT_MEM_CD + QAT_SESSIONS * QAT_CD_BYTES)

struct qat_vf_cfg {
	const struct qat_gen *gen;
	volatile uint8_t *regs; /* the BAR with its rings, mapped uncached */
	uint64_t regs_len;
	/* Which ring pair has which service; NULL where the generation has it fixed. */
	const struct qat_pair *pair;
	struct dma_buf mem; /* QAT_MEM_SIZE, aligned to QAT_TX_BYTES; stays the caller's */
	uint32_t depth;     /* 1 .. QAT_DEPTH_MAX */
};

struct qat_vf {
	struct compute compute; /* first: what the driver's functions get */
	struct qat_ring ring[QAT_SERVICES];
	struct qat_session session[QAT_SESSIONS];
	unsigned sessions;
	uint64_t flight[QAT_DEPTH_MAX + 1];                        /* of both rings */
	uint32_t room[QAT_DEPTH_MAX + 1], made[QAT_DEPTH_MAX + 1]; /* by tag: deflate and inflate */
	const struct qat_gen *gen;
	struct dma_buf mem;
};

/* Sets the ring pairs up; compute.services lists their services. *vf is zero before the first call. Each call
 * drops sessions and requests in flight; a late response to an old request cannot match a new one. SL_RANGE
 * for depth or a missing pair, SL_NOSPACE when registers or memory are too short, SL_NOTFOUND when no pair
 * has a usable service, SL_BADVAL for a wrong alignment, SL_DEVICE when the registers do not keep their
 * values. */
enum sl_err qat_vf_open(struct qat_vf *vf, const struct qat_vf_cfg *cfg) MUST_CHECK;

/* Disables the rings in the device. Also after a failed open. */
void qat_vf_close(struct qat_vf *vf);

/* queue_done.status: the status bits of the response, the error code above them; and our own. */
#define QAT_STATUS_BITS   BITS(7, 4)
#define QAT_STATUS_CODE   BITS(15, 8) /* signed */
#define QAT_STATUS_LENGTH BIT(0)      /* more produced than there is room for */

/* A copy of the session's request, with the job's fields. */
FAST_INLINE void qat_vf_fill(uint64_t *m, const struct qat_session *s, const struct compute_job *j)
{
	uint64_t len = (uint64_t)j->len << 32;
	const uint64_t *t = s->request;
	m[0] = t[0];
	m[1] = t[1];
	m[2] = t[2];
	m[4] = j->src.v;
	m[5] = s->in_place ? j->src.v : j->dst.v;
	if (s->ring == QAT_SYM) {
		m[6] = len | j->len;
		m[7] = len & s->cipher_len;
		m[8] = j->iv[0];
		m[9] = j->iv[1];
		m[10] = t[10] | (len & s->auth_len);
		m[11] = j->aad.v;
		m[12] = j->digest.v;
	} else {
		m[6] = m[7] = (uint64_t)j->room << 32 | j->len;
		for (unsigned i = 8; i < 13; i++)
			m[i] = t[i];
	}
	m[13] = t[13];
	m[14] = t[14];
	m[15] = t[15];
}

/* Encrypts the tweak in a request. */
void qat_vf_tweak(uint64_t *m, const struct qat_session *s);

/* The per-job part of submit_jobs() and poll(), for a loop that counts every instruction: such a loop rings
 * and releases the ring itself, and looks after compute.q.stats. */
FAST_INLINE enum sl_err qat_vf_put(struct qat_vf *vf, const struct compute_job *j)
{
	if (UNLIKELY(j->session >= vf->sessions || j->tag >= vf->compute.q.depth))
		return SL_RANGE;
	if (UNLIKELY(vf->flight[j->tag]))
		return SL_BUSY;
	const struct qat_session *s = &vf->session[j->session];
	if (UNLIKELY(!j->len || j->len & s->odd))
		return SL_BADVAL;
	struct qat_ring *r = &vf->ring[s->ring];
	qat_vf_fill(qat_ring_slot(r), s, j);
	if (UNLIKELY(s->tweaks))
		qat_vf_tweak(qat_ring_slot(r), s);
	vf->room[j->tag] = j->room;
	qat_ring_push(r, j->tag);
	return SL_OK;
}

FAST_INLINE uint16_t qat_vf_status(uint64_t word)
{
	uint64_t bits = FGET(word, RSP_STATUS) & QAT_STATUS_BITS;
	if (LIKELY(!bits))
		return 0;
	uint64_t code = bits & STATUS_COMP   ? FGET(word, RSP_COMP_ERROR)
			: bits & STATUS_XLAT ? FGET(word, RSP_XLAT_ERROR)
					     : 0;
	return (uint16_t)(bits | FPUT(QAT_STATUS_CODE, code));
}

/* The next response of a ring, as of qat_ring_take(). */
FAST_INLINE enum qat_took qat_vf_take(struct qat_vf *vf, unsigned service, struct queue_done *done)
{
	uint64_t answer[4];
	enum qat_took took = qat_ring_take(&vf->ring[service], &done->tag, answer);
	if (UNLIKELY(took != QAT_TOOK))
		return took;
	done->status = qat_vf_status(answer[0]);
	if (service != QAT_DC)
		return QAT_TOOK;
	uint32_t tag = done->tag, made = done->status ? 0 : (uint32_t)FGET(answer[2], RSP_PRODUCED);
	if (UNLIKELY(made > vf->room[tag])) {
		made = 0;
		done->status = QAT_STATUS_LENGTH;
	}
	vf->made[tag] = made;
	return QAT_TOOK;
}
