/* drivers/igb/port.c against registers and a ring that do as they like: 82574 and 82576. */
#include <string.h>
#include "drivers/igb/port.h"
#include "drivers/igb/regs.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define RAM    0x340000000ull /* above 4 GiB */
#define SLOTS  8u
#define BUFFER 2048u

static struct {
	uint32_t reg[PF_BYTES / 4];
	bool gone, in_reset, busy, no_link, mute; /* mute: sends nothing */
	uint8_t wire[IGB_PORT_FRAME];             /* the last frame that was sent */
	size_t wire_n;
	uint32_t next;  /* receive descriptor */
	unsigned looks; /* at whether the PHY has its order */
} card;
static struct igb_port port;
static bool legacy;

static volatile uint64_t *descriptor(uint32_t base, uint32_t i)
{
	return (volatile uint64_t *)phys_va(
		       PHYS(card.reg[base / 4] | (uint64_t)card.reg[base / 4 + 1] << 32)) +
	       2 * i;
}

static void transmit(uint32_t tail)
{
	for (uint32_t *i = &card.reg[TDH / 4]; !card.mute && *i != tail; *i = (*i + 1) % SLOTS) {
		volatile uint64_t *d = descriptor(TDBAL, *i);
		assert_true(d[1] & TX_EOP && d[1] & TX_IFCS && d[1] & TX_RS);
		assert_int_equal(!(d[1] & TX_DEXT), legacy);
		if (!legacy)
			assert_int_equal(FGET(d[1], TX_PAYLEN), d[1] & TX_LEN);
		card.wire_n = d[1] & TX_LEN;
		memcpy(card.wire, phys_va(PHYS(d[0])), card.wire_n);
		d[1] |= BIT(32);
	}
}

static uint32_t model_rd(void *ctx, uint32_t off)
{
	(void)ctx;
	card.looks += off == MDIC;
	return card.gone ? UINT32_MAX : card.reg[off / 4];
}

static void model_wr(void *ctx, uint32_t off, uint32_t v)
{
	(void)ctx;
	if (off == CTRL && v & CTRL_GIO_MASTER_DISABLE && !card.busy)
		card.reg[STATUS / 4] &= ~(uint32_t)STATUS_GIO_MASTER;
	if (off == CTRL && v & CTRL_RST && !card.in_reset)
		v = 0;
	if (off == CTRL && v & CTRL_SLU && !card.no_link)
		card.reg[STATUS / 4] |= STATUS_LU;
	if (off == MDIC)
		v |= MDIC_READY;
	card.reg[off / 4] = v;
	if (off == TDT)
		transmit(v);
}

/* A frame of n bytes that says that it has so many, with these bits of its descriptor. */
static bool arrive(const uint8_t *frame, size_t n, uint64_t says, uint64_t bits)
{
	volatile uint64_t *d = descriptor(RDBAL, card.next);
	if (card.next == card.reg[RDT / 4])
		return false;
	memcpy(phys_va(PHYS(d[0])), frame, n);
	d[1] = legacy ? FPUT(BITS(15, 0), says) | bits << 32 : FPUT(RX_LEN, says) | bits;
	card.next = (card.next + 1) % SLOTS;
	return true;
}

#define DONE (RX_DD | RX_EOP)

static void begin(bool old)
{
	memset(&card, 0, sizeof card);
	legacy = old;
	card.reg[STATUS / 4] = STATUS_GIO_MASTER;
	card.reg[EECD / 4] = EECD_AUTO_RD;
	card.reg[RAL(0) / 4] = 0x12005452;
	card.reg[RAH(0) / 4] = 0x80005634;
	port = (struct igb_port){.io = {model_rd, model_wr, NULL}, .legacy = old};
}

static void end(uint64_t free)
{
	igb_port_stop(&port);
	assert_int_equal(card.reg[RCTL / 4] | card.reg[TCTL / 4], 0);
	assert_int_equal(igb_port_free(&port), SL_OK);
	assert_int_equal(pmm_free_pages(), free);
}

/* What stands in the registers once it receives and sends: 82574 §10.2, 82576EB chapter 8. */
static void assert_started(bool old)
{
	const struct {
		uint32_t off, v;
	} rows[] = {{RDLEN, 128},
		    {TDLEN, 128},
		    {RDH, 0},
		    {TDH, 0},
		    {TDT, 0},
		    {RDT, 7},
		    {RCTL, 0x04008012},
		    {TCTL, 0x000400fa},
		    {SRRCTL, old ? 0 : 0x02000002},
		    {RXDCTL, old ? 0 : 0x02000000},
		    {TXDCTL, old ? 0 : 0x02000000},
		    {IMC, UINT32_MAX},
		    {TDBAL, (uint32_t)port.rings.iova.v},
		    {RDBAL, (uint32_t)port.rings.iova.v + 128},
		    {RDBAH, (uint32_t)(port.rings.iova.v >> 32)},
		    {TDBAH, (uint32_t)(port.rings.iova.v >> 32)},
		    {MDIC, 0}}; /* there is a link */
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
		if (card.reg[rows[i].off / 4] != rows[i].v)
			fail_msg("%x: %x", rows[i].off, card.reg[rows[i].off / 4]);
	for (uint32_t i = 0; i < SLOTS; i++) { /* a buffer for each slot, and nothing received yet */
		assert_int_equal(descriptor(RDBAL, i)[0], port.receive.iova.v + i * BUFFER);
		assert_int_equal(descriptor(RDBAL, i)[1], old ? 0 : RX_UNWRITTEN);
	}
}

static void test_frames(void **state)
{
	(void)state;
	for (unsigned old = 0; old < 2; old++) {
		static uint8_t frame[IGB_PORT_FRAME + 1], got[IGB_PORT_FRAME];
		uint64_t free = pmm_free_pages();
		static const uint8_t mac[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
		begin(old);
		assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_OK);
		assert_int_equal(igb_port_start(&port), SL_OK);
		assert_memory_equal(port.mac, mac, 6);
		assert_started(old);
		for (unsigned i = 0; i < 3 * SLOTS; i++) {
			memset(frame, (int)i, sizeof frame);
			memcpy(igb_port_place(&port), frame, 60 + i);
			assert_int_equal(igb_port_send(&port, 60 + i), SL_OK);
			assert_int_equal(card.wire_n, 60 + i);
			assert_memory_equal(card.wire, frame, 60 + i);
			assert_true(arrive(frame, 60 + i, 60 + i, DONE));
			assert_int_equal(igb_port_receive(&port, got), 60 + i);
			assert_memory_equal(got, frame, 60 + i);
			if (!old) /* the dword of the status is stored a second time, late */
				descriptor(RDBAL, i % SLOTS)[1] |= DONE;
			assert_int_equal(igb_port_receive(&port, got), 0);
		}
		assert_int_equal(port.bad, 0);
		assert_int_equal(igb_port_send(&port, IGB_PORT_FRAME + 1), SL_RANGE);
		for (unsigned i = 0; i < SLOTS - 1; i++) /* the whole ring but one */
			assert_true(arrive(frame, 60 + i, 60 + i, DONE));
		assert_false(arrive(frame, 60, 60, DONE));
		for (unsigned i = 0; i < SLOTS - 1; i++)
			assert_int_equal(igb_port_receive(&port, got), 60 + i);
		end(free);
	}
}

/* Too long, in parts, with an error: counted, passed over, and nothing beyond the buffer is read. */
static void test_bad_frames(void **state)
{
	(void)state;
	for (unsigned old = 0; old < 2; old++) {
		static uint8_t frame[IGB_PORT_FRAME], got[IGB_PORT_FRAME];
		uint64_t free = pmm_free_pages(), error = old ? BIT(8) : BIT(24);
		begin(old);
		assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_OK);
		assert_int_equal(igb_port_start(&port), SL_OK);
		assert_true(arrive(frame, 60, IGB_PORT_FRAME + 1, DONE));
		assert_true(arrive(frame, 60, 0xffff, DONE));
		assert_true(arrive(frame, 60, 60, RX_DD));
		assert_true(arrive(frame, 60, 60, DONE | error));
		assert_true(arrive(frame, 61, 61, DONE));
		assert_int_equal(igb_port_receive(&port, got), 61);
		assert_int_equal(port.bad, 4);
		/* A device that says of every descriptor that it is done keeps nobody in a loop. */
		for (uint32_t i = 0; i < SLOTS; i++)
			descriptor(RDBAL, i)[1] = old ? BIT(32) : RX_DD;
		assert_int_equal(igb_port_receive(&port, got), 0);
		assert_true(port.bad <= 4 + SLOTS);
		end(free);
	}
}

static void test_that_fail(void **state)
{
	(void)state;
	uint64_t free = pmm_free_pages();
	begin(false);
	card.gone = true;
	assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_DEVICE);
	begin(false);
	card.busy = true;
	assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_TIMEOUT);
	begin(false);
	card.in_reset = true;
	assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_TIMEOUT);
	begin(false);
	card.reg[RAL(0) / 4] = card.reg[RAH(0) / 4] = 0;
	assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_DEVICE);
	begin(false);
	card.no_link = true;
	assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_OK);
	assert_int_equal(igb_port_start(&port), SL_TIMEOUT);
	assert_int_equal(card.reg[MDIC / 4], 0x1200 | 1 << 21 | 1 << 26 | 1 << 28); /* it negotiates */
	assert_int_equal(card.looks, 1);
	end(free);
	/* A group's address is none; one of the last two bytes alone is one. */
	begin(false);
	card.reg[RAL(0) / 4] |= 1;
	assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_DEVICE);
	begin(false);
	card.reg[RAL(0) / 4] = 0;
	assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_OK);
	end(free);
	begin(false);
	card.reg[RAL(0) / 4] = 0;
	card.reg[RAH(0) / 4] = 0x80000000;
	assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_DEVICE);
	begin(true);
	assert_int_equal(igb_port_open(&port, NULL, IOVA(0)), SL_OK);
	assert_int_equal(igb_port_start(&port), SL_OK);
	card.mute = true;
	assert_int_equal(igb_port_send(&port, 60), SL_TIMEOUT);
	end(free);
}

static void test_ids(void **state)
{
	(void)state;
	bool old;
	assert_true(igb_port_drives(0x8086, 0x10d3, &old) && old);
	assert_true(igb_port_drives(0x8086, 0x10f6, &old) && old);
	assert_true(igb_port_drives(0x8086, 0x150c, &old) && old);
	assert_true(igb_port_drives(0x8086, 0x10c9, &old) && !old);
	assert_true(igb_port_drives(0x8086, 0x1521, &old) && !old);
	assert_false(igb_port_drives(0x8086, 0x10ca, &old));
	assert_false(igb_port_drives(0x1af4, 0x10d3, &old));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_frames), cmocka_unit_test(test_bad_frames),
					   cmocka_unit_test(test_that_fail), cmocka_unit_test(test_ids)};
	support_clock_step = 10;
	if (pmm_add(support_ram(PAGE_2M, RAM), PAGE_2M / PAGE_SIZE))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
