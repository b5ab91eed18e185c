#include "kernel/log.h"
#include "kernel/memmap.h"
#include "kernel/panic.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/x86/cpu.h"
#include "kernel/paging.h"
#include "kernel/x86/pt.h"

#define MMIO_BASE  0xffffc00000000000ull
#define STACK_BASE 0xffffe00000000000ull
#define MMIO_KNOWN 256u /* mappings that mmio_map() remembers */
#define CHUNKS     64u  /* runs of memory for page tables */
#define CHUNK      64u  /* pages of one */
#define CHUNK_LEFT 16u  /* kept in stock for each mapping */

uintptr_t phys_map_base = 0xffff800000000000ull;

static const struct boot_info *boot;
static struct pt pt;
static uint64_t mmio_at = MMIO_BASE, stack_at = STACK_BASE;

static const struct boot_region *regions(void)
{
	return phys_va(PHYS(boot->regions));
}

static void forget_translation(uint64_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

/* ---- memory of the page tables: read-only in the direct map ---- */

static struct pt_range chunk[CHUNKS];
static unsigned chunks;
static uint8_t *table_at, *table_end;

static void *table_page(void)
{
	if (table_at == table_end)
		return NULL;
	void *p = table_at;
	table_at += PAGE_SIZE;
	return p;
}

/* Page tables are written between these two, and nowhere else: with CR0.WP off, on core 0, the only core that
 * changes them. */
static uint64_t tables_open(void)
{
	uint64_t flags = cpu_irqs_off(), cr0;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~CR0_WP) : "memory");
	return flags;
}

static void tables_close(uint64_t flags)
{
	uint64_t cr0;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_WP) : "memory");
	cpu_irqs_restore(flags);
}

/* Memory for more tables, made read-only with the tables that are left. Another core's cached translations of
 * that range expire at its next CR3 load. */
static bool add_chunk(uint64_t pages)
{
	phys_t at;
	if (chunks == CHUNKS || pmm_alloc(pages, PAGE_SIZE, &at))
		return false;
	uint64_t va = phys_map_base + at.v, flags = tables_open();
	enum sl_err e = pt_protect(&pt, va, pages * PAGE_SIZE, 0);
	tables_close(flags);
	for (uint64_t i = 0; i < pages; i++)
		forget_translation(va + i * PAGE_SIZE);
	if (e)
		return false;
	chunk[chunks++] = (struct pt_range){at.v, pages * PAGE_SIZE};
	table_at = phys_va(at);
	table_end = table_at + pages * PAGE_SIZE;
	return true;
}

/* pt_map() with enough tables in stock. */
static enum sl_err map(uint64_t va, phys_t pa, uint64_t len, unsigned flags)
{
	uint64_t need = CHUNK_LEFT + 2 * (len / PAGE_1G);
	if ((uint64_t)(table_end - table_at) / PAGE_SIZE < need && !add_chunk(need < CHUNK ? CHUNK : need))
		return SL_NOMEM;
	uint64_t before = tables_open();
	enum sl_err e = pt_map(&pt, va, pa, len, flags);
	tables_close(before);
	return e;
}

void paging_init(const struct boot_info *bi)
{
	boot = bi;
	uint64_t *root = phys_va(PHYS(bi->root_table));
	phys_init(regions(), bi->region_count, bi->phys_bits);
	pt = (struct pt){.pml4 = root, .page = table_page, .pages_1g = bi->pages_1g};
	if (bi->la57) {
		pt.pml4 = phys_va(PHYS(root[511] & BITS(51, 12)));
		pt.low = phys_va(PHYS(root[0] & BITS(51, 12)));
	}
	chunk[chunks++] = (struct pt_range){bi->tables, bi->tables_pages * PAGE_SIZE};
	table_at = phys_va(PHYS(bi->tables + bi->tables_used * PAGE_SIZE));
	table_end = phys_va(PHYS(bi->tables + bi->tables_pages * PAGE_SIZE));
}

void paging_drop_loader(void)
{
	uint64_t flags = tables_open();
	enum sl_err e = pt_unmap_page(&pt, boot->jump_page);
	tables_close(flags);
	if (e)
		panic("paging: the loader's page 0x%llx is not mapped", (ull)boot->jump_page);
	forget_translation(boot->jump_page);
}

static unsigned flags_of(uint64_t va)
{
	phys_t pa;
	unsigned flags;
	ASSERT(pt_lookup(&pt, va, &pa, &flags));
	return flags;
}

/* By every address that leads to the same memory. */
static void check_aliases(void)
{
	struct pt_range fixed[CHUNKS + ARRAY_LEN(boot->segment)];
	struct pt_wrong wrong;
	unsigned n = 0;
	for (unsigned i = 0; i < chunks; i++)
		fixed[n++] = chunk[i];
	for (uint32_t i = 0; i < boot->segment_count; i++)
		if (!(boot->segment[i].flags & 2))
			fixed[n++] = (struct pt_range){boot->segment[i].pa, boot->segment[i].len};
	if (!pt_sound(&pt, fixed, n, &wrong))
		panic("paging: %s: 0x%llx, memory 0x%llx", wrong.what, (ull)wrong.va, (ull)wrong.pa);
}

void paging_check(void)
{
	phys_t pa;
	unsigned flags;
	uint64_t base, len;
	ASSERT(!pt_lookup(&pt, 0, &pa, &flags));
	for (uint32_t i = 0; i < boot->segment_count; i++) {
		const struct boot_segment *s = &boot->segment[i];
		unsigned want = (s->flags & 2 ? PT_W : 0u) | (s->flags & 1 ? PT_X : 0u);
		for (uint64_t off = 0; off < s->len; off += PAGE_SIZE)
			ASSERT(flags_of(s->va + off) == want);
	}
	for (uint32_t i = 0; memmap_next_ram(regions(), boot->region_count, &i, &base, &len);)
		ASSERT(base >= MMIO_BASE - phys_map_base || !(flags_of(phys_map_base + base) & PT_X));
	for (uint64_t va = STACK_BASE; va < stack_at; va += PAGE_SIZE)
		ASSERT(!pt_lookup(&pt, va, &pa, &flags) || flags == PT_W);
	check_aliases();
}

/* Maps whole pages around [phys, phys + len) at the next free address of the MMIO area, one unmapped page
 * between two. */
static volatile void *map_registers(phys_t phys, uint64_t len, unsigned flags)
{
	uint64_t off = phys.v & (PAGE_SIZE - 1);
	uint64_t size = ALIGN_UP(off + len, PAGE_SIZE);
	uint64_t align = size >= PAGE_2M ? PAGE_2M : PAGE_SIZE;
	uint64_t va = ALIGN_UP(mmio_at, align) + (ALIGN_DOWN(phys.v, PAGE_SIZE) & (align - 1));
	if (!len || map(va, PHYS(phys.v - off), size, flags))
		return NULL;
	mmio_at = va + size + PAGE_SIZE;
	return (volatile void *)(uintptr_t)(va + off);
}

/* A function that goes and comes back has the same registers, and gets the same address. */
static volatile void *map_once(phys_t phys, uint64_t len)
{
	static struct {
		uint64_t phys, len;
		volatile void *va;
	} made[MMIO_KNOWN];
	unsigned i = 0;
	for (; i < MMIO_KNOWN && made[i].va; i++)
		if (made[i].phys == phys.v && made[i].len == len)
			return made[i].va;
	volatile void *va = map_registers(phys, len, PT_W | PT_UC);
	if (i < MMIO_KNOWN && va) {
		made[i].phys = phys.v;
		made[i].len = len;
		made[i].va = va;
	}
	return va;
}

static bool refused(const char *what, uint64_t addr, enum phys_fault f)
{
	if (f)
		log_warn("map", "%s at 0x%llx is not touched: %s", what, (ull)addr, phys_fault_text(f));
	return f;
}

volatile void *mmio_map(phys_t phys, uint64_t len)
{
	if (refused("a device's register range", phys.v, phys_check(phys.v, len, PHYS_BAR)))
		return NULL;
	return map_once(phys, len);
}

volatile void *mmio_claim(const char *what, phys_t phys, uint64_t len, enum phys_kind kind)
{
	if (refused(what, phys.v, phys_claim(phys.v, len, kind)))
		return NULL;
	return map_once(phys, len);
}

volatile void *mmio_claim_screen(phys_t phys, uint64_t len)
{
	if (refused("the screen's framebuffer", phys.v, phys_claim(phys.v, len, PHYS_SCREEN)))
		return NULL;
	return map_registers(phys, len, PT_W | PT_WC);
}

bool paging_in_direct_map(uint64_t phys, uint64_t len)
{
	uint64_t base, size;
	for (uint32_t i = 0; memmap_next_ram(regions(), boot->region_count, &i, &base, &size);)
		if (phys >= base && phys - base < size && len <= size - (phys - base))
			return phys_map_base + phys + len <= MMIO_BASE;
	return false;
}

const uint8_t *paging_read_map(uint64_t phys, size_t len)
{
	if (phys_check(phys, len, PHYS_TABLE))
		return NULL;
	if (paging_in_direct_map(phys, len))
		return phys_va(PHYS(phys));
	return (const uint8_t *)(uintptr_t)map_registers(PHYS(phys), len, PT_UC);
}

void *stack_make(unsigned core, enum stack_kind kind, unsigned pages)
{
	stack_at += PAGE_SIZE; /* the guard */
	void *low = (void *)(uintptr_t)stack_at;
	for (unsigned i = 0; i < pages; i++, stack_at += PAGE_SIZE) {
		void *page = pmm_page();
		if (!page || map(stack_at, va_phys(page), PAGE_SIZE, PT_W))
			panic("paging: no memory for a stack");
	}
	stacks_add(core, kind, low, pages * PAGE_SIZE);
	return (void *)(uintptr_t)stack_at;
}

static uint8_t *low_at;

static void *low_page(void)
{
	void *page = low_at;
	low_at += PAGE_SIZE;
	return page;
}

/* The top table first; with 5 levels, the kernel's own PML4 serves the upper half. */
enum sl_err paging_low_root(phys_t low, phys_t code)
{
	low_at = phys_va(low);
	memset(low_at, 0, PAGING_LOW_PAGES * PAGE_SIZE);
	uint64_t *top = low_page(), *pml4 = boot->la57 ? low_page() : top;
	struct pt low_pt = {.pml4 = pml4, .page = low_page};
	if (boot->la57) {
		top[0] = va_phys(pml4).v | 3;
		top[511] = va_phys(pt.pml4).v | 3;
	} else {
		memcpy(pml4 + 256, pt.pml4 + 256, 256 * sizeof *pml4);
	}
	return pt_map(&low_pt, code.v, code, PAGE_SIZE, PT_X);
}

bool paging_mapped(uint64_t va, uint64_t len)
{
	phys_t pa;
	unsigned flags;
	if (va + len < va)
		return false;
	for (uint64_t at = ALIGN_DOWN(va, PAGE_SIZE); at < va + len; at += PAGE_SIZE)
		if ((at >> 47 && at >> 47 != 0x1ffff) || !pt_lookup(&pt, at, &pa, &flags))
			return false;
	return true;
}

phys_t paging_phys(const void *va)
{
	phys_t pa;
	unsigned flags;
	ASSERT(pt_lookup(&pt, (uintptr_t)va, &pa, &flags));
	return pa;
}

phys_t paging_decoy_table(void)
{
	mmio_at = ALIGN_UP(mmio_at, PAGE_1G);
	uint64_t va = mmio_at;
	void *page = pmm_page();
	if (!page || map(va, va_phys(page), PAGE_SIZE, PT_W))
		panic("paging: no memory for a decoy");
	mmio_at += PAGE_1G;
	return pt_table_of(&pt, va);
}

static unsigned runtime_flags(const struct boot_region *r)
{
	return r->type == MEM_RT_CODE ? PT_X : r->type == MEM_MMIO ? PT_W | PT_UC : PT_W;
}

enum sl_err paging_runtime_root(phys_t *root)
{
	uint64_t *top = pmm_page(), *pml4 = boot->la57 ? pmm_page() : top;
	struct pt own = {.pml4 = pml4, .page = pmm_page, .pages_1g = boot->pages_1g};
	unsigned mapped = 0;
	if (!top || !pml4)
		return SL_NOMEM;
	*root = va_phys(top);
	if (boot->la57) {
		top[0] = va_phys(pml4).v | 3;
		top[511] = va_phys(pt.pml4).v | 3;
	} else {
		memcpy(pml4 + 256, pt.pml4 + 256, 256 * sizeof *pml4);
	}
	for (uint32_t i = 0; i < boot->region_count; i++) {
		const struct boot_region *r = &regions()[i];
		if (!(r->attr & BOOT_MEM_RUNTIME))
			continue;
		if (r->base + r->pages * PAGE_SIZE > BIT(47))
			return SL_RANGE;
		enum sl_err e = pt_map(&own, r->base, PHYS(r->base), r->pages * PAGE_SIZE, runtime_flags(r));
		if (e)
			return e;
		mapped++;
	}
	return mapped ? SL_OK : SL_NOTFOUND;
}

enum sl_err paging_map_runtime(void)
{
	for (uint32_t i = 0; i < boot->region_count; i++) {
		const struct boot_region *r = &regions()[i];
		if (!(r->attr & BOOT_MEM_RUNTIME))
			continue;
		unsigned flags = runtime_flags(r);
		enum sl_err e = map(r->base, PHYS(r->base), r->pages * PAGE_SIZE, flags);
		if (e)
			return e;
	}
	return SL_OK;
}
