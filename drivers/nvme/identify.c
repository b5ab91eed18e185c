#include "drivers/nvme/identify.h"
#include "kernel/addr.h"

/* ASCII, filled up with spaces: NVMe §1.4.2. to has room for n characters and a NUL. */
static void text(char *to, const volatile uint8_t *from, size_t n)
{
	size_t len = 0;
	for (size_t i = 0; i < n; i++) {
		uint8_t c = from[i];
		to[i] = c >= 0x20 && c < 0x7f ? (char)c : c ? '?' : ' ';
		if (to[i] != ' ')
			len = i + 1;
	}
	to[len] = 0;
}

/* A limit given as log2 of pages of 4 KiB, 0 meaning none. */
static uint64_t limit(uint8_t log2)
{
	return log2 && log2 < 64 - 12 ? PAGE_SIZE << log2 : UINT64_MAX;
}

enum sl_err nvme_id_parse(const volatile struct nvme_id_ctrl *page, struct nvme_id *out)
{
	*out = (struct nvme_id){
		.cntlid = page->cntlid,
		.oacs = page->oacs,
		.oncs = page->oncs,
		.ocfs = page->ocfs,
		.lpa = page->lpa,
		.ctratt = page->ctratt,
		.shutdown_us = page->rtd3e,
		.crdt = {page->crdt[0], page->crdt[1], page->crdt[2]},
		.sgls = (page->sgls & SGLS_SUPPORT) != 0,
		.max_transfer = limit(page->mdts),
		.max_verify = UINT64_MAX,
		.max_zeroes = UINT64_MAX,
	};
	text(out->serial, page->sn, sizeof page->sn);
	text(out->model, page->mn, sizeof page->mn);
	text(out->firmware, page->fr, sizeof page->fr);
	out->ports = page->cmic & CMIC_PORTS;
	uint8_t sqes = page->sqes, cqes = page->cqes;
	bool sq_fits = (sqes & 0xf) <= NVME_SQES && sqes >> 4 >= NVME_SQES;
	bool cq_fits = (cqes & 0xf) <= NVME_CQES && cqes >> 4 >= NVME_CQES;
	return sq_fits && cq_fits ? SL_OK : SL_BADVAL;
}

void nvme_id_effects(const volatile struct nvme_effects *page, struct nvme_id *out)
{
	if (page->admin[NVME_VIRT_MGMT] & EFFECTS_CSUPP)
		out->oacs |= OACS_VIRT_MGMT;
	if (page->io[NVME_VERIFY] & EFFECTS_CSUPP)
		out->oncs |= ONCS_VERIFY;
}

void nvme_id_limits(const volatile struct nvme_id_ctrl_nvm *page, struct nvme_id *out)
{
	out->max_verify = limit(page->vsl);
	out->max_zeroes = limit(page->wzsl);
}

static enum sl_err parse_pi(uint8_t dps, struct nvme_ns *out)
{
	out->pi_type = (uint8_t)(dps & DPS_TYPE);
	if (!out->pi_type)
		return SL_OK;
	if (out->pi_type > 3 || out->meta < NVME_PI_BYTES)
		return SL_BADVAL;
	out->pi_off = dps & DPS_FIRST ? 0 : (uint16_t)(out->meta - NVME_PI_BYTES);
	return SL_OK;
}

enum sl_err nvme_ns_parse(const volatile struct nvme_id_ns *page, uint32_t nsid, struct nvme_ns *out,
			  unsigned *format)
{
	uint8_t nlbaf = page->nlbaf, flbas = page->flbas;
	uint16_t mssrl = page->mssrl;
	uint32_t mcl = page->mcl;
	unsigned index = (unsigned)(FGET(flbas, FLBAS_LO) | (nlbaf >= 16 ? FGET(flbas, FLBAS_HI) << 4 : 0));
	if (index > nlbaf || index >= ARRAY_LEN(page->lbaf))
		return SL_BADVAL;
	uint32_t lbaf = page->lbaf[index];
	unsigned shift = (unsigned)FGET(lbaf, LBAF_LBADS);
	*format = index;
	*out = (struct nvme_ns){.nsid = nsid, .blocks = page->nsze};
	if (!out->blocks)
		return SL_OK;
	if (shift < 9 || shift > 16 || out->blocks > UINT64_MAX >> shift)
		return SL_BADVAL;
	out->block = 1u << shift;
	out->block_shift = (uint8_t)shift;
	out->meta = (uint16_t)FGET(lbaf, LBAF_MS);
	out->extended = out->meta && flbas & FLBAS_EXT;
	out->shared = page->nmic & NMIC_SHARED;
	out->copy_max = mssrl < mcl ? mssrl : mcl;
	return parse_pi(page->dps, out);
}

void nvme_ns_pi_format(const volatile struct nvme_id_ns_nvm *page, unsigned format, struct nvme_ns *out)
{
	out->pi_format = (uint8_t)FGET(page->elbaf[format], ELBAF_PIF);
}
