/* When work that takes long reports how far it is: lines of a log, so not often. Pure: the caller prints. */
#pragma once
#include "kernel/bits.h"

#define PACE_US    10000000u /* at least, between two lines */
#define PACE_LINES 100u      /* about so many at most, where it is known how long the work takes */

struct pace {
	uint64_t start, next, step; /* us */
};

/* Work begins that takes expected_us; 0: that is not known. */
void pace_start(struct pace *p, uint64_t now_us, uint64_t expected_us);
/* True when it is time for a line. */
bool pace_due(struct pace *p, uint64_t now_us);
/* Seconds since it began. */
uint64_t pace_seconds(const struct pace *p, uint64_t now_us);
/* Seconds that are left when done of all are through, at the speed so far; done is not 0. */
uint64_t pace_left(const struct pace *p, uint64_t now_us, uint64_t done, uint64_t all);
