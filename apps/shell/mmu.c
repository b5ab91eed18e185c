/* Commands about the IOMMU: its table, its units, what they refuse. */
#include "apps/bringup/coverage.h"
#include "apps/bringup/iommu.h"
#include "apps/shell/dump.h"
#include "apps/shell/command.h"
#include "apps/shell/names.h"
#include "iommu/ivrs/ivrs.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"

static void print_unit(const struct machine *m, unsigned i)
{
	struct iommu_unit_info u;
	struct iommu_irq_info irq;
	const char *why;
	enum iommu_unit_state state = iommu_unit_state(&m->iommu, i, &why);
	iommu_unit_info(&m->iommu, i, &u);
	char kind[16] = "AMD-Vi";
	if (u.found)
		fmt_print(kind, sizeof kind, "VT-d %u.%u", u.ver >> 4 & 0xf, u.ver & 0xf);
	log_text("unit %u at 0x%llx, segment %u, %s: %s%s%s\n", i, (ull)u.base, u.seg, kind,
		 iommu_unit_state_text(state), why ? ": " : "", why ? why : "");
	if (u.found) {
		log_text("   CAP %016llx  ECAP %016llx\n", (ull)u.cap, (ull)u.ecap);
		log_text("   found: GSTS %08x FSTS %08x PMEN %08x RTADDR %llx IRTA %llx\n", u.found->gsts,
			 u.found->fsts, u.found->pmen, (ull)u.found->rtaddr, (ull)u.found->irta);
	} else {
		log_text("   EFR %016llx  found: Control %llx\n", (ull)u.efr, (ull)u.control);
	}
	log_text("   invalidations %llu, waits %llu, refused requests %llu, overflows %llu\n",
		 (ull)u.descriptors, (ull)u.waits, (ull)u.faults, (ull)u.overflows);
	if (u.unusable)
		return;
	iommu_irq_info(&m->iommu, i, &irq);
	if (irq.lacks)
		log_text("   interrupts are not remapped: %s\n", irq.lacks);
	else
		log_text("   interrupts are remapped: %u of %u entries used, %s, compatibility format %s\n",
			 irq.used, irq.entries, irq.x2apic ? "x2APIC" : "xAPIC",
			 irq.compat_blocked ? "refused" : "passes");
}

static void print_domain(struct machine *m, const struct domain *d)
{
	char name[NAME_SIZE];
	log_text("domain %u \"%s\", %llu-bit addresses:", domain_id(d), domain_name(d),
		 (ull)(64 - (unsigned)__builtin_clzll(domain_aperture(d) - 1)));
	PCI_EACH(f, &m->pci)
		if (iommu_domain_of(&m->iommu, f->bdf) == d)
			log_text(" %s", function_name(f->bdf, name));
	log_text("\n");
}

static bool cmd_iommu(struct machine *m, unsigned n, char **word)
{
	(void)word;
	if (n > 1)
		return false;
	for (unsigned i = 0; i < m->iommu.unit_count; i++)
		print_unit(m, i);
	if (!need_translation(m))
		return true;
	unsigned without = 0, open = 0;
	for (const struct domain *d = NULL; (d = domain_next(&m->iommu, d));)
		print_domain(m, d);
	PCI_EACH(f, &m->pci) {
		bool covered = coverage_has_unit(&m->iommu, m->translating, f->bdf);
		without += covered && !iommu_domain_of(&m->iommu, f->bdf);
		open += !covered && coverage_does_dma(f);
	}
	log_text("%u functions are in no domain and reach nothing\n", without);
	if (open)
		log_text(
			"%u functions are below no unit that translates: only their Bus Master Enable stops their DMA\n",
			open);
	return true;
}

static void print_scopes(const struct dmar_entry *e)
{
	struct dmar_scope s = {0};
	struct span list;
	uint16_t seg;
	if (dmar_scopes(e, &seg, &list))
		return;
	enum sl_err err;
	while (!(err = dmar_scope_next(list, &s))) {
		char path[80] = "";
		size_t at = 0;
		for (unsigned i = 0; i < dmar_scope_hops(&s) && at < sizeof path - 6; i++) {
			uint8_t dev, fn;
			dmar_scope_hop(&s, i, &dev, &fn);
			at += (size_t)fmt_print(path + at, sizeof path - at, "%s%02x.%x", i ? " " : "", dev,
						fn);
		}
		log_text("      %s, id %u: bus %02x, path %s\n", dmar_scope_name(s.type), s.enum_id, s.bus,
			 path);
	}
	if (err != SL_END)
		log_text("      the list is damaged: %s\n", sl_err_text(err));
}

static void print_entry(const struct dmar_entry *e)
{
	struct dmar_drhd d;
	struct dmar_rmrr r;
	struct dmar_atsr a;
	struct dmar_rhsa h;
	struct dmar_andd x;
	struct dmar_satc t;
	log_text("  %03llx %s, %u bytes", (ull)e->off, dmar_type_name(e->type), e->len);
	if (e->type == DMAR_DRHD && !dmar_drhd(e, &d))
		log_text(": unit at 0x%llx, segment %u, %s", (ull)d.base, d.seg,
			 d.include_all ? "all functions that no other unit covers" : "the functions below");
	else if (e->type == DMAR_RMRR && !dmar_rmrr(e, &r))
		log_text(": memory 0x%llx-0x%llx, segment %u", (ull)r.base, (ull)r.limit, r.seg);
	else if (e->type == DMAR_ATSR && !dmar_atsr(e, &a))
		log_text(": segment %u, %s", a.seg, a.all_ports ? "all root ports" : "these root ports");
	else if (e->type == DMAR_RHSA && !dmar_rhsa(e, &h))
		log_text(": unit at 0x%llx is in proximity domain %u", (ull)h.base, h.domain);
	else if (e->type == DMAR_SATC && !dmar_satc(e, &t))
		log_text(": segment %u, caches %s", t.seg, t.atc_required ? "required" : "optional");
	else if (e->type == DMAR_ANDD && !dmar_andd(e, &x)) {
		char name[32];
		dump_name(span_sub(x.name, 0, x.name.n < sizeof name ? x.name.n : sizeof name - 1), name);
		log_text(": device %u is %s", x.number, name);
	}
	log_text("\n");
	print_scopes(e);
}

static bool cmd_dmar(struct machine *m, unsigned n, char **word)
{
	const struct acpi_table *t = acpi_find(&m->acpi, "DMAR", 0);
	struct dmar dmar;
	if (n > 2 || (n == 2 && strcmp(word[1], "raw") != 0))
		return false;
	if (!t) {
		log_text("there is no DMAR table\n");
		return true;
	}
	if (n == 2) {
		dump_bytes(t->data);
		return true;
	}
	enum sl_err e = dmar_open(t->data, &dmar);
	if (e) {
		log_text("the table is damaged: %s; dmar raw shows its bytes\n", sl_err_text(e));
		return true;
	}
	log_text("DMAR at 0x%llx, %llu bytes, checksum %s: addresses of %u bits, flags 0x%x\n", (ull)t->phys,
		 (ull)dmar.bytes.n, t->sum_ok ? "right" : "WRONG", dmar.haw, dmar.flags);
	log_text("  interrupt remapping %s, x2APIC %s, DMA protection opt-in %s\n",
		 dmar.flags & DMAR_INTR_REMAP ? "supported" : "not supported",
		 dmar.flags & DMAR_X2APIC_OPT_OUT ? "opted out" : "allowed",
		 dmar.flags & DMAR_DMA_OPT_IN ? "set" : "not set");
	struct dmar_entry entry = {0};
	while (!(e = dmar_next(&dmar, &entry)))
		print_entry(&entry);
	if (e != SL_END)
		log_text("  the rest is damaged: %s\n", sl_err_text(e));
	table_print_findings(m, t->data, false);
	snapshot_print("in UEFI", m->boot->at_entry);
	snapshot_print("after ExitBootServices", m->boot->at_exit);
	return true;
}

static void print_block(const struct ivrs_block *b)
{
	struct ivrs_entry e = {0};
	struct ivrs_ivhd h;
	enum sl_err err;
	char text[200];
	ivrs_block_text(b, text, sizeof text);
	log_text("  %03llx %s\n", (ull)b->off, text);
	if (!ivrs_is_ivhd(b->type) || ivrs_ivhd(b, &h))
		return;
	while (!(err = ivrs_entry_next(h.entries, &e))) {
		if (e.type == IVRS_PAD4 || e.type == IVRS_PAD8)
			continue;
		ivrs_entry_text(&e, text, sizeof text);
		log_text("      %03llx %s\n", (ull)(h.entries_off + e.off), text);
	}
	if (err != SL_END)
		log_text("      the list is damaged: %s\n", sl_err_text(err));
}

static bool cmd_ivrs(struct machine *m, unsigned n, char **word)
{
	const struct acpi_table *t = acpi_find(&m->acpi, "IVRS", 0);
	struct ivrs_block b = {0};
	struct ivrs ivrs;
	if (n > 2 || (n == 2 && strcmp(word[1], "raw") != 0))
		return false;
	if (!t) {
		log_text("there is no IVRS table\n");
		return true;
	}
	if (n == 2) {
		dump_bytes(t->data);
		return true;
	}
	enum sl_err e = ivrs_open(t->data, &ivrs);
	if (e) {
		log_text("the table is damaged: %s; ivrs raw shows its bytes\n", sl_err_text(e));
		return true;
	}
	log_text("IVRS at 0x%llx, %llu bytes, checksum %s: physical addresses of %u bits, IVinfo 0x%x\n",
		 (ull)t->phys, (ull)ivrs.bytes.n, t->sum_ok ? "right" : "WRONG",
		 (unsigned)FGET(ivrs.info, IVRS_PA_SIZE), ivrs.info);
	log_text("  pre-boot DMA protection %s, feature registers %s\n",
		 ivrs.info & IVRS_DMA_REMAP ? "promised" : "not promised",
		 ivrs.info & IVRS_EFR_VALID ? "given" : "not given");
	while (!(e = ivrs_next(&ivrs, &b)))
		print_block(&b);
	if (e != SL_END)
		log_text("  the rest is damaged: %s\n", sl_err_text(e));
	table_print_findings(m, t->data, true);
	return true;
}

static bool cmd_walk(struct machine *m, unsigned n, char **word)
{
	struct iommu_walk w;
	uint64_t at;
	bdf_t fn;
	char text[320], name[NAME_SIZE];
	if (n != 3 || !word_bdf(word[1], &fn) || !word_hex(word[2], &at))
		return false;
	if (!m->iommu.unit_count) {
		log_text("there is no unit, so nothing is translated\n");
		return true;
	}
	if (!pci_find(&m->pci, fn))
		log_text("note: the scan found no such function\n");
	enum sl_err e = iommu_walk(&m->iommu, fn, IOVA(at), &w);
	if (e) {
		log_text("%s: no unit covers it: %s\n", function_name(fn, name), sl_err_text(e));
		return true;
	}
	iommu_walk_text(&m->iommu, fn, IOVA(at), text, sizeof text);
	log_text("%s 0x%llx: %s\n", function_name(fn, name), (ull)at, text);
	for (const struct iommu_walk_entry *entry = w.entry; entry < w.entry + w.entries; entry++)
		if (entry->table)
			log_text("   %-7s %016llx %016llx\n", entry->table, (ull)entry->hi, (ull)entry->lo);
		else
			log_text("   L%u[%3u] %16s %016llx\n", entry->level, entry->index, "",
				 (ull)entry->lo);
	if (w.code_read || w.code_write)
		log_text("   a read would be refused for reason 0x%x, a write for 0x%x (0: it passes)\n",
			 w.code_read, w.code_write);
	return true;
}

static bool cmd_faults(struct machine *m, unsigned n, char **word)
{
	const struct fault_log *l = &m->faults.log;
	char name[NAME_SIZE];
	(void)word;
	if (n > 1)
		return false;
	if (!need_translation(m))
		return true;
	iommu_fault_report_all(&m->iommu);
	for (unsigned i = 0; i < l->functions; i++)
		log_text("%-8s %llu refused requests%s\n", function_name(l->fn[i].fn, name),
			 (ull)l->fn[i].count, l->fn[i].flooding ? ", was cut off" : "");
	if (l->fn[FAULT_FUNCTIONS].count)
		log_text("others   %llu\n", (ull)l->fn[FAULT_FUNCTIONS].count);
	if (!l->functions)
		log_text("no unexpected faults\n");
	if (l->lost_units.count)
		log_text("a unit had no record free %llu times: there were more\n", (ull)l->lost_units.count);
	return true;
}

const struct command mmu_commands[] = {
	{"iommu", "", "the IOMMU units, domains and counters", "iommu", NULL, TAKES_NOTHING, false, false,
	 cmd_iommu},
	{"dmar", "[raw]", "the firmware's DMAR table, and problems in it", "dmar raw", "raw", TAKES_NOTHING,
	 false, false, cmd_dmar},
	{"ivrs", "[raw]", "the IVRS table of an AMD machine, and problems in it", "ivrs raw", "raw",
	 TAKES_NOTHING, false, false, cmd_ivrs},
	{"walk", "BDF ADDRESS", "what the IOMMU's tables contain for one device address",
	 "walk 01:00.0 2000000000", NULL, TAKES_FUNCTION, false, false, cmd_walk},
	{"faults", "", "refused requests, by function", "faults", NULL, TAKES_NOTHING, false, false,
	 cmd_faults},
	{0},
};
