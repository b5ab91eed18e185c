/* Stops long output when a screen is full, until a key asks for more. Pure: it counts, and returns
 * what to do with each byte. */
#pragma once
#include "kernel/bits.h"

#define PAGER_ROWS    24u
#define PAGER_COLUMNS 80u

enum pager_says {
	PAGER_PASS,
	PAGER_ASK,  /* the screen is full: get a key, pager_answer(), and ask about this byte again */
	PAGER_DROP, /* the rest of this command's output is not wanted */
};

struct pager {                  /* row and column 0: a new command with paging */
	unsigned rows, columns; /* of the screen */
	unsigned row, column;
	bool off; /* all passes */
	bool drop;
};

enum pager_says pager_next(struct pager *p, char c);
/* Space: another screen; Enter: a line; a: all; q, Ctrl-C: no more. False for any other key. */
bool pager_answer(struct pager *p, int key);
