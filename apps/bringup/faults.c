/* The machine's log of refused requests: when the units are polled, which refusals break the proof, and what
 * is done to a function that floods. */
#include "apps/machine.h"
#include "apps/bringup/faults.h"
#include "kernel/log.h"
#include "pci/groups.h"

bdf_t function_requester(const struct machine *m, bdf_t fn)
{
	const struct pci_func *f = pci_find(&m->pci, fn);
	bdf_t id[GROUPS_ALIASES];
	return f && groups_alias(f, id) ? id[0] : fn;
}

/* Does this function, or its bridge for it, send requests with that id? */
static bool sends_as(const struct pci_func *f, bdf_t id)
{
	bdf_t own[GROUPS_ALIASES];
	for (size_t i = groups_alias(f, own); i-- > 0;)
		if (bdf_eq(own[i], id))
			return true;
	return false;
}

static bool driven(const struct machine *m, bdf_t fn)
{
	for (unsigned i = 0; i < m->faults.n_driven; i++)
		if (bdf_eq(m->faults.driven[i], fn))
			return true;
	return m->faults.n_driven == ARRAY_LEN(m->faults.driven); /* not all of them are in the list */
}

/* A refused request from a function that Sluice does not drive is the IOMMU doing its job: no failure. */
static void on_fault(void *ctx, const struct iommu_fault *f)
{
	struct machine *m = ctx;
	for (unsigned i = 0; i < m->vfs; i++)
		if (m->vf[i].provoked && iommu_fault_is_of(f, m->vf[i].fn->bdf))
			return;
	if (driven(m, f->bdf))
		m->faults.unprovoked++;
	else
		m->faults.stray++;
}

/* So that putting it back later does not detach it a second time. */
static void mark_cut(struct machine *m, const struct pci_func *fn, bool detached)
{
	for (unsigned i = 0; i < m->vfs; i++)
		if (m->vf[i].attached && m->vf[i].fn == fn) {
			m->vf[i].attached = !detached;
			m->vf[i].cut = true;
		}
	for (unsigned i = 0; i < m->pairs; i++)
		if (m->vf[i].first)
			m->vf[i].cut = m->vf[i].first->cut;
	if (fn == m->pf)
		m->pf_attached = !detached;
}

/* Out of its domain, if it is in one. True when it was; *e is the first error. */
static bool cut(struct machine *m, bdf_t fn, enum sl_err *e)
{
	struct domain *dom = iommu_domain_of(&m->iommu, fn);
	enum sl_err now = dom ? domain_detach(dom, fn) : SL_NOTFOUND;
	if (now == SL_NOTFOUND)
		return false;
	if (now && !*e)
		*e = now;
	return true;
}

/* Bus mastering first: from then on it sends nothing. The explanations are printed while the tables that they
 * walk are still there. Behind a bridge it is one of several, and the record does not say which. */
static void on_flood(void *ctx, bdf_t id)
{
	struct machine *m = ctx;
	unsigned known = 0, attached = 0;
	enum sl_err e = SL_OK;
	PCI_EACH(f, &m->pci)
		if (sends_as(f, id)) {
			pci_bus_master(f, false);
			known++;
		}
	iommu_fault_report_all(&m->iommu);
	PCI_EACH(f, &m->pci)
		if (sends_as(f, id)) {
			enum sl_err mine = SL_OK;
			attached += cut(m, f->bdf, &mine);
			mark_cut(m, f, !mine);
			e = e ? e : mine;
		}
	if (!known)
		attached += cut(m, id, &e);
	/* It cannot be stopped, so its faults are ignored: they would take the records and time of all
	 * others. */
	bool silenced = !known && !e && iommu_fault_silence(&m->iommu, id) == SL_OK;
	log_as(m->faults.log.provoked ? LOG_INFO : LOG_WARN, "faults",
	       BDF_FMT " floods: %u refused requests in a second. Cut off: bus mastering %s, %s%s",
	       BDF_ARG(id), m->faults.log.flood,
	       known ? "off" : "as it is (no such function was found on the bus)",
	       e          ? sl_err_text(e)
	       : attached ? "context entry removed"
			  : "no context entry",
	       silenced ? "; its further requests are refused and no longer recorded" : "");
}

enum sl_err stage_faults(struct machine *m)
{
	if (!m->translating)
		return SL_OK;
	m->faults.log = (struct fault_log){.on_fault = on_fault, .on_flood = on_flood, .ctx = m};
	iommu_fault_log(&m->iommu, &m->faults.log);
	log_line("faults",
		 "refused requests are explained here; a function with %u of them in a second is cut off",
		 m->faults.log.flood);
	return SL_OK;
}

void faults_watch(struct machine *m, bdf_t fn)
{
	bdf_t id = function_requester(m, fn);
	if (!driven(m, id))
		m->faults.driven[m->faults.n_driven++] = id;
	iommu_fault_rearm(&m->iommu, id);
}

unsigned faults_poll(struct machine *m)
{
	uint64_t events = __atomic_load_n(&m->faults.events, __ATOMIC_ACQUIRE);
	unsigned n = iommu_fault_poll(&m->iommu);
	if (!n) /* a unit sends the next event only when it has no record left */
		m->faults.events_seen = events;
	return n;
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
	if (m->faults.stray)
		log_warn(
			"faults",
			"refused requests of functions that Sluice does not drive: %llu; the firmware or a management controller still sends them, and they reach nothing",
			(ull)m->faults.stray);
	if (!m->faults.unprovoked)
		return SL_OK;
	log_fail("faults",
		 "the \"refused\" lines above show each request and what the tables contain; report this",
		 "unexpected refused requests of functions in use: %llu", (ull)m->faults.unprovoked);
	return SL_VERIFY;
}
