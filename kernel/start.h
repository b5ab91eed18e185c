/* The kernel's own start: from the loader's hand-over to app_main(), on a guarded stack. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/err.h"

/* Called before the first page is given to the page allocator: reserves (pmm_reserve()) memory that devices
 * may write to at any time. A few pages can be allocated, for reading tables. */
void app_reserve(const struct boot_info *boot);
/* The application, apps/main.c. Does not return. */
void app_main(const struct boot_info *boot);
