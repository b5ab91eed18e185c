/* Stage isolate: the proof as a separate program. Every function that can do DMA attempts every forbidden
 * access; one line per case, passes= times over. Cases that the platform cannot refuse are counted separately
 * and explained. */
#include "apps/bringup/faults.h"
#include "apps/vf/stages.h"
#include "apps/proof/bystanders.h"
#include "apps/proof/case.h"
#include "apps/proof/case_rdma.h"
#include "apps/proof/cases.h"
#include "apps/proof/stages.h"
#include "apps/proof/standin.h"
#include "apps/report/pace.h"
#include "apps/vf/domain.h"
#include "apps/work/timed.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/console.h"
#include "kernel/paging.h"
#include "kernel/time.h"

#define CHUNKS_MIN  16u /* of each VF's data store */
#define FULL_PASSES 3u  /* whose cases all have a line */

static struct attackers attackers;

static enum sl_err check_room(const struct machine *m)
{
	for (unsigned i = 0; i < m->vfs; i++) {
		const struct vf *vf = &m->vf[i];
		if (!vf->medium || store_chunks(vf->data) >= CHUNKS_MIN)
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
	struct attacker message;
	if (pass > 1)
		return;
	for (unsigned i = 0; i < attackers.n; i++) {
		const struct attacker *by = &attackers.one[i];
		bdf_t from = function_requester(m, by->fn->bdf);
		char as[48] = "";
		if (!bdf_eq(from, by->fn->bdf))
			fmt_print(as, sizeof as, ", behind a bridge that says " BDF_FMT, BDF_ARG(from));
		log_line("isolate", "attacker %s is " BDF_FMT "%s: %s", by->name, BDF_ARG(by->fn->bdf), as,
			 by->ops->how);
		if (message_attacker(&attackers.one[i], &message))
			log_line("isolate", "attacker %s is the same: %s", message.name, message.ops->how);
	}
	attackers_print_rest(m, &attackers);
	log_line("isolate", "during each line %s",
		 m->vfs < 2        ? "no other VF is there to work"
		 : m->vf[0].medium ? "every other VF reads and writes, all data checked"
				   : "the other VFs exchange frames, all of them compared");
	log_text("  Each access is first made where it is allowed and has to work there, else it\n"
		 "  counts as not tried. refused: no byte of any page or table changed, no word\n"
		 "  leaked, the IOMMU recorded it correctly, the tables give the same reason, and\n"
		 "  all other VFs keep working. What the device reports does not count.\n");
	log_text("  why: %s. An interrupt counts as\n"
		 "  arrived when its handler ran; who FFFF: the unit names no sender.\n",
		 iommu_reasons(&m->iommu));
}

/* Those that end a mapping come last: no case after them needs it. */
static void run_attached(const struct trial *t)
{
	attackers_guard(t->m, t->all);
	cases_run(t, cases_memory, WHEN_ATTACHED);
	case_interrupt_run(t);
	cases_run(t, cases_memory, WHEN_UNMAPPING);
}

static void run_messages(const struct trial *t)
{
	struct attacker message;
	struct trial by_message = *t;
	if (!message_attacker(t->by, &message))
		return;
	by_message.by = &message;
	cases_run(&by_message, cases_memory, WHEN_ATTACHED);
	cases_run(&by_message, cases_memory, WHEN_UNMAPPING);
}

static enum sl_err run_pass(struct machine *m, uint32_t pass)
{
	enum sl_err e = check_room(m);
	if (!e && m->vfs && m->vf[0].medium)
		e = timed_prepare(m);
	attackers.again = pass > 1;
	if (!e)
		e = attackers_open(m, &attackers);
	if (!e && !attackers.n)
		e = SL_END;
	if (!e)
		e = attackers_check(m, &attackers);
	if (!e)
		e = domains_check(m);
	if (!e)
		introduce(m, pass);
	log_line("isolate", "pass %u of %u", pass, m->cfg->passes);
	ledger_print_head();
	for (unsigned i = 0; i < attackers.n && !e; i++) {
		struct trial t = {.m = m, .all = &attackers, .by = &attackers.one[i]};
		run_attached(&t);
		run_messages(&t);
		e = case_detached_run(&t);
		if (!e && console_stop())
			e = SL_STOPPED;
	}
	attackers_close(&attackers);
	if (!e)
		e = case_rdma_run(m);
	if (!e && translated(m))
		e = case_functions_run(m, &attackers);
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
	ledger_clear();
	standin_fill();
	if (!attackers.decoy.v) /* once, however often the console runs this */
		attackers.decoy = paging_decoy_table();
	attackers_borrow(m);
	struct pace pace;
	pace_start(&pace, now_us(), 0);
	for (uint32_t pass = 1; !e && pass <= m->cfg->passes; pass++) {
		ledger_brief(pass > FULL_PASSES);
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
		if (pass == FULL_PASSES && pass < m->cfg->passes)
			log_line("isolate", "the other passes have lines only for cases that fail");
		if (pass < m->cfg->passes && pace_due(&pace, now_us()))
			log_line("isolate", "about %llu s left",
				 (ull)pace_left(&pace, now_us(), pass, m->cfg->passes));
	}
	guard_free();
	attackers_return(m);
	m->tally.verified = bystanders_verified() + bystanders_frames();
	if (e == SL_STOPPED)
		log_line("isolate", "stopped by Ctrl-C: what was not tried is not shown");
	else if (e == SL_END && m->attacking)
		log_line("isolate", "no function could attack, so nothing was tried");
	else if (e == SL_END)
		log_fail("isolate", "docs/attacks.md has the classes of functions that can",
			 "no function could attack, so nothing was tried");
	else if (e)
		log_fail("isolate", "see the lines above", "not all cases could be run: %s", sl_err_text(e));
	else if (translated(m))
		ledger_print_sum(m);
	m->tally.proof_failed |= m->tally.refused != m->tally.cases;
	if (!e && m->tally.refused != m->tally.cases)
		log_fail("isolate", "do not assign this machine's functions to anyone you do not trust",
			 "%llu of %llu forbidden accesses were not refused as they should be",
			 (ull)(m->tally.cases - m->tally.refused), (ull)m->tally.cases);
	if (e)
		return e;
	return m->tally.cases && m->tally.refused == m->tally.cases ? SL_OK : SL_VERIFY;
}
