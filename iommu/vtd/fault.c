#include "iommu/vtd/fault.h"
#include "iommu/vtd/state.h"
#include "iommu/vtd/unit.h"

static const char *const reasons[256] = {
	/* legacy mode: LRT, LCT, LSS, LGN */
	[0x01] = "bus has no root entry",
	[0x02] = "function has no context entry",
	[0x03] = "context entry is programmed wrongly",
	[0x04] = "address is beyond the address width",
	[0x05] = "no mapping that may be written",
	[0x06] = "no mapping that may be read",
	[0x07] = "a second-stage table could not be read",
	[0x08] = "the root table could not be read",
	[0x09] = "a context table could not be read",
	[0x0a] = "reserved bits set in the root entry",
	[0x0b] = "reserved bits set in the context entry",
	[0x0c] = "reserved bits set in a second-stage entry",
	[0x0d] = "context entry blocks translated and translation requests",
	[0x0e] = "the mapping leads into the interrupt range",
	/* interrupt remapping */
	[0x20] = "interrupt request has reserved bits set",
	[0x21] = "interrupt index is beyond the table",
	[0x22] = "interrupt entry is not present",
	[0x23] = "the interrupt remapping table could not be read",
	[0x24] = "reserved bits set in the interrupt entry",
	[0x25] = "compatibility format interrupt blocked",
	[0x26] = "interrupt does not come from the function that its entry names",
	[0x27] = "the posted interrupt descriptor could not be accessed",
	[0x28] = "reserved bits set in the posted interrupt descriptor",
	[0x29] = "write to the interrupt range that is no interrupt",
	[0x2a] = "unit wants extended interrupt mode, which is off",
	[0x2b] = "unit wants interrupt remapping, which is off",
	/* root table address register: RTA */
	[0x30] = "root table address register is programmed wrongly",
	[0x31] = "request with PASID in legacy mode",
	[0x32] = "page request in legacy mode",
	[0x33] = "all DMA is blocked (abort-DMA mode)",
	[0x34] = "request for execution",
	/* scalable mode: SRT, SCT, SPD, SPT */
	[0x38] = "the scalable-mode root table could not be read",
	[0x39] = "bus has no scalable-mode root entry",
	[0x3a] = "reserved bits set in the scalable-mode root entry",
	[0x40] = "a scalable-mode context table could not be read",
	[0x41] = "function has no scalable-mode context entry",
	[0x42] = "reserved bits set in the scalable-mode context entry",
	[0x43] = "scalable-mode context entry is programmed wrongly",
	[0x44] = "device TLB is not enabled in the context entry",
	[0x45] = "PASID is not enabled in the context entry",
	[0x46] = "PASID is larger than the context entry allows",
	[0x47] = "page requests are not enabled in the context entry",
	[0x48] = "PASID is the one kept for requests without PASID",
	[0x49] = "PASID in a translated request is not enabled in the context entry",
	[0x50] = "the PASID directory could not be read",
	[0x51] = "PASID directory entry is not present",
	[0x52] = "reserved bits set in the PASID directory entry",
	[0x58] = "a PASID table could not be read",
	[0x59] = "PASID table entry is not present",
	[0x5a] = "reserved bits set in the PASID table entry",
	[0x5b] = "PASID table entry is programmed wrongly",
	[0x5c] = "execution is not supported",
	[0x5d] = "supervisor requests are not enabled in the PASID table entry",
	[0x60] = "translated address is beyond the host permission table",
	/* scalable mode: SFS, SSS, SGN */
	[0x70] = "a first-stage table could not be read",
	[0x71] = "first-stage entry is not present",
	[0x72] = "reserved bits set in a first-stage entry",
	[0x73] = "the top first-stage table could not be read",
	[0x74] = "a first-stage table lies beyond the guest address width",
	[0x75] = "the second stage does not let the top first-stage table be read",
	[0x76] = "the second stage does not let a first-stage table be read",
	[0x77] = "the second stage does not let a first-stage table be written",
	[0x78] = "a second-stage table could not be read (scalable mode)",
	[0x79] = "no second-stage mapping (scalable mode)",
	[0x7a] = "reserved bits set in a second-stage entry (scalable mode)",
	[0x7b] = "the top second-stage table could not be read (scalable mode)",
	[0x7c] = "second-stage accessed or dirty bit needs a coherent walk",
	[0x7d] = "second-stage accessed or dirty bit could not be set",
	[0x80] = "address is not canonical",
	[0x81] = "user request for a supervisor page",
	[0x83] = "address is beyond the host address width",
	[0x84] = "address is beyond the guest address width (scalable mode)",
	[0x85] = "no write permission (scalable mode)",
	[0x86] = "no read permission (scalable mode)",
	[0x87] = "the mapping leads into the interrupt range (scalable mode)",
	[0x89] = "PASID is larger than the unit supports",
	[0x90] = "first-stage accessed or dirty bit needs a coherent walk",
	[0x91] = "first-stage accessed or dirty bit could not be set",
	/* host permission table: HPT */
	[0xa0] = "a host permission table could not be read",
	[0xa1] = "reserved bits set in a host permission entry",
	[0xa2] = "the top host permission table could not be read",
	[0xa3] = "no host permission for a read of length zero",
	[0xa4] = "no host permission to write",
	[0xa5] = "no host permission to read",
};

const char *vtd_fault_text(uint8_t reason)
{
	return reasons[reason] ? reasons[reason] : "reserved reason";
}

static reg64_t frcd_lo(const struct vtd_unit *u, unsigned i)
{
	return (reg64_t){(uint16_t)(vtd_fault_offset(u) + i * FRCD_BYTES)};
}

static reg64_t frcd_hi(const struct vtd_unit *u, unsigned i)
{
	return (reg64_t){(uint16_t)(vtd_fault_offset(u) + i * FRCD_BYTES + 8)};
}

/* F is cleared by writing the top dword alone. */
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
	vtd_wr32(&u->io, VTD_FEADDR, 0xfee00000u | (apic & 0xff) << 12);
	vtd_wr32(&u->io, VTD_FEUADDR, apic & 0xffffff00u);
	vtd_wr32(&u->io, VTD_FECTL, vtd_rd32(&u->io, VTD_FECTL) & (uint32_t)~FECTL_IM);
}
