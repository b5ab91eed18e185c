/* Which RAM of the firmware's memory map the page allocator gets, and when. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/err.h"

/* Adds the RAM that the firmware marks free to the page allocator. Call before the functions below. */
void ram_init(const struct boot_info *boot);

/* Pages of the firmware's boot services: its drivers had devices write there. */
uint64_t ram_boot_pages(void);
/* Adds them to the page allocator. Only when no device can write to them any more: every unit translates, and
 * a unit covers every function. Returns the number of pages. */
uint64_t ram_reclaim(void);

/* Zeroed pages below 640 KiB, which the page allocator never has, for the code that other cores start in.
 * Always the same pages. SL_NOTFOUND when the firmware keeps all of that memory. */
enum sl_err ram_low(uint64_t pages, phys_t *out) MUST_CHECK;
