#include "iommu/vtd/walk.h"
#include "kernel/fmt.h"

/* Deliberately written anew from the specification. */
static unsigned bits(uint64_t v, unsigned hi, unsigned lo)
{
	return (unsigned)(v >> lo & ((2ull << (hi - lo)) - 1));
}

/* Address bits from the host address width up must be 0 in every entry. */
static bool beyond_host(const struct vtd_walk_unit *unit, uint64_t v, unsigned top)
{
	return unit->haw <= top && v >> unit->haw & ((2ull << (top - unit->haw)) - 1);
}

static bool refuse(struct vtd_walk *w, enum vtd_walk_stop stop, uint8_t reason)
{
	w->stop = stop;
	w->reason_read = w->reason_write = reason;
	return false;
}

/* VT-d §9.1: bit 0 present, 63:12 context table, the rest reserved. */
static bool walk_root(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem, struct vtd_walk *w)
{
	uint64_t at = (unit->rtaddr & ~0xfffull) + 16ull * bdf_bus(w->fn);
	if (bits(unit->rtaddr, 11, 10) != 0)
		return refuse(w, WALK_MODE, 0);
	if (!mem->read64(mem->ctx, at, &w->root_lo) || !mem->read64(mem->ctx, at + 8, &w->root_hi))
		return refuse(w, WALK_ROOT_READ, 0x8);
	if (!(w->root_lo & 1))
		return refuse(w, WALK_ROOT_EMPTY, 0x1);
	if (bits(w->root_lo, 11, 1) || w->root_hi || beyond_host(unit, w->root_lo, 63))
		return refuse(w, WALK_ROOT_BAD, 0xa);
	return true;
}

/* VT-d §9.3. Low: 0 present, 1 fault processing disable, 3:2 translation type, 63:12 table. High: 2:0 address
 * width, 6:3 ignored, 23:8 domain id. */
static bool walk_context(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem, struct vtd_walk *w)
{
	uint64_t at = (w->root_lo & ~0xfffull) + 16ull * bdf_devfn(w->fn);
	if (!mem->read64(mem->ctx, at, &w->ctx_lo) || !mem->read64(mem->ctx, at + 8, &w->ctx_hi))
		return refuse(w, WALK_CTX_READ, 0x9);
	if (!(w->ctx_lo & 1))
		return refuse(w, WALK_CTX_EMPTY, 0x2);
	if (bits(w->ctx_lo, 11, 4) || bits(w->ctx_hi, 7, 7) || w->ctx_hi >> 24 ||
	    beyond_host(unit, w->ctx_lo, 63))
		return refuse(w, WALK_CTX_BAD, 0xb);
	unsigned aw = bits(w->ctx_hi, 2, 0), tt = bits(w->ctx_lo, 3, 2);
	bool width_ok = aw >= 1 && aw <= 3 && bits(unit->cap, 12, 8) >> aw & 1;
	bool type_ok = tt == 0 || (tt == 1 && bits(unit->ecap, 2, 2)) || (tt == 2 && bits(unit->ecap, 6, 6));
	if (!width_ok || !type_ok)
		return refuse(w, WALK_CTX_INVALID, 0x3);
	w->levels = aw + 2;
	w->domain = (uint16_t)bits(w->ctx_hi, 23, 8);
	return true;
}

/* VT-d §9.8: what may not be set in an entry that is present. Bit 11 (SNP) is reserved without snoop control,
 * and wherever a table is pointed to; bit 7 is a page at levels 2 and 3 where the unit has such pages. */
static bool entry_bad(const struct vtd_walk_unit *unit, uint64_t entry, unsigned level, bool leaf)
{
	bool snoop = bits(unit->ecap, 7, 7);
	if (beyond_host(unit, entry, 51))
		return true;
	if (!leaf)
		return bits(entry, 7, 7) || bits(entry, 11, 11);
	if (bits(entry, 11, 11) && !snoop)
		return true;
	return level > 1 && bits(entry, 12 + 9 * (level - 1) - 1, 12) != 0;
}

static bool is_page(const struct vtd_walk_unit *unit, uint64_t entry, unsigned level)
{
	if (level == 1)
		return true;
	return bits(entry, 7, 7) && (level == 2 || level == 3) && bits(unit->cap, 37, 34) >> (level - 2) & 1;
}

/* VT-d §3.7: 9 bits of the address a level; read and write permission must be given at each. */
static void walk_table(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem, struct vtd_walk *w)
{
	uint64_t table = w->ctx_lo & ~0xfffull, entry;
	w->read = w->write = true;
	for (unsigned level = w->levels;; level--) {
		unsigned shift = 12 + 9 * (level - 1), index = bits(w->iova.v, shift + 8, shift);
		bool top = level == w->levels;
		if (!mem->read64(mem->ctx, table + 8ull * index, &entry)) {
			refuse(w, top ? WALK_TOP_READ : WALK_READ, top ? 0x3 : 0x7);
			break;
		}
		w->step[w->steps++] = (struct vtd_walk_step){level, index, entry};
		bool leaf = is_page(unit, entry, level);
		if (!(entry & 3)) {
			w->stop = WALK_EMPTY;
			w->reason_read = 0x6;
			w->reason_write = 0x5;
			break;
		}
		if (entry_bad(unit, entry, level, leaf)) {
			refuse(w, WALK_BAD, 0xc);
			break;
		}
		w->read = w->read && entry & 1;
		w->write = w->write && entry & 2;
		if (leaf) {
			w->size = 1ull << shift;
			w->phys = PHYS((entry & 0xffffffffff000ull & ~(w->size - 1)) |
				       (w->iova.v & (w->size - 1)));
			w->stop = WALK_MAPPED;
			w->reason_read = w->read ? 0 : 0x6;
			w->reason_write = w->write ? 0 : 0x5;
			return;
		}
		table = entry & 0xffffffffff000ull;
	}
	w->read = w->write = false;
}

void vtd_walk(const struct vtd_walk_unit *unit, const struct vtd_walk_mem *mem, bdf_t fn, iova_t iova,
	      struct vtd_walk *out)
{
	*out = (struct vtd_walk){.fn = fn, .iova = iova};
	if (!walk_root(unit, mem, out) || !walk_context(unit, mem, out))
		return;
	if (bits(out->ctx_lo, 3, 2) == 2) {
		out->stop = WALK_PASS;
		out->read = out->write = true;
		out->phys = PHYS(iova.v);
		out->size = PAGE_SIZE;
		return;
	}
	unsigned width = 12 + 9 * out->levels, mgaw = bits(unit->cap, 21, 16) + 1;
	if (mgaw < width)
		width = mgaw;
	if (iova.v >> width) {
		refuse(out, WALK_WIDTH, 0x4);
		return;
	}
	walk_table(unit, mem, out);
	uint64_t page = out->phys.v & ~(out->size - 1);
	if (out->stop == WALK_MAPPED && page < 0xfef00000 && page + out->size > 0xfee00000) { /* LGN.4 */
		refuse(out, WALK_INTERRUPT, 0xe);
		out->read = out->write = false;
	}
}

static const char *const stop_text[] = {
	[WALK_MODE] = "unit is not in legacy mode",
	[WALK_ROOT_EMPTY] = "root empty",
	[WALK_ROOT_BAD] = "root has reserved bits set",
	[WALK_ROOT_READ] = "root cannot be read",
	[WALK_CTX_EMPTY] = "root ok, context empty",
	[WALK_CTX_BAD] = "root ok, context has reserved bits set",
	[WALK_CTX_INVALID] = "root ok, context has a width or type that the unit lacks",
	[WALK_CTX_READ] = "root ok, context cannot be read",
};

static void add_result(struct fmt_text *t, const struct vtd_walk *w)
{
	static const char *const perm[] = {"no access", "read only", "write only", "read and write"};
	const struct vtd_walk_step *last = &w->step[w->steps ? w->steps - 1 : 0];
	switch (w->stop) {
	case WALK_MAPPED:
		fmt_add(t, ", L%u[%u] page of %llu KiB at 0x%llx, %s", last->level, last->index,
			(ull)(w->size / 1024), (ull)w->phys.v, perm[(w->read ? 1 : 0) + (w->write ? 2 : 0)]);
		break;
	case WALK_EMPTY:
		fmt_add(t, ", L%u[%u] empty", last->level, last->index);
		break;
	case WALK_BAD:
		fmt_add(t, ", L%u[%u] has reserved bits set: 0x%llx", last->level, last->index,
			(ull)last->entry);
		break;
	case WALK_INTERRUPT:
		fmt_add(t, ", L%u[%u] lies in the interrupt range", last->level, last->index);
		break;
	case WALK_PASS:
		fmt_add(t, ", pass-through");
		break;
	case WALK_WIDTH:
		fmt_add(t, ", address beyond the width");
		break;
	default:
		fmt_add(t, ", table cannot be read");
		break;
	}
}

void vtd_walk_text(const struct vtd_walk *w, char *buf, size_t n)
{
	struct fmt_text t = {buf, n};
	if (!n)
		return;
	if (w->stop < ARRAY_LEN(stop_text) && stop_text[w->stop]) {
		fmt_add(&t, "%s", stop_text[w->stop]);
		return;
	}
	fmt_add(&t, "root ok, context ok (domain %u, %u-level)", w->domain, w->levels);
	bool unread = w->stop == WALK_READ;
	for (unsigned i = 0; i + (unread ? 0 : 1) < w->steps; i++)
		fmt_add(&t, ", L%u ok", w->step[i].level);
	add_result(&t, w);
}
