/* Interrupt messages: a 32-bit write into this window is an interrupt and never reaches memory, whatever the
 * DMA tables say (SDM 3A §11.11, VT-d §3.15). */
#pragma once
#include <stdint.h>

#define MSI_WINDOW     0xfee00000ull
#define MSI_WINDOW_END 0xfef00000ull

#define MSI_APICS 0xffu /* APIC ids that an address has room for; the last is the broadcast */

/* Address of a message in compatibility format, physical destination: SDM 3A §11.11.1. The data is the
 * vector, for fixed delivery. */
static inline uint64_t msi_address(uint32_t apic)
{
	return MSI_WINDOW | (uint64_t)(apic & 0xff) << 12;
}
