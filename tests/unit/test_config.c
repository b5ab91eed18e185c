#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>
#include "boot/config.h"

static struct config cfg;

static enum sl_err parse(const char *text)
{
	config_defaults(&cfg);
	return config_parse(&cfg, "sluice.cfg", text, strlen(text), false);
}

static void test_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), SL_OK);
	assert_string_equal(cfg.app, "demo");
	assert_int_equal(cfg.vfs, 4);
	assert_int_equal(cfg.qd, 32);
	assert_int_equal(cfg.seconds, 5);
	assert_int_equal(cfg.ops, 10000);
	assert_int_equal(cfg.baud, 115200);
	assert_int_equal(cfg.end, END_HALT);
	assert_int_equal(cfg.mode, RING_POLL);
	assert_int_equal(cfg.device, DEVICE_NVME);
	assert_int_equal(cfg.term, TERM_SCREEN);
	assert_int_equal(cfg.gen, 0);
	assert_true(!cfg.keep && !cfg.json);
	assert_string_equal(cfg.scratch, ""); /* nothing may be written unless somebody says so */
}

static void test_values(void **state)
{
	(void)state;
	assert_int_equal(
		parse("\xef\xbb\xbf# a comment\r\n  vfs = 8  # eight\r\n\nqd=64\nseconds=2\nscratch=S/N-1_x\n"
		      "baud=9600\nend=shutdown\napp=bursts\nmode=adaptive\ndevice=qat\ngen=4\nvfs=7\n"
		      "iommu=pt\nterm=dumb\njson=1\nkeep=1\nms=50\nblock=8192\nwrites=30\norder=seq\nseed="
		      "9\nbatch=4\nops=500"),
		SL_OK);
	assert_int_equal(cfg.vfs, 7); /* the later one counts */
	assert_int_equal(cfg.qd, 64);
	assert_int_equal(cfg.seconds, 2);
	assert_int_equal(cfg.baud, 9600);
	assert_int_equal(cfg.end, END_SHUTDOWN);
	assert_int_equal(cfg.mode, RING_ADAPTIVE);
	assert_int_equal(cfg.iommu, CONFIG_IOMMU_PT);
	assert_true(cfg.json && cfg.keep && cfg.ms == 50 && cfg.block == 8192 && cfg.writes == 30);
	assert_true(cfg.order == ORDER_SEQ && cfg.seed == 9 && cfg.batch == 4 && cfg.ops == 500);
	assert_string_equal(cfg.app, "bursts");
	assert_int_equal(cfg.device, DEVICE_QAT);
	assert_int_equal(cfg.term, TERM_DUMB);
	assert_int_equal(cfg.gen, 4);
	assert_string_equal(cfg.scratch, "S/N-1_x");
}

static void test_iommu(void **state)
{
	(void)state;
	assert_int_equal(parse("iommu=on,igfx_off,skip=0xfed90000,skip=0XFEDA0000"), SL_OK);
	assert_int_equal(cfg.iommu, CONFIG_IOMMU_ON);
	assert_int_equal(cfg.iommu_igfx_off, 1);
	assert_int_equal(cfg.iommu_skips, 2);
	assert_int_equal(cfg.iommu_skip[0], 0xfed90000);
	assert_int_equal(cfg.iommu_skip[1], 0xfeda0000);
	assert_int_equal(parse("iommu=on,skip=0x1000\niommu=pt"),
			 SL_OK); /* the later one counts, all of it */
	assert_int_equal(cfg.iommu, CONFIG_IOMMU_PT);
	assert_true(!cfg.iommu_igfx_off && !cfg.iommu_skips);
}

static void test_words(void **state)
{
	(void)state;
	const char *line = "sluice.efi vfs=2  end=qemu";
	config_defaults(&cfg);
	assert_int_equal(config_parse(&cfg, "command line", line, strlen(line), true), SL_CONFIG);
	assert_int_equal(cfg.error.col, 1); /* "sluice.efi" is no option, and it is said */
	assert_int_equal(cfg.vfs, 2);
	assert_int_equal(cfg.end, END_QEMU);
}

static void test_errors(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		uint32_t line, col;
		const char *says;
	} bad[] = {
		{"vfs=abc", 1, 5, "vfs=abc is not a number"},
		{"\n\n  vfs =  12x", 3, 10, "vfs=12x is not a number"},
		{"vfs=0", 1, 5, "out of range"},
		{"vfs=65", 1, 5, "out of range"},
		{"vfs=99999999999", 1, 5, "not a number"},
		{"vfs=", 1, 5, "not a number"},
		{"qd=257", 1, 4, "out of range"},
		{"seconds=-1", 1, 9, "not a number"},
		{"end=explode", 1, 5, "want one of: halt, reboot, shutdown, qemu"},
		{"device=abacus", 1, 8, "want one of: nvme, qat"},
		{"gen=3", 1, 5, "want one of: 2, 4"},
		{"app=tetris", 1, 5,
		 "want one of: demo, isolate, mapcost, bench, bursts, insn, shell, accel, audit"},
		{"iommu=maybe", 1, 7, "want one of: off, on, pt"},
		{"iommu=maybe,igfx_off", 1, 7, "iommu=maybe is not known"},
		{"iommu=on,gfx", 1, 10, "gfx is not known (want igfx_off, or skip="},
		{"iommu=on,,igfx_off", 1, 10, "is not known (want igfx_off"},
		{"iommu=on,skip=", 1, 10, "skip= is not known"},
		{"iommu=on,skip=0x", 1, 10, "skip=0x is not known"},
		{"iommu=on,skip=fed90000", 1, 10, "is not known"},
		{"iommu=on,skip=0xfed90001", 1, 10, "is not known"},
		{"iommu=on,skip=0xfed9g000", 1, 10, "is not known"},
		{"iommu=on,skip=0x1fed9000000000000", 1, 10, "is not known"},
		{"iommu=on,skip=0x1000,skip=0x2000,skip=0x3000,skip=0x4000,skip=0x5000", 1, 58,
		 "more than 4 units"},
		{"mode=sleep", 1, 6, "want one of: poll, irq, adaptive"},
		{"passes=0", 1, 8, "out of range"},
		{"block=5000", 1, 7, "not a multiple of 4096"},
		{"block=262144", 1, 7, "out of range"},
		{"order=up", 1, 7, "want one of: random, seq"},
		{"writes=101", 1, 8, "out of range"},
		{"baud=1200", 1, 6, "9600"},
		{"vf=1", 1, 1, "vf is not a key"},
		{"just words", 1, 1, "expected key=value"},
		{"=3", 1, 1, "expected key=value"},
		{"scratch=a b", 1, 9, "not plain ASCII"},
		{"scratch=0123456789012345678901234567", 1, 9, "at most 23"},
		{"scratch=\x1b[2J", 1, 9, "scratch=?[2J"},
	};
	for (unsigned i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(parse(bad[i].text), SL_CONFIG);
		assert_int_equal(cfg.error.line, bad[i].line);
		assert_int_equal(cfg.error.col, bad[i].col);
		assert_non_null(strstr(cfg.error.text, bad[i].says));
	}
}

/* What comes after an error still counts, and the first error is the one told. */
static void test_goes_on(void **state)
{
	(void)state;
	assert_int_equal(parse("vfs=abc\nqd=x\nend=qemu\n"), SL_CONFIG);
	assert_int_equal(cfg.error.line, 1);
	assert_int_equal(cfg.end, END_QEMU);
	assert_int_equal(cfg.vfs, 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_defaults), cmocka_unit_test(test_values),
					   cmocka_unit_test(test_iommu),    cmocka_unit_test(test_words),
					   cmocka_unit_test(test_errors),   cmocka_unit_test(test_goes_on)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
