/* Time since the firmware handed over. In the kernel it is the TSC (kernel/x86/tsc_hw.c); a host test brings
 * its own. */
#pragma once
#include <stdint.h>

/* Microseconds; never goes back on one core, and between cores by at most core_skew() (kernel/core.h). */
uint64_t now_us(void);
/* Busy wait; at least us microseconds. */
void delay_us(uint64_t us);
