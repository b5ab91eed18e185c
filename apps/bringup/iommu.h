/* From firmware's DMAR table to translation. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_iommu(struct machine *m) MUST_CHECK;    /* DMAR, our tables, translation on */
enum sl_err stage_coverage(struct machine *m) MUST_CHECK; /* what is not translated, by name */

/* What is odd in firmware's DMAR table, and who owns its RMRRs. */
void dmar_print_findings(struct machine *m, struct span table);
/* What a struct boot_snapshot at that physical address says of the units and of bus mastering. */
void snapshot_print(const char *when, uint64_t at);
