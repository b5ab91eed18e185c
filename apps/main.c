/* The boot as a table of contents. A stage that fails has said why and what to try; what the stages before it
 * set up is put back in reverse order, whatever happened. */
#include "apps/machine.h"
#include "apps/report.h"
#include "kernel/log.h"
#include "kernel/power.h"
#include "kernel/start.h"

static const struct stage {
	const char *name;
	enum sl_err (*run)(struct machine *m);
	void (*undo)(struct machine *m); /* puts back what run did, also when it did only half of it */
} stages[] = {
	{"boot", stage_boot, NULL},
	{"acpi", stage_acpi, NULL},
	{"pci", stage_pci, NULL},
	{"iommu", stage_iommu, NULL},
	{"pf", stage_pf, undo_pf},
	{"sriov", stage_sriov, undo_sriov},
	{"domains", stage_domains, undo_domains},
	{"verify", stage_verify, NULL},
	{"timed", stage_timed, NULL},
	{"refuse", stage_refuse, NULL},
};

static struct machine machine;

/* Called by kernel/start_hw.c with memory, exceptions and the console working. */
void app_main(const struct boot_info *boot)
{
	struct machine *m = &machine;
	enum sl_err e = SL_OK;
	size_t i = 0;
	m->boot = boot;
	for (; i < ARRAY_LEN(stages); i++) {
		e = stages[i].run(m);
		if (e)
			break;
	}
	const char *failed = e ? stages[i].name : NULL;
	for (size_t j = e ? i + 1 : i; j-- > 0;)
		if (stages[j].undo)
			stages[j].undo(m);
	report_result(m, failed, e);
	power_end(e == SL_OK);
}
