/* The commands, their help, and what half a word can become. */
#include "apps/shell/commands.h"
#include "apps/shell/names.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define NEAR 2u /* letters that are wrong in a word that was meant */

static bool cmd_help(struct machine *m, unsigned n, char **word)
{
	(void)m;
	if (n == 1) {
		for (struct command_at at = {0}; command_next(&at);)
			log_text("  %-9s %s\n", at.command->name, at.command->what);
		log_text("Tab completes commands, functions and keys; the cursor keys edit, and go back to\n"
			 "earlier lines; Ctrl-C stops.\n");
		return true;
	}
	const struct command *c = command_find(word[1]);
	if (n > 2)
		return false;
	if (c)
		log_text("%s %s\n   %s\n   eg: %s\n", c->name, c->args, c->what, c->example);
	else
		log_text("%s: there is no such command\n", word[1]);
	return true;
}

static const struct command help_command[] = {
	{"help", "[COMMAND]", "this list; how a command is used", "help lspci", NULL, TAKES_COMMAND, false,
	 false, cmd_help},
	{0},
};

/* In the order of help. */
static const struct command *const tables[] = {
	help_command,  pci_commands,   vf_commands,      mmu_commands,
	work_commands, audit_commands, options_commands, system_commands,
};

bool command_next(struct command_at *at)
{
	if (at->command)
		at->command++;
	else
		at->command = tables[0];
	if (!at->command->name && ++at->table < ARRAY_LEN(tables))
		at->command = tables[at->table];
	return at->command->name != NULL;
}

static const struct alias {
	const char *name, *of;
} aliases[] = {{"?", "help"}, {"man", "help"}, {"dmesg", "log"}, {"shutdown", "poweroff"}};

const struct command *command_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(aliases); i++)
		if (strcmp(aliases[i].name, name) == 0)
			name = aliases[i].of;
	for (struct command_at at = {0}; command_next(&at);)
		if (strcmp(at.command->name, name) == 0)
			return at.command;
	return NULL;
}

const char *command_near(const char *name)
{
	unsigned least = NEAR + 1;
	const char *best = NULL;
	for (struct command_at at = {0}; command_next(&at);) {
		unsigned apart = word_after(at.command->name, name) ? 1 : words_apart(name, at.command->name);
		if (apart < least && apart < strlen(name)) {
			least = apart;
			best = at.command->name;
		}
	}
	return best;
}

static void offer(struct words_guess *g, const char *word, void (*each)(const char *word))
{
	if (words_offer(g, word))
		each(word);
}

static void offer_keys(const char *keys, struct words_guess *g, void (*each)(const char *word))
{
	char key[16];
	for (size_t n; *keys; keys += n + (keys[n] == ' ')) {
		for (n = 0; keys[n] && keys[n] != ' ' && n < sizeof key - 1; n++)
			key[n] = keys[n];
		key[n] = 0;
		offer(g, key, each);
	}
}

static void offer_tables(const struct acpi *a, struct words_guess *g, void (*each)(const char *word))
{
	for (unsigned i = 0; i < a->count; i++)
		if (acpi_find(a, a->table[i].sig, 0) == &a->table[i])
			offer(g, a->table[i].sig, each);
}

static void offer_subsystems(struct words_guess *g, void (*each)(const char *word))
{
	enum log_level level;
	const char *name;
	for (unsigned i = 0; (name = log_subsystem(i, &level)); i++)
		offer(g, name, each);
}

static void offer_functions(const struct pci *pci, bool pfs, struct words_guess *g,
			    void (*each)(const char *word))
{
	char name[NAME_SIZE];
	PCI_EACH(f, pci)
		if (f->cap_sriov || !pfs)
			offer(g, function_name(f->bdf, name), each);
}

void complete(const struct machine *m, const char *text, size_t len, struct words_guess *g,
	      void (*each)(const char *word))
{
	static char head[80];
	char *word[WORDS_MAX];
	if (len >= sizeof head)
		len = sizeof head - 1;
	memcpy(head, text, len);
	head[len] = 0;
	bool fresh = !len || head[len - 1] == ' ';
	unsigned n = words_split(head, word);
	*g = (struct words_guess){.start = fresh ? head + len : word[n <= WORDS_MAX && n ? n - 1 : 0]};
	if (n > WORDS_MAX)
		return;
	const struct command *c = n + fresh > 1 ? command_find(word[0]) : NULL;
	if (n + fresh == 1 || (c && c->takes == TAKES_COMMAND))
		for (struct command_at at = {0}; command_next(&at);)
			offer(g, at.command->name, each);
	if (!c)
		return;
	if (c->keys)
		offer_keys(c->keys, g, each);
	if (c->takes == TAKES_FUNCTION || c->takes == TAKES_PF)
		offer_functions(&m->pci, c->takes == TAKES_PF, g, each);
	if (c->takes == TAKES_TABLE)
		offer_tables(&m->acpi, g, each);
	if (c->takes == TAKES_SUBSYSTEM)
		offer_subsystems(g, each);
}
