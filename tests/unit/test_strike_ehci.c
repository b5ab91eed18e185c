/* An EHCI controller that is made to read a chosen address, a model under the model of a unit: what it copies
 * and what is refused, that nothing in it runs afterwards, that its transfers have no bytes, how it is taken
 * from the firmware, and the messages when it answers with nonsense. */
#define W 0x10000000ull
#include "tests/model/ehci_model.h"
#include "tests/unit/support_strike.h"

static struct ehci_model model;

static void start(void)
{
	strike_start(&strike_class_ehci);
	ehci_model(&model, reach);
	dev.io = model.io;
	dev.fn = &model.fn;
}

static void end(void)
{
	strike_end();
	assert_int_equal(model.harmful, 0);
}

/* What it copies tells what it read, and it copies nothing of what it may not read; what it copied before
 * does not count. */
static void test_read(void **state)
{
	(void)state;
	start();
	must_open();
	const struct strike_class *c = dev.class;
	assert_true(dev.narrow && !c->write);
	for (unsigned again = 0; again < 2; again++) {
		c->bait(&dev, (uint8_t *)target.va + 32);
		assert_int_equal(c->read(&dev, TARGET + 32), SL_OK);
		assert_true(c->obeyed(&dev) && !refused && !model.running);
		c->bait(&dev, target.va);
		assert_int_equal(c->read(&dev, TARGET + 32), SL_OK); /* not what was laid last */
		assert_false(c->obeyed(&dev));
		for (unsigned i = 0; i < 2; i++) {
			refused = 0;
			assert_int_equal(c->read(&dev, HOLE), SL_OK);
			assert_true(refused && first_refused == HOLE && !first_write && !model.running);
			assert_false(c->obeyed(&dev));
			refused = 0;
		}
		c->bait(&dev, target.va); /* it works as before, from its reset */
		assert_int_equal(c->read(&dev, TARGET), SL_OK);
		assert_true(c->obeyed(&dev));
	}
	assert_true(is_zero(rdonly.va, PAGE_SIZE));
	model.idle = true;
	c->bait(&dev, target.va);
	assert_int_equal(c->read(&dev, TARGET), SL_OK);
	assert_false(c->obeyed(&dev));
	end();
	assert_true(!model.running && !model.config && model.port_resets >= 3);
}

static void test_without_domain(void **state)
{
	static uint8_t laid[PAGE_SIZE];
	(void)state;
	start();
	must_open();
	uint8_t *second = (uint8_t *)target.va + PAGE_SIZE;
	dev.class->lay(&dev, target.va, TARGET);
	memcpy(laid, second, PAGE_SIZE);
	assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
	assert_true(memcmp(laid, second, PAGE_SIZE) && !refused && !model.running);
	memcpy(second, laid, PAGE_SIZE);
	assert_int_equal(domain_detach(dom, FN), SL_OK);
	assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
	assert_true(refused && first_refused == TARGET && !first_write && !model.running);
	assert_memory_equal(laid, second, PAGE_SIZE);
	end();
}

static void test_kick(void **state)
{
	(void)state;
	start();
	must_open();
	for (unsigned i = 1; i < 10; i++) {
		assert_int_equal(dev.class->kick(&dev), SL_OK);
		assert_int_equal(model.irqs, i);
		dev.class->bait(&dev, target.va);
		assert_int_equal(dev.class->read(&dev, TARGET), SL_OK);
		assert_int_equal(model.irqs, i);
	}
	end();
}

/* From the firmware, whose SMIs end; where it does not let go everything is as before. */
static void test_take(void **state)
{
	const char *why = NULL;
	(void)state;
	start();
	must_open();
	assert_true(model.os_owned && !model.bios_owned && model.smis == 0xe0000000);
	end();
	start();
	model.bios_keeps = true;
	assert_int_equal(take_and_open(&why), SL_BUSY);
	assert_string_equal(why, "the firmware does not let go of it (USBLEGSUP)");
	assert_true(!model.os_owned && model.bios_owned && model.smis == 0x2001 && model.running);
	end();
	start();
	model.debugged = true;
	assert_int_equal(take_and_open(&why), SL_BUSY);
	assert_string_equal(why, "its debug port is in use");
	assert_true(model.bios_owned && model.running);
	end();
}

/* None of the waits of a read that is allowed goes to its end. */
static void test_time(void **state)
{
	(void)state;
	start();
	must_open();
	support_clock_step = 1; /* at each look */
	dev.class->bait(&dev, target.va);
	uint64_t from = now_us();
	assert_int_equal(dev.class->read(&dev, TARGET), SL_OK);
	assert_true(dev.class->obeyed(&dev) && now_us() - from < 100);
	end();
}

/* Two queue heads that point at each other, the second with a qTD: §3.5, §3.6. Nothing of what lay there. */
static void test_page(void **state)
{
	(void)state;
	const uint32_t at = (uint32_t)TARGET,
		       first[64] = {(at + PAGE_SIZE) | 2, 64u << 16 | 2u << 12 | 1u << 15, 1u << 30, 0, 1, 1},
		       second[64] = {at | 2, 64u << 16 | 2u << 12, 1u << 30, 0, at + 0x100, 1};
	start();
	must_open();
	uint32_t *page = target.va;
	memset(page, 0xff, 2 * PAGE_SIZE);
	dev.class->lay(&dev, page, TARGET);
	assert_memory_equal(page, first, sizeof first);
	assert_memory_equal(page + PAGE_SIZE / 4, second, sizeof second);
	assert_true(page[64] == 1 && page[65] == 1 && page[66] == 0x580);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(page[67 + i], (page[67] + (i << 12)));
	assert_int_equal(page[67] & 0xfff, 0);
	assert_int_equal(page[72], UINT32_MAX);
	end();
}

/* Without USBLEGSUP no firmware has it; a list of capabilities that goes round ends. */
static void test_no_legacy(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		start();
		model.no_legacy = true;
		model.loops = i;
		must_open();
		assert_true(!model.os_owned && model.smis == 0x2001);
		end();
	}
}

static void test_hostile(void **state)
{
	static const char *const says[] = {
		"its registers do not answer",          "no USB 2.0 device is connected to it",
		"no USB 2.0 device is connected to it", "it does not come out of its reset",
		"it does not come out of its reset",    "it copies no descriptor"};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(says); i++) {
		const char *why = "";
		start();
		model.gone = i == 0;
		model.empty = i == 1;
		model.slow = i == 2;
		model.never_stops = i == 3;
		model.never_resets = i == 4;
		model.idle = i == 5;
		assert_int_not_equal(take_and_open(&why), SL_OK);
		assert_string_equal(why, says[i]);
		assert_int_equal(taken, i != 0 && i != 3 && i != 4); /* by take() already, or by open() */
		end();
	}
	start(); /* later */
	must_open();
	model.never_stops = true;
	assert_int_equal(dev.class->read(&dev, TARGET), SL_TIMEOUT);
	model.never_stops = false;
	model.gone = true;
	char text[48];
	assert_int_equal(dev.class->read(&dev, TARGET), SL_TIMEOUT);
	dev.class->said(&dev, text, sizeof text);
	assert_string_equal(text, "STS ffffffff");
	model.gone = false;
	end();
}

/* Memory above 4 GiB is not for it. */
static void test_narrow(void **state)
{
	const char *why;
	(void)state;
	start();
	struct dma_buf low = dev.mem;
	dev.mem.iova = IOVA(0xfffff000);
	assert_int_equal(take_and_open(&why), SL_UNSUPPORTED);
	assert_true(dev.narrow && !strcmp(why, "it has 32-bit addresses only"));
	dev.mem = low;
	assert_int_equal(dev.class->open(&dev, &why), SL_OK);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),      cmocka_unit_test(test_without_domain),
		cmocka_unit_test(test_kick),      cmocka_unit_test(test_take),
		cmocka_unit_test(test_hostile),   cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_no_legacy), cmocka_unit_test(test_page),
		cmocka_unit_test(test_time)};
	return cmocka_run_group_tests_name("strike_ehci", tests, ram_setup, NULL);
}
