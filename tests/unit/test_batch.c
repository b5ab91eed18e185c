/* Requests that are waited for together, with a device made up here: those whose status passes are sent
 * again. */
#include <string.h>
#include "apps/machine.h"
#include "apps/bringup/faults.h"
#include "apps/vf/batch.h"
#include "kernel/time.h"
#include "tests/unit/test.h"

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

static bool passes(uint16_t status)
{
	return status == PASSES;
}

static struct queue_ops queue_ops = {
	.ring = ring_bell, .poll = poll, .health = health, .is_transient = passes};
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
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_not_for_ever),
		cmocka_unit_test(test_final),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
