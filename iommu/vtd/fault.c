#include "iommu/vtd/fault.h"
#include "iommu/vtd/state.h"
#include "iommu/vtd/unit.h"
#include "kernel/msi.h"

static reg64_t frcd_lo(const struct vtd_unit *u, unsigned i)
{
	return (reg64_t){(uint16_t)(vtd_fault_offset(u) + i * FRCD_BYTES)};
}

static reg64_t frcd_hi(const struct vtd_unit *u, unsigned i)
{
	return (reg64_t){(uint16_t)(vtd_fault_offset(u) + i * FRCD_BYTES + 8)};
}

/* Writing only the top dword clears F. */
static void frcd_ack(const struct vtd_unit *u, unsigned i)
{
	w1c32_t top = {(uint16_t)(vtd_fault_offset(u) + i * FRCD_BYTES + 12)};
	vtd_w1c_ack(&u->io, top, FRCD_F >> 32);
}

/* The record that the unit filled first and that is still pending; -1 when there is none. VT-d §7.2.1:
 * circular from FRI on. */
static int pending(const struct vtd_unit *u, uint32_t fsts)
{
	unsigned n = vtd_fault_records(u), first = (unsigned)FGET(fsts, FSTS_FRI) % n;
	if (!(fsts & FSTS_PPF))
		return -1;
	for (unsigned k = 0; k < n; k++)
		if (vtd_rd64(&u->io, frcd_hi(u, (first + k) % n)) & FRCD_F)
			return (int)((first + k) % n);
	return -1;
}

enum sl_err vtd_fault_next(struct vtd_unit *u, struct iommu_fault *out)
{
	uint32_t fsts = vtd_w1c_rd(&u->io, VTD_FSTS);
	int i = pending(u, fsts);
	if (i < 0) {
		if (fsts & FSTS_PFO) { /* only once the records are empty: VT-d §7.2.1 */
			u->count.overflows++;
			vtd_w1c_ack(&u->io, VTD_FSTS, FSTS_PFO);
		}
		return SL_END;
	}
	/* F was seen set, so the other fields are complete: VT-d §11.4.7.6, note 1 */
	uint64_t hi = vtd_rd64(&u->io, frcd_hi(u, (unsigned)i)),
		 lo = vtd_rd64(&u->io, frcd_lo(u, (unsigned)i));
	frcd_ack(u, (unsigned)i);
	(void)vtd_state_fault(lo, hi, u->seg, out);
	u->count.faults++;
	return SL_OK;
}

void vtd_fault_clear(struct vtd_unit *u)
{
	for (unsigned i = 0; i < vtd_fault_records(u); i++)
		if (vtd_rd64(&u->io, frcd_hi(u, i)) & FRCD_F)
			frcd_ack(u, i);
	vtd_w1c_ack(&u->io, VTD_FSTS, FSTS_PFO);
}

/* VT-d §11.4.7.3 to §11.4.7.5, then §11.4.7.2: unmasked last; what is pending by then is sent at once. */
void vtd_fault_event(struct vtd_unit *u, uint8_t vector, uint32_t apic)
{
	u->event = true;
	vtd_wr32(&u->io, VTD_FECTL, vtd_rd32(&u->io, VTD_FECTL) | (uint32_t)FECTL_IM);
	vtd_wr32(&u->io, VTD_FEDATA, vector);
	vtd_wr32(&u->io, VTD_FEADDR, (uint32_t)msi_address(apic));
	vtd_wr32(&u->io, VTD_FEUADDR, apic & 0xffffff00u);
	vtd_wr32(&u->io, VTD_FECTL, vtd_rd32(&u->io, VTD_FECTL) & (uint32_t)~FECTL_IM);
}
