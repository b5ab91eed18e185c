/* Configuration space by ports CF8h and CFCh, and the processor's registers. */
#include "kernel/str.h"
#include "kernel/x86/port.h"
#include "tests/mangle/mangle.h"

/* cfg BUS DEVICE FUNCTION OFFSET VALUE BYTES */
static void write_config(struct words *w)
{
	uint32_t bus = (uint32_t)word_number(w), dev = (uint32_t)word_number(w);
	uint32_t fn = (uint32_t)word_number(w), off = (uint32_t)word_number(w);
	uint32_t v = (uint32_t)word_number(w), bytes = (uint32_t)word_number(w), shift = off % 4 * 8;
	uint32_t mask = (bytes >= 4 ? UINT32_MAX : (1u << bytes * 8) - 1) << shift;
	port_out32(0xcf8, 1u << 31 | bus << 16 | dev << 11 | fn << 8 | (off & 0xfc));
	uint32_t was = port_in32(0xcfc);
	port_out32(0xcfc, (was & ~mask) | (v << shift & mask));
	say("mangle: %02x:%02x.%u register %02x was %08x, is %08x\n", bus, dev, fn, off & 0xfc, was,
	    port_in32(0xcfc));
}

/* cr4 BITS: sets them */
static void set_cr4(uint64_t bits)
{
	uint64_t v;
	__asm__ volatile("mov %%cr4, %0" : "=r"(v));
	__asm__ volatile("mov %0, %%cr4" : : "r"(v | bits));
}

/* unmap ADDRESS: the page of firmware's page tables that holds it, of whatever size (SDM vol. 3 §4.5) */
static void unmap(uint64_t at)
{
	uint64_t cr0, cr3, cr4;
	__asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
	__asm__ volatile("mov %%cr3, %0" : "=r"(cr3));
	__asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
	uint64_t *table = (uint64_t *)(cr3 & BITS(51, 12)), *e = NULL;
	for (unsigned shift = cr4 & BIT(12) ? 48 : 39;; shift -= 9) {
		e = &table[at >> shift & 511];
		if (!(*e & 1) || shift == 12 || (shift < 39 && *e & BIT(7)))
			break;
		table = (uint64_t *)(*e & BITS(51, 12));
	}
	__asm__ volatile("mov %0, %%cr0"
			 :
			 : "r"(cr0 & ~BIT(16))
			 : "memory"); /* the tables may be read-only */
	*e &= ~1ull;
	__asm__ volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	__asm__ volatile("invlpg (%0)" : : "r"(at) : "memory");
}

/* reset ADDRESS: the pretended address of the firmware's ResetSystem (UEFI §8.5.1) */
static void set_reset(uint64_t at)
{
	efi_st->RuntimeServices->ResetSystem = (EFI_RESET_SYSTEM)(uintptr_t)at;
}

/* setvar hang|fault: SetVariable (UEFI §8.2.2) succeeds the first time, and not any more. In run-time memory,
 * with its count among its code, as firmware has it. */
static void set_variable(struct words *w)
{
	static const uint8_t code[] = {
		0xff, 0x05, 0x3a, 0, 0, 0,       /* incl 0x40 of the page */
		0x83, 0x3d, 0x33, 0, 0, 0, 0x01, /* cmpl $1, 0x40 of the page */
		0x75, 0x03,                      /* jne 1f */
		0x31, 0xc0, 0xc3,                /* xor %eax, %eax; ret */
		0x0f, 0x0b,                      /* 1: ud2 */
	};
	char how[8];
	uint8_t *page = mangle_pages(1, EfiRuntimeServicesCode);
	if (!page || !word_text(w, how, sizeof how))
		return;
	memcpy(page, code, sizeof code);
	if (strcmp(how, "hang") == 0)
		memcpy(page + sizeof code - 2, "\xeb\xfe", 2); /* 1: jmp 1b */
	efi_st->RuntimeServices->SetVariable = (EFI_SET_VARIABLE)(uintptr_t)page;
}

/* i8042 VALUE: the configuration byte of the keyboard controller */
static void configure_keyboard(uint8_t v)
{
	port_out8(0x64, 0x60);
	for (unsigned i = 0; i < 1000 && port_in8(0x64) & 2; i++)
		;
	port_out8(0x60, v);
}

/* screen ADDRESS: every screen pretends to have its framebuffer there (UEFI §12.9). dark N: that screen, from
 * 0, has no mode, as that of a laptop whose lid is closed. */
static void change_screens(bool dark, uint64_t at)
{
	static EFI_GUID gop_guid = EFI_GRAPHICS_OUTPUT_PROTOCOL_GUID;
	EFI_GRAPHICS_OUTPUT_PROTOCOL *gop;
	EFI_HANDLE *handle;
	UINTN n = 0;
	if (efi_bs->LocateHandleBuffer(ByProtocol, &gop_guid, NULL, &n, &handle))
		say("mangle: there is no screen\n");
	for (UINTN i = 0, device = 0; i < n; i++) {
		if (efi_bs->HandleProtocol(handle[i], &gop_guid, (void **)&gop))
			continue;
		if (!dark)
			gop->Mode->FrameBufferBase = at;
		else if (handle[i] != efi_st->ConsoleOutHandle && device++ == at)
			gop->Mode->Info->HorizontalResolution = 0;
	}
}

bool device_command(const char *command, struct words *w)
{
	if (strcmp(command, "cfg") == 0)
		write_config(w);
	else if (strcmp(command, "cr4") == 0)
		set_cr4(word_number(w));
	else if (strcmp(command, "reset") == 0)
		set_reset(word_number(w));
	else if (strcmp(command, "i8042") == 0)
		configure_keyboard((uint8_t)word_number(w));
	else if (strcmp(command, "screen") == 0)
		change_screens(false, word_number(w));
	else if (strcmp(command, "dark") == 0)
		change_screens(true, word_number(w));
	else if (strcmp(command, "setvar") == 0)
		set_variable(w);
	else if (strcmp(command, "unmap") == 0)
		unmap(word_number(w));
	else
		return false;
	return true;
}
