/* Controllers that are made to access a chosen address (drivers/strike), each a model under the model of a
 * unit: what lands and what is refused, that nothing in them runs afterwards, that no command could do harm,
 * and what the messages are when one answers with nonsense. */
#include "tests/model/strike_model.h"
#include "tests/unit/support_strike.h"

/* Registers of the models. */
#define AHCI(off) (model.reg[(off) / 4])
#define PORT(off) AHCI(0x100 + 0x80 * MODEL_PORT + (off))
#define HDA8(off) (((const uint8_t *)model.reg)[off])

static struct strike_model model;
static struct dma_buf blocks;

static const struct {
	const struct strike_class *class;
	void (*make)(struct strike_model *m, model_reach reach, void *ctx);
	uint32_t lands, ends; /* bytes that a write changes, from its address on */
	unsigned us;          /* an access that comes to something takes less */
} kinds[] = {{&strike_class_ahci, strike_model_ahci, 0, 508, 100},
	     {&strike_class_hda, strike_model_hda, 8, 16, 100},
	     {&strike_class_xhci, strike_model_xhci, 3, 32, 1200}}; /* a port's event, and a command's */

static void start(unsigned kind)
{
	strike_start(kinds[kind].class);
	kinds[kind].make(&model, reach, NULL);
	dev.io = model.io;
}

static void end(void)
{
	assert_int_equal(model.harmful, 0);
	strike_end();
}

/* A write lands where it may, from its first byte on, as far as it says, and nowhere else. */
static void test_write(void **state)
{
	(void)state;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		start(k);
		must_open();
		const struct strike_class *c = dev.class;
		uint8_t *at = (uint8_t *)target.va + 1024;
		assert_int_equal(c->write(&dev, TARGET + 1024, c->write_most), SL_OK);
		assert_true(is_zero(target.va, 1024 + kinds[k].lands) && at[kinds[k].lands]);
		assert_true(is_zero(at + kinds[k].ends, 2 * PAGE_SIZE - 1024 - kinds[k].ends));
		assert_false(is_zero(at + kinds[k].ends - 8, 8));
		memset(target.va, 0, 2 * PAGE_SIZE);
		assert_int_equal(c->write(&dev, TARGET, 8 * PAGE_SIZE), SL_OK); /* more than it can */
		assert_true(is_zero((uint8_t *)target.va + c->write_most, PAGE_SIZE));
		assert_true(refused == 0 && !model.running);
		for (unsigned i = 0; i < 2; i++) {
			uint64_t to = i ? RDONLY : HOLE;
			refused = 0;
			assert_int_equal(c->write(&dev, to, c->write_most), SL_OK);
			assert_true(refused && first_refused == to && first_write && !model.running);
		}
		assert_true(is_zero(rdonly.va, PAGE_SIZE));
		assert_int_equal(c->write(&dev, TARGET + PAGE_SIZE, c->write_most), SL_OK);
		assert_false(is_zero((uint8_t *)target.va + PAGE_SIZE, PAGE_SIZE));
		c->close(&dev);
		taken = false;
		assert_false(model.running);
		end();
	}
}

/* It does what it reads where it may, and only then. */
static void test_read(void **state)
{
	(void)state;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		start(k);
		model.answer = 1; /* no other word than 0 is better known than the answer */
		must_open();
		const struct strike_class *c = dev.class;
		memset(target.va, 0xee, PAGE_SIZE);
		c->bait(&dev, target.va);
		for (unsigned again = 0; again < 2; again++) {
			assert_int_equal(c->read(&dev, TARGET), SL_OK);
			assert_true(c->obeyed(&dev) && !refused && !model.running);
			assert_int_equal(c->read(&dev, HOLE), SL_OK);
			assert_true(refused && first_refused == HOLE && !first_write);
			assert_false(c->obeyed(&dev)); /* what an earlier one brought does not count */
			refused = 0;
		}
		memset(target.va, 0, PAGE_SIZE); /* a page without it */
		unsigned harmful = model.harmful;
		assert_int_equal(c->read(&dev, TARGET), SL_OK);
		assert_false(c->obeyed(&dev));
		model.harmful = harmful; /* zeros are no command of ours, but the model's notes say so */
		model.idle = true;
		c->bait(&dev, target.va);
		assert_int_equal(c->read(&dev, TARGET), SL_OK);
		assert_false(c->obeyed(&dev));
		end();
	}
}

/* An xHCI controller obeys the bait that was laid last, and only once its command is completed with success.
 */
static void test_bait(void **state)
{
	(void)state;
	start(2);
	must_open();
	const struct strike_class *c = dev.class;
	c->bait(&dev, target.va);
	c->bait(&dev, (uint8_t *)target.va + PAGE_SIZE);
	assert_int_equal(c->read(&dev, TARGET), SL_OK);
	assert_false(c->obeyed(&dev));
	assert_int_equal(c->read(&dev, TARGET + PAGE_SIZE), SL_OK);
	assert_true(c->obeyed(&dev));
	model.xhci.plugged[5] = NULL; /* no port's event before the command's */
	assert_int_equal(c->read(&dev, TARGET + PAGE_SIZE), SL_OK);
	assert_true(c->obeyed(&dev));
	model.xhci.fail_command = 23;
	model.xhci.fail_code = 5;
	assert_int_equal(c->read(&dev, TARGET + PAGE_SIZE), SL_OK);
	assert_false(c->obeyed(&dev));
	assert_int_equal(dev.more.len, 3 * PAGE_SIZE);
	const uint64_t *page = dev.mem.va;
	for (unsigned i = 0; i < 3; i++) /* scratchpad pages: their list, and each of them */
		assert_int_equal(page[page[0] % PAGE_SIZE / 8 + i], dev.more.iova.v + i * PAGE_SIZE);
	end();
}

/* What an xHCI controller's page has: one command, where it says, one segment for events, its scratchpad's
 * list; and nothing of what lay there before, which the controller would take for more of the same. */
static void test_page(void **state)
{
	(void)state;
	start(2);
	must_open();
	const struct strike_class *c = dev.class;
	uint64_t want[PAGE_SIZE / 8] = {[0] = TARGET + 0x800,
					[0x100 / 8] = TARGET + PAGE_SIZE,
					[0x108 / 8] = 16,
					[0x148 / 8] = (23ull << 10 | 1) << 32};
	memset(target.va, 0xff, 2 * PAGE_SIZE);
	for (unsigned i = 0; i < 3; i++)
		want[0x800 / 8 + i] = dev.more.iova.v + i * PAGE_SIZE;
	memset(want + 0x800 / 8 + 3, 0xff, PAGE_SIZE - 0x800 - 24);
	c->lay(&dev, target.va, TARGET);
	assert_memory_equal(target.va, want, PAGE_SIZE);
	for (unsigned i = 0; i < 3; i++) {
		unsigned commands = model.commands;
		memset(dev.mem.va, 0xff, PAGE_SIZE);
		c->bait(&dev, (uint8_t *)target.va + PAGE_SIZE);
		assert_int_equal(i == 0   ? c->write(&dev, TARGET, c->write_most)
				 : i == 1 ? c->read(&dev, TARGET + PAGE_SIZE)
					  : c->kick(&dev),
				 SL_OK);
		assert_int_equal(model.commands - commands, 1);
	}
	end();
}

/* A completion counts in the ring, up to its last place, and not behind it. */
static void test_events(void **state)
{
	(void)state;
	start(2);
	must_open();
	const struct strike_class *c = dev.class;
	uint8_t *ring = strike_brought(&dev), event[16];
	memset(ring, 0xff, PAGE_SIZE); /* what looks like events before does not count, and goes */
	c->bait(&dev, target.va);
	assert_int_equal(c->read(&dev, TARGET), SL_OK);
	assert_true(c->obeyed(&dev));
	memcpy(event, ring + 16, 16); /* behind a port's event */
	assert_true(is_zero(ring + 32, 256 - 32));
	for (unsigned i = 0; i <= 16; i++) {
		memset(ring, 0, PAGE_SIZE);
		memcpy(ring + 16 * i, event, 16);
		assert_int_equal(c->obeyed(&dev), i < 16);
	}
	end();
}

/* A controller that no longer stops after it was taken is not opened, and the log has the reason. */
static void test_opens_not(void **state)
{
	const char *why;
	(void)state;
	start(2);
	assert_int_equal(dev.class->take(&dev, &why), SL_OK);
	taken = true;
	model.jams = true;
	memset(strike_brought(&dev), 0xff, PAGE_SIZE);
	assert_int_equal(dev.class->open(&dev, &why), SL_TIMEOUT);
	assert_string_equal(why, "it does not come out of its reset");
	model.jams = model.never_stops = false;
	end();
}

/* No more than there is room for are open at a time, and one that is closed makes room. */
static void test_many(void **state)
{
	static struct strike_dev many[9];
	const char *why;
	(void)state;
	start(2);
	for (unsigned i = 0; i < ARRAY_LEN(many); i++) {
		many[i] = dev;
		assert_int_equal(dev.class->take(&many[i], &why), i < 8 ? SL_OK : SL_NOSPACE);
	}
	assert_string_equal(why, "as many USB controllers attack already as can");
	dev.class->close(&many[3]);
	model.xhci.bios_owned = model.xhci.bios_keeps = true;
	assert_int_equal(dev.class->take(&many[8], &why), SL_BUSY); /* and is not one of them */
	model.xhci.bios_owned = false;
	assert_int_equal(dev.class->take(&many[3], &why), SL_OK);
	for (unsigned i = 0; i < 8; i++)
		dev.class->close(&many[i]);
	end();
}

/* All that it needs lies in two pages: it reaches them, and once it is in no domain its first access to the
 * first page is refused. */
static void test_without_domain(void **state)
{
	(void)state;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
		for (unsigned keeps = 0; keeps < 2; keeps++) {
			start(k);
			must_open();
			model.keeps = keeps;
			memset(target.va, 0xee, PAGE_SIZE);
			dev.class->lay(&dev, target.va, TARGET);
			assert_true(is_zero((uint8_t *)target.va + PAGE_SIZE, PAGE_SIZE));
			assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
			assert_false(is_zero((uint8_t *)target.va + PAGE_SIZE, PAGE_SIZE));
			assert_true(!model.running && !model.irqs);
			memset((uint8_t *)target.va + PAGE_SIZE, 0, PAGE_SIZE);
			assert_int_equal(domain_detach(dom, FN), SL_OK);
			refused = 0;
			assert_int_equal(dev.class->fetch(&dev, TARGET), SL_OK);
			assert_true(refused && first_refused == TARGET && !model.running);
			assert_true(is_zero((uint8_t *)target.va + PAGE_SIZE, PAGE_SIZE));
			end();
		}
}

/* One message a kick, and none at any other time. */
static void test_kick(void **state)
{
	(void)state;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		start(k);
		must_open();
		for (unsigned i = 1; i <= 300; i++) {
			memset(dev.mem.va, i % 2 ? 0xee : 0,
			       PAGE_SIZE); /* nothing of an earlier access helps */
			assert_int_equal(dev.class->kick(&dev), SL_OK);
			assert_int_equal(model.irqs, i);
			assert_int_equal(dev.class->write(&dev, HOLE, dev.class->write_most), SL_OK);
			assert_int_equal(model.irqs, i);
		}
		if (dev.class ==
		    &strike_class_hda) { /* no interrupts afterwards, and reset once it is closed */
			assert_int_equal(model.reg[0x20 / 4], 0);
			dev.class->close(&dev);
			assert_true(!model.reg[0x08 / 4] && !HDA8(0x4c) && !HDA8(0x5c));
		}
		model.jams = true;
		assert_int_equal(dev.class->kick(&dev), SL_TIMEOUT);
		end();
	}
}

/* Where a class would get more memory. */
static void must_map_at_more(void)
{
	assert_int_equal(dma_get(dom, IOVA(W + STRIKE_MEM), PAGE_SIZE, DOMAIN_RW, &blocks), SL_OK);
}

/* What is wrong with it, and the message about that. */
static void test_hostile(void **state)
{
	(void)state;
	static const char *const why[][3] = {
		{"its registers do not answer", "it does not come out of its reset",
		 "its registers do not answer"},
		{"no drive is connected to it", "no codec is connected to it", "it completes no command"},
		{"a port does not stop", "it does not come out of its reset", "it does not halt"},
		{NULL, "it does not come out of its reset", "it does not come out of its reset"},
		{"it has 32-bit addresses only", "it has 32-bit addresses only",
		 "it has 32-bit addresses only (HCCPARAMS1.AC64 is 0), and its window is above 4 GiB"},
		{NULL, "its codec does not answer", NULL},
		{NULL, "its codec does not answer", NULL},
		{NULL, NULL, "the firmware does not let go of it (USBLEGSUP)"},
		{NULL, NULL, "its debug capability is in use"},
		{NULL, NULL, "it completes no command"},
		{NULL, NULL, "it wants more than 256 scratchpad pages"},
		{NULL, NULL, "there is no memory for its scratchpad pages"}};
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
		for (unsigned i = 0; i < ARRAY_LEN(why); i++) {
			const char *said = NULL;
			start(k);
			model.gone = i == 0;
			model.empty = i == 1;
			model.never_stops = i == 2;
			model.never_resets = i == 3;
			model.narrow = i == 4;
			if (i == 4)
				model.reg[0] = 0;
			if (i == 5)
				model.answer = 0;
			if (i == 6)
				model.answer = UINT32_MAX;
			model.xhci.bios_keeps = i == 7;
			model.xhci.debug = i == 8;
			model.xhci.never_starts = i == 9;
			model.xhci.hcs2 |= i == 10 ? 8u << 21 : 0; /* 259 */
			if (i == 11)
				must_map_at_more();
			enum sl_err e = take_and_open(&said);
			if (why[i][k] && (!said || strcmp(said, why[i][k])))
				fail_msg("%s %u: %s", dev.class->name, i, said ? said : "nothing");
			if (why[i][k])
				assert_int_not_equal(e, SL_OK);
			else
				assert_int_equal(e, SL_OK);
			if (i == 11)
				assert_int_equal(dma_put(&blocks), SL_OK);
			assert_false(model.xhci.bios_keeps && model.xhci.os_owned); /* as it was */
			end();
		}
}

/* It goes wrong later: an access ends, with an error where it does not stop. */
static void test_fails_later(void **state)
{
	char said[48];
	(void)state;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		start(k);
		must_open();
		model.idle = true;
		assert_int_equal(dev.class->write(&dev, TARGET, dev.class->write_most), SL_OK);
		assert_true(is_zero(target.va, PAGE_SIZE));
		model.idle = false;
		model.jams =
			true; /* the first access stops no more, and what comes after it does not start */
		assert_int_equal(dev.class->write(&dev, TARGET, dev.class->write_most), SL_TIMEOUT);
		model.half = true;
		assert_int_equal(dev.class->write(&dev, TARGET, dev.class->write_most), SL_TIMEOUT);
		assert_true(model.running);
		model.jams = model.half = model.never_stops = false;
		dev.class->close(&dev); /* it can be stopped again, and is */
		assert_false(model.running);
		must_open();
		model.never_stops = true;
		assert_int_equal(dev.class->write(&dev, TARGET, dev.class->write_most), SL_TIMEOUT);
		model.gone = true;
		assert_int_equal(dev.class->write(&dev, TARGET, dev.class->write_most), SL_TIMEOUT);
		dev.class->said(&dev, said, sizeof said);
		assert_non_null(strstr(said, "ff"));
		model.gone = model.never_stops = false;
		end();
	}
}

/* Registers that hold 32 bits of an address: memory that ends at 4 GiB or below it, or the function is left
 * out. */
static void test_narrow(void **state)
{
	(void)state;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		const char *why = NULL;
		if (kinds[k].class->take) /* needs 64 bits, wherever its memory is */
			continue;
		start(k);
		model.reg[0] = 0;
		struct dma_buf high = dev.mem;
		dev.mem.iova = IOVA(1ull << 32);
		assert_int_equal(dev.class->open(&dev, &why), SL_UNSUPPORTED);
		assert_string_equal(why, "it has 32-bit addresses only");
		assert_true(dev.narrow);
		assert_int_equal(dma_get(dom, IOVA(0x10000000), STRIKE_MEM, DOMAIN_RW, &dev.mem), SL_OK);
		must_open();
		assert_int_equal(dma_put(&dev.mem), SL_OK);
		dev.mem = high;
		end();
	}
}

/* What a SATA controller and its drive may be. */
static void test_drives(void **state)
{
	const char *why = NULL;
	(void)state;
	start(0);
	model.packet = true;
	PORT(0x24) = 0xeb140101;
	AHCI(0x0c) = UINT32_MAX; /* all ports there are */
	AHCI(0x24) = 0;          /* nothing of the firmware's to be asked for */
	must_open();
	assert_int_equal(dev.class->write(&dev, TARGET, 2), SL_OK);
	assert_false(is_zero(target.va, 2));
	PORT(0x24) = 0xc33c0101; /* an enclosure */
	assert_int_equal(dev.class->open(&dev, &why), SL_NOTFOUND);
	assert_string_equal(why, "no drive is connected to it");
	PORT(0x24) = 0xeb140101;
	AHCI(0x00) = UINT32_MAX; /* no value of this register alone says that none answers */
	AHCI(0x0c) = 1u << MODEL_PORT;
	must_open();
	end();
}

/* An earlier command has left the drive busy: a reset of its link helps, or nothing is sent to it. */
static void test_busy(void **state)
{
	(void)state;
	for (unsigned stays = 0; stays < 2; stays++) {
		start(0);
		must_open();
		PORT(0x20) = 0x88;
		model.empty = stays; /* it does not come back after the reset */
		unsigned commands = model.commands;
		assert_int_equal(dev.class->write(&dev, TARGET, 2), SL_OK);
		assert_int_equal(is_zero(target.va, 2), stays);
		assert_int_equal(model.commands - commands, !stays);
		assert_false(model.running);
		end();
	}
}

/* Every byte of IDENTIFY, and none behind it, says that the command was executed. */
static void test_obeyed(void **state)
{
	(void)state;
	start(0);
	must_open();
	for (unsigned i = 0; i < 1024; i++) {
		memset(strike_brought(&dev), 0, PAGE_SIZE);
		strike_brought(&dev)[i] = 1;
		assert_int_equal(dev.class->obeyed(&dev), i < 512);
	}
	end();
}

/* A controller that never reports the reset of its read pointer does all the same. */
static void test_no_acknowledge(void **state)
{
	(void)state;
	start(1);
	model.no_ack = true;
	must_open();
	assert_int_equal(dev.class->write(&dev, TARGET, dev.class->write_most), SL_OK);
	assert_false(is_zero(target.va, PAGE_SIZE));
	end();
}

/* An access is over when it has come to something: none of its waits, each of which may be for nothing, goes
 * to its end. */
static void test_time(void **state)
{
	(void)state;
	for (unsigned k = 0; k < ARRAY_LEN(kinds); k++) {
		start(k);
		must_open();
		dev.class->bait(&dev, target.va);
		support_clock_step = 1; /* at each look */
		for (unsigned i = 0; i < 2; i++) {
			uint64_t from = now_us();
			assert_int_equal(i ? dev.class->read(&dev, TARGET)
					   : dev.class->write(&dev, RDONLY, dev.class->write_most),
					 SL_OK);
			assert_true(now_us() - from < kinds[k].us);
		}
		end();
	}
}

/* Real registers are accessed at the width that the caller names, and nothing beside them. */
static void test_registers(void **state)
{
	static const uint8_t v[] = {0x11, 0x22, 0x33, 0x84};
	(void)state;
	for (unsigned bytes = 1; bytes <= 4; bytes *= 2) {
		_Alignas(4) uint8_t regs[12] = {0};
		uint32_t want = 0;
		struct strike_io io = strike_io_mmio(regs, 8);
		for (unsigned i = bytes; i--;)
			want = want << 8 | v[i];
		strike_wr(&io, 4, bytes, 0x84332211);
		assert_memory_equal(regs + 4, v, bytes);
		assert_true(is_zero(regs, 4) && is_zero(regs + 4 + bytes, 8 - bytes));
		memset(regs, 0xee, sizeof regs);
		memcpy(regs + 4, v, bytes);
		assert_int_equal(strike_rd(&io, 4, bytes), want);
		strike_wr(&io, 8, bytes, 0);
		assert_true(regs[8] == 0xee && strike_rd(&io, 8, bytes) == UINT32_MAX);
	}
}

static bool is_refused(void *of)
{
	(void)of;
	return refused != 0;
}

/* What a refused command would show is waited for no longer than until the unit has recorded it. */
static void test_wait_ends(void **state)
{
	(void)state;
	for (unsigned known = 0; known < 2; known++) {
		start(0);
		must_open();
		dev.io.over = known ? is_refused : NULL;
		support_clock_step = 1;
		uint64_t from = now_us();
		assert_int_equal(dev.class->read(&dev, HOLE), SL_OK);
		assert_true((now_us() - from < 1000) == known);
		assert_int_equal(refused, 1);
		refused = 0;
		dev.class->bait(&dev, target.va);
		assert_int_equal(dev.class->read(&dev, TARGET), SL_OK);
		assert_true(dev.class->obeyed(&dev) && !refused);
		end();
	}
}

/* Nothing beyond the BAR is accessed. */
static void test_bar(void **state)
{
	(void)state;
	start(0);
	dev.io.len = 0x100 + 0x80 * MODEL_PORT + 0x2b; /* SSTS is cut */
	assert_int_equal(strike_rd(&dev.io, 0x100 + 0x80 * MODEL_PORT + 0x28, 4), UINT32_MAX);
	assert_int_equal(strike_rd(&dev.io, 0x100 + 0x80 * MODEL_PORT + 0x24, 4), 0x101);
	const char *why;
	assert_int_equal(dev.class->open(&dev, &why), SL_NOTFOUND);
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_write),          cmocka_unit_test(test_read),
		cmocka_unit_test(test_without_domain), cmocka_unit_test(test_kick),
		cmocka_unit_test(test_bait),           cmocka_unit_test(test_page),
		cmocka_unit_test(test_events),         cmocka_unit_test(test_opens_not),
		cmocka_unit_test(test_many),           cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_fails_later),    cmocka_unit_test(test_narrow),
		cmocka_unit_test(test_drives),         cmocka_unit_test(test_busy),
		cmocka_unit_test(test_obeyed),         cmocka_unit_test(test_no_acknowledge),
		cmocka_unit_test(test_time),           cmocka_unit_test(test_registers),
		cmocka_unit_test(test_wait_ends),      cmocka_unit_test(test_bar)};
	return cmocka_run_group_tests_name("strike", tests, ram_setup, NULL);
}
