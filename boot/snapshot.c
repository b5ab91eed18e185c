#include "boot/snapshot.h"
#include "iommu/dmar/dmar.h"
#include "iommu/ivrs/ivrs.h"
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

/* The registers of a unit, for vtd_regs_read() and amdvi_regs_read(). */
struct unit_at {
	const struct snapshot_access *a;
	uint64_t base;
};

static uint32_t unit_rd32(void *ctx, uint32_t off)
{
	const struct unit_at *u = ctx;
	return (uint32_t)u->a->rd(u->base + off, 4);
}

static uint64_t unit_rd64(void *ctx, uint32_t off)
{
	const struct unit_at *u = ctx;
	return u->a->rd(u->base + off, 8);
}

static void add_unit(const struct snapshot_access *a, struct boot_snapshot *out, const struct dmar_drhd *d)
{
	struct unit_at at = {a, d->base};
	const struct vtd_io io = {.ctx = &at, .rd32 = unit_rd32, .rd64 = unit_rd64};
	if (out->units == BOOT_MAX_UNITS) {
		out->units_lost++;
		return;
	}
	struct boot_unit *u = &out->unit[out->units++];
	u->base = d->base;
	u->seg = d->seg;
	vtd_regs_read(&io, d->size, &u->regs);
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
			add_unit(a, out, &unit);
}

/* The configuration space of a function; 0: no window has it. Windows that cannot be are reported elsewhere.
 */
static uint64_t config_of(const struct snapshot_access *a, struct span mcfg, bdf_t fn)
{
	const struct snapshot_access quiet = {.check = a->check, .rd = a->rd};
	struct acpi_ecam w;
	enum sl_err e;
	for (unsigned i = 0; (e = snapshot_window(&quiet, mcfg, i, &w)) != SL_END; i++)
		if (!e && w.seg == fn.seg && bdf_bus(fn) >= w.start && bdf_bus(fn) <= w.end)
			return w.base + ((uint64_t)fn.rid << 12);
	return 0;
}

/* A unit answers in configuration space, and says there itself where its registers are: where the table says
 * something else, nothing is read there. */
static void add_amd(const struct snapshot_access *a, struct boot_snapshot *out, struct span mcfg,
		    const struct ivrs_ivhd *u, unsigned number)
{
	uint64_t cfg = config_of(a, mcfg, u->unit), base;
	struct unit_at at = {a, u->base};
	const struct amdvi_io io = {.ctx = &at, .rd = unit_rd64};
	if (!cfg || !amdvi_is_capability(u->cap, (uint32_t)a->rd(cfg + u->cap, 4)))
		return;
	struct boot_amd *b = &out->amd[out->amds++];
	*b = (struct boot_amd){.base = u->base,
			       .seg = u->unit.seg,
			       .rid = u->unit.rid,
			       .number = number,
			       .regs = {.read = true}};
	base = a->rd(cfg + u->cap + AMDVI_CAP_BASE_LOW, 4) | a->rd(cfg + u->cap + AMDVI_CAP_BASE_LOW + 4, 4)
								     << 32;
	if ((base & AMDVI_CAP_BASE) == u->base && usable(a, "the AMD IOMMU", u->base, AMDVI_REGS, PHYS_UNIT))
		amdvi_regs_read(&io, &b->regs);
	b->regs.cap_base = base;
}

static void scan_amds(const struct snapshot_access *a, struct boot_snapshot *out, struct span table,
		      struct span mcfg)
{
	static struct ivrs_ivhd unit[BOOT_MAX_UNITS];
	struct ivrs ivrs;
	if (ivrs_open(table, &ivrs))
		return;
	unsigned n = ivrs_units(&ivrs, unit, BOOT_MAX_UNITS);
	out->amds = 0;
	for (unsigned i = 0; i < n; i++)
		add_amd(a, out, mcfg, &unit[i], i);
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
	const struct acpi_table *dmar = acpi_find(acpi, "DMAR", 0), *ivrs = acpi_find(acpi, "IVRS", 0);
	struct acpi_ecam w;
	enum sl_err e;
	if (dmar)
		scan_units(a, out, dmar->data);
	if (ivrs && !dmar && mcfg)
		scan_amds(a, out, ivrs->data, mcfg->data);
	for (unsigned i = 0; mcfg && (e = snapshot_window(a, mcfg->data, i, &w)) != SL_END; i++)
		if (e == SL_OK)
			scan_window(a, out, &w);
}
