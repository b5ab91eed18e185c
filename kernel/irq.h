/* External interrupts: vectors 32 to 255. A handler runs on whichever core the interrupt was sent to, with
 * interrupts off, on the interrupted function's stack; it is short, allocates nothing, and the interrupt is
 * acknowledged after it. A vector without a handler is counted and dropped: it never stops a core. */
#pragma once
#include "kernel/err.h"

struct trap_frame;

typedef void irq_fn(void *ctx);

/* Vectors that irq_alloc() gives. Below are those of the 8259s, above the spurious one. */
#define IRQ_FIRST    0x30u
#define IRQ_LAST     0xefu
#define IRQ_SPURIOUS 0xffu

/* Sets or, with fn NULL, removes the handler of a vector. Core 0 only. SL_RANGE below 32 and for
 * IRQ_SPURIOUS; SL_EXISTS when it has one. */
enum sl_err irq_set(unsigned vector, irq_fn *fn, void *ctx) MUST_CHECK;

/* A free vector with this handler; SL_NOSPACE when there is none. irq_set(vector, NULL, NULL) frees it. */
enum sl_err irq_alloc(irq_fn *fn, void *ctx, uint8_t *vector) MUST_CHECK;

/* Interrupts without a handler so far, on all cores; *last is the vector of one of them. */
uint64_t irq_strays(uint8_t *last);

/* Called by trap_handle(), from kernel/x86/trap.S. */
void irq_handle(const struct trap_frame *f);

/* The mode of the local APICs and the reason, as text. */
const char *apic_mode(void);
/* The highest APIC id that interrupts can be sent to. */
uint32_t apic_reach(void);
