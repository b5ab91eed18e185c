#include "kernel/fold.h"

#define LOG_INDENT 15u /* behind the time, where advice stands too */
#define INDENT     4u  /* more than the line itself has */

static size_t run_of(const char *text, size_t n, bool blanks)
{
	size_t i = 0;
	while (i < n && text[i] != '\n' && (text[i] == ' ') == blanks)
		i++;
	return i;
}

static void begin_line(struct fold *f, const char *text, size_t n)
{
	size_t blanks = run_of(text, n, true) + INDENT;
	f->whole = text[0] == '{';
	f->indent = text[0] == '['             ? LOG_INDENT
		    : blanks < FOLD_INDENT_MAX ? (unsigned)blanks
					       : FOLD_INDENT_MAX;
}

size_t fold_next(struct fold *f, const char *text, size_t n, unsigned columns, size_t *skip)
{
	*skip = 0;
	for (size_t i = 0; i < n; i++) {
		if (!f->column)
			begin_line(f, text + i, n - i);
		if (text[i] == '\n') {
			f->column = 0;
			continue;
		}
		size_t blanks = run_of(text + i, n - i, true),
		       word = run_of(text + i + blanks, n - i - blanks, false);
		if (blanks && word && !f->whole && f->column > f->indent &&
		    f->column + blanks + word > columns && f->indent + word <= columns) {
			*skip = blanks;
			f->column = f->indent;
			return i;
		}
		f->column++;
	}
	return n;
}
