#include "pci/path.h"
#include "pci/priv.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "pci/regs.h"

#define VFS_GONE_US 1000000 /* the capability must not be read for this long: PCIe §9.3.3.3.1 */

struct pci_func *func_new(struct pci *pci)
{
	struct pci_func *f = TAILQ_FIRST(&pci->spare);
	if (f)
		TAILQ_REMOVE(&pci->spare, f, link);
	else
		f = pmm_keep(sizeof(*f));
	if (f) {
		memset(f, 0, sizeof(*f));
		f->cfg = pci->cfg;
	}
	return f;
}

static uint32_t order(const struct pci_func *f)
{
	return (uint32_t)f->bdf.seg << 16 | f->bdf.rid;
}

/* From the end, because a scan finds functions in ascending order. */
void func_insert(struct pci *pci, struct pci_func *f)
{
	struct pci_func *before = TAILQ_LAST(&pci->funcs, pci_list);
	while (before && order(before) > order(f))
		before = TAILQ_PREV(before, pci_list, link);
	if (before)
		TAILQ_INSERT_AFTER(&pci->funcs, before, f, link);
	else
		TAILQ_INSERT_HEAD(&pci->funcs, f, link);
}

void func_drop(struct pci *pci, struct pci_func *f)
{
	TAILQ_REMOVE(&pci->funcs, f, link);
	TAILQ_INSERT_HEAD(&pci->spare, f, link);
}

struct pci_func *pci_find(const struct pci *pci, bdf_t bdf)
{
	PCI_EACH(f, pci)
		if (bdf_eq(f->bdf, bdf))
			return f;
	return NULL;
}

static void command_set(struct pci_func *f, uint64_t bit, bool on)
{
	uint64_t cmd = fn_rd16(f, CFG_CMD);
	fn_wr16(f, CFG_CMD, on ? cmd | bit : cmd & ~bit);
}

void pci_bus_master(struct pci_func *fn, bool on)
{
	command_set(fn, CMD_BME, on);
}

void pci_mem_enable(struct pci_func *fn, bool on)
{
	command_set(fn, CMD_MSE, on);
}

/* True when the bit was set. */
static bool flag_clear(struct pci_func *f, unsigned off, uint64_t bit)
{
	uint64_t v = fn_rd16(f, off);
	if (v & bit)
		fn_wr16(f, off, v & ~bit);
	return (v & bit) != 0;
}

/* True when it was set. */
static bool master_off(struct pci_func *f)
{
	bool on = flag_clear(f, CFG_CMD, CMD_BME);
	f->found_master |= on;
	f->stuck = (fn_rd16(f, CFG_CMD) & CMD_BME) != 0;
	if (f->stuck && !f->cfg->read_only)
		log_warn("pci", BDF_FMT ": Bus Master Enable does not clear", BDF_ARG(f->bdf));
	return on;
}

/* Requests that are already translated pass a unit that allows them, so no function may request translations.
 * PASID Enable may not change while ATS is on: PCIe §7.8.9.3. */
static void caches_off(struct pci_func *f)
{
	if (f->cap_pri && flag_clear(f, f->cap_pri + PRI_CTL, PRI_CTL_EN))
		f->found |= PCI_FOUND_PRI;
	if (f->cap_ats && flag_clear(f, f->cap_ats + ATS_CTL, ATS_CTL_EN))
		f->found |= PCI_FOUND_ATS;
	if (f->cap_pasid && flag_clear(f, f->cap_pasid + PASID_CTL, PASID_CTL_EN))
		f->found |= PCI_FOUND_PASID;
}

uint32_t pci_pasid_enable(struct pci_func *fn, bool on)
{
	if (!fn->cap_pasid)
		return 0;
	uint64_t ctl = fn_rd16(fn, fn->cap_pasid + PASID_CTL);
	fn_wr16(fn, fn->cap_pasid + PASID_CTL, on ? ctl | PASID_CTL_EN : ctl & ~(uint64_t)PASID_CTL_EN);
	return 1u << (fn_rd16(fn, fn->cap_pasid + PASID_CAP) >> 8 & 0x1f);
}

unsigned pci_ats_depth(const struct pci_func *fn)
{
	if (!fn->cap_ats)
		return 0;
	unsigned depth = (unsigned)FGET(fn_rd16(fn, fn->cap_ats + ATS_CAP), ATS_CAP_IQD);
	return depth ? depth : 32;
}

void pci_ats_enable(struct pci_func *fn, bool pages)
{
	fn_wr16(fn, fn->cap_ats + ATS_CTL, ATS_CTL_EN);
	if (pages && fn->cap_pri) {
		fn_wr32(fn, fn->cap_pri + PRI_ALLOCATION, fn_rd32(fn, fn->cap_pri + PRI_CAPACITY));
		fn_wr16(fn, fn->cap_pri + PRI_CTL, PRI_CTL_EN);
	}
}

void pci_ats_disable(struct pci_func *fn)
{
	if (fn->cap_pri)
		(void)flag_clear(fn, fn->cap_pri + PRI_CTL, PRI_CTL_EN);
	(void)flag_clear(fn, fn->cap_ats + ATS_CTL, ATS_CTL_EN);
}

static bool vfs_left_on(struct pci_func *f)
{
	if (!f->cap_sriov || !flag_clear(f, f->cap_sriov + SRIOV_CTL, SRIOV_CTL_VFE))
		return false;
	f->found |= PCI_FOUND_VFS;
	if (f->cfg->read_only)
		return false;
	log_warn("pci", BDF_FMT ": the firmware left its VFs on; VF Enable is cleared", BDF_ARG(f->bdf));
	return true;
}

static bool is_followed(const struct pci_func *f)
{
	return f->class >> 8 == PCI_CLASS_HOST_BRIDGE || (f->is_bridge && f->sec);
}

/* Whether the path to it is open for a driver: pci/path.h. */
static void note_path(struct pci_func *f)
{
	if (f->found_power || pci_power_state(f))
		f->found |= PCI_FOUND_ASLEEP;
	if (f->parent && ~fn_rd16(f->parent, CFG_CMD) & (CMD_MSE | CMD_BME))
		f->parent->found |= PCI_FOUND_CLOSED;
}

unsigned pci_quiesce(struct pci *pci)
{
	unsigned masters = 0;
	bool vfs = false;
	PCI_EACH(f, pci)
		note_path(f);
	PCI_EACH(f, pci) {
		if (is_followed(f))
			continue;
		if (f->class >> 8 == PCI_CLASS_IOMMU)
			continue; /* it sends its own interrupts, and reaches memory without that bit */
		masters += master_off(f) && !f->is_bridge;
		if (f->cap_msi)
			flag_clear(f, f->cap_msi + MSI_CTL, MSI_CTL_EN);
		if (f->cap_msix)
			flag_clear(f, f->cap_msix + MSIX_CTL, MSIX_CTL_EN);
		caches_off(f);
		vfs |= vfs_left_on(f);
	}
	if (!vfs)
		return masters;
	delay_us(VFS_GONE_US);
	PCI_EACH(f, pci)
		if (f->found & PCI_FOUND_VFS)
			vf_bars_read(f); /* the scan could not, with VF Enable set */
	return masters;
}
