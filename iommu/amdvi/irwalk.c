#include "iommu/amdvi/irwalk.h"
#include "kernel/fmt.h"

/* Deliberately written anew from the specification. */
static uint64_t bits(uint64_t v, unsigned hi, unsigned lo)
{
	return v >> lo & ((2ull << (hi - lo)) - 1);
}

/* The third quadword: 0 valid, 4:1 log2 of the entries, 51:6 table, 61:60 control. False when the walk ends
 * there. */
static bool read_dte(const struct amdvi_walk_unit *unit, const struct amdvi_walk_mem *mem,
		     struct amdvi_irwalk *w, uint64_t *table)
{
	uint64_t at = bits(unit->devtab, 51, 12) * 4096 + 32ull * w->rid + 16, q;
	w->stop = AMDVI_IR_PASSED;
	if (!bits(unit->control, 0, 0))
		return false;
	w->stop = AMDVI_IR_READ;
	if (w->rid >= (bits(unit->devtab, 8, 0) + 1) * 128 || !mem->read64(mem->ctx, at, &q))
		return false;
	unsigned control = (unsigned)bits(q, 61, 60), length = (unsigned)bits(q, 4, 1);
	w->stop = !bits(q, 0, 0) || control == 1 ? AMDVI_IR_PASSED
		  : control == 0                 ? AMDVI_IR_REFUSED
						 : AMDVI_IR_BAD_DTE;
	if (!bits(q, 0, 0) || control != 2 || length > 11)
		return false;
	w->entries = 1u << length;
	*table = bits(q, 51, 6) * 64;
	return true;
}

/* 32 bits: 0 valid, 4:2 type, 6 logical, 7 guest, 15:8 destination, 23:16 vector, the rest reserved. */
static void narrow_entry(struct amdvi_irwalk *w)
{
	w->vector = (uint8_t)bits(w->lo, 23, 16);
	w->dest = (uint32_t)bits(w->lo, 15, 8);
	if (bits(w->lo, 31, 24))
		w->stop = AMDVI_IR_BAD;
}

/* 128 bits: destination 23:0 at 31:8, its rest at the top of the second word where x2APIC is on; vector at
 * the bottom of that. */
static void wide_entry(const struct amdvi_walk_unit *unit, struct amdvi_irwalk *w)
{
	bool x2apic = bits(unit->control, 50, 50);
	w->vector = (uint8_t)bits(w->hi, 7, 0);
	w->dest = (uint32_t)(bits(w->lo, 31, 8) | bits(w->hi, 63, 56) << 24);
	if (!x2apic)
		w->dest &= 0xff;
	if (bits(w->lo, 63, 32) || bits(w->hi, 55, 8))
		w->stop = AMDVI_IR_BAD;
}

void amdvi_irwalk(const struct amdvi_walk_unit *unit, const struct amdvi_walk_mem *mem, uint16_t rid,
		  unsigned index, struct amdvi_irwalk *out)
{
	uint64_t table;
	bool wide = bits(unit->control, 17, 17);
	*out = (struct amdvi_irwalk){.rid = rid, .index = index};
	if (!read_dte(unit, mem, out, &table))
		return;
	out->stop = AMDVI_IR_INDEX;
	if (index >= out->entries)
		return;
	uint64_t at = table + (wide ? 16ull : 4ull) * index;
	out->stop = AMDVI_IR_READ;
	if (!mem->read64(mem->ctx, at & ~7ull, &out->lo) ||
	    (wide && !mem->read64(mem->ctx, at + 8, &out->hi)))
		return;
	if (!wide)
		out->lo = at & 4 ? out->lo >> 32 : bits(out->lo, 31, 0);
	out->delivery = (uint8_t)bits(out->lo, 4, 2);
	out->logical = bits(out->lo, 6, 6);
	out->stop = !bits(out->lo, 0, 0)  ? AMDVI_IR_EMPTY
		    : bits(out->lo, 7, 7) ? AMDVI_IR_GUEST
		    : out->delivery > 1   ? AMDVI_IR_BAD
					  : AMDVI_IR_DELIVERED;
	if (out->stop != AMDVI_IR_DELIVERED)
		return;
	if (wide)
		wide_entry(unit, out);
	else
		narrow_entry(out);
}

void amdvi_irwalk_text(const struct amdvi_irwalk *w, char *buf, size_t n)
{
	static const char *const ends[] = {
		[AMDVI_IR_PASSED] = "passes as the device wrote it",
		[AMDVI_IR_REFUSED] = "the device entry refuses all interrupts",
		[AMDVI_IR_BAD_DTE] = "the device entry has an impossible interrupt control or length",
		[AMDVI_IR_INDEX] = "is beyond the table",
		[AMDVI_IR_READ] = "cannot be read",
		[AMDVI_IR_EMPTY] = "is empty",
		[AMDVI_IR_BAD] = "has reserved bits, or a kind that is not remapped",
		[AMDVI_IR_GUEST] = "goes to a guest",
	};
	if (w->stop == AMDVI_IR_DELIVERED)
		fmt_print(buf, n, "entry %u ok, vector 0x%x to %sAPIC %u", w->index, w->vector,
			  w->logical ? "logical " : "", w->dest);
	else if (w->stop == AMDVI_IR_REFUSED || w->stop == AMDVI_IR_BAD_DTE)
		fmt_print(buf, n, "%s", ends[w->stop]);
	else
		fmt_print(buf, n, "entry %u %s", w->index, ends[w->stop]);
}
