/* What holds for each engine that copies memory, whatever its descriptors are (test_strike_dsa.c,
 * test_strike_ioat.c): its caller has opened dev, and `running` is the model's. */
#pragma once
#include "tests/unit/support_strike.h"

#define MOST 2048u

/* A write lands where it may, whole and nowhere else; elsewhere it is refused at its own address. The device
 * says `right` or `wrong`. */
static void must_write(const bool *running, const char *right, const char *wrong)
{
	static const uint32_t lens[] = {1, 100, MOST, MOST + 1, 8 * PAGE_SIZE};
	char said[16];
	for (unsigned i = 0; i < ARRAY_LEN(lens); i++) {
		uint8_t *page = target.va;
		uint32_t len = lens[i] < MOST ? lens[i] : MOST, from = PAGE_SIZE - len / 2;
		memset(page, 0xa5, 2 * PAGE_SIZE);
		refused = 0;
		assert_int_equal(dev.class->write(&dev, TARGET + from, lens[i]), SL_OK);
		for (uint32_t b = 0; b < 2 * PAGE_SIZE; b++)
			if (b - from < len ? page[b] == 0xa5 || !page[b] : page[b] != 0xa5)
				fail_msg("%u of %u bytes", b, len);
		assert_true(!refused && !*running);
		dev.class->said(&dev, said, sizeof said);
		assert_string_equal(said, right);
		for (unsigned to = 0; to < 2; to++) {
			refused = 0;
			assert_int_equal(dev.class->write(&dev, to ? RDONLY : HOLE, lens[i]), SL_OK);
			assert_true(refused == 1 && first_write && !*running);
			assert_int_equal(first_refused, to ? RDONLY : HOLE);
			dev.class->said(&dev, said, sizeof said);
			assert_string_equal(said, wrong);
		}
		assert_true(is_zero(rdonly.va, PAGE_SIZE));
	}
}

/* A read brings the bytes of where it may read, and leaves what was there when it is refused. */
static void must_read(void)
{
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
}

/* Each write changes every byte, whatever an earlier one left there. */
static void must_change_bytes(void)
{
	uint8_t before[MOST];
	for (unsigned i = 0; i < 120; i++) {
		memcpy(before, target.va, MOST);
		assert_int_equal(dev.class->write(&dev, TARGET, MOST), SL_OK);
		for (unsigned b = 0; b < MOST; b++)
			assert_true(((uint8_t *)target.va)[b] != before[b]);
	}
}

/* A fetch needs no memory but the page that was laid: without a domain its first access is refused. */
static void must_fetch(const bool *running)
{
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
		assert_true(refused && first_refused == TARGET && !first_write && !*running);
		assert_true(is_zero(second, PAGE_SIZE));
		assert_int_equal(domain_attach(dom, FN), SL_OK);
	}
}
