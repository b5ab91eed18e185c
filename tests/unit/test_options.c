/* `options` in the console: every option of sluice.cfg, as it was set. */
#include <string.h>
#include "apps/shell/command.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

static void configured(const char *text)
{
	config_defaults(&boot.cfg);
	assert_int_equal(config_parse(&boot.cfg, "x", text, strlen(text), true), SL_OK);
	said_start();
}

static void shows(const char *key, const char *words)
{
	char *word[] = {"options", (char *)key};
	said_start();
	assert_true(options_commands[0].run(&mach, 2, word));
	assert_said(words);
}

static int start(void **state)
{
	(void)state;
	stages_start(0, NULL);
	return 0;
}

static void test_list(void **state)
{
	char *word[] = {"options", "vfs", "qd"};
	(void)state;
	configured(
		"app=audit vfs=7 mode=adaptive iommu=pt,igfx_off scratch=0123456789-abcdefghijkl end=qemu baud=9600");
	assert_true(options_commands[0].run(&mach, 1, word));
	assert_said("  app=audit         what to run\n");
	assert_said("  vfs=7             virtual functions to enable\n");
	assert_said("  mode=adaptive     how a core");
	assert_said("  iommu=pt          translation");
	assert_said("  scratch=0123456789-abcdefghijkl the NVMe");
	assert_said("  gen=              device=qat");
	assert_said("  baud=9600         rate");
	assert_said("  console=          UARTs");
	assert_said("  seed=1            app=bench");
	assert_said("  end=qemu          how the run ends\n");
	assert_false(options_commands[0].run(&mach, 3, word));
}

static void test_one(void **state)
{
	(void)state;
	configured("qd=9");
	shows("qd", "qd=9\n   requests in flight on each VF in the timed phase\n   1 to 256 (default: 32)\n");
	shows("mode", "\n   poll, irq, adaptive (default: poll)\n");
	shows("iommu", "iommu=on\n");
	shows("iommu", "\n   off, on, pt, on,igfx_off, on,skip=0xADDRESS (default: on)\n");
	shows("gen", "\n   2, 4 (default: the first card found)\n");
	shows("block",
	      "block=4096\n   app=bench: bytes of a request\n   4096 to 131072 in steps of 4096 (default: 4096)\n");
	shows("console",
	      "console=\n   UARTs of the console\n   com1 to com4, 0xPORT, mmio:0xADDRESS, mmio32:0xADDRESS (default: all that answer)\n");
	shows("tetris", "tetris is no option; options lists all\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_list), cmocka_unit_test(test_one)};
	return cmocka_run_group_tests(tests, start, NULL);
}
