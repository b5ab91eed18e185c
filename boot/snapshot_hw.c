#include "boot/snapshot.h"
#include "iommu/dmar.h"
#include "kernel/bdf.h"
#include "kernel/mmio.h"

/* PCI configuration header: PCIe §7.5.1 */
#define PCI_ID      0x00
#define PCI_COMMAND 0x04
#define PCI_HEADER  0x0e

static void add_func(struct boot_snapshot *out, bdf_t fn, const volatile uint8_t *cfg)
{
	if (out->funcs == BOOT_MAX_FUNCS) {
		out->funcs_lost++;
		return;
	}
	out->func[out->funcs++] =
		(struct boot_func){.seg = fn.seg, .rid = fn.rid, .command = mmio_rd16(cfg + PCI_COMMAND)};
}

/* Every function that answers in one ECAM window: function 0 of each device, the others where it says that
 * there are. */
static void scan_window(struct boot_snapshot *out, const struct acpi_ecam *w)
{
	for (unsigned slot = w->start * 32u; slot < (w->end + 1u) * 32; slot++) {
		for (unsigned f = 0; f < 8; f++) {
			bdf_t fn = bdf_make(w->seg, slot / 32, slot % 32, f);
			const volatile uint8_t *cfg =
				(const volatile uint8_t *)(w->base + ((uint64_t)fn.rid << 12));
			if ((mmio_rd32(cfg + PCI_ID) & 0xffff) == 0xffff) {
				if (f == 0)
					break;
				continue;
			}
			add_func(out, fn, cfg);
			if (f == 0 && !(mmio_rd8(cfg + PCI_HEADER) & 0x80))
				break;
		}
	}
}

/* Fault records (VT-d §11.4.7.6) lie where CAP.FRO says, NFR + 1 of them: only those inside the registers
 * that the table gives the unit. */
static void read_faults(const volatile uint8_t *r, uint64_t size, struct boot_unit *u)
{
	uint64_t at = (u->cap >> 24 & 0x3ff) * 16;
	unsigned records = (u->cap >> 40 & 0xff) + 1;
	if (!u->cap || u->cap == UINT64_MAX || at < 0x100)
		return;
	for (; u->frcds < BOOT_FRCDS && u->frcds < records && at + 16 <= size; at += 16, u->frcds++) {
		u->frcd[u->frcds][0] = mmio_rd64(r + at);
		u->frcd[u->frcds][1] = mmio_rd64(r + at + 8);
	}
}

/* VT-d §11.4: VER 0, CAP 8h, ECAP 10h, GSTS 1Ch, RTADDR 20h, FSTS 34h, PMEN 64h, PLMBASE 68h, PLMLIMIT 6Ch,
 * PHMBASE 70h, PHMLIMIT 78h, IRTA B8h */
static void add_unit(struct boot_snapshot *out, uint64_t base, uint64_t size)
{
	if (out->units == BOOT_MAX_UNITS) {
		out->units_lost++;
		return;
	}
	const volatile uint8_t *r = (const volatile uint8_t *)base;
	struct boot_unit *u = &out->unit[out->units++];
	*u = (struct boot_unit){.base = base,
				.ver = mmio_rd32(r),
				.cap = mmio_rd64(r + 0x08),
				.ecap = mmio_rd64(r + 0x10),
				.gsts = mmio_rd32(r + 0x1c),
				.rtaddr = mmio_rd64(r + 0x20),
				.fsts = mmio_rd32(r + 0x34),
				.pmen = mmio_rd32(r + 0x64),
				.plmbase = mmio_rd32(r + 0x68),
				.plmlimit = mmio_rd32(r + 0x6c),
				.phmbase = mmio_rd64(r + 0x70),
				.phmlimit = mmio_rd64(r + 0x78),
				.irta = mmio_rd64(r + 0xb8)};
	read_faults(r, size, u);
}

static void scan_units(struct boot_snapshot *out, struct span table)
{
	struct dmar dmar;
	struct dmar_entry e = {0};
	struct dmar_drhd unit;
	if (dmar_open(table, &dmar))
		return;
	while (dmar_next(&dmar, &e) == SL_OK)
		if (e.type == DMAR_DRHD && dmar_drhd(&e, &unit) == SL_OK && unit.base &&
		    IS_ALIGNED(unit.base, PAGE_SIZE) && unit.base < BIT(52))
			add_unit(out, unit.base, unit.size);
}

void snapshot_take(const struct acpi *acpi, struct boot_snapshot *out)
{
	const struct acpi_table *mcfg = acpi_find(acpi, "MCFG", 0);
	const struct acpi_table *dmar = acpi_find(acpi, "DMAR", 0);
	struct acpi_ecam w;
	enum sl_err e;
	if (dmar)
		scan_units(out, dmar->data);
	for (unsigned i = 0; mcfg && (e = acpi_mcfg(mcfg->data, i, &w)) != SL_END; i++)
		if (e == SL_OK)
			scan_window(out, &w);
}
