/* The DMAR table as firmware could have damaged it: every walk ends, every read is inside, a unit is found
 * only where there is one. */
#include "iommu/dmar.h"

/* The input's first bytes decide which functions are bridges. */
struct bridges {
	const uint8_t *p;
	size_t n;
};

static bool bridge(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	const struct bridges *b = ctx;
	uint8_t v = b->n ? b->p[fn.rid % b->n] : 0;
	*sec = (uint8_t)(v + fn.rid);
	*sub = (uint8_t)(*sec + v % 8);
	return v & 1;
}

static bdf_t pf_of(void *ctx, bdf_t fn)
{
	(void)ctx;
	return fn;
}

static void walk_scopes(const struct dmar_topo *topo, struct span scopes)
{
	struct dmar_scope s = {0};
	for (size_t seen = 0; dmar_scope_next(scopes, &s) == SL_OK; seen++) {
		bdf_t at;
		if (seen > scopes.n)
			__builtin_trap(); /* every step must make progress */
		if (dmar_scope_resolve(topo, 0, &s, &at) == SL_OK && !dmar_scope_hops(&s))
			__builtin_trap();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct bridges b = {p, n < 48 ? n : 48};
	struct dmar_topo topo = {&b, bridge, pf_of};
	struct dmar t;
	struct dmar_entry e = {0};
	struct dmar_drhd d, found;
	struct dmar_rmrr r;
	if (dmar_open((struct span){p, n}, &t) != SL_OK)
		return 0;
	for (size_t seen = 0; dmar_next(&t, &e) == SL_OK; seen++) {
		if (seen > n)
			__builtin_trap();
		if (e.type == DMAR_DRHD && dmar_drhd(&e, &d) == SL_OK)
			walk_scopes(&topo, d.scopes);
		if (e.type == DMAR_RMRR && dmar_rmrr(&e, &r) == SL_OK)
			walk_scopes(&topo, r.scopes);
	}
	for (unsigned rid = 0; rid < 0x10000; rid += 0x1111)
		if (dmar_unit_of(&t, &topo, (bdf_t){0, (uint16_t)rid}, &found) == SL_OK &&
		    found.off >= t.bytes.n)
			__builtin_trap();
	return 0;
}
