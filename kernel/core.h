/* Cores: the firmware started us on core 0; the others run functions that core 0 assigns and halt in between.
 * There is no scheduler: one function runs on one core until it returns.
 *
 * Set-up belongs to core 0: nothing that allocates, maps or configures (pmm, paging, domains, pci) may be
 * called on another core, and core_run() and core_join() are core 0's. Any core may log.
 *
 * Order: core_init_first() (apps/start_hw.c), cores_start(), cores_compare(), then core_run() and
 * core_join() any number of times. */
#pragma once
#include "kernel/err.h"
#include "kernel/skew.h"

#define CORES_MAX 64u

typedef void core_fn(void *arg);

/* Number of running cores, core 0 included; their indexes are below it. */
unsigned core_count(void);

/* The index of the calling core. */
unsigned core_index(void);

/* The id of a core's local APIC, as interrupt messages name it. */
uint32_t core_apic_id(unsigned core);

/* The time stamp counter of a core against core 0's, as measured by cores_compare(). */
const struct skew *core_skew(unsigned core);

/* Starts fn(arg) on an idle core; core_join() waits for it. On core 0 it has run when core_run() returns. fn
 * calls core_progress() at least once in WATCH_SECONDS, or the watchdog prints where each core is. SL_RANGE:
 * no such core; SL_BUSY: the core is at work, or was given up. */
enum sl_err core_run(unsigned core, core_fn *fn, void *arg) MUST_CHECK;
#define WATCH_SECONDS 5u

/* Waits until the core is idle. SL_TIMEOUT when it is not by deadline (now_us()): then its position has been
 * printed and it is stopped for good, so that it touches nothing any more. */
enum sl_err core_join(unsigned core, uint64_t deadline) MUST_CHECK;

/* Halts this core until an interrupt comes, unless look(ctx) is true: look() is called once, with interrupts
 * off, and an interrupt that comes after it ends the halt. In a function that core_run() runs. The watchdog
 * ends the halt once a second, so that a waiter can check the clock, and a core that wakes makes progress.
 * Where core_can_halt() is false it returns without calling look(). True when it halted. */
bool core_halt_unless(bool (*look)(void *ctx), void *ctx);
/* True when halted cores are woken: there are interrupts and a timer. */
bool core_can_halt(void);

/* Tells the watchdog that the running function is alive. Touches only this core's memory. */
void core_progress(void);
