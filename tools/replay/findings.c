#include "findings.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "machine.h"
#include "pci/groups.h"

/* One finding, as the log has it or as it was found here. */
struct found {
	const char *id, *who;
	const char *field[6];
	bool matched;
};

static const char *const fields[] = {"severity", "kind", "read", "means", "os", "remedy"};

struct list {
	struct finding *f;
	size_t n, room;
};

static void collect(void *ctx, const struct finding *f)
{
	struct list *l = ctx;
	if (l->n == l->room) {
		l->room = l->room ? 2 * l->room : 64;
		struct finding *more = realloc(l->f, l->room * sizeof(*more));
		if (!more) {
			fputs("replay: out of memory\n", stderr);
			exit(2);
		}
		l->f = more;
	}
	l->f[l->n++] = *f;
}

static void print(const struct finding *f)
{
	printf("%s (%s) %s %s\n  read: %s\n  means: %s\n", audit_severity_name(f->severity),
	       audit_kind_name(f->kind), f->id, f->who, f->read, f->means);
	if (f->os[0])
		printf("  an operating system: %s\n", f->os);
	if (f->remedy[0])
		printf("  try: %s\n", f->remedy);
}

static struct found of_audit(const struct finding *f)
{
	return (struct found){f->id, f->who,
			      {audit_severity_name(f->severity), audit_kind_name(f->kind), f->read, f->means,
			       f->os, f->remedy},
			      false};
}

static struct found of_log(const json_t *o)
{
	struct found f = {json_string_value(json_object_get(o, "id")),
			  json_string_value(json_object_get(o, "who")),
			  {0},
			  false};
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		f.field[i] = json_string_value(json_object_get(o, fields[i]));
	return f;
}

/* How many fields are the same; -1: another id, or about something else. */
static int likeness(const struct found *a, const struct found *b)
{
	int n = 0;
	if (strcmp(a->id, b->id) != 0 || strcmp(a->who, b->who) != 0)
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		n += !strcmp(a->field[i], b->field[i]);
	return n;
}

/* The log's finding that is most like one of ours and not taken yet; NULL. */
static struct found *best(struct found *log, size_t n, const struct found *ours)
{
	struct found *b = NULL;
	int most = -1;
	for (size_t i = 0; i < n; i++) {
		int like = log[i].matched ? -1 : likeness(&log[i], ours);
		if (like > most) {
			most = like;
			b = &log[i];
		}
	}
	return b;
}

static unsigned compare_one(struct found *log, size_t n, struct found *ours)
{
	unsigned bad = 0;
	struct found *was = best(log, n, ours);
	if (!was) {
		printf("+ %s %s: found here, not in the log\n", ours->id, ours->who);
		return 1;
	}
	was->matched = true;
	for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
		if (!strcmp(was->field[i], ours->field[i]))
			continue;
		printf("! %s %s: %s differs\n  log:  %s\n  here: %s\n", ours->id, ours->who, fields[i],
		       was->field[i], ours->field[i]);
		bad = 1;
	}
	return bad;
}

static unsigned compare_findings(const struct record *r, const struct list *l)
{
	size_t n = json_array_size(r->findings);
	struct found *log = calloc(n + 1, sizeof(*log));
	unsigned bad = 0;
	if (!log) {
		fputs("replay: out of memory\n", stderr);
		exit(2);
	}
	for (size_t i = 0; i < n; i++)
		log[i] = of_log(json_array_get(r->findings, i));
	for (size_t i = 0; i < l->n; i++) {
		struct found ours = of_audit(&l->f[i]);
		bad += compare_one(log, n, &ours);
	}
	for (size_t i = 0; i < n; i++) {
		if (log[i].matched)
			continue;
		printf("- %s %s: in the log, not found here\n", log[i].id, log[i].who);
		bad++;
	}
	free(log);
	return bad;
}

/* Functions of a group of the log that are not together here, or not alone. */
static unsigned compare_group(const struct record *r, const struct record_group *g)
{
	const struct pci_func *first = pci_find(r->in->pci, g->member[0]);
	unsigned here = first ? groups_of(first) : 0;
	for (unsigned i = 0; i < g->members; i++) {
		const struct pci_func *f = pci_find(r->in->pci, g->member[i]);
		if (f && groups_of(f) == here)
			continue;
		printf("- group %u: " BDF_FMT " %s\n", g->id, BDF_ARG(g->member[i]),
		       f ? "is in another group here" : "was not found here");
		return 1;
	}
	unsigned members = machine_members(r->in->pci, here);
	if (members == g->members)
		return 0;
	printf("+ group %u: %u functions in the log, %u here\n", g->id, g->members, members);
	return 1;
}

static unsigned compare_groups(const struct record *r)
{
	unsigned bad = 0, functions = 0;
	for (unsigned i = 0; i < r->groups; i++) {
		bad += compare_group(r, &r->group[i]);
		functions += r->group[i].members;
	}
	unsigned here = machine_functions(r->in->pci);
	if (here != functions) {
		printf("! groups: %u functions in the log, %u here\n", functions, here);
		bad++;
	}
	return bad;
}

static unsigned compare_verdict(const struct record *r)
{
	struct audit_verdict v;
	audit_verdict(r->in, &v);
	printf("verdict: %s\n", v.text);
	if (!r->verdict) {
		printf("- verdict: there is none in the log\n");
		return 1;
	}
	const char *text = json_string_value(json_object_get(r->verdict, "text"));
	const char *proof = json_string_value(json_object_get(r->verdict, "proof"));
	if (json_integer_value(json_object_get(r->verdict, "ok")) == v.ok &&
	    json_integer_value(json_object_get(r->verdict, "errors")) == v.errors &&
	    json_integer_value(json_object_get(r->verdict, "warnings")) == v.warnings &&
	    !strcmp(text, v.text) && !strcmp(proof, audit_proof_verdict(r->in)))
		return 0;
	printf("! verdict: the log says: %s\n", text);
	return 1;
}

unsigned findings_replay(const struct record *r)
{
	struct list l = {0};
	unsigned n = audit_run(r->in, collect, &l);
	if (n != l.n) {
		fprintf(stderr, "replay: the audit counts %u findings and gave %zu\n", n, l.n);
		exit(2);
	}
	for (size_t i = 0; i < l.n; i++)
		print(&l.f[i]);
	unsigned bad = compare_findings(r, &l);
	bad += compare_groups(r) + compare_verdict(r);
	printf(bad ? "against the log: %zu findings and %zu in the log, %u groups: %u differences\n"
		   : "against the log: %zu findings and %zu in the log, %u groups: the same\n",
	       l.n, json_array_size(r->findings), r->groups, bad);
	free(l.f);
	return bad;
}
