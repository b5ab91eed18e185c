#include "kernel/phys.h"
#include "kernel/msi.h"
#include "kernel/memmap.h"

#define CLAIMS    256u
#define WIDTH_MAX 52u

static const struct {
	uint32_t align;
	bool ram; /* it may be memory */
} rules[PHYS_KINDS] = {
	[PHYS_TABLE] = {1, true},    [PHYS_UNIT] = {PAGE_SIZE, false}, [PHYS_ECAM] = {1u << 20, false},
	[PHYS_HPET] = {1024, false}, [PHYS_IOAPIC] = {16, false},      [PHYS_TIMER] = {4, false},
	[PHYS_UART] = {1, false},    [PHYS_APIC] = {PAGE_SIZE, false}, [PHYS_BAR] = {16, false},
	[PHYS_SCREEN] = {4, false},
};

struct claim {
	uint64_t base, len;
	enum phys_kind kind;
};

static struct {
	const struct boot_region *map;
	uint32_t regions;
	uint64_t end; /* the first address that the processor does not have */
	struct claim claim[CLAIMS];
	unsigned claims;
} known;

const char *phys_fault_text(enum phys_fault f)
{
#define PHYS_FAULT_TEXT(n, text) [PHYS_##n] = text,
	static const char *const texts[] = {PHYS_FAULTS(PHYS_FAULT_TEXT)};
	return (unsigned)f < PHYS_FAULT_COUNT ? texts[f] : "?";
}

void phys_init(const struct boot_region *map, uint32_t regions, unsigned width)
{
	known.map = map;
	known.regions = regions;
	known.end = BIT(width < WIDTH_MAX ? width : WIDTH_MAX);
	known.claim[0] = (struct claim){MSI_WINDOW, MSI_WINDOW_END - MSI_WINDOW, PHYS_APIC};
	known.claims = 1;
}

static bool overlap(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

static bool in_ram(uint64_t addr, uint64_t len)
{
	for (uint32_t i = 0; i < known.regions; i++)
		if (memmap_is_ram(known.map[i].type) &&
		    overlap(addr, len, known.map[i].base, known.map[i].pages * PAGE_SIZE))
			return true;
	return false;
}

static bool same_thing(const struct claim *c, uint64_t addr, uint64_t len, enum phys_kind kind)
{
	return c->kind == kind && (c->base == addr || (addr > c->base && addr + len <= c->base + c->len));
}

static bool taken(uint64_t addr, uint64_t len, enum phys_kind kind)
{
	for (unsigned i = 0; i < known.claims; i++)
		if (overlap(addr, len, known.claim[i].base, known.claim[i].len) &&
		    !same_thing(&known.claim[i], addr, len, kind))
			return true;
	return false;
}

enum phys_fault phys_check(uint64_t addr, uint64_t len, enum phys_kind kind)
{
	if (!addr || !len)
		return PHYS_ZERO;
	if (addr >= known.end || len > known.end - addr)
		return PHYS_WIDE;
	if (!IS_ALIGNED(addr, rules[kind].align))
		return PHYS_ALIGN;
	if (rules[kind].ram)
		return PHYS_OK;
	if (in_ram(addr, len))
		return PHYS_RAM;
	return taken(addr, len, kind) ? PHYS_TAKEN : PHYS_OK;
}

enum phys_fault phys_claim(uint64_t addr, uint64_t len, enum phys_kind kind)
{
	enum phys_fault f = phys_check(addr, len, kind);
	if (f)
		return f;
	for (unsigned i = 0; i < known.claims; i++) {
		struct claim *c = &known.claim[i];
		if (!same_thing(c, addr, len, kind))
			continue;
		if (c->base == addr && len > c->len)
			c->len = len;
		return PHYS_OK;
	}
	if (known.claims == CLAIMS)
		return PHYS_MANY;
	known.claim[known.claims++] = (struct claim){addr, len, kind};
	return PHYS_OK;
}
