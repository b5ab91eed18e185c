/* What AMD units and tables rarely are: odd entries that a walk explains, flags of an IVHD, no memory,
 * functions without a unit, units that were left out. */
#include <string.h>
#include "iommu/amdvi/devtab.h"
#include "iommu/amdvi/event.h"
#include "iommu/amdvi/ir.h"
#include "iommu/amdvi/regs_seen.h"
#include "iommu/backend.h"
#include "iommu/irq.h"
#include "kernel/pmm.h"
#include "tests/unit/support_amd.h"
#include "tests/unit/support_memory.h"

#define W  0x1000000000ull /* device addresses start here */
#define P  0x2000000000ull /* memory that they lead to; nothing reads it */
#define FN ((bdf_t){0, 0x0100})

static struct amd_unit *unit_of(uint64_t efr)
{
	machine_init();
	return amd_machine_unit(&mc, 0, efr, 0, 0xffff);
}

static struct amdvi_dte *entry(void)
{
	return &mmu.amdvi->devtab[0].entry[FN.rid];
}

static struct domain *attached(void)
{
	struct domain *d;
	assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	return d;
}

/* One function. */
static bool function_at(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	*fn = *(const bdf_t *)ctx;
	*class = 0x010802;
	return i == 0;
}

/* ---- explanations ---- */

static void explained(enum iommu_why read, enum iommu_why write, uint64_t at, const char *says)
{
	struct iommu_walk w;
	char text[300];
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(at), &w), SL_OK);
	assert_int_equal(w.why_read, read);
	assert_int_equal(w.why_write, write);
	assert_int_equal(w.size != 0, w.entries > 1); /* a page table was read */
	assert_true((read != WHY_ALLOWED || !w.code_read) && (write != WHY_ALLOWED || !w.code_write));
	iommu_walk_text(&mmu, FN, IOVA(at), text, sizeof(text));
	if (!strstr(text, says))
		fail_msg("\"%s\" does not say \"%s\"", text, says);
}

/* A device table entry as nothing here makes it. */
static void test_odd_entries(void **state)
{
	(void)state;
	(void)unit_of(AMD_EFR);
	machine_start();
	attached();
	struct amdvi_dte good = *entry();
	explained(WHY_ALLOWED, WHY_ALLOWED, W, "");
	struct iommu_walk steps;
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(W + 8), &steps), SL_OK);
	assert_true(steps.entries == 4 && steps.phys.v == P + 8 && steps.size == PAGE_SIZE && !steps.pass);
	assert_true(steps.entry[0].lo == good.q[0] && steps.entry[0].hi == good.q[1]);
	assert_string_equal(steps.entry[0].table, "device");
	for (unsigned i = 1; i < 4; i++)
		assert_true(steps.entry[i].level == 4 - i && steps.entry[i].lo & 1 && !steps.entry[i].hi);
	assert_int_equal(steps.entry[1].index, W >> 30 & 511);
	assert_int_equal(steps.table[WALK_PAGES].at.v, good.q[0] & DTE_ROOT);
	assert_int_equal(steps.table[WALK_FUNCTION].at.v, va_phys(entry()).v & ~(PAGE_SIZE - 1));
	explained(WHY_TOO_WIDE, WHY_TOO_WIDE, BIT(39), "");
	entry()->q[0] = good.q[0] & ~(DTE_IR | DTE_IW);
	explained(WHY_NO_DOMAIN, WHY_NO_DOMAIN, W, "");
	entry()->q[0] = good.q[0] & ~DTE_TV;
	explained(WHY_NO_DOMAIN, WHY_NO_DOMAIN, W, "");
	entry()->q[0] = good.q[0] | BIT(63);
	explained(WHY_BAD_ENTRY, WHY_BAD_ENTRY, W, "");
	entry()->q[0] = good.q[0] & ~DTE_IW;
	explained(WHY_ALLOWED, WHY_NO_WRITE, W, "");
	entry()->q[0] = good.q[0] & ~DTE_IR;
	explained(WHY_NO_READ, WHY_ALLOWED, W, "");
	entry()->q[0] = good.q[0] & ~DTE_V;
	explained(WHY_ALLOWED, WHY_ALLOWED, W, "");
	entry()->q[0] = good.q[0] & ~(DTE_MODE | DTE_ROOT);
	explained(WHY_ALLOWED, WHY_ALLOWED, W, "");
	*entry() = good;
	machine_end();
}

/* Page tables as nothing here makes them. */
static void test_odd_tables(void **state)
{
	(void)state;
	(void)unit_of(AMD_EFR);
	machine_start();
	attached();
	const struct amdvi_dte good = *entry();
	uint64_t *top = phys_va(PHYS(good.q[0] & DTE_ROOT)), was = top[W >> 30];
	top[W >> 30] = was | BIT(52); /* reserved */
	explained(WHY_BAD_ENTRY, WHY_BAD_ENTRY, W, "");
	top[W >> 30] = (was & ~BITS(11, 9)) | 3u << 9; /* a table of the same level */
	explained(WHY_BAD_ENTRY, WHY_BAD_ENTRY, W, "");
	top[W >> 30] = (was & ~BITS(11, 9)) | 1u << 9; /* skips a level: address bits in it must be 0 */
	explained(WHY_BAD_ENTRY, WHY_BAD_ENTRY, W + PAGE_2M, "");
	const uint64_t *middle = phys_va(PHYS(was & DTE_ROOT));
	top[(W >> 30) + 1] = middle[0]; /* skips it too, and the bits above it may be anything */
	explained(WHY_ALLOWED, WHY_ALLOWED, W + PAGE_1G, "");
	explained(WHY_BAD_ENTRY, WHY_BAD_ENTRY, W + PAGE_1G + PAGE_2M, "");
	top[(W >> 30) + 1] = 0;
	top[W >> 30] = (was & ~(BITS(11, 9) | DTE_ROOT)) | 7u << 9; /* a size below the level's */
	explained(WHY_BAD_ENTRY, WHY_BAD_ENTRY, W, "");
	top[W >> 30] = was | BITS(47, 40); /* no RAM is there */
	explained(WHY_UNREADABLE, WHY_UNREADABLE, W, "");
	top[W >> 30] = 0;
	explained(WHY_NO_READ, WHY_NO_WRITE, W, "");
	top[W >> 30] = was;
	uint64_t first = top[0];
	entry()->q[0] = (good.q[0] & ~DTE_MODE) | FPUT(DTE_MODE, 7);
	explained(WHY_BAD_ENTRY, WHY_BAD_ENTRY, W, "");
	entry()->q[0] = (good.q[0] & ~DTE_MODE) | FPUT(DTE_MODE, 6);
	top[0] = BIT(0) | BIT(61) | BIT(62); /* a page as large as all there is */
	explained(WHY_BAD_ENTRY, WHY_BAD_ENTRY, W, "");
	top[0] = BIT(0) | BIT(61) | BIT(62) | BITS(51, 9); /* a size of all ones has no end */
	explained(WHY_BAD_ENTRY, WHY_BAD_ENTRY, W, "");
	top[0] = first;
	*entry() = good;
	machine_end();
}

static void interrupt(unsigned index, const char *says)
{
	char text[300] = "";
	assert_true(mmu.hw->interrupt_text(&mmu, 0, FN, index, text, sizeof(text)));
	if (!strstr(text, says))
		fail_msg("\"%s\" does not say \"%s\"", text, says);
}

static void odd_interrupts(uint64_t efr, bool wide)
{
	char text[300];
	(void)unit_of(efr);
	machine_start();
	assert_false(mmu.hw->interrupt_text(&mmu, 0, FN, 0, text, sizeof(text)));
	assert_int_equal(mmu.hw->irq_enable(&mmu, 0, 512, false), SL_OK);
	assert_int_equal(mmu.hw->irq_enable(&mmu, 0, 512, true), SL_BUSY);
	phys_t page;
	assert_int_equal(pmm_alloc(1, PAGE_SIZE, &page), SL_OK);
	uint64_t *e = phys_va(page), *q = &entry()->q[2],
		 ok = DTE_IV | FPUT(DTE_INTCTL, 2) | FPUT(DTE_INTLEN, 1);
	*q = 0;
	interrupt(0, "passes as the device wrote it");
	*q = DTE_IV | FPUT(DTE_INTCTL, 1);
	interrupt(0, "passes as the device wrote it");
	*q = DTE_IV;
	interrupt(0, "refuses all interrupts");
	*q = DTE_IV | FPUT(DTE_INTCTL, 3);
	interrupt(0, "impossible");
	*q = (ok & ~DTE_INTLEN) | FPUT(DTE_INTLEN, 12);
	interrupt(0, "impossible");
	*q = ok | page.v;
	interrupt(2, "is beyond the table");
	memset(e, 0, PAGE_SIZE);
	interrupt(1, "is empty");
	e[0] = 1 | 1 << 7;
	interrupt(0, "goes to a guest");
	e[0] = 1 | 2 << 2;
	interrupt(0, "is not remapped");
	e[0] = wide ? BIT(0) | BIT(40) : BIT(0) | BIT(31);
	interrupt(0, "has reserved bits");
	e[0] = wide ? BIT(0) | BIT(6) | 5 << 8 : BIT(0) | BIT(6) | 5 << 8 | 0x41 << 16;
	e[1] = wide ? 0x41 : 0;
	interrupt(0, "vector 0x41 to logical APIC 5");
	e[1] = wide ? 0x41 | BIT(9) : 0;
	if (!wide)
		e[0] = (BIT(0) | 6 << 8 | 0x42 << 16) << 32;
	interrupt(wide ? 0 : 1, wide ? "has reserved bits" : "vector 0x42 to APIC 6");
	*q = DTE_IV;
	pmm_free(page, 1);
	machine_end();
}

static void test_odd_interrupts(void **state)
{
	(void)state;
	odd_interrupts(AMD_EFR | EFR_GA | EFR_XT, true);
	odd_interrupts(AMD_EFR & ~EFR_GA, false);
}

/* An event without bus and address is one of QEMU's, by all of its signs; else it says what it says. */
static void test_vague_events(void **state)
{
	(void)state;
	const uint64_t fault = FPUT(EVENT_CODE, EVENT_PAGE_FAULT) | FPUT(EVENT_DOMAIN, 5) | 0x0309;
	const struct {
		uint64_t lo, hi;
		bool emulated, vague;
	} rows[] = {
		{fault | EVENT_I | EVENT_NX, 0, true, true},
		{fault | EVENT_I | EVENT_GN, 0, true, true},
		{fault | EVENT_I | EVENT_NX, 0, false, false},
		{fault | EVENT_NX, 0, true, false},
		{fault | EVENT_I | EVENT_NX, 0x1000, true, false},
		{fault | EVENT_I | EVENT_NX | EVENT_GN, 0, true, false},
		{fault | EVENT_I, 0, true, false},
		{fault | EVENT_NX, 0, false, false},
	};
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		struct iommu_fault f;
		assert_true(amdvi_event_fault(rows[i].lo, rows[i].hi, 0, rows[i].emulated, &f));
		assert_int_equal(f.vague, rows[i].vague);
		assert_int_equal(f.bdf.rid, rows[i].vague ? 0x09 : 0x0309);
		assert_int_equal(f.write, rows[i].vague && rows[i].lo & EVENT_NX);
	}
}

/* How many waits a change of an entry takes: one more where both words of a present one change, since it is
 * not present in between. */
static void test_entry_changes(void **state)
{
	(void)state;
	static const struct {
		uint8_t vector;
		uint32_t apic;
		unsigned wide;
	} rows[] = {{0x41, 5, 1}, {0x42, 5, 1}, {0x42, 6, 1}, {0x43, 7, 2}, {0x43, 7, 1}};
	for (unsigned wide = 0; wide < 2; wide++) {
		uint16_t index;
		struct amd_unit *m = unit_of(wide ? AMD_EFR | EFR_GA : AMD_EFR & ~EFR_GA);
		machine_start();
		struct amdvi_unit *u = &mmu.amdvi->unit[0];
		assert_int_equal(mmu.hw->irq_enable(&mmu, 0, 512, false), SL_OK);
		assert_int_equal(amdvi_ir_take(u, FN.rid, 1, &index), SL_OK);
		assert_int_equal(index, 0);
		for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
			uint64_t waits = iommu_waits(&mmu);
			unsigned devtab = m->commands[2];
			assert_int_equal(amdvi_ir_set(u, FN.rid, index, rows[i].vector, rows[i].apic), SL_OK);
			assert_int_equal(iommu_waits(&mmu) - waits, wide ? rows[i].wide : 1);
			assert_int_equal(m->commands[2], devtab); /* the device's entry has not changed */
		}
		assert_int_equal(mmu.hw->pasids(&mmu, 0), 0);
		machine_end();
	}
}

/* ---- units ---- */

/* Control repeats what the table says of the unit's link, each by itself. */
static void test_link_flags(void **state)
{
	(void)state;
	static const uint64_t bit[] = {CTL_HT_TUN, CTL_PASS_PW, CTL_RES_PW, CTL_ISOC};
	for (unsigned i = 0; i <= ARRAY_LEN(bit); i++) {
		struct amd_unit *m = unit_of(AMD_EFR);
		mc.ivrs[48 + 1] = (uint8_t)(1u << i & 0xf);
		m->excl[0] = 0x10003, m->excl[1] = 0x1f000; /* the firmware's */
		machine_start();
		uint64_t all = CTL_HT_TUN | CTL_PASS_PW | CTL_RES_PW | CTL_ISOC;
		struct amdvi_regs_seen r;
		assert_int_equal(amdvi_read_registers(&mmu, 0, &r), SL_OK);
		assert_int_equal(r.control & all, i < ARRAY_LEN(bit) ? bit[i] : 0);
		assert_true(r.read && r.efr == m->efr && !r.efr2 && r.control & CTL_IOMMU);
		assert_true(r.devtab == m->devtab && r.cmdbuf == m->cmdbuf && r.evtlog == m->logbuf);
		assert_int_equal(m->excl[0] | m->excl[1], 0);
		assert_true(r.excl_base == m->excl[0] && r.excl_limit == m->excl[1] && r.status == m->status);
		machine_end();
	}
}

/* Registers that read all ones, no page tables by the unit or by the table. */
static void test_no_unit(void **state)
{
	(void)state;
	struct amdvi_regs_seen r;
	for (unsigned i = 0; i < 3; i++) {
		(void)unit_of(i == 0 ? UINT64_MAX : i == 1 ? AMD_EFR | 3u << 10 : AMD_EFR);
		mc.ivrs[48 + 20] = i == 2;
		assert_int_equal(amd_machine_read(&mc, &mmu), SL_NOTFOUND);
		assert_int_equal(mmu.amdvi->devtabs, 0);
		assert_int_equal(amdvi_read_registers(&mmu, 0, &r), SL_OK);
		struct iommu_fault f;
		struct iommu_irq_info irq;
		assert_int_equal(mmu.hw->fault_next(&mmu, 0, &f), SL_END);
		mmu.hw->fault_clear(&mmu, 0);
		mmu.hw->fault_event(&mmu, 0, 0x41, 3);
		assert_int_equal(mmu.hw->fault_silence(&mmu, 0, FN), SL_OK);
		assert_int_equal(mmu.hw->now_us(&mmu), 0);
		assert_int_equal(mmu.hw->irq_apics(&mmu, 0), 0);
		mmu.hw->irq_info(&mmu, 0, &irq);
		assert_non_null(irq.lacks);
		assert_int_equal(iommu_enable(&mmu), SL_NOTFOUND);
		machine_end();
	}
	(void)unit_of(AMD_EFR); /* whose registers are elsewhere */
	mc.elsewhere = 1;
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_NOTFOUND);
	assert_int_equal(amdvi_read_registers(&mmu, 0, &r), SL_NOTFOUND);
	machine_end();
}

/* Before it is on nothing is recorded, and nothing has to be invalidated. */
static void test_off(void **state)
{
	(void)state;
	struct amd_unit *m = unit_of(AMD_EFR);
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	struct iommu_fault f;
	struct iommu_irq_info irq;
	struct domain *d = attached();
	uint64_t waits = iommu_waits(&mmu);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_detach(d, FN), SL_OK);
	assert_int_equal(iommu_waits(&mmu), waits);
	assert_int_equal(mmu.hw->detach(&mmu, 0, FN.rid, 0), SL_NOTFOUND);
	assert_int_equal(mmu.hw->fault_next(&mmu, 0, &f), SL_END);
	mmu.hw->fault_clear(&mmu, 0);
	mmu.hw->irq_info(&mmu, 0, &irq);
	assert_string_equal(irq.lacks, "it is off");
	assert_int_equal(mmu.hw->irq_apics(&mmu, 0), 0);
	assert_true(mmu.hw->now_us(&mmu) > 0 || m->efr);
	struct domain *pass; /* every unit can pass requests through */
	assert_int_equal(domain_create_passthrough(&mmu, "pass", &pass), SL_OK);
	assert_int_equal(domain_attach(pass, FN), SL_OK);
	assert_int_equal(entry()->q[0] & (DTE_MODE | DTE_ROOT), 0);
	machine_end();
}

/* ---- no memory ---- */

static void test_no_memory(void **state)
{
	(void)state;
	for (unsigned leave = 0; leave < 12; leave++) {
		(void)unit_of(AMD_EFR);
		support_memory_take(leave);
		assert_int_equal(amd_machine_read(&mc, &mmu), SL_NOMEM);
		support_memory_give();
		if (mmu.amdvi && mmu.amdvi->unit && mmu.amdvi->devtab)
			machine_end();
		else
			amd_machine_fini(&mc);
	}
	/* The table of a segment is there, and what a unit needs beside it is not. */
	for (unsigned leave = 0; leave < 16; leave++) {
		struct amdvi_unit u = {0};
		support_memory_take(leave);
		assert_int_equal(amdvi_unit_init(&u), SL_NOMEM);
		assert_null(u.log);
		support_memory_give();
	}
	(void)unit_of(AMD_EFR);
	support_memory_take(0);
	while (pmm_keep(64)) /* what is left of a page that was begun */
		;
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_NOMEM);
	assert_null(mmu.amdvi);
	support_memory_give();
	amd_machine_fini(&mc);
	(void)unit_of(AMD_EFR);
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	machine_end();
}

/* For the table of a function's interrupts, and for memory that firmware shares; a bridge on several buses.
 */
static void test_no_memory_later(void **state)
{
	(void)state;
	bdf_t fn = FN;
	const struct table_functions functions = {&fn, function_at};
	(void)unit_of(AMD_EFR);
	amd_machine_ivmd(&mc, 0x20, 7, 0, 0, 0x7d900000, 0x1000);
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	support_memory_take(0);
	assert_int_equal(amdvi_map_ivmds(&mmu, &functions), SL_NOMEM);
	support_memory_give();
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(mmu.hw->irq_enable(&mmu, 0, 512, false), SL_OK);
	struct iommu_irq irq = {.from = FN, .count = 1};
	uint16_t index;
	support_memory_take(0);
	assert_int_equal(mmu.hw->irq_take(&mmu, &irq, &index), SL_NOMEM);
	support_memory_give();
	irq.last = 0xff;
	assert_int_equal(mmu.hw->irq_take(&mmu, &irq, &index), SL_UNSUPPORTED);
	machine_end();
}

/* ---- IVMD ---- */

/* An IVMD of one function whose group is in two domains, or that has no unit: it is left out, and all goes
 * on. */
static void test_ivmd_left_out(void **state)
{
	(void)state;
	bdf_t fn = FN;
	const struct table_functions functions = {&fn, function_at};
	struct iommu_reserved r = {0};
	machine_init();
	(void)amd_machine_unit(&mc, 0, AMD_EFR, 0, 0x01ff);
	amd_machine_ivmd(&mc, 0x21, 7, 0x0300, 0, 0x7d900000, 0x1000); /* without a unit */
	amd_machine_ivmd(&mc, 0x23, 7, 0x0002, 0, 0x7da00000, 0x1000); /* all of the unit's */
	amd_machine_ivmd(&mc, 0x20, 7, 0, 0, BIT(39), 0x1000);         /* beyond the width */
	size_t at = mc.len;
	amd_machine_ivmd(&mc, 0x20, 7, 0, 0, 0x7db00000, 0x1000); /* too short for its fields */
	mc.ivrs[at + 2] = 31;
	mc.ivrs[4]--;
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	assert_int_equal(amdvi_map_ivmds(&mmu, &functions), SL_OK);
	assert_int_equal(iommu_reserved_next(&mmu, (bdf_t){0, 0x0300}, &r), SL_OK);
	assert_int_equal(r.base, 0xfee00000);
	assert_int_equal(iommu_reserved_next(&mmu, (bdf_t){0, 0x0300}, &r), SL_OK);
	assert_int_equal(r.base, 0x7d900000); /* no unit, so no HyperTransport range */
	assert_int_equal(iommu_reserved_next(&mmu, (bdf_t){0, 0x0300}, &r), SL_END);
	assert_null(iommu_domain_of(&mmu, (bdf_t){0, 0x0300}));
	assert_non_null(iommu_domain_of(&mmu, FN));
	machine_end();
	machine_init();
	(void)amd_machine_unit(&mc, 0, AMD_EFR, 0, 0xffff);
	mc.ivrs[48 + 33] = 8; /* EFR2: the HyperTransport range is ordinary */
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	r = (struct iommu_reserved){0};
	assert_int_equal(iommu_reserved_next(&mmu, FN, &r), SL_OK);
	assert_int_equal(iommu_reserved_next(&mmu, FN, &r), SL_END);
	machine_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_odd_entries),     cmocka_unit_test(test_odd_tables),
		cmocka_unit_test(test_odd_interrupts),  cmocka_unit_test(test_link_flags),
		cmocka_unit_test(test_no_unit),         cmocka_unit_test(test_off),
		cmocka_unit_test(test_no_memory),       cmocka_unit_test(test_ivmd_left_out),
		cmocka_unit_test(test_no_memory_later), cmocka_unit_test(test_entry_changes),
		cmocka_unit_test(test_vague_events),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
