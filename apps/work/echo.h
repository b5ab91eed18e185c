/* app=echo: each VF of a network card is a host on the wire. */
#pragma once
#include "apps/machine.h"
#include "drivers/net/net.h"

/* Answers ARP, neighbour solicitations, pings and UDP on every VF for seconds=, or until Ctrl-C: ports 7
 * (echo), 9 (takes and counts) and 19 (a datagram of 512 characters for each). SL_CONFIG: address= is none;
 * SL_DEVICE: a card reports what cannot be. */
enum sl_err stage_echo(struct machine *m) MUST_CHECK;

/* Reads address= ("": its default) into ip and prefix, of IPv4 and of IPv6; none of a family is all zeros.
 * vfs hosts take addresses from there on. Returns NULL, or what is wrong with it. */
const char *echo_addresses(const char *text, unsigned vfs, struct net_ip ip[2], uint8_t prefix[2]);
/* Those of the machine's VFs, by its options. SL_CONFIG, which a FAIL line of that stage has explained. */
enum sl_err echo_addresses_of(const struct machine *m, const char *stage, struct net_ip ip[2],
			      uint8_t prefix[2]) MUST_CHECK;
