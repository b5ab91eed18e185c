/* The queue pair by itself, against a controller of a few lines that posts what the test says. */
#include <string.h>
#include "drivers/nvme/queue.h"
#include "tests/unit/test.h"

#define QID 3u

static struct nvme_sqe sq[2048];
static struct nvme_cqe cq[2048];
static uint32_t doorbell[2];
static struct nvme_queue q;

/* The controller's side. */
static uint32_t tail, passes, sq_head, cq_size;

static void start(uint32_t depth, uint32_t sq_entries, uint32_t cq_entries)
{
	struct nvme_queue_mem mem = {sq, cq, {.reg = &doorbell[0]}, {.reg = &doorbell[1]}};
	memset(cq, 0xff, sizeof cq); /* what was there before must not count */
	doorbell[0] = doorbell[1] = tail = passes = sq_head = 0;
	cq_size = cq_entries;
	assert_int_equal(nvme_queue_init(&q, QID, depth, &mem, sq_entries, cq_entries), SL_OK);
}

static void post(uint32_t qid, uint32_t cid, uint32_t head, uint32_t status)
{
	uint64_t dw3 = (uint64_t)status << 17 | (passes % 2 ? 0 : 1u << 16) | cid;
	cq[tail] = (struct nvme_cqe){0xc0de0000 | cid, 0, dw3 << 32 | qid << 16 | head};
	if (++tail == cq_size) {
		tail = 0;
		passes++;
	}
}

static void push(uint32_t cid)
{
	assert_true(nvme_queue_idle(&q, cid));
	memset(nvme_queue_slot(&q), 0, sizeof *sq);
	nvme_queue_slot(&q)->cid = (uint16_t)cid;
	nvme_queue_push(&q, cid);
}

static enum nvme_took take(uint32_t *cid, uint16_t *status)
{
	uint32_t dw0;
	enum nvme_took t = nvme_queue_take(&q, cid, status, &dw0);
	if (t == NVME_TOOK)
		assert_int_equal(dw0, 0xc0de0000 | *cid);
	return t;
}

static void test_sizes(void **state)
{
	struct nvme_queue_mem mem = {sq, cq, {.reg = &doorbell[0]}, {.reg = &doorbell[1]}};
	(void)state;
	assert_int_equal(nvme_queue_init(&q, 1, 0, &mem, 64, 64), SL_RANGE);
	assert_int_equal(nvme_queue_init(&q, 1, 64, &mem, 64, 128), SL_RANGE);
	assert_int_equal(nvme_queue_init(&q, 1, 64, &mem, 128, 64), SL_RANGE);
	assert_int_equal(nvme_queue_init(&q, 1, 32, &mem, 48, 64), SL_RANGE);
	assert_int_equal(nvme_queue_init(&q, 1, NVME_DEPTH_MAX + 1, &mem, 2048, 2048), SL_RANGE);
	assert_int_equal(nvme_queue_init(&q, 1, 63, &mem, 64, 64), SL_OK);
}

/* Many times around both rings, in batches as large as the depth: every entry arrives once, one doorbell a
 * batch, and the controller always finds room for a completion. */
static void wrap(uint32_t depth, uint32_t sq_entries, uint32_t cq_entries)
{
	uint32_t batches = 20000 / depth + 50, cq_rings = 0, cid, next = 0;
	uint16_t status;
	start(depth, sq_entries, cq_entries);
	for (uint32_t b = 0; b < batches; b++) {
		for (uint32_t i = 0; i < depth; i++)
			push(i);
		assert_false(nvme_queue_idle(&q, 0));
		assert_int_equal(doorbell[0], sq_head);
		nvme_queue_ring(&q);
		nvme_queue_ring(&q); /* nothing new: no second doorbell */
		assert_int_equal(q.doorbells - cq_rings, b + 1);
		assert_int_equal(take(&cid, &status), NVME_NONE);
		assert_false(nvme_queue_ready(&q));
		assert_int_equal(nvme_queue_spin(&q, 3), 0);
		for (uint32_t i = 0; sq_head != doorbell[0]; i++) {
			assert_int_equal(sq[sq_head].cid, i);
			sq_head = (sq_head + 1) % sq_entries;
			assert_int_not_equal((tail + 1) % cq_entries, doorbell[1]);
			post(QID, depth - 1 - i, sq_head, (next + i) & 0x7fff);
		}
		for (uint32_t i = 0; i < depth; i++) {
			assert_true(nvme_queue_ready(&q));
			assert_int_equal(nvme_queue_spin(&q, 3), 3);
			assert_int_equal(take(&cid, &status), NVME_TOOK);
			assert_int_equal(cid, depth - 1 - i);
			assert_int_equal(status, (next + i) & 0x7fff);
		}
		next += depth;
		assert_int_equal(take(&cid, &status), NVME_NONE);
		uint64_t before = q.doorbells;
		nvme_queue_release(&q);
		cq_rings += (uint32_t)(q.doorbells - before);
		for (uint32_t i = 0; i < depth; i++)
			assert_true(nvme_queue_idle(&q, i));
	}
	assert_int_equal(q.bad, 0);
	assert_true(passes > 2);
	assert_true(cq_rings <= batches && cq_rings <= (uint64_t)batches * depth / (cq_entries - depth) + 1);
}

static void test_wrap(void **state)
{
	(void)state;
	wrap(1, 2, 2);
	wrap(1, 2, 512);
	wrap(3, 4, 4);
	wrap(7, 8, 16);
	wrap(32, 64, 512);
	wrap(63, 64, 64);
	wrap(100, 128, 1024);
	wrap(1023, 1024, 2048);
}

static void test_hostile(void **state)
{
	static const struct {
		const char *what;
		uint32_t qid, cid, head;
	} cases[] = {
		{"id outside the table", QID, 8, 1},
		{"id far outside", QID, 0xffff, 1},
		{"idle id", QID, 5, 1},
		{"head outside the ring", QID, 2, 16},
		{"head far outside", QID, 2, 0xffff},
		{"another queue, above", QID + 1, 2, 1},
		{"another queue, below", QID - 1, 2, 1},
		{"another queue, head that wraps", QID - 1, 2, 0xffff},
	};
	uint32_t cid;
	uint16_t status;
	(void)state;
	start(8, 16, 16);
	push(2);
	nvme_queue_ring(&q);
	for (unsigned i = 0; i < 2 * sizeof cases / sizeof *cases; i++) {
		cid = 77;
		post(cases[i / 2].qid, cases[i / 2].cid, cases[i / 2].head, i % 2 * 5); /* an error or none */
		assert_int_equal(take(&cid, &status), NVME_BAD);
		assert_int_equal(cid, 77);
		assert_int_equal(q.bad, i + 1);
		assert_false(nvme_queue_idle(&q, 2));
		assert_false(nvme_queue_idle(&q, 8));
		nvme_queue_release(&q);
	}
	post(QID, 2, 1, 0);
	post(QID, 2, 1, 0); /* twice */
	assert_int_equal(take(&cid, &status), NVME_TOOK);
	assert_int_equal(cid, 2);
	assert_int_equal(take(&cid, &status), NVME_BAD);
	assert_true(nvme_queue_idle(&q, 2));
	/* The phase of the pass before is no completion. */
	push(1);
	passes++;
	uint32_t at = tail;
	post(QID, 1, 2, 0);
	assert_int_equal(take(&cid, &status), NVME_NONE);
	passes--;
	tail = at;
	post(QID, 1, 2, 0);
	assert_int_equal(take(&cid, &status), NVME_TOOK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_sizes), cmocka_unit_test(test_wrap),
					   cmocka_unit_test(test_hostile)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
