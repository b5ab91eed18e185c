#include <string.h>
#include "drivers/crc16.h"
#include "tests/unit/test.h"

/* The catalogue's check value, and the examples that SBC-4 gives for 32 bytes. */
static void test_known_answers(void **state)
{
	uint8_t b[32];
	(void)state;
	assert_int_equal(crc16_t10dif(0, "123456789", 9), 0xd0db);
	memset(b, 0, sizeof b);
	assert_int_equal(crc16_t10dif(0, b, sizeof b), 0x0000);
	memset(b, 0xff, sizeof b);
	assert_int_equal(crc16_t10dif(0, b, sizeof b), 0xa293);
	for (unsigned i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)i;
	assert_int_equal(crc16_t10dif(0, b, sizeof b), 0x0224);
	memset(b, 0, sizeof b);
	b[0] = b[1] = 0xff;
	assert_int_equal(crc16_t10dif(0, b, sizeof b), 0x21b8);
	for (unsigned i = 0; i < sizeof b; i++)
		b[i] = (uint8_t)(0xff - i);
	assert_int_equal(crc16_t10dif(0, b, sizeof b), 0xa0b7);
}

static uint16_t bit_by_bit(const uint8_t *p, size_t n)
{
	uint32_t crc = 0;
	for (size_t i = 0; i < 8 * n; i++) {
		uint32_t bit = (crc >> 15 ^ (uint32_t)p[i / 8] >> (7 - i % 8)) & 1;
		crc = (crc << 1 & 0xffff) ^ (bit ? 0x8bb7 : 0);
	}
	return (uint16_t)crc;
}

static void test_against_division(void **state)
{
	uint8_t b[777];
	uint32_t seed = 7;
	(void)state;
	for (unsigned i = 0; i < sizeof b; i++) {
		seed = seed * 1664525 + 1013904223;
		b[i] = (uint8_t)(seed >> 24);
	}
	for (size_t n = 0; n <= sizeof b; n++) {
		assert_int_equal(crc16_t10dif(0, b, n), bit_by_bit(b, n));
		assert_int_equal(crc16_t10dif(crc16_t10dif(0, b, n / 3), b + n / 3, n - n / 3),
				 bit_by_bit(b, n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_known_answers),
					   cmocka_unit_test(test_against_division)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
