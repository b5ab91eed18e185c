/* Memory that functions must keep access to, by the firmware: VT-d §8.4. */
#include "iommu/dmar/rmrr.h"
#include "iommu/dmar/lint.h"
#include "kernel/fmt.h"

/* Class codes, bits 23:8 and 23:16. */
#define CLASS_USB      0x0c03
#define CLASS_GRAPHICS 0x03
#define CLASS_BRIDGE   0x06

bool rmrr_pages(const struct dmar_rmrr *r, uint64_t *base, uint64_t *len)
{
	if (r->limit <= r->base || r->limit >= BIT(52))
		return false;
	*base = ALIGN_DOWN(r->base, PAGE_SIZE);
	*len = ALIGN_UP(r->limit + 1, PAGE_SIZE) - *base;
	return true;
}

struct ledger {
	const struct dmar *t;
	const struct rmrr_context *known;
	struct rmrr_owner *out;
	unsigned max, count;
};

static bool overlap(const struct dmar_rmrr *a, const struct dmar_rmrr *b)
{
	uint64_t base, len;
	return rmrr_pages(a, &base, &len) && rmrr_pages(b, &base, &len) && a->base <= b->limit &&
	       b->base <= a->limit;
}

static int find_overlap(const struct ledger *l, const struct dmar_rmrr *r, size_t off)
{
	struct dmar_entry e = {0};
	struct dmar_rmrr o;
	for (int number = 0; dmar_next(l->t, &e) == SL_OK;) {
		if (e.type != DMAR_RMRR)
			continue;
		if (e.off != off && dmar_rmrr(&e, &o) == SL_OK && overlap(r, &o))
			return number;
		number++;
	}
	return -1;
}

static void look_at_memory(const struct ledger *l, struct rmrr_owner *o)
{
	struct table_memory_map map = l->known->memory;
	const struct table_facts known = {.memory = table_memory_at, .memory_ctx = &map};
	if (!map.count || !o->bytes)
		return;
	struct table_memory_kinds k = table_memory_kinds(&known, o->base, o->limit);
	o->memory_known = true;
	o->memory = k.first;
	o->mixed = k.mixed;
	o->ram = k.ram;
	o->reserved = !k.other;
}

/* As Linux has it (relaxable reserved regions): firmware uses memory of USB (keyboard emulation) and of
 * graphics (the picture before a driver runs) only until a driver takes the device over; of any other device
 * that is unknown. An entry that describes no memory is kept by Linux as well (dmar_parse_one_rmrr()
 * warns). */
static enum rmrr_verdict judge(const struct rmrr_owner *o)
{
	if (!o->resolved)
		return RMRR_NOWHERE;
	if (!o->present)
		return RMRR_ABSENT;
	if (o->class >> 16 == CLASS_BRIDGE)
		return RMRR_BRIDGE;
	bool relaxed = o->class >> 8 == CLASS_USB || o->class >> 16 == CLASS_GRAPHICS;
	if (!o->bytes)
		return relaxed ? RMRR_NO_MEMORY : RMRR_EMPTY;
	if (o->ram)
		return RMRR_SYSTEM_RAM;
	return relaxed ? RMRR_RELAXED : RMRR_KEPT;
}

static void enter(struct ledger *l, const struct rmrr_owner *like, uint8_t scope, const bdf_t *fn, bool below)
{
	struct rmrr_owner o = *like;
	o.scope = scope;
	o.below = below;
	o.resolved = fn != NULL;
	if (fn) {
		o.fn = *fn;
		o.present = table_functions_find(l->known->functions, o.fn, &o.class);
		o.name = o.present && l->known->name ? l->known->name(l->known->name_ctx, o.fn) : NULL;
	}
	o.verdict = judge(&o);
	if (l->count < l->max)
		l->out[l->count] = o;
	l->count++;
}

static void enter_scope(struct ledger *l, const struct rmrr_owner *like, const struct dmar_scope *s)
{
	bdf_t at, fn;
	uint32_t class;
	if ((s->type != DMAR_SCOPE_ENDPOINT && s->type != DMAR_SCOPE_BRIDGE) ||
	    dmar_scope_resolve(l->known->topo, like->seg, s, &at) != SL_OK) {
		enter(l, like, s->type, NULL, false);
		return;
	}
	enter(l, like, s->type, &at, false);
	if (s->type != DMAR_SCOPE_BRIDGE)
		return;
	const struct table_functions *f = l->known->functions;
	for (unsigned i = 0; f->get(f->ctx, i, &fn, &class); i++)
		if (!bdf_eq(fn, at) && dmar_scope_covers(l->known->topo, like->seg, s, fn))
			enter(l, like, s->type, &fn, true);
}

static void enter_rmrr(struct ledger *l, const struct dmar_entry *e, unsigned number)
{
	struct dmar_rmrr r;
	struct dmar_scope s = {0};
	uint64_t base;
	if (dmar_rmrr(e, &r) != SL_OK)
		return;
	struct rmrr_owner o = {
		.number = number,
		.off = e->off,
		.seg = r.seg,
		.base = r.base,
		.limit = r.limit,
		.overlaps = find_overlap(l, &r, e->off),
	};
	if (!rmrr_pages(&r, &base, &o.bytes))
		o.bytes = 0;
	look_at_memory(l, &o);
	while (dmar_scope_next(r.scopes, &s) == SL_OK)
		enter_scope(l, &o, &s);
	if (!r.scopes.n || s.next != r.scopes.n)
		enter(l, &o, 0, NULL, false);
}

unsigned rmrr_ledger(const struct dmar *t, const struct rmrr_context *known, struct rmrr_owner *out,
		     unsigned max)
{
	struct ledger l = {t, known, out, max, 0};
	struct dmar_entry e = {0};
	unsigned number = 0;
	while (dmar_next(t, &e) == SL_OK)
		if (e.type == DMAR_RMRR)
			enter_rmrr(&l, &e, number++);
	return l.count;
}

const char *rmrr_verdict_text(enum rmrr_verdict v)
{
	static const char *const texts[] = {
		[RMRR_ABSENT] = "nothing to assign: no function answers there",
		[RMRR_NOWHERE] = "nothing to assign: no function is named",
		[RMRR_BRIDGE] = "a bridge is not assigned; the functions below it are listed separately",
		[RMRR_NO_MEMORY] = "can be assigned: this describes no memory",
		[RMRR_EMPTY] =
			"this describes no memory, but Linux keeps it and refuses to assign the function",
		[RMRR_RELAXED] = "can be assigned once a driver has taken it over from the firmware",
		[RMRR_KEPT] = "cannot be assigned: the firmware may use this memory through it at any time",
		[RMRR_SYSTEM_RAM] = "cannot be assigned: this memory belongs to the system",
	};
	return (unsigned)v < RMRR_VERDICTS ? texts[v] : "unknown";
}

static void size_text(const struct rmrr_owner *o, char *buf, size_t n)
{
	const char *memory = !o->memory_known ? "memory type not known" : table_memory_name(o->memory);
	if (!o->bytes)
		fmt_print(buf, n, "no memory");
	else
		fmt_print(buf, n, "%llu KiB, %s%s", (ull)(o->bytes >> 10), memory,
			  o->mixed ? " and other" : "");
}

int rmrr_text(const struct rmrr_owner *o, char *buf, size_t n)
{
	char size[64], fn[32] = "no function", shared[32] = "";
	size_text(o, size, sizeof(size));
	if (o->resolved)
		fmt_print(fn, sizeof(fn), BDF_FMT, BDF_ARG(o->fn));
	if (o->overlaps >= 0)
		fmt_print(shared, sizeof(shared), "; overlaps RMRR %d", o->overlaps);
	return fmt_print(buf, n, "RMRR %u 0x%llx..0x%llx (%s) for %s%s%s%s: %s%s", o->number, (ull)o->base,
			 (ull)o->limit, size, fn, o->below ? " below the bridge" : "", o->name ? " " : "",
			 !o->resolved || o->present ? o->name ? o->name : "" : " absent",
			 rmrr_verdict_text(o->verdict), shared);
}
