/* The audit's rules, by files: tests/audit/NAME.report is a machine, NAME.findings what the audit says of it.
 * tests/audit/README.md has the form of both. SLUICE_RECORD=1 writes the .findings anew. */
#define _DEFAULT_SOURCE
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apps/audit/rules.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"
#include "tools/replay/machine.h"
#include "tools/replay/record.h"

#define FOLDER "tests/audit/"
#define CHUNK  480u /* bytes of a table in one line */
#define SPACE  4096u

/* ---- a machine: a base and what is other in it ---- */

static char *whole_file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 1u << 20);
	if (!f || !text)
		fail_msg("%s cannot be read", path);
	text[fread(text, 1, (1u << 20) - 1, f)] = 0;
	fclose(f);
	return text;
}

/* What tells two lines of one kind apart. */
static bool is_same(const json_t *a, const json_t *b)
{
	static const char *const keys[] = {"t",  "sig", "addr", "i",    "phase", "bdf",    "n",
					   "vf", "who", "dir",  "what", "start", "source", "grade"};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!json_equal(json_object_get(a, keys[i]), json_object_get(b, keys[i])) &&
		    (json_object_get(a, keys[i]) || json_object_get(b, keys[i])))
			return false;
	return true;
}

/* Puts the bytes of a line at its offset into those of the line before it. */
static void put_bytes(json_t *into, const json_t *line)
{
	static char hex[2 * 65536 + 1];
	const char *old = json_string_value(json_object_get(into, "hex")),
		   *add = json_string_value(json_object_get(line, "hex"));
	size_t at = 2 * (size_t)json_integer_value(json_object_get(line, "off")), n = strlen(old);
	assert_true(add && at + strlen(add) < sizeof hex);
	memset(hex, '0', sizeof hex - 1);
	memcpy(hex, old, n);
	memcpy(hex + at, add, strlen(add));
	hex[at + strlen(add) > n ? at + strlen(add) : n] = 0;
	json_object_set_new(into, "hex", json_string(hex));
}

/* Bytes from the start on, so that more can be put into them. */
static json_t *from_start(const json_t *line)
{
	json_t *o = json_deep_copy(line);
	if (json_object_get(o, "hex")) {
		json_object_set_new(o, "hex", json_string(""));
		put_bytes(o, line);
		json_object_set_new(o, "off", json_integer(0));
	}
	return o;
}

static void take(json_t *lines, const json_t *line)
{
	for (size_t i = 0; i < json_array_size(lines); i++) {
		json_t *o = json_array_get(lines, i);
		if (!is_same(o, line))
			continue;
		if (json_object_get(line, "hex"))
			put_bytes(o, line);
		else
			json_object_update(o, (json_t *)(uintptr_t)line);
		return;
	}
	json_array_append_new(lines, from_start(line));
}

/* {"without":{...}}: lines that have all of these go. */
static void leave_out(json_t *lines, const json_t *what)
{
	for (size_t i = json_array_size(lines); i-- > 0;) {
		const char *key;
		json_t *v;
		bool all = true;
		json_object_foreach((json_t *)(uintptr_t)what, key, v) all =
			all && json_equal(v, json_object_get(json_array_get(lines, i), key));
		if (all)
			json_array_remove(lines, i);
	}
}

static void load(const char *name, json_t *lines)
{
	char path[128];
	snprintf(path, sizeof path, FOLDER "%s.report", name);
	char *text = whole_file(path), *rest = text, *line;
	for (unsigned at = 1; (line = strsep(&rest, "\n")); at++) {
		json_error_t error;
		if (!line[0] || line[0] == '#')
			continue;
		if (strncmp(line, "base ", 5) == 0) {
			load(line + 5, lines);
			continue;
		}
		json_t *o = json_loads(line, JSON_REJECT_DUPLICATES, &error);
		if (!o)
			fail_msg("%s:%u: no JSON: %s", path, at, error.text);
		json_t *without = json_object_get(o, "without");
		if (without)
			leave_out(lines, without);
		else
			take(lines, o);
		json_decref(o);
	}
	free(text);
}

/* ---- as a report ---- */

struct report {
	char *text;
	size_t n;
	unsigned lines;
	uint32_t crc;
};

static void add_line(struct report *r, const json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	size_t n = strlen(text);
	memcpy(r->text + r->n, text, n);
	r->text[r->n + n] = '\n';
	r->crc = record_crc32(r->crc, r->text + r->n, n + 1);
	r->n += n + 1;
	r->lines++;
	free(text);
}

/* Length and checksum of a table are made right, unless the case says "as":"is". */
static void right_table(char *hex, size_t bytes)
{
	uint8_t sum = 0;
	char text[12];
	for (unsigned i = 0; i < 4; i++) {
		snprintf(text, sizeof text, "%02x", (unsigned)(bytes >> 8 * i & 0xff));
		memcpy(hex + 8 + 2 * i, text, 2);
	}
	memcpy(hex + 18, "00", 2);
	for (size_t i = 0; i < bytes; i++) {
		unsigned v = 0;
		sscanf(hex + 2 * i, "%2x", &v);
		sum = (uint8_t)(sum + v);
	}
	snprintf(text, sizeof text, "%02x", (unsigned)(0x100 - sum) & 0xff);
	memcpy(hex + 18, text, 2);
}

/* A table or a configuration space, in pieces as a report has them. */
static void add_bytes(struct report *r, json_t *o, size_t piece, bool is_table)
{
	char *hex = strdup(json_string_value(json_object_get(o, "hex")));
	size_t bytes = strlen(hex) / 2;
	if (is_table && bytes >= 36 && !json_object_get(o, "as"))
		right_table(hex, bytes);
	json_object_del(o, "as");
	if (is_table)
		json_object_set_new(o, "len", json_integer((json_int_t)bytes));
	for (size_t at = 0; at < bytes; at += piece) {
		size_t n = bytes - at < piece ? bytes - at : piece;
		json_object_set_new(o, "off", json_integer((json_int_t)at));
		json_object_set_new(o, "hex", json_stringn(hex + 2 * at, 2 * n));
		add_line(r, o);
	}
	free(hex);
}

/* Lines by kind, in the order of a report. */
static void make_report(struct report *r, const json_t *lines)
{
	static const char *const kinds[] = {"run",    "table", "mem", "unit",  "amd",  "fn",
					    "missed", "cfg",   "bar", "sriov", "case", "error"};
	r->text = malloc(2u << 20);
	r->n = (size_t)sprintf(r->text, "BEGIN SLUICE REPORT v=1\n");
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t i = 0; i < json_array_size(lines); i++) {
			json_t *o = json_array_get(lines, i);
			const char *kind = json_string_value(json_object_get(o, "t"));
			assert_non_null(kind);
			if (strcmp(kind, kinds[k]) != 0)
				continue;
			if (json_object_get(o, "hex"))
				add_bytes(r, o, strcmp(kind, "table") == 0 ? CHUNK : 256,
					  strcmp(kind, "table") == 0);
			else
				add_line(r, o);
		}
	r->n += (size_t)sprintf(r->text + r->n, "END SLUICE REPORT lines=%u crc32=%08x\n", r->lines, r->crc);
}

/* ---- what the audit says ---- */

static char said[65536];

static void say(const char *text)
{
	assert_true(strlen(said) + strlen(text) + 2 < sizeof said);
	strcat(said, text);
	strcat(said, "\n");
}

/* Words of a finding that are not its rule's. */
static void say_words(const struct finding *f)
{
	static const struct rule_text other = {.means = "", .os = "", .remedy = ""};
	const struct rule_text *t = &other;
	char line[600];
	for (unsigned i = 0; i < RULE_COUNT; i++)
		if (strcmp(rule_texts[i].id, f->id) == 0)
			t = &rule_texts[i];
	const char *const words[][3] = {
		{"means", f->means, t->means}, {"os", f->os, t->os}, {"remedy", f->remedy, t->remedy}};
	for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
		if (!words[i][1][0])
			fail_msg("%s of %s does not say everything: %s", f->id, f->who, words[i][0]);
		snprintf(line, sizeof line, "  %s: %s", words[i][0], words[i][1]);
		if (strcmp(words[i][1], words[i][2]) != 0)
			say(line);
	}
}

static void judge(struct record *r)
{
	static struct pci pci, none; /* none: no function is known */
	static struct machine_complaints complaints;
	static struct audit_result result;
	const struct audit_table *mcfg = audit_table(r->in, "MCFG");
	char line[400];
	if (r->in->fns)
		assert_int_equal(machine_scan(&pci, r->cfg, mcfg->data, &complaints), SL_OK);
	TAILQ_INIT(&none.funcs);
	r->in->pci = r->in->fns ? &pci : &none;
	audit_run(r->in, &result);
	said[0] = 0;
	for (unsigned i = 0; i < result.findings; i++) {
		const struct finding *f = &result.finding[i];
		snprintf(line, sizeof line, "%s, %s, %s, %s: %s", audit_severity_name(f->severity),
			 audit_kind_name(f->kind), f->id, f->who, f->read);
		say(line);
		say_words(f);
	}
	snprintf(line, sizeof line, "verdict: %s", result.verdict.text);
	say(line);
}

/* The first line that is not as it was recorded. */
static void compare(const char *path)
{
	char *want = whole_file(path), *a = said, *b = want;
	unsigned line = 1;
	for (; *a && *a == *b; a++, b++)
		line += *a == '\n';
	if (!*a && !*b) {
		free(want);
		return;
	}
	while (a > said && a[-1] != '\n')
		a--, b--;
	fail_msg(
		"%s:%u is\n  %.*s\nand the audit says\n  %.*s\n(SLUICE_RECORD=1 build/host/test_audit_cases writes it anew)",
		path, line, (int)strcspn(b, "\n"), b, (int)strcspn(a, "\n"), a);
}

static void test_case(void **state)
{
	const char *name = *state;
	static struct record r;
	struct report report = {0};
	json_t *lines = json_array();
	char path[128];
	load(name, lines);
	make_report(&report, lines);
	if (!record_read(&r, report.text, report.n))
		fail_msg(FOLDER "%s.report: %s", name, r.error);
	judge(&r);
	snprintf(path, sizeof path, FOLDER "%s.findings", name);
	if (getenv("SLUICE_RECORD")) {
		FILE *f = fopen(path, "w");
		assert_non_null(f);
		fputs(said, f);
		fclose(f);
	}
	compare(path);
	record_free(&r);
	json_decref(lines);
	free(report.text);
}

int main(void)
{
	glob_t found;
	if (pmm_add(support_ram(32 << 20, 0x40000000), (32 << 20) / PAGE_SIZE) ||
	    glob(FOLDER "*.report", 0, NULL, &found))
		return 1;
	struct CMUnitTest *tests = calloc(found.gl_pathc, sizeof *tests);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		char *name = strdup(found.gl_pathv[i] + strlen(FOLDER));
		name[strlen(name) - strlen(".report")] = 0;
		tests[i] = (struct CMUnitTest){.name = name, .test_func = test_case, .initial_state = name};
	}
	int failed = _cmocka_run_group_tests("audit cases", tests, found.gl_pathc, NULL, NULL);
	for (size_t i = 0; i < found.gl_pathc; i++)
		free((void *)(uintptr_t)tests[i].name);
	free(tests);
	globfree(&found);
	return failed;
}
