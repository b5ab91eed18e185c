#include "boot/snapshot.h"
#include "iommu/dmar/dmar.h"
#include "iommu/vtd/regs.h"
#include "kernel/bdf.h"

/* PCI configuration header: PCIe §7.5.1 */
#define PCI_ID      0x00
#define PCI_COMMAND 0x04
#define PCI_HEADER  0x0e

static void add_func(struct boot_snapshot *out, bdf_t fn, uint16_t command)
{
	if (out->funcs == BOOT_MAX_FUNCS) {
		out->funcs_lost++;
		return;
	}
	out->func[out->funcs++] = (struct boot_func){.seg = fn.seg, .rid = fn.rid, .command = command};
}

/* Every function that answers in one ECAM window: function 0 of each device, the others where it says that
 * there are. */
static void scan_window(const struct snapshot_access *a, struct boot_snapshot *out, const struct acpi_ecam *w)
{
	for (unsigned slot = w->start * 32u; slot < (w->end + 1u) * 32; slot++) {
		for (unsigned f = 0; f < 8; f++) {
			bdf_t fn = bdf_make(w->seg, slot / 32, slot % 32, f);
			uint64_t cfg = w->base + ((uint64_t)fn.rid << 12);
			if ((a->rd(cfg + PCI_ID, 4) & 0xffff) == 0xffff) {
				if (f == 0)
					break;
				continue;
			}
			add_func(out, fn, (uint16_t)a->rd(cfg + PCI_COMMAND, 2));
			if (f == 0 && !(a->rd(cfg + PCI_HEADER, 1) & 0x80))
				break;
		}
	}
}

/* Fault records (VT-d §11.4.7.6) lie where CAP.FRO says, NFR + 1 of them: only those inside the registers
 * that the table gives the unit. */
static void read_faults(const struct snapshot_access *a, uint64_t size, struct boot_unit *u)
{
	uint64_t at = (u->cap >> 24 & 0x3ff) * 16;
	unsigned records = (u->cap >> 40 & 0xff) + 1;
	if (!u->cap || u->cap == UINT64_MAX || at < 0x100)
		return;
	for (; u->frcds < BOOT_FRCDS && u->frcds < records && at + 16 <= size; at += 16, u->frcds++) {
		u->frcd[u->frcds][0] = a->rd(u->base + at, 8);
		u->frcd[u->frcds][1] = a->rd(u->base + at + 8, 8);
	}
}

/* VT-d §11.4: VER 0, CAP 8h, ECAP 10h, GSTS 1Ch, RTADDR 20h, FSTS 34h, PMEN 64h, PLMBASE 68h, PLMLIMIT 6Ch,
 * PHMBASE 70h, PHMLIMIT 78h, IRTA B8h */
static void add_unit(const struct snapshot_access *a, struct boot_snapshot *out, uint64_t base, uint64_t size)
{
	if (out->units == BOOT_MAX_UNITS) {
		out->units_lost++;
		return;
	}
	struct boot_unit *u = &out->unit[out->units++];
	*u = (struct boot_unit){.base = base,
				.ver = (uint32_t)a->rd(base, 4),
				.cap = a->rd(base + 0x08, 8),
				.ecap = a->rd(base + 0x10, 8),
				.gsts = (uint32_t)a->rd(base + 0x1c, 4),
				.rtaddr = a->rd(base + 0x20, 8),
				.fsts = (uint32_t)a->rd(base + 0x34, 4),
				.irta = a->rd(base + 0xb8, 8)};
	if (u->cap & (CAP_PLMR | CAP_PHMR))
		u->pmen = (uint32_t)a->rd(base + 0x64, 4);
	if (u->cap & CAP_PLMR) {
		u->plmbase = (uint32_t)a->rd(base + 0x68, 4);
		u->plmlimit = (uint32_t)a->rd(base + 0x6c, 4);
	}
	if (u->cap & CAP_PHMR) {
		u->phmbase = a->rd(base + 0x70, 8);
		u->phmlimit = a->rd(base + 0x78, 8);
	}
	read_faults(a, size, u);
}

static bool usable(const struct snapshot_access *a, const char *what, uint64_t addr, uint64_t len,
		   enum phys_kind kind)
{
	enum phys_fault f = a->check(addr, len, kind);
	if (f && a->left_out)
		a->left_out(what, addr, f);
	return !f;
}

static void scan_units(const struct snapshot_access *a, struct boot_snapshot *out, struct span table)
{
	struct dmar dmar;
	struct dmar_entry e = {0};
	struct dmar_drhd unit;
	if (dmar_open(table, &dmar))
		return;
	while (dmar_next(&dmar, &e) == SL_OK)
		if (e.type == DMAR_DRHD && dmar_drhd(&e, &unit) == SL_OK &&
		    usable(a, "the VT-d unit", unit.base, unit.size, PHYS_UNIT))
			add_unit(a, out, unit.base, unit.size);
}

enum sl_err snapshot_window(const struct snapshot_access *a, struct span mcfg, unsigned i,
			    struct acpi_ecam *w)
{
	enum sl_err e = acpi_mcfg(mcfg, i, w);
	if (!e && !usable(a, "configuration space", w->base + ((uint64_t)w->start << 20),
			  (w->end - w->start + 1ull) << 20, PHYS_ECAM))
		e = SL_RANGE;
	return e;
}

void snapshot_take(const struct snapshot_access *a, const struct acpi *acpi, struct boot_snapshot *out)
{
	const struct acpi_table *mcfg = acpi_find(acpi, "MCFG", 0);
	const struct acpi_table *dmar = acpi_find(acpi, "DMAR", 0);
	struct acpi_ecam w;
	enum sl_err e;
	if (dmar)
		scan_units(a, out, dmar->data);
	for (unsigned i = 0; mcfg && (e = snapshot_window(a, mcfg->data, i, &w)) != SL_END; i++)
		if (e == SL_OK)
			scan_window(a, out, &w);
}
