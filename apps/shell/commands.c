/* The commands, their help, and what half a word can become. */
#include "apps/shell/shell.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"

static const struct command commands[] = {
	{"help", "[COMMAND]", "this list; how a command is used", "help lspci", NULL, TAKES_COMMAND, false,
	 cmd_help},
	{"lspci", "[-t] [-n|-nn] [-v|-vv|-vvv] [-x|-xxx|-xxxx] [-D] [BDF | -s SLOT] [-d V:D]",
	 "the PCI functions, as pciutils shows them", "lspci -vv -s 01:00.0",
	 "-n -nn -t -tv -v -vv -vvv -x -xxx -xxxx -s -d -D", TAKES_FUNCTION, false, cmd_lspci},
	{"groups", "[BDF]", "which functions can not be held apart, and why", "groups 01:00.0", NULL,
	 TAKES_FUNCTION, false, cmd_groups},
	{"sriov", "[BDF numvfs=N | BDF off]", "VFs: which PF can have how many; on; off",
	 "sriov 01:00.0 numvfs=2", "numvfs= off", TAKES_PF, false, cmd_sriov},
	{"vf", "", "the VFs that are on: domain, group, queues, counters", "vf", NULL, TAKES_NOTHING, false,
	 cmd_vf},
	{"iommu", "", "the VT-d units, domains and counters", "iommu", NULL, TAKES_NOTHING, false, cmd_iommu},
	{"dmar", "[raw]", "firmware's DMAR table, and what is odd in it", "dmar raw", "raw", TAKES_NOTHING,
	 false, cmd_dmar},
	{"walk", "BDF ADDRESS", "what the IOMMU's tables say of one device address",
	 "walk 01:00.0 2000000000", NULL, TAKES_FUNCTION, false, cmd_walk},
	{"faults", "", "refused requests, by function", "faults", NULL, TAKES_NOTHING, false, cmd_faults},
	{"isolate", "", "every forbidden DMA is tried (as app=isolate); Ctrl-C stops it", "isolate", NULL,
	 TAKES_NOTHING, true, cmd_isolate},
	{"audit", "", "what stands against giving this machine's devices away", "audit", NULL, TAKES_NOTHING,
	 false, cmd_audit},
	{"bench", "[SECONDS]", "reads by vfs= VFs at once, timed and verified; Ctrl-C stops it", "bench 2",
	 NULL, TAKES_NOTHING, true, cmd_bench},
	{"load", "[start | stop]", "the same in the background, while the console goes on", "load start",
	 "start stop", TAKES_NOTHING, true, cmd_load},
	{"log", "[SUBSYSTEM [fail|warn|info|debug]]", "what was said so far; how much is shown from now on",
	 "log iommu debug", "fail warn info debug", TAKES_SUBSYSTEM, false, cmd_log},
	{"acpi", "[TABLE]", "firmware's tables; the bytes of one", "acpi MCFG", NULL, TAKES_TABLE, false,
	 cmd_acpi},
	{"cpus", "", "the processors, and which of them run", "cpus", NULL, TAKES_NOTHING, false, cmd_cpus},
	{"mem", "", "firmware's memory map, what is free, how far stacks were used", "mem", NULL,
	 TAKES_NOTHING, false, cmd_mem},
	{"options", "[KEY]", "the options of sluice.cfg, and what this run has", "options vfs", NULL,
	 TAKES_NOTHING, false, cmd_options},
	{"time", "", "time since the hand-over, and what it is counted by", "time", NULL, TAKES_NOTHING,
	 false, cmd_time},
	{"reboot", "", "puts everything back and starts the machine again", "reboot", NULL, TAKES_NOTHING,
	 true, cmd_reboot},
	{"poweroff", "", "puts everything back and switches the machine off", "poweroff", NULL, TAKES_NOTHING,
	 true, cmd_poweroff},
};

bool command_next(const struct command **c)
{
	*c = *c ? *c + 1 : commands;
	return *c < commands + ARRAY_LEN(commands);
}

const struct command *command_find(const char *name)
{
	for (const struct command *c = NULL; command_next(&c);)
		if (strcmp(c->name, name) == 0)
			return c;
	return NULL;
}

bool cmd_help(struct machine *m, unsigned n, char **word)
{
	(void)m;
	if (n == 1) {
		for (const struct command *c = NULL; command_next(&c);)
			log_text("  %-9s %s\n", c->name, c->what);
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

const char *function_name(bdf_t fn, char name[NAME_SIZE])
{
	fmt_print(name, NAME_SIZE, BDF_FMT, BDF_ARG(fn));
	return fn.seg ? name : name + 5;
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
		for (const struct command *each_of = NULL; command_next(&each_of);)
			offer(g, each_of->name, each);
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
