/* Stages pf, sriov, domains: from the physical function to VFs with rings of their own, each in a domain of
 * its own. */
#include "apps/machine.h"
#include "apps/bringup/faults.h"
#include "apps/vf/domain.h"
#include "apps/vf/batch.h"
#include "apps/vf/msix.h"
#include "apps/vf/nvme.h"
#include "apps/vf/numa.h"
#include "apps/vf/own_memory.h"
#include "drivers/edu/edu.h"
#include "drivers/nvme/reset.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/marker.h"

#define CLASS_NVME 0x010802

static unsigned number_of(const struct domain *dom)
{
	return dom ? domain_id(dom) : 0;
}

static enum sl_err open_pf(struct machine *m, struct pci_func *fn)
{
	volatile void *regs;
	m->pf = fn;
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
		e = nvme_pf_open(&m->nvme, &io, fn->bdf, m->pf_dom, window_at(m, WINDOW_QUEUES));
	else
		e = nvme_ctrl_init(&m->nvme.ctrl, &io, fn->bdf, m->pf_dom, window_at(m, WINDOW_QUEUES), 0);
	m->pf_open = !e;
	return e;
}

void undo_pf(struct machine *m)
{
	if (m->pf_open && nvme_pf_close(&m->nvme))
		log_warn("nvme", BDF_FMT " did not stop cleanly", BDF_ARG(m->pf->bdf));
	if (m->pf_attached)
		function_disconnect(m->pf, m->pf_dom);
	drop_domain(&m->pf_dom);
	m->pf_open = m->pf_attached = false;
	m->pf = NULL;
}

static bool isolating(const struct machine *m)
{
	return m->attacking || m->cfg->app == APP_ISOLATE;
}

/* A controller without SR-IOV serves for app=isolate also when it is not named: it is told to Identify and
 * nothing else, so its medium is not touched. */
static bool serves_unnamed(const struct machine *m)
{
	return isolating(m) && !m->only_named && !m->cfg->scratch[0] && !m->pf->cap_sriov;
}

/* Identify is all that a controller is asked before its serial number is known to be the scratch one. */
enum sl_err stage_pf(struct machine *m)
{
	const char *scratch = m->cfg->scratch;
	bool plain =
		isolating(m); /* Identify alone is an attack, so a controller without SR-IOV serves too */
	unsigned seen = 0;
	PCI_EACH(f, &m->pci) {
		if (f->class != CLASS_NVME || f->pf || (!f->cap_sriov && !plain))
			continue;
		seen++;
		if (!scratch[0] && (!plain || m->only_named || f->cap_sriov))
			continue;
		enum sl_err e = open_pf(m, f);
		const struct nvme_id *id = &m->nvme.ctrl.id;
		if (!e && serves_unnamed(m)) {
			log_line("nvme",
				 BDF_FMT
				 " \"%s\" serial %s is used only for Identify: its medium is not touched",
				 BDF_ARG(f->bdf), id->model, id->serial);
			return SL_OK;
		}
		if (!e && strcmp(id->serial, scratch) == 0) {
			log_line(
				"nvme",
				BDF_FMT
				" \"%s\" serial %s is the scratch controller; domain %u, %u queue pairs and %u interrupts to give to VFs",
				BDF_ARG(f->bdf), id->model, id->serial, number_of(m->pf_dom), m->nvme.free_vq,
				m->nvme.free_vi);
			if (id->ports)
				log_warn(
					"nvme",
					BDF_FMT
					": the drive may have another port (CMIC bit 0): whoever uses that one has the same namespaces, which are overwritten here",
					BDF_ARG(f->bdf));
			return SL_OK;
		}
		log_line("nvme", BDF_FMT " %s%s: left as it is", BDF_ARG(f->bdf),
			 e ? "cannot be used: " : "is not the scratch controller, serial ",
			 e ? sl_err_text(e) : id->serial);
		undo_pf(m);
	}
	if (plain && edu_find(&m->pci))
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
			"none of %u controllers with SR-IOV has the serial number scratch=%s", seen, scratch);
	return SL_NOTFOUND;
}

enum sl_err stage_sriov(struct machine *m)
{
	struct sriov s;
	if (!m->pf || !m->pf->cap_sriov || m->no_vfs) {
		log_line("sriov", m->no_vfs ? "no room for VFs, so none are enabled"
					    : "no controller with SR-IOV, so no VFs");
		return SL_OK;
	}
	unsigned vfs = m->cfg->vfs;
	if (m->vfs_most && m->vfs_most < vfs)
		vfs = m->vfs_most;
	enum sl_err e = sriov_enable(&m->pci, m->pf, (uint16_t)vfs, &s);
	if (e)
		return e;
	m->sriov_on = true;
	log_line(
		"sriov",
		BDF_FMT
		" has %u of %u VFs enabled: first VF offset %u, stride %u, ARI %s, BAR0 0x%llx with 0x%llx bytes each",
		BDF_ARG(m->pf->bdf), s.num_vfs, s.total_vfs, s.offset, s.stride, s.ari ? "on" : "off",
		(ull)s.bar[0].addr, (ull)s.bar[0].size);
	for (unsigned i = 0; i < s.num_vfs; i++)
		vf_begin(&m->vf[i], i, sriov_vf(&m->pci, m->pf, (uint16_t)i));
	m->vfs = s.num_vfs;
	numa_choose_cores(m, m->pf->bdf);
	return SL_OK;
}

void undo_sriov(struct machine *m)
{
	if (!m->sriov_on)
		return;
	enum sl_err e = sriov_disable(&m->pci, m->pf);
	if (e)
		log_warn("sriov", BDF_FMT ": the VFs could not be disabled: %s", BDF_ARG(m->pf->bdf),
			 sl_err_text(e));
	else
		log_line("sriov", BDF_FMT ": VFs off, NumVFs and VF BARs put back", BDF_ARG(m->pf->bdf));
	m->sriov_on = false;
}

enum sl_err vf_give_queues(struct machine *m, struct vf *vf)
{
	uint16_t vq, vi;
	enum sl_err e = nvme_pf_share(&m->nvme, m->vfs, &vq, &vi);
	if (!e)
		e = nvme_pf_vf_online(&m->nvme, vf->index, vq, vi, &vf->cntlid);
	if (e) {
		log_fail("nvme", "ask for fewer VFs with vfs=", BDF_FMT " gets no queues from its PF: %s",
			 BDF_ARG(vf->fn->bdf), sl_err_text(e));
		return e;
	}
	vf->online = true;
	return SL_OK;
}

static void give_namespace(struct machine *m, struct vf *vf)
{
	uint32_t ns = vf->cntlid == NVME_NO_CNTLID ? 0 : find_private_ns(m);
	if (ns && nvme_pf_ns_attach(&m->nvme, ns, vf->cntlid) == SL_OK)
		vf->private_ns = ns;
}

enum sl_err choose_stores(struct vf *vf)
{
	for (unsigned i = 0; i < vf->accel->stores; i++) {
		struct accel_store *s = &vf->accel->store[i];
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

static void print_vf(const struct machine *m, const struct vf *vf)
{
	char pi[48] = "";
	if (vf->pi)
		fmt_print(pi, sizeof pi, ", namespace %u%s with guards", vf->nvme.store[vf->pi->id].nsid,
			  vf->pi->shared ? " (its part)" : "");
	log_line("vf",
		 BDF_FMT " domain %u, controller %u: namespace %u%s, %llu MiB%s; 0x%llx is memory at 0x%llx",
		 BDF_ARG(vf->fn->bdf), number_of(vf->dom), vf->cntlid, vf->nvme.store[vf->data->id].nsid,
		 vf->data->shared ? " (its part)" : "", (ull)(vf->data->blocks * vf->data->block >> 20), pi,
		 (ull)window_at(m, WINDOW_BUFFERS).v, (ull)vf->buffers.phys.v);
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

/* Queue pair qid of a VF that is open: worked by a core of its own, in its part of the VF's buffers. */
static enum sl_err open_pair(struct machine *m, struct vf *first, uint16_t qid)
{
	struct vf *vf = &m->vf[m->pairs];
	uint32_t qd = m->cfg->qd;
	vf_begin(vf, first->index, first->fn);
	vf->first = first;
	vf->buffers = dma_part(&first->buffers, (qid - 1) * qd * PAGE_SIZE, qd * PAGE_SIZE);
	enum sl_err e = nvme_vf_more(&vf->nvme, &first->nvme, qid, qd);
	if (e)
		return e;
	vf->accel = &vf->nvme.accel;
	vf->data = &vf->accel->store[first->data->id];
	m->pairs++;
	return SL_OK;
}

static enum sl_err depth_check(const struct vf *vf, uint32_t wanted)
{
	uint32_t depth = vf->accel->depth;
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
	volatile void *regs;
	fmt_print(vf->name, sizeof vf->name, "VF %u", vf->index);
	faults_watch(m, vf->fn->bdf);
	enum sl_err e = make_domain(m, vf->name, vf->fn->bdf, &vf->dom);
	if (!e)
		e = dma_get(vf->dom, window_at(m, WINDOW_QUEUES), PAGE_2M, DOMAIN_RW, &vf->block);
	if (!e)
		e = dma_get(vf->dom, window_at(m, WINDOW_READONLY), PAGE_SIZE, DOMAIN_R, &vf->readonly);
	if (!e)
		e = vf_give_queues(m, vf);
	if (!e)
		give_namespace(m, vf);
	if (!e)
		e = function_connect(vf->fn, vf->dom, &regs);
	if (e)
		return e;
	vf->attached = true;
	vf->queues = dma_part(&vf->block, WINDOW_QUEUES, WINDOW_BUFFERS);
	vf->buffers = dma_part(&vf->block, WINDOW_BUFFERS, PAGE_2M - WINDOW_BUFFERS);
	bool irqs, reset;
	struct nvme_io io = nvme_io_mmio(vf->fn, regs);
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
	e = nvme_vf_open(&vf->nvme, &cfg);
	if (e)
		return e;
	vf->accel = &vf->nvme.accel;
	vf->cntlid = vf->nvme.ctrl->id.cntlid;
	if (cfg.shadow && !vf->nvme.ctrl->shadow)
		log_warn("nvme",
			 BDF_FMT ": no shadow doorbells (OACS 0x%x, bit 8): doorbell registers are used",
			 BDF_ARG(vf->fn->bdf), vf->nvme.ctrl->id.oacs);
	e = depth_check(vf, cfg.depth);
	if (!e)
		e = choose_stores(vf);
	if (!e)
		print_vf(m, vf);
	return e;
}

/* One read: how long it takes from the hand-over to the first completion on a VF. */
static enum sl_err first_read(struct machine *m, struct vf *vf)
{
	vf->batch.n = 1;
	vf->batch.req[0] = vf_request(vf, vf->data, ACCEL_READ, 0, 0);
	enum sl_err e = batch_start(vf);
	if (!e)
		e = batch_finish(m);
	MARKER(MARK_FIRST);
	uint64_t us = now_us();
	m->first_done = true;
	if (!e)
		log_line("vf",
			 BDF_FMT ": the first completion, %llu.%03llu s after the kernel began, status 0x%x",
			 BDF_ARG(vf->fn->bdf), (ull)(us / 1000000), (ull)(us % 1000000 / 1000),
			 vf->batch.status[0]);
	return e;
}

/* Each VF's table, and the PF's, as they are in memory. */
static enum sl_err check_tables(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < m->vfs && !e; i++) {
		const struct vf *vf = &m->vf[i];
		const struct table_range want[] = {{&vf->block, DOMAIN_RW}, {&vf->readonly, DOMAIN_R}};
		e = tables_exact(&m->iommu, vf->fn->bdf, want, ARRAY_LEN(want));
	}
	if (!e && m->pf)
		e = tables_exact(&m->iommu, m->pf->bdf, &(struct table_range){&m->nvme.ctrl.mem, DOMAIN_RW},
				 1);
	return e ? e : domains_check(m);
}

/* queues= of each VF. */
static enum sl_err open_pairs(struct machine *m)
{
	uint32_t queues = m->cfg->queues;
	m->pairs = m->vfs;
	for (unsigned i = 0; i < m->vfs; i++)
		for (uint16_t qid = 2; qid <= queues; qid++) {
			enum sl_err e = open_pair(m, &m->vf[i], qid);
			if (e) {
				log_fail("nvme", "lower queues= or vfs=", BDF_FMT ": no queue pair %u: %s",
					 BDF_ARG(m->vf[i].fn->bdf), qid, sl_err_text(e));
				return e;
			}
		}
	return SL_OK;
}

enum sl_err stage_domains(struct machine *m)
{
	for (unsigned i = 0; i < m->vfs; i++) {
		numa_begin(m, m->vf[i].fn->bdf, i);
		enum sl_err e = open_vf(m, &m->vf[i]);
		numa_end();
		if (!e && !m->first_done)
			e = first_read(m, &m->vf[0]);
		if (e) {
			log_fail("vf", "see the lines above; fewer VFs (vfs=) need less",
				 "VF %u could not be brought up: %s", i, sl_err_text(e));
			return e;
		}
	}
	enum sl_err e = open_pairs(m);
	if (e || !translated(m))
		return e;
	e = check_tables(m);
	if (e || !m->vfs)
		return e;
	log_line("vf", "%u VFs, each in a domain of its own: the same device addresses, different memory",
		 m->vfs);
	log_line(
		"vf",
		"walked every table from the root: each function in use reaches only its own memory; all others below a unit have no context entry");
	return SL_OK;
}

static void close_vf(struct machine *m, struct vf *vf)
{
	enum sl_err e = SL_OK;
	if (vf->accel)
		e = nvme_vf_close(&vf->nvme);
	vf_msix_close(vf);
	if (vf->attached)
		function_disconnect(vf->fn, vf->dom);
	if (vf->private_ns && nvme_pf_ns_detach(&m->nvme, vf->private_ns, vf->cntlid) && !e)
		e = SL_DEVICE;
	if (vf->online && nvme_pf_vf_offline(&m->nvme, vf->index) && !e)
		e = SL_DEVICE;
	if ((dma_put(&vf->block) || dma_put(&vf->readonly)) && !e)
		e = SL_BUSY;
	drop_domain(&vf->dom);
	vf->accel = NULL;
	vf->attached = vf->online = vf->cut = false;
	if (e)
		log_warn("vf", BDF_FMT " was not put back cleanly: %s", BDF_ARG(vf->fn->bdf), sl_err_text(e));
}

void undo_domains(struct machine *m)
{
	m->pairs = 0;
	for (unsigned i = 0; i < m->vfs; i++)
		close_vf(m, &m->vf[i]);
}
