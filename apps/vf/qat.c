/* From a QAT card to VFs with rings. */
#include "apps/vf/qat.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/mmio.h"
#include "pci/flr.h"
#include "pci/path.h"

#define DEPTH 32u /* requests in flight of a service */

_Static_assert(QAT_MEM_SIZE <= WINDOW_BUFFERS - WINDOW_QUEUES, "queues");

static struct qat_own own[VFS_COMPUTING];

static void *state(unsigned place)
{
	memset(&own[place], 0, sizeof own[place]);
	return &own[place];
}

static const struct qat_gen *gen_of(const struct pci_func *pf)
{
	return pf->vendor == QAT_VENDOR ? qat_gen_of_pf(pf->device) : NULL;
}

static enum sl_err choose_pf(struct machine *m)
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

static void close_pf(struct machine *m)
{
	m->pf = NULL;
}

/* On gen4 the services of the banks are not fixed; they depend on the firmware loaded into the PF. */
static enum sl_err ask_pairs(struct vf *vf)
{
	struct qat_own *o = qat_own_of(vf);
	const struct pci_bar *bar = &vf->fn->bar[2];
	const struct qat_gen *gen = qat_gen_of_pf(vf->fn->pf->device);
	if (gen->pair_is_fixed || o->pair[QAT_SYM].there || qat_firmware_pairs(o->pair))
		return SL_OK;
	enum sl_err e = SL_NOSPACE;
	volatile void *regs =
		bar->addr && bar->size >= QAT_MAILBOX_BYTES ? mmio_map(PHYS(bar->addr), bar->size) : NULL;
	if (regs) {
		struct qat_mailbox_io io = qat_mailbox_mmio(regs);
		e = qat_mailbox_pairs(&io, gen, o->pair);
	}
	if (e)
		log_fail(
			"qat",
			"a card whose firmware something else has loaded; in QEMU: ./run.sh device=qat gen=4",
			BDF_FMT ": its PF does not say which bank has which service: %s",
			BDF_ARG(vf->fn->bdf), sl_err_text(e));
	if (e || o->pair[QAT_SYM].there)
		return e;
	log_fail("qat", "have the PF's driver give a service \"sym\"",
		 BDF_FMT ": none of its banks has symmetric crypto", BDF_ARG(vf->fn->bdf));
	return SL_NOTFOUND;
}

static enum sl_err open_vf(struct machine *m, struct vf *vf)
{
	struct qat_own *o = qat_own_of(vf);
	(void)m;
	enum sl_err e = ask_pairs(vf);
	if (e)
		return e;
	e = qat_vf_open(&o->vf, &(struct qat_vf_cfg){.gen = qat_gen_of_pf(vf->fn->pf->device),
						     .regs = vf->regs,
						     .regs_len = vf->fn->bar[0].size,
						     .pair = o->pair,
						     .mem = vf->queues,
						     .depth = DEPTH});
	if (e) {
		log_fail("qat", "power the machine off and on; if this persists, its firmware is not loaded",
			 BDF_FMT ": rings cannot be set up: %s", BDF_ARG(vf->fn->bdf), sl_err_text(e));
		return e;
	}
	vf_computes(vf, &o->vf.compute);
	return SL_OK;
}

static enum sl_err close_vf(struct machine *m, struct vf *vf)
{
	(void)m;
	if (vf->queue)
		qat_vf_close(qat_of(vf));
	vf_computes(vf, NULL);
	return SL_OK;
}

static const char *describe(const struct vf *vf, char *buf, size_t n)
{
	fmt_print(buf, n, "QAT %s", qat_of(vf)->gen->name);
	return buf;
}

/* With a part of the VFs on, rings of C62x do not work. */
const struct vf_kind qat_kind = {.name = "qat",
				 .service = VF_COMPUTES,
				 .all_vfs = true,
				 .vfs_max = VFS_COMPUTING,
				 .pf_open = choose_pf,
				 .pf_close = close_pf,
				 .firmware_start = qat_firmware_start,
				 .firmware_stop = qat_firmware_stop,
				 .pf_memory = qat_pf_memory,
				 .state = state,
				 .vf_open = open_vf,
				 .vf_close = close_vf,
				 .describe = describe};
