/* Identify pages with wild values, and status words. */
#include <string.h>
#include "drivers/nvme/identify.h"
#include "drivers/nvme/status.h"
#include "tests/unit/test.h"

static uint8_t page[4096] __attribute__((aligned(4096)));

static void put(unsigned off, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		page[off + i] = (uint8_t)(v >> (8 * i));
}

static void good_ctrl(void)
{
	memset(page, 0, sizeof page);
	memset(page + 4, ' ', 68);
	memcpy(page + 4, "S1", 2);
	memcpy(page + 24, "A \x01 name", 8);
	page[77] = 5;
	put(78, 2, 0x1234);
	page[512] = 0x66;
	page[513] = 0x44;
}

static void test_ctrl(void **state)
{
	struct nvme_id id;
	(void)state;
	good_ctrl();
	assert_int_equal(nvme_id_parse((void *)page, &id), SL_OK);
	assert_string_equal(id.serial, "S1");
	assert_string_equal(id.model, "A ? name");
	assert_string_equal(id.firmware, "");
	assert_int_equal(id.cntlid, 0x1234);
	assert_false(id.ports);
	page[76] = 1;
	assert_int_equal(nvme_id_parse((void *)page, &id), SL_OK);
	assert_true(id.ports);
	page[76] = 0xfe; /* more than one controller, SR-IOV, ANA */
	assert_int_equal(nvme_id_parse((void *)page, &id), SL_OK);
	assert_false(id.ports);
	page[76] = 0;
	assert_int_equal(id.max_transfer, 4096 << 5);
	page[77] = 0;
	assert_int_equal(nvme_id_parse((void *)page, &id), SL_OK);
	assert_true(id.max_transfer == UINT64_MAX);
	page[77] = 255;
	assert_int_equal(nvme_id_parse((void *)page, &id), SL_OK);
	assert_true(id.max_transfer == UINT64_MAX);
	memset(page + 4, 'x', 68); /* no space, no NUL */
	assert_int_equal(nvme_id_parse((void *)page, &id), SL_OK);
	assert_int_equal(strlen(id.serial), 20);
	assert_int_equal(strlen(id.model), 40);
	assert_int_equal(strlen(id.firmware), 8);
	static const uint8_t sizes[][2] = {{0x77, 0x44}, {0x55, 0x44}, {0x66, 0x55},
					   {0x66, 0x33}, {0, 0},       {0xff, 0xff}};
	for (unsigned i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		page[512] = sizes[i][0];
		page[513] = sizes[i][1];
		assert_int_equal(nvme_id_parse((void *)page, &id), SL_BADVAL);
	}
	page[512] = 0x86;
	page[513] = 0x64;
	assert_int_equal(nvme_id_parse((void *)page, &id), SL_OK);
}

static void good_ns(void)
{
	memset(page, 0, sizeof page);
	put(0, 8, 1000);
	page[25] = 2;
	page[26] = 1;
	page[30] = 1;
	put(74, 2, 16);
	put(76, 4, 8);
	put(128, 4, 9 << 16);
	put(132, 4, 12 << 16 | 16);
	put(140, 4, 9 << 16); /* format 3, which NLBAF does not count */
}

static void test_ns(void **state)
{
	struct nvme_ns ns;
	unsigned format;
	(void)state;
	good_ns();
	page[29] = 1;
	assert_int_equal(nvme_ns_parse((void *)page, 7, &ns, &format), SL_OK);
	assert_int_equal(format, 1);
	assert_int_equal(ns.nsid, 7);
	assert_int_equal(ns.block, 4096);
	assert_int_equal(ns.block_shift, 12);
	assert_int_equal(ns.blocks, 1000);
	assert_int_equal(ns.meta, 16);
	assert_int_equal(ns.pi_type, 1);
	assert_int_equal(ns.pi_off, 8);
	assert_int_equal(ns.copy_max, 8);
	assert_true(ns.shared);
	assert_false(ns.extended);
	page[29] = 9;
	page[26] = 0x11;
	page[30] = 0;
	assert_int_equal(nvme_ns_parse((void *)page, 7, &ns, &format), SL_OK);
	assert_int_equal(ns.pi_off, 0);
	assert_true(ns.extended);
	assert_false(ns.shared);
	put(0, 8, 0);
	assert_int_equal(nvme_ns_parse((void *)page, 7, &ns, &format), SL_OK);
	assert_int_equal(ns.blocks, 0);
	/* More than 16 formats: the index has two more bits. */
	good_ns();
	page[25] = 63;
	page[26] = 0x61;
	put(128 + 4 * 0x31, 4, 10 << 16);
	assert_int_equal(nvme_ns_parse((void *)page, 7, &ns, &format), SL_OK);
	assert_int_equal(format, 0x31);
	assert_int_equal(ns.block, 1024);
	put(12 + 4 * 0x31, 4, 2 << 7);
	nvme_ns_pi_format((void *)page, format, &ns);
	assert_int_equal(ns.pi_format, 2);
}

static void test_wild_ns(void **state)
{
	static const struct {
		unsigned off, bytes;
		uint64_t v;
	} wild[] = {
		{26, 1, 3},               /* format above NLBAF */
		{132, 4, 8 << 16},        /* blocks of 256 bytes */
		{132, 4, 17 << 16},       /* of 128 KiB */
		{132, 4, 0xff << 16},     /* LBADS that shifts past everything */
		{0, 8, UINT64_MAX},       /* 2^76 bytes */
		{0, 8, (1ull << 52) + 1}, /* a little too much */
		{29, 1, 4},               /* reserved type */
		{29, 1, 7},
	};
	struct nvme_ns ns;
	unsigned format;
	(void)state;
	for (unsigned i = 0; i < sizeof wild / sizeof *wild; i++) {
		good_ns();
		put(wild[i].off, wild[i].bytes, wild[i].v);
		assert_int_equal(nvme_ns_parse((void *)page, 1, &ns, &format), SL_BADVAL);
	}
	good_ns();
	page[29] = 1;
	put(132, 4, 12 << 16 | 7); /* no room for the information */
	assert_int_equal(nvme_ns_parse((void *)page, 1, &ns, &format), SL_BADVAL);
	good_ns();
	page[25] = 255; /* 256 formats, the index in range of none */
	page[26] = 0x6f;
	assert_int_equal(nvme_ns_parse((void *)page, 1, &ns, &format), SL_BADVAL);
	/* Anything at all is taken or refused. */
	uint32_t seed = 1;
	for (unsigned n = 0; n < 20000; n++) {
		for (unsigned i = 0; i < 400; i++) {
			seed = seed * 1664525 + 1013904223;
			page[i] = (uint8_t)(seed >> 24);
		}
		if (nvme_ns_parse((void *)page, 1, &ns, &format) == SL_OK && ns.blocks)
			assert_true(format < 64 && ns.block >= 512 && ns.block <= 65536 && ns.pi_type <= 3 &&
				    (!ns.pi_type || ns.pi_off + 8u <= ns.meta));
	}
}

static void is(uint16_t status, const char *want)
{
	char buf[64];
	assert_string_equal(nvme_status_text(status, buf, sizeof buf), want);
}

static void test_words(void **state)
{
	(void)state;
	is(0, "Successful Completion (0/00h)");
	is(0x002, "Invalid Field in Command (0/02h)");
	is(0x285, "Compare Failure (2/85h)");
	is(0x4285, "Compare Failure (2/85h)"); /* do not retry */
	is(0x3a82, "End-to-end Guard Check Error (2/82h)");
	is(0x080, "LBA Out of Range (0/80h)");
	is(0x102, "Invalid Queue Size (1/02h)");
	is(0x119, "Namespace Is Private (1/19h)");
	is(0x11f, "Invalid Controller Identifier (1/1fh)");
	is(0x120, "Invalid Secondary Controller State (1/20h)");
	is(0x121, "Invalid Number of Controller Resources (1/21h)");
	is(0x122, "Invalid Resource Identifier (1/22h)");
	is(0x181, "Invalid Protection Information (1/81h)");
	is(0x0ff, "Unknown generic status (0/ffh)");
	is(0x7ff, "Vendor specific (7/ffh)");
	is(0x4aa, "Unknown (4/aah)");
	char small[8];
	nvme_status_text(0x285, small, sizeof small);
	assert_string_equal(small, "Compare");
	for (uint32_t s = 0; s < 0x8000; s++) {
		char buf[96];
		assert_non_null(strchr(nvme_status_text((uint16_t)s, buf, sizeof buf), '('));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_ctrl), cmocka_unit_test(test_ns),
					   cmocka_unit_test(test_wild_ns), cmocka_unit_test(test_words)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
