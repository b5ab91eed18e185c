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

bool device_command(const char *command, struct words *w)
{
	if (strcmp(command, "cfg") == 0)
		write_config(w);
	else if (strcmp(command, "cr4") == 0)
		set_cr4(word_number(w));
	else if (strcmp(command, "reset") == 0)
		set_reset(word_number(w));
	else if (strcmp(command, "unmap") == 0)
		unmap(word_number(w));
	else
		return false;
	return true;
}
