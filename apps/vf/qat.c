/* Stages accel_pf, accel_sriov, accel_domains: from a QAT PF to VFs with rings of their own, each in a domain
 * of its own. */
#include "apps/vf/compute.h"
#include "apps/bringup/faults.h"
#include "apps/vf/domain.h"
#include "apps/vf/numa.h"
#include "apps/vf/own_memory.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/x86/paging.h"
#include "pci/path.h"

struct accel_vf accel_vf[ACCEL_VFS];

_Static_assert(QAT_MEM_SIZE <= WINDOW_BUFFERS - WINDOW_QUEUES, "queues");
_Static_assert(WINDOW_BUFFERS + JOB_TAGS * JOB_BYTES <= PAGE_2M, "buffers");

static const struct qat_gen *gen_of(const struct pci_func *pf)
{
	return pf->vendor == QAT_VENDOR ? qat_gen_of_pf(pf->device) : NULL;
}

enum sl_err stage_accel_pf(struct machine *m)
{
	struct pci_func *unfit = NULL;
	uint32_t want = m->cfg->gen;
	PCI_EACH(f, &m->pci) {
		if (m->pf || !gen_of(f) || f->pf)
			continue;
		if (f->cap_sriov && (!want || want == gen_of(f)->number))
			m->pf = f;
		else
			unfit = f;
	}
	if (!m->pf) {
		if (unfit)
			log_line("qat", BDF_FMT " QAT %s cannot be used: %s", BDF_ARG(unfit->bdf),
				 gen_of(unfit)->name,
				 unfit->cap_sriov ? "gen= asks for another generation" : "no SR-IOV");
		log_fail("qat", "use a QAT C62x or 4xxx card, another gen=, or device=nvme",
			 "no QAT function that can be used among the functions above");
		return SL_NOTFOUND;
	}
	enum sl_err e = pci_power_on(m->pf);
	if (!e)
		e = pci_flr(&m->pci, m->pf);
	if (e && e != SL_UNSUPPORTED)
		return e;
	log_line("qat", BDF_FMT " QAT %s (gen%u)%s; this driver has never run on silicon",
		 BDF_ARG(m->pf->bdf), gen_of(m->pf)->name, gen_of(m->pf)->number, e ? "" : " was reset");
	return SL_OK;
}

void undo_accel_pf(struct machine *m)
{
	m->pf = NULL;
}

/* With a part of them on, rings of C62x do not work: so all are on, and vfs= says how many are used. */
enum sl_err stage_accel_sriov(struct machine *m)
{
	struct sriov s;
	enum sl_err e = sriov_read(&m->pci, m->pf, &s);
	if (!e)
		e = sriov_enable(&m->pci, m->pf, s.total_vfs, &s);
	if (e)
		return e;
	m->sriov_on = true;
	m->vfs = s.num_vfs < m->cfg->vfs ? s.num_vfs : m->cfg->vfs;
	if (m->vfs > ACCEL_VFS)
		m->vfs = ACCEL_VFS;
	log_line(
		"sriov",
		BDF_FMT
		" has %u of %u VFs enabled, %u in use: first VF offset %u, stride %u, BAR0 0x%llx with 0x%llx bytes each",
		BDF_ARG(m->pf->bdf), s.num_vfs, s.total_vfs, m->vfs, s.offset, s.stride, (ull)s.bar[0].addr,
		(ull)s.bar[0].size);
	for (unsigned i = 0; i < m->vfs; i++)
		vf_begin(&m->vf[i], i, sriov_vf(&m->pci, m->pf, (uint16_t)i));
	return SL_OK;
}

enum sl_err accel_start(struct vf *vf)
{
	struct accel_vf *v = &accel_vf[vf->index];
	const struct qat_gen *gen = qat_gen_of_pf(vf->fn->pf->device);
	enum sl_err e = qat_vf_open(&v->qat, &(struct qat_vf_cfg){.gen = gen,
								  .regs = v->regs,
								  .regs_len = vf->fn->bar[0].size,
								  .pair = v->pair,
								  .mem = vf->queues,
								  .depth = JOB_TAGS});
	if (e) {
		log_fail("qat", "power the machine off and on; if this persists, its firmware is not loaded",
			 BDF_FMT ": rings cannot be set up: %s", BDF_ARG(vf->fn->bdf), sl_err_text(e));
		return e;
	}
	vf->accel = &v->qat.accel;
	v->jobs.a = vf->accel;
	v->jobs.va = vf->buffers.va;
	v->jobs.iova = vf->buffers.iova;
	v->jobs.owner = vf->index;
	memset(v->jobs.state, 0, sizeof v->jobs.state);
	return jobs_open(&v->jobs);
}

void accel_stop(struct vf *vf)
{
	qat_vf_close(&accel_vf[vf->index].qat);
	vf->accel = NULL;
}

enum sl_err accel_recover(struct machine *m, struct vf *vf)
{
	accel_stop(vf);
	enum sl_err e = pci_flr(&m->pci, vf->fn);
	if (e) {
		log_fail("qat", "power the machine off and on",
			 BDF_FMT " does not come back from its reset: %s", BDF_ARG(vf->fn->bdf),
			 sl_err_text(e));
		return e;
	}
	pci_bus_master(vf->fn, true);
	return accel_start(vf);
}

/* On gen4 it is not fixed which bank has which service. Whoever loaded the PF's firmware knows. */
static enum sl_err ask_pairs(struct vf *vf)
{
	const struct pci_bar *bar = &vf->fn->bar[2];
	const struct qat_gen *gen = qat_gen_of_pf(vf->fn->pf->device);
	if (gen->pair_is_fixed || accel_firmware_pairs(accel_vf[vf->index].pair))
		return SL_OK;
	enum sl_err e = SL_NOSPACE;
	volatile void *regs =
		bar->addr && bar->size >= QAT_MAILBOX_BYTES ? mmio_map(PHYS(bar->addr), bar->size) : NULL;
	if (regs) {
		struct qat_mailbox_io io = qat_mailbox_mmio(regs);
		e = qat_mailbox_pairs(&io, gen, accel_vf[vf->index].pair);
	}
	if (e)
		log_fail(
			"qat",
			"a card whose firmware something else has loaded; in QEMU: ./run.sh device=qat gen=4",
			BDF_FMT ": its PF does not say which bank has which service: %s",
			BDF_ARG(vf->fn->bdf), sl_err_text(e));
	if (e || accel_vf[vf->index].pair[QAT_SYM].there)
		return e;
	log_fail("qat", "have the PF's driver give a service \"sym\"",
		 BDF_FMT ": none of its banks has symmetric crypto", BDF_ARG(vf->fn->bdf));
	return SL_NOTFOUND;
}

static enum sl_err open_vf(struct machine *m, struct vf *vf)
{
	volatile void *regs;
	struct accel_vf *v = &accel_vf[vf->index];
	memset(v, 0, sizeof *v);
	fmt_print(vf->name, sizeof vf->name, "VF %u", vf->index);
	faults_watch(m, vf->fn->bdf);
	enum sl_err e = make_domain(m, vf->name, vf->fn->bdf, &vf->dom);
	if (!e)
		e = dma_get(vf->dom, window_at(m, WINDOW_QUEUES), PAGE_2M, DOMAIN_RW, &vf->block);
	if (!e)
		e = dma_get(vf->dom, window_at(m, WINDOW_READONLY), PAGE_SIZE, DOMAIN_R, &vf->readonly);
	if (!e)
		e = function_connect(vf->fn, vf->dom, &regs);
	if (e)
		return e;
	vf->attached = true;
	v->regs = regs;
	vf->queues = dma_part(&vf->block, WINDOW_QUEUES, WINDOW_BUFFERS);
	vf->buffers = dma_part(&vf->block, WINDOW_BUFFERS, PAGE_2M - WINDOW_BUFFERS);
	e = ask_pairs(vf);
	if (!e)
		e = accel_start(vf);
	if (!e)
		log_line("vf", BDF_FMT " domain %u: QAT %s; 0x%llx is memory at 0x%llx", BDF_ARG(vf->fn->bdf),
			 vf->dom ? domain_id(vf->dom) : 0, v->qat.gen->name, (ull)vf->buffers.iova.v,
			 (ull)vf->buffers.phys.v);
	return e;
}

enum sl_err stage_accel_domains(struct machine *m)
{
	enum sl_err e = SL_OK;
	numa_choose_cores(m, m->pf->bdf);
	for (unsigned i = 0; i < m->vfs && !e; i++) {
		numa_begin(m, m->vf[i].fn->bdf, i);
		e = open_vf(m, &m->vf[i]);
		numa_end();
		if (e)
			log_fail("vf", "see the lines above; fewer VFs (vfs=) need less",
				 "VF %u could not be brought up: %s", i, sl_err_text(e));
	}
	if (e || !m->cfg->iommu)
		return e;
	for (unsigned i = 0; i < m->vfs && !e; i++) {
		const struct vf *vf = &m->vf[i];
		const struct table_range want[] = {{&vf->block, DOMAIN_RW}, {&vf->readonly, DOMAIN_R}};
		e = tables_exact(&m->iommu, vf->fn->bdf, want, ARRAY_LEN(want));
	}
	if (!e)
		e = domains_check(m);
	if (!e)
		log_line(
			"vf",
			"%u VFs, each in a domain of its own; walked every table from the root: each VF reaches only its own memory",
			m->vfs);
	return e;
}

void undo_accel_domains(struct machine *m)
{
	for (unsigned i = 0; i < m->vfs; i++) {
		struct vf *vf = &m->vf[i];
		if (vf->accel)
			accel_stop(vf);
		if (vf->attached)
			function_disconnect(vf->fn, vf->dom);
		vf->attached = false;
		if (dma_put(&vf->block) || dma_put(&vf->readonly))
			log_warn("vf", BDF_FMT " was not put back cleanly: %s", BDF_ARG(vf->fn->bdf),
				 sl_err_text(SL_BUSY));
		drop_domain(&vf->dom);
	}
}
