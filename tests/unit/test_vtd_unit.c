#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/vtd/backend.h"
#include "iommu/vtd/qi.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

static enum sl_err start(void)
{
	struct dmar_topo topo = model_machine_topo(&mc);
	struct iommu_regs regs = model_machine_regs(&mc);
	return vtd_init(&mmu, (struct span){mc.dmar, mc.len}, &topo, &regs);
}

static struct model_unit *unit_of_version(uint32_t ver, uint64_t cap, uint64_t ecap)
{
	machine_init();
	return model_machine_unit(&mc, ver, cap, ecap, MODEL_ALL);
}

static void expect_commands(const struct model_unit *m, const uint32_t *want, unsigned n)
{
	assert_int_equal(m->commands, n);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(m->command[i], want[i]);
}

/* Status bits are kept, one-shot bits are not written again. */
static void test_enable_order(void **state)
{
	(void)state;
	struct model_unit *m = unit_of_version(MODEL_VER, MODEL_CAP, MODEL_ECAP);
	struct iommu_unit_info info;
	assert_int_equal(start(), SL_OK);
	assert_int_equal(m->commands, 0);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	static const uint32_t want[] = {0x40000000, 0x04000000, 0x84000000};
	expect_commands(m, want, 3);
	assert_int_equal(m->gsts, 0xc4000000);
	assert_int_equal(m->cc[1], 1);
	assert_int_equal(m->iotlb_inv[1], 1);
	assert_true(m->fectl >> 31);
	iommu_unit_info(&mmu, 0, &info);
	assert_true(info.on);
	assert_null(info.unusable);
	assert_int_equal(info.descriptors, 3);
	assert_int_equal(iommu_enable(&mmu), SL_OK); /* once more: the queue starts at 0 again */
	assert_int_equal(m->gsts, 0xc4000000);
	machine_end();
}

static void test_implicit_invalidation(void **state)
{
	(void)state;
	struct model_unit *m = unit_of_version(0x70, MODEL_CAP | MODEL_ESRTPS, MODEL_ECAP);
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(m->waits, 0);
	machine_end();
}

/* Every combination of what firmware may leave on; it is recorded, turned off, and then comes the usual
 * order. */
static void test_firmware_leftovers(void **state)
{
	(void)state;
	for (unsigned left = 0; left < 16; left++) {
		struct model_unit *m = unit_of_version(MODEL_VER, MODEL_CAP | MODEL_PMR, MODEL_ECAP);
		struct iommu_unit_info info;
		model_firmware(m, left & 1, left & 2, left & 4, left & 8);
		model_fault(m, 0x123, 0x1000, true, 5);
		m->fsts |= 0x71; /* PFO, IQE, ICE, ITE */
		uint32_t gsts = m->gsts;
		assert_int_equal(start(), SL_OK);
		assert_int_equal(m->commands, 0);
		iommu_unit_info(&mmu, 0, &info);
		assert_int_equal(info.found->gsts, gsts);
		assert_int_equal(info.found->fsts & 0x73, 0x73);
		assert_int_equal(info.found->pmen, left & 8 ? 0x80000001 : 0);
		assert_int_equal(info.found->rtaddr, left & 1 ? 0x400 : 0);
		assert_true(info.found->plmbase == 0x100000 && info.found->plmlimit == 0x2fffff);
		assert_true(info.found->phmbase == 0x100000000 && info.found->phmlimit == 0x1001fffff);
		assert_int_equal(info.found->frcds, 0); /* its registers are not all mapped yet */
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		assert_int_equal(m->gsts & ~0x01000000u, 0xc4000000); /* IRTPS may stay */
		assert_int_equal(m->pmen, 0);
		assert_int_equal(m->fsts, 0);
		assert_int_equal(m->rtaddr & 0xfff, 0);
		struct iommu_fault f;
		assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
		machine_end();
	}
}

/* A command that never finishes ends in a time-out, not in a hang; later steps are not done. */
static void test_deadlines(void **state)
{
	(void)state;
	static const uint32_t stuck[] = {1u << 30, 1u << 26, 1u << 31};
	for (size_t i = 0; i < ARRAY_LEN(stuck); i++) {
		struct model_unit *m = unit_of_version(MODEL_VER, MODEL_CAP | MODEL_PMR, MODEL_ECAP);
		m->pmen = 0x80000001;
		m->stuck = stuck[i];
		assert_int_equal(start(), SL_OK);
		assert_int_equal(iommu_enable(&mmu), SL_TIMEOUT);
		assert_int_equal(m->gsts >> 31, 0);
		model_machine_fini(&mc);
	}
	struct model_unit *m = unit_of_version(MODEL_VER, MODEL_CAP, MODEL_ECAP);
	m->queue_stuck = true;
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_TIMEOUT);
	assert_int_equal(m->gsts >> 31, 0);
	machine_end();
	/* firmware's queue does not drain, and neither does ours */
	m = unit_of_version(MODEL_VER, MODEL_CAP, MODEL_ECAP);
	model_firmware(m, false, true, false, false);
	m->iqt += 16;
	m->queue_stuck = true;
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_TIMEOUT);
	assert_int_equal(m->gsts >> 31, 0);
	machine_end();
	/* write-buffer flush */
	m = unit_of_version(MODEL_VER, MODEL_CAP | MODEL_RWBF, MODEL_ECAP);
	m->stuck = 1u << 27;
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_TIMEOUT);
	machine_end();
}

/* A descriptor that the unit rejects stops the queue; it is taken out, the error reported, and the next batch
 * works. */
static void test_queue_errors(void **state)
{
	(void)state;
	struct model_unit *m = unit_of_version(MODEL_VER, MODEL_CAP, MODEL_ECAP);
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	struct vtd_unit *u = &mmu.vtd->unit[0];
	struct vtd_desc bad[] = {
		vtd_desc_cc_all(), {0xf, 0}, vtd_desc_iotlb_all(vtd_drain(u)), {0xffffff02, ~0ull}};
	unsigned done = m->iotlb_inv[1];
	uint32_t behind = u->status[2] =
		0x5a5a5a5a; /* another's memory: what takes a bad one's place writes to [1] */
	assert_int_equal(vtd_qi_run(u, bad, ARRAY_LEN(bad)), SL_DEVICE);
	assert_int_equal(u->status[2], behind);
	assert_int_equal(m->fsts, 0);
	assert_int_equal(m->iotlb_inv[1], done + 1); /* what stood behind it was done all the same */
	assert_int_equal(vtd_qi_run(u, bad, 1), SL_OK);
	m->time_out = true;
	assert_int_equal(vtd_qi_run(u, bad, 1), SL_DEVICE);
	assert_int_equal(m->fsts, 0);
	assert_int_equal(vtd_qi_run(u, bad, 1), SL_OK);
	m->fsts |= 0x20; /* ICE of a device that we never asked */
	assert_int_equal(vtd_qi_run(u, bad, 1), SL_DEVICE);
	assert_int_equal(vtd_qi_run(u, bad, 1), SL_OK);
	machine_end();
}

/* More descriptors than the queue has, and every position of its wrap. */
static void test_queue_wrap(void **state)
{
	(void)state;
	struct model_unit *m = unit_of_version(MODEL_VER, MODEL_CAP, MODEL_ECAP);
	assert_int_equal(start(), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	struct vtd_desc d[700];
	for (size_t i = 0; i < ARRAY_LEN(d); i++)
		d[i] = vtd_desc_iotlb_domain((uint16_t)i, vtd_drain(&mmu.vtd->unit[0]));
	unsigned before = m->iotlb_inv[2], waits = m->waits;
	assert_int_equal(vtd_qi_run(&mmu.vtd->unit[0], d, ARRAY_LEN(d)), SL_OK);
	assert_int_equal(m->iotlb_inv[2] - before, ARRAY_LEN(d));
	assert_int_equal(m->waits - waits, 3);
	for (unsigned i = 0; i < 600; i++)
		assert_int_equal(vtd_qi_run(&mmu.vtd->unit[0], d, 1 + i % 3), SL_OK);
	machine_end();
}

static void test_unusable(void **state)
{
	(void)state;
	static const struct {
		uint32_t ver;
		uint64_t cap, ecap;
	} cases[] = {
		{~0u, ~0ull, ~0ull},
		{MODEL_VER, ~0ull, MODEL_ECAP},
		{0, 0, 0},
		{MODEL_VER, 0, MODEL_ECAP},
		{MODEL_VER, MODEL_CAP & ~0x1f00ull, MODEL_ECAP & ~8ull}, /* SAGAW 0, no ECAP.IR */
		{0x60, MODEL_CAP, MODEL_ECAP & ~MODEL_QI}, /* no queue, and no registers either */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct iommu_unit_info info;
		struct model_unit *m = unit_of_version(cases[i].ver, cases[i].cap, cases[i].ecap);
		assert_int_equal(start(), SL_NOTFOUND);
		iommu_unit_info(&mmu, 0, &info);
		assert_non_null(info.unusable);
		assert_int_equal(m->commands, 0);
		machine_end();
		/* beside a good one: that works, functions of the bad one stay without a domain */
		machine_init();
		m = model_machine_unit(&mc, cases[i].ver, cases[i].cap, cases[i].ecap, 0x0010);
		model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
		struct domain *d;
		assert_int_equal(start(), SL_OK);
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
		assert_int_equal(domain_attach(d, (bdf_t){0, 0x0010}), SL_NOTFOUND);
		assert_int_equal(domain_attach(d, (bdf_t){0, 0x0018}), SL_OK);
		assert_int_equal(m->commands, 0);
		machine_end();
	}
}

static void test_register_address(void **state)
{
	(void)state;
	static const uint64_t bases[] = {0, ~0ull, 0xfed90010, 0xdead0000};
	for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
		unit_of_version(MODEL_VER, MODEL_CAP, MODEL_ECAP);
		memcpy(mc.dmar + 48 + 8, &bases[i], 8);
		assert_int_equal(start(), SL_NOTFOUND);
		machine_end();
	}
}

/* What a domain gets whose functions are not known. */
static void test_common_format(void **state)
{
	(void)state;
	static const struct {
		uint64_t cap1, cap2;
		unsigned levels, width, page_level;
	} cases[] = {
		{0x00d2008c222f0606, 0x00d2008c222f0606, 4, 48, 3}, /* 3 and 4 levels: 4 preferred */
		{0x00d2008c222f0606, 0x00d2008c22260206, 3, 39, 3}, /* one has 3 only */
		{0x00d2008c22380c06, 0x00d2008c22380806, 5, 57, 3}, /* one has 5 only */
		{0x00d2008c222f0606, 0x00d20084222f0606, 4, 48, 2}, /* one has no 1 GiB pages */
		{0x00d2008c222f0606, 0x00d20080222f0606, 4, 48, 1},
		{0x00d2008c222f0606, 0x00d2008822290606, 4, 42,
		 1}, /* 1 GiB without 2 MiB is not a valid SSLPS: none */
		{0x00d2008c22260206, 0x00d2008c22380806, 3, 39, 3}, /* 3 only and 5 only: the preferred */
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		machine_init();
		model_machine_unit(&mc, MODEL_VER, cases[i].cap1, MODEL_ECAP, 0x0010);
		model_machine_unit(&mc, MODEL_VER, cases[i].cap2, MODEL_ECAP | MODEL_COHERENT, MODEL_ALL);
		assert_int_equal(start(), SL_OK);
		assert_int_equal(mmu.levels, cases[i].levels);
		assert_int_equal(mmu.width, cases[i].width);
		assert_int_equal(mmu.page_level, cases[i].page_level);
		assert_non_null(mmu.sync.flush); /* one of them does not snoop */
		machine_end();
	}
}

/* Attach, map, use, unmap, refuse, on a unit of these capabilities. */
static void try_unit(uint32_t ver, uint64_t cap, uint64_t ecap)
{
	struct model_unit *m = unit_of_version(ver, cap, ecap);
	const bdf_t fn = {0, 0x0100};
	struct domain *d;
	struct iommu_fault f;
	uint64_t phys, at = 0x1000000000, to = 0x2000000000;
	assert_int_equal(start(), SL_OK);
	if (mmu.width <= 36)
		at >>= 4;
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(domain_create(&mmu, "d", &d), SL_OK);
	assert_int_equal(domain_map(d, IOVA(at), PHYS(to), PAGE_1G, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach(d, fn), SL_OK);
	assert_int_equal(model_dma(m, fn.rid, at + PAGE_1G - 8, true, &phys), 0);
	assert_int_equal(phys, to + PAGE_1G - 8);
	assert_int_equal(domain_unmap(d, IOVA(at), PAGE_1G), SL_OK);
	assert_int_equal(model_dma(m, fn.rid, at + PAGE_1G - 8, true, &phys), 5);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_int_equal(f.bdf.rid, fn.rid);
	assert_int_equal(f.iova.v, at + PAGE_1G - PAGE_SIZE);
	assert_int_equal(f.why, WHY_NO_WRITE);
	assert_true(f.write);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
	assert_int_equal(domain_detach(d, fn), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
	machine_end();
}

/* Fault records and IOTLB registers wherever the fields can put them, FRO's 10 bits included. */
static void test_offsets(void **state)
{
	(void)state;
	static const unsigned at[] = {0x10, 0x20, 0xee, 0x100, 0x200, 0x300, 0x3ff};
	for (size_t i = 0; i < ARRAY_LEN(at); i++) {
		uint64_t cap = (MODEL_CAP & ~(0x3ffull << 24)) | (uint64_t)at[i] << 24 | 7ull << 40;
		uint64_t iro = at[ARRAY_LEN(at) - 1 - i] + 0x20;
		try_unit(MODEL_VER, cap, (MODEL_ECAP & ~0x3ff00ull) | (iro & 0x3ff) << 8);
	}
}

/* Columns of the table of real capability registers. */
struct real {
	uint32_t ver;
	uint64_t cap, ecap;
	unsigned long domains, sagaw, mgaw, sllps, fro, nfr, mamv, iro;
};

static const char *column(char **line)
{
	char *at = *line, *tab = strchr(at, '\t');
	if (tab)
		*tab = 0;
	*line = tab ? tab + 1 : at + strlen(at);
	return at;
}

static bool parse_real(char *line, struct real *r)
{
	const char *col[40];
	for (unsigned i = 0; i < 40; i++)
		col[i] = column(&line);
	char *dot;
	unsigned long major = strtoul(col[1], &dot, 10);
	if (*dot != ':')
		return false;
	r->ver = (uint32_t)(major << 4 | strtoul(dot + 1, NULL, 10));
	r->cap = strtoull(col[2], NULL, 16);
	r->ecap = strtoull(col[3], NULL, 16);
	r->domains = strtoul(col[5], NULL, 0);
	r->sagaw = strtoul(col[6], NULL, 0);
	r->mgaw = strtoul(col[7], NULL, 0);
	r->sllps = strtoul(col[10], NULL, 0);
	r->fro = strtoul(col[11], NULL, 0);
	r->nfr = strtoul(col[12], NULL, 0);
	r->mamv = strtoul(col[13], NULL, 0);
	r->iro = strtoul(col[30], NULL, 0);
	return true;
}

static void test_real_units(void **state)
{
	(void)state;
	char path[512], line[1024];
	unsigned n = 0;
	support_file("dmar", "cap-ecap.tsv", path, sizeof(path));
	FILE *file = fopen(path, "r");
	while (fgets(line, sizeof(line), file)) {
		struct real r;
		if (line[0] == '#' || !parse_real(line, &r))
			continue;
		struct vtd_unit u = {.cap = r.cap, .ecap = r.ecap};
		assert_int_equal(vtd_domains(&u), r.domains);
		assert_int_equal(FGET(u.cap, CAP_SAGAW), r.sagaw);
		assert_int_equal(vtd_mgaw(&u), r.mgaw);
		assert_int_equal(FGET(u.cap, CAP_SSLPS), r.sllps);
		assert_int_equal(vtd_fault_offset(&u), r.fro);
		assert_int_equal(vtd_fault_records(&u), r.nfr);
		assert_int_equal(FGET(u.cap, CAP_MAMV), r.mamv);
		assert_int_equal(FGET(u.ecap, ECAP_IRO) * 16, r.iro);
		try_unit(r.ver, r.cap, r.ecap);
		n++;
	}
	fclose(file);
	assert_true(n >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_enable_order),       cmocka_unit_test(test_implicit_invalidation),
		cmocka_unit_test(test_firmware_leftovers), cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_queue_errors),       cmocka_unit_test(test_queue_wrap),
		cmocka_unit_test(test_unusable),           cmocka_unit_test(test_register_address),
		cmocka_unit_test(test_common_format),      cmocka_unit_test(test_offsets),
		cmocka_unit_test(test_real_units),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
