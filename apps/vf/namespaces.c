/* Chooses a VF's private namespace. */
#include "apps/machine.h"
#include "apps/vf/nvme.h"

/* What stage verify can work on: blocks that make up a chunk, no metadata, and room. */
static bool serves(const struct nvme_ns *ns)
{
	return !ns->shared && !ns->meta && ns->block && ns->block <= CHUNK && CHUNK % ns->block == 0 &&
	       ns->blocks / (CHUNK / ns->block) >= CHUNKS_LEAST;
}

uint32_t find_private_ns(struct machine *m)
{
	struct nvme_ctrl *c = &nvme_pf_of(m)->ctrl;
	uint32_t nsid = 0;
	if (!(c->id.oacs & OACS_NS_MGMT))
		return 0;
	while (nvme_ns_next(c, NVME_NS_ALLOCATED, nsid, &nsid) == SL_OK) {
		struct nvme_ns ns;
		uint16_t owner;
		unsigned owners;
		if (nvme_ns_get(c, NVME_NS_ALLOCATED, nsid, &ns) == SL_OK && serves(&ns) &&
		    nvme_pf_ns_controllers(nvme_pf_of(m), nsid, &owner, 1, &owners) == SL_OK && !owners)
			return nsid;
	}
	return 0;
}
