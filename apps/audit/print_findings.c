/* The report's findings, the worst first. */
#include "apps/audit/print.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

/* A finding with the id and meaning of the one before takes a single line. */
static void print_finding(report_text *to, const struct finding *f, const struct finding *before)
{
	static const char mark[] = {'-', 'W', 'E'};
	bool again = before && strcmp(f->id, before->id) == 0 && strcmp(f->means, before->means) == 0;
	char read[260];
	if (!again)
		print_say(to, "\n %c %s (%s)\n", mark[f->severity], f->id, audit_kind_name(f->kind));
	fmt_print(read, sizeof read, "%s: %s", f->who, f->read);
	print_wrapped(to, again ? "and" : "read", read);
	if (again)
		return;
	print_wrapped(to, "means", f->means);
	print_wrapped(to, "system", f->os);
	print_wrapped(to, "remedy", f->remedy);
}

void report_findings(const struct audit_result *r, report_text *to)
{
	print_say(to, "\n E error, W warning, - for your information; docs/audit.md explains each\n");
	for (int s = AUDIT_ERROR; s >= AUDIT_INFO; s--) {
		const struct finding *before = NULL;
		for (unsigned i = 0; i < r->findings; i++) {
			if (r->finding[i].severity != (enum audit_severity)s)
				continue;
			print_finding(to, &r->finding[i], before);
			before = &r->finding[i];
		}
	}
}
