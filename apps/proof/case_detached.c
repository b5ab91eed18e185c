/* Attacks by functions that have no domain (any more): not even a context entry. Bus mastering stays on
 * meanwhile, so that only the IOMMU refuses.
 *
 * An NVMe controller stops at its first refused queue access, so here it is closed, its queue addresses are
 * set to the address in question, and its doorbell is rung: it would fetch a command from there and put a
 * completion into the page after it. edu writes. Each is seen to reach the place first, so that its
 * translation is cached. */
#include "apps/proof/bystanders.h"
#include "apps/vf/nvme.h"
#include "apps/vf/stages.h"
#include "apps/proof/case.h"
#include "apps/proof/place.h"
#include "apps/proof/strike_packet.h"
#include "apps/vf/domain.h"
#include "apps/work/pattern.h"
#include "kernel/fmt.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define PLACE      (2 * PAGE_SIZE)
#define LANDING_US 200000u

static struct domain *no_domain; /* of a function that is not attached */

static bool landed(const struct place_seen *p)
{
	struct deadline d = deadline_in(LANDING_US);
	while (deadline_look(&d))
		if (place_changed(p))
			return true;
	return false;
}

/* An access that is allowed: it reaches the place, and its translation is cached. The caller wipes the place
 * once nothing reaches it any more: the same data again would pass for no change. */
static bool reach(const struct trial *t, const struct attack *a, const struct dma_buf *b)
{
	char said[48];
	/* What it is to fetch lies in the first page, where there is such a thing; then it writes to the
	 * second. */
	uint64_t from = !a->write && t->by->ops->bait ? PAGE_SIZE : 0;
	struct attack allowed = *a;
	allowed.place = b->va;
	attack_bait(t->by, a, b->va);
	struct place_seen p = place_look((const uint8_t *)b->va + from, b->len - from);
	return attack_strike(t->m, t->by, &allowed, said, sizeof said) == SL_OK && landed(&p);
}

/* The attack itself, on a place that nothing is to reach now. */
static void try_place(const struct trial *t, const struct attack *a, const struct dma_buf *b, bool seen)
{
	memset(b->va, 0, b->len);
	attack_bait(t->by, a, b->va);
	guard_add(b->va, b->len);
	if (seen)
		trial_run(t, a, true);
	else
		trial_no_effect(t, a);
	attackers_guard(t->m, t->all);
}

static struct attack detached_attack(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	a.seen = true;
	a.to = attacker_at(t->m, t->by, PAGE_PASSING).v;
	a.len = CHUNK;
	a.why = WHY_NO_DOMAIN;
	a.write = c->does != CASE_READS;
	if (a.write && !attack_possible(t->by, &a))
		a.write = false;
	return a;
}

/* Through its own domain, which continues without it. */
static enum step after_detach(const struct trial *t, const struct attack_case *c)
{
	struct attack a = detached_attack(t, c);
	struct dma_buf b;
	if (dma_get(t->from, IOVA(a.to), PLACE, DOMAIN_RW, &b))
		return STEP_BROKEN;
	bool seen = attack_ready(t->m, t->by, &a) == SL_OK && reach(t, &a, &b);
	bool off = domain_detach(t->from, t->by->fn->bdf) == SL_OK;
	if (off)
		try_place(t, &a, &b, seen);
	return dma_put(&b) || !off ? STEP_BROKEN : seen ? STEP_DONE : STEP_NO_EFFECT;
}

/* Through a domain that is made for this and destroyed. */
static enum step after_destroy(const struct trial *t, const struct attack_case *c)
{
	struct attack a = detached_attack(t, c);
	const struct dma_buf *along = t->by->along;
	bdf_t fn = t->by->fn->bdf;
	struct domain *brief;
	struct dma_buf b;
	if (make_domain(t->m, "brief", fn, &brief) || dma_get(brief, IOVA(a.to), PLACE, DOMAIN_RW, &b) ||
	    (along && domain_map(brief, along->iova, along->phys, along->len, DOMAIN_RW)) ||
	    domain_attach(brief, fn))
		return STEP_BROKEN;
	bool seen = reach(t, &a, &b);
	if (domain_detach(brief, fn) || (along && domain_unmap(brief, along->iova, along->len)) ||
	    domain_unmap(brief, b.iova, b.len) || domain_destroy(brief))
		return STEP_BROKEN;
	try_place(t, &a, &b, seen);
	pmm_free(b.phys, b.len / PAGE_SIZE);
	return seen ? STEP_DONE : STEP_NO_EFFECT;
}

/* It has its old requester id, queues and bus mastering, but it is not attached. Its control is what it
 * fetched in this pass while it had a domain. */
static enum step on_again(const struct trial *t, const struct attack_case *c)
{
	struct attack a = detached_attack(t, c);
	bool fetched = false;
	a.to = window_at(t->m, WINDOW_QUEUES).v;
	for (unsigned i = 0; i < t->m->vfs; i++)
		fetched |= t->m->vf[i].fn == t->by->fn && t->all->fetched[i];
	attackers_guard(t->m, t->all);
	if (fetched)
		trial_run(t, &a, true);
	else
		trial_no_effect(t, &a);
	return fetched ? STEP_DONE : STEP_NO_EFFECT;
}

#define DETACHED_CASE CASE_ROW
const struct attack_case cases_detached[] = {
#include "apps/proof/cases.def"
	{0},
};

/* The cases of a function attached to own: afterwards it is in no domain and does no DMA. After one that is
 * broken none is made, and they count as broken, too. */
static void without_domain(const struct trial *t, struct domain *own, struct attacker *bare)
{
	struct trial alone = {.m = t->m, .all = t->all, .by = bare, .from = own};
	enum step step = STEP_DONE;
	bool all_done = true;
	bare->dom = &no_domain;
	attackers_guard(t->m, t->all);
	for (const struct attack_case *c = cases_detached; c->name; c++) {
		if (c->when != WHEN_DETACHED)
			continue;
		if (step != STEP_BROKEN)
			step = c->make(&alone, c);
		if (step == STEP_BROKEN)
			trial_broken(&alone, c->name);
		all_done &= step == STEP_DONE;
	}
	for (unsigned i = 0; i < t->m->vfs; i++)
		if (t->m->vf[i].fn == bare->fn)
			t->all->fetched[i] = all_done;
	pci_bus_master(bare->fn, false);
}

enum sl_err case_detached_run(const struct trial *t)
{
	struct attacker *by = t->by, bare;
	struct domain *own = *by->dom;
	if (!own || !by->ops->release)
		return SL_OK;
	enum sl_err e = by->ops->release(t->m, by, &bare);
	if (e)
		return e;
	without_domain(t, own, &bare);
	e = domain_attach(own, by->fn->bdf);
	if (e)
		return e;
	pci_bus_master(by->fn, true);
	return by->ops->restore(t->m, by);
}

/* Its VFs are off, or it has none. */
static enum sl_err pf_without_domain(const struct trial *t)
{
	struct machine *m = t->m;
	struct nvme_io io = nvme_pf_of(m)->ctrl.io;
	struct attacker bare = {.name = "PF",
				.fn = m->pf,
				.ops = &strike_nvme_fetch,
				.dev = &io,
				.others = &bystanders_block};
	enum sl_err e = nvme_pf_close(nvme_pf_of(m));
	m->pf_open = false;
	if (e)
		return e;
	without_domain(t, m->pf_dom, &bare);
	e = domain_attach(m->pf_dom, m->pf->bdf); /* as undo_pf() expects it; bus mastering stays off */
	undo_pf(m);
	return e ? e : stage_pf(m);
}

static enum sl_err vf_again(const struct trial *t, struct vf *vf)
{
	struct nvme_io io;
	bool stores = t->m->kind->service == VF_STORES;
	struct attacker by = {.fn = vf->fn,
			      .dom = &no_domain,
			      .ops = stores ? &strike_nvme_fetch : &strike_packet_fetch,
			      .dev = stores ? (void *)&io : vf,
			      .others = stores ? &bystanders_block : NULL};
	struct trial alone = {.m = t->m, .all = t->all, .by = &by};
	fmt_print(by.name, sizeof by.name, "VF%u", vf->index);
	enum sl_err e = stores ? vf_give_queues(t->m, vf) : SL_OK;
	if (!e)
		e = function_connect(vf->fn, NULL, &vf->regs);
	if (e)
		return e;
	if (stores)
		io = nvme_io_mmio(vf->fn, vf->regs);
	cases_run(&alone, cases_detached, WHEN_ON_AGAIN);
	function_disconnect(vf->fn, NULL);
	vf->provoked = false;
	return SL_OK;
}

enum sl_err case_functions_run(struct machine *m, struct attackers *all)
{
	struct trial t = {.m = m, .all = all};
	undo_domains(m);
	undo_sriov(m);
	enum sl_err e = m->pf_dom ? pf_without_domain(&t) : SL_OK; /* one without does no DMA */
	if (!e)
		e = stage_sriov(m);
	for (unsigned i = 0; i < m->vfs && !e; i++)
		e = vf_again(&t, &m->vf[i]);
	return e;
}
