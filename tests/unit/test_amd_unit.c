#include <string.h>
#include "apps/bringup/amd_unit.h"
#include "iommu/amdvi/io_hw.h"
#include "kernel/cpu.h"
#include "kernel/mmio.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

static uint64_t regs[0x4000 / 8];
static unsigned claims;
static bool nothing_there;

volatile void *mmio_claim(const char *what, phys_t phys, uint64_t len, enum phys_kind kind)
{
	(void)what;
	assert_true(phys.v == 0xfd300000 && len == 0x4000 && kind == PHYS_UNIT);
	claims++;
	return nothing_there ? NULL : regs;
}

const struct cpu_info *cpu_info(void)
{
	static const struct cpu_info info = {.hypervisor = true};
	return &info;
}

struct amdvi_io amdvi_io_hw(volatile void *at)
{
	return (struct amdvi_io){.ctx = (void *)(uintptr_t)at};
}

/* A unit's function with a capability at 40h; type 3 is an IOMMU's. */
static struct ivrs_ivhd unit_at(unsigned devfn, uint32_t type, uint64_t base)
{
	struct cm_fn *f = cm_add(&m, NULL, 0, 0, devfn, 0x14191022, 0x080600);
	cm_cap(f, 0x40, 0x0f);
	cm_put(f, 0x42, 2, type | 0x1b00);
	cm_put(f, 0x44, 4, (uint32_t)base | 1);
	cm_put(f, 0x48, 4, base >> 32);
	return (struct ivrs_ivhd){.unit = {0, (uint16_t)devfn}, .cap = 0x40, .base = 0xfd300000};
}

/* Capability and registers, once. */
static void test_read(void **state)
{
	(void)state;
	struct ivrs_live live;
	struct ivrs_ivhd u = unit_at(0x08, 3, 0xfd300000);
	scan_all();
	unsigned writes = m.writes; /* by the scan */
	claims = 0;
	memset(regs, 0, sizeof(regs));
	regs[0x18 / 8] = 0x1001, regs[0x30 / 8] = 0x29d3;
	assert_true(amd_unit_read(&pci, &u, &live));
	assert_true(live.cap_base == 0xfd300001 && live.control == 0x1001 && live.efr == 0x29d3);
	regs[0x18 / 8] = 0;
	assert_true(amd_unit_read(&pci, &u, &live) && live.control == 0x1001);
	assert_int_equal(claims, 1);
	assert_int_equal(m.writes, writes);
}

/* Registers that are not where the table says are left alone; so is a function without the capability, and
 * one that is not there; and all ones are no answer. */
static void test_not_read(void **state)
{
	(void)state;
	struct ivrs_live live;
	struct ivrs_ivhd elsewhere = unit_at(0x10, 3, 0x1fd300000), other = unit_at(0x18, 2, 0xfd300000),
			 odd = unit_at(0x20, 3, 0xfd300000), dead = unit_at(0x28, 3, 0xfd300000), gone = dead;
	scan_all();
	claims = 0;
	assert_true(amd_unit_read(&pci, &elsewhere, &live) && live.cap_base == 0x1fd300001);
	assert_false(amd_unit_read(&pci, &other, &live));
	odd.cap = 0x3c;
	assert_false(amd_unit_read(&pci, &odd, &live));
	gone.unit.rid = 0x0100;
	assert_false(amd_unit_read(&pci, &gone, &live));
	assert_int_equal(claims, 0);
	memset(regs, 0xff, sizeof(regs));
	assert_false(amd_unit_read(&pci, &dead, &live));
	assert_false(amd_unit_read(&pci, &dead, &live));
	assert_int_equal(claims, 1);
}

/* The registers, where the function does not say that they are elsewhere; and NpCache, which is assumed where
 * nothing is known. */
static void test_open(void **state)
{
	(void)state;
	struct amdvi_io io;
	bool caches;
	struct ivrs_ivhd u = unit_at(0x30, 3, 0xfd300000), np = unit_at(0x38, 3 | 0x400, 0xfd300000),
			 elsewhere = unit_at(0x40, 3, 0x1fd300000), hidden = u;
	scan_all();
	const struct amdvi_regs *r = amd_unit_regs(&pci);
	hidden.unit.rid = 0x0777;
	assert_true(r->emulated);
	assert_int_equal(r->open(r->ctx, &u, &io, &caches), SL_OK);
	assert_true(!caches && io.ctx == regs);
	assert_int_equal(r->open(r->ctx, &np, &io, &caches), SL_OK);
	assert_true(caches);
	assert_int_equal(r->open(r->ctx, &hidden, &io, &caches), SL_OK);
	assert_true(caches);
	assert_int_equal(r->open(r->ctx, &elsewhere, &io, &caches), SL_NOTFOUND);
	nothing_there = true;
	assert_int_equal(r->open(r->ctx, &u, &io, &caches), SL_RANGE);
	nothing_there = false;
}

/* One message, of a function that has MSI. */
static void test_interrupt(void **state)
{
	(void)state;
	struct ivrs_ivhd u = unit_at(0x30, 3, 0xfd300000), none = unit_at(0x38, 3, 0xfd300000);
	struct cm_fn *f = NULL;
	for (unsigned i = 0; i < m.n; i++)
		f = m.fn[i]->devfn == 0x30 ? m.fn[i] : f;
	cm_cap(f, 0x60, 0x05);
	cm_put(f, 0x62, 2, 0x80);
	memset(f->mask + 0x62, 0xff, 16);
	scan_all();
	const struct amdvi_regs *r = amd_unit_regs(&pci);
	assert_int_equal(r->interrupt(r->ctx, &none, 0xfee01000, 0x41), SL_UNSUPPORTED);
	assert_int_equal(r->interrupt(r->ctx, &u, 0xfee01000, 0x41), SL_OK);
	const struct pci_func *fn = pci_find(&pci, u.unit);
	assert_int_equal(fn_rd16(fn, 0x62) & 1, 1);
	assert_int_equal(fn_rd32(fn, 0x64), 0xfee01000);
	assert_int_equal(fn_rd16(fn, 0x6c), 0x41);
	assert_int_equal(fn_rd16(fn, 4) & 4, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_open, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_interrupt, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_read, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_not_read, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, pci_group_setup, NULL);
}
