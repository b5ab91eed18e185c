/* A Data Streaming Accelerator as an attacker (drivers/strike/dsa.c), a model under the model of a unit: what
 * lands, what comes back, what is refused, and what the messages are when it answers with nonsense. */
#include "tests/model/dsa_model.h"
#include "tests/unit/support_copier.h"

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
	(void)state;
	start();
	must_open();
	must_write(&model.running, "rec 1", "rec 1f");
	dev.class->close(&dev);
	end();
}

static void test_read(void **state)
{
	(void)state;
	start();
	must_open();
	must_read();
	end();
}

static void test_other_bytes(void **state)
{
	(void)state;
	start();
	must_open();
	must_change_bytes();
	end();
}

static void test_without_domain(void **state)
{
	(void)state;
	start();
	must_open();
	must_fetch(&model.running);
	assert_int_equal(refused, 1);
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
