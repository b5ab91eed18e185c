/* Units that the options leave alone, and the messages where the firmware left one on. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include "apps/bringup/skipped_units.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

static bool get(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	(void)ctx;
	*fn = (bdf_t){0, i ? 0x0020 : 0x0010};
	*class = i ? 0x010802 : 0x030000;
	return i < 2;
}

/* A unit for the function 00:02.0 with the display class, one for all the rest. */
static void machine(bool te, bool ir)
{
	machine_init();
	struct model_unit *gfx = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, 0x0010);
	(void)model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	model_firmware(gfx, te, false, ir, false);
	machine_start();
	said_clear();
}

static void options(const char *text)
{
	const struct table_functions functions = {NULL, get};
	struct config cfg;
	config_defaults(&cfg);
	assert_int_equal(config_parse(&cfg, "test", text, strlen(text), false), SL_OK);
	leave_alone(&mmu, &cfg, &functions);
}

static void expect(enum iommu_unit_state first, enum iommu_unit_state second)
{
	assert_int_equal(iommu_enable(&mmu),
			 first == IOMMU_UNIT_ON || second == IOMMU_UNIT_ON ? SL_OK : SL_NOTFOUND);
	assert_int_equal(iommu_unit_state(&mmu, 0, NULL), first);
	assert_int_equal(iommu_unit_state(&mmu, 1, NULL), second);
	assert_int_equal(model_machine_complaints(&mc), 0);
	model_machine_fini(&mc);
}

static void test_options(void **state)
{
	(void)state;
	machine(false, false);
	options("iommu=on");
	assert_string_equal(said, "");
	expect(IOMMU_UNIT_ON, IOMMU_UNIT_ON);
	machine(false, false);
	options("iommu=on,igfx_off");
	assert_said("0xfed90000 stays as the firmware left it");
	expect(IOMMU_UNIT_SKIPPED, IOMMU_UNIT_ON);
	machine(false, false);
	options("iommu=on,skip=0xfeda0000");
	expect(IOMMU_UNIT_ON, IOMMU_UNIT_SKIPPED);
	machine(false, false);
	options("iommu=on,skip=0xfed90000,skip=0xfeda0000,skip=0xfee00000,igfx_off");
	assert_said("skip=0xfee00000: no unit");
	assert_said("igfx_off: no unit");
	expect(IOMMU_UNIT_SKIPPED, IOMMU_UNIT_SKIPPED);
}

static void test_left_on(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		machine(i & 1, i & 2);
		assert_int_equal(say_left_on(&mmu), i != 0);
		assert_int_equal(strstr(said, "left translation on in the unit at 0xfed90000") != NULL,
				 i & 1);
		assert_int_equal(strstr(said, "left interrupt remapping on in the unit at 0xfed90000") !=
					 NULL,
				 i >> 1);
		assert_not_said("0xfeda0000");
		model_machine_fini(&mc);
	}
}

int main(void)
{
	log_sink_add(said_sink);
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_options), cmocka_unit_test(test_left_on)};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
