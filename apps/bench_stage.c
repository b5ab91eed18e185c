/* Stages bench-pf and bench: the rows on the PF's own queue before there are VFs, then on the VFs. */
#include "apps/bench.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/str.h"

static struct bench_result pf_result[8];
static unsigned n_pf;

static enum sl_err failed(enum sl_err e, const struct bench_row *row)
{
	log_fail("bench", "run again; if it stays, the device fails under load",
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

static void show(struct machine *m, const struct bench_result *r)
{
	bench_print_row(r);
	m->rows++;
	m->noisy += bench_noisy(r);
	if (m->boot->cfg.json)
		bench_print_json(r, &m->boot->cfg);
}

/* The PF with one queue pair, as if it were a VF: the same rows, the same loop. */
static enum sl_err run_pf(struct machine *m, struct vf *pf)
{
	static struct bench_row rows[ARRAY_LEN(pf_result)];
	const struct bench_scene scene = {.cfg = &m->boot->cfg, .pf = true, .vfs = 1};
	enum sl_err e = choose_stores(pf);
	if (!e)
		e = timed_prepare(m);
	unsigned n = bench_rows(&scene, rows, ARRAY_LEN(rows));
	for (unsigned i = 0; i < n && !e; i++) {
		if (!bench_possible(pf, &rows[i]))
			continue;
		e = bench_run(m, &rows[i], NULL, &pf_result[n_pf]);
		if (e)
			return failed(e, &rows[i]);
		n_pf++;
	}
	return e;
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
					.depth = m->boot->cfg.qd < DEPTH_MIN ? DEPTH_MIN : m->boot->cfg.qd,
					.shares = 1};
	e = nvme_vf_open(&pf->nvme, &cfg);
	if (!e)
		pf->accel = &pf->nvme.accel;
	return e;
}

/* The PF's controller is started anew with a queue pair, used, and then again as it was. A reset of it takes
 * VFs offline, so there are none yet. */
enum sl_err stage_bench_pf(struct machine *m)
{
	struct vf *pf = &m->vf[0];
	if (m->boot->cfg.mode != RING_POLL) /* it has no interrupt here */
		return SL_OK;
	struct nvme_io io = m->nvme.ctrl.io;
	uint16_t cntlid = m->nvme.ctrl.id.cntlid;
	uint32_t ns = find_private_ns(m);
	enum sl_err e = ns ? nvme_pf_ns_attach(&m->nvme, ns, cntlid) : SL_OK, back;
	if (e)
		return e;
	e = nvme_pf_close(&m->nvme);
	m->pf_open = false;
	if (e)
		return e;
	memset(pf, 0, sizeof *pf);
	pf->fn = m->pf;
	pf->dom = m->pf_dom;
	m->vfs = 1;
	e = open_queue(m, pf, &io);
	if (!e)
		e = run_pf(m, pf);
	m->vfs = 0;
	back = nvme_vf_close(&pf->nvme);
	if (!back)
		back = dma_put(&pf->block);
	memset(pf, 0, sizeof *pf);
	if (!back)
		back = nvme_pf_open(&m->nvme, &io, m->pf->bdf, m->pf_dom, window_at(m, WINDOW_QUEUES));
	m->pf_open = !back;
	if (!back && ns)
		back = nvme_pf_ns_detach(&m->nvme, ns, cntlid);
	return e ? e : back;
}

/* Memory for a page of 1 GiB, where there is that much of it. */
static bool find_huge(const struct machine *m, phys_t *huge)
{
	return translated(m) && m->iommu.large & 2 && pmm_alloc(PAGE_1G / PAGE_SIZE, PAGE_1G, huge) == SL_OK;
}

/* One VF's latency is drawn, at 32 in flight where that was measured, else at the most below. */
static void draw(const struct bench_row *row, const struct bench_result *r, struct bench_result *drawn)
{
	bool plain =
		row->vfs == 1 && row->map != BENCH_STRICT && row->map != BENCH_4K && row->map != BENCH_1G;
	if (plain && row->depth <= 32 && row->depth > drawn->row.depth)
		*drawn = *r;
}

static enum sl_err run_rows(struct machine *m, const phys_t *huge)
{
	static struct bench_row rows[BENCH_ROWS];
	static struct bench_result result, drawn;
	const struct bench_scene scene = {.cfg = &m->boot->cfg, .vfs = m->vfs, .huge = huge != NULL};
	unsigned n = bench_rows(&scene, rows, ARRAY_LEN(rows)), left = 0;
	for (unsigned i = 0; i < n; i++) {
		if (!all_can(m, &rows[i])) {
			left++;
			continue;
		}
		enum sl_err e = bench_run(m, &rows[i], huge, &result);
		if (e)
			return failed(e, &rows[i]);
		show(m, &result);
		draw(&rows[i], &result, &drawn);
	}
	bench_print_hist(&drawn);
	if (left)
		log_line("bench",
			 "rows left out, because medium, queue or buffers are too small for them: %u", left);
	return SL_OK;
}

enum sl_err stage_bench(struct machine *m)
{
	const struct config *cfg = &m->boot->cfg;
	phys_t huge;
	enum sl_err e = timed_prepare(m);
	if (e)
		return e;
	bool has_huge = cfg->mode == RING_POLL && find_huge(m, &huge);
	if (cfg->json)
		bench_print_json_run(m);
	log_line("bench", "each row: warm-up, then %u times %u ms; operations a second are the median",
		 BENCH_REPEATS, cfg->ms);
	bench_print_head();
	for (unsigned i = 0; i < n_pf; i++)
		show(m, &pf_result[i]);
	e = run_rows(m, has_huge ? &huge : NULL);
	if (has_huge)
		pmm_free(huge, PAGE_1G / PAGE_SIZE);
	if (e)
		return e;
	log_line("bench",
		 "%u rows; noisy, too much so to be compared: %u (repeats more than %u %% of the median "
		 "apart)",
		 m->rows, m->noisy, BENCH_SPREAD / 10);
	if (!has_huge && translated(m) && cfg->mode == RING_POLL)
		log_line("bench", "no rows with a page of 1 GiB: this machine has not that much memory in "
				  "one piece, or no "
				  "such pages");
	return SL_OK;
}
