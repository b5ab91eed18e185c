/* The machine's log of refused requests: when the units are asked, whose refusals break the proof, and what
 * is done to a function that floods. */
#include "apps/machine.h"
#include "kernel/log.h"

static bool driven(const struct machine *m, bdf_t fn)
{
	for (unsigned i = 0; i < m->n_driven; i++)
		if (bdf_eq(m->driven[i], fn))
			return true;
	return m->n_driven == ARRAY_LEN(m->driven); /* not all of them are in the list */
}

/* Nobody needs the request of a function that nobody drives; that it is refused is what the IOMMU is for. */
static void on_fault(void *ctx, const struct iommu_fault *f)
{
	struct machine *m = ctx;
	for (unsigned i = 0; i < m->vfs; i++)
		if (m->vf[i].provoked && bdf_eq(m->vf[i].fn->bdf, f->bdf))
			return;
	if (driven(m, f->bdf))
		m->faults++;
	else
		m->stray_faults++;
}

/* Whoever puts it back later does not detach it a second time. */
static void mark_cut(struct machine *m, const struct pci_func *fn, bool detached)
{
	for (unsigned i = 0; i < m->vfs; i++)
		if (m->vf[i].attached && m->vf[i].fn == fn) {
			m->vf[i].attached = !detached;
			m->vf[i].cut = true;
		}
	if (fn == m->pf)
		m->pf_attached = !detached;
}

/* Bus mastering first: from then on it sends nothing. The explanations are printed while the tables that they
 * walk are still there. */
static void on_flood(void *ctx, bdf_t bdf)
{
	struct machine *m = ctx;
	struct pci_func *fn = pci_find(&m->pci, bdf);
	if (fn)
		pci_bus_master(fn, false);
	iommu_fault_report_all(&m->iommu);
	struct domain *dom = iommu_domain_of(&m->iommu, bdf);
	enum sl_err e = dom ? domain_detach(dom, bdf) : SL_OK;
	if (fn)
		mark_cut(m, fn, !e);
	log_warn("faults", BDF_FMT " floods: %u refused requests in a second. Cut off: bus mastering %s, %s",
		 BDF_ARG(bdf), m->fault_log.flood,
		 fn ? "off" : "as it is (no such function was found on the bus)",
		 e     ? sl_err_text(e)
		 : dom ? "context entry removed"
		       : "no context entry");
}

enum sl_err stage_faults(struct machine *m)
{
	if (!m->translating)
		return SL_OK;
	m->fault_log = (struct fault_log){.on_fault = on_fault, .on_flood = on_flood, .ctx = m};
	iommu_fault_log(&m->iommu, &m->fault_log);
	log_line("faults",
		 "refused requests are explained here; a function with %u of them in a second is cut off",
		 m->fault_log.flood);
	return SL_OK;
}

void faults_watch(struct machine *m, bdf_t fn)
{
	if (!driven(m, fn))
		m->driven[m->n_driven++] = fn;
	iommu_fault_rearm(&m->iommu, fn);
}

unsigned faults_poll(struct machine *m)
{
	return iommu_fault_poll(&m->iommu);
}

void faults_say(struct machine *m)
{
	(void)faults_poll(m);
	iommu_fault_report(&m->iommu);
}

enum sl_err faults_verdict(struct machine *m)
{
	(void)faults_poll(m);
	iommu_fault_report_all(&m->iommu);
	if (m->stray_faults)
		log_warn("faults",
			 "refused requests of functions that nothing here drives: %llu; firmware or a "
			 "management controller goes on, and reaches nothing",
			 (ull)m->stray_faults);
	if (!m->faults)
		return SL_OK;
	log_fail("faults",
		 "the lines \"refused\" above have what was asked for and what the tables say; report it",
		 "requests of functions in use that were refused while nobody attacked: %llu",
		 (ull)m->faults);
	return SL_VERIFY;
}
