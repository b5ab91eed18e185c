/* Stage cores: starts every processor that the firmware names and measures what it reports about each. */
#include "apps/machine.h"
#include "apps/bringup/cores.h"
#include "apps/report/latency.h"
#include "kernel/core.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/stacks.h"
#include "kernel/irq.h"
#include "kernel/smp.h"

static void print_madt(const struct madt *m)
{
	char more[96] = "";
	size_t n = 0;
	unsigned off = m->cpus - madt_enabled(m);
	if (off)
		n += (size_t)fmt_print(more, sizeof more, ", %u that could be added while running", off);
	if (m->twice && n < sizeof more)
		fmt_print(more + n, sizeof more - n, ", %u entries named twice", m->twice);
	log_line("cores", "processors: %u listed by the firmware, highest APIC id %u; I/O APICs: %u%s",
		 madt_enabled(m), madt_highest(m), m->ioapics, more);
	if (m->mailbox)
		log_line("cores",
			 "the MADT has a wakeup mailbox at 0x%llx, which is not used: processors that INIT "
			 "and STARTUP do not reach stay with firmware",
			 (ull)m->mailbox);
	if (m->damaged || m->lost)
		log_warn(
			"cores",
			"the MADT is damaged or too long: %u entries and everything after the damage are ignored",
			m->lost);
}

static void print_started(const struct cores_started *s)
{
	log_line(
		"cores",
		"%u run (%s), each with its own stacks, exception stacks and protections; idle cores are halted",
		s->running, apic_mode());
	if (s->too_many)
		log_warn("cores", "%u more are not started: Sluice uses at most %u", s->too_many, CORES_MAX);
	if (s->too_far)
		log_warn(
			"cores",
			"%u more are not started: APIC ids above 254 need x2APIC, which this processor lacks",
			s->too_far);
	if (s->silent) {
		char ids[120];
		madt_ids_text(s->silent_id, s->silent, ids, sizeof ids);
		log_warn("cores",
			 "processors that the firmware lists but that did not start: %u, with APIC ids %s",
			 s->silent, ids);
	}
	if (s->failed == SL_NOSPACE)
		log_warn("cores", "no other core is started: the firmware keeps all memory below 640 KiB");
	else if (s->failed)
		log_warn("cores", "starting the other cores failed: %s", sl_err_text(s->failed));
}

static long long ns(int64_t ticks)
{
	uint64_t n = report_ns(ticks < 0 ? 0 - (uint64_t)ticks : (uint64_t)ticks);
	return ticks < 0 ? -(long long)n : (long long)n;
}

/* One line: the core that is farthest from core 0; and one for each that the measurement does not excuse. */
static void print_skew(void)
{
	unsigned worst = 1, apart = 0;
	for (unsigned i = 1; i < core_count(); i++) {
		const struct skew *s = core_skew(i);
		if (!s->rounds)
			log_warn("cores",
				 "core %u: its time stamp counter could not be compared with core 0's", i);
		if (ns(s->offset) * ns(s->offset) >
		    ns(core_skew(worst)->offset) * ns(core_skew(worst)->offset))
			worst = i;
		if (s->rounds && !skew_explained(s)) {
			log_warn(
				"cores",
				"core %u: its time stamp counter is %lld ns from core 0's, which a round trip of %llu ns does not explain; its times are corrected",
				i, ns(s->offset), (ull)report_ns(s->round));
			apart++;
		}
	}
	if (core_count() > 1)
		log_line(
			"cores",
			"time stamp counters: core %u is furthest from core 0, by %lld ns, measured to within %llu ns; %u of %u differ by more than that and are corrected",
			worst, ns(core_skew(worst)->offset), (ull)report_ns(core_skew(worst)->round) / 2,
			apart, core_count() - 1);
}

enum sl_err stage_cores(struct machine *m)
{
	const struct acpi_table *t = acpi_find(&m->acpi, "APIC", 0);
	if (!t) {
		log_warn("cores", "there is no MADT table: one core, no interrupts");
		return SL_OK;
	}
	madt_read(t->data, &m->madt);
	print_madt(&m->madt);
	static struct cores_started s; /* too large for a stack */
	cores_start(&m->madt, &s);
	print_started(&s);
	return SL_OK;
}

enum sl_err stage_clocks(struct machine *m)
{
	(void)m;
	cores_compare();
	print_skew();
	return SL_OK;
}

void undo_cores(struct machine *m)
{
	uint8_t last = 0;
	uint64_t n = irq_strays(&last) - m->strays_made;
	if (n)
		log_line("cores", "unexpected interrupts dropped: %llu, one of them on vector 0x%x", (ull)n,
			 last);
	struct stack_mark s = stacks_fullest();
	log_line("cores", "stacks: the deepest use was on core %u (%s): %llu of %llu bytes", s.core,
		 stack_name(s.kind), (ull)s.used, (ull)s.bytes);
}
