/* Intel's gigabit controllers as attackers (drivers/strike/nic.c), each a model under the model of a unit:
 * what lands, what comes back, what is refused, that no frame leaves, and what the messages are when one
 * answers with nonsense. */
#include "tests/model/nic_model.h"
#include "tests/unit/support_strike.h"

#define MOST 256u

static struct nic_model model;

static const struct {
	const struct strike_class *class;
	void (*make)(struct nic_model *m, model_reach reach, void *ctx);
} kinds[] = {{&strike_class_e1000e, nic_model_82574}, {&strike_class_igb, nic_model_82576}};

#define EACH_KIND(k) for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)

static void start(unsigned kind)
{
	strike_start(kinds[kind].class);
	kinds[kind].make(&model, reach, NULL);
	dev.io = model.io;
}

static void end(void)
{
	assert_int_equal(model.harmful, 0);
	assert_int_equal(model.sent, 0);
	strike_end();
}

static bool brought(const void *secret)
{
	return !memcmp(strike_brought(&dev) + dev.class->brings_at, secret, dev.class->brings);
}

static void fill(void *place)
{
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		((uint8_t *)place)[i] = (uint8_t)(i * 11 + 3);
}

static void test_write(void **state)
{
	static const uint32_t lens[] = {1, 2, 100, MOST, MOST + 1, 8 * PAGE_SIZE};
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
			uint8_t *page = target.va;
			uint32_t len = lens[i] < MOST ? lens[i] : MOST, from = PAGE_SIZE - len / 2 - 1;
			memset(page, 0xa5, 2 * PAGE_SIZE);
			refused = 0;
			assert_int_equal(dev.class->write(&dev, TARGET + from, lens[i]), SL_OK);
			for (uint32_t b = 0; b < 2 * PAGE_SIZE; b++)
				if ((page[b] != 0xa5) != (b - from < len))
					fail_msg("%s: %u of %u bytes", dev.class->name, b, len);
			assert_true(!refused && !model.running);
			for (unsigned to = 0; to < 2; to++) {
				refused = 0;
				assert_int_equal(dev.class->write(&dev, to ? RDONLY : HOLE, lens[i]), SL_OK);
				assert_true(refused == 1 && first_write && !model.running);
				assert_int_equal(first_refused, to ? RDONLY : HOLE);
			}
			assert_true(is_zero(rdonly.va, PAGE_SIZE));
		}
		assert_int_equal(model.resets, 1); /* none for what is refused */
		dev.class->close(&dev);
		assert_true(!model.running && !(model.bmcr & 0x4000));
		end();
	}
}

/* The same place twice: other bytes each time, none of them zero. */
static void test_other_bytes(void **state)
{
	uint8_t before[MOST];
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		for (unsigned i = 0; i < 300; i++) {
			memcpy(before, target.va, MOST);
			assert_int_equal(dev.class->write(&dev, TARGET, MOST), SL_OK);
			for (unsigned b = 0; b < MOST; b++)
				assert_true(((uint8_t *)target.va)[b] &&
					    ((uint8_t *)target.va)[b] != before[b] &&
					    ((uint8_t *)target.va)[b] != 0xa5);
		}
		end();
	}
}

static void test_read(void **state)
{
	(void)state;
	for (unsigned drops = 0; drops < 2; drops++)
		EACH_KIND(k)
		{
			start(k);
			must_open();
			model.drops = drops;
			for (unsigned again = 0; again < 2; again++) {
				uint8_t *secret = (uint8_t *)target.va + 1 + again;
				fill(target.va);
				assert_int_equal(dev.class->read(&dev, TARGET + 1 + again), SL_OK);
				assert_true(brought(secret) && !refused && !model.running);
				memset(strike_brought(&dev), 0x77, PAGE_SIZE);
				assert_int_equal(dev.class->read(&dev, HOLE), SL_OK);
				assert_true(refused == 1 && first_refused == HOLE && !first_write);
				const uint8_t *got = strike_brought(&dev) + dev.class->brings_at;
				for (unsigned i = 0; i < dev.class->brings; i++)
					assert_int_equal(got[i], drops ? 0x77 : 0);
				refused = 0;
			}
			assert_int_equal(model.resets, 1);
			end();
		}
}

/* A frame that the descriptor reports as done, but that moved no data, brings nothing. */
static void test_idle(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		model.idle = true;
		fill(target.va);
		memset(strike_brought(&dev), 0x77, PAGE_SIZE);
		assert_int_equal(dev.class->read(&dev, TARGET), SL_OK);
		assert_false(brought(target.va));
		memset(target.va, 0, PAGE_SIZE);
		assert_int_equal(dev.class->write(&dev, TARGET, MOST), SL_OK);
		assert_true(is_zero(target.va, PAGE_SIZE));
		end();
	}
}

/* All that it needs lies in two pages. After a refused descriptor the next frame is lost, or the controller
 * hangs until it is reset. */
static void test_without_domain(void **state)
{
	(void)state;
	for (unsigned hangs = 0; hangs < 2; hangs++)
		EACH_KIND(k)
		{
			start(k);
			must_open();
			uint8_t *second = (uint8_t *)target.va + PAGE_SIZE;
			model.hangs = hangs;
			for (unsigned again = 0; again < 2; again++) {
				memset(target.va, 0, 2 * PAGE_SIZE);
				dev.class->lay(&dev, target.va, TARGET);
				assert_true(is_zero(second, PAGE_SIZE));
				assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
				assert_false(is_zero(second, PAGE_SIZE));
				assert_true(!model.running && model.resets == (hangs ? 1 + again : 1));
				memset(second, 0, PAGE_SIZE);
				dev.class->lay(&dev, target.va, TARGET);
				assert_int_equal(domain_detach(dom, FN), SL_OK);
				refused = 0;
				assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
				assert_true(refused && first_refused == TARGET && !model.running);
				assert_true(is_zero(second, PAGE_SIZE));
				assert_int_equal(domain_attach(dom, FN), SL_OK);
			}
			must_open(); /* again: only one that hangs is reset */
			assert_int_equal(model.resets, hangs ? 3 : 1);
			memset(target.va, 0, PAGE_SIZE);
			assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_OK);
			assert_true(((uint8_t *)target.va)[0]);
			end();
		}
}

static void test_kick(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		for (unsigned i = 1; i <= 20; i++) {
			char said[48];
			model.paces = i > 10;
			assert_int_equal(dev.class->kick(&dev), SL_OK);
			if (model.paces)
				delay_us(1000); /* it waits for the one before */
			dev.class->said(&dev, said, sizeof said);
			assert_int_equal(model.irqs, i);
			assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_OK);
			assert_int_equal(model.irqs, i);
			assert_int_equal(model.reg[(k ? 0x1524 : 0xd0) / 4], 0);
		}
		end();
	}
}

#define MANC model.reg[0x5820 / 4]
#define FWSM model.reg[0x5b54 / 4]

static void test_hostile(void **state)
{
	static const struct {
		const char *why; /* NULL: it opens */
		uint32_t manc, fwsm;
		bool gone, never_stops, never_resets, no_loop, idle;
	} row[] = {
		{"its registers do not answer", .gone = true},
		{"it does not come out of its reset", .never_resets = true},
		{"a frame does not come back inside of it", .no_loop = true},
		{"a frame does not come back inside of it", .idle = true},
		{"a frame does not come back inside of it", .never_stops = true},
		{"a management controller uses it", .manc = 1u << 18},
		{"a management controller uses it", .manc = 1u << 17 | 1},
		{"a management controller uses it", .manc = 1u << 17, .fwsm = 4},
		{NULL, .manc = 1u << 17},
		{NULL, .manc = 1u << 17 | 3},
		{NULL, .manc = 1u << 17, .fwsm = 6},
		{NULL, .manc = 1, .fwsm = 4},
	};
	(void)state;
	EACH_KIND(k)
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		const char *said = NULL;
		start(k);
		model.gone = row[i].gone;
		model.never_stops = row[i].never_stops;
		model.never_resets = row[i].never_resets;
		model.no_loop = row[i].no_loop;
		model.idle = row[i].idle;
		MANC = row[i].manc;
		FWSM = row[i].fwsm;
		enum sl_err e = dev.class->open(&dev, &said);
		if (row[i].why ? e == SL_OK || strcmp(said, row[i].why) : e != SL_OK)
			fail_msg("row %u: %s, %s", i, sl_err_name(e), said);
		/* One that is managed is not touched; one that sends does so to itself, a few times. */
		assert_true(!row[i].manc || !row[i].why || (!model.resets && !model.frames));
		assert_true(row[i].no_loop ? model.sent && model.sent <= 10 : !model.sent);
		assert_true(row[i].manc || row[i].never_stops || row[i].gone || !model.running);
		model.sent = 0;
		if (row[i].never_stops)
			model.harmful = 0; /* it is reset all the same */
		end();
	}
}

/* Both rings and a frame in the first page, and no byte behind it. */
static void test_page(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		const uint8_t *page = target.va;
		memset(target.va, 0xa5, PAGE_SIZE);
		dev.class->lay(&dev, target.va, TARGET);
		for (unsigned i = 512; i < PAGE_SIZE; i++)
			assert_int_equal(page[i], 0xa5);
		assert_true(page[511] && page[511] <= 100);
		for (unsigned i = 256; i < 262; i++) /* to itself */
			assert_int_equal(page[i], page[i + 6]);
		const uint64_t *desc = target.va;
		const uint64_t cmd = 256 | 11ull << 24; /* EOP, IFCS, RS */
		assert_int_equal(desc[0], TARGET + 256);
		assert_int_equal(desc[1], k ? cmd | 3ull << 20 | 1ull << 29 | 256ull << 46 : cmd);
		assert_true(is_zero(page + 16, 112) && is_zero(page + 192, 64));
		for (unsigned i = 0; i < 4; i++) {
			assert_int_equal(desc[16 + 2 * i], TARGET + PAGE_SIZE);
			assert_int_equal(desc[17 + 2 * i], 0);
		}
		end();
	}
}

/* A frame was lost, and the reset before the next one does not end: nothing is sent. */
static void test_reset_fails(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		model.hangs = true;
		assert_int_equal(domain_detach(dom, FN), SL_OK);
		assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
		assert_int_equal(domain_attach(dom, FN), SL_OK);
		model.hangs = false;
		model.never_resets = true;
		unsigned frames = model.frames;
		assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_TIMEOUT);
		assert_int_equal(model.frames, frames);
		end();
	}
}

/* The PHY takes its time. */
static void test_slow(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		model.loops_after = 9;
		must_open();
		assert_int_equal(model.resets, 1);
		end();
	}
}

static void test_fails_later(void **state)
{
	char said[48];
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		model.never_stops = true;
		assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_TIMEOUT);
		model.gone = true;
		assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_TIMEOUT);
		dev.class->said(&dev, said, sizeof said);
		assert_string_equal(said, "DH ffffffff ffffffff");
		model.gone = model.never_stops = false;
		model.harmful = 0;
		end();
	}
}

/* None of its waits goes to its end when there is nothing to wait for. */
static void test_time(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		support_clock_step = 1; /* at each look */
		for (unsigned i = 0; i < 3; i++) {
			uint64_t from = now_us();
			assert_int_equal(i == 2 ? dev.class->read(&dev, HOLE)
						: dev.class->write(&dev, i ? RDONLY : TARGET, MOST),
					 SL_OK);
			assert_true(now_us() - from < 100);
		}
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),   cmocka_unit_test(test_other_bytes),
		cmocka_unit_test(test_read),    cmocka_unit_test(test_idle),
		cmocka_unit_test(test_kick),    cmocka_unit_test(test_without_domain),
		cmocka_unit_test(test_hostile), cmocka_unit_test(test_slow),
		cmocka_unit_test(test_time),    cmocka_unit_test(test_fails_later),
		cmocka_unit_test(test_page),    cmocka_unit_test(test_reset_fails)};
	return cmocka_run_group_tests_name("strike_nic", tests, ram_setup, NULL);
}
