/* VFs of a QAT card: their state beside struct vf. */
#pragma once
#include "apps/machine.h"
#include "drivers/qat/mailbox.h"
#include "drivers/qat/vf.h"

extern const struct vf_kind qat_kind;

struct qat_own {
	struct qat_vf vf;
	struct qat_pair
		pair[QAT_SERVICES]; /* gen4: which bank has which service; none there: not yet known */
};

static inline struct qat_own *qat_own_of(const struct vf *vf)
{
	return vf->own;
}

static inline struct qat_vf *qat_of(const struct vf *vf)
{
	return &qat_own_of(vf)->vf;
}

/* apps/vf/qat_pf.c: The PF's firmware, and all that the PF can reach then. */
enum sl_err qat_firmware_start(struct machine *m) MUST_CHECK;
void qat_firmware_stop(struct machine *m);
const struct dma_buf *qat_pf_memory(const struct machine *m);
/* Gen4, with firmware that qat_firmware_start() has loaded: which bank has which service follows from what
 * was loaded. False when Sluice did not load it. */
bool qat_firmware_pairs(struct qat_pair pair[QAT_SERVICES]);
