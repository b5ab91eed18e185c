#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/pmm.h"
#include "kernel/power.h"
#include "kernel/serial.h"
#include "kernel/start.h"
#include "kernel/str.h"
#include "kernel/symbols.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/hwerr.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/percore.h"

#define LOW_MEMORY 0x100000ull /* left alone, but for start_low_memory() */
#define LOW_END    0xa0000ull

static const struct boot_info *boot;

void kernel_main(uint64_t boot_info);
_Noreturn void cpu_run_on(void *stack_top, void (*fn)(void));
extern const uint8_t boot_stack[16384]; /* kernel/x86/entry.S */

/* All RAM of one type: counted, and given to the page allocator where add says so. */
static uint64_t each_memory(uint32_t type, bool add)
{
	const struct boot_region *r = phys_va(PHYS(boot->regions));
	uint64_t pages = 0;
	for (uint32_t i = 0; i < boot->region_count; i++) {
		uint64_t base = r[i].base < LOW_MEMORY ? LOW_MEMORY : r[i].base;
		uint64_t end = r[i].base + r[i].pages * PAGE_SIZE;
		if (r[i].type != type || base >= end || !paging_in_direct_map(base, end - base))
			continue;
		if (add && pmm_add(PHYS(base), (end - base) / PAGE_SIZE))
			panic("start: firmware's memory map has 0x%llx twice", (ull)base);
		pages += (end - base) / PAGE_SIZE;
	}
	return pages;
}

uint64_t start_boot_pages(void)
{
	return each_memory(MEM_BOOT_CODE, false) + each_memory(MEM_BOOT_DATA, false);
}

uint64_t start_reclaim(void)
{
	uint64_t before = pmm_free_pages();
	each_memory(MEM_BOOT_CODE, true);
	each_memory(MEM_BOOT_DATA, true);
	return pmm_free_pages() - before;
}

/* The memory that an RMRR describes is kept out of the allocator before it has any page of firmware's. Tables
 * outside RAM need page tables to be read, and those come out of the kernel's own image. */
static void reserve_first(void)
{
	static uint8_t pool[16 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	if (pmm_add(paging_phys(pool), sizeof pool / PAGE_SIZE))
		panic("start: no first pages");
	app_reserve(boot);
}

/* Some of the pages below end. */
static bool overlaps_reserved(uint64_t end, uint64_t pages)
{
	for (; pages && end; pages--)
		if (pmm_is_reserved(PHYS(end -= PAGE_SIZE), 1))
			return true;
	return false;
}

/* The highest that fits: firmware is known to write to the first 64 KiB at times. */
enum sl_err start_low_memory(uint64_t pages, phys_t *out)
{
	static const uint32_t types[] = {MEM_FREE, MEM_BOOT_CODE, MEM_BOOT_DATA};
	const struct boot_region *r = phys_va(PHYS(boot->regions));
	for (unsigned t = 0; t < ARRAY_LEN(types); t++) {
		uint64_t best = 0;
		for (uint32_t i = 0; i < boot->region_count; i++) {
			uint64_t end = r[i].base + r[i].pages * PAGE_SIZE;
			end = end < LOW_END ? end : LOW_END;
			while (end > r[i].base && overlaps_reserved(end, pages))
				end -= PAGE_SIZE;
			if (r[i].type == types[t] && end >= r[i].base + pages * PAGE_SIZE &&
			    end - pages * PAGE_SIZE > best)
				best = end - pages * PAGE_SIZE;
		}
		if (best) {
			*out = PHYS(best);
			memset(phys_va(*out), 0, pages * PAGE_SIZE);
			return SL_OK;
		}
	}
	return SL_NOTFOUND;
}

static void start_app(void)
{
	app_main(boot);
}

/* The UARTs that console= names, else the four ports that PCs have them at, where one answers. Those in
 * memory and on PCI follow when memory can be mapped and the functions are known (apps/bringup/console.c); the ring
 * keeps what they have to show. */
static void start_console(void)
{
	const struct config *cfg = &boot->cfg;
	enum sl_err e = SL_OK; /* a port where nothing answers is left out */
	for (unsigned i = 0; i < cfg->consoles; i++)
		if (!cfg->console[i].mmio)
			e = serial_add(&cfg->console[i], cfg->baud);
	for (unsigned i = 0; !cfg->consoles && i < ARRAY_LEN(uart_coms); i++) {
		struct acpi_uart com = {.addr = uart_coms[i], .stride = 1};
		e = serial_add(&com, cfg->baud);
	}
	(void)e;
	log_sink_add(serial_write);
}

void kernel_main(uint64_t boot_info)
{
	core_init_first();
	boot = phys_va(PHYS(boot_info));
	if (boot->magic != BOOT_INFO_MAGIC || boot->version != BOOT_INFO_VERSION ||
	    boot->size != sizeof *boot)
		cpu_halt(); /* a loader of another build: nothing in it can be relied on, not even a console
			     */
	power_init(boot);
	start_console();
	symbols_init((struct span){phys_va(PHYS(boot->symtab)), boot->symtab_len},
		     (struct span){phys_va(PHYS(boot->strtab)), boot->strtab_len});
	paging_init(boot);
	reserve_first();
	each_memory(MEM_FREE, true);
	paging_drop_loader();
	cpu_init(boot->la57);
	hwerr_begin();
	stacks_note(0, STACK_START, boot_stack, sizeof boot_stack);
	cpu_run_on(stack_make(0, STACK_WORK, 8), start_app);
}
