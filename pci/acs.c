#include "pci/acs.h"
#include "pci/quirk.h"
#include "pci/regs.h"

bool acs_is_wide(const struct pci_func *fn)
{
	return pci_quirk_find(fn, QUIRK_ACS_WIDE) != NULL;
}

unsigned acs_control(const struct pci_func *fn)
{
	unsigned at = fn->cap_acs;
	bool wide = acs_is_wide(fn) && at + ACS_CTL_WIDE + 4 <= 0x1000;
	return wide ? at + ACS_CTL_WIDE : at + ACS_CTL;
}

void acs_enable(struct pci_func *fn)
{
	if (!fn->cap_acs)
		return;
	uint64_t cap = fn_rd16(fn, fn->cap_acs + ACS_CAP);
	fn_wr16(fn, acs_control(fn), fn_rd16(fn, acs_control(fn)) | (cap & ACS_ISOLATE));
}

void acs_enable_all(struct pci *pci)
{
	PCI_EACH(f, pci)
		if (!f->pf)
			acs_enable(f);
}

/* With read-only access, the bits that a system would set at start count as set. */
static unsigned in_force(const struct pci_func *fn)
{
	unsigned control = fn_rd16(fn, acs_control(fn));
	return fn->cfg->read_only ? control | acs_off(fn) : control;
}

unsigned acs_off(const struct pci_func *fn)
{
	return fn->cap_acs ? fn_rd16(fn, fn->cap_acs + ACS_CAP) & ACS_ISOLATE &
				     ~(unsigned)fn_rd16(fn, acs_control(fn))
			   : 0;
}

unsigned acs_missing(const struct pci_func *fn)
{
	if (!fn->cap_acs)
		return ACS_ISOLATE;
	unsigned must = fn_rd16(fn, fn->cap_acs + ACS_CAP) & ACS_ISOLATE;
	if (fn->port_type == PCI_PORT_DOWNSTREAM)
		must = ACS_ISOLATE;
	else if (fn->port_type == PCI_PORT_ROOT)
		must |= ACS_SV;
	return must & ~in_force(fn);
}

bool acs_isolates(const struct pci_func *fn)
{
	return fn->cap_acs && !acs_missing(fn);
}

bool acs_isolates_in_linux(const struct pci_func *fn)
{
	return fn->cap_acs && !(acs_missing(fn) & fn_rd16(fn, fn->cap_acs + ACS_CAP));
}
