#include "apps/measure/bench.h"
#include "apps/report/latency.h"
#include "kernel/core.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/tsc.h"

#define BARS 40u /* of the longest line of a drawn histogram */

static const char *const mode_names[] = {CONFIG_MODES(CONFIG_WORD)};
static const char *const map_names[] = {"off -", "pt  -", "on  1G", "on  2M", "on  4K", "on  strict"};

static void print_permille(unsigned x)
{
	log_text(" %5u.%u", x / 10, x % 10);
}

void bench_print_head(void)
{
	log_text("%*s\n", 84, "latency us:");
	log_text("     VFs depth batch  KiB wr%% order  mode     iommu         ops/s    MB/s");
	log_text("        min     median        p99      p99.9        max");
	log_text(" bells/op empty/op inval/op  irqs/op   fair%% spread%%\n");
}

void bench_print_row(const struct bench_result *r)
{
	const struct bench_row *w = &r->row;
	char batch[12] = "-";
	if (w->batch)
		fmt_print(batch, sizeof batch, "%u", w->batch);
	log_text("  %s %3u %5u %5s %4u %3u %-6s %-8s %-10s %8llu %7llu", w->pf ? "PF" : "VF", w->vfs,
		 w->depth, batch, w->bytes / 1024, w->writes, w->seq ? "seq" : "random", mode_names[w->mode],
		 map_names[w->map], (ull)r->median, (ull)(r->median * w->bytes / 1000000));
	report_latency(&r->latency);
	report_ratio(r->doorbells, r->ops, 4);
	report_ratio(r->empty, r->ops, 4);
	report_ratio(r->invals, r->ops, 4);
	report_ratio(r->irqs, r->ops, 4);
	print_permille(r->fair);
	print_permille(r->spread);
	log_text("%s\n", bench_noisy(r) ? " noisy" : "");
}

/* A line takes in this many buckets: half of a power of two. */
#define STEP (HIST_SUB / 2)

static uint64_t count_line(const struct hist *h, unsigned line)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < STEP; i++)
		n += h->bucket[line * STEP + i];
	return n;
}

void bench_print_hist(const struct bench_result *r)
{
	const struct hist *h = &r->latency;
	unsigned first = 0, last = HIST_BUCKETS / STEP - 1;
	uint64_t most = 0;
	char bar[BARS + 1];
	if (!h->count)
		return;
	while (!count_line(h, first))
		first++;
	while (!count_line(h, last))
		last--;
	for (unsigned i = first; i <= last; i++)
		most = count_line(h, i) > most ? count_line(h, i) : most;
	log_text("  latency of %s, %u in flight, from us on:\n", r->row.pf ? "the PF" : "one VF",
		 r->row.depth);
	for (unsigned i = first; i <= last; i++) {
		uint64_t n = count_line(h, i), ns = report_ns(hist_low(i * STEP));
		unsigned len = (unsigned)((n * BARS + most - 1) / most); /* what is there is seen */
		memset(bar, '#', len);
		bar[len] = 0;
		log_text("  %9llu.%llu %7llu %s\n", (ull)(ns / 1000), (ull)(ns % 1000 / 100), (ull)n, bar);
	}
}

void bench_print_json_run(const struct machine *m)
{
	log_text(
		"{\"t\":\"bench-run\",\"v\":1,\"cores\":%u,\"tsc_hz\":%llu,\"ms\":%u,\"seed\":%u,\"spread_bound_permille\":%u}\n",
		core_count(), (ull)tsc_info()->hz, m->cfg->ms, m->cfg->seed, BENCH_SPREAD);
}

static void json_hist(const struct hist *h)
{
	const char *comma = "";
	log_text(",\"hist\":[");
	for (unsigned i = 0; i < HIST_BUCKETS; i++) {
		if (!h->bucket[i])
			continue;
		log_text("%s[%llu,%llu]", comma, (ull)report_ns(hist_low(i)), (ull)h->bucket[i]);
		comma = ",";
	}
	log_text("]");
}

void bench_print_json(const struct bench_result *r, const struct config *cfg)
{
	static const char *const iommus[] = {CONFIG_IOMMUS(CONFIG_WORD)};
	static const char *const pages[] = {"", "", "1g", "2m", "4k", "strict"};
	const struct bench_row *w = &r->row;
	const struct hist *h = &r->latency;
	log_text(
		"{\"t\":\"bench\",\"who\":\"%s\",\"vfs\":%u,\"depth\":%u,\"batch\":%u,\"bytes\":%u,\"writes\":%u",
		w->pf ? "pf" : "vf", w->vfs, w->depth, w->batch, w->bytes, w->writes);
	log_text(",\"order\":\"%s\",\"mode\":\"%s\",\"iommu\":\"%s\",\"pages\":\"%s\",\"repeats\":[",
		 w->seq ? "seq" : "random", mode_names[w->mode], iommus[cfg->iommu], pages[w->map]);
	for (unsigned i = 0; i < BENCH_REPEATS; i++)
		log_text("%s%llu", i ? "," : "", (ull)r->iops[i]);
	log_text("],\"iops\":%llu,\"spread_permille\":%u,\"noisy\":%s,\"ops\":%llu,\"doorbells\":%llu",
		 (ull)r->median, r->spread, bench_noisy(r) ? "true" : "false", (ull)r->ops,
		 (ull)r->doorbells);
	log_text(",\"empty\":%llu,\"invals\":%llu,\"irqs\":%llu,\"fair_permille\":%u", (ull)r->empty,
		 (ull)r->invals, (ull)r->irqs, r->fair);
	report_latency_json(h);
	json_hist(h);
	log_text("}\n");
}
