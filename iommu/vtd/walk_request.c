#include "iommu/vtd/walk_stage.h"

/* Entry bits that are reserved on a unit without a capability. */
static uint64_t without(uint64_t ecap, unsigned capability, uint64_t reserved)
{
	return walk_bit(ecap, capability) ? 0 : reserved;
}

static bool read_words(const struct vtd_walk_mem *mem, uint64_t at, uint64_t *to, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!mem->read64(mem->ctx, at + 8ull * i, &to[i])) {
			for (unsigned k = 0; k < i; k++)
				to[k] = 0;
			return false;
		}
	return true;
}

/* VT-d §9.2: the low half is for devices 0 to 15, the high one for 16 to 31; of each, bit 0 present, 63:12
 * context table, the rest reserved. */
static bool walk_root(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem,
		      struct vtd_walk_scalable *w)
{
	bdf_t fn = w->request.fn;
	uint64_t at = (unit->rtaddr & ~0xfffull) + 16ull * bdf_bus(fn) + (bdf_devfn(fn) & 0x80 ? 8 : 0);
	if (!read_words(mem, at, &w->root, 1))
		return walk_refuse(w, WALK_AT_ROOT, 0x38);
	if (!(w->root & 1))
		return walk_refuse(w, WALK_AT_ROOT, 0x39);
	if (walk_bits(w->root, 11, 1) || walk_beyond_host(unit, w->root, 63))
		return walk_refuse(w, WALK_AT_ROOT, 0x3a);
	return true;
}

/* VT-d §9.4. Word 0: 0 present, 1 FPD, 2 DTE, 3 PASIDE, 4 PRE, 8:5 reserved, 11:9 PDTS, 63:12 directory.
 * Word 1: 19:0 RID_PASID, 20 RID_PRIV. The rest is reserved. */
static bool context_bad(const struct vtd_walk_unit *unit, const uint64_t *c)
{
	uint64_t reserved = 0x1e0 | without(unit->ecap, 2, 1 << 2) | without(unit->ecap, 40, 1 << 3) |
			    without(unit->ecap, 29, 1 << 4);
	if ((c[0] & reserved) || walk_beyond_host(unit, c[0], 63))
		return true;
	return c[1] >> 21 || (c[1] & without(unit->ecap, 31, 1 << 20)) || c[2] || c[3];
}

static bool walk_context(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem,
			 struct vtd_walk_scalable *w)
{
	uint64_t at = (w->root & ~0xfffull) + 32ull * (bdf_devfn(w->request.fn) & 0x7f);
	if (!read_words(mem, at, w->context, 4))
		return walk_refuse(w, WALK_AT_CONTEXT, 0x40);
	w->quiet = walk_bit(w->context[0], 1);
	if (!(w->context[0] & 1))
		return walk_refuse(w, WALK_AT_CONTEXT, 0x41);
	if (context_bad(unit, w->context))
		return walk_refuse(w, WALK_AT_CONTEXT, 0x42);
	return true;
}

/* The PASID that counts. Without one it is RID_PASID, and 0 where the unit lacks that field (ECAP.RPS). A
 * directory has 2^(PDTS+7) entries of 64 PASIDs. */
static bool choose_pasid(const struct vtd_walk_unit *unit, struct vtd_walk_scalable *w)
{
	const struct vtd_request *r = &w->request;
	uint32_t rid = walk_bit(unit->ecap, 49) ? walk_bits(w->context[1], 19, 0) : 0;
	unsigned limit = walk_bits(w->context[0], 11, 9) + 13;
	w->pasid = r->has_pasid ? r->pasid : rid;
	if (!r->has_pasid)
		return w->pasid >> limit ? walk_refuse(w, WALK_AT_CONTEXT, 0x43) : true;
	if (!walk_bit(w->context[0], 3))
		return walk_refuse(w, WALK_AT_CONTEXT, r->kind == REQUEST_TRANSLATED ? 0x49 : 0x45);
	if (r->pasid >> (walk_bits(unit->ecap, 39, 35) + 1))
		return walk_refuse(w, WALK_AT_CONTEXT, 0x89);
	if (r->pasid >> limit)
		return walk_refuse(w, WALK_AT_CONTEXT, 0x46);
	if (r->pasid == rid)
		return walk_refuse(w, WALK_AT_CONTEXT, 0x48);
	return true;
}

/* What the context entry says to the kind of request. */
static bool kind_ok(struct vtd_walk_scalable *w)
{
	enum vtd_request_kind kind = w->request.kind;
	if ((kind == REQUEST_TRANSLATION || kind == REQUEST_TRANSLATED) && !walk_bit(w->context[0], 2))
		return walk_refuse(w, WALK_AT_CONTEXT, 0x44);
	if (kind == REQUEST_PAGE && !walk_bit(w->context[0], 4))
		return walk_refuse(w, WALK_AT_CONTEXT, 0x47);
	return true;
}

/* VT-d §9.5: 0 present, 1 FPD, 63:12 table of 64 PASIDs, the rest reserved. */
static bool walk_directory(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem,
			   struct vtd_walk_scalable *w)
{
	uint64_t at = (w->context[0] & ~0xfffull) + 8ull * (w->pasid >> 6);
	if (!read_words(mem, at, &w->directory, 1))
		return walk_refuse(w, WALK_AT_DIRECTORY, 0x50);
	w->quiet = w->quiet || walk_bit(w->directory, 1);
	if (!(w->directory & 1))
		return walk_refuse(w, WALK_AT_DIRECTORY, 0x51);
	if (walk_bits(w->directory, 11, 2) || walk_beyond_host(unit, w->directory, 63))
		return walk_refuse(w, WALK_AT_DIRECTORY, 0x52);
	return true;
}

/* VT-d §9.6. Word 0: 0 present, 1 FPD, 4:2 AW, 5 SLEE, 8:6 PGTT, 9 SSADE, 63:12 second-stage table. Word 1:
 * 15:0 domain id, 23 PWSNP, 24 PGSNP, 63:25 memory types. Word 2: 0 SRE, 1 ERE, 3:2 FSPM, 4 WPE, 5 NXE, 6
 * SMEP, 7 EAFE, 63:12 first-stage table. The rest is reserved. A table's address counts in its types only. */
static bool entry_bad(const struct vtd_walk_unit *unit, const uint64_t *e)
{
	uint64_t ecap = unit->ecap;
	unsigned type = walk_bits(e[0], 8, 6), domain_bits = 4 + 2 * walk_bits(unit->cap, 2, 0);
	uint64_t reserved[3] = {
		0xc00 | without(ecap, 45, 1 << 9) | without(ecap, 30, 1 << 5),
		0x7f0000 | without(ecap, 48, 1 << 23) | without(ecap, 7, 1 << 24) |
			without(ecap, 25, ~0ull << 25),
		0xf00 | without(ecap, 31, 1 << 0) | without(ecap, 30, 1 << 1) | without(ecap, 34, 1 << 7),
	};
	for (unsigned i = 0; i < 3; i++)
		if (e[i] & reserved[i])
			return true;
	for (unsigned i = 3; i < 8; i++)
		if (e[i])
			return true;
	if (walk_bits(e[1], 15, 0) >> domain_bits)
		return true;
	return ((type == 2 || type == 3) && walk_beyond_host(unit, e[0], 63)) ||
	       (type == 1 && walk_beyond_host(unit, e[2], 63));
}

/* The unit has what the entry's type, AW and FSPM ask for. AW is the second stage's; of pass-through it must
 * be one of the unit's too. */
static bool entry_possible(const struct vtd_walk_unit *unit, const uint64_t *e)
{
	unsigned type = walk_bits(e[0], 8, 6), aw = walk_bits(e[0], 4, 2), fspm = walk_bits(e[2], 3, 2);
	bool first = type == 1 || type == 3, second = type == 2 || type == 3;
	if (!type || type > 4)
		return false;
	if (first && (!walk_bit(unit->ecap, 47) || fspm > 1 || (fspm == 1 && !walk_bit(unit->cap, 60))))
		return false;
	if ((second && !walk_bit(unit->ecap, 46)) || (type == 3 && !walk_bit(unit->ecap, 26)) ||
	    (type == 4 && !walk_bit(unit->ecap, 6)))
		return false;
	return type == 1 || (aw >= 1 && aw <= 3 && walk_bits(unit->cap, 12, 8) >> aw & 1);
}

static bool walk_entry(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem,
		       struct vtd_walk_scalable *w)
{
	uint64_t at = (w->directory & ~0xfffull) + 64ull * (w->pasid & 63);
	if (!read_words(mem, at, w->entry, 8))
		return walk_refuse(w, WALK_AT_ENTRY, 0x58);
	w->quiet = w->quiet || walk_bit(w->entry[0], 1);
	if (!(w->entry[0] & 1))
		return walk_refuse(w, WALK_AT_ENTRY, 0x59);
	if (entry_bad(unit, w->entry))
		return walk_refuse(w, WALK_AT_ENTRY, 0x5a);
	if (!entry_possible(unit, w->entry))
		return walk_refuse(w, WALK_AT_ENTRY, 0x5b);
	w->type = walk_bits(w->entry[0], 8, 6);
	w->domain = (uint16_t)walk_bits(w->entry[1], 15, 0);
	w->levels = w->type == 1 || w->type == 3 ? walk_bits(w->entry[2], 3, 2) + 4
						 : walk_bits(w->entry[0], 4, 2) + 2;
	return true;
}

static bool in_interrupts(uint64_t address)
{
	return address >> 20 == 0xfee;
}

static void pass(struct vtd_walk_scalable *w)
{
	w->at = WALK_AT_PASS;
	w->read = w->write = true;
	w->phys = PHYS(w->request.iova.v);
	w->size = PAGE_SIZE;
}

/* Untranslated or translated already: the address is the host's. */
static void pass_if_host(const struct vtd_walk_unit *unit, struct vtd_walk_scalable *w)
{
	if (walk_beyond_host(unit, w->request.iova.v, 63))
		walk_refuse(w, WALK_AT_ADDRESS, 0x83);
	else if (in_interrupts(w->request.iova.v))
		walk_refuse(w, WALK_AT_PASS, 0x87);
	else
		pass(w);
}

static void walk_scalable(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem,
			  struct vtd_walk_scalable *w)
{
	const struct vtd_request *r = &w->request;
	if (r->kind == REQUEST_UNTRANSLATED && !r->has_pasid && in_interrupts(r->iova.v)) {
		w->at = WALK_AT_INTERRUPT;
		return;
	}
	if (!walk_root(unit, mem, w) || !walk_context(unit, mem, w) || !kind_ok(w) || !choose_pasid(unit, w))
		return;
	if (r->kind == REQUEST_PAGE) {
		w->at = WALK_AT_QUEUE;
		return;
	}
	if (r->kind == REQUEST_TRANSLATED) {
		pass_if_host(unit, w);
		return;
	}
	if (!walk_directory(unit, mem, w) || !walk_entry(unit, mem, w))
		return;
	bool privileged = r->has_pasid ? r->privileged : walk_bit(w->context[1], 20);
	if (privileged && !walk_bit(w->entry[2], 0))
		walk_refuse(w, WALK_AT_ENTRY, 0x5d);
	else if (w->type == 4)
		pass_if_host(unit, w);
	else
		walk_stages(unit, mem, privileged, w);
}

/* Legacy mode knows neither PASIDs nor page requests. TT, bits 3:2 of the context entry, is 1 where device
 * TLBs are allowed: VT-d §9.3. */
static void walk_legacy(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem,
			struct vtd_walk_scalable *w)
{
	const struct vtd_request *r = &w->request;
	struct vtd_walk *l = &w->legacy;
	vtd_walk(unit, mem, r->fn, r->iova, l);
	bool found = l->stop != WALK_ROOT_EMPTY && l->stop != WALK_ROOT_BAD && l->stop != WALK_ROOT_READ &&
		     l->stop != WALK_CTX_EMPTY && l->stop != WALK_CTX_BAD && l->stop != WALK_CTX_INVALID &&
		     l->stop != WALK_CTX_READ;
	if (found && r->kind != REQUEST_UNTRANSLATED && walk_bits(l->ctx_lo, 3, 2) != 1) {
		walk_refuse(w, WALK_AT_CONTEXT, 0xd);
		return;
	}
	if (found && r->kind == REQUEST_TRANSLATED) {
		pass(w);
		return;
	}
	w->at = WALK_AT_LEGACY;
	w->read = l->read;
	w->write = l->write;
	w->phys = l->phys;
	w->size = l->size;
	w->domain = l->domain;
	w->levels = l->levels;
	w->reason_read = l->reason_read;
	w->reason_write = l->reason_write;
}

void vtd_walk_request(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem,
		      const struct vtd_request *request, struct vtd_walk_scalable *out)
{
	unsigned mode = walk_bits(unit->rtaddr, 11, 10);
	bool known = mode == 0 || (mode == 1 && walk_bit(unit->ecap, 43)) ||
		     (mode == 3 && walk_bit(unit->ecap, 52));
	*out = (struct vtd_walk_scalable){.request = *request};
	if (!known)
		walk_refuse(out, WALK_AT_REGISTER, 0x30);
	else if (mode == 3)
		walk_refuse(out, WALK_AT_REGISTER, 0x33);
	else if (mode == 0 && request->has_pasid)
		walk_refuse(out, WALK_AT_REGISTER, 0x31);
	else if (mode == 0 && request->kind == REQUEST_PAGE)
		walk_refuse(out, WALK_AT_REGISTER, 0x32);
	else if (request->execute)
		walk_refuse(out, WALK_AT_REGISTER, 0x34);
	else if (mode == 0)
		walk_legacy(unit, mem, out);
	else
		walk_scalable(unit, mem, out);
}
