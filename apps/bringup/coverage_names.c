/* The names of what translation does not cover: for stage coverage and for the verdict. A file of its own, so
 * that what prints a verdict can be tested without what reaches hardware. */
#include "apps/bringup/coverage.h"
#include "apps/machine.h"
#include "kernel/log.h"

#define NAMED 8u

void coverage_name(struct machine *m, const char *subsystem)
{
	char text[200];
	unsigned n = 0;
	for (; coverage_text(&m->pci, &m->iommu, m->translating, n, text, sizeof text); n++)
		if (n < NAMED)
			log_warn(subsystem, "not covered: %s", text);
	if (n > NAMED)
		log_warn(subsystem, "not covered: %u more", n - NAMED);
}
