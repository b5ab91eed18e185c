/* Stage iommu: the firmware's state, Sluice's tables, translation on. */
#include "apps/bringup/amd_unit.h"
#include "apps/bringup/coverage.h"
#include "apps/bringup/iommu.h"
#include "apps/bringup/irqs.h"
#include "apps/bringup/skipped_units.h"
#include "apps/machine.h"
#include "apps/bringup/quirks.h"
#include "apps/bringup/topology.h"
#include "apps/bringup/dma_window.h"
#include "iommu/dmar/lint.h"
#include "iommu/dmar/rmrr.h"
#include "iommu/amdvi/backend.h"
#include "iommu/vtd/io_hw.h"
#include "iommu/vtd/backend.h"
#include "iommu/ivrs/lint.h"
#include "iommu/ivrs/unity.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/ram.h"
#include "kernel/mmio.h"
#include "pci/groups.h"

static void print_finding(void *ctx, const struct table_finding *f)
{
	const char *subsystem = ctx;
	char text[200];
	table_finding_text(f, text, sizeof text);
	log_line(subsystem, "%s", text);
	log_line(subsystem, "  an operating system: %s", table_finding_words(f)->os);
}

static void print_rmrrs(struct machine *m, struct span table, const struct table_facts *known,
			const struct table_memory_map *map)
{
	static struct rmrr_owner ledger[64];
	const struct rmrr_context owners = {known->topo, known->functions, *map, topology_name, &m->pci};
	struct dmar dmar;
	char text[200];
	unsigned n =
		dmar_open(table, &dmar) == SL_OK ? rmrr_ledger(&dmar, &owners, ledger, ARRAY_LEN(ledger)) : 0;
	for (unsigned i = 0; i < n && i < ARRAY_LEN(ledger); i++) {
		rmrr_text(&ledger[i], text, sizeof text);
		log_line("dmar", "%s%s", text,
			 ledger[i].resolved && iommu_rmrrs_released(&m->iommu, ledger[i].fn)
				 ? "; Sluice has taken it over, and this memory is not mapped any more"
				 : "");
	}
	if (n > ARRAY_LEN(ledger))
		log_line("dmar", "%u more pairs of an RMRR and a function are not shown",
			 n - (unsigned)ARRAY_LEN(ledger));
}

static void print_ivmds(struct machine *m, struct span table, const struct table_facts *known,
			const struct table_memory_map *map)
{
	static struct unity_range ledger[32];
	const struct unity_context owners = {known->functions, *map, topology_name, &m->pci};
	struct ivrs ivrs;
	char text[200];
	unsigned n = ivrs_open(table, &ivrs) == SL_OK
			     ? unity_ledger(&ivrs, &owners, ledger, ARRAY_LEN(ledger))
			     : 0;
	for (unsigned i = 0; i < n && i < ARRAY_LEN(ledger); i++) {
		unity_text(&ledger[i], text, sizeof text);
		log_line("ivrs", "%s", text);
	}
	if (n > ARRAY_LEN(ledger))
		log_line("ivrs", "%u more IVMDs are not shown", n - (unsigned)ARRAY_LEN(ledger));
}

/* Findings in a firmware's table, and the memory that the firmware shares with functions. */
void table_print_findings(struct machine *m, struct span table, bool amd)
{
	const struct dmar_topo topo = topology_of(&m->pci);
	const struct table_functions functions = topology_functions(&m->pci);
	static struct table_facts known;
	const struct acpi_table *madt = acpi_find(&m->acpi, "APIC", 0);
	struct table_memory_map map = {phys_va(PHYS(m->boot->regions)), m->boot->region_count};
	known = (struct table_facts){
		.topo = &topo, .functions = &functions, .memory = table_memory_at, .memory_ctx = &map};
	if (madt)
		table_facts_madt(&known, madt->data);
	const struct ivrs_live_source live = {&m->pci, amd_unit_read};
	unsigned n = amd ? ivrs_lint(table, &known, &live, print_finding, "ivrs")
			 : dmar_lint(table, &known, print_finding, "dmar");
	const char *s = n == 1 ? "" : "s";
	if (amd) {
		log_line("ivrs", "%u finding%s in the firmware's IVRS table (docs/amd.md explains each)", n,
			 s);
		print_ivmds(m, table, &known, &map);
	} else {
		log_line("dmar", "%u finding%s in the firmware's DMAR table (docs/dmar.md explains each)", n,
			 s);
		print_rmrrs(m, table, &known, &map);
	}
}

/* Functions of one group go to one domain: the IOMMU cannot isolate them. */
static unsigned group_of(void *ctx, bdf_t fn)
{
	const struct machine *m = ctx;
	const struct pci_func *f = pci_find(&m->pci, fn);
	return f ? groups_of(f) : 0;
}

/* Behind a conventional bridge requests arrive with the bridge's id. */
static unsigned ids_of(void *ctx, bdf_t fn, uint16_t *out, unsigned max)
{
	const struct machine *m = ctx;
	const struct pci_func *f = pci_find(&m->pci, fn);
	bdf_t id[GROUPS_ALIASES];
	unsigned n = f ? (unsigned)groups_alias(f, id) : 0, count = 0;
	for (unsigned i = 0; i < n && count < max; i++)
		out[count++] = id[i].rid;
	return count;
}

void snapshot_print(const char *when, uint64_t at)
{
	const struct boot_snapshot *s = phys_va(PHYS(at));
	unsigned masters = 0;
	for (uint32_t i = 0; i < s->funcs; i++)
		masters += s->func[i].command >> 2 & 1;
	for (uint32_t i = 0; i < s->units; i++) {
		const struct vtd_regs_seen *u = &s->unit[i].regs;
		log_line(
			"iommu",
			"%s: unit at 0x%llx translation %s, remapping %s, protected regions %s (GSTS %08x PMEN %08x FSTS %08x RTADDR %llx IRTA %llx)",
			when, (ull)s->unit[i].base, u->gsts >> 31 & 1 ? "on" : "off",
			u->gsts >> 25 & 1 ? "on" : "off", u->pmen & 1 ? "on" : "off", u->gsts, u->pmen,
			u->fsts, (ull)u->rtaddr, (ull)u->irta);
	}
	for (uint32_t i = 0; i < s->amds; i++) {
		const struct amdvi_regs_seen *u = &s->amd[i].regs;
		log_line(
			"iommu",
			"%s: unit at 0x%llx translation %s, exclusion range %s (Control %llx status %llx DevTabBase %llx exclusion %llx..%llx EFR %llx EFR2 %llx)",
			when, (ull)s->amd[i].base, u->control & 1 ? "on" : "off",
			u->excl_base & 1 ? "on" : "off", (ull)u->control, (ull)u->status, (ull)u->devtab,
			(ull)u->excl_base, (ull)u->excl_limit, (ull)u->efr, (ull)u->efr2);
	}
	log_line("iommu", "%s: %u of %u functions could do DMA", when, masters, s->funcs);
	if (s->units_lost || s->funcs_lost)
		log_warn("iommu", "%s: %u more units and %u more functions had no room in the record", when,
			 s->units_lost, s->funcs_lost);
}

/* The same window for every domain, so that a device address is never the physical address of anything. */
static enum sl_err choose_window(struct machine *m)
{
	const struct acpi_table *dmar = acpi_find(&m->acpi, "DMAR", 0),
				*ivrs = acpi_find(&m->acpi, "IVRS", 0),
				*mcfg = acpi_find(&m->acpi, "MCFG", 0);
	const struct window_in in = {.pci = &m->pci,
				     .mem = phys_va(PHYS(m->boot->regions)),
				     .mems = m->boot->region_count,
				     .dmar = dmar ? dmar->data : (struct span){0},
				     .ivrs = ivrs ? ivrs->data : (struct span){0},
				     .mcfg = mcfg ? mcfg->data : (struct span){0},
				     .width = window_width(&m->iommu)};
	uint64_t base;
	enum sl_err e = window_choose(&in, &base);
	if (e) {
		log_fail(
			"iommu",
			"move 64-bit device addresses in firmware setup (MMIO high base), or use a unit that has more address bits",
			"no range of device addresses below 2^%u is free of memory, registers, bridge windows and RMRRs",
			in.width < 38 ? in.width : 38);
		return e;
	}
	m->window = IOVA(base);
	pmm_reserve(PHYS(base), WINDOW_SIZE / PAGE_SIZE);
	log_line("iommu", "every domain's device addresses begin at 0x%llx, where nothing else responds",
		 (ull)base);
	return SL_OK;
}

static enum sl_err no_unit(struct machine *m)
{
	if (acpi_find(&m->acpi, "VIOT", 0))
		log_fail(
			"iommu", "use -device intel-iommu in place of virtio-iommu",
			"this machine's IOMMU is a virtio-iommu (VIOT table found, no DMAR): it is not supported");
	else
		log_fail(
			"iommu",
			"switch VT-d (Intel VT for Directed I/O) or AMD-Vi (IOMMU) on in firmware setup; in QEMU add -device intel-iommu",
			"there is neither a DMAR nor an IVRS table among %u ACPI tables: no IOMMU, so nothing restricts a device's DMA",
			m->acpi.count);
	return SL_NOTFOUND;
}

static enum sl_err map_unit(void *ctx, phys_t base, uint64_t len, struct vtd_io *out)
{
	(void)ctx;
	volatile void *regs = mmio_claim("a VT-d unit", base, len, PHYS_UNIT);
	if (!regs)
		return SL_RANGE;
	*out = vtd_io_hw(regs);
	return SL_OK;
}

/* An RMRR or IVMD is for a function that the firmware or a management controller keeps using. It was stopped
 * like all others; now that it reaches only that memory, its bus mastering is restored. */
static void owners_go_on(struct machine *m)
{
	unsigned n = 0;
	PCI_EACH(f, &m->pci)
		if (f->found_master && coverage_has_unit(&m->iommu, true, f->bdf) &&
		    iommu_domain_of(&m->iommu, f->bdf)) {
			pci_bus_master(f, true);
			n++;
		}
	if (m->iommu.domains)
		log_line(
			"iommu",
			"bus mastering is back on in %u functions that the %s lines above name: they reach that memory and nothing else",
			n, iommu_memory_name(&m->iommu));
}

/* ---- VT-d ---- */

static enum sl_err open_vtd(struct machine *m, struct span table)
{
	if (acpi_find(&m->acpi, "DMAR", 1))
		log_warn("iommu", "there is more than one DMAR table: the first counts, as in Linux");
	snapshot_print("in UEFI", m->boot->at_entry);
	snapshot_print("after ExitBootServices", m->boot->at_exit);
	const struct dmar_topo topo = topology_of(&m->pci);
	table_print_findings(m, table, false);
	const struct iommu_regs regs = {NULL, map_unit};
	enum sl_err e = vtd_init(&m->iommu, table, &topo, &regs);
	if (!e && m->cfg->access != ACCESS_READ && m->cfg->iommu != CONFIG_IOMMU_OFF)
		e = vtd_choose_tables(&m->iommu, (enum vtd_want)m->cfg->tables);
	if (e)
		log_fail("iommu",
			 "update the firmware; if its setup has a switch for VT-d, switch it off and on once",
			 "the DMAR table describes no usable unit: %s", sl_err_text(e));
	return e;
}

/* ---- AMD-Vi ---- */

/* QEMU before 11 translates requests of functions behind a bridge by the entries of functions on bus 0, and
 * its event log never moves: no VF can be driven, and nothing can be said of what is refused. */
static enum sl_err open_amd(struct machine *m, struct span table)
{
	snapshot_print("in UEFI", m->boot->at_entry);
	snapshot_print("after ExitBootServices", m->boot->at_exit);
	table_print_findings(m, table, true);
	enum sl_err e = amdvi_init(&m->iommu, table, amd_unit_regs(&m->pci));
	if (e)
		log_fail(
			"iommu",
			"update the firmware; if its setup has a switch for the IOMMU (AMD-Vi), switch it off and on once",
			"the IVRS table describes no usable unit: %s", sl_err_text(e));
	return e;
}

/* ---- the stage ---- */

static void say_option(const struct machine *m)
{
	if (m->cfg->iommu == CONFIG_IOMMU_OFF)
		log_warn(
			"iommu",
			"iommu=off: no unit is programmed; what the firmware left on stays as it is, and every other function reaches all memory");
	if (m->cfg->iommu == CONFIG_IOMMU_PT)
		log_warn(
			"iommu",
			"iommu=pt: every function in use is in a pass-through domain and reaches all memory, so nothing is proved");
}

static void apply_options(struct machine *m)
{
	const struct table_functions functions = topology_functions(&m->pci);
	if (m->cfg->iommu == CONFIG_IOMMU_OFF) {
		(void)say_left_on(&m->iommu);
		return;
	}
	leave_alone(&m->iommu, m->cfg, &functions);
	if (m->iommu.vtd)
		quirks_iommu(&m->pci, &m->iommu, &functions);
}

static enum sl_err map_firmware_memory(struct machine *m)
{
	const struct table_functions functions = topology_functions(&m->pci);
	enum sl_err e =
		m->iommu.vtd ? vtd_map_rmrrs(&m->iommu, &functions) : amdvi_map_ivmds(&m->iommu, &functions);
	if (e)
		log_fail("iommu", "update the firmware",
			 "the %ss of the firmware's table cannot be mapped: %s", iommu_memory_name(&m->iommu),
			 sl_err_text(e));
	return e;
}

enum sl_err stage_iommu(struct machine *m)
{
	const struct acpi_table *dmar = acpi_find(&m->acpi, "DMAR", 0),
				*ivrs = acpi_find(&m->acpi, "IVRS", 0);
	bool off = m->cfg->iommu == CONFIG_IOMMU_OFF;
	say_option(m);
	if (!dmar && !ivrs)
		return off ? choose_window(m) : no_unit(m);
	enum sl_err e = dmar ? open_vtd(m, dmar->data) : open_amd(m, ivrs->data);
	if (e)
		return e;
	if (m->cfg->access == ACCESS_READ) {
		log_line("iommu", "access=read: the units are read and left as they are");
		return SL_OK;
	}
	apply_options(m);
	e = choose_window(m);
	if (e || off)
		return e;
	m->groups = (struct iommu_groups){m, group_of, ids_of};
	iommu_set_groups(&m->iommu, &m->groups); /* before the RMRRs: functions of one group share a domain */
	m->memory = (struct table_memory_map){phys_va(PHYS(m->boot->regions)), m->boot->region_count};
	m->iommu.memory = &m->memory;
	e = map_firmware_memory(m);
	if (!e)
		e = iommu_enable(&m->iommu);
	if (e)
		return e;
	m->translating = true;
	owners_go_on(m);
	return irqs_start(m);
}

/* ---- stage coverage ---- */

/* The firmware's drivers gave devices addresses in that memory, and a device stopped only by Bus Master
 * Enable may still write there. */
static void take_boot_memory(const struct coverage *c)
{
	if (coverage_whole(c))
		log_line("coverage", "%llu MiB of the firmware's boot memory reclaimed: no device reaches it",
			 (ull)(ram_reclaim() >> 8));
	else
		log_line(
			"coverage",
			"%llu MiB of the firmware's boot memory stay unused: %u of %u units translate, and %u functions or buses are not covered",
			(ull)(ram_boot_pages() >> 8), c->on, c->units, coverage_open(c));
}

enum sl_err stage_coverage(struct machine *m)
{
	struct coverage c;
	coverage_take(&m->pci, &m->iommu, m->translating, &c);
	if (m->cfg->access == ACCESS_READ) {
		log_line(
			"coverage",
			"access=read: nothing here restricts DMA; %u of %u functions are bus masters, as the firmware left them, so %llu MiB of its memory stay unused",
			c.stuck, c.functions, (ull)(ram_boot_pages() >> 8));
		return SL_OK;
	}
	if (!c.no_unit)
		log_line(
			"coverage",
			"translation is on in %u of %u units; each of the %u functions that can do DMA is below one of them and reaches nothing without a domain",
			c.on, c.units, c.functions);
	else
		log_warn(
			"coverage",
			"translation is on in %u of %u units; %u functions are below no unit that translates: only their Bus Master Enable (off) stops their DMA",
			c.on, c.units, c.no_unit);
	if (c.stuck)
		log_warn("coverage",
			 "%u of them have a Bus Master Enable that stays on: nothing blocks their DMA",
			 c.stuck);
	coverage_name(m, "coverage");
	take_boot_memory(&c);
	return SL_OK;
}
