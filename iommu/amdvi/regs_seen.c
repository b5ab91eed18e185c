#include "iommu/amdvi/regs_seen.h"

#define CAP_ID_SECURE  0x0f
#define CAP_ID         BITS(7, 0)
#define CAP_TYPE       BITS(18, 16)
#define CAP_TYPE_IOMMU 3

bool amdvi_is_capability(uint16_t cap, uint32_t head)
{
	return cap >= 0x40 && cap <= 0xf4 && cap % 4 == 0 && FGET(head, CAP_ID) == CAP_ID_SECURE &&
	       FGET(head, CAP_TYPE) == CAP_TYPE_IOMMU;
}

void amdvi_regs_read(const struct amdvi_io *io, struct amdvi_regs_seen *out)
{
#define READ(name, offset) .name = amdvi_rd(io, offset),
	*out = (struct amdvi_regs_seen){.read = true, AMDVI_REGS_SEEN(READ)};
#undef READ
}

void amdvi_regs_line(struct jsonl *j, unsigned i, uint64_t base, bdf_t unit, const char *phase,
		     const struct amdvi_regs_seen *r)
{
	jsonl_start(j, "amd");
	jsonl_add(j, ",\"i\":%u,\"base\":\"0x%llx\",\"bdf\":\"" BDF_FMT "\",\"phase\":\"%s\"", i, (ull)base,
		  BDF_ARG(unit), phase);
	jsonl_add(j, ",\"cap_base\":\"0x%llx\",\"efr\":\"0x%llx\",\"efr2\":\"0x%llx\",\"control\":\"0x%llx\"",
		  (ull)r->cap_base, (ull)r->efr, (ull)r->efr2, (ull)r->control);
	jsonl_add(j,
		  ",\"status\":\"0x%llx\",\"devtab\":\"0x%llx\",\"cmdbuf\":\"0x%llx\",\"evtlog\":\"0x%llx\"",
		  (ull)r->status, (ull)r->devtab, (ull)r->cmdbuf, (ull)r->evtlog);
	jsonl_add(j, ",\"excl_base\":\"0x%llx\",\"excl_limit\":\"0x%llx\"", (ull)r->excl_base,
		  (ull)r->excl_limit);
	jsonl_end(j);
}
