#include "apps/vf/stages.h"
#include "apps/bringup/faults.h"
#include "apps/vf/batch.h"
#include "apps/vf/domain.h"
#include "apps/vf/igb.h"
#include "apps/vf/numa.h"
#include "apps/vf/nvme.h"
#include "apps/vf/own_memory.h"
#include "apps/vf/qat.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/marker.h"
#include "pci/flr.h"
#include "pci/path.h"

enum sl_err stage_pf(struct machine *m)
{
	m->kind = config_wants_qat(m->cfg) ? &qat_kind : config_wants_igb(m->cfg) ? &igb_kind : &nvme_kind;
	return m->kind->pf_open(m);
}

void undo_pf(struct machine *m)
{
	m->kind->pf_close(m);
}

enum sl_err stage_firmware(struct machine *m)
{
	return m->kind->firmware_start ? m->kind->firmware_start(m) : SL_OK;
}

void undo_firmware(struct machine *m)
{
	if (m->kind->firmware_stop)
		m->kind->firmware_stop(m);
}

/* ---- VFs on and off ---- */

/* VFs to enable, and those of them to use. */
static enum sl_err count_vfs(struct machine *m, unsigned *enable, unsigned *use)
{
	struct sriov s;
	*use = m->cfg->vfs < m->kind->vfs_max ? m->cfg->vfs : m->kind->vfs_max;
	if (m->vfs_most && m->vfs_most < *use)
		*use = m->vfs_most;
	*enable = *use;
	if (!m->kind->all_vfs)
		return SL_OK;
	enum sl_err e = sriov_read(&m->pci, m->pf, &s);
	*enable = e ? 0 : s.total_vfs;
	return e;
}

static void print_sriov(const struct machine *m, const struct sriov *s)
{
	char used[32] = "";
	if (m->vfs < s->num_vfs)
		fmt_print(used, sizeof used, ", %u in use", m->vfs);
	log_line(
		"sriov",
		BDF_FMT
		" has %u of %u VFs enabled%s: first VF offset %u, stride %u, ARI %s, BAR0 0x%llx with 0x%llx bytes each",
		BDF_ARG(m->pf->bdf), s->num_vfs, s->total_vfs, used, s->offset, s->stride,
		s->ari ? "on" : "off", (ull)s->bar[0].addr, (ull)s->bar[0].size);
}

enum sl_err stage_sriov(struct machine *m)
{
	struct sriov s;
	unsigned enable, use;
	if (!m->pf || !m->pf->cap_sriov || m->no_vfs) {
		log_line("sriov", m->no_vfs ? "no room for VFs, so none are enabled"
					    : "no controller with SR-IOV, so no VFs");
		return SL_OK;
	}
	enum sl_err e = count_vfs(m, &enable, &use);
	if (!e)
		e = sriov_enable(&m->pci, m->pf, (uint16_t)enable, &s);
	if (e)
		return e;
	m->sriov_on = true;
	m->vfs = s.num_vfs < use ? s.num_vfs : use;
	print_sriov(m, &s);
	for (unsigned i = 0; i < m->vfs; i++) {
		vf_begin(&m->vf[i], i, sriov_vf(&m->pci, m->pf, (uint16_t)i));
		m->vf[i].own = m->kind->state(i);
	}
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

/* ---- each in its own domain ---- */

static enum sl_err get_block(struct machine *m, struct vf *vf)
{
	enum sl_err e = dma_get(vf->dom, window_at(m, WINDOW_QUEUES), PAGE_2M, DOMAIN_RW, &vf->block);
	if (!e)
		e = dma_get(vf->dom, window_at(m, WINDOW_READONLY), PAGE_SIZE, DOMAIN_R, &vf->readonly);
	if (e)
		return e;
	vf->queues = dma_part(&vf->block, WINDOW_QUEUES, WINDOW_BUFFERS);
	vf->buffers = dma_part(&vf->block, WINDOW_BUFFERS, PAGE_2M - WINDOW_BUFFERS);
	return SL_OK;
}

static enum sl_err put_block(struct vf *vf)
{
	enum sl_err e = dma_put(&vf->block), also = dma_put(&vf->readonly);
	return e ? e : also;
}

static enum sl_err open_vf(struct machine *m, struct vf *vf)
{
	char words[128];
	fmt_print(vf->name, sizeof vf->name, "VF %u", vf->index);
	vf->pair = 1;
	faults_watch(m, vf->fn->bdf);
	enum sl_err e = make_domain(m, vf->name, vf->fn->bdf, &vf->dom);
	if (!e)
		e = m->kind->memory_get ? m->kind->memory_get(m, vf) : get_block(m, vf);
	if (!e)
		e = function_connect(vf->fn, vf->dom, &vf->regs);
	if (e)
		return e;
	vf->attached = true;
	e = m->kind->vf_open(m, vf);
	if (!e)
		log_line("vf", BDF_FMT " domain %u, %s; 0x%llx is memory at 0x%llx", BDF_ARG(vf->fn->bdf),
			 domain_number(vf->dom), m->kind->describe(vf, words, sizeof words),
			 (ull)vf->buffers.iova.v, (ull)vf->buffers.phys.v);
	return e;
}

static void close_vf(struct machine *m, struct vf *vf)
{
	enum sl_err e = m->kind->vf_close(m, vf);
	if (vf->attached)
		function_disconnect(vf->fn, vf->dom);
	enum sl_err lost = m->kind->memory_put ? m->kind->memory_put(vf) : put_block(vf);
	if (lost && !e)
		e = SL_BUSY;
	drop_domain(&vf->dom);
	vf->attached = vf->cut = false;
	if (e)
		log_warn("vf", BDF_FMT " was not put back cleanly: %s", BDF_ARG(vf->fn->bdf), sl_err_text(e));
}

enum sl_err vf_reset(struct machine *m, struct vf *vf)
{
	enum sl_err e = m->kind->vf_close(m, vf);
	if (!e)
		e = pci_flr(&m->pci, vf->fn);
	if (e) {
		log_fail(m->kind->name, "power the machine off and on",
			 BDF_FMT " does not come back from its reset: %s", BDF_ARG(vf->fn->bdf),
			 sl_err_text(e));
		return e;
	}
	pci_bus_master(vf->fn, true);
	return m->kind->vf_open(m, vf);
}

/* One read: how long it takes from the hand-over to the first completion on a VF. */
static enum sl_err first_read(struct machine *m, struct vf *vf)
{
	vf->batch.n = 1;
	vf->batch.req[0] = vf_request(vf, vf->data, BLOCK_READ, 0, 0);
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
	const struct dma_buf *memory = m->pf && m->kind->pf_memory ? m->kind->pf_memory(m) : NULL;
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < m->vfs && !e; i++) {
		const struct vf *vf = &m->vf[i];
		struct table_range want[VF_RANGES] = {{&vf->block, DOMAIN_RW}, {&vf->readonly, DOMAIN_R}};
		unsigned n = m->kind->memory ? m->kind->memory(vf, want) : 2;
		e = tables_exact(&m->iommu, vf->fn->bdf, want, n);
	}
	if (!e && memory)
		e = tables_exact(&m->iommu, m->pf->bdf, &(struct table_range){memory, DOMAIN_RW}, 1);
	return e ? e : domains_check(m);
}

static enum sl_err open_vfs(struct machine *m)
{
	m->tally.vfs = 0;
	for (unsigned i = 0; i < m->vfs; i++) {
		numa_begin(m, m->vf[i].fn->bdf, i);
		enum sl_err e = open_vf(m, &m->vf[i]);
		numa_end();
		if (!e && !m->first_done && m->vf[i].data)
			e = first_read(m, &m->vf[i]);
		if (e) {
			log_fail("vf", "see the lines above; fewer VFs (vfs=) need less",
				 "VF %u could not be brought up: %s", i, sl_err_text(e));
			return e;
		}
		m->tally.vfs++;
	}
	m->pairs = m->vfs;
	for (unsigned i = 0; i < m->vfs && m->kind->pairs_open; i++) {
		enum sl_err e = m->kind->pairs_open(m, &m->vf[i]);
		if (e)
			return e;
	}
	return SL_OK;
}

enum sl_err stage_domains(struct machine *m)
{
	enum sl_err e = open_vfs(m);
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

void undo_domains(struct machine *m)
{
	m->pairs = 0;
	for (unsigned i = 0; i < m->vfs; i++)
		close_vf(m, &m->vf[i]);
}
