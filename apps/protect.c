/* Stage iommu: what firmware left, our own tables, translation on. */
#include "apps/left_alone.h"
#include "apps/machine.h"
#include "apps/topo.h"
#include "iommu/dmar_lint.h"
#include "iommu/rmrr.h"
#include "iommu/vtd_io_hw.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/x86/paging.h"
#include "pci/groups.h"

static void print_finding(void *ctx, const struct dmar_finding *f)
{
	char text[200];
	(void)ctx;
	dmar_finding_text(f, text, sizeof text);
	log_line("dmar", "%s", text);
	log_line("dmar", "  an operating system: %s", dmar_rule_text(f->rule)->os);
}

/* What is odd in firmware's table, and the memory that it wants to go on sharing with functions. */
void dmar_print_findings(struct machine *m, struct span table)
{
	const struct dmar_topo topo = topo_of(&m->pci);
	const struct dmar_functions functions = topo_functions(&m->pci);
	static struct dmar_lint_context known;
	static struct rmrr_owner ledger[64];
	const struct acpi_table *madt = acpi_find(&m->acpi, "APIC", 0);
	struct dmar_memory_map map = {phys_va(PHYS(m->boot->regions)), m->boot->region_count};
	char text[200];
	known = (struct dmar_lint_context){
		.topo = &topo, .functions = &functions, .memory = dmar_lint_memory, .memory_ctx = &map};
	if (madt)
		dmar_lint_madt(&known, madt->data);
	unsigned n = dmar_lint(table, &known, print_finding, NULL);
	log_line("dmar", "%u findings in firmware's table (docs/dmar.md explains each)", n);
	struct rmrr_context owners = {&topo, &functions, map, topo_name, &m->pci};
	struct dmar dmar;
	n = dmar_open(table, &dmar) == SL_OK ? rmrr_ledger(&dmar, &owners, ledger, ARRAY_LEN(ledger)) : 0;
	for (unsigned i = 0; i < n && i < ARRAY_LEN(ledger); i++) {
		rmrr_text(&ledger[i], text, sizeof text);
		log_line("dmar", "%s", text);
	}
}

/* Functions of one group go to one domain: the IOMMU can not hold them apart. */
static unsigned group_of(void *ctx, bdf_t fn)
{
	const struct pci_func *f = pci_find(ctx, fn);
	return f ? groups_of(f) : 0;
}

/* Behind a conventional bridge requests arrive in the bridge's name. */
static unsigned ids_of(void *ctx, bdf_t fn, uint16_t *out, unsigned max)
{
	const struct pci_func *f = pci_find(ctx, fn);
	bdf_t id[GROUPS_ALIASES];
	unsigned n = f ? (unsigned)groups_alias(f, id) : 0;
	for (unsigned i = 0; i < n && i < max; i++)
		out[i] = id[i].rid;
	return n < max ? n : max;
}

void snapshot_print(const char *when, uint64_t at)
{
	const struct boot_snapshot *s = phys_va(PHYS(at));
	unsigned masters = 0;
	for (uint32_t i = 0; i < s->funcs; i++)
		masters += s->func[i].command >> 2 & 1;
	for (uint32_t i = 0; i < s->units; i++) {
		const struct boot_unit *u = &s->unit[i];
		log_line("iommu",
			 "%s: unit at 0x%llx translation %s, remapping %s, protected regions %s (GSTS %08x "
			 "PMEN %08x "
			 "FSTS %08x RTADDR %llx IRTA %llx)",
			 when, (ull)u->base, u->gsts >> 31 & 1 ? "on" : "off",
			 u->gsts >> 25 & 1 ? "on" : "off", u->pmen & 1 ? "on" : "off", u->gsts, u->pmen,
			 u->fsts, (ull)u->rtaddr, (ull)u->irta);
	}
	log_line("iommu", "%s: %u of %u functions could do DMA", when, masters, s->funcs);
}

static bool overlaps(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static bool hits_bar(const struct pci *pci, uint64_t base)
{
	PCI_EACH(f, pci)
		for (unsigned i = 0; i < PCI_BARS; i++)
			if ((f->bar[i].size && overlaps(base, WINDOW_SIZE, f->bar[i].addr, f->bar[i].size)) ||
			    (f->vf_bar[i].size &&
			     overlaps(base, WINDOW_SIZE, f->vf_bar[i].addr, f->vf_bar[i].size * f->vf_room)))
				return true;
	return false;
}

/* The same window for every domain: below 2^38, where no function has registers, and where memory is ours to
 * leave alone, so that a device address is never the physical address of anything. */
static enum sl_err choose_window(struct machine *m)
{
	for (uint64_t base = BIT(37); base < BIT(38); base += PAGE_1G) {
		if (hits_bar(&m->pci, base))
			continue;
		m->window = IOVA(base);
		pmm_reserve(PHYS(base), WINDOW_SIZE / PAGE_SIZE);
		return SL_OK;
	}
	log_fail("iommu", "move 64-bit device addresses in firmware setup (MMIO high base)",
		 "no device address range below 2^38 is free of device registers");
	return SL_NOSPACE;
}

static enum sl_err no_unit(const struct machine *m)
{
	if (acpi_find(&m->acpi, "IVRS", 0))
		log_fail("iommu", "use a machine with Intel VT-d",
			 "this is an AMD machine (IVRS table found, no DMAR): AMD's IOMMU is not supported");
	else
		log_fail("iommu",
			 "switch VT-d (Intel VT for Directed I/O, IOMMU) on in firmware setup; in QEMU add "
			 "-device "
			 "intel-iommu",
			 "there is no DMAR table among %u ACPI tables: no IOMMU, so nothing holds a device "
			 "back",
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

enum sl_err stage_iommu(struct machine *m)
{
	const struct acpi_table *table = acpi_find(&m->acpi, "DMAR", 0);
	bool off = m->boot->cfg.iommu == CONFIG_IOMMU_OFF;
	enum sl_err e = choose_window(m);
	if (e)
		return e;
	if (off)
		log_warn("iommu", "iommu=off: translation stays off, and every function that is used reaches "
				  "all memory");
	if (m->boot->cfg.iommu == CONFIG_IOMMU_PT)
		log_warn("iommu",
			 "iommu=pt: every function that is used is in a pass-through domain and reaches "
			 "all memory: nothing is proved");
	if (!table)
		return off ? SL_OK : no_unit(m);
	if (acpi_find(&m->acpi, "DMAR", 1))
		log_warn("iommu", "there is more than one DMAR table: the first counts, as in Linux");
	snapshot_print("in UEFI", m->boot->at_entry);
	snapshot_print("after ExitBootServices", m->boot->at_exit);
	const struct dmar_topo topo = topo_of(&m->pci);
	const struct dmar_functions functions = topo_functions(&m->pci);
	dmar_print_findings(m, table->data);
	const struct iommu_regs regs = {NULL, map_unit};
	e = iommu_init(&m->iommu, table->data, &topo, &regs);
	if (e) {
		log_fail("iommu",
			 "update the firmware; if VT-d can be switched in its setup, switch it off and on "
			 "once",
			 "the DMAR table leads to no usable unit: %s", sl_err_text(e));
		return e;
	}
	if (off)
		(void)say_left_on(&m->iommu);
	else
		leave_alone(&m->iommu, &m->boot->cfg, &functions);
	if (off)
		return SL_OK;
	m->groups = (struct iommu_groups){&m->pci, group_of, ids_of};
	iommu_set_groups(&m->iommu, &m->groups); /* before the RMRRs: functions of one group share a domain */
	e = iommu_map_rmrrs_below(&m->iommu, &functions);
	if (!e)
		e = iommu_enable(&m->iommu);
	if (e)
		return e;
	log_line("iommu", "translation is on: %s",
		 m->iommu.domains ? "devices reach only what the RMRR lines above name"
				  : "no function has a context entry, so no device reaches anything");
	m->translating = true;
	return irqs_start(m);
}
