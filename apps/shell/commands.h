/* All commands, and completion of words. */
#pragma once
#include "apps/shell/command.h"

struct command_at { /* zeroed: before the first */
	const struct command *command;
	unsigned table;
};

/* Advances to the next command; false after the last. */
bool command_next(struct command_at *at);
/* By its name, or by one that people know from elsewhere: "?", "dmesg". NULL when there is none. */
const struct command *command_find(const char *name);
/* The command that was probably meant; NULL: none is near. */
const char *command_near(const char *name);

/* Offers every completion of the last word of text (len bytes, up to the cursor); sets g->start. */
void complete(const struct machine *m, const char *text, size_t len, struct words_guess *g,
	      void (*each)(const char *word));
