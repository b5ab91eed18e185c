/* MSI-X and MSI as PCIe §7.7 has them: a function of the model, its table in plain memory. */
#include <string.h>
#include "kernel/mmio.h"
#include "pci/priv.h"
#include "tests/model/cfg_model.h"

/* The code under test is compiled here once more, with its stores to the table watched. */
static void watched_wr32(volatile void *p, uint32_t v);
#define mmio_wr32 watched_wr32
#include "pci/msix.c"
#include "tests/unit/test.h"
#undef mmio_wr32

static struct cm model;
static struct cm_fn *dev;
static struct pci_func fn;
static uint32_t bar[0x1000]; /* 16 KiB */
#define TABLE (0x2000 / 4)

/* A message may change only while its vector is masked: PCIe §6.1.4.2. */
static void watched_wr32(volatile void *p, uint32_t v)
{
	size_t word = (size_t)((volatile uint32_t *)p - bar) - TABLE;
	if (word % 4 != 3)
		assert_int_equal(bar[TABLE + (word | 3)] & 1, 1);
	mmio_wr32(p, v);
}

static void allow(unsigned off, unsigned bytes, uint32_t mask)
{
	for (unsigned i = 0; i < bytes; i++)
		dev->mask[off + i] = (uint8_t)(mask >> 8 * i);
}

static int setup(void **state)
{
	(void)state;
	cm_init(&model);
	dev = cm_add(&model, NULL, 0, 0x3b, 1, 0x12348086, 0x010802);
	fn = (struct pci_func){.cfg = &model.cfg, .bdf = {0, 0x3b01}};
	memset(bar, 0xee, sizeof(bar));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unsigned violations = model.violations;
	cm_free(&model);
	return violations != 0;
}

static void add_msix(unsigned vectors)
{
	cm_cap(dev, 0x90, 0x11);
	cm_put(dev, 0x92, 2, vectors - 1);
	allow(0x92, 2, 0xc000);
	cm_put(dev, 0x94, 4, 0x2000); /* BAR 0 */
	cm_put(dev, 0x98, 4, 0x3000);
	fn.bar[0] = (struct pci_bar){.addr = 0x10000000, .size = sizeof(bar)};
	caps_read(&fn);
}

static uint32_t entry(unsigned vector, unsigned word)
{
	return bar[TABLE + 4 * vector + word];
}

static void expect_rest_untouched(unsigned vectors)
{
	for (unsigned i = 0; i < sizeof(bar) / 4; i++)
		if (i < TABLE || i >= TABLE + 4 * vectors)
			assert_int_equal(bar[i], 0xeeeeeeee);
}

static void test_msix(void **state)
{
	(void)state;
	struct msix x;
	struct msix_table t;
	add_msix(5);
	for (unsigned i = 0; i < 5; i++)
		bar[TABLE + 4 * i + 3] = 0xabcd0000; /* not masked; reserved bits are kept */
	assert_int_equal(msix_read(&fn, &x), SL_OK);
	assert_int_equal(msix_open(&fn, &x, bar, &t), SL_OK);
	assert_int_equal(cm_get(dev, 0x92, 2), 0x8004); /* on, and the function mask is gone */
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(entry(i, 3), 0xabcd0001);
	assert_int_equal(msix_set(&t, 4, 0x1fee12348, 0x99), SL_OK);
	assert_int_equal(entry(4, 0), 0xfee12348);
	assert_int_equal(entry(4, 1), 1);
	assert_int_equal(entry(4, 2), 0x99);
	assert_int_equal(entry(4, 3), 0xabcd0000);
	assert_int_equal(msix_set(&t, 4, 0x1fee12348, 0x99), SL_OK); /* also when it is not masked before */
	assert_int_equal(entry(4, 3), 0xabcd0000);
	assert_int_equal(entry(3, 3), 0xabcd0001);
	assert_int_equal(msix_mask(&t, 4, true), SL_OK);
	assert_int_equal(entry(4, 3), 0xabcd0001);
	assert_int_equal(msix_mask(&t, 4, false), SL_OK);
	assert_int_equal(entry(4, 3), 0xabcd0000);
	struct msix_vector v = msix_vector(&t, 4);
	msix_vector_mask(&v, true);
	assert_int_equal(entry(4, 3), 0xabcd0001);
	v = msix_vector(&t, 4); /* of one that is masked */
	msix_vector_mask(&v, false);
	assert_int_equal(entry(4, 3), 0xabcd0000);
	assert_int_equal(entry(3, 3), 0xabcd0001);
	assert_int_equal(msix_set(&t, 5, 0xfee00000, 0), SL_RANGE);
	assert_int_equal(msix_mask(&t, 5, true), SL_RANGE);
	assert_int_equal(msix_set(&t, 0, 0xfee00002, 0), SL_RANGE);
	assert_int_equal(entry(0, 3), 0xabcd0001);
	msix_close(&t);
	assert_int_equal(cm_get(dev, 0x92, 2), 0x4);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(entry(i, 3), 0xabcd0001);
	assert_int_equal(msix_set(&t, 0, 0xfee00000, 0), SL_RANGE); /* closed */
	expect_rest_untouched(5);
}

/* Every write of the control register, in order: masked before it is on, and until every vector is. */
static uint32_t written[8];
static unsigned writes;
static void (*plain_wr)(void *, bdf_t, uint16_t, unsigned, uint32_t);

static void spy(void *ctx, bdf_t who, uint16_t off, unsigned bytes, uint32_t v)
{
	if (off == 0x92 && writes < 8) {
		bool all = true;
		for (unsigned i = 0; i < 5; i++)
			all = all && entry(i, 3) & 1;
		written[writes++] = v | (all ? 0x10000 : 0);
	}
	plain_wr(ctx, who, off, bytes, v);
}

static void test_msix_order(void **state)
{
	(void)state;
	struct msix x;
	struct msix_table t;
	add_msix(5);
	for (unsigned i = 0; i < 5; i++)
		bar[TABLE + 4 * i + 3] = 0;
	plain_wr = model.cfg.wr;
	model.cfg.wr = spy;
	writes = 0;
	assert_int_equal(msix_read(&fn, &x), SL_OK);
	assert_int_equal(msix_open(&fn, &x, bar, &t), SL_OK);
	assert_int_equal(msix_set(&t, 1, 0xfee00000, 0), SL_OK);
	msix_close(&t);
	assert_int_equal(writes, 4);
	assert_int_equal(written[0], 0xc004);  /* on and masked as a whole */
	assert_int_equal(written[1], 0x18004); /* every vector masked, then the whole is not */
	assert_int_equal(written[2], 0xc004);
	assert_int_equal(written[3], 0x10004);
}

static void test_msix_refused(void **state)
{
	(void)state;
	struct msix x;
	struct msix_table t;
	add_msix(2048);
	assert_int_equal(msix_read(&fn, &x), SL_BADVAL); /* table runs past the BAR */
	cm_put(dev, 0x92, 2, 1);
	assert_int_equal(msix_read(&fn, &x), SL_OK);
	allow(0x92, 2, 0x4000); /* Enable does not stick */
	assert_int_equal(msix_open(&fn, &x, bar, &t), SL_DEVICE);
	assert_int_equal(cm_get(dev, 0x92, 2), 1);
}

/* ctl: Multiple Message Capable, 64 bit, mask bits. */
static void add_msi(unsigned off, unsigned ctl)
{
	cm_cap(dev, off, 5);
	cm_put(dev, off + 2, 2, ctl);
	allow(off + 2, 2, 0x71);
	allow(off + 4, 4, 0xfffffffc);
	allow(off + 8, 4, 0xffffffff);
	allow(off + 12, 4, 0xffffffff);
	allow(off + 16, 4, 0xffffffff);
	cm_put(dev, off + 12, 4, 0x77777777);
	cm_put(dev, off + 16, 4, 0x77777777);
	caps_read(&fn);
}

static void test_msi_narrow(void **state)
{
	(void)state;
	struct msi x;
	assert_int_equal(msi_read(&fn, &x), SL_NOTFOUND);
	assert_int_equal(msi_open(&fn, 1, 0xfee00000, 0), SL_NOTFOUND);
	msi_close(&fn);
	add_msi(0x50, 0x4); /* 4 messages, 32 bit, no masks */
	assert_int_equal(msi_read(&fn, &x), SL_OK);
	assert_int_equal(x.messages, 4);
	assert_false(x.wide);
	assert_false(x.masks);
	assert_int_equal(msi_open(&fn, 4, 0xfee00018, 0x40), SL_OK);
	assert_int_equal(cm_get(dev, 0x52, 2), 0x25);
	assert_int_equal(cm_get(dev, 0x54, 4), 0xfee00018);
	assert_int_equal(cm_get(dev, 0x58, 2), 0x40);
	assert_int_equal(cm_get(dev, 0x5c, 4), 0x77777777); /* not its own any more */
	msi_close(&fn);
	assert_int_equal(cm_get(dev, 0x52, 2), 0x24);
	assert_int_equal(msi_open(&fn, 1, 0xfee00010, 0), SL_OK); /* fewer than before */
	assert_int_equal(cm_get(dev, 0x52, 2), 0x05);
	msi_close(&fn);
	static const struct {
		unsigned count;
		uint64_t addr;
		uint32_t data;
	} bad[] = {{0, 0xfee00000, 0}, {3, 0xfee00000, 0}, {8, 0xfee00000, 0},       {1, 0x1fee00000, 0},
		   {1, 0xfee00001, 0}, {4, 0xfee00000, 2}, {1, 0xfee00000, 0x10000}, {0x80000001, 0, 0}};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(msi_open(&fn, bad[i].count, bad[i].addr, bad[i].data), SL_RANGE);
	assert_int_equal(cm_get(dev, 0x52, 2), 0x04);
}

static void test_msi_wide(void **state)
{
	(void)state;
	struct msi x;
	add_msi(0x50, 0x18a); /* 32 messages, 64 bit, masks */
	assert_int_equal(msi_read(&fn, &x), SL_OK);
	assert_int_equal(x.messages, 32);
	assert_true(x.wide && x.masks);
	assert_int_equal(msi_open(&fn, 32, 0x1fee00018, 0), SL_OK);
	assert_int_equal(cm_get(dev, 0x52, 2), 0x1db);
	assert_int_equal(cm_get(dev, 0x58, 4), 1);
	assert_int_equal(cm_get(dev, 0x5c, 2), 0);
	assert_int_equal(cm_get(dev, 0x60, 4), 0);
	cm_put(dev, 0x52, 2, 0x18c); /* 64 messages: reserved */
	assert_int_equal(msi_read(&fn, &x), SL_BADVAL);
	assert_int_equal(msi_open(&fn, 1, 0xfee00000, 0), SL_BADVAL);
}

static void test_msi_refused(void **state)
{
	(void)state;
	struct msi x;
	add_msix(5);
	add_msi(0xec, 0x180); /* its mask register would lie at fch, pending bits beyond the area: fits */
	assert_int_equal(msi_read(&fn, &x), SL_OK);
	cm_put(dev, 0x92, 2, 0x8004);
	assert_int_equal(msi_open(&fn, 1, 0xfee00000, 0), SL_BUSY);
	cm_put(dev, 0x92, 2, 4);
	allow(0xee, 2, 0x70);
	assert_int_equal(msi_open(&fn, 1, 0xfee00000, 0), SL_DEVICE);
}

static void test_msi_past_the_end(void **state)
{
	(void)state;
	struct msi x;
	add_msi(0xf0, 0x180);
	assert_int_equal(msi_read(&fn, &x), SL_BADVAL);
	cm_put(dev, 0xf2, 2, 0x80); /* without masks it fits */
	assert_int_equal(msi_read(&fn, &x), SL_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_msix, setup, teardown),
		cmocka_unit_test_setup_teardown(test_msix_order, setup, teardown),
		cmocka_unit_test_setup_teardown(test_msix_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_msi_narrow, setup, teardown),
		cmocka_unit_test_setup_teardown(test_msi_wide, setup, teardown),
		cmocka_unit_test_setup_teardown(test_msi_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_msi_past_the_end, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
