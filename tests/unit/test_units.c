/* Machines of several units of which some cannot be used: the others go on, and each says what became of it.
 */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include "iommu/vtd/backend.h"
#include "iommu/vtd/format.h"
#include "iommu/irq.h"
#include "iommu/vtd/state.h"
#include "iommu/vtd/unit.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

#define NO_TABLES (MODEL_CAP & ~0x1f00ull) /* CAP.SAGAW 0 */

static unsigned fails, unneeded; /* lines of failures, and of what is not decoded */

static void count_fails(const char *line, size_t n)
{
	(void)n;
	fails += strstr(line, "FAIL") != NULL;
	unneeded += strstr(line, "not needed") != NULL;
}

static void machine(void)
{
	machine_init();
	fails = unneeded = 0;
}

static enum sl_err start(void)
{
	struct dmar_topo topo = model_machine_topo(&mc);
	struct iommu_regs regs = model_machine_regs(&mc);
	return vtd_init(&mmu, (struct span){mc.dmar, mc.len}, &topo, &regs);
}

static struct model_unit *unit(uint64_t cap, uint64_t ecap, int scope)
{
	return model_machine_unit(&mc, MODEL_VER, cap, ecap, scope);
}

static void expect(unsigned i, enum iommu_unit_state state, const char *reason)
{
	const char *why = "not set";
	struct iommu_unit_info info;
	assert_int_equal(iommu_unit_state(&mmu, i, &why), state);
	if (reason)
		assert_non_null(strstr(why ? why : "", reason));
	else
		assert_null(why);
	iommu_unit_info(&mmu, i, &info);
	assert_int_equal(info.state, state);
	assert_string_not_equal(iommu_unit_state_text(state), "is unknown");
}

static void expect_covered(uint16_t rid, bool covered, const char *reason)
{
	const char *why = "not set";
	assert_int_equal(iommu_covered(&mmu, (bdf_t){0, rid}, &why), covered);
	if (covered)
		assert_null(why);
	else
		assert_non_null(strstr(why, reason));
}

/* A function below unit m does DMA through a domain of its own, and not without it. */
static void expect_works(struct model_unit *m, uint16_t rid)
{
	struct domain *d;
	uint64_t phys;
	assert_int_not_equal(model_dma(m, rid, 0x1000, true, &phys), 0);
	assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
	assert_int_equal(domain_map(d, IOVA(0x1000), PHYS(RAM_BASE), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, (bdf_t){0, rid}), SL_OK);
	assert_int_equal(model_dma(m, rid, 0x1000, true, &phys), 0);
	assert_int_equal(domain_detach(d, (bdf_t){0, rid}), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
}

static void expect_no_domain(uint16_t rid)
{
	struct domain *d;
	assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
	assert_int_equal(domain_attach(d, (bdf_t){0, rid}), SL_NOTFOUND);
	assert_int_equal(domain_destroy(d), SL_OK);
}

/* Every command that may not be answered, in the middle of three units. */
static void test_one_of_three_fails(void **state)
{
	(void)state;
	static const struct {
		uint32_t stuck;
		bool firmware; /* left translation on, in scalable mode */
		const char *why;
	} cases[] = {
		{1u << 31, false, "turning on translation"},
		{1u << 31, true, "turning off the firmware's translation"},
		{1u << 30, false, "root table pointer"},
		{1u << 26, false, "turning on the invalidation queue"},
		{0, false, "did not answer"}, /* no invalidation is done */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		machine();
		struct model_unit *a = unit(MODEL_CAP, MODEL_ECAP, 0x0018);
		struct model_unit *b = unit(MODEL_CAP, MODEL_ECAP, 0x0020);
		struct model_unit *c = unit(MODEL_CAP, MODEL_ECAP, MODEL_ALL);
		if (cases[i].firmware)
			model_firmware(b, true, false, false, false);
		b->stuck = cases[i].stuck;
		b->queue_stuck = !cases[i].stuck;
		assert_int_equal(start(), SL_OK);
		expect(1, IOMMU_UNIT_OFF, NULL);
		expect_covered(0x0018, false, "is off");
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		assert_int_equal(a->gsts >> 31, 1);
		assert_int_equal(c->gsts >> 31, 1);
		assert_int_equal(iommu_units_in(&mmu, IOMMU_UNIT_ON), 2);
		assert_int_equal(iommu_units_in(&mmu, IOMMU_UNIT_FAILED), 1);
		expect(0, IOMMU_UNIT_ON, NULL);
		expect(1, IOMMU_UNIT_FAILED, cases[i].why);
		expect_covered(0x0018, true, NULL);
		expect_covered(0x0020, false, cases[i].why);
		expect_covered(0x0028, true, NULL);
		expect_works(a, 0x0018);
		expect_works(c, 0x0028);
		expect_no_domain(0x0020);
		unsigned commands = b->commands;
		assert_int_equal(iommu_enable(&mmu), SL_OK); /* starting over: it is not tried again */
		assert_int_equal(b->commands, commands);
		assert_int_equal(iommu_units_in(&mmu, IOMMU_UNIT_ON), 2);
		assert_int_equal(fails, 0);
		machine_end();
	}
}

/* None is left: that is an error. */
static void test_all_fail(void **state)
{
	(void)state;
	machine();
	unit(MODEL_CAP, MODEL_ECAP, 0x0018)->stuck = 1u << 30;
	unit(MODEL_CAP, MODEL_ECAP, MODEL_ALL)->queue_stuck = true;
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_TIMEOUT);
	assert_int_equal(iommu_units_in(&mmu, IOMMU_UNIT_FAILED), 2);
	machine_end();
}

/* Protected memory regions that do not go off: translation stands. */
static void test_regions_stay(void **state)
{
	(void)state;
	machine();
	struct model_unit *m = unit(MODEL_CAP | MODEL_PMR, MODEL_ECAP, MODEL_ALL);
	m->pmen = 0x80000001;
	m->stuck = 1;
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	expect(0, IOMMU_UNIT_ON, NULL);
	expect_works(m, 0x0018);
	machine_end();
}

/* No registers, or no tables: what passes there is not called blocked. */
static void test_unusable_passes(void **state)
{
	(void)state;
	uint64_t phys;
	machine();
	struct model_unit *bad = unit(NO_TABLES, MODEL_ECAP & ~8ull, 0x0018); /* nor ECAP.IR */
	unit(~0ull, ~0ull, 0x0020);
	unit(MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	expect(0, IOMMU_UNIT_UNUSABLE, "SAGAW");
	expect(1, IOMMU_UNIT_UNUSABLE, "all ones");
	assert_int_equal(model_dma(bad, 0x0018, RAM_BASE, true, &phys), 0);
	expect_covered(0x0018, false, "SAGAW");
	expect_covered(0x0020, false, "all ones");
	expect_covered(0x0100, true, NULL);
	assert_int_equal(bad->commands, 0);
	machine_end();
}

/* CAP.SAGAW 0 and ECAP.IR: VT-d §5.1 holds for it, and nothing else. */
static void test_irq_only(void **state)
{
	(void)state;
	struct iommu_irq irq;
	machine();
	mc.dmar[37] = 1; /* INTR_REMAP */
	struct model_unit *m = unit(NO_TABLES, MODEL_ECAP, 0x0018);
	struct model_unit *all = unit(MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	expect(0, IOMMU_UNIT_IRQ_ONLY, "CAP.SAGAW");
	expect_covered(0x0018, false, "CAP.SAGAW");
	expect_no_domain(0x0018);
	assert_int_equal(m->gsts, 1u << 26); /* the queue, for its interrupt entry cache */
	assert_int_equal(iommu_irq_enable(&mmu, 256, false), SL_OK);
	assert_int_equal(m->gsts >> 25 & 1, 1);
	assert_int_equal(iommu_irq_alloc(&mmu, (bdf_t){0, 0x0018}, 1, 0x40, 0, &irq), SL_OK);
	assert_int_equal(irq.unit, 0);
	assert_int_equal(iommu_irq_free(&mmu, &irq), SL_OK);
	expect_works(all, 0x0020);
	assert_int_equal(iommu_enable(&mmu), SL_OK); /* again */
	assert_int_equal(m->gsts >> 25 & 1, 1);
	machine_end();
	machine(); /* the only unit */
	unit(NO_TABLES, MODEL_ECAP, MODEL_ALL);
	assert_int_equal(start(), SL_NOTFOUND);
	machine_end();
}

/* A unit whose remapping does not come on gives no entries; the others do. */
static void test_irq_fails_in_one(void **state)
{
	(void)state;
	struct iommu_irq irq;
	struct iommu_irq_info info;
	machine();
	mc.dmar[37] = 1;
	struct model_unit *bad = unit(MODEL_CAP, MODEL_ECAP, 0x0018);
	unit(MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	bad->stuck = 1u << 25;
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(iommu_irq_enable(&mmu, 256, false), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, (bdf_t){0, 0x0018}, 1, 0x40, 0, &irq), SL_UNSUPPORTED);
	assert_int_equal(iommu_irq_alloc(&mmu, (bdf_t){0, 0x0020}, 1, 0x40, 0, &irq), SL_OK);
	iommu_irq_info(&mmu, 0, &info);
	assert_non_null(strstr(info.lacks, "did not come on"));
	assert_int_equal(fails, 0);
	machine_end();
}

/* Writes a DRHD for the same registers behind the others: scope as model_machine_unit(). */
static void list_again(const struct model_unit *m, int scope)
{
	struct model_unit *twin = unit(MODEL_CAP, MODEL_ECAP, scope);
	size_t at = mc.len - (scope < 0 ? 16 : 24) + 8;
	memcpy(mc.dmar + at, &m->base, sizeof(m->base));
	twin->base = m->base;
}

static void test_listed_twice(void **state)
{
	(void)state;
	machine();
	struct model_unit *a = unit(MODEL_CAP, MODEL_ECAP, 0x0018);
	struct model_unit *all = unit(MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	list_again(a, 0x0018);
	list_again(a, 0x0020);
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	expect(0, IOMMU_UNIT_ON, NULL);
	expect(1, IOMMU_UNIT_ON, NULL);
	expect(2, IOMMU_UNIT_TWICE, "iommu0");
	expect(3, IOMMU_UNIT_TWICE, "iommu0");
	expect_covered(0x0018, true, NULL);
	expect_covered(0x0020, false, "lists its registers before"); /* named by the second entry alone */
	expect_covered(0x0028, true, NULL);
	expect_works(a, 0x0018);
	expect_works(all, 0x0028);
	expect_no_domain(0x0020);
	assert_int_equal(mc.unit[2]->commands + mc.unit[3]->commands, 0);
	machine_end();
}

struct functions {
	uint16_t rid[4];
	uint32_t class[4];
	unsigned n;
};

static bool get(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	const struct functions *f = ctx;
	if (i >= f->n)
		return false;
	*fn = (bdf_t){0, f->rid[i]};
	*class = f->class[i];
	return true;
}

static void test_left_alone(void **state)
{
	(void)state;
	struct functions f = {{0x0010, 0x0018, 0x0020}, {0x030000, 0x040300, 0x010802}, 3};
	const struct table_functions functions = {&f, get};
	for (unsigned left = 0; left < 2; left++) {
		machine();
		struct model_unit *gfx = unit(MODEL_CAP, MODEL_ECAP, 0x0010);
		unit(MODEL_CAP, MODEL_ECAP, 0x0018);
		struct model_unit *all = unit(MODEL_CAP, MODEL_ECAP, MODEL_ALL);
		model_firmware(gfx, left, false, false, false);
		uint32_t gsts = gfx->gsts;
		assert_int_equal(start(), SL_OK);
		assert_int_equal(vtd_skip_graphics(&mmu, &functions,
						   "igfx_off is set, and this is the unit for graphics"),
				 1);
		assert_int_equal(vtd_skip_graphics(&mmu, &functions,
						   "igfx_off is set, and this is the unit for graphics"),
				 0);
		assert_int_equal(vtd_skip_base(&mmu, mc.unit[1]->base), 1);
		assert_int_equal(vtd_skip_base(&mmu, 0x12340000), 0);
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		expect(0, IOMMU_UNIT_SKIPPED, "graphics");
		expect(1, IOMMU_UNIT_SKIPPED, "options");
		expect(2, IOMMU_UNIT_ON, NULL);
		expect_covered(0x0010, false, "graphics");
		expect_covered(0x0018, false, "options");
		expect_covered(0x0020, true, NULL);
		assert_int_equal(gfx->gsts, gsts);
		assert_int_equal(gfx->commands + mc.unit[1]->commands, 0);
		expect_works(all, 0x0020);
		machine_end();
	}
}

/* A unit for all functions of its segment is not one for graphics, whatever else its entry lists. */
static void test_all_is_not_graphics(void **state)
{
	(void)state;
	struct functions f = {{0x0010}, {0x030000}, 1};
	const struct table_functions functions = {&f, get};
	for (unsigned all = 0; all < 2; all++) {
		machine();
		size_t at = mc.len; /* where the unit's entry will be */
		unit(MODEL_CAP, MODEL_ECAP, 0x0010);
		mc.dmar[at + 4] = (uint8_t)all; /* INCLUDE_PCI_ALL, beside its one scope */
		assert_int_equal(start(), SL_OK);
		assert_int_equal(vtd_skip_graphics(&mmu, &functions, "igfx_off is set"), !all);
		machine_end();
	}
}

/* A chipset that needs write-buffer flushes and does not say so in CAP.RWBF: without them the unit goes by
 * what was in memory before. */
static void test_forced_write_flush(void **state)
{
	(void)state;
	machine();
	struct model_unit *all = unit(MODEL_CAP & ~MODEL_RWBF, MODEL_ECAP & ~1ull, MODEL_ALL);
	assert_int_equal(start(), SL_OK);
	assert_int_equal(vtd_force_write_flush(&mmu), 1);
	assert_int_equal(vtd_force_write_flush(&mmu), 0);
	all->cap |= MODEL_RWBF;
	mc.mem.write_buffer = true;
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	expect_works(all, 0x0020);
	machine_end();
}

static void test_graphics_with_small_pages(void **state)
{
	(void)state;
	struct functions f = {{0x0010, 0x0018, 0x0020}, {0x030000, 0x040300, 0x010802}, 3};
	const struct table_functions functions = {&f, get};
	machine();
	unit(MODEL_CAP, MODEL_ECAP, 0x0010);
	unit(MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	assert_int_equal(start(), SL_OK);
	assert_int_not_equal(vtd_format_of(&mmu.vtd->unit[0], 4).page_level, 1);
	assert_int_equal(vtd_small_pages_graphics(&mmu, &functions), 1);
	assert_int_equal(vtd_small_pages_graphics(&mmu, &functions), 0);
	assert_int_equal(vtd_format_of(&mmu.vtd->unit[0], 4).page_level, 1);
	assert_int_not_equal(vtd_format_of(&mmu.vtd->unit[1], 4).page_level, 1);
	assert_int_equal(mmu.page_level, 1); /* of a domain whose functions are not known yet */
	machine_end();
}

/* A hidden requester that floods: refused as before, and not recorded any more, until it gets a domain. */
static void test_silence(void **state)
{
	(void)state;
	static const uint64_t caps[] = {MODEL_CAP, MODEL_CAP | MODEL_CM, MODEL_CAP | MODEL_RWBF};
	for (size_t i = 0; i < ARRAY_LEN(caps); i++) {
		const bdf_t hidden = {0, 0x0a08};
		struct iommu_fault f;
		struct domain *d;
		uint64_t phys;
		machine();
		struct model_unit *m = unit(caps[i], MODEL_ECAP, MODEL_ALL);
		assert_int_equal(start(), SL_OK);
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		assert_int_not_equal(model_dma(m, hidden.rid, 0x1000, true, &phys), 0);
		assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
		assert_int_equal(iommu_fault_silence(&mmu, hidden), SL_OK);
		assert_int_not_equal(model_dma(m, hidden.rid, 0x1000, true, &phys), 0);
		assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
		assert_int_not_equal(model_dma(m, 0x0a10, 0x1000, true, &phys), 0); /* another on that bus */
		assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
		assert_null(iommu_domain_of(&mmu, hidden));
		assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
		assert_int_equal(domain_attach(d, hidden), SL_OK);
		assert_int_equal(iommu_fault_silence(&mmu, hidden), SL_BUSY);
		assert_int_not_equal(model_dma(m, hidden.rid, 0x1000, true, &phys), 0);
		assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
		assert_int_equal(domain_detach(d, hidden), SL_OK);
		assert_int_not_equal(model_dma(m, hidden.rid, 0x1000, true, &phys), 0);
		assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
		machine_end();
	}
}

static void test_reads_zero(void **state)
{
	(void)state;
	machine();
	unit(0, MODEL_ECAP, 0x0018);
	unit(MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	expect(0, IOMMU_UNIT_UNUSABLE, "its registers read zero");
	expect(1, IOMMU_UNIT_ON, NULL);
	machine_end();
	assert_string_equal(vtd_ability_of(MODEL_VER, 0, MODEL_ECAP).unusable, "its registers read zero");
	assert_string_equal(vtd_ability_of(0, MODEL_CAP, MODEL_ECAP).unusable, "its registers read zero");
	assert_string_equal(vtd_ability_of(MODEL_VER, 1, MODEL_ECAP).unusable,
			    "CAP.SAGAW offers no second-stage tables");
}

/* Each ability stands in a bit of CAP or ECAP (VT-d §11.4.2, §11.4.3), and in no other. */
static void test_abilities(void **state)
{
	(void)state;
	static const struct {
		size_t member;
		unsigned cap, ecap; /* bit number; 0: of the other register */
	} row[] = {
		{offsetof(struct vtd_ability, coherent), 0, 0},
		{offsetof(struct vtd_ability, queue), 0, 1},
		{offsetof(struct vtd_ability, device_tlb), 0, 2},
		{offsetof(struct vtd_ability, remaps), 0, 3},
		{offsetof(struct vtd_ability, x2apic), 0, 4},
		{offsetof(struct vtd_ability, pass_through), 0, 6},
		{offsetof(struct vtd_ability, page_requests), 0, 29},
		{offsetof(struct vtd_ability, pasid), 0, 40},
		{offsetof(struct vtd_ability, scalable), 0, 43},
		{offsetof(struct vtd_ability, low_region), 5, 0},
		{offsetof(struct vtd_ability, high_region), 6, 0},
		{offsetof(struct vtd_ability, caching_mode), 7, 0},
		{offsetof(struct vtd_ability, pages_2m), 34, 0},
		{offsetof(struct vtd_ability, pages_1g), 35, 0},
		{offsetof(struct vtd_ability, selective), 39, 0},
	};
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		uint64_t cap = BIT(10) | (row[i].cap ? BIT(row[i].cap) : 0),
			 ecap = row[i].cap ? 0 : BIT(row[i].ecap);
		struct vtd_ability a = vtd_ability_of(MODEL_VER, cap, ecap);
		for (unsigned k = 0; k < ARRAY_LEN(row); k++)
			assert_int_equal(*((const bool *)&a + row[k].member), i == k);
	}
}

static void test_no_unit_covers(void **state)
{
	(void)state;
	machine();
	unit(MODEL_CAP, MODEL_ECAP, 0x0018);
	model_machine_rmrr(&mc, 0x80000000, 0x80000fff, 0x0010); /* is decoded */
	assert_int_equal(start(), SL_OK);
	assert_int_equal(unneeded, 0);
	expect_covered(0x0018, false, "is off");
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	expect_covered(0x0018, true, NULL);
	expect_covered(0x0020, false, "no unit");
	machine_end();
}

int main(void)
{
	log_sink_add(count_fails);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_of_three_fails),
		cmocka_unit_test(test_all_fail),
		cmocka_unit_test(test_regions_stay),
		cmocka_unit_test(test_unusable_passes),
		cmocka_unit_test(test_irq_only),
		cmocka_unit_test(test_irq_fails_in_one),
		cmocka_unit_test(test_listed_twice),
		cmocka_unit_test(test_left_alone),
		cmocka_unit_test(test_all_is_not_graphics),
		cmocka_unit_test(test_abilities),
		cmocka_unit_test(test_no_unit_covers),
		cmocka_unit_test(test_reads_zero),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_forced_write_flush),
		cmocka_unit_test(test_graphics_with_small_pages),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
