#include "record.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEGIN "BEGIN SLUICE REPORT "
#define END   "END SLUICE REPORT "

static void blame(struct record *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Remembers the first thing that is wrong, and where. */
static void blame(struct record *r, const char *fmt, ...)
{
	va_list ap;
	if (r->error[0])
		return;
	int n = r->at ? snprintf(r->error, sizeof(r->error), "line %u: ", r->at) : 0;
	va_start(ap, fmt);
	vsnprintf(r->error + n, sizeof(r->error) - (size_t)n, fmt, ap);
	va_end(ap);
}
#define wrong(...) (blame(__VA_ARGS__), false)

uint32_t record_crc32(uint32_t crc, const void *p, size_t n)
{
	crc = ~crc;
	for (const uint8_t *b = p; n--; b++) {
		crc ^= *b;
		for (unsigned i = 0; i < 8; i++)
			crc = crc >> 1 ^ (0xedb88320u & (0 - (crc & 1)));
	}
	return ~crc;
}

/* "0000:3b:00.1" */
static bool read_bdf(const char *text, bdf_t *out)
{
	unsigned seg, bus, dev, fn;
	int end = 0;
	if (sscanf(text, "%4x:%2x:%2x.%1x%n", &seg, &bus, &dev, &fn, &end) != 4 || strlen(text) != 12 ||
	    end != 12 || dev > 31 || fn > 7)
		return false;
	*out = bdf_make(seg, bus, dev, fn);
	return true;
}

/* ---- fields of one line ---- */

/* A count: a JSON number from 0 to max. */
static bool get_count(struct record *r, const json_t *o, const char *key, uint64_t max, uint64_t *out)
{
	const json_t *v = json_object_get(o, key);
	if (!json_is_integer(v))
		return wrong(r, "\"%s\" is not a whole number", key);
	if (json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
		return wrong(r, "\"%s\" is %lld, which is not in 0..%llu", key,
			     (long long)json_integer_value(v), (ull)max);
	*out = (uint64_t)json_integer_value(v);
	return true;
}

/* "0x1f" and nothing else, at most max. */
static bool hex_number(const char *text, size_t n, uint64_t max, uint64_t *out)
{
	if (n < 3 || n > 18 || text[0] != '0' || text[1] != 'x')
		return false;
	*out = 0;
	for (size_t i = 2; i < n; i++) {
		static const char digits[16] = "0123456789abcdef";
		const char *digit = memchr(digits, text[i], sizeof(digits));
		if (!digit)
			return false;
		*out = *out << 4 | (uint64_t)(digit - digits);
	}
	return *out <= max;
}

static bool get_hex(struct record *r, const json_t *o, const char *key, uint64_t max, uint64_t *out)
{
	const char *text = json_string_value(json_object_get(o, key));
	if (!text || !hex_number(text, strlen(text), max, out))
		return wrong(r, "\"%s\" is not a hexadecimal number of at most 0x%llx", key, (ull)max);
	return true;
}

static bool get_hex32(struct record *r, const json_t *o, const char *key, uint32_t *out)
{
	uint64_t v;
	if (!get_hex(r, o, key, UINT32_MAX, &v))
		return false;
	*out = (uint32_t)v;
	return true;
}

static bool get_text(struct record *r, const json_t *o, const char *key, char *out, size_t room)
{
	const char *text = json_string_value(json_object_get(o, key));
	if (!text || strlen(text) >= room)
		return wrong(r, "\"%s\" is not a text of less than %zu characters", key, room);
	memcpy(out, text, strlen(text) + 1);
	return true;
}

static bool get_bdf(struct record *r, const json_t *o, const char *key, bdf_t *out)
{
	const char *text = json_string_value(json_object_get(o, key));
	return (text && read_bdf(text, out)) || wrong(r, "\"%s\" is not a function's name", key);
}

/* At most max bytes, two digits each. */
static bool get_bytes(struct record *r, const json_t *o, const char *key, uint8_t *out, size_t max, size_t *n)
{
	const char *text = json_string_value(json_object_get(o, key));
	size_t len = text ? strlen(text) : 1;
	if (len % 2 || len / 2 > max || (len && strspn(text, "0123456789abcdef") != len))
		return wrong(r, "\"%s\" is not bytes in hexadecimal, at most %zu", key, max);
	for (size_t i = 0; i < len / 2; i++) {
		unsigned v;
		sscanf(text + 2 * i, "%2x", &v);
		out[i] = (uint8_t)v;
	}
	*n = len / 2;
	return true;
}

/* A word that name() gives for one of 0..n-1. */
static bool get_name(struct record *r, const json_t *o, const char *key, const char *name(unsigned),
		     unsigned n, uint8_t *out)
{
	const char *text = json_string_value(json_object_get(o, key));
	for (unsigned i = 0; text && i < n; i++)
		if (!strcmp(name(i), text)) {
			*out = (uint8_t)i;
			return true;
		}
	return wrong(r, "\"%s\" is not a word that is known here", key);
}

/* ---- lines by kind ---- */

/* What came with version 1 only later may be missing. */
static bool has(const json_t *o, const char *key)
{
	return json_object_get(o, key) != NULL;
}

/* Cases without a line of their own, by outcome; a report of an older version has fewer outcomes. */
static bool get_left_out(struct record *r, const json_t *o)
{
	const json_t *list = json_object_get(o, "left_out");
	if (!list)
		return true;
	if (!json_is_array(list) || json_array_size(list) > CASE_OUTCOMES)
		return wrong(r, "\"left_out\" is not a list of at most %u counts", CASE_OUTCOMES);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *n = json_array_get(list, i);
		if (!json_is_integer(n) || json_integer_value(n) < 0 || json_integer_value(n) > 1 << 24)
			return wrong(r, "\"left_out\" has an element that is not a count");
		r->in->cases.left_out[i] = (unsigned)json_integer_value(n);
	}
	return true;
}

/* The rows of apps/audit/record.def. The loader knows less than the audit does: what a kept report (keep=1)
 * lacks stays 0, which stands for unknown. */
static bool get_fields(struct record *r, const json_t *o)
{
	struct audit_in *in = r->in;
	uint64_t v;
#define TEXT(key, member, room, needed)                                                                      \
	if ((needed || has(o, key)) && !get_text(r, o, key, in->member, room))                               \
		return false;
#define COUNT(key, member, type, most, needed)                                                               \
	v = 0;                                                                                               \
	if (((needed && !r->kept) || has(o, key)) && !get_count(r, o, key, most, &v))                        \
		return false;                                                                                \
	in->member = (type)v;
#define NAME(key, member, names, n, needed)                                                                  \
	if ((needed || has(o, key)) && !get_name(r, o, key, names, n, &in->member))                          \
		return false;
#include "apps/audit/record.def"
#undef TEXT
#undef COUNT
#undef NAME
	return true;
}

static bool on_run(struct record *r, const json_t *o)
{
	struct audit_in *in = r->in;
	uint64_t v;
	if (r->run)
		return wrong(r, "a second \"run\" line");
	r->run = true;
	const char *app = json_string_value(json_object_get(o, "app"));
	r->kept = app && strcmp(app, "keep") == 0;
	if (!get_count(r, o, "v", 1, &v) || !get_fields(r, o))
		return false;
	in->proof = AUDIT_PROOF_NOT_ASKED;
	if (has(o, "missed")) {
		if (!get_count(r, o, "missed", 1u << 20, &v))
			return false;
		r->missed_known = true;
		in->n_missed = (unsigned)v;
	}
	if (has(o, "failed") && !get_text(r, o, "failed", in->failed, sizeof(in->failed)))
		return false;
	if (has(o, "access")) { /* nothing was written when it was recorded: nor is it now */
		char access[8];
		if (!get_text(r, o, "access", access, sizeof(access)))
			return false;
		replay_read_only(r->cfg, strcmp(access, "read") == 0);
	}
	return get_left_out(r, o) &&
	       (!has(o, "proof") || get_name(r, o, "proof", audit_proof_name, AUDIT_PROOFS, &in->proof));
}

/* The table with that signature and address; a new one where there is none yet. */
static struct audit_table *table_of(struct record *r, const char *sig, uint64_t addr, uint64_t len)
{
	struct audit_in *in = r->in;
	for (unsigned i = 0; i < in->tables; i++)
		if (!strcmp(in->table[i].sig, sig) && in->table[i].addr == addr)
			return &in->table[i];
	uint8_t *bytes = in->tables < AUDIT_TABLES ? calloc(1, (size_t)len + 1) : NULL;
	if (!bytes)
		return NULL;
	struct audit_table *t = &in->table[in->tables++];
	memcpy(t->sig, sig, sizeof(t->sig));
	t->addr = addr;
	t->data = (struct span){bytes, (size_t)len};
	return t;
}

/* Chunks come in order, so that what is missing is seen. */
static bool on_table(struct record *r, const json_t *o)
{
	char sig[5];
	uint64_t addr, len, off;
	uint8_t bytes[512];
	size_t n;
	if (!get_text(r, o, "sig", sig, sizeof(sig)) || !get_hex(r, o, "addr", UINT64_MAX, &addr) ||
	    !get_count(r, o, "len", RECORD_TABLE, &len) || !get_count(r, o, "off", len, &off) ||
	    !get_bytes(r, o, "hex", bytes, sizeof(bytes), &n))
		return false;
	struct audit_table *t = table_of(r, sig, addr, len);
	if (!t)
		return wrong(r, "more than %u tables", AUDIT_TABLES);
	size_t *have = &r->have[t - r->in->table];
	if (len != t->data.n || off != *have)
		return wrong(r, "table %s goes on at %llu of %llu bytes, after %zu of %zu", sig, (ull)off,
			     (ull)len, *have, t->data.n);
	if (n > len - off)
		return wrong(r, "table %s: %llu + %zu bytes are more than its %llu", sig, (ull)off, n,
			     (ull)len);
	memcpy((uint8_t *)(uintptr_t)t->data.p + off, bytes, n);
	*have += n;
	return true;
}

static bool on_mem(struct record *r, const json_t *o)
{
	uint64_t start, pages, type, attr;
	if (!get_hex(r, o, "start", UINT64_MAX, &start) || !get_count(r, o, "pages", BIT(52), &pages) ||
	    !get_count(r, o, "type", UINT32_MAX, &type) || !get_hex(r, o, "attr", UINT64_MAX, &attr))
		return false;
	if (r->in->mems == RECORD_MEMS)
		return wrong(r, "more than %u regions of memory", RECORD_MEMS);
	if (start % 4096 || (pages && start > UINT64_MAX - (pages * 4096 - 1)))
		return wrong(r, "a region of memory from 0x%llx, %llu pages: that cannot be", (ull)start,
			     (ull)pages);
	struct boot_region *m = &r->mem[r->in->mems++];
	*m = (struct boot_region){.base = start, .pages = pages, .attr = attr, .type = (uint32_t)type};
	if (m > r->mem && m[-1].base > start)
		return wrong(r, "regions of memory do not ascend");
	return true;
}

/* "0xhi:0xlo" */
static bool get_fault(struct record *r, const json_t *v, struct vtd_frcd *out)
{
	const char *text = json_string_value(v), *colon = text ? strchr(text, ':') : NULL;
	return (colon && hex_number(text, (size_t)(colon - text), UINT64_MAX, &out->hi) &&
		hex_number(colon + 1, strlen(colon + 1), UINT64_MAX, &out->lo)) ||
	       wrong(r, "\"frcd\" has something else than \"0xhi:0xlo\"");
}

static bool get_faults(struct record *r, const json_t *o, struct vtd_regs_seen *at)
{
	const json_t *list = json_object_get(o, "frcd");
	if (!list)
		return true;
	if (!json_is_array(list) || json_array_size(list) > VTD_FRCDS_SEEN)
		return wrong(r, "\"frcd\" is not a list of at most %u", VTD_FRCDS_SEEN);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!get_fault(r, json_array_get(list, i), &at->frcd[i]))
			return false;
	at->frcds = (unsigned)json_array_size(list);
	return true;
}

static bool get_regs(struct record *r, const json_t *o, struct vtd_regs_seen *at)
{
	*at = (struct vtd_regs_seen){.read = true};
	if (!get_hex32(r, o, "ver", &at->ver) || !get_hex(r, o, "cap", UINT64_MAX, &at->cap) ||
	    !get_hex(r, o, "ecap", UINT64_MAX, &at->ecap) || !get_hex32(r, o, "gsts", &at->gsts) ||
	    !get_hex(r, o, "rtaddr", UINT64_MAX, &at->rtaddr) ||
	    !get_hex(r, o, "irta", UINT64_MAX, &at->irta) || !get_hex32(r, o, "pmen", &at->pmen) ||
	    !get_hex32(r, o, "fsts", &at->fsts))
		return false;
	if (has(o, "plmbase") &&
	    (!get_hex32(r, o, "plmbase", &at->plmbase) || !get_hex32(r, o, "plmlimit", &at->plmlimit) ||
	     !get_hex(r, o, "phmbase", UINT64_MAX, &at->phmbase) ||
	     !get_hex(r, o, "phmlimit", UINT64_MAX, &at->phmlimit)))
		return false;
	return get_faults(r, o, at);
}

static const char *phase_name(unsigned phase)
{
	static const char *const names[AUDIT_PHASES] = {"entry", "left", "now"};
	return names[phase];
}

static bool on_unit(struct record *r, const json_t *o)
{
	uint64_t i, seg, base;
	uint8_t phase;
	if (!get_count(r, o, "i", AUDIT_UNITS - 1, &i) || !get_count(r, o, "seg", 0xffff, &seg) ||
	    !get_hex(r, o, "base", UINT64_MAX, &base) ||
	    !get_name(r, o, "phase", phase_name, AUDIT_PHASES, &phase))
		return false;
	struct audit_unit *u = &r->in->unit[i];
	bool known = u->at[AUDIT_ENTRY].read || u->at[AUDIT_LEFT].read || u->at[AUDIT_NOW].read;
	if (u->at[phase].read || (known && (u->base != base || u->seg != seg)))
		return wrong(r, "unit %llu is there twice", (ull)i);
	u->base = base;
	u->seg = (uint16_t)seg;
	if (i >= r->in->units) /* a unit that was not read has no line */
		r->in->units = (unsigned)i + 1;
	return get_regs(r, o, &u->at[phase]);
}

static bool get_amd_regs(struct record *r, const json_t *o, struct amdvi_regs_seen *at)
{
	*at = (struct amdvi_regs_seen){.read = true};
#define GET(name, offset) &&get_hex(r, o, #name, UINT64_MAX, &at->name)
	return get_hex(r, o, "cap_base", UINT64_MAX, &at->cap_base) AMDVI_REGS_SEEN(GET);
#undef GET
}

static bool on_amd(struct record *r, const json_t *o)
{
	uint64_t i, base;
	uint8_t phase;
	bdf_t unit;
	if (!get_count(r, o, "i", AUDIT_UNITS - 1, &i) || !get_bdf(r, o, "bdf", &unit) ||
	    !get_hex(r, o, "base", UINT64_MAX, &base) ||
	    !get_name(r, o, "phase", phase_name, AUDIT_PHASES, &phase))
		return false;
	struct audit_amd *u = &r->in->amd[i];
	bool known = u->at[AUDIT_ENTRY].read || u->at[AUDIT_LEFT].read || u->at[AUDIT_NOW].read;
	if (u->at[phase].read || (known && (u->base != base || !bdf_eq(u->unit, unit))))
		return wrong(r, "AMD unit %llu is there twice", (ull)i);
	u->base = base;
	u->unit = unit;
	if (i >= r->in->amds) /* a unit that was not read has no line */
		r->in->amds = (unsigned)i + 1;
	return get_amd_regs(r, o, &u->at[phase]);
}

/* 0, 1, or -1 where the key is missing. */
static bool get_master(struct record *r, const json_t *o, const char *key, int8_t *out)
{
	uint64_t v = 0;
	*out = -1;
	if (!has(o, key))
		return true;
	if (!get_count(r, o, key, 1, &v))
		return false;
	*out = (int8_t)v;
	return true;
}

static bool on_fn(struct record *r, const json_t *o)
{
	struct audit_master *m = &r->in->fn[r->in->fns];
	uint64_t found = 0;
	if (r->in->fns == AUDIT_FUNCS)
		return wrong(r, "more than %u functions", AUDIT_FUNCS);
	if (!get_bdf(r, o, "bdf", &m->bdf) || !get_master(r, o, "bme_entry", &m->entry) ||
	    !get_master(r, o, "bme_left", &m->left))
		return false;
	if (has(o, "found") && !get_count(r, o, "found", 255, &found))
		return false;
	m->found = (uint8_t)found;
	for (unsigned i = 0; i < r->in->fns; i++)
		if (bdf_eq(r->fn[i].bdf, m->bdf))
			return wrong(r, "function " BDF_FMT " is there twice", BDF_ARG(m->bdf));
	r->fn[r->in->fns++].bdf = m->bdf;
	return true;
}

static bool on_missed(struct record *r, const json_t *o)
{
	uint64_t first, last;
	uint8_t why;
	struct pci_missed *m = &r->in->missed[r->missed];
	if (r->missed == AUDIT_MISSED || r->missed >= r->in->n_missed)
		return wrong(r, "more lines \"missed\" than the \"run\" line says");
	if (!get_name(r, o, "why", pci_miss_name, PCI_MISSES, &why) || !get_bdf(r, o, "bdf", &m->bdf) ||
	    !get_count(r, o, "first", 255, &first) || !get_count(r, o, "last", 255, &last))
		return false;
	m->why = (enum pci_miss)why;
	m->first = (uint8_t)first;
	m->last = (uint8_t)last;
	r->missed++;
	return true;
}

static struct record_fn *fn_of(struct record *r, bdf_t bdf)
{
	for (unsigned i = 0; i < r->in->fns; i++)
		if (bdf_eq(r->fn[i].bdf, bdf))
			return &r->fn[i];
	blame(r, "there was no \"fn\" line for " BDF_FMT, BDF_ARG(bdf));
	return NULL;
}

static bool on_cfg(struct record *r, const json_t *o)
{
	bdf_t bdf;
	uint64_t off;
	uint8_t bytes[256];
	size_t n;
	if (!get_bdf(r, o, "bdf", &bdf) || !get_count(r, o, "off", 0xfff, &off) ||
	    !get_bytes(r, o, "hex", bytes, sizeof(bytes), &n))
		return false;
	struct record_fn *f = fn_of(r, bdf);
	if (!f)
		return false;
	f->cfg = true;
	return replay_put(r->cfg, bdf, (size_t)off, bytes, n) ||
	       wrong(r, "%llu + %zu bytes do not fit into a configuration space", (ull)off, n);
}

static bool on_bar(struct record *r, const json_t *o)
{
	bdf_t bdf;
	uint64_t n, vf, size;
	if (!get_bdf(r, o, "bdf", &bdf) || !get_count(r, o, "n", PCI_BARS, &n) ||
	    !get_count(r, o, "vf", 1, &vf) || !get_hex(r, o, "size", UINT64_MAX, &size))
		return false;
	struct record_fn *f = fn_of(r, bdf);
	if (!f)
		return false;
	if (!f->cfg)
		return wrong(r, "a BAR of " BDF_FMT " before its configuration space", BDF_ARG(bdf));
	if (n == PCI_BARS) /* the ROM, which is not sized here */
		return true;
	return replay_bar(r->cfg, bdf, (unsigned)n, vf, size) ||
	       wrong(r, "BAR %llu of " BDF_FMT " cannot have 0x%llx bytes", (ull)n, BDF_ARG(bdf), (ull)size);
}

static bool on_group(struct record *r, const json_t *o)
{
	const json_t *list = json_object_get(o, "members");
	uint64_t id;
	bdf_t bdf;
	if (!get_count(r, o, "id", UINT32_MAX, &id))
		return false;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));
		if (!text || !read_bdf(text, &bdf))
			return wrong(r, "\"members\" has something that is not a function's name");
	}
	return json_array_size(list) || wrong(r, "\"members\" is not a list of functions");
}

static bool get_route(struct record *r, const json_t *o, const char *offset, const char *stride,
		      struct audit_routing *out)
{
	uint64_t a, b;
	if (!has(o, offset))
		return true;
	if (!get_count(r, o, offset, 0xffff, &a) || !get_count(r, o, stride, 0xffff, &b))
		return false;
	*out = (struct audit_routing){true, (uint16_t)a, (uint16_t)b};
	return true;
}

static bool on_sriov(struct record *r, const json_t *o)
{
	struct audit_sriov *s = &r->in->pf[r->in->pfs];
	const json_t *backed = json_object_get(o, "backed");
	uint64_t total, initial, enabled, num, ari, forwards, pages;
	if (r->in->pfs == AUDIT_PFS)
		return wrong(r, "more than %u functions with SR-IOV", AUDIT_PFS);
	if (!get_bdf(r, o, "bdf", &s->pf) || !get_count(r, o, "total", 0xffff, &total) ||
	    !get_count(r, o, "initial", 0xffff, &initial) || !get_count(r, o, "enabled", 0xffff, &enabled) ||
	    !get_count(r, o, "num", 0xffff, &num) || !get_count(r, o, "ari", 1, &ari) ||
	    !get_count(r, o, "ari_forwards", 1, &forwards) || !get_hex(r, o, "pages", UINT32_MAX, &pages) ||
	    !get_route(r, o, "offset", "stride", &s->routing[0]) ||
	    !get_route(r, o, "ari_offset", "ari_stride", &s->routing[1]))
		return false;
	if (!json_is_integer(backed) || json_integer_value(backed) < -1 ||
	    json_integer_value(backed) > 0xffff)
		return wrong(r, "\"backed\" is not a number of VFs");
	s->total = (uint16_t)total;
	s->initial = (uint16_t)initial;
	s->num = (uint16_t)num;
	s->enabled = enabled != 0;
	s->ari = ari;
	s->ari_forwards = forwards;
	s->page_sizes = (uint32_t)pages;
	s->backed = (int32_t)json_integer_value(backed);
	r->in->pfs++;
	return true;
}

static const char *dir_name(unsigned dir)
{
	return dir ? "write" : "read";
}

static bool on_case(struct record *r, const json_t *o)
{
	struct proof_case *c = &r->in->cases.tried[r->in->cases.n];
	uint8_t dir;
	uint64_t reason = 0, recorded;
	if (r->in->cases.n == CASES_MAX)
		return wrong(r, "more than %u cases", CASES_MAX);
	if (!get_text(r, o, "who", c->who, sizeof(c->who)) ||
	    !get_text(r, o, "what", c->what, sizeof(c->what)) || !get_name(r, o, "dir", dir_name, 2, &dir) ||
	    !get_name(r, o, "verdict", audit_outcome_name, CASE_OUTCOMES, &c->outcome) ||
	    !get_count(r, o, "recorded", 1, &recorded))
		return false;
	if (recorded && (!get_bdf(r, o, "bdf", &c->bdf) || !get_hex(r, o, "iova", UINT64_MAX, &c->iova) ||
			 !get_count(r, o, "reason", 255, &reason)))
		return false;
	c->write = dir;
	c->recorded = (uint8_t)recorded;
	c->reason = (uint8_t)reason;
	r->in->cases.n++;
	return true;
}

static bool on_error(struct record *r, const json_t *o)
{
	struct hardware_error *e = &r->in->errors.error[r->in->errors.n];
	uint64_t n;
	if (r->in->errors.n == HARDWARE_ERRORS)
		return wrong(r, "more than %u errors of the hardware", HARDWARE_ERRORS);
	if (!get_name(r, o, "source", hardware_source_name, HARDWARE_SOURCES, &e->source) ||
	    !get_name(r, o, "grade", hardware_grade_name, HARDWARE_GRADES, &e->grade) ||
	    !get_count(r, o, "count", UINT32_MAX, &n) || !get_text(r, o, "who", e->who, sizeof(e->who)) ||
	    !get_text(r, o, "text", e->text, sizeof(e->text)))
		return false;
	e->count = (uint32_t)n;
	r->in->errors.n++;
	return true;
}

static bool on_finding(struct record *r, const json_t *o)
{
	static const char *const keys[] = {"id", "severity", "kind", "who", "read", "means", "os", "remedy"};
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (!json_is_string(json_object_get(o, keys[i])))
			return wrong(r, "\"%s\" is not a text", keys[i]);
	return true;
}

static bool on_verdict(struct record *r, const json_t *o)
{
	uint64_t v;
	if (!get_count(r, o, "ok", 1, &v) || !get_count(r, o, "errors", 1u << 20, &v) ||
	    !get_count(r, o, "warnings", 1u << 20, &v))
		return false;
	if (!json_is_string(json_object_get(o, "proof")) || !json_is_string(json_object_get(o, "text")))
		return wrong(r, "\"proof\" or \"text\" is not a text");
	return true;
}

/* Drawn and compared by tools/report; nothing is judged by them. */
static bool on_other(struct record *r, const json_t *o)
{
	(void)r;
	(void)o;
	return true;
}

static const struct {
	const char *name;
	bool (*take)(struct record *r, const json_t *o);
} kinds[] = {
	{"run", on_run},        {"table", on_table},   {"mem", on_mem},         {"unit", on_unit},
	{"fn", on_fn},          {"cfg", on_cfg},       {"bar", on_bar},         {"group", on_group},
	{"sriov", on_sriov},    {"case", on_case},     {"finding", on_finding}, {"verdict", on_verdict},
	{"machine", on_other},  {"window", on_other},  {"attach", on_other},    {"domain", on_other},
	{"lat", on_other},      {"missed", on_missed}, {"error", on_error},     {"amd", on_amd},
	{"scalable", on_other}, {"caches", on_other},  {"sva", on_other},
};

bool record_keep(json_t *said[RECORD_SAID], json_t *line)
{
	static const char *const names[RECORD_SAID] = {"group", "sriov", "finding", "verdict"};
	const char *kind = json_string_value(json_object_get(line, "t"));
	for (unsigned i = 0; kind && i < RECORD_SAID; i++)
		if (!strcmp(names[i], kind))
			return json_array_append(said[i], line) == 0;
	return true;
}

static bool on_line(struct record *r, const char *line, size_t n)
{
	json_error_t error;
	if (n > REPORT_LINE)
		return wrong(r, "%zu characters; a report has at most %u in a line", n, REPORT_LINE);
	json_t *o = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
	if (!o)
		return wrong(r, "not JSON: %s (column %d)", error.text, error.column);
	const char *kind = json_string_value(json_object_get(o, "t"));
	bool ok = kind ? true : wrong(r, "no \"t\" says what kind of line it is"), known = false;
	for (size_t i = 0; kind && i < ARRAY_LEN(kinds) && !known; i++)
		if (!strcmp(kinds[i].name, kind)) {
			known = true;
			ok = kinds[i].take(r, o);
		}
	if (ok && !record_keep(r->said, o))
		ok = wrong(r, "out of memory");
	r->unknown += kind && !known;
	json_decref(o);
	return ok;
}

/* ---- the frame ---- */

struct text {
	const char *p;
	size_t n;
};

/* The next line of a log, without its end; false after the last. */
static bool next_line(struct text *rest, struct text *line)
{
	if (!rest->n)
		return false;
	const char *end = memchr(rest->p, '\n', rest->n);
	size_t n = end ? (size_t)(end - rest->p) : rest->n;
	*line = (struct text){rest->p, n};
	rest->p += n + (end != NULL);
	rest->n -= n + (end != NULL);
	while (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return true;
}

static bool starts(struct text line, const char *with)
{
	return line.n >= strlen(with) && !memcmp(line.p, with, strlen(with));
}

/* A line's own characters, with a NUL behind them. */
static const char *line_text(struct text line, char *buf, size_t room)
{
	size_t n = line.n < room - 1 ? line.n : room - 1;
	memcpy(buf, line.p, n);
	buf[n] = 0;
	return buf;
}

/* A line from the words of a marker on. What stands before them, if anything, is a collector's; such a line
 * must end where the marker does, so that a line which only speaks of markers is none. */
static bool marker(struct text line, const char *words, struct text *out)
{
	char buf[120];
	size_t n = strlen(words);
	unsigned a, b;
	for (size_t at = 0; at + n <= line.n; at++) {
		if (memcmp(line.p + at, words, n) != 0)
			continue;
		*out = (struct text){line.p + at, line.n - at};
		int end = 0;
		line_text(*out, buf, sizeof(buf));
		if (sscanf(buf, BEGIN "v=%u%n", &a, &end) != 1)
			(void)sscanf(buf, END "lines=%u crc32=%8x%n", &a, &b, &end);
		return at == 0 || (end && !buf[end]);
	}
	return false;
}

/* A line of the report; false for another. */
static bool report_line(bool prefixed, struct text *line)
{
	static const char first[] = "{\"t\":\"";
	for (size_t at = 0; prefixed && at + sizeof(first) - 1 <= line->n; at++)
		if (!memcmp(line->p + at, first, sizeof(first) - 1)) {
			*line = (struct text){line->p + at, line->n - at};
			return true;
		}
	return !prefixed && starts(*line, "{");
}

struct frame {
	struct text body, end; /* from the line after BEGIN on; the END line */
	unsigned at, end_at;   /* lines of both */
	bool closed, prefixed;
	unsigned begins; /* BEGIN lines in the log */
	struct text begin;
};

/* The last report that has an end; where none has, the last one that begins. */
static bool frame_find(struct record *r, const char *log, size_t n, struct frame *out)
{
	struct text rest = {log, n}, line, mark;
	struct frame f = {0};
	unsigned at = 0;
	bool open = false;
	*out = f;
	while (next_line(&rest, &line)) {
		at++;
		if (marker(line, BEGIN, &mark)) {
			f = (struct frame){.body = rest,
					   .at = at,
					   .begin = mark,
					   .begins = f.begins + 1,
					   .prefixed = mark.n != line.n};
			open = true;
			if (!out->closed)
				*out = f;
		} else if (open && marker(line, END, &mark) && f.prefixed == (mark.n != line.n)) {
			f.body.n = (size_t)(line.p - f.body.p);
			f.end = mark;
			f.end_at = at;
			f.closed = true;
			*out = f;
			open = false;
		}
	}
	r->reports = f.begins;
	r->prefixed = out->prefixed;
	if (!f.begins)
		return wrong(r, "there is no report in it (a line \"" BEGIN "v=1\"); run with json=1");
	if (!out->closed) {
		r->at = out->at;
		return wrong(r, "the report that begins here has no end: the log is cut");
	}
	return true;
}

static bool frame_check(struct record *r, const struct frame *f)
{
	struct text rest = f->body, line;
	char buf[80];
	unsigned version, lines;
	uint32_t want, crc = 0;
	int end = 0;
	r->at = f->at;
	if (sscanf(line_text(f->begin, buf, sizeof(buf)), BEGIN "v=%u%n", &version, &end) != 1 || buf[end])
		return wrong(r, "\"%s\" does not say its version", buf);
	if (version != 1)
		return wrong(r, "version %u of the report is not known here, only 1", version);
	while (next_line(&rest, &line)) {
		if (!report_line(f->prefixed, &line)) {
			r->noise++;
			continue;
		}
		r->lines++;
		crc = record_crc32(crc, line.p, line.n);
		crc = record_crc32(crc, "\n", 1);
	}
	r->at = f->end_at;
	end = 0;
	if (sscanf(line_text(f->end, buf, sizeof(buf)), END "lines=%u crc32=%8x%n", &lines, &want, &end) !=
		    2 ||
	    buf[end])
		return wrong(r, "\"%s\" does not say lines= and crc32=", buf);
	if (lines != r->lines)
		return wrong(r, "the report had %u lines, %u are here", lines, r->lines);
	if (want != crc)
		return wrong(r, "crc32 is %08x, the report had %08x: some byte is not as it was sent", crc,
			     want);
	return true;
}

/* ---- the whole ---- */

static bool complete(struct record *r)
{
	r->at = 0;
	if (!r->run)
		return wrong(r, "there is no \"run\" line");
	for (unsigned i = 0; i < r->in->tables; i++)
		if (r->have[i] != r->in->table[i].data.n)
			return wrong(r, "table %s: %zu of %zu bytes are there", r->in->table[i].sig,
				     r->have[i], r->in->table[i].data.n);
	if (r->in->units && !audit_table(r->in, "DMAR"))
		return wrong(r, "there are registers of %u units, and no DMAR table that names them",
			     r->in->units);
	if (r->in->amds && !audit_table(r->in, "IVRS"))
		return wrong(r, "there are registers of %u AMD units, and no IVRS table that names them",
			     r->in->amds);
	if (r->in->fns && !audit_table(r->in, "MCFG"))
		return wrong(r, "there are %u functions, and no MCFG table that says where", r->in->fns);
	for (unsigned i = 0; i < r->in->fns; i++)
		if (!r->fn[i].cfg)
			return wrong(r, "function " BDF_FMT " has no configuration space",
				     BDF_ARG(r->fn[i].bdf));
	return true;
}

bool record_read(struct record *r, const char *log, size_t n)
{
	struct frame f;
	struct text line;
	memset(r, 0, sizeof(*r));
	r->in = calloc(1, sizeof(*r->in));
	r->mem = calloc(RECORD_MEMS, sizeof(*r->mem));
	r->cfg = replay_new(0, true);
	bool ok = r->in && r->mem && r->cfg;
	for (unsigned i = 0; i < RECORD_SAID; i++)
		ok = (r->said[i] = json_array()) && ok;
	if (!ok)
		return wrong(r, "out of memory");
	r->in->mem = r->mem;
	if (!frame_find(r, log, n, &f) || !frame_check(r, &f))
		return false;
	for (r->at = f.at + 1; next_line(&f.body, &line); r->at++)
		if (report_line(f.prefixed, &line) && !on_line(r, line.p, line.n))
			return false;
	if (!complete(r))
		return false;
	replay_ready(r->cfg);
	return true;
}

void record_free(struct record *r)
{
	for (unsigned i = 0; r->in && i < r->in->tables; i++)
		free((void *)(uintptr_t)r->in->table[i].data.p);
	for (unsigned i = 0; i < RECORD_SAID; i++)
		json_decref(r->said[i]);
	replay_free(r->cfg);
	free(r->mem);
	free(r->in);
}
