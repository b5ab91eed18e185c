#include "iommu/vtd/pasid.h"
#include "iommu/vtd/cmd.h"
#include "iommu/vtd/inv.h"
#include "kernel/pmm.h"

#define CONTEXTS 128u /* entries of a context table: half a bus */

static uint64_t *half_of(const struct vtd_unit *u, uint16_t rid)
{
	struct vtd_root *root = &u->root[rid >> 8];
	return rid & CONTEXTS ? &root->hi : &root->lo;
}

static struct vtd_sctx *context_of(const struct vtd_unit *u, uint16_t rid)
{
	uint64_t half = *half_of(u, rid);
	if (!(half & ROOT_P))
		return NULL;
	return (struct vtd_sctx *)phys_va(PHYS(half & ROOT_CTP)) + rid % CONTEXTS;
}

static uint64_t *directory_of(const struct vtd_sctx *c)
{
	return c && c->v[0] & SCTX_P ? phys_va(PHYS(c->v[0] & SCTX_PASIDDIR)) : NULL;
}

/* Of an entry that is present. */
static struct vtd_pasid *table_of(uint64_t pde)
{
	return phys_va(PHYS(pde & PDE_TABLE));
}

/* NULL where there is no table for it. */
static struct vtd_pasid *entry_of(const struct vtd_unit *u, uint16_t rid, uint32_t pasid)
{
	uint64_t *directory = directory_of(context_of(u, rid));
	if (!directory || pasid >= PASIDS_MAX || !(directory[pasid / PASID_TABLE] & PDE_P))
		return NULL;
	return table_of(directory[pasid / PASID_TABLE]) + pasid % PASID_TABLE;
}

/* An entry of n quadwords that is not present becomes present. */
static void entry_fill(const struct vtd_unit *u, uint64_t *entry, const uint64_t *made, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		entry[i] = made[i];
	__atomic_store_n(&entry[0], made[0], __ATOMIC_RELEASE);
	vtd_table_flush(u, entry, n * sizeof(*entry));
}

/* The whole first quadword, not only its present bit: units have been seen that do not look at that bit once
 * they have used the entry. */
static void entry_end(const struct vtd_unit *u, uint64_t *entry)
{
	__atomic_store_n(&entry[0], 0, __ATOMIC_RELEASE);
	vtd_table_flush(u, entry, sizeof(*entry));
}

static void entry_clear(const struct vtd_unit *u, uint64_t *entry, unsigned n)
{
	for (unsigned i = 1; i < n; i++)
		entry[i] = 0;
	vtd_table_flush(u, entry, n * sizeof(*entry));
}

/* The table that *link, a root entry's half or an entry of a directory, leads to; made when there is none. */
static enum sl_err table_make(const struct vtd_unit *u, uint64_t *link)
{
	if (*link & PDE_P)
		return SL_OK;
	void *table = pmm_page();
	if (!table)
		return SL_NOMEM;
	vtd_table_flush(u, table, PAGE_SIZE);
	const uint64_t made = PDE_P | va_phys(table).v;
	entry_fill(u, link, &made, 1);
	return SL_OK;
}

/* A directory and its tables, which no unit reads any more. */
static void directory_free(uint64_t *directory)
{
	for (unsigned i = 0; i < PASIDS_MAX / PASID_TABLE; i++)
		if (directory[i] & PDE_P)
			pmm_page_free(table_of(directory[i]));
	pmm_page_free(directory);
}

/* From not present to present: as iommu/vtd/ctx.c */
static enum sl_err announce(struct vtd_unit *u)
{
	if (!u->on)
		return SL_OK;
	return u->cap & CAP_CM ? vtd_inv_all(u) : vtd_write_flush(u);
}

bool vtd_pasid_find(const struct vtd_unit *u, uint16_t rid, uint32_t pasid, uint16_t *did)
{
	const struct vtd_pasid *entry = entry_of(u, rid, pasid);
	if (!entry || !(entry->v[0] & PASID_P))
		return false;
	*did = (uint16_t)FGET(entry->v[1], PASID_DID);
	return true;
}

/* The context entry comes last, when all that it leads to is complete. */
static enum sl_err attach_function(struct vtd_unit *u, uint16_t rid, const struct vtd_pasid *made,
				   uint64_t allowed)
{
	enum sl_err e = table_make(u, half_of(u, rid));
	uint64_t *directory = e ? NULL : pmm_page();
	if (!directory)
		return SL_NOMEM;
	vtd_table_flush(u, directory, PAGE_SIZE);
	e = table_make(u, directory);
	if (e) {
		directory_free(directory);
		return e;
	}
	entry_fill(u, table_of(directory[0])->v, made->v, ARRAY_LEN(made->v));
	const struct vtd_sctx ctx = vtd_sctx_make(va_phys(directory), allowed);
	entry_fill(u, context_of(u, rid)->v, ctx.v, ARRAY_LEN(ctx.v));
	return announce(u);
}

enum sl_err vtd_pasid_attach(struct vtd_unit *u, uint16_t rid, uint32_t pasid, struct vtd_pasid made,
			     uint64_t allowed)
{
	if (!pasid)
		return attach_function(u, rid, &made, allowed);
	uint64_t *directory = directory_of(context_of(u, rid));
	if (!directory)
		return SL_NOTFOUND;
	if (pasid >= PASIDS_MAX)
		return SL_RANGE;
	enum sl_err e = table_make(u, &directory[pasid / PASID_TABLE]);
	if (e)
		return e;
	struct vtd_pasid *entry = table_of(directory[pasid / PASID_TABLE]) + pasid % PASID_TABLE;
	entry_fill(u, entry->v, made.v, ARRAY_LEN(made.v));
	return announce(u);
}

enum sl_err vtd_pasid_silence(struct vtd_unit *u, uint16_t rid)
{
	const uint64_t quiet = SCTX_FPD;
	enum sl_err e = table_make(u, half_of(u, rid));
	if (e)
		return e;
	struct vtd_sctx *ctx = context_of(u, rid);
	if (ctx->v[0] & SCTX_P)
		return SL_BUSY;
	entry_fill(u, ctx->v, &quiet, 1);
	return announce(u);
}

/* What the unit has cached of an entry: VT-d §6.5.3.3. IOTLB entries of the first stage and of pass-through
 * belong to domain id and PASID, those of the second stage to the domain id. */
static enum sl_err forget(struct vtd_unit *u, uint16_t rid, uint32_t pasid, const struct vtd_pasid *was)
{
	uint16_t did = (uint16_t)FGET(was->v[1], PASID_DID);
	const struct vtd_desc d[] = {
		vtd_desc_cc(did, rid),
		pasid ? vtd_desc_pasid(did, pasid) : vtd_desc_pasid_domain(did),
		FGET(was->v[0], PASID_PGTT) == PGTT_SECOND ? vtd_desc_iotlb_domain(did, vtd_drain(u))
							   : vtd_desc_piotlb(did, pasid),
	};
	if (!u->on)
		return SL_OK;
	return pasid ? vtd_inv_steps(u, d + 1, ARRAY_LEN(d) - 1) : vtd_inv_steps(u, d, ARRAY_LEN(d));
}

enum sl_err vtd_pasid_detach(struct vtd_unit *u, uint16_t rid, uint32_t pasid)
{
	uint16_t did;
	if (!vtd_pasid_find(u, rid, pasid, &did))
		return SL_NOTFOUND;
	struct vtd_sctx *ctx = context_of(u, rid);
	uint64_t *directory = directory_of(ctx);
	struct vtd_pasid *entry = entry_of(u, rid, pasid), was = *entry;
	if (!pasid)
		entry_end(u, ctx->v);
	entry_end(u, entry->v);
	enum sl_err e = forget(u, rid, pasid, &was);
	if (e)
		return e; /* the unit may still read them */
	entry_clear(u, entry->v, ARRAY_LEN(entry->v));
	if (!pasid)
		directory_free(directory);
	return SL_OK;
}
