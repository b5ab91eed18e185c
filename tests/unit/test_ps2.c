/* Scan codes as a keyboard behind an i8042 sends them, and bytes that none sends. */
#include <string.h>
#include "kernel/ps2.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

static const uint8_t *codes;
static size_t left;
static bool gone, endless, mouse, busy;
static unsigned reads, asked;
static uint8_t config[8]; /* its answers, */
static unsigned answers, given;

uint8_t ps2_in(uint16_t port)
{
	reads++;
	if (gone)
		return 0xff;
	if (port == 0x64)
		return (left || endless || given < asked ? 0x1d : 0x1c) | (mouse ? 0x20 : 0) |
		       (busy ? 0x02 : 0);
	assert_int_equal(port, 0x60);
	if (given < asked)
		return config[given++];
	if (endless)
		return 0x1e;
	assert_true(left > 0);
	left--;
	return *codes++;
}

void ps2_out(uint16_t port, uint8_t v)
{
	assert_int_equal(port, 0x64);
	assert_int_equal(v, 0x20); /* nothing else is ever written, */
	assert_false(busy);        /* and not before the last command is taken */
	asked += asked < answers;
}

static enum ps2 start(unsigned n, uint8_t first, uint8_t then)
{
	memset(config, then, sizeof config);
	config[0] = first;
	answers = n;
	asked = given = 0;
	return ps2_start(true);
}

static void expect(const uint8_t *bytes, size_t n, const char *want)
{
	char got[64] = {0};
	codes = bytes;
	left = n;
	for (unsigned i = 0; i < sizeof got - 1; i++) {
		int c = ps2_read();
		if (c < 0)
			break;
		got[i] = (char)c;
	}
	assert_int_equal(left, 0);
	assert_string_equal(got, want);
}

#define EXPECT(want, ...) expect((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), want)

static void test_keys(void **state)
{
	(void)state;
	assert_int_equal(ps2_start(false), PS2_SET_1);
	assert_int_equal(asked, 0);
	EXPECT("help\r", 0x23, 0xa3, 0x12, 0x92, 0x26, 0xa6, 0x19, 0x99, 0x1c, 0x9c);
	EXPECT("A!b", 0x2a, 0x1e, 0x9e, 0x02, 0x82, 0xaa, 0x30, 0xb0);
	EXPECT("?a", 0x36, 0x35, 0xb5, 0xb6, 0x1e, 0x9e);
	EXPECT("\3c", 0x1d, 0x2e, 0xae, 0x9d, 0x2e, 0xae);
	EXPECT("\3", 0xe0, 0x1d, 0x2e, 0xae, 0xe0, 0x9d);
	EXPECT("\x1b[A\x1b[B\x1b[C\x1b[D", 0xe0, 0x48, 0xe0, 0xc8, 0xe0, 0x50, 0xe0, 0xd0, 0xe0, 0x4d, 0xe0,
	       0xcd, 0xe0, 0x4b, 0xe0, 0xcb);
	EXPECT("\x1b[H", 0xe0, 0x2a, 0xe0, 0x47, 0xe0, 0xc7, 0xe0, 0xaa); /* with the keyboard's own shift */
	EXPECT("7/8", 0x47, 0xc7, 0xe0, 0x35, 0xe0, 0xb5, 0x48, 0xc8);
	EXPECT("Aa", 0x3a, 0xba, 0x1e, 0x9e, 0x3a, 0xba, 0x1e, 0x9e); /* Caps Lock */
	EXPECT("\x1b\t\x7f ", 0x01, 0x81, 0x0f, 0x8f, 0x0e, 0x8e, 0x39, 0xb9);
	EXPECT("aaa", 0x1e, 0x1e, 0x1e, 0x9e);                       /* held */
	EXPECT("x", 0xe1, 0x1d, 0x45, 0xe1, 0x9d, 0xc5, 0x2d, 0xad); /* Pause sends nothing */
}

/* A controller that does not translate: codes of set 2. */
static void test_set_2(void **state)
{
	(void)state;
	assert_int_equal(start(8, 0x07, 0x07), PS2_SET_2);
	EXPECT("help\r", 0x33, 0xf0, 0x33, 0x24, 0xf0, 0x24, 0x4b, 0xf0, 0x4b, 0x4d, 0xf0, 0x4d, 0x5a, 0xf0,
	       0x5a);
	EXPECT("A!b", 0x12, 0x1c, 0xf0, 0x1c, 0x16, 0xf0, 0x16, 0xf0, 0x12, 0x32, 0xf0, 0x32);
	EXPECT("?a", 0x59, 0x4a, 0xf0, 0x4a, 0xf0, 0x59, 0x1c, 0xf0, 0x1c);
	EXPECT("\3c", 0x14, 0x21, 0xf0, 0x21, 0xf0, 0x14, 0x21, 0xf0, 0x21);
	EXPECT("\3c", 0xe0, 0x14, 0x21, 0xf0, 0x21, 0xe0, 0xf0, 0x14, 0x21, 0xf0, 0x21);
	EXPECT("\x1b[A\x1b[B\x1b[C\x1b[D", 0xe0, 0x75, 0xe0, 0xf0, 0x75, 0xe0, 0x72, 0xe0, 0xf0, 0x72, 0xe0,
	       0x74, 0xe0, 0xf0, 0x74, 0xe0, 0x6b, 0xe0, 0xf0, 0x6b);
	EXPECT("\x1b[H", 0xe0, 0x12, 0xe0, 0x6c, 0xe0, 0xf0, 0x6c, 0xe0, 0xf0, 0x12);
	EXPECT("7/8*", 0x6c, 0xf0, 0x6c, 0xe0, 0x4a, 0xe0, 0xf0, 0x4a, 0x75, 0xf0, 0x75, 0x7c, 0xf0, 0x7c);
	EXPECT("x", 0xe1, 0x14, 0x77, 0xe1, 0xf0, 0x14, 0xf0, 0x77, 0x22, 0xf0,
	       0x22); /* Pause sends nothing */
	EXPECT("qwertyuiop[]\\", 0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b,
	       0x5d);
	EXPECT("asdfghjkl;'", 0x1c, 0x1b, 0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52);
	EXPECT("\\zxcvbnm,./", 0x61, 0x1a, 0x22, 0x21, 0x2a, 0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a);
	EXPECT("`1234567890-=", 0x0e, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55);
	EXPECT("\x1b\t\x7f ", 0x76, 0x0d, 0x66, 0x29);
	EXPECT("789-456+1230.", 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69, 0x72, 0x7a, 0x70, 0x71);
	EXPECT("", 0x05, 0x83, 0x84, 0x85, 0x00, 0xfa, 0xfe, 0xff, 0xf0, 0xf0, 0x83, 0x77, 0xf0, 0x77);
	for (unsigned a = 0; a < 0x10000; a++) {
		uint8_t pair[] = {(uint8_t)a, (uint8_t)(a >> 8)};
		codes = pair;
		left = sizeof pair;
		for (unsigned i = 0; i < 16 && ps2_read() >= 0; i++)
			;
		assert_int_equal(left, 0);
	}
	assert_int_equal(ps2_start(false), PS2_SET_1);
}

/* How it is set up is believed only when it says so twice; a key may be pressed meanwhile. */
static void test_configuration(void **state)
{
	(void)state;
	assert_int_equal(start(8, 0x67, 0x67), PS2_SET_1);
	assert_int_equal(asked, 2);
	assert_int_equal(start(8, 0x1e, 0x67), PS2_SET_1);
	assert_int_equal(asked, 3);
	assert_int_equal(start(8, 0x9e, 0x07), PS2_SET_2);
	assert_int_equal(start(8, 0x77, 0x77), PS2_DISABLED);
	codes = (const uint8_t[]){0x1e};
	left = 1;
	assert_int_equal(ps2_read(), -1);
	assert_int_equal(left, 1);
	left = 0;
	assert_int_equal(start(8, 0x17, 0x17), PS2_DISABLED);
	assert_int_equal(start(1, 0x07, 0x07), PS2_SET_1); /* and then no answer */
	assert_int_equal(start(0, 0, 0), PS2_SET_1);
	busy = true;
	assert_int_equal(start(8, 0x07, 0x07), PS2_SET_1);
	assert_int_equal(asked, 0);
	busy = false;
	EXPECT("a", 0x1e, 0x9e);
	gone = true;
	assert_int_equal(start(8, 0x07, 0x07), PS2_NONE);
	assert_int_equal(asked, 0);
	gone = false;
}

static void test_odd(void **state)
{
	(void)state;
	assert_int_equal(ps2_start(false), PS2_SET_1);
	EXPECT("", 0x3b, 0x00, 0xfa, 0xff, 0xfe, 0x7f, 0x59, 0xe0, 0x7f, 0xe0, 0x5b);
	EXPECT("a", 0xe0, 0xe0, 0xe0, 0x5b, 0x1e, 0x9e);
	for (unsigned a = 0; a < 0x100; a++)
		for (unsigned b = 0; b < 0x100; b++) {
			uint8_t pair[] = {(uint8_t)a, (uint8_t)b};
			codes = pair;
			left = sizeof pair;
			for (unsigned i = 0; i < 16 && ps2_read() >= 0; i++)
				;
			assert_int_equal(left, 0);
		}
	mouse = true;
	EXPECT("", 0x1e, 0x9e);
	mouse = false;
}

/* No controller; one that always has a byte. */
static void test_controllers(void **state)
{
	(void)state;
	static const uint8_t old[] = {0x1e, 0x9e, 0x30};
	codes = old;
	left = sizeof old;
	assert_int_equal(ps2_start(false), PS2_SET_1);
	assert_int_equal(left, 0);
	assert_int_equal(ps2_read(), -1);
	endless = true;
	reads = 0;
	assert_int_equal(ps2_start(false), PS2_SET_1);
	assert_int_equal(ps2_read(), 'a');
	mouse = true;
	assert_int_equal(ps2_read(), -1);
	assert_true(reads < 400);
	endless = mouse = false;
	gone = true;
	assert_int_equal(ps2_read(), -1);
	assert_int_equal(ps2_start(false), PS2_NONE);
	reads = 0;
	assert_int_equal(ps2_read(), -1);
	assert_int_equal(reads, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_keys),          cmocka_unit_test(test_set_2),
		cmocka_unit_test(test_configuration), cmocka_unit_test(test_odd),
		cmocka_unit_test(test_controllers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
