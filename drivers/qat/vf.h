/* A QAT VF as an accelerator (drivers/accel.h): its ring pairs for crypto and for compression, in the VF's
 * own domain. Never run on silicon: gen.h.
 *
 * Order: qat_vf_open() on a VF that is attached to its domain, with memory space and bus mastering on;
 * sessions; the accel is worked; qat_vf_close(); then bus mastering off and detach. Buffers of jobs are the
 * caller's: device addresses are passed on as they are, and it is the IOMMU that keeps them inside the
 * domain.
 */
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
	struct accel accel; /* first: what the driver's functions get */
	struct qat_ring ring[QAT_SERVICES];
	struct qat_session session[QAT_SESSIONS];
	unsigned sessions;
	uint64_t flight[QAT_DEPTH_MAX + 1];                        /* of both rings */
	uint32_t room[QAT_DEPTH_MAX + 1], made[QAT_DEPTH_MAX + 1]; /* by tag: deflate and inflate */
	const struct qat_gen *gen;
	struct dma_buf mem;
};

/* Puts the ring pairs in place; accel.services says what they do. *vf is zero before the first time; sessions
 * and what was in flight are gone each time, and an answer to that is none to anything new. SL_RANGE for
 * depth or for a pair that is not there, SL_NOSPACE when registers or memory are too short, SL_NOTFOUND when
 * no pair has a service that is of use, SL_BADVAL for an alignment, SL_DEVICE when the registers do not keep
 * what is written. */
enum sl_err qat_vf_open(struct qat_vf *vf, const struct qat_vf_cfg *cfg) MUST_CHECK;

/* Takes the rings away from the device. Also after a failed open. */
void qat_vf_close(struct qat_vf *vf);

/* accel_done.status: the status bits of the response, the error code above them; and our own. */
#define QAT_STATUS_BITS   BITS(7, 4)
#define QAT_STATUS_CODE   BITS(15, 8) /* signed */
#define QAT_STATUS_LENGTH BIT(0)      /* more produced than there is room for */
