#include "iommu/vtd/walk_stage.h"

#define ADDRESS 0xffffffffff000ull /* bits 51:12 */

/* What one stage says to an address: refuse, for both directions; else where it goes. */
struct page {
	uint8_t refuse, no_read, no_write; /* fault reasons; 0: none */
	uint64_t at, size;
};

struct walker {
	const struct vtd_walk_unit *unit;
	const struct vtd_walk_mem *mem;
	struct vtd_walk_scalable *w;
	bool privileged, nested;
	bool coherent; /* the unit's accesses to the tables are atomic: PWSNP, ECAP.SMPWCS */
};

static struct page refused(uint8_t reason)
{
	return (struct page){.refuse = reason};
}

/* VT-d §9.8. SNP (bit 11) is reserved without snoop control, and wherever a table is pointed to. */
static bool second_bad(const struct vtd_walk_unit *unit, uint64_t e, unsigned level, bool leaf)
{
	if (walk_beyond_host(unit, e, 51))
		return true;
	if (!leaf)
		return walk_bit(e, 7) || walk_bit(e, 11);
	if (walk_bit(e, 11) && !walk_bit(unit->ecap, 7))
		return true;
	return level > 1 && walk_bits(e, 12 + 9 * (level - 1) - 1, 12) != 0;
}

static bool second_leaf(const struct vtd_walk_unit *unit, uint64_t e, unsigned level)
{
	bool large = (level == 2 && walk_bit(unit->cap, 34)) || (level == 3 && walk_bit(unit->cap, 35));
	return level == 1 || (large && walk_bit(e, 7));
}

/* VT-d §3.7, §9.8, with the reasons of scalable mode. Bit 8 is A and bit 9 is D where SSADE is set; a unit
 * that cannot set them by an atomic access refuses. */
static struct page second_stage(const struct walker *k, uint64_t gpa)
{
	const uint64_t *entry = k->w->entry;
	unsigned levels = walk_bits(entry[0], 4, 2) + 2, width = 12 + 9 * levels;
	unsigned mgaw = walk_bits(k->unit->cap, 21, 16) + 1;
	bool update = walk_bit(entry[0], 9) && !k->coherent, read = true, write = true;
	uint64_t table = entry[0] & ~0xfffull, e;
	k->w->seconds = 0;
	if (gpa >> (mgaw < width ? mgaw : width))
		return refused(0x84);
	for (unsigned level = levels;; level--) {
		unsigned shift = 12 + 9 * (level - 1), index = walk_bits(gpa, shift + 8, shift);
		if (!k->mem->read64(k->mem->ctx, table + 8ull * index, &e))
			return refused(level == levels ? 0x7b : 0x78);
		k->w->second[k->w->seconds++] = (struct vtd_walk_step){level, index, e};
		bool leaf = second_leaf(k->unit, e, level);
		if (!(e & 3))
			return refused(0x79);
		if (second_bad(k->unit, e, level, leaf))
			return refused(0x7a);
		if (update && !walk_bit(e, 8))
			return refused(0x7c);
		read = read && walk_bit(e, 0);
		write = write && walk_bit(e, 1);
		table = e & ADDRESS;
		if (!leaf)
			continue;
		uint64_t size = 1ull << shift;
		uint8_t no_write = !write ? 0x85 : update && !walk_bit(e, 9) ? 0x7c : 0;
		return (struct page){0, read ? 0 : 0x86, no_write, (table & ~(size - 1)) | (gpa & (size - 1)),
				     size};
	}
}

/* VT-d §3.8: the first stage's tables are at guest addresses, and the second stage must let the unit read
 * them, and write where it has to set A or D. */
static uint8_t table_entry(const struct walker *k, uint64_t at, bool top, struct page *where)
{
	*where = (struct page){.at = at};
	if (k->nested) {
		*where = second_stage(k, at);
		if (where->refuse)
			return where->refuse == 0x84 ? 0x74 : where->refuse;
		if (where->no_read)
			return top ? 0x75 : 0x76;
	}
	return 0;
}

/* VT-d §9.7: bit 7 is a page at levels 2 and 3 where the unit has such pages, and reserved above; bit 12 of a
 * large page is its memory type. Guest addresses are not limited by the host's width. */
static bool first_leaf(const struct vtd_walk_unit *unit, uint64_t e, unsigned level)
{
	return level == 1 || (walk_bit(e, 7) && (level == 2 || (level == 3 && walk_bit(unit->cap, 56))));
}

static bool first_bad(const struct walker *k, uint64_t e, unsigned level, bool leaf)
{
	if (!k->nested && walk_beyond_host(k->unit, e, 51))
		return true;
	if (!leaf)
		return walk_bit(e, 7);
	return level > 1 && walk_bits(e, 12 + 9 * (level - 1) - 1, 13) != 0;
}

/* A page's A and D are set by the unit, if it can. 0 or the reason for which it cannot. */
static uint8_t first_update(const struct walker *k, const struct page *where, bool set)
{
	if (set)
		return 0;
	if (!k->coherent)
		return 0x90;
	return where->no_write ? 0x77 : 0;
}

static struct page first_page(const struct walker *k, uint64_t e, unsigned level, const struct page *where,
			      bool user, bool write)
{
	uint64_t size = 1ull << (12 + 9 * (level - 1)), iova = k->w->request.iova.v;
	struct page p = {.at = (e & ADDRESS & ~(size - 1)) | (iova & (size - 1)), .size = size};
	bool protect = !k->privileged || walk_bit(k->w->entry[2], 4); /* WPE */
	if (!k->privileged && !user) {
		p.no_read = p.no_write = 0x81;
		return p;
	}
	p.no_write = !write && protect ? 0x85 : first_update(k, where, walk_bit(e, 6));
	return p;
}

/* VT-d §3.6: an address is canonical; R/W and U/S must be given at each level. */
static struct page first_stage(const struct walker *k)
{
	const uint64_t *entry = k->w->entry;
	unsigned levels = walk_bits(entry[2], 3, 2) + 4, width = 12 + 9 * levels;
	uint64_t iova = k->w->request.iova.v, table = entry[2] & ~0xfffull, e;
	uint64_t upper = ~0ull << (width - 1);
	bool user = true, write = true;
	if ((iova & upper) && (iova & upper) != upper)
		return refused(0x80);
	for (unsigned level = levels;; level--) {
		unsigned shift = 12 + 9 * (level - 1), index = walk_bits(iova, shift + 8, shift);
		struct page where;
		uint8_t reason = table_entry(k, table + 8ull * index, level == levels, &where);
		if (reason)
			return refused(reason);
		if (!k->mem->read64(k->mem->ctx, where.at, &e))
			return refused(level == levels ? 0x73 : 0x70);
		k->w->step[k->w->steps++] = (struct vtd_walk_step){level, index, e};
		bool leaf = first_leaf(k->unit, e, level);
		if (!walk_bit(e, 0))
			return refused(0x71);
		if (first_bad(k, e, level, leaf))
			return refused(0x72);
		reason = first_update(k, &where, walk_bit(e, 5));
		if (reason)
			return refused(reason);
		user = user && walk_bit(e, 2);
		write = write && walk_bit(e, 1);
		if (leaf)
			return first_page(k, e, level, &where, user, write);
		table = e & ADDRESS;
	}
}

/* Is the refusal one of the second stage? Reasons 0x74 to 0x77 are about a table of the first one. */
static enum vtd_walk_at place(uint8_t reason)
{
	if (reason == 0x80 || reason == 0x84)
		return WALK_AT_ADDRESS;
	return reason >= 0x78 && reason <= 0x7d ? WALK_AT_SECOND : WALK_AT_FIRST;
}

/* Nested: what the first stage found is a guest address. */
static struct page both(const struct walker *k, struct page first)
{
	struct page second = second_stage(k, first.at);
	if (second.refuse)
		return second;
	if (first.no_read)
		second.no_read = first.no_read;
	if (first.no_write)
		second.no_write = first.no_write;
	if (first.size < second.size)
		second.size = first.size;
	return second;
}

void walk_stages(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem, bool privileged,
		 struct vtd_walk_scalable *w)
{
	struct walker k = {unit, mem, w, privileged, w->type == 3, walk_bit(w->entry[1], 23)};
	struct page p;
	if (w->type == 2)
		p = second_stage(&k, w->request.iova.v);
	else
		p = first_stage(&k);
	if (!p.refuse && k.nested)
		p = both(&k, p);
	if (p.refuse) {
		(void)walk_refuse(w, place(p.refuse), p.refuse);
		return;
	}
	uint64_t page = p.at & ~(p.size - 1);
	if (page < 0xfef00000 && page + p.size > 0xfee00000) { /* SGN.8 */
		(void)walk_refuse(w, WALK_AT_PAGE, 0x87);
		return;
	}
	w->at = WALK_AT_PAGE;
	w->reason_read = p.no_read;
	w->reason_write = p.no_write;
	w->read = !p.no_read;
	w->write = !p.no_write;
	w->phys = PHYS(p.at);
	w->size = p.size;
}
