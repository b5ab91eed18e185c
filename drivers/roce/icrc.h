/* The invariant CRC of RoCEv2 packets: IBA, chapter 7 and Annex A17. */
#pragma once
#include "kernel/bits.h"

/* Fills the tables: once, before the others. */
void icrc_init(void);
/* What the processor has, CPUID leaf 1's ECX: PCLMULQDQ (bit 1), and with it AVX where that is turned on
 * (bits 27 and 28). 0, as before the call: the tables are used. Of the same result. */
void icrc_choose(uint32_t features);
/* The CRC-32 of Ethernet after n further bytes, by the tables. */
uint32_t icrc_more(uint32_t crc, const uint8_t *p, size_t n);
/* That of a packet's headers from the IP header (of IPv4 or IPv6) on to the end of the head bytes at ip, and
 * of n bytes of data after them, which is not NULL, also where n is 0; its complement is the ICRC. The bits
 * that routers change are taken as ones. head: 40 at least of IPv4 and 60 of IPv6, so that IP, UDP and BTH
 * are in it, and at most ICRC_HEAD; 7 bytes more are read. */
#define ICRC_HEAD 128u
static inline uint32_t icrc(const uint8_t *ip, bool four, size_t head, const uint8_t *data, size_t n);
/* icrc() of all packets. */
uint32_t icrc_general(const uint8_t *ip, bool four, size_t head, const uint8_t *data, size_t n);
/* That of those that come most often, where there is AVX: IPv4, the headers end with the BTH, and n is a
 * multiple of 16. */
#define ICRC_PLAIN_HEAD 40u
extern bool icrc_has_plain;
uint32_t icrc_plain(const uint8_t *ip, const uint8_t *data, size_t n);

static inline uint32_t icrc(const uint8_t *ip, bool four, size_t head, const uint8_t *data, size_t n)
{
	if (LIKELY(four && head == ICRC_PLAIN_HEAD && !(n & 15) && icrc_has_plain))
		return icrc_plain(ip, data, n);
	return icrc_general(ip, four, head, data, n);
}
