/* Domains under units that read different tables: each has the form of the unit that its functions are below.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/vtd/backend.h"
#include "iommu/dmar/rmrr.h"
#include "iommu/vtd/unit.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

#define BARE     (MODEL_CAP & ~0x3c003f1f07ull) /* without ND, SAGAW, MGAW, SSLPS */
#define SAGAW(n) ((uint64_t)(n) << 8)
#define MGAW(n)  ((uint64_t)((n)-1) << 16)
#define SSLPS(n) ((uint64_t)(n) << 34)
#define FOUR     (BARE | SAGAW(4) | MGAW(48) | SSLPS(3) | 6)
#define W        0x1000000000ull
#define P        0x2000000000ull

static const bdf_t GFX = {0, 0x0010}, NVME = {0, 0x0100}, NVME2 = {0, 0x0108};

static struct model_unit *gfx, *all;

static void machine(uint64_t cap1, uint64_t ecap1, uint64_t cap2, uint64_t ecap2)
{
	machine_init();
	gfx = model_machine_unit(&mc, MODEL_VER, cap1, ecap1, GFX.rid);
	all = model_machine_unit(&mc, MODEL_VER, cap2, ecap2, MODEL_ALL);
	machine_start();
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	said_clear();
}

static struct domain *domain_of(bdf_t fn)
{
	struct domain *d;
	assert_int_equal(domain_create_for(&mmu, "own", fn, &d), SL_OK);
	return d;
}

static struct domain *domain_any(void)
{
	struct domain *d;
	assert_int_equal(domain_create(&mmu, "any", &d), SL_OK);
	return d;
}

static void reaches(struct model_unit *m, bdf_t fn, uint64_t at, uint64_t to)
{
	uint64_t phys;
	assert_int_equal(model_dma(m, fn.rid, at, true, &phys), 0);
	assert_int_equal(phys, to);
}

static void refused(struct domain *d, bdf_t fn, const char *why)
{
	assert_int_equal(domain_attach(d, fn), SL_UNSUPPORTED);
	assert_non_null(strstr(said, why));
	said_clear();
}

static void drop(struct domain *d, bdf_t fn)
{
	assert_int_equal(domain_detach(d, fn), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
}

/* A Haswell client: 39 bits and no large pages for graphics takes nothing from the rest. */
static void test_small_unit_takes_nothing(void **state)
{
	(void)state;
	machine(BARE | SAGAW(2) | MGAW(39) | 2, MODEL_ECAP, FOUR, MODEL_ECAP);
	struct domain *d = domain_of(NVME), *g = domain_of(GFX);
	assert_int_equal(domain_aperture(d), BIT(48));
	assert_int_equal(domain_page_level(d), 3);
	assert_int_equal(domain_aperture(g), BIT(39));
	assert_int_equal(domain_page_level(g), 1);
	assert_int_equal(domain_map(d, IOVA(BIT(47)), PHYS(P), PAGE_1G, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, NVME), SL_OK);
	reaches(all, NVME, BIT(47) + PAGE_1G - 8, P + PAGE_1G - 8);
	struct iommu_walk w;
	assert_int_equal(iommu_walk(&mmu, NVME, IOVA(BIT(47)), &w), SL_OK);
	assert_int_equal(w.size, PAGE_1G);
	assert_int_equal(domain_map(g, IOVA(BIT(39)), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(g, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(g, GFX), SL_OK);
	reaches(gfx, GFX, W + PAGE_2M - 8, P + PAGE_2M - 8);
	assert_int_equal(iommu_walk(&mmu, GFX, IOVA(W), &w), SL_OK);
	assert_int_equal(w.size, PAGE_SIZE);
	drop(d, NVME);
	refused(g, NVME, "levels");
	drop(g, GFX);
	d = domain_of(NVME);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	refused(d, GFX, "levels");
	assert_int_equal(domain_destroy(d), SL_OK);
	machine_end();
}

/* Three levels only and five only: there is nothing in common, and each works. */
static void test_nothing_in_common(void **state)
{
	(void)state;
	machine(BARE | SAGAW(2) | MGAW(39) | SSLPS(1) | 2, MODEL_ECAP,
		BARE | SAGAW(8) | MGAW(57) | SSLPS(3) | 6, MODEL_ECAP);
	struct domain *a = domain_any(), *b = domain_any(); /* blank until a function is attached */
	assert_int_equal(domain_attach(a, GFX), SL_OK);
	assert_int_equal(domain_attach(b, NVME), SL_OK);
	assert_int_equal(domain_aperture(a), BIT(39));
	assert_int_equal(domain_aperture(b), BIT(57));
	assert_int_equal(domain_map(a, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(b, IOVA(BIT(56)), PHYS(P), PAGE_1G, DOMAIN_RW), SL_OK);
	reaches(gfx, GFX, W + 8, P + 8);
	reaches(all, NVME, BIT(56) + 8, P + 8);
	drop(a, GFX);
	drop(b, NVME);
	machine_end();
}

/* A domain of functions below both: what is not used yet is given up, what is used is a reason to refuse. */
static void test_narrowed(void **state)
{
	(void)state;
	machine(BARE | SAGAW(4) | MGAW(42) | 2, MODEL_ECAP, FOUR, MODEL_ECAP);
	struct domain *d = domain_of(NVME);
	iova_t at;
	assert_int_equal(domain_attach(d, NVME), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	refused(d, GFX, "large pages");
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_2M), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_1G, DOMAIN_RW), SL_OK);
	refused(d, GFX, "large pages");
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_1G), SL_OK);
	assert_int_equal(domain_map(d, IOVA(BIT(42)), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	refused(d, GFX, "too wide");
	assert_int_equal(domain_unmap(d, IOVA(BIT(42)), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_iova_alloc(d, BIT(46), BIT(46), &at), SL_OK);
	refused(d, GFX, "too wide");
	assert_int_equal(domain_iova_free(d, at, BIT(46)), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, GFX), SL_OK);
	assert_int_equal(domain_aperture(d), BIT(42));
	assert_int_equal(domain_page_level(d), 1);
	assert_int_equal(domain_map(d, IOVA(W + PAGE_1G), PHYS(P), PAGE_1G, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W + PAGE_2M), PHYS(P + PAGE_2M), PAGE_2M, DOMAIN_RW), SL_OK);
	reaches(gfx, GFX, W + PAGE_1G + 8, P + 8);
	reaches(gfx, GFX, W + PAGE_2M + 8, P + PAGE_2M + 8);
	reaches(all, NVME, W + PAGE_2M + 8, P + PAGE_2M + 8);
	assert_int_equal(domain_attach(d, NVME2), SL_OK);
	assert_int_equal(domain_detach(d, NVME2), SL_OK);
	assert_int_equal(domain_detach(d, GFX), SL_OK);
	drop(d, NVME);
	machine_end();
}

/* The table of a large page that was used last is not used on when such pages are given up. */
static void test_narrow_forgets(void **state)
{
	(void)state;
	machine(BARE | SAGAW(4) | MGAW(48) | 2, MODEL_ECAP, FOUR, MODEL_ECAP);
	struct domain *d = domain_of(NVME);
	assert_int_equal(domain_attach(d, NVME), SL_OK);
	for (uint64_t size = PAGE_2M; size <= PAGE_1G; size *= 512) {
		uint64_t at = W + 4 * size; /* each in a table of its own */
		assert_int_equal(domain_map(d, IOVA(at), PHYS(P), size, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_unmap(d, IOVA(at), size), SL_OK);
	}
	assert_int_equal(domain_attach(d, GFX), SL_OK);
	for (uint64_t size = PAGE_2M; size <= PAGE_1G; size *= 512) {
		uint64_t at = W + 4 * size; /* each in a table of its own */
		assert_int_equal(domain_map(d, IOVA(at), PHYS(P), size, DOMAIN_RW), SL_OK);
		reaches(gfx, GFX, at + size - 8, P + size - 8);
		assert_int_equal(domain_unmap(d, IOVA(at), size), SL_OK);
	}
	assert_int_equal(domain_detach(d, GFX), SL_OK);
	drop(d, NVME);
	machine_end();
}

/* 16 ids in one unit, 65536 in the other. */
static void test_domain_ids(void **state)
{
	(void)state;
	machine(FOUR & ~7ull, MODEL_ECAP, FOUR, MODEL_ECAP);
	struct domain *d[20];
	for (unsigned i = 0; i < ARRAY_LEN(d); i++) {
		d[i] = domain_of(NVME);
		assert_int_equal(domain_id(d[i]), i + 1);
	}
	struct domain *g;
	assert_int_equal(domain_create_for(&mmu, "g", GFX, &g), SL_NOSPACE);
	refused(d[15], GFX, "CAP.ND");
	assert_int_equal(domain_attach(d[14], GFX), SL_OK);
	assert_int_equal(domain_attach(d[19], NVME), SL_OK);
	drop(d[14], GFX);
	drop(d[19], NVME);
	machine_end();
}

/* A unit that caches what is not present, beside one that does not: each domain announces to its own. */
static void test_announce(void **state)
{
	(void)state;
	machine(FOUR | MODEL_CM, MODEL_ECAP, FOUR, MODEL_ECAP);
	struct domain *d = domain_of(NVME), *g = domain_of(GFX);
	uint64_t phys;
	assert_int_equal(domain_attach(d, NVME), SL_OK);
	assert_int_equal(domain_attach(g, GFX), SL_OK);
	unsigned waits = gfx->waits + all->waits;
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(gfx->waits + all->waits, waits);
	assert_int_not_equal(model_dma(gfx, GFX.rid, W, true, &phys), 0);
	assert_int_equal(domain_map(g, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	reaches(gfx, GFX, W, P);
	assert_int_equal(domain_attach(d, (bdf_t){0, 0x0200}), SL_OK);
	drop(g, GFX);
	assert_int_equal(domain_attach(d, GFX), SL_OK); /* from now on that unit wants to know */
	assert_int_not_equal(model_dma(gfx, GFX.rid, W + PAGE_SIZE, true, &phys), 0);
	assert_int_equal(domain_map(d, IOVA(W + PAGE_SIZE), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	reaches(gfx, GFX, W + PAGE_SIZE, P);
	machine_end();
}

/* Announcements can be ended while nothing masters the bus, and are what they were after that. */
static void test_announce_off(void **state)
{
	(void)state;
	machine(FOUR | MODEL_CM, MODEL_ECAP, FOUR, MODEL_ECAP);
	static const uint64_t sizes[] = {PAGE_SIZE, PAGE_2M};
	struct domain *d = domain_of(NVME), *g = domain_of(GFX);
	assert_int_equal(domain_attach(d, NVME), SL_OK);
	assert_int_equal(domain_attach(g, GFX), SL_OK);
	assert_false(domain_announce(d, false));
	for (unsigned i = 0; i < 2; i++) {
		uint64_t at = W + PAGE_1G * i;
		unsigned waits = gfx->waits;
		assert_true(domain_announce(g, false));
		assert_int_equal(domain_map(g, IOVA(at), PHYS(P), sizes[i], DOMAIN_RW), SL_OK);
		assert_int_equal(gfx->waits, waits);
		assert_false(domain_announce(g, true));
		assert_int_equal(domain_map(g, IOVA(at + sizes[i]), PHYS(P), sizes[i], DOMAIN_RW), SL_OK);
		assert_int_equal(gfx->waits, waits + 1);
	}
	machine_end();
}

/* RMRRs of functions below units of different width. */
static void test_rmrr_widths(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		machine_init();
		gfx = model_machine_unit(&mc, MODEL_VER, BARE | SAGAW(2) | MGAW(39) | 2, MODEL_ECAP, GFX.rid);
		all = model_machine_unit(&mc, MODEL_VER, FOUR, MODEL_ECAP, MODEL_ALL);
		model_machine_rmrr(&mc, BIT(40), BIT(40) + PAGE_SIZE - 1, i ? NVME.rid : GFX.rid);
		machine_start();
		assert_int_equal(vtd_map_rmrrs(&mmu, NULL), SL_OK);
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		struct iommu_reserved r = {0};
		assert_int_equal(iommu_reserved_next(&mmu, NVME, &r), SL_OK); /* the interrupt window */
		assert_int_equal(iommu_reserved_next(&mmu, NVME, &r), i ? SL_OK : SL_END);
		if (i)
			reaches(all, NVME, BIT(40) + 8, BIT(40) + 8);
		else
			assert_null(iommu_domain_of(&mmu, GFX));
		machine_end();
	}
}

/* CAP.SSLPS: 1 GiB is used only with 2 MiB. */
static unsigned page_level(uint64_t cap)
{
	return !(cap >> 34 & 1) ? 1 : !(cap >> 35 & 1) ? 2 : 3;
}

/* Real units beside each other: each domain has all of its own unit. */
static void test_real_pairs(void **state)
{
	(void)state;
	static struct {
		uint64_t cap, ecap;
	} real[64];
	char path[512], line[1024];
	unsigned n = 0;
	support_file("dmar", "cap-ecap.tsv", path, sizeof(path));
	FILE *file = fopen(path, "r");
	while (fgets(line, sizeof(line), file) && n < ARRAY_LEN(real)) {
		char *tab = strchr(line, '\t');
		tab = tab ? strchr(tab + 1, '\t') : NULL;
		if (line[0] == '#' || !tab || tab[-1] < '0' || tab[-1] > '9' ||
		    !(real[n].cap = strtoull(tab + 1, &tab, 16)))
			continue;
		real[n++].ecap = strtoull(tab + 1, NULL, 16);
	}
	fclose(file);
	assert_true(n >= 20);
	for (unsigned i = 0; i < n * n; i += 3) {
		uint64_t c1 = real[i / n].cap, c2 = real[i % n].cap;
		machine(c1, real[i / n].ecap, c2, real[i % n].ecap);
		struct domain *g = domain_of(GFX), *d = domain_of(NVME);
		uint64_t size = domain_page_level(d) == 3   ? PAGE_1G
				: domain_page_level(d) == 2 ? PAGE_2M
							    : PAGE_SIZE;
		assert_int_equal(domain_page_level(g), page_level(c1));
		assert_int_equal(domain_page_level(d), page_level(c2));
		assert_true(domain_aperture(g) == BIT(48) || domain_aperture(g) <= BIT((c1 >> 16 & 63) + 1));
		assert_int_equal(domain_map(d, IOVA(PAGE_1G), PHYS(P), PAGE_1G, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_map(g, IOVA(PAGE_1G), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_attach(d, NVME), SL_OK);
		assert_int_equal(domain_attach(g, GFX), SL_OK);
		reaches(all, NVME, 2 * PAGE_1G - 8, P + PAGE_1G - 8);
		reaches(gfx, GFX, PAGE_1G + 8, P + 8);
		struct iommu_walk w;
		assert_int_equal(iommu_walk(&mmu, NVME, IOVA(PAGE_1G), &w), SL_OK);
		assert_int_equal(w.size, size);
		drop(d, NVME);
		drop(g, GFX);
		machine_end();
	}
}

/* A unit is asked to invalidate what it may have cached: of a domain with a function under it, and no longer.
 */
static void test_only_units_in_use(void **state)
{
	(void)state;
	machine(FOUR, MODEL_ECAP, FOUR, MODEL_ECAP);
	struct domain *d = domain_of(NVME);
	assert_int_equal(domain_attach(d, NVME), SL_OK);
	for (unsigned i = 0; i < 3; i++) {
		bool both = i == 1;
		if (both)
			assert_int_equal(domain_attach(d, GFX), SL_OK);
		unsigned waits = gfx->waits, others = all->waits;
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
		assert_int_equal(gfx->waits - waits, both);
		assert_int_equal(all->waits - others, 1);
		if (both)
			assert_int_equal(domain_detach(d, GFX), SL_OK);
	}
	drop(d, NVME);
	machine_end();
}

int main(void)
{
	log_sink_add(said_sink);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_unit_takes_nothing),
		cmocka_unit_test(test_nothing_in_common),
		cmocka_unit_test(test_narrowed),
		cmocka_unit_test(test_narrow_forgets),
		cmocka_unit_test(test_domain_ids),
		cmocka_unit_test(test_announce),
		cmocka_unit_test(test_announce_off),
		cmocka_unit_test(test_rmrr_widths),
		cmocka_unit_test(test_real_pairs),
		cmocka_unit_test(test_only_units_in_use),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
