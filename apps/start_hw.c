#include "kernel/console.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/pmm.h"
#include "kernel/power.h"
#include "kernel/ram.h"
#include "kernel/remember.h"
#include "kernel/screen.h"
#include "kernel/serial.h"
#include "apps/machine.h"
#include "apps/bringup/platform.h"
#include "kernel/symbols.h"
#include "kernel/cpu.h"
#include "kernel/x86/cpu.h"
#include "kernel/hwerr.h"
#include "kernel/paging.h"
#include "kernel/x86/percore.h"

static const struct boot_info *boot;

void kernel_main(uint64_t boot_info);
_Noreturn void cpu_run_on(void *stack_top, void (*fn)(void));
extern const uint8_t boot_stack[16384]; /* apps/entry.S */

/* The memory that an RMRR describes is kept out of the allocator before it has any page of firmware's. Tables
 * outside RAM need page tables to be read, and those come out of the kernel's own image. */
static void reserve_first(void)
{
	static uint8_t pool[16 * PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));
	if (pmm_add(paging_phys(pool), sizeof pool / PAGE_SIZE))
		panic("start: no first pages");
	app_reserve(boot);
}

static void start_app(void)
{
	app_main(boot);
}

/* The UARTs that console= names, else the four ports that PCs have them at, where one answers. Those in
 * memory and on PCI follow when memory can be mapped and the functions are known (apps/bringup/console.c);
 * the ring keeps what they have to show. */
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
	log_sink_add(console_write);
	console_add_output(serial_write);
	console_add_input(serial_read);
}

/* Whatever is printed from here on, and what the log still has, is on the screen too. It says its size, as a
 * terminal does, where no serial line has a terminal that would. */
static void start_screen(void)
{
	const struct boot_screen *fb = &boot->screen;
	char name[80];
	if (!boot->cfg.screen || !fb->width || screen_unusable(fb))
		return;
	volatile void *pixels = mmio_claim_screen(PHYS(fb->base), screen_bytes(fb));
	if (!pixels)
		return;
	screen_start(fb, pixels);
	console_add_output(screen_write);
	if (!serial_name(0, name, sizeof name))
		console_add_input(screen_read);
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
	remember_init(boot);
	start_console();
	symbols_init((struct span){phys_va(PHYS(boot->symtab)), boot->symtab_len},
		     (struct span){phys_va(PHYS(boot->strtab)), boot->strtab_len});
	paging_init(boot);
	reserve_first();
	ram_init(boot);
	paging_drop_loader();
	cpu_init(boot->la57);
	start_screen();
	hwerr_begin();
	stacks_note(0, STACK_START, boot_stack, sizeof boot_stack);
	cpu_run_on(stack_make(0, STACK_WORK, 8), start_app);
}
