/* Attacks by functions that have no domain (any more): not even a context entry. Bus mastering stays on
 * meanwhile, so that it is the IOMMU that refuses.
 *
 * An NVMe controller stops at its first refused queue access, so here it is closed, told that its queues are
 * at the address in question, and rung: it would fetch a command from there and put a completion into the
 * page after it. edu writes. Each is seen to reach the place first, so that its translation is cached. */
#include "apps/proof/attackers.h"
#include "apps/vf/domain.h"
#include "apps/vf/msix.h"
#include "apps/vf/nvme.h"
#include "apps/work/pattern.h"
#include "drivers/nvme/reset.h"
#include "kernel/fmt.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define PLACE      (2 * PAGE_SIZE)
#define LANDING_US 200000u

static struct domain *none; /* of a function that is attached nowhere */

/* VFs whose controller was seen to fetch from an address of ours, in this pass. */
static bool fetched[VFS_MAX];

enum step { STEP_DONE, STEP_NO_EFFECT, STEP_BROKEN };

static bool landed(const struct dma_buf *b)
{
	uint64_t end = now_us() + LANDING_US;
	for (;;) {
		bool late = now_us() > end;
		if (!pattern_is_zero(b->va, b->len))
			return true;
		if (late)
			return false;
	}
}

/* An access that is allowed: it reaches the place, and its translation is cached. Whoever calls wipes the
 * place, when nothing reaches it any more: the same data again would pass for no change. */
static bool reach(struct machine *m, struct party *p, const struct attack *a, const struct dma_buf *b)
{
	char said[48];
	return attack_strike(m, &p->by, a, said, sizeof said) == SL_OK && landed(b);
}

/* Through its own domain, which goes on without it. */
static enum step after_detach(struct machine *m, struct parties *all, struct party *p, struct domain *own,
			      struct attack a)
{
	struct dma_buf b;
	a.name = "after detach";
	if (dma_get(own, IOVA(a.to), PLACE, DOMAIN_RW, &b))
		return STEP_BROKEN;
	bool seen = attack_ready(m, &p->by, &a) == SL_OK && reach(m, p, &a, &b);
	bool off = domain_detach(own, p->by.fn) == SL_OK;
	if (seen && off) {
		memset(b.va, 0, b.len);
		guard_add(b.va, b.len);
		party_try(m, p, a, true);
		parties_guard(m, all);
	} else if (off) {
		party_no_effect(m, p, &a);
	}
	return dma_put(&b) || !off ? STEP_BROKEN : seen ? STEP_DONE : STEP_NO_EFFECT;
}

/* Through a domain that is made for this and destroyed. */
static enum step after_destroy(struct machine *m, struct parties *all, struct party *p, struct attack a)
{
	struct domain *brief;
	struct dma_buf b;
	a.name = "its domain is gone";
	if (make_domain(m, "brief", p->by.fn, &brief) || dma_get(brief, IOVA(a.to), PLACE, DOMAIN_RW, &b) ||
	    domain_attach(brief, p->by.fn))
		return STEP_BROKEN;
	bool seen = reach(m, p, &a, &b);
	if (domain_detach(brief, p->by.fn) || domain_unmap(brief, b.iova, b.len) || domain_destroy(brief))
		return STEP_BROKEN;
	memset(b.va, 0, b.len);
	guard_add(b.va, b.len);
	if (seen)
		party_try(m, p, a, true);
	else
		party_no_effect(m, p, &a);
	parties_guard(m, all);
	pmm_free(b.phys, b.len / PAGE_SIZE);
	return seen ? STEP_DONE : STEP_NO_EFFECT;
}

/* Both, by a function that is attached to own: it is in no domain afterwards, and does no DMA. */
static void without_domain(struct machine *m, struct parties *all, const struct party *who,
			   struct domain *own, const struct nvme_io *io, struct pci_func *fn)
{
	struct party p = *who;
	struct attack a = {.write = who->by.edu != NULL,
			   .seen = true,
			   .to = window_at(m, PAGE_PASSING).v,
			   .len = CHUNK,
			   .why = WHY_NO_DOMAIN};
	enum step gone = STEP_BROKEN;
	p.by.dom = &none;
	p.by.vf = NULL;
	p.by.pf = NULL;
	p.by.fetch = io;
	parties_guard(m, all);
	enum step off = after_detach(m, all, &p, own, a);
	if (off == STEP_BROKEN)
		party_broken(m, who, "after detach");
	else
		gone = after_destroy(m, all, &p, a);
	if (gone == STEP_BROKEN)
		party_broken(m, who, "its domain is gone");
	if (who->by.vf)
		fetched[who->by.vf->index] = off == STEP_DONE && gone == STEP_DONE;
	pci_bus_master(fn, false);
}

static enum sl_err back(struct pci_func *fn, struct domain *own)
{
	enum sl_err e = domain_attach(own, fn->bdf);
	if (!e)
		pci_bus_master(fn, true);
	return e;
}

static enum sl_err vf_gone(struct machine *m, struct parties *all, struct party *p)
{
	struct vf *vf = p->by.vf;
	struct nvme_io io = vf->nvme.ctrl->io;
	bool irqs;
	enum sl_err e = wait_check(m, &irqs);
	if (e)
		return e;
	struct nvme_vf_cfg cfg = {.io = io,
				  .fn = vf->fn->bdf,
				  .mem = &vf->queues,
				  .irq = irqs && vf->msix.vectors,
				  .shadow = m->cfg->doorbell == DOORBELL_SHADOW,
				  .queues = m->cfg->queues,
				  .depth = vf->accel->depth,
				  .share = vf->index,
				  .shares = m->vfs};
	e = nvme_vf_close(&vf->nvme);
	vf->accel = NULL;
	if (e)
		return e;
	without_domain(m, all, p, vf->dom, &io, vf->fn);
	bool reset = false;
	e = back(vf->fn, vf->dom);
	if (!e)
		e = nvme_fatal_reset(&m->pci, vf->fn, &io, &reset);
	if (!e && reset && vf->msix.vectors) { /* a function level reset switched them off */
		vf_msix_close(vf);
		e = vf_msix_open(vf);
	}
	if (!e)
		e = nvme_vf_open(&vf->nvme, &cfg);
	if (!e)
		vf->accel = &vf->nvme.accel;
	return e;
}

enum sl_err gone_run(struct machine *m, struct parties *all, struct party *p)
{
	if (!*p->by.dom || p->by.pf)
		return SL_OK;
	if (p->by.vf)
		return vf_gone(m, all, p);
	struct domain *own = all->edu_dom;
	without_domain(m, all, p, own, NULL, all->edu_fn);
	return back(all->edu_fn, own);
}

/* Its VFs are off, or it has none. */
static enum sl_err pf_gone(struct machine *m, struct parties *all)
{
	struct party p = {.by = {.name = "PF", .fn = m->pf->bdf}};
	struct nvme_io io = m->nvme.ctrl.io;
	enum sl_err e = nvme_pf_close(&m->nvme);
	m->pf_open = false;
	if (e)
		return e;
	without_domain(m, all, &p, m->pf_dom, &io, m->pf);
	e = domain_attach(m->pf_dom, m->pf->bdf); /* as undo_pf() expects it; bus mastering stays off */
	undo_pf(m);
	return e ? e : stage_pf(m);
}

/* It has its old requester id, queues and bus mastering, but nobody has attached it. */
static enum sl_err vf_again(struct machine *m, struct parties *all, struct vf *vf)
{
	struct party p = {.by = {.fn = vf->fn->bdf, .dom = &none}};
	volatile void *regs;
	fmt_print(p.by.name, sizeof p.by.name, "VF%u", vf->index);
	enum sl_err e = vf_give_queues(m, vf);
	if (!e)
		e = function_connect(vf->fn, NULL, &regs);
	if (e)
		return e;
	struct nvme_io io = nvme_io_mmio(vf->fn, regs);
	p.by.fetch = &io;
	struct attack a = {.name = "VF off and on again",
			   .seen = true,
			   .to = window_at(m, WINDOW_QUEUES).v,
			   .len = CHUNK,
			   .why = WHY_NO_DOMAIN};
	parties_guard(m, all);
	if (fetched[vf->index]) /* while it had a domain: its control */
		party_try(m, &p, a, true);
	else
		party_no_effect(m, &p, &a);
	function_disconnect(vf->fn, NULL);
	return SL_OK;
}

enum sl_err gone_functions(struct machine *m, phys_t decoy)
{
	static struct parties nobody; /* whose pages are guarded: only the kernel's are left */
	undo_domains(m);
	undo_sriov(m);
	nobody.decoy = decoy;
	enum sl_err e = m->pf ? pf_gone(m, &nobody) : SL_OK;
	if (!e)
		e = stage_sriov(m);
	for (unsigned i = 0; i < m->vfs && !e; i++)
		e = vf_again(m, &nobody, &m->vf[i]);
	return e;
}
