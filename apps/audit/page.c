/* The page: the machine, the counts, the worst findings and the verdict on one screen. */
#include "apps/audit/print.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define LISTED 9u

struct listing {
	unsigned n, more;
	struct {
		const struct finding *first;
		unsigned times;
	} row[LISTED];
};

static void list_finding(struct listing *l, const struct finding *f)
{
	for (unsigned i = 0; i < l->n; i++)
		if (strcmp(l->row[i].first->id, f->id) == 0) {
			l->row[i].times++;
			return;
		}
	if (l->n == LISTED) {
		l->more++;
		return;
	}
	l->row[l->n].first = f;
	l->row[l->n++].times = 1;
}

/* Each id once, with where it was found first and how often. Returns how many lines of ids. */
static unsigned list(report_text *to, const struct audit_result *r, enum audit_severity only, char mark,
		     unsigned room)
{
	struct listing l = {0};
	for (unsigned i = 0; i < r->findings; i++)
		if (r->finding[i].severity == only)
			list_finding(&l, &r->finding[i]);
	unsigned shown = l.n < room ? l.n : room;
	for (unsigned i = 0; i < shown; i++) {
		char more[24] = "";
		if (l.row[i].times > 1)
			fmt_print(more, sizeof more, " and %u more", l.row[i].times - 1);
		print_say(to, "  %c %-36.36s %s%s\n", mark, l.row[i].first->id, l.row[i].first->who, more);
	}
	if (l.more || shown < l.n)
		print_say(to, "  %c ... and %u more kinds\n", mark, l.more + l.n - shown);
	return shown;
}

static unsigned count(const struct audit_result *r, enum audit_severity only, unsigned *places)
{
	unsigned ids = 0;
	*places = 0;
	for (unsigned i = 0; i < r->findings; i++) {
		const struct finding *f = &r->finding[i];
		unsigned k = 0;
		if (f->severity != only)
			continue;
		while (k < i && (r->finding[k].severity != only || strcmp(r->finding[k].id, f->id) != 0))
			k++;
		++*places;
		ids += k == i;
	}
	return ids;
}

unsigned report_count(const struct audit_result *r, enum audit_severity severity)
{
	unsigned places;
	return count(r, severity, &places);
}

/* "5 warnings (at 78 places)" */
static size_t count_text(const struct audit_result *r, enum audit_severity only, const char *one,
			 const char *more, char *buf, size_t n)
{
	unsigned places, ids = count(r, only, &places);
	size_t at = (size_t)fmt_print(buf, n, "%u %s", ids, ids == 1 ? one : more);
	if (places > ids && at < n)
		at += (size_t)fmt_print(buf + at, n - at, " (at %u places)", places);
	return at < n ? at : n - 1;
}

#define ROW_NAME 12u

static void row(report_text *to, const char *name, const char *text)
{
	char line[PRINT_COLUMNS + 1];
	fmt_print(line, sizeof line, " %-10s %s", name, text); /* ROW_NAME before the text */
	print_say(to, "%s\n", line);
}

static void page_findings(report_text *to, const struct audit_result *r)
{
	static const struct {
		enum audit_severity severity;
		const char *one, *more;
	} kinds[] = {{AUDIT_ERROR, "error", "errors"},
		     {AUDIT_WARNING, "warning", "warnings"},
		     {AUDIT_INFO, "note", "notes"}};
	char text[120];
	size_t n = 0;
	for (unsigned i = 0; i < ARRAY_LEN(kinds) && n < sizeof text - 3; i++) {
		if (i)
			n += (size_t)fmt_print(text + n, sizeof text - n, ", ");
		n += count_text(r, kinds[i].severity, kinds[i].one, kinds[i].more, text + n, sizeof text - n);
	}
	row(to, "findings", text);
}

static void page_machine(report_text *to, const struct audit_in *in)
{
	char text[120];
	fmt_print(text, sizeof text, "%s; firmware %s, Secure Boot %s", in->cpu[0] ? in->cpu : in->vendor,
		  in->firmware, boot_secure_name(in->secure_boot));
	row(to, "machine", text);
}

static void page_iommu(report_text *to, const struct audit_result *r)
{
	const struct audit_in *in = r->in;
	const struct audit_summary *s = &r->summary;
	char text[120];
	if (r->look.has_ivrs)
		fmt_print(text, sizeof text,
			  "AMD (IVRS): %u units in the table, registers of %u of them are known",
			  r->look.amds, in->amds);
	else if (!r->look.has_dmar)
		fmt_print(text, sizeof text, "%s",
			  audit_table(in, "IVRS")   ? "AMD: the IVRS table is damaged"
			  : audit_table(in, "VIOT") ? "virtio-iommu (VIOT): not audited"
			  : audit_table(in, "DMAR") ? "the DMAR table is damaged"
						    : "none: there is no DMAR table");
	else if (!s->units_usable)
		fmt_print(text, sizeof text, "none of %u units is usable", in->units);
	else if (s->remap_flag)
		fmt_print(text, sizeof text,
			  "%u of %u units usable, %u-bit addresses; %u can remap interrupts", s->units_usable,
			  in->units, s->width, s->units_remap);
	else
		fmt_print(text, sizeof text,
			  "%u of %u usable, %u bits; %u can remap interrupts, table says no", s->units_usable,
			  in->units, s->width, s->units_remap);
	row(to, "iommu", text);
}

static void page_counts(report_text *to, const struct audit_result *r)
{
	const struct audit_summary *s = &r->summary;
	char text[120];
	fmt_print(text, sizeof text, "%u of %u units protected memory while it ran, %u of %u when it ended",
		  s->state[AUDIT_ENTRY].protecting, s->state[AUDIT_ENTRY].units,
		  s->state[AUDIT_LEFT].protecting, s->state[AUDIT_LEFT].units);
	row(to, "firmware", text);
	fmt_print(text, sizeof text, "%u of %u functions could do DMA while it ran, %u of %u when it ended",
		  s->state[AUDIT_ENTRY].masters, s->state[AUDIT_ENTRY].known, s->state[AUDIT_LEFT].masters,
		  s->state[AUDIT_LEFT].known);
	row(to, "dma", text);
	fmt_print(text, sizeof text, "%u functions in %u IOMMU groups; %u with more than one member",
		  s->functions, s->groups, s->several);
	row(to, "groups", text);
	fmt_print(text, sizeof text, "%u hot-plug, %u Thunderbolt; %u functions have ATS", s->hotplug,
		  s->thunderbolt, s->ats);
	row(to, "ports", text);
	if (r->look.has_ivrs)
		fmt_print(text, sizeof text, "%u ranges; functions of %u of them cannot be assigned",
			  r->unities, s->rmrrs_kept);
	else
		fmt_print(text, sizeof text, "%u entries of functions; %u functions cannot be assigned",
			  r->rmrrs, s->rmrrs_kept);
	row(to, r->look.has_ivrs ? "ivmd" : "rmrr", text);
}

static void page_sriov(report_text *to, const struct audit_result *r)
{
	const struct audit_in *in = r->in;
	char text[120] = "no function has it";
	size_t n = 0;
	for (unsigned i = 0; i < in->pfs && n < sizeof text; i++) {
		const struct audit_room *room = &r->room[i];
		if (n > 48) {
			fmt_print(text + n, sizeof text - n, ", ...");
			break;
		}
		n += (size_t)fmt_print(text + n, sizeof text - n, "%s" BDF_FMT " %u of %u VFs%s",
				       n ? ", " : "", BDF_ARG(in->pf[i].pf), room->vfs, in->pf[i].total,
				       room->limit == AUDIT_LIMIT_UNKNOWN ? " by bus" : "");
	}
	row(to, "sr-iov", text);
}

/* Why no DMA was tried; audit_proof_name() in the report's lines. */
static const char *not_run(unsigned proof)
{
	static const char *const words[] = {[AUDIT_PROOF_NO_UNIT] = "no unit translates",
					    [AUDIT_PROOF_OFF] = "iommu=off or iommu=pt",
					    [AUDIT_PROOF_NO_DEVICE] = "no device here can be made to try it",
					    [AUDIT_PROOF_NOT_NAMED] = "scratch= names no controller",
					    [AUDIT_PROOF_NOT_ASKED] = "isolate was not run in this boot",
					    [AUDIT_PROOF_READ_ONLY] = "access=read"};
	return proof < ARRAY_LEN(words) && words[proof] ? words[proof] : audit_proof_name(proof);
}

static void page_proof(report_text *to, const struct audit_result *r)
{
	const struct audit_verdict *v = &r->verdict;
	const char *proof = v->proof;
	char text[120];
	size_t n;
	if (proof[0] == 'n') {
		fmt_print(text, sizeof text, "not run: %s", not_run(r->in->proof));
		row(to, "proof", text);
		return;
	}
	n = (size_t)fmt_print(text, sizeof text, "%s: %u of %u refused",
			      proof[0] == 'p'   ? "PASS"
			      : proof[0] == 'f' ? "FAIL"
						: "BROKEN",
			      v->refused, v->tried);
	if (v->not_enforced)
		n += (size_t)fmt_print(text + n, sizeof text - n, ", %u not enforced", v->not_enforced);
	if (v->not_tried)
		n += (size_t)fmt_print(text + n, sizeof text - n, ", %u not tried", v->not_tried);
	char classes[64];
	size_t most = PRINT_COLUMNS - ROW_NAME - 4; /* behind "; by ", with the NUL */
	cases_classes(&r->in->cases, classes, n < most ? most - n : 1);
	if (classes[0] && n < sizeof text)
		fmt_print(text + n, sizeof text - n, "; by %s", classes);
	row(to, "proof", text);
}

/* Fixed lines: three of frame, ten of rows, two of verdict and report. */
#define PAGE_FIXED 16u

void report_page(const struct audit_result *r, unsigned lines, uint32_t crc, report_text *to)
{
	const struct audit_verdict *v = &r->verdict;
	char text[200];
	print_say(to, "------------------------------- audit: verdict --------------------------------\n");
	page_machine(to, r->in);
	page_iommu(to, r);
	page_counts(to, r);
	page_sriov(to, r);
	page_proof(to, r);
	page_findings(to, r);
	unsigned used = list(to, r, AUDIT_ERROR, 'E', 4);
	list(to, r, AUDIT_WARNING, 'W', REPORT_PAGE - PAGE_FIXED - used);
	row(to, v->proved ? "PASS" : v->ok ? "NOT TRIED" : v->against ? "FAIL" : "NOT JUDGED", v->text);
	fmt_print(text, sizeof text, "%u lines, crc32 %08x (json=1 prints them)", lines, crc);
	row(to, "report", text);
	print_say(to, "-------------------------------------------------------------------------------\n");
}
