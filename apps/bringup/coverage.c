#include "apps/bringup/coverage.h"
#include "kernel/fmt.h"
#include "pci/names.h"
#include "pci/posture.h"
#include "pci/regs.h"

#define CLASS_HOST_BRIDGE 0x0600

bool coverage_does_dma(const struct pci_func *f)
{
	return !f->is_bridge && f->class >> 8 != CLASS_HOST_BRIDGE && f->class >> 8 != PCI_CLASS_IOMMU;
}

bool coverage_has_unit(const struct iommu *mmu, bool translating, bdf_t fn)
{
	return translating && iommu_covered(mmu, fn, NULL);
}

static bool is_open(const struct pci_func *f, const struct iommu *mmu, bool translating)
{
	return coverage_does_dma(f) && !coverage_has_unit(mmu, translating, f->bdf);
}

void coverage_take(const struct pci *pci, const struct iommu *mmu, bool translating, struct coverage *out)
{
	*out = (struct coverage){.units = mmu->unit_count,
				 .on = translating ? iommu_units_in(mmu, IOMMU_UNIT_ON) : 0,
				 .missed = pci->n_missed};
	PCI_EACH(f, pci) {
		bool open = is_open(f, mmu, translating);
		out->functions += coverage_does_dma(f);
		out->no_unit += open;
		out->stuck += open && f->stuck;
		out->past += !open && f->past_iommu;
		out->vmd += pci_is_vmd(f);
	}
}

static void function_text(const struct pci_func *f, const char *why, char *buf, size_t n)
{
	const char *class = pci_class_name(f->class);
	fmt_print(buf, n, BDF_FMT " %s is under no unit that translates (%s): %s", BDF_ARG(f->bdf),
		  class ? class : "(unknown class)", why,
		  f->stuck ? "its Bus Master Enable stays on, so nothing blocks its DMA"
			   : "only its Bus Master Enable stops its DMA");
}

bool coverage_text(const struct pci *pci, const struct iommu *mmu, bool translating, unsigned i, char *buf,
		   size_t n)
{
	PCI_EACH(f, pci)
		if (is_open(f, mmu, translating) && !i--) {
			const char *why = "translation is off";
			if (translating)
				iommu_covered(mmu, f->bdf, &why);
			function_text(f, why, buf, n);
			return true;
		}
	PCI_EACH(f, pci)
		if (f->past_iommu && !is_open(f, mmu, translating) && !i--) {
			fmt_print(buf, n,
				  BDF_FMT " accesses memory past the IOMMU: nothing restricts its DMA",
				  BDF_ARG(f->bdf));
			return true;
		}
	if (i < pci->n_missed && i < ARRAY_LEN(pci->missed)) {
		pci_missed_text(&pci->missed[i], buf, n);
		return true;
	}
	if (i < pci->n_missed) {
		fmt_print(buf, n, "one more that was not examined (see the lines of the scan)");
		return true;
	}
	i -= pci->n_missed;
	PCI_EACH(f, pci)
		if (pci_is_vmd(f) && !i--) {
			fmt_print(buf, n, BDF_FMT " is VMD: the functions behind it are not examined",
				  BDF_ARG(f->bdf));
			return true;
		}
	return false;
}
