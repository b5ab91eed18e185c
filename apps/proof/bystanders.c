#include "apps/proof/bystanders.h"
#include "apps/proof/attack.h"
#include "apps/vf/batch.h"
#include "apps/work/pattern.h"
#include "apps/work/timed.h"

static struct {
	bool on, right;
	unsigned each; /* operations of one VF in flight: reads first, then writes */
	uint64_t ops;
	bool active[VFS_MAX];
	uint32_t chunk[VFS_MAX];
} load;

static unsigned reads(void)
{
	return (load.each + 1) / 2;
}

/* Reads of chunks that are known, and writes of the same data again to the ones after them; the next round
 * reads those. */
static void round_start(struct vf *vf)
{
	uint64_t room = store_chunks(vf->data) - 1;
	struct batch *b = &vf->batch;
	b->n = load.each;
	for (unsigned i = 0; i < b->n; i++) {
		bool read = i < reads();
		uint64_t chunk = (load.chunk[vf->index] + i) % (room < TIMED_CHUNKS ? room : TIMED_CHUNKS);
		b->req[i] = vf_request(vf, vf->data, read ? BLOCK_READ : BLOCK_WRITE, chunk, i);
		pattern_fill(vf_buffer(vf, i), CHUNK, read ? 1 : timed_seed(vf, chunk));
	}
	load.active[vf->index] = batch_start(vf) == SL_OK;
	load.right &= load.active[vf->index];
}

static void round_check(struct vf *vf)
{
	const struct batch *b = &vf->batch;
	uint32_t blocks = (uint32_t)(CHUNK / vf->data->block);
	load.active[vf->index] = false;
	for (unsigned i = 0; i < b->n; i++) {
		uint64_t chunk = (b->req[i].lba - vf->data->first_lba) / blocks;
		load.right &=
			b->status[i] == 0 && pattern_check(vf_buffer(vf, i), CHUNK, timed_seed(vf, chunk));
	}
	load.ops += b->n;
	load.chunk[vf->index] += reads();
}

static bool stands_by(const struct vf *vf, const struct attacker *by)
{
	return vf->queue && vf != by->dev;
}

static void block_begin(struct machine *m, const struct attacker *by)
{
	unsigned n = 0;
	for (unsigned i = 0; i < m->vfs; i++)
		n += stands_by(&m->vf[i], by);
	load.each = n > 16 ? 1 : n > 4 ? 4 : 8;
	load.on = load.right = true;
	for (unsigned i = 0; i < m->vfs; i++)
		if (stands_by(&m->vf[i], by))
			round_start(&m->vf[i]);
}

void bystanders_turn(struct machine *m)
{
	for (unsigned i = 0; load.on && i < m->vfs; i++) {
		struct vf *vf = &m->vf[i];
		if (!load.active[i])
			continue;
		batch_poll(vf);
		if (vf->batch.done < vf->batch.n)
			continue;
		round_check(vf);
		round_start(vf);
	}
}

static bool block_end(struct machine *m, const struct attacker *by)
{
	(void)by;
	load.on = false;
	if (batch_finish(m))
		return false;
	for (unsigned i = 0; i < m->vfs; i++)
		if (load.active[i])
			round_check(&m->vf[i]);
	return load.right;
}

uint64_t bystanders_verified(void)
{
	return load.ops;
}

const struct bystanders bystanders_block = {block_begin, block_end};
