/* Load options as each starter gives them: docs/options.md. */
#include <string.h>
#include "boot/load_options.h"
#include "tests/unit/test.h"

static char line[LOAD_OPTIONS_MAX + 1];

/* The bytes stand at the end of their memory, so that nothing behind them is read unseen. */
static enum load_options give(const void *raw, size_t n)
{
	uint8_t *exact = test_malloc(n ? n : 1);
	memcpy(exact, raw, n);
	memset(line, '?', sizeof line);
	enum load_options kind = load_options_read(exact, n, line);
	test_free(exact);
	assert_non_null(memchr(line, 0, sizeof line));
	return kind;
}

/* As UCS-2, with a NUL where nul says so. */
static enum load_options wide(const char *text, bool nul)
{
	uint8_t raw[256] = {0};
	size_t n = strlen(text);
	for (size_t i = 0; i < n; i++)
		raw[2 * i] = (uint8_t)text[i];
	return give(raw, 2 * (n + nul));
}

static void test_starters(void **state)
{
	(void)state;
	assert_int_equal(give("", 0), LOAD_OPTIONS_NONE);
	assert_int_equal(wide("", true), LOAD_OPTIONS_NONE);
	assert_int_equal(wide("BOOTX64.EFI", true), LOAD_OPTIONS_NONE); /* iPXE without options */
	assert_int_equal(wide("net.efi app=audit vfs=4", true), LOAD_OPTIONS_WORDS);
	assert_string_equal(line, "        app=audit vfs=4"); /* so columns in messages stay true */
	assert_int_equal(wide("fs0:\\EFI\\Net.Efi app=audit \"vfs=4 x\" end=shutdown", true),
			 LOAD_OPTIONS_WORDS);
	assert_string_equal(line, "                 app=audit vfs=4 x end=shutdown");
	assert_int_equal(wide("\"fs0:\\a b\\net.efi\" vfs=4", true), LOAD_OPTIONS_WORDS);
	assert_string_equal(line, "                   vfs=4");
	assert_int_equal(wide("app=audit vfs=4", true), LOAD_OPTIONS_WORDS); /* systemd-boot, GRUB */
	assert_string_equal(line, "app=audit vfs=4");
	assert_int_equal(wide("app=audit vfs=4", false), LOAD_OPTIONS_WORDS);
	assert_string_equal(line, "app=audit vfs=4");
	assert_int_equal(give("app=audit vfs=4", 15), LOAD_OPTIONS_WORDS); /* efibootmgr without -u */
	assert_string_equal(line, "app=audit vfs=4");
	assert_int_equal(give("  a.efi\tvfs=1\r\n", 15), LOAD_OPTIONS_WORDS);
	assert_string_equal(line, "        vfs=1  ");
}

static void test_names(void **state)
{
	(void)state;
	wide("x=a.efi", true); /* an option */
	assert_string_equal(line, "x=a.efi");
	assert_int_equal(wide("a.efi b.efi c=1", true), LOAD_OPTIONS_WORDS); /* the first word alone */
	assert_string_equal(line, "      b.efi c=1");
	wide("efi a=1", true);
	assert_string_equal(line, "efi a=1");
	wide(".efi a=1", true);
	assert_string_equal(line, "     a=1");
	wide("sluice a=1", true);
	assert_string_equal(line, "sluice a=1");
	wide("\"a.efi", true);
	assert_string_equal(line, "      ");
	assert_int_equal(wide("a=\"b", true), LOAD_OPTIONS_WORDS);
	assert_string_equal(line, "a=b");
}

/* Boot entries of firmware carry data of their own: it is no mistake of the user's. */
static void test_junk(void **state)
{
	(void)state;
	static const uint8_t guid[] = {0x41, 0x4d, 0x53, 0xe1, '=', 0x9c, 0, 0};
	assert_int_equal(give(guid, sizeof guid), LOAD_OPTIONS_OTHER);
	assert_string_equal(line, "");
	assert_int_equal(give("\x01\0=\0", 4), LOAD_OPTIONS_OTHER);
	assert_int_equal(give("a\0=\0\x7f\0", 6), LOAD_OPTIONS_OTHER);
	assert_int_equal(give("a\0=\0b\1", 6), LOAD_OPTIONS_OTHER);
	assert_int_equal(give("a=\x1f", 3), LOAD_OPTIONS_OTHER);
	assert_int_equal(give("a=\x80", 3), LOAD_OPTIONS_OTHER);
	assert_int_equal(wide("Windows Boot Manager", true), LOAD_OPTIONS_OTHER);
	assert_int_equal(give("a\0=\0b\0\0\0\xff\xff\xff", 11),
			 LOAD_OPTIONS_WORDS); /* what follows a NUL is not looked at */
	assert_string_equal(line, "a=b");
	assert_int_equal(give("a\0=\0b", 5), LOAD_OPTIONS_WORDS); /* half a character */
	assert_string_equal(line, "a=");
}

static void test_long(void **state)
{
	(void)state;
	char *text = test_malloc(LOAD_OPTIONS_MAX + 1);
	memset(text, '=', LOAD_OPTIONS_MAX + 1);
	assert_int_equal(give(text, LOAD_OPTIONS_MAX), LOAD_OPTIONS_WORDS);
	assert_int_equal(strlen(line), LOAD_OPTIONS_MAX);
	assert_int_equal(give(text, LOAD_OPTIONS_MAX + 1), LOAD_OPTIONS_OTHER);
	test_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_starters),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_junk),
		cmocka_unit_test(test_long),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
