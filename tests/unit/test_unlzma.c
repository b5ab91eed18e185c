/* boot/unlzma.c against xz: what it writes of many kinds of bytes, with every setting that fits, and damaged
 * files. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "boot/unlzma.h"
#include "tests/unit/test.h"

#define MOST 70000u

static uint16_t work[UNLZMA_WORK / 2];
static uint8_t bytes[MOST], file[2 * MOST];

/* xz's file of n bytes, with the size in its header, as the Makefile makes it; its length. */
static size_t pack(size_t n, const char *settings)
{
	char name[] = "/tmp/test_unlzma.XXXXXX", command[200];
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	FILE *in = fdopen(fd, "wb");
	assert_int_equal(fwrite(bytes, 1, n, in), n);
	fclose(in);
	snprintf(command, sizeof command, "xz --format=lzma --lzma1=%s -c %s", settings, name);
	FILE *out = popen(command, "r");
	assert_non_null(out);
	size_t len = fread(file, 1, sizeof file, out);
	assert_int_equal(pclose(out), 0);
	remove(name);
	for (unsigned i = 0; i < 8; i++)
		file[5 + i] = (uint8_t)((uint64_t)n >> 8 * i);
	return len;
}

/* Into memory of exactly that size, for the sanitizer. */
static bool unpack(size_t len, size_t room, uint8_t *got)
{
	uint8_t *in = malloc(len + 1), *out = malloc(room + 1);
	memcpy(in, file, len);
	bool ok = unlzma((struct span){in, len}, work, out, room);
	if (ok && got)
		memcpy(got, out, room);
	free(in);
	free(out);
	return ok;
}

static void fill(unsigned kind, size_t n)
{
	uint32_t x = 1;
	for (size_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		bytes[i] = kind == 0   ? 0
			   : kind == 1 ? (uint8_t)(x >> 24)
			   : kind == 2 ? (uint8_t)(x >> 30)
				       : (uint8_t)(i % 1000 < 500 || i < 1000 ? x >> 28 : bytes[i - 1000]);
	}
}

static void test_as_xz(void **state)
{
	static const char *const settings[] = {"preset=9e", "preset=0", "lc=0,lp=3,pb=0", "lc=3,lp=0,pb=4",
					       "lc=1,lp=2,pb=1"};
	static const size_t sizes[] = {1, 2, 300, MOST};
	static uint8_t got[MOST];
	(void)state;
	for (unsigned s = 0; s < ARRAY_LEN(settings); s++)
		for (unsigned kind = 0; kind < 4; kind++)
			for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
				fill(kind, sizes[i]);
				size_t len = pack(sizes[i], settings[s]);
				assert_int_equal(unlzma_size((struct span){file, len}), sizes[i]);
				assert_true(unpack(len, sizes[i], got));
				assert_memory_equal(got, bytes, sizes[i]);
			}
}

/* Cut anywhere, changed anywhere, of another size than it says: false, or as many bytes as it says. */
static void test_damaged(void **state)
{
	(void)state;
	fill(3, 3000);
	size_t len = pack(3000, "preset=9e");
	for (size_t n = 0; n < len; n++)
		assert_false(unpack(n, 3000, NULL));
	assert_false(unpack(len, 2999, NULL));
	for (int more = -1; more <= 1; more += 2) {
		file[5] = (uint8_t)(file[5] + more);
		assert_false(unpack(len, 3002, NULL));
		file[5] = (uint8_t)(file[5] - more);
	}
	unsigned seen = 0;
	for (size_t at = 0; at < len; at++)
		for (unsigned b = 0; b < 8; b++) {
			file[at] ^= (uint8_t)(1u << b);
			seen += unpack(len, 3000, NULL);
			file[at] ^= (uint8_t)(1u << b);
		}
	assert_true(seen < 8 * len / 2); /* there is no checksum: some of its literals may be others */
}

/* The first symbol copies from before the beginning: nothing is there. */
static void test_nothing_before(void **state)
{
	(void)state;
	fill(2, 300);
	size_t len = pack(300, "lc=3");
	for (unsigned first = 0x80; first < 0x100; first++) {
		memset(file + 14, 0xff, len - 14);
		file[14] = (uint8_t)first;
		assert_false(unpack(len, 300, NULL));
	}
}

static void test_settings_that_do_not_fit(void **state)
{
	(void)state;
	fill(2, 300);
	size_t len = pack(300, "lc=4");
	assert_int_equal(unlzma_size((struct span){file, len}), 0);
	assert_false(unpack(len, 300, NULL));
	file[0] = 255;
	assert_false(unpack(len, 300, NULL));
	/* Of the header alone the size is known; of less nothing. */
	len = pack(300, "lc=3");
	assert_int_equal(unlzma_size((struct span){file, 13}), 300);
	assert_int_equal(unlzma_size((struct span){file, 12}), 0);
	static const unsigned odd[][2] = {{4 * 45 + 3, 300}, {5 * 45, 0},  {9 + 3, 0},
					  {9 + 2, 300},      {3 * 9, 300}, {4 * 9, 0}};
	for (unsigned i = 0; i < ARRAY_LEN(odd); i++) { /* pb, lp, lc */
		file[0] = (uint8_t)odd[i][0];
		assert_int_equal(unlzma_size((struct span){file, len}), odd[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_as_xz), cmocka_unit_test(test_damaged),
					   cmocka_unit_test(test_nothing_before),
					   cmocka_unit_test(test_settings_that_do_not_fit)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
