/* Random machines: ACPI tables, memory map, firmware's page tables, VT-d units and configuration space that
 * firmware got wrong, through the loader's logic and through bring-up up to translation. Each ends with a
 * refusal or with stages that work or say why not; no store goes to memory that the map does not give, which
 * is made read-only here. A machine is a process: what the kernel never frees ends with it.
 *
 * SLUICE_MACHINES= how many, SLUICE_SEED= the first; SLUICE_SHOW=1 prints what each of them says. */
#define _DEFAULT_SOURCE
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <sanitizer/common_interface_defs.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "apps/machine.h"
#include "apps/bringup/platform.h"
#include "apps/bringup/groups.h"
#include "apps/bringup/iommu.h"
#include "apps/bringup/irqs.h"
#include "boot/fwtables.h"
#include "boot/layout.h"
#include "boot/snapshot.h"
#include "iommu/amdvi/io_hw.h"
#include "iommu/vtd/io_hw.h"
#include "kernel/log.h"
#include "kernel/ps2.h"
#include "kernel/memmap.h"
#include "kernel/pmm.h"
#include "kernel/power.h"
#include "kernel/serial.h"
#include "kernel/ram.h"
#include "apps/bringup/platform.h"
#include "kernel/time.h"
#include "kernel/cpu.h"
#include "kernel/paging.h"
#include "kernel/tsc.h"
#include "pci/ecam.h"
#include "tests/model/cfg_model.h"
#include "tests/model/vtd_model.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

/* The machine's RAM that there really is, and what lies where in it. */
#define RAM       0x40000000ull
#define RAM_BYTES (8u << 20)
#define PAGES     (RAM_BYTES / PAGE_SIZE)
#define ECAM      0xe0000000ull
#define UNIT      0xfed90000ull
enum {
	RSDP = 0x1000,
	XSDT = 0x2000,
	TABLES = 0x3000, /* a page each */
	FIRMWARE_PT = 0x20000,
	INFO = 0x40000,
	MAP = 0x50000,
	SNAPSHOT = 0x70000, /* two, 64 KiB each */
	KERNEL = 0x90000,
	JUMP = 0x9f000,
	STOCK = 0x100000,
	STOCK_END = 0x300000,
	RESERVED_AT = 0x300000,
	BOOT_AT = 0x380000,
	FREE_AT = 0x400000
};

static uint64_t rng;

static uint64_t rnd(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % n;
}

static bool one_in(uint64_t n)
{
	return rnd(n) == 0;
}

static uint8_t *ram(uint64_t off)
{
	return phys_va(PHYS(RAM + off));
}

static void put(uint8_t *p, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

/* ---- memory: what may be written ---- */

static struct model_mem seen;
static int8_t harm_of[PAGES]; /* by the descriptors; -1: in none */

#define RAM_HARM 8 /* up to runtime code it is memory */

static int harm(uint32_t type)
{
	static const uint32_t by_harm[] = {7, 4, 3, 2, 1, 9, 10, 6, 5, 11, 12, 0, 8};
	for (int i = 0; i < 13; i++)
		if (by_harm[i] == type)
			return i;
	return 11;
}

/* As the rules for descriptors are in kernel/memmap.h: the processor has 39 address bits, what must not be
 * used and begins inside a page takes that page, anything else that is odd is left out. */
static void paint(uint32_t type, uint64_t base, uint64_t pages)
{
	bool ram_type = harm(type) <= RAM_HARM;
	if (base >= BIT(39) || pages > (BIT(39) - base) / PAGE_SIZE || (base % PAGE_SIZE && ram_type))
		return;
	uint64_t first = base / PAGE_SIZE, end = (base + pages * PAGE_SIZE + PAGE_SIZE - 1) / PAGE_SIZE;
	for (uint64_t i = 0; i < PAGES; i++)
		if (RAM / PAGE_SIZE + i >= first && RAM / PAGE_SIZE + i < end && harm(type) > harm_of[i])
			harm_of[i] = (int8_t)harm(type);
}

/* Memory that the map calls free may be written; that of boot services, once it is taken back. */
static void guard_memory(int up_to)
{
	for (unsigned i = 0, next; i < PAGES; i = next) {
		bool may = harm_of[i] >= 0 && harm_of[i] <= up_to;
		for (next = i + 1; next < PAGES && (harm_of[next] >= 0 && harm_of[next] <= up_to) == may;)
			next++;
		if (mprotect(ram(i * PAGE_SIZE), (next - i) * PAGE_SIZE,
			     may ? PROT_READ | PROT_WRITE : PROT_READ))
			abort();
	}
}

static uint64_t give(struct boot_info *b, uint32_t type)
{
	const struct boot_region *r = phys_va(PHYS(b->regions));
	uint64_t pages = 0;
	for (uint32_t i = 0; i < b->region_count; i++) {
		uint64_t from = r[i].base > RAM ? r[i].base : RAM, end = r[i].base + r[i].pages * PAGE_SIZE;
		end = end < RAM + RAM_BYTES ? end : RAM + RAM_BYTES;
		if (r[i].type != type || from >= end)
			continue;
		assert_int_equal(pmm_add(PHYS(from), (end - from) / PAGE_SIZE), SL_OK);
		pages += (end - from) / PAGE_SIZE;
	}
	return pages;
}

/* ---- the machine: firmware's memory map ---- */

#define DESCRIPTORS 200u
#define STRIDE      48u
static uint8_t efi_map[DESCRIPTORS * STRIDE];
static unsigned descriptors;

static void descriptor(uint32_t type, uint64_t base, uint64_t pages)
{
	uint8_t *p = efi_map + STRIDE * descriptors;
	if (descriptors == DESCRIPTORS)
		return;
	descriptors++;
	memset(p, 0, STRIDE);
	put(p, type, 4);
	put(p + 8, base, 8);
	put(p + 24, pages, 8);
	put(p + 32, 0xf, 8);
	paint(type, base, pages);
}

static void random_map(void)
{
	static const uint32_t types[] = {0, 1, 2, 3, 4, 5, 6, 7, 7, 8, 9, 10, 11, 12, 14, 15, 0x80000000};
	memset(harm_of, -1, sizeof harm_of);
	descriptor(MEM_FREE, 0x1000, 0x9e);
	descriptor(MEM_LOADER_DATA, RAM, STOCK_END / PAGE_SIZE);
	descriptor(MEM_RT_DATA, RAM + RESERVED_AT, 0x80);
	descriptor(MEM_BOOT_DATA, RAM + BOOT_AT, 0x80);
	descriptor(MEM_FREE, RAM + FREE_AT, PAGES - FREE_AT / PAGE_SIZE);
	descriptor(MEM_MMIO, 0xfec00000, 0x1000);
	for (unsigned n = one_in(3) ? (unsigned)rnd(100) : 0; n; n--) {
		uint64_t base = rnd(4) ? RAM + BOOT_AT + rnd(0x400) * PAGE_SIZE : rnd(BIT(40)) & ~0xfffull;
		uint64_t pages = 1 + rnd(rnd(2) ? 4 : 0x100);
		if (one_in(8))
			base |= rnd(0x1000);
		if (one_in(16))
			base = BIT(52) - rnd(4) * PAGE_SIZE;
		if (one_in(16))
			pages = UINT64_MAX >> rnd(16);
		descriptor(types[rnd(ARRAY_LEN(types))], base, pages);
	}
	if (one_in(40)) /* memory that the loader was given */
		descriptor(types[rnd(ARRAY_LEN(types))], RAM + rnd(STOCK_END) / PAGE_SIZE * PAGE_SIZE,
			   1 + rnd(8));
}

/* ---- its tables ---- */

static unsigned tables;

static void seal(uint8_t *p, size_t n, size_t sum_at)
{
	uint8_t sum = 0;
	p[sum_at] = 0;
	for (size_t i = 0; i < n; i++)
		sum = (uint8_t)(sum + p[i]);
	p[sum_at] = (uint8_t)-sum;
}

/* An address that firmware might have got wrong. */
static uint64_t odd_address(uint64_t right)
{
	switch (rnd(12)) {
	case 0:
		return RAM + rnd(RAM_BYTES);
	case 1:
		return ALIGN_DOWN(RAM + rnd(RAM_BYTES), PAGE_SIZE);
	case 2:
		return rnd(2) ? 0 : UINT64_MAX;
	case 3:
		return BIT(rnd(64));
	case 4:
		return right ^ BIT(rnd(52));
	case 5:
		return rnd(2) ? 0xfee00000 : ECAM + rnd(BIT(28));
	case 6:
		return BIT(39) - rnd(0x4000);
	case 7:
		return UINT64_MAX << 47;
	default:
		return right;
	}
}

static void add_table(const char *sig, const uint8_t *body, size_t n)
{
	uint8_t *t = ram(TABLES + tables * PAGE_SIZE);
	uint64_t len = 36 + n, listed = RAM + TABLES + tables * PAGE_SIZE;
	if (one_in(30))
		return;
	memcpy(t, sig, 4);
	put(t + 4, len, 4);
	memcpy(t + 36, body, n);
	for (uint64_t flips = one_in(6) ? 1 + rnd(8) : 0; flips; flips--)
		t[rnd(2) ? rnd(len) : 36 + rnd(n)] = (uint8_t)(rnd(2) ? rnd(256) : rnd(2) ? 0xff : 0);
	if (one_in(30))
		put(t + 4, rnd(4) ? rnd(PAGE_SIZE) : rnd(BIT(32)), 4);
	if (!one_in(20))
		seal(t, len, 9);
	put(ram(XSDT) + 36 + 8 * tables, one_in(30) ? odd_address(listed) : listed, 8);
	tables++;
}

static void add_mcfg(void)
{
	uint8_t b[8 + 3 * 16] = {0};
	size_t n = 1 + (one_in(6) ? rnd(3) : 0);
	for (size_t i = 0; i < n; i++) {
		uint8_t *e = b + 8 + 16 * i;
		put(e, one_in(8) ? odd_address(ECAM) & (one_in(3) ? UINT64_MAX : ~0xfffffull) : ECAM, 8);
		put(e + 8, one_in(10) ? rnd(3) : 0, 2);
		e[10] = (uint8_t)(n > 1 ? 0x40 * i : one_in(10) ? rnd(8) : 0);
		e[11] = (uint8_t)(n > 1 ? 0x40 * i + 0x3f : one_in(10) ? rnd(256) : 0x1f);
	}
	add_table("MCFG", b, 8 + 16 * n);
}

static void add_madt(void)
{
	uint8_t b[8 + 2 * 8 + 2 * 12] = {0};
	put(b, 0xfee00000, 4);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t *cpu = b + 8 + 8 * i, *io = b + 24 + 12 * i;
		cpu[1] = 8, cpu[2] = cpu[3] = (uint8_t)i, cpu[4] = 1;
		io[0] = 1, io[1] = 12, io[2] = (uint8_t)i;
		put(io + 4, one_in(10) ? odd_address(0xfec00000) : 0xfec00000, 4);
	}
	add_table("APIC", b, sizeof b);
}

static size_t add_scope(uint8_t *p, unsigned type, unsigned bus, unsigned devfn)
{
	p[0] = (uint8_t)type, p[1] = 8, p[5] = (uint8_t)bus, p[6] = (uint8_t)(devfn >> 3), p[7] = devfn & 7;
	return 8;
}

static unsigned random_devfn(void)
{
	return (unsigned)(rnd(2) ? rnd(5) << 3 : rnd(256));
}

static size_t add_unit_entry(uint8_t *p, unsigned i, bool all)
{
	size_t n = 16;
	put(p + 8, one_in(10) ? odd_address(UNIT + 0x1000 * i) : UNIT + 0x1000 * i, 8);
	p[4] = all;
	p[5] = (uint8_t)(one_in(20) ? rnd(16) : 0);
	put(p + 6, one_in(20), 2);
	for (unsigned k = all ? (unsigned)rnd(2) : 1 + (unsigned)rnd(3); k; k--)
		n += add_scope(p + n, 1 + (unsigned)rnd(one_in(10) ? 6 : 2), one_in(5) ? (unsigned)rnd(4) : 0,
			       random_devfn());
	put(p + 2, n, 2);
	return n;
}

static size_t add_rmrr_entry(uint8_t *p)
{
	uint64_t base =
		ALIGN_DOWN(one_in(4) ? odd_address(RAM + RESERVED_AT) : RAM + rnd(RAM_BYTES), PAGE_SIZE);
	size_t n = 24;
	put(p, 1, 2);
	put(p + 8, base, 8);
	put(p + 16, one_in(12) ? rnd(BIT(48)) : base + (1 + rnd(32)) * PAGE_SIZE - 1, 8);
	for (unsigned k = (unsigned)rnd(3); k; k--)
		n += add_scope(p + n, 1, one_in(5) ? (unsigned)rnd(4) : 0, random_devfn());
	put(p + 2, n, 2);
	return n;
}

static void add_dmar(unsigned units)
{
	uint8_t b[1024] = {(uint8_t)(one_in(10) ? rnd(64) : 38), 1};
	size_t n = 12;
	for (unsigned i = 0; i < units; i++)
		n += add_unit_entry(b + n, i, i + 1 == units && !one_in(10));
	for (unsigned i = (unsigned)rnd(4); i; i--)
		n += add_rmrr_entry(b + n);
	add_table("DMAR", b, n);
}

static void random_tables(unsigned units)
{
	uint8_t hpet[20] = {0}, facp[220] = {0}, spcr[44] = {0};
	put(hpet + 8, odd_address(0xfed00000), 8);
	put(facp + 40, 0x608, 4);
	put(spcr + 8, odd_address(0xfe000000), 8);
	add_mcfg();
	add_madt();
	add_dmar(units);
	add_table("HPET", hpet, sizeof hpet);
	add_table("FACP", facp, sizeof facp);
	if (one_in(4))
		add_table("SPCR", spcr, sizeof spcr);
	uint8_t *x = ram(XSDT), *r = ram(RSDP);
	memcpy(x, "XSDT", 4);
	put(x + 4, 36 + 8 * tables, 4);
	seal(x, 36 + 8 * tables, 9);
	memcpy(r, "RSD PTR ", 8);
	r[15] = 2;
	put(r + 24, one_in(60) ? odd_address(RAM + XSDT) : RAM + XSDT, 8);
	seal(r, 20, 8);
	seal(r, 36, 32);
}

/* ---- its devices ---- */

static struct model_unit unit[3];
static unsigned units;
static struct cm cm;

static void random_units(void)
{
	units = 1 + (unsigned)rnd(ARRAY_LEN(unit));
	for (unsigned i = 0; i < units; i++) {
		uint64_t cap = MODEL_CAP, ecap = MODEL_ECAP;
		if (one_in(4))
			cap ^= BIT(rnd(64));
		if (one_in(4))
			ecap ^= BIT(rnd(64));
		if (one_in(3))
			ecap ^= MODEL_COHERENT;
		if (one_in(30))
			cap = ecap = rnd(2) ? 0 : UINT64_MAX;
		model_init(&unit[i], &seen, MODEL_VER, cap, ecap, 39);
		unit[i].base = UNIT + 0x1000 * i;
		unit[i].window = 0x1000;
		if (one_in(6))
			model_firmware(&unit[i], rnd(2), rnd(2), rnd(2), rnd(2));
		if (one_in(20))
			unit[i].stuck = 1u << rnd(32);
		unit[i].queue_stuck = one_in(40);
	}
}

static void endpoint(struct cm_fn *parent, unsigned bus, unsigned devfn)
{
	struct cm_fn *f =
		cm_add(&cm, parent, 0, bus, devfn, 0x12340000u | 0x8086, rnd(2) ? 0x010802 : 0x020000);
	cm_pcie(f, 0x40, 0);
	cm_bar(f, 0x10, 0x4000, 4, 0xc0000000 + rnd(64) * 0x4000);
	if (one_in(3))
		cm_cap(f, 0x80, 0x11);
	if (one_in(3))
		cm_sriov(&cm, f, 0x160, 1 + (unsigned)rnd(8), 1, 1);
	cm_put(f, 4, 2, rnd(8));
}

static void random_devices(void)
{
	cm_init(&cm);
	(void)cm_add(&cm, NULL, 0, 0, 0, 0x29c08086, 0x060000);
	endpoint(NULL, 0, 3 << 3);
	unsigned bus = 1;
	for (unsigned i = 0; i < 1 + rnd(4); i++) {
		unsigned last = bus + (unsigned)rnd(2);
		struct cm_fn *port = cm_bridge(&cm, NULL, 0, 0, (4 + i) << 3, bus, last, one_in(4) ? -1 : 4);
		cm_put(port, 4, 2, rnd(8));
		endpoint(port, bus, 0);
		if (one_in(3))
			endpoint(port, bus, 1);
		if (one_in(8)) {
			cm_put(port, 0x18, 1, rnd(256));
			cm_put(port, 0x19, 1, rnd(8));
			cm_put(port, 0x1a, 1, rnd(2) ? rnd(8) : rnd(256));
		}
		bus = last + 1;
	}
	for (size_t i = 0; i < cm.n; i++) {
		struct cm_fn *f = cm.fn[i];
		if (!one_in(6))
			continue;
		for (unsigned n = 1 + (unsigned)rnd(6); n; n--) {
			unsigned at = (unsigned)(rnd(2) ? rnd(0x100) : 0x100 + rnd(0x200));
			f->data[at] = (uint8_t)(rnd(2) ? rnd(256) : rnd(2) ? 0xff : 0);
		}
		f->absent = one_in(20);
	}
}

/* ---- firmware's page tables ---- */

static const uint64_t *firmware_table(uint64_t phys)
{
	return phys >= RAM && phys + PAGE_SIZE <= RAM + RAM_BYTES ? phys_va(PHYS(phys)) : NULL;
}

/* 64 GiB one to one, with holes now and then. */
static struct fw_tables random_firmware_tables(bool la57)
{
	uint64_t at = RAM + FIRMWARE_PT;
	uint64_t *pml4 = phys_va(PHYS(at)), *pdpt = pml4 + 512, *pml5 = pdpt + 512;
	memset(pml4, 0, 3 * PAGE_SIZE);
	pml5[0] = at | 3;
	pml4[0] = (at + PAGE_SIZE) | 3;
	for (uint64_t i = 0; i < 64; i++)
		pdpt[i] = i * PAGE_1G | 0x83;
	if (one_in(10))
		pdpt[rnd(64)] = rnd(2) ? 0 : rnd(UINT64_MAX);
	if (one_in(60))
		pml4[rnd(2)] ^= BIT(rnd(64));
	return (struct fw_tables){la57 ? at + 2 * PAGE_SIZE : at, la57, 39, firmware_table};
}

/* ---- what the loader does on hardware ---- */

static struct fw_tables firmware;
static struct acpi acpi;

static enum phys_fault check(uint64_t addr, uint64_t len, enum phys_kind kind)
{
	enum phys_fault f = phys_check(addr, len, kind);
	return !f && !fw_mapped(&firmware, addr, len) ? PHYS_UNMAPPED : f;
}

static struct model_unit *unit_at(uint64_t addr)
{
	for (unsigned i = 0; i < units; i++)
		if (addr >= unit[i].base && addr < unit[i].base + PAGE_SIZE)
			return &unit[i];
	return NULL;
}

static bool in_ram(uint64_t addr, uint64_t len)
{
	return addr >= RAM && addr < RAM + RAM_BYTES && len <= RAM + RAM_BYTES - addr;
}

/* What the map calls RAM is never taken for registers. */
static bool is_ram(uint64_t addr)
{
	return in_ram(addr, 1) && harm_of[(addr - RAM) / PAGE_SIZE] >= 0 &&
	       harm_of[(addr - RAM) / PAGE_SIZE] <= RAM_HARM;
}

/* A load from the bus, as the loader and ECAM do it. */
static uint64_t bus_load(uint64_t addr, unsigned bytes)
{
	struct model_unit *u = unit_at(addr);
	uint64_t v = UINT64_MAX;
	assert_false(is_ram(addr));
	if (u) {
		struct vtd_io io = model_io(u);
		uint32_t off = (uint32_t)(addr - u->base);
		return bytes == 8 ? io.rd64(io.ctx, off) : io.rd32(io.ctx, off);
	}
	if (addr >= ECAM && addr - ECAM < BIT(28)) {
		bdf_t fn = {0, (uint16_t)((addr - ECAM) >> 12)};
		v = cm.cfg.rd(cm.cfg.ctx, fn, (uint16_t)(addr & 0xfff), bytes);
	}
	return v;
}

static const uint8_t *loader_map(uint64_t phys, size_t len)
{
	static uint8_t nothing[PAGE_SIZE];
	memset(nothing, 0xff, sizeof nothing);
	if (check(phys, len, PHYS_TABLE))
		return NULL;
	return in_ram(phys, len) ? phys_va(PHYS(phys)) : len <= sizeof nothing ? nothing : NULL;
}

static struct boot_info *hand_over(bool la57)
{
	struct boot_info *bi = (struct boot_info *)ram(INFO);
	memset(bi, 0, sizeof *bi);
	memset(ram(SNAPSHOT), 0, 0x20000);
	*bi = (struct boot_info){.magic = BOOT_INFO_MAGIC,
				 .version = BOOT_INFO_VERSION,
				 .size = sizeof *bi,
				 .la57 = la57,
				 .pages_1g = (uint32_t)rnd(2),
				 .phys_bits = 39,
				 .rsdp = RAM + RSDP,
				 .regions = RAM + MAP,
				 .at_entry = RAM + SNAPSHOT,
				 .at_exit = RAM + SNAPSHOT + 0x10000,
				 .jump_page = RAM + JUMP,
				 .segment_count = 3};
	config_defaults(&bi->cfg);
	for (uint64_t i = 0; i < 3; i++) {
		uint64_t off = 0x4000 * i;
		bi->segment[i] = (struct boot_segment){0xffffffff80000000 + off, RAM + KERNEL + off, 0x4000,
						       i == 0   ? 5u
						       : i == 1 ? 4u
								: 6u,
						       0};
	}
	return bi;
}

/* Every page of RAM that the map gives is in the direct map, and what must not change is not writable. */
static void check_layout(struct boot_info *bi)
{
	uint64_t *root = phys_va(PHYS(bi->root_table));
	struct pt pt = {.pml4 = root};
	if (bi->la57)
		pt = (struct pt){.pml4 = phys_va(PHYS(root[511] & BITS(51, 12))),
				 .low = phys_va(PHYS(root[0] & BITS(51, 12)))};
	const struct pt_range fixed[] = {{bi->tables, bi->tables_pages * PAGE_SIZE}, {RAM + KERNEL, 0x8000}};
	struct pt_wrong w = {0};
	assert_int_equal(pt_unmap_page(&pt, bi->jump_page), SL_OK);
	if (!pt_sound(&pt, fixed, ARRAY_LEN(fixed), &w))
		fail_msg("%s: 0x%llx 0x%llx", w.what, (ull)w.va, (ull)w.pa);
	for (unsigned i = 0; i < PAGES; i++) {
		phys_t pa;
		unsigned flags;
		bool mapped = pt_lookup(&pt, LAYOUT_MAP_BASE + RAM + i * PAGE_SIZE, &pa, &flags);
		assert_int_equal(mapped, harm_of[i] >= 0 && harm_of[i] <= RAM_HARM);
	}
}

/* NULL, or why the loader refuses to start. */
static const char *load(struct boot_info *bi)
{
	const struct snapshot_access registers = {check, bus_load, NULL};
	struct boot_region *regions = phys_va(PHYS(bi->regions));
	bi->region_count =
		memmap_decode((struct span){efi_map, descriptors * STRIDE}, STRIDE, BIT(bi->phys_bits),
			      regions, MEMMAP_ROOM(DESCRIPTORS), &bi->regions_odd);
	phys_init(regions, bi->region_count, bi->phys_bits);
	if (!bi->region_count)
		return "no memory map";
	if (acpi_init(&acpi, bi->rsdp, loader_map))
		return "no ACPI tables";
	snapshot_take(&registers, &acpi, phys_va(PHYS(bi->at_entry)));
	snapshot_take(&registers, &acpi, phys_va(PHYS(bi->at_exit)));
	uint64_t room = (STOCK_END - STOCK) / PAGE_SIZE, want = layout_pages(bi, regions);
	enum sl_err e = layout_build(bi, regions, ram(STOCK), want < room ? want : room);
	if (e == SL_NOMEM)
		e = layout_build(bi, regions, ram(STOCK), room);
	if (e == SL_NOMEM)
		return "no memory for page tables"; /* the loader would take more */
	if (e == SL_VERIFY)
		return "the loader's own memory is not RAM";
	assert_int_equal(e, SL_OK);
	check_layout(bi);
	return NULL;
}

/* ---- what the kernel does on hardware ---- */

static struct boot_info *booted;

const uint8_t *paging_read_map(uint64_t phys, size_t len)
{
	static uint8_t nothing[PAGE_SIZE];
	memset(nothing, 0xff, sizeof nothing);
	if (phys_check(phys, len, PHYS_TABLE))
		return NULL;
	return in_ram(phys, len) ? phys_va(PHYS(phys)) : len <= sizeof nothing ? nothing : NULL;
}

/* Mapped registers are their physical address. */
volatile void *mmio_claim(const char *what, phys_t phys, uint64_t len, enum phys_kind kind)
{
	enum phys_fault f = phys_claim(phys.v, len, kind);
	if (f)
		log_warn("map", "%s at 0x%llx is not touched: %s", what, (ull)phys.v, phys_fault_text(f));
	return f ? NULL : (volatile void *)(uintptr_t)phys.v;
}

static struct {
	uint16_t seg;
	uint8_t first, last;
	uint64_t at;
} window[64];
static unsigned windows;

enum sl_err ecam_add(uint16_t seg, uint8_t first, uint8_t last, volatile void *va)
{
	for (unsigned i = 0; i < windows; i++)
		if (window[i].seg == seg && first <= window[i].last && last >= window[i].first)
			return SL_EXISTS;
	if (windows == ARRAY_LEN(window))
		return SL_NOSPACE;
	window[windows].seg = seg;
	window[windows].first = first;
	window[windows].last = last;
	window[windows++].at = (uintptr_t)va;
	return SL_OK;
}

static uint64_t ecam_at(bdf_t fn, uint16_t off)
{
	for (unsigned i = 0; i < windows; i++)
		if (window[i].seg == fn.seg && bdf_bus(fn) >= window[i].first &&
		    bdf_bus(fn) <= window[i].last)
			return window[i].at + ((uint64_t)(bdf_bus(fn) - window[i].first) << 20) +
			       ((uint64_t)bdf_devfn(fn) << 12) + off;
	return 0;
}

static uint32_t ecam_rd(void *ctx, bdf_t fn, uint16_t off, unsigned bytes)
{
	(void)ctx;
	uint64_t at = ecam_at(fn, off);
	return at ? (uint32_t)bus_load(at, bytes) : UINT32_MAX;
}

/* The DMAR table told the loader of it. */
static bool known_unit(const struct model_unit *u)
{
	const struct boot_snapshot *s = phys_va(PHYS(booted->at_entry));
	for (uint32_t i = 0; i < s->units; i++)
		if (s->unit[i].base == u->base)
			return true;
	return false;
}

static void ecam_wr(void *ctx, bdf_t fn, uint16_t off, unsigned bytes, uint32_t v)
{
	(void)ctx;
	uint64_t at = ecam_at(fn, off);
	assert_false(is_ram(at));
	assert_false(unit_at(at) && known_unit(unit_at(at)));
	if (at >= ECAM && at - ECAM < BIT(28))
		cm.cfg.wr(cm.cfg.ctx, (bdf_t){0, (uint16_t)((at - ECAM) >> 12)}, off, bytes, v);
}

void ecam_hide_serials(void) {}

const struct pci_cfg *ecam_cfg(bool read_only)
{
	(void)read_only;
	static const struct pci_cfg cfg = {.rd = ecam_rd, .wr = ecam_wr};
	return &cfg;
}

/* Registers of a unit; all ones where there is none. */
static uint32_t none32(void *ctx, uint32_t off)
{
	(void)ctx, (void)off;
	return UINT32_MAX;
}

static uint64_t none64(void *ctx, uint32_t off)
{
	(void)ctx, (void)off;
	return UINT64_MAX;
}

static void drop32(void *ctx, uint32_t off, uint32_t v)
{
	(void)ctx, (void)off, (void)v;
}

static void drop64(void *ctx, uint32_t off, uint64_t v)
{
	(void)ctx, (void)off, (void)v;
}

static void no_flush(void *ctx, const void *p, size_t n)
{
	(void)ctx, (void)p, (void)n;
}

static uint64_t tick(void *ctx)
{
	(void)ctx;
	return now_us();
}

struct vtd_io vtd_io_hw(volatile void *regs)
{
	struct model_unit *u = unit_at((uintptr_t)regs);
	if (u && u->base == (uintptr_t)regs)
		return model_io(u);
	return (struct vtd_io){NULL, none32, none64, drop32, drop64, no_flush, tick};
}

struct amdvi_io amdvi_io_hw(volatile void *regs)
{
	(void)regs;
	return (struct amdvi_io){NULL, none64, drop64, tick};
}

enum sl_err irqs_start(struct machine *m)
{
	enum sl_err e = iommu_irq_enable(&m->iommu, 1024, false);
	if (e && e != SL_UNSUPPORTED) /* as apps/proof/irqs.c */
		log_fail("irqs", NULL, "interrupts could not be set up: %s", sl_err_text(e));
	return e == SL_UNSUPPORTED ? SL_OK : e;
}

uint64_t ram_boot_pages(void)
{
	return 0;
}

uint64_t ram_reclaim(void)
{
	guard_memory(harm(MEM_BOOT_CODE));
	return give(booted, MEM_BOOT_CODE) + give(booted, MEM_BOOT_DATA);
}

const struct cpu_info *cpu_info(void)
{
	static const struct cpu_info info = {.brand = "none"};
	return &info;
}

void power_reset_register(const struct acpi *a)
{
	(void)a;
}

void paging_check(void) {}

enum sl_err tsc_init(const struct acpi *a, uint64_t zero)
{
	(void)a, (void)zero;
	return SL_OK;
}

const struct tsc_info *tsc_info(void)
{
	static const struct tsc_info info = {1000000000, "the test"};
	return &info;
}

/* There is no UART anywhere. */
enum sl_err uart_map(const struct acpi_uart *at, struct uart *out)
{
	*out = (struct uart){.at = *at};
	if (at->mmio)
		out->regs = mmio_claim("a UART", PHYS(at->addr), 8ull * at->stride, PHYS_UART);
	return at->mmio && !out->regs ? SL_NOMEM : SL_OK;
}

/* No i8042. */
uint8_t ps2_in(uint16_t port)
{
	(void)port;
	return 0xff;
}

void ps2_out(uint16_t port, uint8_t v)
{
	fail_msg("port 0x%x is written: 0x%x", port, v);
}

uint8_t uart_rd(const struct uart *u, unsigned reg)
{
	assert_false(u->at.mmio && is_ram(u->at.addr + reg * u->at.stride));
	return 0xff;
}

void uart_wr(const struct uart *u, unsigned reg, uint8_t value)
{
	(void)value;
	assert_false(u->at.mmio && is_ram(u->at.addr + reg * u->at.stride));
}

/* ---- one machine ---- */

static bool failed; /* a FAIL line was printed */

static void listen(const char *text, size_t len)
{
	for (size_t i = 0; i + 5 <= len; i++)
		failed = failed || memcmp(text + i, "FAIL ", 5) == 0;
	if (!getenv("SLUICE_SHOW"))
		return;
	fwrite(text, 1, len, stdout);
	fflush(stdout); /* the process ends without */
}

/* The tables of a unit that translates lie in memory that is the kernel's own. */
static void check_units(void)
{
	for (unsigned i = 0; i < units; i++) {
		const struct model_unit *u = &unit[i];
		uint64_t root = u->root & BITS(51, 12);
		if (u->gsts >> 31 && in_ram(root, PAGE_SIZE) && u->commands)
			assert_true(harm_of[(root - RAM) / PAGE_SIZE] >= 0 &&
				    harm_of[(root - RAM) / PAGE_SIZE] <= harm(MEM_BOOT_CODE));
	}
}

/* Where a unit or configuration space is, no screen is drawn on. */
static void check_claims(void)
{
	const struct boot_snapshot *s = phys_va(PHYS(booted->at_entry));
	const struct acpi_table *mcfg = acpi_find(&acpi, "MCFG", 0);
	struct acpi_ecam w;
	for (uint32_t i = 0; i < s->units; i++)
		if (s->unit[i].regs.ver && !(s->unit[i].regs.ver >> 8) &&
		    !phys_check(s->unit[i].base, PAGE_SIZE, PHYS_UNIT))
			assert_int_equal(phys_check(s->unit[i].base, 4, PHYS_SCREEN), PHYS_TAKEN);
	enum sl_err e = mcfg ? SL_OK : SL_END;
	for (unsigned i = 0; e != SL_END; i++) {
		e = acpi_mcfg(mcfg->data, i, &w);
		uint64_t at = w.base + ((uint64_t)w.start << 20), len = (w.end - w.start + 1ull) << 20;
		if (!e && !phys_check(at, len, PHYS_ECAM))
			assert_int_equal(phys_check(at + len - 4, 4, PHYS_SCREEN), PHYS_TAKEN);
	}
}

static unsigned bring_up(struct machine *m)
{
	static const struct {
		const char *name;
		enum sl_err (*run)(struct machine *m);
	} stages[] = {{"boot", stage_boot},     {"acpi", stage_acpi},   {"pci", stage_pci},
		      {"groups", stage_groups}, {"iommu", stage_iommu}, {"coverage", stage_coverage}};
	guard_memory(harm(MEM_FREE));
	app_reserve(booted);
	check_claims();
	(void)give(booted, MEM_FREE);
	m->boot = booted;
	m->cfg = &booted->cfg;
	for (unsigned i = 0; i < ARRAY_LEN(stages); i++) {
		enum sl_err e = stages[i].run(m);
		if (e && !failed)
			fail_msg("stage %s: %s, without a word", stages[i].name, sl_err_text(e));
		if (e)
			return i;
	}
	check_units();
	return ARRAY_LEN(stages);
}

#define REFUSED 10
#define ENDED   20 /* exit status of a machine that ended, plus how; a check that fails ends with 1 */

/* Ends with which stage failed (6: none), or REFUSED. */
static int one_machine(uint64_t seed)
{
	static struct machine m;
	rng = (seed + 1) * 0x9e3779b97f4a7c15u | 1;
	bool la57 = one_in(6);
	log_sink_add(listen);
	memset(ram(0), (int)rnd(256), INFO);
	random_map();
	random_units();
	random_tables(units);
	random_devices();
	firmware = random_firmware_tables(la57);
	booted = hand_over(la57);
	const char *why = load(booted);
	if (why) {
		if (getenv("SLUICE_SHOW"))
			printf("refused: %s\n", why);
		return REFUSED;
	}
	return (int)bring_up(&m);
}

/* A store to memory that is not free, or a wild one. */
static void on_fault(int signal)
{
	(void)signal;
	__sanitizer_print_stack_trace();
	_exit(2);
}

/* Its wait status. What it prints is shown when asked for. */
static int run_machine(uint64_t seed, bool shown)
{
	int status = -1;
	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		int nowhere = shown ? -1 : open("/dev/null", O_WRONLY);
		if (nowhere >= 0 && (dup2(nowhere, 1) < 0 || dup2(nowhere, 2) < 0))
			_exit(3);
		signal(SIGSEGV, on_fault);
		signal(SIGBUS, on_fault);
		alarm(60);
		_exit(ENDED + one_machine(seed));
	}
	if (child < 0 || waitpid(child, &status, 0) != child)
		fail_msg("no process for machine %llu", (ull)seed);
	return status;
}

static bool has_ended(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) >= ENDED && WEXITSTATUS(status) <= ENDED + REFUSED;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *v = getenv(name);
	return v ? strtoull(v, NULL, 0) : otherwise;
}

static void test_machines(void **state)
{
	(void)state;
	uint64_t seed = number("SLUICE_SEED", 1), n = number("SLUICE_MACHINES", 500),
		 ended[REFUSED + 1] = {0};
	(void)support_ram(RAM_BYTES, RAM);
	model_mem_init(&seen, PHYS(RAM), RAM_BYTES);
	for (uint64_t i = 0; i < n; i++) {
		int status = run_machine(seed + i, getenv("SLUICE_SHOW"));
		if (!has_ended(status)) {
			(void)run_machine(seed + i, true);
			fail_msg("SLUICE_SEED=%llu SLUICE_MACHINES=1: ended with status 0x%x",
				 (ull)(seed + i), (unsigned)status);
		}
		ended[WEXITSTATUS(status) - ENDED]++;
	}
	printf("machines %llu to %llu: %llu translate; %llu refused by the loader; ended in stage acpi %llu, "
	       "pci "
	       "%llu, groups %llu, iommu %llu, coverage %llu, boot %llu\n",
	       (ull)seed, (ull)(seed + n - 1), (ull)ended[6], (ull)ended[REFUSED], (ull)ended[1],
	       (ull)ended[2], (ull)ended[3], (ull)ended[4], (ull)ended[5], (ull)ended[0]);
	assert_true(n < 100 || (ended[6] > n / 4 && ended[REFUSED] && ended[4] && ended[2]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_machines)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
