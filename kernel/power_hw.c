#include <efi.h>
#include "kernel/log.h"
#include "kernel/power.h"
#include "kernel/serial.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/port.h"

#define QEMU_EXIT      0xf4 /* isa-debug-exit,iobase=0xf4: QEMU's status is value << 1 | 1 */
#define QEMU_EXIT_OK   0x10
#define QEMU_EXIT_FAIL 0x11

static const struct boot_info *boot;
static uint32_t chosen = END_HALT;

void power_init(const struct boot_info *bi)
{
	boot = bi;
	chosen = bi->cfg.end;
}

void power_choose(enum config_end end)
{
	chosen = end;
}

/* UEFI §8.5.1. Firmware runs at its physical addresses, mapped for this last call. Its code pages hold its
 * data too, so write protection is off from here on. */
static void firmware_reset(EFI_RESET_TYPE type)
{
	if (!boot->runtime || paging_map_runtime()) {
		log_warn("power", "firmware's runtime services can not be called");
		return;
	}
	uint64_t cr0;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~BIT(16)));
	const EFI_RUNTIME_SERVICES *rt = (const EFI_RUNTIME_SERVICES *)boot->runtime;
	rt->ResetSystem(type, EFI_SUCCESS, 0, NULL);
}

void power_end(bool ok)
{
	serial_flush(SERIAL_FLUSH_US);
	switch (chosen) {
	case END_QEMU:
		port_out32(QEMU_EXIT, ok ? QEMU_EXIT_OK : QEMU_EXIT_FAIL);
		delay_us(1000000);
		log_warn("power", "end=qemu, but no isa-debug-exit device answers at port 0x%x", QEMU_EXIT);
		break;
	case END_REBOOT:
		firmware_reset(EfiResetCold);
		break;
	case END_SHUTDOWN:
		firmware_reset(EfiResetShutdown);
		break;
	}
	log_text("System halted. It is safe to switch the power off.\n");
	serial_flush(SERIAL_FLUSH_US);
	cpu_halt();
}

void power_crash(const char *stage, const char *err)
{
	static bool again; /* an exception in what follows */
	if (again)
		cpu_halt();
	again = true;
	log_text("RESULT v=1 app=%s ok=0 stage=%s err=%s\n", boot ? boot->cfg.app : "?", stage, err);
	power_end(false);
}
