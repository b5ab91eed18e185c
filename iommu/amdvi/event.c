#include "iommu/amdvi/event.h"
#include "iommu/amdvi/entry.h"

#define PAGE_OF(address) ((address) & ~(uint64_t)(PAGE_SIZE - 1))
#define RID_DEVFN        0xffu

const char *amdvi_event_name(unsigned code)
{
	static const char *const names[] = {"an event without a code", "ILLEGAL_DEV_TABLE_ENTRY",
					    "IO_PAGE_FAULT",           "DEV_TAB_HARDWARE_ERROR",
					    "PAGE_TAB_HARDWARE_ERROR", "ILLEGAL_COMMAND_ERROR",
					    "COMMAND_HARDWARE_ERROR",  "IOTLB_INV_TIMEOUT",
					    "INVALID_DEVICE_REQUEST",  "INVALID_PPR_REQUEST"};
	return code < ARRAY_LEN(names) ? names[code] : "an event of an unknown code";
}

/* A page fault by the specification. */
static void page_fault(uint64_t lo, struct iommu_fault *out)
{
	if (lo & EVENT_I) {
		out->why = WHY_IRQ_REFUSED;
		out->text = "the function has no entry for this interrupt";
	} else if (lo & EVENT_RZ) {
		out->why = WHY_BAD_ENTRY;
		out->text = "reserved bits, or an impossible level, in a page table";
	} else if (!FGET(lo, EVENT_DOMAIN)) {
		out->why = WHY_NO_DOMAIN;
		out->text = "the function has no domain";
	} else {
		out->why = out->write ? WHY_NO_WRITE : WHY_NO_READ;
		out->text = out->write ? "not mapped for writing" : "not mapped for reading";
	}
}

static void vague_fault(uint64_t lo, struct iommu_fault *out)
{
	out->vague = true;
	out->bdf.rid &= RID_DEVFN;
	out->write = (lo & EVENT_NX) != 0;
	out->why = out->write ? WHY_NO_WRITE : WHY_NO_READ;
	out->text = "its event has neither the bus nor the address";
}

bool amdvi_event_fault(uint64_t lo, uint64_t hi, uint16_t seg, bool emulated, struct iommu_fault *out)
{
	unsigned code = (unsigned)FGET(lo, EVENT_CODE);
	*out = (struct iommu_fault){.bdf = {seg, (uint16_t)FGET(lo, EVENT_DEVICE)},
				    .iova = IOVA(PAGE_OF(hi)),
				    .write = (lo & EVENT_RW) != 0,
				    .code = (uint8_t)code,
				    .text = amdvi_event_name(code)};
	switch (code) {
	case EVENT_PAGE_FAULT:
		if (emulated && lo & EVENT_I && !hi && !(lo & EVENT_GN) != !(lo & EVENT_NX))
			vague_fault(lo, out);
		else
			page_fault(lo, out);
		return true;
	case EVENT_ILLEGAL_DTE:
		out->why = WHY_BAD_ENTRY;
		return true;
	case EVENT_DEVTAB_ERROR:
	case EVENT_PAGETAB_ERROR:
		out->why = WHY_UNREADABLE;
		return true;
	case EVENT_REQUEST:
	case EVENT_PAGE_REQUEST:
		out->why = WHY_KIND;
		return true;
	default:
		return false;
	}
}
