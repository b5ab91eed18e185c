/* The last line of a run: ok=1 only when every case that had to be refused was. */
#include <string.h>
#include "apps/result.h"
#include "apps/report/latency.h"
#include "kernel/core.h"
#include "kernel/tsc.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

static uint64_t hz;

unsigned core_count(void)
{
	return 2;
}

const struct tsc_info *tsc_info(void)
{
	static struct tsc_info info;
	info.hz = hz;
	return &info;
}

static int start(void **state)
{
	(void)state;
	hz = 1000000000;
	memset(&boot.cfg, 0, sizeof boot.cfg);
	stages_start(0, NULL);
	boot.cfg.app = APP_ISOLATE;
	hist_reset(&mach.tally.latency);
	mach.tally.cases = mach.tally.refused = 106;
	return 0;
}

static enum sl_err ends(const char *stage, enum sl_err e)
{
	said_start();
	e = report_verdict(&mach, &stage, e);
	report_result(&mach, stage, e);
	return e;
}

static void test_good(void **state)
{
	(void)state;
	assert_int_equal(ends(NULL, SL_OK), SL_OK);
	assert_said("every result was correct; all 106 forbidden accesses were refused\n");
	assert_said("RESULT v=1 app=isolate ok=1 vfs=0 verified=0 cases=106 refused=106 uncovered=");
	mach.tally.not_enforced = 14;
	mach.tally.not_tried = 3;
	assert_int_equal(ends(NULL, SL_OK), SL_OK);
	assert_said(
		"all 106 forbidden accesses were refused, 14 forged interrupts were not (not enforced here), 3 could not be tried\n");
	assert_said(" cases=106 refused=106 not_enforced=14 not_tried=3 ");
	assert_not_said("stray_faults=");
	mach.faults.stray = 2;
	ends(NULL, SL_OK);
	assert_said(" stray_faults=2 ");
	mach.tally.cases = mach.tally.refused = 0;
	ends(NULL, SL_OK);
	assert_said("no access that has to be refused was tried");
}

/* Whatever the app, and whatever its stages said. */
static void test_not_refused(void **state)
{
	static const enum config_app apps[] = {APP_ISOLATE, APP_DEMO, APP_AUDIT, APP_SHELL, APP_ACCEL};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(apps); i++) {
		boot.cfg.app = apps[i];
		mach.tally.refused = 105;
		mach.audit.done = i == 2;
		mach.audit.words = "pass";
		assert_int_equal(ends(NULL, SL_OK), SL_VERIFY);
		assert_said(" ok=0 ");
		assert_said(" stage=proof err=VERIFY\n");
		assert_said("FAILED: see the FAIL line above");
		mach.tally.refused = mach.tally.cases;
		mach.tally.proof_failed = true; /* in an earlier run of the console */
		assert_int_equal(ends(NULL, SL_OK), SL_VERIFY);
		assert_said(" ok=0 ");
		mach.tally.proof_failed = false;
	}
	mach.tally.refused = 105;
	assert_int_equal(ends("isolate", SL_TIMEOUT), SL_TIMEOUT);
	assert_said(" stage=isolate err=TIMEOUT\n");
}

static void test_ns(void **state)
{
	(void)state;
	assert_int_equal(report_ns(0), 0);
	assert_int_equal(report_ns(12345678901234567ull), 12345678901234567ull);
	hz = 3000000000;
	assert_int_equal(report_ns(2999999999), 999999999);
	hz = 0; /* the clock is not known */
	assert_int_equal(report_ns(12345), 0);
}

/* Least, median, 99 %, 99.9 % and most, in microseconds. */
static void test_latency(void **state)
{
	static const struct {
		uint64_t ns;
		unsigned times;
	} row[] = {{1024, 1}, {2048, 499}, {4096, 490}, {8192, 9}, {16384, 1}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++)
		for (unsigned k = 0; k < row[i].times; k++)
			hist_add(&mach.tally.latency, row[i].ns);
	report_latency(&mach.tally.latency);
	assert_string_equal(said, "        1.0        2.0        4.0        8.1       16.3");
	said_start();
	report_latency_json(&mach.tally.latency);
	assert_string_equal(said,
			    ",\"ns\":{\"min\":1024,\"p50\":2048,\"p99\":4096,\"p999\":8192,\"max\":16384}");
	said_start();
	for (unsigned k = 0; k < 1000; k++)
		hist_add(&mach.tally.latency, 4096);
	report_latency(&mach.tally.latency); /* the least is one value, however many there are */
	assert_string_equal(said, "        1.0        4.0        4.0        8.1       16.3");
	said_start();
	hist_reset(&mach.tally.latency); /* of a VF that did nothing */
	report_latency(&mach.tally.latency);
	assert_string_equal(said, "        0.0        0.0        0.0        0.0        0.0");
}

/* A table of each style: its columns stand below their heads, and the last row is the sum of those that were
 * added to it, no other. */
static void test_table(void **state)
{
	static const char *const want[] = {
		[REPORT_WIDE] =
			"                 core    ops/s    MB/s  latency us (median to p99.9: at most 6 % low):\n"
			"  VF                                      min     median        p99      p99.9        max  bells/op empty/op\n"
			"  0000:01:00.1      1      500       2        1.0        1.0        2.0        2.0        2.0     0.500     2.000\n"
			"  0000:01:00.2      2     1000       4        1.0        1.0        2.0        2.0        2.0     0.250     1.000\n"
			"  hash                     250       1        1.0        1.0        2.0        2.0        2.0\n"
			"  all                     1500       6        1.0        1.0        2.0        2.0        2.0     0.333     1.333\n",
		[REPORT_TENTHS] =
			"                 core    ops/s      MB/s  latency us (median to p99.9: at most 6 % low):\n"
			"  VF                                        min     median        p99      p99.9        max  bells/op empty/op\n"
			"  0000:01:00.1      1      500       2.0        1.0        1.0        2.0        2.0        2.0     0.500     2.000\n"
			"  0000:01:00.2      2     1000       4.0        1.0        1.0        2.0        2.0        2.0     0.250     1.000\n"
			"  hash                     250       1.0        1.0        1.0        2.0        2.0        2.0\n"
			"  all                     1500       6.1        1.0        1.0        2.0        2.0        2.0     0.333     1.333\n",
		[REPORT_80] =
			"  VF              ops/s   MB/s median us       p99     p99.9       max bells/op\n"
			"  0000:01:00.1      500      2       1.0       2.0       2.0       2.0    0.500\n"
			"  0000:01:00.2     1000      4       1.0       2.0       2.0       2.0    0.250\n"
			"  hash              250      1       1.0       2.0       2.0       2.0\n"
			"  all              1500      6       1.0       2.0       2.0       2.0    0.333\n",
	};
	(void)state;
	static struct hist h;
	struct report_table t;
	struct queue_stats stats = {.doorbells = 500, .empty_polls = 2000};
	hist_reset(&h);
	hist_add(&h, 1024);
	hist_add(&h, 2048);
	hist_add(&mach.tally.latency, 9999); /* of a run before */
	for (unsigned style = REPORT_WIDE; style <= REPORT_80; style++) {
		said_start();
		report_begin(&t, (enum report_style)style, 2000000, &mach.tally.latency);
		report_add(&t, &(struct report_row){"0000:01:00.1", "1", &h, 1000, 1000 * PAGE_SIZE, &stats});
		report_add(&t, &(struct report_row){"0000:01:00.2", "2", &h, 2000, 2000 * PAGE_SIZE, &stats});
		report_row(&t, &(struct report_row){"hash", "", &h, 500, 500 * PAGE_SIZE, NULL});
		assert_int_equal(report_end(&t), 500);
		assert_string_equal(said, want[style]);
		assert_int_equal(mach.tally.latency.count, 4);
	}
	report_begin(&t, REPORT_WIDE, 1, &mach.tally.latency); /* nothing was added */
	assert_int_equal(report_end(&t), 0);
}

/* What was not covered is counted, and named where there is any; before anybody looked it is not known. */
static void test_uncovered(void **state)
{
	static struct pci_func f = {.bdf = {0, 0x0300}, .class = 0x010802};
	(void)state;
	ends(NULL, SL_OK);
	assert_said(" uncovered=unknown ");
	mach.looked = true;
	ends(NULL, SL_OK);
	assert_said(" uncovered=0 ");
	assert_not_said("it does not cover");
	TAILQ_INIT(&mach.pci.funcs);
	TAILQ_INSERT_TAIL(&mach.pci.funcs, &f, link);
	ends(NULL, SL_OK);
	assert_said(" uncovered=1 ");
	assert_said("it does not cover 1 functions or buses: 1 functions under no unit that translates, 0");
	assert_said("not covered: 0000:03:00.0");
	mach.looked = false;
	ends(NULL, SL_OK);
	assert_said(" uncovered=unknown ");
	assert_not_said("it does not cover");
}

/* Errors of the hardware have a key each, and only where there were any. */
static void test_hardware(void **state)
{
	(void)state;
	ends(NULL, SL_OK);
	static const char *const keys[] = {" nmi=", " mce=", " mce_corrected=", " aer=", " aer_corrected="};
	for (unsigned i = 0; i < ARRAY_LEN(keys); i++)
		assert_not_said(keys[i]);
	mach.hw =
		(struct hardware){.nmis = 1, .mces = 2, .mces_corrected = 3, .aers = 4, .aers_corrected = 5};
	ends(NULL, SL_OK);
	assert_said(" nmi=1 mce=2 mce_corrected=3 aer=4 aer_corrected=5 serial_lost=");
}

/* Faults of VFs that compute are counted in the runs that have such VFs. */
static void test_faults_of_vfs(void **state)
{
	(void)state;
	mach.tally.vf_faults = 3;
	mach.tally.vf_recovered = 2;
	ends(NULL, SL_OK);
	assert_not_said("vf_faults");
	boot.cfg.device = DEVICE_QAT;
	ends(NULL, SL_OK);
	assert_said(" vf_faults=3 recovered=2 ");
	boot.cfg.device = DEVICE_NVME;
	boot.cfg.app = APP_ACCEL;
	ends(NULL, SL_OK);
	assert_said(" vf_faults=3 recovered=2 ");
}

static void test_audit(void **state)
{
	(void)state;
	mach.audit.done = true;
	mach.audit.words = "not run";
	mach.tally.cases = mach.tally.refused = 0;
	ends(NULL, SL_OK);
	assert_said(
		"nothing in tables and registers speaks against assigning functions to others; no DMA was tried\n");
	assert_said(" errors=0 warnings=0 proof=none ");
	mach.audit.words = "pass";
	ends(NULL, SL_OK);
	assert_said("the audit is complete: it found nothing against assigning functions to others\n");
	assert_said(" proof=pass ");
	mach.audit.words = "broken";
	ends("audit", SL_VERIFY);
	assert_said(" ok=0 ");
	assert_said(" proof=broken ");
	assert_not_said("access=read");
	boot.cfg.access = ACCESS_READ;
	mach.audit.unjudged = 6;
	ends(NULL, SL_OK);
	assert_said(" access=read unjudged=6 ");
	mach.audit.done = false;
	ends(NULL, SL_OK);
	assert_not_said("access=read");
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_good, start),
					   cmocka_unit_test_setup(test_not_refused, start),
					   cmocka_unit_test_setup(test_audit, start),
					   cmocka_unit_test_setup(test_ns, start),
					   cmocka_unit_test_setup(test_latency, start),
					   cmocka_unit_test_setup(test_table, start),
					   cmocka_unit_test_setup(test_uncovered, start),
					   cmocka_unit_test_setup(test_hardware, start),
					   cmocka_unit_test_setup(test_faults_of_vfs, start)};
	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
