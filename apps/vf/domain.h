/* Functions and their domains, independent of the device. */
#pragma once
#include "apps/machine.h"

/* A domain for that function; with iommu=pt a pass-through one; none (NULL) while translation is off. In the
 * last two memory is reached at its physical address. */
enum sl_err make_domain(struct machine *m, const char *name, bdf_t fn, struct domain **dom) MUST_CHECK;
void drop_domain(struct domain **dom);
/* Its id, for messages; 0: there is none. */
static inline unsigned domain_number(const struct domain *dom)
{
	return dom ? domain_id(dom) : 0;
}
/* Attaches a function to its domain, then enables its power, registers and bus mastering, with the bridges
 * above it (pci/path.h); *regs is its BAR0. On an error it is in no domain. */
enum sl_err function_connect(struct pci_func *fn, struct domain *dom, volatile void **regs) MUST_CHECK;
/* The same; *regs is that BAR. */
enum sl_err function_connect_bar(struct pci_func *fn, unsigned bar, struct domain *dom,
				 volatile void **regs) MUST_CHECK;
/* The same without the function's bus mastering, which the caller enables once the device's own reset has
 * ended what the firmware left running. A function that an RMRR has put into this domain stays in it. */
enum sl_err function_reach(struct pci_func *fn, struct domain *dom, volatile void **regs) MUST_CHECK;
/* Bus mastering off, out of the domain. */
void function_disconnect(struct pci_func *fn, struct domain *dom);
/* Verifies in the IOMMU's tables that functions without a domain reach nothing. SL_VERIFY. */
enum sl_err domains_check(struct machine *m) MUST_CHECK;
