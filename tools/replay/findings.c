#include "findings.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "machine.h"
#include "pci/groups.h"

/* ---- what is found here ---- */

struct printing {
	const struct pci *pci;
	const struct replay *dump; /* NULL: everything is known */
	unsigned n;
};

static const struct pci_func *about_function(const struct pci *pci, const struct finding *f)
{
	unsigned seg, bus, dev, fn;
	if (sscanf(f->who, "%4x:%2x:%2x.%1x", &seg, &bus, &dev, &fn) != 4)
		return NULL;
	return pci_find(pci, bdf_make(seg, bus, dev, fn));
}

/* A finding of groups or ports that rests on ACS which the dump does not have. */
static bool is_guess(const struct printing *p, const struct finding *f)
{
	struct group_reason why;
	const struct pci_func *at = p->dump ? about_function(p->pci, f) : NULL;
	if (!at || (strncmp(f->id, "GROUP-", 6) != 0 && strncmp(f->id, "ACS-", 4) != 0))
		return false;
	for (unsigned i = 0; groups_reason(p->pci, at->group, i, &why) == SL_OK; i++)
		if (why.at == at && machine_is_guess(p->dump, p->pci, &why))
			return true;
	return machine_is_cut(p->dump, at);
}

static void print(struct printing *p, const struct finding *f)
{
	bool guess = is_guess(p, f);
	if (guess && !strncmp(f->id, "ACS-", 4))
		return;
	p->n++;
	printf("%s (%s) %s %s\n  read: %s\n", audit_severity_name(f->severity), audit_kind_name(f->kind),
	       f->id, f->who, guess ? "ACS is not in the dump" : f->read);
	if (guess) {
		printf("  means: it is taken as absent: the group may be smaller\n  try: sudo lspci -D -xxxx\n");
		return;
	}
	printf("  means: %s\n", f->means);
	if (f->os[0])
		printf("  an operating system: %s\n", f->os);
	if (f->remedy[0])
		printf("  try: %s\n", f->remedy);
}

void findings_print(const struct audit_result *r, const struct replay *dump)
{
	struct printing p = {r->in->pci, dump, 0};
	for (unsigned i = 0; i < r->findings; i++)
		print(&p, &r->finding[i]);
	printf("audit: %u finding%s\n", p.n, p.n == 1 ? "" : "s");
}

/* Lines of the report that a machine with this record would write. */
static void collect(void *ctx, const char *line, size_t n)
{
	json_error_t error;
	json_t *o = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
	if (!o || !record_keep(ctx, o)) {
		fprintf(stderr, "replay: a line made here is no JSON: %s: %.*s\n", error.text, (int)n, line);
		exit(2);
	}
	json_decref(o);
}

/* ---- against the log ---- */

/* What a line is about: "finding DMAR-RMRR-ZERO DMAR+0x78". */
static const char *about(const json_t *o, char *buf, size_t n)
{
	static const char *const keys[] = {"id", "bdf", "who"};
	int at = snprintf(buf, n, "%s", json_string_value(json_object_get(o, "t")));
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const json_t *v = json_object_get(o, keys[i]);
		if (json_is_integer(v))
			at += snprintf(buf + at, n - (size_t)at, " %lld", (long long)json_integer_value(v));
		else if (v)
			at += snprintf(buf + at, n - (size_t)at, " %.60s", json_string_value(v));
	}
	return buf;
}

/* How many fields are the same; -1: about something else. */
static int likeness(const json_t *a, const json_t *b)
{
	char of_a[256], of_b[256];
	int n = 0;
	const char *key;
	json_t *v;
	if (strcmp(about(a, of_a, sizeof(of_a)), about(b, of_b, sizeof(of_b))) != 0)
		return -1;
	json_object_foreach((json_t *)(uintptr_t)a, key, v) n += json_equal(v, json_object_get(b, key));
	return n;
}

static void print_field(const char *whose, const json_t *v)
{
	char *text = v ? json_dumps(v, JSON_ENCODE_ANY | JSON_COMPACT) : NULL;
	printf("  %s %s\n", whose, text ? text : "(nothing)");
	free(text);
}

/* Fields of ours that the log has otherwise; with both ways round, each that differs is seen. */
static void print_fields(const json_t *log, const json_t *ours)
{
	const char *key;
	json_t *v;
	json_object_foreach((json_t *)(uintptr_t)ours, key, v)
	{
		if (json_equal(v, json_object_get(log, key)))
			continue;
		printf("  \"%s\"\n", key);
		print_field("log: ", json_object_get(log, key));
		print_field("here:", v);
	}
	json_object_foreach((json_t *)(uintptr_t)log, key, v) if (!json_object_get(ours, key))
	{
		printf("  \"%s\"\n", key);
		print_field("log: ", v);
		print_field("here:", NULL);
	}
}

/* Takes the lines of the log that are the same, or most alike, out of it; what is left was not found here. */
static unsigned compare(json_t *log, const json_t *ours)
{
	unsigned bad = 0;
	char what[256];
	for (size_t i = 0; i < json_array_size(ours); i++) {
		const json_t *o = json_array_get(ours, i);
		size_t best = 0;
		int most = -1;
		for (size_t k = 0; k < json_array_size(log); k++) {
			int like = likeness(json_array_get(log, k), o);
			if (like > most) {
				most = like;
				best = k;
			}
		}
		if (most < 0) {
			printf("+ %s: found here, not in the log\n", about(o, what, sizeof(what)));
			bad++;
			continue;
		}
		if (!json_equal(json_array_get(log, best), o)) {
			printf("! %s: not as in the log\n", about(o, what, sizeof(what)));
			print_fields(json_array_get(log, best), o);
			bad++;
		}
		json_array_remove(log, best);
	}
	for (size_t k = 0; k < json_array_size(log); k++, bad++)
		printf("- %s: in the log, not found here\n",
		       about(json_array_get(log, k), what, sizeof(what)));
	return bad;
}

unsigned findings_replay(const struct record *r, const struct audit_result *result)
{
	json_t *ours[RECORD_SAID];
	unsigned bad = 0;
	uint32_t crc;
	size_t findings = json_array_size(r->said[RECORD_FINDING]),
	       groups = json_array_size(r->said[RECORD_GROUP]);
	for (unsigned i = 0; i < RECORD_SAID; i++)
		ours[i] = json_array();
	findings_print(result, NULL);
	(void)report_json(result, NULL, collect, ours, &crc);
	for (unsigned i = 0; i < RECORD_SAID; i++)
		bad += compare(r->said[i], ours[i]);
	printf("against the log: %zu findings, %zu groups, %zu with SR-IOV; the log has %zu, %zu, %zu: ",
	       json_array_size(ours[RECORD_FINDING]), json_array_size(ours[RECORD_GROUP]),
	       json_array_size(ours[RECORD_SRIOV]), findings, groups, (size_t)r->in->pfs);
	if (bad)
		printf("%u differences\n", bad);
	else
		printf("the same\n");
	for (unsigned i = 0; i < RECORD_SAID; i++)
		json_decref(ours[i]);
	return bad;
}
