/* Starting the other cores. */
#pragma once
#include "kernel/madt.h"

struct cores_started {
	unsigned running;   /* core 0 included */
	unsigned silent;    /* did not start within two seconds each */
	unsigned too_many;  /* above CORES_MAX */
	unsigned too_far;   /* their APIC ids need x2APIC, which this processor does not have */
	enum sl_err failed; /* SL_OK; else why no other core could be started, or no further one */
};

/* Sets up interrupts on core 0 and starts every enabled processor of the MADT, one after another (INIT,
 * STARTUP, STARTUP; SDM vol. 3 §9.4), each with stacks, descriptor tables and protections as core 0 has them,
 * and measures its time stamp counter. One that does not come is counted and left; it can do nothing if it
 * comes later. Once, after tsc_init(). */
struct cores_started cores_start(const struct madt *m);
