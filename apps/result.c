#include "apps/result.h"
#include "apps/bringup/coverage.h"
#include "apps/report/latency.h"
#include "kernel/core.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/serial.h"
#include "kernel/str.h"

static void print_uncovered(struct machine *m)
{
	struct coverage c;
	coverage_take(&m->pci, &m->iommu, m->translating, &c);
	if (m->looked)
		log_text(" uncovered=%u", coverage_open(&c));
	else
		log_text(" uncovered=unknown");
}

/* A verdict is about what was covered; the rest is named beside it. */
static void name_uncovered(struct machine *m)
{
	struct coverage c;
	coverage_take(&m->pci, &m->iommu, m->translating, &c);
	if (!m->looked || !coverage_open(&c))
		return;
	log_line(
		"verdict",
		"it does not cover %u functions or buses: %u functions under no unit that translates, %u bridges, buses and functions that were not examined, %u VMD, %u that access memory past the IOMMU",
		coverage_open(&c), c.no_unit, c.missed, c.vmd, c.past);
	coverage_name(m, "verdict");
}

enum sl_err report_verdict(const struct machine *m, const char **failed, enum sl_err e)
{
	if (e || (m->tally.refused == m->tally.cases && !m->tally.proof_failed))
		return e;
	*failed = "proof";
	return SL_VERIFY;
}

/* What was shown of refusals, for the verdict line. */
static void proof_words(const struct machine *m, char *out, size_t n)
{
	if (!m->tally.cases) {
		fmt_print(out, n, "no access that has to be refused was tried");
		return;
	}
	size_t at =
		(size_t)fmt_print(out, n, "all %llu forbidden accesses were refused", (ull)m->tally.cases);
	if (m->tally.not_enforced && at < n)
		at += (size_t)fmt_print(out + at, n - at,
					", %llu forged interrupts were not (not enforced here)",
					(ull)m->tally.not_enforced);
	if (m->tally.not_tried && at < n)
		fmt_print(out + at, n - at, ", %llu could not be tried", (ull)m->tally.not_tried);
}

static void print_hardware(const struct hardware *h)
{
	log_text(" nmi=%u mce=%u mce_corrected=%u aer=%u aer_corrected=%u", h->nmis, h->mces,
		 h->mces_corrected, h->aers, h->aers_corrected);
}

enum result_verdict result_verdict(const struct machine *m, const char *failed, enum sl_err e)
{
	if (m->tally.refused != m->tally.cases || m->tally.proof_failed || m->faults.unprovoked ||
	    (m->audit.done && m->audit.against))
		return RESULT_FAIL;
	if (!failed)
		return m->audit.done || m->tally.cases ? RESULT_PASS : RESULT_NONE;
	if (e == SL_MCE || e == SL_AER || e == SL_NMI)
		return RESULT_FAIL;
	/* Wrong data; but these fail with SL_VERIFY when nothing was tried, or only the run is at fault, too:
	 * stage domains when Sluice's own tables are wrong. */
	bool judged = strcmp(failed, "audit") == 0 || strcmp(failed, "refuse") == 0 ||
		      strcmp(failed, "isolate") == 0 || strcmp(failed, "domains") == 0;
	return e == SL_VERIFY && !judged ? RESULT_FAIL : RESULT_NONE;
}

static const char *failed_words(const struct machine *m, enum result_verdict v, enum sl_err e)
{
	return v == RESULT_FAIL && m->audit.done
		       ? "the audit is complete, and it speaks against this machine: see the FAIL line above"
	       : v == RESULT_FAIL
		       ? "FAILED: what was tried speaks against this machine: see the FAIL line above"
	       : m->audit.done && e == SL_UNSUPPORTED
		       ? "the audit is complete, and cannot judge this machine or a part of it: see the FAIL line above"
		       : "FAILED: the run itself went wrong, and says nothing about the machine: see the FAIL line above";
}

/* The audit's keys. What it has not concluded is unknown. */
static void print_audit(const struct machine *m)
{
	const struct audit_state *a = &m->audit;
	const char *access = m->cfg->access == ACCESS_READ ? "read" : "write";
	if (a->done)
		log_text(" errors=%u warnings=%u proof=%s access=%s unjudged=%u", a->errors, a->warnings,
			 strcmp(a->words, "not run") == 0 ? "none" : a->words, access, a->unjudged);
	else if (m->cfg->app == APP_AUDIT || m->cfg->app == APP_SHELL)
		log_text(" errors=unknown warnings=unknown proof=none access=%s unjudged=unknown", access);
}

void report_result(struct machine *m, const char *failed, enum sl_err e)
{
	static const char *const verdicts[] = {
		[RESULT_NONE] = "none", [RESULT_PASS] = "pass", [RESULT_FAIL] = "fail"};
	const struct config *cfg = m->cfg;
	enum result_verdict verdict = result_verdict(m, failed, e);
	char proof[160], words[200];
	proof_words(m, proof, sizeof proof);
	fmt_print(words, sizeof words, "every result was correct; %s", proof);
	log_line(
		"verdict", "%s",
		cfg->app == APP_SHELL && !failed ? "the console session ended"
		: failed                         ? failed_words(m, verdict, e)
		: !m->audit.done                 ? words
		: strcmp(m->audit.words, "pass") == 0
			? "the audit is complete: it found nothing against assigning functions to others"
			: "the audit is complete: nothing in tables and registers speaks against assigning functions to others; no DMA was tried");
	name_uncovered(m);
	/* For serial_lost: a reader who only pauses counts, one who is gone does not. */
	serial_flush(SERIAL_FLUSH_US);
	log_text("RESULT v=1 app=%s ok=%d vfs=%u verified=%llu cases=%llu refused=%llu", config_app_name(cfg),
		 failed ? 0 : 1, m->tally.vfs, (ull)m->tally.verified, (ull)m->tally.cases,
		 (ull)m->tally.refused);
	log_text(" not_enforced=%llu not_tried=%llu", (ull)m->tally.not_enforced, (ull)m->tally.not_tried);
	if (m->tally.rows || cfg->app == APP_BENCH || cfg->app == APP_SHELL)
		log_text(" rows=%u noisy=%u", m->tally.rows, m->tally.noisy);
	print_audit(m);
	log_text(" irqs=%u", m->tally.irqs_checked);
	if (config_wants_qat(cfg))
		log_text(" vf_faults=%u recovered=%u", m->tally.vf_faults, m->tally.vf_recovered);
	log_text(" build=%s prev=%s", m->boot->identity.build, run_end_name(m->boot->before.note.end));
	print_uncovered(m);
	log_text(" ops=%llu us=%llu iops=%llu", (ull)m->tally.timed_ops, (ull)m->tally.timed_us,
		 (ull)(m->tally.timed_us ? m->tally.timed_ops * 1000000 / m->tally.timed_us : 0));
	log_text(" stopped=%d cores=%u fair_permille=%u", m->tally.stopped, core_count(),
		 m->tally.fair_permille);
	log_text(" p50_ns=%llu p99_ns=%llu max_ns=%llu",
		 (ull)report_ns(hist_permille(&m->tally.latency, 500)),
		 (ull)report_ns(hist_permille(&m->tally.latency, 990)), (ull)report_ns(m->tally.latency.max));
	log_text(" mem_kib=%llu", (ull)(pmm_peak_pages() * PAGE_SIZE / 1024));
	log_text(" faults=%llu stray_faults=%llu", (ull)m->faults.unprovoked, (ull)m->faults.stray);
	print_hardware(&m->hw);
	log_text(" serial_lost=%llu stage=%s err=%s verdict=%s\n", (ull)serial_lost(),
		 failed ? failed : "none", sl_err_name(failed ? e : SL_OK), verdicts[verdict]);
}
