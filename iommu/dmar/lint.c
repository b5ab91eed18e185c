#include "iommu/dmar/lint.h"
#include "kernel/msi.h"

#define OFF_LENGTH  4
#define OFF_STRUCTS 48
#define TABLE_MAX   65536u
#define HUGE_RMRR   (512ull << 20)
#define PAGE        0x1000ull

#define LATE_SEGMENTS 8u /* further ones are reported with each of their units */

struct lint {
	struct dmar t;
	const struct table_facts *known;
	table_finding_fn *each;
	void *ctx;
	unsigned count;
	bool damaged;                 /* not everything could be read */
	uint16_t late[LATE_SEGMENTS]; /* segments with INCLUDE_ALL_NOT_LAST reported */
	unsigned lates;
};

/* ---- reporting ---- */

static void tell(struct lint *l, struct table_finding f)
{
	f.rules = &dmar_rules;
	l->count++;
	if (l->each)
		l->each(l->ctx, &f);
}

static void tell_header(struct lint *l, enum dmar_rule rule, uint64_t value)
{
	tell(l, (struct table_finding){
			.rule = rule, .bytes = span_sub(l->t.bytes, 0, OFF_STRUCTS), .value = value});
}

static void tell_entry(struct lint *l, enum dmar_rule rule, const struct dmar_entry *e, uint64_t value)
{
	tell(l, (struct table_finding){
			.rule = rule, .off = e->off, .bytes = e->bytes, .value = value, .value2 = e->len});
}

/* ---- walking: a scope with its place ---- */

struct place {
	struct dmar_entry e;
	struct span list;
	struct dmar_scope s;
	uint16_t seg;
};

/* The next scope of the structure p->e; p->s is zeroed to start. */
static bool scope_next(struct place *p)
{
	return dmar_scopes(&p->e, &p->seg, &p->list) == SL_OK && dmar_scope_next(p->list, &p->s) == SL_OK;
}

/* The next scope of the table. */
static bool place_next(const struct lint *l, struct place *p)
{
	for (;;) {
		if (p->e.next && scope_next(p))
			return true;
		p->s = (struct dmar_scope){0};
		if (dmar_next(&l->t, &p->e) != SL_OK)
			return false;
	}
}

static size_t scope_off(const struct place *p)
{
	return p->e.off + (size_t)(p->list.p - p->e.bytes.p) + p->s.off;
}

static void tell_scope(struct lint *l, enum dmar_rule rule, const struct place *p, uint64_t value)
{
	struct table_finding f = {
		.rule = rule,
		.off = scope_off(p),
		.bytes = span_sub(p->list, p->s.off, p->s.len),
		.value = value,
	};
	if (l->known->topo && (p->s.type == DMAR_SCOPE_ENDPOINT || p->s.type == DMAR_SCOPE_BRIDGE))
		f.has_fn = dmar_scope_resolve(l->known->topo, p->seg, &p->s, &f.fn) == SL_OK;
	tell(l, f);
}

/* The next DRHD that is long enough. */
static bool drhd_next(const struct lint *l, struct dmar_entry *e, struct dmar_drhd *d)
{
	while (dmar_next(&l->t, e) == SL_OK)
		if (e->type == DMAR_DRHD && dmar_drhd(e, d) == SL_OK)
			return true;
	return false;
}

/* ---- header: VT-d §8.1 ---- */

static void check_header(struct lint *l)
{
	uint8_t flags = l->t.flags;
	if (l->t.haw < 32 || l->t.haw > 52)
		tell_header(l, DMAR_RULE_HAW_INVALID, l->t.haw);
	else if (l->known->phys_bits && l->t.haw > l->known->phys_bits)
		tell_header(l, DMAR_RULE_HAW_OVER_PHYS, l->t.haw);
	if (flags & ~(DMAR_INTR_REMAP | DMAR_X2APIC_OPT_OUT | DMAR_DMA_OPT_IN))
		tell_header(l, DMAR_RULE_FLAGS_RESERVED, flags);
	if (span_u64(l->t.bytes, 38) | span_u16(l->t.bytes, 46))
		tell_header(l, DMAR_RULE_HEADER_RESERVED, 0);
	if (!(flags & DMAR_INTR_REMAP))
		tell_header(l, DMAR_RULE_INTR_REMAP_OFF, 0);
	if (flags & DMAR_X2APIC_OPT_OUT)
		tell_header(l,
			    flags & DMAR_INTR_REMAP ? DMAR_RULE_X2APIC_OPT_OUT : DMAR_RULE_X2APIC_WITHOUT_IR,
			    0);
}

/* As dmar_open(), but the present part of a truncated table is still examined. */
static bool open_table(struct lint *l, struct span table)
{
	uint32_t len = span_u32(table, OFF_LENGTH);
	uint8_t sum = 0;
	struct span all = span_sub(table, 0, len);
	l->t.bytes = span_sub(all, 0, TABLE_MAX);
	if (!span_has(table, 0, OFF_STRUCTS) || span_u32(table, 0) != 0x52414d44 || len < OFF_STRUCTS) {
		tell_header(l, DMAR_RULE_TABLE_HEADER, 0);
		return false;
	}
	l->t.haw = (uint8_t)(span_u8(table, 36) + 1);
	l->t.flags = span_u8(table, 37);
	if (len != table.n)
		tell_header(l, DMAR_RULE_LENGTH_MISMATCH, len);
	for (size_t i = 0; i < all.n; i++)
		sum = (uint8_t)(sum + all.p[i]);
	if (sum && all.n == len)
		tell_header(l, DMAR_RULE_CHECKSUM_BAD, sum);
	if (all.n > TABLE_MAX)
		tell_header(l, DMAR_RULE_TABLE_HUGE, len);
	l->damaged = all.n != len || all.n > TABLE_MAX;
	return true;
}

/* ---- DRHD: VT-d §8.3 ---- */

static bool base_invalid(uint64_t base)
{
	return base == 0 || base == UINT64_MAX;
}

static bool beyond_haw(const struct lint *l, uint64_t addr)
{
	return l->t.haw >= 32 && l->t.haw <= 52 && addr >> l->t.haw;
}

static void check_drhd_base(struct lint *l, const struct dmar_entry *e, const struct dmar_drhd *d)
{
	if (base_invalid(d->base)) {
		tell_entry(l, DMAR_RULE_DRHD_BASE_INVALID, e, d->base);
		return;
	}
	if (!IS_ALIGNED(d->base, PAGE))
		tell_entry(l, DMAR_RULE_DRHD_BASE_UNALIGNED, e, d->base);
	if (beyond_haw(l, d->base))
		tell_entry(l, DMAR_RULE_DRHD_BASE_BEYOND, e, d->base);
	if (l->known->memory && table_memory_kinds(l->known, d->base, d->base).ram)
		tell_entry(l, DMAR_RULE_DRHD_IN_RAM, e, d->base);
}

static bool same_target(const struct place *a, const struct place *b)
{
	if (a->s.type != b->s.type || a->seg != b->seg || a->s.bus != b->s.bus || a->s.path.n != b->s.path.n)
		return false;
	if (a->s.type > DMAR_SCOPE_BRIDGE && a->s.enum_id != b->s.enum_id)
		return false;
	for (size_t i = 0; i < a->s.path.n; i++)
		if (a->s.path.p[i] != b->s.path.p[i])
			return false;
	return true;
}

static bool has_scope(const struct dmar_drhd *d, const struct dmar_scope *s)
{
	struct place mine = {.seg = d->seg, .s = *s}, other = {.seg = d->seg};
	while (dmar_scope_next(d->scopes, &other.s) == SL_OK)
		if (same_target(&mine, &other))
			return true;
	return false;
}

/* The same unit again, with a second entry that covers nothing more than the first. */
static bool repeats(const struct dmar_drhd *d, const struct dmar_drhd *first)
{
	struct dmar_scope s = {0};
	if (base_invalid(d->base) || d->base != first->base || d->seg != first->seg ||
	    (d->include_all && !first->include_all))
		return false;
	while (dmar_scope_next(d->scopes, &s) == SL_OK)
		if (!has_scope(first, &s))
			return false;
	return true;
}

static bool listed_before(const struct lint *l, const struct dmar_drhd *d)
{
	struct dmar_entry was = {0};
	struct dmar_drhd o;
	while (drhd_next(l, &was, &o) && o.off < d->off)
		if (repeats(d, &o))
			return true;
	return false;
}

/* Units of the segment behind the one that covers the rest, from e on. Their number for the first of them; 0
 * for the others. */
static unsigned come_late(struct lint *l, const struct dmar_entry *e, uint16_t seg)
{
	struct dmar_entry at = {0};
	struct dmar_drhd o;
	unsigned n = 0;
	for (unsigned i = 0; i < l->lates; i++)
		if (l->late[i] == seg)
			return 0;
	if (l->lates < LATE_SEGMENTS)
		l->late[l->lates++] = seg;
	while (drhd_next(l, &at, &o))
		n += o.off >= e->off && o.seg == seg && !o.include_all;
	return n;
}

/* Against every unit before it. */
static void check_drhd_pairs(struct lint *l, const struct dmar_entry *e, const struct dmar_drhd *d)
{
	struct dmar_entry was = {0};
	struct dmar_drhd o;
	bool overlap = false, after_all = false;
	if (listed_before(l, d)) {
		tell_entry(l, DMAR_RULE_DRHD_TWICE, e, d->base);
		return;
	}
	while (drhd_next(l, &was, &o) && o.off < d->off) {
		overlap |= !base_invalid(d->base) && !base_invalid(o.base) && d->base - o.base < o.size;
		overlap |= !base_invalid(d->base) && !base_invalid(o.base) && o.base - d->base < d->size;
		after_all |= o.include_all && o.seg == d->seg;
	}
	if (overlap)
		tell_entry(l, DMAR_RULE_DRHD_OVERLAP, e, d->base);
	unsigned late = after_all && !d->include_all ? come_late(l, e, d->seg) : 0;
	if (after_all && d->include_all)
		tell_entry(l, DMAR_RULE_INCLUDE_ALL_TWICE, e, 0);
	else if (late)
		tell_entry(l, DMAR_RULE_INCLUDE_ALL_NOT_LAST, e, late);
}

static void check_drhd(struct lint *l, const struct dmar_entry *e, const struct dmar_drhd *d)
{
	struct dmar_scope s = {0};
	bool functions = false;
	unsigned reserved = span_u16(e->bytes, 4) & 0xf0fe; /* of Flags and Size: VT-d §8.3 */
	check_drhd_base(l, e, d);
	check_drhd_pairs(l, e, d);
	if (reserved)
		tell_entry(l, DMAR_RULE_DRHD_RESERVED, e, reserved);
	if (!d->include_all && !d->scopes.n)
		tell_entry(l, DMAR_RULE_DRHD_NO_SCOPE, e, 0);
	while (dmar_scope_next(d->scopes, &s) == SL_OK)
		functions |= s.type == DMAR_SCOPE_ENDPOINT || s.type == DMAR_SCOPE_BRIDGE;
	if (d->include_all && functions)
		tell_entry(l, DMAR_RULE_INCLUDE_ALL_SCOPE, e, 0);
}

/* Every segment with units has one for the rest. */
static void check_include_all(struct lint *l)
{
	struct dmar_entry e = {0};
	struct dmar_drhd d, o;
	unsigned units = 0;
	while (drhd_next(l, &e, &d)) {
		struct dmar_entry other = {0};
		bool first = true, all = false;
		units++;
		while (drhd_next(l, &other, &o)) {
			first &= o.off >= d.off || o.seg != d.seg;
			all |= o.include_all && o.seg == d.seg;
		}
		if (first && !all)
			tell_header(l, DMAR_RULE_NO_INCLUDE_ALL, d.seg);
	}
	if (!units)
		tell_header(l, DMAR_RULE_NO_DRHD, 0);
}

/* ---- RMRR: VT-d §8.4 ---- */

static void check_rmrr_memory(struct lint *l, const struct dmar_entry *e, const struct dmar_rmrr *r)
{
	struct table_memory_kinds k = table_memory_kinds(l->known, r->base, r->limit);
	if (k.ram)
		tell_entry(l, DMAR_RULE_RMRR_IN_RAM, e, r->base);
	else if (k.other)
		tell_entry(l, DMAR_RULE_RMRR_NOT_RESERVED, e, r->base);
}

static void check_rmrr_pairs(struct lint *l, const struct dmar_entry *e, const struct dmar_rmrr *r)
{
	struct dmar_entry was = {0};
	struct dmar_rmrr o;
	while (dmar_next(&l->t, &was) == SL_OK && was.off < e->off)
		if (was.type == DMAR_RMRR && dmar_rmrr(&was, &o) == SL_OK && o.limit > o.base &&
		    o.base <= r->limit && r->base <= o.limit) {
			tell_entry(l, DMAR_RULE_RMRR_OVERLAP, e, r->base);
			return;
		}
}

static void check_rmrr(struct lint *l, const struct dmar_entry *e, const struct dmar_rmrr *r)
{
	if (!r->scopes.n)
		tell_entry(l, DMAR_RULE_RMRR_NO_SCOPE, e, 0);
	if (!IS_ALIGNED(r->base, PAGE))
		tell_entry(l, DMAR_RULE_RMRR_BASE_UNALIGNED, e, r->base);
	if (!IS_ALIGNED(r->limit + 1, PAGE))
		tell_entry(l, DMAR_RULE_RMRR_LIMIT_UNALIGNED, e, r->limit);
	if (!r->base && !r->limit) {
		tell_entry(l, DMAR_RULE_RMRR_ZERO, e, 0);
		return;
	}
	if (r->limit <= r->base) {
		tell_entry(l, DMAR_RULE_RMRR_REVERSED, e, r->limit);
		return;
	}
	if (r->limit - r->base >= HUGE_RMRR - 1)
		tell_entry(l, DMAR_RULE_RMRR_HUGE, e, r->limit - r->base + 1);
	if (beyond_haw(l, r->limit))
		tell_entry(l, DMAR_RULE_RMRR_BEYOND, e, r->limit);
	if (r->base < MSI_WINDOW_END && r->limit >= MSI_WINDOW)
		tell_entry(l, DMAR_RULE_RMRR_MSI, e, r->base);
	check_rmrr_pairs(l, e, r);
	if (l->known->memory)
		check_rmrr_memory(l, e, r);
}

/* ---- RHSA and ANDD: VT-d §8.6, §8.7 ---- */

static void check_rhsa(struct lint *l, const struct dmar_entry *e, const struct dmar_rhsa *r)
{
	struct dmar_entry at = {0};
	struct dmar_drhd d;
	struct dmar_rhsa o;
	bool unit = false, twice = false;
	while (drhd_next(l, &at, &d))
		unit |= d.base == r->base;
	at = (struct dmar_entry){0};
	while (dmar_next(&l->t, &at) == SL_OK && at.off < e->off)
		twice |= at.type == DMAR_RHSA && dmar_rhsa(&at, &o) == SL_OK && o.base == r->base;
	if (!unit && !l->damaged)
		tell_entry(l, DMAR_RULE_RHSA_NO_DRHD, e, r->base);
	if (twice)
		tell_entry(l, DMAR_RULE_RHSA_TWICE, e, r->base);
}

static bool scope_with(const struct lint *l, uint8_t type, uint8_t id)
{
	struct place p = {0};
	while (place_next(l, &p))
		if (p.e.type == DMAR_DRHD && p.s.type == type && p.s.enum_id == id)
			return true;
	return false;
}

static void check_andd(struct lint *l, const struct dmar_entry *e, const struct dmar_andd *a)
{
	if (!a->name.n)
		tell_entry(l, DMAR_RULE_ANDD_NAME, e, 0);
	if (!l->damaged && !scope_with(l, DMAR_SCOPE_NAMESPACE, a->number))
		tell_entry(l, DMAR_RULE_ANDD_NO_SCOPE, e, a->number);
}

static bool andd_with(const struct lint *l, uint8_t number)
{
	struct dmar_entry e = {0};
	struct dmar_andd a;
	while (dmar_next(&l->t, &e) == SL_OK)
		if (e.type == DMAR_ANDD && dmar_andd(&e, &a) == SL_OK && a.number == number)
			return true;
	return false;
}

/* ---- scopes: VT-d §8.3.1 ---- */

static bool scope_allowed(uint16_t entry, uint8_t scope)
{
	static const uint8_t allowed[] = {
		[DMAR_DRHD] = 0x3e, [DMAR_RMRR] = 0x06, [DMAR_ATSR] = 0x04,
		[DMAR_SATC] = 0x02, [DMAR_SIDP] = 0x02,
	};
	return allowed[entry] >> scope & 1;
}

static bool path_ok(const struct dmar_scope *s)
{
	unsigned hops = dmar_scope_hops(s);
	for (unsigned i = 0; i < hops; i++) {
		uint8_t dev, fn;
		dmar_scope_hop(s, i, &dev, &fn);
		if (dev > 31 || fn > 7)
			return false;
	}
	return hops || s->type == DMAR_SCOPE_NAMESPACE;
}

static void check_scope_function(struct lint *l, const struct place *p)
{
	bdf_t fn;
	uint8_t sec, sub;
	if (p->s.type != DMAR_SCOPE_ENDPOINT && p->s.type != DMAR_SCOPE_BRIDGE)
		return;
	if (dmar_scope_resolve(l->known->topo, p->seg, &p->s, &fn) != SL_OK) {
		tell_scope(l, DMAR_RULE_SCOPE_NO_BRIDGE, p, 0);
		return;
	}
	if (!table_functions_find(l->known->functions, fn, NULL)) {
		tell_scope(l, DMAR_RULE_SCOPE_ABSENT, p, 0);
		return;
	}
	bool bridge = l->known->topo->bridge(l->known->topo->ctx, fn, &sec, &sub);
	if (bridge != (p->s.type == DMAR_SCOPE_BRIDGE))
		tell_scope(l, DMAR_RULE_SCOPE_KIND, p, p->s.type);
}

/* A DRHD's scope against those of the units before it; a unit that is listed twice does not count twice. */
static bool scope_taken(const struct lint *l, const struct place *p)
{
	struct place was = {0};
	struct dmar_drhd d;
	if (dmar_drhd(&p->e, &d) != SL_OK || listed_before(l, &d))
		return false;
	while (place_next(l, &was) && was.e.off < p->e.off)
		if (was.e.type == DMAR_DRHD && same_target(&was, p))
			return true;
	return false;
}

static void check_scope(struct lint *l, const struct place *p)
{
	const struct dmar_scope *s = &p->s;
	if (s->reserved || (s->flags && p->e.type != DMAR_SIDP))
		tell_scope(l, DMAR_RULE_SCOPE_RESERVED, p, 0);
	if (s->type < DMAR_SCOPE_ENDPOINT || s->type > DMAR_SCOPE_NAMESPACE) {
		tell_scope(l, DMAR_RULE_SCOPE_TYPE, p, s->type);
		return;
	}
	if (!scope_allowed(p->e.type, s->type))
		tell_scope(l, DMAR_RULE_SCOPE_MISPLACED, p, s->type);
	if (p->e.type == DMAR_DRHD && scope_taken(l, p))
		tell_scope(l, DMAR_RULE_SCOPE_DUPLICATE, p, 0);
	if (s->type == DMAR_SCOPE_IOAPIC && l->known->ioapics_known && !l->known->ioapic[s->enum_id])
		tell_scope(l, DMAR_RULE_SCOPE_WITHOUT_IOAPIC, p, s->enum_id);
	if (s->type == DMAR_SCOPE_NAMESPACE && !l->damaged && !andd_with(l, s->enum_id))
		tell_scope(l, DMAR_RULE_SCOPE_NO_ANDD, p, s->enum_id);
	if (!path_ok(s))
		tell_scope(l, DMAR_RULE_SCOPE_PATH, p, 0);
	else if (l->known->topo && l->known->functions)
		check_scope_function(l, p);
}

static void check_scopes(struct lint *l, const struct dmar_entry *e)
{
	struct place p = {.e = *e};
	struct dmar_entry unit = {0};
	struct dmar_drhd d;
	bool known = false;
	if (dmar_scopes(e, &p.seg, &p.list) != SL_OK)
		return;
	while (dmar_scope_next(p.list, &p.s) == SL_OK)
		check_scope(l, &p);
	if (p.s.next != p.list.n) { /* where the rest of the list cannot be read */
		p.s.off = p.s.next;
		p.s.len = 6;
		p.s.type = 0;
		tell_scope(l, DMAR_RULE_SCOPE_LENGTH, &p, span_u8(p.list, p.s.off + 1));
	}
	while (drhd_next(l, &unit, &d))
		known |= d.seg == p.seg;
	if (!known && !l->damaged)
		tell_entry(l, DMAR_RULE_SEGMENT_WITHOUT_DRHD, e, p.seg);
}

/* Only a machine that remaps interrupts needs it (VT-d §8.3.1.1). */
static void check_ioapics(struct lint *l)
{
	if (!l->known->ioapics_known || !(l->t.flags & DMAR_INTR_REMAP))
		return;
	for (unsigned id = 0; id < 256; id++)
		if (l->known->ioapic[id] && !scope_with(l, DMAR_SCOPE_IOAPIC, (uint8_t)id))
			tell_header(l, DMAR_RULE_IOAPIC_WITHOUT_SCOPE, id);
}

/* ---- all structures ---- */

static enum sl_err check_kind(struct lint *l, const struct dmar_entry *e)
{
	struct dmar_drhd drhd;
	struct dmar_rmrr rmrr;
	struct dmar_atsr atsr;
	struct dmar_rhsa rhsa;
	struct dmar_andd andd;
	struct dmar_satc satc;
	struct dmar_sidp sidp;
	enum sl_err err = SL_OK;
	switch (e->type) {
	case DMAR_DRHD:
		if ((err = dmar_drhd(e, &drhd)) == SL_OK)
			check_drhd(l, e, &drhd);
		break;
	case DMAR_RMRR:
		if ((err = dmar_rmrr(e, &rmrr)) == SL_OK)
			check_rmrr(l, e, &rmrr);
		break;
	case DMAR_ATSR:
		if ((err = dmar_atsr(e, &atsr)) == SL_OK && atsr.all_ports && atsr.scopes.n)
			tell_entry(l, DMAR_RULE_ATSR_ALL_SCOPE, e, 0);
		break;
	case DMAR_RHSA:
		if ((err = dmar_rhsa(e, &rhsa)) == SL_OK)
			check_rhsa(l, e, &rhsa);
		break;
	case DMAR_ANDD:
		if ((err = dmar_andd(e, &andd)) == SL_OK)
			check_andd(l, e, &andd);
		break;
	case DMAR_SATC:
		err = dmar_satc(e, &satc);
		break;
	case DMAR_SIDP:
		err = dmar_sidp(e, &sidp);
		break;
	default:
		tell_entry(l, DMAR_RULE_STRUCT_UNKNOWN, e, e->type);
	}
	return err;
}

/* Finds damage first, as other rules depend on it. */
static void look_for_damage(struct lint *l)
{
	struct dmar_entry e = {0};
	enum sl_err err;
	while ((err = dmar_next(&l->t, &e)) == SL_OK) {
		struct place p = {.e = e};
		while (scope_next(&p))
			;
		l->damaged |= p.s.next != p.list.n;
	}
	if (err == SL_END)
		return;
	size_t at = e.next ? e.next : OFF_STRUCTS;
	l->damaged = true;
	tell(l, (struct table_finding){.rule = DMAR_RULE_STRUCT_LENGTH,
				       .off = at,
				       .bytes = span_sub(l->t.bytes, at, SIZE_MAX),
				       .value = span_u16(l->t.bytes, at),
				       .value2 = span_u16(l->t.bytes, at + 2)});
}

unsigned dmar_lint(struct span table, const struct table_facts *known, table_finding_fn *each, void *ctx)
{
	struct lint l = {.known = known, .each = each, .ctx = ctx};
	struct dmar_entry e = {0};
	uint16_t highest = 0;
	if (!open_table(&l, table))
		return l.count;
	check_header(&l);
	look_for_damage(&l);
	while (dmar_next(&l.t, &e) == SL_OK) {
		if (check_kind(&l, &e) != SL_OK)
			tell_entry(&l, DMAR_RULE_STRUCT_SHORT, &e, e.type);
		check_scopes(&l, &e);
		if (e.type <= DMAR_SIDP && e.type < highest)
			tell_entry(&l, DMAR_RULE_STRUCT_ORDER, &e, e.type);
		else if (e.type <= DMAR_SIDP)
			highest = e.type;
	}
	if (!l.damaged) {
		check_include_all(&l);
		check_ioapics(&l);
	}
	return l.count;
}
