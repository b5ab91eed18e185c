#include "apps/shell/output.h"
#include <stdarg.h>
#include "apps/shell/console.h"
#include "apps/shell/pager.h"
#include "apps/work/load.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/cpu.h"

#define DUMB_US  2000000u
#define QUESTION "-- more: Space, Enter a line, a all, q quit --"

static struct {
	struct pager pager;
	bool at_prompt;    /* the cursor stands in a line that is being typed */
	unsigned progress; /* characters in the line of progress, in which the cursor stands */
	uint64_t said;     /* when progress was last shown on a dumb terminal, us */
	bool dumb;         /* term=dumb: text, line by line; no question stands in between */
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

/* The log's sink. Ctrl-C ends the output of a command that pages; one that is live ends itself. */
static void sink(const char *text, size_t len)
{
	if (out.at_prompt) {
		out.at_prompt = false;
		console_write("\n", 1);
	}
	progress_end();
	size_t from = 0;
	if (!out.pager.off && console_stop())
		out.pager.drop = true;
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

void output_start(bool dumb)
{
	out.dumb = dumb;
	console_take(sink);
}

void output_end(void)
{
	console_give_back(sink);
}

void output_begin(bool paged)
{
	out.pager = (struct pager){.off = !paged || out.dumb};
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
