/* A Data Streaming Accelerator as an attacker (drivers/strike/dsa.c), a model under the model of a unit: what
 * lands, what comes back, what is refused, and what the messages are when it answers with nonsense. */
#include "tests/model/dsa_model.h"
#include "tests/unit/support_strike.h"

#define MOST 2048u

static struct dsa_model model;

static void start(void)
{
	strike_start(&strike_class_dsa);
	dsa_model_init(&model, reach, NULL);
	dev.io = model.io;
	dev.portal = model.portal;
}

static void end(void)
{
	assert_int_equal(model.harmful, 0);
	strike_end();
}

static void test_write(void **state)
{
	static const uint32_t lens[] = {1, 100, MOST, MOST + 1, 8 * PAGE_SIZE};
	char said[16];
	(void)state;
	start();
	must_open();
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
		uint8_t *page = target.va;
		uint32_t len = lens[i] < MOST ? lens[i] : MOST, from = PAGE_SIZE - len / 2;
		memset(page, 0xa5, 2 * PAGE_SIZE);
		refused = 0;
		assert_int_equal(dev.class->write(&dev, TARGET + from, lens[i]), SL_OK);
		for (uint32_t b = 0; b < 2 * PAGE_SIZE; b++)
			if (b - from < len ? page[b] == 0xa5 || !page[b] : page[b] != 0xa5)
				fail_msg("%u of %u bytes", b, len);
		assert_true(!refused && !model.running);
		dev.class->said(&dev, said, sizeof said);
		assert_string_equal(said, "rec 1");
		for (unsigned to = 0; to < 2; to++) {
			refused = 0;
			assert_int_equal(dev.class->write(&dev, to ? RDONLY : HOLE, lens[i]), SL_OK);
			assert_true(refused == 1 && first_write && !model.running);
			assert_int_equal(first_refused, to ? RDONLY : HOLE);
			dev.class->said(&dev, said, sizeof said);
			assert_string_equal(said, "rec 1f");
		}
		assert_true(is_zero(rdonly.va, PAGE_SIZE));
	}
	dev.class->close(&dev);
	end();
}

static void test_read(void **state)
{
	(void)state;
	start();
	must_open();
	assert_true(dev.class->brings == MOST && dev.class->brings_at == 0);
	for (unsigned again = 0; again < 2; again++) {
		const uint8_t *secret = (uint8_t *)target.va + 1 + again;
		for (unsigned i = 0; i < PAGE_SIZE; i++)
			((uint8_t *)target.va)[i] = (uint8_t)(i * 11 + again);
		assert_int_equal(dev.class->read(&dev, TARGET + 1 + again), SL_OK);
		assert_memory_equal(strike_brought(&dev), secret, MOST);
		memset(strike_brought(&dev), 0x77, MOST);
		refused = 0;
		assert_int_equal(dev.class->read(&dev, HOLE), SL_OK);
		assert_true(refused == 1 && first_refused == HOLE && !first_write);
		for (unsigned i = 0; i < MOST; i++)
			assert_int_equal(strike_brought(&dev)[i], 0x77);
	}
	end();
}

static void test_other_bytes(void **state)
{
	uint8_t before[MOST];
	(void)state;
	start();
	must_open();
	for (unsigned i = 0; i < 120; i++) {
		memcpy(before, target.va, MOST);
		assert_int_equal(dev.class->write(&dev, TARGET, MOST), SL_OK);
		for (unsigned b = 0; b < MOST; b++)
			assert_true(((uint8_t *)target.va)[b] != before[b]);
	}
	end();
}

/* It needs no memory: what it reads is its first access. */
static void test_without_domain(void **state)
{
	(void)state;
	start();
	must_open();
	uint8_t *second = (uint8_t *)target.va + PAGE_SIZE;
	for (unsigned again = 0; again < 2; again++) {
		memset(target.va, 0, 2 * PAGE_SIZE);
		dev.class->lay(&dev, target.va, TARGET);
		assert_true(is_zero(second, PAGE_SIZE));
		assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
		assert_false(is_zero(second, PAGE_SIZE));
		memset(second, 0, PAGE_SIZE);
		assert_int_equal(domain_detach(dom, FN), SL_OK);
		refused = 0;
		assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
		assert_true(refused == 1 && first_refused == TARGET && !first_write && !model.running);
		assert_true(is_zero(second, PAGE_SIZE));
		assert_int_equal(domain_attach(dom, FN), SL_OK);
	}
	end();
}

static void test_kick(void **state)
{
	(void)state;
	start();
	must_open();
	for (unsigned i = 1; i <= 20; i++) {
		assert_int_equal(dev.class->kick(&dev), SL_OK);
		assert_true(model.irqs == i && !model.running);
		assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_OK);
		assert_int_equal(model.irqs, i);
	}
	model.intcause = 2; /* somebody else's */
	assert_int_equal(dev.class->kick(&dev), SL_OK);
	assert_int_equal(model.irqs, 21);
	end();
}

static void none(void) {}

static void set_gone(void)
{
	model.gone = true;
}

static void no_instruction(void)
{
	dev.portal.submit = NULL;
}

static void fixed(void)
{
	model.gencap &= ~(1u << 31);
}

static void no_queue(void)
{
	model.wqcap[0] &= ~(0xffu << 16);
}

static void no_room(void)
{
	model.wqcap[0] = 8u << 16 | 15;
}

static void least_room(void)
{
	model.wqcap[0] = 1u << 16 | 16;
}

static void shared_only(void)
{
	model.wqcap[1] = 1u << 16;
}

static void no_group(void)
{
	model.grpcap = 0x100;
}

static void no_engine(void)
{
	model.engcap = 0x100;
}

static void set_never_resets(void)
{
	model.never_resets = true;
}

static void set_refuses(void)
{
	model.refuses = true;
}

static void set_idle(void)
{
	model.idle = true;
}

static void set_mute(void)
{
	model.mute = true;
}

static void far_tables(void) /* beyond the BAR */
{
	model.offsets = UINT32_MAX;
}

#define NOT_CONFIGURED "it has no work queue and engine that could be configured"

static void test_hostile(void **state)
{
	static const struct {
		void (*spoil)(void);
		const char *why; /* NULL: it opens */
	} row[] = {
		{none, NULL},
		{least_room, NULL},
		{set_gone, "its registers do not answer"},
		{no_instruction, "the processor has no MOVDIR64B, by which descriptors are submitted"},
		{fixed, NOT_CONFIGURED},
		{no_queue, NOT_CONFIGURED},
		{no_room, NOT_CONFIGURED},
		{shared_only, NOT_CONFIGURED},
		{no_group, NOT_CONFIGURED},
		{no_engine, NOT_CONFIGURED},
		{set_never_resets, "it does not come out of its reset"},
		{set_refuses, "it does not copy"},
		{set_idle, "it does not copy"},
		{set_mute, "it does not copy"},
		{far_tables, "it does not copy"},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		const char *said = NULL;
		start();
		row[i].spoil();
		enum sl_err e = dev.class->open(&dev, &said);
		if (row[i].why ? !e || strcmp(said, row[i].why) : e)
			fail_msg("row %u: %s, %s", i, sl_err_name(e), said);
		end();
	}
}

static void test_fails_later(void **state)
{
	(void)state;
	start();
	must_open();
	model.mute = true;
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_OK);
	assert_int_equal(dev.unit, 0);
	model.mute = false;
	model.idle = true;
	memset(strike_brought(&dev), 0x77, MOST);
	assert_int_equal(dev.class->read(&dev, TARGET), SL_OK);
	assert_int_equal(strike_brought(&dev)[0], 0x77);
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_OK);
	assert_true(is_zero(target.va, PAGE_SIZE));
	model.refuses = true;
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_TIMEOUT);
	assert_int_equal(dev.class->kick(&dev), SL_TIMEOUT);
	model.gone = true;
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_TIMEOUT);
	end();
}

/* The first page has the bytes of a write, and no record of an earlier one; the device is reset at the end.
 */
static void test_page(void **state)
{
	(void)state;
	start();
	must_open();
	memset(target.va, 0xff, PAGE_SIZE);
	dev.class->lay(&dev, target.va, TARGET);
	assert_true(is_zero(target.va, 2048));
	for (unsigned i = 2048; i < PAGE_SIZE; i++)
		assert_between(((uint8_t *)target.va)[i], 1, 100);
	unsigned moves = model.moves;
	memset(dev.mem.va, 0xff, PAGE_SIZE);
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_OK);
	assert_int_equal(model.moves - moves, 1);
	assert_int_equal(dev.unit, 1);
	model.running = true; /* as if its last reset had come to nothing */
	dev.class->close(&dev);
	assert_false(model.running);
	end();
}

/* One wait ends when the device has halted, and no other goes to its end. */
static void test_time(void **state)
{
	(void)state;
	start();
	must_open();
	support_clock_step = 1;
	for (unsigned i = 0; i < 4; i++) {
		uint64_t from = now_us();
		model.halts = i == 3;
		if (i == 3) /* its own memory is refused as well */
			assert_int_equal(domain_detach(dom, FN), SL_OK);
		assert_int_equal(i == 2 ? dev.class->read(&dev, HOLE)
					: dev.class->write(&dev, i ? RDONLY : TARGET, MOST),
				 SL_OK);
		assert_true(now_us() - from < 100);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write), cmocka_unit_test(test_other_bytes),
		cmocka_unit_test(test_read),  cmocka_unit_test(test_without_domain),
		cmocka_unit_test(test_kick),  cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_time),  cmocka_unit_test(test_fails_later),
		cmocka_unit_test(test_page)};
	return cmocka_run_group_tests_name("strike_dsa", tests, ram_setup, NULL);
}
