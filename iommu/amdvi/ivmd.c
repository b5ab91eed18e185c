/* Memory that functions must keep access to (IVMD), and device addresses with a meaning of their own. */
#include "iommu/amdvi/format.h"
#include "iommu/amdvi/own.h"
#include "iommu/firmware_memory.h"
#include "kernel/log.h"
#include "kernel/msi.h"

/* An exclusion range is read and written; Linux maps it the same way. */
static unsigned perm_of(const struct ivrs_ivmd *m)
{
	if (m->flags & IVRS_EXCLUSION)
		return DOMAIN_RW;
	return (m->flags & IVRS_READ ? DOMAIN_R : 0) | (m->flags & IVRS_WRITE ? DOMAIN_W : 0);
}

/* Why it cannot be mapped for any function; NULL. */
static const char *impossible(const struct ivrs_ivmd *m, uint64_t *base, uint64_t *len)
{
	if (!ivrs_ivmd_pages(m, base, len))
		return "it describes no memory";
	if (!perm_of(m))
		return "it allows neither reading nor writing";
	if (*base + *len > BIT(AMDVI_WIDTH))
		return "it is beyond the width of device addresses";
	return *base<MSI_WINDOW_END && * base + *len> MSI_WINDOW ? "it is in the interrupt window" : NULL;
}

static bool is_for(const struct iommu *mmu, const struct ivrs_ivmd *m, bdf_t fn)
{
	return ivrs_ivmd_is_for(m, mmu->amdvi->ivhd, mmu->unit_count, fn);
}

/* The interrupt window, the HyperTransport range unless the unit says that it is ordinary, then IVMDs. */
static bool fixed_range(const struct iommu *mmu, bdf_t fn, struct iommu_reserved *at)
{
	unsigned unit;
	if (!at->len) {
		*at = (struct iommu_reserved){
			.base = MSI_WINDOW, .len = MSI_WINDOW_END - MSI_WINDOW, .interrupts = true};
		return true;
	}
	if (at->base != MSI_WINDOW || !at->interrupts || amdvi_unit_listed(mmu, fn, &unit) != SL_OK ||
	    mmu->amdvi->ivhd[unit].efr2 & IVRS_EFR2_HT_IGN)
		return false;
	*at = (struct iommu_reserved){
		.base = IVRS_HT_BASE, .len = IVRS_HT_END - IVRS_HT_BASE, .interrupts = true};
	return true;
}

enum sl_err amdvi_reserved_next(struct iommu *mmu, bdf_t fn, struct iommu_reserved *at)
{
	struct ivrs_block b = {.next = at->next};
	struct ivrs_ivmd m;
	uint64_t base, len;
	if (fixed_range(mmu, fn, at))
		return SL_OK;
	while (ivrs_next(&mmu->amdvi->table, &b) == SL_OK) {
		if (!ivrs_is_ivmd(b.type) || ivrs_ivmd(&b, &m) != SL_OK || impossible(&m, &base, &len) ||
		    !is_for(mmu, &m, fn))
			continue;
		*at = (struct iommu_reserved){
			.base = base, .len = len, .perm = (uint8_t)perm_of(&m), .next = b.next};
		return SL_OK;
	}
	return SL_END;
}

static void left_out(const struct ivrs_ivmd *m, const char *why)
{
	log_warn("iommu", "IVMD 0x%llx, 0x%llx bytes, for functions %04x to %04x is left out: %s",
		 (ull)m->start, (ull)m->len, m->first, m->last, why);
}

/* Only Sluice's own errors end it (no memory, no domain id); firmware errors are logged and skipped. */
static enum sl_err map_function(struct iommu *mmu, const struct ivrs_ivmd *m, bdf_t fn, uint64_t base,
				uint64_t len)
{
	struct domain *dom;
	enum sl_err e = firmware_domain(mmu, fn, &dom);
	if (e == SL_BUSY || e == SL_NOTFOUND) {
		left_out(m, e == SL_BUSY ? "its function's group is in several domains"
					 : "its function has no unit that can be used");
		return SL_OK;
	}
	if (!e)
		e = firmware_identity(dom, base, len, perm_of(m));
	if (!e)
		log_line("iommu", "IVMD 0x%llx..0x%llx: one to one for " BDF_FMT " in domain %u", (ull)base,
			 (ull)(base + len - 1), BDF_ARG(fn), domain_id(dom));
	return e;
}

#define CLASS_BRIDGE 0x06
#define CLASS_IOMMU  0x0806

static enum sl_err map_ivmd(struct iommu *mmu, const struct table_functions *functions,
			    const struct ivrs_ivmd *m)
{
	uint64_t base, len;
	uint32_t class;
	bdf_t fn;
	const char *why = impossible(m, &base, &len);
	if (!why && mmu->memory)
		why = table_memory_taken(mmu->memory, base, len);
	if (why) {
		left_out(m, why);
		return SL_OK;
	}
	if (m->type == IVRS_IVMD_ONE) /* where configuration space does not show it, too */
		return map_function(mmu, m, (bdf_t){m->seg, m->first}, base, len);
	for (unsigned i = 0; functions->get(functions->ctx, i, &fn, &class); i++) {
		if (class >> 16 == CLASS_BRIDGE || class >> 8 == CLASS_IOMMU || !is_for(mmu, m, fn))
			continue;
		enum sl_err e = map_function(mmu, m, fn, base, len);
		if (e)
			return e;
	}
	return SL_OK;
}

enum sl_err amdvi_map_ivmds(struct iommu *mmu, const struct table_functions *functions)
{
	struct ivrs_block b = {0};
	struct ivrs_ivmd m;
	while (ivrs_next(&mmu->amdvi->table, &b) == SL_OK) {
		if (!ivrs_is_ivmd(b.type) || ivrs_ivmd(&b, &m) != SL_OK)
			continue;
		enum sl_err e = map_ivmd(mmu, functions, &m);
		if (e)
			return e;
	}
	return SL_OK;
}
