/* Stand-ins for apps/vf/domain.h in tests of code that gives functions a domain: there is one, the_domain,
 * and they count. Included by one file of a test, after support_stages.h. Which of them fails is decided by
 * stages_fail_at. */
#pragma once
#include <string.h>
#include "apps/vf/domain.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

static char the_domains;
static struct domain *const the_domain = (struct domain *)&the_domains;
static unsigned domains, connected; /* made and not dropped; functions that are connected */
static void *domain_regs;           /* of the BAR of a function that is connected */
static const char *domain_wants;    /* the only name that a domain may be given; NULL: any */
static bool domains_none;           /* none is made, as with iommu=off */
static struct pci_func *domain_fn;  /* the only function that may be connected; NULL: any */

enum sl_err make_domain(struct machine *m, const char *name, bdf_t fn, struct domain **dom)
{
	assert_true(m == &mach && name && (!domain_wants || !strcmp(name, domain_wants)));
	(void)fn;
	enum sl_err e = stages_call();
	*dom = e || domains_none ? NULL : the_domain;
	domains += *dom != NULL;
	return e;
}

void drop_domain(struct domain **dom)
{
	domains -= *dom != NULL;
	*dom = NULL;
}

enum sl_err function_connect_bar(struct pci_func *fn, unsigned bar, struct domain *dom, volatile void **regs)
{
	assert_true(fn && (!domain_fn || fn == domain_fn) && bar < PCI_BARS &&
		    dom == (domains_none ? NULL : the_domain));
	*regs = domain_regs;
	enum sl_err e = stages_call();
	connected += !e;
	return e;
}

enum sl_err function_connect(struct pci_func *fn, struct domain *dom, volatile void **regs)
{
	return function_connect_bar(fn, 0, dom, regs);
}

/* Without a domain, to look at it. */
enum sl_err function_reach(struct pci_func *fn, struct domain *dom, volatile void **regs)
{
	assert_true(fn && !dom);
	*regs = domain_regs;
	return stages_call();
}

void function_disconnect(struct pci_func *fn, struct domain *dom)
{
	assert_true(fn && (!domain_fn || fn == domain_fn) && dom == (domains_none ? NULL : the_domain) &&
		    connected);
	connected--;
}
