#include "apps/vf/numa.h"
#include "apps/vf/workers.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/srat.h"

/* The SRAT of a machine with more than one node. */
static bool several(const struct machine *m, struct span *srat)
{
	const struct acpi_table *t = acpi_find(&m->acpi, "SRAT", 0);
	*srat = t ? t->data : (struct span){0};
	return t && srat_several_nodes(*srat);
}

uint32_t numa_of_function(const struct machine *m, bdf_t fn)
{
	const struct acpi_table *t = acpi_find(&m->acpi, "DMAR", 0);
	struct iommu_unit_info unit;
	struct dmar dmar;
	struct dmar_entry e = {0};
	struct dmar_rhsa r;
	unsigned i;
	if (!t || iommu_unit_of(&m->iommu, fn, &i) || dmar_open(t->data, &dmar))
		return SRAT_NO_NODE;
	iommu_unit_info(&m->iommu, i, &unit);
	while (dmar_next(&dmar, &e) == SL_OK)
		if (e.type == DMAR_RHSA && dmar_rhsa(&e, &r) == SL_OK && r.base == unit.base)
			return r.domain;
	return SRAT_NO_NODE;
}

void numa_begin(const struct machine *m, bdf_t fn, unsigned vf)
{
	struct pmm_range near[PMM_PREFERRED];
	struct srat_entry e;
	struct span srat;
	unsigned n = 0;
	if (!several(m, &srat))
		return;
	uint32_t node = numa_of_function(m, fn);
	if (node == SRAT_NO_NODE)
		node = srat_of_processor(srat, core_apic_id(workers_core_of(vf, m->vfs, core_count())));
	for (size_t off = 0; n < PMM_PREFERRED && srat_next(srat, &off, &e) == SL_OK;)
		if (e.memory && e.node == node)
			near[n++] = (struct pmm_range){e.base, e.base + e.len};
	pmm_prefer(near, n);
}

void numa_end(void)
{
	pmm_prefer(NULL, 0);
}

void numa_choose_cores(const struct machine *m, bdf_t fn)
{
	bool near[CORES_MAX] = {false};
	struct span srat;
	unsigned n = 0;
	uint32_t node = several(m, &srat) ? numa_of_function(m, fn) : SRAT_NO_NODE;
	for (unsigned core = 0; core < core_count() && node != SRAT_NO_NODE; core++) {
		near[core] = srat_of_processor(srat, core_apic_id(core)) == node;
		n += near[core];
	}
	workers_near(near);
	static bool said;
	if (said)
		return;
	said = true;
	if (node != SRAT_NO_NODE)
		log_line(
			"numa",
			BDF_FMT
			" is in node %u: memory for it and its VFs comes from that node while it lasts, and the node's %u cores get the first VFs",
			BDF_ARG(fn), node, n);
	else if (several(m, &srat))
		log_line("numa",
			 "the DMAR table does not say which node " BDF_FMT
			 " is in: memory for a VF comes from the node of the core that serves it",
			 BDF_ARG(fn));
}
