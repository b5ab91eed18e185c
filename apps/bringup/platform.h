/* The machine as the firmware left it: the boot, tables, functions. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_boot(struct machine *m) MUST_CHECK; /* loader, firmware and processor */
enum sl_err stage_acpi(struct machine *m) MUST_CHECK; /* tables, clock */
enum sl_err stage_pci(struct machine *m) MUST_CHECK;  /* the tree; no function masters the bus after it */
void undo_pci(struct machine *m);
/* Called before the first page is given to the page allocator: keeps memory out of it (pmm_reserve()) that
 * devices may write to whatever the system does, and claims the registers of VT-d units, then configuration
 * space (phys_claim()), before a framebuffer is. A few pages can be allocated, for tables to be read. */
void app_reserve(const struct boot_info *boot);
