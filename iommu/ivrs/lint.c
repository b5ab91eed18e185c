#include "iommu/ivrs/lint.h"
#include "kernel/msi.h"

#define OFF_LENGTH   4
#define OFF_BLOCKS   48
#define TABLE_MAX    65536u
#define REGISTERS    0x4000ull /* of a unit, without counters */
#define PAGE         0x1000ull
#define SOUTHBRIDGE  0x00a0 /* 00:14.0: as it sends the interrupts of I/O APIC and HPET */
#define CAP_BASE     BITS(63, 14)
#define CLASS_BRIDGE 0x06
#define CLASS_IOMMU  0x0806

struct lint {
	struct ivrs t;
	const struct table_facts *known;
	table_finding_fn *each;
	void *ctx;
	unsigned count;
	bool damaged;           /* not everything could be read */
	struct ivrs_ivhd *unit; /* the best block of each */
	unsigned units;
};

/* ---- reporting ---- */

static void tell(struct lint *l, struct table_finding f)
{
	f.rules = &ivrs_rules;
	l->count++;
	if (l->each)
		l->each(l->ctx, &f);
}

static void tell_header(struct lint *l, enum ivrs_rule rule, uint64_t value)
{
	tell(l, (struct table_finding){
			.rule = rule, .bytes = span_sub(l->t.bytes, 0, OFF_BLOCKS), .value = value});
}

static void tell_block(struct lint *l, enum ivrs_rule rule, const struct ivrs_block *b, uint64_t value)
{
	tell(l, (struct table_finding){
			.rule = rule, .off = b->off, .bytes = b->bytes, .value = value, .value2 = b->len});
}

/* Of a unit: the function is its own. */
static void tell_unit(struct lint *l, enum ivrs_rule rule, const struct ivrs_ivhd *u, uint64_t value)
{
	tell(l,
	     (struct table_finding){.rule = rule,
				    .off = u->off,
				    .bytes = span_sub(l->t.bytes, u->off, span_u16(l->t.bytes, u->off + 2)),
				    .value = value,
				    .has_fn = true,
				    .fn = u->unit});
}

static void tell_entry(struct lint *l, enum ivrs_rule rule, const struct ivrs_ivhd *u,
		       const struct ivrs_entry *e, uint64_t value)
{
	tell(l, (struct table_finding){
			.rule = rule, .off = u->entries_off + e->off, .bytes = e->bytes, .value = value});
}

static void tell_function(struct lint *l, enum ivrs_rule rule, bdf_t fn)
{
	tell(l, (struct table_finding){.rule = rule,
				       .bytes = span_sub(l->t.bytes, 0, OFF_BLOCKS),
				       .value = fn.seg,
				       .has_fn = true,
				       .fn = fn});
}

/* ---- header ---- */

static unsigned pa_size(const struct lint *l)
{
	return (unsigned)FGET(l->t.info, IVRS_PA_SIZE);
}

static void check_header(struct lint *l)
{
	if (pa_size(l) < 32 || pa_size(l) > 52)
		tell_header(l, IVRS_RULE_PA_SIZE, pa_size(l));
}

/* As ivrs_open(), but the present part of a truncated table is still examined. */
static bool open_table(struct lint *l, struct span table)
{
	uint32_t len = span_u32(table, OFF_LENGTH);
	uint8_t sum = 0;
	struct span all = span_sub(table, 0, len);
	l->t.bytes = span_sub(all, 0, TABLE_MAX);
	if (!span_has(table, 0, OFF_BLOCKS) || span_u32(table, 0) != 0x53525649 || len < OFF_BLOCKS) {
		tell_header(l, IVRS_RULE_TABLE_HEADER, 0);
		return false;
	}
	l->t.info = span_u32(table, 36);
	if (len != table.n)
		tell_header(l, IVRS_RULE_LENGTH_MISMATCH, len);
	for (size_t i = 0; i < all.n; i++)
		sum = (uint8_t)(sum + all.p[i]);
	if (sum && all.n == len)
		tell_header(l, IVRS_RULE_CHECKSUM_BAD, sum);
	if (all.n > TABLE_MAX)
		tell_header(l, IVRS_RULE_TABLE_HUGE, len);
	l->damaged = all.n != len || all.n > TABLE_MAX;
	return true;
}

/* ---- entries ---- */

static void check_range(struct lint *l, const struct ivrs_ivhd *u, const struct ivrs_entry *e,
			struct ivrs_entry *start)
{
	if (e->type == IVRS_RANGE_END) {
		if (!start->next)
			tell_entry(l, IVRS_RULE_RANGE_NO_START, u, e, 0);
		else if (e->id < start->id)
			tell_entry(l, IVRS_RULE_RANGE_REVERSED, u, start, 0);
		start->next = 0;
		return;
	}
	if (start->next)
		tell_entry(l, IVRS_RULE_RANGE_NO_END, u, start, 0);
	*start = *e;
}

static bool type_known(uint8_t type)
{
	return type <= IVRS_RANGE_END || type == IVRS_PAD8 || type == IVRS_ALIAS_SELECT ||
	       type == IVRS_ALIAS_RANGE || (type >= IVRS_EXT_SELECT && type <= IVRS_SPECIAL) ||
	       type == IVRS_HID;
}

static void check_entry(struct lint *l, const struct ivrs_ivhd *u, const struct ivrs_entry *e,
			struct ivrs_entry *start)
{
	if (!type_known(e->type))
		tell_entry(l, IVRS_RULE_ENTRY_UNKNOWN, u, e, e->type);
	if (ivrs_is_range(e->type) || e->type == IVRS_RANGE_END)
		check_range(l, u, e, start);
	if (e->type != IVRS_HID)
		return;
	if (u->type != IVRS_IVHD_40)
		tell_entry(l, IVRS_RULE_HID_MISPLACED, u, e, 0);
	uint8_t format = span_u8(e->bytes, IVRS_HID_FORMAT);
	if (!span_u8(e->bytes, IVRS_HID_NAME) || format > 2 || !format != !ivrs_hid_uid(e).n)
		tell_entry(l, IVRS_RULE_HID_INVALID, u, e, 0);
}

static void check_entries(struct lint *l, const struct ivrs_ivhd *u)
{
	struct ivrs_entry e = {0}, start = {0};
	enum sl_err err;
	while ((err = ivrs_entry_next(u->entries, &e)) == SL_OK)
		check_entry(l, u, &e, &start);
	if (start.next)
		tell_entry(l, IVRS_RULE_RANGE_NO_END, u, &start, 0);
	if (err == SL_END)
		return;
	l->damaged = true;
	e = (struct ivrs_entry){.off = e.next, .bytes = span_sub(u->entries, e.next, SIZE_MAX)};
	tell_entry(l, IVRS_RULE_ENTRY_LENGTH, u, &e, span_u8(e.bytes, 0));
}

/* ---- one IVHD block ---- */

static bool base_invalid(uint64_t base)
{
	return base == 0 || base == UINT64_MAX;
}

static void check_base(struct lint *l, const struct ivrs_ivhd *u)
{
	if (base_invalid(u->base)) {
		tell_unit(l, IVRS_RULE_BASE_INVALID, u, u->base);
		return;
	}
	if (!IS_ALIGNED(u->base, REGISTERS))
		tell_unit(l, IVRS_RULE_BASE_UNALIGNED, u, u->base);
	if (l->known->memory && table_memory_kinds(l->known, u->base, u->base).ram)
		tell_unit(l, IVRS_RULE_BASE_IN_RAM, u, u->base);
}

/* Against the blocks before it that are about the same unit. */
static void check_blocks_of(struct lint *l, const struct ivrs_ivhd *u)
{
	struct ivrs_block b = {0};
	struct ivrs_ivhd o;
	bool twice = false, differs = false, efr = false;
	while (ivrs_next(&l->t, &b) == SL_OK && b.off < u->off) {
		if (!ivrs_is_ivhd(b.type) || ivrs_ivhd(&b, &o) != SL_OK || !bdf_eq(o.unit, u->unit))
			continue;
		twice |= o.type == u->type;
		differs |= o.base != u->base || o.cap != u->cap;
		efr |= o.has_efr && u->has_efr && o.efr != u->efr;
	}
	if (twice)
		tell_unit(l, IVRS_RULE_UNIT_TWICE, u, 0);
	if (differs)
		tell_unit(l, IVRS_RULE_UNIT_DIFFERS, u, u->base);
	if (efr)
		tell_unit(l, IVRS_RULE_EFR_DIFFERS, u, u->efr);
}

static void check_ivhd(struct lint *l, const struct ivrs_ivhd *u)
{
	check_blocks_of(l, u);
	check_entries(l, u);
}

/* ---- one unit: by its best block ---- */

static bool hats_invalid(const struct ivrs_ivhd *u)
{
	uint64_t hats = u->has_efr ? FGET(u->efr, IVRS_EFR_HATS) : FGET(u->features, IVRS_10H_HATS);
	return hats == IVRS_HATS_NONE;
}

static void check_translation(struct lint *l, const struct ivrs_ivhd *u)
{
	if (u->has_efr && (u->features & IVRS_HAT_DIS))
		tell_unit(l, IVRS_RULE_HAT_DISABLED, u, 0);
	else if (hats_invalid(u))
		tell_unit(l, IVRS_RULE_HATS_INVALID, u, IVRS_HATS_NONE);
}

static bool has_type(const struct lint *l, bdf_t unit, uint8_t type)
{
	struct ivrs_block b = {0};
	struct ivrs_ivhd h;
	while (ivrs_next(&l->t, &b) == SL_OK)
		if (b.type == type && ivrs_is_ivhd(type) && ivrs_ivhd(&b, &h) == SL_OK &&
		    bdf_eq(h.unit, unit))
			return true;
	return false;
}

static void check_unit(struct lint *l, unsigned i)
{
	const struct ivrs_ivhd *u = &l->unit[i];
	bool overlap = false;
	uint8_t linux_type = ivrs_linux_type(&l->t);
	check_base(l, u);
	check_translation(l, u);
	for (unsigned k = 0; k < i; k++)
		overlap |= !base_invalid(u->base) &&
			   (u->base - l->unit[k].base < REGISTERS || l->unit[k].base - u->base < REGISTERS);
	if (overlap)
		tell_unit(l, IVRS_RULE_UNIT_OVERLAP, u, u->base);
	if (i && u->has_efr && l->unit[0].has_efr && u->efr != l->unit[0].efr)
		tell_unit(l, IVRS_RULE_EFR_OF_UNITS, u, u->efr);
	if (l->known->functions && !table_functions_find(l->known->functions, u->unit, NULL))
		tell_unit(l, IVRS_RULE_UNIT_ABSENT, u, 0);
	if (!l->damaged && ivrs_is_ivhd(linux_type) && !has_type(l, u->unit, linux_type))
		tell_unit(l, IVRS_RULE_LINUX_LOSES_UNIT, u, linux_type);
}

static void check_live(struct lint *l, const struct ivrs_live_source *live, const struct ivrs_ivhd *u)
{
	struct ivrs_live now;
	if (!live->read(live->ctx, u, &now))
		return;
	if ((now.cap_base & CAP_BASE) != (u->base & CAP_BASE)) {
		tell_unit(l, IVRS_RULE_BASE_LIVE, u, now.cap_base);
		return; /* its registers are not where the table says */
	}
	if (u->has_efr && (l->t.info & IVRS_EFR_VALID) && now.efr != u->efr)
		tell_unit(l, IVRS_RULE_EFR_LIVE, u, now.efr);
	if (FGET(now.efr, IVRS_EFR_HATS) == IVRS_HATS_NONE && !hats_invalid(u) &&
	    !(u->has_efr && (u->features & IVRS_HAT_DIS)))
		tell_unit(l, IVRS_RULE_HATS_LIVE, u, now.efr);
	if ((l->t.info & IVRS_DMA_REMAP) && !(now.control & IVRS_CONTROL_IOMMU_EN))
		tell_unit(l, IVRS_RULE_PREBOOT_OFF, u, now.control);
}

/* ---- what only all blocks together show: by the best ones ---- */

/* A special entry of an earlier unit, or earlier in the same one, with the same number. */
static bool special_before(const struct lint *l, const struct ivrs_ivhd *u, const struct ivrs_entry *e)
{
	for (const struct ivrs_ivhd *o = l->unit; o <= u; o++) {
		struct ivrs_entry at = {0};
		while (ivrs_entry_next(o->entries, &at) == SL_OK && (o < u || at.off < e->off))
			if (at.type == IVRS_SPECIAL && at.variety == e->variety && at.handle == e->handle)
				return true;
	}
	return false;
}

static void check_special(struct lint *l, const struct ivrs_ivhd *u, const struct ivrs_entry *e)
{
	if (e->source == u->unit.rid)
		tell_entry(l, IVRS_RULE_SPECIAL_SOURCE, u, e, e->handle);
	if (special_before(l, u, e))
		tell_entry(l, IVRS_RULE_SPECIAL_TWICE, u, e, e->handle);
	if (e->variety == IVRS_IOAPIC && l->known->ioapics_known && !l->known->ioapic[e->handle])
		tell_entry(l, IVRS_RULE_ENTRY_WITHOUT_IOAPIC, u, e, e->handle);
}

/* I/O APICs, aliases: the entries of every unit. */
static void check_specials(struct lint *l)
{
	bool any = false, southbridge = false, named[256] = {false};
	for (const struct ivrs_ivhd *u = l->unit; u < l->unit + l->units; u++) {
		struct ivrs_entry e = {0};
		while (ivrs_entry_next(u->entries, &e) == SL_OK) {
			bool alias = e.type == IVRS_ALIAS_SELECT || e.type == IVRS_ALIAS_RANGE;
			if (alias && ivrs_cover(u, e.source).fit == IVRS_FIT_NONE)
				tell_entry(l, IVRS_RULE_ALIAS_SOURCE, u, &e, 0);
			if (e.type != IVRS_SPECIAL)
				continue;
			check_special(l, u, &e);
			if (e.variety != IVRS_IOAPIC)
				continue;
			any = named[e.handle] = true;
			southbridge |= u->unit.seg == 0 && e.source == SOUTHBRIDGE;
		}
	}
	if (!any)
		tell_header(l, IVRS_RULE_NO_IOAPIC, 0);
	else if (!southbridge)
		tell_header(l, IVRS_RULE_NO_SOUTHBRIDGE, 0);
	for (unsigned i = 0; any && l->known->ioapics_known && i < 256; i++)
		if (l->known->ioapic[i] && !named[i])
			tell_header(l, IVRS_RULE_IOAPIC_MISSING, i);
}

/* Bridges' own requests and units are in no unit on sound machines. */
static void check_functions(struct lint *l)
{
	const struct table_functions *f = l->known->functions;
	uint32_t class;
	bdf_t fn;
	for (unsigned i = 0; f->get(f->ctx, i, &fn, &class); i++) {
		unsigned claims = 0, unit;
		struct ivrs_cover c;
		if (class >> 16 == CLASS_BRIDGE || class >> 8 == CLASS_IOMMU)
			continue;
		for (unsigned k = 0; k < l->units; k++)
			claims += l->unit[k].unit.seg == fn.seg &&
				  ivrs_cover(&l->unit[k], fn.rid).fit >= IVRS_FIT_RANGE;
		if (ivrs_unit_of(l->unit, l->units, fn, &unit, &c) != SL_OK)
			tell_function(l, IVRS_RULE_FUNCTION_UNCOVERED, fn);
		else if (claims > 1)
			tell_function(l, IVRS_RULE_FUNCTION_TWICE, fn);
	}
}

/* ---- IVMD ---- */

static bool ht_range_is_ordinary(const struct lint *l)
{
	for (unsigned i = 0; i < l->units; i++)
		if (!(l->unit[i].efr2 & IVRS_EFR2_HT_IGN))
			return false;
	return l->units;
}

static void check_ivmd_place(struct lint *l, const struct ivrs_block *b, uint64_t base, uint64_t last)
{
	if (base < MSI_WINDOW_END && last >= MSI_WINDOW)
		tell_block(l, IVRS_RULE_IVMD_INTERRUPTS, b, base);
	if (base < IVRS_HT_END && last >= IVRS_HT_BASE && !ht_range_is_ordinary(l))
		tell_block(l, IVRS_RULE_IVMD_HT, b, base);
	if (!l->known->memory)
		return;
	struct table_memory_kinds k = table_memory_kinds(l->known, base, last);
	if (k.ram)
		tell_block(l, IVRS_RULE_IVMD_IN_RAM, b, base);
	else if (k.other && k.first != MEM_ACPI_NVS)
		tell_block(l, IVRS_RULE_IVMD_NOT_RESERVED, b, base);
}

static void check_ivmd(struct lint *l, const struct ivrs_block *b, const struct ivrs_ivmd *m)
{
	uint64_t base, len;
	struct ivrs_cover c;
	unsigned unit;
	bool unity = m->flags & IVRS_UNITY, out = m->flags & IVRS_EXCLUSION;
	if (m->last < m->first)
		tell_block(l, IVRS_RULE_IVMD_REVERSED, b, 0);
	if (!l->damaged && m->type == IVRS_IVMD_ONE &&
	    ivrs_unit_of(l->unit, l->units, (bdf_t){m->seg, m->first}, &unit, &c) != SL_OK)
		tell_block(l, IVRS_RULE_IVMD_UNCOVERED, b, 0);
	if ((!unity && !out) || (unity && !out && !(m->flags & (IVRS_READ | IVRS_WRITE))))
		tell_block(l, IVRS_RULE_IVMD_FLAGS, b, m->flags);
	if (!m->len) {
		tell_block(l, IVRS_RULE_IVMD_EMPTY, b, 0);
		return;
	}
	if (!IS_ALIGNED(m->start, PAGE) || !IS_ALIGNED(m->len, PAGE))
		tell_block(l, IVRS_RULE_IVMD_UNALIGNED, b, m->len);
	if (m->start >= BIT(52) || m->len > BIT(52) - m->start ||
	    (pa_size(l) >= 32 && pa_size(l) <= 52 && (m->start + m->len - 1) >> pa_size(l)))
		tell_block(l, IVRS_RULE_IVMD_BEYOND, b, m->start);
	if (ivrs_ivmd_pages(m, &base, &len))
		check_ivmd_place(l, b, base, base + len - 1);
}

/* ---- the table ---- */

static void check_block(struct lint *l, const struct ivrs_block *b)
{
	struct ivrs_ivhd h;
	struct ivrs_ivmd m;
	if (ivrs_is_ivhd(b->type) && ivrs_ivhd(b, &h) == SL_OK)
		check_ivhd(l, &h);
	else if (ivrs_is_ivmd(b->type) && ivrs_ivmd(b, &m) == SL_OK)
		check_ivmd(l, b, &m);
	else if (ivrs_is_ivhd(b->type) || ivrs_is_ivmd(b->type))
		tell_block(l, IVRS_RULE_BLOCK_SHORT, b, b->type);
	else
		tell_block(l, IVRS_RULE_BLOCK_UNKNOWN, b, b->type);
}

static void check_blocks(struct lint *l)
{
	struct ivrs_block b = {0};
	enum sl_err err;
	while ((err = ivrs_next(&l->t, &b)) == SL_OK)
		check_block(l, &b);
	if (err == SL_END)
		return;
	size_t at = b.next ? b.next : OFF_BLOCKS;
	l->damaged = true;
	tell(l, (struct table_finding){.rule = IVRS_RULE_BLOCK_LENGTH,
				       .off = at,
				       .bytes = span_sub(l->t.bytes, at, SIZE_MAX),
				       .value = span_u8(l->t.bytes, at),
				       .value2 = span_u16(l->t.bytes, at + 2)});
}

/* Every function of a type that Linux does not take is without IOMMU there. */
static void check_linux(struct lint *l)
{
	uint8_t type = ivrs_linux_type(&l->t);
	if (!ivrs_is_ivhd(type))
		tell_header(l, IVRS_RULE_LINUX_NO_TYPE, type);
}

unsigned ivrs_lint(struct span table, const struct table_facts *known, const struct ivrs_live_source *live,
		   table_finding_fn *each, void *ctx)
{
	static struct ivrs_ivhd units[IVRS_UNITS];
	struct lint l = {.known = known, .each = each, .ctx = ctx, .unit = units};
	if (!open_table(&l, table))
		return l.count;
	l.units = ivrs_units(&l.t, units, IVRS_UNITS);
	check_header(&l);
	check_blocks(&l);
	for (unsigned i = 0; i < l.units; i++) {
		check_unit(&l, i);
		if (live)
			check_live(&l, live, &units[i]);
	}
	if (l.damaged)
		return l.count;
	if (!l.units) {
		tell_header(&l, IVRS_RULE_NO_UNIT, 0);
		return l.count;
	}
	check_linux(&l);
	check_specials(&l);
	if (known->functions)
		check_functions(&l);
	return l.count;
}
