#include "iommu/amdvi/devtab.h"
#include "iommu/amdvi/cmd.h"
#include "kernel/pmm.h"

/* Settings of an IVHD entry, in the places where the device table entry has them. */
#define DATA_PASS   BITS(2, 0)
#define DATA_SYSMGT BITS(5, 4)
#define DATA_LINT   BITS(7, 6)
#define Q2_PASS     BITS(58, 56)
#define Q2_LINT     BITS(63, 62)

enum sl_err amdvi_devtab_make(struct amdvi_devtab *t, uint16_t seg)
{
	phys_t table;
	void *empty = pmm_page();
	uint64_t pages = AMDVI_IDS * sizeof(struct amdvi_dte) / PAGE_SIZE;
	if (!empty || pmm_alloc(pages, PAGE_SIZE, &table) != SL_OK)
		return SL_NOMEM;
	*t = (struct amdvi_devtab){.seg = seg, .entry = phys_va(table), .empty = empty};
	for (unsigned i = 0; i < AMDVI_IDS; i++)
		t->entry[i] = amdvi_dte_blocked(va_phys(empty));
	return SL_OK;
}

/* Erratum 63: SysMgt 1 needs IW; the page table has no page to write to all the same. */
void amdvi_devtab_pass(struct amdvi_devtab *t, uint16_t rid, uint8_t data)
{
	struct amdvi_dte *e = &t->entry[rid];
	e->q[2] |= FPUT(Q2_PASS, FGET(data, DATA_PASS)) | FPUT(Q2_LINT, FGET(data, DATA_LINT));
	e->q[1] |= FPUT(DTE_SYSMGT, FGET(data, DATA_SYSMGT));
	if (FGET(data, DATA_SYSMGT) == 1)
		e->q[0] |= DTE_IW;
}

bool amdvi_dte_find(const struct amdvi_devtab *t, uint16_t rid, uint16_t *did)
{
	*did = (uint16_t)FGET(t->entry[rid].q[1], DTE_DOMAIN);
	return *did != 0;
}

static enum sl_err forget(struct amdvi_unit *u, uint16_t rid, uint16_t did)
{
	struct amdvi_cmd c[] = {amdvi_cmd_devtab(rid), amdvi_cmd_domain(did)};
	return u->on ? amdvi_cmd_run(u, c, ARRAY_LEN(c)) : SL_OK;
}

static void store(uint64_t *q, uint64_t v)
{
	__atomic_store_n(q, v, __ATOMIC_RELEASE);
}

/* The unit may read the entry between two stores: with the old q[0] it refuses, whatever the domain id is. */
enum sl_err amdvi_dte_attach(struct amdvi_unit *u, uint16_t rid, const struct iommu_root *root)
{
	struct amdvi_dte *e = &u->devtab->entry[rid];
	uint64_t table = root->pass ? 0 : FPUT(DTE_MODE, root->levels) | (root->top.v & DTE_ROOT);
	store(&e->q[1], (e->q[1] & DTE_SYSMGT) | root->did);
	store(&e->q[0], DTE_V | DTE_TV | DTE_IR | DTE_IW | table);
	return forget(u, rid, root->did);
}

enum sl_err amdvi_dte_detach(struct amdvi_unit *u, uint16_t rid)
{
	struct amdvi_dte *e = &u->devtab->entry[rid];
	uint64_t sysmgt = e->q[1] & DTE_SYSMGT;
	uint16_t did;
	if (!amdvi_dte_find(u->devtab, rid, &did))
		return SL_NOTFOUND;
	store(&e->q[0], amdvi_dte_blocked(va_phys(u->devtab->empty)).q[0] |
				(FGET(sysmgt, DTE_SYSMGT) == 1 ? DTE_IW : 0));
	store(&e->q[1], sysmgt);
	return forget(u, rid, did);
}

enum sl_err amdvi_dte_silence(struct amdvi_unit *u, uint16_t rid)
{
	struct amdvi_dte *e = &u->devtab->entry[rid];
	uint16_t did;
	if (amdvi_dte_find(u->devtab, rid, &did))
		return SL_BUSY;
	store(&e->q[1], e->q[1] | DTE_SA);
	return forget(u, rid, 0);
}
