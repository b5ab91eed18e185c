/* Breaks lines that are longer than a terminal is wide between two words, with an indent. Pure: the caller
 * writes. Lines of JSON stay whole, and so does what its command wants to be as it is. */
#pragma once
#include "kernel/bits.h"

#define FOLD_INDENT_MAX 24u

struct fold {                    /* zeroed: at the beginning of a line */
	unsigned column, indent; /* indent: of the lines that continue this one */
	bool whole;              /* this line is not broken */
};

/* How many bytes of text to write now. *skip is 0 when all of it is; else the line breaks behind them: write
 * a newline and f->indent blanks, and go on *skip bytes later, behind the blanks in between. */
size_t fold_next(struct fold *f, const char *text, size_t n, unsigned columns, size_t *skip);
