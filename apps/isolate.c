/* Stage isolate: the proof as a program of its own. Everyone who can do DMA tries everything that must not
 * work; one line a case, passes= times over. What the platform can not refuse is counted apart and explained.
 */
#include "apps/attack.h"
#include "apps/pattern.h"
#include "drivers/edu/edu.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/x86/paging.h"

/* Fault reasons in legacy mode: VT-d §7.1.3 */
#define REASON_CONTEXT 2
#define REASON_WIDTH   4
#define REASON_WRITE   5
#define REASON_READ    6

#define MSI_WINDOW   0xfee00000ull
#define MSI_HARMLESS 0x40u /* fixed delivery, a vector that nobody uses; interrupts are off */

/* Pages of each attacker, in its own domain; between any two nothing is mapped. */
#define PAGE_TARGET    WINDOW_HOLE
#define PAGE_READONLY  (WINDOW_HOLE + 2 * PAGE_SIZE)
#define PAGE_WRITEONLY (WINDOW_HOLE + 4 * PAGE_SIZE)
#define PAGE_PASSING   (WINDOW_HOLE + 6 * PAGE_SIZE) /* comes and goes */
#define PAGE_EMPTY     (WINDOW_HOLE + 8 * PAGE_SIZE)

#define ATTACKERS_MAX (VFS_MAX + 2)

struct party {
	struct attacker by;
	struct dma_buf target, readonly, writeonly;
	const void *table; /* top of its second-level tables */
};

static struct {
	struct party party[ATTACKERS_MAX];
	unsigned parties;
	struct edu edu;
	struct pci_func *edu_fn;
	struct domain *edu_dom;
	struct dma_buf edu_page;
	phys_t decoy;
} iso;

static void guard_all(void)
{
	attack_guard_none();
	attack_guard(attack_kernel_data(), PAGE_SIZE);
	attack_guard(attack_kernel_text(), PAGE_SIZE);
	attack_guard(phys_va(iso.decoy), PAGE_SIZE);
	for (unsigned i = 0; i < iso.parties; i++) {
		const struct party *p = &iso.party[i];
		attack_guard(p->target.va, PAGE_SIZE);
		attack_guard(p->readonly.va, PAGE_SIZE);
		if (p->table)
			attack_guard(p->table, PAGE_SIZE);
	}
}

static void print_result(const struct attacker *by, const struct attack *a, const char *verdict,
			 const struct attack_result *r)
{
	char fault[72] = "no fault";
	if (r->recorded)
		fmt_print(fault, sizeof fault, "fault " BDF_FMT " %s 0x%llx reason %u", BDF_ARG(r->fault.bdf),
			  r->fault.write ? "write" : "read", (ull)r->fault.iova.v, r->fault.reason);
	log_text("  %-5s %-5s %-28s %-12s %s; it says %s\n", by->name, a->write ? "write" : "read", a->name,
		 verdict, fault, r->said);
}

/* Runs one case and counts it. enforceable: the platform is able to refuse it; when it is known not to be and
 * does not, that is said and counted apart. */
static void try(struct machine *m, struct party *p, struct attack a, bool enforceable)
{
	struct attack_result r;
	if (!a.fault_at)
		a.fault_at = a.to;
	if (!a.reason)
		a.reason = a.write ? REASON_WRITE : REASON_READ;
	if (!attack_possible(&p->by, &a))
		return;
	attack_run(m, &p->by, &a, &r);
	if (r.outcome == ATTACK_SILENT && !enforceable && m->boot->cfg.iommu) {
		m->not_enforced++;
		print_result(&p->by, &a, "not enforced", &r);
		return;
	}
	m->cases++;
	m->refused += r.outcome == ATTACK_REFUSED;
	print_result(&p->by, &a, r.outcome == ATTACK_REFUSED ? "refused" : "NOT REFUSED", &r);
	if (r.outcome != ATTACK_REFUSED)
		log_text("        ^ %s\n", attack_outcome_text(r.outcome));
}

/* A case that could not be set up proves nothing: it counts as one that was not refused. */
static void not_tried(struct machine *m, const struct party *p, const char *what)
{
	m->cases++;
	log_fail("isolate", "run again; if it stays, this attacker's other cases mean little",
		 "%s: %s could not be tried", p->by.name, what);
}

static void try_own(struct machine *m, struct party *p)
{
	uint64_t empty = window_at(m, PAGE_EMPTY).v, target = p->target.iova.v;
	try(m, p, (struct attack){.name = "unmapped page", .write = true, .to = empty, .len = CHUNK}, true);
	try(m, p, (struct attack){.name = "unmapped page", .to = empty, .len = CHUNK}, true);
	try(m, p,
	    (struct attack){
		    .name = "page it may only read", .write = true, .to = p->readonly.iova.v, .len = CHUNK},
	    true);
	try(m, p,
	    (struct attack){.name = "page it may only write",
			    .to = p->writeonly.iova.v,
			    .len = CHUNK,
			    .secret = p->writeonly.va},
	    true);
	if (p->by.dom && *p->by.dom) { /* without a domain, its neighbours in memory are anybody's */
		try(m, p,
		    (struct attack){.name = "page before its mapping",
				    .write = true,
				    .to = target - PAGE_SIZE,
				    .len = CHUNK},
		    true);
		try(m, p,
		    (struct attack){.name = "page after its mapping",
				    .write = true,
				    .to = target + PAGE_SIZE,
				    .len = CHUNK},
		    true);
		try(m, p,
		    (struct attack){
			    .name = "last 4 bytes before it", .write = true, .to = target - 4, .len = 4},
		    true);
		try(m, p,
		    (struct attack){.name = "first 4 bytes after it",
				    .write = true,
				    .to = target + PAGE_SIZE,
				    .len = 4},
		    true);
	}
}

static void try_others(struct machine *m, struct party *p)
{
	for (unsigned i = 0; i < iso.parties; i++) {
		const struct party *victim = &iso.party[i];
		char name[32];
		if (victim == p)
			continue;
		fmt_print(name, sizeof name, "memory of %s", victim->by.name);
		try(m, p,
		    (struct attack){.name = name, .write = true, .to = victim->target.phys.v, .len = CHUNK},
		    true);
		try(m, p,
		    (struct attack){.name = name,
				    .to = victim->target.phys.v,
				    .len = CHUNK,
				    .secret = victim->target.va},
		    true);
	}
}

static void try_kernel(struct machine *m, struct party *p)
{
	try(m, p,
	    (struct attack){.name = "kernel data",
			    .write = true,
			    .to = paging_phys(attack_kernel_data()).v,
			    .len = CHUNK},
	    true);
	try(m, p,
	    (struct attack){.name = "kernel text",
			    .write = true,
			    .to = paging_phys(attack_kernel_text()).v,
			    .len = CHUNK},
	    true);
	try(m, p,
	    (struct attack){.name = "kernel page table", .write = true, .to = iso.decoy.v, .len = CHUNK},
	    true);
	if (p->table)
		try(m, p,
		    (struct attack){.name = "its own VT-d table",
				    .write = true,
				    .to = va_phys(p->table).v,
				    .len = CHUNK},
		    true);
}

static void try_width(struct machine *m, struct party *p)
{
	struct iommu *mmu = &m->iommu;
	if (*p->by.dom)
		try(m, p,
		    (struct attack){.name = "beyond the address width",
				    .write = true,
				    .to = BIT(mmu->width),
				    .len = CHUNK,
				    .reason = REASON_WIDTH},
		    true);
}

/* A write that ends in the first unmapped page behind a mapping, and writes to a buffer after it was
 * unmapped: with the translation in the unit's cache before. */
static void try_passing(struct machine *m, struct party *p)
{
	struct dma_buf b;
	char said[48];
	if (!*p->by.dom)
		return;
	if (dma_get(*p->by.dom, window_at(m, PAGE_PASSING), PAGE_SIZE, DOMAIN_RW, &b)) {
		not_tried(m, p, "buffer after unmap");
		return;
	}
	try(m, p,
	    (struct attack){.name = "runs out of its mapping",
			    .write = true,
			    .to = p->by.edu ? b.iova.v + PAGE_SIZE - EDU_BUFFER / 2 : b.iova.v,
			    .len = p->by.edu ? CHUNK : 2 * CHUNK,
			    .fault_at = b.iova.v + PAGE_SIZE},
	    true);
	struct attack a = {.name = "buffer after unmap", .write = true, .to = b.iova.v, .len = CHUNK};
	memset(b.va, 0, PAGE_SIZE);
	enum sl_err e = attack_strike(m, &p->by, &a, said, sizeof said);
	bool landed = !e && !pattern_is_zero(b.va, PAGE_SIZE);
	e = domain_unmap(*p->by.dom, b.iova, b.len);
	memset(b.va, 0, PAGE_SIZE); /* or the same data again would pass for no change */
	attack_guard(b.va, PAGE_SIZE);
	if (landed && !e)
		try(m, p, a, true);
	else
		not_tried(m, p, a.name);
	guard_all();
	if (!e)
		pmm_free(b.phys, b.len / PAGE_SIZE);
}

static void try_platform(struct machine *m, struct party *p)
{
	if (!p->by.edu) /* only with edu is it ours to choose what would be sent as an interrupt */
		return;
	*(uint32_t *)(void *)p->by.edu_va = MSI_HARMLESS;
	if (edu_dma(p->by.edu, p->by.edu_page, 4, false)) {
		not_tried(m, p, "interrupt window");
		return;
	}
	try(m, p, (struct attack){.name = "interrupt window", .write = true, .to = MSI_WINDOW, .len = 4},
	    false);
}

/* Another function's registers, by their address on the bus. */
static void try_bar(struct machine *m, struct party *p)
{
	PCI_EACH(f, &m->pci)
		for (unsigned i = 0; i < PCI_BARS; i++) {
			const struct pci_bar *bar = &f->bar[i];
			if (f->pf || f == m->pf || f == iso.edu_fn || bar->io || !bar->addr ||
			    bar->size < CHUNK)
				continue;
			char name[32];
			fmt_print(name, sizeof name, "registers of %02x:%02x.%x", bdf_bus(f->bdf),
				  bdf_dev(f->bdf), bdf_fn(f->bdf));
			if (*p->by.dom)
				try(m, p,
				    (struct attack){
					    .name = name, .write = true, .to = bar->addr, .len = CHUNK},
				    true);
			return;
		}
}

/* Out of the domain, and after the domain is gone: not even a context entry. Bus mastering stays on, so that
 * it is the IOMMU that refuses. Only for edu: an NVMe controller stops at its first refused queue fetch. */
static void try_detached(struct machine *m, struct party *p)
{
	struct attack a = {.name = "after detach",
			   .write = true,
			   .to = p->target.iova.v,
			   .len = CHUNK,
			   .reason = REASON_CONTEXT};
	struct domain *own = iso.edu_dom, *brief;
	struct dma_buf b;
	char said[48];
	bool brief_gone = false;
	if (!p->by.edu || !own)
		return;
	if (domain_detach(own, p->by.fn)) {
		not_tried(m, p, a.name);
		return;
	}
	iso.edu_dom = NULL; /* nothing of it is flushed for these attacks */
	try(m, p, a, true);
	if (!make_domain(m, "brief", &brief) && !dma_get(brief, p->target.iova, PAGE_SIZE, DOMAIN_RW, &b) &&
	    !domain_attach(brief, p->by.fn)) {
		enum sl_err e = attack_strike(m, &p->by, &a, said, sizeof said);
		memset(b.va, 0, PAGE_SIZE); /* or the same data again would pass for no change */
		attack_guard(b.va, PAGE_SIZE);
		a.name = "after its domain is gone";
		if (!e && !domain_detach(brief, p->by.fn) && !domain_unmap(brief, b.iova, b.len) &&
		    !domain_destroy(brief)) {
			brief_gone = true;
			try(m, p, a, true);
			guard_all();
			pmm_free(b.phys, b.len / PAGE_SIZE);
		}
	}
	if (!brief_gone)
		not_tried(m, p, "after its domain is gone");
	iso.edu_dom = own;
	if (domain_attach(own, p->by.fn))
		log_warn("isolate", "edu could not be attached again");
}

static enum sl_err add_party(struct machine *m, struct attacker by)
{
	if (iso.parties == ATTACKERS_MAX)
		return SL_NOSPACE;
	struct party *p = &iso.party[iso.parties];
	*p = (struct party){.by = by};
	enum sl_err e = dma_get(*by.dom, window_at(m, PAGE_TARGET), PAGE_SIZE, DOMAIN_RW, &p->target);
	if (!e)
		e = dma_get(*by.dom, window_at(m, PAGE_READONLY), PAGE_SIZE, DOMAIN_R, &p->readonly);
	if (!e)
		e = dma_get(*by.dom, window_at(m, PAGE_WRITEONLY), PAGE_SIZE, DOMAIN_W, &p->writeonly);
	if (e)
		return e;
	pattern_fill(p->target.va, PAGE_SIZE, pattern_seed(iso.parties, 11, 1));
	pattern_fill(p->readonly.va, PAGE_SIZE, pattern_seed(iso.parties, 11, 2));
	pattern_fill(p->writeonly.va, PAGE_SIZE, pattern_seed(iso.parties, 11, 3));
	struct vtd_walk w;
	if (*by.dom && iommu_walk(&m->iommu, by.fn, p->target.iova, &w) == SL_OK)
		p->table = phys_va(PHYS(w.ctx_lo & BITS(51, 12)));
	iso.parties++;
	return SL_OK;
}

static void drop_parties(void)
{
	for (unsigned i = 0; i < iso.parties; i++) {
		struct party *p = &iso.party[i];
		if (dma_put(&p->target) || dma_put(&p->readonly) || dma_put(&p->writeonly))
			log_warn("isolate", "memory of %s could not be taken back", p->by.name);
	}
	iso.parties = 0;
}

/* edu wraps addresses at its dma_mask, 28 bits unless told otherwise: it is used when it reaches its own
 * page. */
static enum sl_err add_edu(struct machine *m)
{
	volatile void *regs;
	iso.edu_fn = find_edu(m);
	if (!iso.edu_fn)
		return SL_OK;
	enum sl_err e = make_domain(m, "edu", &iso.edu_dom);
	if (!e)
		e = dma_get(iso.edu_dom, window_at(m, WINDOW_BUFFERS), PAGE_SIZE, DOMAIN_RW, &iso.edu_page);
	if (!e)
		e = function_connect(iso.edu_fn, iso.edu_dom, &regs);
	if (!e)
		e = edu_open(&iso.edu, regs);
	faults_watch(m, iso.edu_fn->bdf);
	iommu_fault_claim(&m->iommu, iso.edu_fn->bdf); /* it may miss its page */
	memset(iso.edu_page.va, 0x33, PAGE_SIZE);
	if (!e)
		e = edu_dma(&iso.edu, iso.edu_page.iova.v, EDU_BUFFER, false);
	memset(iso.edu_page.va, 0, PAGE_SIZE);
	if (!e)
		e = edu_dma(&iso.edu, iso.edu_page.iova.v, EDU_BUFFER, true);
	iommu_fault_unclaim(&m->iommu);
	if (e)
		return e;
	if (pattern_is_zero(iso.edu_page.va, PAGE_SIZE)) {
		log_line("isolate",
			 BDF_FMT
			 " edu does not reach its own page: give it dma_mask=0xffffffffffffffff; left out",
			 BDF_ARG(iso.edu_fn->bdf));
		return SL_OK;
	}
	return add_party(m, (struct attacker){.name = "edu",
					      .fn = iso.edu_fn->bdf,
					      .dom = &iso.edu_dom,
					      .edu = &iso.edu,
					      .edu_page = iso.edu_page.iova.v,
					      .edu_va = iso.edu_page.va});
}

static void drop_edu(void)
{
	if (!iso.edu_fn)
		return;
	function_disconnect(iso.edu_fn, iso.edu_dom);
	if (dma_put(&iso.edu_page))
		log_warn("isolate", "edu's memory could not be taken back");
	drop_domain(&iso.edu_dom);
}

static enum sl_err gather(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < m->vfs && !e; i++) {
		struct attacker by = {.fn = m->vf[i].fn->bdf, .dom = &m->vf[i].dom, .vf = &m->vf[i]};
		fmt_print(by.name, sizeof by.name, "VF%u", i);
		e = add_party(m, by);
	}
	if (!e && m->pf)
		e = add_party(
			m, (struct attacker){
				   .name = "PF", .fn = m->pf->bdf, .dom = &m->pf_dom, .pf = &m->nvme.ctrl});
	if (!e)
		e = add_edu(m);
	return e;
}

static void run_pass(struct machine *m)
{
	for (unsigned i = 0; i < iso.parties; i++) {
		struct party *p = &iso.party[i];
		guard_all();
		try_own(m, p);
		try_others(m, p);
		try_kernel(m, p);
		try_width(m, p);
		try_bar(m, p);
		try_platform(m, p);
		try_passing(m, p);
		try_detached(m, p);
	}
}

/* VFs switched off and on again: VF 0 has its old requester id, queues and bus mastering, but nobody has
 * attached it. */
static void try_enabled_again(struct machine *m)
{
	struct attacker by = {.name = "VF0"};
	struct attack a = {.name = "VF off and on, not attached", .to = window_at(m, WINDOW_QUEUES).v};
	struct attack_result r = {.outcome = ATTACK_SILENT, .said = "nothing"};
	volatile void *regs;
	if (!m->vfs || !m->boot->cfg.iommu)
		return;
	undo_domains(m);
	undo_sriov(m);
	if (stage_sriov(m) || vf_give_queues(m, &m->vf[0]) || function_connect(m->vf[0].fn, NULL, &regs)) {
		not_tried(m, &(struct party){.by = by}, a.name);
		return;
	}
	iommu_fault_claim(&m->iommu, m->vf[0].fn->bdf);
	struct nvme_io io = nvme_io_mmio(regs, m->vf[0].fn->bar[0].size);
	if (nvme_ctrl_provoke(&io, IOVA(a.to)) == SL_OK)
		r.recorded = attack_fault(m, &r.fault);
	iommu_fault_unclaim(&m->iommu);
	if (r.recorded)
		r.outcome = bdf_eq(r.fault.bdf, m->vf[0].fn->bdf) && !r.fault.write &&
					    r.fault.iova.v == a.to && r.fault.reason == REASON_CONTEXT
				    ? ATTACK_REFUSED
				    : ATTACK_MISTOLD;
	function_disconnect(m->vf[0].fn, NULL);
	m->cases++;
	m->refused += r.outcome == ATTACK_REFUSED;
	print_result(&by, &a, r.outcome == ATTACK_REFUSED ? "refused" : "NOT REFUSED", &r);
}

enum sl_err stage_isolate(struct machine *m)
{
	pattern_fill(attack_kernel_data(), PAGE_SIZE, pattern_seed(1000, 1, 1));
	iso.decoy = paging_decoy_table();
	enum sl_err e = m->vfs ? timed_prepare(m) : SL_OK;
	if (!e)
		e = gather(m);
	if (e)
		log_fail("isolate", "see the lines above", "the attackers could not be set up: %s",
			 sl_err_text(e));
	for (uint32_t pass = 1; !e && pass <= m->boot->cfg.passes; pass++) {
		log_line("isolate",
			 "pass %u of %u: %u attackers; each line one forbidden DMA, after which every VF's "
			 "work is checked",
			 pass, m->boot->cfg.passes, iso.parties);
		run_pass(m);
		log_line("isolate",
			 "%llu of %llu refused, recorded and without effect; %llu not enforced here",
			 (ull)m->refused, (ull)m->cases, (ull)m->not_enforced);
	}
	drop_parties();
	drop_edu();
	if (!e)
		try_enabled_again(m);
	if (m->not_enforced)
		log_line("isolate", "not enforced here: a DMA write to 0xfee00000 is an interrupt, and only "
				    "interrupt remapping "
				    "could refuse it: not there yet");
	if (!e && m->refused != m->cases)
		log_fail("isolate", "do not give this machine's functions to anyone you do not trust",
			 "%llu of %llu forbidden accesses were not refused as they should be",
			 (ull)(m->cases - m->refused), (ull)m->cases);
	if (e)
		return e;
	return m->cases && m->refused == m->cases ? SL_OK : SL_VERIFY;
}
