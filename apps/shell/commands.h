/* All commands, and what half a word can become. */
#pragma once
#include "apps/shell/command.h"

struct command_at { /* zeroed: before the first */
	const struct command *command;
	unsigned table;
};

/* Goes to the next command; false after the last. */
bool command_next(struct command_at *at);
/* NULL when there is none of that name. */
const struct command *command_find(const char *name);

/* What could stand for the last word of text (len bytes, up to the cursor): goes through all that could be
 * meant, once for each call of each(); g->start is set. */
void complete(const struct machine *m, const char *text, size_t len, struct words_guess *g,
	      void (*each)(const char *word));
