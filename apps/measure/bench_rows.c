#include "apps/measure/bench.h"
#include "apps/work/timed.h"

static const uint32_t depths[] = {1, 8, 32, 128};

struct list {
	struct bench_row *row;
	unsigned n, max;
};

static void add(struct list *l, struct bench_row row)
{
	if (row.batch > row.depth) /* more than can come back */
		row.batch = row.depth;
	if (l->n < l->max)
		l->row[l->n++] = row;
}

/* A row at every depth. */
static void add_depths(struct list *l, uint32_t qd, struct bench_row row)
{
	uint32_t last = 0;
	for (unsigned i = 0; i < ARRAY_LEN(depths) && depths[i] <= qd; i++) {
		row.depth = last = depths[i];
		add(l, row);
	}
	row.depth = qd;
	if (last != qd)
		add(l, row);
}

/* Other work than single reads of a page at random places, to see what that changes. */
static void add_others(struct list *l, uint32_t qd, struct bench_row row)
{
	struct bench_row r = row;
	r.depth = qd < 32 ? qd : 32;
	r.seq = true;
	add(l, r);
	r.seq = false;
	r.batch = r.depth < 8 ? r.depth : 8;
	add(l, r);
	r.batch = 0;
	r.writes = 30;
	add(l, r);
	r.writes = 100;
	add(l, r);
	r.writes = 0;
	r.bytes = 4 * CHUNK;
	add(l, r);
	r.bytes = 16 * CHUNK;
	r.depth = qd < 8 ? qd : 8;
	add(l, r);
}

unsigned bench_rows(const struct bench_scene *s, struct bench_row *out, unsigned max)
{
	static const enum bench_map maps[] = {BENCH_1G, BENCH_2M, BENCH_4K, BENCH_STRICT};
	const struct config *cfg = s->cfg;
	bool on = cfg->iommu == CONFIG_IOMMU_ON, polled = cfg->mode == WAIT_POLL;
	struct list l = {out, 0, max};
	struct bench_row row = {.pf = s->pf,
				.vfs = 1,
				.batch = cfg->batch,
				.bytes = cfg->block,
				.writes = cfg->writes,
				.seq = cfg->order == ORDER_SEQ,
				.mode = (enum wait_mode)cfg->mode,
				.map = on                              ? BENCH_2M
				       : cfg->iommu == CONFIG_IOMMU_PT ? BENCH_PT
								       : BENCH_OFF};
	bool usual = !row.batch && row.bytes == CHUNK && !row.writes && !row.seq;
	if (!on || s->pf || !polled) {
		add_depths(&l, cfg->qd, row);
	} else {
		for (unsigned i = 0; i < ARRAY_LEN(maps); i++) {
			struct bench_row r = row;
			r.map = maps[i];
			if (r.map != BENCH_1G || s->huge)
				add_depths(&l, cfg->qd, r);
		}
	}
	if (s->pf)
		return l.n;
	for (row.vfs = 2; row.vfs < s->vfs && polled; row.vfs *= 2)
		add_depths(&l, cfg->qd, row);
	row.vfs = s->vfs;
	if (s->vfs > 1)
		add_depths(&l, cfg->qd, row);
	row.vfs = 1;
	if (on && usual && polled)
		add_others(&l, cfg->qd, row);
	return l.n;
}

/* Reads come from the first TIMED_CHUNKS of the medium, writes go to as many after them, and have buffers of
 * their own. */
bool bench_possible(const struct vf *vf, const struct bench_row *row)
{
	uint64_t buffers = (uint64_t)row->depth * row->bytes * (row->writes ? 2 : 1);
	uint64_t places = TIMED_CHUNKS * CHUNK / row->bytes;
	return row->depth <= vf->queue->depth && buffers <= BUFFER_SLOTS * CHUNK &&
	       row->bytes <= (uint64_t)vf->data->most * vf->data->block &&
	       store_chunks(vf->data) >= TIMED_CHUNKS * (row->writes ? 2 : 1) &&
	       (!row->writes || places >= row->depth);
}

void bench_sum(struct bench_result *r)
{
	uint64_t v[BENCH_REPEATS];
	for (unsigned i = 0; i < BENCH_REPEATS; i++) {
		unsigned j = i;
		for (; j && v[j - 1] > r->iops[i]; j--)
			v[j] = v[j - 1];
		v[j] = r->iops[i];
	}
	r->fair = r->fastest ? (unsigned)(r->slowest * 1000 / r->fastest) : 0;
	r->median = v[BENCH_REPEATS / 2];
	uint64_t wide = v[BENCH_REPEATS - 1] - v[0];
	uint64_t spread = r->median ? wide * 1000 / r->median : wide ? UINT32_MAX : 0;
	r->spread = spread < UINT32_MAX ? (unsigned)spread : UINT32_MAX;
}
