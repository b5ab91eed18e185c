#include "apps/shell/output.h"
#include <stdarg.h>
#include "kernel/fold.h"
#include "kernel/console.h"
#include "apps/shell/pager.h"
#include "apps/work/load.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/cpu.h"

#define DUMB_US       2000000u
#define SMALL_ROWS    5u
#define ANSWER_US     2000000u /* of a terminal: it may be far away, or its host busy */
#define SIZE_MAX_EACH 1000u
/* Saves the cursor, moves it as far down and right as it goes, asks where that is, and brings it back. */
#define ASK_SIZE      "\0337\033[999;999H\033[6n\0338"
#define QUESTION      "-- more: Space, Enter a line, a all, q quit --"

static struct {
	struct pager pager;
	struct fold fold;
	bool as_it_is;          /* no line is folded */
	unsigned columns, rows; /* of the screen; 0: not set */
	bool at_prompt;         /* the cursor stands in a line that is being typed */
	unsigned progress;      /* characters in the line of progress, in which the cursor stands */
	uint64_t said;          /* when progress was last shown on a dumb terminal, us */
	bool dumb;              /* term=dumb: text, line by line; no question stands in between */
} out;

/* A person decides how long this takes. */
static void ask(void)
{
	char blank[sizeof QUESTION + 2] = "\r";
	memset(blank + 1, ' ', sizeof QUESTION - 1);
	blank[sizeof QUESTION] = '\r';
	console_write(QUESTION, sizeof QUESTION - 1);
	while (!pager_answer(&out.pager, console_read())) {
		load_turn();
		cpu_pause();
	}
	console_write(blank, sizeof QUESTION + 1);
}

void progress_end(void)
{
	char blank[PAGER_COLUMNS + 1];
	unsigned n = out.progress;
	if (!n)
		return;
	out.progress = 0;
	blank[0] = '\r';
	memset(blank + 1, ' ', n);
	console_write(blank, n + 1);
	console_write("\r", 1);
}

void progress(const char *fmt, ...)
{
	char text[PAGER_COLUMNS];
	va_list ap;
	if (out.dumb && out.said && now_us() - out.said < DUMB_US)
		return;
	out.said = now_us();
	va_start(ap, fmt);
	int len = fmt_vprint(text, sizeof text, fmt, ap);
	va_end(ap);
	unsigned n = len < 0 ? 0 : (unsigned)len < sizeof text ? (unsigned)len : (unsigned)sizeof text - 1;
	unsigned before = out.progress;
	if (!out.dumb)
		console_write("\r", 1);
	console_write(text, n);
	if (out.dumb) {
		console_write("\n", 1);
		return;
	}
	for (out.progress = n; out.progress < before; out.progress++)
		console_write(" ", 1);
}

static void put(const char *text, size_t len)
{
	size_t from = 0;
	for (size_t i = 0; i < len;) {
		enum pager_says says = pager_next(&out.pager, text[i]);
		if (says == PAGER_DROP)
			return;
		if (says == PAGER_PASS) {
			i++;
			continue;
		}
		console_write(text + from, i - from);
		from = i;
		ask();
	}
	console_write(text + from, len - from);
}

/* The log's sink. Ctrl-C ends the output of a command that pages; one that is live ends itself. */
static void sink(const char *text, size_t len)
{
	static const char blanks[FOLD_INDENT_MAX + 2] = "\n                        ";
	if (out.at_prompt) {
		out.at_prompt = false;
		console_write("\n", 1);
	}
	progress_end();
	if (!out.pager.off && console_stop())
		out.pager.drop = true;
	if (out.dumb || out.as_it_is) {
		put(text, len);
		return;
	}
	for (size_t n, skip; len; text += n + skip, len -= n + skip) {
		n = fold_next(&out.fold, text, len, out.pager.columns, &skip);
		put(text, n);
		if (skip)
			put(blanks, 1 + out.fold.indent);
	}
}

void output_size(unsigned *columns, unsigned *rows)
{
	*columns = out.columns ? out.columns : PAGER_COLUMNS;
	*rows = out.rows ? out.rows : PAGER_ROWS;
}

void output_size_set(unsigned columns, unsigned rows)
{
	out.columns = columns < PAGER_COLUMNS ? PAGER_COLUMNS : columns;
	out.rows = rows < SMALL_ROWS ? SMALL_ROWS : rows;
	output_size(&out.pager.columns, &out.pager.rows);
}

/* The answer to "where is the cursor": ESC [ row ; column R. It is not trusted. */
bool output_size_ask(void)
{
	unsigned number[2] = {0, 0}, n = 0;
	if (out.dumb)
		return false;
	console_write(ASK_SIZE, sizeof ASK_SIZE - 1);
	for (struct deadline d = deadline_in(ANSWER_US); !deadline_passed(&d);) {
		int c = console_read();
		if (c >= '0' && c <= '9' && number[n] < SIZE_MAX_EACH)
			number[n] = number[n] * 10 + (unsigned)(c - '0');
		else if (c == ';')
			n = 1;
		else if (c == 'R' && number[0] && number[1]) {
			output_size_set(number[1], number[0]);
			return true;
		} else if (c < 0)
			cpu_pause();
	}
	return false;
}

void output_as_it_is(void)
{
	out.as_it_is = true;
}

void output_start(bool dumb)
{
	out.dumb = dumb;
	log_sink_replace(console_write, sink);
}

void output_end(void)
{
	log_sink_replace(sink, console_write);
}

void output_begin(bool paged)
{
	out.pager = (struct pager){.off = !paged || out.dumb};
	output_size(&out.pager.columns, &out.pager.rows);
	out.fold = (struct fold){0};
	out.as_it_is = false;
	out.said = 0;
}

void output_at_prompt(bool at)
{
	out.at_prompt = at;
}

bool output_is_at_prompt(void)
{
	return out.at_prompt;
}
