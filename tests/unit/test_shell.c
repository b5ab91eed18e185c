#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/fold.h"
#include "apps/shell/line.h"
#include "apps/shell/pager.h"
#include "apps/shell/words.h"
#include "tests/unit/test.h"

/* A terminal of one row that knows backspace, bell and newline, and nothing else: a dumb one. */
static struct {
	char row[200];
	unsigned at, bells, lines;
} term;

static void terminal(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\b') {
			assert_true(term.at > 0);
			term.at--;
		} else if (text[i] == '\a') {
			term.bells++;
		} else if (text[i] == '\n') {
			memset(term.row, 0, sizeof(term.row));
			term.at = 0;
			term.lines++;
		} else {
			assert_between((unsigned char)text[i], ' ', '~'); /* never an escape sequence */
			assert_true(term.at < LINE_SIZE + 1); /* with the ^C of a line that is dropped */
			term.row[term.at++] = text[i];
		}
	}
}

static struct line line;

static int setup(void **state)
{
	(void)state;
	memset(&term, 0, sizeof(term));
	memset(&line, 0, sizeof(line));
	line.out = terminal;
	line_start(&line);
	return 0;
}

static enum line_event type(const char *text)
{
	enum line_event e = LINE_MORE;
	for (; *text; text++)
		e = line_key(&line, (uint8_t)*text);
	return e;
}

/* What is seen is what there is, and the cursor stands where the next character goes. */
static void same(const char *text, unsigned at)
{
	char seen[200];
	memcpy(seen, term.row, sizeof(seen));
	for (size_t n = strlen(seen); n && seen[n - 1] == ' ' && n > strlen(text); n--)
		seen[n - 1] = 0;
	assert_string_equal(line.text, text);
	assert_int_equal(line.len, strlen(text));
	assert_int_equal(line.at, at);
	assert_string_equal(seen, text);
	assert_int_equal(term.at, at);
}

static void test_edit(void **state)
{
	(void)state;
	type("lspci");
	same("lspci", 5);
	type("\033[D\033[D\033[DX");
	same("lsXpci", 3);
	type("\b");
	same("lspci", 2);
	type("\001A\005Z");
	same("AlspciZ", 7);
	type("\033[H\033[3~");
	same("lspciZ", 0);
	type("\006\006\013");
	same("ls", 2);
	type(" -t two words\027");
	same("ls -t two ", 10);
	type("\002\025");
	same(" ", 0);
	type("\033[F\025");
	same("", 0);
	type("\177\002\006\004\033[D\033[C\033[3~\027\013");
	same("", 0);
	assert_int_equal(term.bells, 1);
}

static void test_end(void **state)
{
	(void)state;
	assert_int_equal(type("help\033[D\r"), LINE_DONE);
	assert_string_equal(line.text, "help");
	assert_int_equal(term.lines, 1);
	line_start(&line);
	assert_int_equal(type("\n"), LINE_MORE); /* CR LF is one Enter */
	assert_int_equal(type("\n"), LINE_DONE);
	line_start(&line);
	assert_int_equal(type("abc\003"), LINE_STOP);
	assert_string_equal(line.text, "");
	assert_int_equal(type("\t"), LINE_COMPLETE);
	assert_int_equal(type("\f"), LINE_REDRAW);
	assert_int_equal(type("\033[\003"), LINE_STOP); /* also inside a sequence */
}

static void test_history(void **state)
{
	(void)state;
	static const char *const said[] = {"one", "two", "two", "", "three"};
	for (unsigned i = 0; i < 5; i++) {
		line_start(&line);
		type(said[i]);
		type("\r");
	}
	line_start(&line);
	memset(term.row, 0, sizeof(term.row));
	type("dra\033[A");
	same("three", 5);
	type("\033OA\020");
	same("one", 3);
	type("\033[A");
	same("one", 3);
	assert_int_equal(term.bells, 1);
	type("\033[B\016");
	same("three", 5);
	type("\033[B");
	same("dra", 3);
	type("\033[B");
	assert_int_equal(term.bells, 2);
	/* What is recalled and changed does not change the entry. */
	type("\033[A!\033[B\033[A");
	same("three", 5);
	for (unsigned i = 0; i < 40; i++) { /* a ring */
		char text[3] = {(char)('a' + i % 26), (char)('a' + i / 26), 0};
		line_start(&line);
		type(text);
		type("\r");
	}
	line_start(&line);
	for (unsigned i = 0; i < 30; i++)
		type("\033[A");
	assert_string_equal(line.text, "ya");
}

static void test_bounds(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 300; i++)
		type("x");
	assert_int_equal(line.len, LINE_SIZE - 1);
	assert_int_equal(term.bells, 300 - (LINE_SIZE - 1));
	assert_false(line_insert(&line, "y", 1));
	type("\001");
	assert_false(line_insert(&line, "yyy", 3));
	type("\033[99999999999999999999999~\033[1;5C\033Oz\033\033[D\200\377\033[\037");
	assert_int_equal(line.len, LINE_SIZE - 1);
	/* Anything at all: what is seen stays what there is. */
	uint32_t r = 1;
	for (unsigned i = 0; i < 200000; i++) {
		r = r * 1664525 + 1013904223;
		uint8_t c = (uint8_t)(r >> 24);
		enum line_event e = line_key(&line, c);
		if (e == LINE_DONE || e == LINE_STOP)
			line_start(&line);
		if (e == LINE_REDRAW)
			line_show(&line);
		assert_true(line.at <= line.len && line.len < LINE_SIZE);
		assert_int_equal(strlen(line.text), line.len);
		assert_int_equal(term.at, line.at);
		assert_memory_equal(term.row, line.text, line.len);
	}
}

static void test_pager(void **state)
{
	(void)state;
	struct pager p = {.rows = PAGER_ROWS, .columns = PAGER_COLUMNS};
	for (unsigned i = 0; i < PAGER_ROWS - 1; i++)
		assert_int_equal(pager_next(&p, '\n'), PAGER_PASS);
	assert_int_equal(pager_next(&p, 'x'), PAGER_ASK);
	assert_false(pager_answer(&p, 'z'));
	assert_false(pager_answer(&p, -1));
	assert_true(pager_answer(&p, '\r'));
	assert_int_equal(pager_next(&p, '\n'), PAGER_PASS);
	assert_int_equal(pager_next(&p, '\n'), PAGER_ASK);
	assert_true(pager_answer(&p, ' '));
	for (unsigned i = 0; i < PAGER_COLUMNS * (PAGER_ROWS - 1); i++) /* long lines take more rows */
		assert_int_equal(pager_next(&p, 'x'), PAGER_PASS);
	assert_int_equal(pager_next(&p, 'x'), PAGER_ASK);
	assert_true(pager_answer(&p, 'a'));
	for (unsigned i = 0; i < 1000; i++)
		assert_int_equal(pager_next(&p, '\n'), PAGER_PASS);
	assert_true(pager_answer(&p, 'q'));
	assert_int_equal(pager_next(&p, 'x'), PAGER_DROP);
}

/* text, given in pieces of so many bytes at most, on a screen of that width. */
static const char *folded(const char *text, size_t piece, unsigned columns)
{
	static char out[2000];
	struct fold f = {0};
	size_t at = 0, n = strlen(text), skip;
	for (size_t from = 0; from < n;) {
		size_t len = n - from < piece ? n - from : piece;
		for (size_t done = 0; done < len;) {
			size_t some = fold_next(&f, text + from + done, len - done, columns, &skip);
			assert_true(some + skip <= len - done && at + some + 30 < sizeof out);
			memcpy(out + at, text + from + done, some);
			at += some;
			done += some + skip;
			if (skip)
				at += (size_t)snprintf(out + at, sizeof out - at, "\n%*s", (int)f.indent, "");
		}
		from += len;
	}
	out[at] = 0;
	return out;
}

static void test_fold(void **state)
{
	(void)state;
	assert_string_equal(folded("one two three four\nfive six\n", 100, 13),
			    "one two three\n    four\nfive six\n");
	assert_string_equal(folded("one two three four five six\n", 100, 18),
			    "one two three four\n    five six\n");
	assert_string_equal(folded("  one two three four five six\n", 100, 14),
			    "  one two\n      three\n      four\n      five six\n");
	/* of the log: as far as its advice */
	assert_string_equal(folded("[    0.1] a: one two three four five six\n", 100, 30),
			    "[    0.1] a: one two three\n               four five six\n");
	/* no word is broken, and what has no blank is not folded */
	assert_string_equal(folded("x 1234567890123456789012345678901234567890 y\n", 100, 20),
			    "x 1234567890123456789012345678901234567890\n    y\n");
	assert_string_equal(folded("{\"t\": 1, \"long\": 2, \"longer\": 3}\nafter it a b c d e\n", 100, 13),
			    "{\"t\": 1, \"long\": 2, \"longer\": 3}\nafter it a b\n    c d e\n");
	/* Any pieces: nothing is lost but blanks, and no line with blanks is too long. */
	const char *text =
		"[    0.520] nvme: a controller with  two blanks and many words that go on and on\nand more\n";
	for (size_t piece = 1; piece < 90; piece++) {
		const char *out = folded(text, piece, 40), *a = text, *b = out;
		while (*a || *b) {
			while (*a == ' ' || *a == '\n')
				a++;
			while (*b == ' ' || *b == '\n')
				b++;
			assert_int_equal(*a, *b);
			a += *a != 0;
			b += *b != 0;
		}
		if (piece >= strlen(text))
			for (const char *l = out, *end; (end = strchr(l, '\n')); l = end + 1)
				assert_true(end - l <= 40);
	}
}

static void test_apart(void **state)
{
	(void)state;
	assert_int_equal(words_apart("lspci", "lspci"), 0);
	assert_int_equal(words_apart("lpsci", "lspci"), 1); /* two exchanged */
	assert_int_equal(words_apart("lspc", "lspci"), 1);
	assert_int_equal(words_apart("lspcii", "lspci"), 1);
	assert_int_equal(words_apart("group", "groups"), 1);
	assert_int_equal(words_apart("ismu", "iommu"), 2);
	assert_int_equal(words_apart("", "log"), 3);
	assert_int_equal(words_apart("log", ""), 3);
	assert_true(words_apart("a word that is too long", "log") > 9);
	assert_int_equal(words_apart("abcdefghijklmno", "abcdefghijklmno"), 0);
}

static void test_split(void **state)
{
	(void)state;
	char *w[WORDS_MAX];
	char text[] = "  lspci  -s 1 ", many[] = "a b c d e f g h", more[] = "a b c d e f g h i",
	     none[] = "   ";
	assert_int_equal(words_split(text, w), 3);
	assert_string_equal(w[0], "lspci");
	assert_string_equal(w[2], "1");
	assert_int_equal(words_split(many, w), WORDS_MAX);
	assert_int_equal(words_split(more, w), WORDS_MAX + 1);
	assert_int_equal(words_split(none, w), 0);
}

static void test_numbers(void **state)
{
	(void)state;
	bdf_t b;
	uint64_t v;
	uint32_t d;
	assert_true(word_bdf("01:1f.7", &b));
	assert_int_equal(b.rid, 0x1ff);
	assert_true(word_bdf("beef:ff:00.0", &b));
	assert_int_equal(b.seg, 0xbeef);
	static const char *const not_bdf[] = {
		"",       "01:00", "01:20.0",   "01:00.8",       "100:00.0", "1:0.0x", ":0.0",
		"*:00.0", "1:0.*", "1:2:3:4.0", "fffff:00:00.0", "01:00.",   "g:0.0"};
	for (size_t i = 0; i < sizeof(not_bdf) / sizeof(*not_bdf); i++)
		assert_false(word_bdf(not_bdf[i], &b));
	assert_true(word_hex("0xFFFFffffFFFFffff", &v) && v == UINT64_MAX);
	assert_true(word_hex("20", &v) && v == 0x20);
	assert_false(word_hex("10000000000000000", &v) || word_hex("", &v) || word_hex("0x", &v) ||
		     word_hex("1g", &v));
	assert_true(word_decimal("65535", 0xffff, &d) && d == 65535);
	assert_false(word_decimal("65536", 0xffff, &d) || word_decimal("", 9, &d) ||
		     word_decimal("-1", 9, &d) || word_decimal("4294967297", UINT32_MAX, &d) ||
		     word_decimal("18446744073709551617", 9, &d));
	assert_string_equal(word_after("numvfs=2", "numvfs="), "2");
	assert_null(word_after("num", "numvfs="));
}

static void test_select(void **state)
{
	(void)state;
	struct word_slot s;
	struct word_id id;
	bdf_t f = bdf_make(0, 1, 2, 3);
	static const char *const has[] = {"1:", "01:02", "2", ".3", "2.3", "0:1:2.3", "*:*:*.*", "::", ":2"};
	static const char *const has_not[] = {"2:", "1:3", ".2", "1:1:2.3", "3"};
	for (size_t i = 0; i < sizeof(has) / sizeof(*has); i++)
		assert_true(word_slot(has[i], &s) && word_slot_has(&s, f));
	for (size_t i = 0; i < sizeof(has_not) / sizeof(*has_not); i++)
		assert_true(word_slot(has_not[i], &s) && !word_slot_has(&s, f));
	assert_false(word_slot("", &s) || word_slot("123:", &s) || word_slot("1:2.3.4", &s) ||
		     word_slot("20", &s));
	assert_true(word_id("8086:", &id) && id.vendor == 0x8086 && id.device == -1);
	assert_true(word_id(":10c9", &id) && id.vendor == -1 && id.device == 0x10c9);
	assert_true(word_id("::0108", &id) && id.vendor == -1 && id.class == 0x108);
	assert_true(word_id("8086:1:2", &id) && id.device == 1 && id.class == 2);
	assert_false(word_id("8086", &id) || word_id("8086:1:2:3", &id) || word_id("80860:", &id) ||
		     word_id("", &id));
}

static void test_guess(void **state)
{
	(void)state;
	struct words_guess g = {.start = "i"};
	assert_true(words_offer(&g, "iommu"));
	assert_string_equal(g.common, "iommu");
	assert_true(words_offer(&g, "isolate"));
	assert_false(words_offer(&g, "help"));
	assert_int_equal(g.n, 2);
	assert_string_equal(g.common, "i");
	g = (struct words_guess){.start = ""};
	assert_true(words_offer(&g, "a-word-that-is-longer-than-there-is-room-for-here"));
	assert_int_equal(strlen(g.common), sizeof(g.common) - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_edit, setup),
					   cmocka_unit_test_setup(test_end, setup),
					   cmocka_unit_test_setup(test_history, setup),
					   cmocka_unit_test_setup(test_bounds, setup),
					   cmocka_unit_test(test_pager),
					   cmocka_unit_test(test_fold),
					   cmocka_unit_test(test_apart),
					   cmocka_unit_test(test_split),
					   cmocka_unit_test(test_numbers),
					   cmocka_unit_test(test_select),
					   cmocka_unit_test(test_guess)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
