/* Per-core data, reached by GS. Each cache line has one writer; where two cores write, they take turns. */
#pragma once
#include "kernel/core.h"
#include "kernel/watch.h"
#include "kernel/x86/trap.h"

enum core_state { CORE_OFF, CORE_IDLE, CORE_BUSY, CORE_GIVEN_UP };
enum core_nmi { NMI_NONE, NMI_WHERE, NMI_STOP, NMI_HERE, NMI_LATE };

struct core {
	struct core *self; /* GS:0 */
	uint32_t index;    /* GS:8 */
	uint32_t apic_id;
	uint64_t stack;     /* GS:16, its upper end: kernel/x86/ap.S */
	int64_t tsc_offset; /* this counter minus core 0's; 0 when no difference can be measured */
	struct skew skew;
	struct watch watch; /* used by core 0 only */

	/* Work: core 0 writes it while the core is idle; the core itself only sets it back to idle. */
	uint32_t state __attribute__((aligned(64))); /* enum core_state */
	core_fn *fn;
	void *arg;

	/* Used by this core only. */
	uint64_t progress __attribute__((aligned(64)));
	bool halted;     /* waits for an interrupt in the middle of its work */
	uint64_t strays; /* interrupts without a handler */
	uint8_t stray_vector;
	const struct trap_frame *interrupted; /* by an interrupt whose handler runs now */

	/* An NMI from another core: the sender writes its purpose, this core answers NMI_HERE with its frame.
	 * NMI_LATE: the sender has stopped waiting, but the NMI may still come. */
	uint32_t nmi __attribute__((aligned(64))); /* enum core_nmi */
	const struct trap_frame *frame;
};

extern struct core cores[CORES_MAX];

static inline struct core *core_self(void)
{
	struct core *c;
	__asm__ volatile("movq %%gs:0, %0" : "=r"(c));
	return c;
}

/* GS of core 0, before anything else. */
void core_init_first(void);

/* The idle loop; does not return. */
_Noreturn void core_idle(void);

/* Adds a started core to the running ones. */
void core_add(void);

/* On an NMI: true when another core sent it and this core may continue. */
bool core_on_nmi(const struct trap_frame *f);

/* After an exception on this core while another is already ending the run: answers that core and never
 * returns. */
_Noreturn void core_park(const struct trap_frame *f);

/* The run ends: each other core shows where it is and stops. */
void core_stop_others(void);

/* Sets up the vectors and the timer that wake halted cores and watch busy ones. SL_NOSPACE when no vector is
 * left. */
enum sl_err core_init_irqs(void) MUST_CHECK;
