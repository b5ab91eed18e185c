/* A latency histogram with logarithmic buckets: 16 to each power of two, so a value read back is at most 6.3
 * % low. Adding costs a handful of instructions and never allocates. Unit-free: the workloads add TSC ticks.
 */
#pragma once
#include "kernel/bits.h"

#define HIST_SUB     16u
#define HIST_BUCKETS (HIST_SUB * 61u)

struct hist {
	uint64_t count, min, max;
	uint64_t bucket[HIST_BUCKETS];
};

void hist_reset(struct hist *h);
void hist_add(struct hist *h, uint64_t value);
/* Adds all of from to h. */
void hist_merge(struct hist *h, const struct hist *from);

/* The smallest value of a bucket. */
uint64_t hist_low(unsigned bucket);

/* The value that part of 1000 values are at or below: part=500 is the median, 999 is p99.9, 1000 the largest.
 * A lower bound, that of the value's bucket, but for the largest, which is exact. Never outside min..max; 0
 * for an empty histogram. */
uint64_t hist_permille(const struct hist *h, unsigned part);
