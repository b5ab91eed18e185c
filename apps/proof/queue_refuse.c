#include "apps/proof/queue_refuse.h"
#include "apps/machine.h"
#include "apps/work/pattern.h"
#include "iommu/ats.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define JOB_US    1000000u /* until a completion record is there; an emulator may be slow */
#define SILENT_US 20000u   /* what has no domain cannot write one */
#define FAULT_US  1000000u
#define PATTERN   0x5a5a5a5a5a5a5a5aull /* what a forbidden write writes */
#define BEFORE    0xa5

enum column { OTHERS, KERNEL, READONLY, UNMAPPED, FOREIGN, TAKEN_BACK, REVOKED, DENIED, COLUMNS };

static const char *const names[COLUMNS] = {
	[OTHERS] = "another queue's memory, by its physical address",
	[KERNEL] = "kernel memory",
	[READONLY] = "its read-only page",
	[UNMAPPED] = "an unmapped page",
	[FOREIGN] = "an address that another PASID maps",
	[TAKEN_BACK] = "a page that was unmapped",
	[REVOKED] = "its own page after its domain was taken away",
	[DENIED] = "a page that it asked for in vain",
};

enum outcome { REFUSED, REACHED, SILENT, MISTOLD, SAID_DONE, OTHERWISE, NO_CONTROL, OUTCOMES };

static const char *const outcomes[OUTCOMES] = {
	[REFUSED] = "refused",
	[REACHED] = "SUCCEEDED: memory was reached",
	[SILENT] = "no effect, but nothing was recorded",
	[MISTOLD] = "no effect, but the wrong fault was recorded",
	[SAID_DONE] = "no effect, but its completion record is not that of a refusal",
	[OTHERWISE] = "refused, but the tables in memory say otherwise",
	[NO_CONTROL] = "the same access has no effect where it is allowed",
};

#define WATCHED (2 * DSA_QUEUES + 2)

struct matrix {
	struct queues *q;
	struct iommu *mmu;
	struct tally *tally;
	uint8_t *kernel, *lent; /* a page each */
	uint8_t *watched[WATCHED];
	unsigned n_watched;
	uint32_t round;
	unsigned asked; /* page requests that came as they should, and were answered */
	bool bad[DSA_QUEUES][COLUMNS];
};

struct forbidden {
	struct tenant *by;
	enum column what;
	uint64_t at; /* device address */
	bool write;
};

static void watch(struct matrix *x)
{
	x->round++;
	for (unsigned i = 0; i < x->n_watched; i++)
		pattern_fill(x->watched[i], PAGE_SIZE, pattern_seed(i, x->round, 0));
}

static bool unchanged(const struct matrix *x)
{
	for (unsigned i = 0; i < x->n_watched; i++)
		if (!pattern_check(x->watched[i], PAGE_SIZE, pattern_seed(i, x->round, 0)))
			return false;
	return true;
}

static bool is_filled(const uint8_t *p, uint8_t with)
{
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		if (p[i] != with)
			return false;
	return true;
}

/* A write fills the page at at; a read copies it to the first spare page. A job that does not end is not
 * waited for again. */
static enum sl_err access(struct matrix *x, struct tenant *t, bool write, uint64_t at, uint32_t us,
			  uint16_t *status)
{
	const struct dma_buf spare = queues_spare(t, 0);
	struct move_job job = {.op = MOVE_COPY, .len = PAGE_SIZE, .src = IOVA(at), .dst = spare.iova};
	memset(spare.va, BEFORE, PAGE_SIZE);
	if (write)
		job = (struct move_job){.op = MOVE_FILL, .len = PAGE_SIZE, .dst = IOVA(at), .value = PATTERN};
	enum sl_err e = queues_job(t, &job, us, status);
	if (e) {
		queues_reopen(x->q, t);
		(void)dsa_error_take(&x->q->dev);
	}
	return e;
}

/* The same access at an address that is allowed, whose memory is at va, by what it does to it. */
static bool works_at(struct matrix *x, struct tenant *t, bool write, uint64_t at, void *va)
{
	uint16_t status = 1;
	const struct dma_buf spare = queues_spare(t, 0);
	if (access(x, t, write, at, JOB_US, &status) || status)
		return false;
	return write ? is_filled(va, (uint8_t)PATTERN) : memcmp(spare.va, va, PAGE_SIZE) == 0;
}

static bool works(struct matrix *x, struct tenant *t, bool write)
{
	const struct dma_buf spare = queues_spare(t, 1);
	memset(spare.va, 0x33, PAGE_SIZE);
	return works_at(x, t, write, spare.iova.v, spare.va);
}

static bool fault_right(const struct matrix *x, const struct forbidden *a, const struct iommu_fault *f)
{
	if (!bdf_eq(f->bdf, x->q->fn))
		return false;
	/* Of a request that finds no entry of its PASID, many units do not name the PASID. */
	if (a->what == REVOKED)
		return (!f->pasid || f->pasid == a->by->pasid) &&
		       (f->why == WHY_NO_DOMAIN || f->why == WHY_BAD_ENTRY);
	return f->pasid == a->by->pasid && f->iova.v == ALIGN_DOWN(a->at, PAGE_SIZE) &&
	       f->write == a->write && f->why == (a->write ? WHY_NO_WRITE : WHY_NO_READ);
}

static bool tables_refuse(const struct matrix *x, const struct forbidden *a)
{
	struct iommu_walk w;
	return iommu_walk_pasid(x->mmu, x->q->fn, a->by->pasid, IOVA(a->at), &w) == SL_OK &&
	       !(a->write ? w.write : w.read);
}

/* Of a translation that a device with ATS did not get, many units record nothing. */
static bool take_fault(const struct matrix *x, struct iommu_fault *f)
{
	struct deadline d = deadline_in(x->q->ats ? 0 : FAULT_US);
	while (deadline_look(&d))
		if (iommu_fault_claimed(x->mmu, f) == SL_OK)
			return true;
	return false;
}

static enum outcome judge(struct matrix *x, const struct forbidden *a, enum sl_err e, uint16_t status,
			  struct iommu_fault *f)
{
	const struct dma_buf spare = queues_spare(a->by, 0);
	bool recorded = take_fault(x, f);
	if (!unchanged(x) || !is_filled(spare.va, BEFORE))
		return REACHED;
	/* Without its domain it cannot write a completion record either. */
	if (a->what == REVOKED ? e != SL_TIMEOUT : e || !status)
		return SAID_DONE;
	if (!recorded && !x->q->ats)
		return SILENT;
	if (recorded && !fault_right(x, a, f))
		return MISTOLD;
	return tables_refuse(x, a) ? REFUSED : OTHERWISE;
}

static void count(struct matrix *x, const struct forbidden *a, enum outcome o, uint16_t status,
		  const struct iommu_fault *f)
{
	const char *way = a->write ? "write to" : "read of";
	const struct tenant *t = a->by;
	x->tally->cases++;
	x->tally->refused += o == REFUSED;
	x->bad[t->index][a->what] |= o != REFUSED;
	if (o != REFUSED)
		log_fail("refuse", "do not give queues of this device to anyone you do not trust",
			 "queue %u (PASID %u) -> %s %s at 0x%llx: %s", t->index, t->pasid, way,
			 names[a->what], (ull)a->at, outcomes[o]);
	else if (t->index || (a->what == OTHERS && x->tally->cases > 2))
		return;
	else if (!f->code)
		log_line(
			"refuse",
			"queue 0 (PASID %u) -> %s %s: refused; the device asked for its translation and got none (ATS); completion record %02x",
			t->pasid, way, names[a->what], status);
	else
		log_line(
			"refuse",
			"queue 0 (PASID %u) -> %s %s: refused; fault: %s 0x%llx PASID %u, reason 0x%x; completion record %02x",
			t->pasid, way, names[a->what], f->write ? "write" : "read", (ull)f->iova.v, f->pasid,
			f->code, status);
}

/* The same access has no effect where it is allowed. */
static void count_untried(struct matrix *x, const struct forbidden *a)
{
	count(x, a, NO_CONTROL, 0, &(struct iommu_fault){0});
}

/* The forbidden access. What was cached before stays, where the case is about that; elsewhere it is dropped,
 * as a unit may keep no record of a refusal by what it has cached. */
static void strike(struct matrix *x, const struct forbidden *a)
{
	struct iommu_fault f = {0};
	uint16_t status = 0;
	bool keeps = a->what == TAKEN_BACK || a->what == REVOKED;
	enum sl_err e = keeps ? SL_OK : domain_flush(a->by->dom);
	if (e) {
		count_untried(x, a);
		return;
	}
	watch(x);
	iommu_fault_claim(x->mmu, x->q->fn);
	e = access(x, a->by, a->write, a->at, a->what == REVOKED ? SILENT_US : JOB_US, &status);
	enum outcome o = judge(x, a, e, status, &f);
	iommu_fault_unclaim(x->mmu);
	count(x, a, o, status, &f);
}

/* After the same in the tenant's own memory. */
static void attempt(struct matrix *x, struct tenant *by, enum column what, uint64_t at, bool write)
{
	struct forbidden a = {by, what, at, write};
	if (works(x, by, write))
		strike(x, &a);
	else
		count_untried(x, &a);
}

static void attempt_both(struct matrix *x, struct tenant *by, enum column what, uint64_t at)
{
	attempt(x, by, what, at, true);
	attempt(x, by, what, at, false);
}

/* The page is lent, used, and taken back at once: what was cached of it must not be of use any more. */
static void attempt_taken_back(struct matrix *x, struct tenant *by, bool write)
{
	struct forbidden a = {by, TAKEN_BACK, x->q->window.v + QUEUES_LENT, write};
	bool lent = !domain_map(by->dom, IOVA(a.at), va_phys(x->lent), PAGE_SIZE, DOMAIN_RW);
	bool used = lent && works_at(x, by, write, a.at, x->lent);
	if (lent && domain_unmap(by->dom, IOVA(a.at), PAGE_SIZE) == SL_OK && used)
		strike(x, &a);
	else
		count_untried(x, &a);
}

/* The domain is taken away while the queue could work, and given back. */
static void attempt_revoked(struct matrix *x, struct tenant *by, bool write)
{
	struct forbidden a = {by, REVOKED, by->own.iova.v, write};
	uint32_t pasid = 0;
	bool used = works_at(x, by, write, a.at, by->own.va);
	if (used && domain_detach_pasid(by->dom) == SL_OK) {
		strike(x, &a);
		used = domain_attach_pasid(by->dom, x->q->fn, x->q->limit, &pasid) == SL_OK &&
		       pasid == by->pasid && works_at(x, by, write, a.at, by->own.va);
	} else {
		used = false;
	}
	if (!used)
		count_untried(x, &a);
}

/* With the page, if it is granted, or with a refusal. */
static void answer(struct matrix *x, const struct forbidden *a, bool grant)
{
	struct iommu_page_request r = {0};
	if (iommu_page_request_next(x->mmu, &r))
		return;
	bool its = bdf_eq(r.fn, x->q->fn) && r.pasid == a->by->pasid && r.iova.v == a->at && r.write;
	bool mapped =
		grant && its && !domain_map(a->by->dom, IOVA(a->at), va_phys(x->lent), PAGE_SIZE, DOMAIN_RW);
	x->asked += its && !iommu_page_request_answer(x->mmu, &r, mapped ? PAGE_MAPPED : PAGE_INVALID);
}

/* A write that waits for its page, which the device asks for. */
static enum sl_err ask(struct matrix *x, const struct forbidden *a, bool grant, uint16_t *status)
{
	struct dsa_queue *dsa = &a->by->queue;
	struct queue *queue = &dsa->m.q;
	struct queue_done done;
	struct move_job job = {.op = MOVE_FILL, .len = PAGE_SIZE, .dst = IOVA(a->at), .value = PATTERN};
	struct deadline d = deadline_in(JOB_US);
	memset(queues_spare(a->by, 0).va, BEFORE, PAGE_SIZE);
	if (dsa->m.ops->submit(&dsa->m, &job, 1) != 1)
		return SL_BUSY;
	dsa_queue_block(dsa);
	queue->ops->ring(queue);
	while (deadline_look(&d)) {
		answer(x, a, grant);
		if (queue->ops->poll(queue, &done, 1)) {
			*status = done.status;
			return SL_OK;
		}
	}
	queues_reopen(x->q, a->by);
	return SL_TIMEOUT;
}

/* The device asks for a page and gets it; it is taken away, and the next time it does not get it. */
static void attempt_denied(struct matrix *x, struct tenant *by)
{
	struct iommu_fault f = {0};
	struct forbidden a = {by, DENIED, x->q->window.v + QUEUES_ASKED, true};
	uint16_t status = 1;
	enum outcome o = NO_CONTROL;
	x->asked = 0;
	bool got = !ask(x, &a, true, &status) && !status && is_filled(x->lent, (uint8_t)PATTERN);
	if (domain_unmap(by->dom, IOVA(a.at), PAGE_SIZE) == SL_OK && got) {
		watch(x);
		iommu_fault_claim(x->mmu, x->q->fn);
		enum sl_err e = ask(x, &a, false, &status);
		o = judge(x, &a, e, status, &f);
		iommu_fault_unclaim(x->mmu);
		o = o == REFUSED && x->asked != 2 ? SILENT : o;
	}
	count(x, &a, o, status, &f);
}

static void attempt_all(struct matrix *x, struct tenant *by)
{
	struct queues *q = x->q;
	struct tenant *next = &q->tenant[(by->index + 1) % q->n];
	struct forbidden readonly = {by, READONLY, by->readonly.iova.v, true};
	uint64_t foreign = next->own.iova.v;
	for (unsigned i = 0; i < q->n; i++)
		if (i != by->index)
			attempt_both(x, by, OTHERS, q->tenant[i].own.phys.v);
	attempt_both(x, by, KERNEL, va_phys(x->kernel).v);
	if (works_at(x, by, false, readonly.at, by->readonly.va))
		attempt(x, by, READONLY, readonly.at, true);
	else
		count_untried(x, &readonly);
	attempt_both(x, by, UNMAPPED, q->window.v + QUEUES_HOLE);
	if (works_at(x, next, true, foreign, next->own.va)) { /* the other does reach it */
		attempt_both(x, by, FOREIGN, foreign);
	} else {
		count_untried(x, &(struct forbidden){by, FOREIGN, foreign, true});
		count_untried(x, &(struct forbidden){by, FOREIGN, foreign, false});
	}
	for (unsigned write = 0; write < 2; write++) {
		attempt_taken_back(x, by, write);
		attempt_revoked(x, by, write);
	}
	if (q->dev.blocks)
		attempt_denied(x, by);
}

static void print(const struct matrix *x)
{
	unsigned columns = x->q->dev.blocks ? COLUMNS : DENIED;
	log_text("  access to  others   kernel   r/o page unmapped foreign  taken    revoked%s\n",
		 columns == COLUMNS ? "  denied" : "");
	for (unsigned i = 0; i < x->q->n; i++) {
		log_text("  queue %u    ", i);
		for (unsigned c = 0; c < columns; c++)
			log_text("%-9s", x->bad[i][c] ? "FAIL" : "ok");
		log_text("\n");
	}
}

enum sl_err queue_matrix(struct queues *q, struct iommu *mmu, struct tally *tally)
{
	struct matrix x = {.q = q, .mmu = mmu, .tally = tally, .kernel = pmm_page(), .lent = pmm_page()};
	uint64_t before = tally->cases, refused = tally->refused;
	if (x.kernel && x.lent) {
		x.watched[x.n_watched++] = x.kernel;
		x.watched[x.n_watched++] = x.lent;
		for (unsigned i = 0; i < q->n; i++) {
			x.watched[x.n_watched++] = q->tenant[i].own.va;
			x.watched[x.n_watched++] = q->tenant[i].readonly.va;
		}
		for (unsigned i = 0; i < q->n; i++)
			attempt_all(&x, &q->tenant[i]);
		for (unsigned i = 0; i < q->n;
		     i++) /* at the beginning of their rings, whose ends batches do not cross */
			queues_reopen(q, &q->tenant[i]);
		print(&x);
	}
	bool tried = x.kernel && x.lent;
	if (x.kernel)
		pmm_page_free(x.kernel);
	if (x.lent)
		pmm_page_free(x.lent);
	if (!tried)
		return SL_NOMEM;
	return tally->cases - before == tally->refused - refused ? SL_OK : SL_VERIFY;
}

enum sl_err stage_queue_refuse(struct machine *m)
{
	struct queues *q = queues_of_machine();
	if (!q->apart) {
		log_line(
			"refuse",
			"nothing is tried: the queues have no PASID each, so they share one domain (docs/dsa.md)");
		return SL_OK;
	}
	log_line(
		"refuse",
		"each of %u queues attempts reads and writes of the other queues' memory, of the kernel's, of a read-only and an unmapped page, of an address that another PASID maps, and of what it was allowed until its page or its domain was taken away",
		q->n);
	enum sl_err e = queue_matrix(q, &m->iommu, &m->tally);
	log_line(
		"refuse",
		"%llu of %llu refused, recorded and without effect, each after the same access had worked where it is allowed",
		(ull)m->tally.refused, (ull)m->tally.cases);
	return e;
}
