/* The log that a reset does not clear: written, found again, damaged; and where it is put. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/crc32.h"
#include "kernel/kept_log.h"
#include "kernel/memmap.h"
#include "tests/unit/test.h"

#define SELF 0xe800000ull

static uint8_t *memory, *seen; /* seen: what has reached memory by flush() */
static struct kept_log k;
static struct kept_found f;

static void flush(const void *p, size_t n)
{
	size_t from = (size_t)((const uint8_t *)p - memory) & ~63ull,
	       to = (size_t)((const uint8_t *)p - memory) + n;
	assert_true(to <= KEPT_BYTES);
	to = (to + 63) & ~63ull;
	memcpy(seen + from, memory + from, to - from);
}

static int start(void **state)
{
	(void)state;
	memory = memory ? memory : aligned_alloc(KEPT_CHUNK, KEPT_BYTES);
	seen = seen ? seen : aligned_alloc(KEPT_CHUNK, KEPT_BYTES);
	memset(memory, 0xa5, KEPT_BYTES);
	memset(seen, 0xa5, KEPT_BYTES);
	k = (struct kept_log){.at = memory, .id = 0x12345678, .flush = flush};
	kept_start(&k, SELF);
	return 0;
}

static bool find(void)
{
	return kept_find((struct span){seen, KEPT_BYTES}, SELF, &f);
}

static char text[2 * KEPT_BYTES];

static size_t read(void)
{
	size_t n = 0;
	for (uint64_t i = f.first; i <= f.newest; i++) {
		struct span piece = kept_text((struct span){seen, KEPT_BYTES}, &f, i);
		memcpy(text + n, piece.p, piece.n);
		n += piece.n;
	}
	assert_int_equal(n, f.bytes);
	text[n] = 0;
	return n;
}

static char line[64];

static size_t make_line(unsigned i)
{
	return (size_t)snprintf(line, sizeof line, "[%5u] line %u%.*s\n", i, i, (int)(i % 30),
				"..............................");
}

/* Whenever a reset comes, all that was added is found, and no more. */
static void test_written(void **state)
{
	size_t all = 0;
	(void)state;
	assert_true(find());
	assert_int_equal(f.bytes, 0);
	assert_int_equal(f.end, RUN_UNFINISHED);
	assert_string_equal(f.stage, "begun");
	for (unsigned i = 0; i < 2000; i++) {
		size_t n = make_line(i);
		kept_add(&k, line, n);
		all += n;
		if (i % 97)
			continue;
		assert_true(find());
		assert_int_equal(read(), all);
		assert_memory_equal(text + all - n, line, n);
	}
	assert_int_equal(f.lost + f.damaged, 0);
	assert_int_equal(f.id, 0x12345678);
	/* The form of the first chunk: its place, its length and CRC. */
	uint64_t words[2], at = 0;
	memcpy(words, seen + KEPT_CHUNK, sizeof words);
	uint32_t crc = crc32(crc32(crc32(0, &k.id, 4), &at, 8), seen + KEPT_CHUNK + 16, KEPT_TEXT);
	assert_int_equal(words[0], 0);
	assert_int_equal(words[1], (uint64_t)KEPT_TEXT << 32 | crc);
	kept_state(&k, "a stage's name that is too long", RUN_FAIL);
	assert_true(find());
	assert_int_equal(f.end, RUN_FAIL);
	assert_string_equal(f.stage, "a?stage's?name?");
	kept_clear(&k);
	assert_false(find());
}

/* The oldest text gives way, whole chunks of it, and its length is known. */
static void test_wraps(void **state)
{
	size_t all = 0;
	(void)state;
	for (unsigned i = 0; all < 3 * KEPT_BYTES; i++) {
		size_t n = make_line(i);
		kept_add(&k, line, n);
		all += n;
	}
	assert_true(find());
	assert_int_equal(f.damaged, 0);
	assert_int_equal(f.lost + f.bytes, all);
	assert_between(f.bytes, KEPT_BYTES - 3 * KEPT_CHUNK, KEPT_BYTES);
	size_t n = read();
	assert_string_equal(text + n - strlen(line), line);
	/* What a run before this one left there is not taken for this run's. */
	k.id++;
	kept_start(&k, SELF);
	kept_add(&k, "x", 1);
	assert_true(find());
	assert_int_equal(f.bytes, 1);
	assert_int_equal(f.lost + f.damaged, 0);
}

/* A line that is longer than a chunk, and one that ends with a chunk. */
static void test_long(void **state)
{
	static char much[2 * KEPT_TEXT];
	(void)state;
	memset(much, 'm', sizeof much);
	kept_add(&k, much, sizeof much);
	assert_true(find());
	assert_int_equal(read(), sizeof much);
	kept_add(&k, "end", 3);
	assert_true(find());
	assert_int_equal(read(), sizeof much + 3);
	assert_string_equal(text + sizeof much, "end");
	kept_add(&(struct kept_log){0}, "nowhere", 7);
	kept_start(&(struct kept_log){0}, 0);
	kept_state(&(struct kept_log){0}, "x", RUN_OK);
}

static void test_damaged(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2000; i++)
		kept_add(&k, line, make_line(i));
	assert_true(find());
	uint64_t whole = f.bytes;
	seen[KEPT_CHUNK * 4 + 100] ^= 1;
	assert_true(find());
	assert_int_equal(f.damaged, 1);
	assert_int_equal(read(), whole - KEPT_TEXT);
	assert_int_equal(kept_text((struct span){seen, KEPT_BYTES}, &f, 3).n, 0);
	seen[KEPT_CHUNK + 100] ^= 1;
	assert_true(find());
	assert_int_equal(f.damaged, 2);
	assert_false(kept_find((struct span){seen, KEPT_BYTES - 1}, SELF, &f));
	assert_false(kept_find((struct span){seen, KEPT_BYTES}, SELF + 0x200000, &f));
}

/* Any bit of the head: no log, or one whose state is unknown. */
static void test_head(void **state)
{
	(void)state;
	kept_add(&k, "text", 4);
	kept_state(&k, "timed", RUN_UNFINISHED);
	unsigned gone = 0, unknown = 0;
	for (unsigned bit = 0; bit < 8 * 48; bit++) {
		seen[bit / 8] ^= (uint8_t)(1 << bit % 8);
		if (!find())
			gone++;
		else if (f.end == RUN_NONE)
			unknown++;
		assert_true(!find() || f.end == RUN_NONE || strcmp(f.stage, "timed") == 0);
		seen[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(gone, 8 * 24);
	assert_int_equal(unknown, 8 * 24);
}

static uint32_t next = 1;

static uint32_t rnd(void)
{
	next = next * 1664525 + 1013904223;
	return next >> 8;
}

/* Bytes of anything behind a right head, as far as its CRC lets them through. */
static void test_hostile(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		start(NULL);
		for (unsigned i = 0; i < round * 40; i++)
			kept_add(&k, line, make_line(i));
		for (unsigned i = 0; i < 400; i++) {
			uint8_t *c = seen + (1 + rnd() % KEPT_CHUNKS) * KEPT_CHUNK;
			uint64_t at = rnd() % 3 ? (uint64_t)(rnd() % 600) * KEPT_TEXT : (uint64_t)rnd() << 40;
			uint64_t n = rnd() % 2 ? rnd() % (KEPT_TEXT + 2) : rnd();
			uint32_t crc = crc32(crc32(0, &k.id, 4), &at, 8);
			if (n <= KEPT_TEXT)
				crc = crc32(crc, c + 16, n);
			uint64_t said = n << 32 | crc;
			memcpy(c, &at, 8);
			memcpy(c + 8, &said, 8);
		}
		assert_true(find());
		assert_true(f.newest - f.first < KEPT_CHUNKS);
		assert_true(f.bytes <= KEPT_BYTES && f.damaged <= KEPT_CHUNKS);
		read();
	}
}

static void test_place(void **state)
{
	/* OVMF 2022.11 with 512 MiB; the region moves a little from start to start. */
	struct boot_region r[] = {{.base = 0x1000, .pages = 0x9f, .type = MEM_FREE},
				  {.base = 0x1704000, .pages = 0x1a491, .type = MEM_FREE},
				  {.base = 0x1bb95000, .pages = 0x8, .type = MEM_BOOT_DATA},
				  {.base = 0x1bb9d000, .pages = 0x2419, .type = MEM_FREE},
				  {.base = 0x100000000, .pages = 0x100000, .type = MEM_FREE}};
	(void)state;
	assert_int_equal(kept_place(r, 5), 0xe800000);
	r[1].pages -= 8;
	assert_int_equal(kept_place(r, 5), 0xe800000);
	assert_true(kept_possible(r, 5, 0xe800000));
	assert_false(kept_possible(r, 5, 0xe900000));
	assert_true(kept_possible(r, 5, 0x140000000 - 0x40000000));
	assert_false(kept_possible(r, 5, 0x1e000000));
	assert_false(kept_possible(r, 5, 0));
	assert_false(kept_possible(r, 5, 0x200000000));
	r[1].pages = (0x1800000 - 0x1704000 + 0x100000) / 4096;
	assert_true(kept_possible(r, 5, 0x1800000));
	r[1].pages--;
	assert_false(kept_possible(r, 5, 0x1800000));
	assert_int_equal(kept_place(r, 1), 0);
	assert_int_equal(kept_place(r, 0), 0);
	r[1] = (struct boot_region){
		.base = 0x1700000, .pages = 0x180, .type = MEM_FREE}; /* its middle rounds to before it */
	assert_int_equal(kept_place(r, 2), 0);
}

/* ---- the variable ---- */

static struct run_note note, got;
static char value[RUN_NOTE];

static void round_trip(void)
{
	size_t n = run_note_write(&note, value);
	assert_true(n < RUN_NOTE);
	run_note_read((struct span){(const uint8_t *)value, n}, &got);
}

static void test_note(void **state)
{
	(void)state;
	note = (struct run_note){
		.id = 0xdeadbeef, .log = 0x1ffe00000, .end = RUN_UNFINISHED, .stage = "begun"};
	round_trip();
	assert_memory_equal(&got, &note, sizeof got);
	run_note_result(&note, "RESULT v=1 app=demo ok=0 vfs=4 id=7 end=ok stage=timed err=VERIFY");
	assert_int_equal(note.end, RUN_FAIL);
	assert_string_equal(note.stage, "timed");
	round_trip();
	assert_int_equal(got.id, 0xdeadbeef); /* the note's own keys come first */
	assert_int_equal(got.end, RUN_FAIL);
	assert_string_equal(got.stage, "timed");
	assert_string_equal(got.result, note.result);
	run_note_result(&note, "RESULT v=1 app=demo ok=1 vfs=4 stage=none");
	round_trip();
	assert_int_equal(got.end, RUN_OK);
	assert_string_equal(got.stage, "");
	assert_string_equal(got.result, "RESULT v=1 app=demo ok=1 vfs=4 stage=none");
	memset(note.result, 'r', sizeof note.result - 1);
	memcpy(note.result, "RESULT ", 7);
	memset(note.stage, 's', sizeof note.stage - 1);
	round_trip();
	assert_string_equal(got.result, note.result);
	assert_string_equal(run_end_name(RUN_UNFINISHED), "unfinished");
}

static void read_text(const char *s, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1); /* without a NUL, and ASan sees a byte too much */
	memcpy(copy, s, n);
	run_note_read((struct span){copy, n}, &got);
	free(copy);
	assert_true(memchr(got.stage, 0, sizeof got.stage) && memchr(got.result, 0, sizeof got.result));
	for (const char *p = got.result; *p; p++)
		assert_true(*p >= ' ' && *p < 0x7f);
}

static void test_hostile_note(void **state)
{
	static char any[4096];
	(void)state;
	memset(any, ' ', sizeof any); /* what fits is read, to its last byte */
	memcpy(any, "v=1 ", 4);
	memcpy(any + RUN_NOTE - 1 - 7, " end=ok", 7);
	read_text(any, RUN_NOTE + 10);
	assert_int_equal(got.end, RUN_OK);
	static const char *const none[] = {"",         "v=1",          "v=1 ",      "v=2 id=1 end=ok", "x",
					   "v=1 end=", "v=1 end=okay", "v=1 end=o", "v=1 xend=ok"};
	for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
		read_text(none[i], strlen(none[i]));
		assert_int_equal(got.end, RUN_NONE);
	}
	read_text("v=1 end=ok id=xyz log=123456789abcdef01 RESULT \x01\xff", 49);
	assert_int_equal(got.end, RUN_OK);
	assert_int_equal(got.id, 0);
	assert_int_equal(got.log, 0);
	assert_string_equal(got.result, "RESULT ??");
	for (unsigned i = 0; i < 2000; i++) {
		for (size_t b = 0; b < sizeof any; b++)
			any[b] = rnd() % 4 ? (char)rnd() : " =RESULTstageendidlog"[rnd() % 21];
		memcpy(any, "v=1 end=fail stage= RESULT ", rnd() % 28);
		read_text(any, rnd() % sizeof any);
	}
}

static void test_crc(void **state)
{
	(void)state;
	assert_int_equal(crc32(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(crc32(crc32(0, "1234", 4), "56789", 5), 0xcbf43926);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_crc),
		cmocka_unit_test_setup(test_written, start),
		cmocka_unit_test_setup(test_wraps, start),
		cmocka_unit_test_setup(test_long, start),
		cmocka_unit_test_setup(test_damaged, start),
		cmocka_unit_test_setup(test_head, start),
		cmocka_unit_test_setup(test_hostile, start),
		cmocka_unit_test(test_place),
		cmocka_unit_test(test_note),
		cmocka_unit_test(test_hostile_note),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
