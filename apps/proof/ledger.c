#include "apps/proof/ledger.h"
#include "apps/proof/cases.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/console.h"
#include "kernel/str.h"

/* Of the cases that were refused, and of those that are not enforced here. */
static struct {
	uint64_t dma, vague;                     /* refused, each with a record; without an address */
	uint64_t messages, nameless, unrecorded; /* refused interrupts; of them */
	uint64_t keys;                           /* refused by a peer's answer */
	uint64_t arrived;                        /* interrupts that are not enforced and got through */
	uint64_t strangers; /* interrupts by DMA, not tried, since those by the sender's own entry do not
			       arrive */
} count;

void ledger_clear(void)
{
	memset(&count, 0, sizeof count);
}

static bool brief;

void ledger_brief(bool on)
{
	brief = on;
}

/* Eighty columns, except where a device or a record has more to say. */
void ledger_print_head(void)
{
	if (brief)
		return;
	log_text("                                         ---- recorded by the IOMMU ----\n"
		 "  who  does  to what             verdict who     did   at            why device\n");
}

/* QEMU says FFFF for an interrupt that was written by DMA. */
static void print_record(const struct iommu_fault *f)
{
	char fn[16], at[16];
	bool interrupt = iommu_why_is_interrupt(f->why);
	fmt_print(fn, sizeof fn, BDF_FMT, BDF_ARG(f->bdf));
	fmt_print(at, sizeof at,
		  interrupt  ? "entry %llu"
		  : f->vague ? "not told"
			     : "%llx",
		  interrupt ? (ull)f->index : (ull)f->iova.v);
	log_text("%-7s %-5s %-13s %-3x ",
		 f->bdf.rid == FAULT_NAMELESS ? "FFFF"
		 : f->bdf.seg                 ? fn
					      : fn + 5,
		 interrupt  ? "intr"
		 : f->write ? "write"
			    : "read",
		 interrupt && !iommu_why_has_index(f->why) ? "-" : at, f->code);
}

static void print_result(const struct attacker *by, const struct attack *a, const char *verdict,
			 const struct attack_result *r)
{
	log_text("  %-4s %-5s %-19s ", by->name, a->write ? "write" : "read", a->name);
	log_text(r->recorded ? "%-7s " : "%-17s ", verdict);
	if (r->recorded)
		print_record(&r->fault);
	else if (r->outcome != ATTACK_NOT_TRIED)
		log_text("%-21s ", "no fault recorded");
	log_text("%s\n", r->outcome == ATTACK_ARRIVED ? "arrived" : r->said);
}

/* For the audit's report. */
static void keep(const struct attacker *by, const struct attack *a, enum case_outcome outcome,
		 const struct attack_result *r)
{
	struct proof_case c = {.write = a->write, .outcome = (uint8_t)outcome, .recorded = r->recorded};
	fmt_print(c.who, sizeof c.who, "%s", by->name);
	fmt_print(c.what, sizeof c.what, "%s", a->name);
	if (r->recorded) {
		c.bdf = r->fault.bdf;
		c.iova = r->fault.iova.v;
		c.reason = r->fault.code;
	}
	cases_add(proof_cases(), &c);
}

static void not_tried(struct machine *m, const struct attacker *by, const struct attack *a,
		      const struct attack_result *r)
{
	m->tally.not_tried++;
	count.strangers += a->interrupt && !a->msix && a->own.addr && m->irqs_remapped;
	keep(by, a, CASE_NOT_TRIED, r);
	if (!brief)
		print_result(by, a, "not tried", r);
}

static void not_enforced(struct machine *m, const struct attacker *by, const struct attack *a,
			 const struct attack_result *r)
{
	m->tally.not_enforced++;
	count.arrived += r->outcome == ATTACK_ARRIVED;
	keep(by, a, CASE_NOT_ENFORCED, r);
	if (!brief)
		print_result(by, a, "not enforced here", r);
}

static void refused(struct machine *m, const struct attacker *by, const struct attack *a,
		    const struct attack_result *r)
{
	m->tally.cases++;
	m->tally.refused++;
	count.keys += a->by_key;
	count.dma += !a->interrupt && !a->by_key;
	count.messages += a->interrupt;
	count.unrecorded += a->interrupt && !r->recorded;
	count.vague += r->recorded && r->fault.vague;
	count.nameless += a->interrupt && r->recorded && r->fault.bdf.rid == FAULT_NAMELESS;
	keep(by, a, CASE_REFUSED, r);
	if (!brief)
		print_result(by, a, "refused", r);
}

static void failed(struct machine *m, const struct attacker *by, const struct attack *a,
		   const struct attack_result *r)
{
	bool reached = r->outcome == ATTACK_SUCCEEDED || r->outcome == ATTACK_ARRIVED ||
		       r->outcome == ATTACK_FOREIGN;
	m->tally.cases++;
	keep(by, a, reached ? CASE_SUCCEEDED : CASE_NOT_PROVED, r);
	print_result(by, a, "NOT REFUSED", r);
	log_text("       ^ %s\n", attack_outcome_text(r->outcome));
}

/* An address beyond the width of the tables is refused for that reason, whatever it is the address of:
 * firmware places 64-bit BARs, and memory may lie, above 2^39. */
static enum iommu_why why_of(const struct attacker *by, const struct attack *a)
{
	if (*by->dom && a->fault_at >= domain_aperture(*by->dom))
		return WHY_TOO_WIDE;
	return a->write ? WHY_NO_WRITE : WHY_NO_READ;
}

void trial_judged(const struct trial *t, const struct attack *a, const struct attack_result *r)
{
	if (r->outcome == ATTACK_REFUSED)
		refused(t->m, t->by, a, r);
	else
		failed(t->m, t->by, a, r);
}

void trial_run(const struct trial *t, const struct attack *what, bool enforceable)
{
	struct attack a = *what;
	struct attack_result r;
	if (console_stop())
		return;
	if (!a.fault_at)
		a.fault_at = a.to;
	if (!a.why)
		a.why = why_of(t->by, &a);
	if (!attack_possible(t->by, &a))
		return;
	attack_run(t->m, t->by, &a, &r);
	if (r.outcome == ATTACK_NOT_TRIED)
		not_tried(t->m, t->by, &a, &r);
	else if ((r.outcome == ATTACK_SILENT || r.outcome == ATTACK_ARRIVED) && !enforceable &&
		 translated(t->m))
		not_enforced(t->m, t->by, &a, &r);
	else
		trial_judged(t, &a, &r);
}

void trial_no_effect(const struct trial *t, const struct attack *a)
{
	struct attack_result r = {.outcome = ATTACK_NOT_TRIED, .said = "no effect where allowed"};
	not_tried(t->m, t->by, a, &r);
}

void trial_broken(const struct trial *t, const char *what)
{
	struct proof_case c = {.outcome = CASE_NOT_PROVED};
	fmt_print(c.who, sizeof c.who, "%s", t->by->name);
	fmt_print(c.what, sizeof c.what, "%s", what);
	cases_add(proof_cases(), &c);
	t->m->tally.cases++;
	log_fail("isolate", "run again; if this persists, this attacker's other cases mean little",
		 "%s: %s could not be set up", t->by->name, what);
}

static void print_messages(void)
{
	if (!count.messages)
		return;
	log_line("isolate",
		 "shown: %llu forged interrupts did not arrive; the same message by the function's own",
		 (ull)count.messages);
	log_line("isolate",
		 "       entry did, just before. Recorded: %llu, of which %llu name FFFF as sender",
		 (ull)(count.messages - count.unrecorded), (ull)count.nameless);
	if (count.unrecorded)
		log_line("isolate", "       (of %llu of them the unit keeps no record)",
			 (ull)count.unrecorded);
}

static void print_not_enforced(const struct machine *m)
{
	if (!m->tally.not_enforced)
		return;
	log_line("isolate", "not shown: %llu forged interrupts: not enforced here; %llu of them were seen to",
		 (ull)m->tally.not_enforced, (ull)count.arrived);
	log_line("isolate", "       arrive. Compatibility format, and entries of others when the message is");
	log_line("isolate", "       a DMA write, pass on this machine; interrupt remapping is %s",
		 m->irqs_remapped ? "on" : "off");
}

static void print_not_tried(const struct machine *m)
{
	if (m->tally.not_tried)
		log_line("isolate",
			 "not tried: %llu accesses that had no effect where they are allowed either",
			 (ull)m->tally.not_tried);
	if (!count.strangers)
		return;
	log_line("isolate",
		 "       %llu of them are interrupts written by DMA: by the sender's own entry they do not",
		 (ull)count.strangers);
	log_line("isolate",
		 "       arrive: dropped on the way, or judged as another's (QEMU's AMD unit: 00:14.0's)");
}

static void print_dmas(void)
{
	if (!count.vague) {
		log_line(
			"isolate",
			"shown: none of those %llu DMAs changed or leaked anything; each was recorded with the",
			(ull)count.dma);
		log_line("isolate",
			 "       right sender, address, direction and reason, and the tables say the same");
		return;
	}
	log_line("isolate",
		 "shown: none of those %llu DMAs changed or leaked anything, and the tables say the",
		 (ull)count.dma);
	log_line("isolate", "       same; each was recorded with the right direction and function number");
	log_line("isolate", "not shown: bus and address of %llu of them: this unit's events have neither",
		 (ull)count.vague);
}

void ledger_print_sum(const struct machine *m)
{
	log_line("isolate",
		 "shown: %llu of %llu forbidden accesses were refused, each after the same access had",
		 (ull)m->tally.refused, (ull)m->tally.cases);
	log_line("isolate", "       worked where it is allowed: %llu DMAs, %llu interrupts", (ull)count.dma,
		 (ull)count.messages);
	if (count.keys)
		log_line("isolate",
			 "       and %llu accesses of RDMA peers, refused by the answer of the end point",
			 (ull)count.keys);
	print_dmas();
	print_messages();
	if (m->tally.verified)
		log_line("isolate", "shown: %llu %s of other VFs in the meantime were all right",
			 (ull)m->tally.verified,
			 m->vfs && config_wants_igb(m->cfg) ? "frames" : "reads and writes");
	if (m->cfg->passes > 1)
		log_line("isolate", "shown: after each pass as much memory was free as after the first");
	print_not_enforced(m);
	print_not_tried(m);
	char classes[64];
	cases_classes(proof_cases(), classes, sizeof classes);
	log_line("isolate", "classes that attacked: %s", classes);
	log_line("isolate",
		 "not tried: DMA of functions other than the attackers above; those under a unit that");
	log_line("isolate",
		 "       translates have no context entry, or one for an RMRR or USB keyboards only");
}
