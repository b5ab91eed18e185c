/* Stage move: a Data Streaming Accelerator. Its work queues are tenants that work at once, on as many cores
 * as there are; each result is checked against the CPU, later copies are timed. */
#include "apps/work/move.h"
#include "apps/bringup/faults.h"
#include "apps/vf/domain.h"
#include "apps/vf/workers.h"
#include "apps/work/queues.h"
#include "iommu/ats.h"
#include "kernel/core.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define PORTAL_BAR 2u
#define SILENT_US  10000000u     /* a queue that is silent for this long will not answer */
#define LIMIT_US   3600000000ull /* of a core's work, which has its own deadlines */

static struct {
	struct pci_func *fn;
	bool connected, open;
	uint64_t end; /* of the timed phase */
} card;

static struct pci_func *find(const struct pci *pci)
{
	PCI_EACH(f, pci)
		if (f->vendor == DSA_VENDOR && f->device == DSA_DEVICE)
			return f;
	return NULL;
}

/* Before it has a domain. */
static void allow_ats(struct machine *m, struct queues *q)
{
	unsigned depth = pci_ats_depth(card.fn);
	bool pages = card.fn->cap_pri != 0;
	enum sl_err e = depth ? iommu_ats_allow(&m->iommu, q->fn, depth, pages) : SL_UNSUPPORTED;
	q->ats = !e;
	q->pages = !e && pages;
	if (e)
		log_warn(
			"dsa",
			"ats=1 has no effect: the device has ATS %s, and its unit has to have ECAP.DT and tables=scalable (%s)",
			depth ? "and page requests" : "no", sl_err_text(e));
	else
		log_line(
			"dsa",
			"ATS is on%s: the device keeps translations itself and is trusted: what it says to be translated passes the unit",
			pages ? ", and page requests" : "");
}

/* In its domain, with its registers and portals. */
static enum sl_err connect(struct machine *m, struct queues *q)
{
	volatile void *regs, *portals = NULL;
	q->fn = card.fn->bdf;
	q->window = window_at(m, 0);
	faults_watch(m, q->fn);
	enum sl_err e = make_domain(m, "DSA", q->fn, &q->dom);
	if (!e && m->cfg->ats)
		allow_ats(m, q);
	if (!e)
		e = function_connect(card.fn, q->dom, &regs);
	card.connected = !e;
	if (!e)
		e = function_connect_bar(card.fn, PORTAL_BAR, q->dom, &portals);
	if (e)
		log_fail("dsa", "look at the lines above", BDF_FMT " cannot be used: %s", BDF_ARG(q->fn),
			 sl_err_text(e));
	if (e)
		return e;
	q->dev.io = strike_io_mmio(regs, card.fn->bar[0].size);
	q->dev.portals = strike_io_portal(portals, card.fn->bar[PORTAL_BAR].size);
	q->limit = pci_pasid_enable(card.fn, true);
	if (q->ats)
		pci_ats_enable(card.fn, q->pages);
	return SL_OK;
}

static enum sl_err start(struct queues *q)
{
	uint32_t error = 0, pasid[DSA_QUEUES];
	enum sl_err e = dsa_start(&q->dev, q->n, queues_pasids(q, pasid), &error);
	if (e)
		log_fail("dsa", "see docs/dsa.md: what a command's error means",
			 BDF_FMT " was not enabled: %s; CMDSTATUS error %02x", BDF_ARG(q->fn), sl_err_text(e),
			 error);
	return e;
}

static enum sl_err open_device(struct machine *m, struct queues *q)
{
	const char *why;
	enum sl_err e = dsa_open(&q->dev, &why);
	card.open = !e;
	if (e) {
		log_fail("dsa", "see docs/dsa.md: what the processor and the device have to have",
			 BDF_FMT " cannot be used: %s", BDF_ARG(q->fn), why);
		return e;
	}
	q->dev.blocks = q->dev.blocks && q->pages;
	e = queues_domains(q, &m->iommu);
	return e ? e : start(q);
}

static enum sl_err open_queues(struct queues *q)
{
	unsigned failed = 0;
	enum sl_err e = queues_memory(q, &failed);
	if (e) {
		log_fail("dsa", "give the machine more memory", "no memory for queue %u: %s", failed,
			 sl_err_text(e));
		return e;
	}
	if (q->apart)
		log_line(
			"dsa",
			BDF_FMT
			": %u queues of %u entries, %u engines, each queue with a PASID (%u to %u) and a domain of its own, the same device addresses in each (never run on silicon)",
			BDF_ARG(q->fn), q->n, q->dev.size, q->dev.engines, q->tenant[0].pasid,
			q->tenant[q->n - 1].pasid);
	else
		log_line(
			"dsa",
			BDF_FMT
			" in domain %u: %u queues of %u entries, %u engines, no PASID (never run on silicon)",
			BDF_ARG(q->fn), domain_number(q->dom), q->n, q->dev.size, q->dev.engines);
	return SL_OK;
}

/* ---- on each core, its tenants ---- */

static enum sl_err wait_for(struct tenant *t)
{
	char why[80];
	const struct moves *v = &t->moves;
	struct queue *q = &v->mover->q;
	struct deadline d = deadline_in(SILENT_US);
	while (deadline_look(&d))
		if (moves_poll(&t->moves))
			return SL_OK;
	fmt_print(t->why, sizeof t->why, "%u of %u jobs came back within %u s: %s", MOVE_TAGS - v->left,
		  MOVE_TAGS, SILENT_US / 1000000, q->ops->explain(q, why, sizeof why));
	return SL_TIMEOUT;
}

/* A round on each of its queues, all at once. */
static enum sl_err one_round(struct worker *w, struct tenant *t, enum sl_err (*begin)(struct moves *v))
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < w->n && !e; i++) {
		e = begin(&t[i].moves);
		if (e)
			fmt_print(t[i].why, sizeof t[i].why, "it does not accept a job: %s",
				  sl_err_text(t[i].queue.m.q.refused));
	}
	for (unsigned i = 0; i < w->n && !e; i++)
		e = wait_for(&t[i]);
	core_progress();
	if (!w->core)
		(void)faults_poll(w->m);
	return e;
}

static enum sl_err check_all(const struct worker *w, struct tenant *t,
			     enum sl_err (*check)(struct moves *v, char *why, size_t n))
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < w->n && !e; i++)
		e = check(&t[i].moves, t[i].why, sizeof t[i].why);
	return e;
}

/* Fewest of any kind on any of its queues. */
static uint64_t least_done(const struct worker *w, const struct tenant *t)
{
	uint64_t least = UINT64_MAX;
	for (unsigned i = 0; i < w->n; i++)
		for (unsigned op = 0; op < MOVE_OPS; op++)
			if (t[i].moves.done[op] < least)
				least = t[i].moves.done[op];
	return least;
}

static void verify_core(void *arg)
{
	struct worker *w = arg;
	struct tenant *t = &queues_of_machine()->tenant[w->first];
	while (!w->err && least_done(w, t) < w->m->cfg->ops) {
		w->err = one_round(w, t, moves_begin);
		if (!w->err)
			w->err = check_all(w, t, moves_check);
	}
}

static void timed_core(void *arg)
{
	struct worker *w = arg;
	struct tenant *t = &queues_of_machine()->tenant[w->first];
	for (unsigned i = 0; i < w->n; i++)
		moves_fill(&t[i].moves);
	while (w->n && !w->err && now_us() < card.end) {
		w->err = one_round(w, t, moves_copy);
		for (unsigned i = 0; i < w->n && !w->err; i++)
			t[i].ops += MOVE_TAGS;
	}
	if (!w->err)
		w->err = check_all(w, t, moves_check_copies);
}

static enum sl_err on_cores(struct machine *m, struct queues *q, core_fn *fn)
{
	enum sl_err e = workers_run_first(m, q->n, fn, LIMIT_US);
	for (unsigned i = 0; i < q->n; i++)
		if (q->tenant[i].why[0])
			log_fail("dsa", "see docs/troubleshooting.md", "queue %u: %s", i, q->tenant[i].why);
	faults_say(m);
	return e;
}

static enum sl_err verify(struct machine *m, struct queues *q)
{
	uint64_t sum[MOVE_OPS] = {0}, all = 0;
	enum sl_err e = on_cores(m, q, verify_core);
	for (unsigned op = 0; op < MOVE_OPS; op++) {
		for (unsigned i = 0; i < q->n; i++)
			sum[op] += q->tenant[i].moves.done[op];
		all += sum[op];
	}
	m->tally.verified += all;
	if (!e)
		log_line(
			"dsa",
			"%llu operations on %u queues, each right: %llu copies, %llu fills, %llu compares, %llu CRCs",
			(ull)all, q->n, (ull)sum[MOVE_COPY], (ull)sum[MOVE_FILL], (ull)sum[MOVE_COMPARE],
			(ull)sum[MOVE_CRC]);
	return e;
}

enum sl_err stage_move_timed(struct machine *m)
{
	struct queues *q = queues_of_machine();
	uint64_t began = now_us(), doorbells = 0, least = UINT64_MAX, most = 0;
	card.end = began + m->cfg->seconds * 1000000ull;
	for (unsigned i = 0; i < q->n; i++)
		doorbells -= q->tenant[i].queue.m.q.stats.doorbells;
	enum sl_err e = on_cores(m, q, timed_core);
	m->tally.timed_us = now_us() - began;
	for (unsigned i = 0; i < q->n; i++) {
		const struct tenant *t = &q->tenant[i];
		doorbells += t->queue.m.q.stats.doorbells;
		m->tally.timed_ops += t->ops;
		least = t->ops < least ? t->ops : least;
		most = t->ops > most ? t->ops : most;
	}
	m->tally.fair_permille = most ? (unsigned)(least * 1000 / most) : 0;
	uint64_t us = m->tally.timed_us, ops = m->tally.timed_ops;
	if (!e)
		log_line("dsa", "%llu copies of 4 KiB in %llu ms, %llu in a second, with %llu submissions",
			 (ull)ops, (ull)(us / 1000), (ull)(us ? ops * 1000000 / us : 0), (ull)doorbells);
	return e;
}

enum sl_err stage_move(struct machine *m)
{
	struct queues *q = queues_of_machine();
	card.fn = find(&m->pci);
	if (!card.fn) {
		log_fail("dsa", "in QEMU: ./run.sh device=dsa",
			 "no Data Streaming Accelerator (8086:0b25) among the functions above");
		return SL_NOTFOUND;
	}
	enum sl_err e = connect(m, q);
	if (!e)
		e = open_device(m, q);
	if (!e)
		e = open_queues(q);
	return e ? e : verify(m, q);
}

void undo_move(struct machine *m)
{
	struct queues *q = queues_of_machine();
	if (card.open && dsa_stop(&q->dev))
		log_warn("dsa", BDF_FMT " does not stop", BDF_ARG(q->fn));
	if (card.connected && !q->ats) /* its answers to invalidations are needed */
		pci_bus_master(card.fn, false);
	queues_close(q);
	if (q->ats) {
		pci_ats_disable(card.fn);
		pci_bus_master(card.fn, false);
		iommu_ats_end(&m->iommu);
	}
	if (card.connected) {
		(void)pci_pasid_enable(card.fn, false);
		function_disconnect(card.fn, q->dom);
	}
	drop_domain(&q->dom);
	card.open = card.connected = q->ats = q->pages = false;
}
