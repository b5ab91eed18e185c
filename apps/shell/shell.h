/* The interactive console: commands about the machine that the stages found. */
#pragma once
#include "apps/machine.h"
#include "apps/shell/words.h"

enum shell_takes { /* what words of a command can be completed with, besides its keys */
		   TAKES_NOTHING,
		   TAKES_FUNCTION,
		   TAKES_PF,
		   TAKES_COMMAND,
		   TAKES_TABLE,
		   TAKES_SUBSYSTEM,
};

struct command {
	const char *name, *args, *what, *example;
	const char *keys; /* words with blanks between them; may be NULL */
	uint8_t takes;    /* enum shell_takes */
	bool live;        /* long work: its lines have time and name, and do not stop at a full screen */
	/* word[0] is the name. False: it was not called as args says. */
	bool (*run)(struct machine *m, unsigned n, char **word);
};

/* The next command after *c (NULL to start); false at the end. */
bool command_next(const struct command **c);
const struct command *command_find(const char *name);

/* What could stand for the last word of text (len bytes, up to the cursor): goes through all that could be
 * meant, once for each call of each(); g->start is set. */
void complete(const struct machine *m, const char *text, size_t len, struct words_guess *g,
	      void (*each)(const char *word));

/* "01:00.0", with its segment where that is not 0. */
#define NAME_SIZE 16
const char *function_name(bdf_t fn, char name[NAME_SIZE]);
/* The function that a word names; NULL, and a sentence, when there is none. */
struct pci_func *function_named(const struct machine *m, const char *word);
/* False, and a sentence, when translation is not on. */
bool need_translation(const struct machine *m);
/* A PF whose VFs are on; NULL when there is none. */
struct pci_func *pf_with_vfs(const struct machine *m);
void shell_leave(void);
/* Load that still runs ends. */
void work_leave(struct machine *m);

bool cmd_help(struct machine *m, unsigned n, char **word);
bool cmd_lspci(struct machine *m, unsigned n, char **word);
bool cmd_groups(struct machine *m, unsigned n, char **word);
bool cmd_sriov(struct machine *m, unsigned n, char **word);
bool cmd_iommu(struct machine *m, unsigned n, char **word);
bool cmd_dmar(struct machine *m, unsigned n, char **word);
bool cmd_walk(struct machine *m, unsigned n, char **word);
bool cmd_faults(struct machine *m, unsigned n, char **word);
bool cmd_isolate(struct machine *m, unsigned n, char **word);
bool cmd_audit(struct machine *m, unsigned n, char **word);
bool cmd_bench(struct machine *m, unsigned n, char **word);
bool cmd_load(struct machine *m, unsigned n, char **word);
bool cmd_vf(struct machine *m, unsigned n, char **word);
bool cmd_log(struct machine *m, unsigned n, char **word);
bool cmd_acpi(struct machine *m, unsigned n, char **word);
bool cmd_options(struct machine *m, unsigned n, char **word);
bool cmd_cpus(struct machine *m, unsigned n, char **word);
bool cmd_mem(struct machine *m, unsigned n, char **word);
bool cmd_time(struct machine *m, unsigned n, char **word);
bool cmd_reboot(struct machine *m, unsigned n, char **word);
bool cmd_poweroff(struct machine *m, unsigned n, char **word);
