/* The report as JSON lines. docs/audit.md has the format. */
#include <stdarg.h>
#include "apps/audit/report.h"
#include "apps/audit/room.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "pci/acs.h"
#include "pci/groups.h"

#define TABLE_CHUNK 480u
#define CFG_CHUNK   256u

struct json {
	report_put *put;
	void *ctx;
	unsigned lines;
	uint32_t crc;
	size_t n;
	char line[REPORT_LINE + 1];
};

static void add(struct json *j, const char *fmt, ...) PRINTF_LIKE(2, 3);

static void add(struct json *j, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	if (j->n < REPORT_LINE) {
		int n = fmt_vprint(j->line + j->n, sizeof j->line - j->n, fmt, ap);
		j->n = n > 0 && (size_t)n < sizeof j->line - j->n ? j->n + (size_t)n : REPORT_LINE;
	}
	va_end(ap);
}

/* ,"key":"text": quotes and what is no plain character are replaced, and at most room characters written. */
static void add_text(struct json *j, const char *key, const char *text, size_t room)
{
	add(j, ",\"%s\":\"", key);
	for (size_t i = 0; text[i] && i < room && j->n + 8 < REPORT_LINE; i++) {
		bool plain = text[i] >= ' ' && text[i] < 0x7f && text[i] != '\\';
		j->line[j->n++] = text[i] == '"' ? '\'' : plain ? text[i] : '?';
	}
	j->line[j->n] = 0;
	add(j, "\"");
}

static void add_bytes(struct json *j, const uint8_t *p, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	add(j, ",\"hex\":\"");
	for (size_t i = 0; i < n; i++) {
		j->line[j->n++] = digit[p[i] >> 4];
		j->line[j->n++] = digit[p[i] & 15];
	}
	j->line[j->n] = 0;
	add(j, "\"");
}

static void start(struct json *j, const char *type)
{
	j->n = 0;
	add(j, "{\"t\":\"%s\"", type);
}

static uint32_t crc32(uint32_t crc, const char *p, size_t n)
{
	crc = ~crc;
	for (size_t i = 0; i < n; i++) {
		crc ^= (uint8_t)p[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (0xedb88320u & (0 - (crc & 1)));
	}
	return ~crc;
}

static void end(struct json *j)
{
	add(j, "}\n");
	j->crc = crc32(j->crc, j->line, j->n);
	j->lines++;
	if (j->put)
		j->put(j->ctx, j->line, j->n);
}

/* ---- what was read ---- */

static void put_run(struct json *j, const struct audit_in *in)
{
	start(j, "run");
	add(j, ",\"v\":1,\"app\":\"audit\"");
	add_text(j, "cpu", in->cpu, SIZE_MAX);
	add_text(j, "vendor", in->vendor, SIZE_MAX);
	add(j, ",\"apicids\":%u,\"apicid_max\":%u,\"apic\":\"%s\",\"phys_bits\":%u", in->apicids,
	    in->apicid_max, audit_apic_name(in->apic), in->phys_bits);
	add_text(j, "secure_boot", audit_secure_name(in->secure_boot), SIZE_MAX);
	add_text(j, "firmware", in->firmware, SIZE_MAX);
	add(j, ",\"tsc_hz\":%llu,\"proof\":\"%s\"", (ull)in->tsc_hz, audit_proof_name(in->proof));
	end(j);
}

static void put_table(struct json *j, const struct audit_table *t)
{
	for (size_t off = 0; off < t->data.n; off += TABLE_CHUNK) {
		struct span chunk = span_sub(t->data, off, TABLE_CHUNK);
		start(j, "table");
		add(j, ",\"sig\":\"%s\",\"addr\":\"0x%llx\",\"len\":%zu,\"off\":%zu", t->sig, (ull)t->addr,
		    t->data.n, off);
		add_bytes(j, chunk.p, chunk.n);
		end(j);
	}
}

static void put_memory(struct json *j, const struct audit_in *in)
{
	for (uint32_t i = 0; i < in->mems;) {
		const struct boot_region *r = &in->mem[i];
		uint64_t pages = r->pages;
		for (i++; i < in->mems && in->mem[i].type == r->type && in->mem[i].attr == r->attr &&
			  in->mem[i].base == r->base + pages * 4096;
		     i++)
			pages += in->mem[i].pages;
		start(j, "mem");
		add(j, ",\"start\":\"0x%llx\",\"pages\":%llu,\"type\":%u,\"attr\":\"0x%llx\"", (ull)r->base,
		    (ull)pages, r->type, (ull)r->attr);
		end(j);
	}
}

static void put_unit(struct json *j, const struct audit_unit *u, unsigned i)
{
	static const char *const phases[] = {"entry", "left", "now"};
	for (unsigned p = 0; p < AUDIT_PHASES; p++) {
		const struct audit_regs *r = &u->at[p];
		if (!r->read)
			continue;
		start(j, "unit");
		add(j, ",\"i\":%u,\"base\":\"0x%llx\",\"seg\":%u,\"phase\":\"%s\",\"ver\":\"0x%x\"", i,
		    (ull)u->base, u->seg, phases[p], r->ver);
		add(j, ",\"cap\":\"0x%llx\",\"ecap\":\"0x%llx\",\"gsts\":\"0x%x\",\"rtaddr\":\"0x%llx\"",
		    (ull)r->cap, (ull)r->ecap, r->gsts, (ull)r->rtaddr);
		add(j, ",\"irta\":\"0x%llx\",\"pmen\":\"0x%x\",\"fsts\":\"0x%x\"", (ull)r->irta, r->pmen,
		    r->fsts);
		add(j, ",\"plmbase\":\"0x%x\",\"plmlimit\":\"0x%x\"", r->plmbase, r->plmlimit);
		add(j, ",\"phmbase\":\"0x%llx\",\"phmlimit\":\"0x%llx\",\"frcd\":[", (ull)r->phmbase,
		    (ull)r->phmlimit);
		for (unsigned k = 0; k < r->frcds; k++)
			add(j, "%s\"0x%llx:0x%llx\"", k ? "," : "", (ull)r->frcd[k].hi, (ull)r->frcd[k].lo);
		add(j, "]");
		end(j);
	}
}

static void put_masters(struct json *j, const struct audit_in *in)
{
	for (unsigned i = 0; i < in->fns; i++) {
		start(j, "fn");
		add(j, ",\"bdf\":\"" BDF_FMT "\"", BDF_ARG(in->fn[i].bdf));
		if (in->fn[i].entry >= 0)
			add(j, ",\"bme_entry\":%d", in->fn[i].entry);
		if (in->fn[i].left >= 0)
			add(j, ",\"bme_left\":%d", in->fn[i].left);
		end(j);
	}
}

static void put_space(struct json *j, const struct pci_func *f)
{
	unsigned size = f->cap_pcie ? 0x1000 : 0x100;
	for (unsigned off = 0; off < size; off += CFG_CHUNK) {
		uint8_t bytes[CFG_CHUNK];
		size_t n = 0;
		for (unsigned i = 0; i < CFG_CHUNK; i += 4) {
			uint32_t v = fn_rd32(f, off + i);
			for (unsigned k = 0; k < 4; k++) {
				bytes[i + k] = (uint8_t)(v >> 8 * k);
				if (bytes[i + k])
					n = i + k + 1;
			}
		}
		if (!n)
			continue;
		start(j, "cfg");
		add(j, ",\"bdf\":\"" BDF_FMT "\",\"off\":%u", BDF_ARG(f->bdf), off);
		add_bytes(j, bytes, n);
		end(j);
	}
}

static void put_bars(struct json *j, const struct pci_func *f, const struct pci_bar *bars, unsigned vf)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &bars[i];
		if (!b->size)
			continue;
		start(j, "bar");
		add(j, ",\"bdf\":\"" BDF_FMT "\",\"n\":%u,\"vf\":%u,\"base\":\"0x%llx\",\"size\":\"0x%llx\"",
		    BDF_ARG(f->bdf), i, vf, (ull)b->addr, (ull)b->size);
		add(j, ",\"io\":%u,\"pref\":%u,\"w64\":%u", b->io, b->prefetch, b->mem64);
		end(j);
	}
}

static void put_window(struct json *j, const struct pci_func *f, struct pci_window w, unsigned pref)
{
	if (!w.size)
		return;
	start(j, "window");
	add(j, ",\"bdf\":\"" BDF_FMT "\",\"base\":\"0x%llx\",\"limit\":\"0x%llx\",\"pref\":%u",
	    BDF_ARG(f->bdf), (ull)w.base, (ull)(w.base + (w.size - 1)), pref);
	end(j);
}

/* ---- what follows from it ---- */

static void put_missing(struct json *j, unsigned missing)
{
	static const struct {
		unsigned bit;
		const char *name;
	} bits[] = {{ACS_SV, "SV"}, {ACS_RR, "RR"}, {ACS_CR, "CR"}, {ACS_UF, "UF"}};
	const char *comma = "";
	add(j, ",\"missing\":[");
	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		if (missing & bits[i].bit) {
			add(j, "%s\"%s\"", comma, bits[i].name);
			comma = ",";
		}
	add(j, "]");
}

/* Members beyond those that a line has room for come in further lines of the same id. */
#define MEMBERS 24u

static void put_group(struct json *j, const struct pci *pci, unsigned id)
{
	const struct pci_func *f = groups_next(pci, id, NULL);
	struct group_reason r;
	bool several = groups_next(pci, id, f) && groups_reason(pci, id, 0, &r) == SL_OK;
	char why[320] = "";
	if (several)
		groups_reason_text(&r, why, sizeof why);
	while (f) {
		start(j, "group");
		add(j, ",\"id\":%u,\"members\":[", id);
		for (unsigned n = 0; f && n < MEMBERS; n++, f = groups_next(pci, id, f))
			add(j, "%s\"" BDF_FMT "\"", n ? "," : "", BDF_ARG(f->bdf));
		add(j, "]");
		if (several) {
			add_text(j, "why", why, 240);
			add(j, ",\"port\":\"" BDF_FMT "\"", BDF_ARG(r.at->bdf));
			put_missing(j, r.missing);
			add_text(j, "remedy", groups_remedy(&r), 240);
		}
		end(j);
	}
}

static void put_live(struct json *j, const struct audit_live *live)
{
	static const char *const modes[] = {"domain", "passthrough", "off", "none"};
	for (unsigned i = 0; i < live->attached; i++) {
		start(j, "attach");
		add(j, ",\"bdf\":\"" BDF_FMT "\",\"unit\":%d,\"domain\":%u,\"mode\":\"%s\"",
		    BDF_ARG(live->attach[i].bdf),
		    live->attach[i].unit == LIVE_NONE ? -1 : (int)live->attach[i].unit,
		    live->attach[i].domain, modes[live->attach[i].mode % 4]);
		end(j);
	}
	for (unsigned i = 0; i < live->domains; i++) {
		unsigned to = live->domain[i].first + live->domain[i].runs;
		start(j, "domain");
		add(j, ",\"id\":%u", live->domain[i].id);
		add_text(j, "name", live->domain[i].name, SIZE_MAX);
		add(j, ",\"iova\":[");
		for (unsigned k = live->domain[i].first; k < to && j->n < REPORT_LINE - 64; k++)
			add(j, "%s\"0x%llx:0x%llx:%s%s\"", k > live->domain[i].first ? "," : "",
			    (ull)live->run[k].iova, (ull)live->run[k].len, live->run[k].read ? "r" : "",
			    live->run[k].write ? "w" : "");
		add(j, "]");
		end(j);
	}
}

static void put_route(struct json *j, const char *prefix, const struct audit_routing *r)
{
	if (r->known)
		add(j, ",\"%soffset\":%u,\"%sstride\":%u", prefix, r->offset, prefix, r->stride);
}

static void put_sriov(struct json *j, const struct audit_in *in, const struct audit_sriov *s)
{
	struct audit_room r;
	audit_room(in, s, &r);
	if (!r.best)
		return;
	start(j, "sriov");
	add(j, ",\"bdf\":\"" BDF_FMT "\",\"total\":%u,\"initial\":%u,\"fit\":%u", BDF_ARG(s->pf), s->total,
	    s->initial, r.vfs);
	add_text(j, "limit", audit_limit_name(r.limit), SIZE_MAX);
	add(j, ",\"missing_bytes\":\"0x%llx\",\"missing_buses\":%u,\"enabled\":%u,\"num\":%u",
	    (ull)r.best->missing_bytes, r.best->missing_buses, s->enabled ? s->num : 0, s->num);
	add(j, ",\"ari\":%u,\"ari_forwards\":%u,\"pages\":\"0x%x\",\"backed\":%d", s->ari, s->ari_forwards,
	    s->page_sizes, (int)s->backed);
	put_route(j, "", &s->routing[0]);
	put_route(j, "ari_", &s->routing[1]);
	end(j);
}

static void put_case(struct json *j, const struct audit_case *c)
{
	start(j, "case");
	add_text(j, "who", c->who, SIZE_MAX);
	add(j, ",\"dir\":\"%s\"", c->write ? "write" : "read");
	add_text(j, "what", c->what, SIZE_MAX);
	add(j, ",\"verdict\":\"%s\",\"recorded\":%u", audit_outcome_name(c->outcome), c->recorded);
	if (c->recorded)
		add(j, ",\"bdf\":\"" BDF_FMT "\",\"iova\":\"0x%llx\",\"reason\":%u", BDF_ARG(c->bdf),
		    (ull)c->iova, c->reason);
	end(j);
}

/* The remedy is last and gives way where a line would be too long. */
static void put_finding(void *ctx, const struct finding *f)
{
	struct json *j = ctx;
	start(j, "finding");
	add_text(j, "id", f->id, SIZE_MAX);
	add_text(j, "severity", audit_severity_name(f->severity), SIZE_MAX);
	add_text(j, "kind", audit_kind_name(f->kind), SIZE_MAX);
	add_text(j, "who", f->who, SIZE_MAX);
	add_text(j, "read", f->read, SIZE_MAX);
	add_text(j, "means", f->means, SIZE_MAX);
	add_text(j, "os", f->os, SIZE_MAX);
	add_text(j, "remedy", f->remedy, SIZE_MAX);
	end(j);
}

static void put_verdict(struct json *j, struct audit_in *in)
{
	struct audit_verdict v;
	audit_verdict(in, &v);
	start(j, "verdict");
	add(j, ",\"ok\":%u,\"errors\":%u,\"warnings\":%u,\"proof\":\"%s\"", v.ok, v.errors, v.warnings,
	    audit_proof_verdict(in));
	add_text(j, "text", v.text, SIZE_MAX);
	end(j);
}

unsigned report_json(struct audit_in *in, const struct audit_live *live, report_put *put, void *ctx,
		     uint32_t *crc)
{
	static struct json j;
	unsigned groups = groups_compute(in->pci);
	j = (struct json){.put = put, .ctx = ctx};
	put_run(&j, in);
	for (unsigned i = 0; i < in->tables; i++)
		put_table(&j, &in->table[i]);
	put_memory(&j, in);
	for (unsigned i = 0; i < in->units; i++)
		put_unit(&j, &in->unit[i], i);
	put_masters(&j, in);
	PCI_EACH(f, in->pci) {
		put_space(&j, f);
		put_bars(&j, f, f->bar, 0);
		put_bars(&j, f, f->vf_bar, 1);
		put_window(&j, f, f->mem, 0);
		put_window(&j, f, f->pref, 1);
	}
	for (unsigned id = 1; id <= groups; id++)
		put_group(&j, in->pci, id);
	if (live)
		put_live(&j, live);
	for (unsigned i = 0; i < in->pfs; i++)
		put_sriov(&j, in, &in->pf[i]);
	for (unsigned i = 0; i < in->cases; i++)
		put_case(&j, &in->tried[i]);
	audit_run(in, put_finding, &j);
	put_verdict(&j, in);
	*crc = j.crc;
	return j.lines;
}
