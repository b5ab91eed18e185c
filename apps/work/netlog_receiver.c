#include "apps/work/netlog.h"
#include "kernel/str.h"

static bool read_port(const char *s, uint16_t *port)
{
	uint32_t v = 0;
	if (!*s)
		return false;
	for (; *s; s++) {
		if (*s < '0' || *s > '9' || v > UINT16_MAX)
			return false;
		v = v * 10 + (uint32_t)(*s - '0');
	}
	*port = (uint16_t)v;
	return v >= 1 && v <= UINT16_MAX;
}

bool netlog_receiver(const char *text, struct net_ip *ip, uint16_t *port)
{
	char host[NET_IP_TEXT];
	bool brackets;
	size_t n = 0, colons = 0;
	if (strlen(text) < 5 || memcmp(text, "udp:", 4) != 0)
		return false;
	text += 4;
	brackets = *text == '[';
	text += brackets;
	for (const char *s = text; *s; s++)
		colons += *s == ':';
	while (text[n] && text[n] != (brackets ? ']' : colons == 1 ? ':' : 0))
		n++;
	if (n >= sizeof host || (brackets && !text[n]))
		return false;
	memcpy(host, text, n);
	host[n] = 0;
	text += n + brackets;
	*port = NET_SYSLOG;
	return net_ip_parse(host, ip, NULL) && (!brackets || !net_ip_is4(ip)) &&
	       (!*text || (*text == ':' && read_port(text + 1, port)));
}
