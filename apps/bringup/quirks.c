/* What is done to this machine by the ids of its functions (pci/quirk.h), reported where it is done. */
#include "apps/bringup/quirks.h"
#include "kernel/fmt.h"
#include "kernel/log.h"

/* One line for each row of the effect: functions, workaround, source. */
static unsigned say(const struct pci *pci, enum pci_quirk_effect effect)
{
	const struct pci_quirk *q;
	unsigned all = 0;
	for (unsigned i = 0; (q = pci_quirk_row(i)); i++) {
		const struct pci_func *first = NULL;
		unsigned n = 0;
		char more[24] = "";
		PCI_EACH(f, pci)
			if (pci_quirk_find(f, effect) == q) {
				first = first ? first : f;
				n++;
			}
		if (!n)
			continue;
		if (n > 1)
			fmt_print(more, sizeof more, " and %u more", n - 1);
		log_line("quirk", BDF_FMT "%s [%04x:%04x]: %s (%s)", BDF_ARG(first->bdf), more, first->vendor,
			 first->device, pci_quirk_text(effect), q->who);
		all += n;
	}
	return all;
}

static bool has(const struct pci *pci, enum pci_quirk_effect effect)
{
	PCI_EACH(f, pci)
		if (pci_quirk_find(f, effect))
			return true;
	return false;
}

void quirks_pci(const struct pci *pci)
{
	static const uint8_t effects[] = {QUIRK_NO_BARS, QUIRK_ACS_WIDE, QUIRK_ACS_HIDDEN, QUIRK_ALIAS_1};
	for (size_t i = 0; i < ARRAY_LEN(effects); i++)
		(void)say(pci, effects[i]);
}

void quirks_iommu(const struct pci *pci, struct iommu *mmu, const struct table_functions *functions)
{
	if (has(pci, QUIRK_WRITE_BUFFER) && vtd_force_write_flush(mmu))
		(void)say(pci, QUIRK_WRITE_BUFFER);
	if (has(pci, QUIRK_GRAPHICS_OFF) &&
	    vtd_skip_graphics(mmu, functions, "a quirk of this graphics (docs/quirks.md)"))
		(void)say(pci, QUIRK_GRAPHICS_OFF);
	if (has(pci, QUIRK_GRAPHICS_4K) && vtd_small_pages_graphics(mmu, functions))
		(void)say(pci, QUIRK_GRAPHICS_4K);
}

bool quirks_no_remapping(const struct pci *pci)
{
	return say(pci, QUIRK_NO_REMAPPING) != 0;
}
