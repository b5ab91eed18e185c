/* Memory that functions must keep access to, by the firmware: IVMD. */
#include "iommu/ivrs/unity.h"
#include "kernel/fmt.h"

#define CLASS_BRIDGE 0x06
#define CLASS_IOMMU  0x0806

static bool ivmd_next(const struct ivrs *t, struct ivrs_block *b, struct ivrs_ivmd *m)
{
	while (ivrs_next(t, b) == SL_OK)
		if (ivrs_is_ivmd(b->type) && ivrs_ivmd(b, m) == SL_OK)
			return true;
	return false;
}

static int find_overlap(const struct ivrs *t, const struct unity_range *r)
{
	struct ivrs_block b = {0};
	struct ivrs_ivmd m;
	uint64_t base, len;
	for (int number = 0; r->bytes && ivmd_next(t, &b, &m); number++)
		if (m.off != r->ivmd.off && ivrs_ivmd_pages(&m, &base, &len) && base < r->base + r->bytes &&
		    r->base < base + len)
			return number;
	return -1;
}

static void find_functions(const struct ivrs_ivhd *units, unsigned n, const struct unity_context *known,
			   struct unity_range *r)
{
	const struct table_functions *f = known->functions;
	uint32_t class;
	bdf_t fn;
	for (unsigned i = 0; f->get(f->ctx, i, &fn, &class); i++) {
		if (class >> 16 == CLASS_BRIDGE || class >> 8 == CLASS_IOMMU ||
		    !ivrs_ivmd_is_for(&r->ivmd, units, n, fn))
			continue;
		if (!r->functions++)
			r->fn = fn;
	}
	if (r->functions && known->name)
		r->name = known->name(known->name_ctx, r->fn);
}

/* Linux has no relaxed ones here, as it has for RMRRs of USB and graphics: since 6.6 it gives a function with
 * any such range to no one. */
static enum unity_verdict judge(const struct unity_range *r)
{
	if (!r->bytes)
		return UNITY_NO_MEMORY;
	if (!r->functions)
		return UNITY_NOWHERE;
	return r->memory_known && r->memory.ram ? UNITY_SYSTEM_RAM : UNITY_KEPT;
}

unsigned unity_ledger(const struct ivrs *t, const struct unity_context *known, struct unity_range *out,
		      unsigned max)
{
	static struct ivrs_ivhd units[IVRS_UNITS];
	struct table_memory_map map = known->memory;
	const struct table_facts facts = {.memory = table_memory_at, .memory_ctx = &map};
	struct ivrs_block b = {0};
	struct ivrs_ivmd m;
	unsigned count = 0, n = ivrs_units(t, units, IVRS_UNITS);
	for (; ivmd_next(t, &b, &m); count++) {
		struct unity_range r = {.number = count, .ivmd = m};
		if (count >= max)
			continue;
		if (!ivrs_ivmd_pages(&m, &r.base, &r.bytes))
			r.bytes = 0;
		r.overlaps = find_overlap(t, &r);
		r.memory_known = map.count && r.bytes;
		if (r.memory_known)
			r.memory = table_memory_kinds(&facts, r.base, r.base + r.bytes - 1);
		find_functions(units, n, known, &r);
		r.verdict = judge(&r);
		out[count] = r;
	}
	return count;
}

bool unity_is_kept(const struct unity_range *r)
{
	return r->verdict == UNITY_KEPT || r->verdict == UNITY_SYSTEM_RAM;
}

static void whom(const struct unity_range *r, char *buf, size_t n)
{
	const char *name = r->name ? r->name : "";
	if (r->functions > 1)
		fmt_print(buf, n, "%u functions from " BDF_FMT " on", r->functions, BDF_ARG(r->fn));
	else if (r->functions)
		fmt_print(buf, n, BDF_FMT "%s%s", BDF_ARG(r->fn), name[0] ? " " : "", name);
	else
		fmt_print(buf, n, "no function");
}

int unity_text(const struct unity_range *r, char *buf, size_t n)
{
	static const char *const texts[] = {
		[UNITY_NOWHERE] = "nothing to assign: no such function does DMA",
		[UNITY_NO_MEMORY] = "it describes no memory",
		[UNITY_KEPT] = "cannot be assigned: the firmware may use this memory through it at any time",
		[UNITY_SYSTEM_RAM] = "cannot be assigned: this memory belongs to the system",
	};
	char fn[64], size[48] = "no memory", shared[32] = "";
	const char *memory = r->memory_known ? table_memory_name(r->memory.first) : "memory type not known";
	whom(r, fn, sizeof fn);
	if (r->bytes)
		fmt_print(size, sizeof size, "%llu KiB, %s%s", (ull)(r->bytes >> 10), memory,
			  r->memory.mixed ? " and other" : "");
	if (r->overlaps >= 0)
		fmt_print(shared, sizeof shared, "; overlaps IVMD %d", r->overlaps);
	return fmt_print(buf, n, "IVMD %u 0x%llx..0x%llx (%s)%s for %s: %s%s", r->number, (ull)r->base,
			 (ull)(r->base + (r->bytes ? r->bytes - 1 : 0)), size,
			 r->ivmd.flags & IVRS_EXCLUSION ? " excluded" : "", fn, texts[r->verdict], shared);
}

uint64_t unity_reserve(struct span table, const struct table_memory_map *map)
{
	uint64_t sum = 0, base, len;
	struct ivrs t;
	struct ivrs_block b = {0};
	struct ivrs_ivmd m;
	if (ivrs_open(table, &t) != SL_OK)
		return 0;
	while (ivmd_next(&t, &b, &m))
		if (ivrs_ivmd_pages(&m, &base, &len))
			table_memory_keep(map, base, len, &sum);
	return sum;
}
