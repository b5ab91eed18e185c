/* The invariant CRC of RoCEv2 packets: IBA, chapter 7 and Annex A17. */
#pragma once
#include "kernel/bits.h"

/* Fills the tables: once, before the others. */
void icrc_init(void);
/* Whether the processor has PCLMULQDQ (CPUID 1 ECX bit 1); false before the call. Of the same result, without
 * the tables. */
void icrc_carryless(bool has);
/* The CRC-32 of Ethernet after n further bytes, by the tables. */
uint32_t icrc_more(uint32_t crc, const uint8_t *p, size_t n);
/* That of a packet's headers from the IP header (of IPv4 or IPv6) on to the end of the head bytes at ip, and
 * of n bytes of data after them, which is not NULL, also where n is 0; its complement is the ICRC. The bits
 * that routers change are taken as ones. head: 40 at least of IPv4 and 60 of IPv6, so that IP, UDP and BTH
 * are in it, and at most ICRC_HEAD; 7 bytes more are read. */
#define ICRC_HEAD 128u
uint32_t icrc(const uint8_t *ip, bool four, size_t head, const uint8_t *data, size_t n);
