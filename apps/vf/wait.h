/* How a core waits for its rings: mode=
 *
 * poll: it polls. irq: when idle it halts; each result interrupts it. adaptive: it keeps polling for
 * WAIT_IDLE_US, then unmasks the interrupts and halts, and masks them again when it wakes: while it is busy
 * no interrupt comes.
 *
 * No wake-up is lost: the device's interrupts are armed first, then the rings are checked once more, with
 * interrupts off, and the halt begins with interrupts on.
 *
 * Order, on core 0: wait_open(); in the function that workers_run() runs: wait_of(), then wait_turn() after
 * each turn of the loop, or wait_result(); on core 0 again wait_print() and wait_close(). */
#pragma once
#include "boot/config.h"
#include "drivers/queue.h"
#include "iommu/irq.h"
#include "pci/msix.h"

#define WAIT_MAX     64u
/* Not yet measured. Ideally the cost of a halt plus wake-up on the machine; then polling costs at most twice
 * the better choice. */
#define WAIT_IDLE_US 50u
/* A result without an interrupt after this time has lost its interrupt. */
#define WAIT_LATE_US 2000000u

struct machine;

/* One VF's. In the timed phase only its core writes it, in the loop and in the interrupt. */
struct waiter {
	struct queue *a;
	struct msix_vector vector;
	struct iommu_irq entry;
	uint8_t irq_vector; /* of the processor; 0: none */
	uint64_t irqs;      /* interrupts that came */
	uint64_t irqs_seen; /* of them, at the last check before a halt */
	uint64_t arms;      /* times that the interrupt was armed */
	uint64_t caught; /* times that the check after arming found a result, so that the core did not halt */
	uint64_t halts;
	uint64_t lost; /* results that were there without an interrupt, WAIT_LATE_US long */
} __attribute__((aligned(64)));

/* Those of one core. */
struct wait_set {
	enum wait_mode mode;
	unsigned n;
	struct waiter *waiter[WAIT_MAX];
	uint64_t idle_from;       /* us; 0: the last turn had results */
	bool lost;                /* one of them lost a wake-up: see wait_print() */
	bool (*other)(void *ctx); /* something else that ends a wait; NULL: nothing */
	void *ctx;
};

const char *wait_mode_name(enum wait_mode mode);

/* Whether VFs are to be opened with interrupts. With a mode that needs them and none to be had it fails with
 * a line that says why: SL_UNSUPPORTED. */
enum sl_err wait_check(const struct machine *m, bool *irqs) MUST_CHECK;

/* Directs each VF's interrupt to the core that workers_run() assigns the VF to, masked except with mode=irq,
 * and clears all counts. Does nothing with mode=poll. */
enum sl_err wait_open(struct machine *m) MUST_CHECK;
/* One line for each VF and one for all. SL_VERIFY when a wake-up was lost. */
enum sl_err wait_print(const struct machine *m, const char *stage) MUST_CHECK;
void wait_close(struct machine *m);

/* The rings of n VFs from first on, for the core that works them. A fault event wakes core 0 too. */
void wait_of(struct machine *m, unsigned first, unsigned n, struct wait_set *out);

/* After each turn of a loop: results is how many came. Waits when it is time for it, as wait_result() does.
 */
void wait_turn(struct wait_set *r, unsigned results, uint64_t until);

/* Waits until a ring has a result: true. Or until the time is now_us() or something else happened: false. In
 * mode irq and adaptive the core is halted meanwhile, and until may pass by a second. */
bool wait_result(struct wait_set *r, uint64_t until);

/* What wait_result() begins and ends with. Between the two every result interrupts. */
void wait_arm(struct wait_set *r);
void wait_disarm(struct wait_set *r);
