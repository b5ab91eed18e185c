/* Lines of the report for people: eighty columns, no colour. */
#include "apps/audit/print.h"
#include <stdarg.h>
#include "kernel/fmt.h"

#define INDENT 11u

void print_say(report_text *to, const char *fmt, ...)
{
	char buf[500];
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(buf, sizeof buf, fmt, ap);
	va_end(ap);
	to(buf);
}

/* Words of text behind a label, wrapped and indented. */
void print_wrapped(report_text *to, const char *label, const char *text)
{
	char line[PRINT_COLUMNS + 2];
	size_t at = 0;
	if (!text[0])
		return;
	at = (size_t)fmt_print(line, sizeof line, "   %-*s", (int)(INDENT - 3), label);
	bool first = true;
	while (*text) {
		size_t n = 0;
		while (text[n] && text[n] != ' ')
			n++;
		if (!first && at + 1 + n > PRINT_COLUMNS) {
			print_say(to, "%s\n", line);
			at = (size_t)fmt_print(line, sizeof line, "%-*s", (int)INDENT, "");
			first = true;
		}
		if (n > PRINT_COLUMNS - INDENT)
			n = PRINT_COLUMNS - INDENT;
		at += (size_t)fmt_print(line + at, sizeof line - at, "%s%.*s", first ? "" : " ", (int)n,
					text);
		first = false;
		text += n;
		while (*text == ' ')
			text++;
	}
	print_say(to, "%s\n", line);
}
