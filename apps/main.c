#include "boot/boot_info.h"
#include "kernel/log.h"
#include "kernel/panic.h"
#include "kernel/pmm.h"
#include "kernel/power.h"
#include "kernel/serial.h"
#include "kernel/symbols.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/tsc.h"

static struct acpi acpi;
void kernel_main(const struct boot_info *bi);
extern _Noreturn void cpu_run_on(void *, void (*)(void));
static void rest(void)
{
	log_line("x", "on new stack");
	*(volatile int *)8 = 3;
	power_end(true);
}
void kernel_main(const struct boot_info *bi)
{
	bi = phys_va(PHYS((uintptr_t)bi));
	power_init(bi);
	symbols_init((struct span){phys_va(PHYS(bi->symtab)), bi->symtab_len}, (struct span){phys_va(PHYS(bi->strtab)), bi->strtab_len});
	const struct boot_region *r = phys_va(PHYS(bi->regions));
	for (unsigned i = 0; i < bi->region_count; i++)
		if (r[i].type == MEM_FREE && r[i].base >= 0x100000)
			if (pmm_add(PHYS(r[i].base), r[i].pages)) panic("x");
	paging_init(bi);
	cpu_init();
	struct acpi_uart u = {0x3f8, false, 1};
	if (serial_init(&u, 115200) == SL_OK) log_sink_add(serial_write);
	if (acpi_init(&acpi, bi->rsdp, paging_read_map)) panic("acpi");
	if (tsc_init(&acpi, bi->tsc_start)) panic("tsc");
	log_line("boot", "hello %s %llu MiB free, tsc %llu %s", bi->firmware, (ull)pmm_free_pages() / 256, (ull)tsc_info()->hz, tsc_info()->source);
	cpu_run_on(stack_make(8), rest);
}
