/* Stage move: a Data Streaming Accelerator. One function in a domain of its own, its work queues at work at
 * once; each result is checked against the CPU, then copies are timed. */
#include "apps/work/move.h"
#include "apps/bringup/faults.h"
#include "apps/vf/domain.h"
#include "drivers/dsa/queue.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define PORTAL_BAR 2u
#define SILENT_US  10000000u /* a queue that is silent for this long will not answer */
#define MEM_BYTES  (512u << 10)
_Static_assert(DSA_QUEUE_BYTES + MOVE_BYTES <= MEM_BYTES && MOVE_TAGS <= DSA_DEPTH, "memory of a queue");

static struct {
	struct pci_func *fn;
	struct domain *dom;
	bool connected, open;
	struct dsa dev;
	struct dma_buf mem[DSA_QUEUES];
	struct dsa_queue queue[DSA_QUEUES];
	struct moves moves[DSA_QUEUES];
} card;

static struct pci_func *find(const struct pci *pci)
{
	PCI_EACH(f, pci)
		if (f->vendor == DSA_VENDOR && f->device == DSA_DEVICE)
			return f;
	return NULL;
}

/* In its domain, with its registers and portals. */
static enum sl_err connect(struct machine *m)
{
	volatile void *regs, *portals = NULL;
	faults_watch(m, card.fn->bdf);
	enum sl_err e = make_domain(m, "DSA", card.fn->bdf, &card.dom);
	if (!e)
		e = function_connect(card.fn, card.dom, &regs);
	card.connected = !e;
	if (!e)
		e = function_connect_bar(card.fn, PORTAL_BAR, card.dom, &portals);
	if (e)
		log_fail("dsa", "look at the lines above", BDF_FMT " cannot be used: %s",
			 BDF_ARG(card.fn->bdf), sl_err_text(e));
	if (e)
		return e;
	card.dev.io = strike_io_mmio(regs, card.fn->bar[0].size);
	card.dev.portals = strike_io_portal(portals, card.fn->bar[PORTAL_BAR].size);
	return SL_OK;
}

static enum sl_err start(void)
{
	const char *why;
	uint32_t error = 0;
	enum sl_err e = dsa_open(&card.dev, &why);
	card.open = !e;
	if (e) {
		log_fail("dsa", "see docs/dsa.md: what the processor and the device have to have",
			 BDF_FMT " cannot be used: %s", BDF_ARG(card.fn->bdf), why);
		return e;
	}
	e = dsa_start(&card.dev, DSA_QUEUES, &error);
	if (e)
		log_fail("dsa", "see docs/dsa.md: what a command's error means",
			 BDF_FMT " was not enabled: %s; CMDSTATUS error %02x", BDF_ARG(card.fn->bdf),
			 sl_err_text(e), error);
	return e;
}

static enum sl_err open_queues(struct machine *m)
{
	for (unsigned i = 0; i < card.dev.used; i++) {
		struct dma_buf *mem = &card.mem[i];
		struct moves *v = &card.moves[i];
		enum sl_err e =
			dma_get(card.dom, window_at(m, i * (uint64_t)MEM_BYTES), MEM_BYTES, DOMAIN_RW, mem);
		if (e) {
			log_fail("dsa", "give the machine more memory", "no memory for queue %u: %s", i,
				 sl_err_text(e));
			return e;
		}
		dsa_queue_open(&card.queue[i], &card.dev, i, mem, MOVE_TAGS);
		*v = (struct moves){.mover = &card.queue[i].m,
				    .va = (uint8_t *)mem->va + DSA_QUEUE_BYTES,
				    .iova = IOVA(mem->iova.v + DSA_QUEUE_BYTES),
				    .seed = 0x9e3779b97f4a7c15ull * (i + 1)};
	}
	log_line("dsa",
		 BDF_FMT
		 " in domain %u: %u queues of %u entries, %u engines, no PASID (never run on silicon)",
		 BDF_ARG(card.fn->bdf), domain_number(card.dom), card.dev.used, card.dev.size,
		 card.dev.engines);
	return SL_OK;
}

static enum sl_err say_silent(const struct moves *v)
{
	char why[80];
	struct queue *q = &v->mover->q;
	log_fail("dsa", "see docs/troubleshooting.md", "queue %u: %u of %u jobs came back within %u s: %s",
		 (unsigned)(v - card.moves), MOVE_TAGS - v->left, MOVE_TAGS, SILENT_US / 1000000,
		 q->ops->explain(q, why, sizeof why));
	return SL_TIMEOUT;
}

/* A round on every queue, all at once. */
static enum sl_err all_queues(enum sl_err (*begin)(struct moves *v))
{
	for (unsigned i = 0; i < card.dev.used; i++) {
		enum sl_err e = begin(&card.moves[i]);
		if (e) {
			log_fail("dsa", "report this: it is a bug in Sluice",
				 "queue %u does not accept a job: %s", i,
				 sl_err_text(card.queue[i].m.q.refused));
			return e;
		}
	}
	for (unsigned i = 0; i < card.dev.used; i++) {
		struct deadline d = deadline_in(SILENT_US);
		bool done = false;
		while (!done && deadline_look(&d))
			done = moves_poll(&card.moves[i]);
		if (!done)
			return say_silent(&card.moves[i]);
	}
	return SL_OK;
}

static enum sl_err check_all(enum sl_err (*check)(struct moves *v, char *why, size_t n))
{
	char why[128];
	for (unsigned i = 0; i < card.dev.used; i++) {
		enum sl_err e = check(&card.moves[i], why, sizeof why);
		if (e) {
			log_fail("dsa", "see docs/troubleshooting.md", "queue %u: %s", i, why);
			return e;
		}
	}
	return SL_OK;
}

/* Fewest of any kind on any queue. */
static uint64_t least_done(void)
{
	uint64_t least = UINT64_MAX;
	for (unsigned i = 0; i < card.dev.used; i++)
		for (unsigned op = 0; op < MOVE_OPS; op++)
			if (card.moves[i].done[op] < least)
				least = card.moves[i].done[op];
	return least;
}

static enum sl_err verify(struct machine *m)
{
	uint64_t sum[MOVE_OPS] = {0}, most = 0;
	enum sl_err e = SL_OK;
	while (!e && least_done() < m->cfg->ops) {
		e = all_queues(moves_begin);
		if (!e)
			e = check_all(moves_check);
		faults_say(m);
	}
	for (unsigned i = 0; i < card.dev.used; i++)
		for (unsigned op = 0; op < MOVE_OPS; op++)
			sum[op] += card.moves[i].done[op];
	for (unsigned op = 0; op < MOVE_OPS; op++)
		most += sum[op];
	m->tally.verified += most;
	if (!e)
		log_line(
			"dsa",
			"%llu operations on %u queues, each right: %llu copies, %llu fills, %llu compares, %llu CRCs",
			(ull)most, card.dev.used, (ull)sum[MOVE_COPY], (ull)sum[MOVE_FILL],
			(ull)sum[MOVE_COMPARE], (ull)sum[MOVE_CRC]);
	return e;
}

static enum sl_err timed(struct machine *m)
{
	uint64_t began = now_us(), end = began + m->cfg->seconds * 1000000ull, ops = 0, doorbells = 0;
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < card.dev.used; i++) {
		moves_fill(&card.moves[i]);
		doorbells -= card.queue[i].m.q.stats.doorbells;
	}
	for (; !e && now_us() < end; ops += card.dev.used * MOVE_TAGS)
		e = all_queues(moves_copy);
	uint64_t us = now_us() - began;
	if (!e)
		e = check_all(moves_check_copies);
	for (unsigned i = 0; i < card.dev.used; i++)
		doorbells += card.queue[i].m.q.stats.doorbells;
	m->tally.timed_ops = ops;
	m->tally.timed_us = us;
	if (!e)
		log_line("dsa", "%llu copies of 4 KiB in %llu ms, %llu in a second, with %llu submissions",
			 (ull)ops, (ull)(us / 1000), (ull)(us ? ops * 1000000 / us : 0), (ull)doorbells);
	return e;
}

enum sl_err stage_move(struct machine *m)
{
	card.fn = find(&m->pci);
	if (!card.fn) {
		log_fail("dsa", "in QEMU: ./run.sh device=dsa",
			 "no Data Streaming Accelerator (8086:0b25) among the functions above");
		return SL_NOTFOUND;
	}
	enum sl_err e = connect(m);
	if (!e)
		e = start();
	if (!e)
		e = open_queues(m);
	if (!e)
		e = verify(m);
	return e ? e : timed(m);
}

void undo_move(struct machine *m)
{
	(void)m;
	if (card.open && dsa_stop(&card.dev))
		log_warn("dsa", BDF_FMT " does not stop", BDF_ARG(card.fn->bdf));
	if (card.connected)
		function_disconnect(card.fn, card.dom);
	for (unsigned i = 0; i < DSA_QUEUES; i++)
		if (dma_put(&card.mem[i]))
			log_warn("dsa", "memory of queue %u could not be taken back", i);
	drop_domain(&card.dom);
	card.open = card.connected = false;
}
