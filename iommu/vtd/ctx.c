#include "iommu/vtd/ctx.h"
#include "iommu/vtd/cmd.h"
#include "iommu/vtd/inv.h"
#include "kernel/pmm.h"

static struct vtd_ctx *entry_of(const struct vtd_unit *u, uint16_t rid)
{
	const struct vtd_root *root = &u->root[rid >> 8];
	if (!(root->lo & ROOT_P))
		return NULL;
	return (struct vtd_ctx *)phys_va(PHYS(root->lo & ROOT_CTP)) + (rid & 0xff);
}

/* The unit never uses the high word before the low one, which has the present bit. */
static void entry_store(const struct vtd_unit *u, uint64_t *entry, uint64_t lo, uint64_t hi)
{
	entry[1] = hi;
	__atomic_store_n(&entry[0], lo, __ATOMIC_RELEASE);
	vtd_table_flush(u, entry, 2 * sizeof(*entry));
}

/* The context table of the function's bus, made when there is none. */
static enum sl_err table_make(struct vtd_unit *u, uint16_t rid)
{
	struct vtd_root *root = &u->root[rid >> 8];
	if (root->lo & ROOT_P)
		return SL_OK;
	void *table = pmm_page();
	if (!table)
		return SL_NOMEM;
	vtd_table_flush(u, table, PAGE_SIZE);
	struct vtd_root made = vtd_root_make(va_phys(table));
	entry_store(u, &root->lo, made.lo, made.hi);
	return SL_OK;
}

bool vtd_ctx_find(const struct vtd_unit *u, uint16_t rid, uint16_t *did)
{
	const struct vtd_ctx *entry = entry_of(u, rid);
	if (!entry || !(entry->lo & CTX_P))
		return false;
	*did = (uint16_t)FGET(entry->hi, CTX_DID);
	return true;
}

/* From not present to present. In caching mode the unit may have cached "not present" under domain id 0 (VT-d
 * §6.1), so flush everything; otherwise there is nothing to invalidate. */
static enum sl_err announce(struct vtd_unit *u)
{
	if (!u->on)
		return SL_OK;
	if (!(u->cap & CAP_CM))
		return vtd_write_flush(u);
	return vtd_inv_all(u);
}

enum sl_err vtd_ctx_attach(struct vtd_unit *u, uint16_t rid, struct vtd_ctx made)
{
	enum sl_err e = table_make(u, rid);
	if (e)
		return e;
	struct vtd_ctx *entry = entry_of(u, rid);
	entry_store(u, &entry->lo, made.lo, made.hi);
	return announce(u);
}

enum sl_err vtd_ctx_silence(struct vtd_unit *u, uint16_t rid)
{
	enum sl_err e = table_make(u, rid);
	if (e)
		return e;
	struct vtd_ctx *entry = entry_of(u, rid);
	if (entry->lo & CTX_P)
		return SL_BUSY;
	entry_store(u, &entry->lo, CTX_FPD, entry->hi);
	return announce(u);
}

enum sl_err vtd_ctx_detach(struct vtd_unit *u, uint16_t rid)
{
	uint16_t did;
	if (!vtd_ctx_find(u, rid, &did))
		return SL_NOTFOUND;
	struct vtd_ctx *entry = entry_of(u, rid);
	entry_store(u, &entry->lo, 0, entry->hi);
	if (!u->on)
		return SL_OK;
	struct vtd_desc d[] = {vtd_desc_cc(did, rid), vtd_desc_iotlb_domain(did, vtd_drain(u))};
	return vtd_inv_run(u, d, ARRAY_LEN(d));
}
