/* Which RAM of firmware's memory map the page allocator gets, and when. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/err.h"

/* Gives what firmware marks free to the page allocator; the functions below are for after it. */
void ram_init(const struct boot_info *boot);

/* Pages that belonged to firmware's boot services: its drivers told devices to write there. */
uint64_t ram_boot_pages(void);
/* Gives them to the page allocator. Only when no device can write to them any more: every unit translates,
 * and there is no function that no unit covers. Returns the number of pages. */
uint64_t ram_reclaim(void);

/* Zeroed pages below 640 KiB, which the page allocator never has, for code that other cores start in. Always
 * the same ones. SL_NOTFOUND when firmware keeps all of it. */
enum sl_err ram_low(uint64_t pages, phys_t *out) MUST_CHECK;
