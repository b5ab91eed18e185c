#include "drivers/roce/icrc.h"
#include "kernel/str.h"
#include <wmmintrin.h>

#define POLYNOMIAL 0xedb88320u /* of Ethernet, reflected */
#define ONES       8u          /* bytes of ones stand for InfiniBand's local route header */

static uint32_t table[8][256];
static bool carryless;

void icrc_carryless(bool has)
{
	carryless = has;
}

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

/* ---- by PCLMULQDQ: Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ, Intel 2009.
 * 128 bits of the message, times a power of x, are as good as the same bits that much earlier. The constants
 * are these powers modulo the polynomial, reflected and shifted by one. The other parts of the kernel use no
 * SSE register (-mgeneral-regs-only), its interrupts neither, and no register keeps a value from one call to
 * the next. */
#define CLMUL __attribute__((target("sse2,pclmul")))
#define LANES 4u

#define FOLD_BY_4 _mm_set_epi64x(0x1c6e41596, 0x154442bd4) /* x^(512-32), x^(512+32) */
#define FOLD_BY_1 _mm_set_epi64x(0x0ccaa009e, 0x1751997d0) /* x^(128-32), x^(128+32) */
#define FOLD_64   _mm_set_epi64x(0, 0x163cd6124)           /* x^64 */
#define BARRETT   _mm_set_epi64x(0x1f7011641, 0x1db710641) /* x^64 / P, P */

CLMUL FAST_INLINE __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i_u *)(const void *)p);
}

CLMUL FAST_INLINE __m128i fold(__m128i a, __m128i by, __m128i more)
{
	__m128i low = _mm_clmulepi64_si128(a, by, 0x00);
	return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(a, by, 0x11), low), more);
}

/* The CRC of the 16 bytes. */
CLMUL FAST_INLINE uint32_t reduce(__m128i a)
{
	const __m128i low32 = _mm_set_epi32(0, 0, 0, -1);
	a = _mm_xor_si128(_mm_clmulepi64_si128(a, FOLD_BY_1, 0x10), _mm_srli_si128(a, 8));
	__m128i rest = _mm_srli_si128(a, 4);
	a = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(a, low32), FOLD_64, 0x00), rest);
	__m128i t = _mm_clmulepi64_si128(_mm_and_si128(a, low32), BARRETT, 0x10);
	t = _mm_clmulepi64_si128(_mm_and_si128(t, low32), BARRETT, 0x00);
	return (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(_mm_xor_si128(a, t), 4));
}

/* Of two pieces, one after the other, of multiples of 16 bytes; the first has some. */
static CLMUL uint32_t by_clmul(const uint8_t *first, size_t n_first, const uint8_t *p, size_t n)
{
	const uint8_t *first_end = first + n_first, *end = p + n;
	__m128i a = load(first);
#pragma clang loop unroll(disable)
	for (first += 16; first != first_end; first += 16)
		a = fold(a, FOLD_BY_1, load(first));
	if (n >= LANES * 16) {
		a = fold(a, FOLD_BY_1, load(p));
		__m128i b = load(p + 16), c = load(p + 32), d = load(p + 48);
		for (p += 64; (size_t)(end - p) >= LANES * 16; p += LANES * 16) {
			a = fold(a, FOLD_BY_4, load(p));
			b = fold(b, FOLD_BY_4, load(p + 16));
			c = fold(c, FOLD_BY_4, load(p + 32));
			d = fold(d, FOLD_BY_4, load(p + 48));
		}
		a = fold(fold(fold(a, FOLD_BY_1, b), FOLD_BY_1, c), FOLD_BY_1, d);
	}
	for (; p != end; p += 16)
		a = fold(a, FOLD_BY_1, load(p));
	return reduce(a);
}

uint32_t icrc_more(uint32_t crc, const uint8_t *p, size_t n)
{
	for (; n >= 8; p += 8, n -= 8) {
		uint64_t v;
		__builtin_memcpy(&v, p, sizeof v);
		v ^= crc;
		crc = 0;
		for (unsigned t = 8; t-- > 0; v >>= 8)
			crc ^= table[t][v & 0xff];
	}
	for (; n; n--)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}

FAST_INLINE void copy_masked(uint8_t *to, const uint8_t *from, unsigned n, const uint64_t *mask)
{
	for (unsigned i = 0; i < n; i++) {
		uint64_t v;
		__builtin_memcpy(&v, from + 8 * i, sizeof v);
		v |= mask[i];
		__builtin_memcpy(to + 8 * i, &v, sizeof v);
	}
}

/* The headers with ones for what routers change: type of service, time to live and checksum of IPv4; traffic
 * class, flow label and hop limit of IPv6; UDP's checksum, and the BTH's reserved byte. Up to 7 bytes more.
 */
FAST_INLINE void put_masked(uint8_t *to, const uint8_t *ip, bool four, size_t n)
{
	static const uint64_t of4[] = {0xff00, 0xffff00ff, 0, 0xffff0000, 0xff},
			      of6[] = {0xff000000ffffff0f, 0, 0, 0, 0, 0xffffull << 48, 0xff00000000, 0};
	size_t done = four ? sizeof of4 : sizeof of6;
	if (LIKELY(four))
		copy_masked(to, ip, ARRAY_LEN(of4), of4);
	else
		copy_masked(to, ip, ARRAY_LEN(of6), of6);
	for (; done < n; done += 8)
		__builtin_memcpy(to + done, ip + done, 8);
}

/* Zeros before a message whose CRC begins with zeros change nothing: so many of them that the end of the
 * message ends 16 bytes. Beginning with ones is the same as ones in place of zeros in the first four bytes,
 * and these are ones already. */
uint32_t icrc(const uint8_t *ip, bool four, size_t head, const uint8_t *data, size_t n)
{
	uint8_t buf[ALIGN_UP(15 + ONES + ICRC_HEAD + 15, 16)];
	const uint64_t begin = 0xffffffffull << 32;
	size_t few = n & 15, zeros = (0 - (ONES + head + few)) & 15;
	uint8_t *at = buf + zeros + ONES;
	__builtin_memset(buf, 0, 16);
	__builtin_memcpy(buf + zeros, &begin, sizeof begin);
	put_masked(at, ip, four, head);
	at += head;
	for (size_t i = 0; i < few; i++)
		*at++ = data[i];
	size_t all = (size_t)(at - buf);
	return carryless ? by_clmul(buf, all, data + few, n - few)
			 : icrc_more(icrc_more(0, buf, all), data + few, n - few);
}
