/* The line editor of the console: bytes of a terminal in, edits and their echo out. Pure. The echo uses
 * backspace, carriage return and bell alone, so it is right on every terminal, a dumb one too; escape
 * sequences are understood (cursor keys), never sent. A line is never longer than what is left of 80 columns
 * behind the prompt: more is refused with a bell. Input is not trusted: anything may come. */
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
	unsigned back;         /* so many entries back are we; 0: the line being written, kept in */
	char draft[LINE_SIZE]; /* here meanwhile */

	unsigned escape; /* 0: none; 1: after ESC; 2: in a sequence; 3: after ESC O */
	unsigned number; /* parameter of the sequence */
	bool after_cr;   /* a line feed after it is the same Enter */
};

/* An empty line; the history stays. */
void line_start(struct line *l);
/* One byte from the terminal. */
enum line_event line_key(struct line *l, uint8_t byte);
/* Puts text in at the cursor; false, and nothing is changed, when there is no room. */
bool line_insert(struct line *l, const char *text, size_t len);
/* Writes the line again behind a prompt that was just printed. */
void line_show(struct line *l);
