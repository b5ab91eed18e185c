/* What a medium begins with, and that it is not overwritten unless overwrite=1. */
#include <stdio.h>
#include <string.h>
#include "apps/bringup/faults.h"
#include "apps/vf/batch.h"
#include "apps/vf/overwrite.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

static uint8_t medium[8192];
static uint32_t block_size;
static uint16_t status;
static unsigned reads;
static struct block_req req[8];
static unsigned n_req;

static const char *what(void)
{
	static char text[64];
	overwrite_what(medium, sizeof medium, block_size, text, sizeof text);
	return text;
}

static void put(size_t at, const char *bytes)
{
	memcpy(medium + at, bytes, strlen(bytes));
}

static void put_le(size_t at, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		medium[at + i] = (uint8_t)(v >> (8 * i));
}

static void clear(uint32_t bytes)
{
	memset(medium, 0, sizeof medium);
	block_size = bytes;
}

static void gpt(uint64_t entries_at, uint32_t n, uint32_t size)
{
	put(block_size, "EFI PART");
	put_le(block_size + 72, entries_at, 8);
	put_le(block_size + 80, n, 4);
	put_le(block_size + 84, size, 4);
}

static void mbr(unsigned i, uint8_t flag, uint8_t type, uint32_t sectors)
{
	put_le(510, 0xaa55, 2);
	medium[446 + 16 * i] = flag;
	medium[446 + 16 * i + 4] = type;
	put_le(446 + 16 * i + 12, sectors, 4);
}

static void test_what(void **state)
{
	static const struct {
		size_t at;
		const char *bytes, *what;
	} rows[] = {
		{54, "FAT16", "a FAT file system"},     {82, "FAT32", "a FAT file system"},
		{3, "NTFS    ", "an NTFS file system"}, {3, "EXFAT   ", "an exFAT file system"},
		{0, "XFSB", "an XFS file system"},      {0, "LUKS\xba\xbe", "a LUKS volume"},
		{512, "LABELONE", "an LVM volume"},
	};
	(void)state;
	clear(512);
	assert_string_equal(what(), "");
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		clear(512);
		put(rows[i].at, rows[i].bytes);
		assert_string_equal(what(), rows[i].what);
		medium[rows[i].at + 1] ^= 1;
		assert_string_equal(what(), "");
	}
	clear(4096);
	put_le(1024 + 56, 0xef53, 2);
	assert_string_equal(what(), "an ext2, ext3 or ext4 file system");
	put_le(1024 + 24, 7, 4); /* a block size that cannot be: random bytes */
	assert_string_equal(what(), "");
}

static void test_tables(void **state)
{
	(void)state;
	clear(512);
	mbr(0, 0x80, 0x83, 100);
	mbr(2, 0, 7, 100);
	mbr(3, 0, 0, 100);
	assert_string_equal(what(), "an MBR with 2 partitions");
	mbr(1, 0x12, 0, 0); /* boot code, not a table */
	assert_string_equal(what(), "");
	for (uint32_t size = 512; size <= 4096; size *= 8) {
		clear(size);
		mbr(0, 0, 0xee, 100);
		gpt(2, 128, 128);
		assert_string_equal(what(), "a GPT");
		if (size == 512) {
			put(1024, "type");
			put(1024 + 4 * 128 + 8, "type");
			assert_string_equal(what(), "a GPT with 2 partitions or more");
		}
	}
	static const uint64_t wild[] = {0, 1, 15, 16, 17, UINT32_MAX, UINT64_MAX / 512, UINT64_MAX};
	for (size_t i = 0; i < ARRAY_LEN(wild); i++) /* the table is not trusted */
		for (size_t k = 0; k < ARRAY_LEN(wild); k++)
			for (size_t n = 0; n < ARRAY_LEN(wild); n++) {
				clear(512);
				gpt(wild[i], (uint32_t)wild[k], (uint32_t)wild[n]);
				assert_memory_equal(what(), "a GPT", 5);
			}
}

void core_progress(void) {}

void faults_say(struct machine *machine)
{
	(void)machine;
}

static unsigned submit(struct block *a, const struct block_req *r, unsigned n)
{
	(void)a;
	memcpy(req, r, n * sizeof *r);
	return n_req = n;
}

static void ring(struct queue *a)
{
	(void)a;
}

static unsigned poll(struct queue *a, struct queue_done *done, unsigned max)
{
	unsigned n = n_req;
	(void)a;
	assert_true(n <= max);
	for (unsigned i = 0; i < n; i++) {
		const struct block_req *r = &req[i];
		assert_true(r->op == BLOCK_READ && r->lba < sizeof medium / block_size);
		memcpy(block[0] + (r->data.v - WINDOW), medium + r->lba * block_size, CHUNK);
		done[i] = (struct queue_done){.tag = r->tag, .status = status};
		reads++;
	}
	n_req = 0;
	return n;
}

static const char *status_text(uint16_t s, char *buf, size_t n)
{
	(void)s, (void)buf, (void)n;
	return "Unrecovered Read Error";
}

static const char *describe(const struct vf *vf, char *buf, size_t n)
{
	(void)vf;
	snprintf(buf, n, "namespace 1, 64 MiB");
	return buf;
}

/* The namespace's own first blocks, by the VF that has them as its part. */
static void test_check(void **state)
{
	static const struct queue_ops queue_ops = {.ring = ring, .poll = poll, .status_text = status_text};
	static const struct block_ops block_ops = {.submit = submit};
	static const struct vf_kind kind = {.name = "nvme", .service = VF_STORES, .describe = describe};
	static struct block a = {.q = {.ops = &queue_ops, .depth = 32}, .ops = &block_ops};
	static struct block_store store;
	(void)state;
	for (uint32_t size = 512; size <= 4096; size *= 8) {
		clear(size);
		stages_start(1, NULL);
		mach.kind = &kind;
		reads = status = 0;
		vf_stores(&mach.vf[0], &a);
		store = (struct block_store){.block = size, .blocks = 100000};
		mach.vf[0].data = &store;
		boot.cfg.overwrite = 0;
		store.first_lba = 16;
		assert_int_equal(overwrite_check(&mach), SL_OK);
		assert_int_equal(reads, 0);
		store.first_lba = 0;
		assert_int_equal(overwrite_check(&mach), SL_OK);
		assert_int_equal(reads, 2);
		gpt(2, 128, 128);
		assert_int_equal(overwrite_check(&mach), SL_EXISTS);
		assert_said(
			"FAIL medium: 0000:01:00.1, namespace 1, 64 MiB: it has a GPT, so nothing was written\n");
		status = 1;
		assert_int_equal(overwrite_check(&mach), SL_DEVICE);
		assert_said("FAIL medium: 0000:01:00.1 read, LBA 0x0: Unrecovered Read Error\n");
		boot.cfg.overwrite = 1;
		assert_int_equal(overwrite_check(&mach), SL_OK);
		assert_said(
			"WARN medium: 0000:01:00.1, namespace 1, 64 MiB: it has a GPT, which is overwritten");
	}
	boot.cfg.overwrite = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_what), cmocka_unit_test(test_tables),
					   cmocka_unit_test(test_check)};
	return cmocka_run_group_tests_name("overwrite", tests, NULL, NULL);
}
