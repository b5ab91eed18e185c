/* One row of the benchmark, once: its VFs worked by their cores for a fixed time. Buffers are prepared before
 * the clock starts, and looked at after it has stopped. */
#include "apps/measure/bench.h"
#include "apps/vf/batch.h"
#include "apps/work/timed.h"
#include "kernel/str.h"
#include "kernel/tsc.h"

#define WRITE_MARK 0x7ffffffeu /* a round of pattern_seed() that reads never see */

/* One VF's side of a row, its core's own while the row runs. */
struct side {
	struct flow flow; /* first; places are a request apart: so many for reads, then so many for writes */
	struct bench_row row;
	struct domain *dom; /* to map in, with BENCH_STRICT */
	struct dma_buf buf; /* buffers to read into, after them those to write from */
	uint64_t next;
	uint32_t repeat;
	bool wrote[BUFFER_SLOTS]; /* the tag's last request was a write */
};

static struct side side[VFS_MAX];

static uint64_t write_seed(const struct side *s, uint32_t tag)
{
	return pattern_seed(s->flow.vf->index, WRITE_MARK, (uint64_t)s->repeat << 32 | tag);
}

static uint64_t buffer_off(const struct side *s, uint32_t tag, bool write)
{
	return (uint64_t)(tag + (write ? s->row.depth : 0)) * s->row.bytes;
}

/* Reads go anywhere in their part. Writes: each tag has every depth-th place of the other part to itself, so
 * that what a place holds at the end is known. */
static struct block_req next_request(struct side *s, uint32_t tag)
{
	const struct bench_row *row = &s->row;
	struct flow *f = &s->flow;
	bool write = row->writes && pattern_random(&f->random) % 100 < row->writes;
	uint64_t n = row->seq ? s->next++ : pattern_random(&f->random);
	uint64_t place = n % f->places;
	if (write) {
		n = row->seq ? n / row->depth : n;
		place = f->places + n % (f->places / row->depth) * row->depth + tag;
	}
	f->place[tag] = (uint32_t)place;
	s->wrote[tag] = write;
	struct block_req r = vf_request(f->vf, f->vf->data, write ? BLOCK_WRITE : BLOCK_READ, 0, tag);
	r.blocks = (uint16_t)(row->bytes / f->vf->data->block);
	r.lba += place * r.blocks;
	r.data = IOVA(s->buf.iova.v + buffer_off(s, tag, write));
	return r;
}

static struct side *side_of(struct flow *f)
{
	return (struct side *)(void *)f;
}

/* Rings for all that waits. From here a request's time counts. */
static void send(struct flow *f)
{
	const struct side *s = side_of(f);
	uint64_t now = cpu_tsc();
	for (unsigned i = 0; i < f->waiting; i++) {
		const struct block_req *r = &f->vf->batch.req[i];
		f->started[r->tag] = now;
		if (s->dom && domain_map(s->dom, r->data, PHYS(s->buf.phys.v + r->data.v - s->buf.iova.v),
					 s->row.bytes, r->op == BLOCK_READ ? DOMAIN_W : DOMAIN_R))
			f->errors++;
	}
	flow_send(f);
}

static void take(struct flow *f, const struct queue_done *done, uint64_t now, bool again)
{
	const struct side *s = side_of(f);
	uint32_t tag = done->tag;
	f->errors += done->status != 0;
	if (s->dom) {
		iova_t at = IOVA(s->buf.iova.v + buffer_off(s, tag, s->wrote[tag]));
		if (domain_unmap(s->dom, at, s->row.bytes))
			f->errors++;
		now = cpu_tsc();
	}
	if (again)
		hist_add(&f->vf->latency, now - f->started[tag]);
}

static void next(struct flow *f, uint32_t tag, unsigned slot, uint64_t now)
{
	(void)now;
	f->vf->batch.req[slot] = next_request(side_of(f), tag);
}

/* As soon as a batch is together. */
static void push(struct flow *f)
{
	if (f->waiting >= side_of(f)->row.batch)
		send(f);
}

static unsigned turn(unsigned v)
{
	return flow_turn(&side[v].flow, true, take, next, push);
}

/* What waits is sent too: its places count as its own already. */
static unsigned last_turn(struct flow *f)
{
	if (f->waiting)
		send(f);
	return flow_turn(f, false, take, next, push);
}

static enum sl_err begin(struct worker *w, unsigned v)
{
	struct side *s = &side[v];
	flow_begin(&s->flow, &w->m->vf[v]);
	for (uint32_t tag = 0; tag < s->row.depth; tag++)
		next(&s->flow, tag, tag, 0);
	s->flow.waiting = s->row.depth;
	send(&s->flow);
	return SL_OK;
}

static enum sl_err end(unsigned v, uint64_t deadline)
{
	return flow_end(&side[v].flow, deadline, last_turn);
}

static const struct flow_ops row_ops = {begin, turn, end};

/* Of what runs: VFs, as with interrupts a core is given some of which the row has none; and how long. */
static unsigned rows_vfs;
static uint32_t rows_ms;

static void bench_worker(void *arg)
{
	struct worker *w = arg;
	struct wait_set rings;
	unsigned last = w->first + w->n < rows_vfs ? w->first + w->n : rows_vfs;
	if (w->first >= last)
		return;
	wait_of(w->m, w->first, last - w->first, &rings);
	flow_work(w, last, rows_ms * (tsc_info()->hz / 1000), rings.mode == WAIT_POLL ? NULL : &rings,
		  &row_ops);
}

static uint8_t *buffer_of(const struct side *s, uint32_t tag, bool write)
{
	return (uint8_t *)s->buf.va + buffer_off(s, tag, write);
}

/* Old data must not pass for new. */
static void fill_buffers(const struct side *s)
{
	for (uint32_t tag = 0; tag < s->row.depth; tag++) {
		pattern_fill(buffer_of(s, tag, false), s->row.bytes, ~timed_seed(s->flow.vf, 0));
		if (s->row.writes)
			pattern_fill(buffer_of(s, tag, true), s->row.bytes, write_seed(s, tag));
	}
}

static bool read_right(const struct side *s, uint32_t tag)
{
	uint32_t chunks = s->row.bytes / CHUNK;
	for (uint32_t i = 0; i < chunks; i++)
		if (!pattern_check(buffer_of(s, tag, false) + i * CHUNK, CHUNK,
				   timed_seed(s->flow.vf, (uint64_t)s->flow.place[tag] * chunks + i)))
			return false;
	return true;
}

/* What the tags wrote last, read back by the VF's usual buffers. */
static enum sl_err writes_right(struct machine *m, struct side *s)
{
	struct vf *vf = s->flow.vf;
	struct batch *b = &vf->batch;
	b->n = 0;
	for (uint32_t tag = 0; tag < s->row.depth; tag++) {
		if (!s->wrote[tag])
			continue;
		struct block_req r = vf_request(vf, vf->data, BLOCK_READ, 0, b->n);
		r.blocks = (uint16_t)(s->row.bytes / vf->data->block);
		r.lba += (uint64_t)s->flow.place[tag] * r.blocks;
		r.data = IOVA(vf->buffers.iova.v + (uint64_t)b->n * s->row.bytes);
		b->req[b->n++] = r;
	}
	enum sl_err e = batch_start(vf);
	if (!e)
		e = batch_finish(m);
	unsigned n = 0;
	for (uint32_t tag = 0; tag < s->row.depth && !e; tag++) {
		if (!s->wrote[tag])
			continue;
		const uint8_t *got = (const uint8_t *)vf->buffers.va + (uint64_t)n * s->row.bytes;
		if (b->status[n])
			e = batch_status(vf);
		else if (!pattern_check(got, s->row.bytes, write_seed(s, tag)))
			e = SL_VERIFY;
		n++;
	}
	return e;
}

/* Reads first: reading back uses buffers of theirs. */
static enum sl_err look(struct machine *m, struct side *s)
{
	for (uint32_t tag = 0; tag < s->row.depth; tag++)
		if (!s->wrote[tag] && !read_right(s, tag))
			return SL_VERIFY;
	return s->row.writes ? writes_right(m, s) : SL_OK;
}

static uint64_t irqs_of(const struct machine *m, unsigned vfs)
{
	uint64_t n = 0;
	for (unsigned v = 0; v < vfs; v++)
		n += m->vf[v].wait.irqs;
	return n;
}

static void add_up(struct bench_result *out, uint64_t waits, uint64_t irqs)
{
	const struct bench_row *row = &out->row;
	uint64_t ops = 0, ticks = 0, least = UINT64_MAX, most = 0;
	for (unsigned i = 0; i < core_count(); i++)
		ticks = worker_of(i)->ticks > ticks ? worker_of(i)->ticks : ticks;
	for (unsigned v = 0; v < row->vfs; v++) {
		const struct vf *vf = side[v].flow.vf;
		ops += vf->ops;
		least = vf->ops < least ? vf->ops : least;
		most = vf->ops > most ? vf->ops : most;
		out->doorbells += vf->timed.doorbells;
		out->empty += vf->timed.empty_polls;
		hist_merge(&out->latency, &vf->latency);
	}
	uint64_t us = report_ns(ticks) / 1000;
	out->iops[out->repeats++] = us ? ops * 1000000 / us : 0;
	out->slowest += least;
	out->fastest += most;
	out->ops += ops;
	out->irqs += irqs;
	uint64_t sent = ops + (uint64_t)row->vfs * row->depth; /* those that were in flight at the end too */
	out->invals += sent ? waits * ops / sent : 0;
}

/* Nothing but BENCH_STRICT invalidates while this runs, and there each request does, those that are in flight
 * when the clock stops too. */
static enum sl_err run_once(struct machine *m, struct bench_result *out, bool warm_up)
{
	unsigned vfs = out->row.vfs;
	uint32_t ms = m->cfg->ms;
	rows_vfs = vfs;
	rows_ms = warm_up ? (ms + 3) / 4 : ms;
	for (unsigned v = 0; v < vfs; v++) {
		side[v].repeat = 2 * out->repeats + warm_up;
		hist_reset(&side[v].flow.vf->latency);
		fill_buffers(&side[v]);
	}
	uint64_t limit_us = rows_ms * 1000ull + 2 * FLOW_DRAIN_US, irqs = irqs_of(m, vfs),
		 waits = iommu_waits(&m->iommu);
	/* An interrupt goes to the core that workers_run() gives the VF to. */
	enum sl_err e = out->row.mode == WAIT_POLL ? workers_run_first(m, vfs, bench_worker, limit_us)
						   : workers_run(m, bench_worker, limit_us);
	waits = iommu_waits(&m->iommu) - waits;
	irqs = irqs_of(m, vfs) - irqs;
	faults_say(m);
	for (unsigned v = 0; v < vfs && !e; v++)
		e = m->vf[v].wait.lost ? SL_TIMEOUT : look(m, &side[v]);
	if (!e && !warm_up)
		add_up(out, waits, irqs);
	return e;
}

/* The side's buffers, mapped as the row wants them. */
static enum sl_err map_buffers(struct machine *m, struct side *s, const phys_t *huge)
{
	const struct dma_buf *own = &s->flow.vf->buffers;
	enum sl_err e = SL_OK;
	s->buf = *own;
	switch (s->row.map) {
	case BENCH_STRICT:
		s->buf.iova = window_at(m, WINDOW_HOLE);
		s->dom = s->flow.vf->dom;
		break;
	case BENCH_4K:
		s->buf.iova = window_at(m, WINDOW_HOLE);
		for (uint64_t off = 0; off < own->len && !e; off += PAGE_SIZE)
			e = domain_map(s->flow.vf->dom, IOVA(s->buf.iova.v + off), PHYS(own->phys.v + off),
				       PAGE_SIZE, DOMAIN_RW);
		break;
	case BENCH_1G:
		e = domain_iova_alloc(s->flow.vf->dom, PAGE_1G, PAGE_1G, &s->buf.iova);
		s->buf = (struct dma_buf){phys_va(*huge), s->buf.iova, *huge, PAGE_1G, s->flow.vf->dom};
		if (!e)
			e = domain_map(s->flow.vf->dom, s->buf.iova, *huge, PAGE_1G, DOMAIN_RW);
		break;
	default:
		break;
	}
	return e;
}

static enum sl_err unmap_buffers(struct side *s)
{
	if (s->row.map != BENCH_4K && s->row.map != BENCH_1G)
		return SL_OK;
	enum sl_err e = domain_unmap(s->flow.vf->dom, s->buf.iova, s->buf.len);
	if (!e && s->row.map == BENCH_1G)
		e = domain_iova_free(s->flow.vf->dom, s->buf.iova, PAGE_1G);
	return e;
}

static enum sl_err prepare(struct machine *m, const struct bench_row *row, unsigned repeat,
			   const phys_t *huge)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < row->vfs && !e; v++) {
		struct vf *vf = &m->vf[v];
		struct side *s = &side[v];
		memset(s, 0, sizeof *s);
		s->flow.vf = vf;
		s->row = *row;
		s->flow.random = pattern_seed(v, repeat + 1, m->cfg->seed);
		s->flow.places = (uint32_t)(TIMED_CHUNKS * CHUNK / row->bytes);
		vf->batch.n = vf->batch.done = 0;
		e = map_buffers(m, s, huge);
	}
	return e;
}

enum sl_err bench_repeat(struct machine *m, struct bench_result *out, const phys_t *huge)
{
	if (!out->repeats)
		hist_reset(&out->latency);
	enum sl_err e = wait_open(m);
	if (!e)
		e = prepare(m, &out->row, out->repeats, huge);
	if (!e)
		e = run_once(m, out, true);
	if (!e)
		e = run_once(m, out, false);
	for (unsigned v = 0; v < out->row.vfs && !e; v++)
		e = unmap_buffers(&side[v]);
	wait_close(m);
	return e;
}
