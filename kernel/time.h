/* Time since the firmware handed over. In the kernel it is the TSC (kernel/x86/tsc_hw.c); a host test brings
 * its own. */
#pragma once
#include "kernel/bits.h"

/* Microseconds; never goes back on one core, and between cores by at most core_skew() (kernel/core.h). */
uint64_t now_us(void);
/* Busy wait; at least us microseconds. */
void delay_us(uint64_t us);

/* A deadline for a loop that polls:
 *
 *	struct deadline d = deadline_in(us);
 *	while (deadline_look(&d))
 *		if (it has happened)
 *			return SL_OK;
 *	return SL_TIMEOUT;
 *
 * The clock is read before each look, and the look that follows the deadline is the last: a pause between the
 * two (firmware's interrupt, another virtual machine) cannot fake a time-out. */
struct deadline {
	uint64_t end;
	bool late;
};

/* With a clock of one's own, in microseconds. */
static inline struct deadline deadline_at(uint64_t now, uint64_t us)
{
	return (struct deadline){.end = now + us};
}

static inline bool deadline_look_at(struct deadline *d, uint64_t now)
{
	if (d->late)
		return false;
	d->late = now > d->end;
	return true;
}

static inline struct deadline deadline_in(uint64_t us)
{
	return deadline_at(now_us(), us);
}

/* For one look that is not a loop's, or a loop that starts over: asked before it. */
static inline bool deadline_passed(const struct deadline *d)
{
	return now_us() > d->end;
}

/* May the caller look once more? */
static inline bool deadline_look(struct deadline *d)
{
	return !d->late && deadline_look_at(d, now_us());
}
