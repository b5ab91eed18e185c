/* The menu before the firmware is left: what it shows and what keys do, without the firmware. A person may
 * choose an app, or write options, which the reader of sluice.cfg checks. */
#pragma once
#include "boot/config.h"

#define MENU_LINE  256u /* of options, with the NUL */
#define MENU_IDLE  300u /* seconds: so long without a key, the menu goes on as configured */
#define MENU_WIDTH 79u  /* of a row; the last column stays free, where some consoles begin a new line */

/* Above the characters that keys give. */
enum menu_key {
	MENU_BACKSPACE = 0x08,
	MENU_ENTER = 0x0d,
	MENU_ESCAPE = 0x1b,
	MENU_DELETE = 0x7f,
	MENU_UP = 0x100,
	MENU_DOWN,
	MENU_LEFT,
	MENU_RIGHT,
	MENU_HOME,
	MENU_END,
	MENU_OTHER, /* without a meaning, but somebody is there */
};

enum menu_state { MENU_LIST, MENU_EDIT, MENU_DONE };

struct menu {
	const struct config *cfg; /* as it was read */
	struct config tried;      /* with the line that was written */
	enum menu_state state;
	unsigned chosen;      /* entry, from 0 */
	unsigned seconds;     /* until it goes on */
	bool counting;        /* nobody has pressed a key */
	char line[MENU_LINE]; /* options to add to cfg; with MENU_DONE, those of the choice */
	unsigned len, at;     /* of line; at: the cursor */
	char says[300];       /* what is wrong with line, or what is asked for */
};

/* cfg has the options, and stays the caller's. */
void menu_start(struct menu *m, const struct config *cfg);
void menu_key(struct menu *m, unsigned key);
/* A second has passed. */
void menu_tick(struct menu *m);
/* Row of the list or of the editor, MENU_WIDTH characters and a NUL at most; false: there is none. *marked:
 * it is the chosen entry. */
bool menu_row(const struct menu *m, unsigned row, char out[MENU_WIDTH + 1], bool *marked);
/* The last row, which changes by itself: the countdown, or the line that is written, its part around the
 * cursor. */
void menu_last_row(const struct menu *m, unsigned width, char out[MENU_WIDTH + 1]);
