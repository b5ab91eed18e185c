/* The kernel's own start: from the loader's hand-over to app_main(), on a guarded stack. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/err.h"

/* Called before the first page is given to the page allocator: keeps memory out of it (pmm_reserve()) that
 * devices may write to whatever the system does. A few pages can be allocated, for tables to be read. */
void app_reserve(const struct boot_info *boot);
/* The application, apps/main.c. Does not return. */
void app_main(const struct boot_info *boot);

/* Pages that belonged to firmware's boot services: its drivers told devices to write there. */
uint64_t start_boot_pages(void);
/* Gives them to the page allocator. Only when no device can write to them any more: every unit translates,
 * and there is no function that no unit covers. Returns the number of pages. */
uint64_t start_reclaim(void);

/* Zeroed pages below 640 KiB, which the page allocator never has, for code that other cores start in. Always
 * the same ones. SL_NOTFOUND when firmware keeps all of it. */
enum sl_err start_low_memory(uint64_t pages, phys_t *out) MUST_CHECK;
