#include "apps/report/latency.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/tsc.h"

/* What is shown of a histogram: hist_permille(). */
static const struct {
	const char *name;
	unsigned part;
} shown[] = {{"min", 0}, {"p50", 500}, {"p99", 990}, {"p999", 999}, {"max", 1000}};

uint64_t report_ns(uint64_t ticks)
{
	uint64_t hz = tsc_info()->hz;
	return hz ? ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz : 0;
}

static void print_us(const struct hist *h, unsigned first, int width)
{
	for (unsigned i = first; i < ARRAY_LEN(shown); i++) {
		uint64_t ns = report_ns(hist_permille(h, shown[i].part));
		log_text(" %*llu.%llu", width, (ull)(ns / 1000), (ull)(ns % 1000 / 100));
	}
}

void report_latency(const struct hist *h)
{
	print_us(h, 0, 8);
}

void report_latency_json(const struct hist *h)
{
	for (unsigned i = 0; i < ARRAY_LEN(shown); i++)
		log_text("%s\"%s\":%llu", i ? "," : ",\"ns\":{", shown[i].name,
			 (ull)report_ns(hist_permille(h, shown[i].part)));
	log_text("}");
}

void report_ratio(uint64_t a, uint64_t b, int width)
{
	uint64_t x = b ? (a * 1000 + b / 2) / b : 0;
	log_text(" %*llu.%03llu", width, (ull)(x / 1000), (ull)(x % 1000));
}

static const char *const heads[] = {
	[REPORT_WIDE] =
		"                 core    ops/s    MB/s  latency us (median to p99.9: at most 6 % low):\n"
		"  VF                                      min     median        p99      p99.9        max  bells/op empty/op\n",
	[REPORT_TENTHS] =
		"                 core    ops/s      MB/s  latency us (median to p99.9: at most 6 % low):\n"
		"  VF                                        min     median        p99      p99.9        max  bells/op empty/op\n",
	[REPORT_80] = "  VF              ops/s   MB/s median us       p99     p99.9       max bells/op\n",
};

void report_begin(struct report_table *t, enum report_style style, uint64_t us, struct hist *sum)
{
	*t = (struct report_table){.style = style, .us = us, .latency = sum, .least = UINT64_MAX};
	hist_reset(sum);
	log_text("%s", heads[style]);
}

void report_row(const struct report_table *t, const struct report_row *r)
{
	bool narrow = t->style == REPORT_80;
	ull rate = (ull)(r->ops * 1000000 / t->us), mb = (ull)(r->bytes / t->us);
	if (narrow)
		log_text("  %-12s %8llu %6llu", r->name, rate, mb);
	else
		log_text("  %-14s %4s %8llu %7llu", r->name, r->core, rate, mb);
	if (t->style == REPORT_TENTHS)
		log_text(".%llu", (ull)(r->bytes * 10 / t->us % 10));
	print_us(r->latency, narrow, narrow ? 7 : 8);
	if (r->stats) {
		report_ratio(r->stats->doorbells, r->ops, narrow ? 4 : 5);
		if (!narrow)
			report_ratio(r->stats->empty_polls, r->ops, 5);
	}
	log_text("\n");
}

void report_add(struct report_table *t, const struct report_row *r)
{
	report_row(t, r);
	hist_merge(t->latency, r->latency);
	t->ops += r->ops;
	t->bytes += r->bytes;
	t->stats.doorbells += r->stats->doorbells;
	t->stats.empty_polls += r->stats->empty_polls;
	t->least = r->ops < t->least ? r->ops : t->least;
	t->most = r->ops > t->most ? r->ops : t->most;
}

unsigned report_end(const struct report_table *t)
{
	report_row(t, &(struct report_row){"all", "", t->latency, t->ops, t->bytes, &t->stats});
	return t->most ? (unsigned)(t->least * 1000 / t->most) : 0;
}
