#include "apps/vf/domain.h"
#include "apps/vf/own_memory.h"
#include "iommu/attached.h"
#include "kernel/log.h"
#include "kernel/mmio.h"
#include "pci/path.h"

/* None while translation is off: memory is then reached at its physical address. */
enum sl_err make_domain(struct machine *m, const char *name, bdf_t fn, struct domain **dom)
{
	*dom = NULL;
	if (m->cfg->iommu == CONFIG_IOMMU_OFF)
		return SL_OK;
	if (translated(m))
		return domain_create_for(&m->iommu, name, fn, dom);
	enum sl_err e = domain_create_passthrough(&m->iommu, name, dom);
	if (e == SL_UNSUPPORTED)
		log_fail("iommu", "use iommu=on or iommu=off",
			 "iommu=pt: no unit can pass requests through (ECAP.PT is 0)");
	return e;
}

/* The function's only domain is that of an RMRR: says so, and which. */
static bool held_by_rmrr(const struct pci_func *fn, const struct domain *dom)
{
	struct iommu_reserved r = {0};
	struct iommu *mmu = domain_iommu(dom);
	const struct domain *held = iommu_domain_of(mmu, fn->bdf);
	while (held && iommu_reserved_next(mmu, fn->bdf, &r) == SL_OK) {
		if (r.interrupts)
			continue;
		log_fail(
			"iommu",
			"look in firmware setup for the vendor's option for this slot (HPE: Shared Memory and RMRR off), or update the firmware; docs/audit.md, RMRR-KEPT",
			BDF_FMT
			" is tied to the RMRR 0x%llx..0x%llx, in domain %u: the firmware may use that memory through it at any time",
			BDF_ARG(fn->bdf), (ull)r.base, (ull)(r.base + r.len - 1), domain_id(held));
		return true;
	}
	return false;
}

/* Registers of a BAR; NULL with a FAIL line when it has no address, or one that no request reaches. */
static volatile void *map_bar(const struct pci_func *fn, unsigned i)
{
	const struct pci_bar *bar = &fn->bar[i];
	const struct pci_func *stop = pci_path_stop(fn, bar);
	uint64_t last = bar->addr + (bar->size - 1);
	volatile void *regs =
		bar->addr && bar->size && !bar->io && !stop ? mmio_map(PHYS(bar->addr), bar->size) : NULL;
	if (bar->addr && bar->size && stop)
		log_fail(
			"pci",
			"update the firmware; switch above-4G decoding and SR-IOV on in its setup, or off and on",
			BDF_FMT ": BAR%u 0x%llx..0x%llx is not in the windows of the bridge " BDF_FMT
				" above it (0x%llx + 0x%llx, 0x%llx + 0x%llx): its registers do not answer",
			BDF_ARG(fn->bdf), i, (ull)bar->addr, (ull)last, BDF_ARG(stop->bdf),
			(ull)stop->mem.base, (ull)stop->mem.size, (ull)stop->pref.base, (ull)stop->pref.size);
	else if (!regs)
		log_fail("pci", "switch above-4G decoding on in firmware setup",
			 BDF_FMT " has no register address in BAR%u", BDF_ARG(fn->bdf), i);
	return regs;
}

static enum sl_err attach(const struct pci_func *fn, struct domain *dom)
{
	const struct attached *a = dom ? attached_find(domain_iommu(dom), fn->bdf) : NULL;
	return dom && !(a && a->dom == dom) ? domain_attach(dom, fn->bdf) : SL_OK;
}

static enum sl_err reach(struct pci_func *fn, unsigned bar, struct domain *dom, volatile void **regs)
{
	*regs = map_bar(fn, bar);
	if (!*regs)
		return SL_NOSPACE;
	enum sl_err e = attach(fn, dom);
	if (e == SL_BUSY && held_by_rmrr(fn, dom))
		return e;
	if (e) {
		log_fail(
			"iommu",
			"another slot, or ACS in firmware setup: the lines above name the port or the missing unit",
			BDF_FMT " cannot be put into a domain: %s", BDF_ARG(fn->bdf), sl_err_text(e));
		return e;
	}
	e = pci_path_open(fn);
	if (e)
		function_disconnect(fn, dom);
	return e;
}

enum sl_err function_reach(struct pci_func *fn, struct domain *dom, volatile void **regs)
{
	return reach(fn, 0, dom, regs);
}

/* Bus mastering, of the function and of the bridges above it, is enabled only with the domain in place. */
enum sl_err function_connect_bar(struct pci_func *fn, unsigned bar, struct domain *dom, volatile void **regs)
{
	enum sl_err e = reach(fn, bar, dom, regs);
	if (!e)
		pci_bus_master(fn, true);
	return e;
}

enum sl_err function_connect(struct pci_func *fn, struct domain *dom, volatile void **regs)
{
	return function_connect_bar(fn, 0, dom, regs);
}

void function_disconnect(struct pci_func *fn, struct domain *dom)
{
	pci_bus_master(fn, false);
	enum sl_err e = dom ? domain_detach(dom, fn->bdf) : SL_OK;
	if (e && e != SL_NOTFOUND) /* it may have been cut off: apps/bringup/faults.c */
		log_warn("iommu", BDF_FMT " could not be taken out of its domain", BDF_ARG(fn->bdf));
}

void drop_domain(struct domain **dom)
{
	if (*dom && domain_destroy(*dom))
		log_warn("iommu", "domain %s could not be destroyed", domain_name(*dom));
	*dom = NULL;
}

enum sl_err domains_check(struct machine *m)
{
	enum sl_err e = SL_OK;
	PCI_EACH(f, &m->pci)
		if (!e && translated(m) && !iommu_domain_of(&m->iommu, f->bdf))
			e = tables_absent(&m->iommu, f->bdf);
	return e;
}
