/* How a core waits for the rings that it works: mode=
 *
 * poll: it looks again. irq: when there is nothing it halts; each result interrupts it. adaptive: it goes on
 * looking for RINGS_IDLE_US, then unmasks the interrupts and halts, and masks them again when it wakes: while
 * it is busy no interrupt comes.
 *
 * No wake-up is lost: first the device is told that its results interrupt from now on, then the rings are
 * looked at once more, with interrupts off, and the halt begins with interrupts on.
 *
 * Order, on core 0: rings_open(); in the function that lanes_run() runs: rings_of(), then rings_turn() after
 * each turn of the loop, or rings_wait(); on core 0 again rings_print() and rings_close(). */
#pragma once
#include "boot/config.h"
#include "drivers/accel.h"
#include "iommu/irq.h"
#include "pci/msix.h"

#define RINGS_MAX     64u
/* A choice that no measurement is behind yet. The best is what halting and being woken cost on the machine:
 * looking for that long is never more than twice as dear as the better of the two. */
#define RINGS_IDLE_US 50u
/* A result whose interrupt has not come by then has lost it. */
#define RINGS_LATE_US 2000000u

struct machine;

/* One VF's. In the timed phase its core alone writes it, by the loop and by the interrupt. */
struct ring {
	struct accel *a;
	struct msix_vector vector;
	struct iommu_irq entry;
	uint8_t irq_vector; /* of the processor; 0: none */
	uint64_t irqs;      /* interrupts that came */
	uint64_t irqs_seen; /* of them, when it was looked at for the last time before a halt */
	uint64_t arms;      /* times that the device was told */
	uint64_t caught;    /* times that the look after that found a result, so that the core did not halt */
	uint64_t halts;
	uint64_t lost; /* results that were there without an interrupt, RINGS_LATE_US long */
} __attribute__((aligned(64)));

/* Those of one core. */
struct rings {
	enum ring_mode mode;
	unsigned n;
	struct ring *ring[RINGS_MAX];
	uint64_t idle_from;       /* us; 0: the last turn brought something */
	bool lost;                /* one of them lost a wake-up: see rings_print() */
	bool (*other)(void *ctx); /* something else that ends a wait; NULL: nothing */
	void *ctx;
};

const char *ring_mode_name(enum ring_mode mode);

/* Whether VFs are to be opened with interrupts. With a mode that needs them and none to be had it fails with
 * a line that says why: SL_UNSUPPORTED. */
enum sl_err rings_check(const struct machine *m, bool *irqs) MUST_CHECK;

/* Gives each VF's interrupt to the core that lanes_run() gives the VF to, masked but with mode=irq, and all
 * counts are 0. Nothing to do with mode=poll. */
enum sl_err rings_open(struct machine *m) MUST_CHECK;
/* One line for each VF and one for all. SL_VERIFY when a wake-up was lost. */
enum sl_err rings_print(const struct machine *m, const char *stage) MUST_CHECK;
void rings_close(struct machine *m);

/* The rings of n VFs from first on, for the core that works them. A fault event wakes core 0 too. */
void rings_of(struct machine *m, unsigned first, unsigned n, struct rings *out);

/* After each turn of a loop: results is how many came. Waits when it is time for it, as rings_wait() does. */
void rings_turn(struct rings *r, unsigned results, uint64_t until);

/* Waits until a ring has a result: true. Or until the time is now_us() or something else happened: false. In
 * mode irq and adaptive the core is halted meanwhile, and until may pass by a second. */
bool rings_wait(struct rings *r, uint64_t until);

/* What rings_wait() begins and ends with. Between the two every result interrupts. */
void rings_arm(struct rings *r);
void rings_disarm(struct rings *r);
