/* Parts of the proof that a test links with apps/proof/strike_*.c and that nothing in it may call. */
#pragma once
#include "apps/proof/attackers.h"
#include "apps/vf/batch.h"
#include "apps/vf/msix.h"
#include "apps/vf/wait.h"
#include "drivers/nvme/reset.h"
#include "drivers/nvme/vf.h"
#include "tests/unit/never.h"

/* Where nothing strikes. */
#define NEVER_STRIKES                                                                                        \
	NEVER(batch_start(struct vf *v))                                                                     \
	NEVER(batch_finish_some(struct machine *machine, unsigned first, unsigned n))                        \
	NEVER(nvme_admin_try(struct nvme_ctrl *c, struct nvme_sqe cmd, uint32_t *dw0))                       \
	NEVER(nvme_identify(struct nvme_ctrl *c, enum nvme_cns cns, uint32_t nsid, uint16_t id,              \
			    const volatile void **page))                                                     \
	NEVER(nvme_ctrl_health(const struct nvme_ctrl *c))                                                   \
	NEVER(nvme_ctrl_stop(const struct nvme_io *io, bdf_t f))                                             \
	NEVER(nvme_ctrl_wait_ready(const struct nvme_io *io, bdf_t f))

/* Where no attacker is released from its domain. */
#define NEVER_RELEASES                                                                                       \
	NEVER(nvme_fatal_reset(const struct pci *pci, struct pci_func *f, const struct nvme_io *i,           \
			       bool *done))                                                                  \
	NEVER(nvme_vf_close(struct nvme_vf *v))                                                              \
	NEVER(nvme_vf_open(struct nvme_vf *v, const struct nvme_vf_cfg *cfg))                                \
	NEVER(wait_check(const struct machine *machine, bool *irqs))                                         \
	NEVER(vf_msix_open(struct vf *v))                                                                    \
	NEVER_VOID(vf_msix_close(struct vf *v))
