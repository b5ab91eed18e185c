#include "kernel/acpi.h"
#include "kernel/str.h"

#define SDT_MAX (16u << 20)

static bool sum_zero(struct span s)
{
	uint8_t sum = 0;
	for (size_t i = 0; i < s.n; i++)
		sum = (uint8_t)(sum + s.p[i]);
	return sum == 0;
}

static enum sl_err read_table(uint64_t phys, acpi_map_fn *map, struct acpi_table *t)
{
	const uint8_t *head = phys ? map(phys, ACPI_HEADER) : NULL;
	if (!head)
		return SL_NOTFOUND;
	uint32_t len = span_u32((struct span){head, ACPI_HEADER}, 4);
	if (len < ACPI_HEADER || len > SDT_MAX)
		return SL_TRUNC;
	const uint8_t *all = map(phys, len);
	if (!all)
		return SL_NOTFOUND;
	t->data = (struct span){all, len};
	t->phys = phys;
	t->sum_ok = sum_zero(t->data);
	memcpy(t->sig, all, 4);
	t->sig[4] = 0;
	return SL_OK;
}

/* Beyond ACPI_MAX_TABLES only the tables in use are kept. */
static bool is_read(const char *sig)
{
	static const char *const sigs[] = {"MCFG", "DMAR", "IVRS", "APIC", "FACP",
					   "HPET", "SPCR", "SRAT", "VIOT"};
	for (unsigned i = 0; i < ARRAY_LEN(sigs); i++)
		if (strcmp(sigs[i], sig) == 0)
			return true;
	return false;
}

static void keep_table(struct acpi *acpi, const struct acpi_table *t)
{
	unsigned at = acpi->count;
	if (at == ACPI_MAX_TABLES) {
		acpi->dropped++;
		if (!is_read(t->sig))
			return;
		while (at-- && is_read(acpi->table[at].sig))
			;
		if (at >= ACPI_MAX_TABLES)
			return;
	} else {
		acpi->count++;
	}
	acpi->table[at] = *t;
}

/* Follows the root table's pointers: 8 bytes each in the XSDT, 4 in the RSDT. */
static enum sl_err read_root(struct acpi *acpi, uint64_t phys, size_t width, acpi_map_fn *map)
{
	struct acpi_table root;
	enum sl_err e = read_table(phys, map, &root);
	if (e)
		return e;
	if (!root.sum_ok || memcmp(root.sig, width == 8 ? "XSDT" : "RSDT", 4))
		return SL_CHECKSUM;
	for (size_t off = ACPI_HEADER; span_has(root.data, off, width); off += width) {
		struct acpi_table t;
		uint64_t at = span_le(root.data, off, width);
		if (read_table(at, map, &t) == SL_OK) {
			keep_table(acpi, &t);
			continue;
		}
		if (acpi->lost < ARRAY_LEN(acpi->lost_at))
			acpi->lost_at[acpi->lost] = at;
		acpi->lost++;
	}
	return acpi->count ? SL_OK : SL_NOTFOUND;
}

enum sl_err acpi_init(struct acpi *acpi, uint64_t rsdp, acpi_map_fn *map)
{
	*acpi = (struct acpi){0};
	const uint8_t *p = rsdp ? map(rsdp, 20) : NULL;
	if (!p || memcmp(p, "RSD PTR ", 8))
		return SL_BADVAL;
	if (!sum_zero((struct span){p, 20}))
		return SL_CHECKSUM;
	acpi->revision = p[15];
	if (acpi->revision >= 2 && (p = map(rsdp, 36)) && sum_zero((struct span){p, 36})) {
		acpi->xsdt = true;
		if (read_root(acpi, span_u64((struct span){p, 36}, 24), 8, map) == SL_OK)
			return SL_OK;
		acpi->xsdt = false;
		acpi->count = acpi->lost = acpi->dropped = 0;
	}
	p = map(rsdp, 20);
	return p ? read_root(acpi, span_u32((struct span){p, 20}, 16), 4, map) : SL_BADVAL;
}

const struct acpi_table *acpi_find(const struct acpi *acpi, const char *sig, unsigned nth)
{
	for (unsigned i = 0; i < acpi->count; i++)
		if (strcmp(acpi->table[i].sig, sig) == 0 && nth-- == 0)
			return &acpi->table[i];
	return NULL;
}

enum sl_err acpi_mcfg(struct span mcfg, unsigned i, struct acpi_ecam *out)
{
	size_t off = ACPI_HEADER + 8 + 16 * (size_t)i;
	if (!span_has(mcfg, off, 16))
		return SL_END;
	*out = (struct acpi_ecam){.base = span_u64(mcfg, off),
				  .seg = span_u16(mcfg, off + 8),
				  .start = span_u8(mcfg, off + 10),
				  .end = span_u8(mcfg, off + 11)};
	if (!out->base || !IS_ALIGNED(out->base, 1u << 20) || out->base > BITS(51, 0) ||
	    out->start > out->end)
		return SL_BADVAL;
	return SL_OK;
}

struct acpi_timer acpi_fadt_timer(struct span fadt)
{
	struct acpi_timer t = {.addr = span_u32(fadt, 76), .wide = span_u32(fadt, 112) >> 8 & 1};
	uint64_t x = span_u64(fadt, 208 + 4); /* X_PM_TMR_BLK, a generic address */
	uint8_t space = span_u8(fadt, 208);
	if (x && space <= 1) {
		t.addr = x;
		t.mmio = space == 0;
	}
	return t;
}

struct acpi_reset acpi_fadt_reset(struct span fadt)
{
	bool there = span_u32(fadt, 112) >> 10 & 1; /* RESET_REG_SUP */
	uint64_t port = span_u64(fadt, 116 + 4);    /* RESET_REG, a generic address */
	if (!there || span_u8(fadt, 116) != 1 || span_u8(fadt, 116 + 1) != 8 || port > UINT16_MAX)
		return (struct acpi_reset){0};
	return (struct acpi_reset){(uint16_t)port, span_u8(fadt, 128)};
}

bool acpi_fadt_i8042(struct span fadt)
{
	return span_u8(fadt, 8) < 3 || span_u16(fadt, 109) >> 1 & 1;
}

uint64_t acpi_hpet(struct span hpet)
{
	return span_u8(hpet, 40) == 0 ? span_u64(hpet, 44) : 0;
}

/* 0 for "as it is" and for codes that the table does not define. */
static uint32_t spcr_rate(uint8_t code)
{
	static const uint32_t rates[] = {[3] = 9600, [4] = 19200, [6] = 57600, [7] = 115200};
	return code < ARRAY_LEN(rates) ? rates[code] : 0;
}

enum sl_err acpi_spcr(struct span spcr, struct acpi_uart *out)
{
	uint8_t kind = span_u8(spcr, 36), space = span_u8(spcr, 40), width = span_u8(spcr, 41);
	uint8_t access = span_u8(spcr, 43);
	uint64_t addr = span_u64(spcr, 44);
	bool is_16550 = kind == 0 || kind == 1 || kind == 0x12;
	if (!span_has(spcr, 0, 52) || !is_16550 || space > 1 || !addr)
		return SL_NOTFOUND;
	*out = (struct acpi_uart){.addr = addr, .mmio = space == 0, .stride = 1};
	if (out->mmio && kind != 1 && (width == 32 || access == 3))
		out->stride = 4;
	uint8_t revision = span_u8(spcr, 8);
	out->clock = revision >= 3 && span_has(spcr, 76, 4) ? span_u32(spcr, 76) : 0;
	out->baud = revision >= 4 && span_has(spcr, 80, 4) ? span_u32(spcr, 80) : 0;
	if (!out->baud)
		out->baud = spcr_rate(span_u8(spcr, 58));
	return SL_OK;
}
