/* Stage refuse of VFs that compute: each attempts to reach memory that is not its own, while the others work.
 * By the rules of apps/proof/attack.h: each access is first made where it is allowed, and seen to work
 * there. */
#include "apps/proof/guard.h"
#include "apps/proof/refuse.h"
#include "apps/proof/standin.h"
#include "apps/proof/strike_compute.h"
#include "apps/work/pattern.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/paging.h"

static const struct target {
	const char *name;
	enum compute_part part;
	enum { HOLE, OTHER_VF, KERNEL, READ_ONLY } what;
} targets[] = {
	{"source in an unmapped page", COMPUTE_SOURCE, HOLE},
	{"source in memory of another VF", COMPUTE_SOURCE, OTHER_VF},
	{"destination in an unmapped page", COMPUTE_DESTINATION, HOLE},
	{"destination in its read-only page", COMPUTE_DESTINATION, READ_ONLY},
	{"destination in memory of another VF", COMPUTE_DESTINATION, OTHER_VF},
	{"destination in kernel memory", COMPUTE_DESTINATION, KERNEL},
	{"digest in kernel memory", COMPUTE_DIGEST, KERNEL},
	{"request ring in an unmapped page", COMPUTE_REQUEST_RING, HOLE},
	{"response ring in an unmapped page", COMPUTE_RESPONSE_RING, HOLE},
};

static struct dma_buf target_page(const struct vf *vf)
{
	return dma_part(&vf->buffers, COMPUTE_TARGET, PAGE_SIZE);
}

static uint64_t address_of(const struct machine *m, const struct vf *vf, const struct vf *other,
			   const struct target *t)
{
	switch (t->what) {
	case OTHER_VF:
		return target_page(other).phys.v;
	case KERNEL:
		return paging_phys(standin_data()).v;
	case READ_ONLY:
		return vf->readonly.iova.v;
	default:
		return window_at(m, WINDOW_HOLE).v;
	}
}

static void guard(struct machine *m)
{
	guard_none();
	guard_add(standin_data(), PAGE_SIZE);
	for (unsigned i = 0; i < m->vfs; i++) {
		guard_add(m->vf[i].readonly.va, PAGE_SIZE);
		guard_add(target_page(&m->vf[i]).va, PAGE_SIZE);
		guard_add((uint8_t *)m->vf[i].buffers.va + COMPUTE_ALLOWED, ALLOWED_PAGES * PAGE_SIZE);
	}
	guard_tables(m);
}

static void say(struct machine *m, const struct vf *vf, const struct attack *a, const struct attack_result *r)
{
	char fault[64];
	refuse_count(m, vf, a, r);
	if (r->outcome == ATTACK_REFUSED)
		log_line("refuse", "VF %u, %s: refused; fault: %s; works again after FLR", vf->index, a->name,
			 refuse_fault(r, fault, sizeof fault));
	else if (r->outcome == ATTACK_NOT_TRIED)
		log_line("refuse", "VF %u, %s: %s", vf->index, a->name, attack_outcome_text(r->outcome));
}

/* SL_DEVICE: a VF was given up, and what comes after would prove nothing. */
static enum sl_err run_vf(struct machine *m, struct vf *vf)
{
	const struct vf *other = &m->vf[(vf->index + 1) % m->vfs];
	struct attacker by = {.fn = vf->fn,
			      .dom = &vf->dom,
			      .ops = &strike_compute,
			      .dev = vf,
			      .others = &bystanders_compute,
			      .allowed = dma_part(&vf->buffers, COMPUTE_ALLOWED, ALLOWED_PAGES * PAGE_SIZE)};
	fmt_print(by.name, sizeof by.name, "VF%u", vf->index);
	for (unsigned i = 0; i < ARRAY_LEN(targets); i++) {
		const struct target *t = &targets[i];
		bool write = t->part != COMPUTE_SOURCE && t->part != COMPUTE_REQUEST_RING;
		uint64_t to = address_of(m, vf, other, t);
		struct attack_result r;
		if (t->what == OTHER_VF && m->vfs == 1)
			continue;
		struct attack a = {.name = t->name,
				   .part = (uint8_t)t->part,
				   .write = write,
				   .own_control = t->part == COMPUTE_REQUEST_RING ||
						  t->part == COMPUTE_RESPONSE_RING,
				   .to = to,
				   .len = COMPUTE_LEN,
				   .fault_at = to,
				   .why = write ? WHY_NO_WRITE : WHY_NO_READ,
				   .secret = t->what == OTHER_VF ? target_page(other).va : NULL};
		attack_run(m, &by, &a, &r);
		say(m, vf, &a, &r);
		for (unsigned v = 0; v < m->vfs; v++)
			if (!m->vf[v].queue)
				return SL_DEVICE;
	}
	return SL_OK;
}

enum sl_err compute_refuse(struct machine *m)
{
	enum sl_err e = SL_OK;
	standin_fill();
	for (unsigned v = 0; v < m->vfs; v++) {
		pattern_fill(m->vf[v].readonly.va, PAGE_SIZE, pattern_seed(v, 2, 2));
		pattern_fill(target_page(&m->vf[v]).va, PAGE_SIZE, pattern_seed(v, 3, 3));
	}
	guard(m);
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = run_vf(m, &m->vf[v]);
	guard_free();
	return e ? e : refuse_sum(m, "; all other VFs worked meanwhile");
}
