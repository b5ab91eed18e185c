#include "drivers/roce/icrc.h"
#include "kernel/str.h"
#include <wmmintrin.h>

#define POLYNOMIAL 0xedb88320u  /* of Ethernet, reflected */
#define ONES       8u           /* bytes of ones stand for InfiniBand's local route header */
#define BEGIN      BITS(63, 32) /* and are this, where the CRC begins with zeros: see gather() */

#define ECX_PCLMUL BIT(1)              /* CPUID 1 ECX */
#define ECX_AVX    (BIT(27) | BIT(28)) /* OSXSAVE and AVX */

static uint32_t table[8][256];
bool icrc_has_plain;
static uint32_t has; /* ECX_PCLMUL, and ECX_AVX only with it */

void icrc_choose(uint32_t features)
{
	has = features & ECX_PCLMUL;
	if (has && (features & ECX_AVX) == ECX_AVX)
		has |= ECX_AVX;
	icrc_has_plain = has & ECX_AVX;
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
 * the next. With AVX the same instructions have a third operand: 4 for each 16 bytes, and not 6. */
#define CLMUL __attribute__((target("sse2,pclmul")))
#define AVX   __attribute__((target("avx,pclmul")))
#define BLOCK 64u

static const uint64_t fold_by_4[] = {0x154442bd4, 0x1c6e41596}, /* x^(512+32), x^(512-32) */
	fold_by_1[] = {0x1751997d0, 0x0ccaa009e},               /* x^(128+32), x^(128-32) */
	fold_64[] = {0x163cd6124, 0},                           /* x^64 */
	barrett[] = {0x1db710641, 0x1f7011641};                 /* P, x^64 / P */

struct lanes {
	__m128i a, b, c, d;
};

CLMUL FAST_INLINE __m128i load(const uint8_t *p)
{
	return _mm_loadu_si128((const __m128i_u *)(const void *)p);
}

/* In one register: of what it knows the compiler makes two, each half in its own. */
CLMUL FAST_INLINE __m128i constant(const uint64_t pair[2])
{
	__m128i v = load((const uint8_t *)pair);
	__asm__("" : "+x"(v));
	return v;
}

CLMUL FAST_INLINE __m128i fold(__m128i a, __m128i by, __m128i more)
{
	__m128i low = _mm_clmulepi64_si128(a, by, 0x00);
	return _mm_xor_si128(_mm_clmulepi64_si128(a, by, 0x11), _mm_xor_si128(low, more));
}

CLMUL FAST_INLINE void fold_block(struct lanes *l, __m128i by, const uint8_t *p)
{
	l->a = fold(l->a, by, load(p));
	l->b = fold(l->b, by, load(p + 16));
	l->c = fold(l->c, by, load(p + 32));
	l->d = fold(l->d, by, load(p + 48));
}

/* The CRC of the 16 bytes; by: fold_by_1. */
CLMUL FAST_INLINE uint32_t reduce(__m128i a, __m128i by)
{
	const __m128i low32 = _mm_set_epi32(0, 0, 0, -1), p = constant(barrett);
	a = _mm_xor_si128(_mm_clmulepi64_si128(a, by, 0x10), _mm_srli_si128(a, 8));
	__m128i rest = _mm_srli_si128(a, 4);
	a = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(a, low32), constant(fold_64), 0x00), rest);
	__m128i t = _mm_clmulepi64_si128(_mm_and_si128(a, low32), p, 0x10);
	t = _mm_clmulepi64_si128(_mm_and_si128(t, low32), p, 0x00);
	return (uint32_t)_mm_cvtsi128_si32(_mm_srli_si128(_mm_xor_si128(a, t), 4));
}

/* 16 bytes more. */
CLMUL FAST_INLINE void fold_lane(struct lanes *l, __m128i by, const uint8_t *p)
{
	*l = (struct lanes){l->b, l->c, l->d, fold(l->a, by, load(p))};
}

/* n bytes more, a multiple of 16. */
CLMUL FAST_INLINE void advance(struct lanes *l, const uint8_t *p, size_t n)
{
	const uint8_t *end = p + n;
	const __m128i by = constant(fold_by_4);
#pragma clang loop unroll(disable)
	for (; n & (BLOCK - 1); p += 16, n -= 16)
		fold_lane(l, by, p);
#pragma clang loop unroll(disable)
	for (; n & 3 * BLOCK; p += BLOCK, n -= BLOCK)
		fold_block(l, by, p);
	for (; p != end; p += 4 * BLOCK)
		for (unsigned i = 0; i < 4; i++)
			fold_block(l, by, p + i * BLOCK);
}

CLMUL FAST_INLINE uint32_t crc_of(const struct lanes *l)
{
	const __m128i by = constant(fold_by_1);
	return reduce(fold(fold(fold(l->a, by, l->b), by, l->c), by, l->d), by);
}

/* Of two pieces, one after the other, of multiples of 16 bytes; the first has BLOCK at least. */
CLMUL FAST_INLINE uint32_t sum(const uint8_t *first, size_t n_first, const uint8_t *p, size_t n)
{
	struct lanes l = {load(first), load(first + 16), load(first + 32), load(first + 48)};
#pragma clang loop unroll(disable)
	for (size_t i = BLOCK; i != n_first; i += 16)
		fold_lane(&l, constant(fold_by_4), first + i);
	advance(&l, p, n);
	return crc_of(&l);
}

static CLMUL uint32_t by_sse(const uint8_t *first, size_t n_first, const uint8_t *p, size_t n)
{
	return sum(first, n_first, p, n);
}

static AVX uint32_t by_avx(const uint8_t *first, size_t n_first, const uint8_t *p, size_t n)
{
	return sum(first, n_first, p, n);
}

/* Its headers need no copy: 16 zeros stand before them. */
AVX uint32_t icrc_plain(const uint8_t *ip, const uint8_t *data, size_t n)
{
	__m128i begin = _mm_slli_si128(_mm_loadl_epi64((const __m128i_u *)(const void *)ip), ONES);
	struct lanes l = {_mm_setzero_si128(), _mm_or_si128(begin, _mm_set_epi64x(0xff00, (long long)BEGIN)),
			  _mm_or_si128(load(ip + 8), _mm_set_epi64x(0, 0xffff00ff)),
			  _mm_or_si128(load(ip + 24), _mm_set_epi64x(0xff, 0xffff0000))};
	if (n & (BLOCK - 1)) { /* the zeros fall out */
		l = (struct lanes){l.b, l.c, l.d, load(data)};
		data += 16;
		n -= 16;
	}
	advance(&l, data, n);
	return crc_of(&l);
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

#define GATHERED ALIGN_UP(ONES + ICRC_HEAD + 15 + 7, 16) /* most bytes of it, and 7 more */

/* Zeros before a message whose CRC begins with zeros change nothing: so many of them that the headers, and
 * as much of the data as does not fill 16 bytes, end 16 bytes, and that there are BLOCK bytes. Beginning with
 * ones is the same as turning the first four bytes, which are ones. Returns how many bytes there are. */
static size_t gather(uint8_t *buf, const uint8_t *ip, bool four, size_t head, const uint8_t *data, size_t few)
{
	const uint64_t begin = BEGIN;
	size_t all = ALIGN_UP(ONES + head + few, 16);
	all = all < BLOCK ? BLOCK : all;
	uint8_t *at = buf + all - few - head;
	__builtin_memset(buf, 0, BLOCK);
	__builtin_memcpy(at - ONES, &begin, sizeof begin);
	put_masked(at, ip, four, head);
	memcpy(at + head, data, few);
	return all;
}

uint32_t icrc_general(const uint8_t *ip, bool four, size_t head, const uint8_t *data, size_t n)
{
	uint8_t buf[GATHERED];
	size_t few = n & 15, all = gather(buf, ip, four, head, data, few);
	if (has & ECX_AVX)
		return by_avx(buf, all, data + few, n - few);
	return has ? by_sse(buf, all, data + few, n - few)
		   : icrc_more(icrc_more(0, buf, all), data + few, n - few);
}
