// RSA and Diffie-Hellman by GMP. Numbers are big-endian and as wide as the function says.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <gmp.h>
#include "fw.h"
#include "service.h"

enum {
	PKE_FUNCTION = 0x14,
	PKE_INPUTS = 0x20,
	PKE_OUTPUTS = 0x28,
	PKE_OUTPUT_COUNT = 0x30,
	PKE_INPUT_COUNT = 0x31
};
enum { WIDTH_MAX = 512, INPUTS_MAX = 6 };
enum kind { POWER, POWER_OF_2, CRT };

static const struct function {
	uint32_t id;
	uint16_t bits;
	uint8_t kind;
} functions[] = {
	/* RSA public: m, e, n */
	{0x1c161b21, 512, POWER},
	{0x35111bf7, 1024, POWER},
	{0x4d111cdc, 1536, POWER},
	{0x6e111dba, 2048, POWER},
	{0x7d111ea3, 3072, POWER},
	{0xa5101f7e, 4096, POWER},
	/* RSA private: c, d, n */
	{0x1c161b3c, 512, POWER},
	{0x35111c12, 1024, POWER},
	{0x4d111cf7, 1536, POWER},
	{0x6e111dda, 2048, POWER},
	{0x7d111ebe, 3072, POWER},
	{0xa5101f98, 4096, POWER},
	/* RSA private: c, p, q, dp, dq, qinv */
	{0x1c131b57, 512, CRT},
	{0x26131c2d, 1024, CRT},
	{0x45111d12, 1536, CRT},
	{0x59121dfa, 2048, CRT},
	{0x81121ed9, 3072, CRT},
	{0xb1111fb2, 4096, CRT},
	/* DH: b, x, p */
	{0x390c1a49, 1536, POWER},
	{0x4d0c1a60, 2048, POWER},
	{0x510c1a77, 3072, POWER},
	{0x690c1a8e, 4096, POWER},
	/* DH with base 2: x, p */
	{0x2e0b1a3e, 1536, POWER_OF_2},
	{0x3e0b1a55, 2048, POWER_OF_2},
	{0x3a0b1a6c, 3072, POWER_OF_2},
	{0x4a0b1a83, 4096, POWER_OF_2},
};

// base^exponent mod modulus; false for an even modulus.
static bool power(mpz_t r, const mpz_t base, const mpz_t exponent, const mpz_t modulus)
{
	if (mpz_sgn(modulus) == 0 || mpz_even_p(modulus))
		return false;
	mpz_powm(r, base, exponent, modulus);
	return true;
}

// m = m2 + q * (qinv * (m1 - m2) mod p), RFC 8017 §5.1.2
static bool crt(mpz_t r, mpz_t *in)
{
	mpz_t m1;
	mpz_init(m1);
	bool ok = power(m1, in[0], in[3], in[1]) && power(r, in[0], in[4], in[2]);
	if (ok) {
		mpz_sub(m1, m1, r);
		mpz_mul(m1, m1, in[5]);
		mpz_mod(m1, m1, in[1]);
		mpz_addmul(r, m1, in[2]);
	}
	mpz_clear(m1);
	return ok;
}

static enum verdict result(const struct mem *m, uint64_t to, const mpz_t r, size_t width)
{
	uint8_t number[WIDTH_MAX] = {0};
	size_t bytes = (mpz_sizeinbase(r, 2) + 7) / 8;
	if (bytes > width)
		return REFUSED;
	if (mpz_sgn(r))
		mpz_export(number + width - bytes, NULL, 1, 1, 1, 0, r);
	return mem_write(m, to, number, width);
}

enum verdict pke_run(const struct mem *m, const uint8_t *req)
{
	const struct function *f = functions, *end = functions + sizeof functions / sizeof *functions;
	while (f < end && f->id != get32(req + PKE_FUNCTION))
		f++;
	if (f == end)
		return REFUSED;
	static const uint8_t counts[] = {[POWER] = 3, [POWER_OF_2] = 2, [CRT] = 6};
	unsigned n = counts[f->kind];
	size_t width = f->bits / 8;
	uint8_t addrs[INPUTS_MAX * 8], to[8], number[WIDTH_MAX];
	if (req[PKE_INPUT_COUNT] != n || req[PKE_OUTPUT_COUNT] != 1)
		return REFUSED;
	if (mem_read(m, get64(req + PKE_INPUTS), addrs, 8 * n) != DONE ||
	    mem_read(m, get64(req + PKE_OUTPUTS), to, sizeof to) != DONE)
		return DMA;
	mpz_t in[INPUTS_MAX], r;
	enum verdict v = DONE;
	mpz_init(r);
	for (unsigned i = 0; i < n; i++) {
		mpz_init(in[i]);
		size_t bytes = f->kind == CRT && i ? width / 2 : width;
		if (v == DONE)
			v = mem_read(m, get64(addrs + 8 * i), number, bytes);
		if (v == DONE)
			mpz_import(in[i], bytes, 1, 1, 1, 0, number);
	}
	if (v == DONE) {
		bool ok;
		if (f->kind == CRT) {
			ok = crt(r, in);
		} else if (f->kind == POWER_OF_2) {
			mpz_set_ui(r, 2);
			ok = power(r, r, in[0], in[1]);
		} else {
			ok = power(r, in[0], in[1], in[2]);
		}
		v = ok ? result(m, get64(to), r, width) : REFUSED;
	}
	for (unsigned i = 0; i < n; i++)
		mpz_clear(in[i]);
	mpz_clear(r);
	return v;
}
