/* Requests that are waited for together, with a device made up here: those whose status passes are sent
 * again. */
#include <string.h>
#include "apps/machine.h"
#include "apps/bringup/faults.h"
#include "apps/vf/batch.h"
#include "kernel/core.h"
#include "kernel/time.h"
#include "kernel/log.h"
#include "tests/unit/support.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

static unsigned progress;

void core_progress(void)
{
	progress++;
}

#define PASSES  0x82
#define REFUSED 0x04

static struct machine m;
static struct block accel;
static struct pci_func fn;
static struct block_req ring[64];
static unsigned in_flight, sent[32], rings, pass_times, full_after;
static uint16_t last_status;

void faults_say(struct machine *machine)
{
	(void)machine;
}

static unsigned submit(struct block *a, const struct block_req *req, unsigned n)
{
	unsigned i;
	for (i = 0; i < n && full_after; i++, full_after--) {
		ring[in_flight++] = req[i];
		sent[req[i].tag]++;
	}
	a->q.refused = i < n ? SL_BUSY : SL_OK;
	return i;
}

static void ring_bell(struct queue *a)
{
	(void)a;
	rings++;
}

/* Tag 1 meets the status that passes so often, and then last_status. */
static unsigned poll(struct queue *a, struct queue_done *done, unsigned max)
{
	unsigned n = 0;
	(void)a;
	while (in_flight && n < max) {
		uint32_t tag = ring[--in_flight].tag;
		done[n++] =
			(struct queue_done){tag, tag == 1 ? sent[1] <= pass_times ? PASSES : last_status : 0};
	}
	return n;
}

static enum sl_err health(struct queue *a)
{
	(void)a;
	return SL_OK;
}

static const char *status_text(uint16_t status, char *buf, size_t n)
{
	(void)buf, (void)n;
	return status == REFUSED ? "Write Fault" : "?";
}

static bool passes(uint16_t status)
{
	return status == PASSES;
}

static struct queue_ops queue_ops = {.ring = ring_bell,
				     .poll = poll,
				     .health = health,
				     .is_transient = passes,
				     .status_text = status_text};
static struct block_ops block_ops = {.submit = submit};

static struct batch *start(unsigned times, uint16_t status)
{
	struct vf *vf = &m.vf[0];
	memset(sent, 0, sizeof sent);
	in_flight = rings = 0;
	pass_times = times;
	last_status = status;
	full_after = 1000;
	accel.q.ops = &queue_ops;
	accel.ops = &block_ops;
	m.vfs = 1;
	vf_stores(vf, &accel);
	vf->fn = &fn;
	vf->batch.n = 3;
	for (unsigned i = 0; i < 3; i++)
		vf->batch.req[i] = (struct block_req){.tag = i, .lba = 100 + i};
	memset(vf->batch.status, 0xff, sizeof vf->batch.status);
	assert_int_equal(batch_start(vf), SL_OK);
	return &vf->batch;
}

static void test_again(void **state)
{
	(void)state;
	struct batch *b = start(4, 0);
	assert_int_equal(batch_finish(&m), SL_OK);
	assert_true(sent[0] == 1 && sent[1] == 5 && sent[2] == 1 && rings == 5);
	assert_true(!b->status[0] && !b->status[1] && !b->status[2] && b->done == 3);
	b = start(2, REFUSED); /* what follows is final */
	assert_int_equal(batch_finish(&m), SL_OK);
	assert_true(sent[1] == 3 && b->status[1] == REFUSED && b->done == 3);
}

/* It ends: five times for each request of the batch. */
static void test_not_for_ever(void **state)
{
	(void)state;
	struct batch *b = start(1000, 0);
	assert_int_equal(batch_finish(&m), SL_OK);
	assert_true(sent[1] == 16 && b->status[1] == PASSES && b->done == 3 && !b->status[2]);
	b = start(1000, 0); /* each batch has its own */
	assert_int_equal(batch_finish(&m), SL_OK);
	assert_int_equal(sent[1], 16);
}

/* The first request that ended with an error, with what it was. */
static void test_status(void **state)
{
	(void)state;
	struct batch *b = start(0, 0);
	assert_int_equal(batch_finish(&m), SL_OK);
	assert_int_equal(batch_status(&m.vf[0]), SL_OK);
	b = start(0, REFUSED);
	fn.bdf = (bdf_t){0, 0x101};
	b->req[1].op = BLOCK_WRITE;
	said_clear();
	assert_int_equal(batch_finish(&m), SL_OK);
	assert_int_equal(batch_status(&m.vf[0]), SL_DEVICE);
	assert_said(
		"FAIL medium: 0000:01:00.1 write, LBA 0x65: Write Fault\n"
		"               try: the device refused or failed this request, and no data was damaged: ");
	b->n = 1; /* what lies behind the batch is of an earlier one */
	assert_int_equal(batch_status(&m.vf[0]), SL_OK);
}

/* A device that takes long for few requests is reported once, a fast one never. */
static void test_slow(void **state)
{
	(void)state;
	said_clear();
	memset(&m.vf[0].batch, 0, sizeof m.vf[0].batch);
	for (unsigned i = 0; i < 2000; i++) {
		start(0, 0);
		assert_int_equal(batch_finish(&m), SL_OK);
	}
	assert_not_said("slowly");
	memset(&m.vf[0].batch, 0, sizeof m.vf[0].batch);
	progress = 0;
	for (unsigned i = 0; i < 20; i++) {
		start(0, 0);
		support_clock_step = 500000; /* three reads of the clock and more */
		assert_int_equal(batch_finish(&m), SL_OK);
		support_clock_step = 10;
	}
	assert_int_equal(progress, 20); /* the core is alive, says the watchdog, whenever something comes */
	assert_said("WARN medium: 0000:01:00.1 answers slowly: the last 3 requests took ");
	assert_said(" a second. The work goes on and takes longer");
	assert_null(strstr(strstr(said, "slowly") + 1, "slowly"));
}

static void test_final(void **state)
{
	(void)state;
	struct batch *b = start(0, REFUSED);
	assert_int_equal(batch_finish(&m), SL_OK);
	assert_true(sent[1] == 1 && b->status[1] == REFUSED);
	b = start(1, 0);
	full_after = 0; /* it does not take it a second time */
	assert_int_equal(batch_finish(&m), SL_OK);
	assert_true(sent[1] == 1 && b->status[1] == PASSES && b->done == 3);
	queue_ops.is_transient = NULL; /* a device without such statuses */
	b = start(1, 0);
	assert_int_equal(batch_finish(&m), SL_OK);
	assert_true(sent[1] == 1 && b->status[1] == PASSES);
	queue_ops.is_transient = passes;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_again), cmocka_unit_test(test_not_for_ever),
		cmocka_unit_test(test_final), cmocka_unit_test(test_status),
		cmocka_unit_test(test_slow),
	};
	log_sink_add(said_sink);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
