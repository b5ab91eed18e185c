#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/dmar/dmar.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

/* ---- tables made by hand ---- */

struct table {
	uint8_t b[1024];
	size_t n;
	size_t open; /* start of the structure that is being written */
};

static void put(struct table *t, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		t->b[t->n++] = (uint8_t)(v >> (8 * i));
}

static void set(struct table *t, size_t off, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		t->b[off + i] = (uint8_t)(v >> (8 * i));
}

static void table_start(struct table *t)
{
	memset(t, 0, sizeof(*t));
	put(t, 0x52414d44, 4); /* DMAR */
	t->n = 36;
	put(t, 38, 1); /* 39 bits */
	put(t, 5, 1);
	t->n = 48;
	set(t, 4, t->n, 4);
}

static void structure(struct table *t, uint16_t type)
{
	t->open = t->n;
	put(t, type, 2);
	put(t, 0, 2);
}

static void structure_end(struct table *t)
{
	set(t, t->open + 2, t->n - t->open, 2);
	set(t, 4, t->n, 4);
}

static void drhd(struct table *t, unsigned flags, uint16_t seg, uint64_t base)
{
	structure(t, 0);
	put(t, flags, 1);
	put(t, 0, 1);
	put(t, seg, 2);
	put(t, base, 8);
}

/* path: device and function of each hop, -1 ends it */
static void scope(struct table *t, unsigned type, unsigned bus, const int *path)
{
	size_t at = t->n;
	put(t, type, 1);
	put(t, 0, 3);
	put(t, 9, 1);
	put(t, bus, 1);
	for (; *path >= 0; path++)
		put(t, (unsigned)*path, 1);
	set(t, at + 1, t->n - at, 1);
}
#define PATH(...) ((const int[]){__VA_ARGS__, -1})

static struct dmar opened(const struct table *t)
{
	struct dmar d;
	assert_int_equal(dmar_open((struct span){t->b, t->n}, &d), SL_OK);
	return d;
}

/* One of everything. */
static void full_table(struct table *t)
{
	table_start(t);
	drhd(t, 0, 0, 0xfed90000);
	scope(t, 1, 0, PATH(2, 0));
	structure_end(t);
	drhd(t, 1, 0, 0xfed91000);
	set(t, t->open + 5, 4, 1); /* 2^4 pages of registers */
	scope(t, 3, 0xf0, PATH(0x1f, 0));
	scope(t, 4, 0, PATH(0x1f, 0));
	structure_end(t);
	structure(t, 1);
	put(t, 0, 2);
	put(t, 0, 2);
	put(t, 0x7a000000, 8);
	put(t, 0x7a00ffff, 8);
	scope(t, 1, 0, PATH(0x14, 0));
	structure_end(t);
	structure(t, 0x4343); /* unknown */
	put(t, 0x1234, 2);
	structure_end(t);
	structure(t, 3);
	put(t, 0, 4);
	put(t, 0xfed91000, 8);
	put(t, 0, 4);
	structure_end(t);
}

static void test_decode(void **state)
{
	(void)state;
	struct table t;
	full_table(&t);
	struct dmar d = opened(&t);
	struct dmar_entry e = {0};
	struct dmar_drhd u;
	struct dmar_rmrr r;
	struct dmar_scope s = {0};
	assert_int_equal(d.haw, 39);
	assert_int_equal(d.flags, DMAR_INTR_REMAP | DMAR_DMA_OPT_IN);
	assert_int_equal(dmar_next(&d, &e), SL_OK);
	assert_int_equal(e.type, DMAR_DRHD);
	assert_int_equal(e.off, 48);
	assert_int_equal(dmar_drhd(&e, &u), SL_OK);
	assert_int_equal(u.base, 0xfed90000);
	assert_int_equal(u.size, 0x1000);
	assert_false(u.include_all);
	assert_int_equal(dmar_scope_next(u.scopes, &s), SL_OK);
	assert_int_equal(s.type, DMAR_SCOPE_ENDPOINT);
	assert_int_equal(s.enum_id, 9);
	assert_int_equal(dmar_scope_hops(&s), 1);
	assert_int_equal(dmar_scope_next(u.scopes, &s), SL_END);
	assert_int_equal(dmar_next(&d, &e), SL_OK);
	assert_int_equal(dmar_drhd(&e, &u), SL_OK);
	assert_int_equal(u.size, 0x10000);
	assert_true(u.include_all);
	assert_int_equal(dmar_next(&d, &e), SL_OK);
	assert_int_equal(dmar_rmrr(&e, &r), SL_OK);
	assert_int_equal(r.base, 0x7a000000);
	assert_int_equal(r.limit, 0x7a00ffff);
	assert_int_equal(dmar_next(&d, &e), SL_OK);
	assert_string_equal(dmar_type_name(e.type), "reserved");
	assert_int_equal(dmar_next(&d, &e), SL_OK);
	assert_string_equal(dmar_type_name(e.type), "RHSA");
	assert_int_equal(dmar_next(&d, &e), SL_END);
	assert_string_equal(dmar_type_name(6), "SIDP");
	assert_string_equal(dmar_scope_name(5), "acpi_namespace");
	assert_string_equal(dmar_scope_name(6), "reserved");
}

static struct dmar_entry entry_of(const uint8_t *p, size_t n)
{
	return (struct dmar_entry){.type = (uint16_t)(p[0] | p[1] << 8), .len = (uint16_t)n, .bytes = {p, n}};
}

/* Bytes typed from the specification; shorter ones are refused. */
static void test_other_structures(void **state)
{
	(void)state;
	static const uint8_t atsr[] = {2, 0, 16, 0, 1, 0, 5, 1, 2, 8, 0, 0, 0, 0, 3, 0};
	static const uint8_t rhsa[] = {3, 0, 20, 0, 0, 0, 0, 0, 0, 0, 0xd9, 0xfe, 1, 0, 0, 0, 7, 0, 1, 0};
	static const uint8_t andd[] = {4, 0, 12, 0, 0, 0, 0, 9, 'A', 'B', 0, 'x'};
	static const uint8_t satc[] = {5, 0, 8, 0, 1, 0, 2, 0};
	static const uint8_t sidp[] = {6, 0, 16, 0, 0, 0, 3, 0, 1, 8, 0x1c, 2, 0, 0, 3, 0};
	static const uint8_t odd[] = {7, 0, 16, 0, 0, 0, 3, 0, 1, 8, 0x1c, 2, 0, 0, 3, 0};
	struct dmar_entry e = entry_of(atsr, sizeof(atsr));
	struct dmar_atsr a;
	struct dmar_rhsa r;
	struct dmar_andd n;
	struct dmar_satc c;
	struct dmar_sidp i;
	struct dmar_scope s = {0};
	struct span scopes;
	uint16_t seg;
	assert_int_equal(dmar_atsr(&e, &a), SL_OK);
	assert_true(a.all_ports && a.seg == 0x105 && a.scopes.n == 8);
	assert_int_equal(dmar_scopes(&e, &seg, &scopes), SL_OK);
	assert_true(seg == 0x105 && scopes.p == atsr + 8);
	e = entry_of(atsr, 7);
	assert_int_equal(dmar_atsr(&e, &a), SL_TRUNC);
	assert_int_equal(dmar_scopes(&e, &seg, &scopes), SL_TRUNC);
	e = entry_of(rhsa, sizeof(rhsa));
	assert_int_equal(dmar_rhsa(&e, &r), SL_OK);
	assert_true(r.base == 0x1fed90000 && r.domain == 0x10007);
	assert_int_equal(dmar_scopes(&e, &seg, &scopes), SL_NOTFOUND);
	e = entry_of(rhsa, 19);
	assert_int_equal(dmar_rhsa(&e, &r), SL_TRUNC);
	e = entry_of(andd, sizeof(andd));
	assert_int_equal(dmar_andd(&e, &n), SL_OK);
	assert_true(n.number == 9 && n.name.n == 2 && n.name.p == andd + 8);
	e = entry_of(andd, 10); /* no NUL */
	assert_int_equal(dmar_andd(&e, &n), SL_OK);
	assert_int_equal(n.name.n, 0);
	e = entry_of(andd, 7);
	assert_int_equal(dmar_andd(&e, &n), SL_TRUNC);
	e = entry_of(satc, sizeof(satc));
	assert_int_equal(dmar_satc(&e, &c), SL_OK);
	assert_true(c.atc_required && c.seg == 2 && !c.scopes.n);
	e = entry_of(satc, 6);
	assert_int_equal(dmar_satc(&e, &c), SL_TRUNC);
	e = entry_of(sidp, sizeof(sidp));
	assert_int_equal(dmar_sidp(&e, &i), SL_OK);
	assert_int_equal(dmar_scope_next(i.scopes, &s), SL_OK);
	assert_int_equal(s.flags, DMAR_SIDP_NO_PGSNP | DMAR_SIDP_HARDENED | DMAR_SIDP_ATC_NEEDED);
	assert_int_equal(s.reserved, 2);
	e = entry_of(sidp, 7);
	assert_int_equal(dmar_sidp(&e, &i), SL_TRUNC);
	e = entry_of(odd, sizeof(odd));
	assert_int_equal(dmar_scopes(&e, &seg, &scopes), SL_NOTFOUND);
}

static bool no_bridge(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	(void)ctx, (void)fn, (void)sec, (void)sub;
	return false;
}

static bdf_t itself(void *ctx, bdf_t fn)
{
	(void)ctx;
	return fn;
}

/* Everything that reads a table, on a copy that ends where the table ends, so that the sanitizer sees one
 * byte too many. */
static enum sl_err read_all(const uint8_t *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);
	struct dmar_topo topo = {NULL, no_bridge, itself};
	struct dmar d;
	struct dmar_entry e = {0};
	memcpy(copy, bytes, n);
	enum sl_err err = dmar_open((struct span){copy, n}, &d);
	for (size_t steps = 0; err == SL_OK; steps++) {
		struct dmar_drhd u = {0};
		struct dmar_rmrr r = {0};
		assert_true(steps <= n);
		err = dmar_next(&d, &e);
		if (err)
			break;
		struct span scopes = {0};
		if (e.type == DMAR_DRHD && dmar_drhd(&e, &u) == SL_OK)
			scopes = u.scopes;
		else if (e.type == DMAR_RMRR && dmar_rmrr(&e, &r) == SL_OK)
			scopes = r.scopes;
		struct dmar_scope s = {0};
		for (size_t k = 0; dmar_scope_next(scopes, &s) == SL_OK; k++) {
			bdf_t at;
			assert_true(k <= scopes.n);
			(void)!dmar_scope_resolve(&topo, 0, &s, &at);
		}
	}
	if (err == SL_END) {
		struct dmar_drhd u;
		(void)!dmar_unit_of(&d, &topo, (bdf_t){0, 0x10}, &u);
	}
	free(copy);
	return err;
}

static void test_cut_everywhere(void **state)
{
	(void)state;
	struct table t;
	full_table(&t);
	assert_int_equal(read_all(t.b, t.n), SL_END);
	for (size_t n = 0; n < t.n; n++) {
		assert_int_equal(read_all(t.b, n), SL_TRUNC); /* shorter than it says */
		struct table cut = t;
		set(&cut, 4, n, 4);
		enum sl_err e = read_all(cut.b, n);
		if (n < 36)
			assert_int_equal(e, SL_TRUNC);
		else
			assert_true(e == SL_TRUNC || e == SL_END);
	}
}

static void test_flip_everything(void **state)
{
	(void)state;
	struct table t;
	full_table(&t);
	for (size_t i = 0; i < t.n; i++)
		for (unsigned v = 0; v < 256; v++) {
			struct table bad = t;
			bad.b[i] = (uint8_t)v;
			(void)read_all(bad.b, bad.n);
		}
}

static void test_bad_lengths(void **state)
{
	(void)state;
	static const struct {
		size_t off;
		unsigned value, bytes;
		enum sl_err want;
	} cases[] = {
		{0, 0x43495041, 4, SL_BADVAL},                        /* another table */
		{4, 47, 4, SL_BADVAL},                                /* shorter than its header */
		{4, 5000, 4, SL_TRUNC},        {50, 0, 2, SL_BADVAL}, /* structure of length 0 */
		{50, 3, 2, SL_BADVAL},         {50, 0xffff, 2, SL_TRUNC},
	};
	struct table t;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		full_table(&t);
		set(&t, cases[i].off, cases[i].value, cases[i].bytes);
		assert_int_equal(read_all(t.b, t.n), cases[i].want);
	}
	/* a DRHD too short for its fields, scopes of length 0, of odd length, too long, without a path */
	static const struct {
		unsigned len;
		enum sl_err want;
	} scopes[] = {{0, SL_BADVAL},
		      {5, SL_BADVAL},
		      {7, SL_BADVAL},
		      {10, SL_TRUNC},
		      {6, SL_TRUNC /* of what then follows */}};
	for (size_t i = 0; i < ARRAY_LEN(scopes); i++) {
		struct dmar_drhd u;
		struct dmar_topo topo = {NULL, no_bridge, itself};
		table_start(&t);
		drhd(&t, 0, 0, 0xfed90000);
		scope(&t, 1, 0, PATH(2, 0));
		structure_end(&t);
		set(&t, 48 + 16 + 1, scopes[i].len, 1);
		struct dmar d = opened(&t);
		assert_int_equal(dmar_unit_of(&d, &topo, (bdf_t){0, 0x10}, &u), scopes[i].want);
	}
	table_start(&t);
	structure(&t, 0);
	put(&t, 0, 8);
	structure_end(&t);
	struct dmar d = opened(&t);
	struct dmar_entry e = {0};
	struct dmar_drhd u;
	assert_int_equal(dmar_next(&d, &e), SL_OK);
	assert_int_equal(dmar_drhd(&e, &u), SL_TRUNC);
}

/* ---- which unit ---- */

struct bridges {
	struct {
		uint16_t rid;
		uint8_t sec, sub;
	} b[8];
	unsigned n;
};

static bool find_bridge(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	const struct bridges *br = ctx;
	for (unsigned i = 0; i < br->n && fn.seg == 0; i++)
		if (br->b[i].rid == fn.rid) {
			*sec = br->b[i].sec;
			*sub = br->b[i].sub;
			return true;
		}
	return false;
}

/* 0a:00.1 and up are virtual functions of 04:00.0. */
static bdf_t pf_of(void *ctx, bdf_t fn)
{
	(void)ctx;
	return fn.rid >> 8 == 0x0a ? (bdf_t){fn.seg, 0x0400} : fn;
}

static struct bridges bridges = {
	.b = {{0x00e0, 2, 5}, /* 00:1c.0: a root port, */
	      {0x0200, 3, 5}, /* 02:00.0: switch below it, */
	      {0x0308, 4, 4}, /* 03:01.0 and 03:02.0: its ports */
	      {0x0310, 5, 5},
	      {0x00e8, 0, 0},  /* 00:1d.0: not set up */
	      {0x00f0, 9, 7}}, /* 00:1e.0: nonsense */
	.n = 6,
};

static enum sl_err unit_base(const struct table *t, unsigned seg, unsigned rid, uint64_t *base)
{
	struct dmar d = opened(t);
	struct dmar_topo topo = {&bridges, find_bridge, pf_of};
	struct dmar_drhd u = {0};
	enum sl_err e = dmar_unit_of(&d, &topo, (bdf_t){(uint16_t)seg, (uint16_t)rid}, &u);
	*base = u.base;
	return e;
}

static void expect_unit(const struct table *t, unsigned seg, unsigned rid, uint64_t want)
{
	uint64_t base;
	assert_int_equal(unit_base(t, seg, rid, &base), want ? SL_OK : SL_NOTFOUND);
	if (want)
		assert_int_equal(base, want);
}

static void units_table(struct table *t, bool include_all)
{
	table_start(t);
	drhd(t, include_all, 0, 0x9000); /* first, and yet last in rank */
	structure_end(t);
	drhd(t, 0, 0, 0x1000);
	scope(t, 1, 0, PATH(2, 0));
	scope(t, 1, 0, PATH(0x1c, 0, 0, 0, 1, 0, 0, 0)); /* 00:1c.0, 02:00.0, 03:01.0, then 04:00.0 */
	structure_end(t);
	drhd(t, 0, 0, 0x2000);
	scope(t, 2, 0, PATH(0x1c, 0)); /* all below the root port */
	structure_end(t);
	drhd(t, 0, 0, 0x3000);
	scope(t, 2, 0, PATH(0x1c, 0, 0, 0, 2, 0)); /* but not below 03:02.0 */
	structure_end(t);
	drhd(t, 0, 0, 0x4000);
	scope(t, 2, 0, PATH(0x1d, 0)); /* bridges without bus numbers claim nothing */
	scope(t, 2, 0, PATH(0x1e, 0));
	scope(t, 1, 0, PATH(0x1d, 0, 2, 0));
	scope(t, 1, 0, PATH(0x1f, 9)); /* no such function number */
	scope(t, 3, 0, PATH(0x1f, 0)); /* I/O APIC: no function */
	structure_end(t);
	drhd(t, 1, 1, 0x5000);
	structure_end(t);
}

static void test_unit_of(void **state)
{
	(void)state;
	struct table t;
	for (unsigned all = 0; all < 2; all++) {
		uint64_t rest = all ? 0x9000 : 0;
		units_table(&t, all);
		expect_unit(&t, 0, 0x0010, 0x1000); /* exact */
		expect_unit(&t, 0, 0x0400, 0x1000); /* exact, over several hops, although below 00:1c.0 too */
		expect_unit(&t, 0, 0x0401, 0x2000); /* its neighbour is not */
		expect_unit(&t, 0, 0x00e0, 0x2000); /* the bridge itself */
		expect_unit(&t, 0, 0x0200, 0x2000);
		expect_unit(&t, 0, 0x0310, 0x3000);
		expect_unit(&t, 0, 0x0500, 0x3000); /* the nearer of two bridges */
		expect_unit(&t, 0, 0x0a01,
			    0x1000); /* a virtual function on another bus: with its physical one */
		expect_unit(&t, 0, 0x0600, rest);
		expect_unit(&t, 0, 0x0011, rest);
		expect_unit(&t, 0, 0x00e8, 0x4000); /* named by a scope, although nothing can be below it */
		expect_unit(&t, 0, 0x0018, rest);
		expect_unit(&t, 0, 0x00f8, rest);
		expect_unit(&t, 0, 0x0800, rest);
		expect_unit(&t, 1, 0x0010, 0x5000); /* the other segment */
		expect_unit(&t, 2, 0x0010, 0);
	}
	uint64_t base;
	units_table(&t, true);
	set(&t, t.open + 2, 0, 2); /* damage in the last structure: nothing is assumed */
	assert_int_equal(unit_base(&t, 0, 0x0010, &base), SL_BADVAL);
}

static void test_covers(void **state)
{
	(void)state;
	static const uint8_t port[] = {2, 8, 0, 0, 0, 0, 0x1c, 0}, same[] = {1, 8, 0, 0, 0, 0, 0x1c, 0};
	struct dmar_topo topo = {&bridges, find_bridge, pf_of};
	struct dmar_scope s = {0};
	assert_int_equal(dmar_scope_next((struct span){port, sizeof(port)}, &s), SL_OK);
	assert_true(dmar_scope_covers(&topo, 0, &s, (bdf_t){0, 0x00e0}));
	assert_true(dmar_scope_covers(&topo, 0, &s, (bdf_t){0, 0x0200}));
	assert_true(dmar_scope_covers(&topo, 0, &s, (bdf_t){0, 0x05ff}));
	assert_false(dmar_scope_covers(&topo, 0, &s, (bdf_t){0, 0x0600}));
	assert_false(dmar_scope_covers(&topo, 0, &s, (bdf_t){0, 0x01ff}));
	assert_false(dmar_scope_covers(&topo, 0, &s, (bdf_t){1, 0x0200}));
	s = (struct dmar_scope){0};
	assert_int_equal(dmar_scope_next((struct span){same, sizeof(same)}, &s), SL_OK);
	assert_true(dmar_scope_covers(&topo, 0, &s, (bdf_t){0, 0x00e0}));
	assert_false(dmar_scope_covers(&topo, 0, &s, (bdf_t){0, 0x0200}));
}

/* ---- real tables, against a decoding made by others ---- */

#define MAX_SCOPES 64

struct want_scope {
	unsigned long type, enum_id, bus, flags, reserved, hops[16];
	unsigned hop_count;
};
struct want {
	unsigned long long offset, type, length, segment, base, limit, size_field;
	unsigned long long number; /* proximity domain, ACPI device number */
	char name[64];
	bool include_all, flag, malformed;
	struct want_scope scope[MAX_SCOPES];
	unsigned scopes;
};
struct expected {
	unsigned long haw, flags;
	struct want s[128];
	unsigned n;
};

/* The files have one value a line and a space of indentation a level: 1 table, 3 structure, 5 scope, 8 and
 * more number of a path. */
static void read_line(struct expected *x, const char *line)
{
	size_t indent = strspn(line, " ");
	char key[64] = "";
	const char *value = strstr(line, "\": ");
	struct want *s = x->n ? &x->s[x->n - 1] : NULL;
	struct want_scope *sc = s && s->scopes ? &s->scope[s->scopes - 1] : NULL;
	if (!value) {
		if (indent >= 7 && sc && line[indent] >= '0' && line[indent] <= '9')
			sc->hops[sc->hop_count++] = strtoul(line + indent, NULL, 10);
		return;
	}
	snprintf(key, sizeof(key), "%.*s", (int)(value - line - (long)indent - 1), line + indent + 1);
	value += value[3] == '"' ? 4 : 3;
	unsigned long long v = strtoull(value, NULL, 0);
	bool yes = strncmp(value, "true", 4) == 0;
	if (indent == 1 && !strcmp(key, "host_address_width"))
		x->haw = (unsigned long)v;
	if (indent == 1 && !strcmp(key, "flags_raw"))
		x->flags = (unsigned long)v;
	if (indent == 3 && !strcmp(key, "offset"))
		x->s[x->n++].offset = v;
	if (indent == 5 && !strcmp(key, "offset"))
		s->scopes++;
	if (indent == 3 && s) {
		s->type = !strcmp(key, "type") ? v : s->type;
		s->length = !strcmp(key, "length") ? v : s->length;
		s->segment = !strcmp(key, "segment") ? v : s->segment;
		s->base = !strcmp(key, "register_base") || !strcmp(key, "base") ? v : s->base;
		s->limit = !strcmp(key, "limit") ? v : s->limit;
		s->size_field = !strcmp(key, "size_field") ? v : s->size_field;
		s->include_all = !strcmp(key, "include_pci_all") ? yes : s->include_all;
		s->flag = !strcmp(key, "all_ports") || !strcmp(key, "atc_required") ? yes : s->flag;
		if (!strcmp(key, "proximity_domain") || !strcmp(key, "acpi_device_number"))
			s->number = v;
		if (!strcmp(key, "object_name")) /* a backslash stands there twice */
			snprintf(s->name, sizeof(s->name), "%.*s", (int)strcspn(value + 1, "\""), value + 1);
		s->malformed = !strcmp(key, "malformed") || s->malformed;
	}
	if (indent == 5 && sc) {
		sc->type = !strcmp(key, "type") ? (unsigned long)v : sc->type;
		sc->enum_id = !strcmp(key, "enum_id") ? (unsigned long)v : sc->enum_id;
		sc->flags = !strcmp(key, "flags") ? (unsigned long)v : sc->flags;
		sc->reserved = !strcmp(key, "reserved") ? (unsigned long)v : sc->reserved;
		sc->bus = !strcmp(key, "bus") ? (unsigned long)v : sc->bus;
	}
}

static void compare_scopes(const struct want *w, struct span scopes)
{
	struct dmar_scope s = {0};
	for (unsigned i = 0; i < w->scopes; i++) {
		assert_int_equal(dmar_scope_next(scopes, &s), SL_OK);
		assert_int_equal(s.type, w->scope[i].type);
		assert_int_equal(s.enum_id, w->scope[i].enum_id);
		assert_int_equal(s.bus, w->scope[i].bus);
		assert_int_equal(s.flags, w->scope[i].flags);
		assert_int_equal(s.reserved, w->scope[i].reserved);
		assert_int_equal(2 * dmar_scope_hops(&s), w->scope[i].hop_count);
		for (unsigned k = 0; k < dmar_scope_hops(&s); k++) {
			uint8_t dev, fn;
			dmar_scope_hop(&s, k, &dev, &fn);
			assert_int_equal(dev, w->scope[i].hops[2 * k]);
			assert_int_equal(fn, w->scope[i].hops[2 * k + 1]);
		}
	}
	assert_int_equal(dmar_scope_next(scopes, &s), SL_END);
}

static void compare_others(const struct want *w, const struct dmar_entry *e)
{
	struct dmar_atsr atsr;
	struct dmar_rhsa rhsa;
	struct dmar_andd andd;
	struct dmar_satc satc;
	struct dmar_sidp sidp;
	uint16_t seg;
	struct span scopes;
	if (dmar_atsr(e, &atsr) == SL_OK && e->type == DMAR_ATSR) {
		assert_int_equal(atsr.seg, w->segment);
		assert_int_equal(atsr.all_ports, w->flag);
		compare_scopes(w, atsr.scopes);
	}
	if (e->type == DMAR_RHSA) {
		assert_int_equal(dmar_rhsa(e, &rhsa), SL_OK);
		assert_int_equal(rhsa.base, w->base);
		assert_int_equal(rhsa.domain, w->number);
	}
	if (e->type == DMAR_ANDD) {
		assert_int_equal(dmar_andd(e, &andd), SL_OK);
		assert_int_equal(andd.number, w->number);
		assert_int_equal(andd.name.n, strlen(w->name));
		assert_memory_equal(andd.name.p, w->name, andd.name.n);
	}
	if (e->type == DMAR_SATC) {
		assert_int_equal(dmar_satc(e, &satc), SL_OK);
		assert_int_equal(satc.seg, w->segment);
		assert_int_equal(satc.atc_required, w->flag);
		compare_scopes(w, satc.scopes);
	}
	if (e->type == DMAR_SIDP) {
		assert_int_equal(dmar_sidp(e, &sidp), SL_OK);
		assert_int_equal(sidp.seg, w->segment);
		compare_scopes(w, sidp.scopes);
	}
	enum sl_err err = dmar_scopes(e, &seg, &scopes);
	assert_int_equal(err, e->type == DMAR_RHSA || e->type == DMAR_ANDD ? SL_NOTFOUND : SL_OK);
	if (!err) {
		assert_int_equal(seg, w->segment);
		compare_scopes(w, scopes);
	}
}

static void compare(const struct expected *x, struct span table)
{
	struct dmar d;
	struct dmar_entry e = {0};
	assert_int_equal(dmar_open(table, &d), SL_OK);
	assert_int_equal(d.haw, x->haw);
	assert_int_equal(d.flags, x->flags);
	for (unsigned i = 0; i < x->n; i++) {
		const struct want *w = &x->s[i];
		struct dmar_drhd u;
		struct dmar_rmrr r;
		if (w->malformed) {
			assert_int_equal(e.next, w->offset);
			assert_int_equal(dmar_next(&d, &e), SL_TRUNC);
			return;
		}
		assert_int_equal(dmar_next(&d, &e), SL_OK);
		assert_int_equal(e.off, w->offset);
		assert_int_equal(e.type, w->type);
		assert_int_equal(e.len, w->length);
		if (e.type == DMAR_DRHD) {
			assert_int_equal(dmar_drhd(&e, &u), SL_OK);
			assert_int_equal(u.base, w->base);
			assert_int_equal(u.seg, w->segment);
			assert_int_equal(u.include_all, w->include_all);
			assert_int_equal(u.size, 0x1000ull << w->size_field);
			compare_scopes(w, u.scopes);
		}
		if (e.type == DMAR_RMRR) {
			assert_int_equal(dmar_rmrr(&e, &r), SL_OK);
			assert_int_equal(r.base, w->base);
			assert_int_equal(r.limit, w->limit);
			assert_int_equal(r.seg, w->segment);
			compare_scopes(w, r.scopes);
		}
		compare_others(w, &e);
	}
	assert_int_equal(dmar_next(&d, &e), SL_END);
}

static void compare_file(const char *dir, const char *name)
{
	char path[1024], line[512];
	static uint8_t bytes[65536];
	static struct expected x;
	memset(&x, 0, sizeof(x));
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	size_t n = fread(bytes, 1, sizeof(bytes), f);
	fclose(f);
	snprintf(path, sizeof(path), "%s/%.*s.expect.json", dir, (int)(strlen(name) - 4), name);
	f = fopen(path, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f))
		read_line(&x, line);
	fclose(f);
	assert_true(x.n > 0);
	compare(&x, (struct span){bytes, n});
	for (size_t cut = 0; cut < n; cut += 7)
		(void)read_all(bytes, cut);
}

static void test_real_tables(void **state)
{
	(void)state;
	const char *dir = support_data("dmar");
	unsigned tables = 0;
	for (const char *name; (name = support_next(dir));) {
		if (!support_ends(name, ".dat"))
			continue;
		compare_file(dir, name);
		tables++;
	}
	printf("real DMAR tables: %u compared\n", tables);
	assert_true(tables > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_decode),           cmocka_unit_test(test_cut_everywhere),
		cmocka_unit_test(test_flip_everything),  cmocka_unit_test(test_bad_lengths),
		cmocka_unit_test(test_unit_of),          cmocka_unit_test(test_real_tables),
		cmocka_unit_test(test_other_structures), cmocka_unit_test(test_covers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
