/* An I/OAT engine as an attacker (drivers/strike/ioat.c), a model under the model of a unit: what lands, what
 * comes back, what is refused, and what the messages are when it answers with nonsense. */
#include "tests/model/ioat_model.h"
#include "tests/unit/support_strike.h"

#define MOST 2048u

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
		assert_string_equal(said, "ERR 0");
		for (unsigned to = 0; to < 2; to++) {
			refused = 0;
			assert_int_equal(dev.class->write(&dev, to ? RDONLY : HOLE, lens[i]), SL_OK);
			assert_true(refused == 1 && first_write && !model.running);
			assert_int_equal(first_refused, to ? RDONLY : HOLE);
			dev.class->said(&dev, said, sizeof said);
			assert_string_equal(said, "ERR 2");
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
		dev.class->lay(&dev, target.va, TARGET);
		assert_int_equal(domain_detach(dom, FN), SL_OK);
		refused = 0;
		assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
		assert_true(refused && first_refused == TARGET && !first_write && !model.running);
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
