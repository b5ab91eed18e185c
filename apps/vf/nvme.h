/* VFs of an NVMe controller: their state beside struct vf. */
#pragma once
#include "apps/machine.h"
#include "drivers/nvme/pf.h"
#include "drivers/nvme/vf.h"

extern const struct vf_kind nvme_kind;

struct nvme_own {
	struct nvme_vf vf;
	bool online;
	uint16_t cntlid;
	uint32_t private_ns; /* namespace that was attached for it; 0: none */
};

static inline struct nvme_own *nvme_own_of(const struct vf *vf)
{
	return vf->own;
}

/* Its queue pair. */
static inline struct nvme_vf *nvme_of(const struct vf *vf)
{
	return &nvme_own_of(vf)->vf;
}

static inline struct nvme_pf *nvme_pf_of(const struct machine *m)
{
	return m->pf_own;
}

/* A line for each NVMe controller: model, serial number, firmware. Each is started, gets Identify commands
 * alone, and is stopped again. Returns how many there are. No VFs are enabled. */
unsigned nvme_list(struct machine *m);

/* apps/vf/namespaces.c: A private namespace that no controller has yet and that stage verify can work on; 0
 * when there is none left. */
uint32_t find_private_ns(struct machine *m);
/* vf->data, vf->pi: a namespace of its own where it has one, else its range of a shared one; and one with
 * protection information. SL_NOTFOUND. */
enum sl_err choose_stores(struct vf *vf) MUST_CHECK;
/* Queue resources from the PF, and online. */
enum sl_err vf_give_queues(struct machine *m, struct vf *vf) MUST_CHECK;
