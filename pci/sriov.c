/* Enables and disables VFs, in the order of PCIe §9.2.1.1, and restores everything. */
#include "pci/ari.h"
#include "pci/sriov.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "pci/priv.h"
#include "pci/quirk.h"
#include "pci/regs.h"
#include "pci/sriov_priv.h"

#define VF_SETTLE_US 100000  /* after VF Enable is set: PCIe §9.3.3.3.1 */
#define VF_GONE_US   1000000 /* after VF Enable is cleared: PCIe §9.3.3.3.1 */
#define VF_ANSWER_US 1000000 /* a function without an answer for longer is broken: PCIe §6.6.1 */

struct sriov_saved {
	bool active;
	uint16_t mse, num_vfs, vf_room;
	uint32_t page_size, bar[PCI_BARS];
	struct pci_bar vf_bar[PCI_BARS];
};

static uint16_t rd16(const struct pci_func *pf, unsigned reg)
{
	return fn_rd16(pf, pf->cap_sriov + reg);
}

static void wr16(const struct pci_func *pf, unsigned reg, uint64_t v)
{
	fn_wr16(pf, pf->cap_sriov + reg, v);
}

/* Routing id of a VF: PCIe §9.3.3.9. Sums beyond 16 bits are left for the caller to refuse. */
static uint32_t vf_rid(const struct pci_func *pf, unsigned index)
{
	return pf->bdf.rid + (uint32_t)rd16(pf, SRIOV_OFFSET) + index * (uint32_t)rd16(pf, SRIOV_STRIDE);
}

static uint16_t reach(const struct pci *pci, const struct pci_func *pf, uint16_t total)
{
	return sriov_reach(pci, pf, total, rd16(pf, SRIOV_OFFSET), rd16(pf, SRIOV_STRIDE));
}

enum sl_err sriov_read(const struct pci *pci, const struct pci_func *pf, struct sriov *out)
{
	if (!pf->cap_sriov)
		return SL_NOTFOUND;
	*out = (struct sriov){
		.initial_vfs = rd16(pf, SRIOV_INITIAL),
		.total_vfs = rd16(pf, SRIOV_TOTAL),
		.num_vfs = rd16(pf, SRIOV_NUM),
		.offset = rd16(pf, SRIOV_OFFSET),
		.stride = rd16(pf, SRIOV_STRIDE),
		.vf_device = rd16(pf, SRIOV_VF_DEV),
		.page_sizes = fn_rd32(pf, pf->cap_sriov + SRIOV_PGSIZES),
		.vf_enable = (rd16(pf, SRIOV_CTL) & SRIOV_CTL_VFE) != 0,
		.ari = (rd16(pf, SRIOV_CTL) & SRIOV_CTL_ARI) != 0,
	};
	out->reach = reach(pci, pf, out->total_vfs);
	for (unsigned i = 0; i < PCI_BARS; i++)
		out->bar[i] = pf->vf_bar[i];
	return SL_OK;
}

static enum sl_err check_request(const struct pci_func *pf, uint16_t numvfs)
{
	if (!pf->cap_sriov) {
		log_fail("sriov", "name a function that has the SR-IOV capability",
			 BDF_FMT " has no SR-IOV capability", BDF_ARG(pf->bdf));
		return SL_UNSUPPORTED;
	}
	uint16_t most = rd16(pf, SRIOV_INITIAL);
	if (numvfs == 0 || numvfs > most) {
		log_fail("sriov", "set vfs= to a number the device has",
			 BDF_FMT " has %u VFs (InitialVFs), %u requested", BDF_ARG(pf->bdf), most, numvfs);
		return SL_RANGE;
	}
	if (pf->saved && pf->saved->active) {
		log_fail("sriov", "switch them off first", BDF_FMT " has VFs on already", BDF_ARG(pf->bdf));
		return SL_BUSY;
	}
	if (!(fn_rd32(pf, pf->cap_sriov + SRIOV_PGSIZES) & PGSIZE_4K)) {
		log_fail("sriov", "update the device's firmware",
			 BDF_FMT " does not support 4 KiB pages (Supported Page Sizes %08x)",
			 BDF_ARG(pf->bdf), fn_rd32(pf, pf->cap_sriov + SRIOV_PGSIZES));
		return SL_UNSUPPORTED;
	}
	return SL_OK;
}

/* Clears VF Enable and VF MSE. The capability may not be read for a second after that (PCIe §9.3.3.3.1). */
static void vfs_off(const struct pci_func *pf)
{
	uint16_t ctl = rd16(pf, SRIOV_CTL);
	wr16(pf, SRIOV_CTL, ctl & ~(SRIOV_CTL_VFE | SRIOV_CTL_MSE));
	log_debug("sriov", BDF_FMT " control was 0x%04x, VF Enable and VF MSE cleared", BDF_ARG(pf->bdf),
		  ctl);
	if (ctl & SRIOV_CTL_VFE)
		delay_us(VF_GONE_US);
}

/* The values that sriov_disable() restores. */
static enum sl_err save(struct pci_func *pf)
{
	if (!pf->saved)
		pf->saved = pmm_keep(sizeof(*pf->saved));
	struct sriov_saved *s = pf->saved;
	if (!s)
		return SL_NOMEM;
	s->mse = rd16(pf, SRIOV_CTL) & SRIOV_CTL_MSE;
	s->num_vfs = rd16(pf, SRIOV_NUM);
	s->page_size = fn_rd32(pf, pf->cap_sriov + SRIOV_PGSIZE);
	s->vf_room = pf->vf_room;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		s->bar[i] = fn_rd32(pf, pf->cap_sriov + SRIOV_BAR + 4 * i);
		s->vf_bar[i] = pf->vf_bar[i];
	}
	s->active = true;
	return SL_OK;
}

/* The reverse of sriov_enable(), from any of its steps. */
static void undo(struct pci *pci, struct pci_func *pf)
{
	struct sriov_saved *s = pf->saved;
	struct pci_func *next;
	for (struct pci_func *f = TAILQ_FIRST(&pci->funcs); f; f = next) {
		next = TAILQ_NEXT(f, link);
		if (f->pf == pf) {
			fn_wr16(f, CFG_CMD, 0);
			func_drop(pci, f);
		}
	}
	vfs_off(pf);
	wr16(pf, SRIOV_NUM, s->num_vfs);
	fn_wr32(pf, pf->cap_sriov + SRIOV_PGSIZE, s->page_size);
	pf->vf_room = s->vf_room;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		fn_wr32(pf, pf->cap_sriov + SRIOV_BAR + 4 * i, s->bar[i]);
		pf->vf_bar[i] = s->vf_bar[i];
	}
	ari_off(pci, pf);
	wr16(pf, SRIOV_CTL, rd16(pf, SRIOV_CTL) | s->mse);
	s->active = false;
}

/* NumVFs and System Page Size, and then what depends on them: PCIe §9.3.3.7, §9.3.3.9, §9.3.3.13. */
static enum sl_err number_vfs(const struct pci *pci, const struct pci_func *pf, uint16_t n)
{
	wr16(pf, SRIOV_NUM, n);
	fn_wr32(pf, pf->cap_sriov + SRIOV_PGSIZE, PGSIZE_4K);
	uint16_t offset = rd16(pf, SRIOV_OFFSET), stride = rd16(pf, SRIOV_STRIDE);
	log_debug("sriov", BDF_FMT " NumVFs %u written: reads %u, First VF Offset %u, VF Stride %u",
		  BDF_ARG(pf->bdf), n, rd16(pf, SRIOV_NUM), offset, stride);
	if (rd16(pf, SRIOV_NUM) != n) {
		log_fail("sriov", "set vfs= lower", BDF_FMT " does not accept NumVFs %u", BDF_ARG(pf->bdf),
			 n);
		return SL_DEVICE;
	}
	if (offset == 0 || (n > 1 && stride == 0)) {
		log_fail("sriov", "update the device's firmware",
			 BDF_FMT " gives its VFs no routing ids (First VF Offset %u, VF Stride %u)",
			 BDF_ARG(pf->bdf), offset, stride);
		return SL_BADVAL;
	}
	uint16_t most = reach(pci, pf, n);
	if (most < n) {
		log_fail(
			"sriov",
			"let firmware reserve buses (SR-IOV or ARI support in its setup), or set vfs= lower",
			BDF_FMT
			": VF %u would need bus %02x, but the port above forwards only buses up to %02x: %u of %u VFs are reachable",
			BDF_ARG(pf->bdf), most, vf_rid(pf, most) >> 8, sriov_last_bus(pci, pf), most, n);
		return SL_RANGE;
	}
	for (unsigned i = 0; i < n; i++) {
		bdf_t vf = {pf->bdf.seg, (uint16_t)vf_rid(pf, i)};
		if (pci_find(pci, vf)) {
			log_fail("sriov", "update the device's firmware",
				 BDF_FMT ": VF %u would be " BDF_FMT ", which is another function",
				 BDF_ARG(pf->bdf), i, BDF_ARG(vf));
			return SL_BADVAL;
		}
	}
	return SL_OK;
}

/* The Vendor ID of a VF reads all ones (PCIe §9.3.4.1.1): its Command and Status show its presence. */
static bool vf_answers(const struct pci_cfg *cfg, bdf_t vf, struct deadline d)
{
	while (deadline_look(&d)) {
		if (pci_rd32(cfg, vf, CFG_CMD) != UINT32_MAX)
			return true;
		delay_us(1000);
	}
	return false;
}

static enum sl_err vf_add(struct pci *pci, struct pci_func *pf, uint16_t index, bdf_t bdf)
{
	struct pci_func *f = func_new(pci);
	if (!f)
		return SL_NOMEM;
	f->bdf = bdf;
	f->pf = pf;
	f->vf_index = index;
	f->parent = pf->parent;
	f->vendor = pf->vendor;
	f->device = rd16(pf, SRIOV_VF_DEV);
	f->class = pf->class;
	f->revision = pf->revision;
	pci_quirk_note(f);
	f->sub_vendor = pf->sub_vendor;
	f->sub_device = fn_rd16(f, CFG_SUBSYS + 2);
	for (unsigned i = 0; i < PCI_BARS; i++) {
		f->bar[i] = pf->vf_bar[i];
		f->bar[i].addr += index * f->bar[i].size;
	}
	caps_read(f);
	func_insert(pci, f);
	return SL_OK;
}

static enum sl_err vfs_on(struct pci *pci, struct pci_func *pf, uint16_t n)
{
	wr16(pf, SRIOV_CTL, rd16(pf, SRIOV_CTL) | SRIOV_CTL_VFE | SRIOV_CTL_MSE);
	delay_us(VF_SETTLE_US);
	if (!(rd16(pf, SRIOV_CTL) & SRIOV_CTL_VFE)) {
		log_fail("sriov", "set vfs= lower, or update the device's firmware",
			 BDF_FMT " does not accept VF Enable with %u VFs", BDF_ARG(pf->bdf), n);
		return SL_DEVICE;
	}
	log_debug("sriov", BDF_FMT " VF Enable and VF MSE set: control 0x%04x", BDF_ARG(pf->bdf),
		  rd16(pf, SRIOV_CTL));
	struct deadline deadline = deadline_in(VF_ANSWER_US); /* of all together */
	for (uint16_t i = 0; i < n; i++) {
		bdf_t vf = {pf->bdf.seg, (uint16_t)vf_rid(pf, i)};
		if (!vf_answers(pci->cfg, vf, deadline)) {
			log_fail("sriov", "turn on ARI in firmware setup, or set vfs= lower",
				 BDF_FMT ": VF %u does not answer at " BDF_FMT, BDF_ARG(pf->bdf), i,
				 BDF_ARG(vf));
			return SL_TIMEOUT;
		}
		enum sl_err e = vf_add(pci, pf, i, vf);
		if (e != SL_OK)
			return e;
	}
	return SL_OK;
}

enum sl_err sriov_enable(struct pci *pci, struct pci_func *pf, uint16_t numvfs, struct sriov *out)
{
	enum sl_err e = check_request(pf, numvfs);
	if (e != SL_OK)
		return e;
	e = save(pf);
	if (e != SL_OK)
		return e;
	vfs_off(pf);
	ari_on(pci, pf);
	e = number_vfs(pci, pf, numvfs);
	if (e == SL_OK)
		e = vf_bars_set(pci, pf, numvfs);
	if (e == SL_OK)
		e = vfs_on(pci, pf, numvfs);
	if (e != SL_OK) {
		undo(pci, pf);
		return e;
	}
	return sriov_read(pci, pf, out);
}

enum sl_err sriov_disable(struct pci *pci, struct pci_func *pf)
{
	if (!pf->saved || !pf->saved->active)
		return SL_NOTFOUND;
	undo(pci, pf);
	return SL_OK;
}

struct pci_func *sriov_vf(const struct pci *pci, const struct pci_func *pf, uint16_t index)
{
	PCI_EACH(f, pci)
		if (f->pf == pf && f->vf_index == index)
			return f;
	return NULL;
}
