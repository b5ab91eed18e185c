/* drivers/roce/icrc.c: by the tables and by both forms of PCLMULQDQ, against the CRC of another part of the
 * program. */
#include <stdlib.h>
#include <string.h>
#include "drivers/roce/icrc.h"
#include "kernel/crc32.h"
#include "tests/unit/test.h"

#define MOST 700u

static uint8_t bytes[ICRC_HEAD + MOST + 16];

/* All at once: eight bytes of ones, and the headers with ones where routers change them (IBA, Annex A17). */
static uint32_t expected(const uint8_t *ip, bool four, size_t head, const uint8_t *data, size_t n)
{
	static const uint8_t of4[] = {1, 8, 10, 11, 26, 27, 32}, of6[] = {1, 2, 3, 7, 46, 47, 52};
	uint8_t all[8 + ICRC_HEAD + MOST];
	memset(all, 0xff, 8);
	memcpy(all + 8, ip, head);
	memcpy(all + 8 + head, data, n);
	for (unsigned i = 0; i < sizeof of4; i++)
		all[8 + (four ? of4 : of6)[i]] = 0xff;
	if (!four)
		all[8] |= 0x0f;
	return ~crc32(0, all, 8 + head + n);
}

/* Mixed; all zeros, where each bit that is wrongly taken as one is seen; all ones. */
static void fill(unsigned pattern)
{
	for (unsigned i = 0; i < sizeof bytes; i++)
		bytes[i] = pattern ? (uint8_t)(pattern == 1 ? 0 : 0xff) : (uint8_t)(i * 37 + (i >> 3));
}

static void compare(bool four)
{
	size_t least = four ? 40 : 60;
	for (size_t head = least; head <= ICRC_HEAD; head += 4) {
		uint8_t *headers = malloc(head + 7); /* no more is read */
		memcpy(headers, bytes, head + 7);
		for (size_t n = 0; n <= MOST; n += n < 300 ? 1 : 37)
			assert_int_equal(icrc(headers, four, head, bytes + ICRC_HEAD, n),
					 expected(bytes, four, head, bytes + ICRC_HEAD, n));
		free(headers);
	}
}

static void test_lengths(void **state)
{
	(void)state;
	icrc_init();
	const uint32_t pclmul = __builtin_cpu_supports("pclmul") ? BIT(1) : 0,
		       avx = __builtin_cpu_supports("avx") ? BIT(27) | BIT(28) : 0;
	const uint32_t features[] = {0, avx, pclmul, pclmul | BIT(28), pclmul | avx};
	for (unsigned pattern = 0; pattern < 3; pattern++) {
		fill(pattern);
		for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
			icrc_choose(features[i]);
			assert_int_equal(icrc_has_plain, pclmul && avx && features[i] == (pclmul | avx));
			compare(true);
			compare(false);
		}
	}
	icrc_choose(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_lengths)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
