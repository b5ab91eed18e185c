/* The report for people: functions, findings, and a page with the verdict. Eighty columns, no colour. */
#include <stdarg.h>
#include "apps/audit/report.h"
#include "apps/audit/room.h"
#include "apps/audit/rules.h"
#include "apps/bringup/topology.h"
#include "iommu/dmar/rmrr.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "pci/groups.h"
#include "pci/names.h"
#include "pci/posture.h"

#define COLUMNS 79u
#define INDENT  11u

static report_text *to;

static void say(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void say(const char *fmt, ...)
{
	char buf[500];
	va_list ap;
	va_start(ap, fmt);
	fmt_vprint(buf, sizeof buf, fmt, ap);
	va_end(ap);
	to(buf);
}

/* Words of text behind a label, wrapped and indented. */
static void say_wrapped(const char *label, const char *text)
{
	char line[COLUMNS + 2];
	size_t at = 0;
	if (!text[0])
		return;
	at = (size_t)fmt_print(line, sizeof line, "   %-*s", (int)(INDENT - 3), label);
	bool first = true;
	while (*text) {
		size_t n = 0;
		while (text[n] && text[n] != ' ')
			n++;
		if (!first && at + 1 + n > COLUMNS) {
			say("%s\n", line);
			at = (size_t)fmt_print(line, sizeof line, "%-*s", (int)INDENT, "");
			first = true;
		}
		if (n > COLUMNS - INDENT)
			n = COLUMNS - INDENT;
		at += (size_t)fmt_print(line + at, sizeof line - at, "%s%.*s", first ? "" : " ", (int)n,
					text);
		first = false;
		text += n;
		while (*text == ' ')
			text++;
	}
	say("%s\n", line);
}

/* ---- functions ---- */

static void say_function(struct judge *j, const struct pci_func *f)
{
	const char *class = pci_class_name(f->class);
	unsigned unit;
	char by[12] = "none", line[COLUMNS + 1];
	if (unit_of(j, f->bdf, &unit))
		fmt_print(by, sizeof by, "iommu%u", unit);
	fmt_print(line, sizeof line, " %5u  %-7s  " BDF_FMT "  %04x:%04x %s%s", f->group, by, BDF_ARG(f->bdf),
		  f->vendor, f->device, f->pf ? "VF, " : "", class ? class : "unknown class");
	say("%s\n", line);
}

/* The same look at the table that the rules have. */
static struct judge look_at(struct audit_in *in)
{
	const struct audit_table *dmar = audit_table(in, "DMAR");
	struct judge j = {.in = in, .topo = topo_of(in->pci), .functions = topo_functions(in->pci)};
	j.has_dmar = dmar && dmar_open(dmar->data, &j.dmar) == SL_OK;
	j.groups = groups_compute(in->pci);
	return j;
}

static NOINLINE void say_rmrrs(struct judge *j)
{
	static struct rmrr_owner ledger[64];
	struct rmrr_context known = {
		&j->topo, &j->functions, {j->in->mem, j->in->mems}, topo_name, j->in->pci};
	unsigned n = j->has_dmar ? rmrr_ledger(&j->dmar, &known, ledger, ARRAY_LEN(ledger)) : 0;
	for (unsigned i = 0; i < n && i < ARRAY_LEN(ledger); i++) {
		char text[240];
		rmrr_text(&ledger[i], text, sizeof text);
		say_wrapped("rmrr", text);
	}
}

static void route_text(const struct audit_sriov *s, const struct audit_room *r, unsigned ari, char *buf,
		       size_t n)
{
	const char *with = ari ? "with ARI" : "without ARI";
	if (s->routing[ari].known)
		fmt_print(buf, n, "%s %u (First VF Offset %u, VF Stride %u)", with, r->fit[ari].by_bus,
			  s->routing[ari].offset, s->routing[ari].stride);
	else
		fmt_print(buf, n, "%s not read", with);
}

static NOINLINE void say_sriov(const struct audit_in *in)
{
	for (unsigned i = 0; i < in->pfs; i++) {
		const struct audit_sriov *s = &in->pf[i];
		struct audit_room r;
		char plain[64], ari[64], text[300];
		audit_room(in, s, &r);
		route_text(s, &r, 0, plain, sizeof plain);
		route_text(s, &r, 1, ari, sizeof ari);
		fmt_print(text, sizeof text,
			  BDF_FMT ": %u of %u VFs; by bus numbers %s, %s; by addresses %u; the limit: %s",
			  BDF_ARG(s->pf), r.vfs, s->total, plain, ari, r.best->by_bars,
			  audit_limit_name(r.limit));
		say_wrapped("sr-iov", text);
	}
}

void report_functions(struct audit_in *in, report_text *out)
{
	struct judge j = look_at(in);
	to = out;
	say(" group  unit     function      what\n");
	for (unsigned id = 1; id <= j.groups; id++) {
		struct group_reason r;
		char why[320];
		for (struct pci_func *f = NULL; (f = groups_next(in->pci, id, f));)
			say_function(&j, f);
		for (unsigned i = 0; groups_reason(in->pci, id, i, &r) == SL_OK; i++) {
			groups_reason_text(&r, why, sizeof why);
			say_wrapped("why", why);
		}
	}
	say_rmrrs(&j);
	say_sriov(in);
}

/* ---- findings ---- */

struct filter {
	enum audit_severity only;
	char last[48], means[240];
};

static void say_finding(void *ctx, const struct finding *f)
{
	struct filter *w = ctx;
	static const char mark[] = {'-', 'W', 'E'};
	if (f->severity != w->only)
		return;
	bool again = strcmp(f->id, w->last) == 0 && strcmp(f->means, w->means) == 0;
	if (!again)
		say("\n %c %s (%s)\n", mark[f->severity], f->id, audit_kind_name(f->kind));
	char read[260];
	fmt_print(read, sizeof read, "%s: %s", f->who, f->read);
	say_wrapped(again ? "and" : "read", read);
	if (again)
		return;
	say_wrapped("means", f->means);
	say_wrapped("system", f->os);
	say_wrapped("remedy", f->remedy);
	fmt_print(w->last, sizeof w->last, "%s", f->id);
	fmt_print(w->means, sizeof w->means, "%s", f->means);
}

void report_findings(struct audit_in *in, report_text *out)
{
	to = out;
	say("\n E error, W warning, - for your information; docs/audit.md explains each\n");
	for (int s = AUDIT_ERROR; s >= AUDIT_INFO; s--) {
		static struct filter w;
		w = (struct filter){.only = (enum audit_severity)s};
		audit_run(in, say_finding, &w);
	}
}

/* ---- the page ---- */

#define LISTED 9u

struct listing {
	enum audit_severity only;
	unsigned n, more;
	struct {
		char id[48], who[40];
		unsigned times;
	} row[LISTED];
};

/* Each id once, with where it was found first and how often. */
static void list_finding(void *ctx, const struct finding *f)
{
	struct listing *l = ctx;
	if (f->severity != l->only)
		return;
	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->row[i].id, f->id) == 0) {
			l->row[i].times++;
			return;
		}
	if (l->n == LISTED) {
		l->more++;
		return;
	}
	fmt_print(l->row[l->n].id, sizeof l->row[0].id, "%s", f->id);
	fmt_print(l->row[l->n].who, sizeof l->row[0].who, "%s", f->who);
	l->row[l->n++].times = 1;
}

static unsigned list(struct audit_in *in, enum audit_severity only, char mark, unsigned room)
{
	static struct listing l;
	l = (struct listing){.only = only};
	audit_run(in, list_finding, &l);
	unsigned shown = l.n < room ? l.n : room;
	for (unsigned i = 0; i < shown; i++) {
		char more[24] = "";
		if (l.row[i].times > 1)
			fmt_print(more, sizeof more, " and %u more", l.row[i].times - 1);
		say("  %c %-36.36s %s%s\n", mark, l.row[i].id, l.row[i].who, more);
	}
	if (l.more || shown < l.n)
		say("  %c ... and %u more kinds\n", mark, l.more + l.n - shown);
	return shown;
}

static void row(const char *name, const char *text)
{
	char line[COLUMNS + 1];
	fmt_print(line, sizeof line, " %-10s %s", name, text);
	say("%s\n", line);
}

static void page_machine(const struct audit_in *in)
{
	char text[120];
	fmt_print(text, sizeof text, "%s; firmware %s, Secure Boot %s", in->cpu[0] ? in->cpu : in->vendor,
		  in->firmware, audit_secure_name(in->secure_boot));
	row("machine", text);
}

static void page_iommu(const struct judge *j)
{
	const struct audit_in *in = j->in;
	unsigned usable = 0, remap = 0, width = 64;
	char text[120];
	for (unsigned i = 0; i < in->units; i++) {
		struct vtd_ability a = unit_ability(&in->unit[i]);
		usable += !a.unusable;
		remap += (!a.unusable || a.irq_only) && a.remaps;
		if (!a.unusable && a.width < width)
			width = a.width;
	}
	if (!j->has_dmar)
		fmt_print(text, sizeof text, "%s",
			  audit_table(in, "IVRS")   ? "AMD (IVRS): not audited"
			  : audit_table(in, "DMAR") ? "the DMAR table is damaged"
						    : "none: there is no DMAR table");
	else if (!usable)
		fmt_print(text, sizeof text, "none of %u units is usable", in->units);
	else if (j->dmar.flags & DMAR_INTR_REMAP)
		fmt_print(text, sizeof text,
			  "%u of %u units usable, %u-bit addresses; %u can remap interrupts", usable,
			  in->units, width, remap);
	else
		fmt_print(text, sizeof text,
			  "%u of %u usable, %u bits; %u can remap interrupts, table says no", usable,
			  in->units, width, remap);
	row("iommu", text);
}

/* While firmware ran, and as it left it: units that protect memory, functions that may do DMA. */
static void page_state(const struct judge *j)
{
	const struct audit_in *in = j->in;
	unsigned units[2] = {0}, on[2] = {0}, masters[2] = {0}, known[2] = {0};
	char text[100];
	for (unsigned p = AUDIT_ENTRY; p <= AUDIT_LEFT; p++) {
		for (unsigned i = 0; i < in->units; i++) {
			const struct audit_regs *r = &in->unit[i].at[p];
			struct vtd_state s = vtd_state_of(r->gsts, r->pmen, r->fsts);
			units[p] += r->read;
			on[p] += r->read && (s.translates || s.regions);
		}
		for (unsigned i = 0; i < in->fns; i++) {
			int8_t v = p == AUDIT_ENTRY ? in->fn[i].entry : in->fn[i].left;
			known[p] += v >= 0;
			masters[p] += v == 1;
		}
	}
	fmt_print(text, sizeof text, "%u of %u units protected memory while it ran, %u of %u when it ended",
		  on[0], units[0], on[1], units[1]);
	row("firmware", text);
	fmt_print(text, sizeof text, "%u of %u functions could do DMA while it ran, %u of %u when it ended",
		  masters[0], known[0], masters[1], known[1]);
	row("dma", text);
}

static void page_groups(const struct judge *j)
{
	unsigned several = 0, functions = 0, outside = 0, hotplug = 0, ats = 0;
	char text[120];
	for (unsigned id = 1; id <= j->groups; id++) {
		const struct pci_func *f = groups_next(j->in->pci, id, NULL);
		several += f && groups_next(j->in->pci, id, f);
	}
	PCI_EACH(f, j->in->pci) {
		struct pci_slot slot;
		functions++;
		ats += f->cap_ats != 0;
		if (!pci_slot_read(f, &slot))
			continue;
		outside += slot.thunderbolt;
		hotplug += slot.hotplug;
	}
	fmt_print(text, sizeof text, "%u functions in %u IOMMU groups; in %u of them more than one",
		  functions, j->groups, several);
	row("groups", text);
	fmt_print(text, sizeof text, "%u hot-plug, %u Thunderbolt; %u functions have ATS", hotplug, outside,
		  ats);
	row("ports", text);
}

static void page_rmrr(struct judge *j)
{
	static struct rmrr_owner ledger[64];
	struct rmrr_context known = {&j->topo, &j->functions, {j->in->mem, j->in->mems}, NULL, NULL};
	unsigned n = j->has_dmar ? rmrr_ledger(&j->dmar, &known, ledger, ARRAY_LEN(ledger)) : 0, kept = 0;
	char text[100];
	for (unsigned i = 0; i < n && i < ARRAY_LEN(ledger); i++)
		kept += ledger[i].verdict == RMRR_KEPT || ledger[i].verdict == RMRR_SYSTEM_RAM;
	fmt_print(text, sizeof text, "%u entries of functions; %u functions can not be given away", n, kept);
	row("rmrr", text);
}

static void page_sriov(const struct audit_in *in)
{
	char text[120] = "no function has it";
	size_t n = 0;
	for (unsigned i = 0; i < in->pfs && n < sizeof text; i++) {
		struct audit_room r;
		audit_room(in, &in->pf[i], &r);
		if (n > 48) {
			fmt_print(text + n, sizeof text - n, ", ...");
			break;
		}
		n += (size_t)fmt_print(text + n, sizeof text - n, "%s" BDF_FMT " %u of %u VFs%s",
				       n ? ", " : "", BDF_ARG(in->pf[i].pf), r.vfs, in->pf[i].total,
				       r.limit == AUDIT_LIMIT_UNKNOWN ? " by bus" : "");
	}
	row("sr-iov", text);
}

static void page_proof(struct audit_in *in, const struct audit_verdict *v)
{
	const char *proof = audit_proof_verdict(in);
	char text[120];
	size_t n;
	if (proof[0] == 'n') {
		fmt_print(text, sizeof text, "not run (%s)", audit_proof_name(in->proof));
		row("proof", text);
		return;
	}
	n = (size_t)fmt_print(text, sizeof text, "%s: %u of %u refused",
			      proof[0] == 'p'   ? "PASS"
			      : proof[0] == 'f' ? "FAIL"
						: "BROKEN",
			      v->refused, v->tried);
	if (v->not_enforced)
		n += (size_t)fmt_print(text + n, sizeof text - n, ", %u interrupts not enforced",
				       v->not_enforced);
	if (v->not_tried)
		fmt_print(text + n, sizeof text - n, ", %u not tried", v->not_tried);
	row("proof", text);
}

/* Fixed lines: three of frame, ten of rows, two of verdict and report. */
#define PAGE_FIXED 16u

void report_page(struct audit_in *in, unsigned lines, uint32_t crc, report_text *out)
{
	static struct judge j;
	struct audit_verdict v;
	char text[200];
	j = look_at(in);
	audit_verdict(in, &v);
	to = out;
	say("------------------------------- audit: verdict --------------------------------\n");
	page_machine(in);
	page_iommu(&j);
	page_state(&j);
	page_groups(&j);
	page_rmrr(&j);
	page_sriov(in);
	page_proof(in, &v);
	fmt_print(text, sizeof text, "%u errors, %u warnings, %u for your information", v.errors, v.warnings,
		  v.infos);
	row("findings", text);
	unsigned used = list(in, AUDIT_ERROR, 'E', 4);
	list(in, AUDIT_WARNING, 'W', REPORT_PAGE - PAGE_FIXED - used);
	row(v.proved ? "PASS" : v.ok ? "NOT TRIED" : "FAIL", v.text);
	fmt_print(text, sizeof text, "%u lines, crc32 %08x (json=1 prints them)", lines, crc);
	row("report", text);
	say("-------------------------------------------------------------------------------\n");
}
