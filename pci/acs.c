#include "pci/acs.h"
#include "pci/regs.h"

#define ACS_ISOLATE (ACS_SV | ACS_RR | ACS_CR | ACS_UF)

enum sl_err acs_enable(struct pci_func *fn)
{
	if (!fn->cap_acs)
		return SL_UNSUPPORTED;
	uint64_t cap = fn_rd16(fn, fn->cap_acs + ACS_CAP);
	fn_wr16(fn, fn->cap_acs + ACS_CTL, fn_rd16(fn, fn->cap_acs + ACS_CTL) | (cap & ACS_ISOLATE));
	return acs_isolates(fn) ? SL_OK : SL_UNSUPPORTED;
}

bool acs_isolates(const struct pci_func *fn)
{
	if (!fn->cap_acs)
		return false;
	uint64_t must = fn_rd16(fn, fn->cap_acs + ACS_CAP) & ACS_ISOLATE;
	if (fn->port_type == PCI_PORT_DOWNSTREAM)
		must = ACS_ISOLATE;
	else if (fn->port_type == PCI_PORT_ROOT)
		must |= ACS_SV;
	return (fn_rd16(fn, fn->cap_acs + ACS_CTL) & must) == must;
}
