/* Stage shell: the prompt. Everything that is printed while it lasts goes through the pager here. */
#include "apps/shell/shell.h"
#include "apps/bringup/faults.h"
#include "apps/shell/stage.h"
#include "apps/audit/record.h"
#include "apps/bringup/hardware.h"
#include "apps/work/load.h"
#include "apps/shell/line.h"
#include "apps/shell/pager.h"
#include "apps/shell/work.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/serial.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"
#include "pci/sriov.h"

#define PROMPT   "sluice> "
#define DUMB_US  2000000u
#define QUESTION "-- more: Space, Enter a line, a all, q quit --"
_Static_assert(sizeof PROMPT - 1 + LINE_SIZE - 1 < PAGER_COLUMNS, "a line fits behind the prompt");

static struct {
	struct line line;
	struct pager pager;
	bool at_prompt;    /* the cursor stands in a line that is being typed */
	unsigned progress; /* characters in the line of progress, in which the cursor stands */
	uint64_t said;     /* when progress was last shown on a dumb terminal, us */
	bool dumb;         /* term=dumb: text, line by line; no question stands in between */
	bool left;
} sh;

static void echo(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	serial_write(text, len);
}

/* A person decides how long this takes. */
static void ask(void)
{
	char blank[sizeof QUESTION + 2] = "\r";
	memset(blank + 1, ' ', sizeof QUESTION - 1);
	blank[sizeof QUESTION] = '\r';
	serial_write(QUESTION, sizeof QUESTION - 1);
	while (!pager_answer(&sh.pager, serial_read())) {
		load_turn();
		cpu_pause();
	}
	serial_write(blank, sizeof QUESTION + 1);
}

void progress_end(void)
{
	char blank[PAGER_COLUMNS + 1];
	unsigned n = sh.progress;
	if (!n)
		return;
	sh.progress = 0;
	blank[0] = '\r';
	memset(blank + 1, ' ', n);
	serial_write(blank, n + 1);
	serial_write("\r", 1);
}

void progress(const char *fmt, ...)
{
	char text[PAGER_COLUMNS];
	va_list ap;
	if (sh.dumb && sh.said && now_us() - sh.said < DUMB_US)
		return;
	sh.said = now_us();
	va_start(ap, fmt);
	int len = fmt_vprint(text, sizeof text, fmt, ap);
	va_end(ap);
	unsigned n = len < 0 ? 0 : (unsigned)len < sizeof text ? (unsigned)len : (unsigned)sizeof text - 1;
	unsigned before = sh.progress;
	if (!sh.dumb)
		serial_write("\r", 1);
	serial_write(text, n);
	if (sh.dumb) {
		serial_write("\n", 1);
		return;
	}
	for (sh.progress = n; sh.progress < before; sh.progress++)
		serial_write(" ", 1);
}

/* The log's sink. Ctrl-C ends the output of a command that pages; one that is live ends itself. */
static void sink(const char *text, size_t len)
{
	if (sh.at_prompt) {
		sh.at_prompt = false;
		serial_write("\n", 1);
	}
	progress_end();
	size_t from = 0;
	if (!sh.pager.off && serial_stop())
		sh.pager.drop = true;
	for (size_t i = 0; i < len;) {
		enum pager_says says = pager_next(&sh.pager, text[i]);
		if (says == PAGER_DROP)
			return;
		if (says == PAGER_PASS) {
			i++;
			continue;
		}
		serial_write(text + from, i - from);
		from = i;
		ask();
	}
	serial_write(text + from, len - from);
}

static void prompt(void)
{
	serial_write(PROMPT, sizeof PROMPT - 1);
	line_show(&sh.line);
	sh.at_prompt = true;
}

static void offer(const char *word)
{
	(void)word;
}

static void list(const char *word)
{
	log_text("%s  ", word);
}

/* What all that could be meant have in common; when that is nothing more, all of them. */
static void on_tab(const struct machine *m)
{
	struct words_guess g = {0};
	complete(m, sh.line.text, sh.line.at, &g, offer);
	size_t have = strlen(g.start), all = strlen(g.common);
	if (!g.n) {
		serial_write("\a", 1);
	} else if (all > have || g.n == 1) {
		if (line_insert(&sh.line, g.common + have, all - have) && g.n == 1 &&
		    g.common[all - 1] != '=')
			(void)line_insert(&sh.line, " ", 1);
	} else {
		sh.pager = (struct pager){.off = true};
		g = (struct words_guess){0};
		complete(m, sh.line.text, sh.line.at, &g, list);
		log_text("\n");
		prompt();
	}
}

/* A line; false when there is none to run. While nobody types, refused requests are looked after. */
static bool read_line(struct machine *m)
{
	line_start(&sh.line);
	prompt();
	for (;;) {
		int c = serial_read();
		if (c < 0) {
			sh.pager = (struct pager){.off = true};
			load_turn();
			faults_say(m);
			hardware_tick(m);
			if (!sh.at_prompt)
				prompt();
			cpu_pause();
			continue;
		}
		switch (line_key(&sh.line, (uint8_t)c)) {
		case LINE_MORE:
			break;
		case LINE_REDRAW:
			prompt();
			break;
		case LINE_COMPLETE:
			on_tab(m);
			break;
		case LINE_DONE:
			sh.at_prompt = false;
			return true;
		case LINE_STOP:
			sh.at_prompt = false;
			return false;
		}
	}
}

static void run_line(struct machine *m)
{
	char *word[WORDS_MAX];
	unsigned n = words_split(sh.line.text, word);
	if (!n)
		return;
	const struct command *c = command_find(word[0]);
	if (!c) {
		log_text("%s: there is no such command; help lists all\n", word[0]);
		return;
	}
	sh.pager = (struct pager){.off = c->live || sh.dumb};
	sh.said = 0;
	log_plain(!c->live);
	if (n > WORDS_MAX || !c->run(m, n, word))
		log_text("usage: %s %s\n   eg: %s\n", c->name, c->args, c->example);
	log_plain(false);
}

void shell_leave(void)
{
	sh.left = true;
}

enum sl_err stage_shell(struct machine *m)
{
	log_line("shell", "the console: help lists the commands, Tab completes, Ctrl-C stops");
	sh.line.out = echo;
	sh.dumb = m->cfg->term == TERM_DUMB;
	m->audit.proof = AUDIT_PROOF_NOT_ASKED;
	log_sink_replace(serial_write, sink);
	while (!sh.left) {
		serial_stop_clear();
		bool some = read_line(m);
		serial_stop_clear();
		sh.pager = (struct pager){0};
		if (some)
			run_line(m);
	}
	log_sink_replace(sink, serial_write);
	return SL_OK;
}

/* VFs that were switched on by hand. */
void undo_shell(struct machine *m)
{
	struct pci_func *pf;
	work_leave(m);
	while ((pf = pf_with_vfs(m)) && sriov_disable(&m->pci, pf) == SL_OK)
		log_line("sriov", BDF_FMT ": VFs off", BDF_ARG(pf->bdf));
}
