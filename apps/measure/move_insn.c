/* Stage insn of a DSA: copies of 4 KiB on its first queue, each from a page chosen at random, passes= times
 * over. tools/insncount counts the instructions between the markers; what else is needed stands in a BENCH
 * line. What the last round left is compared. */
#include "apps/measure/move_insn.h"
#include "apps/work/pattern.h"
#include "apps/work/queues.h"
#include "kernel/log.h"
#include "kernel/marker.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define DEPTH    MOVE_TAGS
#define OPS      16384u
#define FACTOR   6364136223846793005u /* Knuth's, of MMIX */
#define STALL_US 10000000u
_Static_assert(DEPTH == 32, "pages are chosen by five bits");

static uint8_t from[DEPTH]; /* the page that each job of the last round copied */

static uint8_t *page_of(const struct tenant *t, unsigned i)
{
	return t->moves.va + i * PAGE_SIZE; /* sources, then destinations */
}

static __attribute__((noinline)) bool wait(struct dsa_cursor *c, uint64_t *empty, uint8_t *status)
{
	struct deadline d = deadline_in(STALL_US);
	while (deadline_look(&d)) {
		*status = dsa_take(c);
		if (*status)
			return true;
		++*empty;
	}
	return false;
}

/* Rounds of DEPTH copies, a submission each; false when a job fails or never ends. */
static bool rounds(struct dsa_queue *q, uint64_t pages, uint32_t n, uint64_t *empty)
{
	uint64_t random = 0x9e3779b97f4a7c15u;
	for (; n; n--) {
		struct dsa_cursor c = dsa_puts(q);
		uint8_t bad = 0;
		for (uint64_t to = pages + DEPTH * PAGE_SIZE, i = 0; i < DEPTH; i++, to += PAGE_SIZE) {
			random *= FACTOR;
			from[i] = (uint8_t)(random >> 59);
			dsa_put(&c, IOVA(pages + (random >> 59) * PAGE_SIZE), IOVA(to));
		}
		dsa_puts_done(q, &c);
		c = dsa_takes(q);
		for (unsigned i = 0; i < DEPTH; i++) {
			uint8_t status = dsa_take(&c);
			if (UNLIKELY(!status)) {
				MARKER(MARK_WAIT);
				bool there = wait(&c, empty, &status);
				MARKER(MARK_GO_ON);
				if (!there)
					return false;
			}
			bad |= status ^ DSA_SUCCESS;
		}
		dsa_takes_done(q);
		if (UNLIKELY(bad))
			return false;
	}
	return true;
}

static enum sl_err run_row(struct tenant *t)
{
	struct dsa_queue *q = &t->queue;
	uint64_t pages = t->moves.iova.v, empty = 0;
	const struct move_job like = {.op = MOVE_COPY, .len = PAGE_SIZE};
	for (unsigned i = 0; i < DEPTH; i++)
		pattern_fill(page_of(t, i), PAGE_SIZE, pattern_seed(0, 5, i));
	dsa_queue_plan(q, &like);
	bool done = rounds(q, pages, 1, &empty); /* once before: code and tables have been used */
	memset(page_of(t, DEPTH), 0x5a, DEPTH * PAGE_SIZE);
	uint64_t start = now_us(), doorbells = q->m.q.stats.doorbells;
	empty = 0;
	MARKER(MARK_BEGIN);
	done = done && rounds(q, pages, OPS / DEPTH, &empty);
	MARKER(MARK_END);
	uint64_t us = now_us() - start;
	if (!done)
		return SL_DEVICE;
	for (unsigned i = 0; i < DEPTH; i++)
		if (!pattern_check(page_of(t, DEPTH + i), PAGE_SIZE, pattern_seed(0, 5, from[i])))
			return SL_VERIFY;
	log_text("BENCH op=copy bytes=%u depth=%u batch=%u ops=%u us=%llu doorbells=%llu empty=%llu\n",
		 (unsigned)PAGE_SIZE, DEPTH, DEPTH, OPS, (ull)us, (ull)(q->m.q.stats.doorbells - doorbells),
		 (ull)empty);
	return SL_OK;
}

enum sl_err move_insn(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (uint32_t pass = 0; pass < m->cfg->passes && !e; pass++)
		e = run_row(&queues_of_machine()->tenant[0]);
	if (e)
		log_fail("insn", "run again; if this persists, the device fails under load",
			 "copies under load failed: %s", sl_err_text(e));
	return e;
}
