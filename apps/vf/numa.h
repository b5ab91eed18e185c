/* Memory and cores near a device, on machines with several nodes (NUMA). */
#pragma once
#include "apps/machine.h"

/* The node of a function's unit: the RHSA of the DMAR table, VT-d §8.6. SRAT_NO_NODE when there is none. */
uint32_t numa_of_function(const struct machine *m, bdf_t fn);

/* Until numa_end() memory comes from the node of VF vf, which is the function fn, as long as that has room;
 * where the tables do not name one, from that of the core that will work it. Nothing is changed on a machine
 * with one node. */
void numa_begin(const struct machine *m, bdf_t fn, unsigned vf);
void numa_end(void);

/* Once the PF is known: prefers cores near it, and logs that. */
void numa_choose_cores(const struct machine *m, bdf_t fn);
