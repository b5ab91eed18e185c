#include "iommu/dmar/dmar.h"

/* VT-d §8.1: an ACPI header of 36 bytes, host address width, flags, 10 reserved bytes, then the structures.
 */
#define OFF_LENGTH     4
#define OFF_HAW        36
#define OFF_FLAGS      37
#define OFF_STRUCTURES 48

#define ENTRY_HEADER 4 /* type and length, 16 bits each */
#define DRHD_SCOPES  16
#define RMRR_SCOPES  24
#define RHSA_END     20
#define ANDD_NAME    8
#define SCOPES       8 /* of ATSR, SATC and SIDP */
#define SCOPE_PATH   6

#define DRHD_INCLUDE_PCI_ALL BIT(0)
#define ATSR_ALL_PORTS       BIT(0)
#define SATC_ATC_REQUIRED    BIT(0)
#define DRHD_SIZE            BITS(3, 0) /* the window has 2^N pages of 4 KiB */

enum sl_err dmar_open(struct span table, struct dmar *out)
{
	if (!span_has(table, 0, OFF_STRUCTURES))
		return SL_TRUNC;
	if (span_u32(table, 0) != 0x52414d44) /* "DMAR" */
		return SL_BADVAL;
	uint32_t len = span_u32(table, OFF_LENGTH);
	if (len < OFF_STRUCTURES)
		return SL_BADVAL;
	if (len > table.n)
		return SL_TRUNC;
	out->bytes = span_sub(table, 0, len);
	out->haw = (uint8_t)(span_u8(table, OFF_HAW) + 1);
	out->flags = span_u8(table, OFF_FLAGS);
	return SL_OK;
}

enum sl_err dmar_next(const struct dmar *t, struct dmar_entry *e)
{
	size_t off = e->next ? e->next : OFF_STRUCTURES;
	if (off == t->bytes.n)
		return SL_END;
	if (!span_has(t->bytes, off, ENTRY_HEADER))
		return SL_TRUNC;
	uint16_t len = span_u16(t->bytes, off + 2);
	if (len < ENTRY_HEADER)
		return SL_BADVAL;
	if (!span_has(t->bytes, off, len))
		return SL_TRUNC;
	*e = (struct dmar_entry){
		.type = span_u16(t->bytes, off),
		.len = len,
		.off = off,
		.bytes = span_sub(t->bytes, off, len),
		.next = off + len,
	};
	return SL_OK;
}

const char *dmar_type_name(uint16_t type)
{
	static const char *const names[] = {"DRHD", "RMRR", "ATSR", "RHSA", "ANDD", "SATC", "SIDP"};
	return type < ARRAY_LEN(names) ? names[type] : "reserved";
}

enum sl_err dmar_drhd(const struct dmar_entry *e, struct dmar_drhd *out)
{
	if (!span_has(e->bytes, 0, DRHD_SCOPES))
		return SL_TRUNC;
	*out = (struct dmar_drhd){
		.off = e->off,
		.base = span_u64(e->bytes, 8),
		.size = 0x1000ull << FGET(span_u8(e->bytes, 5), DRHD_SIZE),
		.seg = span_u16(e->bytes, 6),
		.include_all = (span_u8(e->bytes, 4) & DRHD_INCLUDE_PCI_ALL) != 0,
		.scopes = span_sub(e->bytes, DRHD_SCOPES, SIZE_MAX),
	};
	return SL_OK;
}

enum sl_err dmar_rmrr(const struct dmar_entry *e, struct dmar_rmrr *out)
{
	if (!span_has(e->bytes, 0, RMRR_SCOPES))
		return SL_TRUNC;
	*out = (struct dmar_rmrr){
		.base = span_u64(e->bytes, 8),
		.limit = span_u64(e->bytes, 16),
		.seg = span_u16(e->bytes, 6),
		.scopes = span_sub(e->bytes, RMRR_SCOPES, SIZE_MAX),
	};
	return SL_OK;
}

enum sl_err dmar_atsr(const struct dmar_entry *e, struct dmar_atsr *out)
{
	if (!span_has(e->bytes, 0, SCOPES))
		return SL_TRUNC;
	*out = (struct dmar_atsr){
		.seg = span_u16(e->bytes, 6),
		.all_ports = (span_u8(e->bytes, 4) & ATSR_ALL_PORTS) != 0,
		.scopes = span_sub(e->bytes, SCOPES, SIZE_MAX),
	};
	return SL_OK;
}

enum sl_err dmar_rhsa(const struct dmar_entry *e, struct dmar_rhsa *out)
{
	if (!span_has(e->bytes, 0, RHSA_END))
		return SL_TRUNC;
	*out = (struct dmar_rhsa){.base = span_u64(e->bytes, 8), .domain = span_u32(e->bytes, 16)};
	return SL_OK;
}

enum sl_err dmar_andd(const struct dmar_entry *e, struct dmar_andd *out)
{
	if (!span_has(e->bytes, 0, ANDD_NAME))
		return SL_TRUNC;
	struct span name = span_sub(e->bytes, ANDD_NAME, SIZE_MAX);
	size_t n = 0;
	while (n < name.n && name.p[n])
		n++;
	*out = (struct dmar_andd){
		.number = span_u8(e->bytes, 7),
		.name = span_sub(name, 0, n < name.n ? n : 0),
	};
	return SL_OK;
}

enum sl_err dmar_satc(const struct dmar_entry *e, struct dmar_satc *out)
{
	if (!span_has(e->bytes, 0, SCOPES))
		return SL_TRUNC;
	*out = (struct dmar_satc){
		.seg = span_u16(e->bytes, 6),
		.atc_required = (span_u8(e->bytes, 4) & SATC_ATC_REQUIRED) != 0,
		.scopes = span_sub(e->bytes, SCOPES, SIZE_MAX),
	};
	return SL_OK;
}

enum sl_err dmar_sidp(const struct dmar_entry *e, struct dmar_sidp *out)
{
	if (!span_has(e->bytes, 0, SCOPES))
		return SL_TRUNC;
	*out = (struct dmar_sidp){
		.seg = span_u16(e->bytes, 6),
		.scopes = span_sub(e->bytes, SCOPES, SIZE_MAX),
	};
	return SL_OK;
}

enum sl_err dmar_scopes(const struct dmar_entry *e, uint16_t *seg, struct span *scopes)
{
	static const uint8_t first[] = {
		[DMAR_DRHD] = DRHD_SCOPES, [DMAR_RMRR] = RMRR_SCOPES, [DMAR_ATSR] = SCOPES,
		[DMAR_SATC] = SCOPES,      [DMAR_SIDP] = SCOPES,
	};
	if (e->type >= ARRAY_LEN(first) || !first[e->type])
		return SL_NOTFOUND;
	if (!span_has(e->bytes, 0, first[e->type]))
		return SL_TRUNC;
	*seg = span_u16(e->bytes, 6);
	*scopes = span_sub(e->bytes, first[e->type], SIZE_MAX);
	return SL_OK;
}

enum sl_err dmar_scope_next(struct span scopes, struct dmar_scope *s)
{
	size_t off = s->next;
	if (off == scopes.n)
		return SL_END;
	if (!span_has(scopes, off, SCOPE_PATH))
		return SL_TRUNC;
	uint8_t len = span_u8(scopes, off + 1);
	if (len < SCOPE_PATH || (len - SCOPE_PATH) % 2 != 0)
		return SL_BADVAL;
	if (!span_has(scopes, off, len))
		return SL_TRUNC;
	*s = (struct dmar_scope){
		.type = span_u8(scopes, off),
		.len = len,
		.flags = span_u8(scopes, off + 2),
		.reserved = span_u8(scopes, off + 3),
		.off = off,
		.enum_id = span_u8(scopes, off + 4),
		.bus = span_u8(scopes, off + 5),
		.path = span_sub(scopes, off + SCOPE_PATH, (size_t)len - SCOPE_PATH),
		.next = off + len,
	};
	return SL_OK;
}

const char *dmar_scope_name(uint8_t type)
{
	static const char *const names[] = {"reserved", "endpoint", "bridge",
					    "ioapic",   "hpet",     "acpi_namespace"};
	return type < ARRAY_LEN(names) ? names[type] : names[0];
}

unsigned dmar_scope_hops(const struct dmar_scope *s)
{
	return (unsigned)(s->path.n / 2);
}

void dmar_scope_hop(const struct dmar_scope *s, unsigned hop, uint8_t *dev, uint8_t *fn)
{
	*dev = span_u8(s->path, 2 * (size_t)hop);
	*fn = span_u8(s->path, 2 * (size_t)hop + 1);
}

/* Numbers that are all 0, or that lead back up, are not a bridge's. */
bool dmar_bridge_buses(const struct dmar_topo *topo, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	return topo->bridge(topo->ctx, fn, sec, sub) && *sec > bdf_bus(fn) && *sub >= *sec;
}

enum sl_err dmar_scope_resolve(const struct dmar_topo *topo, uint16_t seg, const struct dmar_scope *s,
			       bdf_t *out)
{
	unsigned hops = dmar_scope_hops(s);
	if (!hops)
		return SL_NOTFOUND;
	uint8_t bus = s->bus, sub, dev, fn;
	for (unsigned i = 0;; i++) {
		dmar_scope_hop(s, i, &dev, &fn);
		if (dev > 31 || fn > 7)
			return SL_NOTFOUND;
		*out = bdf_make(seg, bus, dev, fn);
		if (i == hops - 1)
			return SL_OK;
		if (!dmar_bridge_buses(topo, *out, &bus, &sub))
			return SL_NOTFOUND;
	}
}

/* How well a unit fits a function: the higher the nearer. */
enum { FIT_NONE = -2, FIT_ALL = -1, FIT_BUS = 0 /* + secondary bus of the bridge */, FIT_EXACT = 256 };

static int scope_fit(const struct dmar_topo *topo, uint16_t seg, const struct dmar_scope *s, bdf_t fn)
{
	bdf_t at;
	uint8_t sec, sub;
	if (s->type != DMAR_SCOPE_ENDPOINT && s->type != DMAR_SCOPE_BRIDGE)
		return FIT_NONE;
	if (dmar_scope_resolve(topo, seg, s, &at) != SL_OK)
		return FIT_NONE;
	if (bdf_eq(at, fn))
		return FIT_EXACT;
	if (s->type == DMAR_SCOPE_BRIDGE && dmar_bridge_buses(topo, at, &sec, &sub) && bdf_bus(fn) >= sec &&
	    bdf_bus(fn) <= sub)
		return FIT_BUS + sec;
	return FIT_NONE;
}

bool dmar_scope_covers(const struct dmar_topo *topo, uint16_t seg, const struct dmar_scope *s, bdf_t fn)
{
	return fn.seg == seg && scope_fit(topo, seg, s, fn) != FIT_NONE;
}

static enum sl_err unit_fit(const struct dmar_topo *topo, const struct dmar_drhd *unit, bdf_t fn, int *fit)
{
	struct dmar_scope s = {0};
	enum sl_err e;
	*fit = unit->include_all ? FIT_ALL : FIT_NONE;
	while ((e = dmar_scope_next(unit->scopes, &s)) == SL_OK) {
		int f = scope_fit(topo, unit->seg, &s, fn);
		if (f > *fit)
			*fit = f;
	}
	return e == SL_END ? SL_OK : e;
}

enum sl_err dmar_unit_of(const struct dmar *t, const struct dmar_topo *topo, bdf_t fn, struct dmar_drhd *out)
{
	struct dmar_entry entry = {0};
	int best = FIT_NONE;
	enum sl_err e;
	fn = topo->pf_of(topo->ctx, fn);
	while ((e = dmar_next(t, &entry)) == SL_OK) {
		struct dmar_drhd unit;
		int fit;
		if (entry.type != DMAR_DRHD)
			continue;
		e = dmar_drhd(&entry, &unit);
		if (e)
			return e;
		if (unit.seg != fn.seg)
			continue;
		e = unit_fit(topo, &unit, fn, &fit);
		if (e)
			return e;
		if (fit > best) {
			best = fit;
			*out = unit;
		}
	}
	if (e != SL_END)
		return e;
	return best == FIT_NONE ? SL_NOTFOUND : SL_OK;
}
