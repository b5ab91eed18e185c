/* Virtio devices as attackers (drivers/strike/virtio.c), each a model under the model of a unit: what lands,
 * what is fetched, what is refused, that no request could write a medium, and what the messages are when one
 * answers with nonsense. */
#include "tests/model/virtio_model.h"
#include "tests/unit/support_strike.h"

static struct virtio_model model;

static const struct {
	const struct strike_class *class;
	void (*make)(struct virtio_model *m, model_reach reach, void *ctx);
} kinds[] = {{&strike_class_vrng, virtio_model_rng}, {&strike_class_vblk, virtio_model_block}};

#define EACH_KIND(k) for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)

static void start(unsigned kind)
{
	strike_start(kinds[kind].class);
	kinds[kind].make(&model, reach, NULL);
	dev.io = model.io;
	dev.fn = &model.fn;
}

static void end(void)
{
	assert_int_equal(model.harmful, 0);
	virtio_model_free(&model);
	strike_end();
}

static void test_write(void **state)
{
	static const uint32_t lens[] = {1, 4, 256, 4096};
	(void)state;
	for (unsigned noisy = 0; noisy < 2; noisy++)
		EACH_KIND(k)
		{
			start(k);
			model.noisy = noisy;
			must_open();
			for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
				uint8_t *page = target.va;
				uint32_t most = dev.class->write_most;
				uint32_t len = lens[i] < most ? lens[i] : most, from = PAGE_SIZE - len / 2;
				memset(page, 0xa5, 2 * PAGE_SIZE);
				refused = 0;
				assert_int_equal(dev.class->write(&dev, TARGET + from, lens[i]), SL_OK);
				for (uint32_t b = 0; b < 2 * PAGE_SIZE; b++)
					if (b - from < len ? !page[b] : page[b] != 0xa5)
						fail_msg("%s: %u of %u bytes", dev.class->name, b, len);
				assert_true(page[from] != 0xa5 && !refused && !model.running);
				for (unsigned to = 0; to < 2; to++) {
					refused = 0;
					assert_int_equal(dev.class->write(&dev, to ? RDONLY : HOLE, lens[i]),
							 SL_OK);
					assert_true(refused == 1 && first_write && !model.running);
					assert_int_equal(first_refused, to ? RDONLY : HOLE);
				}
				assert_true(is_zero(rdonly.va, PAGE_SIZE));
			}
			dev.class->close(&dev);
			assert_false(model.running);
			end();
		}
}

/* The block device fetches the number of a sector where it may, and only then it says that there is none. */
static void test_read(void **state)
{
	(void)state;
	start(1);
	must_open();
	const struct strike_class *c = dev.class;
	c->bait(&dev, target.va);
	for (unsigned again = 0; again < 2; again++) {
		assert_int_equal(c->read(&dev, TARGET), SL_OK);
		assert_true(c->obeyed(&dev) && !refused && !model.running);
		assert_int_equal(c->read(&dev, HOLE), SL_OK);
		assert_true(refused == 1 && first_refused == HOLE && !first_write);
		assert_false(c->obeyed(&dev)); /* what an earlier one brought does not count */
		refused = 0;
	}
	memset(target.va, 0, PAGE_SIZE); /* the number of a sector that there is */
	assert_int_equal(c->read(&dev, TARGET), SL_OK);
	assert_false(c->obeyed(&dev));
	c->bait(&dev, target.va);
	model.idle = true;
	assert_int_equal(c->read(&dev, TARGET), SL_OK);
	assert_false(c->obeyed(&dev));
	end();
	assert_null(strike_class_vrng.read);
}

/* Whatever lies there, the request is a read: the type is not fetched with the rest. */
static void test_any_memory(void **state)
{
	(void)state;
	start(1);
	must_open();
	for (unsigned i = 0; i < 256; i++) {
		memset(target.va, (int)i, PAGE_SIZE);
		assert_int_equal(dev.class->read(&dev, TARGET + i), SL_OK);
	}
	end(); /* nothing harmful */
}

static void test_without_domain(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		start(k);
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
			assert_true(refused && first_refused == TARGET && !model.running);
			assert_true(is_zero(second, PAGE_SIZE));
			assert_int_equal(domain_attach(dom, FN), SL_OK);
		}
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
		assert_int_equal(model.irqs, 0);
		for (unsigned i = 1; i <= 20; i++) {
			assert_int_equal(dev.class->kick(&dev), SL_OK);
			assert_int_equal(model.irqs, i);
			assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_OK);
			assert_int_equal(model.irqs, i);
		}
		end();
	}
}

static void none(void) {}

static void no_common(void)
{
	model.cfg->data[VIRTIO_CAPS + 3] = 5;
}

static void no_notify(void)
{
	model.cfg->data[VIRTIO_CAPS + 0x14 + 3] = 5;
	model.cfg->data[4] = VIRTIO_BAR; /* what is read in place of a capability at 0 is no BAR's number */
	memset(&model.cfg->data[8], 0, 4);
	memset(&model.cfg->data[16], 0, 4);
}

static void other_bar(void)
{
	model.fn.bar[2] = model.fn.bar[VIRTIO_BAR];
	model.cfg->data[VIRTIO_CAPS + 0x14 + 4] = 2;
}

static void no_bar(void)
{
	model.cfg->data[VIRTIO_CAPS + 4] = 6;
}

static void short_bar(void)
{
	model.fn.bar[VIRTIO_BAR].size = VIRTIO_COMMON + 0x37;
}

static void far_common(void)
{
	memset(&model.cfg->data[VIRTIO_CAPS + 8], 0xff, 4);
}

static void short_common(void)
{
	model.cfg->data[VIRTIO_CAPS + 12] = 0x37;
}

static void far_notify(void) /* within its structure, but not queue 0's */
{
	model.cfg->data[VIRTIO_CAPS + 0x14 + 18] = 1;
}

static void legacy(void)
{
	model.offers = 2;
}

static void past(void)
{
	model.offers = 1;
}

static void set_gone(void)
{
	model.gone = true;
}

static void set_never_resets(void)
{
	model.never_resets = true;
}

static void set_refuses(void)
{
	model.refuses = true;
}

static void set_mute(void)
{
	model.mute = true;
}

static void set_idle(void)
{
	model.idle = true;
}

#define NO_REGISTERS "it has no registers of virtio 1.0 in one BAR"
#define NO_ANSWER    "it does not answer a request"

static void test_hostile(void **state)
{
	static const struct {
		void (*spoil)(void);
		const char *why;
	} row[] = {
		{none, NULL},
		{no_common, NO_REGISTERS},
		{no_notify, NO_REGISTERS},
		{other_bar, NO_REGISTERS},
		{no_bar, NO_REGISTERS},
		{short_bar, NO_REGISTERS},
		{far_common, NO_REGISTERS},
		{short_common, NO_REGISTERS},
		{far_notify, NO_REGISTERS},
		{legacy, NO_REGISTERS},
		{past,
		 "it accesses memory past the IOMMU (no VIRTIO_F_ACCESS_PLATFORM): nothing restricts its DMA"},
		{set_gone, NO_REGISTERS},
		{set_never_resets, "it does not come out of its reset"},
		{set_refuses, NO_ANSWER},
		{set_mute, NO_ANSWER},
		{set_idle, NO_ANSWER},
	};
	(void)state;
	EACH_KIND(k)
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		const char *said = NULL;
		start(k);
		row[i].spoil();
		enum sl_err e = dev.class->open(&dev, &said);
		if (row[i].why ? !e || strcmp(said, row[i].why) : e)
			fail_msg("row %u: %s, %s", i, sl_err_name(e), said);
		assert_true(row[i].why == NULL || model.requests <= 1);
		assert_true(dev.past == (row[i].spoil == past));
		if (row[i].spoil == set_refuses) /* nothing is asked of it */
			assert_true(e == SL_TIMEOUT && !model.requests);
		if (row[i].spoil == set_refuses || row[i].spoil == set_never_resets)
			model.harmful = 0;
		end();
	}
}

/* Descriptors, the available ring, the head of a request: §2.7.5, §2.7.6, §5.2.6. */
static void test_page(void **state)
{
	(void)state;
	static const uint64_t flags[] = {1ull << 32 | 1ull << 48, 1ull << 32 | 2ull << 48,
					 3ull << 32 | 3ull << 48, 2ull << 32};
	EACH_KIND(k)
	{
		uint64_t want[66] = {0};
		start(k);
		must_open();
		if (k) {
			want[0] = TARGET + 512, want[1] = 4 | flags[0];
			want[2] = TARGET + 516, want[3] = 12 | flags[1];
			want[4] = TARGET + PAGE_SIZE + 1024, want[5] = 512 | flags[2];
			want[6] = TARGET + PAGE_SIZE, want[7] = 1 | flags[3];
			want[65] = 1ull << 54; /* the sector */
		} else {
			want[0] = TARGET + PAGE_SIZE, want[1] = 256 | flags[3];
		}
		want[16] = 1 | 1 << 16; /* without an interrupt, one request */
		memset(target.va, 0xff, PAGE_SIZE);
		dev.class->lay(&dev, target.va, TARGET);
		assert_memory_equal(target.va, want, sizeof want);
		assert_true(is_zero((uint8_t *)target.va + 512, k ? 14 : 16));
		end();
	}
}

/* What lay in its page before is no part of the request, nor an answer to it. */
static void test_leftovers(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		for (unsigned i = 0; i < 2; i++) {
			unsigned requests = model.requests;
			memset(dev.mem.va, 0xff, PAGE_SIZE);
			memset(target.va, 0, PAGE_SIZE);
			model.mute = i;
			uint64_t from = now_us();
			assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_OK);
			assert_int_equal(is_zero(target.va, PAGE_SIZE), i);
			assert_int_equal(model.requests - requests, !i);
			assert_int_equal(now_us() - from > 100000, i); /* it is waited for */
		}
		end();
	}
}

/* Where there is no IOMMU it is no matter how a device reaches memory. */
static void test_without_iommu(void **state)
{
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		model.offers = 1;
		struct domain *in = dev.mem.dom;
		dev.mem.dom = NULL;
		must_open();
		assert_int_equal(model.features[1], 0); /* and reset after the request */
		dev.mem.dom = in;
		end();
	}
}

/* Its registers may be in any BAR; the capability may stand at the end of configuration space. */
static void test_where(void **state)
{
	(void)state;
	start(0);
	assert_int_equal(dev.class->bar_of(&model.fn), VIRTIO_BAR);
	memcpy(&model.cfg->data[0xf0], &model.cfg->data[VIRTIO_CAPS], 16);
	model.cfg->data[VIRTIO_CAPS + 3] = 5;
	assert_int_equal(dev.class->bar_of(&model.fn), 0);
	cm_cap(model.cfg, 0xf0, 5); /* another's, whatever stands in it */
	assert_int_equal(dev.class->bar_of(&model.fn), 0);
	model.cfg->data[0xf0] = 9;
	assert_int_equal(dev.class->bar_of(&model.fn), VIRTIO_BAR);
	memcpy(&model.cfg->data[0xf4], &model.cfg->data[VIRTIO_CAPS + 0x14 + 4], 12);
	model.cfg->data[VIRTIO_CAPS + 0x14 + 3] = 5;
	model.cfg->data[0xf3] = 2; /* notifications have no room there */
	const char *said;
	assert_int_equal(dev.class->open(&dev, &said), SL_UNSUPPORTED);
	end();
}

static void test_fails_later(void **state)
{
	char said[48];
	(void)state;
	EACH_KIND(k)
	{
		start(k);
		must_open();
		model.mute = true;
		assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_OK);
		assert_true(is_zero(target.va, PAGE_SIZE));
		model.mute = false;
		model.idle = true;
		assert_int_equal(dev.class->write(&dev, TARGET, 256), SL_OK);
		assert_true(is_zero(target.va, PAGE_SIZE));
		dev.class->said(&dev, said, sizeof said);
		assert_string_equal(said, k ? "len 201" : "len 100");
		model.idle = false;
		model.jams = true;
		assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_TIMEOUT);
		model.gone = true;
		assert_int_equal(dev.class->write(&dev, TARGET, 1), SL_TIMEOUT);
		model.harmful = 0;
		end();
	}
}

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
			if (i == 2 && k)
				assert_int_equal(dev.class->read(&dev, HOLE), SL_OK);
			else
				assert_int_equal(dev.class->write(&dev, i ? RDONLY : TARGET, 256), SL_OK);
			assert_true(now_us() - from < 100);
		}
		end();
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),      cmocka_unit_test(test_read),
		cmocka_unit_test(test_any_memory), cmocka_unit_test(test_without_domain),
		cmocka_unit_test(test_kick),       cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_where),      cmocka_unit_test(test_without_iommu),
		cmocka_unit_test(test_time),       cmocka_unit_test(test_fails_later),
		cmocka_unit_test(test_leftovers),  cmocka_unit_test(test_page)};
	return cmocka_run_group_tests_name("strike_virtio", tests, ram_setup, NULL);
}
