/* Stage bench: rows of a workload on one VF, each run by the same loop. tools/insncount counts the loop's
 * instructions between the markers; what it needs besides stands in a BENCH line. What was read last is
 * checked after each row. */
#include "apps/machine.h"
#include "apps/pattern.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/x86/marker.h"

#define STALL_US 10000000u
#define LOOK     (1u << 16) /* empty polls between two looks at the clock */

struct row {
	uint32_t depth; /* requests in flight */
	uint32_t batch; /* requests a doorbell tells of */
	uint32_t ops;   /* a multiple of batch, at least depth */
};

static const struct row rows[] = {
	{.depth = 1, .batch = 1, .ops = 8192},
	{.depth = 8, .batch = 8, .ops = 8192},
	{.depth = 32, .batch = 32, .ops = 32768},
	{.depth = 128, .batch = 128, .ops = 32768},
};

/* One row while it runs; its core's own. */
struct run {
	struct vf *vf;
	uint64_t random, chunks, empty;
	uint32_t chunk[BUFFER_SLOTS]; /* what is being read into the tag's buffer */
	unsigned errors;
	bool stalled;
};

static struct run run;

static struct accel_req next_request(struct run *r, uint32_t tag)
{
	uint32_t chunk = (uint32_t)(pattern_random(&r->random) % r->chunks);
	r->chunk[tag] = chunk;
	return vf_request(r->vf, r->vf->data, ACCEL_READ, chunk, tag);
}

/* Up to n results; waits for the first. 0 when the device is silent. */
static unsigned collect(struct run *r, struct accel_done *done, unsigned n)
{
	struct accel *a = r->vf->accel;
	unsigned got = a->drv->poll(a, done, n);
	if (got)
		return got;
	MARKER(MARK_WAIT);
	uint64_t end = now_us() + STALL_US;
	for (uint32_t polls = 1; !(got = a->drv->poll(a, done, n)); polls++) {
		r->empty++;
		if (polls % LOOK == 0 && now_us() > end) {
			r->stalled = true;
			break;
		}
	}
	MARKER(MARK_GO_ON);
	return got;
}

/* Keeps row->depth in flight until ops requests are through. */
static void loop(struct run *r, const struct row *row, uint32_t ops)
{
	struct accel_req req[BUFFER_SLOTS];
	struct accel_done done[BUFFER_SLOTS];
	struct accel *a = r->vf->accel;
	uint32_t flying = row->depth, left = ops - row->depth;
	for (uint32_t tag = 0; tag < flying; tag++)
		req[tag] = next_request(r, tag);
	r->errors += flying - a->drv->submit(a, req, flying);
	a->drv->ring(a);
	while (flying && !r->stalled) {
		uint32_t got = 0;
		while (got < row->batch && !r->stalled)
			got += collect(r, done + got, row->batch - got);
		for (uint32_t i = 0; i < got; i++)
			r->errors += done[i].status != 0;
		if (!left) {
			flying -= got;
			continue;
		}
		for (uint32_t i = 0; i < got; i++)
			req[i] = next_request(r, done[i].tag);
		r->errors += got - a->drv->submit(a, req, got);
		a->drv->ring(a);
		left -= got;
	}
}

/* A medium without memory (QEMU's null-co) reads as zeros, whatever was written. */
static bool buffer_right(const struct run *r, uint32_t tag)
{
	const uint8_t *p = vf_buffer(r->vf, tag);
	return pattern_check(p, CHUNK, timed_seed(r->vf, r->chunk[tag])) || pattern_is_zero(p, CHUNK);
}

static enum sl_err run_row(struct vf *vf, const struct row *row)
{
	struct run *r = &run;
	uint64_t room = store_chunks(vf->data);
	*r = (struct run){.vf = vf,
			  .random = pattern_seed(row->depth, 1, 1),
			  .chunks = room < TIMED_CHUNKS ? room : TIMED_CHUNKS};
	loop(r, row, row->depth); /* once before: code and tables have been used */
	for (uint32_t tag = 0; tag < row->depth; tag++)
		pattern_fill(vf_buffer(vf, tag), CHUNK, ~timed_seed(vf, 0));
	struct accel_stats before = vf->accel->stats;
	uint64_t start = now_us();
	r->empty = 0;
	MARKER(MARK_BEGIN);
	loop(r, row, row->ops);
	MARKER(MARK_END);
	uint64_t us = now_us() - start;
	if (r->errors || r->stalled)
		return SL_DEVICE;
	for (uint32_t tag = 0; tag < row->depth; tag++)
		if (!buffer_right(r, tag))
			return SL_VERIFY;
	log_text("BENCH depth=%u batch=%u ops=%u us=%llu doorbells=%llu empty=%llu\n", row->depth, row->batch,
		 row->ops, (ull)us, (ull)(vf->accel->stats.doorbells - before.doorbells), (ull)r->empty);
	return SL_OK;
}

enum sl_err stage_bench(struct machine *m)
{
	struct vf *vf = &m->vf[0];
	enum sl_err e = timed_prepare(m);
	for (unsigned i = 0; i < ARRAY_LEN(rows) && !e; i++)
		if (rows[i].depth <= vf->accel->depth)
			e = run_row(vf, &rows[i]);
	if (e)
		log_fail("bench", "run again; if it stays, the device fails under load",
			 "reads under load went wrong: %s", sl_err_text(e));
	return e;
}
