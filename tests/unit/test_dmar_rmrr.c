#include <stdio.h>
#include <string.h>
#include "iommu/vtd/backend.h"
#include "iommu/dmar/rmrr.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

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

static const struct table_functions functions = {NULL, get};

/* ---- the table ---- */

static void machine(void)
{
	machine_init();
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
	memset(mc.dmar + mc.len, 0, 8);
	model_machine_rmrr(&mc, 0, 0, 0x00b0); /* 11: no memory, and neither USB nor graphics */
	model_machine_rmrr(&mc, 0x3f000000, 0x3eff0000, 0x0400); /* 12: reversed */
	model_machine_rmrr(&mc, 0x7a106000, 0x7a106fff, 0x00a0); /* 13: too short for anything */
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
	 "RMRR 0 0x7a000000..0x7a00ffff (64 KiB, reserved) for 0000:00:14.0 USB controller: can be assigned once a driver has taken it over from the firmware; overlaps RMRR 2"},
	{1, 0x0010, RMRR_RELAXED,
	 "RMRR 1 0x7b800000..0x7fffffff (73728 KiB, reserved and other) for 0000:00:02.0: can be assigned once a driver has taken it over from the firmware"},
	{2, 0x00b0, RMRR_KEPT,
	 "RMRR 2 0x7a008000..0x7a01ffff (96 KiB, reserved) for 0000:00:16.0: cannot be assigned: the firmware may use this memory through it at any time; overlaps RMRR 0"},
	{3, 0x00a0, RMRR_NO_MEMORY,
	 "RMRR 3 0x0..0x0 (no memory) for 0000:00:14.0 USB controller: can be assigned: this describes no memory"},
	{4, 0x00b8, RMRR_ABSENT,
	 "RMRR 4 0x7a100000..0x7a100fff (4 KiB, ACPI NVS) for 0000:00:17.0 absent: nothing to assign: no function answers there"},
	{5, 0x00e0, RMRR_BRIDGE,
	 "RMRR 5 0x7a101000..0x7a101fff (4 KiB, ACPI NVS) for 0000:00:1c.0: a bridge is not assigned; the functions below it are listed separately"},
	{5, 0x0200, RMRR_KEPT,
	 "RMRR 5 0x7a101000..0x7a101fff (4 KiB, ACPI NVS) for 0000:02:00.0 below the bridge: cannot be assigned: the firmware may use this memory through it at any time"},
	{5, 0x0301, RMRR_RELAXED,
	 "RMRR 5 0x7a101000..0x7a101fff (4 KiB, ACPI NVS) for 0000:03:00.1 below the bridge: can be assigned once a driver has taken it over from the firmware"},
	{6, 0x0010, RMRR_SYSTEM_RAM,
	 "RMRR 6 0x1000..0x1fff (4 KiB, free memory) for 0000:00:02.0: cannot be assigned: this memory belongs to the system"},
	{7, 0, RMRR_NOWHERE,
	 "RMRR 7 0x7a102000..0x7a102fff (4 KiB, ACPI NVS) for no function: nothing to assign: no function is named"},
	{8, 0, RMRR_NOWHERE, NULL},
	{9, 0x00a0, RMRR_NO_MEMORY, NULL},
	{10, 0, RMRR_NOWHERE, NULL},
	{11, 0x00b0, RMRR_EMPTY,
	 "RMRR 11 0x0..0x0 (no memory) for 0000:00:16.0: this describes no memory, but Linux keeps it and refuses to assign the function"},
	{12, 0x0400, RMRR_EMPTY, NULL},
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

	/* the count does not hang on the room, nor the rest on the map and names */
	struct rmrr_context less = {&topo, &functions, {NULL, 0}, NULL, NULL};
	memset(o, 0xff, sizeof(o));
	assert_int_equal(rmrr_ledger(&t, &less, o, 1), n);
	assert_int_equal(o[1].number, UINT32_MAX);
	rmrr_text(&o[0], text, sizeof(text));
	assert_string_equal(
		text,
		"RMRR 0 0x7a000000..0x7a00ffff (64 KiB, memory type not known) for 0000:00:14.0: can be assigned once a driver has taken it over from the firmware; overlaps RMRR 2");
	assert_string_equal(rmrr_verdict_text(RMRR_VERDICTS), "unknown");
	model_machine_fini(&mc);
}

/* ---- mapped one to one ---- */

static void start(void)
{
	machine_start();
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
	assert_int_equal(vtd_map_rmrrs(&mmu, &functions), SL_OK);
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
	assert_int_equal(vtd_map_rmrrs(&mmu, NULL), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	refused(m, 0x00e0, 0x7a000000);
	refused(m, 0x0400, 0x7a001000);
	goes(m, 0x0200, 0x7a001000);
	assert_int_equal(model_machine_complaints(&mc), 0);
	struct domain *d;
	while (domain_create(&mmu, "takes the ids", &d) == SL_OK)
		;
	assert_int_equal(vtd_map_rmrrs(&mmu, &functions), SL_NOSPACE);
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
	assert_int_equal(vtd_map_rmrrs(&mmu, NULL), SL_BADVAL);
	last_scope(DMAR_SCOPE_ENDPOINT, 8);
	mc.dmar[mc.len - 32 + 2] = 20;
	assert_int_equal(vtd_map_rmrrs(&mmu, NULL), SL_TRUNC);
	mc.dmar[mc.len - 32 + 2] = 0;
	assert_int_equal(vtd_map_rmrrs(&mmu, NULL), SL_BADVAL);
	model_machine_fini(&mc);
}

/* ---- for whom: tests/data/dmar/reserved.txt ---- */

#define BASE 0x7a000000ull /* region n of the table is the page n from here */

/* Bit n: region n is for the function. VFs and functions that come later count too. */
static const struct {
	bdf_t fn;
	bool later;
	unsigned regions;
} meant[] = {
	{{0, 0x0010}, false, 0x001}, /* 00:02.0, named beside a bridge */
	{{0, 0x0011}, false, 0},     /* 00:02.1: another function */
	{{0, 0x0018}, false, 0},     /* 00:03.0: no bridge, though a path goes through it */
	{{0, 0x00a0}, false, 0},     /* 00:14.0: what is named is an I/O APIC */
	{{0, 0x00e0}, false, 0x012}, /* 00:1c.0: bridge, buses 2 to 5; named by an endpoint's scope too */
	{{0, 0x00e8}, false, 0x001}, /* 00:1d.0: bridge without buses */
	{{0, 0x0200}, false, 0x006}, /* 02:00.0: bridge, buses 3 to 4 */
	{{0, 0x0208}, false, 0x002}, /* 02:01.0 */
	{{0, 0x0300}, false, 0x20e}, /* 03:00.0: by three paths, and by its bus */
	{{0, 0x0400}, false, 0x006}, /* 04:00.0 */
	{{0, 0x0501}, false, 0x002}, /* 05:00.1 */
	{{0, 0x0600}, false, 0x080}, /* 06:00.0: physical function, named itself */
	{{1, 0x0010}, false, 0},     /* the same in another segment */
	{{1, 0x00e0}, false, 0x020}, {{1, 0x0300}, false, 0x020},
	{{0, 0x0513}, true, 0x002}, /* VF of 05:00.1 below the bridge */
	{{0, 0x0601}, true, 0},     /* VF of 06:00.0: not meant */
	{{1, 0x0480}, true, 0x020},
};

static bool get_meant(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	(void)ctx;
	if (i >= ARRAY_LEN(meant) || meant[i].later)
		return false;
	*fn = meant[i].fn;
	*class = bdf_eq(*fn, (bdf_t){0, 0x00e0}) || bdf_eq(*fn, (bdf_t){1, 0x00e0}) ? 0x060400 : 0x010400;
	return true;
}

static const struct table_functions all_meant = {NULL, get_meant};

static void bridge_add(uint16_t rid, uint8_t sec, uint8_t sub)
{
	mc.bridge[mc.bridges].rid = rid;
	mc.bridge[mc.bridges].sec = sec;
	mc.bridge[mc.bridges++].sub = sub;
}

/* A machine with that table instead of the one that it makes. */
static void machine_reserved(void)
{
	machine_init();
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	bridge_add(0x00e0, 2, 5);
	bridge_add(0x0200, 3, 4);
	bridge_add(0x00e8, 0, 0);
	mc.vf[0].rid = 0x0513;
	mc.vf[0].pf = 0x0501;
	mc.vf[1].rid = 0x0601;
	mc.vf[1].pf = 0x0600;
	mc.vfs = 2;
	FILE *f = fopen("tests/data/dmar/reserved.bin", "rb");
	assert_non_null(f);
	mc.len = fread(mc.dmar, 1, sizeof(mc.dmar), f);
	fclose(f);
	start();
}

static unsigned reserved_for(bdf_t fn)
{
	struct iommu_reserved r = {0};
	unsigned found = 0;
	assert_int_equal(iommu_reserved_next(&mmu, fn, &r), SL_OK);
	assert_true(r.interrupts);
	while (iommu_reserved_next(&mmu, fn, &r) == SL_OK) {
		assert_false(r.interrupts);
		assert_int_equal(r.len, PAGE_SIZE);
		found |= 1u << (r.base - BASE) / PAGE_SIZE;
	}
	return found;
}

/* Which of the regions a function reaches. */
static unsigned reached(bdf_t fn)
{
	unsigned unit, found = 0;
	assert_int_equal(iommu_unit_of(&mmu, fn, &unit), SL_OK);
	for (unsigned i = 0; i < 16; i++) {
		uint64_t phys, at = BASE + i * PAGE_SIZE;
		if (model_dma(mc.unit[unit], fn.rid, at, true, &phys))
			continue;
		assert_int_equal(phys, at);
		found |= 1u << i;
	}
	return found;
}

/* Each function that is meant reaches only its regions; no other function reaches any. What comes later gets
 * a domain only when that has them. */
static void test_meant(void **state)
{
	(void)state;
	machine_reserved();
	assert_int_equal(vtd_map_rmrrs(&mmu, &all_meant), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	for (size_t i = 0; i < ARRAY_LEN(meant); i++) {
		bdf_t fn = meant[i].fn;
		assert_int_equal(reserved_for(fn), meant[i].regions);
		assert_int_equal(reached(fn), meant[i].later ? 0 : meant[i].regions);
		struct domain *d = iommu_domain_of(&mmu, fn);
		assert_int_equal(d != NULL, !meant[i].later && meant[i].regions);
		if (d)
			continue;
		assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
		assert_int_equal(domain_attach(d, fn), meant[i].regions ? SL_VERIFY : SL_OK);
		for (unsigned k = 0; meant[i].regions >> k; k++)
			if (meant[i].regions >> k & 1)
				assert_int_equal(domain_map(d, IOVA(BASE + k * PAGE_SIZE),
							    PHYS(BASE + k * PAGE_SIZE), PAGE_SIZE, DOMAIN_RW),
						 SL_OK);
		assert_int_equal(domain_attach(d, fn), meant[i].regions ? SL_OK : SL_BUSY);
		assert_int_equal(reached(fn), meant[i].regions);
	}
	assert_int_equal(model_machine_complaints(&mc), 0);
	model_machine_fini(&mc);
}

/* ---- groups ---- */

/* Bus 2 is group 1, bus 3 is group 2; nothing is known of the rest. */
static unsigned group_of(void *ctx, bdf_t fn)
{
	(void)ctx;
	return fn.seg == 0 && bdf_bus(fn) >= 2 && bdf_bus(fn) <= 3 ? bdf_bus(fn) - 1u : 0;
}

static const struct iommu_groups groups = {NULL, group_of, NULL};

/* Functions of one group are in one domain, under whatever unit each is; the others are not. */
static void test_group(void **state)
{
	(void)state;
	static const uint16_t rid[] = {0x0200, 0x0208, 0x0300, 0x0400, 0x0401};
	machine();
	struct model_unit *m[2];
	m[0] = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, 0x0208);
	m[1] = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	for (unsigned i = 0; i < ARRAY_LEN(rid); i++)
		model_machine_rmrr(&mc, BASE + i * PAGE_SIZE, BASE + i * PAGE_SIZE + 0xfff, rid[i]);
	model_machine_rmrr(&mc, BASE, BASE + 0x1fff, 0x0201); /* overlaps what the domain has already */
	start();
	iommu_set_groups(&mmu, &groups);
	assert_int_equal(vtd_map_rmrrs(&mmu, &functions), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	struct domain *first = iommu_domain_of(&mmu, (bdf_t){0, 0x0200}), *d;
	assert_non_null(first);
	assert_ptr_equal(iommu_domain_of(&mmu, (bdf_t){0, 0x0208}), first);
	assert_ptr_equal(iommu_domain_of(&mmu, (bdf_t){0, 0x0201}), first);
	assert_int_equal(reached((bdf_t){0, 0x0200}), 3);
	assert_int_equal(reached((bdf_t){0, 0x0208}), 3);
	assert_int_equal(reached((bdf_t){0, 0x0300}), 4);
	assert_int_equal(reached((bdf_t){0, 0x0400}), 8);
	assert_int_equal(reached((bdf_t){0, 0x0401}), 16);
	goes(m[0], 0x0208, BASE);
	refused(m[1], 0x0208, BASE);
	/* the rest of the group has to follow */
	assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
	assert_int_equal(domain_attach(d, (bdf_t){0, 0x0202}), SL_BUSY);
	assert_int_equal(domain_attach(first, (bdf_t){0, 0x0202}), SL_OK);
	assert_int_equal(model_machine_complaints(&mc), 0);
	model_machine_fini(&mc);
}

/* Too late: the group is in two domains already, and the function would be in either at the other's cost. */
static void test_group_split(void **state)
{
	(void)state;
	struct domain *d[2];
	machine();
	struct model_unit *m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_machine_rmrr(&mc, BASE, BASE + 0xfff, 0x0200);
	model_machine_rmrr(&mc, 0xfed00000, 0xfeefffff, 0x0400); /* cannot be mapped: no domain for it */
	start();
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(domain_create(&mmu, "d", &d[i]), SL_OK);
		assert_int_equal(domain_attach(d[i], (bdf_t){0, (uint16_t)(0x0201 + i)}), SL_OK);
	}
	iommu_set_groups(&mmu, &groups);
	assert_int_equal(vtd_map_rmrrs(&mmu, &functions), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_null(iommu_domain_of(&mmu, (bdf_t){0, 0x0200}));
	assert_null(iommu_domain_of(&mmu, (bdf_t){0, 0x0400}));
	refused(m, 0x0200, BASE);
	model_machine_fini(&mc);
}

/* A function that its driver has taken over from the firmware: nothing of its RMRRs is reached any more, and
 * any domain takes it. Others keep theirs. */
static void test_release(void **state)
{
	(void)state;
	const bdf_t usb = {0, 0x00a0}, other = {0, 0x0010}, none = {0, 0x00b0},
		    mate[] = {{0, 0x0200}, {0, 0x0208}};
	struct domain *d;
	machine();
	struct model_unit *m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_machine_rmrr(&mc, BASE, BASE + 0xfff, usb.rid);
	model_machine_rmrr(&mc, BASE + 0x1000, BASE + 0x1fff, other.rid);
	model_machine_rmrr(&mc, BASE + 0x2000, BASE + 0x2fff, usb.rid);
	for (unsigned i = 0; i < 2; i++) /* of one group */
		model_machine_rmrr(&mc, BASE + (3 + i) * PAGE_SIZE, BASE + (3 + i) * PAGE_SIZE + 0xfff,
				   mate[i].rid);
	model_machine_rmrr(&mc, BASE + 0x5000, BASE + 0x5fff, 0x00e0);
	last_scope(DMAR_SCOPE_BRIDGE, 8);
	start();
	iommu_set_groups(&mmu, &groups);
	assert_int_equal(vtd_map_rmrrs(&mmu, &functions), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(reached(usb), 5);
	uint16_t id = domain_id(iommu_domain_of(&mmu, usb));
	assert_int_equal(iommu_rmrrs_release(&mmu, usb), SL_OK);
	assert_true(reached(usb) == 0 && reached(other) == 2 && !iommu_domain_of(&mmu, usb));
	assert_int_equal(reserved_for(usb), 0);
	assert_int_equal(iommu_rmrrs_release(&mmu, usb), SL_OK); /* done */
	assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
	assert_int_equal(domain_id(d), id); /* the domain of its RMRRs has ended */
	assert_int_equal(domain_attach(d, usb), SL_OK);
	assert_int_equal(iommu_rmrrs_release(&mmu, usb), SL_OK); /* leaves it there */
	assert_ptr_equal(iommu_domain_of(&mmu, usb), d);
	assert_int_equal(iommu_rmrrs_release(&mmu, none), SL_OK); /* has none */
	assert_int_equal(mmu.n_released, 1);
	/* that of a bridge above it is not its own */
	d = iommu_domain_of(&mmu, mate[0]);
	assert_int_equal(iommu_rmrrs_release(&mmu, mate[0]), SL_UNSUPPORTED);
	assert_ptr_equal(iommu_domain_of(&mmu, mate[0]), d);
	mmu.n_released = IOMMU_RELEASED;
	assert_int_equal(iommu_rmrrs_release(&mmu, other), SL_NOSPACE);
	assert_int_equal(reached(other), 2);
	mmu.n_released = 1;
	m->queue_stuck = true;
	assert_int_equal(iommu_rmrrs_release(&mmu, other), SL_TIMEOUT);
	m->queue_stuck = false;
	assert_true(mmu.n_released == 1 && reserved_for(other) == 2);
	model_machine_fini(&mc);
}

/* Its domain stays where others of its group are in it. */
static void test_release_of_group(void **state)
{
	(void)state;
	const bdf_t fn[] = {{0, 0x0200}, {0, 0x0208}};
	machine();
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	for (unsigned i = 0; i < 2; i++)
		model_machine_rmrr(&mc, BASE + i * PAGE_SIZE, BASE + i * PAGE_SIZE + 0xfff, fn[i].rid);
	start();
	iommu_set_groups(&mmu, &groups);
	assert_int_equal(vtd_map_rmrrs(&mmu, &functions), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(iommu_rmrrs_release(&mmu, fn[0]), SL_OK);
	assert_true(reached(fn[0]) == 0 && reached(fn[1]) == 3);
	assert_int_equal(model_machine_complaints(&mc), 0);
	model_machine_fini(&mc);
}

/* No memory is left, not even for the name of a domain: an error of ours, no RMRR that is left out. */
static void test_no_memory(void **state)
{
	(void)state;
	phys_t taken = {0}, p;
	machine();
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_machine_rmrr(&mc, BASE, BASE + 0xfff, 0x0200);
	start();
	for (; pmm_alloc(1, PAGE_SIZE, &p) == SL_OK; taken = p)
		*(phys_t *)phys_va(p) = taken;
	while (pmm_keep(16))
		;
	assert_int_equal(vtd_map_rmrrs(&mmu, &functions), SL_NOMEM);
	assert_null(iommu_domain_of(&mmu, (bdf_t){0, 0x0200}));
	for (; taken.v; taken = p) {
		p = *(phys_t *)phys_va(taken);
		pmm_free(taken, 1);
	}
	assert_int_equal(vtd_map_rmrrs(&mmu, &functions), SL_OK);
	assert_non_null(iommu_domain_of(&mmu, (bdf_t){0, 0x0200}));
	model_machine_fini(&mc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ledger),      cmocka_unit_test(test_below_bridge),
		cmocka_unit_test(test_left_out),    cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_meant),       cmocka_unit_test(test_group),
		cmocka_unit_test(test_group_split), cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_release),     cmocka_unit_test(test_release_of_group),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
