/* The invariant CRC of RoCEv2 packets: IBA, chapter 7 and Annex A17. */
#pragma once
#include "kernel/bits.h"

/* Fills the tables: once, before the others. */
void icrc_init(void);
/* The CRC-32 of Ethernet after n further bytes; it begins and ends with all ones, which the caller does. */
uint32_t icrc_more(uint32_t crc, const uint8_t *p, size_t n);
/* That of the headers from the IP header (of IPv4 or IPv6) on to the end of the n bytes at ip, with the bits
 * that routers change taken as ones. n: 40 at least of IPv4 and 60 of IPv6, so that IP, UDP and BTH are in
 * it, and at most ICRC_HEAD.
 */
#define ICRC_HEAD 128u
uint32_t icrc_head(const uint8_t *ip, bool four, size_t n);
