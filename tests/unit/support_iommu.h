/* What the host tests of units share: RAM, a machine of model units, and the program's view of it. */
#pragma once
#include "tests/model/vtd_model.h"

#define RAM_BASE  0x40000000ull
#define RAM_BYTES (8 * PAGE_2M)

extern phys_t ram; /* RAM_BYTES from RAM_BASE on */
extern struct model_machine mc;
extern struct iommu mmu;

/* cmocka's setup of a group: the RAM, which the page allocator has. */
int ram_setup(void **state);
/* vtd_init() over the units that mc has so far. */
enum sl_err machine_read(struct iommu *out);
/* The same for mmu, which must not fail. */
void machine_start(void);
/* An empty machine. */
void machine_init(void);
/* A machine of one unit for all functions, which is enabled. */
struct model_unit *one_unit(uint64_t cap, uint64_t ecap);
/* No unit was driven as the specification forbids. */
void machine_end(void);
