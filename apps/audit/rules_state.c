/* What firmware left: while it ran (entry) and after ExitBootServices (left), against what it promised. */
#include "apps/audit/finding.h"
#include "apps/audit/look.h"
#include "apps/audit/rules.h"
#include "kernel/fmt.h"

#define GSTS 0x1c
#define PMEN 0x64

static bool usable(const struct audit_unit *u, enum audit_phase p)
{
	return u->at[p].read && !unit_ability(u).unusable;
}

static struct vtd_state state(const struct audit_unit *u, enum audit_phase p)
{
	const struct vtd_regs_seen *r = &u->at[p];
	return vtd_state_of(r->gsts, r->pmen, r->fsts);
}

static bool protects(const struct audit_unit *u, enum audit_phase p)
{
	struct vtd_state s = state(u, p);
	return s.translates || s.regions;
}

/* Of all units that were read: none, some, all protect. */
static void tally(const struct judge *j, enum audit_phase p, unsigned *read, unsigned *protecting)
{
	*read = *protecting = 0;
	for (unsigned i = 0; i < j->in->units; i++)
		if (usable(&j->in->unit[i], p)) {
			(*read)++;
			*protecting += protects(&j->in->unit[i], p);
		}
}

/* "GSTS=0x0 at 0xfed9001c, PMEN=0x0" of the first unit that does not protect. */
static void open_unit(const struct judge *j, enum audit_phase p, char *who, size_t n, char *buf, size_t size)
{
	for (unsigned i = 0; i < j->in->units; i++) {
		const struct audit_unit *u = &j->in->unit[i];
		if (!usable(u, p) || protects(u, p))
			continue;
		fmt_print(who, n, "iommu%u", i);
		fmt_print(buf, size, "GSTS=0x%x at 0x%llx and PMEN=0x%x at 0x%llx", u->at[p].gsts,
			  (ull)u->base + GSTS, u->at[p].pmen, (ull)u->base + PMEN);
		return;
	}
}

static void judge_promise(struct judge *j)
{
	unsigned units, entry, left, left_units;
	char who[16] = "", read[120] = "";
	bool promised = j->look->has_dmar && (j->look->dmar.flags & DMAR_DMA_OPT_IN);
	tally(j, AUDIT_ENTRY, &units, &entry);
	tally(j, AUDIT_LEFT, &left_units, &left);
	if (!units)
		return;
	open_unit(j, AUDIT_ENTRY, who, sizeof who, read, sizeof read);
	if (entry < units && promised)
		finding_of(j, RULE_STATE_OPT_IN_FALSE, who,
			   "DMAR flags 0x%x at 0x25; while firmware ran %s (%u of %u units open)",
			   j->look->dmar.flags, read, units - entry, units);
	else if (entry < units)
		finding_of(j, RULE_STATE_OPEN, who,
			   "while firmware ran %s (%u of %u units open); DMAR flags 0x%x at 0x25", read,
			   units - entry, units, j->look->has_dmar ? j->look->dmar.flags : 0);
	else if (!promised)
		finding_of(j, RULE_STATE_NO_FLAG, "DMAR+0x25",
			   "all %u units protected memory while firmware ran; DMAR flags 0x%x at 0x25", units,
			   j->look->has_dmar ? j->look->dmar.flags : 0);
	if (entry == units && left_units && left < left_units) {
		open_unit(j, AUDIT_LEFT, who, sizeof who, read, sizeof read);
		finding_of(j, RULE_STATE_GAP, who, "after ExitBootServices %s (%u of %u units open)", read,
			   left_units - left, left_units);
	}
}

/* Of an AMD unit: Control. What the table promises against it, ivrs_lint() judges. */
static void judge_amd_state(struct judge *j, unsigned i)
{
	const struct audit_amd *u = &j->in->amd[i];
	const struct amdvi_regs_seen *entry = &u->at[AUDIT_ENTRY], *left = &u->at[AUDIT_LEFT];
	bool promised = j->look->has_ivrs && (j->look->ivrs.info & IVRS_DMA_REMAP);
	char name[16];
	fmt_print(name, sizeof name, "amd%u", i);
	if (entry->read && entry->efr && !(entry->control & CTL_IOMMU) && !promised)
		finding_of(j, RULE_STATE_OPEN, name,
			   "while firmware ran Control=0x%llx at 0x%llx; IVinfo 0x%x at 0x24",
			   (ull)entry->control, (ull)u->base + AMDVI_CONTROL,
			   j->look->has_ivrs ? j->look->ivrs.info : 0);
	if (left->control & (CTL_IOMMU | CTL_CMD) || left->excl_base & AMDVI_EXCL_ON)
		finding_of(
			j, RULE_STATE_LEFT_ON, name,
			"after ExitBootServices Control=0x%llx at 0x%llx: translation %s, command buffer %s; DevTabBase=0x%llx; exclusion range %s, 0x%llx..0x%llx",
			(ull)left->control, (ull)u->base + AMDVI_CONTROL,
			left->control & CTL_IOMMU ? "on" : "off", left->control & CTL_CMD ? "on" : "off",
			(ull)left->devtab, left->excl_base & AMDVI_EXCL_ON ? "on" : "off",
			(ull)(left->excl_base & TABLE_ADDR), (ull)(left->excl_limit | 0xfff));
}

static void judge_left(struct judge *j, unsigned i)
{
	const struct audit_unit *u = &j->in->unit[i];
	const struct vtd_regs_seen *r = &u->at[AUDIT_LEFT];
	char name[16];
	if (!usable(u, AUDIT_LEFT))
		return;
	struct vtd_state s = state(u, AUDIT_LEFT);
	fmt_print(name, sizeof name, "iommu%u", i);
	if (s.translates || s.remaps || s.queue)
		finding_of(
			j, RULE_STATE_LEFT_ON, name,
			"after ExitBootServices GSTS=0x%x at 0x%llx: translation %s, interrupt remapping %s, queue %s; RTADDR=0x%llx IRTA=0x%llx",
			r->gsts, (ull)u->base + GSTS, s.translates ? "on" : "off", s.remaps ? "on" : "off",
			s.queue ? "on" : "off", (ull)r->rtaddr, (ull)r->irta);
	if (s.regions)
		finding_of(j, RULE_STATE_REGIONS, name,
			   "after ExitBootServices PMEN=0x%x at 0x%llx; low 0x%x..0x%x, high 0x%llx..0x%llx",
			   r->pmen, (ull)u->base + PMEN, r->plmbase, r->plmlimit, (ull)r->phmbase,
			   (ull)r->phmlimit);
}

/* "write to 0x5000", "interrupt 4". */
static void request_text(const struct iommu_fault *f, char *buf, size_t n)
{
	if (iommu_why_has_index(f->why))
		fmt_print(buf, n, "interrupt %u", f->index);
	else if (iommu_why_is_interrupt(f->why))
		fmt_print(buf, n, "interrupt");
	else
		fmt_print(buf, n, "%s 0x%llx",
			  f->page_request ? "page request for"
			  : f->write      ? "write to"
					  : "read of",
			  (ull)f->iova.v);
}

/* A record in either of firmware's phases; one that is in both is told once. */
static void judge_faults(struct judge *j, unsigned i)
{
	const struct audit_unit *u = &j->in->unit[i];
	for (unsigned p = AUDIT_ENTRY; p <= AUDIT_LEFT; p++) {
		const struct vtd_regs_seen *r = &u->at[p], *was = &u->at[AUDIT_ENTRY];
		for (unsigned k = 0; usable(u, (enum audit_phase)p) && k < r->frcds; k++) {
			struct iommu_fault f;
			bool same = p == AUDIT_LEFT && was->read && k < was->frcds &&
				    was->frcd[k].hi == r->frcd[k].hi && was->frcd[k].lo == r->frcd[k].lo;
			if (!vtd_state_fault(r->frcd[k].lo, r->frcd[k].hi, u->seg, &f) || same)
				continue;
			char what[40];
			request_text(&f, what, sizeof what);
			struct draft *out = finding_new(j, RULE_STATE_FAULT, BDF_FMT, BDF_ARG(f.bdf));
			fmt_print(out->read, sizeof out->read,
				  "%s iommu%u had record %u: %s refused, %s (reason 0x%x); FSTS=0x%x",
				  p == AUDIT_ENTRY ? "while firmware ran" : "after ExitBootServices", i, k,
				  what, f.text, f.code, r->fsts);
			finding_add(j);
		}
	}
}

/* Its requests reached memory at that time: no unit, or one that did not translate. */
static bool was_open(struct judge *j, bdf_t fn)
{
	struct ivrs_cover cover;
	unsigned unit;
	if (j->look->has_ivrs)
		return ivrs_unit_of(j->look->amd, j->look->amds, fn, &unit, &cover) != SL_OK ||
		       unit >= j->in->amds || !(j->in->amd[unit].at[AUDIT_LEFT].control & CTL_IOMMU);
	if (!audit_unit_of(j->look, fn, &unit) || unit >= j->in->units)
		return true;
	const struct audit_unit *u = &j->in->unit[unit];
	return !usable(u, AUDIT_LEFT) || !state(u, AUDIT_LEFT).translates;
}

static void judge_masters(struct judge *j)
{
	for (unsigned i = 0; i < j->in->fns; i++) {
		const struct audit_master *m = &j->in->fn[i];
		const struct pci_func *f = pci_find(j->in->pci, m->bdf);
		if (m->left != 1 || !f || !does_dma(f) || !was_open(j, m->bdf))
			continue;
		finding_fn(
			j, RULE_STATE_BME, m->bdf,
			"Command bit 2 is 1 at 0x4 after ExitBootServices (%s while firmware ran); class %06x",
			m->entry == 1   ? "1"
			: m->entry == 0 ? "0"
					: "not read",
			f->class);
	}
}

/* As the run found it before it opened anything. */
static void judge_path(struct judge *j)
{
	for (unsigned i = 0; i < j->in->fns; i++) {
		const struct audit_master *m = &j->in->fn[i];
		const struct pci_func *f = pci_find(j->in->pci, m->bdf);
		if (f && m->found & PCI_FOUND_ASLEEP)
			finding_fn(j, RULE_STATE_ASLEEP, m->bdf, "PMCSR at 0x%x: PowerState was not D0",
				   f->cap_pm + 4);
		if (f && m->found & PCI_FOUND_CLOSED)
			finding_fn(
				j, RULE_STATE_CLOSED, m->bdf,
				"Command at 0x4: bit 1 or bit 2 was 0, and there are functions on buses %02x-%02x",
				f->sec, f->sub);
	}
}

void rules_state(struct judge *j)
{
	judge_promise(j);
	for (unsigned i = 0; i < j->in->units; i++) {
		judge_left(j, i);
		judge_faults(j, i);
	}
	for (unsigned i = 0; i < j->in->amds; i++)
		judge_amd_state(j, i);
	judge_masters(j);
	judge_path(j);
}
