/* The last line of a run: ok=1 only when every case that had to be refused was. */
#include <string.h>
#include "apps/result.h"
#include "apps/report/latency.h"
#include "kernel/core.h"
#include "kernel/serial.h"
#include "kernel/tsc.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

static uint64_t hz;
static bool flushed;

/* What a reader who pauses has lost is known once the UART had time to send: before the line that says it. */
void serial_flush(uint64_t stall_us)
{
	assert_int_equal(stall_us, SERIAL_FLUSH_US);
	assert_not_said("RESULT");
	flushed = true;
}

uint64_t serial_lost(void)
{
	return flushed ? 345 : 0;
}

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
	flushed = false;
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
	assert_said(
		"RESULT v=1 app=isolate ok=1 vfs=0 verified=0 cases=106 refused=106 not_enforced=0 not_tried=0 irqs=0 build= prev=none uncovered=");
	assert_said(" serial_lost=345");
	mach.tally.not_enforced = 14;
	mach.tally.not_tried = 3;
	assert_int_equal(ends(NULL, SL_OK), SL_OK);
	assert_said(
		"all 106 forbidden accesses were refused, 14 forged interrupts were not (not enforced here), 3 could not be tried\n");
	assert_said(" cases=106 refused=106 not_enforced=14 not_tried=3 ");
	assert_said(" stray_faults=0 ");
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
		assert_said(" stage=proof err=VERIFY verdict=fail\n");
		assert_said(
			mach.audit.done
				? "the audit is complete, and it speaks against this machine: see the FAIL line above"
				: "FAILED: what was tried speaks against this machine: see the FAIL line above");
		mach.tally.refused = mach.tally.cases;
		mach.tally.proof_failed = true; /* in an earlier run of the console */
		assert_int_equal(ends(NULL, SL_OK), SL_VERIFY);
		assert_said(" ok=0 ");
		mach.tally.proof_failed = false;
	}
	mach.tally.refused = 105;
	assert_int_equal(ends("isolate", SL_TIMEOUT), SL_TIMEOUT);
	assert_said(" stage=isolate err=TIMEOUT verdict=fail\n");
	mach.tally.refused = mach.tally.cases;
	ends("isolate", SL_TIMEOUT);
	assert_said(" stage=isolate err=TIMEOUT verdict=none\n");
	assert_said(
		"FAILED: the run itself went wrong, and says nothing about the machine: see the FAIL line above");
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

/* To the nearest thousandth; of nothing it is none. */
static void test_ratio(void **state)
{
	static const struct {
		uint64_t a, b;
		const char *want;
	} row[] = {{1, 2, "     0.500"},    {1, 2000, "     0.001"}, {1, 2001, "     0.000"},
		   {2, 3, "     0.667"},    {7, 0, "     0.000"},    {0, 0, "     0.000"},
		   {12345, 1, " 12345.000"}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		said_start();
		report_ratio(row[i].a, row[i].b, 5);
		assert_string_equal(said, row[i].want);
	}
}

/* Operations a second, exactly, of a core that makes millions. */
static void test_rate(void **state)
{
	static struct hist h;
	struct report_table t = {.style = REPORT_80, .us = 1000000};
	(void)state;
	hist_reset(&h);
	said_start();
	report_row(&t, &(struct report_row){"busy", "", &h, 3456789, 2000000, NULL});
	assert_said("  busy          3456789      2 ");
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

/* Errors of the hardware have a key each. */
static void test_hardware(void **state)
{
	(void)state;
	ends(NULL, SL_OK);
	assert_said(" nmi=0 mce=0 mce_corrected=0 aer=0 aer_corrected=0 serial_lost=");
	mach.hw =
		(struct hardware){.nmis = 1, .mces = 2, .mces_corrected = 3, .aers = 4, .aers_corrected = 5};
	ends(NULL, SL_OK);
	assert_said(" nmi=1 mce=2 mce_corrected=3 aer=4 aer_corrected=5 serial_lost=");
}

/* Faults of VFs that compute are counted in the runs that have such VFs. */
static void test_faults_of_vfs(void **state)
{
	(void)state;
	mach.vfs = 9;       /* enabled, */
	mach.tally.vfs = 7; /* and so many came up */
	mach.tally.vf_faults = 3;
	mach.tally.vf_recovered = 2;
	ends(NULL, SL_OK);
	assert_not_said("vf_faults");
	assert_said(" vfs=7 ");
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
	assert_said(" access=write unjudged=0 ");
	boot.cfg.access = ACCESS_READ;
	mach.audit.unjudged = 6;
	ends(NULL, SL_OK);
	assert_said(" access=read unjudged=6 ");
	mach.audit.done = false;
	ends(NULL, SL_OK);
	assert_not_said("access=");
	boot.cfg.app = APP_AUDIT;
	ends("boot", SL_CONFIG);
	assert_said(" errors=unknown warnings=unknown proof=none access=read unjudged=unknown ");
}

static const char *verdict_of(const char *stage, enum sl_err e)
{
	static const char *const names[] = {
		[RESULT_NONE] = "none", [RESULT_PASS] = "pass", [RESULT_FAIL] = "fail"};
	return names[result_verdict(&mach, stage, e)];
}

/* What speaks against the machine, and what only says that the run went wrong. */
static void test_verdict_of_the_machine(void **state)
{
	(void)state;
	assert_string_equal(verdict_of(NULL, SL_OK), "pass");
	assert_string_equal(verdict_of("pf", SL_NOTFOUND), "none");
	assert_string_equal(verdict_of("boot", SL_CONFIG), "none");
	assert_string_equal(verdict_of("work", SL_VERIFY), "fail");
	assert_string_equal(verdict_of("hardware", SL_AER), "fail");
	assert_string_equal(verdict_of("timed", SL_TIMEOUT), "none");
	mach.faults.unprovoked = 1; /* each of these by itself, and whatever stage failed */
	assert_string_equal(verdict_of("timed", SL_TIMEOUT), "fail");
	mach.faults.unprovoked = 0;
	mach.tally.proof_failed = true;
	assert_string_equal(verdict_of("timed", SL_TIMEOUT), "fail");
	mach.tally.proof_failed = false;
	mach.tally.cases = mach.tally.refused = 0;
	assert_string_equal(verdict_of(NULL, SL_OK), "none");
	assert_string_equal(verdict_of("refuse", SL_VERIFY), "none"); /* nothing could be tried */
	mach.audit.done = true;
	mach.audit.words = "not run";
	assert_string_equal(verdict_of(NULL, SL_OK), "pass");
	mach.audit.errors = 1; /* of what could not be judged */
	assert_string_equal(verdict_of("audit", SL_VERIFY), "none");
	assert_string_equal(verdict_of("audit", SL_UNSUPPORTED), "none");
	mach.audit.against = true;
	assert_string_equal(verdict_of("audit", SL_VERIFY), "fail");
}

/* Each thing that speaks against the machine does so alone, and whatever ended the run. */
static void test_each_speaks_alone(void **state)
{
	static const char *const judged[] = {"audit", "refuse", "isolate", "domains"};
	static const enum sl_err hardware[] = {SL_MCE, SL_AER, SL_NMI};
	(void)state;
	for (unsigned why = 0; why < 5; why++) {
		start(state);
		mach.tally.refused -= why == 1;
		mach.tally.proof_failed = why == 2;
		mach.faults.unprovoked = why == 3;
		mach.audit.done = true;
		mach.audit.words = "pass";
		mach.audit.against = why == 4;
		assert_string_equal(verdict_of("timed", SL_TIMEOUT), why ? "fail" : "none");
		report_result(&mach, "timed", SL_TIMEOUT);
		assert_said(why ? "the audit is complete, and it speaks against this machine: "
				: "FAILED: the run itself went wrong, and says nothing about the machine: ");
		mach.audit.done = false;
		said_start();
		report_result(&mach, "timed", SL_TIMEOUT);
		assert_said(
			why % 4 ? "FAILED: what was tried speaks against this machine: "
				: "FAILED: the run itself went wrong, and says nothing about the machine: ");
	}
	start(state);
	for (unsigned i = 0; i < ARRAY_LEN(hardware); i++)
		assert_string_equal(verdict_of("timed", hardware[i]), "fail");
	for (unsigned i = 0; i < ARRAY_LEN(judged); i++)
		assert_string_equal(verdict_of(judged[i], SL_VERIFY), "none");
}

/* The audit ended and found nothing against the machine, but there is something that it cannot judge. */
static void test_cannot_judge(void **state)
{
	(void)state;
	mach.audit.done = true;
	mach.audit.words = "not run";
	mach.audit.errors = 1;
	report_result(&mach, "audit", SL_UNSUPPORTED);
	assert_said(
		"the audit is complete, and cannot judge this machine or a part of it: see the FAIL line above\n");
	assert_said(" errors=1 ");
	assert_said(" stage=audit err=UNSUPPORTED verdict=none\n");
	said_start();
	report_result(&mach, "audit", SL_VERIFY);
	assert_said("FAILED: the run itself went wrong, and says nothing about the machine: ");
	assert_said(" stage=audit err=VERIFY verdict=none\n");
	said_start();
	mach.audit.done = false;
	report_result(&mach, "pf", SL_UNSUPPORTED);
	assert_said("FAILED: the run itself went wrong, and says nothing about the machine: ");
}

/* The keys of the line, in order. */
static const char *keys_of_line(void)
{
	static char keys[600];
	size_t n = 0;
	const char *at = strstr(said, "RESULT ");
	assert_non_null(at);
	for (at += 7; *at && *at != '\n'; at += strcspn(at, " \n") + (at[strcspn(at, " \n")] == ' ')) {
		size_t len = strcspn(at, "=");
		assert_true(n + len + 2 < sizeof keys);
		memcpy(keys + n, at, len);
		keys[n += len] = ' ';
		keys[++n] = 0;
	}
	return keys;
}

/* An app's line has the same keys whether all went well, nothing was there, or everything went wrong. */
static void test_same_keys(void **state)
{
	(void)state;
	for (unsigned app = 0; app <= APP_ACCEL; app++) {
		char first[600];
		start(state);
		boot.cfg.app = (uint8_t)app;
		ends(NULL, SL_OK);
		strcpy(first, keys_of_line());
		assert_non_null(strstr(first, " irqs "));
		mach.tally.irqs_checked = 4;
		mach.tally.not_enforced = mach.tally.not_tried = mach.faults.stray = mach.hw.nmis = 1;
		mach.looked = mach.tally.stopped = true;
		if (app == APP_AUDIT || app == APP_SHELL) {
			mach.audit.done = true;
			mach.audit.words = "fail";
		}
		if (app == APP_BENCH || app == APP_SHELL)
			mach.tally.rows = mach.tally.noisy = 3;
		ends("vf", SL_TIMEOUT);
		assert_string_equal(keys_of_line(), first);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test_setup(test_good, start),
					   cmocka_unit_test_setup(test_not_refused, start),
					   cmocka_unit_test_setup(test_audit, start),
					   cmocka_unit_test_setup(test_verdict_of_the_machine, start),
					   cmocka_unit_test_setup(test_each_speaks_alone, start),
					   cmocka_unit_test_setup(test_cannot_judge, start),
					   cmocka_unit_test_setup(test_same_keys, start),
					   cmocka_unit_test_setup(test_ns, start),
					   cmocka_unit_test_setup(test_latency, start),
					   cmocka_unit_test_setup(test_table, start),
					   cmocka_unit_test_setup(test_ratio, start),
					   cmocka_unit_test_setup(test_rate, start),
					   cmocka_unit_test_setup(test_uncovered, start),
					   cmocka_unit_test_setup(test_hardware, start),
					   cmocka_unit_test_setup(test_faults_of_vfs, start)};
	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
