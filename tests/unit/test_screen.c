/* The screen: text drawn into memory that is checked pixel by pixel, in every format; and firmware that lies.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* The code under test is compiled here once more: a test puts its cursor where only two cores at once can. */
#include "kernel/screen.c"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define WIDTH  805u /* five pixels more than 100 characters */
#define HEIGHT 410u /* ten more than 25 lines */
#define STRIDE 840u
#define GUARD  4096u
#define FILL   0x5a

static uint8_t *memory;
static struct boot_screen fb;
static unsigned bytes, cols, rows;

static void start(uint32_t format, uint32_t red, uint32_t green, uint32_t blue)
{
	fb = (struct boot_screen){.base = 0x80000000,
				  .width = WIDTH,
				  .height = HEIGHT,
				  .stride = STRIDE,
				  .format = format,
				  .red = red,
				  .green = green,
				  .blue = blue};
	bytes = screen_pixel_bytes(&fb);
	fb.size = (uint64_t)STRIDE * HEIGHT * bytes;
	assert_null(screen_unusable(&fb));
	free(memory);
	memory = malloc(fb.size + 2 * GUARD);
	memset(memory, FILL, fb.size + 2 * GUARD);
	screen_start(&fb, memory + GUARD);
	assert_true(screen_size(&cols, &rows));
	assert_int_equal(cols, 100);
	assert_int_equal(rows, 25);
}

static uint32_t pixel(unsigned x, unsigned y)
{
	uint32_t v = 0;
	memcpy(&v, memory + GUARD + ((size_t)y * STRIDE + x) * bytes, bytes);
	return v;
}

/* The character at a place, by its pixels; 0 when they are none's. */
static char at(unsigned row, unsigned col, uint32_t light)
{
	uint8_t seen[SCREEN_HIGH] = {0};
	for (unsigned y = 0; y < SCREEN_HIGH; y++)
		for (unsigned x = 0; x < SCREEN_WIDE; x++) {
			uint32_t v = pixel(col * SCREEN_WIDE + x, row * SCREEN_HIGH + y);
			assert_true(v == 0 || v == light);
			seen[y] |= (uint8_t)((v != 0) << (7 - x));
		}
	for (unsigned c = SCREEN_FIRST; c <= SCREEN_LAST; c++)
		if (memcmp(screen_font[c - SCREEN_FIRST], seen, SCREEN_HIGH) == 0)
			return (char)c;
	for (unsigned y = 0; y < SCREEN_HIGH; y++)
		if (seen[y] != 0xff)
			return 0;
	return '_'; /* the cursor on a place that is empty */
}

static void expect_line(unsigned row, const char *want)
{
	char line[SCREEN_COLS + 1] = {0};
	uint32_t light = fb.format == BOOT_SCREEN_MASK ? fb.red | fb.green | fb.blue : 0xc0c0c0;
	for (unsigned col = 0; col < cols; col++)
		line[col] = at(row, col, light);
	for (unsigned n = cols; n && line[n - 1] == ' '; n--)
		line[n - 1] = 0;
	assert_string_equal(line, want);
}

static void expect_nothing_beside(void)
{
	for (size_t i = 0; i < GUARD; i++)
		assert_true(memory[i] == FILL && memory[GUARD + fb.size + i] == FILL);
	for (unsigned y = 0; y < HEIGHT; y++)
		for (size_t i = (size_t)WIDTH * bytes; i < (size_t)STRIDE * bytes; i++)
			assert_int_equal(memory[GUARD + (size_t)y * STRIDE * bytes + i], FILL);
}

static void write(const char *text)
{
	screen_write(text, strlen(text));
}

static void test_formats(void **state)
{
	(void)state;
	static const struct {
		uint32_t format, red, green, blue;
		unsigned bytes;
	} formats[] = {
		{BOOT_SCREEN_RGB, 0, 0, 0, 4},
		{BOOT_SCREEN_BGR, 0, 0, 0, 4},
		{BOOT_SCREEN_MASK, 0x3ff00000, 0xffc00, 0x3ff, 4},
		{BOOT_SCREEN_MASK, 0xff0000, 0xff00, 0xff, 3},
		{BOOT_SCREEN_MASK, 0xf800, 0x7e0, 0x1f, 2},
		{BOOT_SCREEN_MASK, 0xe0, 0x1c, 0x3, 1},
	};
	for (size_t i = 0; i < ARRAY_LEN(formats); i++) {
		start(formats[i].format, formats[i].red, formats[i].green, formats[i].blue);
		assert_int_equal(bytes, formats[i].bytes);
		write("Hello, \x80 [machine]~\n");
		expect_line(0, "Hello, ? [machine]~");
		expect_line(1, "_");
		assert_int_equal(pixel(WIDTH - 1, HEIGHT - 1), 0);
		expect_nothing_beside();
	}
}

/* What the shell does in a line, and the sequences. */
static void test_cursor(void **state)
{
	(void)state;
	start(BOOT_SCREEN_BGR, 0, 0, 0);
	write("\b\bsluice> hellp\b \bo\n");
	write("50 %\r60");
	expect_line(0, "sluice> hello");
	assert_int_equal(at(1, 0, 0xc0c0c0), '6');
	assert_int_equal(at(1, 2, 0xc0c0c0), '_');
	write("\t|\n\a");
	expect_line(1, "60 %    |");
	write("one\ntwo\x1b[K\x1b[H\x1b[31mS\x1b");
	write("[K\x1b[?25l\x1b[999999999999999mT\x1b(");
	expect_line(0, "ST_");
	expect_line(3, "two");
	write("\x1b[H\x1b[J");
	for (unsigned row = 0; row < rows; row++)
		expect_line(row, row ? "" : "_");
	write("a\nb\x1b[2J\n");
	expect_line(0, "");
	expect_nothing_beside();
}

static void lines(unsigned from, unsigned n, uint64_t us)
{
	char line[32];
	for (unsigned i = from; i < from + n; i++) {
		snprintf(line, sizeof line, "line %u\n", i);
		write(line);
		delay_us(us);
	}
}

/* What `size` sends: the cursor goes to the last place, is asked for, and comes back. */
static void test_where(void **state)
{
	(void)state;
	char answer[16] = "";
	unsigned n = 0;
	start(BOOT_SCREEN_BGR, 0, 0, 0);
	assert_int_equal(screen_read(), -1);
	write("size\n> \x1b"
	      "7\x1b[999;999H\x1b[6n\x1b"
	      "8ok");
	for (int c; (c = screen_read()) >= 0 && n < sizeof answer - 1;)
		answer[n++] = (char)c;
	assert_string_equal(answer, "\x1b[25;100R");
	expect_line(0, "size");
	expect_line(1, "> ok_");
	write("\x1b[5n\x1b[99999999999999999999;4294967296Hx\x1b[3;2Hy");
	assert_int_equal(screen_read(), -1);
	assert_int_equal(at(24, 99, 0xc0c0c0), 'x');
	expect_line(2, " y_");
	expect_nothing_beside();
}

static unsigned calls;

static void interrupt(void)
{
	if (++calls != 2) /* the first is the lock's */
		return;
	support_meanwhile = NULL;
	write("an interrupt prints this\n");
}

/* An interrupt in the middle of a line feed prints too: nothing beyond the screen is drawn on. */
static void test_interrupted(void **state)
{
	(void)state;
	start(BOOT_SCREEN_BGR, 0, 0, 0);
	lines(0, 24, 0);
	write("the last line");
	calls = 0;
	support_meanwhile = interrupt;
	write("\n");
	assert_null(support_meanwhile);
	expect_nothing_beside();
}

/* A core that goes on after the lock's limit finds the cursor where another has just moved it, on no row of
 * the screen, and a column may have been checked before it moved. Nothing beyond the screen is drawn on, and
 * the next line is on it again. */
static void test_cursor_beyond(void **state)
{
	static const char *const texts[] = {"x", "\x1b[K", "\x1b[J", "\b", "\t", " ", "\n"};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(texts); i++) {
		start(BOOT_SCREEN_BGR, 0, 0, 0);
		s.row = rows;
		s.col = i;
		write(texts[i]);
		put(rows - 1, cols, 'x');
		draw(rows - 1, cols, 'x', true);
		expect_nothing_beside();
		for (unsigned col = 0; col <= cols; col++)
			assert_true(s.text[rows][col] == ' ' && s.drawn[rows][col] == ' ');
		write("\x1b[H\x1b[Jback");
		expect_line(0, "back_");
	}
}

/* A line longer than the screen goes on below, at a word where there is one. */
static void test_wrap(void **state)
{
	(void)state;
	char text[301], want[101] = {0};
	start(BOOT_SCREEN_BGR, 0, 0, 0);
	memset(text, 'x', 300);
	text[300] = 0;
	text[90] = ' ';
	write(text);
	write("\n");
	memset(want, 'x', 90);
	expect_line(0, want);
	memset(want, 'x', 100);
	expect_line(1, want);
	expect_line(2, want);
	want[9] = 0;
	expect_line(3, want);
	memset(text, 'y', 100);
	text[100] = 0;
	write(text);
	write("\nnext");
	memset(want, 'y', 100);
	expect_line(4, want);
	expect_line(5, "next_");
	write("\n");
	write(text);
	write(" and"); /* the blank ends the line before, and does not begin this one */
	expect_line(7, "and_");
	expect_nothing_beside();
}

/* Text that comes slowly moves up a line at a time, a flood by a quarter of the screen; both show the last
 * lines. */
static void test_scroll(void **state)
{
	(void)state;
	start(BOOT_SCREEN_BGR, 0, 0, 0);
	lines(0, 100, 1000000);
	expect_line(0, "line 76");
	expect_line(23, "line 99");
	expect_line(24, "_");
	lines(100, 60, 0);
	unsigned last = 0;
	for (unsigned row = 0; row < rows; row++)
		if (at(row, 0, 0xc0c0c0) == 'l')
			last = row;
	expect_line(last, "line 159");
	assert_between(last, 17, 23);
	expect_nothing_beside();
}

static void test_large(void **state)
{
	(void)state;
	static const struct {
		uint32_t width, height;
		const char *name;
	} sizes[] = {
		{640, 480, "640x480 pixels, 80x30 characters"},
		{800, 600, "800x600 pixels, 100x37 characters"},
		{1280, 800, "1280x800 pixels, 160x50 characters"},
		{1920, 1080, "1920x1080 pixels, 120x33 characters"},
		{3840, 2160, "3840x2160 pixels, 120x33 characters"},
		{16384, 400, "16384x400 pixels, 256x25 characters"},
		{640, 16384, "640x16384 pixels, 80x128 characters"},
	};
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		char name[80];
		fb = (struct boot_screen){.base = 0x80000000,
					  .size = 4ull * sizes[i].width * sizes[i].height,
					  .width = sizes[i].width,
					  .height = sizes[i].height,
					  .stride = sizes[i].width,
					  .format = BOOT_SCREEN_BGR};
		assert_null(screen_unusable(&fb));
		free(memory);
		memory = malloc(fb.size);
		screen_start(&fb, memory);
		assert_true(screen_name(name, sizeof name));
		assert_string_equal(name, sizes[i].name);
		lines(0, 300, 0);
	}
}

static void test_unusable(void **state)
{
	(void)state;
	const struct boot_screen good = {.base = 0x80000000,
					 .size = 640ull * 480 * 4,
					 .width = 640,
					 .height = 480,
					 .stride = 640,
					 .format = BOOT_SCREEN_BGR};
	const struct {
		struct boot_screen change; /* of each member that is not 0 */
		const char *why;
	} rows_of[] = {
		{{.format = BOOT_SCREEN_BLT}, "PixelBltOnly"},
		{{.format = 4}, "pixel format"},
		{{.format = BOOT_SCREEN_MASK}, "pixel format"},
		{{.width = 0x80000000}, "size is not"},
		{{.height = 0xffffffff}, "size is not"},
		{{.stride = 639}, "size is not"},
		{{.stride = 0xffffffff}, "size is not"},
		{{.width = 639}, "80x25"},
		{{.height = 399}, "80x25"},
		{{.size = 640ull * 480 * 4 - 1}, "smaller than its pixels"},
	};
	assert_null(screen_unusable(&good));
	for (size_t i = 0; i < ARRAY_LEN(rows_of); i++) {
		const struct boot_screen *c = &rows_of[i].change;
		struct boot_screen bad = good;
		bad.format = c->format ? c->format : bad.format;
		bad.width = c->width ? c->width : bad.width;
		bad.height = c->height ? c->height : bad.height;
		bad.stride = c->stride ? c->stride : bad.stride;
		bad.size = c->size ? c->size : bad.size;
		assert_non_null(screen_unusable(&bad));
		assert_non_null(strstr(screen_unusable(&bad), rows_of[i].why));
	}
	struct boot_screen nowhere = good;
	nowhere.base = 0;
	assert_non_null(screen_unusable(&nowhere));
}

/* Any bytes at all. */
static void test_noise(void **state)
{
	(void)state;
	start(BOOT_SCREEN_MASK, 0xf800, 0x7e0, 0x1f);
	uint32_t x = 1;
	for (unsigned i = 0; i < 200000; i++) {
		x = x * 1664525 + 1013904223;
		static const char often[] = "\x1b[HJK2;\b\t\r\n ";
		char c = x >> 31 ? often[(x >> 16) % (sizeof often - 1)] : (char)(x >> 8);
		screen_write(&c, 1);
	}
	expect_nothing_beside();
}

static int done(void **state)
{
	(void)state;
	free(memory);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unusable),      cmocka_unit_test(test_formats),
		cmocka_unit_test(test_cursor),        cmocka_unit_test(test_where),
		cmocka_unit_test(test_interrupted),   cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_cursor_beyond), cmocka_unit_test(test_scroll),
		cmocka_unit_test(test_large),         cmocka_unit_test(test_noise),
	};
	return cmocka_run_group_tests(tests, NULL, done);
}
