/* Stage insn: rows of a workload on one VF, passes= times over, each run by the same loop. tools/insncount
 * counts the loop's instructions between the markers; what it needs besides stands in a BENCH line. What was
 * read last is checked after each row. */
#include "apps/machine.h"
#include "apps/vf/batch.h"
#include "apps/work/timed.h"
#include "apps/measure/insn.h"
#include "apps/measure/move_insn.h"
#include "apps/vf/nvme.h"
#include "apps/work/pattern.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/marker.h"

#define STALL_US 10000000u
#define LOOK     (1u << 16) /* empty polls between two looks at the clock */

struct row {
	uint32_t depth; /* requests in flight */
	uint32_t batch; /* requests a doorbell tells of */
	uint32_t ops;   /* depth and any number of batches */
	uint32_t bytes; /* of a request, a multiple of CHUNK; depth of them fit into the buffers */
	bool strict;    /* each request's buffer is mapped for it, and unmapped when it is through */
	bool checked;   /* all that a request brought is looked at before the next is sent */
};

static const struct row rows[] = {
	{.depth = 1, .batch = 1, .ops = 8192, .bytes = CHUNK},
	{.depth = 8, .batch = 8, .ops = 8192, .bytes = CHUNK},
	{.depth = 32, .batch = 32, .ops = 32768, .bytes = CHUNK},
	{.depth = 128, .batch = 128, .ops = 32768, .bytes = CHUNK},
	{.depth = 1, .batch = 1, .ops = 8192, .bytes = CHUNK, .checked = true},
	{.depth = 8, .batch = 8, .ops = 1024, .bytes = 32 * CHUNK},
	{.depth = 1, .batch = 1, .ops = 2048, .bytes = CHUNK, .strict = true},
	{.depth = 32, .batch = 32, .ops = 4096, .bytes = CHUNK, .strict = true},
};

/* One row while it runs; its core's own. */
struct run {
	struct row row;
	uint64_t random, factor; /* random: odd */
	uint64_t places;         /* where on the medium a request may start, bytes apart */
	uint64_t blocks, bytes;
	const struct vf *vf;
	struct domain *dom;
	phys_t memory;                /* behind buffers, with strict set */
	uint64_t empty, waits;        /* polls that found nothing, and how often they began */
	iova_t buffer[BUFFER_SLOTS];  /* by tag: what the device is told, */
	uint32_t place[BUFFER_SLOTS]; /* and of what is being read into it */
};

static struct run run;

__extension__ typedef unsigned __int128 u128;

/* The top bits of a multiplicative congruential generator (the factor is Knuth's, of MMIX), scaled to a
 * place.
 */
FAST_INLINE uint64_t random_place(const struct run *r, uint64_t *random)
{
	*random *= r->factor;
	return (uint64_t)((u128)*random * r->places >> 64);
}

/* Reads from a random place into the tag's buffer. False when that is refused. */
FAST_INLINE bool send(struct run *r, struct nvme_vf *vf, uint64_t *random, uint32_t tag, bool strict)
{
	uint64_t place = random_place(r, random);
	iova_t buffer = r->buffer[tag];
	r->place[tag] = (uint32_t)place;
	if (strict && domain_map(r->dom, buffer, PHYS(r->memory.v + tag * r->bytes), r->bytes, DOMAIN_W))
		return false;
	return LIKELY(!nvme_vf_put(vf, tag, place * r->blocks, buffer));
}

/* Waits for a completion; false when the device is silent. */
static __attribute__((noinline)) bool wait(struct run *r, const struct nvme_queue *q)
{
	uint64_t end = now_us() + STALL_US;
	uint32_t left;
	r->waits++;
	do {
		left = nvme_queue_spin(q, LOOK);
		r->empty += LOOK - left;
	} while (!left && now_us() < end);
	return left;
}

/* A medium without memory (QEMU's null-co) reads as zeros, whatever was written; any other has what
 * timed_prepare() wrote. */
static bool medium_keeps;

static bool chunk_right(const struct vf *vf, const uint8_t *p, uint64_t chunk)
{
	return medium_keeps ? pattern_check(p, CHUNK, timed_seed(vf, chunk)) : pattern_is_zero(p, CHUNK);
}

/* What the tag's request brought. */
static bool buffer_right(const struct run *r, uint32_t tag)
{
	uint64_t chunks = r->bytes / CHUNK;
	for (uint64_t i = 0; i < chunks; i++) {
		const uint8_t *p = (const uint8_t *)r->vf->buffers.va + tag * r->bytes + i * CHUNK;
		if (!chunk_right(r->vf, p, r->place[tag] * chunks + i))
			return false;
	}
	return true;
}

/* The same, and spoils the buffer for a request that brings nothing. */
static bool buffer_right_once(const struct run *r, uint32_t tag)
{
	bool right = buffer_right(r, tag);
	memset((uint8_t *)r->vf->buffers.va + tag * r->bytes, 0x5a, 8);
	return right;
}

/* Takes n completions (1 or more) and, with again set, sends another request with the tag of each. */
FAST_INLINE bool turn(struct run *r, struct nvme_vf *vf, uint64_t *random, uint32_t n, bool again,
		      bool strict, bool checked)
{
	do {
		uint32_t tag;
		uint16_t status;
		enum nvme_took took;
		while (UNLIKELY((took = nvme_queue_take(&vf->queue, &tag, &status, NULL)) != NVME_TOOK)) {
			if (took != NVME_NONE)
				continue;
			MARKER(MARK_WAIT);
			bool ready = wait(r, &vf->queue);
			MARKER(MARK_GO_ON);
			if (!ready)
				return false;
		}
		if (UNLIKELY(status))
			return false;
		if (strict && domain_unmap(r->dom, r->buffer[tag], r->bytes))
			return false;
		if (checked && !buffer_right_once(r, tag))
			return false;
		if (again && !send(r, vf, random, tag, strict))
			return false;
	} while (--n);
	return true;
}

/* Keeps r->row.depth in flight until ops requests are through. False when the device fell silent. */
FAST_INLINE bool loop(struct run *r, struct nvme_vf *vf, uint32_t ops, bool strict, bool checked)
{
	struct nvme_queue *q = &vf->queue;
	uint64_t random = r->random;
	for (uint32_t tag = 0; tag < r->row.depth; tag++)
		if (!send(r, vf, &random, tag, strict))
			return false;
	nvme_queue_ring(q);
	for (uint32_t batches = (ops - r->row.depth) / r->row.batch; batches; batches--) {
		if (!turn(r, vf, &random, r->row.batch, true, strict, checked))
			return false;
		nvme_queue_ring(q);
		nvme_queue_release(q);
	}
	bool done = turn(r, vf, &random, r->row.depth, false, strict, checked);
	nvme_queue_release(q);
	return done;
}

static bool loop_plain(struct run *r, struct nvme_vf *vf, uint32_t ops)
{
	return loop(r, vf, ops, false, false);
}

static bool loop_strict(struct run *r, struct nvme_vf *vf, uint32_t ops)
{
	return loop(r, vf, ops, true, false);
}

static bool loop_checked(struct run *r, struct nvme_vf *vf, uint32_t ops)
{
	return loop(r, vf, ops, false, true);
}

static enum sl_err look_at_medium(struct machine *m, struct vf *vf)
{
	vf->batch.n = 1;
	vf->batch.req[0] = vf_request(vf, vf->data, BLOCK_READ, 0, 0);
	pattern_fill(vf_buffer(vf, 0), CHUNK, ~timed_seed(vf, 0));
	enum sl_err e = batch_start(vf);
	if (!e)
		e = batch_finish(m);
	if (e)
		return e;
	if (vf->batch.status[0])
		return batch_status(vf);
	medium_keeps = !pattern_is_zero(vf_buffer(vf, 0), CHUNK);
	return chunk_right(vf, vf_buffer(vf, 0), 0) ? SL_OK : SL_VERIFY;
}

static enum sl_err measure(struct machine *m, struct vf *vf, const struct row *row)
{
	struct run *r = &run;
	struct nvme_queue *q = &nvme_of(vf)->queue;
	uint64_t room = store_chunks(vf->data);
	struct block_req like = vf_request(vf, vf->data, BLOCK_READ, 0, 0);
	like.blocks = (uint16_t)(row->bytes / vf->data->block);
	*r = (struct run){.row = *row,
			  .random = pattern_seed(row->depth, 1, 1) | 1,
			  .factor = 6364136223846793005u,
			  .places = (room < TIMED_CHUNKS ? room : TIMED_CHUNKS) * CHUNK / row->bytes,
			  .blocks = like.blocks,
			  .bytes = row->bytes,
			  .vf = vf,
			  .dom = vf->dom,
			  .memory = vf->buffers.phys};
	iova_t buffers = row->strict ? window_at(m, WINDOW_HOLE) : vf->buffers.iova;
	for (uint32_t tag = 0; tag < row->depth; tag++)
		r->buffer[tag] = IOVA(buffers.v + tag * r->bytes);
	bool (*run_loop)(struct run * r, struct nvme_vf * vf, uint32_t ops) = row->strict    ? loop_strict
									      : row->checked ? loop_checked
											     : loop_plain;
	enum sl_err e = nvme_vf_plan(nvme_of(vf), &like);
	if (e)
		return e;
	/* Once round the ring before: code and tables have been used, and each entry has held such a request.
	 */
	bool done = run_loop(r, nvme_of(vf), nvme_queue_entries(q));
	for (uint32_t tag = 0; tag < row->depth; tag++)
		pattern_fill((uint8_t *)vf->buffers.va + tag * r->bytes, r->bytes, ~timed_seed(vf, 0));
	uint64_t start = now_us(), doorbells = q->doorbells, waits = iommu_waits(&m->iommu);
	r->empty = r->waits = 0;
	MARKER(MARK_BEGIN);
	done = done && run_loop(r, nvme_of(vf), row->ops);
	MARKER(MARK_END);
	uint64_t us = now_us() - start;
	if (!done || q->bad)
		return SL_DEVICE;
	for (uint32_t tag = 0; tag < row->depth && !row->checked; tag++)
		if (!buffer_right(r, tag))
			return SL_VERIFY;
	log_text(
		"BENCH strict=%u checked=%u bytes=%u depth=%u batch=%u ops=%u us=%llu doorbells=%llu empty=%llu waits=%llu iommu_waits=%llu\n",
		row->strict, row->checked, row->bytes, row->depth, row->batch, row->ops, (ull)us,
		(ull)(q->doorbells - doorbells), (ull)r->empty, (ull)r->waits,
		(ull)(iommu_waits(&m->iommu) - waits));
	return SL_OK;
}

static enum sl_err run_row(struct machine *m, struct vf *vf, const struct row *row)
{
	enum sl_err e = measure(m, vf, row);
	if (e == SL_DEVICE)
		timed_find_bad(m);
	return e;
}

/* What the row needs, this VF has. */
static bool possible(const struct vf *vf, const struct row *row)
{
	return row->depth <= vf->queue->depth && row->bytes <= (uint64_t)vf->data->most * vf->data->block &&
	       row->bytes <= store_chunks(vf->data) * CHUNK && (vf->dom || !row->strict);
}

enum sl_err stage_insn(struct machine *m)
{
	if (m->cfg->device == DEVICE_DSA)
		return move_insn(m);
	if (m->kind->service == VF_COMPUTES)
		return compute_insn(m);
	if (m->kind->service == VF_NETWORKS)
		return packet_insn(m);
	struct vf *vf = &m->vf[0];
	enum sl_err e = timed_prepare(m);
	if (!e)
		e = look_at_medium(m, vf);
	for (uint32_t pass = 0; pass < m->cfg->passes; pass++)
		for (unsigned i = 0; i < ARRAY_LEN(rows) && !e; i++)
			if (possible(vf, &rows[i]))
				e = run_row(m, vf, &rows[i]);
	if (e)
		log_fail("insn", "run again; if this persists, the device fails under load",
			 "reads under load failed: %s", sl_err_text(e));
	return e;
}
