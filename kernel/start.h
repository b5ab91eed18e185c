/* The kernel's own start: from the loader's hand-over to app_main(), on a guarded stack. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/err.h"

/* Called before the first page is given to the page allocator: keeps memory out of it (pmm_reserve()) that
 * devices may write to whatever the system does. A few pages can be allocated, for tables to be read. */
void app_reserve(const struct boot_info *boot);
/* The application, apps/main.c. Does not return. */
void app_main(const struct boot_info *boot);
