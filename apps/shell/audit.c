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
			"do not assign functions of this machine to others: see the findings marked E above\n");
	return true;
}

const struct command audit_commands[] = {
	{"audit", "", "what makes it unsafe to assign this machine's devices to others", "audit", NULL,
	 TAKES_NOTHING, false, false, cmd_audit},
	{0},
};
