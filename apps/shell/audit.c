/* The audit, from the console. */
#include "apps/audit/app.h"
#include "apps/shell/command.h"
#include "apps/shell/names.h"
#include "kernel/log.h"

/* The machine as it is now. The proof in it is what isolate has tried last. */
static bool cmd_audit(struct machine *m, unsigned n, char **word)
{
	(void)word;
	if (n > 1)
		return false;
	if (!audit_print(m))
		log_text(
			"functions of this machine should not be given to anyone: the findings marked E above\n");
	return true;
}

const struct command audit_commands[] = {
	{"audit", "", "what stands against giving this machine's devices away", "audit", NULL, TAKES_NOTHING,
	 false, false, cmd_audit},
	{0},
};
