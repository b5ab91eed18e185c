/* Where sluice.cfg is on a server: answers of DHCP and device paths, right and wrong. */
#include <string.h>
#include "boot/netcfg.h"
#include "kernel/bits.h"
#include "tests/unit/test.h"

static uint8_t packet[600];

static void answer(const char *file)
{
	memset(packet, 0, sizeof packet);
	memcpy(packet + 20, (uint8_t[]){10, 0, 2, 2}, 4);
	strncpy((char *)packet + 108, file, 128);
	packet[240] = 255;
}

/* At the end of memory of its size. */
static bool tftp(size_t n, struct netcfg_tftp *out)
{
	uint8_t *exact = test_malloc(n ? n : 1);
	memcpy(exact, packet, n);
	bool good = netcfg_tftp(exact, n, out);
	test_free(exact);
	return good;
}

static void test_tftp(void **state)
{
	(void)state;
	struct netcfg_tftp t;
	answer("BOOTX64.EFI");
	assert_true(tftp(sizeof packet, &t));
	assert_memory_equal(t.server, ((uint8_t[]){10, 0, 2, 2}), 4);
	assert_string_equal(t.path, "sluice.cfg");
	answer("efi/x64/BOOTX64.EFI");
	assert_true(tftp(sizeof packet, &t));
	assert_string_equal(t.path, "efi/x64/sluice.cfg");
	answer("efi\\BOOTX64.EFI");
	assert_true(tftp(sizeof packet, &t));
	assert_string_equal(t.path, "efi\\sluice.cfg");
	answer("");
	assert_true(tftp(sizeof packet, &t));
	assert_string_equal(t.path, "sluice.cfg");
	answer("a\x1b/x.efi"); /* not shown, not asked for */
	assert_true(tftp(sizeof packet, &t));
	assert_string_equal(t.path, "sluice.cfg");
	answer("");
	memset(packet + 108, 'a', 128); /* no NUL */
	packet[235] = '/';
	assert_true(tftp(sizeof packet, &t));
	assert_int_equal(strlen(t.path), 138);
	assert_false(tftp(239, &t));
	assert_true(tftp(240, &t));
	assert_false(tftp(0, &t));
}

/* Without siaddr, option 54 names the server. */
static void test_server_id(void **state)
{
	(void)state;
	static const uint8_t options[] = {0, 53, 1, 5, 54, 2, 9, 9, 54, 4, 192, 168, 7, 1, 255};
	struct netcfg_tftp t;
	answer("x");
	memset(packet + 20, 0, 4);
	assert_false(tftp(sizeof packet, &t));
	memcpy(packet + 240, options, sizeof options);
	assert_true(tftp(240 + sizeof options, &t));
	assert_memory_equal(t.server, ((uint8_t[]){192, 168, 7, 1}), 4);
	assert_true(tftp(240 + sizeof options - 1, &t));
	for (size_t n = 240; n < 240 + sizeof options - 1; n++)
		assert_false(tftp(n, &t));
	memset(packet + 250, 0, 4);
	assert_false(tftp(sizeof packet, &t)); /* 0.0.0.0 */
}

static uint8_t path[600];

static size_t put(size_t at, uint8_t type, uint8_t sub, const void *data, size_t n)
{
	path[at] = type;
	path[at + 1] = sub;
	path[at + 2] = (uint8_t)(4 + n);
	path[at + 3] = (uint8_t)((4 + n) >> 8);
	memcpy(path + at + 4, data, n);
	return at + 4 + n;
}

static const uint8_t ipv4[23] = {10, 0, 2, 15, 10, 0, 2, 2, 0, 0, 0, 0, 6, 0, 1, 10, 0, 2, 2, 255, 255, 0, 0};

static size_t with_nul; /* 1: at the end of the URI, as EDK2 has it */

/* As of HTTP boot: MAC, IPv4, DNS, URI. Its length. */
static size_t make_path(const char *uri, size_t ipv4_len)
{
	size_t n = put(0, 3, 11, "0123456789012345678901234567890123", 33);
	if (ipv4_len)
		n = put(n, 3, 12, ipv4, ipv4_len);
	n = put(n, 3, 31, "", 1);
	n = put(n, 3, 24, uri, strlen(uri) + with_nul);
	return put(n, 0x7f, 0xff, "", 0);
}

static bool http(size_t n, struct netcfg_http *out)
{
	uint8_t *exact = test_malloc(n ? n : 1);
	memcpy(exact, path, n);
	bool good = netcfg_http(exact, n, out);
	test_free(exact);
	return good;
}

static void test_http(void **state)
{
	(void)state;
	struct netcfg_http h;
	size_t n = make_path("http://10.0.2.2:8099/net/sluice.efi?a=b/c", 23);
	assert_true(http(n, &h));
	assert_string_equal(h.url, "http://10.0.2.2:8099/net/sluice.cfg");
	assert_string_equal(h.host, "10.0.2.2:8099");
	assert_memory_equal(h.ip, ipv4, 4);
	assert_memory_equal(h.mask, ((uint8_t[]){255, 255, 0, 0}), 4);
	assert_int_equal(netcfg_nodes(path, n), n - 4);
	for (size_t cut = 0; cut < n - 4; cut++)
		assert_false(http(cut, &h));
	assert_true(http(n - 4, &h)); /* the end is missing, the URI is whole */
	with_nul = 1;
	n = make_path("http://s:1/x.efi", 23);
	assert_true(http(n, &h));
	assert_string_equal(h.url, "http://s:1/sluice.cfg");
	with_nul = 0;
	n = make_path("http://s/x.efi#/y", 19);
	assert_true(http(n, &h));
	assert_string_equal(h.url, "http://s/sluice.cfg");
	assert_memory_equal(h.mask, ((uint8_t[]){255, 255, 255, 0}), 4);
}

static void test_not_http(void **state)
{
	(void)state;
	static const char *const wrong[] = {"",
					    "http://",
					    "http:///x.efi",
					    "http://host",
					    "http://host?/x.efi",
					    "https://host/x.efi",
					    "http://a\x1b/x.efi"};
	struct netcfg_http h;
	for (unsigned i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(http(make_path(wrong[i], 23), &h));
	assert_false(http(make_path("http://s/x.efi", 0), &h));
	assert_false(http(make_path("http://s/x.efi", 3), &h));
	char uri[NETCFG_PATH + 32] = "http://";
	memset(uri + 7, 'a', NETCFG_PATH);
	strcpy(uri + 7 + NETCFG_PATH, "/x");
	assert_false(http(make_path(uri, 23), &h));
	memset(path, 0, sizeof path); /* nodes of no length */
	assert_false(http(sizeof path, &h));
	assert_int_equal(netcfg_nodes(path, sizeof path), 0);
	path[2] = 3;
	assert_int_equal(netcfg_nodes(path, sizeof path), 0);
}

/* The name of sluice.cfg beside that of the boot file, whose nodes may be several. */
static void expect_file(const uint8_t *image, size_t n, const char *want)
{
	uint8_t out[NETCFG_FILE_PATH];
	char text[NETCFG_PATH];
	size_t len = netcfg_file(image, n, out), at = 0;
	if (!want) {
		assert_int_equal(len, 0);
		return;
	}
	assert_int_equal(len, 4 + 2 * (strlen(want) + 1) + 4);
	assert_true(out[0] == 4 && out[1] == 4 && (out[2] | out[3] << 8) == (int)len - 4);
	assert_memory_equal(out + len - 4, ((uint8_t[]){0x7f, 0xff, 4, 0}), 4);
	do {
		text[at] = (char)out[4 + 2 * at];
		assert_int_equal(out[5 + 2 * at], 0);
	} while (text[at++]);
	assert_string_equal(text, want);
}

static size_t file_node(uint8_t *to, const char *text, bool ended)
{
	size_t n = strlen(text) + ended, len = 4 + 2 * n;
	memcpy(to, (uint8_t[]){4, 4, (uint8_t)len, (uint8_t)(len >> 8)}, 4);
	for (size_t i = 0; i < n; i++) {
		to[4 + 2 * i] = (uint8_t)text[i];
		to[5 + 2 * i] = 0;
	}
	return len;
}

static void test_file(void **state)
{
	static const uint8_t end[] = {0x7f, 0xff, 4, 0};
	uint8_t image[1024];
	char name[300];
	(void)state;
	expect_file(end, sizeof end, "sluice.cfg");
	expect_file(end, 0, "sluice.cfg");
	static const struct {
		const char *one, *two, *want;
	} rows[] = {
		{"\\EFI\\BOOT\\BOOTX64.EFI", NULL, "\\EFI\\BOOT\\sluice.cfg"},
		{"\\net.efi", NULL, "\\sluice.cfg"},
		{"net.efi", NULL, "sluice.cfg"},
		{"/a/net.efi", NULL, "/a/sluice.cfg"},
		{"", "\\a\\net.efi", "\\a\\sluice.cfg"},
		{"\\a\\", "net.efi", "\\a\\sluice.cfg"},
		{"\\a\tb", NULL, NULL},
		{"\\a\x7f", NULL, NULL},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		for (unsigned ended = 0; ended < 2; ended++) {
			size_t n = file_node(image, rows[i].one, ended);
			memcpy(image + n, (uint8_t[]){4, 3, 6, 0, 'x', 0}, 6); /* of another kind */
			n += 6;
			if (rows[i].two)
				n += file_node(image + n, rows[i].two, ended);
			memcpy(image + n, end, sizeof end);
			expect_file(image, n + sizeof end, rows[i].want);
		}
	for (size_t n = 1; n < sizeof name; n++) { /* a folder of n characters, and the name */
		memset(name, 'x', n);
		memcpy(name + n - 1, "/", 2);
		size_t len = file_node(image, name, true);
		memcpy(image + len, end, sizeof end);
		uint8_t out[NETCFG_FILE_PATH];
		assert_int_equal(netcfg_file(image, len + sizeof end, out) != 0, n + 10 < NETCFG_PATH);
	}
	size_t n = file_node(image, "\\a\\net.efi", true);
	image[7] = 1; /* no ASCII */
	memcpy(image + n, end, sizeof end);
	expect_file(image, n + sizeof end, NULL);
	uint32_t x = 1;
	for (unsigned i = 0; i < 20000; i++) { /* any bytes, in memory of that size */
		size_t len = i % 40;
		uint8_t *exact = test_malloc(len ? len : 1), out[NETCFG_FILE_PATH];
		for (size_t k = 0; k < len; k++)
			exact[k] = (uint8_t)(k % 8 < 4 ? (x = x * 1664525 + 1013904223) >> 29 : x >> 24);
		(void)netcfg_file(exact, len, out);
		test_free(exact);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tftp), cmocka_unit_test(test_server_id),
		cmocka_unit_test(test_http), cmocka_unit_test(test_not_http),
		cmocka_unit_test(test_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
