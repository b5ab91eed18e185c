/* From the firmware's DMAR table to translation. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_iommu(struct machine *m) MUST_CHECK;    /* DMAR, our tables, translation on */
enum sl_err stage_coverage(struct machine *m) MUST_CHECK; /* what is not translated, by name */

/* Prints the findings in the firmware's DMAR table, or IVRS of an AMD machine, and who keeps memory by it. */
void table_print_findings(struct machine *m, struct span table, bool amd);
/* Prints units and bus mastering from the struct boot_snapshot at that physical address. */
void snapshot_print(const char *when, uint64_t at);
