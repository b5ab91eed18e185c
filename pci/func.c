#include "pci/priv.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "pci/regs.h"

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

static void flag_clear(struct pci_func *f, unsigned off, uint64_t bit)
{
	uint64_t v = fn_rd16(f, off);
	if (v & bit)
		fn_wr16(f, off, v & ~bit);
}

unsigned pci_quiesce(struct pci *pci)
{
	unsigned masters = 0;
	PCI_EACH(f, pci) {
		if (f->is_bridge || f->class >> 8 == PCI_CLASS_HOST_BRIDGE)
			continue;
		masters += (fn_rd16(f, CFG_CMD) & CMD_BME) != 0;
		pci_bus_master(f, false);
		if (f->cap_msi)
			flag_clear(f, f->cap_msi + MSI_CTL, MSI_CTL_EN);
		if (f->cap_msix)
			flag_clear(f, f->cap_msix + MSIX_CTL, MSIX_CTL_EN);
		if (fn_rd16(f, CFG_CMD) & CMD_BME)
			log_warn("pci", BDF_FMT ": Bus Master Enable does not clear", BDF_ARG(f->bdf));
	}
	return masters;
}
