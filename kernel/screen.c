#include "kernel/screen.h"
#include "kernel/fmt.h"
#include "kernel/lock.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define LOCK_US     2000000u
#define COLS_WISHED 100u /* characters become larger as long as so many fit */
#define ROWS_WISHED 30u
#define WORD_MOST   24u
#define TAB         8u
#define CALM_US     200000u     /* text that comes slower moves up line by line, */
#define JUMP        4u          /* faster text a quarter of the screen at a time */
#define LIGHT       0x00c0c0c0u /* in every format of 32 bits whose colours are bytes */
#define ESC         0x1b
#define NUMBER_MOST 999u

/* tools/font makes it from a package's font. */
__asm__(".pushsection .rodata.screen_font,\"a\",@progbits\n"
	".globl screen_font\n"
	"screen_font: .incbin \"font\"\n"
	".popsection\n");

static struct {
	volatile uint8_t *pixels;      /* NULL: nothing is drawn */
	uint32_t width, height, pitch; /* pixels; bytes of a line of pixels */
	uint32_t bytes, light;         /* of a pixel; the colour of text */
	unsigned scale, cols, rows;
	unsigned col, row; /* of the cursor; col is cols after the last character of a full line */
	bool cursor;       /* it is drawn at col, row */
	uint64_t moved_us; /* when the text moved up last */
	unsigned saved_col, saved_row; /* by ESC 7 */
	enum { PLAIN, ESCAPE, SEQUENCE } state;
	unsigned number[2], numbers; /* of the sequence */
	char answer[16];             /* to CSI 6 n, from answered on */
	unsigned answered;
	char text[SCREEN_ROWS][SCREEN_COLS], drawn[SCREEN_ROWS][SCREEN_COLS];
} s;
static struct lock lock;

static void put_pixels(volatile uint8_t *at, uint32_t colour, unsigned n)
{
	if (s.bytes == 4) {
		volatile uint32_t *p = (volatile uint32_t *)at;
		for (unsigned i = 0; i < n; i++)
			p[i] = colour;
		return;
	}
	for (unsigned i = 0; i < n * s.bytes; i++)
		at[i] = (uint8_t)(colour >> 8 * (i % s.bytes));
}

/* Eight pixels of most screens: without a branch and a call for each. */
static void draw_row(volatile uint32_t *at, unsigned bits, uint32_t light)
{
	for (unsigned x = 0; x < SCREEN_WIDE; x++, bits <<= 1)
		at[x] = light & (0 - (bits >> (SCREEN_WIDE - 1) & 1));
}

/* An interrupt may print in the middle of this, and a core goes on after the lock's limit: whatever place
 * they leave, nothing beyond the screen is touched. */
static bool inside(unsigned row, unsigned col)
{
	return row < s.rows && col < s.cols;
}

static void draw(unsigned row, unsigned col, char c, bool inverse)
{
	if (!inside(row, col))
		return;
	bool in_font = c >= SCREEN_FIRST && c <= SCREEN_LAST;
	const uint8_t *glyph = screen_font[in_font ? c - SCREEN_FIRST : '?' - SCREEN_FIRST];
	volatile uint8_t *at = s.pixels + (size_t)row * SCREEN_HIGH * s.scale * s.pitch +
			       (size_t)col * SCREEN_WIDE * s.scale * s.bytes;
	uint32_t light = s.light;
	for (unsigned y = 0; y < SCREEN_HIGH * s.scale; y++, at += s.pitch) {
		unsigned bits = glyph[y / s.scale] ^ (inverse ? 0xffu : 0);
		if (s.bytes == 4 && s.scale == 1) {
			draw_row((volatile uint32_t *)at, bits, light);
			continue;
		}
		for (unsigned x = 0; x < SCREEN_WIDE; x++)
			put_pixels(at + (size_t)x * s.scale * s.bytes, bits & 0x80u >> x ? light : 0,
				   s.scale);
	}
	s.drawn[row][col] = c;
}

static void draw_changed(void)
{
	for (unsigned row = 0; row < s.rows; row++)
		for (unsigned col = 0; col < s.cols; col++)
			if (s.text[row][col] != s.drawn[row][col])
				draw(row, col, s.text[row][col], false);
}

/* The place under the cursor, in the line's last column for one that is full. */
static void cursor(bool on)
{
	unsigned row = s.row, col = s.col < s.cols ? s.col : s.cols - 1;
	if (s.cursor != on && inside(row, col))
		draw(row, col, s.text[row][col], on);
	s.cursor = on;
}

static void put(unsigned row, unsigned col, char c)
{
	if (!inside(row, col))
		return;
	s.text[row][col] = c;
	if (s.drawn[row][col] != c)
		draw(row, col, c, false);
}

static void new_line(void)
{
	s.col = 0;
	if (s.row + 1 < s.rows) {
		s.row++;
		return;
	}
	uint64_t now = now_us();
	unsigned up = now - s.moved_us > CALM_US ? 1 : s.rows / JUMP;
	s.moved_us = now;
	memmove(s.text[0], s.text[up], (s.rows - up) * sizeof s.text[0]);
	memset(s.text[s.rows - up], ' ', up * sizeof s.text[0]);
	s.row = s.rows - up;
	draw_changed();
}

static void clear(unsigned row, unsigned col, unsigned last_row)
{
	for (; row <= last_row; row++, col = 0)
		for (; col < s.cols; col++)
			put(row, col, ' ');
}

/* A line that is full goes on in the next one, with all of the word that it ends in if that is a short one.
 * kernel/fold.h breaks text that is whole, before it is written; here it comes in pieces, keys among them,
 * and the word may be on the screen already. */
static void wrap(char c)
{
	char word[WORD_MOST];
	unsigned n = 0, row = s.row;
	const char *line = s.text[row];
	while (c != ' ' && n < WORD_MOST && line[s.cols - 1 - n] != ' ')
		n++;
	if (n == WORD_MOST)
		n = 0;
	memcpy(word, line + s.cols - n, n);
	clear(row, s.cols - n, row);
	new_line();
	for (unsigned i = 0; i < n; i++)
		put(s.row, s.col++, word[i]);
}

static void move_to(unsigned row, unsigned col)
{
	s.row = row < s.rows ? row : s.rows - 1;
	s.col = col < s.cols ? col : s.cols - 1;
}

static void finish_sequence(char c)
{
	unsigned first = s.number[0];
	switch (c) {
	case 'H':
		move_to(first ? first - 1 : 0, s.number[1] ? s.number[1] - 1 : 0);
		break;
	case 'J':
		clear(first == 2 ? 0 : s.row, first == 2 ? 0 : s.col, s.rows - 1);
		break;
	case 'K':
		clear(s.row, s.col, s.row);
		break;
	case 'n':
		if (first != 6)
			break;
		fmt_print(s.answer, sizeof s.answer, "\x1b[%u;%uR", s.row + 1,
			  s.col < s.cols ? s.col + 1 : s.cols);
		s.answered = 0;
		break;
	}
}

/* ECMA-48 §5.4: parameters and intermediate bytes, then one of 40h to 7Eh. */
static bool in_sequence(char c)
{
	if (s.state == ESCAPE) {
		s.state = c == '[' ? SEQUENCE : PLAIN;
		s.number[0] = s.number[1] = s.numbers = 0;
		if (c == '7') {
			s.saved_row = s.row;
			s.saved_col = s.col;
		} else if (c == '8') {
			move_to(s.saved_row, s.saved_col);
		}
		return true;
	}
	if (s.state == PLAIN)
		return false;
	unsigned *n = &s.number[s.numbers & 1];
	if (c >= '0' && c <= '9')
		*n = *n < NUMBER_MOST / 10 ? *n * 10 + (unsigned)(c - '0') : NUMBER_MOST;
	else if (c == ';')
		s.numbers = 1;
	if (c >= 0x20 && c < 0x40)
		return true;
	s.state = PLAIN;
	if (c >= 0x40 && c < 0x7f)
		finish_sequence(c);
	return c >= 0x20;
}

static void write_one(char c)
{
	if (in_sequence(c))
		return;
	if (c == ESC) {
		s.state = ESCAPE;
	} else if (c == '\n') {
		new_line();
	} else if (c == '\r') {
		s.col = 0;
	} else if (c == '\b') {
		s.col -= s.col > 0;
	} else if (c == '\t') {
		s.col = (s.col / TAB + 1) * TAB;
		s.col = s.col < s.cols ? s.col : s.cols;
	} else if ((uint8_t)c >= 0x20) {
		bool full = s.col >= s.cols;
		if (full)
			wrap(c);
		if (!full || c != ' ')
			put(s.row, s.col++, c);
	}
}

void screen_write(const char *text, size_t len)
{
	if (!s.pixels || !len)
		return;
	bool taken = lock_take(&lock, LOCK_US);
	cursor(false);
	for (size_t i = 0; i < len; i++)
		write_one(text[i]);
	cursor(true);
	if (taken)
		lock_give(&lock);
}

int screen_read(void)
{
	if (s.answered >= sizeof s.answer || !s.answer[s.answered])
		return -1;
	return (uint8_t)s.answer[s.answered++];
}

void screen_start(const struct boot_screen *fb, volatile void *pixels)
{
	unsigned scale = 1, wide, high;
	while (fb->width / (SCREEN_WIDE * (scale + 1)) >= COLS_WISHED &&
	       fb->height / (SCREEN_HIGH * (scale + 1)) >= ROWS_WISHED)
		scale++;
	wide = fb->width / (SCREEN_WIDE * scale);
	high = fb->height / (SCREEN_HIGH * scale);
	s.width = fb->width;
	s.height = fb->height;
	s.bytes = screen_pixel_bytes(fb);
	s.pitch = fb->stride * s.bytes;
	s.light = fb->format == BOOT_SCREEN_MASK ? fb->red | fb->green | fb->blue : LIGHT;
	s.scale = scale;
	s.cols = wide < SCREEN_COLS ? wide : SCREEN_COLS;
	s.rows = high < SCREEN_ROWS ? high : SCREEN_ROWS;
	s.row = s.col = s.saved_row = s.saved_col = s.answered = 0;
	s.answer[0] = 0;
	s.cursor = false;
	s.state = PLAIN;
	s.pixels = pixels;
	memset(s.text, ' ', sizeof s.text);
	memset(s.drawn, ' ', sizeof s.drawn);
	for (uint32_t y = 0; y < fb->height; y++)
		put_pixels(s.pixels + (size_t)y * s.pitch, 0, fb->width);
}

bool screen_size(unsigned *cols, unsigned *rows)
{
	*cols = s.cols;
	*rows = s.rows;
	return s.pixels != NULL;
}

bool screen_name(char *out, size_t size)
{
	if (!s.pixels)
		return false;
	fmt_print(out, size, "%ux%u pixels, %ux%u characters", s.width, s.height, s.cols, s.rows);
	return true;
}
