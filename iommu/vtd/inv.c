#include "iommu/vtd/inv.h"
#include "iommu/vtd/cmd.h"
#include "iommu/vtd/qi.h"

/* VT-d §11.4.6.3 IOTLB_REG, §11.4.6.4 IVA_REG: at ECAP.IRO, whose unit is 16 bytes. */
static reg64_t iva_reg(const struct vtd_unit *u)
{
	return (reg64_t){(uint16_t)(FGET(u->ecap, ECAP_IRO) * 16)};
}

static reg64_t iotlb_reg(const struct vtd_unit *u)
{
	return (reg64_t){(uint16_t)(FGET(u->ecap, ECAP_IRO) * 16 + 8)};
}

/* Bit 63, ICC or IVT, reads 1 until the command is done; nothing may be written to the register before. */
static enum sl_err wait_idle(struct vtd_unit *u, reg64_t r, uint64_t *v)
{
	struct deadline d = vtd_deadline(&u->io, VTD_DEADLINE_US);
	while (vtd_look(&u->io, &d)) {
		*v = vtd_rd64(&u->io, r);
		if (!(*v & CCMD_ICC))
			return SL_OK;
	}
	vtd_trouble(u, "the affected memory stays reserved; reboot the machine",
		    "no answer to an invalidation through registers in %u ms (register 0x%x reads 0x%llx)",
		    VTD_DEADLINE_US / 1000, r.off, (ull)*v);
	u->dead = true;
	return SL_TIMEOUT;
}

/* done: the field with the granularity the unit performed; 0 when it refused the command. */
static enum sl_err command(struct vtd_unit *u, reg64_t r, uint64_t v, uint64_t done)
{
	u->count.descriptors++;
	u->count.waits++;
	vtd_wr64(&u->io, r, v);
	enum sl_err e = wait_idle(u, r, &v);
	if (e || v & done)
		return e;
	vtd_trouble(u, VTD_BROKEN, "invalidation through registers was refused (register 0x%x reads 0x%llx)",
		    r.off, (ull)v);
	return SL_DEVICE;
}

/* The granularities have the same values in descriptors and registers: VT-d §6.5.2.1, §11.4.6.1. */
static enum sl_err run_cc(struct vtd_unit *u, const struct vtd_desc *d)
{
	uint64_t v = CCMD_ICC | FPUT(CCMD_CIRG, FGET(d->lo, DESC_G)) | FPUT(CCMD_FM, FGET(d->lo, CC_FM)) |
		     FPUT(CCMD_SID, FGET(d->lo, CC_SID)) | FPUT(CCMD_DID, FGET(d->lo, DESC_DID));
	return command(u, VTD_CCMD, v, CCMD_CAIG);
}

/* The address first: the command uses it. */
static enum sl_err run_iotlb(struct vtd_unit *u, const struct vtd_desc *d)
{
	uint64_t v = IOTLB_IVT | FPUT(IOTLB_IIRG, FGET(d->lo, DESC_G)) |
		     FPUT(IOTLB_DID, FGET(d->lo, DESC_DID)) | (d->lo & IOTLB_DESC_DR ? IOTLB_DR : 0) |
		     (d->lo & IOTLB_DESC_DW ? IOTLB_DW : 0);
	if (FGET(d->lo, DESC_G) == DESC_G_PAGE)
		vtd_wr64(&u->io, iva_reg(u), d->hi); /* ADDR, IH and AM stand as in the descriptor */
	return command(u, iotlb_reg(u), v, IOTLB_IAIG);
}

enum sl_err vtd_inv_reset(struct vtd_unit *u)
{
	uint64_t v;
	if (vtd_has_queue(u)) {
		vtd_qi_reset(u);
		return SL_OK;
	}
	u->dead = false;
	enum sl_err e = wait_idle(u, VTD_CCMD, &v);
	return e ? e : wait_idle(u, iotlb_reg(u), &v);
}

enum sl_err vtd_inv_run(struct vtd_unit *u, const struct vtd_desc *d, unsigned n)
{
	if (vtd_has_queue(u))
		return vtd_qi_run(u, d, n);
	enum sl_err e = u->dead ? SL_DEVICE : SL_OK;
	for (unsigned i = 0; !e && i < n; i++)
		e = FGET(d[i].lo, DESC_TYPE) == DESC_CC ? run_cc(u, &d[i]) : run_iotlb(u, &d[i]);
	return e;
}

enum sl_err vtd_inv_steps(struct vtd_unit *u, const struct vtd_desc *d, unsigned n)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; !e && i < n; i++)
		e = vtd_inv_run(u, &d[i], 1);
	return e;
}

enum sl_err vtd_inv_all(struct vtd_unit *u)
{
	const struct vtd_desc two[] = {vtd_desc_cc_all(), vtd_desc_iotlb_all(vtd_drain(u))};
	const struct vtd_desc three[] = {two[0], vtd_desc_pasid_all(), two[1]};
	return u->tables == VTD_LEGACY ? vtd_inv_run(u, two, ARRAY_LEN(two))
				       : vtd_inv_steps(u, three, ARRAY_LEN(three));
}
