/* The kernel's own start: from the loader's hand-over to app_main(), on a guarded stack. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/err.h"

/* The application, apps/main.c. Does not return. */
void app_main(const struct boot_info *boot);

/* Gives memory that belonged to firmware's boot services to the page allocator. Only when no device can write
 * to it any more: bus mastering is off everywhere. Returns the number of pages. */
uint64_t start_reclaim(void);

/* Zeroed pages below 640 KiB, which the page allocator never has, for code that other cores start in. Always
 * the same ones. SL_NOTFOUND when firmware keeps all of it. */
enum sl_err start_low_memory(uint64_t pages, phys_t *out) MUST_CHECK;
