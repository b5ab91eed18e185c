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
		"it does not cover %u functions or buses: %u functions under no unit that translates, %u bridges, buses and functions that were not examined, %u VMD",
		coverage_open(&c), c.no_unit, c.missed, c.vmd);
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
	const struct {
		const char *key;
		unsigned n;
	} keys[] = {{"nmi", h->nmis},
		    {"mce", h->mces},
		    {"mce_corrected", h->mces_corrected},
		    {"aer", h->aers},
		    {"aer_corrected", h->aers_corrected}};
	for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
		if (keys[i].n)
			log_text(" %s=%u", keys[i].key, keys[i].n);
}

void report_result(struct machine *m, const char *failed, enum sl_err e)
{
	const struct config *cfg = m->cfg;
	char proof[160], words[200];
	proof_words(m, proof, sizeof proof);
	fmt_print(words, sizeof words, "every result was correct; %s", proof);
	log_line(
		"verdict", "%s",
		cfg->app == APP_SHELL && !failed ? "the console session ended"
		: failed                         ? "FAILED: see the FAIL line above"
		: !m->audit.done                 ? words
		: strcmp(m->audit.words, "pass") == 0
			? "the audit is complete: it found nothing against assigning functions to others"
			: "the audit is complete: nothing in tables and registers speaks against assigning functions to others; no DMA was tried");
	name_uncovered(m);
	/* For serial_lost: a reader who only pauses counts, one who is gone does not. */
	serial_flush(SERIAL_FLUSH_US);
	log_text("RESULT v=1 app=%s ok=%d vfs=%u verified=%llu cases=%llu refused=%llu", config_app_name(cfg),
		 failed ? 0 : 1, m->vfs, (ull)m->tally.verified, (ull)m->tally.cases, (ull)m->tally.refused);
	if (m->tally.not_enforced)
		log_text(" not_enforced=%llu", (ull)m->tally.not_enforced);
	if (m->tally.not_tried)
		log_text(" not_tried=%llu", (ull)m->tally.not_tried);
	if (m->tally.rows)
		log_text(" rows=%u noisy=%u", m->tally.rows, m->tally.noisy);
	if (m->audit.done)
		log_text(" errors=%u warnings=%u proof=%s", m->audit.errors, m->audit.warnings,
			 strcmp(m->audit.words, "not run") == 0 ? "none" : m->audit.words);
	if (m->audit.done && cfg->access == ACCESS_READ)
		log_text(" access=read unjudged=%u", m->audit.unjudged);
	if (m->tally.irqs_checked)
		log_text(" irqs=%u", m->tally.irqs_checked);
	if (config_wants_qat(cfg))
		log_text(" vf_faults=%u recovered=%u", m->tally.vf_faults, m->tally.vf_recovered);
	print_uncovered(m);
	log_text(" ops=%llu us=%llu iops=%llu", (ull)m->tally.timed_ops, (ull)m->tally.timed_us,
		 (ull)(m->tally.timed_us ? m->tally.timed_ops * 1000000 / m->tally.timed_us : 0));
	log_text(" cores=%u fair_permille=%u", core_count(), m->tally.fair_permille);
	log_text(" p50_ns=%llu p99_ns=%llu max_ns=%llu",
		 (ull)report_ns(hist_permille(&m->tally.latency, 500)),
		 (ull)report_ns(hist_permille(&m->tally.latency, 990)), (ull)report_ns(m->tally.latency.max));
	log_text(" mem_kib=%llu", (ull)(pmm_peak_pages() * PAGE_SIZE / 1024));
	log_text(" faults=%llu", (ull)m->faults.unprovoked);
	if (m->faults.stray)
		log_text(" stray_faults=%llu", (ull)m->faults.stray);
	print_hardware(&m->hw);
	log_text(" serial_lost=%llu", (ull)serial_lost());
	if (failed)
		log_text(" stage=%s err=%s", failed, sl_err_name(e));
	log_text("\n");
}
