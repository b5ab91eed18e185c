/* Printing of a run's times. */
#pragma once
#include "apps/report/hist.h"

/* TSC ticks in nanoseconds. */
uint64_t report_ns(uint64_t ticks);

/* Minimum, median, p99, p99.9 and maximum in microseconds: five columns of 11 characters. */
void report_latency(const struct hist *h);
