#include "apps/lanes.h"
#include "kernel/log.h"
#include "kernel/time.h"

static struct lane lanes[CORES_MAX];

unsigned lanes_share(unsigned vfs, unsigned cores, unsigned core, unsigned *first)
{
	unsigned used = vfs < cores ? vfs : cores, i = (core + cores - 1) % cores;
	*first = 0;
	if (i >= used)
		return 0;
	unsigned each = vfs / used, more = vfs % used;
	*first = i * each + (i < more ? i : more);
	return each + (i < more);
}

static enum sl_err start(struct machine *m, unsigned vfs, unsigned cores, unsigned core, core_fn *fn)
{
	struct lane *l = &lanes[core];
	*l = (struct lane){.m = m, .core = core};
	l->n = core < cores ? lanes_share(vfs, cores, core, &l->first) : 0;
	if (!l->n && core)
		return SL_OK;
	enum sl_err e = core_run(core, fn, l);
	if (e)
		log_fail("cores", "run again; if it stays, report this with the lines above",
			 "core %u does not take work: %s", core, sl_err_text(e));
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
			e = lanes[i].err;
		if (!first)
			first = e;
	}
	return first;
}

enum sl_err lanes_run(struct machine *m, core_fn *fn, uint64_t limit_us)
{
	return run(m, m->vfs, core_count(), fn, limit_us);
}

enum sl_err lanes_run_first(struct machine *m, unsigned vfs, core_fn *fn, uint64_t limit_us)
{
	return run(m, vfs, vfs < core_count() ? vfs : core_count(), fn, limit_us);
}

enum sl_err lanes_run_pairs(struct machine *m, core_fn *fn, uint64_t limit_us)
{
	return run(m, m->pairs, core_count(), fn, limit_us);
}

const struct lane *lanes_of(unsigned core)
{
	return &lanes[core];
}
