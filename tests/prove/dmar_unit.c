/* clang-format off */
/* DMAR: the unit of any function, in every table of UNITS structures with up to two scopes each, however they fit
 * CHECKS: it is of the segment of the physical function, and the first of those that fit best; there is none when none fits
 * SOURCES:
 * UNWIND: 4 --unwindset span_le.0:9 --max-field-sensitivity-array-size 128
 * CASES: 27
 * EDIT: iommu/dmar/dmar.c | static int scope_fit( | static int any_fit(const struct dmar_topo *topo, uint16_t seg, const struct dmar_scope *s, bdf_t fn);\n#define scope_fit any_fit\nstatic inline int scope_fit_itself( | dmar_fit has how one scope fits
 * SEED: iommu/dmar/dmar.c | if (fit > best) { | if (fit >= best) { | of two that fit the same the last is taken
 * SEED: iommu/dmar/dmar.c | if (f > *fit) | if (f != FIT_NONE) | the last scope of a unit counts, not the best
 * SEED: iommu/dmar/dmar.c | if (unit.seg != fn.seg)\n\t\t\tcontinue; |  | a unit of another segment is taken
 * SEED: iommu/dmar/dmar.c | fn = topo->pf_of(topo->ctx, fn); |  | a virtual function has no unit
 * SEED: iommu/dmar/dmar.c | if (entry.type != DMAR_DRHD)\n\t\t\tcontinue; |  | any structure is taken for a unit
 */
/* clang-format on */
#include "iommu/dmar/dmar.c"
#include "tests/prove/prove.h"

#define UNITS 3
#define SCOPE 8 /* bytes of one: a path of one hop */
#define HEAD  16

/* A run for each: the number of scopes of each unit. */
static const unsigned scopes[UNITS] = {CASE % 3, CASE / 3 % 3, CASE / 9};
static const unsigned starts[UNITS + 1] = {48, 48 + HEAD + SCOPE *(CASE % 3),
					   48 + 2 * HEAD + SCOPE *(CASE % 3 + CASE / 3 % 3),
					   48 + 3 * HEAD + SCOPE *(CASE % 3 + CASE / 3 % 3 + CASE / 9)};
static uint8_t table[48 + UNITS * (HEAD + 2 * SCOPE)];
static int fits[UNITS][2]; /* of each scope */
static bdf_t pf;

static bdf_t pf_of(void *ctx, bdf_t fn)
{
	(void)ctx, (void)fn;
	return pf;
}

static int any_fit(const struct dmar_topo *topo, uint16_t seg, const struct dmar_scope *s, bdf_t fn)
{
	(void)topo, (void)seg;
	assert(fn.seg == pf.seg && fn.rid == pf.rid);
	for (unsigned u = 0; u < UNITS; u++)
		for (unsigned k = 0; k < scopes[u]; k++)
			if (s->path.p == table + starts[u] + HEAD + SCOPE * k + 6)
				return fits[u][k];
	assert(false);
	return FIT_NONE;
}

/* Writes unit u: type, flags and segment are any, the lengths right. How well it fits; FIT_NONE when it is no
 * unit or of another segment. */
static int make_unit(unsigned u)
{
	uint8_t *d = table + starts[u];
	bool drhd = any_bool();
	d[0] = drhd ? 0 : any_u8();
	d[1] = drhd ? 0 : any_u8();
	d[2] = (uint8_t)(HEAD + SCOPE * scopes[u]);
	d[4] = any_u8();
	d[6] = any_u8();
	d[7] = any_u8();
	int best = d[4] & 1 ? FIT_ALL : FIT_NONE;
	for (unsigned k = 0; k < scopes[u]; k++) {
		fits[u][k] = (int)any_u32();
		assume(fits[u][k] == FIT_NONE || (fits[u][k] > FIT_BUS && fits[u][k] <= FIT_EXACT));
		d[HEAD + SCOPE * k + 1] = SCOPE;
		best = fits[u][k] > best ? fits[u][k] : best;
	}
	return d[0] == 0 && d[1] == 0 && (d[7] << 8 | d[6]) == pf.seg ? best : FIT_NONE;
}

int main(void)
{
	struct dmar t = {.bytes = {table, starts[UNITS]}};
	struct dmar_topo topo = {.pf_of = pf_of};
	struct dmar_drhd found;
	int best = FIT_NONE;
	unsigned its = 0;
	bdf_t fn = {any_u16(), any_u16()};
	pf = (bdf_t){any_u16(), any_u16()};
	for (unsigned u = 0; u < UNITS; u++) {
		int fit = make_unit(u);
		its = fit > best ? starts[u] : its;
		best = fit > best ? fit : best;
	}
	enum sl_err e = dmar_unit_of(&t, &topo, fn, &found);
	assert(e == (best == FIT_NONE ? SL_NOTFOUND : SL_OK));
	assert(e || (found.off == its && found.seg == pf.seg));
	return 0;
}
