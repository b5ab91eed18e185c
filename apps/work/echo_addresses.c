/* address=: "10.0.0.1/24,fd00::1/64" */
#include "apps/work/echo.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define DEFAULT "10.0.0.1/24,fd00::1/64"

static const char *one_address(const char *text, unsigned vfs, struct net_ip ip[2], uint8_t prefix[2])
{
	struct net_ip a;
	uint8_t bits;
	if (!net_ip_parse(text, &a, &bits))
		return "it is no IPv4 or IPv6 address";
	unsigned i = net_ip_is4(&a) ? 0 : 1;
	struct net_ip last = net_ip_plus(&a, vfs - 1);
	if (!net_ip_none(&ip[i]))
		return "there may be one address of each family";
	if (i == 0 ? a.b[12] == 0 || a.b[12] >= 224 || a.b[12] == 127
		   : a.b[0] == 0xff || (a.b[0] == 0xfe && a.b[1] >> 6 == 2) || net_ip_none(&a))
		return "a host cannot have this address";
	if (!net_ip_near(&a, &last, bits))
		return "its network has too few addresses for the VFs";
	ip[i] = a;
	prefix[i] = bits;
	return NULL;
}

const char *echo_addresses(const char *text, unsigned vfs, struct net_ip ip[2], uint8_t prefix[2])
{
	char part[NET_IP_TEXT + 4];
	text = *text ? text : DEFAULT;
	memset(ip, 0, 2 * sizeof *ip);
	prefix[0] = prefix[1] = 0;
	for (const char *why = NULL; !why;) {
		size_t n = 0;
		while (text[n] && text[n] != ',')
			n++;
		if (n >= sizeof part)
			return "it is no IPv4 or IPv6 address";
		memcpy(part, text, n);
		part[n] = 0;
		why = one_address(part, vfs, ip, prefix);
		if (why || !text[n])
			return why;
		text += n + 1;
	}
	return NULL;
}

enum sl_err echo_addresses_of(const struct machine *m, const char *stage, struct net_ip ip[2],
			      uint8_t prefix[2])
{
	const char *why = echo_addresses(m->cfg->address, m->vfs, ip, prefix);
	if (!why)
		return SL_OK;
	log_fail(stage, "address=10.0.0.1/24, or address=10.0.0.1/24,fd00::1/64", "address=%s: %s",
		 m->cfg->address, why);
	return SL_CONFIG;
}
