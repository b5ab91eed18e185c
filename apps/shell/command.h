/* What a command is. Each file of commands has a table of them, whose last row has no name; commands.c lists
 * the tables. */
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
	bool live;        /* long work: its lines have time and name, and are not paged */
	bool leaves;      /* the shell ends after it */
	/* word[0] is the name. False: the arguments do not match args. */
	bool (*run)(struct machine *m, unsigned n, char **word);
};

extern const struct command pci_commands[], vf_commands[], mmu_commands[], work_commands[], audit_commands[],
	options_commands[], system_commands[];
