/* Faults from the unit's records to the lines that a user reads: nothing is printed by the poll, nothing is
 * lost without being said. */
#include <stdio.h>
#include <string.h>
#include "iommu/fault_log.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

static struct model_unit *m;
static struct fault_log faults;
static bdf_t flooded;
static unsigned floods;

static unsigned count(const char *what)
{
	unsigned n = 0;
	for (const char *at = said; (at = strstr(at, what)); at++)
		n++;
	return n;
}

static void on_flood(void *ctx, bdf_t fn)
{
	assert_ptr_equal(ctx, &mmu);
	flooded = fn;
	floods++;
}

static void start(unsigned records)
{
	uint64_t cap = (MODEL_CAP & ~(0xffull << 40)) | (uint64_t)(records - 1) << 40;
	machine_init();
	model_machine_unit(&mc, ~0u, ~0ull, ~0ull, 0x0010); /* one that is not there */
	m = model_machine_unit(&mc, MODEL_VER, cap, MODEL_ECAP, MODEL_ALL);
	machine_start();
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	faults = (struct fault_log){
		.full = 2, .interval_us = 1000, .flood = 50, .on_flood = on_flood, .ctx = &mmu};
	iommu_fault_log(&mmu, &faults);
	floods = 0;
	said_clear();
}

static void refused(uint16_t rid, uint64_t iova)
{
	uint64_t phys;
	assert_int_not_equal(model_dma(m, rid, iova, true, &phys), 0);
}

/* The first in full with the walk, then counts; nothing between the intervals; nothing from the poll. */
static void test_print(void **state)
{
	(void)state;
	start(8);
	for (unsigned i = 0; i < 5; i++)
		refused(0x3b01, 0x1000 + i * PAGE_SIZE);
	assert_int_equal(iommu_fault_poll(&mmu), 5);
	assert_int_equal(iommu_fault_poll(&mmu), 0);
	assert_string_equal(said, "");
	iommu_fault_report(&mmu);
	assert_int_equal(count("WARN iommu1: 0000:3b:00.1 write 0x1000 refused: bus has no root entry "
			       "(reason 0x1); root "
			       "empty"),
			 1);
	assert_int_equal(count("refused"), 2);
	iommu_fault_report(&mmu);
	assert_int_equal(count("refused"), 2);
	m->clock += 1000;
	iommu_fault_report(&mmu);
	assert_int_equal(count("0000:3b:00.1: 3 more requests refused (5 in all), the last write 0x5000: bus "
			       "has no root "
			       "entry"),
			 1);
	m->clock += 1000;
	iommu_fault_report(&mmu);
	assert_int_equal(count("refused"), 3);
	assert_int_equal(iommu_fault_count(&mmu, (bdf_t){0, 0x3b01})->count, 5);
	assert_null(iommu_fault_count(&mmu, (bdf_t){0, 0x3b02}));
	machine_end();
}

/* More than the unit has records for, more than the ring has room for. */
static void test_lost(void **state)
{
	(void)state;
	start(2);
	for (unsigned i = 0; i < 3; i++)
		refused(0x100, 0x1000);
	assert_int_equal(iommu_fault_poll(&mmu), 2);
	assert_int_equal(faults.lost_units.count, 1);
	iommu_fault_report(&mmu);
	assert_int_equal(count("no fault record free, 1 times (FSTS.PFO)"), 1);
	iommu_fault_report(&mmu);
	assert_int_equal(count("FSTS.PFO"), 1);
	for (unsigned i = 0; i < FAULT_RING + 3; i++) {
		refused(0x100, 0x1000);
		assert_int_equal(iommu_fault_poll(&mmu), 1);
	}
	iommu_fault_report(&mmu);
	assert_int_equal(count("3 refused requests were counted, but not kept"), 1);
	assert_int_equal(iommu_fault_count(&mmu, (bdf_t){0, 0x100})->count, FAULT_RING + 5);
	machine_end();
}

/* A unit that loses faults again and again is a line for each interval, not for each report. */
static void test_lost_limited(void **state)
{
	(void)state;
	start(1);
	for (unsigned i = 0; i < 20; i++) {
		refused(0x100, 0x1000);
		refused(0x208, 0x1000);
		iommu_fault_poll(&mmu);
		iommu_fault_report(&mmu);
	}
	assert_int_equal(count("FSTS.PFO"), 1);
	assert_int_equal(count("no fault record free, 1 times"), 1);
	m->clock += 1000;
	iommu_fault_report(&mmu);
	assert_int_equal(count("no fault record free, 19 times"), 1);
	assert_int_equal(count("FSTS.PFO"), 2);
	machine_end();
}

/* At the end nothing stays unsaid because its interval is not over. */
static void test_report_all(void **state)
{
	(void)state;
	start(2);
	for (unsigned i = 0; i < 3; i++) {
		refused(0x100, i * PAGE_SIZE);
		refused(0x100, i * PAGE_SIZE);
		refused(0x100, i * PAGE_SIZE);
		iommu_fault_poll(&mmu);
		iommu_fault_report(&mmu);
	}
	said_clear();
	iommu_fault_report(&mmu);
	assert_string_equal(said, "");
	iommu_fault_report_all(&mmu);
	assert_int_equal(count("0000:01:00.0: 4 more requests refused (6 in all), the last write 0x2000"), 1);
	assert_int_equal(count("no fault record free, 2 times"), 1);
	said_clear();
	iommu_fault_report_all(&mmu);
	assert_string_equal(said, "");
	machine_end();
}

/* The same lines, and no warnings. */
static void test_provoked(void **state)
{
	(void)state;
	start(2);
	faults.provoked = true;
	for (unsigned i = 0; i < 6; i++) {
		refused(0x100, i * PAGE_SIZE);
		iommu_fault_poll(&mmu);
		iommu_fault_report_all(&mmu);
	}
	assert_int_equal(count(": 0000:01:00.0 write 0x1000 refused"), 1);
	assert_int_equal(count("1 more requests refused"), 4);
	assert_int_equal(count("WARN"), 0);
	machine_end();
}

static void on_fault(void *ctx, const struct iommu_fault *f)
{
	*(uint64_t *)ctx += f->bdf.rid;
}

/* Only the records of the claimed function go to the claimer, on whichever core polls. */
static void test_claim(void **state)
{
	(void)state;
	struct iommu_fault f;
	uint64_t rids = 0;
	const bdf_t fn = {0, 0x100};
	start(8);
	faults.on_fault = on_fault;
	faults.ctx = &rids;
	refused(0x100, 0x1000); /* before: the log's */
	assert_false(iommu_fault_waits(&mmu));
	iommu_fault_claim(&mmu, fn);
	assert_int_equal(rids, 0x100);
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_END);
	refused(0x208, 0x2000);
	refused(0x100, 0x3000);
	refused(0x100, 0x4000);
	assert_int_equal(iommu_fault_poll(&mmu), 3); /* by another caller */
	refused(0x100, 0x5000);
	assert_true(iommu_fault_waits(&mmu) && iommu_fault_waits(&mmu)); /* it stays */
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_OK);
	assert_int_equal(f.bdf.rid, 0x100);
	assert_int_equal(f.iova.v, 0x3000);
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_END);
	assert_false(iommu_fault_waits(&mmu));
	refused(0x100, 0x6000);
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_OK);
	assert_int_equal(f.iova.v, 0x6000);
	assert_int_equal(rids, 0x308);
	refused(0x100, 0x7000);
	refused(0x209, 0x7000);
	assert_true(iommu_fault_waits(&mmu));
	iommu_fault_unclaim(&mmu); /* what is pending is still sorted */
	assert_false(iommu_fault_waits(&mmu));
	assert_int_equal(rids, 0x511);
	refused(0x100, 0x8000); /* after: the log's */
	assert_int_equal(iommu_fault_poll(&mmu), 1);
	assert_int_equal(rids, 0x611);
	assert_int_equal(iommu_fault_count(&mmu, fn)->count, 2);
	iommu_fault_claim(&mmu, fn); /* nothing is left over from the last time */
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_END);
	iommu_fault_unclaim(&mmu);
	machine_end();
}

/* A function that was provoked does not flood, however often. */
static void forged(uint16_t rid)
{
	model_fault(m, rid, 5ull << 48, true, 0x21);
}

/* An interrupt that is recorded without a sender is the claimer's when that is asked for; nothing else is. */
static void test_claim_interrupts(void **state)
{
	(void)state;
	bdf_t fn = {0, 0x100};
	struct iommu_fault f;
	start(8);
	iommu_fault_claim_interrupts(&mmu, fn);
	forged(FAULT_NAMELESS);
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_OK);
	assert_int_equal(f.why, WHY_IRQ_INDEX);
	assert_int_equal(f.bdf.rid, FAULT_NAMELESS);
	refused(FAULT_NAMELESS, 0x1000); /* no interrupt */
	forged(0x208);                   /* of another function */
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_END);
	refused(0x100, 0x1000);
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_OK);
	iommu_fault_unclaim(&mmu);
	assert_int_equal(iommu_fault_count(&mmu, (bdf_t){0, FAULT_NAMELESS})->count, 1);
	assert_int_equal(iommu_fault_count(&mmu, (bdf_t){0, 0x208})->count, 1);
	iommu_fault_claim(&mmu, fn); /* not asked for */
	forged(FAULT_NAMELESS);
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_END);
	iommu_fault_unclaim(&mmu);
	assert_int_equal(iommu_fault_count(&mmu, (bdf_t){0, FAULT_NAMELESS})->count, 2);
	machine_end();
}

static void test_claim_no_flood(void **state)
{
	(void)state;
	start(1);
	iommu_fault_claim(&mmu, (bdf_t){0, 0x100});
	for (unsigned i = 0; i < 200; i++) {
		refused(0x100, 0x1000);
		iommu_fault_poll(&mmu);
	}
	assert_int_equal(floods, 0);
	assert_null(iommu_fault_count(&mmu, (bdf_t){0, 0x100}));
	iommu_fault_unclaim(&mmu);
	machine_end();
}

/* One poll takes a bounded number, the next goes on. */
static void test_bounded(void **state)
{
	(void)state;
	start(200);
	for (unsigned i = 0; i < 150; i++)
		refused(0x100, i * PAGE_SIZE);
	assert_int_equal(iommu_fault_poll(&mmu), FAULT_POLL_MAX);
	assert_int_equal(iommu_fault_poll(&mmu), FAULT_POLL_MAX);
	assert_int_equal(iommu_fault_poll(&mmu), 150 - 2 * FAULT_POLL_MAX);
	for (unsigned i = 0; i < 150; i++)
		assert_int_equal(faults.ring[i].iova.v, i * PAGE_SIZE);
	machine_end();
}

/* A function that floods is reported once, one that only goes on slowly is not, and others go on. */
static void test_flood(void **state)
{
	(void)state;
	start(1);
	for (unsigned i = 0; i < 200; i++) {
		refused(0x100, 0x1000);
		iommu_fault_poll(&mmu);
		m->clock += 25000; /* 40 in a second */
	}
	assert_int_equal(floods, 0);
	for (unsigned i = 0; i < 49; i++) {
		refused(0x208, 0x1000);
		iommu_fault_poll(&mmu);
	}
	assert_int_equal(floods, 0);
	refused(0x208, 0x1000);
	iommu_fault_poll(&mmu);
	assert_int_equal(floods, 1);
	assert_int_equal(flooded.rid, 0x208);
	for (unsigned i = 0; i < 100; i++) {
		refused(0x208, 0x1000);
		iommu_fault_poll(&mmu);
	}
	assert_int_equal(floods, 1);
	iommu_fault_rearm(&mmu, (bdf_t){0, 0x208});
	iommu_fault_rearm(&mmu, (bdf_t){0, 0x999});
	for (unsigned i = 0; i < 100; i++) {
		refused(0x208, 0x1000);
		iommu_fault_poll(&mmu);
	}
	assert_int_equal(floods, 2);
	machine_end();
}

/* More functions than have a place of their own. */
static void test_many(void **state)
{
	(void)state;
	start(1);
	for (unsigned round = 0; round < 3; round++)
		for (uint16_t i = 0; i < FAULT_FUNCTIONS + 5; i++) {
			refused((uint16_t)(0x100 + i), 0x1000);
			iommu_fault_poll(&mmu);
		}
	assert_non_null(iommu_fault_count(&mmu, (bdf_t){0, 0x100 + FAULT_FUNCTIONS - 1}));
	assert_null(iommu_fault_count(&mmu, (bdf_t){0, 0x100 + FAULT_FUNCTIONS}));
	assert_int_equal(faults.fn[FAULT_FUNCTIONS].count, 15);
	m->clock += 2000;
	iommu_fault_report(&mmu);
	m->clock += 2000;
	iommu_fault_report(&mmu);
	assert_int_equal(count("further functions: "), 1);
	machine_end();
}

/* Without a log nothing is taken; with the defaults it works; iommu_fault_next() goes on working. */
static void test_no_log(void **state)
{
	(void)state;
	struct iommu_fault f;
	start(2);
	iommu_fault_log(&mmu, NULL);
	refused(0x100, 0x1000);
	assert_int_equal(iommu_fault_poll(&mmu), 0);
	iommu_fault_report(&mmu);
	iommu_fault_rearm(&mmu, (bdf_t){0, 0x100});
	assert_null(iommu_fault_count(&mmu, (bdf_t){0, 0x100}));
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	refused(0x100, 0x1000);
	iommu_fault_claim(&mmu, (bdf_t){0, 0x100}); /* without a log: cleared, taken, cleared */
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_END);
	refused(0x100, 0x2000);
	refused(0x100, 0x3000);
	assert_int_equal(iommu_fault_claimed(&mmu, &f), SL_OK);
	assert_int_equal(f.iova.v, 0x2000);
	iommu_fault_unclaim(&mmu);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
	faults = (struct fault_log){0};
	iommu_fault_log(&mmu, &faults);
	assert_int_equal(faults.full, 4);
	assert_int_equal(faults.flood, 1000);
	for (unsigned i = 0; i < 1001; i++) { /* no one to be told */
		refused(0x100, 0x1000);
		iommu_fault_poll(&mmu);
	}
	assert_true(faults.fn[0].flooding);
	machine_end();
}

int main(void)
{
	log_sink_add(said_sink);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_print),
		cmocka_unit_test(test_lost),
		cmocka_unit_test(test_lost_limited),
		cmocka_unit_test(test_report_all),
		cmocka_unit_test(test_provoked),
		cmocka_unit_test(test_claim),
		cmocka_unit_test(test_claim_interrupts),
		cmocka_unit_test(test_claim_no_flood),
		cmocka_unit_test(test_bounded),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_no_log),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
