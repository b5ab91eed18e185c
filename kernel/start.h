/* The kernel's own start: from the loader's hand-over to app_main(), on a guarded stack. */
#pragma once
#include "boot/boot_info.h"

/* The application, apps/main.c. Does not return. */
void app_main(const struct boot_info *boot);

/* Gives memory that belonged to firmware's boot services to the page allocator. Only when no device can write
 * to it any more: bus mastering is off everywhere. Returns the number of pages. */
uint64_t start_reclaim(void);
