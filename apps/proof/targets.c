#include "apps/proof/targets.h"
#include "apps/proof/standin.h"
#include "apps/work/pattern.h"

static uint64_t secret(unsigned vf)
{
	return pattern_seed(vf, 3, 3);
}

uint8_t *target_va(const struct vf *vf)
{
	return (uint8_t *)vf->buffers.va + BUFFER_TARGET;
}

uint64_t target_phys(const struct vf *vf)
{
	return vf->buffers.phys.v + BUFFER_TARGET;
}

void targets_fill(const struct machine *m)
{
	standin_fill();
	for (unsigned i = 0; i < m->vfs; i++) {
		pattern_fill(m->vf[i].readonly.va, PAGE_SIZE, pattern_seed(i, 2, 2));
		pattern_fill(target_va(&m->vf[i]), PAGE_SIZE, secret(i));
	}
}

bool targets_whole(const struct machine *m)
{
	bool whole = standin_whole();
	for (unsigned i = 0; i < m->vfs; i++)
		whole &= pattern_check(target_va(&m->vf[i]), PAGE_SIZE, secret(i));
	return whole;
}
