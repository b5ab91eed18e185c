/* Stage hardware and what follows it: which errors make a run fail, which are shown alone, and what the last
 * line puts it down to. */
#include <string.h>
#include "apps/bringup/hardware.h"
#include "apps/bringup/hardware_errors.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "kernel/hwerr.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"
#include "tests/unit/test.h"

static struct machine mach;
static unsigned cores, looks, runs, joins, nmis[4];
static uint8_t port61;
static struct {
	unsigned core, lost;
	struct hwerr h;
} queue[40];
static unsigned queued, shown;
static enum sl_err run_says, join_says;
static struct cm_fn *port, *end, *idle;

unsigned core_count(void)
{
	return cores;
}

enum sl_err core_run(unsigned core, core_fn *fn, void *arg)
{
	assert_between(core, 1, cores - 1);
	fn(arg);
	runs += !run_says;
	return run_says;
}

enum sl_err core_join(unsigned core, uint64_t deadline)
{
	assert_true(core && deadline);
	joins++;
	return join_says;
}

/* Entry i of the audit's report. */
static void told(unsigned i, enum hardware_source source, enum hardware_grade grade, unsigned count,
		 const char *who, const char *text)
{
	const struct hardware_error *e = &hardware_errors()->error[i];
	assert_between(i, 0, hardware_errors()->n - 1);
	assert_true(e->source == source && e->grade == grade);
	assert_int_equal(e->count, count);
	assert_string_equal(e->who, who);
	assert_non_null(strstr(e->text, text));
}

void hwerr_look(void)
{
	looks++;
}

unsigned hwerr_banks(unsigned *silent)
{
	*silent = 2;
	return 10;
}

bool hwerr_next(unsigned core, struct hwerr *out, unsigned *lost)
{
	if (shown == queued || queue[shown].core != core)
		return false;
	*out = queue[shown].h;
	*lost = queue[shown++].lost;
	return true;
}

unsigned hwerr_nmis(unsigned core, uint8_t *at)
{
	*at = port61;
	return nmis[core];
}

uint8_t hwerr_port(void)
{
	return port61;
}

static void machine_check(unsigned core, enum mca_kind kind, bool before)
{
	queue[queued].core = core;
	queue[queued++].h = (struct hwerr){{kind, 3, 1ull << 63, 0, 0}, before};
}

/* A root port, a function below it that masters the bus, and one that does not. */
static int setup(void **state)
{
	pci_setup(state);
	memset(&mach, 0, sizeof mach);
	memset(hardware_errors(), 0, sizeof *hardware_errors());
	cores = 2;
	looks = runs = joins = queued = shown = 0;
	run_says = join_says = SL_OK;
	port61 = 0x30;
	port = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4);
	cm_aer(port, 0x100);
	end = cm_add(&m, port, 0, 1, 0, 0x00101b36, 0x010802);
	cm_pcie(end, 0x60, 0);
	cm_aer(end, 0x100);
	idle = cm_add(&m, NULL, 0, 0, 0x10, 0x12348086, 0x020000);
	cm_pcie(idle, 0x60, 9);
	cm_add(&m, NULL, 0, 0, 0x18, 0x11118086, 0x060100); /* conventional */
	assert_int_equal(pci_scan(&mach.pci, &m.cfg, 0, 0, 255), SL_OK);
	cm_put(end, 4, 2, 6);
	return 0;
}

static bool said(const char *words)
{
	return strstr(logged, words) != NULL;
}

static void started(void)
{
	assert_int_equal(stage_hardware(&mach), SL_OK);
	logged[0] = 0;
}

static enum sl_err verdict(enum sl_err e, const char *stage)
{
	const char *failed = e ? "other" : NULL;
	enum sl_err got = hardware_verdict(&mach, &failed, e);
	if (!stage)
		assert_null(failed);
	else
		assert_string_equal(failed, stage);
	return got;
}

/* Errors from before are reported and cleared, and do not count for this run. */
static void test_before(void **state)
{
	(void)state;
	cm_put(end, 0x100 + 4, 4, 1u << 18);
	cm_put(idle, 0x60 + 0xa, 2, 9);
	cm_put(port, 0x40 + 0xa, 2, 1);
	machine_check(0, MCA_FATAL, true);
	hardware_say(&mach, false);
	assert_true(said("WARN hardware: core 0 has a machine check from before this run: bank 3: "));
	assert_false(said("0000:"));
	assert_int_equal(stage_hardware(&mach), SL_OK);
	assert_true(said(
		"WARN hardware: 0000:01:00.0 has an uncorrectable PCIe error from before this run: Malformed TLP"));
	assert_true(said(
		"machine-check banks of each core: 10, left off by the firmware: 2; PCIe functions: 3, with error bits from before: 3"));
	assert_false(said("0000:00:02.0"));
	hardware_say(&mach, false);
	assert_int_equal(verdict(SL_OK, NULL), SL_OK);
	assert_false(said("FAIL"));
	assert_true(runs == 1 && joins == 1);
	assert_true(looks >= 3);
	told(0, HARDWARE_MCE, HARDWARE_BEFORE, 1, "core 0", "bank 3: ");
	told(1, HARDWARE_AER, HARDWARE_BEFORE, 1, "0000:01:00.0", "Malformed TLP");
	assert_int_equal(hardware_errors()->n, 2); /* errors corrected or refused before do not count */
}

static void test_nmi(void **state)
{
	static const struct {
		uint8_t port;
		const char *words;
	} cases[] = {{0x90, "0x90: SERR# (bit 7)"},
		     {0x70, "0x70: IOCHK# (bit 6)"},
		     {0xff, "0xff: no device answers at that port"},
		     {0x31, "0x31: neither SERR# nor IOCHK#"}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		logged[0] = 0;
		port61 = cases[i].port;
		nmis[1] += 2;
		hardware_tick(&mach);
		hardware_tick(&mach);
		assert_true(said(
			"FAIL hardware: non-maskable interrupts on core 1 that no core sent: 2, port 61h reads "));
		assert_true(said(cases[i].words));
		assert_ptr_equal(strstr(logged, "FAIL"), strrchr(logged, 'F'));
	}
	assert_int_equal(mach.hw.nmis, 8);
	logged[0] = 0;
	nmis[0]++;
	nmis[2]++; /* there is no such core */
	hardware_tick(&mach);
	assert_true(said("interrupts on core 0 that") && !said("core 2"));
	assert_int_equal(mach.hw.nmis, 9);
	told(0, HARDWARE_NMI, HARDWARE_UNCORRECTED, 8, "core 1", "SERR#");
	told(1, HARDWARE_NMI, HARDWARE_UNCORRECTED, 1, "core 0", "sent from outside");
	assert_int_equal(verdict(SL_OK, "hardware"), SL_NMI);
	assert_int_equal(verdict(SL_VERIFY, "other"), SL_VERIFY);
	assert_int_equal(verdict(SL_TIMEOUT, "other"), SL_TIMEOUT); /* an NMI stops no device */
}

/* A source that is set and that no NMI came of: once for each time that it goes on. */
static void test_sources(void **state)
{
	(void)state;
	port61 = 0xb0;
	assert_int_equal(stage_hardware(&mach), SL_OK);
	assert_true(said("WARN hardware: port 61h has a system error from before this run, 0xb0: SERR#"));
	hardware_say(&mach, false);
	assert_int_equal(mach.hw.nmis, 0); /* it does not clear */
	port61 = 0xff;
	hardware_say(&mach, false);
	assert_int_equal(mach.hw.nmis, 0);
	port61 = 0x21;
	hardware_say(&mach, false);
	assert_int_equal(mach.hw.nmis, 0);
	port61 = 0x60;
	hardware_say(&mach, false);
	hardware_say(&mach, false);
	assert_true(said("FAIL hardware: port 61h reads 0x60, and no core was interrupted: IOCHK#"));
	assert_int_equal(mach.hw.nmis, 1);
	port61 = 0xe0;
	hardware_say(&mach, false);
	assert_int_equal(mach.hw.nmis, 2);
	port61 = 0x30;
	told(0, HARDWARE_NMI, HARDWARE_UNCORRECTED, 2, "machine", "IOCHK#");
	assert_int_equal(verdict(SL_OK, "hardware"), SL_NMI);
	assert_int_equal(mach.hw.nmis, 2);
}

static void test_machine_checks(void **state)
{
	(void)state;
	started();
	machine_check(0, MCA_CORRECTED, false);
	queue[0].lost = 7;
	hardware_say(&mach, false);
	assert_true(said(
		"WARN hardware: core 0: corrected machine check: bank 3: no error, STATUS 0x8000000000000000"));
	assert_true(said("core 0: 7 machine checks before this one were not kept"));
	assert_int_equal(verdict(SL_OK, NULL), SL_OK);
	assert_true(said("WARN hardware: corrected in this run: machine checks: 1, PCIe errors: 0"));
	machine_check(1, MCA_UNCORRECTED, false);
	nmis[0]++;
	assert_int_equal(verdict(SL_OK, "hardware"), SL_MCE); /* it is the worse one; seen in the last look */
	assert_true(said("FAIL hardware: core 1: uncorrected machine check"));
	assert_int_equal(verdict(SL_DEVICE, "hardware"), SL_MCE);
	assert_int_equal(verdict(SL_CONFIG, "other"), SL_CONFIG);
	joins = runs = 0;
	cores = 3;
	run_says = SL_BUSY; /* a core that was given up */
	assert_int_equal(verdict(SL_OK, "hardware"), SL_MCE);
	assert_int_equal(joins, 0);
	run_says = SL_OK;
	join_says = SL_TIMEOUT; /* it was stopped then; nothing waits for the others */
	assert_int_equal(verdict(SL_OK, "hardware"), SL_MCE);
	assert_true(runs == 1 && joins == 1);
	assert_true(mach.hw.mces == 1 && mach.hw.mces_corrected == 1);
}

/* What comes again and again is shown 16 times, and counted. */
static void test_flood(void **state)
{
	(void)state;
	started();
	for (unsigned i = 0; i < 20; i++) {
		logged[0] = 0;
		queued = shown = 0;
		machine_check(0, MCA_CORRECTED, false);
		machine_check(1, MCA_UNCORRECTED, false);
		cm_put(port, 0x40 + 0xa, 2, 1);
		cm_put(idle, 0x60 + 0xa, 2, 0xa);
		nmis[1]++;
		hardware_say(&mach, false);
		assert_int_equal(said(": corrected machine check: "), i < 16);
		assert_int_equal(said("uncorrected machine check, "), i < 16);
		assert_int_equal(said(": corrected PCIe error: "), i < 16);
		assert_int_equal(said("reports a refused request"), i < 16);
		assert_int_equal(said("non-maskable interrupts"), i < 16);
	}
	const struct hardware *h = &mach.hw;
	assert_true(h->nmis == 20 && h->mces == 20 && h->mces_corrected == 20 && h->aers == 0);
	assert_true(h->aers_corrected == 20 && h->aers_refused == 20);
	assert_int_equal(hardware_errors()->n, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(hardware_errors()->error[i].count, 20);
}

static void refused(struct cm_fn *f, unsigned sta)
{
	logged[0] = 0;
	cm_put(f, 0x60 + 0xa, 2, sta);
}

static void test_functions(void **state)
{
	(void)state;
	started();
	cm_put(port, 0x100 + 4, 4, 1u << 14);
	hardware_say(&mach, true); /* lost data counts also during attacks */
	assert_true(said("FAIL hardware: 0000:00:01.0: uncorrectable PCIe error: Completion Timeout"));
	assert_int_equal(mach.hw.aers, 1);
	refused(end, 1);
	hardware_say(&mach, false);
	assert_true(
		said("WARN hardware: 0000:01:00.0: corrected PCIe error: Device Status: correctable error"));
	refused(end, 0xa);
	hardware_say(&mach, true);
	assert_true(said("0000:01:00.0 reports a refused request (expected in this stage)"));
	refused(idle, 0xa);
	hardware_say(&mach, false);
	assert_true(said("0000:00:02.0 reports a refused request (it is not in use)"));
	assert_int_equal(mach.hw.aers, 1);
	refused(end, 0xa); /* in use, and unexpected */
	hardware_say(&mach, false);
	assert_true(said(
		"FAIL hardware: 0000:01:00.0: uncorrectable PCIe error: Device Status: non-fatal error, unsupported request"));
	logged[0] = 0;
	cm_put(port, 0x100 + 4, 4, 1u << 20); /* the port above what is in use */
	hardware_say(&mach, false);
	assert_true(said("FAIL hardware: 0000:00:01.0"));
	assert_true(mach.hw.aers == 3 && mach.hw.aers_refused == 2 && mach.hw.aers_corrected == 1);
	told(0, HARDWARE_AER, HARDWARE_UNCORRECTED, 2, "0000:00:01.0", "Completion Timeout");
	told(1, HARDWARE_AER, HARDWARE_CORRECTED, 1, "0000:01:00.0", "correctable error");
	told(2, HARDWARE_AER, HARDWARE_REFUSED, 1, "0000:01:00.0", "unsupported request");
	assert_int_equal(verdict(SL_OK, "hardware"), SL_AER);
	assert_int_equal(verdict(SL_TIMEOUT, "hardware"), SL_AER);
	assert_int_equal(verdict(SL_VERIFY, "other"), SL_VERIFY);
}

/* At the prompt configuration space is read once a second. */
static void test_tick(void **state)
{
	(void)state;
	started();
	delay_us(2000000);
	hardware_tick(&mach);
	refused(idle, 4);
	hardware_tick(&mach);
	assert_false(said("0000:00:02.0"));
	machine_check(0, MCA_CORRECTED, false);
	hardware_tick(&mach);
	assert_true(said("corrected machine check"));
	delay_us(1000000);
	hardware_tick(&mach);
	assert_true(
		said("FAIL hardware: 0000:00:02.0: uncorrectable PCIe error: Device Status: fatal error"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, pci_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(test_before), CASE(test_nmi),       CASE(test_sources), CASE(test_machine_checks),
		CASE(test_flood),  CASE(test_functions), CASE(test_tick)};
	phys_t ram = support_ram(64 << 20, 0);
	if (pmm_add(ram, 64 << 8))
		return 1;
	log_sink_add(logged_sink);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
