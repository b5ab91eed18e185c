#include "iommu/amdvi/walk.h"
#include "kernel/fmt.h"

/* Deliberately written anew from the specification. */
static uint64_t bits(uint64_t v, unsigned hi, unsigned lo)
{
	return v >> lo & ((2ull << (hi - lo)) - 1);
}

static bool stop(struct amdvi_walk *w, enum amdvi_walk_stop why, uint8_t code)
{
	w->stop = why;
	w->code = code;
	w->read = w->write = false;
	return false;
}

static void pass(struct amdvi_walk *w, enum amdvi_walk_stop why, bool read, bool write)
{
	w->stop = why;
	w->read = read;
	w->write = write;
	w->phys = PHYS(w->iova.v);
	w->size = PAGE_SIZE;
	w->code = read && write ? 0 : 2;
}

/* Figure 7: what has to be 0 in an entry that is valid. Guest translation and page requests need features
 * that this reader does not follow. */
static bool dte_bad(const uint64_t *q)
{
	return bits(q[0], 6, 2) || bits(q[0], 63, 63) || bits(q[2], 53, 52) || bits(q[3], 14, 0) ||
	       bits(q[0], 11, 9) == 7 || bits(q[0], 55, 54);
}

/* The device table has 4 KiB times (size + 1); an entry has 32 bytes. */
static bool walk_dte(const struct amdvi_walk_unit *unit, const struct amdvi_walk_mem *mem,
		     struct amdvi_walk *w)
{
	uint64_t entries = (bits(unit->devtab, 8, 0) + 1) * 128;
	if (!bits(unit->control, 0, 0)) {
		pass(w, AMDVI_OFF, true, true);
		return false;
	}
	if (w->fn.rid >= entries)
		return stop(w, AMDVI_DTE_BEYOND, 1);
	w->dte_at = bits(unit->devtab, 51, 12) * 4096 + 32ull * w->fn.rid;
	for (unsigned i = 0; i < 4; i++)
		if (!mem->read64(mem->ctx, w->dte_at + 8 * i, &w->dte[i]))
			return stop(w, AMDVI_DTE_READ, 3);
	if (!bits(w->dte[0], 0, 0)) {
		pass(w, AMDVI_OFF, true, true);
		return false;
	}
	if (dte_bad(w->dte))
		return stop(w, AMDVI_DTE_BAD, 1);
	if (!bits(w->dte[0], 1, 1))
		return stop(w, AMDVI_DTE_NO_TABLE, 0);
	w->domain = (uint16_t)bits(w->dte[1], 15, 0);
	w->levels = (unsigned)bits(w->dte[0], 11, 9);
	w->read = bits(w->dte[0], 61, 61);
	w->write = bits(w->dte[0], 62, 62);
	return true;
}

/* Next level 0 is a page of the level's size. 7: its size is in the address: the lowest 0 from bit 12 on. */
static bool page_size(const struct amdvi_walk *w, uint64_t entry, unsigned level, unsigned next,
		      uint64_t *size)
{
	*size = 1ull << (12 + 9 * (level - 1));
	if (next == 0)
		return level < w->levels || level < 6;
	uint64_t at = bits(entry, 51, 12);
	unsigned ones = 0;
	while (ones < 40 && at >> ones & 1)
		ones++;
	*size = 8192ull << ones;
	return ones < 39 && 13 + ones > 12 + 9 * (level - 1) && 13 + ones <= 12 + 9 * level;
}

static bool at_page(struct amdvi_walk *w, uint64_t entry, unsigned level, unsigned next)
{
	if (!page_size(w, entry, level, next, &w->size))
		return stop(w, AMDVI_BAD, 2);
	w->phys = PHYS((bits(entry, 51, 12) * 4096 & ~(w->size - 1)) | (w->iova.v & (w->size - 1)));
	w->stop = AMDVI_MAPPED;
	w->code = w->read && w->write ? 0 : 2;
	if (!w->read && !w->write)
		stop(w, AMDVI_DENIED, 2);
	return false;
}

/* One entry; true when the walk goes on in a table of level *level. Permissions count at every level. */
static bool walk_entry(struct amdvi_walk *w, uint64_t entry, unsigned *level)
{
	unsigned next = (unsigned)bits(entry, 11, 9);
	w->size = 1ull << (12 + 9 * (*level - 1));
	if (!bits(entry, 0, 0))
		return stop(w, AMDVI_EMPTY, 2);
	if (bits(entry, 58, 52) || (next != 0 && next != 7 && next >= *level))
		return stop(w, AMDVI_BAD, 2);
	w->read = w->read && bits(entry, 61, 61);
	w->write = w->write && bits(entry, 62, 62);
	if (next == 0 || next == 7)
		return at_page(w, entry, *level, next);
	unsigned low = 12 + 9 * next, high = 12 + 9 * (*level - 1);
	if (low < high && bits(w->iova.v, high - 1, low))
		return stop(w, AMDVI_SKIPPED, 2);
	*level = next;
	return true;
}

static void walk_table(const struct amdvi_walk_mem *mem, struct amdvi_walk *w)
{
	uint64_t table = bits(w->dte[0], 51, 12) * 4096, entry;
	unsigned level = w->levels;
	do {
		unsigned shift = 12 + 9 * (level - 1), hi = shift + 8 < 63 ? shift + 8 : 63;
		unsigned index = (unsigned)bits(w->iova.v, hi, shift);
		if (!mem->read64(mem->ctx, table + 8ull * index, &entry)) {
			stop(w, AMDVI_READ, 4);
			return;
		}
		w->step[w->steps++] = (struct amdvi_walk_step){level, index, entry};
		table = bits(entry, 51, 12) * 4096;
	} while (walk_entry(w, entry, &level));
}

void amdvi_walk(const struct amdvi_walk_unit *unit, const struct amdvi_walk_mem *mem, bdf_t fn, iova_t iova,
		struct amdvi_walk *out)
{
	*out = (struct amdvi_walk){.fn = fn, .iova = iova};
	if (!walk_dte(unit, mem, out))
		return;
	unsigned width = 12 + 9 * out->levels;
	if (!out->levels && (out->read || out->write)) {
		pass(out, AMDVI_PASS, out->read, out->write);
		return;
	}
	if (!out->read && !out->write)
		stop(out, AMDVI_DTE_NOTHING, 2);
	else if (width < 64 && iova.v >> width)
		stop(out, AMDVI_WIDTH, 2);
	else
		walk_table(mem, out);
}

/* ---- text ---- */

static const char *const stop_text[] = {
	[AMDVI_OFF] = "nothing is translated: the unit is off, or the device entry is not valid",
	[AMDVI_DTE_BEYOND] = "the device table has no entry for it",
	[AMDVI_DTE_READ] = "device entry cannot be read",
	[AMDVI_DTE_BAD] = "device entry has reserved bits set",
	[AMDVI_DTE_NO_TABLE] = "device entry refuses everything (TV is 0)",
	[AMDVI_DTE_NOTHING] = "device entry refuses everything",
};

static void add_result(struct fmt_text *t, const struct amdvi_walk *w)
{
	static const char *const perm[] = {"no access", "read only", "write only", "read and write"};
	const struct amdvi_walk_step *last = &w->step[w->steps ? w->steps - 1 : 0];
	unsigned may = (w->read ? 1u : 0) + (w->write ? 2u : 0);
	switch (w->stop) {
	case AMDVI_MAPPED:
		fmt_add(t, ", L%u[%u] page of %llu KiB at 0x%llx, %s", last->level, last->index,
			(ull)(w->size / 1024), (ull)w->phys.v, perm[may]);
		break;
	case AMDVI_PASS:
		fmt_add(t, ", untranslated, %s", perm[may]);
		break;
	case AMDVI_WIDTH:
		fmt_add(t, ", address beyond the width");
		break;
	case AMDVI_READ:
		fmt_add(t, ", table cannot be read");
		break;
	default:
		fmt_add(t, ", L%u[%u] %s", last->level, last->index,
			w->stop == AMDVI_EMPTY    ? "empty"
			: w->stop == AMDVI_DENIED ? "without permission"
			: w->stop == AMDVI_BAD    ? "has reserved bits or an impossible level"
						  : "skips levels whose address bits are not 0");
	}
}

void amdvi_walk_text(const struct amdvi_walk *w, char *buf, size_t n)
{
	struct fmt_text t = {buf, n};
	if (!n)
		return;
	if (w->stop < ARRAY_LEN(stop_text) && stop_text[w->stop]) {
		fmt_add(&t, "%s", stop_text[w->stop]);
		return;
	}
	fmt_add(&t, "device entry ok (domain %u, %u-level)", w->domain, w->levels);
	for (unsigned i = 0; i + (w->stop == AMDVI_READ ? 0 : 1) < w->steps; i++)
		fmt_add(&t, ", L%u ok", w->step[i].level);
	add_result(&t, w);
}
