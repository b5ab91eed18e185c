#include "drivers/roce/icrc.h"
#include "kernel/str.h"

#define POLYNOMIAL 0xedb88320u /* of Ethernet, reflected */
#define ONES       8u          /* bytes of ones stand for InfiniBand's local route header */

static uint32_t table[8][256];

void icrc_init(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t c = i;
		for (unsigned bit = 0; bit < 8; bit++)
			c = c >> 1 ^ (POLYNOMIAL & (0 - (c & 1)));
		table[0][i] = c;
	}
	for (unsigned t = 1; t < 8; t++)
		for (uint32_t i = 0; i < 256; i++)
			table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 0xff];
}

uint32_t icrc_more(uint32_t crc, const uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t v;
		memcpy(&v, p, sizeof v);
		v ^= crc;
		crc = 0;
		for (unsigned t = 8; t-- > 0; v >>= 8)
			crc ^= table[t][v & 0xff];
	}
	for (; n; n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}

uint32_t icrc_head(const uint8_t *ip, bool four, size_t n)
{
	uint8_t copy[ONES + ICRC_HEAD], *h = copy + ONES;
	size_t udp = four ? 20 : 40;
	memset(copy, 0xff, ONES);
	memcpy(h, ip, n);
	if (four) {
		h[1] = 0xff; /* type of service, time to live, header checksum */
		h[8] = 0xff;
		memset(h + 10, 0xff, 2);
	} else {
		h[0] |= 0x0f; /* traffic class and flow label, hop limit */
		memset(h + 1, 0xff, 3);
		h[7] = 0xff;
	}
	memset(h + udp + 6, 0xff, 2); /* UDP's checksum, and the BTH's reserved byte */
	h[udp + 12] = 0xff;
	return icrc_more(UINT32_MAX, copy, ONES + n);
}
