#include "boot/snapshot.h"
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

/* Every function that answers in one ECAM window: function 0 of each device, the others where it says that there are. */
static void scan_window(struct boot_snapshot *out, const struct acpi_ecam *w)
{
	for (unsigned slot = w->start * 32u; slot < (w->end + 1u) * 32; slot++) {
		for (unsigned f = 0; f < 8; f++) {
			bdf_t fn = bdf_make(w->seg, slot / 32, slot % 32, f);
			const volatile uint8_t *cfg = (const volatile uint8_t *)(w->base + ((uint64_t)fn.rid << 12));
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

void snapshot_take(const struct acpi *acpi, struct boot_snapshot *out)
{
	const struct acpi_table *mcfg = acpi_find(acpi, "MCFG", 0);
	struct acpi_ecam w;
	enum sl_err e;
	for (unsigned i = 0; mcfg && (e = acpi_mcfg(mcfg->data, i, &w)) != SL_END; i++)
		if (e == SL_OK)
			scan_window(out, &w);
}
