/* All commands, and completion of words. */
#pragma once
#include "apps/shell/command.h"

struct command_at { /* zeroed: before the first */
	const struct command *command;
	unsigned table;
};

/* Advances to the next command; false after the last. */
bool command_next(struct command_at *at);
/* NULL when there is none of that name. */
const struct command *command_find(const char *name);

/* Offers every completion of the last word of text (len bytes, up to the cursor); sets g->start. */
void complete(const struct machine *m, const char *text, size_t len, struct words_guess *g,
	      void (*each)(const char *word));
