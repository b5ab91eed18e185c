/* Units in scalable mode: which tables a unit reads, how it is turned on, and in which order entries come and
 * go. tests/unit/test_domain_random.c has what functions reach. */
#include <string.h>
#include "iommu/vtd/state.h"
#include "iommu/vtd/unit.h"
#include "kernel/pmm.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

#define NO_SAGAW (MODEL_CAP & ~0x1f00ull)
#define BUFFER   PHYS(0x2000000000ull)
#define AT       IOVA(0x1000000000ull)
static const bdf_t fn = {0, 0x0190}; /* in the upper half of its bus */

static struct model_unit *m;

static enum sl_err start(uint64_t cap, uint64_t ecap, enum vtd_want want)
{
	machine_init();
	m = model_machine_unit(&mc, MODEL_VER, cap, ecap, MODEL_ALL);
	enum sl_err e = machine_read(&mmu);
	return e ? e : vtd_choose_tables(&mmu, want);
}

static struct domain *start_with_domain(uint64_t cap, uint64_t ecap)
{
	struct domain *d;
	assert_int_equal(start(cap, ecap, VTD_WANT_SCALABLE), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(domain_create(&mmu, "test", &d), SL_OK);
	assert_int_equal(domain_map(d, AT, BUFFER, PAGE_SIZE, DOMAIN_RW), SL_OK);
	return d;
}

/* What each wish gives on each kind of unit; -1: the unit is left out. */
static void test_choice(void **state)
{
	(void)state;
	static const struct {
		uint64_t cap, ecap;
		int tables[3]; /* auto, legacy, scalable */
	} cases[] = {
		{MODEL_CAP, MODEL_ECAP, {VTD_LEGACY, VTD_LEGACY, VTD_LEGACY}},
		{MODEL_CAP, MODEL_ECAP | MODEL_SECOND, {VTD_LEGACY, VTD_LEGACY, VTD_SECOND}},
		{MODEL_CAP, MODEL_ECAP | MODEL_FIRST, {VTD_LEGACY, VTD_LEGACY, VTD_FIRST}},
		{MODEL_CAP, MODEL_ECAP | MODEL_FIRST | MODEL_SECOND, {VTD_LEGACY, VTD_LEGACY, VTD_SECOND}},
		{MODEL_CAP, (MODEL_ECAP & ~MODEL_QI) | MODEL_SECOND, {VTD_LEGACY, VTD_LEGACY, VTD_LEGACY}},
		{MODEL_CAP, MODEL_ECAP | 1ull << 43, {VTD_LEGACY, VTD_LEGACY, VTD_LEGACY}}, /* no stage */
		{MODEL_CAP, MODEL_ECAP | 1ull << 47, {VTD_LEGACY, VTD_LEGACY, VTD_LEGACY}}, /* no SMTS */
		{NO_SAGAW, (MODEL_ECAP & ~8ull) | MODEL_FIRST, {VTD_FIRST, -1, VTD_FIRST}},
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (unsigned want = 0; want < 3; want++) {
			enum sl_err e = start(cases[i].cap, cases[i].ecap, (enum vtd_want)want);
			assert_int_equal(e, cases[i].tables[want] < 0 ? SL_NOTFOUND : SL_OK);
			const struct vtd_unit *u = &mmu.vtd->unit[0];
			if (e)
				assert_int_equal(iommu_unit_state(&mmu, 0, NULL), IOMMU_UNIT_UNUSABLE);
			else
				assert_int_equal(u->tables, cases[i].tables[want]);
			machine_end();
		}
}

/* Without first-stage tables wanted, a unit that has nothing else still remaps interrupts. */
static void test_interrupts_left(void **state)
{
	(void)state;
	assert_int_equal(start(NO_SAGAW, MODEL_ECAP | MODEL_FIRST, VTD_WANT_LEGACY), SL_NOTFOUND);
	assert_int_equal(iommu_unit_state(&mmu, 0, NULL), IOMMU_UNIT_IRQ_ONLY);
	machine_end();
}

/* Descriptors of 256 bits, the mode in the root pointer, and all caches emptied unless SRTP does that. */
static void test_start(void **state)
{
	(void)state;
	for (unsigned quick = 0; quick < 2; quick++) {
		struct domain *d =
			start_with_domain(MODEL_CAP | (quick ? MODEL_ESRTPS : 0), MODEL_ECAP | MODEL_SECOND);
		assert_int_equal(m->root & 0xfff, 1 << 10);
		assert_int_equal(m->iqa & 0xfff, 1 << 11);
		assert_int_equal(m->cc[1], !quick);
		assert_int_equal(m->pasid_inv[3], !quick);
		assert_int_equal(m->iotlb_inv[1], !quick);
		assert_int_equal(domain_destroy(d), SL_OK);
		machine_end();
	}
}

static uint64_t at(uint64_t phys)
{
	return *(const uint64_t *)phys_va(PHYS(phys));
}

static uint64_t context_at(void)
{
	uint64_t half = at((m->root & ~0xfffull) + 16 * 1 + 8);
	assert_int_equal(half & 0xfff, 1);
	assert_int_equal(at((m->root & ~0xfffull) + 16 * 1), 0);
	return (half & ~0xfffull) + 32 * 0x10;
}

static uint64_t entry_at(void)
{
	uint64_t pde = at(at(context_at()) & ~0xfffull);
	assert_int_equal(pde & 0xfff, 1);
	return pde & ~0xfffull;
}

/* The entries as the specification has them, and as Linux writes them. */
static void test_entries(void **state)
{
	(void)state;
	struct domain *d = start_with_domain(MODEL_CAP, MODEL_ECAP | MODEL_COHERENT | MODEL_SMPWCS |
								MODEL_FIRST | MODEL_PASID);
	assert_int_equal(domain_attach(d, fn), SL_OK);
	assert_int_equal(at(context_at()) & 0xfff, 1 | 8); /* P, PASIDE */
	assert_int_equal(at(context_at() + 8), 0);         /* RID_PASID */
	uint64_t e = entry_at();
	assert_int_equal(at(e), 0x49); /* P, 4 levels, first stage */
	assert_int_equal(at(e + 8), 0x800000u | domain_id(d));
	assert_int_equal(at(e + 16) & 0xfff, 0);
	assert_int_equal(domain_detach(d, fn), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
	machine_end();
	d = start_with_domain(MODEL_CAP, MODEL_ECAP | MODEL_COHERENT | MODEL_SECOND);
	assert_int_equal(domain_attach(d, fn), SL_OK);
	assert_int_equal(at(context_at()) & 0xfff, 1); /* no PASIDs on this unit */
	e = entry_at();
	assert_int_equal(at(e) & 0xfff, 0x89); /* P, 4 levels, second stage */
	assert_int_equal(at(e + 8), domain_id(d));
	assert_int_equal(at(e + 16), 0);
	assert_int_equal(domain_detach(d, fn), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
	machine_end();
}

static uint64_t entry, context;
static unsigned looked;

/* While the unit is asked to forget an entry, its first quadword is gone as a whole and the rest is not: a
 * unit that reads it in pieces sees one that is not present, or the old one. */
static void look(void *ctx)
{
	(void)ctx;
	assert_int_equal(at(context), 0);
	assert_int_equal(at(entry), 0);
	assert_int_equal(at(entry + 8) & 0xffff, 1);
	looked++;
}

static void test_order(void **state)
{
	(void)state;
	static const uint64_t stages[] = {MODEL_FIRST, MODEL_SECOND};
	for (unsigned i = 0; i < 2; i++) {
		struct domain *d = start_with_domain(MODEL_CAP, MODEL_ECAP | MODEL_COHERENT | stages[i]);
		uint64_t phys;
		assert_int_equal(domain_attach(d, fn), SL_OK);
		assert_int_equal(model_dma(m, fn.rid, AT.v, true, &phys), 0);
		context = context_at();
		entry = entry_at();
		looked = 0;
		m->on_wait = look;
		unsigned cc = m->cc[3], pasid = m->pasid_inv[0];
		assert_int_equal(domain_detach(d, fn), SL_OK);
		m->on_wait = NULL;
		assert_int_equal(looked, 3); /* each step is awaited */
		assert_int_equal(m->cc[3] - cc, 1);
		assert_int_equal(m->pasid_inv[0] - pasid, 1);
		assert_int_equal(m->piotlb_inv[2], i == 0);
		assert_int_equal(m->iotlb_inv[2], i == 1);
		assert_int_equal(model_dma(m, fn.rid, AT.v, true, &phys), 0x41);
		assert_int_equal(domain_destroy(d), SL_OK);
		machine_end();
	}
}

/* Where the unit does not answer, the tables that it may still read are not used again. */
static void test_no_answer(void **state)
{
	(void)state;
	struct domain *d = start_with_domain(MODEL_CAP, MODEL_ECAP | MODEL_SECOND);
	assert_int_equal(domain_attach(d, fn), SL_OK);
	uint64_t used = pmm_used_pages();
	m->queue_stuck = true;
	assert_int_equal(domain_detach(d, fn), SL_TIMEOUT);
	assert_int_equal(pmm_used_pages(), used);
	machine_end();
}

/* Domains for functions below units of different stages: each has its unit's format, and no other function.
 */
static void test_stages_apart(void **state)
{
	(void)state;
	struct domain *a, *b;
	const bdf_t first = {0, 0x0010};
	machine_init();
	model_machine_unit(&mc, MODEL_VER, MODEL_CAP | MODEL_FS1GP, MODEL_ECAP | MODEL_FIRST, 0x0010);
	m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP | MODEL_SECOND, MODEL_ALL);
	machine_start();
	assert_int_equal(vtd_choose_tables(&mmu, VTD_WANT_SCALABLE), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(domain_create_for(&mmu, "first", first, &a), SL_OK);
	assert_int_equal(domain_create_for(&mmu, "second", fn, &b), SL_OK);
	assert_int_equal(domain_aperture(a), BIT(47));
	assert_int_equal(domain_aperture(b), BIT(48));
	assert_int_equal(domain_grants(a, DOMAIN_W), DOMAIN_RW);
	assert_int_equal(domain_grants(a, DOMAIN_R), DOMAIN_R);
	assert_int_equal(domain_grants(b, DOMAIN_W), DOMAIN_W);
	assert_int_equal(domain_map(a, AT, BUFFER, PAGE_SIZE, DOMAIN_R), SL_OK);
	assert_int_equal(domain_map(b, AT, BUFFER, PAGE_SIZE, DOMAIN_R), SL_OK);
	assert_int_equal(domain_attach(a, fn), SL_UNSUPPORTED);
	assert_int_equal(domain_attach(b, first), SL_UNSUPPORTED);
	assert_int_equal(domain_attach(a, first), SL_OK);
	assert_int_equal(domain_attach(b, fn), SL_OK);
	uint64_t phys;
	assert_int_equal(model_dma(mc.unit[0], first.rid, AT.v, true, &phys), 0x85);
	assert_int_equal(model_dma(mc.unit[0], first.rid, BIT(47), false, &phys), 0x80);
	assert_int_equal(model_dma(m, fn.rid, AT.v, true, &phys), 0x85);
	assert_int_equal(domain_detach(a, first), SL_OK);
	assert_int_equal(domain_detach(b, fn), SL_OK);
	assert_int_equal(domain_destroy(a), SL_OK);
	assert_int_equal(domain_destroy(b), SL_OK);
	machine_end();
}

static void test_silence(void **state)
{
	(void)state;
	struct iommu_fault f;
	uint64_t phys;
	struct domain *d = start_with_domain(MODEL_CAP, MODEL_ECAP | MODEL_SECOND);
	assert_int_equal(iommu_fault_silence(&mmu, fn), SL_OK);
	assert_int_equal(model_dma(m, fn.rid, AT.v, true, &phys), 0x41);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
	assert_int_equal(domain_attach(d, fn), SL_OK);
	assert_int_equal(iommu_fault_silence(&mmu, fn), SL_BUSY);
	assert_int_equal(model_dma(m, fn.rid, AT.v + PAGE_SIZE, true, &phys), 0x79);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_int_equal(f.why, WHY_NO_WRITE);
	assert_int_equal(domain_detach(d, fn), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
	machine_end();
}

/* A record names a PASID only where PP is set; what is not mapped has one number for both directions. */
static void test_record(void **state)
{
	(void)state;
	struct iommu_fault f;
	char text[320];
	assert_true(vtd_state_fault(0x5000, 1ull << 63 | 0xabcdeull << 40 | 0x71ull << 32 | 1u << 31 | 0x100,
				    0, &f));
	assert_int_equal(f.pasid, 0xabcde);
	assert_int_equal(f.why, WHY_NO_WRITE);
	assert_true(vtd_state_fault(0x5000, 3ull << 62 | 0xffffull << 40 | 0x71ull << 32 | 0x100, 0, &f));
	assert_int_equal(f.pasid, 0);
	assert_int_equal(f.why, WHY_NO_READ);
	struct domain *d = start_with_domain(MODEL_CAP, MODEL_ECAP | MODEL_FIRST | MODEL_PASID);
	uint64_t phys;
	assert_int_equal(domain_attach(d, fn), SL_OK);
	assert_int_equal(model_dma_pasid(m, fn.rid, 5, AT.v, true, &phys), 0x59);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_int_equal(f.why, WHY_NO_DOMAIN);
	iommu_fault_describe(&mmu, &f, text, sizeof(text));
	assert_non_null(strstr(
		text, "0000:01:12.0 PASID 5 write 0x1000000000 refused: PASID table entry is not present"));
	assert_int_equal(domain_detach(d, fn), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
	machine_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_choice),       cmocka_unit_test(test_interrupts_left),
		cmocka_unit_test(test_start),        cmocka_unit_test(test_entries),
		cmocka_unit_test(test_order),        cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_stages_apart), cmocka_unit_test(test_silence),
		cmocka_unit_test(test_record),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
