/* Stages boot, acpi, pci: what machine this is. */
#include "apps/bringup/console.h"
#include "apps/bringup/platform.h"
#include "apps/machine.h"
#include "apps/bringup/quirks.h"
#include "apps/bringup/topology.h"
#include "iommu/dmar/rmrr.h"
#include "iommu/ivrs/unity.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/power.h"
#include "kernel/memmap.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/tsc.h"
#include "pci/ecam.h"
#include "pci/names.h"
#include "pci/path.h"

static uint64_t ram_bytes(const struct boot_info *boot)
{
	const struct boot_region *r = phys_va(PHYS(boot->regions));
	uint64_t total = 0, base, len;
	for (uint32_t i = 0; memmap_next_ram(r, boot->region_count, &i, &base, &len);)
		total += len;
	return total;
}

/* Prints the options and their errors. */
static enum sl_err say_options(const struct boot_info *b)
{
	const struct config *cfg = &b->cfg;
	if (cfg->error.line) {
		log_fail("boot", "correct that line; docs/options.md lists the keys", "%s:%u:%u: %s",
			 cfg->error.source, cfg->error.line, cfg->error.col, cfg->error.text);
		return SL_CONFIG;
	}
	for (uint32_t i = 0; i < cfg->repeats; i++)
		log_warn("boot", "%s:%u: %s= stands there a second time: the last one counts",
			 cfg->repeat[i].source, cfg->repeat[i].line, cfg->repeat[i].key);
	if (cfg->access == ACCESS_READ && cfg->app != APP_AUDIT) {
		log_fail("boot", "use app=audit, or remove access=read",
			 "access=read is for app=audit: every other app writes to configuration space");
		return SL_CONFIG;
	}
	if (cfg->access == ACCESS_READ)
		log_line(
			"boot",
			"access=read: nothing is written to configuration space or to an IOMMU; unjudged= counts what cannot be judged that way");
	if (cfg->keep && !b->kept_lines)
		log_warn("boot", "keep=1: no report was written; the reason is on the firmware's screen");
	else if (cfg->keep)
		log_line(
			"boot",
			"keep=1: \\EFI\\sluice\\report.txt on the volume of sluice.cfg: %u lines, crc32 %08x",
			b->kept_lines, b->kept_crc);
	log_line("boot", "options from %s: app=%s vfs=%u qd=%u seconds=%u scratch=%s", b->config_from,
		 config_app_name(cfg), cfg->vfs, cfg->qd, cfg->seconds,
		 cfg->scratch[0] ? config_serial(cfg, cfg->scratch) : "(none)");
	return SL_OK;
}

static void say_identity(const struct identity *id)
{
	struct identity_time time = identity_time(id);
	log_line("boot", "Sluice %s of %s", id->build, id->built);
	if (time.s[0])
		log_line("boot", "firmware's clock when Sluice was started: %s%s", time.s,
			 id->zone == IDENTITY_NO_ZONE ? ", time zone not told" : "");
	if (!id->smbios_there) {
		log_line("boot",
			 "the firmware has no SMBIOS table that can be read: the machine has no name");
		return;
	}
	log_line("boot", "machine: maker %s, product %s, version %s, serial number %s, UUID %s",
		 identity_text(id, SMBIOS_MAKER), identity_text(id, SMBIOS_PRODUCT),
		 identity_text(id, SMBIOS_VERSION), identity_text(id, SMBIOS_SERIAL), identity_uuid(id));
	log_line("boot", "board: maker %s, product %s, version %s, serial number %s",
		 identity_text(id, SMBIOS_BOARD_MAKER), identity_text(id, SMBIOS_BOARD),
		 identity_text(id, SMBIOS_BOARD_VERSION), identity_text(id, SMBIOS_BOARD_SERIAL));
	log_line("boot", "BIOS: vendor %s, version %s, date %s", identity_text(id, SMBIOS_BIOS_VENDOR),
		 identity_text(id, SMBIOS_BIOS_VERSION), identity_text(id, SMBIOS_BIOS_DATE));
}

/* "prev=": how the run before ended, as far as the variable and memory tell. */
static void say_before(const struct boot_info *b)
{
	const struct run_note *n = &b->before.note;
	if (n->end == RUN_NONE)
		log_line("boot", "prev=none: no run before this one left a note");
	else if (n->end == RUN_UNFINISHED)
		log_warn(
			"boot",
			"prev=unfinished stage=%s: the run before did not end (a reset, a loss of power, or it hung)",
			n->stage[0] ? n->stage : "unknown");
	else
		log_line("boot", "prev=%s%s%s: the run before ended", run_end_name(n->end),
			 n->stage[0] ? " stage=" : "", n->stage);
	if (n->result[0])
		log_line("boot", "the run before: %.400s", n->result);
	if (strlen(n->result) > 400) /* a line of the log has 512 characters */
		log_line("boot", "... %s", n->result + 400);
	if (!b->before.bytes)
		return;
	if (b->before.lost || b->before.damaged)
		log_warn(
			"boot",
			"the log of the run before is not whole: %llu bytes of its beginning and %u pieces of 4 KiB are lost",
			(ull)b->before.lost, b->before.damaged);
	if (b->before.saved)
		log_line(
			"boot",
			"keep=1: the log of the run before is \\EFI\\sluice\\log-%u.txt on the volume of sluice.cfg: %llu bytes, crc32 %08x",
			b->before.saved, (ull)b->before.bytes, b->before.crc);
	else if (b->before.unsaved)
		log_warn(
			"boot",
			"keep=1: the log of the run before could not be saved; the reason is on the firmware's screen");
	else
		log_line("boot", "the log of the run before was in memory, %llu bytes; it is not saved: %s",
			 (ull)b->before.bytes,
			 b->cfg.keep ? "no volume with a sluice.cfg was found" : "keep=1 is not set");
}

enum sl_err stage_boot(struct machine *m)
{
	const struct boot_info *b = m->boot;
	const struct cpu_info *cpu = cpu_info();
	log_text("\nSluice: PCIe, IOMMU and SR-IOV on the bare machine\n");
	enum sl_err clock = SL_OK, e = acpi_init(&m->acpi, b->rsdp, paging_read_map);
	if (!e)
		clock = tsc_init(&m->acpi, b->tsc_start);
	power_reset_register(&m->acpi);
	say_identity(&b->identity);
	say_before(b);
	log_line("boot", "UEFI firmware \"%s\" revision 0x%x, Secure Boot %s", b->firmware,
		 b->firmware_revision,
		 b->secure_boot == SECURE_SETUP ? "in setup mode" : boot_secure_name(b->secure_boot));
	log_line("boot", "%s; SMEP %s, SMAP %s, UMIP %s%s", cpu->brand, cpu->smep ? "on" : "absent",
		 cpu->smap ? "on" : "absent", cpu->umip ? "on" : "absent",
		 cpu->hypervisor ? "; under a hypervisor" : "");
	paging_check();
	if (b->firmware_cr4 & ~(cpu->cr4 | CR4_DE))
		log_line("boot", "the firmware left CR4 at 0x%llx; every core now has 0x%llx",
			 (ull)b->firmware_cr4, (ull)cpu->cr4);
	log_line(
		"boot",
		"%llu MiB of RAM, %llu MiB free; own page tables: text read-only, data not executable, page 0 unmapped",
		(ull)(ram_bytes(b) >> 20), (ull)(pmm_free_pages() >> 8));
	if (b->regions_odd)
		log_warn("boot", "descriptors of the firmware's memory map that are invalid and ignored: %u",
			 b->regions_odd);
	if (e) {
		log_fail("boot", "update the firmware", "the ACPI root pointer at 0x%llx is not usable: %s",
			 (ull)b->rsdp, sl_err_text(e));
		return e;
	}
	log_line("boot", "TSC %llu.%03llu MHz, %s%s", (ull)(tsc_info()->hz / 1000000),
		 (ull)(tsc_info()->hz / 1000 % 1000), tsc_info()->source,
		 cpu->invariant_tsc ? ", invariant" : ", not marked invariant");
	if (clock)
		log_warn(
			"boot",
			"no HPET, ACPI timer or CPUID leaf 15h to measure the TSC with: the times below are guesses");
	return say_options(b);
}

enum sl_err stage_acpi(struct machine *m)
{
	const struct acpi *a = &m->acpi;
	char list[ACPI_MAX_TABLES * 5 + 1];
	size_t n = 0;
	for (unsigned i = 0; i < a->count; i++) {
		for (unsigned k = 0; k < 4; k++)
			list[n++] = a->table[i].sig[k] > ' ' && a->table[i].sig[k] < 0x7f ? a->table[i].sig[k]
											  : '?';
		list[n++] = ' ';
	}
	list[n] = 0;
	log_line("acpi", "RSDP revision %u, %s with %u tables: %s", a->revision, a->xsdt ? "XSDT" : "RSDT",
		 a->count, list);
	for (unsigned i = 0; i < a->lost && i < ARRAY_LEN(a->lost_at); i++)
		log_warn("acpi", "no table is at 0x%llx, which the root table names: left out",
			 (ull)a->lost_at[i]);
	if (a->lost > ARRAY_LEN(a->lost_at))
		log_warn("acpi", "%u more pointers of the root table lead to no table",
			 a->lost - (unsigned)ARRAY_LEN(a->lost_at));
	if (a->dropped)
		log_warn("acpi", "%u tables that Sluice does not use are not listed: there are more than %u",
			 a->dropped, ACPI_MAX_TABLES);
	for (unsigned i = 0; i < a->count; i++)
		if (!a->table[i].sum_ok)
			log_warn(
				"acpi",
				"%s at 0x%llx has a wrong checksum (firmware bug); it is used all the same, with every field checked",
				a->table[i].sig, (ull)a->table[i].phys);
	console_from_acpi(m);
	if (!acpi_find(a, "MCFG", 0)) {
		log_fail(
			"acpi",
			"in QEMU use -machine q35; on a server enable memory-mapped PCIe configuration in firmware setup",
			"there is no MCFG table, so PCIe configuration space cannot be accessed");
		return SL_NOTFOUND;
	}
	return SL_OK;
}

static enum sl_err add_window(struct machine *m, const struct acpi_ecam *w)
{
	volatile void *va =
		mmio_claim("a window of the MCFG table", PHYS(w->base + ((uint64_t)w->start << 20)),
			   (w->end - w->start + 1ull) << 20, PHYS_ECAM);
	enum sl_err e = va ? ecam_add(w->seg, w->start, w->end, va) : SL_RANGE;
	return e ? e : pci_scan(&m->pci, ecam_cfg(m->cfg->access == ACCESS_READ), w->seg, w->start, w->end);
}

/* Every entry of the MCFG table that can be used. Buses of the other entries are not examined, except those
 * that a usable entry has too. */
static enum sl_err add_windows(struct machine *m)
{
	struct span mcfg = acpi_find(&m->acpi, "MCFG", 0)->data;
	struct acpi_ecam w;
	enum sl_err e;
	unsigned added = 0;
	for (unsigned i = 0; (e = acpi_mcfg(mcfg, i, &w)) != SL_END; i++) {
		if (!e)
			e = add_window(m, &w);
		added += !e;
		if (e)
			log_warn("pci",
				 "MCFG entry %u (segment %u, buses %02x-%02x at 0x%llx) is left out: %s", i,
				 w.seg, w.start, w.end, (ull)w.base, sl_err_text(e));
	}
	for (unsigned i = 0; acpi_mcfg(mcfg, i, &w) != SL_END; i++)
		if (!pci_scanned(&m->pci, w.seg, w.start, w.end))
			pci_miss(&m->pci, (struct pci_missed){PCI_MISS_WINDOW, bdf_make(w.seg, w.start, 0, 0),
							      w.start, w.end});
	return added ? SL_OK : SL_NOTFOUND;
}

static unsigned depth_of(const struct pci_func *f)
{
	unsigned n = 0;
	for (; f->parent && n < 16; f = f->parent)
		n++;
	return n;
}

static void print_func(const struct pci *pci, const struct pci_func *f)
{
	char tail[64] = "";
	struct sriov s;
	unsigned power = pci_power_state(f);
	if (f->is_bridge)
		fmt_print(tail, sizeof tail, " -> buses %02x-%02x%s", f->sec, f->sub,
			  f->cap_acs ? ", ACS" : "");
	else if (f->cap_sriov && sriov_read(pci, f, &s) == SL_OK)
		fmt_print(tail, sizeof tail, ", SR-IOV: up to %u VFs", s.total_vfs);
	const char *class = pci_class_name(f->class), *vendor = pci_vendor_name(f->vendor);
	const char *device = pci_device_name(f->vendor, f->device);
	log_line("pci", "%*s" BDF_FMT " %s: %s %s [%04x:%04x]%s%s%s", (int)(2 * depth_of(f)), "",
		 BDF_ARG(f->bdf), class ? class : "unknown class", vendor ? vendor : "unknown vendor",
		 device ? device : "device", f->vendor, f->device, tail, power ? ", in " : "",
		 power ? pci_power_name(power) : "");
}

/* scratch= needs them, and no command is sent for them: the firmware was asked, before it was left. */
static void name_nvmes(const struct machine *m)
{
	const struct boot_info *b = m->boot;
	PCI_EACH(f, &m->pci) {
		const struct boot_nvme *its = NULL;
		for (uint32_t i = 0; i < b->nvmes && i < BOOT_MAX_NVME; i++)
			if (b->nvme[i].seg == f->bdf.seg && b->nvme[i].rid == f->bdf.rid)
				its = &b->nvme[i];
		if (f->class != PCI_CLASS_NVME || m->cfg->privacy)
			continue;
		if (its)
			log_line("pci", BDF_FMT ": serial number \"%s\", %s", BDF_ARG(f->bdf), its->serial,
				 its->model);
		else
			log_line("pci",
				 BDF_FMT
				 ": serial number unknown: the firmware does not drive this controller",
				 BDF_ARG(f->bdf));
	}
}

enum sl_err stage_pci(struct machine *m)
{
	if (m->cfg->privacy)
		ecam_hide_serials();
	enum sl_err e = add_windows(m);
	if (e) {
		log_fail("pci", "update the firmware", "no entry of the MCFG table is usable");
		return e;
	}
	console_from_pci(m);
	unsigned n = 0;
	PCI_EACH(f, &m->pci) {
		print_func(&m->pci, f);
		n++;
	}
	if (!n) {
		log_fail(
			"pci",
			"update the firmware: its MCFG table must have the address of PCIe configuration space",
			"no function answers in the windows of the MCFG table: this machine's devices are unknown, and nothing restricts their DMA");
		return SL_NOTFOUND;
	}
	name_nvmes(m);
	quirks_pci(&m->pci);
	const struct acpi_table *ivrs = acpi_find(&m->acpi, "IVRS", 0);
	if (ivrs && !acpi_find(&m->acpi, "DMAR", 0))
		topology_use_ivrs(&m->pci, ivrs->data);
	m->looked = true;
	unsigned masters = pci_quiesce(&m->pci);
	log_line("pci",
		 m->cfg->access == ACCESS_READ
			 ? "%u functions found; bus mastering is on for %u of them and stays on (access=read)"
			 : "%u functions found; bus mastering was on for %u of them and is now off",
		 n, masters);
	return SL_OK;
}

void undo_pci(struct machine *m)
{
	pci_paths_restore(&m->pci);
}

/* What answered the loader as a unit does (VT-d §11.4.1: 31:8 are 0) is one, whatever the MCFG table says of
 * these addresses: looking for devices writes. */
static void claim_units(const struct boot_snapshot *s)
{
	for (uint32_t i = 0; i < s->units; i++)
		if (s->unit[i].regs.ver && !(s->unit[i].regs.ver >> 8) &&
		    phys_claim(s->unit[i].base, PAGE_SIZE, PHYS_UNIT))
			log_warn("pci", "the VT-d unit at 0x%llx overlaps the registers of something else",
				 (ull)s->unit[i].base);
}

/* Stage pci reports the windows that cannot be claimed. */
static void claim_windows(const struct acpi *a)
{
	const struct acpi_table *mcfg = acpi_find(a, "MCFG", 0);
	struct acpi_ecam w;
	enum sl_err e = mcfg ? SL_OK : SL_END;
	for (unsigned i = 0; e != SL_END; i++) {
		e = acpi_mcfg(mcfg->data, i, &w);
		enum phys_fault f = e ? PHYS_OK
				      : phys_claim(w.base + ((uint64_t)w.start << 20),
						   (w.end - w.start + 1ull) << 20, PHYS_ECAM);
		(void)f;
	}
}

/* The DMAR and IVRS tables, before any page is allocated: memory of an RMRR or IVMD is never the system's
 * own. And before the screen is drawn on: a framebuffer over registers is no framebuffer. */
void app_reserve(const struct boot_info *boot)
{
	static struct acpi early;
	claim_units(phys_va(PHYS(boot->at_entry)));
	const struct table_memory_map map = {phys_va(PHYS(boot->regions)), boot->region_count};
	if (acpi_init(&early, boot->rsdp, paging_read_map))
		return; /* stage boot reports it */
	claim_windows(&early);
	const struct acpi_table *t = acpi_find(&early, "DMAR", 0);
	if (t)
		rmrr_reserve(t->data, &map);
	t = acpi_find(&early, "IVRS", 0);
	if (t)
		unity_reserve(t->data, &map);
}
