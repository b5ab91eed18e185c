/* What each core has of its own, reached by GS. One core writes a line of it; where two do, they take turns.
 */
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
	int64_t tsc_offset; /* this counter less core 0's; 0 when they cannot be told apart */
	struct skew skew;
	struct watch watch; /* core 0's */

	/* Work: core 0 writes it while the core is idle; the core only goes back to idle. */
	uint32_t state __attribute__((aligned(64))); /* enum core_state */
	core_fn *fn;
	void *arg;

	/* The core's alone. */
	uint64_t progress __attribute__((aligned(64)));
	bool halted;     /* in the middle of its work, until an interrupt comes */
	uint64_t strays; /* interrupts that nobody had asked for */
	uint8_t stray_vector;
	const struct trap_frame *interrupted; /* by an interrupt whose handler runs now */

	/* An NMI that another core sends: it writes what for, the core answers NMI_HERE with its frame.
	 * NMI_LATE: nobody waits for the answer any more, but the NMI may still come. */
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

/* A core that has been started and counts from now on. */
void core_add(void);

/* On an NMI: true when another core asked for it and this one may go on. */
bool core_on_nmi(const struct trap_frame *f);

/* After an exception on one core while another is already ending the run: answers that one, for ever. */
_Noreturn void core_park(const struct trap_frame *f);

/* The run ends: each other core shows where it is and stops. */
void core_stop_others(void);

/* Wakes halted cores and watches busy ones: vectors and timer. SL_NOSPACE when there is no vector left. */
enum sl_err core_init_irqs(void) MUST_CHECK;
