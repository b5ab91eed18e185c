/* The report as JSON lines. docs/audit.md has the format. */
#include "apps/audit/json.h"
#include "apps/audit/sva.h"
#include "kernel/jsonl.h"
#include "kernel/report_lines.h"
#include "pci/acs.h"
#include "pci/groups.h"

/* ---- what was read ---- */

/* Cases that have no line of their own, by outcome, in the order of enum case_outcome. */
static void put_left_out(struct jsonl *j, const struct audit_in *in)
{
	bool any = false;
	for (unsigned o = 0; o < CASE_OUTCOMES; o++)
		any |= in->cases.left_out[o] != 0;
	for (unsigned o = 0; o < CASE_OUTCOMES && any; o++)
		jsonl_add(j, "%s%u%s", o ? "," : ",\"left_out\":[", in->cases.left_out[o],
			  o + 1 == CASE_OUTCOMES ? "]" : "");
}

static void put_run(struct jsonl *j, const struct audit_in *in)
{
	jsonl_start(j, "run");
	jsonl_add(j, ",\"v\":1,\"app\":\"audit\"");
#define TEXT(key, member, room, needed)        jsonl_text(j, key, in->member);
#define COUNT(key, member, type, most, needed) jsonl_add(j, ",\"%s\":%llu", key, (ull)in->member);
#define NAME(key, member, names, n, needed)    jsonl_text(j, key, names(in->member));
#include "apps/audit/record.def"
#undef TEXT
#undef COUNT
#undef NAME
	jsonl_text(j, "proof", audit_proof_name(in->proof));
	jsonl_add(j, ",\"missed\":%u", in->n_missed);
	if (in->pci->cfg && in->pci->cfg->read_only)
		jsonl_text(j, "access", "read");
	if (in->failed[0])
		jsonl_text(j, "failed", in->failed);
	put_left_out(j, in);
	jsonl_end(j);
}

static const char *const phases[] = {"entry", "left", "now"};

static void put_unit(struct jsonl *j, const struct audit_unit *u, unsigned i)
{
	for (unsigned p = 0; p < AUDIT_PHASES; p++)
		if (u->at[p].read)
			vtd_regs_line(j, i, u->base, u->seg, phases[p], &u->at[p]);
}

static void put_amd(struct jsonl *j, const struct audit_amd *u, unsigned i)
{
	for (unsigned p = 0; p < AUDIT_PHASES; p++)
		if (u->at[p].read)
			amdvi_regs_line(j, i, u->base, u->unit, phases[p], &u->at[p]);
}

static void put_masters(struct jsonl *j, const struct audit_in *in)
{
	for (unsigned i = 0; i < in->fns; i++) {
		jsonl_start(j, "fn");
		jsonl_add(j, ",\"bdf\":\"" BDF_FMT "\"", BDF_ARG(in->fn[i].bdf));
		if (in->fn[i].entry >= 0)
			jsonl_add(j, ",\"bme_entry\":%d", in->fn[i].entry);
		if (in->fn[i].left >= 0)
			jsonl_add(j, ",\"bme_left\":%d", in->fn[i].left);
		if (in->fn[i].found)
			jsonl_add(j, ",\"found\":%u", in->fn[i].found);
		report_nvme(j, in->fn[i].bdf, in->nvme, in->nvmes);
		jsonl_end(j);
	}
}

static void put_missed(struct jsonl *j, const struct audit_in *in)
{
	for (unsigned i = 0; i < in->n_missed && i < AUDIT_MISSED; i++) {
		const struct pci_missed *m = &in->missed[i];
		jsonl_start(j, "missed");
		jsonl_add(j, ",\"why\":\"%s\",\"bdf\":\"" BDF_FMT "\",\"first\":%u,\"last\":%u",
			  pci_miss_name(m->why), BDF_ARG(m->bdf), m->first, m->last);
		jsonl_end(j);
	}
}

static uint32_t space_read(void *ctx, unsigned off)
{
	return fn_rd32(ctx, off);
}

static void put_bars(struct jsonl *j, const struct pci_func *f, const struct pci_bar *bars, unsigned vf)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &bars[i];
		if (!b->size)
			continue;
		jsonl_start(j, "bar");
		jsonl_add(j,
			  ",\"bdf\":\"" BDF_FMT
			  "\",\"n\":%u,\"vf\":%u,\"base\":\"0x%llx\",\"size\":\"0x%llx\"",
			  BDF_ARG(f->bdf), i, vf, (ull)b->addr, (ull)b->size);
		jsonl_add(j, ",\"io\":%u,\"pref\":%u,\"w64\":%u", b->io, b->prefetch, b->mem64);
		jsonl_end(j);
	}
}

static void put_window(struct jsonl *j, const struct pci_func *f, struct pci_window w, unsigned pref)
{
	if (!w.size)
		return;
	jsonl_start(j, "window");
	jsonl_add(j, ",\"bdf\":\"" BDF_FMT "\",\"base\":\"0x%llx\",\"limit\":\"0x%llx\",\"pref\":%u",
		  BDF_ARG(f->bdf), (ull)w.base, (ull)w.base + (w.size - 1), pref);
	jsonl_end(j);
}

/* ---- what follows from it ---- */

static void put_missing(struct jsonl *j, unsigned missing)
{
	static const struct {
		unsigned bit;
		const char *name;
	} bits[] = {{ACS_SV, "SV"}, {ACS_RR, "RR"}, {ACS_CR, "CR"}, {ACS_UF, "UF"}};
	const char *comma = "";
	jsonl_add(j, ",\"missing\":[");
	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		if (missing & bits[i].bit) {
			jsonl_add(j, "%s\"%s\"", comma, bits[i].name);
			comma = ",";
		}
	jsonl_add(j, "]");
}

/* Members beyond those that a line has room for come in further lines of the same id. */
#define MEMBERS 24u

static void put_group(struct jsonl *j, const struct pci *pci, unsigned id)
{
	const struct pci_func *f = groups_next(pci, id, NULL);
	struct group_reason r;
	bool several = groups_next(pci, id, f) && groups_reason(pci, id, 0, &r) == SL_OK;
	char why[320] = "";
	if (several)
		groups_reason_text(&r, why, sizeof why);
	while (f) {
		jsonl_start(j, "group");
		jsonl_add(j, ",\"id\":%u,\"members\":[", id);
		for (unsigned n = 0; f && n < MEMBERS; n++, f = groups_next(pci, id, f))
			jsonl_add(j, "%s\"" BDF_FMT "\"", n ? "," : "", BDF_ARG(f->bdf));
		jsonl_add(j, "]");
		if (several) {
			jsonl_text(j, "why", why);
			jsonl_add(j, ",\"port\":\"" BDF_FMT "\"", BDF_ARG(r.at->bdf));
			put_missing(j, r.missing);
			jsonl_text(j, "remedy", groups_remedy(&r));
		}
		jsonl_end(j);
	}
}

/* One line of domain i, with its runs from k on as far as they fit; a further line has the same id. Returns
 * the first that did not. */
static unsigned put_domain(struct jsonl *j, const struct audit_live *live, unsigned i, unsigned k,
			   unsigned to)
{
	const char *comma = "";
	jsonl_start(j, "domain");
	jsonl_add(j, ",\"id\":%u", live->domain[i].id);
	jsonl_text(j, "name", live->domain[i].name);
	jsonl_add(j, ",\"iova\":[");
	for (; k < to && j->n < JSONL_LINE - 64; k++, comma = ",")
		jsonl_add(j, "%s\"0x%llx:0x%llx:%s%s\"", comma, (ull)live->run[k].iova, (ull)live->run[k].len,
			  live->run[k].read ? "r" : "", live->run[k].write ? "w" : "");
	jsonl_add(j, "]");
	jsonl_end(j);
	return k;
}

static void put_live(struct jsonl *j, const struct audit_live *live)
{
	static const char *const modes[] = {"domain", "passthrough", "off", "none"};
	for (unsigned i = 0; i < live->attached; i++) {
		jsonl_start(j, "attach");
		jsonl_add(j, ",\"bdf\":\"" BDF_FMT "\",\"unit\":%d,\"domain\":%u,\"mode\":\"%s\"",
			  BDF_ARG(live->attach[i].bdf),
			  live->attach[i].unit == LIVE_NONE ? -1 : (int)live->attach[i].unit,
			  live->attach[i].domain, modes[live->attach[i].mode % 4]);
		jsonl_end(j);
	}
	for (unsigned i = 0; i < live->domains; i++) {
		unsigned k = live->domain[i].first, to = k + live->domain[i].runs;
		do
			k = put_domain(j, live, i, k, to);
		while (k < to);
	}
}

static void put_route(struct jsonl *j, const char *prefix, const struct audit_routing *r)
{
	if (r->known)
		jsonl_add(j, ",\"%soffset\":%u,\"%sstride\":%u", prefix, r->offset, prefix, r->stride);
}

static void put_sriov(struct jsonl *j, const struct audit_sriov *s, const struct audit_room *r)
{
	jsonl_start(j, "sriov");
	jsonl_add(j, ",\"bdf\":\"" BDF_FMT "\",\"total\":%u,\"initial\":%u,\"fit\":%u", BDF_ARG(s->pf),
		  s->total, s->initial, r->vfs);
	jsonl_text(j, "limit", audit_limit_name(r->limit));
	jsonl_add(j, ",\"missing_bytes\":\"0x%llx\",\"missing_buses\":%u,\"enabled\":%u,\"num\":%u",
		  (ull)r->best->missing_bytes, r->best->missing_buses, s->enabled ? s->num : 0, s->num);
	jsonl_add(j, ",\"ari\":%u,\"ari_forwards\":%u,\"pages\":\"0x%x\",\"backed\":%d", s->ari,
		  s->ari_forwards, s->page_sizes, (int)s->backed);
	put_route(j, "", &s->routing[0]);
	put_route(j, "ari_", &s->routing[1]);
	jsonl_end(j);
}

static void put_case(struct jsonl *j, const struct proof_case *c)
{
	jsonl_start(j, "case");
	jsonl_text(j, "who", c->who);
	jsonl_add(j, ",\"dir\":\"%s\"", c->write ? "write" : "read");
	jsonl_text(j, "what", c->what);
	jsonl_add(j, ",\"verdict\":\"%s\",\"recorded\":%u", audit_outcome_name(c->outcome), c->recorded);
	if (c->recorded)
		jsonl_add(j, ",\"bdf\":\"" BDF_FMT "\",\"iova\":\"0x%llx\",\"reason\":%u", BDF_ARG(c->bdf),
			  (ull)c->iova, c->reason);
	jsonl_end(j);
}

static void put_error(struct jsonl *j, const struct hardware_error *e)
{
	jsonl_start(j, "error");
	jsonl_add(j, ",\"source\":\"%s\",\"grade\":\"%s\",\"count\":%u", hardware_source_name(e->source),
		  hardware_grade_name(e->grade), e->count);
	jsonl_text(j, "who", e->who);
	jsonl_text(j, "text", e->text);
	jsonl_end(j);
}

/* The remedy is last and gives way where a line would be too long. */
static void put_finding(struct jsonl *j, const struct finding *f)
{
	jsonl_start(j, "finding");
	jsonl_text(j, "id", f->id);
	jsonl_text(j, "severity", audit_severity_name(f->severity));
	jsonl_text(j, "kind", audit_kind_name(f->kind));
	jsonl_text(j, "who", f->who);
	jsonl_text(j, "read", f->read);
	jsonl_text(j, "means", f->means);
	jsonl_text(j, "os", f->os);
	jsonl_text(j, "remedy", f->remedy);
	jsonl_end(j);
}

static void put_verdict(struct jsonl *j, const struct audit_verdict *v)
{
	jsonl_start(j, "verdict");
	jsonl_add(j, ",\"ok\":%u,\"errors\":%u,\"warnings\":%u,\"proof\":\"%s\"", v->ok, v->errors,
		  v->warnings, v->proof);
	jsonl_text(j, "text", v->text);
	jsonl_end(j);
}

unsigned report_json(const struct audit_result *r, const struct audit_live *live, jsonl_put *put, void *ctx,
		     uint32_t *crc)
{
	static struct jsonl j;
	const struct audit_in *in = r->in;
	j = (struct jsonl){.put = put, .ctx = ctx};
	put_run(&j, in);
	if (in->identity)
		identity_report(&j, in->identity);
	for (unsigned i = 0; i < in->tables; i++)
		report_table(&j, in->table[i].sig, in->table[i].addr, in->table[i].data);
	report_memory(&j, in->mem, in->mems);
	for (unsigned i = 0; i < in->units; i++)
		put_unit(&j, &in->unit[i], i);
	for (unsigned i = 0; i < in->amds; i++)
		put_amd(&j, &in->amd[i], i);
	put_masters(&j, in);
	put_missed(&j, in);
	PCI_EACH(f, in->pci) {
		report_space(&j, f->bdf, f->cap_pcie ? 0x1000 : 0x100, space_read, f);
		put_bars(&j, f, f->bar, 0);
		put_bars(&j, f, f->vf_bar, 1);
		put_window(&j, f, f->mem, 0);
		put_window(&j, f, f->pref, 1);
	}
	for (unsigned id = 1; id <= r->look.groups; id++)
		put_group(&j, in->pci, id);
	if (live)
		put_live(&j, live);
	json_sharing(&j, r);
	for (unsigned i = 0; i < in->pfs; i++)
		put_sriov(&j, &in->pf[i], &r->room[i]);
	for (unsigned i = 0; i < in->cases.n; i++)
		put_case(&j, &in->cases.tried[i]);
	for (unsigned i = 0; i < in->errors.n; i++)
		put_error(&j, &in->errors.error[i]);
	for (unsigned i = 0; i < r->findings; i++)
		put_finding(&j, &r->finding[i]);
	put_verdict(&j, &r->verdict);
	*crc = j.crc;
	return j.lines;
}
