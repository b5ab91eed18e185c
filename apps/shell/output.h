/* Output while the shell runs: text is folded to the width of the screen and goes through the pager to the
 * console, and a progress line is replaced by the next one. */
#pragma once
#include "kernel/bits.h"

/* The log writes here instead of to the console, until output_end(). dumb: a terminal that takes text line by
 * line; nothing is asked and nothing is overwritten. */
void output_start(bool dumb);
void output_end(void);
/* A command begins; paged: its text stops at a full screen. */
void output_begin(bool paged);
/* What the command prints is for programs too: its long lines stay whole. */
void output_as_it_is(void);
/* The size of the screen, 80x24 until it is set; columns and rows are limited to what makes sense. */
void output_size(unsigned *columns, unsigned *rows);
void output_size_set(unsigned columns, unsigned rows);
/* Asks the terminal where its last row and column are. False when it does not answer within two seconds. */
bool output_size_ask(void);

/* The cursor stands in a line that is being typed: text of the log starts a new one. */
void output_at_prompt(bool at);
bool output_is_at_prompt(void);

/* Writes one line in the place of the one that it wrote before; the next line of the log takes its place. On
 * a dumb terminal a line of its own, and not more often than every 2 seconds. */
void progress(const char *fmt, ...) PRINTF_LIKE(1, 2);
void progress_end(void);
