#include "pci/ecam.h"
#include "kernel/mmio.h"
#include "kernel/report_lines.h"

static struct {
	uint16_t seg;
	uint8_t first, last;
	volatile uint8_t *va;
} windows[64];
static size_t n_windows;

enum sl_err ecam_add(uint16_t seg, uint8_t bus_start, uint8_t bus_end, volatile void *va)
{
	if (bus_end < bus_start)
		return SL_RANGE;
	for (size_t i = 0; i < n_windows; i++)
		if (windows[i].seg == seg && bus_start <= windows[i].last && bus_end >= windows[i].first)
			return SL_EXISTS;
	if (n_windows == ARRAY_LEN(windows))
		return SL_NOSPACE;
	windows[n_windows].seg = seg;
	windows[n_windows].first = bus_start;
	windows[n_windows].last = bus_end;
	windows[n_windows++].va = va;
	return SL_OK;
}

/* Bus 27:20, device and function 19:12, register 11:0 (PCIe §7.2.2), counted from the window's first bus. */
static volatile uint8_t *address(bdf_t fn, uint16_t off)
{
	for (size_t i = 0; i < n_windows; i++) {
		uint8_t bus = bdf_bus(fn);
		if (windows[i].seg == fn.seg && bus >= windows[i].first && bus <= windows[i].last)
			return windows[i].va + ((size_t)(bus - windows[i].first) << 20) +
			       ((size_t)bdf_devfn(fn) << 12) + (off & 0xfff);
	}
	return NULL;
}

static uint32_t rd32(void *ctx, unsigned off)
{
	const volatile uint8_t *p = address(*(const bdf_t *)ctx, (uint16_t)off);
	return p ? mmio_rd32(p) : UINT32_MAX;
}

static bool no_serials;

/* privacy=1: it is in the Device Serial Number, which then reads as zeros. */
static bool is_serial(bdf_t fn, uint16_t off)
{
	static bool asked;
	static bdf_t last;
	static unsigned at; /* of the last one */
	if (!no_serials || off < 0x100)
		return false;
	if (!asked || !bdf_eq(fn, last)) {
		asked = true;
		last = fn;
		at = report_serial_at(rd32, &fn);
	}
	return at && off - at < REPORT_SERIAL_BYTES;
}

static uint32_t ecam_rd(void *ctx, bdf_t fn, uint16_t off, unsigned bytes)
{
	(void)ctx;
	const volatile uint8_t *p = address(fn, off);
	if (p && is_serial(fn, off))
		return 0;
	if (!p)
		return UINT32_MAX;
	return bytes == 4 ? mmio_rd32(p) : bytes == 2 ? mmio_rd16(p) : mmio_rd8(p);
}

static void ecam_wr(void *ctx, bdf_t fn, uint16_t off, unsigned bytes, uint32_t v)
{
	(void)ctx;
	volatile uint8_t *p = address(fn, off);
	if (!p)
		return;
	if (bytes == 4)
		mmio_wr32(p, v);
	else if (bytes == 2)
		mmio_wr16(p, (uint16_t)v);
	else
		mmio_wr8(p, (uint8_t)v);
}

void ecam_hide_serials(void)
{
	no_serials = true;
}

const struct pci_cfg *ecam_cfg(bool read_only)
{
	static const struct pci_cfg cfg[] = {{.rd = ecam_rd, .wr = ecam_wr},
					     {.rd = ecam_rd, .read_only = true}};
	return &cfg[read_only];
}
