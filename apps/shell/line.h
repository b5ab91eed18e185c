/* The line editor of the console: bytes of a terminal in, edits and their echo out. Pure. The echo uses only
 * backspace, carriage return and bell, so it works on every terminal, even a dumb one; escape sequences are
 * understood (cursor keys), never sent. A line is never longer than what is left of 80 columns behind the
 * prompt: more is refused with a bell. Input is not trusted. */
#pragma once
#include "kernel/bits.h"

#define LINE_SIZE    70u /* with the NUL; prompt and line fit into 80 columns */
#define LINE_HISTORY 16u

enum line_event {
	LINE_MORE,     /* nothing to do: give the next byte */
	LINE_DONE,     /* Enter: text is complete, and is in the history */
	LINE_COMPLETE, /* Tab */
	LINE_STOP,     /* Ctrl-C: text was dropped */
	LINE_REDRAW,   /* Ctrl-L: the caller prints its prompt and calls line_show() */
};

struct line {
	void (*out)(void *ctx, const char *text, size_t len); /* the echo; to be set by the caller */
	void *ctx;
	char text[LINE_SIZE]; /* always ends in a NUL */
	unsigned len, at;     /* at: the cursor, 0 to len */

	char history[LINE_HISTORY][LINE_SIZE];
	unsigned entries;      /* ever made; the newest is entries - 1 */
	unsigned back;         /* entries back from the newest; 0: the line being edited, saved in */
	char draft[LINE_SIZE]; /* this while browsing */

	unsigned escape; /* 0: none; 1: after ESC; 2: in a sequence; 3: after ESC O */
	unsigned number; /* parameter of the sequence */
	bool after_cr;   /* a line feed after the CR is the same Enter */
};

/* An empty line; the history stays. */
void line_start(struct line *l);
/* One byte from the terminal. */
enum line_event line_key(struct line *l, uint8_t byte);
/* Inserts text at the cursor; false, and nothing is changed, when it does not fit. */
bool line_insert(struct line *l, const char *text, size_t len);
/* Writes the line again behind a prompt that was just printed. */
void line_show(struct line *l);
