/* Starting the other cores. */
#pragma once
#include "kernel/madt.h"

struct cores_started {
	unsigned running;                  /* core 0 included */
	unsigned silent;                   /* did not start: none came within two seconds of the one before */
	uint32_t silent_id[MADT_MAX_CPUS]; /* their APIC ids */
	unsigned too_many;                 /* above CORES_MAX */
	unsigned too_far;   /* their APIC ids need x2APIC, which this processor does not have */
	enum sl_err failed; /* SL_OK; else why no other core could be started, or no further one */
};

/* Sets up interrupts on core 0 and starts every enabled processor of the MADT, all together (INIT, STARTUP,
 * STARTUP; SDM vol. 3 §9.4), each with stacks, descriptor tables and protections as core 0 has them. One that
 * does not come is counted and left; it can do nothing if it comes later. Indexes are in the MADT's order.
 * Once, after tsc_init(). */
void cores_start(const struct madt *m, struct cores_started *s);

/* Measures the time stamp counter of each core that runs, while they are idle: once, before they are given
 * work, since it says what their times are worth. Apart from cores_start() because it takes long where cores
 * share a processor of the host. */
void cores_compare(void);
