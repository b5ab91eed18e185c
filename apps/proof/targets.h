/* Pages that VFs try to reach in stages refuse and flood: one of each VF, and the kernel's stand-in. */
#pragma once
#include "apps/machine.h"

uint8_t *target_va(const struct vf *vf);
/* The address that another function would need for it. */
uint64_t target_phys(const struct vf *vf);
/* All get their patterns; so do the pages that VFs may only read. */
void targets_fill(const struct machine *m);
/* True while no byte of the targets has changed since. */
bool targets_whole(const struct machine *m);
