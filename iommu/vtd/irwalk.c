#include "iommu/vtd/irwalk.h"
#include "kernel/fmt.h"

/* Deliberately written anew from the specification. */
static unsigned bits(uint64_t v, unsigned hi, unsigned lo)
{
	return (unsigned)(v >> lo & ((2ull << (hi - lo)) - 1));
}

static void stop(struct vtd_irwalk *w, enum vtd_irwalk_stop why, uint8_t reason)
{
	w->stop = why;
	w->reason = reason;
	w->quiet = reason && (reason == 0x22 || reason == 0x24 || reason == 0x26) && w->lo & 2;
}

/* VT-d §9.9, SVT and SQ: which requesters may use the entry. */
static bool source_ok(const struct vtd_irwalk *w)
{
	static const unsigned ignored[] = {0, 4, 6, 7};
	unsigned sid = bits(w->hi, 15, 0), off = sid ^ w->rid;
	switch (bits(w->hi, 19, 18)) {
	case 1:
		return (off & ~ignored[bits(w->hi, 17, 16)]) == 0;
	case 2: /* a bus from 15:8 to 7:0 */
		return w->rid >> 8 >= sid >> 8 && w->rid >> 8 <= (sid & 0xff);
	default:
		return true;
	}
}

/* VT-d §9.9: 14:12, 31:24 and 127:84; SVT 3; delivery modes 3 and 6; with 8-bit destinations all of DST but
 * its bits 15:8. Bit 15 where there are no posted interrupts (CAP.PI). */
static bool entry_bad(const struct vtd_irwalk_unit *unit, const struct vtd_irwalk *w)
{
	unsigned mode = bits(w->lo, 7, 5);
	if (bits(w->lo, 14, 12) || bits(w->lo, 31, 24) || w->hi >> 20 || bits(w->hi, 19, 18) == 3)
		return true;
	if (bits(w->lo, 15, 15))
		return !bits(unit->cap, 59, 59);
	if (mode == 3 || mode == 6)
		return true;
	return !bits(unit->irta, 11, 11) && (bits(w->lo, 63, 48) || bits(w->lo, 39, 32));
}

static void destination(const struct vtd_irwalk_unit *unit, struct vtd_irwalk *w)
{
	w->vector = (uint8_t)bits(w->lo, 23, 16);
	w->delivery = (uint8_t)bits(w->lo, 7, 5);
	w->level = bits(w->lo, 4, 4);
	w->logical = bits(w->lo, 2, 2);
	w->dest = bits(unit->irta, 11, 11) ? bits(w->lo, 63, 32) : bits(w->lo, 47, 40);
}

static void walk_entry(const struct vtd_irwalk_unit *unit, const struct vtd_walk_mem *mem,
		       struct vtd_irwalk *w)
{
	uint64_t at = (unit->irta & ~0xfffull) + 16ull * w->index;
	w->has_index = true;
	if (w->index >= w->entries) {
		stop(w, IRWALK_INDEX, 0x21);
		return;
	}
	if (!mem->read64(mem->ctx, at, &w->lo) || !mem->read64(mem->ctx, at + 8, &w->hi)) {
		w->lo = w->hi = 0;
		stop(w, IRWALK_READ, 0x23);
		return;
	}
	destination(unit, w);
	if (!(w->lo & 1))
		stop(w, IRWALK_EMPTY, 0x22);
	else if (entry_bad(unit, w))
		stop(w, IRWALK_BAD, 0x24);
	else if (!source_ok(w))
		stop(w, IRWALK_SOURCE, 0x26);
	else
		stop(w, bits(w->lo, 15, 15) ? IRWALK_POSTED : IRWALK_DELIVERED, 0);
}

static void begin(const struct vtd_irwalk_unit *unit, uint16_t rid, struct vtd_irwalk *w)
{
	*w = (struct vtd_irwalk){.rid = rid, .entries = 2u << bits(unit->irta, 3, 0)};
}

/* The message as a processor would read it: SDM volume 3, MSI. */
static void pass(struct vtd_irwalk *w, uint64_t addr, uint32_t data)
{
	w->dest = bits(addr, 19, 12);
	w->logical = bits(addr, 2, 2);
	w->vector = (uint8_t)bits(data, 7, 0);
	w->delivery = (uint8_t)bits(data, 10, 8);
	w->level = bits(data, 15, 15);
	stop(w, IRWALK_PASSED, 0);
}

void vtd_irwalk(const struct vtd_irwalk_unit *unit, const struct vtd_walk_mem *mem, uint16_t rid,
		uint64_t addr, uint32_t data, struct vtd_irwalk *out)
{
	bool on = bits(unit->gsts, 25, 25), eim = bits(unit->irta, 11, 11), compat = bits(unit->gsts, 23, 23);
	begin(unit, rid, out);
	if (addr >> 20 != 0xfee) {
		stop(out, IRWALK_NO_MESSAGE, 0);
	} else if (!on) {
		pass(out, addr, data);
	} else if (!bits(addr, 4, 4)) {
		if (compat && !eim)
			pass(out, addr, data);
		else
			stop(out, IRWALK_COMPAT, 0x25);
	} else {
		bool sub = bits(addr, 3, 3);
		out->index = (bits(addr, 19, 5) | bits(addr, 2, 2) << 15) + (sub ? data & 0xffff : 0);
		if (sub && data >> 16)
			stop(out, IRWALK_REQUEST, 0x20);
		else
			walk_entry(unit, mem, out);
	}
}

void vtd_irwalk_index(const struct vtd_irwalk_unit *unit, const struct vtd_walk_mem *mem, uint16_t rid,
		      uint32_t index, struct vtd_irwalk *out)
{
	begin(unit, rid, out);
	out->index = index;
	walk_entry(unit, mem, out);
}

static void target_text(const struct vtd_irwalk *w, char *buf, size_t n)
{
	static const char *const mode[] = {"", ", lowest priority", ", SMI", "", ", NMI", ", INIT",
					   "", ", ExtINT"};
	fmt_print(buf, n, "vector 0x%x to %s %u%s", w->vector, w->logical ? "logical APIC" : "APIC", w->dest,
		  mode[w->delivery & 7]);
}

static void source_text(const struct vtd_irwalk *w, char *buf, size_t n)
{
	unsigned sid = bits(w->hi, 15, 0);
	if (bits(w->hi, 19, 18) == 2)
		fmt_print(buf, n, "buses %02x to %02x", sid >> 8, sid & 0xff);
	else
		fmt_print(buf, n, "%02x:%02x.%x%s", sid >> 8, sid >> 3 & 31, sid & 7,
			  bits(w->hi, 17, 16) ? " and functions beside it" : "");
}

void vtd_irwalk_text(const struct vtd_irwalk *w, char *buf, size_t n)
{
	char target[64], source[48];
	target_text(w, target, sizeof target);
	source_text(w, source, sizeof source);
	switch (w->stop) {
	case IRWALK_DELIVERED:
		fmt_print(buf, n, "entry %u ok, %s", w->index, target);
		break;
	case IRWALK_PASSED:
		fmt_print(buf, n, "not remapped, %s", target);
		break;
	case IRWALK_NO_MESSAGE:
		fmt_print(buf, n, "no interrupt's address");
		break;
	case IRWALK_COMPAT:
		fmt_print(buf, n, "compatibility format");
		break;
	case IRWALK_REQUEST:
		fmt_print(buf, n, "reserved bits set in the message");
		break;
	case IRWALK_INDEX:
		fmt_print(buf, n, "entry %u is beyond the %u of the table", w->index, w->entries);
		break;
	case IRWALK_READ:
		fmt_print(buf, n, "entry %u cannot be read", w->index);
		break;
	case IRWALK_EMPTY:
		fmt_print(buf, n, "entry %u empty", w->index);
		break;
	case IRWALK_BAD:
		fmt_print(buf, n, "entry %u has reserved bits set (0x%llx 0x%llx)", w->index, (ull)w->hi,
			  (ull)w->lo);
		break;
	case IRWALK_SOURCE:
		fmt_print(buf, n, "entry %u is only for %s (%s)", w->index, source, target);
		break;
	case IRWALK_POSTED:
		fmt_print(buf, n, "entry %u ok, posted", w->index);
		break;
	}
}
