/* Stages bench-pf and bench: the rows on the PF's own queue before there are VFs, then on the VFs. */
#include "apps/measure/bench.h"
#include "apps/vf/nvme.h"
#include "apps/work/timed.h"
#include "apps/measure/stages.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/str.h"

static struct bench_result result[BENCH_ROWS];
static unsigned n_results;

static enum sl_err failed(struct machine *m, enum sl_err e, const struct bench_row *row)
{
	if (e == SL_DEVICE)
		timed_find_bad(m);
	log_fail("bench", "run again; if this persists, the device fails under load",
		 "%s, %u in flight on each of %u, %u bytes: %s", row->pf ? "PF" : "VF", row->depth, row->vfs,
		 row->bytes, sl_err_text(e));
	return e;
}

static bool all_can(const struct machine *m, const struct bench_row *row)
{
	for (unsigned v = 0; v < row->vfs; v++)
		if (!bench_possible(&m->vf[v], row))
			return false;
	return true;
}

/* Takes in the rows of a scene that can be run here, and runs all of them once, then all again, and so on: a
 * time in which the machine does something else falls on one repeat of many rows, where it shows as noise,
 * and not on all repeats of one, where it would pass for a result. */
static enum sl_err run_rows(struct machine *m, const struct bench_scene *scene, const phys_t *huge)
{
	static struct bench_row rows[BENCH_ROWS];
	unsigned n = bench_rows(scene, rows, BENCH_ROWS - n_results), first = n_results;
	for (unsigned i = 0; i < n; i++)
		if (all_can(m, &rows[i]))
			result[n_results++].row = rows[i];
	if (n_results - first < n)
		log_line("bench",
			 "rows skipped because the medium, the queue or the buffers are too small: %u",
			 n - (n_results - first));
	for (unsigned turn = 1; turn <= BENCH_REPEATS; turn++) {
		log_line("bench", "%s: %u rows, repeat %u of %u", scene->pf ? "PF" : "VFs", n_results - first,
			 turn, BENCH_REPEATS);
		for (unsigned i = first; i < n_results; i++) {
			enum sl_err e = bench_repeat(m, &result[i], huge);
			if (e)
				return failed(m, e, &result[i].row);
		}
	}
	return SL_OK;
}

/* The PF with one queue pair, as if it were a VF: the same rows, the same loop. */
static enum sl_err run_pf(struct machine *m, struct vf *pf)
{
	const struct bench_scene scene = {.cfg = m->cfg, .pf = true, .vfs = 1};
	enum sl_err e = choose_stores(pf);
	if (!e)
		e = timed_prepare(m);
	return e ? e : run_rows(m, &scene, NULL);
}

static enum sl_err open_queue(struct machine *m, struct vf *pf, const struct nvme_io *io)
{
	enum sl_err e = dma_get(pf->dom, window_at(m, WINDOW_QUEUES), PAGE_2M, DOMAIN_RW, &pf->block);
	if (e)
		return e;
	pf->queues = dma_part(&pf->block, WINDOW_QUEUES, WINDOW_BUFFERS);
	pf->buffers = dma_part(&pf->block, WINDOW_BUFFERS, PAGE_2M - WINDOW_BUFFERS);
	const struct nvme_vf_cfg cfg = {.io = *io,
					.fn = pf->fn->bdf,
					.mem = &pf->queues,
					.depth = m->cfg->qd < DEPTH_MIN ? DEPTH_MIN : m->cfg->qd,
					.shares = 1};
	e = nvme_vf_open(nvme_of(pf), &cfg);
	if (!e)
		vf_stores(pf, &nvme_of(pf)->block);
	return e;
}

/* The PF's controller is started anew with a queue pair, used, and then again as it was. A reset of it takes
 * VFs offline, so there are none yet. */
enum sl_err stage_bench_pf(struct machine *m)
{
	struct vf *pf = &m->vf[0];
	if (m->cfg->mode != WAIT_POLL) /* it has no interrupt here */
		return SL_OK;
	struct nvme_io io = nvme_pf_of(m)->ctrl.io;
	uint16_t cntlid = nvme_pf_of(m)->ctrl.id.cntlid;
	uint32_t ns = find_private_ns(m);
	enum sl_err e = ns ? nvme_pf_ns_attach(nvme_pf_of(m), ns, cntlid) : SL_OK, back;
	if (e)
		return e;
	e = nvme_pf_close(nvme_pf_of(m));
	m->pf_open = false;
	if (e)
		return e;
	vf_begin(pf, 0, m->pf);
	pf->own = m->kind->state(0);
	pf->dom = m->pf_dom;
	m->vfs = 1;
	e = open_queue(m, pf, &io);
	if (!e)
		e = run_pf(m, pf);
	m->vfs = 0;
	back = nvme_vf_close(nvme_of(pf));
	if (!back)
		back = dma_put(&pf->block);
	memset(pf, 0, sizeof *pf);
	if (!back)
		back = nvme_pf_open(nvme_pf_of(m), &io, m->pf->bdf, m->pf_dom, window_at(m, WINDOW_QUEUES));
	m->pf_open = !back;
	if (!back && ns)
		back = nvme_pf_ns_detach(nvme_pf_of(m), ns, cntlid);
	return e ? e : back;
}

/* Memory for a page of 1 GiB, where there is that much of it. */
static bool find_huge(const struct machine *m, phys_t *huge)
{
	return translated(m) && m->pf_dom && domain_page_level(m->pf_dom) == 3 &&
	       pmm_alloc(PAGE_1G / PAGE_SIZE, PAGE_1G, huge) == SL_OK;
}

/* One VF's latency is drawn, at 32 in flight where that was measured, else at the most below. */
static const struct bench_result *to_draw(void)
{
	const struct bench_result *best = NULL;
	for (unsigned i = 0; i < n_results; i++) {
		const struct bench_row *row = &result[i].row;
		bool usual = !row->pf && row->vfs == 1 && (row->map == BENCH_2M || row->map < BENCH_1G);
		if (usual && row->depth <= 32 && (!best || row->depth > best->row.depth))
			best = &result[i];
	}
	return best;
}

static void print_all(struct machine *m)
{
	const struct config *cfg = m->cfg;
	if (cfg->json)
		bench_print_json_run(m);
	bench_print_head();
	for (unsigned i = 0; i < n_results; i++) {
		bench_sum(&result[i]);
		bench_print_row(&result[i]);
		m->tally.noisy += bench_noisy(&result[i]);
		if (cfg->json)
			bench_print_json(&result[i], cfg);
	}
	m->tally.rows = n_results;
	if (to_draw())
		bench_print_hist(to_draw());
	log_line("bench", "%u rows; too noisy to compare: %u (repeats more than %u %% of the median apart)",
		 m->tally.rows, m->tally.noisy, BENCH_SPREAD / 10);
}

enum sl_err stage_bench(struct machine *m)
{
	const struct config *cfg = m->cfg;
	phys_t huge;
	enum sl_err e = timed_prepare(m);
	if (e)
		return e;
	bool has_huge = cfg->mode == WAIT_POLL && find_huge(m, &huge);
	const struct bench_scene scene = {.cfg = cfg, .vfs = m->vfs, .huge = has_huge};
	if (!has_huge && translated(m) && cfg->mode == WAIT_POLL)
		log_line(
			"bench",
			"no rows with a page of 1 GiB: this machine does not have that much contiguous memory, or its unit has no such pages");
	e = run_rows(m, &scene, has_huge ? &huge : NULL);
	if (has_huge && !e) /* else a device may still reach it */
		pmm_free(huge, PAGE_1G / PAGE_SIZE);
	if (e)
		return e;
	print_all(m);
	return SL_OK;
}
