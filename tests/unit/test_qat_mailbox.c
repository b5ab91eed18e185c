/* The messages of a gen4 VF, against a PF's side that takes its time, answers wrongly, or not at all. */
#include <string.h>
#include "drivers/qat/mailbox.h"
#include "tests/unit/test.h"

static struct pf {
	uint8_t version, bytes; /* of the block, as it says */
	uint8_t block[4];
	uint32_t to_vf, to_pf, reply;
	unsigned take_after, reply_after; /* reads of a register */
	unsigned acks, asked;
	uint32_t spoil;    /* bits of replies that are wrong, */
	unsigned spoil_at; /* from this question on */
} pf = {.version = 1, .bytes = 2};

static uint8_t crc_of(const uint8_t *p, unsigned n)
{
	unsigned c = 0xff;
	for (unsigned i = 0; i < 8 * n; i++) {
		unsigned bit = p[i / 8] >> (7 - i % 8) & 1;
		c = c << 1 ^ ((c >> 7 ^ bit) & 1 ? 0x97 : 0);
		c &= 0xff;
	}
	return (uint8_t)c;
}

static uint32_t rd(void *ctx, uint32_t off)
{
	(void)ctx;
	if (pf.take_after && !--pf.take_after)
		pf.to_pf &= ~1u;
	if (!pf.take_after && pf.reply_after && !--pf.reply_after)
		pf.to_vf = pf.reply;
	assert_true(off == 0x1008 || off == 0x100c);
	return off == 0x1008 ? pf.to_vf : pf.to_pf;
}

static void wr(void *ctx, uint32_t off, uint32_t v)
{
	(void)ctx;
	if (off == 0x1008) {
		pf.acks += pf.to_vf & 1 && !(v & 1);
		pf.to_vf = v;
		return;
	}
	/* a small block (type 9), number 3, one byte of it or the CRC */
	assert_int_equal(off, 0x100c);
	assert_int_equal(v & 0xff, 9 << 2 | 3);
	uint32_t data = v >> 8, byte = data >> 4 & 31;
	assert_int_equal(data & 15, 3);
	assert_true(byte < 4);
	uint32_t said =
		data >> 9 ? (uint32_t)crc_of(pf.block, byte + 1) << 2 | 1 : (uint32_t)pf.block[byte] << 2;
	pf.reply = said << 8 | 3 << 2 | 3;
	if (pf.asked++ >= pf.spoil_at)
		pf.reply ^= pf.spoil;
	pf.to_pf = v;
	pf.take_after = 3;
	pf.reply_after = 4;
}

static const struct qat_mailbox_io io = {.rd = rd, .wr = wr};

static enum sl_err ask(unsigned map, struct qat_pair pair[QAT_SERVICES])
{
	pf = (struct pf){.version = pf.version,
			 .bytes = pf.bytes,
			 .block = {pf.version, pf.bytes, (uint8_t)map, (uint8_t)(map >> 8)},
			 .spoil = pf.spoil,
			 .spoil_at = pf.spoil_at};
	pf.to_vf = 1 << 2 | 3; /* something that came earlier */
	return qat_mailbox_pairs(&io, qat_gen_of_vf(0x4941), pair);
}

static void test_map(void **state)
{
	(void)state;
	struct qat_pair p[QAT_SERVICES];
	assert_int_equal(ask(3 | 2 << 3 | 3 << 6 | 2 << 9, p), SL_OK);
	assert_true(p[QAT_SYM].there && p[QAT_SYM].bank == 0 && p[QAT_SYM].tx == 0 && p[QAT_SYM].rx == 1);
	assert_true(p[QAT_DC].there && p[QAT_DC].bank == 1);
	assert_int_equal(pf.acks, 1 + 5);
	assert_int_equal(ask(4 | 2 << 3 | 4 << 6 | 3 << 9, p), SL_OK);
	assert_true(p[QAT_SYM].there && p[QAT_SYM].bank == 3);
	assert_int_equal(ask(4 | 0 << 3 | 4 << 6 | 2 << 9, p), SL_OK);
	assert_true(!p[QAT_SYM].there && p[QAT_DC].there && p[QAT_DC].bank == 3);
	/* Four banks, whatever the bits behind them say; what has no service of ours is left out. */
	assert_int_equal(ask(4 | 4 << 3 | 4 << 6 | 4 << 9 | 2 << 12, p), SL_OK);
	assert_true(!p[QAT_SYM].there && !p[QAT_DC].there);
	for (unsigned bank = 0; bank < 4; bank++) {
		assert_int_equal(ask(3u << 3 * bank, p), SL_OK);
		assert_true(p[QAT_SYM].there && p[QAT_SYM].bank == bank && !p[QAT_DC].there);
		assert_int_equal(ask(2u << 3 * bank, p), SL_OK);
		assert_true(p[QAT_DC].there && p[QAT_DC].bank == bank && !p[QAT_SYM].there);
	}
	for (unsigned bits = 0; bits < 8; bits++) {
		assert_int_equal(ask(bits, p), SL_OK);
		assert_true(p[QAT_SYM].there == (bits == 3) && p[QAT_DC].there == (bits == 2));
	}
}

static void test_wrong(void **state)
{
	(void)state;
	struct qat_pair p[QAT_SERVICES];
	static const uint32_t wrong[] = {1 << 1, 1 << 2, 1u << 7, 1 << 8, 2 << 8, 1 << 10, 0x80u << 10};
	for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		pf.spoil = wrong[i];
		for (pf.spoil_at = 0; pf.spoil_at < 5; pf.spoil_at++) {
			unsigned at = pf.spoil_at;
			assert_int_equal(ask(0x4d3, p), SL_BADVAL);
			pf.spoil_at = at;
		}
	}
	pf.spoil = 0;
	pf.spoil_at = 0;
	pf.version = 0; /* no version, and a payload that is too short */
	pf.bytes = 2;
	assert_int_equal(ask(0x4d3, p), SL_BADVAL);
	pf.version = 1;
	pf.bytes = 1;
	assert_int_equal(ask(0x4d3, p), SL_BADVAL);
	pf.bytes = 2;
	assert_int_equal(ask(0x4d3, p), SL_OK);
}

static uint32_t all_ones(void *ctx, uint32_t off)
{
	(void)ctx;
	(void)off;
	return UINT32_MAX;
}

static uint32_t zero(void *ctx, uint32_t off)
{
	(void)ctx;
	(void)off;
	return 0;
}

/* No PF driver; gone from the bus; taken but never answered. */
static void test_silence(void **state)
{
	(void)state;
	struct qat_pair p[QAT_SERVICES];
	struct qat_mailbox_io silent = {.rd = all_ones, .wr = wr};
	assert_int_equal(qat_mailbox_pairs(&silent, qat_gen_of_vf(0x4941), p), SL_TIMEOUT);
	silent.rd = zero;
	assert_int_equal(qat_mailbox_pairs(&silent, qat_gen_of_vf(0x4941), p), SL_TIMEOUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_map), cmocka_unit_test(test_wrong),
					   cmocka_unit_test(test_silence)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
