#include <efi.h>
#include "kernel/log.h"
#include "kernel/power.h"
#include "kernel/remember.h"
#include "kernel/serial.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"
#include "kernel/paging.h"
#include "kernel/x86/port.h"

#define QEMU_EXIT      0xf4 /* isa-debug-exit,iobase=0xf4: QEMU's status is value << 1 | 1 */
#define QEMU_EXIT_OK   0x10
#define QEMU_EXIT_FAIL 0x11
#define WAY_US         1000000u
#define QEMU_US        10000000u /* an emulator on a busy host ends later than it was told to */

static const struct boot_info *boot;
static uint32_t chosen = END_HALT;
static struct acpi_reset reset;
static bool ending; /* RESULT is out */
static bool ended_ok, crashed, leaving;

void power_init(const struct boot_info *bi)
{
	boot = bi;
	chosen = bi->cfg.end;
}

void power_reset_register(const struct acpi *acpi)
{
	const struct acpi_table *t = acpi_find(acpi, "FACP", 0);
	reset = t ? acpi_fadt_reset(t->data) : (struct acpi_reset){0};
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
		log_warn("power", "firmware's runtime services cannot be called");
		return;
	}
	uint64_t cr0;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~BIT(16)));
	const EFI_RUNTIME_SERVICES *rt = (const EFI_RUNTIME_SERVICES *)boot->runtime;
	rt->ResetSystem(type, EFI_SUCCESS, 0, NULL);
}

/* Each way gets a second. An exception in one of them (mostly in the firmware's code) returns here for the
 * next. */
static void reset_machine(void)
{
	static unsigned way;
	switch (way) {
	case 0:
		way++;
		firmware_reset(EfiResetCold);
		log_warn("power", "the firmware's ResetSystem did not reset the machine");
		__attribute__((fallthrough));
	case 1:
		way++;
		if (reset.port) {
			port_out8(reset.port, reset.value);
			delay_us(WAY_US);
			log_warn(
				"power",
				"the reset register of the FADT (port 0x%x, value 0x%x) did not reset the machine",
				reset.port, reset.value);
		}
		__attribute__((fallthrough));
	case 2:
		way++;
		port_out8(0xcf9,
			  0x02); /* RST_CPU with SYS_RST: a hard reset, on Intel's and AMD's chipsets */
		port_out8(0xcf9, 0x06);
		delay_us(WAY_US);
		__attribute__((fallthrough));
	case 3:
		way++;
		port_out8(0x64, 0xfe); /* keyboard controller: pulse the reset line */
		delay_us(WAY_US);
		log_warn(
			"power",
			"neither port 0xcf9 nor the keyboard controller reset the machine: switch it off and on");
	}
}

void power_leave(void)
{
	leaving = true;
	serial_flush(SERIAL_FLUSH_US);
	switch (chosen) {
	case END_QEMU:
		port_out32(QEMU_EXIT, ended_ok ? QEMU_EXIT_OK : QEMU_EXIT_FAIL);
		delay_us(QEMU_US);
		log_warn("power", "end=qemu, but no isa-debug-exit device answers at port 0x%x", QEMU_EXIT);
		break;
	case END_REBOOT:
		reset_machine();
		break;
	case END_SHUTDOWN:
		firmware_reset(EfiResetShutdown);
		break;
	}
	log_text("System halted. It is safe to switch the power off.\n");
	serial_flush(SERIAL_FLUSH_US);
	cpu_halt();
}

void power_end(bool ok)
{
	ending = true;
	ended_ok = ok;
	serial_flush(SERIAL_FLUSH_US);
	remember_end(ok, !crashed);
	power_leave();
}

void power_crash(const char *stage, const char *err)
{
	static bool again; /* an exception in the code below */
	if (remember_abandon())
		power_leave();
	if (ending && !leaving) {
		log_warn("power", "the exception came after the RESULT line above, which stands");
		power_leave();
	}
	if (ending && chosen == END_REBOOT) {
		log_warn(
			"power",
			"the exception came while the machine was to be reset: the RESULT line above stands");
		serial_flush(SERIAL_FLUSH_US);
		reset_machine();
	}
	if (again || ending)
		cpu_halt();
	again = crashed = true;
	log_text("RESULT v=1 app=%s ok=0 stage=%s err=%s verdict=%s build=%s\n",
		 boot ? config_app_name(&boot->cfg) : "?", stage, err,
		 strcmp(stage, "hardware") == 0 ? "fail" : "none", boot ? boot->identity.build : "?");
	power_end(false);
}
