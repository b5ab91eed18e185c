#include "drivers/net/net.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

struct net_ip net_ip_plus(const struct net_ip *ip, unsigned n)
{
	struct net_ip out = *ip;
	for (unsigned i = 16; i-- > 12 && n; n >>= 8) {
		n += out.b[i];
		out.b[i] = (uint8_t)n;
	}
	return out;
}

bool net_ip_near(const struct net_ip *a, const struct net_ip *b, unsigned prefix)
{
	unsigned bits = net_ip_is4(a) ? 96 + prefix : prefix, whole = bits / 8, rest = bits % 8;
	return memcmp(a->b, b->b, whole) == 0 && (!rest || (a->b[whole] ^ b->b[whole]) >> (8 - rest) == 0);
}

/* Digits of the base up to most; true when there is one at least. */
static bool number(const char **s, unsigned base, unsigned most, unsigned *out)
{
	unsigned v = 0, digits = 0;
	for (;; (*s)++, digits++) {
		char c = **s;
		unsigned d = c >= '0' && c <= '9'                 ? (unsigned)(c - '0')
			     : (c | 32) >= 'a' && (c | 32) <= 'f' ? (unsigned)((c | 32) - 'a' + 10)
								  : 99;
		if (d >= base)
			break;
		v = v * base + d;
		if (v > most || (base == 10 && digits && v < 10)) /* 01 would be octal elsewhere */
			return false;
	}
	*out = v;
	return digits > 0 && digits <= 4;
}

static bool read4(const char **s, uint8_t out[4])
{
	for (unsigned i = 0, v; i < 4; i++) {
		if ((i && *(*s)++ != '.') || !number(s, 10, 255, &v))
			return false;
		out[i] = (uint8_t)v;
	}
	return true;
}

/* Groups up to '::', which stands for as many zeros as are missing. */
static bool read6(const char **s, uint8_t out[16])
{
	unsigned n = 0, gap = 16, v;
	uint8_t b[16] = {0};
	if ((*s)[0] == ':' && (*s)[1] == ':') {
		gap = 0;
		*s += 2;
	}
	while (n < 16) {
		const char *start = *s;
		if (!number(s, 16, 0xffff, &v))
			break;
		if (**s == '.') { /* the last 32 bits may be written as IPv4 */
			*s = start;
			if (n > 12 || !read4(s, b + n))
				return false;
			n += 4;
			break;
		}
		b[n] = (uint8_t)(v >> 8);
		b[n + 1] = (uint8_t)v;
		n += 2;
		if (**s != ':' || n == 16)
			break;
		(*s)++;
		if (**s == ':') {
			if (gap != 16)
				return false;
			gap = n;
			(*s)++;
		} else if (**s == 0 || **s == '/') {
			return false;
		}
	}
	if (gap == 16 ? n != 16 : n == 16)
		return false;
	memset(out, 0, 16);
	memcpy(out, b, gap < n ? gap : n);
	if (gap < n)
		memcpy(out + 16 - (n - gap), b + gap, n - gap);
	return true;
}

bool net_ip_parse(const char *text, struct net_ip *ip, uint8_t *prefix)
{
	const char *s = text;
	uint8_t b[4];
	unsigned bits;
	bool four = read4(&s, b);
	if (four) {
		*ip = (struct net_ip){{[10] = 0xff, 0xff, b[0], b[1], b[2], b[3]}};
	} else {
		s = text;
		if (!read6(&s, ip->b) || net_ip_is4(ip)) /* IPv4 is written as IPv4 */
			return false;
	}
	bits = four ? 24 : 64;
	if (prefix && *s == '/') {
		s++;
		if (!number(&s, 10, four ? 32 : 128, &bits))
			return false;
	}
	if (prefix)
		*prefix = (uint8_t)bits;
	return *s == 0;
}

/* RFC 5952 §4: the longest run of zero groups, of equal ones the first, is "::", if it is longer than one. */
const char *net_ip_text(const struct net_ip *ip, char buf[NET_IP_TEXT])
{
	const uint8_t *b = ip->b;
	unsigned from = 8, most = 1, at = 0;
	if (net_ip_is4(ip)) {
		fmt_print(buf, NET_IP_TEXT, "%u.%u.%u.%u", b[12], b[13], b[14], b[15]);
		return buf;
	}
	for (unsigned i = 0, run = 0; i < 8; i++) {
		run = b[2 * i] || b[2 * i + 1] ? 0 : run + 1;
		if (run > most) {
			most = run;
			from = i + 1 - run;
		}
	}
	buf[0] = 0;
	for (unsigned i = 0; i < 8; i++) {
		if (i == from) {
			at += (unsigned)fmt_print(buf + at, NET_IP_TEXT - at, "::");
			i += most - 1;
			continue;
		}
		const char *colon = i && i != from + most ? ":" : "";
		at += (unsigned)fmt_print(buf + at, NET_IP_TEXT - at, "%s%x", colon,
					  b[2 * i] << 8 | b[2 * i + 1]);
	}
	return buf;
}
