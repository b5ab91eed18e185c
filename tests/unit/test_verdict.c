/* The last line of a run: ok=1 only when every case that had to be refused was. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <string.h>
#include <cmocka.h>
#include "apps/result.h"
#include "apps/report/latency.h"
#include "kernel/core.h"
#include "kernel/x86/tsc.h"
#include "tests/unit/support_stages.h"

unsigned core_count(void)
{
	return 2;
}

const struct tsc_info *tsc_info(void)
{
	static const struct tsc_info info = {.hz = 1000000000};
	return &info;
}

static int start(void **state)
{
	(void)state;
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
	assert_said("every result was right; all 106 accesses that must be refused were refused\n");
	assert_said("RESULT v=1 app=isolate ok=1 vfs=0 verified=0 cases=106 refused=106 uncovered=");
	mach.tally.not_enforced = 14;
	mach.tally.not_tried = 3;
	assert_int_equal(ends(NULL, SL_OK), SL_OK);
	assert_said("all 106 accesses that must be refused were refused, 14 forged interrupts were not (not "
		    "enforced here), "
		    "3 could not be tried\n");
	assert_said(" cases=106 refused=106 not_enforced=14 not_tried=3 ");
	assert_not_said("stray_faults=");
	mach.faults.stray = 2;
	ends(NULL, SL_OK);
	assert_said(" stray_faults=2 ");
	mach.tally.cases = mach.tally.refused = 0;
	ends(NULL, SL_OK);
	assert_said("nothing was tried that must be refused");
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
}

static void test_audit(void **state)
{
	(void)state;
	mach.audit.done = true;
	mach.audit.words = "not run";
	mach.tally.cases = mach.tally.refused = 0;
	ends(NULL, SL_OK);
	assert_said("nothing in tables and registers forbids giving functions away; no DMA was tried\n");
	assert_said(" errors=0 warnings=0 proof=none ");
	mach.audit.words = "pass";
	ends(NULL, SL_OK);
	assert_said("the audit is done, and nothing in it forbids giving functions away\n");
	assert_said(" proof=pass ");
	mach.audit.words = "broken";
	ends("audit", SL_VERIFY);
	assert_said(" ok=0 ");
	assert_said(" proof=broken ");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_good, start), cmocka_unit_test_setup(test_not_refused, start),
		cmocka_unit_test_setup(test_audit, start), cmocka_unit_test_setup(test_ns, start)};
	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
