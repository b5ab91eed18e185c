/* An I/OAT engine as an attacker (drivers/strike/ioat.c), a model under the model of a unit: what lands, what
 * comes back, what is refused, and what the messages are when it answers with nonsense. */
#include "tests/model/ioat_model.h"
#include "tests/unit/support_copier.h"

static struct ioat_model model;

static void start(void)
{
	strike_start(&strike_class_ioat);
	ioat_model_init(&model, reach, NULL);
	dev.io = model.io;
	dev.fn = &model.fn;
}

static void end(void)
{
	assert_int_equal(model.harmful, 0);
	assert_int_equal(model.cm.violations, 0);
	ioat_model_free(&model);
	strike_end();
}

static void test_write(void **state)
{
	(void)state;
	start();
	must_open();
	must_write(&model.running, "ERR 0", "ERR 2");
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
	end();
}

static void test_kick(void **state)
{
	(void)state;
	start();
	must_open();
	for (unsigned i = 1; i <= 20; i++) {
		assert_int_equal(dev.class->kick(&dev), SL_OK);
		assert_int_equal(model.irqs, i);
		assert_int_equal(model.intrctrl, 0);
		assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_OK);
		assert_int_equal(model.irqs, i);
	}
	end();
}

static void test_hostile(void **state)
{
	static const struct {
		const char *why; /* NULL: it opens */
		bool gone, never_resets, idle, mute;
		uint8_t version, channels;
	} row[] = {
		{NULL, .version = 0x30, .channels = 1},
		{NULL, .version = 0x34, .channels = 255},
		{"its registers do not answer", .gone = true},
		{"it is older than version 3.0, or has no channel", .version = 0x2f, .channels = 4},
		{"it is older than version 3.0, or has no channel", .version = 0x33},
		{"it does not come out of its reset", .never_resets = true, .version = 0x33, .channels = 1},
		{"it does not copy", .idle = true, .version = 0x33, .channels = 1},
		{"it does not copy", .mute = true, .version = 0x33, .channels = 1},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		const char *said = NULL;
		start();
		model.gone = row[i].gone;
		model.never_resets = row[i].never_resets;
		model.idle = row[i].idle;
		model.mute = row[i].mute;
		model.version = row[i].version;
		model.channels = row[i].channels;
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
	model.mute = false;
	model.idle = true;
	memset(strike_brought(&dev), 0x77, MOST);
	assert_int_equal(dev.class->read(&dev, TARGET), SL_OK);
	assert_int_equal(strike_brought(&dev)[0], 0x77);
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_OK);
	assert_true(is_zero(target.va, PAGE_SIZE));
	model.never_resets = true;
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_TIMEOUT);
	model.gone = true;
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_TIMEOUT);
	model.harmful = 0; /* a channel that goes on is used again */
	end();
}

/* The first page has one descriptor, and nothing of what lay there before; an engine that did not stop after
 * its last copy is stopped at the end. */
static void test_page(void **state)
{
	(void)state;
	uint64_t want[2048 / 8] = {2048 | 8ull << 32, TARGET + 2048, TARGET + PAGE_SIZE};
	start();
	must_open();
	memset(target.va, 0xff, PAGE_SIZE);
	dev.class->lay(&dev, target.va, TARGET);
	assert_memory_equal(target.va, want, sizeof want);
	unsigned copies = model.copies;
	memset(dev.mem.va, 0xff, PAGE_SIZE); /* no status of an earlier copy */
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_OK);
	assert_int_equal(model.copies - copies, 1);
	model.never_resets = true;
	assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_TIMEOUT);
	assert_true(model.running);
	model.never_resets = false;
	dev.class->close(&dev);
	assert_false(model.running);
	end();
}

/* Errors below 3.3 are also in configuration space, and are cleared there. */
static void test_errors(void **state)
{
	(void)state;
	for (unsigned version = 0x32; version <= 0x33; version++) {
		start();
		model.version = (uint8_t)version;
		must_open();
		assert_int_equal(dev.class->write(&dev, HOLE, 1), SL_OK);
		assert_int_equal(model.cfg->data[0x180], version == 0x32 ? 0 : 2);
		assert_true(model.chanerr == 0 && dev.unit == 2);
		assert_int_equal(dev.class->fetch(&dev, HOLE), SL_OK);
		assert_int_equal(dev.unit, 1u << 8);
		end();
	}
}

/* Two pauses of a millisecond, and no wait that goes to its end. */
static void test_time(void **state)
{
	(void)state;
	start();
	must_open();
	support_clock_step = 1;
	for (unsigned i = 0; i < 3; i++) {
		uint64_t from = now_us();
		assert_int_equal(i == 2 ? dev.class->read(&dev, HOLE)
					: dev.class->write(&dev, i ? RDONLY : TARGET, MOST),
				 SL_OK);
		assert_true(now_us() - from < 2100);
	}
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),  cmocka_unit_test(test_other_bytes),
		cmocka_unit_test(test_read),   cmocka_unit_test(test_without_domain),
		cmocka_unit_test(test_kick),   cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_time),   cmocka_unit_test(test_fails_later),
		cmocka_unit_test(test_errors), cmocka_unit_test(test_page)};
	return cmocka_run_group_tests_name("strike_ioat", tests, ram_setup, NULL);
}
