#include "tests/model/vtd_scalable_model.h"
#include <string.h>

#define FIRST_TAG 0x80000000u /* first-stage translations and pass-through belong to a PASID as well */

static uint64_t field(uint64_t v, unsigned hi, unsigned lo)
{
	return v >> lo & (~0ull >> (63 - (hi - lo)));
}

static bool beyond(const struct model_unit *m, uint64_t v)
{
	return v >> m->haw != 0;
}

bool model_scalable(const struct model_unit *m)
{
	return field(m->root, 11, 10) == 1;
}

/* §9.2: the lower half is for devices 0 to 15. §9.4 */
uint8_t model_scalable_context(const struct model_unit *m, uint16_t rid, struct model_context *c)
{
	uint64_t half, v[4];
	if (!model_fetch(m, (m->root & ~0xfffull) + 16ull * (rid >> 8) + (rid & 0x80 ? 8 : 0), &half))
		return 0x38;
	if (!(half & 1))
		return 0x39;
	if (field(half, 11, 1) || beyond(m, half & ~0xfffull))
		return 0x3a;
	for (unsigned i = 0; i < 4; i++)
		if (!model_fetch(m, (half & ~0xfffull) + 32ull * (rid & 0x7f) + 8 * i, &v[i]))
			return 0x40;
	c->fpd = v[0] & 2;
	if (!(v[0] & 1))
		return 0x41;
	if (field(v[0], 8, 5) || field(v[1], 63, 21) || v[2] || v[3] || beyond(m, v[0] & ~0xfffull))
		return 0x42;
	if ((v[0] & 4 && !(m->ecap & 4)) || (v[0] & 8 && !field(m->ecap, 40, 40)) ||
	    (v[0] & 16 && !(m->ecap & MODEL_PRS)))
		return 0x43; /* DTE, PASIDE, PRE */
	if (field(v[1], 19, 0))
		return 0x43; /* RID_PASID: no unit here has ECAP.RPS */
	c->dte = v[0] & 4;
	c->paside = v[0] & 8;
	c->pre = v[0] & 16;
	c->pdts = (unsigned)field(v[0], 11, 9);
	c->directory = v[0] & ~0xfffull;
	return 0;
}

/* §9.6 */
static uint8_t decode(const struct model_unit *m, const uint64_t *v, uint32_t pasid, struct model_context *c)
{
	unsigned type = (unsigned)field(v[0], 8, 6), aw = (unsigned)field(v[0], 4, 2);
	c->fpd |= (v[0] & 2) != 0;
	if (!(v[0] & 1))
		return 0x59;
	if (field(v[0], 11, 9) || field(v[1], 22, 16) || field(v[1], 63, 24) || field(v[2], 11, 0) || v[3] ||
	    v[4] || v[5] || v[6] || v[7] || beyond(m, v[0] & ~0xfffull) || beyond(m, v[2] & ~0xfffull))
		return 0x5a; /* no bit that any of these units lacks, or that Sluice has no use for */
	c->did = (uint16_t)v[1];
	c->snoop = v[1] >> 23 & 1;
	c->first = type == 1;
	c->pass = type == 4 && m->ecap & MODEL_PT;
	c->tag = type == 2 ? 0 : FIRST_TAG | pasid;
	c->levels = c->first ? 4 : aw + 2;
	c->table = (c->first ? v[2] : v[0]) & ~0xfffull;
	bool there = type == 1 ? field(m->ecap, 47, 47) : type == 2 ? field(m->ecap, 46, 46) : c->pass;
	bool wide = type == 1 || (type == 4 && !field(m->cap, 12, 8)) ||
		    (aw >= 1 && aw <= 3 && field(m->cap, 12, 8) >> aw & 1);
	if (c->snoop && !(m->ecap & MODEL_SMPWCS))
		return 0x5a;
	return there && wide && !(c->did >> (4 + 2 * field(m->cap, 2, 0))) ? 0 : 0x5b;
}

static uint8_t read_pasid(const struct model_unit *m, uint32_t pasid, const struct model_context *ctx,
			  struct model_pasid *p)
{
	uint64_t pde;
	if (!model_fetch(m, ctx->directory + 8ull * (pasid / 64), &pde))
		return 0x50;
	if (!(pde & 1))
		return 0x51;
	if (field(pde, 11, 2) || beyond(m, pde & ~0xfffull))
		return 0x52;
	for (unsigned i = 0; i < 8; i++)
		if (!model_fetch(m, (pde & ~0xfffull) + 64ull * (pasid % 64) + 8 * i, &p->v[i]))
			return 0x58;
	return decode(m, p->v, pasid, &p->c);
}

static struct model_pasid *slot_of(struct model_unit *m, uint16_t rid, uint32_t pasid)
{
	return &m->pasid[(rid * 31u + pasid) % MODEL_PASIDS];
}

/* §6.2.2: an entry is not changed while it is present, because a unit reads it in pieces. */
static void check_unchanged(struct model_unit *m, const struct model_context *ctx,
			    const struct model_pasid *p)
{
	struct model_pasid now = {.pasid = p->pasid};
	if (!p->c.reason && read_pasid(m, p->pasid, ctx, &now) != 0x59 && now.v[0] & 1 &&
	    memcmp(now.v, p->v, sizeof(now.v)))
		model_complain(m, "PASID entry %u of %x changed while it was present and cached", p->pasid,
			       p->rid);
}

struct model_context *model_pasid_get(struct model_unit *m, uint16_t rid, uint32_t pasid,
				      const struct model_context *ctx, struct model_pasid *fresh)
{
	struct model_pasid *p = slot_of(m, rid, pasid);
	if (p->c.valid && p->rid == rid && p->pasid == pasid) {
		check_unchanged(m, ctx, p);
		return &p->c;
	}
	*fresh = (struct model_pasid){.c = {.valid = true, .fpd = ctx->fpd}, .rid = rid, .pasid = pasid};
	fresh->c.reason = read_pasid(m, pasid, ctx, fresh);
	if (fresh->c.reason)
		fresh->c.did = 0; /* §6.1 */
	if (fresh->c.reason && !(m->cap & MODEL_CM))
		return &fresh->c;
	*p = *fresh;
	return &p->c;
}

bool model_run_pasid(struct model_unit *m, uint64_t lo, uint64_t hi)
{
	unsigned g = (unsigned)field(lo, 5, 4);
	uint16_t did = (uint16_t)(lo >> 16);
	uint32_t pasid = (uint32_t)field(lo, 51, 32);
	if (g == 2 || hi || field(lo, 8, 6) || field(lo, 15, 12) || field(lo, 63, 52))
		return false;
	model_drain(m);
	m->pasid_inv[g]++;
	for (unsigned i = 0; i < MODEL_PASIDS; i++) {
		struct model_pasid *p = &m->pasid[i];
		if (g == 3 || (p->c.did == did && (g == 0 || p->pasid == pasid)))
			p->c.valid = false;
	}
	if (g == 3 && !m->need_cc)
		m->need_pasid = false;
	return true;
}

static bool overlap(uint64_t a, uint64_t an, uint64_t b, uint64_t bn)
{
	return a < b + bn && b < a + an;
}

bool model_run_piotlb(struct model_unit *m, uint64_t lo, uint64_t hi)
{
	unsigned g = (unsigned)field(lo, 5, 4), am = (unsigned)field(hi, 5, 0);
	uint16_t did = (uint16_t)(lo >> 16);
	uint32_t tag = FIRST_TAG | (uint32_t)field(lo, 51, 32);
	uint64_t size = 4096ull << am, iova = hi & ~0xfffull;
	if (g < 2 || field(lo, 8, 6) || field(lo, 15, 12) || field(lo, 63, 52) || field(hi, 11, 7) ||
	    (g == 2 && hi))
		return false;
	if (g == 3 && (!(m->cap & MODEL_PSI) || am > field(m->cap, 53, 48) || iova & (size - 1))) {
		model_complain(m, "invalidation by PASID of 0x%llx with mask %u: not aligned, or too large",
			       (unsigned long long)iova, am);
		return false;
	}
	model_drain(m);
	m->piotlb_inv[g]++;
	for (unsigned i = 0; i < MODEL_TLB; i++) {
		struct model_tlb *t = &m->tlb[i];
		if (t->did == did && t->tag == tag && (g == 2 || overlap(t->iova, t->size, iova, size)))
			t->valid = false;
	}
	for (unsigned i = 0; i < MODEL_PSC; i++) {
		struct model_walk *w = &m->psc[i];
		if (w->did == did && w->tag == tag &&
		    (g == 2 || (!(hi & 0x40) && overlap(w->iova, w->size, iova, size))))
			w->valid = false;
	}
	return true;
}
