/* From an NVMe controller to VFs with queues and namespaces. */
#include "apps/machine.h"
#include "apps/bringup/faults.h"
#include "apps/vf/domain.h"
#include "apps/vf/batch.h"
#include "apps/vf/msix.h"
#include "apps/vf/nvme.h"
#include "drivers/nvme/reset.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"

_Static_assert(NVME_MEM_SIZE(1) <= WINDOW_BUFFERS - WINDOW_QUEUES, "queues");

static struct nvme_pf pf;
static struct nvme_own own[VFS_MAX];

static enum sl_err open_pf(struct machine *m, struct pci_func *fn)
{
	volatile void *regs;
	m->pf = fn;
	m->pf_own = &pf;
	faults_watch(m, fn->bdf);
	enum sl_err e = make_domain(m, "PF", fn->bdf, &m->pf_dom);
	if (!e)
		e = function_connect(fn, m->pf_dom, &regs);
	if (e)
		return e;
	m->pf_attached = true;
	bool reset;
	struct nvme_io io = nvme_io_mmio(fn, regs);
	e = nvme_fatal_reset(&m->pci, fn, &io, &reset);
	if (e)
		return e;
	if (fn->cap_sriov)
		e = nvme_pf_open(&pf, &io, fn->bdf, m->pf_dom, window_at(m, WINDOW_QUEUES));
	else
		e = nvme_ctrl_init(&pf.ctrl, &io, fn->bdf, m->pf_dom, window_at(m, WINDOW_QUEUES), 0);
	m->pf_open = !e;
	return e;
}

static void close_pf(struct machine *m)
{
	if (m->pf_open && nvme_pf_close(&pf))
		log_warn("nvme", BDF_FMT " did not stop cleanly", BDF_ARG(m->pf->bdf));
	if (m->pf_attached)
		function_disconnect(m->pf, m->pf_dom);
	drop_domain(&m->pf_dom);
	m->pf_open = m->pf_attached = false;
	m->pf = NULL;
}

unsigned nvme_list(struct machine *m)
{
	unsigned seen = 0;
	PCI_EACH(f, &m->pci) {
		if (f->class != PCI_CLASS_NVME || f->pf)
			continue;
		const struct nvme_id *id = &pf.ctrl.id;
		enum sl_err e = open_pf(m, f);
		seen++;
		if (e)
			log_text(BDF_FMT " cannot be used: %s\n", BDF_ARG(f->bdf), sl_err_text(e));
		else
			log_text(BDF_FMT " \"%s\" serial %s, firmware %s, %s\n", BDF_ARG(f->bdf), id->model,
				 config_serial(m->cfg, id->serial), id->firmware,
				 f->cap_sriov ? "with SR-IOV" : "without SR-IOV");
		close_pf(m);
	}
	return seen;
}

static bool isolating(const struct machine *m)
{
	return m->attacking || m->cfg->app == APP_ISOLATE;
}

/* A controller gets only Identify commands before its serial number is known to be the scratch one. */
static enum sl_err choose_pf(struct machine *m)
{
	const char *scratch = m->cfg->scratch;
	bool plain = isolating(
		m); /* Identify is enough for an attack, so a controller without SR-IOV serves too */
	unsigned seen = 0;
	PCI_EACH(f, &m->pci) {
		if (f->class != PCI_CLASS_NVME || f->pf || (!f->cap_sriov && !plain))
			continue;
		seen++;
		if (!scratch[0])
			continue;
		enum sl_err e = open_pf(m, f);
		const struct nvme_id *id = &pf.ctrl.id;
		if (!e && strcmp(id->serial, scratch) == 0) {
			log_line(
				"nvme",
				BDF_FMT
				" \"%s\" serial %s is the scratch controller; domain %u, %u queue pairs and %u interrupts for VFs",
				BDF_ARG(f->bdf), id->model, config_serial(m->cfg, id->serial),
				domain_number(m->pf_dom), pf.free_vq, pf.free_vi);
			if (id->ports)
				log_warn(
					"nvme",
					BDF_FMT
					": the drive may have another port (CMIC bit 0): a host on that port has the same namespaces, which are overwritten here",
					BDF_ARG(f->bdf));
			return SL_OK;
		}
		log_line("nvme", BDF_FMT " %s%s: left as it is", BDF_ARG(f->bdf),
			 e ? "cannot be used: " : "is not the scratch controller, serial ",
			 e ? sl_err_text(e) : config_serial(m->cfg, id->serial));
		close_pf(m);
	}
	if (plain && m->attackers_there && m->attackers_there(m))
		return SL_OK;
	if (!seen)
		log_fail(
			"nvme",
			"use an NVMe controller with SR-IOV (in QEMU: -device nvme,sriov_max_vfs=...); app=isolate proves isolation with any NVMe controller, and does not touch its medium",
			"no NVMe controller with SR-IOV among the functions above");
	else if (!scratch[0])
		log_fail(
			"nvme",
			"set scratch= to the serial number of a controller whose contents may be overwritten",
			"scratch= is not set, so nothing is written and no controller is started");
	else
		log_fail(
			"nvme",
			"set scratch= to the serial number of a controller whose contents may be overwritten",
			"none of %u controllers with SR-IOV has the serial number scratch=%s", seen,
			config_serial(m->cfg, scratch));
	return SL_NOTFOUND;
}

enum sl_err vf_give_queues(struct machine *m, struct vf *vf)
{
	uint16_t vq, vi;
	enum sl_err e = nvme_pf_share(&pf, m->vfs, &vq, &vi);
	if (!e)
		e = nvme_pf_vf_online(&pf, vf->index, vq, vi, &nvme_own_of(vf)->cntlid);
	if (e) {
		log_fail("nvme", "ask for fewer VFs with vfs=", BDF_FMT " gets no queues from its PF: %s",
			 BDF_ARG(vf->fn->bdf), sl_err_text(e));
		return e;
	}
	nvme_own_of(vf)->online = true;
	return SL_OK;
}

static void give_namespace(struct machine *m, struct vf *vf)
{
	struct nvme_own *o = nvme_own_of(vf);
	uint32_t ns = o->cntlid == NVME_NO_CNTLID ? 0 : find_private_ns(m);
	if (ns && nvme_pf_ns_attach(&pf, ns, o->cntlid) == SL_OK)
		o->private_ns = ns;
}

enum sl_err choose_stores(struct vf *vf)
{
	for (unsigned i = 0; i < vf->medium->stores; i++) {
		struct block_store *s = &vf->medium->store[i];
		if (s->block > CHUNK || CHUNK % s->block)
			continue;
		bool has_pi = s->pi && s->meta == 8 && CHUNK / s->block * s->meta <= META_SLOT;
		if (has_pi && !vf->pi)
			vf->pi = s;
		else if (!s->meta && (!vf->data || (vf->data->shared && !s->shared)))
			vf->data = s;
	}
	if (vf->data)
		return SL_OK;
	log_fail(
		"nvme",
		"give the controller a namespace without metadata, of blocks of at most 4 KiB, for each VF, or a shared one",
		BDF_FMT " sees no namespace that it can use", BDF_ARG(vf->fn->bdf));
	return SL_NOTFOUND;
}

/* All pairs of a VF share its buffers, and each needs a place in the list. */
static enum sl_err queues_check(const struct machine *m)
{
	const struct config *cfg = m->cfg;
	if (cfg->queues * m->vfs <= VFS_MAX && cfg->queues * cfg->qd <= BUFFER_SLOTS)
		return SL_OK;
	log_fail("nvme", "lower queues=, qd= or vfs=",
		 "queues=%u: at most %u requests in flight on a VF, and %u queue pairs in all", cfg->queues,
		 BUFFER_SLOTS, VFS_MAX);
	return SL_RANGE;
}

static void *state(unsigned place)
{
	memset(&own[place], 0, sizeof own[place]);
	return &own[place];
}

/* Queue pair qid of a VF that is open: worked by a core of its own, in its part of the VF's buffers. */
static enum sl_err open_pair(struct machine *m, struct vf *first, uint16_t qid)
{
	struct vf *vf = &m->vf[m->pairs];
	uint32_t qd = m->cfg->qd;
	vf_begin(vf, first->index, first->fn);
	vf->own = state(m->pairs);
	vf->first = first;
	vf->pair = qid;
	vf->buffers = dma_part(&first->buffers, (qid - 1) * qd * PAGE_SIZE, qd * PAGE_SIZE);
	enum sl_err e = nvme_vf_more(nvme_of(vf), nvme_of(first), qid, qd);
	if (e)
		return e;
	vf_stores(vf, &nvme_of(vf)->block);
	vf->data = &vf->medium->store[first->data->id];
	m->pairs++;
	return SL_OK;
}

static enum sl_err depth_check(const struct vf *vf, uint32_t wanted)
{
	uint32_t depth = vf->queue->depth;
	if (depth >= wanted)
		return SL_OK;
	log_fail("nvme",
		 depth < DEPTH_MIN ? "use another controller: the first checks need that many" : "lower qd=",
		 BDF_FMT " allows %u requests in flight; %u are wanted", BDF_ARG(vf->fn->bdf), depth,
		 depth < DEPTH_MIN ? DEPTH_MIN : wanted);
	return SL_NOSPACE;
}

static enum sl_err open_vf(struct machine *m, struct vf *vf)
{
	bool irqs, reset;
	struct nvme_io io = nvme_io_mmio(vf->fn, vf->regs);
	enum sl_err e = vf_give_queues(m, vf);
	if (e)
		return e;
	give_namespace(m, vf);
	e = nvme_fatal_reset(&m->pci, vf->fn, &io, &reset);
	if (!e && m->irqs_remapped)
		e = vf_msix_open(vf);
	if (e)
		return e;
	e = wait_check(m, &irqs);
	if (e)
		return e;
	e = queues_check(m);
	if (e)
		return e;
	const struct nvme_vf_cfg cfg = {.io = io,
					.fn = vf->fn->bdf,
					.irq = irqs && vf->msix.vectors,
					.shadow = m->cfg->doorbell == DOORBELL_SHADOW,
					.mem = &vf->queues,
					.queues = m->cfg->queues,
					.depth = m->cfg->qd < DEPTH_MIN ? DEPTH_MIN : m->cfg->qd,
					.share = vf->index,
					.shares = m->vfs};
	e = nvme_vf_open(nvme_of(vf), &cfg);
	if (e)
		return e;
	vf_stores(vf, &nvme_of(vf)->block);
	nvme_own_of(vf)->cntlid = nvme_of(vf)->ctrl->id.cntlid;
	if (cfg.shadow && !nvme_of(vf)->ctrl->shadow)
		log_warn("nvme",
			 BDF_FMT ": no shadow doorbells (OACS 0x%x, bit 8): doorbell registers are used",
			 BDF_ARG(vf->fn->bdf), nvme_of(vf)->ctrl->id.oacs);
	e = depth_check(vf, cfg.depth);
	return e ? e : choose_stores(vf);
}

/* queues= of them. */
static enum sl_err open_pairs(struct machine *m, struct vf *vf)
{
	for (uint16_t qid = 2; qid <= m->cfg->queues; qid++) {
		enum sl_err e = open_pair(m, vf, qid);
		if (e) {
			log_fail("nvme", "lower queues= or vfs=", BDF_FMT ": no queue pair %u: %s",
				 BDF_ARG(vf->fn->bdf), qid, sl_err_text(e));
			return e;
		}
	}
	return SL_OK;
}

static enum sl_err close_vf(struct machine *m, struct vf *vf)
{
	struct nvme_own *o = nvme_own_of(vf);
	enum sl_err e = SL_OK;
	(void)m;
	if (vf->queue)
		e = nvme_vf_close(&o->vf);
	vf_stores(vf, NULL);
	vf_msix_close(vf);
	if (o->private_ns && nvme_pf_ns_detach(&pf, o->private_ns, o->cntlid) && !e)
		e = SL_DEVICE;
	if (o->online && nvme_pf_vf_offline(&pf, vf->index) && !e)
		e = SL_DEVICE;
	o->private_ns = 0;
	o->online = false;
	return e;
}

static const char *describe(const struct vf *vf, char *buf, size_t n)
{
	const struct nvme_own *o = nvme_own_of(vf->first ? vf->first : vf);
	size_t at = (size_t)fmt_print(buf, n, "controller %u: namespace %u%s, %llu MiB", o->cntlid,
				      o->vf.store[vf->data->id].nsid, vf->data->shared ? " (its part)" : "",
				      (ull)(vf->data->blocks * vf->data->block >> 20));
	if (vf->pi && at < n)
		fmt_print(buf + at, n - at, ", namespace %u%s with guards", o->vf.store[vf->pi->id].nsid,
			  vf->pi->shared ? " (its part)" : "");
	return buf;
}

static const struct dma_buf *pf_memory(const struct machine *m)
{
	return m->pf_open ? &pf.ctrl.mem : NULL;
}

const struct vf_kind nvme_kind = {.name = "nvme",
				  .service = VF_STORES,
				  .vfs_max = VFS_MAX,
				  .pf_open = choose_pf,
				  .pf_close = close_pf,
				  .pf_memory = pf_memory,
				  .state = state,
				  .vf_open = open_vf,
				  .vf_close = close_vf,
				  .pairs_open = open_pairs,
				  .describe = describe};
