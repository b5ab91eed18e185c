/* Stage shell: the prompt. */
#include "apps/bringup/faults.h"
#include "apps/shell/stage.h"
#include "apps/audit/record.h"
#include "apps/bringup/hardware.h"
#include "apps/work/load.h"
#include "apps/shell/commands.h"
#include "kernel/console.h"
#include "apps/shell/line.h"
#include "apps/shell/names.h"
#include "apps/shell/output.h"
#include "apps/shell/pager.h"
#include "apps/shell/work.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/cpu.h"
#include "pci/sriov.h"

#define PROMPT "sluice> "
_Static_assert(sizeof PROMPT - 1 + LINE_SIZE - 1 < PAGER_COLUMNS, "a line fits behind the prompt");

static struct line line;

static void echo(void *ctx, const char *text, size_t len)
{
	(void)ctx;
	console_write(text, len);
}

static void prompt(void)
{
	console_write(PROMPT, sizeof PROMPT - 1);
	line_show(&line);
	output_at_prompt(true);
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
	complete(m, line.text, line.at, &g, offer);
	size_t have = strlen(g.start), all = strlen(g.common);
	if (!g.n) {
		console_write("\a", 1);
	} else if (all > have || g.n == 1) {
		if (line_insert(&line, g.common + have, all - have) && g.n == 1 && g.common[all - 1] != '=')
			(void)line_insert(&line, " ", 1);
	} else {
		output_begin(false);
		g = (struct words_guess){0};
		complete(m, line.text, line.at, &g, list);
		log_text("\n");
		prompt();
	}
}

/* A line; false when there is none to run. While it waits for a key, it handles refused requests. */
static bool read_line(struct machine *m)
{
	line_start(&line);
	prompt();
	for (;;) {
		int c = console_read();
		if (c < 0) {
			output_begin(false);
			load_turn();
			faults_say(m);
			hardware_tick(m);
			if (!output_is_at_prompt())
				prompt();
			cpu_pause();
			continue;
		}
		switch (line_key(&line, (uint8_t)c)) {
		case LINE_MORE:
			break;
		case LINE_REDRAW:
			prompt();
			break;
		case LINE_COMPLETE:
			on_tab(m);
			break;
		case LINE_DONE:
			output_at_prompt(false);
			return true;
		case LINE_STOP:
			output_at_prompt(false);
			return false;
		}
	}
}

static void unknown(const char *word)
{
	const char *meant = command_near(word);
	if (strcmp(word, "exit") == 0 || strcmp(word, "quit") == 0 || strcmp(word, "logout") == 0)
		log_text("nothing runs behind this console: poweroff or reboot ends it\n");
	else if (meant)
		log_text("%s: there is no such command; did you mean %s?\n", word, meant);
	else
		log_text("%s: there is no such command; help lists all\n", word);
}

/* Returns false where the shell ends after the command. */
static bool run_line(struct machine *m)
{
	char *word[WORDS_MAX];
	unsigned n = words_split(line.text, word);
	if (!n)
		return true;
	const struct command *c = command_find(word[0]);
	if (!c) {
		unknown(word[0]);
		return true;
	}
	output_begin(!c->live);
	log_plain(!c->live);
	bool good = n <= WORDS_MAX && c->run(m, n, word);
	if (!good)
		log_text("usage: %s %s\n   eg: %s\n", c->name, c->args, c->example);
	log_plain(false);
	return !good || !c->leaves;
}

enum sl_err stage_shell(struct machine *m)
{
	log_line("shell", "the console: help lists the commands, Tab completes, Ctrl-C stops");
	line.out = echo;
	m->audit.proof = AUDIT_PROOF_NOT_ASKED;
	output_start(m->cfg->term == TERM_DUMB);
	for (bool some, go_on = true; go_on;) {
		console_stop_clear();
		some = read_line(m);
		console_stop_clear();
		output_begin(true);
		go_on = !some || run_line(m);
	}
	output_end();
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
