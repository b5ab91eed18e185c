#include "iommu/vtd/cmd.h"
#include "kernel/fmt.h"
#include "kernel/log.h"

/* Polls r until the bits of mask read want. The clock is read before the register, so that a pause between
 * the two cannot fake a timeout. */
enum sl_err vtd_wait32(struct vtd_unit *u, reg32_t r, uint32_t mask, uint32_t want, const char *what)
{
	uint32_t v = 0;
	struct deadline d = vtd_deadline(&u->io, VTD_DEADLINE_US);
	while (vtd_look(&u->io, &d)) {
		v = vtd_rd32(&u->io, r);
		if ((v & mask) == want)
			return SL_OK;
	}
	fmt_print(u->reason, sizeof(u->reason), "%s did not complete within %u ms", what,
		  VTD_DEADLINE_US / 1000);
	vtd_trouble(u, VTD_BROKEN, "%s (register 0x%x reads 0x%x)", u->reason, r.off, v);
	return SL_TIMEOUT;
}

/* One command: the status bits are written back except the one-shot ones, which would run again. VT-d
 * §11.4.4.1 */
enum sl_err vtd_command(struct vtd_unit *u, uint64_t bit, bool set, const char *what)
{
	uint32_t b = (uint32_t)bit;
	uint32_t keep = vtd_rd32(&u->io, VTD_GSTS) & (uint32_t)~GCMD_ONESHOT;
	vtd_wr32(&u->io, VTD_GCMD, set ? keep | b : keep & ~b);
	return vtd_wait32(u, VTD_GSTS, b, set && bit != GCMD_WBF ? b : 0, what);
}

enum sl_err vtd_write_flush(struct vtd_unit *u)
{
	return u->cap & CAP_RWBF ? vtd_command(u, GCMD_WBF, true, "write-buffer flush") : SL_OK;
}
