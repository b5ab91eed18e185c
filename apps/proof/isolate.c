/* Stage isolate: the proof as a program of its own. Everyone who can do DMA tries everything that must not
 * work; one line a case, passes= times over. What the platform can not refuse is counted apart and explained.
 */
#include "apps/proof/attackers.h"
#include "apps/bringup/faults.h"
#include "apps/vf/domain.h"
#include "apps/vf/nvme.h"
#include "apps/work/timed.h"
#include "apps/proof/stages.h"
#include "drivers/edu/edu.h"
#include "apps/proof/cases.h"
#include "apps/work/pattern.h"
#include "apps/vf/own_memory.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/serial.h"
#include "kernel/x86/paging.h"
#include "kernel/str.h"

#define CHUNKS_MIN 16u /* of each VF's data store */

static struct parties iso;

void parties_guard(struct machine *m, const struct parties *all)
{
	guard_none();
	guard_add(attack_kernel_data(), PAGE_SIZE);
	guard_add(attack_kernel_text(), PAGE_SIZE);
	guard_add(phys_va(all->decoy), PAGE_SIZE);
	for (unsigned i = 0; i < all->n; i++) {
		const struct party *p = &all->party[i];
		guard_add(p->target.va, PAGE_SIZE);
		guard_add(p->readonly.va, PAGE_SIZE);
		guard_add(p->writeonly.va, PAGE_SIZE);
		guard_add(p->by.allowed.va, p->by.allowed.len);
	}
	guard_tables(m);
	for (unsigned i = 0; i < m->vfs; i++)
		if (m->vf[i].accel)
			guard_regs(&m->vf[i].nvme.ctrl->io);
	if (m->pf_open)
		guard_regs(&m->nvme.ctrl.io);
}

static enum sl_err add_party(struct machine *m, struct attacker by)
{
	if (iso.n == PARTIES_MAX)
		return SL_NOSPACE;
	struct party *p = &iso.party[iso.n++]; /* from now on drop_parties() takes back what it got */
	*p = (struct party){.by = by};
	enum sl_err e = dma_get(*by.dom, window_at(m, PAGE_TARGET), PAGE_SIZE, DOMAIN_RW, &p->target);
	if (!e)
		e = dma_get(*by.dom, window_at(m, PAGE_READONLY), PAGE_SIZE, DOMAIN_R, &p->readonly);
	if (!e)
		e = dma_get(*by.dom, window_at(m, PAGE_WRITEONLY), PAGE_SIZE, DOMAIN_W, &p->writeonly);
	if (!e)
		e = dma_get(*by.dom, window_at(m, PAGE_ALLOWED), ALLOWED_PAGES * PAGE_SIZE, DOMAIN_RW,
			    &p->by.allowed);
	if (e)
		return e;
	party_fill(p);
	struct iommu_walk w;
	if (*by.dom && iommu_walk(&m->iommu, by.fn, p->target.iova, &w) == SL_OK) {
		p->table = phys_va(w.pages);
		p->contexts = phys_va(w.functions);
	}
	return SL_OK;
}

static void drop_parties(void)
{
	for (unsigned i = 0; i < iso.n; i++) {
		struct party *p = &iso.party[i];
		struct dma_buf *own[] = {&p->target, &p->readonly, &p->writeonly, &p->by.allowed};
		bool kept = false;
		for (unsigned k = 0; k < ARRAY_LEN(own); k++)
			kept |= dma_put(own[k]) != SL_OK;
		if (kept)
			log_warn("isolate", "memory of %s could not be taken back", p->by.name);
	}
	iso.n = 0;
}

static enum sl_err connect_edu(struct machine *m)
{
	volatile void *regs;
	enum sl_err e = make_domain(m, "edu", iso.edu_fn->bdf, &iso.edu_dom);
	if (!e)
		e = dma_get(iso.edu_dom, window_at(m, WINDOW_BUFFERS), PAGE_SIZE, DOMAIN_RW, &iso.edu_page);
	if (!e)
		e = function_connect(iso.edu_fn, iso.edu_dom, &regs);
	return e ? e : edu_open(&iso.edu, regs);
}

/* edu wraps addresses at its dma_mask, 28 bits unless told otherwise: it is used when it reaches its own
 * page. */
static enum sl_err add_edu(struct machine *m)
{
	iso.edu_fn = edu_find(&m->pci);
	if (!iso.edu_fn)
		return SL_OK;
	enum sl_err e = connect_edu(m);
	if (e)
		return e;
	faults_watch(m, iso.edu_fn->bdf);
	iommu_fault_claim(&m->iommu, function_requester(m, iso.edu_fn->bdf)); /* it may miss its page */
	memset(iso.edu_page.va, 0x33, PAGE_SIZE);
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

/* Every table that is in use leads to what it was built for and to nothing else. */
static enum sl_err check_tables(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < iso.n && !e && translated(m); i++) {
		const struct party *p = &iso.party[i];
		const struct vf *vf = p->by.vf;
		struct table_range want[6] = {{&p->target, DOMAIN_RW},
					      {&p->readonly, DOMAIN_R},
					      {&p->writeonly, DOMAIN_W},
					      {&p->by.allowed, DOMAIN_RW},
					      {p->by.edu ? &iso.edu_page
					       : vf      ? &vf->block
							 : &m->nvme.ctrl.mem,
					       DOMAIN_RW}};
		unsigned n = 5;
		if (vf)
			want[n++] = (struct table_range){&vf->readonly, DOMAIN_R};
		e = tables_exact(&m->iommu, p->by.fn, want, n);
	}
	return e ? e : domains_check(m);
}

static enum sl_err check_room(const struct machine *m)
{
	for (unsigned i = 0; i < m->vfs; i++) {
		const struct vf *vf = &m->vf[i];
		if (store_chunks(vf->data) >= CHUNKS_MIN)
			continue;
		log_fail("isolate", "give it a larger namespace",
			 BDF_FMT " has %llu KiB of medium; at least %u are needed", BDF_ARG(vf->fn->bdf),
			 (ull)(store_chunks(vf->data) * CHUNK / 1024), (unsigned)(CHUNKS_MIN * CHUNK / 1024));
		return SL_NOSPACE;
	}
	return SL_OK;
}

static void introduce(const struct machine *m, uint32_t pass)
{
	if (pass > 1)
		return;
	for (unsigned i = 0; i < iso.n; i++) {
		const struct attacker *by = &iso.party[i].by;
		bdf_t from = function_requester(m, by->fn);
		char as[48] = "";
		if (!bdf_eq(from, by->fn))
			fmt_print(as, sizeof as, ", behind a bridge that says " BDF_FMT, BDF_ARG(from));
		log_line("isolate", "attacker %s is " BDF_FMT "%s: %s", by->name, BDF_ARG(by->fn), as,
			 by->vf   ? "reads and writes on its ring, 4 bytes by Get Log Page"
			 : by->pf ? "Identify and Get Log Page, which write to no medium"
				  : "copies of any length");
	}
	log_line("isolate", "during each line %s",
		 m->vfs > 1 ? "every other VF reads and writes, all data checked"
			    : "nobody else works: there is no other VF");
	log_text("  Each access is first made where it is allowed, and has to work there; else it is\n"
		 "  not tried. refused: no byte changed of anybody's pages, of the kernel's and of\n"
		 "  any table, no word leaked, the IOMMU recorded it rightly, the tables say the\n"
		 "  same, and everyone works on. What the device says counts for nothing.\n"
		 "  why: 2 no context entry, 4 beyond the width, 5 may not write, 6 may not read; of\n"
		 "  interrupts 21 beyond the table, 25 compatibility format, 26 another's entry\n"
		 "  (fault reasons of VT-d 7.1.3 and 5.1.4.1, hexadecimal). An interrupt counts as\n"
		 "  arrived when its handler ran; who FFFF: the unit names no sender.\n");
}

static enum sl_err run_pass(struct machine *m, uint32_t pass)
{
	enum sl_err e = check_room(m);
	if (!e && m->vfs)
		e = timed_prepare(m);
	if (!e)
		e = gather(m);
	if (!e)
		e = check_tables(m);
	if (!e)
		introduce(m, pass);
	log_line("isolate", "pass %u of %u", pass, m->cfg->passes);
	party_print_head();
	for (unsigned i = 0; i < iso.n && !e; i++) {
		attempts_run(m, &iso, &iso.party[i]);
		e = gone_run(m, &iso, &iso.party[i]);
		if (!e && serial_stop())
			e = SL_STOPPED;
	}
	drop_parties();
	drop_edu();
	if (!e && translated(m))
		e = gone_functions(m, iso.decoy);
	return e;
}

/* What a pass takes it gives back: all passes after the first end with the same number of free pages. */
static enum sl_err check_memory(uint32_t pass)
{
	static uint64_t first;
	uint64_t now = pmm_free_pages();
	if (pass == 1)
		first = now;
	if (now == first)
		return SL_OK;
	log_fail("isolate", "report this: it is a bug in Sluice",
		 "after pass %u %llu pages are free; after the first there were %llu", pass, (ull)now,
		 (ull)first);
	return SL_VERIFY;
}

enum sl_err stage_isolate(struct machine *m)
{
	enum sl_err e = SL_OK;
	cases_clear(proof_cases());
	party_counts_clear();
	attack_kernel_fill();
	if (!iso.decoy.v) /* once, however often the console runs this */
		iso.decoy = paging_decoy_table();
	for (uint32_t pass = 1; !e && pass <= m->cfg->passes; pass++) {
		if (pass > 1 && translated(m))
			e = stage_domains(m);
		if (!e)
			e = run_pass(m, pass);
		if (!e)
			e = check_memory(pass);
		log_line(
			"isolate",
			"pass %u of %u done; so far %llu of %llu refused, %llu not enforced here, %llu not tried",
			pass, m->cfg->passes, (ull)m->tally.refused, (ull)m->tally.cases,
			(ull)m->tally.not_enforced, (ull)m->tally.not_tried);
	}
	guard_free();
	m->tally.verified = attack_verified();
	if (e == SL_STOPPED)
		log_line("isolate", "stopped by Ctrl-C: what was not tried is not shown");
	else if (e)
		log_fail("isolate", "see the lines above", "not all cases could be run: %s", sl_err_text(e));
	else if (translated(m))
		party_print_sum(m);
	m->tally.proof_failed |= m->tally.refused != m->tally.cases;
	if (!e && m->tally.refused != m->tally.cases)
		log_fail("isolate", "do not give this machine's functions to anyone you do not trust",
			 "%llu of %llu forbidden accesses were not refused as they should be",
			 (ull)(m->tally.cases - m->tally.refused), (ull)m->tally.cases);
	if (e)
		return e;
	return m->tally.cases && m->tally.refused == m->tally.cases ? SL_OK : SL_VERIFY;
}
