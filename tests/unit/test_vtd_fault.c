#include <string.h>
#include "kernel/pmm.h"
#include "iommu/vtd/reasons.h"
#include "iommu/vtd/state.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

#define RECORDS 4

static struct model_unit *m;

static void start(unsigned records, unsigned fro)
{
	uint64_t cap = (MODEL_CAP & ~(0x3ffull << 24 | 0xffull << 40)) | (uint64_t)fro << 24 |
		       (uint64_t)(records - 1) << 40;
	machine_init();
	m = model_machine_unit(&mc, MODEL_VER, cap, MODEL_ECAP, MODEL_ALL);
	machine_start();
	assert_int_equal(iommu_enable(&mmu), SL_OK);
}

static void expect(uint16_t rid, uint64_t iova, bool write, uint8_t reason)
{
	struct iommu_fault f;
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_int_equal(f.unit, 0);
	assert_int_equal(f.bdf.rid, rid);
	assert_int_equal(f.iova.v, iova);
	assert_int_equal(f.write, write);
	assert_int_equal(f.code, reason);
}

static void expect_none(void)
{
	struct iommu_fault f;
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
}

/* In the order in which they came, also around the end of the records. */
static void test_order(void **state)
{
	(void)state;
	start(RECORDS, 0x22);
	expect_none();
	for (unsigned round = 0; round < 3 * RECORDS; round++) {
		model_fault(m, 0x100, 0x1000, true, 5);
		model_fault(m, 0xffff, 0xfffffffff000, false, 6);
		model_fault(m, 0x208, 0, true, 0xc);
		expect(0x100, 0x1000, true, 5);
		expect(0xffff, 0xfffffffff000, false, 6);
		expect(0x208, 0, true, 0xc);
		expect_none();
	}
	struct iommu_unit_info info;
	iommu_unit_info(&mmu, 0, &info);
	assert_int_equal(info.faults, 9 * RECORDS);
	assert_int_equal(info.overflows, 0);
	machine_end();
}

/* More than there are records: what is there comes out, the loss is counted, and then faults are recorded
 * again. */
static void test_overflow(void **state)
{
	(void)state;
	for (unsigned records = 1; records <= RECORDS; records++) {
		start(records, 0x3ff);
		for (unsigned i = 0; i < records + 2; i++)
			model_fault(m, (uint16_t)(0x100 + i), i * PAGE_SIZE, false, 6);
		for (unsigned i = 0; i < records; i++)
			expect((uint16_t)(0x100 + i), i * PAGE_SIZE, false, 6);
		expect_none();
		struct iommu_unit_info info;
		iommu_unit_info(&mmu, 0, &info);
		assert_int_equal(info.overflows, 1);
		assert_int_equal(m->fsts & 3, 0);
		model_fault(m, 0x300, 0x5000, true, 5);
		expect(0x300, 0x5000, true, 5);
		machine_end();
	}
}

static void test_clear(void **state)
{
	(void)state;
	start(2, 0x40);
	for (unsigned i = 0; i < 3; i++)
		model_fault(m, (uint16_t)i, 0, true, 5);
	iommu_fault_clear(&mmu);
	assert_int_equal(m->fsts & 3, 0);
	expect_none();
	model_fault(m, 7, 0x7000, true, 5);
	expect(7, 0x7000, true, 5);
	machine_end();
}

/* Fields keep their values when F is cleared: only F says that a record is one. */
static void test_f_first(void **state)
{
	(void)state;
	start(2, 0x22);
	m->frcd[0][0] = 0x123000;
	m->frcd[0][1] = 5ull << 32 | 0x100;
	expect_none();
	m->fsts |= 2; /* PPF, and the record is the second */
	m->frcd[1][0] = 0x456000;
	m->frcd[1][1] = 1ull << 63 | 1ull << 62 | 1ull << 28 | 6ull << 32 | 0x200; /* AtomicOp */
	expect(0x200, 0x456000, true, 6);
	expect_none();
	machine_end();
}

static void test_describe(void **state)
{
	(void)state;
	start(1, 0x22);
	struct domain *d;
	struct iommu_fault f;
	uint64_t phys;
	char text[256];
	const bdf_t fn = {0, 0x3b01};
	assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
	assert_int_equal(domain_attach(d, fn), SL_OK);
	assert_int_equal(domain_map(d, IOVA(0x1000000000), PHYS(0x2000000000), PAGE_SIZE, DOMAIN_R), SL_OK);
	assert_int_equal(model_dma(m, fn.rid, 0x1234, true, &phys), 5);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	iommu_fault_describe(&mmu, &f, text, sizeof(text));
	assert_string_equal(text, "0000:3b:00.1 write 0x1000 refused: not mapped for writing (reason 0x5); "
				  "root ok, context ok (domain 1, 4-level), L4 ok, L3[0] empty");
	assert_int_equal(model_dma(m, fn.rid, 0x1000000008, true, &phys), 5);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	iommu_fault_describe(&mmu, &f, text, sizeof(text));
	assert_non_null(strstr(text, "L2 ok, L1[0] page of 4 KiB at 0x2000000000, read only"));
	assert_true(vtd_state_fault(17ull << 48, 1ull << 63 | 0x22ull << 32 | fn.rid, 0, &f));
	iommu_fault_describe(&mmu, &f, text, sizeof(text));
	assert_string_equal(
		text, "0000:3b:00.1 interrupt 17 refused: interrupt entry is not present (reason 0x22)");
	iommu_fault_describe(&mmu, &f, text, 8); /* cut, not overrun */
	assert_string_equal(text, "0000:3b");
	machine_end();
}

/* The reasons that VT-d tables 15 and 30 define, typed a second time as ranges. */
static void test_reasons(void **state)
{
	(void)state;
	static const uint8_t defined[][2] = {
		{0x01, 0x0e}, {0x20, 0x2b}, {0x30, 0x34}, {0x38, 0x3a}, {0x40, 0x49},
		{0x50, 0x52}, {0x58, 0x5d}, {0x60, 0x60}, {0x70, 0x7d}, {0x80, 0x81},
		{0x83, 0x87}, {0x89, 0x89}, {0x90, 0x91}, {0xa0, 0xa5},
	};
	bool known[256] = {false};
	for (size_t i = 0; i < ARRAY_LEN(defined); i++)
		for (unsigned r = defined[i][0]; r <= defined[i][1]; r++)
			known[r] = true;
	for (unsigned r = 0; r < 256; r++) {
		assert_int_equal(strcmp(vtd_reason_text((uint8_t)r), "reserved reason") != 0, known[r]);
		for (unsigned k = 0; known[r] && k < r; k++)
			if (known[k])
				assert_string_not_equal(vtd_reason_text((uint8_t)r),
							vtd_reason_text((uint8_t)k));
	}
}

/* What Sluice compares, by the numbers that the specification has for it, typed a second time. */
static void test_meanings(void **state)
{
	(void)state;
	static const struct {
		uint8_t number;
		enum iommu_why why;
		bool interrupt, index;
	} means[] = {
		{0x01, WHY_NO_DOMAIN, false, false},
		{0x02, WHY_NO_DOMAIN, false, false},
		{0x03, WHY_BAD_ENTRY, false, false},
		{0x04, WHY_TOO_WIDE, false, false},
		{0x05, WHY_NO_WRITE, false, false},
		{0x06, WHY_NO_READ, false, false},
		{0x07, WHY_UNREADABLE, false, false},
		{0x0c, WHY_BAD_ENTRY, false, false},
		{0x0e, WHY_INTO_INTERRUPTS, false, false},
		{0x20, WHY_IRQ_REQUEST, true, true},
		{0x21, WHY_IRQ_INDEX, true, true},
		{0x22, WHY_IRQ_EMPTY, true, true},
		{0x23, WHY_IRQ_UNREADABLE, true, true},
		{0x24, WHY_IRQ_BAD_ENTRY, true, true},
		{0x25, WHY_IRQ_UNREMAPPED, true, false},
		{0x26, WHY_IRQ_SOURCE, true, true},
		{0x27, WHY_IRQ_POSTED, true, true},
		{0x28, WHY_IRQ_POSTED, true, true},
		{0x29, WHY_IRQ_NONE, true, false},
		{0x2a, WHY_IRQ_OFF, true, false},
		{0x2b, WHY_IRQ_OFF, true, false},
		{0x30, WHY_BAD_ENTRY, false, false},
		{0x33, WHY_KIND, false, false},
		{0x85, WHY_NO_WRITE, false, false},
		{0x86, WHY_NO_READ, false, false},
		{0xff, WHY_OTHER, false, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(means); i++) {
		struct iommu_fault f;
		uint64_t hi = 1ull << 63 | (uint64_t)means[i].number << 32 | 0x0108;
		assert_true(vtd_state_fault(77ull << 48, hi, 3, &f));
		assert_int_equal(f.why, means[i].why);
		assert_int_equal(f.code, means[i].number);
		assert_string_equal(f.text, vtd_reason_text(means[i].number));
		assert_int_equal(iommu_why_is_interrupt(f.why), means[i].interrupt);
		assert_int_equal(iommu_why_has_index(f.why), means[i].index);
		assert_int_equal(f.index, means[i].index ? 77 : 0);
		assert_true(bdf_eq(f.bdf, (bdf_t){3, 0x0108}));
	}
}

/* T1 and T2: 00 write, 01 page request, 10 read, 11 AtomicOp. VT-d §11.4.7.6 */
static void test_kinds(void **state)
{
	(void)state;
	static const struct {
		uint64_t t;
		bool write, page_request;
		const char *kind;
	} kinds[] = {
		{0, true, false, "write"},
		{1ull << 28, false, true, "page request"},
		{1ull << 62, false, false, "read"},
		{1ull << 62 | 1ull << 28, true, false, "write"},
	};
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct iommu_fault f;
		assert_true(vtd_state_fault(0x5000, 1ull << 63 | kinds[i].t | 0x32ull << 32 | 0x0108, 0, &f));
		assert_int_equal(f.write, kinds[i].write);
		assert_int_equal(f.page_request, kinds[i].page_request);
		assert_string_equal(iommu_fault_kind(&f), kinds[i].kind);
	}
}

/* CAP.SAGAW 0: no tables, and interrupts where there are ECAP.IR and a queue. */
static void test_irq_only(void **state)
{
	(void)state;
	static const struct {
		uint64_t cap, ecap;
		bool unusable, irq_only;
	} units[] = {
		{MODEL_CAP, MODEL_ECAP, false, false},
		{MODEL_CAP & ~0x1f00ull, MODEL_ECAP, true, true},
		{MODEL_CAP & ~0x1f00ull, MODEL_ECAP & ~MODEL_QI, true, false},
		{MODEL_CAP & ~0x1f00ull, MODEL_ECAP & ~8ull, true, false},
		{~0ull, ~0ull, true, false},
		{0, MODEL_ECAP, true, false},
	};
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		struct vtd_ability a = vtd_ability_of(MODEL_VER, units[i].cap, units[i].ecap);
		assert_int_equal(a.unusable != NULL, units[i].unusable);
		assert_int_equal(a.irq_only, units[i].irq_only);
		assert_int_equal(a.remaps, units[i].irq_only || !units[i].unusable);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),    cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_clear),    cmocka_unit_test(test_f_first),
		cmocka_unit_test(test_describe), cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_meanings), cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_irq_only),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
