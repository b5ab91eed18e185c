#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>
#include "iommu/rmrr.h"
#include "kernel/pmm.h"
#include "tests/model/vtd_model.h"
#include "tests/unit/support.h"

#define RAM_BASE  0x40000000ull
#define RAM_BYTES (8 * PAGE_2M)

static phys_t ram;
static struct model_machine mc;

/* ---- which functions there are ---- */

static const struct {
	bdf_t fn;
	uint32_t class;
} there[] = {
	{{0, 0x0010}, 0x030000}, /* 00:02.0 graphics */
	{{0, 0x00a0}, 0x0c0330}, /* 00:14.0 USB */
	{{0, 0x00b0}, 0x0c0500}, /* 00:16.0 SMBus */
	{{0, 0x00e0}, 0x060400}, /* 00:1c.0 bridge, buses 2 to 3 */
	{{0, 0x0200}, 0x010400}, /* 02:00.0 storage below it */
	{{0, 0x0301}, 0x0c0320}, /* 03:00.1 USB below it */
	{{0, 0x0400}, 0x010400}, /* 04:00.0 elsewhere */
	{{1, 0x0200}, 0x010400}, /* another segment */
};

static bool get(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	(void)ctx;
	if (i >= ARRAY_LEN(there))
		return false;
	*fn = there[i].fn;
	*class = there[i].class;
	return true;
}

static const char *name(void *ctx, bdf_t fn)
{
	(void)ctx;
	return fn.rid == 0x00a0 ? "USB controller" : NULL;
}

static const struct dmar_functions functions = {NULL, get};

/* ---- the table ---- */

static void machine(void)
{
	model_machine_init(&mc, ram, RAM_BYTES);
	mc.bridge[0].rid = 0x00e0;
	mc.bridge[0].sec = 2;
	mc.bridge[0].sub = 3;
	mc.bridges = 1;
}

/* The RMRR that was added last: another type in its scope, or another length of it. */
static void last_scope(uint8_t type, uint8_t len)
{
	mc.dmar[mc.len - 8] = type;
	mc.dmar[mc.len - 7] = len;
}

static void ledger_table(void)
{
	machine();
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_machine_rmrr(&mc, 0x7a000000, 0x7a00ffff, 0x00a0); /* 0: USB */
	model_machine_rmrr(&mc, 0x7b800000, 0x7fffffff, 0x0010); /* 1: graphics, into a hole */
	model_machine_rmrr(&mc, 0x7a008000, 0x7a01ffff, 0x00b0); /* 2: SMBus */
	model_machine_rmrr(&mc, 0, 0, 0x00a0);                   /* 3: no memory */
	model_machine_rmrr(&mc, 0x7a100000, 0x7a100fff, 0x00b8); /* 4: absent */
	model_machine_rmrr(&mc, 0x7a101000, 0x7a101fff, 0x00e0); /* 5: bridge */
	last_scope(DMAR_SCOPE_BRIDGE, 8);                        /*    and all below */
	model_machine_rmrr(&mc, 0x1000, 0x1fff, 0x0010);         /* 6: in the system's memory */
	model_machine_rmrr(&mc, 0x7a102000, 0x7a102fff, 0x00a0); /* 7: scope of an I/O APIC */
	last_scope(DMAR_SCOPE_IOAPIC, 8);
	model_machine_rmrr(&mc, 0x7a103000, 0x7a103fff, 0x00a0); /* 8: scope without path */
	last_scope(DMAR_SCOPE_ENDPOINT, 0);
	model_machine_rmrr(&mc, 0x7a104000, UINT64_MAX, 0x00a0); /* 9: to the end of all */
	model_machine_rmrr(&mc, 0x7a105000, 0x7a105fff, 0x00a0); /* 10: no scope */
	mc.dmar[mc.len - 32 + 2] = 24;
	mc.len -= 8;
	model_machine_rmrr(&mc, 0x7a106000, 0x7a106fff, 0x00a0); /* 11: too short for anything */
	mc.dmar[mc.len - 32 + 2] = 8;
	mc.len -= 24;
	mc.dmar[4] = (uint8_t)mc.len;
	mc.dmar[5] = (uint8_t)(mc.len >> 8);
}

static const struct boot_region map[] = {
	{.base = 0, .pages = 0xa0, .type = MEM_FREE},
	{.base = 0x7a000000, .pages = 0x20, .type = MEM_RESERVED},
	{.base = 0x7a100000, .pages = 0x100, .type = MEM_ACPI_NVS},
	{.base = 0x7b800000, .pages = 0x800, .type = MEM_RESERVED},
};

static const struct {
	unsigned number, rid;
	enum rmrr_verdict verdict;
	const char *text;
} wanted[] = {
	{0, 0x00a0, RMRR_RELAXED,
	 "RMRR 0 0x7a000000..0x7a00ffff (64 KiB, reserved) for 0000:00:14.0 USB controller: can be given "
	 "away "
	 "once a driver has taken it over from firmware; overlaps RMRR 2"},
	{1, 0x0010, RMRR_RELAXED,
	 "RMRR 1 0x7b800000..0x7fffffff (73728 KiB, reserved and other) for 0000:00:02.0: can be given away "
	 "once a driver has taken it over from firmware"},
	{2, 0x00b0, RMRR_KEPT,
	 "RMRR 2 0x7a008000..0x7a01ffff (96 KiB, reserved) for 0000:00:16.0: can not be given away: firmware "
	 "may use this memory through it at any time; overlaps RMRR 0"},
	{3, 0x00a0, RMRR_NO_MEMORY,
	 "RMRR 3 0x0..0x0 (no memory) for 0000:00:14.0 USB controller: can be given away: this describes no "
	 "memory"},
	{4, 0x00b8, RMRR_ABSENT,
	 "RMRR 4 0x7a100000..0x7a100fff (4 KiB, ACPI NVS) for 0000:00:17.0 absent: nothing to give away: no "
	 "function answers there"},
	{5, 0x00e0, RMRR_BRIDGE,
	 "RMRR 5 0x7a101000..0x7a101fff (4 KiB, ACPI NVS) for 0000:00:1c.0: a bridge is not given away; what "
	 "is below it stands apart"},
	{5, 0x0200, RMRR_KEPT,
	 "RMRR 5 0x7a101000..0x7a101fff (4 KiB, ACPI NVS) for 0000:02:00.0 below the bridge: can not be "
	 "given "
	 "away: firmware may use this memory through it at any time"},
	{5, 0x0301, RMRR_RELAXED,
	 "RMRR 5 0x7a101000..0x7a101fff (4 KiB, ACPI NVS) for 0000:03:00.1 below the bridge: can be given "
	 "away once a driver has taken it over from firmware"},
	{6, 0x0010, RMRR_SYSTEM_RAM,
	 "RMRR 6 0x1000..0x1fff (4 KiB, free memory) for 0000:00:02.0: can not be given away: this memory is "
	 "the system's own"},
	{7, 0, RMRR_NOWHERE,
	 "RMRR 7 0x7a102000..0x7a102fff (4 KiB, ACPI NVS) for no function: nothing to give away: no function "
	 "is named"},
	{8, 0, RMRR_NOWHERE, NULL},
	{9, 0x00a0, RMRR_NO_MEMORY, NULL},
	{10, 0, RMRR_NOWHERE, NULL},
};

static void test_ledger(void **state)
{
	(void)state;
	static struct rmrr_owner o[32];
	struct dmar t;
	char text[300];
	ledger_table();
	struct dmar_topo topo = model_machine_topo(&mc);
	struct rmrr_context known = {&topo, &functions, {map, ARRAY_LEN(map)}, name, NULL};
	assert_int_equal(dmar_open((struct span){mc.dmar, mc.len}, &t), SL_OK);
	unsigned n = rmrr_ledger(&t, &known, o, ARRAY_LEN(o));
	assert_int_equal(n, ARRAY_LEN(wanted));
	for (unsigned i = 0; i < n; i++) {
		rmrr_text(&o[i], text, sizeof(text));
		if (wanted[i].text)
			assert_string_equal(text, wanted[i].text);
		assert_int_equal(o[i].number, wanted[i].number);
		assert_int_equal(o[i].verdict, wanted[i].verdict);
		assert_int_equal(o[i].resolved ? o[i].fn.rid : 0, wanted[i].rid);
		assert_int_equal(o[i].below, wanted[i].rid == 0x0200 || wanted[i].rid == 0x0301);
	}
	assert_true(o[0].reserved && !o[0].mixed && !o[0].ram && o[0].present);
	assert_true(!o[1].reserved && o[1].mixed && !o[1].ram);
	assert_true(o[8].ram && !o[8].reserved);

	const struct rmrr_owner *why = NULL;
	assert_true(rmrr_can_give(o, n, (bdf_t){0, 0x00a0}, &why));
	assert_null(why);
	assert_false(rmrr_can_give(o, n, (bdf_t){0, 0x0010}, &why)); /* for one of its two */
	assert_ptr_equal(why, &o[8]);
	assert_false(rmrr_can_give(o, n, (bdf_t){0, 0x00b0}, NULL));
	assert_false(rmrr_can_give(o, n, (bdf_t){0, 0x0200}, NULL));
	assert_true(rmrr_can_give(o, n, (bdf_t){1, 0x0200}, NULL));
	assert_true(rmrr_can_give(o, n, (bdf_t){0, 0x0400}, NULL));

	/* the count does not hang on the room, nor the rest on the map and names */
	struct rmrr_context less = {&topo, &functions, {NULL, 0}, NULL, NULL};
	memset(o, 0xff, sizeof(o));
	assert_int_equal(rmrr_ledger(&t, &less, o, 1), n);
	assert_int_equal(o[1].number, UINT32_MAX);
	rmrr_text(&o[0], text, sizeof(text));
	assert_string_equal(
		text, "RMRR 0 0x7a000000..0x7a00ffff (64 KiB, memory type not known) for 0000:00:14.0: "
		      "can be given away once a driver has taken it over from firmware; overlaps RMRR 2");
	assert_string_equal(rmrr_verdict_text(RMRR_VERDICTS), "unknown");
	model_machine_fini(&mc);
}

/* ---- mapped one to one ---- */

static struct iommu mmu;

static void start(void)
{
	struct dmar_topo topo = model_machine_topo(&mc);
	struct iommu_regs regs = model_machine_regs(&mc);
	assert_int_equal(iommu_init(&mmu, (struct span){mc.dmar, mc.len}, &topo, &regs), SL_OK);
}

static void goes(struct model_unit *m, unsigned rid, uint64_t at)
{
	uint64_t phys = 0;
	assert_int_equal(model_dma(m, (uint16_t)rid, at, true, &phys), 0);
	assert_int_equal(phys, at);
}

static void refused(struct model_unit *m, unsigned rid, uint64_t at)
{
	uint64_t phys;
	assert_int_not_equal(model_dma(m, (uint16_t)rid, at, false, &phys), 0);
}

static void test_below_bridge(void **state)
{
	(void)state;
	machine();
	struct model_unit *m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_machine_rmrr(&mc, 0x7a000000, 0x7a000fff, 0x00e0);
	last_scope(DMAR_SCOPE_BRIDGE, 8);
	model_machine_rmrr(&mc, 0x7a001000, 0x7a001fff, 0x0200);
	model_machine_rmrr(&mc, 0x7a002000, 0x7a002fff, 0x00b8); /* hidden: has no configuration space */
	model_machine_rmrr(&mc, 0x7a003000, 0x7a003fff, 0x00c0); /* a bridge that is not there */
	last_scope(DMAR_SCOPE_BRIDGE, 8);
	model_machine_rmrr(&mc, 0x7a004000, 0x7a004fff, 0x00b0);
	last_scope(DMAR_SCOPE_IOAPIC, 8);
	start();
	assert_int_equal(iommu_map_rmrrs_below(&mmu, &functions), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	goes(m, 0x00e0, 0x7a000fff);
	goes(m, 0x0200, 0x7a000000);
	goes(m, 0x0200, 0x7a001000);
	goes(m, 0x0301, 0x7a000000);
	goes(m, 0x00b8, 0x7a002000);
	refused(m, 0x0301, 0x7a001000);
	refused(m, 0x0400, 0x7a000000);
	refused(m, 0x00b0, 0x7a004000);
	refused(m, 0x00c0, 0x7a003000);
	assert_null(iommu_domain_of(&mmu, (bdf_t){0, 0x0400}));
	assert_int_equal(model_machine_complaints(&mc), 0);
	model_machine_fini(&mc);
}

/* Without a list of functions a bridge's scope is left out; no unit, and no domain ids. */
static void test_left_out(void **state)
{
	(void)state;
	machine();
	struct model_unit *m =
		model_machine_unit(&mc, MODEL_VER, MODEL_CAP & ~7ull, MODEL_ECAP, 0x00e0 | MODEL_BRIDGE);
	model_machine_rmrr(&mc, 0x7a000000, 0x7a000fff, 0x00e0);
	last_scope(DMAR_SCOPE_BRIDGE, 8);
	model_machine_rmrr(&mc, 0x7a001000, 0x7a001fff, 0x0400); /* no unit covers it */
	model_machine_rmrr(&mc, 0x7a001000, 0x7a001fff, 0x0200);
	start();
	assert_int_equal(iommu_map_rmrrs(&mmu), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	refused(m, 0x00e0, 0x7a000000);
	refused(m, 0x0400, 0x7a001000);
	goes(m, 0x0200, 0x7a001000);
	assert_int_equal(model_machine_complaints(&mc), 0);
	struct domain *d;
	while (domain_create(&mmu, "takes the ids", &d) == SL_OK)
		;
	assert_int_equal(iommu_map_rmrrs_below(&mmu, &functions), SL_NOSPACE);
	model_machine_fini(&mc);
}

static void test_damaged(void **state)
{
	(void)state;
	machine();
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_machine_rmrr(&mc, 0x7a000000, 0x7a000fff, 0x00a0);
	start();
	last_scope(DMAR_SCOPE_ENDPOINT, 0);
	assert_int_equal(iommu_map_rmrrs(&mmu), SL_BADVAL);
	last_scope(DMAR_SCOPE_ENDPOINT, 8);
	mc.dmar[mc.len - 32 + 2] = 20;
	assert_int_equal(iommu_map_rmrrs(&mmu), SL_TRUNC);
	mc.dmar[mc.len - 32 + 2] = 0;
	assert_int_equal(iommu_map_rmrrs(&mmu), SL_BADVAL);
	model_machine_fini(&mc);
}

static int ram_once(void **state)
{
	(void)state;
	ram = support_ram(RAM_BYTES, RAM_BASE);
	return pmm_add(ram, RAM_BYTES / PAGE_SIZE) != SL_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ledger),
		cmocka_unit_test(test_below_bridge),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_damaged),
	};
	return cmocka_run_group_tests(tests, ram_once, NULL);
}
