#include "iommu/ivrs/ivrs.h"

/* An ACPI header of 36 bytes, IVinfo, 8 reserved bytes, then the blocks. */
#define OFF_LENGTH 4
#define OFF_INFO   36
#define OFF_BLOCKS 48

#define BLOCK_HEADER 6 /* type, flags, length, DeviceID: no block is shorter */
#define IVHD_10_END  24
#define IVHD_END     40 /* of types 11h and 40h */
#define IVMD_END     32
#define HID_END      22

enum sl_err ivrs_open(struct span table, struct ivrs *out)
{
	if (!span_has(table, 0, OFF_BLOCKS))
		return SL_TRUNC;
	if (span_u32(table, 0) != 0x53525649) /* "IVRS" */
		return SL_BADVAL;
	uint32_t len = span_u32(table, OFF_LENGTH);
	if (len < OFF_BLOCKS)
		return SL_BADVAL;
	if (len > table.n)
		return SL_TRUNC;
	*out = (struct ivrs){span_sub(table, 0, len), span_u32(table, OFF_INFO)};
	return SL_OK;
}

enum sl_err ivrs_next(const struct ivrs *t, struct ivrs_block *b)
{
	size_t off = b->next ? b->next : OFF_BLOCKS;
	if (off == t->bytes.n)
		return SL_END;
	if (!span_has(t->bytes, off, BLOCK_HEADER))
		return SL_TRUNC;
	uint16_t len = span_u16(t->bytes, off + 2);
	if (len < BLOCK_HEADER)
		return SL_BADVAL;
	if (!span_has(t->bytes, off, len))
		return SL_TRUNC;
	*b = (struct ivrs_block){
		.type = span_u8(t->bytes, off),
		.flags = span_u8(t->bytes, off + 1),
		.len = len,
		.device = span_u16(t->bytes, off + 4),
		.off = off,
		.bytes = span_sub(t->bytes, off, len),
		.next = off + len,
	};
	return SL_OK;
}

bool ivrs_is_ivhd(uint8_t type)
{
	return type == IVRS_IVHD_10 || type == IVRS_IVHD_11 || type == IVRS_IVHD_40;
}

bool ivrs_is_ivmd(uint8_t type)
{
	return type >= IVRS_IVMD_ALL && type <= IVRS_IVMD_UNIT;
}

enum sl_err ivrs_ivhd(const struct ivrs_block *b, struct ivrs_ivhd *out)
{
	size_t head = b->type == IVRS_IVHD_10 ? IVHD_10_END : IVHD_END;
	if (!span_has(b->bytes, 0, head))
		return SL_TRUNC;
	*out = (struct ivrs_ivhd){
		.off = b->off,
		.type = b->type,
		.flags = b->flags,
		.unit = {span_u16(b->bytes, 16), b->device},
		.cap = span_u16(b->bytes, 6),
		.base = span_u64(b->bytes, 8),
		.info = span_u16(b->bytes, 18),
		.features = span_u32(b->bytes, 20),
		.has_efr = b->type != IVRS_IVHD_10,
		.entries = span_sub(b->bytes, head, SIZE_MAX),
		.entries_off = b->off + head,
	};
	if (out->has_efr) {
		out->efr = span_u64(b->bytes, 24);
		out->efr2 = span_u64(b->bytes, 32);
	}
	return SL_OK;
}

enum sl_err ivrs_ivmd(const struct ivrs_block *b, struct ivrs_ivmd *out)
{
	if (!span_has(b->bytes, 0, IVMD_END))
		return SL_TRUNC;
	bool all = b->type == IVRS_IVMD_ALL;
	*out = (struct ivrs_ivmd){
		.off = b->off,
		.type = b->type,
		.flags = b->flags,
		.seg = span_u16(b->bytes, 8),
		.first = all ? 0 : b->device,
		.last = all                          ? UINT16_MAX
			: b->type == IVRS_IVMD_RANGE ? span_u16(b->bytes, 6)
						     : b->device,
		.start = span_u64(b->bytes, 16),
		.len = span_u64(b->bytes, 24),
	};
	return SL_OK;
}

/* Below 80h the type's bits 7:6 give the length; above it only the HID entry's is known. 0: unknown. */
static size_t entry_length(struct span entries, size_t off)
{
	uint8_t type = span_u8(entries, off);
	if (type < 0x80)
		return 4u << (type >> 6);
	return type == IVRS_HID ? HID_END + (size_t)span_u8(entries, off + 21) : 0;
}

enum sl_err ivrs_entry_next(struct span entries, struct ivrs_entry *e)
{
	size_t off = e->next;
	if (off == entries.n)
		return SL_END;
	size_t len = entry_length(entries, off);
	if (!len)
		return SL_BADVAL;
	if (!span_has(entries, off, len))
		return SL_TRUNC;
	struct span b = span_sub(entries, off, len);
	*e = (struct ivrs_entry){
		.type = span_u8(b, 0),
		.data = span_u8(b, 3),
		.id = span_u16(b, 1),
		.off = off,
		.bytes = b,
		.next = off + len,
	};
	switch (e->type) {
	case IVRS_ALIAS_SELECT:
	case IVRS_ALIAS_RANGE:
		e->source = span_u16(b, 5);
		break;
	case IVRS_EXT_SELECT:
	case IVRS_EXT_RANGE:
		e->ext = span_u32(b, 4);
		break;
	case IVRS_SPECIAL:
		e->handle = span_u8(b, 4);
		e->source = span_u16(b, 5);
		e->variety = span_u8(b, 7);
		break;
	default:
		break;
	}
	return SL_OK;
}

bool ivrs_is_range(uint8_t type)
{
	return type == IVRS_RANGE || type == IVRS_ALIAS_RANGE || type == IVRS_EXT_RANGE;
}

struct span ivrs_hid_uid(const struct ivrs_entry *e)
{
	return span_sub(e->bytes, HID_END, SIZE_MAX);
}

unsigned ivrs_units(const struct ivrs *t, struct ivrs_ivhd *out, unsigned max)
{
	struct ivrs_block b = {0};
	struct ivrs_ivhd h;
	unsigned n = 0, i;
	while (ivrs_next(t, &b) == SL_OK) {
		if (!ivrs_is_ivhd(b.type) || ivrs_ivhd(&b, &h) != SL_OK)
			continue;
		for (i = 0; i < n && !bdf_eq(out[i].unit, h.unit);)
			i++;
		if (i == n && n < max)
			out[n++] = h;
		else if (i < n && h.type > out[i].type)
			out[i] = h;
	}
	return n;
}

/* One entry's fit for an id; start is the open range before it. */
static enum ivrs_fit entry_fit(const struct ivrs_entry *e, const struct ivrs_entry *start, uint16_t rid)
{
	switch (e->type) {
	case IVRS_ALL:
		return IVRS_FIT_ALL;
	case IVRS_SELECT:
	case IVRS_EXT_SELECT:
		return e->id == rid ? IVRS_FIT_SELECT : IVRS_FIT_NONE;
	case IVRS_ALIAS_SELECT:
		return e->id == rid ? IVRS_FIT_ALIAS : IVRS_FIT_NONE;
	case IVRS_RANGE_END:
		if (!start->next || rid < start->id || rid > e->id)
			return IVRS_FIT_NONE;
		return start->type == IVRS_ALIAS_RANGE ? IVRS_FIT_ALIAS : IVRS_FIT_RANGE;
	default:
		return IVRS_FIT_NONE;
	}
}

/* Alias and extended settings come from the entry itself, or from the one that starts its range. */
struct ivrs_cover ivrs_cover(const struct ivrs_ivhd *unit, uint16_t rid)
{
	struct ivrs_cover c = {.source = rid};
	struct ivrs_entry e = {0}, start = {0};
	while (ivrs_entry_next(unit->entries, &e) == SL_OK) {
		enum ivrs_fit fit = entry_fit(&e, &start, rid);
		const struct ivrs_entry *from = e.type == IVRS_RANGE_END ? &start : &e;
		if (fit == IVRS_FIT_ALIAS) { /* of several the last counts, as in Linux */
			c.aliased = true;
			c.source = from->source;
		}
		if (fit)
			c.no_ats |= (from->ext & IVRS_ATS_DIS) != 0;
		if (fit > c.fit)
			c.fit = fit;
		if (ivrs_is_range(e.type))
			start = e;
		else if (e.type == IVRS_RANGE_END)
			start.next = 0;
	}
	return c;
}

enum sl_err ivrs_unit_of(const struct ivrs_ivhd *units, unsigned n, bdf_t fn, unsigned *unit,
			 struct ivrs_cover *cover)
{
	*cover = (struct ivrs_cover){.source = fn.rid};
	for (unsigned i = 0; i < n; i++) {
		if (units[i].unit.seg != fn.seg)
			continue;
		struct ivrs_cover c = ivrs_cover(&units[i], fn.rid);
		if (c.fit <= cover->fit)
			continue;
		*cover = c;
		*unit = i;
	}
	return cover->fit ? SL_OK : SL_NOTFOUND;
}

bool ivrs_alias(const struct ivrs_ivhd *units, unsigned n, bdf_t fn, uint16_t *source)
{
	struct ivrs_cover cover;
	unsigned unit;
	if (ivrs_unit_of(units, n, fn, &unit, &cover) != SL_OK || !cover.aliased)
		return false;
	*source = cover.source;
	return true;
}

bool ivrs_ivmd_pages(const struct ivrs_ivmd *m, uint64_t *base, uint64_t *len)
{
	if (!m->len || m->start >= BIT(52) || m->len > BIT(52) - m->start ||
	    !(m->flags & (IVRS_UNITY | IVRS_EXCLUSION)))
		return false;
	*base = ALIGN_DOWN(m->start, 4096);
	*len = ALIGN_UP(m->start + m->len, 4096) - *base;
	return true;
}

bool ivrs_ivmd_is_for(const struct ivrs_ivmd *m, const struct ivrs_ivhd *units, unsigned n, bdf_t fn)
{
	struct ivrs_cover cover;
	unsigned i;
	if (m->seg != fn.seg)
		return false;
	if (m->type != IVRS_IVMD_UNIT)
		return fn.rid >= m->first && fn.rid <= m->last;
	return ivrs_unit_of(units, n, fn, &i, &cover) == SL_OK && units[i].unit.rid == m->first;
}

uint8_t ivrs_linux_type(const struct ivrs *t)
{
	struct ivrs_block b = {0};
	uint16_t first = 0;
	uint8_t type = 0;
	for (bool begun = false; ivrs_next(t, &b) == SL_OK; begun = true) {
		if (!begun) {
			first = b.device;
			type = b.type;
		}
		if (b.type > IVRS_IVHD_40)
			break;
		if (b.device == first)
			type = b.type;
	}
	return type;
}
