#include "apps/vf/workers.h"
#include "kernel/log.h"
#include "kernel/time.h"

static struct worker workers[CORES_MAX];
static uint8_t moved[CORES_MAX]; /* by place: the core, XOR the place */

unsigned workers_core(unsigned place)
{
	return moved[place] ^ place;
}

void workers_near(const bool near[CORES_MAX])
{
	unsigned place = 1;
	for (unsigned turn = 0; turn < 2; turn++)
		for (unsigned core = 1; core < CORES_MAX; core++)
			if (near[core] == !turn) {
				moved[place] = (uint8_t)(core ^ place);
				place++;
			}
}

unsigned workers_share(unsigned vfs, unsigned cores, unsigned place, unsigned *first)
{
	unsigned used = vfs < cores ? vfs : cores, i = (place + cores - 1) % cores;
	*first = 0;
	if (i >= used)
		return 0;
	unsigned each = vfs / used, more = vfs % used;
	*first = i * each + (i < more ? i : more);
	return each + (i < more);
}

unsigned workers_core_of(unsigned vf, unsigned vfs, unsigned cores)
{
	for (unsigned place = 0; place < cores; place++) {
		unsigned first, n = workers_share(vfs, cores, place, &first);
		if (vf - first < n)
			return workers_core(place);
	}
	return 0;
}

static enum sl_err start(struct machine *m, unsigned vfs, unsigned cores, unsigned place, core_fn *fn)
{
	unsigned core = workers_core(place);
	struct worker *w = &workers[core];
	*w = (struct worker){.m = m, .core = core};
	w->n = place < cores ? workers_share(vfs, cores, place, &w->first) : 0;
	if (!w->n && core)
		return SL_OK;
	enum sl_err e = core_run(core, fn, w);
	if (e)
		log_fail("cores", "run again; if this persists, report this with the lines above",
			 "core %u does not accept work: %s", core, sl_err_text(e));
	return e;
}

/* Core 0 last: its part runs inside core_run(). */
static enum sl_err run(struct machine *m, unsigned vfs, unsigned cores, core_fn *fn, uint64_t limit_us)
{
	uint64_t deadline = now_us() + limit_us;
	unsigned n = core_count();
	enum sl_err first = SL_OK;
	for (unsigned i = n; i-- > 0 && !first;)
		first = start(m, vfs, cores, i, fn);
	for (unsigned i = 0; i < n; i++) {
		enum sl_err e = core_join(i, deadline);
		if (!e)
			e = workers[i].err;
		if (!first)
			first = e;
	}
	return first;
}

enum sl_err workers_run(struct machine *m, core_fn *fn, uint64_t limit_us)
{
	return run(m, m->vfs, core_count(), fn, limit_us);
}

enum sl_err workers_run_first(struct machine *m, unsigned vfs, core_fn *fn, uint64_t limit_us)
{
	return run(m, vfs, vfs < core_count() ? vfs : core_count(), fn, limit_us);
}

enum sl_err workers_run_pairs(struct machine *m, core_fn *fn, uint64_t limit_us)
{
	return run(m, m->pairs, core_count(), fn, limit_us);
}

const struct worker *worker_of(unsigned core)
{
	return &workers[core];
}
