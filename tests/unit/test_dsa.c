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
	q->ops->ring(q);
	assert_int_equal(model.held, 16); /* nothing is done, so it is as full as before */
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

/* A batch has at most as many descriptors as the device takes, and none is submitted before the doorbell. */
static void test_small_batches(void **state)
{
	struct queue_done done[MOVE_TAGS];
	(void)state;
	bring_up(1);
	d.batch = 3;
	struct queue *q = &queue[0].m.q;
	for (unsigned n = 1; n <= 20; n++) {
		unsigned batches = model.batches, doorbells = (unsigned)q->stats.doorbells;
		dsa_queue_open(&queue[0], &d, 0, &mem[0], MOVE_TAGS);
		doorbells = 0;
		for (uint32_t tag = 0; tag < n; tag++)
			assert_int_equal(submit(&queue[0], tag, 64), 1);
		assert_int_equal(q->ops->poll(q, done, MOVE_TAGS), 0);
		assert_int_equal(q->stats.doorbells, doorbells);
		assert_false(q->ops->ready(q));
		q->ops->ring(q);
		assert_int_equal(q->stats.doorbells, (n + 7) / 8);
		assert_int_equal(model.batches - batches, n / 8 + (n % 8 > 1));
		assert_int_equal(q->ops->poll(q, done, MOVE_TAGS), n);
		assert_int_equal(q->stats.polls, 2);
		assert_int_equal(q->stats.empty_polls, 1);
	}
	end();
}

/* What lies behind the descriptors is not the queue's to write, but when it is opened: then it is all zero.
 */
static void test_memory(void **state)
{
	const struct move_job like = {.op = MOVE_CRC, .len = PAGE_SIZE, .value = 7};
	(void)state;
	bring_up(1);
	uint8_t *records = (uint8_t *)mem[0].va + PAGE_SIZE;
	memset(mem[0].va, 0x5a, DSA_QUEUE_BYTES);
	dsa_queue_open(&queue[0], &d, 0, &mem[0], MOVE_TAGS);
	assert_true(is_zero(records, DSA_QUEUE_BYTES - PAGE_SIZE));
	for (unsigned slot = 0; slot <= MOVE_TAGS; slot++)
		for (unsigned i = 0; i < 8; i++)
			assert_int_equal(queue[0].desc[slot][i],
					 i == 1 && slot < MOVE_TAGS ? mem[0].iova.v + PAGE_SIZE + 32 * slot
								    : 0);
	memset(records, 0x5a, DSA_QUEUE_BYTES - PAGE_SIZE);
	dsa_queue_plan(&queue[0], &like);
	for (unsigned i = 0; i < DSA_QUEUE_BYTES - PAGE_SIZE; i++)
		assert_int_equal(records[i], 0x5a);
	assert_true(is_zero((uint8_t *)queue[0].desc[MOVE_TAGS], 64));
	for (unsigned slot = 0; slot < MOVE_TAGS; slot++)
		assert_true(queue[0].desc[slot][0] >> 56 == 0x10 && queue[0].desc[slot][3] == 0 &&
			    queue[0].desc[slot][4] == PAGE_SIZE && queue[0].desc[slot][5] == 7);
	dsa_queue_open(&queue[0], &d, 0, &mem[0], MOVE_TAGS);
	end();
}

/* What is done is seen at the slot that is next, not at one that was done before; a job that may block on its
 * pages is the last one that was submitted. */
static void test_slots(void **state)
{
	struct queue_done done;
	(void)state;
	bring_up(1);
	struct queue *q = &queue[0].m.q;
	model.holds = true;
	for (unsigned i = 0; i < 3 * MOVE_TAGS; i++) {
		assert_int_equal(submit(&queue[0], i % MOVE_TAGS, 64), 1);
		q->ops->ring(q);
		assert_false(q->ops->ready(q));
		dsa_model_work(&model);
		assert_true(q->ops->ready(q));
		assert_int_equal(q->ops->poll(q, &done, 1), 1);
		assert_int_equal(done.tag, i % MOVE_TAGS);
		assert_false(q->ops->ready(q));
	}
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(submit(&queue[0], i, 64), 1);
		uint64_t was = queue[0].desc[i][0];
		dsa_queue_block(&queue[0]);
		assert_true(queue[0].desc[i][0] == (was | 2ull << 32));
		assert_true(queue[0].desc[i + 1][0] == was); /* of the round before */
		queue[0].desc[i][0] = was;
		assert_true(!i || queue[0].desc[i - 1][0] == was);
	}
	q->ops->ring(q);
	dsa_model_work(&model);
	end();
}

static void test_status_texts(void **state)
{
	static const struct {
		uint8_t status;
		const char *text;
	} rows[] = {{2, "no success (02)"},
		    {3, "page fault (03)"},
		    {4, "page fault (04)"},
		    {5, "batch failed (05)"},
		    {6, "batch failed (06)"},
		    {7, "no success (07)"},
		    {0xf, "no success (0f)"},
		    {0x10, "invalid descriptor (10)"},
		    {0x12, "invalid descriptor (12)"},
		    {0x13, "invalid size (13)"},
		    {0x14, "invalid descriptor (14)"},
		    {0x84, "page fault (84)"}};
	char text[40];
	(void)state;
	bring_up(1);
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		assert_string_equal(queue[0].m.q.ops->status_text(rows[i].status, text, sizeof text),
				    rows[i].text);
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

/* Each register and each portal that is used lies in its BAR, to the last byte. */
static void test_fits(void **state)
{
	const char *said;
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		start();
		model.offsets = i ? 0x30u << 16 | 0x80 : 0x80u << 16 | 0x30; /* which table is the last */
		uint32_t end = 0x8000 + (i ? 4 * 64 : 8 * 32);
		d.io.len = end;
		d.portals.len = 8 * 0x4000;
		assert_int_equal(dsa_open(&d, &said), SL_OK);
		assert_true(d.groups == 4 && d.engines == 4 && d.queues == 8 && d.entries == 128);
		assert_true(d.transfer == 31 && d.batch == 10 && d.queue_bytes == 32);
		d.io.len = end - 1;
		assert_int_equal(dsa_open(&d, &said), SL_DEVICE);
		d.io.len = end;
		d.portals.len--;
		assert_int_equal(dsa_open(&d, &said), SL_DEVICE);
		strike_end();
	}
}

/* As few as one of each is enough; none of one kind is not. */
static void test_least(void **state)
{
	static const struct {
		uint32_t gencap, wqcap[2], grpcap, engcap;
		enum sl_err e;
	} rows[] = {
		{1u << 31, {1u << 16 | 1, 1u << 16}, 1, 1, SL_OK},
		{0, {1u << 16 | 1, 1u << 16}, 1, 1, SL_UNSUPPORTED},
		{1u << 31, {1u << 16 | 1, 0}, 1, 1, SL_UNSUPPORTED},
		{1u << 31, {1, 1u << 16}, 1, 1, SL_UNSUPPORTED},
		{1u << 31, {2u << 16 | 1, 1u << 16}, 1, 1, SL_UNSUPPORTED},
		{1u << 31, {2u << 16 | 2, 1u << 16}, 1, 1, SL_OK},
		{1u << 31, {1u << 16 | 1, 1u << 16}, 0, 1, SL_UNSUPPORTED},
		{1u << 31, {1u << 16 | 1, 1u << 16}, 1, 0, SL_UNSUPPORTED},
	};
	const char *said;
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		start();
		model.gencap = rows[i].gencap;
		model.wqcap[0] = rows[i].wqcap[0], model.wqcap[1] = rows[i].wqcap[1] << 1;
		model.wqcap[1] |= rows[i].wqcap[1];
		model.grpcap = rows[i].grpcap;
		model.engcap = rows[i].engcap;
		assert_int_equal(dsa_open(&d, &said), rows[i].e);
		strike_end();
	}
}

/* Which queue and engine is in which group, and what each register of a queue says; the registers of the
 * groups and queues behind those stay as they are. */
static void test_configuration(void **state)
{
	static const uint32_t pasid[8] = {1, 0xfffff, 3, 4, 5, 6, 7, 8};
	static const struct {
		uint32_t groups, engines, queues, masks[DM_GROUPS];
	} rows[] = {{4, 4, 8, {0x11, 0x22, 0x44, 0x88}},
		    {2, 4, 5, {0x15, 0x0a}},
		    {4, 3, 8, {0x49, 0x92, 0x24}},
		    {4, 4, 2, {1, 2, 0, 0}},
		    {1, 1, 20, {0xff}}};
	const char *said;
	uint32_t error;
	(void)state;
	for (unsigned i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		bool with = i & 1;
		unsigned groups = rows[i / 2].groups, engines = rows[i / 2].engines;
		start();
		model.grpcap = groups;
		model.engcap = engines;
		assert_int_equal(dsa_open(&d, &said), SL_OK);
		memset(model.group, 0xee, sizeof model.group);
		memset(model.queue, 0xee, sizeof model.queue);
		(void)!dsa_start(&d, rows[i / 2].queues, with ? pasid : NULL, &error);
		unsigned used = rows[i / 2].queues < 8 ? rows[i / 2].queues : 8;
		assert_int_equal(d.used, used);
		for (unsigned g = 0; g < DM_GROUPS; g++) {
			uint32_t mask = rows[i / 2].masks[g];
			bool ours = g < groups && g < engines;
			assert_int_equal(model.group[g * 16], ours ? mask : 0xeeeeeeee);
			assert_int_equal(model.group[g * 16 + 8], !ours ? 0xeeeeeeee : mask ? 1u << g : 0);
		}
		for (unsigned n = 0; n < DM_QUEUES; n++) {
			const uint32_t *q = &model.queue[n * 8];
			assert_int_equal(q[0], n < used ? 128 / used : 0xeeeeeeee);
			assert_int_equal(q[2], n >= used ? 0xeeeeeeee
					       : with    ? 0x11 | pasid[n] << 8 | 1u << 28
							 : 0x11);
			assert_int_equal(q[3], n < used ? 31u | 10u << 5 : 0xeeeeeeee);
		}
		assert_int_equal(dsa_stop(&d), SL_OK);
		strike_end();
	}
}

/* The device's error is told once. */
static void test_error(void **state)
{
	(void)state;
	bring_up(1);
	assert_int_equal(dsa_error_take(&d), 0);
	model.swerr = 0x5a00;
	assert_int_equal(dsa_error_take(&d), 0);
	model.swerr = 0x15a03;
	assert_int_equal(dsa_error_take(&d), 0x5a);
	assert_int_equal(dsa_error_take(&d), 0);
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
		cmocka_unit_test(test_small_batches),  cmocka_unit_test(test_memory),
		cmocka_unit_test(test_status_texts),   cmocka_unit_test(test_fits),
		cmocka_unit_test(test_least),          cmocka_unit_test(test_configuration),
		cmocka_unit_test(test_error),          cmocka_unit_test(test_slots),
	};
	return cmocka_run_group_tests_name("dsa", tests, ram_setup, NULL);
}
