#include "tests/model/device_tlb.h"
#include "tests/model/vtd_scalable_model.h"
#include <string.h>

#define PAGE    4096u
#define PQ_SLOT 32u

static uint64_t field(uint64_t v, unsigned hi, unsigned lo)
{
	return v >> lo & (~0ull >> (63 - (hi - lo)));
}

void device_tlb_init(struct model_device_tlb *t, struct model_unit *m, uint16_t rid)
{
	*t = (struct model_device_tlb){.unit = m, .rid = rid, .next = m->device_tlbs};
	m->device_tlbs = t;
}

static struct model_device_tlb *of_function(const struct model_unit *m, uint16_t rid)
{
	struct model_device_tlb *t = m->device_tlbs;
	while (t && t->rid != rid)
		t = t->next;
	return t;
}

/* ---- requests ---- */

/* §4.2.2: what a request for a translation gets. Refusals of the page tables are answered with no permission
 * and are not recorded; those before them are. */
static bool ask(struct model_device_tlb *t, uint32_t pasid, uint64_t iova, uint64_t *phys, bool *r, bool *w)
{
	uint64_t to = 0;
	struct model_unit *m = t->unit;
	bool quiet;
	uint8_t reason = model_allows_ats(m, t->rid, &quiet);
	if (!reason) {
		reason = model_translate(m, t->rid, pasid, iova, false, phys, &quiet);
		*r = !reason;
		*w = !model_translate(m, t->rid, pasid, iova, true, &to, &quiet);
		if (*w)
			*phys = to;
	}
	if (reason && reason < 0x70 && !quiet)
		model_fault(m, t->rid, iova, false, reason);
	return *r || *w;
}

unsigned device_tlb_dma(struct model_device_tlb *t, uint32_t pasid, uint64_t iova, bool write, uint64_t *phys)
{
	bool r = false, w = false;
	uint64_t page = 0;
	for (unsigned i = 0; i < DEVICE_TLB; i++) {
		if (!t->entry[i].valid || t->entry[i].pasid != pasid ||
		    iova - t->entry[i].iova >= t->entry[i].size || !(write ? t->entry[i].w : t->entry[i].r))
			continue;
		*phys = t->entry[i].phys + (iova - t->entry[i].iova);
		return model_dma_translated(t->unit, t->rid, *phys, write);
	}
	if (!ask(t, pasid, iova & ~(uint64_t)(PAGE - 1), &page, &r, &w) || !(write ? w : r))
		return 1;
	unsigned slot = t->fills++ % DEVICE_TLB;
	t->entry[slot].valid = true;
	t->entry[slot].r = r;
	t->entry[slot].w = w;
	t->entry[slot].pasid = pasid;
	t->entry[slot].iova = iova & ~(uint64_t)(PAGE - 1);
	t->entry[slot].size = PAGE;
	t->entry[slot].phys = page;
	*phys = page + iova % PAGE;
	return model_dma_translated(t->unit, t->rid, *phys, write);
}

/* §4.2.3: where the function may send them, nothing else is looked at. */
unsigned model_dma_translated(struct model_unit *m, uint16_t rid, uint64_t phys, bool write)
{
	bool quiet = false;
	uint8_t reason = model_allows_ats(m, rid, &quiet);
	if (reason && !quiet)
		model_fault(m, rid, phys, write, reason);
	return reason;
}

/* ---- invalidations: §6.5.2.5, §6.5.2.6 ---- */

static void forget(struct model_device_tlb *t, bool all, uint32_t pasid, uint64_t at, uint64_t size)
{
	for (unsigned i = 0; i < DEVICE_TLB && !t->deaf; i++)
		if ((all || t->entry[i].pasid == pasid) &&
		    (!size || (t->entry[i].iova < at + size && at < t->entry[i].iova + t->entry[i].size)))
			t->entry[i].valid = false;
	t->invalidations++;
}

/* The address has ones up to the lowest zero, which is the highest bit of the mask; all ones but bit 63: 0,
 * everything. */
static uint64_t block(uint64_t hi, bool several, uint64_t *at)
{
	uint64_t size = PAGE;
	*at = hi & ~(uint64_t)(PAGE - 1);
	if (!several)
		return size;
	for (; size && *at & size; size <<= 1)
		*at &= ~size;
	return size << 1;
}

bool device_tlb_run(struct model_unit *m, uint64_t lo, uint64_t hi, bool *silent)
{
	bool with_pasid = (lo & 15) == 8;
	bool reserved =
		with_pasid ? field(lo, 11, 9) || field(hi, 10, 1)
			   : field(lo, 11, 4) || field(lo, 31, 21) || field(lo, 51, 48) || field(hi, 11, 1);
	uint16_t sid = (uint16_t)(with_pasid ? lo >> 16 : lo >> 32);
	struct model_device_tlb *t = of_function(m, sid);
	uint64_t at, size = block(hi, with_pasid ? hi >> 11 & 1 : hi & 1, &at);
	if (reserved || !(m->ecap & 4))
		return false;
	if ((field(lo, 15, 12) | field(lo, 63, 52) << 4) != (m->ecap & MODEL_DIT ? sid : 0))
		model_complain(m, "invalidation of a device TLB with the wrong PF: 0x%llx",
			       (unsigned long long)lo);
	if (!t)
		model_complain(m, "invalidation of the device TLB of %x, which has none", sid);
	*silent = !t || t->mute;
	if (t && !t->mute)
		forget(t, with_pasid && hi & 1, with_pasid ? (uint32_t)field(lo, 51, 32) : MODEL_NO_PASID, at,
		       size);
	return true;
}

/* ---- page requests: §7.4 ---- */

static void tell(struct model_unit *m, uint16_t rid, uint32_t pasid, uint16_t group, unsigned code)
{
	struct model_device_tlb *t = of_function(m, rid);
	if (!t) {
		model_complain(m, "answer to a page request of %x, which asked for none", rid);
		return;
	}
	t->answers++;
	t->code = code;
	t->group = group;
	t->pasid = pasid;
	if (t->on_answer)
		t->on_answer(t->ctx, code);
}

bool device_tlb_answer(struct model_unit *m, uint64_t lo, uint64_t hi)
{
	if (!(m->ecap & MODEL_PRS) || field(lo, 8, 5) || field(lo, 11, 9) || field(lo, 63, 52) || hi & 3 ||
	    field(hi, 63, 12))
		return false;
	tell(m, (uint16_t)(lo >> 16), lo & 0x10 ? (uint32_t)field(lo, 51, 32) : MODEL_NO_PASID,
	     (uint16_t)field(hi, 11, 3), (unsigned)field(lo, 15, 12));
	return true;
}

static uint64_t pq_bytes(const struct model_unit *m)
{
	return (uint64_t)PAGE << field(m->pqa, 2, 0);
}

unsigned model_page_request(struct model_unit *m, uint16_t rid, uint32_t pasid, uint64_t iova, bool write,
			    uint16_t group, bool last)
{
	bool quiet = false, with = pasid != MODEL_NO_PASID;
	uint8_t reason = model_allows_page_requests(m, rid, &quiet);
	uint64_t next = (m->pqt + PQ_SLOT) % pq_bytes(m);
	if (reason) {
		if (!quiet)
			model_fault_of_page_request(m, rid, pasid, iova, reason);
		return reason;
	}
	if (m->prs & 2 || next == m->pqh) {
		m->prs |= 2;
		if (last)
			tell(m, rid, pasid, group, 0);
		return MODEL_REQUEST_LOST;
	}
	uint64_t slot[4] = {1 | (with ? 0x100 | (uint64_t)pasid << 32 : 0) | (uint64_t)rid << 16,
			    (iova & ~(uint64_t)(PAGE - 1)) | (uint64_t)group << 3 | (last ? 4 : 0) |
				    (write ? 2 : 1)};
	memcpy(phys_va(PHYS((m->pqa & ~(uint64_t)(PAGE - 1)) + m->pqt)), slot, sizeof slot);
	m->pqt = next;
	m->prs |= 1;
	return 0;
}

bool page_request_rd(struct model_unit *m, uint32_t off, unsigned width, uint64_t *v)
{
	bool there = m->ecap & MODEL_PRS;
	switch (off) {
	case 0xc0:
		*v = m->pqh;
		break;
	case 0xc8:
		*v = m->pqt;
		break;
	case 0xd0:
		*v = m->pqa;
		break;
	case 0xdc:
		*v = m->prs;
		break;
	case 0xe0:
		*v = m->pectl;
		break;
	default:
		return false;
	}
	return there && width == (off < 0xd8 ? 8 : 4);
}

bool page_request_wr(struct model_unit *m, uint32_t off, unsigned width, uint64_t v)
{
	if (!(m->ecap & MODEL_PRS) || width != (off < 0xd8 ? 8 : 4))
		return false;
	switch (off) {
	case 0xc0:
		if (v >= pq_bytes(m) || v % PQ_SLOT)
			model_complain(m, "PQH written with 0x%llx", (unsigned long long)v);
		m->pqh = v;
		return true;
	case 0xc8:
		m->pqt = v;
		return true;
	case 0xd0:
		if (v & 0xff8 || m->pqh != m->pqt || !(m->pectl >> 31))
			model_complain(m, "PQA written with 0x%llx, or before the interrupt is masked",
				       (unsigned long long)v);
		m->pqa = v;
		return true;
	case 0xdc:
		/* §7.4: requests are taken again; those in the queue have to be out of it first */
		if (v & 2 && m->prs & 2 && m->pqh != m->pqt)
			model_complain(m, "PRS.PRO cleared while requests are in the queue");
		m->prs &= ~(uint32_t)(v & 3);
		return true;
	case 0xe0:
		m->pectl = (uint32_t)v;
		return true;
	default:
		return false;
	}
}
