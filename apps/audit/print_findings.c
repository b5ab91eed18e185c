/* The report's findings, the worst first. */
#include "apps/audit/print.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define IN_FULL 3u /* readings of the same finding that are printed */
#define ON_LINE 5u /* names of functions in 80 columns */

static bool alike(const struct finding *a, const struct finding *b)
{
	return strcmp(a->id, b->id) == 0 && strcmp(a->means, b->means) == 0;
}

/* A finding with the id and meaning of the one before takes a single line. */
static void print_finding(report_text *to, const struct finding *f, bool again)
{
	static const char mark[] = {'-', 'W', 'E'};
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

/* Those from *at on that are like the finding and that have no line, by name; *at is then behind them. */
static void print_names(report_text *to, const struct audit_result *r, const struct finding *f, unsigned *at)
{
	char line[80];
	size_t n = 0;
	unsigned count = 0;
	for (; *at < r->findings; (*at)++) {
		const struct finding *other = &r->finding[*at];
		if (other->severity != f->severity)
			continue;
		if (!alike(other, f))
			break;
		if (count && count % ON_LINE == 0) {
			print_wrapped(to, count == ON_LINE ? "and at" : "", line);
			n = 0;
		}
		count++;
		n += (size_t)fmt_print(line + n, sizeof line - n, "%s%s", n ? " " : "", other->who);
		n = n < sizeof line ? n : sizeof line - 1;
	}
	if (count)
		print_wrapped(to, count <= ON_LINE ? "and at" : "", line);
}

void report_findings(const struct audit_result *r, report_text *to)
{
	print_say(to, "\n E error, W warning, - for your information; docs/audit.md explains each\n");
	for (int s = AUDIT_ERROR; s >= AUDIT_INFO; s--) {
		const struct finding *before = NULL;
		unsigned times = 0;
		for (unsigned i = 0; i < r->findings;) {
			const struct finding *f = &r->finding[i];
			if (f->severity != (enum audit_severity)s) {
				i++;
				continue;
			}
			bool again = before && alike(f, before);
			times = again ? times + 1 : 1;
			before = f;
			if (times > IN_FULL) {
				print_names(to, r, f, &i);
				continue;
			}
			print_finding(to, f, again);
			i++;
		}
	}
}
