/* Starting the other cores. */
#pragma once
#include "kernel/madt.h"

struct cores_started {
	unsigned running; /* core 0 included */
	unsigned silent;  /* did not start: no core came up within two seconds of the one before */
	uint32_t silent_id[MADT_MAX_CPUS]; /* their APIC ids */
	unsigned too_many;                 /* above CORES_MAX */
	unsigned too_far;   /* their APIC ids need x2APIC, which this processor does not have */
	enum sl_err failed; /* SL_OK; else why no (further) core could be started */
};

/* Sets up interrupts on core 0 and starts every enabled processor of the MADT, all together (INIT, STARTUP,
 * STARTUP; SDM vol. 3 §9.4), each with stacks, descriptor tables and protections as core 0 has them. A core
 * that does not come up is counted and left; it does no harm if it comes up later. Indexes are in the MADT's
 * order. Call once, after tsc_init(). */
void cores_start(const struct madt *m, struct cores_started *s);

/* Measures the time stamp counter of each running core while it is idle: once, before the cores get work,
 * since their times depend on it. Separate from cores_start() because it takes long where virtual cores share
 * one processor of the host. */
void cores_compare(void);
