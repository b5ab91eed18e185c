/* tools/replay: Sluice's own analysis, on a host, of what was recorded on a machine. See docs/replay.md. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "analyse.h"
#include "findings.h"
#include "host.h"
#include "iommu/dmar/dmar.h"
#include "listing.h"
#include "machine.h"
#include "pci/acs.h"

#define FILE_MAX (64u << 20)
#define TABLES   AUDIT_TABLES
#define UNITS    64u

enum { SAME = 0, DIFFERENT = 1, BROKEN = 2 };

struct bytes {
	char *p;
	size_t n;
};

/* What the command line gives of one machine. */
struct given {
	struct bytes file[TABLES]; /* ACPI tables */
	struct span table[TABLES];
	unsigned tables;
	struct {
		uint64_t base, cap, ecap;
	} unit[UNITS];
	unsigned units;
	struct replay *dump;
	struct listing *linux;
	struct record *record;
};

static struct pci pci; /* of the machine that is looked at */
static struct audit_result result;

static const char usage[] =
	"usage: replay FILE...         all files are of one machine\n"
	"       replay --each FILE...  each file is a machine\n"
	"       replay --unit BASE:CAP:ECAP FILE...  registers of a remapping unit, in hexadecimal\n"
	"\n"
	"FILE is the serial log of a run with json=1; or an ACPI table (/sys/firmware/acpi/tables/DMAR, APIC);\n"
	"or a dump (sudo lspci -D -xxxx); or Linux's groups (find /sys/kernel/iommu_groups -type l, the listing of\na script, or dmesg).\n"
	"Exit status: 0 as recorded, or every difference explained; 1 not so; 2 a file that cannot be used.\n";

static int broken(const char *path, const char *why)
{
	fprintf(stderr, "replay: %s: %s\n", path, why);
	return BROKEN;
}

static bool read_file(const char *path, struct bytes *out)
{
	FILE *f = fopen(path, "rb");
	size_t room = 65536;
	*out = (struct bytes){malloc(room), 0};
	while (f && out->p) {
		size_t n = fread(out->p + out->n, 1, room - out->n, f);
		out->n += n;
		if (n == 0 || out->n == FILE_MAX)
			break;
		if (out->n == room) {
			char *more = realloc(out->p, room *= 2);
			if (!more)
				free(out->p);
			out->p = more;
		}
	}
	bool ok = f && out->p && !ferror(f);
	if (f)
		fclose(f);
	return ok;
}

/* ---- what a file is ---- */

static bool is_table(struct bytes b)
{
	static const char *const names[] = {"DMAR", "MCFG", "APIC", "IVRS", "SRAT", "HPET", "SPCR", "SLIT"};
	for (size_t i = 0; b.n >= 8 && i < ARRAY_LEN(names); i++)
		if (!memcmp(b.p, names[i], 4) &&
		    span_u32((struct span){(const uint8_t *)b.p, b.n}, 4) < FILE_MAX)
			return true; /* and no text that begins with that word */
	return false;
}

static bool has_text(struct bytes b, const char *text)
{
	size_t len = strlen(text);
	for (const char *at = b.p; (at = memchr(at, text[0], b.n - (size_t)(at - b.p)));) {
		if (b.n - (size_t)(at - b.p) < len)
			return false;
		if (!memcmp(at++, text, len))
			return true;
	}
	return false;
}

static int take_table(struct given *g, const char *path, struct bytes b)
{
	if (g->tables == TABLES)
		return broken(path, "more tables than a machine has");
	g->file[g->tables] = b;
	g->table[g->tables++] = (struct span){(const uint8_t *)b.p, b.n};
	return SAME;
}

static int take_log(struct given *g, const char *path, struct bytes b)
{
	if (g->record)
		return broken(path, "a second log; with --each every file is a machine");
	g->record = calloc(1, sizeof(*g->record));
	if (!g->record)
		return broken(path, "out of memory");
	bool ok = record_read(g->record, b.p, b.n);
	if (!ok)
		broken(path, g->record->error);
	free(b.p);
	return ok ? SAME : BROKEN;
}

/* A dump has lines of bytes, a listing has groups. */
static int take_text(struct given *g, const char *path, struct bytes b)
{
	struct replay *dump = replay_load(path);
	size_t bytes = 0;
	bdf_t bdf;
	for (size_t i = 0; dump && replay_function(dump, i, &bdf); i++)
		bytes += replay_bytes(dump, i);
	if (bytes && !g->dump) {
		g->dump = dump;
		free(b.p);
		return SAME;
	}
	replay_free(dump);
	struct listing *l = bytes ? NULL : listing_read(b.p, b.n);
	bool text = !bytes && has_text(b, "\tCapabilities: [");
	free(b.p);
	if (bytes)
		return broken(path, "a second dump; with --each every file is a machine");
	if (!l && text)
		return broken(path,
			      "lspci's words have no bytes in them: take them with sudo lspci -D -xxxx");
	if (!l)
		return broken(
			path,
			"neither a log with a report (json=1), nor an ACPI table, nor lspci -xxxx, nor Linux's groups (find, a script's listing, dmesg)");
	if (g->linux) {
		listing_free(l);
		return broken(path, "a second listing of groups; with --each every file is a machine");
	}
	g->linux = l;
	return SAME;
}

static int take_file(struct given *g, const char *path)
{
	struct bytes b;
	if (!read_file(path, &b)) {
		free(b.p);
		return broken(path, "cannot be read");
	}
	if (is_table(b))
		return take_table(g, path, b);
	if (has_text(b, "SLUICE REPORT "))
		return take_log(g, path, b);
	return take_text(g, path, b);
}

static void drop(struct given *g)
{
	for (unsigned i = 0; i < g->tables; i++)
		free(g->file[i].p);
	replay_free(g->dump);
	listing_free(g->linux);
	if (g->record)
		record_free(g->record);
	free(g->record);
}

static struct span table_named(const struct given *g, const char *sig)
{
	for (unsigned i = 0; i < g->tables; i++)
		if (!memcmp(g->table[i].p, sig, 4))
			return g->table[i];
	return (struct span){NULL, 0};
}

/* ---- analysis ---- */

/* What the loader kept (keep=1) is the state that firmware left, like a dump: nothing was judged, so there is
 * nothing to compare with. */
static int judge_kept(struct record *r)
{
	printf("report: kept by the loader before the hand-over (keep=1): it is judged here for the first time\n");
	acs_enable_all(&pci); /* as stage groups does */
	audit_run(r->in, &result);
	findings_print(&result, NULL);
	if (r->in->fns)
		analyse_groups(&pci, r->cfg);
	return SAME;
}

static int analyse_log(struct given *g, const char *path)
{
	struct record *r = g->record;
	const struct audit_table *mcfg = audit_table(r->in, "MCFG");
	printf("report: %u lines; %s, \"%s\", UEFI of %s\n", r->lines, r->in->vendor, r->in->cpu,
	       r->in->firmware);
	if (r->reports > 1)
		printf("report: the log has %u; this is the last that is whole\n", r->reports);
	if (r->prefixed)
		printf("report: what a collector put before each of its lines was left out\n");
	if (r->noise)
		printf("report: %u other lines between its lines\n", r->noise);
	if (r->unknown)
		printf("report: %u lines of kinds that are not known here\n", r->unknown);
	enum sl_err e = r->in->fns && mcfg ? analyse_scan(&pci, r->cfg, mcfg->data) : SL_OK;
	if (e != SL_OK)
		return broken(path, sl_err_text(e));
	r->in->pci = &pci;
	if (!r->missed_known) /* an older report */
		audit_take_missed(r->in, &pci);
	if (r->kept)
		return judge_kept(r);
	audit_run(r->in, &result);
	return findings_replay(r, &result) ? DIFFERENT : SAME;
}

/* Registers that were given for the units of a table; of the others nothing is known. VER is not asked for:
 * it matters for units without an invalidation queue alone. */
static void take_registers(const struct given *g, struct span table, struct audit_in *in)
{
	struct dmar t;
	struct dmar_entry e = {0};
	struct dmar_drhd d;
	if (dmar_open(table, &t) != SL_OK)
		return;
	while (in->units < AUDIT_UNITS && dmar_next(&t, &e) == SL_OK) {
		if (e.type != DMAR_DRHD || dmar_drhd(&e, &d) != SL_OK)
			continue;
		struct audit_unit *u = &in->unit[in->units++];
		u->base = d.base;
		u->seg = d.seg;
		for (unsigned i = 0; i < g->units; i++)
			if (g->unit[i].base == d.base)
				u->at[AUDIT_NOW] = (struct vtd_regs_seen){.read = true,
									  .ver = 0x10,
									  .cap = g->unit[i].cap,
									  .ecap = g->unit[i].ecap};
	}
}

/* A dump and the DMAR or IVRS table of one machine: the audit, as far as it goes without registers, memory
 * map and what firmware left. Rules say nothing of what was not read; Secure Boot has no such state. */
static void audit_dump(struct given *g, struct span table)
{
	static struct audit_in in;
	memset(&in, 0, sizeof(in));
	in.secure_boot = SECURE_ON;
	in.proof = AUDIT_PROOF_NOT_ASKED;
	in.pci = &pci;
	audit_take_missed(&in, &pci);
	for (; in.tables < g->tables; in.tables++) {
		struct audit_table *t = &in.table[in.tables];
		memcpy(t->sig, g->table[in.tables].p, 4);
		t->data = g->table[in.tables];
	}
	take_registers(g, table, &in);
	audit_run(&in, &result);
	findings_print(&result, g->dump);
	analyse_units(&pci, table);
}

/* Each list is a state of the machine of its own: what its description leaves open is filled in anew. */
static int compare_list(struct given *g, unsigned i)
{
	static struct machine_complaints said; /* of a machine that is made up in part */
	const struct replay *base = g->record ? g->record->cfg : g->dump;
	struct replay *cfg = base ? replay_copy(base) : replay_new(0, false);
	int status = BROKEN;
	bdf_t any;
	if (cfg && listing_fill(g->linux, i, cfg)) {
		replay_ready(cfg);
		if (!replay_function(cfg, 0, &any)) {
			replay_free(cfg);
			return broken(
				"groups",
				"nothing to hold them against: give the dump too (sudo lspci -D -xxxx)");
		}
		enum sl_err e = machine_scan(&pci, cfg, (struct span){NULL, 0}, &said);
		if (e == SL_OK) {
			acs_enable_all(&pci); /* as Linux and stage groups do */
			analyse_groups(&pci, cfg);
			status = listing_compare(g->linux, i, &pci, cfg) ? DIFFERENT : SAME;
		} else {
			broken("functions", sl_err_text(e));
		}
	}
	replay_free(cfg);
	return status;
}

/* ---- the command line ---- */

static int worse(int a, int b)
{
	return a > b ? a : b;
}

static int analyse(struct given *g, const char *path)
{
	int status = SAME;
	enum sl_err e = SL_OK;
	bool any = g->record || g->dump || g->linux || g->units;
	if (g->record)
		status = analyse_log(g, path);
	else if (g->dump)
		e = analyse_dump(&pci, g->dump, table_named(g, "MCFG"));
	if (e != SL_OK)
		return broken(path, sl_err_text(e));
	for (unsigned i = 0; i < g->units; i++)
		analyse_unit(g->unit[i].base, g->unit[i].cap, g->unit[i].ecap);
	for (unsigned i = 0; i < g->tables && status != BROKEN; i++) {
		bool dmar = !memcmp(g->table[i].p, "DMAR", 4), ivrs = !memcmp(g->table[i].p, "IVRS", 4);
		any = any || dmar || ivrs;
		if (dmar && g->dump && g->table[i].p == table_named(g, "DMAR").p)
			audit_dump(g, g->table[i]); /* of several the first, as on the machine */
		else if (dmar && !g->dump)
			analyse_dmar(g->table[i], table_named(g, "APIC"));
		if (ivrs && g->dump && !table_named(g, "DMAR").n)
			audit_dump(g, g->table[i]);
		else if (ivrs && !g->dump)
			analyse_ivrs(g->table[i], table_named(g, "APIC"));
	}
	for (unsigned i = 0; g->linux && i < listing_lists(g->linux) && status != BROKEN; i++)
		status = worse(status, compare_list(g, i));
	return any ? status : broken(path, "nothing in it to analyse by itself: give the DMAR table too");
}

static bool take_unit(struct given *g, const char *text)
{
	char *end = NULL;
	uint64_t v[3];
	for (unsigned i = 0; i < 3; i++) {
		v[i] = strtoull(text, &end, 16);
		if (end == text || *end != (i < 2 ? ':' : 0))
			return false;
		text = end + 1;
	}
	if (g->units == UNITS)
		return false;
	g->unit[g->units].base = v[0];
	g->unit[g->units].cap = v[1];
	g->unit[g->units++].ecap = v[2];
	return true;
}

static int run(struct given *g, char **paths, int n)
{
	int status = SAME;
	for (int i = 0; i < n && status == SAME; i++)
		status = take_file(g, paths[i]);
	if (status == SAME)
		status = analyse(g, n ? paths[0] : "--unit");
	drop(g);
	memset(g, 0, sizeof(*g));
	return status;
}

int main(int argc, char **argv)
{
	static struct given given;
	int status = SAME, at = 1;
	bool each = false;
	for (; at < argc && !strncmp(argv[at], "--", 2); at++) {
		if (!strcmp(argv[at], "--each")) {
			each = true;
		} else if (!strcmp(argv[at], "--unit") && at + 1 < argc && take_unit(&given, argv[at + 1])) {
			at++;
		} else {
			fputs(usage, strcmp(argv[at], "--help") ? stderr : stdout);
			return strcmp(argv[at], "--help") ? BROKEN : SAME;
		}
	}
	if (at == argc && !given.units) {
		fputs(usage, stderr);
		return BROKEN;
	}
	if (!host_init())
		return broken("memory", "there is not enough");
	setvbuf(stdout, NULL, _IOFBF, 65536);
	if (!each)
		return run(&given, argv + at, argc - at);
	for (; at < argc; at++) {
		printf("== %s\n", argv[at]);
		fflush(stdout);
		status = worse(status, run(&given, argv + at, 1));
	}
	return status;
}
