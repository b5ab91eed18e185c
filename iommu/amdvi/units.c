/* Every unit of the machine from the table to translation: which units are usable, and their device tables.
 */
#include "iommu/amdvi/devtab.h"
#include "iommu/amdvi/format.h"
#include "iommu/amdvi/own.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"

static void leave(struct amdvi_unit *u, enum iommu_unit_state state, const char *why)
{
	u->unusable = why;
	u->state = state;
}

/* Driven twice, each would take the other's command buffer. */
static bool listed_before(const struct iommu *mmu, struct amdvi_unit *u)
{
	for (const struct amdvi_unit *o = mmu->amdvi->unit; o < u; o++) {
		if (o->ivhd.base != u->ivhd.base || !iommu_has_registers(u->ivhd.base))
			continue;
		fmt_print(u->reason, sizeof(u->reason), "the table lists its registers before, as %s",
			  o->name);
		leave(u, IOMMU_UNIT_TWICE, u->reason);
		log_warn(
			u->name,
			"left out: %s (0x%llx); DMA of functions that only this entry names is not translated",
			u->unusable, (ull)u->ivhd.base);
		return true;
	}
	return false;
}

static enum sl_err map_and_probe(struct amdvi_unit *u, const struct amdvi_regs *regs)
{
	enum sl_err e = SL_BADVAL;
	if (!iommu_has_registers(u->ivhd.base)) {
		u->unusable = "IVRS gives no register address";
	} else {
		e = regs->open(regs->ctx, &u->ivhd, &u->io, &u->caches_empty);
		u->emulated = regs->emulated;
		if (!e)
			e = amdvi_unit_probe(u);
	}
	if (!e)
		return e;
	if (!u->unusable)
		u->unusable = e == SL_RANGE      ? "there can be no registers at that address"
			      : e == SL_NOTFOUND ? "its own function says that its registers are elsewhere"
						 : "its registers cannot be mapped";
	leave(u, IOMMU_UNIT_UNUSABLE, u->unusable);
	log_warn(u->name,
		 "left out: %s (0x%llx: EFR 0x%llx); DMA of the functions below it is not translated",
		 u->unusable, (ull)u->ivhd.base, (ull)u->efr);
	return e;
}

/* The I/O APICs' own ids let the platform's interrupts through, as the firmware says. */
static void pass_platform(struct amdvi_unit *u)
{
	struct ivrs_entry e = {0};
	while (ivrs_entry_next(u->ivhd.entries, &e) == SL_OK)
		if (e.type == IVRS_SPECIAL && e.variety == IVRS_IOAPIC)
			amdvi_devtab_pass(u->devtab, e.source, e.data);
}

static enum sl_err table_for(struct amdvi *a, struct amdvi_unit *u)
{
	for (unsigned i = 0; !u->devtab && i < a->devtabs; i++)
		if (a->devtab[i].seg == u->ivhd.unit.seg)
			u->devtab = &a->devtab[i];
	if (!u->devtab) {
		enum sl_err e = amdvi_devtab_make(&a->devtab[a->devtabs], u->ivhd.unit.seg);
		if (e)
			return e;
		u->devtab = &a->devtab[a->devtabs++];
	}
	pass_platform(u);
	return amdvi_unit_init(u);
}

static enum sl_err units_open(struct iommu *mmu, const struct amdvi_regs *regs)
{
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct amdvi_unit *u = &mmu->amdvi->unit[i];
		fmt_print(u->name, sizeof(u->name), "iommu%u", i);
		u->ivhd = mmu->amdvi->ivhd[i];
		if (listed_before(mmu, u) || map_and_probe(u, regs))
			continue;
		enum sl_err e = table_for(mmu->amdvi, u);
		if (e)
			return e;
	}
	return SL_OK;
}

static bool any_driven(const struct iommu *mmu)
{
	for (unsigned i = 0; i < mmu->unit_count; i++)
		if (amdvi_driven(&mmu->amdvi->unit[i]))
			return true;
	return false;
}

static enum sl_err room(struct amdvi *a, unsigned *units)
{
	static struct ivrs_ivhd found[IVRS_UNITS];
	unsigned n = ivrs_units(&a->table, found, IVRS_UNITS);
	a->ivhd = pmm_keep((n + 1) * sizeof(*a->ivhd));
	a->unit = pmm_keep((n + 1) * sizeof(*a->unit));
	a->devtab = pmm_keep((n + 1) * sizeof(*a->devtab));
	if (!a->ivhd || !a->unit || !a->devtab)
		return SL_NOMEM;
	for (unsigned i = 0; i < n; i++)
		a->ivhd[i] = found[i];
	*units = n;
	return SL_OK;
}

enum sl_err amdvi_init(struct iommu *mmu, struct span ivrs_table, const struct amdvi_regs *regs)
{
	struct amdvi *a = pmm_keep(sizeof(*a));
	const struct iommu_form form = amdvi_form();
	*mmu = (struct iommu){.hw = &amdvi_backend,
			      .amdvi = a,
			      .format = &amdvi_pt_format,
			      .levels = form.levels,
			      .width = form.width,
			      .page_level = form.page_level,
			      .domains_max = form.domains};
	if (!a)
		return SL_NOMEM;
	a->regs = regs;
	enum sl_err e = ivrs_open(ivrs_table, &a->table);
	if (!e)
		e = room(a, &mmu->unit_count);
	if (!e)
		e = units_open(mmu, regs);
	return e || any_driven(mmu) ? e : SL_NOTFOUND;
}

unsigned amdvi_skip_base(struct iommu *mmu, uint64_t base)
{
	unsigned n = 0;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct amdvi_unit *u = &mmu->amdvi->unit[i];
		if (u->ivhd.base != base || u->unusable)
			continue;
		leave(u, IOMMU_UNIT_SKIPPED, "the options name it");
		log_warn(
			u->name,
			"unit at 0x%llx stays as the firmware left it: %s; our tables do not restrict DMA of the functions below it",
			(ull)base, u->unusable);
		n++;
	}
	return n;
}

/* ---- on and off ---- */

/* A unit that did not answer is not written any more: its registers' behaviour is unknown then. */
static void failed(struct amdvi_unit *u)
{
	if (!u->reason[0])
		fmt_print(u->reason, sizeof(u->reason), "it did not answer while it was being enabled");
	leave(u, IOMMU_UNIT_FAILED, u->reason);
	log_warn(
		u->name,
		"left out: %s; our tables may not restrict DMA of the functions below it (unit at 0x%llx, Control 0x%llx)",
		u->reason, (ull)u->ivhd.base, (ull)amdvi_rd(&u->io, AMDVI_CONTROL));
}

static void log_unit(const struct amdvi_unit *u)
{
	log_line(u->name, "AMD-Vi at 0x%llx, %u-level, 4K 2M 1G pages, EFR 0x%llx%s; the firmware left %s%s",
		 (ull)u->ivhd.base, AMDVI_LEVELS, (ull)u->efr,
		 u->caches_empty ? ", caches what is not present (NpCache)" : "",
		 u->control_found & CTL_IOMMU ? "translation on" : "it off",
		 u->control_found & CTL_CMD ? ", command buffer on" : "");
	if (u->emulated)
		log_line(u->name, "under a hypervisor: QEMU's unit translates only with dma-remap=on");
}

enum sl_err amdvi_enable(struct iommu *mmu)
{
	enum sl_err last = SL_OK;
	for (unsigned i = 0; i < mmu->unit_count; i++) {
		struct amdvi_unit *u = &mmu->amdvi->unit[i];
		if (u->unusable)
			continue;
		u->starting = true; /* its troubles become warnings and do not end the run */
		enum sl_err e = amdvi_unit_enable(u);
		u->starting = false;
		if (e) {
			failed(u);
			last = e;
			continue;
		}
		log_unit(u);
	}
	if (iommu_units_in(mmu, IOMMU_UNIT_ON))
		return SL_OK;
	log_fail("iommu", "the WARN lines above have the reason for each unit",
		 "none of %u units translates: nothing restricts a device's DMA", mmu->unit_count);
	return last ? last : SL_NOTFOUND;
}

enum iommu_unit_state amdvi_state(const struct iommu *mmu, unsigned unit, const char **why)
{
	const struct amdvi_unit *u = &mmu->amdvi->unit[unit];
	if (why)
		*why = u->unusable;
	return u->unusable ? u->state : u->on ? IOMMU_UNIT_ON : IOMMU_UNIT_OFF;
}

enum sl_err amdvi_unit_listed(const struct iommu *mmu, bdf_t fn, unsigned *unit)
{
	struct ivrs_cover cover;
	return ivrs_unit_of(mmu->amdvi->ivhd, mmu->unit_count, fn, unit, &cover);
}
