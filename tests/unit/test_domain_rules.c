/* What domains promise beyond single mappings: groups, regions that firmware reserved, pass-through,
 * addresses given out, batches, units without a queue. */
#include <string.h>
#include "drivers/dma.h"
#include "iommu/backend.h"
#include "iommu/domain_parts.h"
#include "iommu/vtd/backend.h"
#include "iommu/vtd/qi.h"
#include "iommu/vtd/state.h"
#include "iommu/vtd/unit.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/support_memory.h"
#include "tests/unit/test.h"

#define W   0x1000000000ull /* device addresses start here */
#define P   0x2000000000ull /* memory that they lead to; nothing reads it */
#define FN  ((bdf_t){0, 0x0100})
#define FN2 ((bdf_t){0, 0x0208})

static char text[4096];

static void sink(const char *line, size_t len)
{
	len = len < sizeof(text) ? len : sizeof(text) - 1;
	memcpy(text, line, len);
	text[len] = 0;
}

static struct domain *make(const char *name)
{
	struct domain *d;
	assert_int_equal(domain_create(&mmu, name, &d), SL_OK);
	return d;
}

static unsigned dma(struct model_unit *m, bdf_t fn, uint64_t iova, uint64_t want)
{
	uint64_t phys = 0;
	unsigned reason = model_dma(m, fn.rid, iova, true, &phys);
	if (!reason)
		assert_int_equal(phys, want);
	return reason;
}

/* Bus 1 is group 7, bus 2 has none. */
static unsigned group_of(void *ctx, bdf_t fn)
{
	assert_ptr_equal(ctx, &mc);
	return fn.rid >> 8 == 1 ? 7 : 0;
}

static void test_groups(void **state)
{
	(void)state;
	static const struct iommu_groups groups = {&mc, group_of, NULL};
	one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *a = make("a"), *b = make("b");
	assert_int_equal(domain_attach(a, (bdf_t){0, 0x0100}), SL_OK);
	assert_int_equal(domain_attach(b, (bdf_t){0, 0x0101}), SL_OK); /* no groups are set yet */
	assert_int_equal(domain_detach(b, (bdf_t){0, 0x0101}), SL_OK);
	iommu_set_groups(&mmu, &groups);
	text[0] = 0;
	assert_int_equal(domain_attach(b, (bdf_t){0, 0x01ff}), SL_BUSY);
	assert_non_null(strstr(
		text,
		"0000:01:1f.7 cannot be attached to domain 2 (b): 0000:01:00.0 of the same group 7 is in domain 1 (a)"));
	assert_null(iommu_domain_of(&mmu, (bdf_t){0, 0x01ff}));
	assert_int_equal(domain_attach(a, (bdf_t){0, 0x01ff}), SL_OK); /* the same domain */
	assert_int_equal(domain_attach(b, (bdf_t){0, 0x0200}), SL_OK); /* no group is known */
	assert_int_equal(domain_attach(a, (bdf_t){0, 0x0201}), SL_OK);
	assert_int_equal(domain_detach(a, (bdf_t){0, 0x0100}), SL_OK);
	assert_int_equal(domain_attach(b, (bdf_t){0, 0x0100}), SL_BUSY); /* 01:1f.7 is still there */
	assert_int_equal(domain_detach(a, (bdf_t){0, 0x01ff}), SL_OK);
	assert_int_equal(domain_attach(b, (bdf_t){0, 0x0100}), SL_OK);
	iommu_set_groups(&mmu, NULL);
	assert_int_equal(domain_attach(a, (bdf_t){0, 0x0101}), SL_OK);
	machine_end();
}

/* The group's other function may be under another unit, and a unit may be missing. */
static void test_groups_units(void **state)
{
	(void)state;
	static const struct iommu_groups groups = {&mc, group_of, NULL};
	machine_init();
	model_machine_unit(&mc, ~0u, ~0ull, ~0ull, 0x0018);
	model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, 0x0100);
	model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	machine_start();
	iommu_set_groups(&mmu, &groups);
	struct domain *a = make("a"), *b = make("b");
	assert_int_equal(domain_attach(a, (bdf_t){0, 0x0100}), SL_OK);
	assert_int_equal(domain_attach(b, (bdf_t){0, 0x0101}), SL_BUSY);
	machine_end();
}

/* Bus 2 is behind a bridge: its functions' requests arrive as 02:00.0 too. */
static unsigned ids_behind(void *ctx, bdf_t fn, uint16_t *out, unsigned max)
{
	assert_ptr_equal(ctx, &mc);
	assert_true(max >= 2);
	out[0] = 0x0200;
	out[1] = fn.rid; /* said once more */
	return fn.rid >> 8 == 2 ? 2 : 0;
}

static unsigned group_of_bus(void *ctx, bdf_t fn)
{
	(void)ctx;
	return fn.rid >> 8;
}

#define BRIDGE ((bdf_t){0, 0x0200})
#define FN3    ((bdf_t){0, 0x0210})

/* Functions behind a bridge share its requester id, until the last of them is gone. */
static void test_ids(void **state)
{
	(void)state;
	static const struct iommu_groups groups = {&mc, group_of_bus, ids_behind};
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	iommu_set_groups(&mmu, &groups);
	struct domain *a = make("a"), *b = make("b");
	assert_int_equal(domain_map(a, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(dma(m, BRIDGE, W, P), 1);
	assert_int_equal(domain_attach(a, FN2), SL_OK);
	assert_int_equal(dma(m, BRIDGE, W, P), 0);
	assert_int_equal(dma(m, FN2, W, P), 0);
	assert_int_equal(dma(m, FN3, W, P), 2);
	assert_ptr_equal(iommu_domain_of(&mmu, BRIDGE), a);
	assert_int_equal(domain_attach(b, FN3), SL_BUSY); /* its requests could not be told from FN2's */
	assert_int_equal(domain_attach(a, FN3), SL_OK);
	assert_int_equal(domain_attach(a, BRIDGE), SL_OK); /* a function of that number, too */
	assert_int_equal(domain_attach(a, BRIDGE), SL_BUSY);
	assert_int_equal(domain_detach(a, FN2), SL_OK);
	assert_int_equal(domain_detach(a, FN2), SL_NOTFOUND);
	assert_int_equal(dma(m, FN2, W, P), 2);
	assert_int_equal(dma(m, BRIDGE, W, P), 0);
	assert_int_equal(domain_detach(a, BRIDGE), SL_OK);
	assert_int_equal(dma(m, BRIDGE, W, P), 0); /* FN3 has it too */
	assert_int_equal(domain_destroy(a), SL_BUSY);
	assert_int_equal(domain_detach(b, FN3), SL_NOTFOUND);
	assert_int_equal(domain_detach(a, FN3), SL_OK);
	assert_int_equal(dma(m, BRIDGE, W, P), 2);
	assert_null(iommu_domain_of(&mmu, BRIDGE));
	assert_int_equal(domain_attach(b, FN3), SL_OK);
	assert_int_equal(domain_destroy(a), SL_OK);
	machine_end();
}

static unsigned no_group(void *ctx, bdf_t fn)
{
	(void)ctx;
	(void)fn;
	return 0;
}

/* Also when groups are not known, an id is never in two domains. */
static void test_id_taken(void **state)
{
	(void)state;
	static const struct iommu_groups groups = {&mc, no_group, ids_behind};
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	iommu_set_groups(&mmu, &groups);
	struct domain *a = make("a"), *b = make("b");
	assert_int_equal(domain_attach(a, FN2), SL_OK);
	text[0] = 0;
	assert_int_equal(domain_attach(b, FN3), SL_BUSY);
	assert_non_null(strstr(
		text,
		"0000:02:02.0 cannot be attached to domain 2 (b): its requests may arrive as 0000:02:00.0, which is in domain 1"));
	assert_int_equal(dma(m, FN3, W, P), 2);
	assert_int_equal(domain_attach(b, BRIDGE), SL_BUSY);
	assert_int_equal(domain_detach(a, FN2), SL_OK);
	assert_int_equal(domain_attach(b, FN3), SL_OK);
	assert_int_equal(domain_detach(b, FN3), SL_OK);
	assert_int_equal(domain_destroy(b), SL_OK);
	machine_end();
}

/* Firmware's memory for one function behind a bridge: reached under the bridge's id, one domain for all. */
static void test_ids_rmrr(void **state)
{
	(void)state;
	static const struct iommu_groups groups = {&mc, group_of_bus, ids_behind};
	machine_init();
	struct model_unit *m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_machine_rmrr(&mc, 0x7a000000, 0x7a000fff, FN2.rid);
	model_machine_rmrr(&mc, 0x7b000000, 0x7b000fff, BRIDGE.rid);
	machine_start();
	iommu_set_groups(&mmu, &groups);
	assert_int_equal(vtd_map_rmrrs(&mmu, NULL), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(dma(m, BRIDGE, 0x7a000000, 0x7a000000), 0);
	assert_int_equal(dma(m, FN2, 0x7b000000, 0x7b000000), 0);
	struct domain *dom = iommu_domain_of(&mmu, FN2);
	assert_int_equal(domain_detach(dom, FN2), SL_OK);
	assert_int_equal(dma(m, BRIDGE, 0x7b000000, 0x7b000000), 0); /* it is attached itself */
	machine_end();
}

static void test_reserved(void **state)
{
	(void)state;
	machine_init();
	struct model_unit *m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_machine_rmrr(&mc, 0x7a000800, 0x7a0107ff, FN.rid);
	model_machine_rmrr(&mc, 0x7b000000, 0x7b000fff, FN2.rid);
	model_machine_rmrr(&mc, 0x7c000000, 0x7c000fff, FN.rid);
	model_machine_rmrr(&mc, 0, 0, FN.rid); /* these make no sense */
	model_machine_rmrr(&mc, 0xfee00000, 0xfee00fff, FN.rid);
	model_machine_rmrr(&mc, 0x1000, BIT(50), FN.rid);
	machine_start();
	struct iommu_reserved r = {0};
	assert_int_equal(iommu_reserved_next(&mmu, FN, &r), SL_OK);
	assert_true(r.interrupts);
	assert_int_equal(r.base, 0xfee00000);
	assert_int_equal(r.len, 0x100000);
	assert_int_equal(iommu_reserved_next(&mmu, FN, &r), SL_OK);
	assert_false(r.interrupts);
	assert_int_equal(r.base, 0x7a000000);
	assert_int_equal(r.len, 0x11000);
	assert_int_equal(iommu_reserved_next(&mmu, FN, &r), SL_OK);
	assert_int_equal(r.base, 0x7c000000);
	assert_int_equal(iommu_reserved_next(&mmu, FN, &r), SL_END);
	assert_int_equal(iommu_reserved_next(&mmu, FN, &r), SL_END);

	/* while the unit translates, the function keeps what firmware wants it to reach */
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	struct domain *d = make("d");
	assert_int_equal(domain_attach(d, FN), SL_VERIFY);
	assert_non_null(strstr(
		text,
		"0000:01:00.0 cannot be attached to domain 1 (d): firmware wants it to reach 0x7a000000..0x7a010fff (RMRR), which is not mapped one to one there"));
	assert_int_equal(domain_map(d, IOVA(0x7c000000), PHYS(0x7c000000), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(d, IOVA(0x7a000000), PHYS(0x7a000000), 0x10000, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_VERIFY); /* a page is missing */
	assert_int_equal(domain_map(d, IOVA(0x7a010000), PHYS(0x7a010000), PAGE_SIZE, DOMAIN_R), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_VERIFY); /* not to be written */
	assert_int_equal(domain_unmap(d, IOVA(0x7a010000), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_map(d, IOVA(0x7a010000), PHYS(0x7a011000), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_VERIFY); /* not one to one */
	assert_int_equal(domain_unmap(d, IOVA(0x7a010000), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_map(d, IOVA(0x7a010000), PHYS(0x7a010000), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(0x7c000000), PAGE_2M), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_VERIFY); /* the other region */
	assert_int_equal(domain_map(d, IOVA(0x7c000000), PHYS(0x7c000000), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(dma(m, FN, 0x7c000000, 0), 1);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(dma(m, FN, 0x7c000000, 0x7c000000), 0);
	assert_int_equal(dma(m, FN, 0x7a010123, 0x7a010123), 0);
	machine_end();
}

static void test_passthrough(void **state)
{
	(void)state;
	struct domain *d, *t;
	struct iommu_walk w;
	iova_t at;
	static const uint64_t sagaw[] = {0x200, 0x600, 0xe00, 0x800};
	for (size_t i = 0; i < ARRAY_LEN(sagaw); i++) {
		struct model_unit *m = one_unit((MODEL_CAP & ~0x1f00ull) | sagaw[i], MODEL_ECAP);
		assert_int_equal(domain_create_passthrough(&mmu, "pass", &d), SL_OK);
		t = make("t");
		assert_int_equal(domain_map(t, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_attach(d, FN), SL_OK);
		assert_int_equal(dma(m, FN, 0x12345678, 0x12345678), 0);
		assert_int_equal(dma(m, FN2, 0x12345678, 0), 1);
		assert_int_equal(iommu_walk(&mmu, FN, IOVA(W), &w), SL_OK);
		assert_int_equal(w.pass, true);
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_UNSUPPORTED);
		assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_RANGE);
		assert_int_equal(domain_unmap(d, IOVA(W), 2 * PAGE_SIZE), SL_RANGE);
		for (uint64_t size = PAGE_SIZE; size <= PAGE_1G; size *= 512) { /* the first page of all */
			assert_int_equal(domain_map(d, IOVA(0), PHYS(P), size, DOMAIN_RW), SL_UNSUPPORTED);
			assert_int_equal(domain_unmap(d, IOVA(0), size), SL_RANGE);
		}
		assert_int_equal(domain_iova_alloc(d, PAGE_SIZE, PAGE_SIZE, &at), SL_UNSUPPORTED);
		assert_int_equal(domain_iova_free(d, IOVA(W), PAGE_SIZE), SL_NOTFOUND);
		assert_int_equal(domain_flush(d), SL_OK);
		assert_int_equal(domain_flush(d), SL_OK);
		assert_int_equal(domain_detach(d, FN), SL_OK);
		assert_int_equal(dma(m, FN, 0x12345678, 0), 2);
		assert_int_equal(domain_attach(t, FN), SL_OK);
		assert_int_equal(dma(m, FN, W, P), 0);
		assert_int_equal(dma(m, FN, 0x12345678, 0), 5);
		assert_int_equal(domain_destroy(d), SL_OK);
		machine_end();
	}
	/* one of the units lacks the type: functions below it are refused; both do */
	for (unsigned i = 0; i < 2; i++) {
		uint64_t ecap = i ? MODEL_ECAP & ~MODEL_PT : MODEL_ECAP;
		machine_init();
		model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP & ~MODEL_PT, 0x0010);
		model_machine_unit(&mc, MODEL_VER, MODEL_CAP & ~7ull, ecap, MODEL_ALL);
		machine_start();
		assert_int_equal(domain_create_passthrough(&mmu, "pass", &d), i ? SL_UNSUPPORTED : SL_OK);
		if (!i) {
			assert_int_equal(domain_attach(d, (bdf_t){0, 0x0010}), SL_UNSUPPORTED);
			assert_int_equal(domain_attach(d, FN), SL_OK);
		}
		for (unsigned k = 2; !i && k < 16; k++)
			(void)make("filler");
		assert_int_equal(domain_create_passthrough(&mmu, "pass", &d),
				 i ? SL_UNSUPPORTED : SL_NOSPACE);
		machine_end();
	}
}

/* A unit whose domains have 4 GiB of addresses in all, and a domain of it. */
static struct domain *small_aperture(void)
{
	one_unit((MODEL_CAP & ~0x3f1f00ull) | 0x200 | 31ull << 16, MODEL_ECAP);
	struct domain *d = make("d");
	assert_int_equal(domain_aperture(d), 4 * PAGE_1G);
	return d;
}

/* What is no length or no alignment, and what no aperture has room for. */
static void test_iova_arguments(void **state)
{
	(void)state;
	struct domain *d = small_aperture();
	iova_t at;
	assert_int_equal(domain_iova_alloc(d, 0, PAGE_SIZE, &at), SL_BADVAL);
	assert_int_equal(domain_iova_alloc(d, 100, PAGE_SIZE, &at), SL_BADVAL);
	assert_int_equal(domain_iova_alloc(d, PAGE_SIZE, 16, &at), SL_BADVAL);
	assert_int_equal(domain_iova_alloc(d, PAGE_SIZE, 3 * PAGE_SIZE, &at), SL_BADVAL);
	assert_int_equal(domain_iova_alloc(d, 8 * PAGE_1G, PAGE_SIZE, &at), SL_NOSPACE);
	assert_int_equal(domain_iova_alloc(d, PAGE_SIZE, BIT(63), &at), SL_NOSPACE);
	machine_end();
}

/* Addresses right up to a page that was mapped by hand. */
static void test_iova_beside_mapped(void **state)
{
	(void)state;
	struct domain *d = small_aperture();
	iova_t first, at;
	assert_int_equal(domain_iova_alloc(d, PAGE_SIZE, PAGE_SIZE, &first), SL_OK);
	assert_int_equal(domain_iova_free(d, first, PAGE_SIZE), SL_OK);
	assert_int_equal(domain_map(d, IOVA(first.v + PAGE_SIZE), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_iova_alloc(d, PAGE_SIZE, PAGE_SIZE, &at), SL_OK);
	assert_int_equal(at.v, first.v);
	machine_end();
}

struct given_range {
	uint64_t at, len;
};

/* Ranges of many lengths and alignments, in a domain whose first addresses are mapped: each is aligned, in
 * the aperture, behind what is mapped, and apart from all others. */
static void allocate_ranges(struct domain *d, struct given_range *got, unsigned n)
{
	static const uint64_t aligns[] = {PAGE_SIZE, PAGE_2M, PAGE_1G};
	iova_t at;
	assert_int_equal(domain_map(d, IOVA(PAGE_2M), PHYS(P), 3 * PAGE_2M, DOMAIN_RW), SL_OK);
	for (unsigned i = 0; i < n; i++) {
		got[i].len = (1 + i * 7 % 5) * (i % 4 ? PAGE_SIZE : PAGE_2M);
		uint64_t align = aligns[i % 9 ? i % 2 : i == 9 ? 2 : 0];
		assert_int_equal(domain_iova_alloc(d, got[i].len, align, &at), SL_OK);
		got[i].at = at.v;
		assert_true(IS_ALIGNED(at.v, align));
		assert_true(at.v >= 4 * PAGE_2M);
		assert_true(at.v + got[i].len <= domain_aperture(d));
		for (unsigned k = 0; k < i; k++)
			assert_true(at.v >= got[k].at + got[k].len || got[k].at >= at.v + got[i].len);
	}
}

/* Never twice, never where something is mapped, and when the aperture is full, never in the interrupt window.
 */
static void test_iova_apart(void **state)
{
	(void)state;
	struct given_range got[64];
	struct domain *d = small_aperture();
	iova_t at;
	allocate_ranges(d, got, ARRAY_LEN(got));
	unsigned big = 0;
	while (domain_iova_alloc(d, 0x1000000, 0x1000000, &at) == SL_OK) {
		assert_true(at.v + 0x1000000 <= 0xfee00000 || at.v >= 0xfef00000);
		big++;
	}
	assert_true(big > 200 && big < 256);
	machine_end();
}

/* A range is freed as it was allocated, once, and not while something is mapped in it. */
static void test_iova_free(void **state)
{
	(void)state;
	struct given_range got[64];
	struct domain *d = small_aperture();
	iova_t at;
	allocate_ranges(d, got, ARRAY_LEN(got));
	assert_int_equal(domain_iova_free(d, IOVA(got[5].at), got[5].len + PAGE_SIZE), SL_NOTFOUND);
	assert_int_equal(domain_map(d, IOVA(got[5].at), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_iova_free(d, IOVA(got[5].at), got[5].len), SL_BUSY);
	assert_int_equal(domain_unmap(d, IOVA(got[5].at), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_iova_free(d, IOVA(got[5].at), got[5].len), SL_OK);
	assert_int_equal(domain_iova_free(d, IOVA(got[5].at), got[5].len), SL_NOTFOUND);
	assert_int_equal(domain_iova_alloc(d, got[5].len, PAGE_SIZE, &at), SL_OK);
	machine_end();
}

/* The nodes of a domain that is gone are used again. */
static void test_iova_nodes(void **state)
{
	(void)state;
	struct given_range got[64];
	struct domain *d = small_aperture();
	iova_t at;
	allocate_ranges(d, got, ARRAY_LEN(got));
	while (domain_iova_alloc(d, 0x1000000, 0x1000000, &at) == SL_OK)
		;
	assert_int_equal(domain_destroy(d), SL_OK);
	uint64_t used = pmm_used_pages();
	d = make("d");
	for (unsigned i = 0; i < 200; i++)
		assert_int_equal(domain_iova_alloc(d, PAGE_SIZE, PAGE_SIZE, &at), SL_OK);
	assert_int_equal(at.v, PAGE_2M + 199 * PAGE_SIZE);
	assert_int_equal(pmm_used_pages(), used + 2);
	assert_int_equal(domain_destroy(d), SL_OK);
	machine_end();
}

/* A wide aperture: not below 4 GiB, where registers and the firmware's memory are. */
static void test_iova_wide(void **state)
{
	(void)state;
	one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	iova_t at;
	assert_int_equal(domain_iova_alloc(d, PAGE_SIZE, PAGE_SIZE, &at), SL_OK);
	assert_int_equal(at.v, 4 * PAGE_1G);
	machine_end();
}

/* Registers as they are; what was recorded is read and stays. */
static void test_unit_read(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct vtd_regs_seen raw;
	struct iommu_fault f, again;
	assert_int_equal(vtd_read_registers(&mmu, 0, &raw), SL_OK);
	assert_true(raw.cap == MODEL_CAP && raw.ecap == MODEL_ECAP && raw.ver == MODEL_VER);
	struct vtd_state s = vtd_state_of(raw.gsts, raw.pmen, raw.fsts);
	assert_true(s.translates && !s.pending && !s.regions);
	assert_int_equal(dma(m, FN, W, 0), 1);
	assert_int_equal(vtd_read_registers(&mmu, 0, &raw), SL_OK);
	assert_true(vtd_state_of(raw.gsts, raw.pmen, raw.fsts).pending);
	struct vtd_ability a = vtd_ability_of(raw.ver, raw.cap, raw.ecap);
	assert_int_equal(raw.frcds, a.fault_records < VTD_FRCDS_SEEN ? a.fault_records : VTD_FRCDS_SEEN);
	assert_true(vtd_state_fault(raw.frcd[0].lo, raw.frcd[0].hi, 0, &f));
	assert_true(bdf_eq(f.bdf, FN) && f.iova.v == W && f.code == 1);
	assert_int_equal(iommu_fault_next(&mmu, &again), SL_OK);
	assert_true(bdf_eq(again.bdf, f.bdf) && again.write == f.write && again.code == f.code);
	uint32_t (*was)(void *, uint32_t) = mmu.vtd->unit[0].io.rd32;
	mmu.vtd->unit[0].io.rd32 = NULL;
	assert_int_equal(vtd_read_registers(&mmu, 0, &raw), SL_DEVICE);
	mmu.vtd->unit[0].io.rd32 = was;
	machine_end();
}

/* 64 pages: one descriptor, one wait; nothing is freed and nothing is let through after the end. Also in
 * memory that the unit does not snoop. */
static void test_batch(void **state)
{
	(void)state;
	for (unsigned coherent = 0; coherent < 2; coherent++) {
		struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP | coherent);
		struct domain *d = make("d");
		struct iommu_unit_info a, b;
		assert_int_equal(domain_attach(d, FN), SL_OK);
		for (unsigned round = 0; round < 3; round++) {
			domain_unmap_begin(d);
			for (unsigned i = 0; i < 64; i++)
				assert_int_equal(domain_map(d, IOVA(W + i * PAGE_SIZE),
							    PHYS(P + 2 * i * PAGE_SIZE), PAGE_SIZE,
							    DOMAIN_RW),
						 SL_OK);
			assert_int_equal(domain_unmap_end(d), SL_OK);
			for (unsigned i = 0; i < 64; i++)
				assert_int_equal(dma(m, FN, W + i * PAGE_SIZE, P + 2 * i * PAGE_SIZE), 0);
			iommu_unit_info(&mmu, 0, &a);
			domain_unmap_begin(d);
			for (unsigned i = 0; i < 64; i++)
				assert_int_equal(domain_unmap(d, IOVA(W + i * PAGE_SIZE), PAGE_SIZE), SL_OK);
			assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_RANGE);
			assert_int_equal(domain_unmap_end(d), SL_OK);
			iommu_unit_info(&mmu, 0, &b);
			assert_int_equal(b.descriptors - a.descriptors, 2);
			assert_int_equal(b.waits - a.waits, 1);
			for (unsigned i = 0; i < 64; i++)
				assert_int_equal(dma(m, FN, W + i * PAGE_SIZE, 0), 5);
			domain_unmap_begin(d); /* nothing to do: nothing is done */
			assert_int_equal(domain_unmap_end(d), SL_OK);
			iommu_unit_info(&mmu, 0, &a);
			assert_int_equal(a.descriptors, b.descriptors);
		}
		/* mapped again within the batch: at its end nothing is cached of the old mapping */
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(dma(m, FN, W, P), 0);
		domain_unmap_begin(d);
		assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P + PAGE_SIZE), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_map(d, IOVA(W + PAGE_1G), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_unmap_end(d), SL_OK);
		assert_int_equal(dma(m, FN, W, P + PAGE_SIZE), 0);
		/* a whole table goes in a batch, and only at its end */
		assert_int_equal(domain_map(d, IOVA(W + PAGE_2M), PHYS(P + PAGE_SIZE), PAGE_2M, DOMAIN_RW),
				 SL_OK);
		uint64_t used = pmm_used_pages();
		domain_unmap_begin(d);
		assert_int_equal(domain_unmap(d, IOVA(W + PAGE_2M), PAGE_2M), SL_OK);
		assert_int_equal(pmm_used_pages(), used);
		assert_int_equal(domain_unmap_end(d), SL_OK);
		assert_int_equal(pmm_used_pages(), used - 1);
		/* a batch that is never ended */
		domain_unmap_begin(d);
		assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
		assert_int_equal(domain_detach(d, FN), SL_OK);
		assert_int_equal(domain_destroy(d), SL_OK);
		machine_end();
	}
}

/* A page out of a large one: what the unit has cached of the large page goes as well. */
static void test_cut(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	struct iommu_walk w;
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_1G, DOMAIN_RW), SL_OK);
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(W), &w), SL_OK);
	assert_int_equal(w.size, PAGE_1G);
	assert_int_equal(dma(m, FN, W + 5 * PAGE_SIZE, P + 5 * PAGE_SIZE), 0);
	assert_int_equal(domain_unmap(d, IOVA(W + 5 * PAGE_SIZE), PAGE_SIZE), SL_OK);
	assert_int_equal(dma(m, FN, W + 5 * PAGE_SIZE, 0), 5);
	assert_int_equal(dma(m, FN, W + 6 * PAGE_SIZE, P + 6 * PAGE_SIZE), 0);
	assert_int_equal(dma(m, FN, W + PAGE_1G - 1, P + PAGE_1G - 1), 0);
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(W + PAGE_2M), &w), SL_OK);
	assert_int_equal(w.size, PAGE_2M);
	/* the hole is filled, all goes, and a 1 GiB page fits again: the tables are out of its way */
	assert_int_equal(domain_map(d, IOVA(W + 5 * PAGE_SIZE), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	for (uint64_t at = PAGE_SIZE; at < PAGE_2M; at += PAGE_SIZE)
		assert_int_equal(domain_unmap(d, IOVA(W + at), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_2M), PAGE_1G - PAGE_2M), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_1G, DOMAIN_RW), SL_OK);
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(W), &w), SL_OK);
	assert_int_equal(w.size, PAGE_1G);
	assert_int_equal(dma(m, FN, W + 5 * PAGE_SIZE, P + 5 * PAGE_SIZE), 0);
	/* no memory for the lower table */
	support_memory_take(0);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_NOMEM);
	assert_int_equal(domain_map(d, IOVA(2 * W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_NOMEM);
	assert_int_equal(dma(m, FN, W, P), 0);
	support_memory_give();
	machine_end();
}

/* Two pages to be cut, memory for one table: nothing is unmapped, and the unit has seen the cut that was
 * made: what is unmapped of it later is out of its reach. */
static void test_cut_no_memory(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	phys_t hog;
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), 2 * PAGE_2M, DOMAIN_RW), SL_OK);
	uint64_t pages = pmm_free_pages() - 1;
	assert_int_equal(pmm_alloc(pages, PAGE_SIZE, &hog), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_SIZE), PAGE_2M), SL_NOMEM);
	pmm_free(hog, pages);
	assert_int_equal(dma(m, FN, W + PAGE_SIZE, P + PAGE_SIZE), 0);
	assert_int_equal(dma(m, FN, W + PAGE_2M, P + PAGE_2M), 0);
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_SIZE), PAGE_SIZE), SL_OK);
	assert_int_equal(dma(m, FN, W + PAGE_SIZE, 0), 5);
	machine_end();
}

/* Tables that hold nothing are kept, but not without end. */
static void test_kept_tables(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	assert_int_equal(domain_attach(d, FN), SL_OK);
	uint64_t used = pmm_used_pages();
	for (unsigned i = 0; i < 200; i++) {
		uint64_t at = W + i * PAGE_2M;
		assert_int_equal(domain_map(d, IOVA(at), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(dma(m, FN, at, P), 0);
		assert_int_equal(domain_unmap(d, IOVA(at), PAGE_SIZE), SL_OK);
		assert_int_equal(dma(m, FN, at, 0), 5);
		assert_true(pmm_used_pages() - used <= 22);
	}
	assert_int_equal(domain_flush(d), SL_OK);
	assert_int_equal(pmm_used_pages(), used);
	machine_end();
}

/* The same work without a queue. */
static void test_registers(void **state)
{
	(void)state;
	static const uint64_t caps[] = {MODEL_CAP, MODEL_CAP & ~MODEL_PSI, MODEL_CAP | MODEL_CM,
					MODEL_CAP | MODEL_RWBF, MODEL_CAP | MODEL_ESRTPS};
	for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
		struct model_unit *m = one_unit(caps[i], MODEL_ECAP & ~MODEL_QI);
		struct domain *d = make("d");
		struct iommu_unit_info a, b;
		assert_int_equal(m->gsts & 1u << 26, 0);
		assert_int_equal(domain_attach(d, FN), SL_OK);
		for (unsigned k = 0; k < 4; k++) {
			assert_int_equal(dma(m, FN, W, 0), 5);
			assert_int_equal(domain_map(d, IOVA(W), PHYS(P + k * PAGE_SIZE), PAGE_2M, DOMAIN_RW),
					 SL_OK);
			assert_int_equal(dma(m, FN, W, P + k * PAGE_SIZE), 0);
			assert_int_equal(dma(m, FN, W + PAGE_2M - 1, P + PAGE_2M + k * PAGE_SIZE - 1), 0);
			iommu_unit_info(&mmu, 0, &a);
			unsigned wide = m->iotlb_inv[2], pages = m->iotlb_inv[3];
			assert_int_equal(domain_unmap(d, IOVA(W), PAGE_2M), SL_OK);
			iommu_unit_info(&mmu, 0, &b);
			assert_int_equal(b.waits - a.waits, 1);
			assert_int_equal(m->iotlb_inv[2] - wide, !(caps[i] & MODEL_PSI));
			assert_int_equal(m->iotlb_inv[3] - pages, !!(caps[i] & MODEL_PSI));
		}
		assert_int_equal(domain_detach(d, FN), SL_OK);
		assert_int_equal(dma(m, FN, W, 0), 2);
		assert_int_equal(m->waits, 0);
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		machine_end();
	}
}

static void test_registers_fail(void **state)
{
	(void)state;
	/* refused: nothing may be taken as invalidated, but the next one works */
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP & ~MODEL_QI);
	struct domain *d = make("d");
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), 3 * PAGE_SIZE, DOMAIN_RW), SL_OK);
	m->refuse = true;
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_DEVICE);
	assert_non_null(strstr(text, "try: restart the machine"));
	m->refuse = false;
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_SIZE), PAGE_SIZE), SL_OK);
	/* no answer: the unit is not asked again */
	m->queue_stuck = true;
	assert_int_equal(domain_unmap(d, IOVA(W + 2 * PAGE_SIZE), PAGE_SIZE), SL_TIMEOUT);
	uint64_t clock = m->clock;
	assert_int_equal(domain_flush(d), SL_DEVICE);
	assert_int_equal(domain_detach(d, FN), SL_DEVICE);
	assert_int_equal(m->clock, clock);
	machine_end();
	/* firmware left a command that takes its time */
	machine_init();
	m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP & ~MODEL_QI, MODEL_ALL);
	m->iotlb = 1ull << 63;
	m->iotlb_left = 50;
	machine_start();
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	machine_end();
	/* or that never ends, in either register */
	for (unsigned i = 0; i < 2; i++) {
		machine_init();
		m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP & ~MODEL_QI, MODEL_ALL);
		*(i ? &m->iotlb : &m->ccmd) = 1ull << 63;
		m->queue_stuck = true;
		machine_start();
		assert_int_equal(iommu_enable(&mmu), SL_TIMEOUT);
		assert_int_equal(m->gsts >> 31, 0);
		machine_end();
	}
}

/* Takes all pages but some; when it is all of them, also what small things could still have. */
static uint64_t hog(uint64_t leave, phys_t *at)
{
	uint64_t pages = pmm_free_pages() - leave;
	assert_int_equal(pmm_alloc(pages, PAGE_SIZE, at), SL_OK);
	while (!leave && pmm_keep(16))
		;
	return pages;
}

/* Out of memory at each step: an error, never half a thing, and afterwards all works. */
static void test_no_memory(void **state)
{
	(void)state;
	phys_t at;
	struct domain *d;
	iova_t iova;
	bool worked = false;
	for (uint64_t leave = 0; leave < 8 && !worked; leave++) {
		machine_init();
		model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
		struct dmar_topo topo = model_machine_topo(&mc);
		struct iommu_regs regs = model_machine_regs(&mc);
		uint64_t pages = hog(leave, &at);
		enum sl_err e = vtd_init(&mmu, (struct span){mc.dmar, mc.len}, &topo, &regs);
		worked = !e;
		assert_true(worked || e == SL_NOMEM);
		pmm_free(at, pages);
		machine_end();
	}
	assert_true(worked);
	struct model_unit *m = one_unit(MODEL_CAP & ~(3ull << 54), MODEL_ECAP); /* no draining either */
	uint64_t pages = hog(0, &at);
	assert_int_equal(domain_create(&mmu, "d", &d), SL_NOMEM);
	pmm_free(at, pages);
	d = make("d");
	assert_int_equal(domain_destroy(d), SL_OK);
	pages = hog(0, &at);
	assert_int_equal(domain_create(&mmu, "d", &d), SL_NOMEM); /* the struct is there, the table is not */
	pmm_free(at, pages);
	d = make("d");
	pages = hog(0, &at);
	assert_int_equal(domain_attach(d, FN), SL_NOMEM);
	assert_null(iommu_domain_of(&mmu, FN));
	assert_int_equal(domain_iova_alloc(d, PAGE_SIZE, PAGE_SIZE, &iova), SL_NOMEM);
	pmm_free(at, pages);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	/* a function on another bus: no context table for it, though there is room to remember it */
	assert_int_equal(domain_detach(d, FN), SL_OK);
	assert_int_equal(domain_map(d, IOVA(P), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	pages = hog(0, &at);
	assert_int_equal(domain_attach(d, (bdf_t){0, 0x0500}), SL_NOMEM);
	assert_null(iommu_domain_of(&mmu, (bdf_t){0, 0x0500}));
	assert_int_equal(domain_attach(d, FN), SL_OK);
	pmm_free(at, pages);
	assert_int_equal(domain_unmap(d, IOVA(P), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_flush(d), SL_OK);
	/* a mapping that gets half way is taken back, and nothing of it stays in the caches */
	pages = hog(4, &at);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P + PAGE_SIZE), 4 * PAGE_2M, DOMAIN_RW), SL_NOMEM);
	assert_int_equal(dma(m, FN, W, 0), 5);
	assert_int_equal(domain_flush(d), SL_OK);
	assert_int_equal(pmm_free_pages(), 4);
	pmm_free(at, pages);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P + PAGE_SIZE), 4 * PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(dma(m, FN, W + 4 * PAGE_2M - 1, P + PAGE_SIZE + 4 * PAGE_2M - 1), 0);
	machine_end();
}

/* A unit that stops answering: every call says so, nothing is taken as done. */
static void test_dead_unit(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	m->queue_stuck = true;
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW),
			 SL_DEVICE); /* a table was in its way: can be taken out, not be waited for */
	assert_int_equal(domain_flush(d), SL_DEVICE);
	assert_int_equal(vtd_qi_end(&mmu.vtd->unit[0]), SL_OK); /* with what is in it */
	assert_non_null(strstr(text, "queue is ended with descriptors in it"));
	machine_end();
	/* the write buffer is never flushed: the mapping is taken back */
	m = one_unit(MODEL_CAP | MODEL_RWBF, MODEL_ECAP);
	d = make("d");
	assert_int_equal(domain_attach(d, FN), SL_OK);
	m->stuck = 1u << 27;
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_TIMEOUT);
	assert_int_equal(dma(m, FN, W, 0), 5);
	machine_end();
	/* caching mode: the same by the queue; then neither is done */
	m = one_unit(MODEL_CAP | MODEL_CM, MODEL_ECAP);
	d = make("d");
	assert_int_equal(domain_attach(d, FN), SL_OK);
	m->queue_stuck = true;
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_DEVICE);
	machine_end();
	/* nor does an attach pass for done */
	m = one_unit(MODEL_CAP | MODEL_CM, MODEL_ECAP);
	d = make("d");
	m->queue_stuck = true;
	assert_int_not_equal(domain_attach(d, FN), SL_OK);
	machine_end();
}

/* Free pages before the first wait descriptor was done. */
static uint64_t free_at_wait;

static void note_free_pages(void *ctx)
{
	(void)ctx;
	if (!free_at_wait)
		free_at_wait = pmm_free_pages();
}

/* Maps and unmaps one page at each address: a table is left that holds nothing, and the unit knows of it. */
static void leave_tables(struct model_unit *m, struct domain *d, uint64_t at, uint64_t step, unsigned n)
{
	for (unsigned i = 0; i < n; i++, at += step) {
		assert_int_equal(domain_map(d, IOVA(at), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(dma(m, FN, at, P), 0);
		assert_int_equal(domain_unmap(d, IOVA(at), PAGE_SIZE), SL_OK);
		assert_int_equal(dma(m, FN, at, 0), 5);
	}
}

/* A large page where empty tables stood: they are freed after the wait, and the unit walks them no more. */
static void test_large_over_empty(void **state)
{
	(void)state;
	static const uint64_t sizes[] = {PAGE_2M, PAGE_1G};
	static const uint64_t caps[] = {MODEL_CAP, MODEL_CAP & ~MODEL_PSI, MODEL_CAP | MODEL_CM,
					MODEL_CAP | MODEL_RWBF};
	for (size_t i = 0; i < 2 * ARRAY_LEN(sizes) * ARRAY_LEN(caps); i++) {
		uint64_t size = sizes[i % 2], gone = i % 2 ? 5 : 1;
		struct model_unit *m = one_unit(caps[i / 4], MODEL_ECAP | (i / 2 % 2));
		struct domain *d = make("d");
		struct iommu_walk w;
		struct iommu_unit_info a, b;
		assert_int_equal(domain_attach(d, FN), SL_OK);
		leave_tables(m, d, W, PAGE_2M, i % 2 ? 3 : 1);
		uint64_t before = pmm_free_pages();
		free_at_wait = 0;
		m->on_wait = note_free_pages;
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P), size, DOMAIN_RW), SL_OK);
		assert_int_equal(free_at_wait, before);
		assert_int_equal(pmm_free_pages(), before + gone);
		uint64_t *page[5]; /* the tables, now other data that looks like entries */
		for (unsigned k = 0; k < gone; k++) {
			page[k] = pmm_page();
			for (unsigned e = 0; e < 512; e++)
				page[k][e] = 0x666000 | 3;
		}
		assert_int_equal(dma(m, FN, W, P), 0);
		assert_int_equal(dma(m, FN, W + size - 1, P + size - 1), 0);
		assert_int_equal(iommu_walk(&mmu, FN, IOVA(W), &w), SL_OK);
		assert_int_equal(w.size, size);
		for (unsigned k = 0; k < gone; k++)
			pmm_page_free(page[k]);
		/* from now on it is like a page of 4 KiB: one invalidation, one wait */
		iommu_unit_info(&mmu, 0, &a);
		assert_int_equal(domain_unmap(d, IOVA(W), size), SL_OK);
		assert_int_equal(dma(m, FN, W, 0), 5);
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P + size), size, DOMAIN_RW), SL_OK);
		iommu_unit_info(&mmu, 0, &b);
		assert_int_equal(b.waits - a.waits, caps[i / 4] & MODEL_CM ? 2 : 1);
		assert_int_equal(dma(m, FN, W, P + size), 0);
		machine_end();
	}
	/* in a batch they are freed at its end */
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	assert_int_equal(domain_attach(d, FN), SL_OK);
	leave_tables(m, d, W, PAGE_2M, 2);
	uint64_t before = pmm_free_pages();
	free_at_wait = 0;
	m->on_wait = note_free_pages;
	domain_unmap_begin(d);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W + PAGE_2M), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(pmm_free_pages(), before);
	assert_int_equal(domain_unmap_end(d), SL_OK);
	assert_int_equal(free_at_wait, before);
	assert_int_equal(pmm_free_pages(), before + 2);
	assert_int_equal(dma(m, FN, W + PAGE_2M, P), 0);
	machine_end();
}

/* How a table goes out of use, in a unit that does not answer. */
static enum sl_err lose_by_unmap(struct domain *d)
{
	return domain_unmap(d, IOVA(W + PAGE_2M), PAGE_2M);
}

static enum sl_err lose_by_trim(struct domain *d)
{
	return domain_flush(d);
}

static enum sl_err lose_by_large_page(struct domain *d)
{
	return domain_map(d, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW);
}

static enum sl_err lose_in_batch(struct domain *d)
{
	domain_unmap_begin(d);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_2M), PAGE_2M), SL_OK);
	return domain_unmap_end(d);
}

/* The seventeenth empty table makes the others go. */
static enum sl_err lose_by_many(struct domain *d)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 2; i < 64 && !e; i++) {
		domain_unmap_begin(d);
		assert_int_equal(domain_map(d, IOVA(W + i * PAGE_2M), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_unmap(d, IOVA(W + i * PAGE_2M), PAGE_SIZE), SL_OK);
		e = domain_unmap_end(d);
	}
	return e;
}

/* A table whose invalidation was not answered may still be walked: it never goes back to the allocator, also
 * not when the next calls come. */
static void test_tables_lost(void **state)
{
	(void)state;
	static enum sl_err (*const lose[])(struct domain * d) = {
		lose_by_unmap, lose_by_trim, lose_by_large_page, lose_in_batch, lose_by_many};
	for (size_t i = 0; i < 2 * ARRAY_LEN(lose); i++) {
		struct model_unit *m = one_unit(MODEL_CAP, i % 2 ? MODEL_ECAP & ~MODEL_QI : MODEL_ECAP);
		struct domain *d = make("d");
		assert_int_equal(domain_attach(d, FN), SL_OK);
		leave_tables(m, d, W, PAGE_2M, 1);
		assert_int_equal(domain_map(d, IOVA(W + PAGE_2M), PHYS(P + PAGE_SIZE), PAGE_2M, DOMAIN_RW),
				 SL_OK);
		assert_int_equal(dma(m, FN, W + PAGE_2M, P + PAGE_SIZE), 0);
		uint64_t before = pmm_free_pages();
		m->queue_stuck = true;
		assert_int_not_equal(lose[i / 2](d), SL_OK);
		assert_true(pmm_free_pages() <= before);
		before = pmm_free_pages();
		assert_int_equal(domain_flush(d), SL_DEVICE);
		(void)!domain_flush(d); /* SL_OK when there is none left to take out */
		assert_int_equal(domain_detach(d, FN), SL_DEVICE);
		assert_int_equal(domain_destroy(d), SL_BUSY);
		assert_true(pmm_free_pages() <= before);
		machine_end();
	}
}

/* A buffer that could not be mapped goes back to the allocator, unless a unit did not answer meanwhile. */
static void test_buffer_lost(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	struct dma_buf buf;
	assert_int_equal(domain_attach(d, FN), SL_OK);
	leave_tables(m, d, W, PAGE_2M, 1);
	uint64_t before = pmm_free_pages();
	assert_int_equal(dma_get(d, IOVA(BIT(48)), PAGE_2M, DOMAIN_RW, &buf), SL_RANGE);
	assert_int_equal(pmm_free_pages(), before);
	m->queue_stuck = true;
	assert_int_equal(dma_get(d, IOVA(W), PAGE_2M, DOMAIN_RW, &buf), SL_DEVICE);
	assert_int_equal(pmm_free_pages(), before - PAGE_2M / PAGE_SIZE);
	machine_end();
}

/* The same memory at a second address: what cannot be unmapped stays known, to be tried again. */
static void test_buffer_again(void **state)
{
	(void)state;
	struct model_unit *m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	struct dma_buf buf, again;
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(dma_get(d, IOVA(W), PAGE_SIZE, DOMAIN_RW, &buf), SL_OK);
	assert_int_equal(dma_again(&buf, IOVA(W + PAGE_1G), DOMAIN_R, &again), SL_OK);
	assert_true(again.va == buf.va && again.phys.v == buf.phys.v && again.iova.v == W + PAGE_1G);
	struct dma_buf third = {0};
	assert_int_equal(dma_again(&buf, IOVA(W + PAGE_1G), DOMAIN_R, &third), SL_EXISTS); /* there is one */
	assert_null(third.va);
	m->queue_stuck = true;
	assert_int_equal(dma_again_end(&again), SL_TIMEOUT);
	assert_true(again.va == buf.va && again.dom == d);
	machine_end();
	(void)one_unit(MODEL_CAP, MODEL_ECAP);
	d = make("d");
	assert_int_equal(dma_get(d, IOVA(W), PAGE_SIZE, DOMAIN_RW, &buf), SL_OK);
	assert_int_equal(dma_again(&buf, IOVA(W + PAGE_1G), DOMAIN_R, &again), SL_OK);
	assert_int_equal(dma_again_end(&again), SL_OK);
	assert_null(again.va);
	assert_int_equal(dma_again_end(&again), SL_OK); /* there is none any more */
	assert_int_equal(dma_put(&buf), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
	machine_end();
}

static struct domain *attached(struct model_unit **m)
{
	*m = one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	assert_int_equal(domain_attach(d, FN), SL_OK);
	return d;
}

/* Nothing that is wrong passes for a page of this size at at, where nothing is mapped. bad: a page of the
 * interrupt window, or one with it inside. */
static void check_refused_page(struct domain *d, uint64_t size, uint64_t at, uint64_t bad)
{
	struct iommu_walk w;
	assert_int_equal(domain_map(d, IOVA(bad), PHYS(P), size, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_unmap(d, IOVA(bad), size), SL_RANGE);
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(bad), &w), SL_OK);
	assert_false(w.read || w.write);
	assert_int_equal(domain_map(d, IOVA(at), PHYS(bad), size, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(at), PHYS(BIT(52)), size, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(at), PHYS(P + 1), size, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(at + 8), PHYS(P), size, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(at), PHYS(P), size, 0), SL_BADVAL);
	assert_int_equal(domain_map(d, IOVA(at), PHYS(P), size, 4), SL_BADVAL);
	assert_int_equal(domain_unmap(d, IOVA(at + 8), size), SL_RANGE);
	assert_int_equal(domain_unmap(d, IOVA(at), size), SL_RANGE);
}

/* Nothing reaches into the interrupt window, by pages of any size, also when the table is at hand that has
 * its entries. Nothing that is wrong passes there. */
static void test_single_page_refused(void **state)
{
	(void)state;
	static const struct {
		uint64_t size, beside, window;
	} cases[] = {{PAGE_SIZE, 0xfef00000, 0xfee00000}, {PAGE_SIZE, 0xfeff0000, 0xfeeff000},
		     {PAGE_2M, 0xfec00000, 0xfee00000},   {PAGE_2M, 0xff000000, 0xfee00000},
		     {PAGE_1G, 0x80000000, 0xc0000000},   {PAGE_1G, 0x100000000, 0xc0000000}};
	struct model_unit *m;
	struct domain *d = attached(&m);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t size = cases[i].size, at = cases[i].beside;
		for (unsigned k = 0; k < 2; k++) { /* the second time with the table at hand */
			assert_int_equal(domain_map(d, IOVA(at), PHYS(at), size, DOMAIN_RW), SL_OK);
			assert_int_equal(domain_unmap(d, IOVA(at + 8), size), SL_RANGE);
			assert_int_equal(dma(m, FN, at, at), 0);
			assert_int_equal(domain_unmap(d, IOVA(at), size), SL_OK);
			check_refused_page(d, size, at, cases[i].window);
			assert_int_equal(dma(m, FN, at, 0), 5);
		}
	}
	machine_end();
}

/* The pages right before and behind the interrupt window are pages like others. */
static void test_window_edges(void **state)
{
	(void)state;
	static const uint64_t edges[] = {0xfedff000, 0xfef00000};
	struct model_unit *m;
	struct domain *d = attached(&m);
	for (size_t i = 0; i < ARRAY_LEN(edges); i++) {
		assert_int_equal(domain_map(d, IOVA(edges[i]), PHYS(edges[i]), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_unmap(d, IOVA(edges[i]), PAGE_SIZE), SL_OK);
		assert_int_equal(domain_map(d, IOVA(edges[i]), PHYS(edges[i]), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(dma(m, FN, edges[i], edges[i]), 0);
	}
	machine_end();
}

/* A small page behind large ones, where a large one would fit, stays small. */
static void test_small_behind_large(void **state)
{
	(void)state;
	struct model_unit *m;
	struct domain *d = attached(&m);
	for (unsigned i = 3; i < 6; i++)
		assert_int_equal(domain_map(d, IOVA(W + i * PAGE_2M), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W + 6 * PAGE_2M), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(dma(m, FN, W + 6 * PAGE_2M + PAGE_SIZE - 1, P + PAGE_SIZE - 1), 0);
	assert_int_equal(dma(m, FN, W + 6 * PAGE_2M + PAGE_SIZE, 0), 5);
	machine_end();
}

/* 2 MiB that lie in two large pages are unmapped, and no more. */
static void test_unmap_across_large(void **state)
{
	(void)state;
	struct model_unit *m;
	struct domain *d = attached(&m);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W + PAGE_2M), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_SIZE), PAGE_2M), SL_OK);
	assert_int_equal(dma(m, FN, W, P), 0);
	assert_int_equal(dma(m, FN, W + PAGE_SIZE, 0), 5);
	assert_int_equal(dma(m, FN, W + PAGE_2M, 0), 5);
	assert_int_equal(dma(m, FN, W + PAGE_2M + PAGE_SIZE, P + PAGE_SIZE), 0);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_2M + PAGE_SIZE), PAGE_2M - PAGE_SIZE), SL_OK);
	machine_end();
}

/* 2 MiB at addresses that do not allow a large page, where one was before. */
static void test_unaligned_2m(void **state)
{
	(void)state;
	static const uint64_t off[][2] = {{PAGE_SIZE, PAGE_SIZE}, {0, PAGE_SIZE}, {PAGE_SIZE, 0}};
	struct model_unit *m;
	struct domain *d = attached(&m);
	for (size_t i = 0; i < ARRAY_LEN(off); i++) {
		uint64_t iova = W + off[i][0], phys = P + off[i][1];
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_2M, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_unmap(d, IOVA(W), PAGE_2M), SL_OK);
		assert_int_equal(domain_map(d, IOVA(iova), PHYS(phys), PAGE_2M, DOMAIN_RW), SL_OK);
		assert_int_equal(dma(m, FN, iova, phys), 0);
		assert_int_equal(dma(m, FN, iova + PAGE_2M - 1, phys + PAGE_2M - 1), 0);
		assert_int_equal(dma(m, FN, iova - 1, 0), 5);
		assert_int_equal(domain_unmap(d, IOVA(iova), PAGE_2M), SL_OK);
		assert_int_equal(dma(m, FN, W + PAGE_2M - 1, 0), 5);
	}
	machine_end();
}

/* What the unit is told: the page that went, of its size; or, in a batch, the smallest block with all of
 * them.
 */
static void check_told(uint64_t iova, unsigned am, bool leaf_only)
{
	const struct vtd_unit *u = &mmu.vtd->unit[0];
	const struct vtd_desc *d = &u->queue[(u->tail + 254) % 256]; /* before the wait descriptor */
	assert_int_equal(FGET(d->lo, DESC_TYPE), DESC_IOTLB);
	assert_int_equal(FGET(d->lo, DESC_G), DESC_G_PAGE);
	assert_int_equal(FGET(d->hi, IOTLB_DESC_AM), am);
	assert_int_equal(d->hi & IOTLB_DESC_ADDR, iova);
	assert_int_equal(!!(d->hi & IOTLB_DESC_IH), leaf_only);
}

static void test_told(void **state)
{
	(void)state;
	one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	assert_int_equal(domain_attach(d, FN), SL_OK);
	for (unsigned am = 0; am <= 18; am += 9) {
		uint64_t size = PAGE_SIZE << am;
		for (unsigned k = 0; k < 3; k++) {
			uint64_t at = W + k * size;
			assert_int_equal(domain_map(d, IOVA(at), PHYS(P), size, DOMAIN_RW), SL_OK);
			if (am && !k) /* an empty table stood there */
				check_told(at, am, false);
			assert_int_equal(domain_unmap(d, IOVA(at), size), SL_OK);
			check_told(at, am, true);
		}
	}
	static const unsigned order[] = {6, 5, 7, 6};
	domain_unmap_begin(d);
	for (unsigned i = 0; i < ARRAY_LEN(order); i++) {
		uint64_t at = W + order[i] * PAGE_SIZE;
		assert_int_equal(domain_map(d, IOVA(at), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_unmap(d, IOVA(at), PAGE_SIZE), SL_OK);
	}
	assert_int_equal(domain_unmap_end(d), SL_OK);
	check_told(W + 4 * PAGE_SIZE, 2, true);
	machine_end();
}

static unsigned invalidated, asked; /* units, a bit each */

static enum sl_err note_unit(struct iommu *of, unsigned unit, uint16_t did, uint32_t pasid,
			     const struct iommu_gather *g)
{
	(void)of, (void)did, (void)g;
	assert_int_equal(pasid, 0);
	invalidated |= 1u << unit;
	return SL_OK;
}

static bool wants(const struct iommu *of, unsigned unit)
{
	(void)of;
	asked |= 1u << unit;
	return true;
}

/* Behind the last unit's count of functions lies memory of others: what stands there is no unit. */
static void test_units_end(void **state)
{
	(void)state;
	one_unit(MODEL_CAP, MODEL_ECAP);
	struct domain *d = make("d");
	struct iommu_backend hw = *mmu.hw;
	hw.invalidate = hw.announce = note_unit;
	hw.wants_announce = wants;
	mmu.hw = &hw;
	assert_int_equal(domain_attach(d, FN), SL_OK);
	d->refs[mmu.unit_count] = 1;
	invalidated = asked = 0;
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_true(invalidated == 1 && asked == 1); /* for the new mapping */
	invalidated = 0;
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(invalidated, 1);
	machine_end();
}

/* A table that maps more than the unit's addresses: what lies behind their end is refused. */
static void test_aperture(void **state)
{
	(void)state;
	static const struct {
		unsigned width;
		uint64_t size;
	} cases[] = {{36, PAGE_1G}, {29, PAGE_2M}, {36, PAGE_SIZE}};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t size = cases[i].size, end = BIT(cases[i].width);
		one_unit((MODEL_CAP & ~0x3f1f00ull) | 0x200 | (uint64_t)(cases[i].width - 1) << 16,
			 MODEL_ECAP);
		struct domain *d = make("d");
		assert_int_equal(domain_aperture(d), end);
		for (unsigned k = 0; k < 2; k++) {
			assert_int_equal(domain_map(d, IOVA(end - size), PHYS(P), size, DOMAIN_RW), SL_OK);
			assert_int_equal(domain_unmap(d, IOVA(end - size), size), SL_OK);
			assert_int_equal(domain_map(d, IOVA(end), PHYS(P), size, DOMAIN_RW), SL_RANGE);
			assert_int_equal(domain_unmap(d, IOVA(end), size), SL_RANGE);
			assert_int_equal(domain_map(d, IOVA(BIT(39)), PHYS(P), size, DOMAIN_RW), SL_RANGE);
			/* the top table has the same entry for this one */
			assert_int_equal(domain_map(d, IOVA(BIT(39) + end - size), PHYS(P), size, DOMAIN_RW),
					 SL_RANGE);
		}
		assert_int_equal(domain_destroy(d), SL_OK);
		machine_end();
	}
}

int main(void)
{
	log_sink_add(sink);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_groups_units),
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_id_taken),
		cmocka_unit_test(test_ids_rmrr),
		cmocka_unit_test(test_reserved),
		cmocka_unit_test(test_passthrough),
		cmocka_unit_test(test_iova_arguments),
		cmocka_unit_test(test_iova_beside_mapped),
		cmocka_unit_test(test_iova_apart),
		cmocka_unit_test(test_iova_free),
		cmocka_unit_test(test_iova_nodes),
		cmocka_unit_test(test_iova_wide),
		cmocka_unit_test(test_unit_read),
		cmocka_unit_test(test_batch),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_kept_tables),
		cmocka_unit_test(test_cut_no_memory),
		cmocka_unit_test(test_registers),
		cmocka_unit_test(test_registers_fail),
		cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_dead_unit),
		cmocka_unit_test(test_large_over_empty),
		cmocka_unit_test(test_tables_lost),
		cmocka_unit_test(test_buffer_lost),
		cmocka_unit_test(test_buffer_again),
		cmocka_unit_test(test_single_page_refused),
		cmocka_unit_test(test_window_edges),
		cmocka_unit_test(test_small_behind_large),
		cmocka_unit_test(test_unmap_across_large),
		cmocka_unit_test(test_unaligned_2m),
		cmocka_unit_test(test_units_end),
		cmocka_unit_test(test_aperture),
		cmocka_unit_test(test_told),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
