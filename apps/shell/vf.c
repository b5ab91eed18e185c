/* The VFs that are on, and what they do. */
#include "apps/shell/command.h"
#include "apps/shell/names.h"
#include "kernel/log.h"
#include "pci/groups.h"

static uint64_t look(const uint64_t *counter) /* another core may be counting */
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

/* One queue pair of it. */
static void print_driven(const struct machine *m, const struct vf *vf)
{
	const struct fault_function *faults = iommu_fault_count(&m->iommu, vf->fn->bdf);
	const struct queue_stats *s = &vf->queue->stats;
	char words[128];
	log_text("   %s; queue pair %u of depth %u", m->kind->describe(vf, words, sizeof words), vf->pair,
		 vf->queue->depth);
	log_text("\n   operations %llu, doorbells %llu, polls %llu, empty %llu, interrupts %llu\n",
		 (ull)look(&vf->ops), (ull)look(&s->doorbells), (ull)look(&s->polls),
		 (ull)look(&s->empty_polls), (ull)look(&vf->wait.irqs));
	log_text("   served by core %u, refused requests %llu%s\n", vf->core,
		 (ull)(faults ? faults->count : 0), vf->cut ? ", CUT OFF: it flooded" : "");
}

static bool cmd_vf(struct machine *m, unsigned n, char **word)
{
	char name[NAME_SIZE], pf[NAME_SIZE];
	unsigned vfs = 0;
	(void)word;
	if (n > 1)
		return false;
	PCI_EACH(f, &m->pci) {
		if (!f->pf)
			continue;
		struct domain *dom = iommu_domain_of(&m->iommu, f->bdf);
		vfs++;
		log_text("%s  VF %u of %s, group %u, ", function_name(f->bdf, name), f->vf_index,
			 function_name(f->pf->bdf, pf), groups_of(f));
		if (dom)
			log_text("domain %u \"%s\"\n", domain_id(dom), domain_name(dom));
		else
			log_text("in no domain: it reaches nothing\n");
		for (unsigned i = 0; i < m->pairs; i++)
			if (m->vf[i].fn == f && m->vf[i].queue)
				print_driven(m, &m->vf[i]);
	}
	if (!vfs)
		log_text(
			"no VFs are enabled: load start puts some to work, sriov BDF numvfs=N enables them\n");
	return true;
}

const struct command vf_commands[] = {
	{"vf", "", "the enabled VFs: domain, group, queues, counters", "vf", NULL, TAKES_NOTHING, false,
	 false, cmd_vf},
	{0},
};
