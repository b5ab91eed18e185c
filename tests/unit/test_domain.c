/* Domains against two oracles: the walker, which explains the tables, and the model of a unit, which uses
 * them through caches that keep whatever was not invalidated. */
#include <string.h>
#include "iommu/vtd/backend.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

#define W   0x1000000000ull /* device addresses start here */
#define P   0x2000000000ull /* memory that they lead to; nothing reads it */
#define FN  ((bdf_t){0, 0x0100})
#define FN2 ((bdf_t){0, 0x0208})

static struct domain *make(void)
{
	struct domain *d;
	assert_int_equal(domain_create(&mmu, "test", &d), SL_OK);
	return d;
}

static void unmake(struct domain *d, uint64_t iova, uint64_t len)
{
	if (len)
		assert_int_equal(domain_unmap(d, IOVA(iova), len), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
}

static void goes_to(struct model_unit *m, bdf_t fn, uint64_t iova, uint64_t want)
{
	uint64_t phys = 0;
	struct iommu_walk w;
	assert_int_equal(model_dma(m, fn.rid, iova, false, &phys), 0);
	assert_int_equal(phys, want);
	assert_int_equal(iommu_walk(&mmu, fn, IOVA(iova), &w), SL_OK);
	assert_true(w.read);
	assert_int_equal(w.phys.v, want);
}

static void refused(struct model_unit *m, bdf_t fn, uint64_t iova, bool write, unsigned reason)
{
	uint64_t phys;
	struct iommu_walk w;
	assert_int_equal(model_dma(m, fn.rid, iova, write, &phys), reason);
	assert_int_equal(iommu_walk(&mmu, fn, IOVA(iova), &w), SL_OK);
	assert_int_equal(write ? w.code_write : w.code_read, reason);
}

static void test_life(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make();
	assert_int_equal(domain_id(d), 1);
	assert_string_equal(domain_name(d), "test");
	refused(m, FN, W, false, 1); /* no root entry yet */
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W + PAGE_2M), PHYS(P + PAGE_1G), PAGE_SIZE, DOMAIN_R), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_ptr_equal(iommu_domain_of(&mmu, FN), d);
	assert_null(iommu_domain_of(&mmu, FN2));
	goes_to(m, FN, W + 0x1234, P + 0x1234);
	goes_to(m, FN, W + PAGE_2M, P + PAGE_1G);
	refused(m, FN, W + PAGE_2M, true, 5);
	refused(m, FN, W - 1, false, 6);
	refused(m, FN, W + PAGE_2M + PAGE_SIZE, true, 5);
	refused(m, (bdf_t){0, 0x0101}, W, false, 2); /* same bus, not attached */
	refused(m, FN2, W, false, 1);
	refused(m, FN, 1ull << 48, false, 4);
	assert_int_equal(domain_destroy(d), SL_BUSY);
	assert_int_equal(domain_detach(d, FN), SL_OK);
	assert_int_equal(domain_detach(d, FN), SL_NOTFOUND);
	refused(m, FN, W, false, 2);
	unmake(d, W, PAGE_2M + PAGE_SIZE);
	machine_end();
}

/* A walk says which entries it read, each from the table that the one before it names. */
static void test_walk_entries(void **state)
{
	(void)state;
	one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make();
	struct iommu_walk w;
	assert_int_equal(domain_map(d, IOVA(W + 0x3000), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(W + 0x3000), &w), SL_OK);
	assert_true(w.entries > 3);
	assert_string_equal(w.entry[0].table, "root");
	assert_string_equal(w.entry[1].table, "context");
	assert_int_equal(w.entry[0].lo, w.table[WALK_FUNCTION].at.v | 1);
	const uint64_t *context = (const uint64_t *)phys_va(w.table[WALK_FUNCTION].at) + 2 * (FN.rid & 0xff);
	assert_int_equal(w.entry[1].lo, context[0]);
	assert_int_equal(w.entry[1].hi, context[1]);
	phys_t table = w.table[WALK_PAGES].at;
	unsigned levels = w.entries - 2;
	for (unsigned i = 2; i < w.entries; i++) {
		unsigned level = levels + 2 - i, index = (W + 0x3000) >> (3 + 9 * level) & 511;
		assert_null(w.entry[i].table);
		assert_int_equal(w.entry[i].level, level);
		assert_int_equal(w.entry[i].index, index);
		assert_int_equal(w.entry[i].lo, ((const uint64_t *)phys_va(table))[index]);
		table = PHYS(w.entry[i].lo & BITS(51, 12));
	}
	assert_int_equal(table.v, P);
	uint64_t *middle = phys_va(PHYS(w.entry[2].lo & BITS(51, 12))), was = middle[w.entry[3].index];
	middle[w.entry[3].index] = BIT(46) | 3; /* no RAM is there */
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(W + 0x3000), &w), SL_OK);
	assert_true(!w.read && !w.write && w.why_read == WHY_UNREADABLE && w.why_write == WHY_UNREADABLE);
	middle[w.entry[3].index] = was;
	assert_int_equal(iommu_walk(&mmu, (bdf_t){0, 0x0101}, IOVA(W), &w), SL_OK); /* not attached */
	assert_int_equal(w.entries, 1);
	assert_string_equal(w.entry[0].table, "root");
	assert_int_equal(domain_detach(d, FN), SL_OK);
	unmake(d, W + 0x3000, PAGE_SIZE);
	machine_end();
}

static void test_errors(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make(), *other = make();
	struct iommu_walk before, after;
	assert_int_equal(domain_map(d, IOVA(W + PAGE_2M), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_BUSY);
	assert_int_equal(domain_attach(other, FN), SL_BUSY);
	assert_int_equal(domain_detach(other, FN), SL_NOTFOUND);
	/* overlap by one page at either end, and inside: nothing changes */
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(W), &before), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_2M + PAGE_SIZE, DOMAIN_RW), SL_EXISTS);
	assert_int_equal(domain_map(d, IOVA(W + 2 * PAGE_2M - PAGE_SIZE), PHYS(P), PAGE_2M, DOMAIN_RW),
			 SL_EXISTS);
	assert_int_equal(domain_map(d, IOVA(W + PAGE_2M + PAGE_SIZE), PHYS(P), PAGE_SIZE, DOMAIN_RW),
			 SL_EXISTS);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_1G, DOMAIN_RW), SL_EXISTS);
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(W), &after), SL_OK);
	assert_memory_equal(&before, &after, sizeof(before));
	refused(m, FN, W, false, 6);
	/* alignment, length, permission */
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), 0, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W + 1), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P + 8), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE + 1, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, 0), SL_BADVAL);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, 4), SL_BADVAL);
	/* aperture: 48 bits; lengths that wrap */
	assert_int_equal(domain_map(d, IOVA(BIT(48)), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(BIT(48) - PAGE_SIZE), PHYS(P), 2 * PAGE_SIZE, DOMAIN_RW),
			 SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), 0 - PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(BIT(52) - PAGE_SIZE), 2 * PAGE_SIZE, DOMAIN_RW),
			 SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(BIT(48) - PAGE_SIZE), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	/* unmap: not mapped, partly mapped, nothing */
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_RANGE);
	assert_int_equal(domain_unmap(d, IOVA(W), 2 * PAGE_2M), SL_RANGE);
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_2M), 0), SL_RANGE);
	goes_to(m, FN, W + PAGE_2M, P);
	assert_int_equal(domain_detach(d, FN), SL_OK);
	unmake(d, 0, 0);
	unmake(other, 0, 0);
	machine_end();
}

/* Nothing is mapped over the interrupt window, as device address or as memory; and with the table at hand
 * every argument is checked too. */
static void test_errors_window(void **state)
{
	(void)state;
	one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make();
	assert_int_equal(domain_map(d, IOVA(W + PAGE_2M), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	/* the interrupt window, as device address and as memory */
	assert_int_equal(domain_map(d, IOVA(0xfee00000), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(0xfeeff000), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(0xfec00000), PHYS(P), 0x201000, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(0xfee00000), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(0xfec00000), PHYS(P), 0x200000, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(d, IOVA(0xfef00000), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	/* a page beside the window has a table that covers the window as well */
	assert_int_equal(domain_unmap(d, IOVA(0xfef00000), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_map(d, IOVA(0xfeeff000), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(0xfef00000), PHYS(0xfee00000), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(0xfef00000), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	/* the same with the table at hand: every argument is checked */
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(0xfeeff000), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(BIT(52)), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P + 1), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W + 1), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, 0), SL_BADVAL);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, 4), SL_BADVAL);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_RANGE);
	assert_int_equal(domain_unmap(d, IOVA(W + 1), PAGE_SIZE), SL_RANGE);
	assert_int_equal(domain_detach(d, FN), SL_OK);
	unmake(d, 0, 0);
	machine_end();
}

/* What was cached must be gone when unmap, detach or destroy return; domain ids come again. */
static void test_stale(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *a = make();
	assert_int_equal(domain_map(a, IOVA(W), PHYS(P), 4 * PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(a, IOVA(W + PAGE_2M), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(a, FN), SL_OK);
	for (unsigned i = 0; i < 4; i++)
		goes_to(m, FN, W + i * PAGE_SIZE, P + i * PAGE_SIZE);
	goes_to(m, FN, W + PAGE_2M, P);
	assert_int_equal(domain_unmap(a, IOVA(W + PAGE_SIZE), PAGE_SIZE), SL_OK);
	refused(m, FN, W + PAGE_SIZE, false, 6);
	goes_to(m, FN, W, P);
	assert_int_equal(domain_map(a, IOVA(W + PAGE_SIZE), PHYS(P + PAGE_1G), PAGE_SIZE, DOMAIN_RW), SL_OK);
	goes_to(m, FN, W + PAGE_SIZE, P + PAGE_1G);
	assert_int_equal(domain_unmap(a, IOVA(W + PAGE_2M), PAGE_2M), SL_OK);
	refused(m, FN, W + PAGE_2M, false, 6);
	assert_int_equal(domain_detach(a, FN), SL_OK);
	refused(m, FN, W, false, 2); /* a context entry that stayed in the cache would let it through */
	unmake(a, W, 4 * PAGE_SIZE);
	struct domain *b = make();
	assert_int_equal(domain_id(b), 1);
	assert_int_equal(domain_map(b, IOVA(W), PHYS(P + 5 * PAGE_1G), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(b, FN), SL_OK);
	goes_to(m, FN, W, P + 5 * PAGE_1G); /* an IOTLB entry of the old domain 1 would lead to P */
	assert_int_equal(domain_flush(b), SL_OK);
	assert_int_equal(domain_detach(b, FN), SL_OK);
	unmake(b, W, PAGE_SIZE);
	machine_end();
}

/* A table that was freed and used for something else must not be walked: the whole path goes and comes back
 * elsewhere. */
static void test_tables_replaced(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make();
	assert_int_equal(domain_attach(d, FN), SL_OK);
	for (unsigned i = 0; i < 20; i++) {
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P + i * PAGE_SIZE), PAGE_SIZE, DOMAIN_RW),
				 SL_OK);
		goes_to(m, FN, W, P + i * PAGE_SIZE);
		assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
		assert_int_equal(domain_flush(d), SL_OK);
		uint64_t *page = pmm_page(); /* one of the tables, now other data that looks like entries */
		for (unsigned k = 0; k < 512; k++)
			page[k] = 0x666000 | 3;
		refused(m, FN, W, false, 6);
		pmm_page_free(page);
	}
	assert_int_equal(domain_detach(d, FN), SL_OK);
	unmake(d, 0, 0);
	machine_end();
}

static uint64_t free_at_wait;

static void note_free_pages(void *ctx)
{
	(void)ctx;
	free_at_wait = pmm_free_pages();
}

/* Until the wait descriptor is done, the unit may walk the tables: they are freed only then. */
static void test_free_after_wait(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make();
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	goes_to(m, FN, W, P);
	uint64_t before = pmm_free_pages();
	m->on_wait = note_free_pages;
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(free_at_wait, before);
	assert_int_equal(domain_flush(d), SL_OK); /* the tables were kept; now they go, after another wait */
	assert_int_equal(free_at_wait, before);
	assert_int_equal(pmm_free_pages(), before + 5); /* two of them with counts */
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P + PAGE_SIZE), PAGE_2M, DOMAIN_RW), SL_OK);
	goes_to(m, FN, W, P + PAGE_SIZE);
	before = pmm_free_pages();
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_2M), SL_OK); /* all of a table: it goes at once */
	assert_int_equal(free_at_wait, before);
	assert_int_equal(pmm_free_pages(), before + 1);
	assert_int_equal(domain_detach(d, FN), SL_OK);
	unmake(d, 0, 0);
	machine_end();
}

/* A unit that does not answer: nothing is freed, nothing is reported as done. */
static void test_no_answer(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make();
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P + PAGE_SIZE), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	uint64_t before = pmm_free_pages();
	m->queue_stuck = true;
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_2M), SL_TIMEOUT); /* a whole table is out of use */
	assert_int_equal(pmm_free_pages(), before);
	assert_int_equal(domain_flush(d), SL_DEVICE);
	assert_int_equal(domain_detach(d, FN), SL_DEVICE);
	assert_int_equal(domain_destroy(d), SL_BUSY);
	machine_end();
}

/* How many descriptors it takes: one for a range, whatever its pages; the domain where the unit lacks
 * page-selective invalidation. */
static void test_counts(void **state)
{
	(void)state;
	for (unsigned psi = 0; psi < 2; psi++) {
		struct model_unit *m = one_unit(psi ? MODEL_CAP : MODEL_CAP & ~MODEL_PSI, MODEL_ECAP);
		struct domain *d = make();
		struct iommu_unit_info a, b;
		assert_int_equal(domain_attach(d, FN), SL_OK);
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P + PAGE_SIZE), 8 * PAGE_2M, DOMAIN_RW), SL_OK);
		unsigned domain_wide = m->iotlb_inv[2], pages = m->iotlb_inv[3];
		iommu_unit_info(&mmu, 0, &a);
		assert_int_equal(domain_unmap(d, IOVA(W), 8 * PAGE_2M), SL_OK);
		iommu_unit_info(&mmu, 0, &b);
		assert_int_equal(b.descriptors - a.descriptors, 2);
		assert_int_equal(b.waits - a.waits, 1);
		assert_int_equal(m->iotlb_inv[3] - pages, psi);
		assert_int_equal(m->iotlb_inv[2] - domain_wide, 1 - psi);
		assert_int_equal(domain_detach(d, FN), SL_OK);
		unmake(d, 0, 0);
		machine_end();
	}
}

/* Unit 0 has one function, unit 1 one bridge with a virtual function whose bus lies elsewhere, unit 2 the
 * rest. */
static void test_units(void **state)
{
	(void)state;
	machine_init();
	struct model_unit *m0 = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, 0x0010);
	struct model_unit *m1 = model_machine_unit(&mc, MODEL_VER, MODEL_CAP | MODEL_CM,
						   MODEL_ECAP | MODEL_COHERENT, 0x00e0 | MODEL_BRIDGE);
	struct model_unit *m2 =
		model_machine_unit(&mc, MODEL_VER, MODEL_CAP & ~MODEL_PSI, MODEL_ECAP, MODEL_ALL);
	mc.bridge[0].rid = 0x00e0;
	mc.bridge[0].sec = mc.bridge[0].sub = 3;
	mc.bridges = 1;
	mc.vf[0].rid = 0x0401;
	mc.vf[0].pf = 0x0300;
	mc.vfs = 1;
	machine_start();
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	bdf_t igd = {0, 0x0010}, pf = {0, 0x0300}, vf = {0, 0x0401}, rest = {0, 0x0400};
	unsigned unit;
	assert_int_equal(iommu_unit_of(&mmu, igd, &unit), SL_OK);
	assert_int_equal(unit, 0);
	assert_int_equal(iommu_unit_of(&mmu, vf, &unit), SL_OK);
	assert_int_equal(unit, 1);
	assert_int_equal(iommu_unit_of(&mmu, rest, &unit), SL_OK);
	assert_int_equal(unit, 2);
	assert_int_equal(iommu_unit_of(&mmu, (bdf_t){1, 0x0010}, &unit), SL_NOTFOUND);
	struct domain *d = make();
	assert_int_equal(domain_attach(d, (bdf_t){1, 0x0010}), SL_NOTFOUND);
	assert_int_equal(domain_attach(d, igd), SL_OK);
	assert_int_equal(domain_attach(d, pf), SL_OK);
	assert_int_equal(domain_attach(d, vf), SL_OK);
	assert_int_equal(domain_attach(d, rest), SL_OK);
	refused(m1, vf, W, false, 6); /* caching mode: this is remembered */
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	goes_to(m0, igd, W, P);
	goes_to(m1, pf, W, P);
	goes_to(m1, vf, W, P);
	goes_to(m2, rest, W, P);
	uint64_t phys;
	assert_int_equal(model_dma(m0, vf.rid, W, false, &phys), 1); /* in the right unit only */
	assert_int_equal(model_dma(m2, pf.rid, W, false, &phys), 1);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	refused(m0, igd, W, false, 6);
	refused(m1, vf, W, false, 6);
	refused(m2, rest, W, false, 6);
	assert_int_equal(domain_detach(d, vf), SL_OK);
	refused(m1, vf, W, false, 2);
	refused(m1, pf, W, false, 6);
	machine_end();
}

/* CAP.ND = 0: 16 ids, of which 0 is not used. */
static void test_ids(void **state)
{
	(void)state;
	one_unit(MODEL_CAP & ~7ull, MODEL_ECAP);
	struct domain *d[15], *extra;
	for (unsigned i = 0; i < 15; i++) {
		d[i] = make();
		assert_int_equal(domain_id(d[i]), i + 1);
	}
	assert_int_equal(domain_create(&mmu, "one too many", &extra), SL_NOSPACE);
	unmake(d[6], 0, 0);
	d[6] = make();
	assert_int_equal(domain_id(d[6]), 7);
	for (unsigned i = 0; i < 15; i++)
		unmake(d[i], 0, 0);
	machine_end();
}

static void test_rmrr(void **state)
{
	(void)state;
	machine_init();
	struct model_unit *m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_machine_rmrr(&mc, 0x7a000000, 0x7a00ffff, 0x00a0); /* USB */
	model_machine_rmrr(&mc, 0x7b800000, 0x7fffffff, 0x0010); /* graphics */
	model_machine_rmrr(&mc, 0x7a008000, 0x7a01ffff, 0x00a0); /* the same function, overlapping */
	model_machine_rmrr(&mc, 0, 0, 0x0018);                   /* no memory: seen in the field */
	model_machine_rmrr(&mc, 0xfed00000, 0xfeefffff, 0x0020); /* into the interrupt window */
	machine_start();
	assert_int_equal(vtd_map_rmrrs(&mmu, NULL), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	bdf_t usb = {0, 0x00a0}, igd = {0, 0x0010};
	goes_to(m, usb, 0x7a000000, 0x7a000000);
	goes_to(m, usb, 0x7a01ffff, 0x7a01ffff);
	refused(m, usb, 0x7a020000, false, 6);
	refused(m, usb, 0x7b800000, false, 6);
	goes_to(m, igd, 0x7fffffff, 0x7fffffff);
	refused(m, (bdf_t){0, 0x0018}, 0, false, 2);
	struct domain *d = make();
	assert_int_equal(domain_id(d), 3); /* only two functions got one */
	assert_int_equal(domain_attach(d, usb), SL_BUSY);
	assert_string_equal(domain_name(iommu_domain_of(&mmu, usb)), "rmrr 0000:00:14.0");
	machine_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_life),
		cmocka_unit_test(test_walk_entries),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_errors_window),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_tables_replaced),
		cmocka_unit_test(test_free_after_wait),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_rmrr),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
