/* drivers/dsa under the model of a unit: bring-up, queues, batches, results, and a device that misbehaves. */
#include <string.h>
#include "apps/work/move.h"
#include "drivers/crc32c.h"
#include "drivers/dsa/queue.h"
#include "tests/model/dsa_model.h"
#include "tests/unit/support_strike.h"

#define ROUNDS 40u

static struct dsa_model model;
static struct dsa d;
static struct dsa_queue queue[DSA_QUEUES];
static struct dma_buf mem[DSA_QUEUES];
static struct moves moves[DSA_QUEUES];
static char why[128];

static void start(void)
{
	strike_start(&strike_class_dsa);
	dsa_model_init(&model, reach, NULL);
	d = (struct dsa){.io = model.io, .portals = model.portal};
}

static void bring_up(unsigned queues)
{
	const char *said = NULL;
	uint32_t error = 0;
	start();
	assert_int_equal(dsa_open(&d, &said), SL_OK);
	assert_int_equal(dsa_start(&d, queues, NULL, &error), SL_OK);
	for (unsigned i = 0; i < d.used; i++) {
		assert_int_equal(dma_get(dom, IOVA(W + (1 + i) * PAGE_2M), DSA_QUEUE_BYTES + MOVE_BYTES,
					 DOMAIN_RW, &mem[i]),
				 SL_OK);
		dsa_queue_open(&queue[i], &d, i, &mem[i], MOVE_TAGS);
		moves[i] = (struct moves){.mover = &queue[i].m,
					  .va = (uint8_t *)mem[i].va + DSA_QUEUE_BYTES,
					  .iova = IOVA(mem[i].iova.v + DSA_QUEUE_BYTES),
					  .seed = i + 1};
	}
}

static void end(void)
{
	assert_int_equal(dsa_stop(&d), SL_OK);
	assert_false(model.running);
	for (unsigned i = 0; i < DSA_QUEUES; i++)
		assert_int_equal(dma_put(&mem[i]), SL_OK);
	assert_int_equal(model.harmful, 0);
	strike_end();
}

static void test_all_queues(void **state)
{
	(void)state;
	bring_up(20);
	assert_true(d.used == DSA_QUEUES && d.size == 16);
	for (unsigned r = 0; r < ROUNDS; r++)
		for (unsigned i = 0; i < d.used; i++) {
			assert_int_equal(moves_begin(&moves[i]), SL_OK);
			assert_true(queue[i].m.q.ops->ready(&queue[i].m.q) && moves_poll(&moves[i]));
			if (moves_check(&moves[i], why, sizeof why))
				fail_msg("%s", why);
		}
	for (unsigned op = 0; op < MOVE_OPS; op++)
		assert_true(moves[7].done[op] > ROUNDS * MOVE_TAGS / MOVE_OPS / 2);
	assert_true(model.batches == ROUNDS * DSA_QUEUES && model.moves == model.batches * MOVE_TAGS);
	assert_int_equal(queue[3].m.q.stats.doorbells, ROUNDS);
	end();
}

static void test_copies(void **state)
{
	(void)state;
	bring_up(1);
	moves_fill(&moves[0]);
	assert_int_equal(moves_copy(&moves[0]), SL_OK);
	assert_true(moves_poll(&moves[0]));
	assert_int_equal(moves_check_copies(&moves[0], why, sizeof why), SL_OK);
	moves[0].va[PAGE_SIZE + 9]++;
	assert_int_equal(moves_check_copies(&moves[0], why, sizeof why), SL_VERIFY);
	assert_non_null(strstr(why, "at byte 9 of its destination"));
	end();
}

static unsigned submit(struct dsa_queue *q, uint32_t tag, uint32_t len)
{
	struct move_job job = {
		.op = MOVE_COPY, .tag = tag, .len = len, .src = moves[0].iova, .dst = moves[0].iova};
	return q->m.ops->submit(&q->m, &job, 1);
}

static void test_refused_jobs(void **state)
{
	struct move_job bad = {.op = MOVE_OPS, .tag = 0, .len = 1};
	(void)state;
	bring_up(1);
	struct queue *q = &queue[0].m.q;
	assert_true(submit(&queue[0], 1, 16) == 1 && submit(&queue[0], 1, 16) == 0 && q->refused == SL_BUSY);
	assert_true(submit(&queue[0], MOVE_TAGS, 16) == 0 && q->refused == SL_RANGE);
	assert_true(submit(&queue[0], 2, 0) == 0 && q->refused == SL_BADVAL);
	assert_true(queue[0].m.ops->submit(&queue[0].m, &bad, 1) == 0 && q->refused == SL_RANGE);
	model.gencap = (model.gencap & ~(31u << 16)) | 12u << 16;
	const char *said;
	assert_int_equal(dsa_open(&d, &said), SL_OK);
	assert_true(submit(&queue[0], 2, 4097) == 0 && q->refused == SL_BADVAL);
	end();
}

/* One by one, more than the queue has entries: what has no room waits, and nothing is dropped. */
static void test_full_queue(void **state)
{
	struct queue_done done[MOVE_TAGS];
	uint32_t seen = 0;
	(void)state;
	bring_up(DSA_QUEUES);
	struct queue *q = &queue[5].m.q;
	model.holds = true;
	for (uint32_t tag = 0; tag < MOVE_TAGS; tag++) {
		assert_int_equal(submit(&queue[5], tag, 8 + tag), 1);
		q->ops->ring(q);
	}
	assert_true(model.held == 16 && !q->ops->ready(q) && q->ops->poll(q, done, MOVE_TAGS) == 0);
	assert_true(submit(&queue[5], 0, 8) == 0 && q->refused == SL_BUSY);
	while (seen != MOVE_TAGS) {
		dsa_model_work(&model);
		unsigned n = q->ops->poll(q, done, MOVE_TAGS);
		assert_true(n > 0);
		for (unsigned i = 0; i < n; i++)
			assert_true(done[i].tag == seen++ && !done[i].status);
	}
	assert_true(model.batches == 1); /* those that waited */
	end();
}

/* A batch does not go over the end of the ring. */
static void test_wrap(void **state)
{
	struct queue_done done[MOVE_TAGS];
	(void)state;
	bring_up(1);
	struct queue *q = &queue[0].m.q;
	for (unsigned r = 0; r < 50; r++) {
		unsigned n = 1 + r * 7 % MOVE_TAGS;
		for (uint32_t tag = 0; tag < n; tag++)
			assert_int_equal(submit(&queue[0], tag, 64), 1);
		q->ops->ring(q);
		assert_int_equal(q->ops->poll(q, done, MOVE_TAGS), n);
	}
	end();
}

static void test_wrong_results(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		bring_up(2);
		model.flips = i == 0;
		model.equal = i == 1;
		assert_int_equal(moves_begin(&moves[1]), SL_OK);
		assert_true(moves_poll(&moves[1]));
		assert_int_equal(moves_check(&moves[1], why, sizeof why), SL_VERIFY);
		end();
	}
}

static void test_refused_access(void **state)
{
	struct move_job job = {
		.op = MOVE_COPY, .tag = 3, .len = 64, .src = IOVA(TARGET), .dst = IOVA(RDONLY)};
	struct queue_done done;
	char text[40];
	(void)state;
	bring_up(1);
	struct queue *q = &queue[0].m.q;
	assert_int_equal(queue[0].m.ops->submit(&queue[0].m, &job, 1), 1);
	q->ops->ring(q);
	assert_true(q->ops->poll(q, &done, 1) == 1 && done.tag == 3 && done.status == 0x1f);
	assert_string_equal(q->ops->status_text(done.status, text, sizeof text), "invalid descriptor (1f)");
	assert_string_equal(q->ops->status_text(0x83, text, sizeof text), "page fault (83)");
	assert_true(refused == 1 && first_refused == RDONLY && is_zero(rdonly.va, PAGE_SIZE));
	assert_int_equal(q->ops->health(q), SL_OK);
	model.swerr = 1;
	assert_int_equal(q->ops->health(q), SL_DEVICE);
	model.swerr = 0;
	model.state = 3;
	assert_int_equal(q->ops->health(q), SL_DEVICE);
	assert_string_equal(q->ops->explain(q, why, sizeof why),
			    "GENSTS 3, SWERR 00000000, its batch ended with 00");
	end();
}

/* Rounds of jobs that differ in their addresses alone, of any number. */
static void test_planned(void **state)
{
	const struct move_job like = {.op = MOVE_COPY, .len = PAGE_SIZE};
	(void)state;
	bring_up(1);
	dsa_queue_plan(&queue[0], &like);
	for (unsigned n = 1; n <= MOVE_TAGS; n++) {
		struct dsa_cursor c = dsa_puts(&queue[0]);
		memset(moves[0].va, (int)n, PAGE_SIZE);
		for (unsigned i = 1; i <= n; i++)
			dsa_put(&c, moves[0].iova, IOVA(moves[0].iova.v + i * PAGE_SIZE));
		model.holds = true;
		dsa_puts_done(&queue[0], &c);
		c = dsa_takes(&queue[0]);
		assert_int_equal(dsa_take(&c), 0);
		dsa_model_work(&model);
		for (unsigned i = 1; i <= n; i++) {
			assert_int_equal(dsa_take(&c), DSA_SUCCESS);
			assert_memory_equal(moves[0].va, moves[0].va + i * PAGE_SIZE, PAGE_SIZE);
		}
		dsa_takes_done(&queue[0]);
	}
	struct dsa_cursor c = dsa_puts(&queue[0]);
	dsa_put(&c, moves[0].iova, IOVA(RDONLY));
	dsa_puts_done(&queue[0], &c);
	dsa_model_work(&model);
	c = dsa_takes(&queue[0]);
	assert_int_equal(dsa_take(&c), 0x1f);
	assert_int_equal(queue[0].m.q.stats.doorbells, MOVE_TAGS + 1);
	end();
}

static void silent(void)
{
	model.mute = true;
}

static void test_silent(void **state)
{
	(void)state;
	bring_up(1);
	silent();
	assert_int_equal(moves_begin(&moves[0]), SL_OK);
	assert_true(!moves_poll(&moves[0]) && moves[0].left == MOVE_TAGS);
	end();
}

static void no_instruction(void)
{
	d.portals.submit = NULL;
}

static void gone(void)
{
	model.gone = true;
}

static void far_tables(void)
{
	model.offsets = UINT32_MAX;
}

static void few_portals(void)
{
	d.portals.len = 7 * DM_PORTAL;
}

static void no_room(void)
{
	model.wqcap[0] = 8u << 16 | 7;
}

static void never_resets(void)
{
	model.never_resets = true;
}

static void test_hostile(void **state)
{
	static const struct {
		void (*spoil)(void);
		enum sl_err e;
		const char *why;
	} row[] = {
		{gone, SL_DEVICE, "its registers do not answer"},
		{no_instruction, SL_UNSUPPORTED,
		 "the processor has no MOVDIR64B, by which descriptors are submitted"},
		{no_room, SL_UNSUPPORTED, "it has no work queue and engine that could be configured"},
		{far_tables, SL_DEVICE, "its registers name places outside of its BARs"},
		{few_portals, SL_DEVICE, "its registers name places outside of its BARs"},
		{never_resets, SL_TIMEOUT, "it does not come out of its reset"},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		const char *said = NULL;
		start();
		row[i].spoil();
		assert_int_equal(dsa_open(&d, &said), row[i].e);
		assert_string_equal(said, row[i].why);
		assert_int_equal(model.harmful, 0);
		strike_end();
	}
}

static void test_refused_configuration(void **state)
{
	const char *said;
	uint32_t error = 0;
	(void)state;
	start();
	assert_int_equal(dsa_open(&d, &said), SL_OK);
	model.refuses = true;
	assert_int_equal(dsa_start(&d, 1, NULL, &error), SL_DEVICE);
	assert_int_equal(error, 0x11);
	end();
}

static void test_crc32c(void **state)
{
	(void)state;
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
	assert_int_equal(crc32c(7, "", 0), 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_queues),     cmocka_unit_test(test_copies),
		cmocka_unit_test(test_refused_jobs),   cmocka_unit_test(test_full_queue),
		cmocka_unit_test(test_wrap),           cmocka_unit_test(test_wrong_results),
		cmocka_unit_test(test_refused_access), cmocka_unit_test(test_silent),
		cmocka_unit_test(test_hostile),        cmocka_unit_test(test_refused_configuration),
		cmocka_unit_test(test_crc32c),         cmocka_unit_test(test_planned),
	};
	return cmocka_run_group_tests_name("dsa", tests, ram_setup, NULL);
}
