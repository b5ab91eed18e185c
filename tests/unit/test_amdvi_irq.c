/* Interrupts through AMD units: a table a function, entries of 32 and of 128 bits, and the walker. */
#include <stdio.h>
#include <string.h>
#include "iommu/amdvi/devtab.h"
#include "iommu/amdvi/ir.h"
#include "iommu/amdvi/irwalk.h"
#include "iommu/backend.h"
#include "iommu/irq.h"
#include "tests/unit/support_amd.h"

#define FN  ((bdf_t){0, 0x0100})
#define FN2 ((bdf_t){0, 0x0209})

static bool read_ram(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	*v = *(const uint64_t *)phys_va(PHYS(phys));
	return true;
}

/* What the walker says of an index, which the model must agree with. */
static enum amdvi_irwalk_stop look(struct amd_unit *m, bdf_t fn, unsigned index, struct amdvi_irwalk *w)
{
	struct amdvi_walk_unit unit = {m->control, m->devtab};
	struct amdvi_walk_mem mem = {NULL, read_ram};
	uint8_t vector;
	uint32_t apic;
	amdvi_irwalk(&unit, &mem, fn.rid, index, w);
	unsigned code = amd_message(m, fn.rid, index, &vector, &apic);
	assert_int_equal(code == 0, w->stop == AMDVI_IR_DELIVERED);
	if (!code)
		assert_true(vector == w->vector && apic == w->dest);
	return w->stop;
}

static struct amd_unit *start(uint64_t efr, bool x2apic)
{
	machine_init();
	struct amd_unit *m = amd_machine_unit(&mc, 0, efr, 0, 0xffff);
	machine_start();
	assert_int_equal(iommu_irq_enable(&mmu, 1024, x2apic), SL_OK);
	return m;
}

static void arrives(struct amd_unit *m, const struct iommu_irq *irq, unsigned i, uint8_t vector,
		    uint32_t apic)
{
	struct iommu_msi msi = iommu_irq_message(irq, i);
	struct amdvi_irwalk w;
	char text[80], want[80];
	assert_int_equal(msi.addr, 0xfee00000);
	assert_int_equal(look(m, irq->from, msi.data, &w), AMDVI_IR_DELIVERED);
	assert_true(w.vector == vector && w.dest == apic && !w.logical && !w.delivery);
	assert_true(mmu.hw->interrupt_text(&mmu, irq->unit, irq->from, msi.data, text, sizeof text));
	snprintf(want, sizeof want, "entry %u ok, vector 0x%x to APIC %u", msi.data, vector, apic);
	assert_string_equal(text, want);
}

/* Each form of entry; the greatest id that it has room for. */
static void test_forms(void **state)
{
	(void)state;
	static const struct {
		uint64_t efr;
		bool x2apic;
		uint32_t apic, beyond;
	} form[] = {{AMD_EFR & ~AMD_GA, false, 254, 255},
		    {AMD_EFR, false, 254, 255},
		    {AMD_EFR | AMD_XT, true, 0xfffffffe, UINT32_MAX}};
	for (unsigned i = 0; i < ARRAY_LEN(form); i++) {
		struct amd_unit *m = start(form[i].efr, form[i].x2apic);
		struct iommu_irq_info info;
		struct iommu_irq irq;
		struct amdvi_irwalk w;
		assert_int_equal(iommu_irq_alloc(&mmu, FN, 1, 0x41, form[i].beyond, &irq), SL_RANGE);
		assert_int_equal(iommu_irq_alloc(&mmu, FN, 4, 0x41, form[i].apic, &irq), SL_OK);
		for (unsigned k = 0; k < 4; k++)
			arrives(m, &irq, k, (uint8_t)(0x41 + k), form[i].apic);
		assert_int_equal(iommu_irq_move(&mmu, &irq, 2, 0x77, 3), SL_OK);
		arrives(m, &irq, 2, 0x77, 3);
		assert_int_equal(iommu_irq_move(&mmu, &irq, 2, 0x77, 5), SL_OK);
		arrives(m, &irq, 2, 0x77, 5);
		iommu_irq_info(&mmu, 0, &info);
		assert_true(!info.lacks && info.entries == 512 && info.used == 4 && info.compat_blocked &&
			    info.x2apic == form[i].x2apic);
		uint16_t index = irq.index;
		assert_int_equal(iommu_irq_free(&mmu, &irq), SL_OK);
		assert_int_equal(look(m, FN, index, &w), AMDVI_IR_EMPTY);
		assert_int_equal(iommu_irq_enable(&mmu, 1024, !form[i].x2apic && form[i].efr & AMD_XT),
				 form[i].x2apic ? SL_BUSY : SL_OK);
		machine_end();
	}
}

/* No function has an index that another has, as long as there is room; and then its own table has its own. */
static void test_others(void **state)
{
	(void)state;
	struct amd_unit *m = start(AMD_EFR, false);
	struct iommu_irq a, b, many[16], more;
	struct amdvi_irwalk w;
	struct iommu_fault f;
	assert_int_equal(look(m, FN, 0, &w), AMDVI_IR_REFUSED);
	iommu_fault_clear(&mmu);
	assert_int_equal(iommu_irq_alloc(&mmu, FN, 1, 0x41, 1, &a), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, FN2, 1, 0x42, 1, &b), SL_OK);
	assert_int_not_equal(a.index, b.index);
	assert_int_equal(look(m, FN, b.index, &w), AMDVI_IR_EMPTY);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_true(f.why == WHY_IRQ_REFUSED && bdf_eq(f.bdf, FN));
	assert_int_equal(look(m, FN, 512, &w), AMDVI_IR_INDEX);
	assert_int_equal(look(m, (bdf_t){0, 0x300}, 0, &w), AMDVI_IR_REFUSED);
	for (unsigned i = 0; i < 15; i++)
		assert_int_equal(iommu_irq_alloc(&mmu, FN, 32, 0x80, 1, &many[i]), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, FN, 32, 0x80, 1, &more), SL_NOSPACE);
	assert_int_equal(iommu_irq_alloc(&mmu, FN2, 32, 0x90, 1, &more), SL_OK); /* an index that FN has */
	arrives(m, &more, 31, 0xaf, 1);
	arrives(m, &many[14], 31, 0x9f, 1);
	assert_int_equal(iommu_irq_alloc(&mmu, FN, 3, 0x80, 1, &more), SL_BADVAL);
	machine_end();
}

/* What an attached function's entry says of interrupts survives its domains, and the other way round. */
static void test_with_domain(void **state)
{
	(void)state;
	struct amd_unit *m = start(AMD_EFR, false);
	struct domain *d;
	struct iommu_irq irq;
	uint64_t phys;
	assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
	assert_int_equal(domain_map(d, IOVA(0x10000000), PHYS(0x5000), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, FN, 1, 0x41, 1, &irq), SL_OK);
	assert_int_equal(amd_dma(m, FN.rid, 0x10000000, true, &phys), 0);
	arrives(m, &irq, 0, 0x41, 1);
	assert_int_equal(domain_detach(d, FN), SL_OK);
	arrives(m, &irq, 0, 0x41, 1);
	assert_int_equal(iommu_enable(&mmu), SL_OK); /* starting over keeps it */
	arrives(m, &irq, 0, 0x41, 1);
	machine_end();
}

static void test_lacks(void **state)
{
	(void)state;
	struct iommu_irq irq;
	struct iommu_irq_info info;
	machine_init();
	struct amd_unit *m = amd_machine_unit(&mc, 0, AMD_EFR, 0, 0xffff);
	machine_start();
	assert_non_null(strstr(iommu_irq_x2apic_objection(&mmu), "XTSup"));
	assert_int_equal(iommu_irq_enable(&mmu, 1024, true), SL_UNSUPPORTED);
	iommu_irq_info(&mmu, 0, &info);
	assert_string_equal(info.lacks, "it is off");
	assert_int_equal(iommu_irq_alloc(&mmu, FN, 1, 0x41, 1, &irq), SL_UNSUPPORTED);
	char text[80];
	assert_false(mmu.hw->interrupt_text(&mmu, 0, FN, 0, text, sizeof text));
	assert_int_equal(iommu_irq_enable(&mmu, 1024, false), SL_OK);
	m->mute = true;
	assert_int_equal(iommu_irq_alloc(&mmu, FN, 1, 0x41, 1, &irq), SL_TIMEOUT);
	assert_int_equal(iommu_irq_alloc(&mmu, FN, 1, 0x41, 1, &irq), SL_DEVICE);
	m->mute = false;
	machine_end();
}

/* The walker on entries that the program never makes. */
static void test_walker(void **state)
{
	(void)state;
	struct amdvi_walk_unit unit = {1, 0};
	struct amdvi_walk_mem mem = {NULL, read_ram};
	struct amdvi_irwalk w;
	char text[100];
	uint64_t *table = pmm_page(), *entries = pmm_page();
	unit.devtab = va_phys(table).v;
	table[2] = va_phys(entries).v | 1 | 3 << 1 | 2ull << 60;          /* 8 entries */
	entries[2] = 1 | 5 << 8 | 0x41 << 16 | (1ull | 0x41000000) << 32; /* entry 4; 5: reserved bits */
	entries[3] = (1 | 2 << 2) | (1ull | 0x80) << 32;                  /* 6: SMI; 7: guest */
	static const struct {
		unsigned index;
		enum amdvi_irwalk_stop stop;
		const char *text;
	} want[] = {{0, AMDVI_IR_EMPTY, "entry 0 is empty"},
		    {4, AMDVI_IR_DELIVERED, "entry 4 ok, vector 0x41 to APIC 5"},
		    {5, AMDVI_IR_BAD, "entry 5 has reserved bits, or a kind that is not remapped"},
		    {6, AMDVI_IR_BAD, "entry 6 has reserved bits, or a kind that is not remapped"},
		    {7, AMDVI_IR_GUEST, "entry 7 goes to a guest"},
		    {8, AMDVI_IR_INDEX, "entry 8 is beyond the table"}};
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		amdvi_irwalk(&unit, &mem, 0, want[i].index, &w);
		assert_int_equal(w.stop, want[i].stop);
		amdvi_irwalk_text(&w, text, sizeof text);
		assert_string_equal(text, want[i].text);
	}
	unit.control |= 1 << 17; /* entries of 128 bits: the first is entries[0..1] */
	entries[0] = 1 | 7 << 8 | 1 << 6;
	entries[1] = 0x55 | 1ull << 56;
	amdvi_irwalk(&unit, &mem, 0, 0, &w);
	assert_true(w.stop == AMDVI_IR_DELIVERED && w.dest == 7 && w.vector == 0x55 && w.logical);
	unit.control |= 1ull << 50;
	amdvi_irwalk(&unit, &mem, 0, 0, &w);
	assert_int_equal(w.dest, 0x1000007);
	entries[1] |= 1 << 8;
	amdvi_irwalk(&unit, &mem, 0, 0, &w);
	assert_int_equal(w.stop, AMDVI_IR_BAD);
	static const struct {
		uint64_t q;
		enum amdvi_irwalk_stop stop;
	} dtes[] = {{0, AMDVI_IR_PASSED},
		    {1, AMDVI_IR_REFUSED},
		    {1 | 1ull << 60, AMDVI_IR_PASSED},
		    {1 | 3ull << 60, AMDVI_IR_BAD_DTE},
		    {1 | 2ull << 60 | 12 << 1, AMDVI_IR_BAD_DTE}};
	for (unsigned i = 0; i < ARRAY_LEN(dtes); i++) {
		table[2] = dtes[i].q;
		amdvi_irwalk(&unit, &mem, 0, 0, &w);
		assert_int_equal(w.stop, dtes[i].stop);
	}
	amdvi_irwalk(&unit, &mem, 0x80, 0, &w); /* the device table has 128 entries */
	assert_int_equal(w.stop, AMDVI_IR_READ);
	unit.control = 0;
	amdvi_irwalk(&unit, &mem, 0, 0, &w);
	assert_int_equal(w.stop, AMDVI_IR_PASSED);
	pmm_page_free(table);
	pmm_page_free(entries);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),       cmocka_unit_test(test_others),
		cmocka_unit_test(test_with_domain), cmocka_unit_test(test_lacks),
		cmocka_unit_test(test_walker),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
