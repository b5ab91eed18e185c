/* Stage refuse of VFs that send and receive: each attempts to reach memory that is not its own, with buffers
 * and rings of both directions, while the others exchange frames. By the rules of apps/proof/attack.h: each
 * access is first made where it is allowed, and seen to work there. */
#include "apps/proof/guard.h"
#include "apps/proof/refuse.h"
#include "apps/proof/standin.h"
#include "apps/proof/strike_packet.h"
#include "apps/vf/igb.h"
#include "apps/work/pattern.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/paging.h"

static const struct target {
	const char *name;
	enum packet_part part;
	enum { HOLE, OTHER_VF, KERNEL, OWN_RECEIVE, OWN_SEND } what;
} targets[] = {
	{"send buffer in an unmapped page", PACKET_SEND_BUFFER, HOLE},
	{"send buffer in memory of another VF", PACKET_SEND_BUFFER, OTHER_VF},
	{"send buffer in kernel memory", PACKET_SEND_BUFFER, KERNEL},
	{"send buffer where it may only receive", PACKET_SEND_BUFFER, OWN_RECEIVE},
	{"receive buffer in an unmapped page", PACKET_RECEIVE_BUFFER, HOLE},
	{"receive buffer in memory of another VF", PACKET_RECEIVE_BUFFER, OTHER_VF},
	{"receive buffer in kernel memory", PACKET_RECEIVE_BUFFER, KERNEL},
	{"receive buffer where it may only send", PACKET_RECEIVE_BUFFER, OWN_SEND},
	{"written-back head in kernel memory", PACKET_HEAD, KERNEL},
	{"send ring in an unmapped page", PACKET_SEND_RING, HOLE},
	{"receive ring in an unmapped page", PACKET_RECEIVE_RING, HOLE},
};

/* Behind the buffers of a half is a page of the same mapping that no frame uses. */
static struct dma_buf last_page(const struct dma_buf *half)
{
	return dma_part(half, PACKET_HALF - PAGE_SIZE, PAGE_SIZE);
}

static struct dma_buf target_page(const struct vf *vf)
{
	return last_page(&igb_own_of(vf)->mem.send);
}

static struct dma_buf receive_page(const struct vf *vf)
{
	return last_page(&igb_own_of(vf)->mem.receive);
}

static uint64_t address_of(const struct machine *m, const struct vf *vf, const struct vf *other,
			   const struct target *t)
{
	switch (t->what) {
	case OTHER_VF:
		return target_page(other).phys.v;
	case KERNEL:
		return paging_phys(standin_data()).v;
	case OWN_RECEIVE:
		return receive_page(vf).iova.v;
	case OWN_SEND:
		return target_page(vf).iova.v;
	default:
		return window_at(m, WINDOW_HOLE).v;
	}
}

/* What a forbidden read would bring. */
static void *secret_of(const struct vf *vf, const struct vf *other, const struct target *t)
{
	return t->what == OTHER_VF      ? target_page(other).va
	       : t->what == KERNEL      ? standin_data()
	       : t->what == OWN_RECEIVE ? receive_page(vf).va
					: NULL;
}

static void guard(struct machine *m, const struct attacker *by)
{
	guard_none();
	guard_add(standin_data(), PAGE_SIZE);
	guard_add(by->allowed.va, ALLOWED_PAGES * PAGE_SIZE);
	for (unsigned i = 0; i < m->vfs; i++) {
		guard_add(target_page(&m->vf[i]).va, PAGE_SIZE);
		guard_add(receive_page(&m->vf[i]).va, PAGE_SIZE);
	}
	guard_tables(m);
}

static void say(struct machine *m, const struct vf *vf, const struct attack *a, const struct attack_result *r)
{
	char fault[64];
	refuse_count(m, vf, a, r);
	if (r->outcome == ATTACK_NOT_TRIED)
		log_line("refuse", "VF %u, %s: %s", vf->index, a->name, attack_outcome_text(r->outcome));
	else if (r->outcome == ATTACK_REFUSED && !vf->index)
		log_line("refuse", "VF %u, %s: refused; fault: %s; works again after its reset", vf->index,
			 a->name, refuse_fault(r, fault, sizeof fault));
}

static void run_case(struct machine *m, struct attacker *by, const struct target *t)
{
	struct vf *vf = by->dev;
	const struct vf *other = packet_peer(m, packet_peer(m, vf));
	bool write = t->part == PACKET_RECEIVE_BUFFER || t->part == PACKET_HEAD;
	uint64_t to = address_of(m, vf, other, t);
	struct attack_result r;
	struct attack a = {.name = t->name,
			   .part = (uint8_t)t->part,
			   .write = write,
			   .own_control = t->part == PACKET_SEND_RING || t->part == PACKET_RECEIVE_RING,
			   .to = to,
			   .len = t->part == PACKET_HEAD ? 4 : PACKET_STRIKE_LEN,
			   .fault_at = to,
			   .why = write ? WHY_NO_WRITE : WHY_NO_READ,
			   .secret = write ? NULL : secret_of(vf, other, t)};
	if (other == vf && t->what == OTHER_VF)
		return;
	attack_run(m, by, &a, &r);
	say(m, vf, &a, &r);
}

static enum sl_err run_vf(struct machine *m, struct vf *vf)
{
	uint64_t cases = m->tally.cases, refused = m->tally.refused;
	struct attacker by = {.fn = vf->fn,
			      .dom = &vf->dom,
			      .ops = &strike_packet,
			      .dev = vf,
			      .others = &bystanders_packet};
	fmt_print(by.name, sizeof by.name, "VF%u", vf->index);
	enum sl_err e = dma_get(vf->dom, window_at(m, IGB_WINDOW_SPARE), ALLOWED_PAGES * PAGE_SIZE, DOMAIN_RW,
				&by.allowed);
	if (e)
		return e;
	guard(m, &by);
	for (unsigned i = 0; i < ARRAY_LEN(targets); i++)
		run_case(m, &by, &targets[i]);
	guard_none();
	log_line("refuse", "VF %u " BDF_FMT ": %llu of %llu forbidden accesses refused", vf->index,
		 BDF_ARG(vf->fn->bdf), (ull)(m->tally.refused - refused), (ull)(m->tally.cases - cases));
	return dma_put(&by.allowed);
}

enum sl_err packet_refuse(struct machine *m)
{
	enum sl_err e = SL_OK;
	standin_fill();
	for (unsigned v = 0; v < m->vfs; v++) {
		pattern_fill(receive_page(&m->vf[v]).va, PAGE_SIZE, pattern_seed(v, 2, 2));
		pattern_fill(target_page(&m->vf[v]).va, PAGE_SIZE, pattern_seed(v, 3, 3));
	}
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = run_vf(m, &m->vf[v]);
	guard_free();
	return e ? e : refuse_sum(m, "; the other VFs exchanged frames meanwhile");
}
