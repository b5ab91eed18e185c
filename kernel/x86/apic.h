/* The local APIC of the core that calls (Intel SDM vol. 3 chapter 11), by its registers in memory (xAPIC) or
 * by MSRs (x2APIC), and the interrupt controllers of the chipset, which are silenced. */
#pragma once
#include "kernel/irq.h"
#include "kernel/madt.h"

/* Once, on core 0: x2APIC when the firmware left it on, or when the highest APIC id to be reached needs it
 * and the processor has it; else as the firmware left it. SL_NOMEM; SL_UNSUPPORTED without a local APIC. */
enum sl_err apic_init(uint32_t highest) MUST_CHECK;

/* On each core, core 0 too: in the same mode, accepting all vectors above those of exceptions, with the timer
 * and the line of the 8259 masked and no interrupt of the firmware's left in service. */
void apic_on(void);

uint32_t apic_id(void);

/* Sends an interrupt to one core. Everything stored before is visible to it. SL_TIMEOUT when the previous
 * interrupt was not accepted within 10 ms. */
enum sl_err apic_send(uint32_t id, uint8_t vector) MUST_CHECK;
enum sl_err apic_send_nmi(uint32_t id) MUST_CHECK;
enum sl_err apic_send_init(uint32_t id) MUST_CHECK;
/* page: physical address of the start-up code, below 1 MiB. */
enum sl_err apic_send_startup(uint32_t id, uint32_t page) MUST_CHECK;

void apic_eoi(void);
/* True while the vector is in service in this core's local APIC. */
bool apic_in_service(unsigned vector);

/* This core's timer, with that vector once a second; vector 0 stops it. SL_UNSUPPORTED when it does not
 * count, SL_NOTFOUND before apic_init(). */
enum sl_err apic_tick(uint8_t vector) MUST_CHECK;

/* Moves the 8259s away from the exceptions' vectors and masks them and every pin of the I/O APICs. */
void chipset_irqs_off(const struct madt *m);
