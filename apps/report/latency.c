#include "apps/report/latency.h"
#include "kernel/log.h"
#include "kernel/tsc.h"

uint64_t report_ns(uint64_t ticks)
{
	uint64_t hz = tsc_info()->hz;
	return hz ? ticks / hz * 1000000000 + ticks % hz * 1000000000 / hz : 0;
}

static void print_us(uint64_t ticks)
{
	uint64_t ns = report_ns(ticks);
	log_text(" %8llu.%llu", (ull)(ns / 1000), (ull)(ns % 1000 / 100));
}

void report_latency(const struct hist *h)
{
	print_us(h->min);
	print_us(hist_permille(h, 500));
	print_us(hist_permille(h, 990));
	print_us(hist_permille(h, 999));
	print_us(hist_permille(h, 1000));
}
