#include "iommu/vtd/regs_seen.h"

/* Fault records start at CAP.FRO, NFR + 1 of them: VT-d §11.4.2. */
static void read_faults(const struct vtd_io *io, uint64_t size, struct vtd_regs_seen *r)
{
	uint64_t at = FGET(r->cap, CAP_FRO) * 16;
	unsigned records = (unsigned)FGET(r->cap, CAP_NFR) + 1;
	if (!r->cap || r->cap == UINT64_MAX || at < 0x100)
		return;
	for (; r->frcds < VTD_FRCDS_SEEN && r->frcds < records && at + 16 <= size; at += 16, r->frcds++)
		r->frcd[r->frcds] = (struct vtd_frcd){
			.lo = vtd_rd64(io, (reg64_t){(uint16_t)at}),
			.hi = vtd_rd64(io, (reg64_t){(uint16_t)(at + 8)}),
		};
}

void vtd_regs_read(const struct vtd_io *io, uint64_t size, struct vtd_regs_seen *out)
{
	*out = (struct vtd_regs_seen){
		.read = true,
		.ver = vtd_rd32(io, VTD_VER),
		.cap = vtd_rd64(io, VTD_CAP),
		.ecap = vtd_rd64(io, VTD_ECAP),
		.gsts = vtd_rd32(io, VTD_GSTS),
		.fsts = vtd_w1c_rd(io, VTD_FSTS),
		.rtaddr = vtd_rd64(io, VTD_RTADDR),
	};
	if (out->ecap & ECAP_IR)
		out->irta = vtd_rd64(io, VTD_IRTA);
	if (out->cap & (CAP_PLMR | CAP_PHMR))
		out->pmen = vtd_rd32(io, VTD_PMEN);
	if (out->cap & CAP_PLMR) {
		out->plmbase = vtd_rd32(io, VTD_PLMBASE);
		out->plmlimit = vtd_rd32(io, VTD_PLMLIMIT);
	}
	if (out->cap & CAP_PHMR) {
		out->phmbase = vtd_rd64(io, VTD_PHMBASE);
		out->phmlimit = vtd_rd64(io, VTD_PHMLIMIT);
	}
	read_faults(io, size, out);
}

void vtd_regs_line(struct jsonl *j, unsigned i, uint64_t base, uint16_t seg, const char *phase,
		   const struct vtd_regs_seen *r)
{
	jsonl_start(j, "unit");
	jsonl_add(j, ",\"i\":%u,\"base\":\"0x%llx\",\"seg\":%u,\"phase\":\"%s\",\"ver\":\"0x%x\"", i,
		  (ull)base, seg, phase, r->ver);
	jsonl_add(j, ",\"cap\":\"0x%llx\",\"ecap\":\"0x%llx\",\"gsts\":\"0x%x\",\"rtaddr\":\"0x%llx\"",
		  (ull)r->cap, (ull)r->ecap, r->gsts, (ull)r->rtaddr);
	jsonl_add(j, ",\"irta\":\"0x%llx\",\"pmen\":\"0x%x\",\"fsts\":\"0x%x\"", (ull)r->irta, r->pmen,
		  r->fsts);
	jsonl_add(j, ",\"plmbase\":\"0x%x\",\"plmlimit\":\"0x%x\"", r->plmbase, r->plmlimit);
	jsonl_add(j, ",\"phmbase\":\"0x%llx\",\"phmlimit\":\"0x%llx\",\"frcd\":[", (ull)r->phmbase,
		  (ull)r->phmlimit);
	for (unsigned n = 0; n < r->frcds && n < VTD_FRCDS_SEEN; n++)
		jsonl_add(j, "%s\"0x%llx:0x%llx\"", n ? "," : "", (ull)r->frcd[n].hi, (ull)r->frcd[n].lo);
	jsonl_add(j, "]");
	jsonl_end(j);
}
