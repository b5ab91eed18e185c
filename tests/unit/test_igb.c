/* The driver of 82576 and I350 against a model of the card that also lies: every frame that it delivers is
 * whole, in order and in memory that it may reach with that permission, and each lie has a sentence and
 * disturbs nobody else. */
#include <string.h>
#include "drivers/igb/pf.h"
#include "drivers/igb/queue.h"
#include "drivers/igb/regs.h"
#include "drivers/igb/vf.h"
#include "tests/model/igb_model.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define M   (&igb_model)
#define TWO 2u /* VFs that are used */

static struct igb_pf pf;
static struct igb_vf vf[TWO];
static struct igb_mbx_vf mbx[TWO];
static struct igb_desc rx_ring[TWO][PACKET_RING], tx_ring[TWO][PACKET_RING];
static uint32_t head[TWO][1024];
static uint8_t receive[TWO][PACKET_RING * PACKET_STRIDE], sent[TWO][PACKET_RING * PACKET_STRIDE];
static struct igb_memory mem[TWO];
static const char *card = "82576";

static struct dma_buf at(void *va, uint64_t iova, uint64_t len)
{
	return (struct dma_buf){.va = va, .iova = IOVA(iova), .len = len};
}

static void lay_out(unsigned i)
{
	mem[i] = (struct igb_memory){.rx_ring = at(rx_ring[i], 0x2000000000, sizeof rx_ring[i]),
				     .tx_ring = at(tx_ring[i], 0x2000001000, sizeof tx_ring[i]),
				     .head = at(head[i], 0x2000002000, sizeof head[i]),
				     .receive = at(receive[i], 0x2000800000, sizeof receive[i]),
				     .again = at(receive[i], 0x2000c00000, sizeof receive[i]),
				     .send = at(sent[i], 0x2001000000, sizeof sent[i])};
	igb_model_map(i, mem[i].rx_ring, DOMAIN_RW);
	igb_model_map(i, mem[i].tx_ring, DOMAIN_R);
	igb_model_map(i, mem[i].head, DOMAIN_W);
	igb_model_map(i, mem[i].receive, DOMAIN_W);
	igb_model_map(i, mem[i].again, DOMAIN_R);
	igb_model_map(i, mem[i].send, DOMAIN_R);
}

static void poll_pf(void *ctx)
{
	(void)ctx;
	(void)igb_pf_poll(&pf);
}

static struct igb_vf_cfg cfg_of(unsigned i)
{
	struct igb_vf_cfg c = {.chip = pf.chip,
			       .io = igb_model_of(i),
			       .regs = (volatile uint8_t *)M->vf[i].reg,
			       .regs_len = VF_BYTES,
			       .mem = mem[i]};
	igb_pf_mac_of(&pf, i, c.mac);
	return c;
}

static enum sl_err start_pf(void)
{
	unsigned mbit;
	support_clock_step = 200;
	memset(&pf, 0, sizeof pf);
	pf.chip = igb_chip_of_pf(card[0] == 'I' ? 0x1521 : 0x10c9);
	pf.io = igb_model_pf();
	assert_string_equal(pf.chip->name, card);
	enum sl_err e = igb_pf_open(&pf);
	return e ? e : igb_pf_link(&pf, &mbit);
}

static void start(void)
{
	igb_model_start();
	assert_int_equal(start_pf(), SL_OK);
	for (unsigned i = 0; i < TWO; i++) {
		struct igb_io io = igb_model_of(i);
		lay_out(i);
		igb_vf_reset(&io);
		(void)igb_pf_poll(&pf);
		assert_int_equal(igb_pf_admit(&pf, i), SL_OK);
		struct igb_vf_cfg c = cfg_of(i);
		assert_int_equal(igb_vf_open(&vf[i], &c), SL_OK);
		mbx[i] = (struct igb_mbx_vf){.io = io, .meanwhile = poll_pf};
	}
}

static struct packet *p_of(unsigned i)
{
	return &vf[i].packet;
}

static void ring(unsigned i)
{
	p_of(i)->q.ops->ring(&p_of(i)->q);
	igb_model_run();
}

static void fill(uint8_t *b, unsigned to, uint32_t len, unsigned salt)
{
	memcpy(b, p_of(to)->mac, 6);
	for (uint32_t k = 6; k < len; k++)
		b[k] = (uint8_t)(k * 7 + salt);
	b[12] = 0x88;
	b[13] = 0xb5;
}

static bool is_filled(const uint8_t *b, unsigned to, uint32_t len, unsigned salt)
{
	static uint8_t want[PACKET_STRIDE];
	fill(want, to, len, salt);
	return memcmp(b, want, len) == 0;
}

/* One frame from VF 0, in that send buffer. */
static unsigned send_one(uint8_t buffer, uint32_t len, unsigned salt)
{
	struct packet_frame f = {.index = (uint8_t)(PACKET_RING + buffer), .len = (uint16_t)len};
	fill(packet_buffer(p_of(0), f.index), 1, len <= PACKET_STRIDE ? len : 64, salt);
	unsigned n = p_of(0)->ops->send(p_of(0), &f, 1);
	ring(0);
	return n;
}

static unsigned back(unsigned i)
{
	struct queue_done done[PACKET_RING];
	return p_of(i)->q.ops->poll(&p_of(i)->q, done, PACKET_RING);
}

static const char *explain(unsigned i)
{
	static char text[160];
	return p_of(i)->q.ops->explain(&p_of(i)->q, text, sizeof text);
}

/* ---- frames */

static void test_frames(void **state)
{
	(void)state;
	static const uint32_t lens[] = {PACKET_LEAST, 60, 61, 64, 1514, 1518, 9000, PACKET_MOST};
	struct packet_frame f;
	start();
	for (unsigned i = 0; i < 1000; i++) {
		uint32_t len = lens[i % (sizeof lens / sizeof lens[0])];
		assert_int_equal(send_one((uint8_t)(i % PACKET_RING), len, i), 1);
		assert_int_equal(back(0), 1);
		assert_true(p_of(1)->q.ops->ready(&p_of(1)->q));
		assert_int_equal(p_of(1)->ops->receive(p_of(1), &f, 1), 1);
		assert_int_equal(f.len, len);
		assert_int_equal(f.index, i % PACKET_RING);
		assert_true(is_filled(packet_buffer(p_of(1), f.index), 1, len, i));
		p_of(1)->ops->release(p_of(1), 1);
		ring(1);
		assert_false(p_of(1)->q.ops->ready(&p_of(1)->q));
	}
	assert_int_equal(M->faults, 0);
	assert_int_equal(M->lost, 0);
	assert_int_equal(p_of(0)->q.stats.ops, 1000);
	assert_int_equal(p_of(0)->q.stats.doorbells, 1000);
	assert_int_equal(p_of(1)->q.stats.doorbells, 1000); /* buffers that are given back */
	ring(1);
	assert_int_equal(p_of(1)->q.stats.doorbells, 1000);
	assert_int_equal(p_of(1)->received, 1000);
	assert_int_equal(p_of(1)->q.stats.bad, 0);
	assert_int_equal(p_of(0)->q.ops->health(&p_of(0)->q), SL_OK);
	assert_non_null(strstr(explain(0), "0 in flight"));
	assert_int_equal(M->unaligned, 0);
}

/* A burst is one doorbell and one report; a full ring takes no more; what the caller holds is not given to
 * the device. */
static void test_bursts(void **state)
{
	(void)state;
	struct packet_frame f[PACKET_RING], got[PACKET_RING];
	start();
	for (unsigned i = 0; i < PACKET_RING; i++) {
		f[i] = (struct packet_frame){.index = (uint8_t)(PACKET_RING + i), .len = 100};
		fill(packet_buffer(p_of(0), f[i].index), 1, 100, i);
	}
	assert_int_equal(p_of(0)->ops->send(p_of(0), f, PACKET_RING), PACKET_RING - 1);
	assert_int_equal(p_of(0)->q.refused, SL_OK);
	assert_int_equal(p_of(0)->ops->send(p_of(0), f, 1), 0);
	uint64_t doorbells = p_of(0)->q.stats.doorbells;
	ring(0);
	ring(0);
	assert_int_equal(p_of(0)->q.stats.doorbells, doorbells + 1);
	assert_int_equal(M->last_rs, 1);
	assert_int_equal(back(0), PACKET_RING - 1);
	assert_int_equal(p_of(1)->ops->receive(p_of(1), got, PACKET_RING), PACKET_RING - 1);
	for (unsigned i = 0; i < PACKET_RING - 1; i++)
		assert_true(is_filled(packet_buffer(p_of(1), got[i].index), 1, 100, i));
	assert_int_equal(p_of(1)->ops->receive(p_of(1), got, 1), 0);
	assert_int_equal(send_one(PACKET_RING - 1, 100, 1), 1); /* no buffer for it */
	assert_int_equal(M->lost, 1);
	p_of(1)->ops->release(p_of(1), 1);
	ring(1);
	assert_int_equal(send_one(0, 100, 77), 1);
	assert_int_equal(p_of(1)->ops->receive(p_of(1), got, PACKET_RING), 1);
	assert_true(is_filled(packet_buffer(p_of(1), got[0].index), 1, 100, 77));
	p_of(1)->ops->release(p_of(1), PACKET_RING); /* more than there are */
	ring(1);
	assert_int_equal(vf[1].rx.held, 0);
	assert_int_equal(M->faults, 0);
}

/* Eight frames fill eight slots, and none behind them, be it behind the ring's end. */
static void test_eight(void **state)
{
	(void)state;
	struct packet_frame f[16];
	start();
	assert_int_equal(p_of(0)->q.depth, PACKET_RING - 1);
	for (unsigned i = 0; i < PACKET_RING / 8; i++) {
		unsigned next = 8 * (i + 1);
		struct igb_desc *behind = next < PACKET_RING ? &tx_ring[0][next] : &tx_ring[1][0];
		for (unsigned k = 0; k < 16; k++) /* the second half is not sent, and could not be */
			f[k] = (struct packet_frame){.index = (uint8_t)(PACKET_RING + k),
						     .len = k < 8 ? 60 : UINT16_MAX};
		assert_int_equal(p_of(0)->ops->send(p_of(0), f, 8), 8);
		assert_int_equal(p_of(0)->q.refused, SL_OK);
		assert_int_equal(behind->word, 0);
		assert_int_equal(vf[0].tx.next, next % PACKET_RING);
		for (unsigned k = 0; k < 8; k++)
			fill(packet_buffer(p_of(0), f[k].index), 1, 60, k);
		ring(0);
		assert_int_equal(back(0), 8);
		assert_int_equal(p_of(1)->ops->receive(p_of(1), f, 16), 8);
		p_of(1)->ops->release(p_of(1), 8);
		ring(1);
	}
	assert_int_equal(M->faults, 0);
}

/* A received frame goes on without a copy, out of the buffer that it came into. */
static void test_forward(void **state)
{
	(void)state;
	struct packet_frame f;
	struct queue_done done;
	start();
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(send_one((uint8_t)(i % PACKET_RING), 200, i), 1);
		assert_int_equal(back(0), 1);
		assert_int_equal(p_of(1)->ops->receive(p_of(1), &f, 1), 1);
		memcpy(packet_buffer(p_of(1), f.index), p_of(0)->mac, 6);
		assert_int_equal(p_of(1)->ops->send(p_of(1), &f, 1), 1);
		ring(1);
		assert_int_equal(p_of(1)->q.ops->poll(&p_of(1)->q, &done, 1), 1);
		assert_int_equal(done.tag, f.index);
		p_of(1)->ops->release(p_of(1), 1);
		ring(1);
		assert_int_equal(p_of(0)->ops->receive(p_of(0), &f, 1), 1);
		assert_true(is_filled(packet_buffer(p_of(0), f.index), 0, 200, i));
		p_of(0)->ops->release(p_of(0), 1);
		ring(0);
	}
	assert_int_equal(M->faults, 0);
}

/* The same for a loop that counts instructions: new addresses, up to the end of either ring; a frame that is
 * not good, or too long to be sent, stops it and stays where it is. */
static void test_forward_fast(void **state)
{
	(void)state;
	struct packet_frame f;
	struct igb_hop hop;
	uint8_t h[12];
	start();
	memcpy(h, p_of(0)->mac, 6);
	memcpy(h + 6, p_of(1)->mac, 6);
	memcpy(&hop.first, h, 8);
	memcpy(&hop.rest, h + 8, 4);
	for (unsigned i = 0; i < 200; i++) {
		for (unsigned k = 0; k < 3; k++) {
			assert_int_equal(send_one((uint8_t)((3 * i + k) % PACKET_RING), 100 + k, i), 1);
			assert_int_equal(back(0), 1);
		}
		uint32_t n = igb_forward(&vf[1].rx, &vf[1].tx, p_of(1)->receive, hop, 3);
		if (n < 3)
			n += igb_forward(&vf[1].rx, &vf[1].tx, p_of(1)->receive, hop, 3 - n);
		assert_int_equal(n, 3);
		ring(1);
		assert_int_equal(back(1), 3);
		p_of(1)->ops->release(p_of(1), 3);
		ring(1);
		for (unsigned k = 0; k < 3; k++) {
			assert_int_equal(p_of(0)->ops->receive(p_of(0), &f, 1), 1);
			const uint8_t *b = packet_buffer(p_of(0), f.index);
			assert_int_equal(f.len, 100 + k);
			assert_memory_equal(b, h, 12);
			for (unsigned j = 14; j < f.len; j++)
				assert_int_equal(b[j], (uint8_t)(j * 7 + i));
			p_of(0)->ops->release(p_of(0), 1);
		}
		ring(0);
	}
	assert_int_equal(M->faults, 0);
	static const uint64_t odd[] = {
		RX_DD | RX_EOP | (uint64_t)(PACKET_MOST + 1) << 32,
		RX_DD | RX_EOP | (uint64_t)PACKET_ROOM << 32, RX_DD | RX_EOP | BIT(31) | (uint64_t)64 << 32,
		RX_DD | (uint64_t)64 << 32, RX_DD | RX_EOP | BIT(48) | (uint64_t)64 << 32};
	for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		uint32_t next = vf[1].rx.next;
		rx_ring[1][next].word = odd[i];
		assert_int_equal(igb_forward(&vf[1].rx, &vf[1].tx, p_of(1)->receive, hop, 3), 0);
		assert_int_equal(vf[1].rx.next, next);
		assert_int_equal(vf[1].tx.next, vf[1].tx.told);
		rx_ring[1][next].word = 0;
	}
	uint32_t last = vf[1].rx.next;
	rx_ring[1][last].word = RX_DD | RX_EOP | (uint64_t)PACKET_MOST << 32; /* just not too long */
	assert_int_equal(igb_forward(&vf[1].rx, &vf[1].tx, p_of(1)->receive, hop, 3), 1);
	assert_true(rx_ring[1][last].word == RX_READY);
	ring(1);
	struct packet_frame two[2] = {{.len = 64, .index = 200}, {.len = PACKET_ROOM, .index = 201}};
	assert_int_equal(igb_tx_fill(&vf[1].tx, two, 2), 0);
	assert_int_equal(vf[1].tx.next, vf[1].tx.told);
}

/* And as the stage calls it: all that has come, over the ends of both rings, and no more than there are slots
 * and buffers for. */
static void test_forward_all(void **state)
{
	(void)state;
	struct packet_frame f = {.index = PACKET_RING, .len = 64};
	const struct igb_hop hop = {0x0302010000000202, 0x07060504};
	start();
	memcpy(packet_buffer(p_of(1), f.index), p_of(0)->mac, 6);
	assert_int_equal(p_of(1)->ops->send(p_of(1), &f, 1), 1); /* the rings do not stand at the same slot */
	ring(1);
	assert_int_equal(back(1), 1);
	for (unsigned i = 0; i < 200; i++) {
		for (unsigned k = 0; k < 3; k++) {
			assert_int_equal(send_one((uint8_t)((3 * i + k) % PACKET_RING), 100 + k, i), 1);
			assert_int_equal(back(0), 1);
		}
		uint64_t doorbells = p_of(1)->q.stats.doorbells;
		assert_int_equal(igb_vf_forward(&vf[1], hop, 1), 1);
		assert_int_equal(vf[1].tx.told, vf[1].tx.next);
		assert_int_equal(igb_vf_forward(&vf[1], hop, 8), 2);
		assert_int_equal(igb_vf_forward(&vf[1], hop, 8), 0);
		/* two for sends, and one for the buffers of the time before */
		assert_int_equal(p_of(1)->q.stats.doorbells - doorbells, i ? 3 : 2);
		igb_model_run();
	}
	assert_int_equal(M->faults, 0);
	start();
	for (unsigned i = 0; i < PACKET_RING; i++)
		rx_ring[1][i].word = RX_DD | RX_EOP | (uint64_t)64 << 32;
	assert_int_equal(igb_vf_forward(&vf[1], hop, 1000), PACKET_RING - 1);
	assert_int_equal(igb_vf_forward(&vf[1], hop, 1000), 0);
	assert_int_equal(vf[1].rx.held, PACKET_RING - 1);
	for (unsigned i = 0; i < PACKET_RING; i++)
		rx_ring[1][i].word = RX_DD | RX_EOP | (uint64_t)64 << 32;
	head[1][0] = 100;
	assert_int_equal(igb_vf_forward(&vf[1], hop, 1000), 100);
	assert_int_equal(vf[1].rx.held, PACKET_RING - 1);
	assert_int_equal(vf[1].rx.told, 99); /* the buffers of what has been sent */
	head[1][0] = 110;
	assert_int_equal(igb_vf_forward(&vf[1], hop, 4), 4);
	assert_int_equal(vf[1].rx.held, PACKET_RING - 7);
	head[1][0] = 0; /* 100 sends are in flight, and all buffers are there: the slots are the limit */
	vf[1].rx.held = 0;
	vf[1].tx.done = 0;
	vf[1].tx.next = vf[1].tx.told = 100;
	for (unsigned i = 0; i < PACKET_RING; i++)
		rx_ring[1][i].word = RX_DD | RX_EOP | (uint64_t)64 << 32;
	assert_int_equal(igb_vf_forward(&vf[1], hop, 1000), PACKET_RING - 101);
}

/* Frames are taken as many as are asked for, in one go up to the ring's end. */
static void test_take(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < PACKET_RING; i++)
		rx_ring[1][i].word = RX_DD | RX_EOP | (uint64_t)(64 + i) << 32;
	for (unsigned i = 0, n; i < 100; i += n) {
		n = i < 8 ? 1 : 23;
		assert_int_equal(igb_rx_take(&vf[1].rx, n), n);
		for (unsigned k = i; k < i + n; k++) {
			assert_int_equal(vf[1].rx.frame[k].len, 64 + k);
			assert_true(rx_ring[1][k].word == RX_READY);
			assert_int_equal(rx_ring[1][k].address, mem[1].receive.iova.v + k * PACKET_STRIDE);
		}
	}
	assert_int_equal(vf[1].rx.next, 100);
	assert_int_equal(igb_rx_take(&vf[1].rx, 100), 28);
	assert_int_equal(vf[1].rx.next, 0);
	assert_int_equal(vf[1].rx.held, PACKET_RING);
	assert_true(rx_ring[1][99].word == RX_READY && rx_ring[1][100].word == RX_READY);
}

/* The buffer that a send slot names, also where the addresses for sending what was received are right behind
 * the others. */
static void test_index(void **state)
{
	(void)state;
	struct packet_frame f[4] = {{60, 0, 0}, {60, PACKET_RING - 1, 0}, {60, PACKET_RING, 0}, {60, 255, 0}};
	struct queue_done done[4];
	start();
	igb_vf_close(&vf[0]);
	mem[0].again.iova.v = mem[0].send.iova.v + PACKET_HALF;
	igb_model_map(0, mem[0].again, DOMAIN_R);
	struct igb_vf_cfg c = cfg_of(0);
	assert_int_equal(igb_vf_open(&vf[0], &c), SL_OK);
	assert_int_equal(p_of(0)->ops->send(p_of(0), f, 4), 4);
	ring(0);
	assert_int_equal(p_of(0)->q.ops->poll(&p_of(0)->q, done, 4), 4);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(done[i].tag, f[i].index);
	assert_int_equal(M->faults, 0);
}

/* ---- a frame in parts */

/* Queues one frame of n parts of these lengths out of one send buffer; its descriptors are as they should be.
 */
static void gather(const uint32_t *len, unsigned n, unsigned salt)
{
	uint8_t *b = packet_buffer(p_of(0), PACKET_RING);
	struct igb_part part[IGB_PARTS];
	uint32_t total = 0, next = vf[0].tx.next;
	memset(part, 0xff, sizeof part);
	for (unsigned i = 0; i < n; i++) {
		part[i] = (struct igb_part){mem[0].send.iova.v + total, len[i]};
		total += len[i];
	}
	fill(b, 1, total, salt);
	struct igb_desc behind = tx_ring[0][(next + n) % PACKET_RING];
	assert_true(igb_vf_room(&vf[0], n));
	igb_tx_gather(&vf[0].tx, part, n);
	assert_int_equal(vf[0].tx.next, (next + n) % PACKET_RING);
	assert_memory_equal(&tx_ring[0][(next + n) % PACKET_RING], &behind, sizeof behind);
	for (unsigned i = 0; i < n; i++) {
		const struct igb_desc *d = &tx_ring[0][(next + i) % PACKET_RING];
		assert_int_equal(d->address, part[i].address);
		assert_int_equal((d->word & TX_EOP) != 0, i + 1 == n);
		assert_int_equal(d->word & ~TX_EOP,
				 TX_DATA | TX_IFCS | TX_DEXT | len[i] | (uint64_t)total << 46);
	}
}

static void test_gather(void **state)
{
	(void)state;
	static const uint32_t lens[][IGB_PARTS] = {
		{PACKET_LEAST}, {14, 50}, {14, 40, 1}, {13, 1}, {14, PACKET_MOST - 15, 1}, {PACKET_MOST}};
	struct packet_frame f;
	uint64_t ops = 0;
	start();
	for (unsigned i = 0; i < 300; i++) {
		const uint32_t *len = lens[i % 6];
		unsigned n = !len[1] ? 1 : len[2] ? 3 : 2;
		gather(len, n, i);
		assert_int_equal(vf[0].packet.q.stats.ops, ops);
		ring(0);
		assert_true(igb_vf_room(&vf[0], PACKET_RING - 1));
		ops += n;
		assert_int_equal(vf[0].packet.q.stats.ops, ops);
		assert_int_equal(p_of(1)->ops->receive(p_of(1), &f, 1), 1);
		assert_int_equal(f.len, len[0] + len[1] + len[2]);
		assert_true(is_filled(packet_buffer(p_of(1), f.index), 1, f.len, i));
		p_of(1)->ops->release(p_of(1), 1);
		ring(1);
	}
	assert_int_equal(M->faults, 0);
	for (unsigned i = 0; i < (PACKET_RING - 1) / 3; i++)
		gather(lens[2], 3, i);
	assert_false(igb_vf_room(&vf[0], 2));
	gather(lens[0], 1, 1);
	assert_false(igb_vf_room(&vf[0], 1));
	M->lie_head = true; /* a head that is no slot in flight: counted, and nothing is free */
	M->head = PACKET_RING;
	ring(0);
	assert_false(igb_vf_room(&vf[0], 1));
	assert_int_equal(p_of(0)->q.stats.bad, 1);
}

static void test_send_refused(void **state)
{
	(void)state;
	static const uint16_t lens[] = {0, PACKET_LEAST - 1, PACKET_MOST + 1, UINT16_MAX};
	start();
	for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		assert_int_equal(send_one(0, lens[i], 1), 0);
		assert_int_equal(p_of(0)->q.refused, SL_RANGE);
	}
	assert_int_equal(p_of(0)->q.stats.doorbells, 0);
}

/* ---- a device that lies */

static void test_lengths(void **state)
{
	(void)state;
	static const uint32_t lens[] = {PACKET_ROOM, PACKET_ROOM + 1, 0x8000, 0xc000, UINT16_MAX};
	struct packet_frame f;
	start();
	for (unsigned i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		M->lie = true;
		M->lie_word = RX_DD | RX_EOP | (uint64_t)lens[i] << 32;
		assert_int_equal(send_one(0, 64, 1), 1);
		assert_int_equal(back(0), 1);
		M->lie = false;
		assert_int_equal(p_of(1)->ops->receive(p_of(1), &f, 1), 0);
		assert_int_equal(p_of(1)->q.stats.bad, i + 1);
		assert_non_null(strstr(explain(1), "impossible length"));
		ring(1);
		/* and the next one is whole */
		assert_int_equal(send_one(0, 64, i), 1);
		assert_int_equal(back(0), 1);
		assert_int_equal(p_of(1)->ops->receive(p_of(1), &f, 1), 1);
		assert_true(is_filled(packet_buffer(p_of(1), f.index), 1, 64, i));
		p_of(1)->ops->release(p_of(1), 1);
		ring(1);
	}
	assert_int_equal(p_of(0)->q.stats.bad, 0);
}

static void lie_once(uint64_t word)
{
	M->lie = true;
	M->lie_word = word;
	assert_int_equal(send_one(0, 64, 1), 1);
	assert_int_equal(back(0), 1);
	M->lie = false;
}

/* Errors, and a frame in several buffers, of which the last looks like a frame of its own. */
static void test_errors(void **state)
{
	(void)state;
	struct packet_frame f[4];
	start();
	lie_once(RX_DD | RX_EOP | BIT(24) | (uint64_t)64 << 32);
	lie_once(RX_DD | (uint64_t)64 << 32);
	lie_once(RX_DD | (uint64_t)64 << 32);
	lie_once(RX_DD | RX_EOP | (uint64_t)64 << 32); /* its end */
	assert_int_equal(send_one(0, 64, 9), 1);
	assert_int_equal(back(0), 1);
	assert_int_equal(p_of(1)->ops->receive(p_of(1), f, 4), 0);
	assert_int_equal(p_of(1)->dropped, 2);
	assert_int_equal(p_of(1)->ops->receive(p_of(1), f, 4), 1);
	assert_true(is_filled(packet_buffer(p_of(1), f[0].index), 1, 64, 9));
	assert_int_equal(f[0].index, 4);
	/* While frames before it are held, what is dropped has to wait: buffers go back in order. */
	lie_once(RX_DD | RX_EOP | BIT(31) | (uint64_t)64 << 32);
	assert_int_equal(p_of(1)->ops->receive(p_of(1), f, 4), 0);
	assert_int_equal(p_of(1)->dropped, 2);
	p_of(1)->ops->release(p_of(1), 1);
	assert_int_equal(p_of(1)->ops->receive(p_of(1), f, 4), 0);
	assert_int_equal(p_of(1)->dropped, 3);
	assert_int_equal(p_of(1)->q.stats.bad, 0);
}

/* A whole ring of frames that are no good is dropped by one call. */
static void test_all_bad(void **state)
{
	(void)state;
	struct packet_frame f;
	start();
	for (unsigned i = 0; i < PACKET_RING; i++)
		rx_ring[1][i].word = RX_DD | RX_EOP | BIT(31) | (uint64_t)64 << 32;
	assert_int_equal(p_of(1)->ops->receive(p_of(1), &f, 1), 0);
	assert_int_equal(p_of(1)->dropped, PACKET_RING);
	for (unsigned i = 0; i < PACKET_RING; i++)
		assert_true(rx_ring[1][i].word == RX_READY);
}

/* Written without having been told of a buffer there: it is not looked at before it was given to the device.
 */
static void test_late_write(void **state)
{
	(void)state;
	struct packet_frame f[PACKET_RING];
	start();
	for (unsigned i = 0; i < PACKET_RING - 1; i++) {
		assert_int_equal(send_one((uint8_t)i, 64, i), 1);
		assert_int_equal(back(0), 1);
	}
	assert_int_equal(p_of(1)->ops->receive(p_of(1), f, PACKET_RING), PACKET_RING - 1);
	rx_ring[1][PACKET_RING - 1].word = RX_DD | RX_EOP | (uint64_t)64 << 32;
	assert_int_equal(p_of(1)->ops->receive(p_of(1), f, PACKET_RING), 0);
	rx_ring[1][PACKET_RING - 1].word = 0;
	/* A slot that was taken is made ready at once: what is written there late is the next frame at most.
	 */
	rx_ring[1][5].word = RX_DD | RX_EOP | (uint64_t)64 << 32;
	assert_int_equal(p_of(1)->ops->receive(p_of(1), f, PACKET_RING), 0);
	assert_int_equal(vf[1].rx.held, PACKET_RING - 1);
}

/* The dword of a status is stored twice by QEMU, and the second store comes when the slot was made ready
 * again: nothing is received for it, neither now nor when the ring comes round. */
static void test_status_twice(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 3 * PACKET_RING; i++) {
		struct packet_frame f;
		uint32_t slot = vf[1].rx.next;
		assert_false(igb_queue_ready(&p_of(1)->q));
		assert_int_equal(p_of(1)->ops->receive(p_of(1), &f, 1), 0);
		assert_int_equal(send_one((uint8_t)(i % PACKET_RING), 64 + i, i), 1);
		assert_int_equal(back(0), 1);
		assert_true(igb_queue_ready(&p_of(1)->q));
		assert_int_equal(p_of(1)->ops->receive(p_of(1), &f, 1), 1);
		assert_int_equal(f.len, 64 + i);
		rx_ring[1][slot].word |= RX_DD | RX_EOP;
		p_of(1)->ops->release(p_of(1), 1);
		ring(1);
	}
	assert_int_equal(p_of(1)->dropped, 0);
	assert_int_equal(M->faults, 0);
}

static void test_heads(void **state)
{
	(void)state;
	static const uint32_t heads[] = {2, 3, PACKET_RING - 1, PACKET_RING, 0x10001, UINT32_MAX};
	start();
	for (unsigned i = 0; i < sizeof heads / sizeof heads[0]; i++) {
		start();
		M->lie_head = true;
		M->head = heads[i];
		assert_int_equal(send_one(0, 64, 1), 1);
		assert_int_equal(back(0), 0);
		assert_int_equal(p_of(0)->q.stats.bad, 1);
		assert_int_equal(p_of(0)->q.stats.ops, 0);
		assert_non_null(strstr(explain(0), "send head that is no slot in flight"));
		head[0][0] = 1;
		assert_int_equal(back(0), 1);
		assert_int_equal(p_of(1)->q.stats.bad, 0);
	}
}

static void test_gone(void **state)
{
	(void)state;
	start();
	M->vf[0].reg[TDBAL / 4] ^= 0x1000;
	assert_int_equal(p_of(0)->q.ops->health(&p_of(0)->q), SL_DEVICE);
	assert_non_null(strstr(explain(0), "do not have its rings"));
	assert_int_equal(p_of(1)->q.ops->health(&p_of(1)->q), SL_OK);
	M->gone = true;
	assert_int_equal(p_of(1)->q.ops->health(&p_of(1)->q), SL_DEVICE);
	assert_int_equal(igb_pf_poll(&pf), 0);
	assert_int_equal(start_pf(), SL_DEVICE);
	/* One register of all ones is enough: no VF is expelled for it, and none is answered. */
	start();
	M->reg[VFLRE / 4] = UINT32_MAX;
	assert_int_equal(igb_pf_poll(&pf), 0);
	assert_int_equal(pf.admitted, 3);
	M->reg[VFLRE / 4] = 0;
	M->reg[MBVFICR / 4] = UINT32_MAX;
	assert_int_equal(igb_pf_poll(&pf), 0);
	assert_int_equal(pf.messages | pf.refused, 0);
}

/* ---- set-up */

static void test_open_refused(void **state)
{
	(void)state;
	struct igb_vf_cfg c;
	start();
	c = cfg_of(0);
	c.regs_len = VF_BYTES - 1;
	assert_int_equal(igb_vf_open(&vf[0], &c), SL_NOSPACE);
	struct dma_buf *parts[] = {&c.mem.rx_ring, &c.mem.tx_ring, &c.mem.head,
				   &c.mem.receive, &c.mem.again,   &c.mem.send};
	for (unsigned i = 0; i < 6; i++) {
		c = cfg_of(0);
		parts[i]->len = i == 2 ? 3 : parts[i]->len - 1;
		assert_int_equal(igb_vf_open(&vf[0], &c), SL_NOSPACE);
	}
	for (unsigned i = 0; i < 3; i++) {
		c = cfg_of(0);
		parts[i]->iova.v += i == 2 ? 2 : 64;
		assert_int_equal(igb_vf_open(&vf[0], &c), SL_BADVAL);
	}
	c = cfg_of(0);
	M->no_queue = true;
	assert_int_equal(igb_vf_open(&vf[0], &c), SL_DEVICE);
	M->no_queue = false;
	c.mem.head.len = 4; /* the head itself */
	assert_int_equal(igb_vf_open(&vf[0], &c), SL_OK);
	assert_int_equal(M->vf[0].reg[RXDCTL / 4] >> 16 & 31, 1); /* 82576: WTHRESH */
	igb_vf_close(&vf[0]);
	assert_int_equal(M->vf[0].reg[RXDCTL / 4] | M->vf[0].reg[TXDCTL / 4], 0);
}

static void test_pf_fails(void **state)
{
	(void)state;
	static const uint8_t made_up[6] = {2, 0, 0, 0x16, 0, 0};
	bool *const how[] = {&M->no_master_end, &M->no_reset_end, &M->no_link, &M->no_phy, &M->no_mdic};
	static const enum sl_err what[] = {SL_TIMEOUT, SL_TIMEOUT, SL_TIMEOUT, SL_DEVICE, SL_TIMEOUT};
	for (unsigned i = 0; i < 5; i++) {
		igb_model_start();
		*how[i] = true;
		assert_int_equal(start_pf(), what[i]);
	}
	igb_model_start();
	M->reg[RAL(0u) / 4] = 0xffffff01; /* a multicast address, and none */
	assert_int_equal(start_pf(), SL_OK);
	assert_memory_equal(pf.mac, made_up, 6);
	igb_model_start();
	M->reg[RAL(0u) / 4] = M->reg[RAH(0u) / 4] = 0;
	assert_int_equal(start_pf(), SL_OK);
	assert_memory_equal(pf.mac, made_up, 6);
	igb_model_start();
	M->no_auto_read = true; /* a card without an EEPROM */
	assert_int_equal(start_pf(), SL_OK);
	assert_memory_equal(pf.mac, made_up, 6);
	assert_null(igb_chip_of_pf(0x1533)); /* I210: no SR-IOV */
}

static uint32_t pf_reg(uint32_t off)
{
	return M->reg[off / 4];
}

/* Which functions are PFs of which chip, and the addresses of their VFs. */
static void test_names(void **state)
{
	(void)state;
	static const uint16_t is_82576[] = {0x10c9, 0x10e6, 0x10e7, 0x10e8, 0x1526, 0x150a, 0x1518, 0x150d};
	static const uint16_t is_i350[] = {0x1521, 0x1522, 0x1523, 0x1524, 0x1546};
	static const uint8_t own[6] = {0x00, 0x11, 0x22, 0x33, 0x44, 0x55};
	static const uint8_t of_2[6] = {0x02, 0x12, 0x22, 0x33, 0x44, 0x55};
	static const uint8_t group[6] = {0x01, 0x00, 0x5e, 0x7f, 0x12, 0x34};
	uint8_t mac[6];
	for (unsigned i = 0; i < 8; i++)
		assert_string_equal(igb_chip_of_pf(is_82576[i])->name, "82576");
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(igb_chip_of_pf(is_i350[i])->name, "I350");
	start();
	assert_memory_equal(pf.mac, own, 6);
	igb_pf_mac_of(&pf, 2, mac);
	assert_memory_equal(mac, of_2, 6);
	assert_int_equal(igb_multicast_hash(group), 0x341);
}

/* Each chip's registers, and what its errata want. */
static void test_chips(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		card = i ? "I350" : "82576";
		start();
		uint32_t on = pf_reg(i ? TXSWC : DTXSWC), off = pf_reg(i ? DTXSWC : TXSWC);
		assert_int_equal(on, 0x8000ffff);
		assert_int_equal(off, 0);
		assert_int_equal(pf_reg(MRQC), 3);
		assert_int_equal(pf_reg(QDE), i ? 0xff : 0xffff);
		for (unsigned q = 0; q < 16; q++)
			assert_int_equal(pf_reg(DVMOLR(q)), i && q < 8 ? 0x80000000 : 0);
		assert_int_equal(pf_reg(VFRE) | pf_reg(VFTE) << 8, 0x303);
		assert_true(pf_reg(RAH(i ? 31u : 23u)) >> 18 == (0x80000000 >> 18 | 1));
		M->vfta_writes = 0;
		assert_int_equal(igb_pf_vlan(&pf, 0, 77, true), SL_OK);
		assert_int_equal(M->vfta_writes, i ? 10 : 1);
		igb_pf_close(&pf);
		assert_int_equal(((pf_reg(RCTL) | pf_reg(TCTL)) & 2) | pf_reg(VFRE) | pf_reg(VFTE), 0);
		assert_int_equal(pf_reg(i ? TXSWC : DTXSWC), 0);
	}
	card = "82576";
}

/* What stands in the registers of a PF whose VF 0 is admitted. */
static void test_opened(void **state)
{
	(void)state;
	static const struct {
		uint32_t off, v;
	} rows[] = {{VT_CTL, 0x60000000},
		    {RPLOLR, 0x80000000},
		    {RLPML, 9728},
		    {TCTL, 0xa},
		    {RCTL, 0x04048022},
		    {CTRL, 0x40},
		    {CTRL_EXT, 0x4000},
		    {IMC, UINT32_MAX},
		    {EIMC, UINT32_MAX},
		    {VMOLR(0u), 0x8b012600},
		    {VMOLR(1u), 0x80000000},
		    {VMOLR(7u), 0x80000000},
		    {RAL(23u), 0x33221002},
		    {RAH(23u), 0x80045544},
		    {VFRE, 1},
		    {VFTE, 1},
		    {VFLRE, 0x7e},
		    {MDIC, 0x1200 | 1 << 21 | 1 << 26 | 1 << 28}};
	unsigned mbit;
	igb_model_start();
	M->reg[ICR / 4] = 4; /* a cause that waits */
	assert_int_equal(start_pf(), SL_OK);
	assert_int_equal(M->early_resets | M->unaligned, 0);
	assert_int_equal(pf_reg(VFRE) | pf_reg(VFTE) | pf.admitted, 0); /* nobody yet */
	for (unsigned i = 0; i < VLVF_ENTRIES; i++)
		assert_int_equal(pf_reg(VLVF(i)) | pf_reg(MTA(i)) | pf_reg(RAH(i + 1)), 0);
	M->reg[CTRL / 4] |= 0x1800; /* speed and duplex as the firmware wants them */
	assert_int_equal(igb_pf_link(&pf, &mbit), SL_OK);
	assert_int_equal(mbit, 1000);
	M->reg[VFLRE / 4] = 0x7f;
	M->reg[VMVIR(0u) / 4] = 0xffff; /* as a VF before may have had it */
	assert_int_equal(igb_pf_admit(&pf, 0), SL_OK);
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (pf_reg(rows[i].off) != rows[i].v)
			fail_msg("%x: %x", rows[i].off, pf_reg(rows[i].off));
	for (unsigned i = 0; i < IGB_POOLS; i++)
		assert_int_equal(pf_reg(VMVIR(i)), 0);
	assert_int_equal(pf.admitted, 1);
	assert_int_equal(igb_pf_admit(&pf, IGB_VFS - 1), SL_OK);
	assert_int_equal(pf.admitted, 0x41);
}

/* And in those of a VF: 82576EB §4.5.9, §7.1.4. What stood there before does not count. */
static void test_vf_opened(void **state)
{
	(void)state;
	static const struct {
		uint32_t off, v;
	} rows[] = {{PSRTYPE, 0},
		    {SRRCTL, 0x82000010},
		    {RDBAL, 0},
		    {RDBAH, 0x20},
		    {RDLEN, 2048},
		    {RXDCTL, 0x02010000},
		    {TDBAL, 0x1000},
		    {TDBAH, 0x20},
		    {TDLEN, 2048},
		    {TXDCTL, 0x02010000},
		    {TDWBAL, 0x2001},
		    {TDWBAH, 0x20},
		    {RDT, PACKET_RING - 1},
		    {TDT, 0}};
	start();
	memset(M->vf[0].reg, 0xee, sizeof M->vf[0].reg);
	struct igb_vf_cfg c = cfg_of(0);
	assert_int_equal(igb_vf_open(&vf[0], &c), SL_OK);
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (M->vf[0].reg[rows[i].off / 4] != rows[i].v)
			fail_msg("%x: %x", rows[i].off, M->vf[0].reg[rows[i].off / 4]);
	assert_int_equal(M->vf[0].rdh | M->vf[0].tdh, 0);
	assert_int_equal(M->disorder, 0);
}

/* What stood in the rings before is gone. */
static void test_rings_cleared(void **state)
{
	(void)state;
	start();
	memset(rx_ring[0], 0xee, sizeof rx_ring[0]);
	memset(tx_ring[0], 0xee, sizeof tx_ring[0]);
	memset(head[0], 0xee, sizeof head[0]);
	struct igb_vf_cfg c = cfg_of(0);
	assert_int_equal(igb_vf_open(&vf[0], &c), SL_OK);
	for (unsigned i = 0; i < PACKET_RING; i++) {
		assert_int_equal(rx_ring[0][i].address, mem[0].receive.iova.v + i * PACKET_STRIDE);
		assert_true(rx_ring[0][i].word == RX_READY);
		assert_int_equal(tx_ring[0][i].address | tx_ring[0][i].word, 0);
	}
	assert_int_equal(head[0][0], 0);
	assert_int_equal(head[0][1], 0xeeeeeeee);
}

/* The send queue of an attack: its ring and its head lie where it was told to, and one slot is filled. The
 * receive queue is off. */
static void test_fetch(void **state)
{
	(void)state;
	static const struct {
		uint32_t off, v;
	} rows[] = {{TDBAL, 0x12345680}, {TDBAH, 7},  {TDLEN, 2048}, {TXDCTL, 0x02010000},
		    {TDWBAL, 0x1005},    {TDWBAH, 9}, {RXDCTL, 0},   {TDT, 1}};
	start();
	struct igb_io io = igb_model_of(0);
	memset(M->vf[0].reg, 0xee, sizeof M->vf[0].reg);
	assert_int_equal(igb_vf_fetch(&io, pf.chip, IOVA(0x712345680), IOVA(0x900001004)), SL_OK);
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (M->vf[0].reg[rows[i].off / 4] != rows[i].v)
			fail_msg("%x: %x", rows[i].off, M->vf[0].reg[rows[i].off / 4]);
	assert_int_equal(M->disorder | M->vf[0].tdh, 0);
	M->no_queue = true;
	assert_int_equal(igb_vf_fetch(&io, pf.chip, IOVA(0x1000), IOVA(0x2000)), SL_DEVICE);
	assert_int_equal(M->vf[0].reg[TDT / 4], 0);
	igb_vf_kick(&io);
	assert_int_equal(M->vf[0].reg[VTEICR / 4], 1);
	assert_int_equal(M->vf[0].reg[VTEIMS / 4], 1);
	assert_int_equal(M->vf[0].reg[VTEICS / 4], 1);
}

/* The filters of before are gone, and no register beside them has changed. */
static void test_closed(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		const uint32_t old = 0xa5a5a5a5;
		card = i ? "I350" : "82576";
		start();
		M->reg[CTRL_EXT / 4] = 0;
		for (unsigned k = 0; k < sizeof M->reg / sizeof M->reg[0]; k++)
			if (k != P2VMAILBOX(0u) / 4)
				M->reg[k] = old;
		igb_pf_close(&pf);
		for (unsigned k = 0; k < pf.chip->macs; k++) {
			assert_int_equal(pf_reg(RAH(k)), k ? 0 : old);
			assert_int_equal(pf_reg(RAL(k)), old);
		}
		assert_int_equal(pf_reg(RAH(pf.chip->macs)), old);
		for (unsigned k = 0; k < MTA_WORDS; k++) /* RAL(0) is behind them */
			assert_int_equal(pf_reg(MTA(k)), 0);
		for (unsigned k = 0; k <= VLVF_ENTRIES; k++)
			assert_int_equal(pf_reg(VLVF(k)), k < VLVF_ENTRIES ? 0 : old);
		for (unsigned k = 0; k <= IGB_POOLS; k++) {
			assert_int_equal(pf_reg(VMVIR(k)), k < IGB_POOLS ? 0 : old);
			assert_int_equal(pf_reg(VMOLR(k)), k < IGB_POOLS ? 0x80000000 : old);
		}
		assert_int_equal(pf_reg(VFRE) | pf_reg(VFTE) | pf_reg(i ? TXSWC : DTXSWC), 0);
		assert_int_equal(pf_reg(RCTL), 0xa5a5a5a5 & ~2u);
		assert_int_equal(pf_reg(TCTL), 0xa5a5a5a5 & ~2u);
		assert_int_equal(pf_reg(IMC) & pf_reg(EIMC), UINT32_MAX);
		assert_int_equal(pf_reg(ICR), 0); /* read */
		assert_int_equal(pf.admitted, 0);
	}
	card = "82576";
}

/* Only the PHY of a copper port is told to negotiate. */
static void test_link(void **state)
{
	(void)state;
	static const unsigned speeds[] = {10, 100, 1000, 1000};
	unsigned mbit;
	start();
	assert_true(igb_pf_link_up(&pf));
	for (unsigned i = 0; i < 4; i++) {
		M->reg[CTRL_EXT / 4] = i << 22;
		M->reg[MDIC / 4] = 0;
		M->no_phy = i != 0; /* the PHY of another is not answered for */
		M->reg[STATUS / 4] = (uint32_t)STATUS_LU | i << 6;
		assert_int_equal(igb_pf_link(&pf, &mbit), SL_OK);
		assert_int_equal(mbit, i ? speeds[i] : 1000);
		assert_int_equal(pf_reg(MDIC) != 0, i == 0);
	}
	M->reg[STATUS / 4] = (uint32_t)STATUS_LU; /* CTRL_EXT: no PHY's port */
	assert_int_equal(igb_pf_link(&pf, &mbit), SL_OK);
	assert_int_equal(mbit, 10);
	M->reg[STATUS / 4] = (uint32_t)~STATUS_LU;
	assert_false(igb_pf_link_up(&pf));
	M->gone = true;
	assert_false(igb_pf_link_up(&pf));
}

/* ---- VLANs and groups */

static unsigned arrives(unsigned vid, const uint8_t *to)
{
	struct packet_frame f = {.index = PACKET_RING, .len = 64};
	uint8_t *b = packet_buffer(p_of(0), f.index);
	fill(b, 1, 64, 1);
	memcpy(b, to, 6);
	if (vid) {
		b[12] = 0x81;
		b[13] = 0;
		b[14] = (uint8_t)(vid >> 8);
		b[15] = (uint8_t)vid;
	}
	assert_int_equal(p_of(0)->ops->send(p_of(0), &f, 1), 1);
	ring(0);
	assert_int_equal(back(0), 1);
	unsigned n = p_of(1)->ops->receive(p_of(1), &f, 1);
	p_of(1)->ops->release(p_of(1), n);
	ring(1);
	return n;
}

static void test_filters(void **state)
{
	(void)state;
	static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, group[6] = {1, 0, 0x5e, 0, 0, 9},
			     nobody[6] = {2, 9, 9, 9, 9, 9};
	start();
	const uint8_t *mac = p_of(1)->mac;
	assert_int_equal(arrives(0, mac) + arrives(0, all), 2);
	assert_int_equal(arrives(0, nobody) + arrives(0, group) + arrives(77, mac), 0);
	igb_pf_multicast(&pf, igb_multicast_hash(group));
	assert_int_equal(arrives(0, group), 1);
	assert_int_equal(igb_pf_vlan(&pf, 0, 77, true), SL_OK);
	assert_int_equal(arrives(77, mac), 0);
	assert_int_equal(igb_pf_vlan(&pf, 1, 77, true), SL_OK);
	assert_int_equal(arrives(77, mac), 1);
	assert_int_equal(arrives(78, mac), 0);
	assert_int_equal(igb_pf_vlan(&pf, 1, 77, false), SL_OK);
	assert_int_equal(arrives(77, mac), 0);
	assert_int_equal(igb_pf_vlan(&pf, 1, 99, false), SL_OK); /* it was not in it */
	static const unsigned wrong[] = {0, 4095, 4096, 0x10001};
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(igb_pf_vlan(&pf, 0, wrong[i], true), SL_RANGE);
	assert_int_equal(igb_pf_vlan(&pf, IGB_VFS, 5, true), SL_RANGE);
	assert_int_equal(igb_pf_admit(&pf, IGB_VFS), SL_RANGE);
	for (unsigned vid = 100; vid < 131; vid++)
		assert_int_equal(igb_pf_vlan(&pf, 0, vid, true), SL_OK);
	assert_int_equal(igb_pf_vlan(&pf, 0, 200, true), SL_NOSPACE);
	/* A reset of the VF ends all that it was allowed, and nothing of another. */
	assert_int_equal(igb_pf_vlan(&pf, 1, 100, true), SL_OK);
	struct igb_io io = igb_model_of(0);
	igb_vf_reset(&io);
	(void)igb_pf_poll(&pf);
	assert_int_equal(pf_reg(VFRE), 2);
	assert_int_equal(pf_reg(RAH(23u)), 0);
	unsigned left = 0;
	for (unsigned i = 0; i < VLVF_ENTRIES; i++)
		left += pf_reg(VLVF(i)) >> 31;
	assert_int_equal(left, 1);
	assert_int_equal(pf_reg(VFTA(101u / 32)) >> 101 % 32 & 1, 0);
	assert_int_equal(pf_reg(VFTA(100u / 32)) >> 100 % 32 & 1, 1);
	M->reg[WVBR / 4] = 0x183;
	assert_int_equal(igb_pf_spoofers(&pf), 0x83);
	assert_int_equal(igb_pf_spoofers(&pf), 0);
}

/* What a VF leaves are VLANs that it was in; an entry that is not in use is none. */
static void test_leave(void **state)
{
	(void)state;
	start();
	assert_int_equal(igb_pf_vlan(&pf, 1, 300, true), SL_OK);
	assert_int_equal(igb_pf_vlan(&pf, 0, 64, true), SL_OK);
	assert_int_equal(igb_pf_vlan(&pf, 1, 65, true), SL_OK);
	assert_int_equal(pf_reg(VFTA(2u)), 3);
	assert_int_equal(igb_pf_vlan(&pf, 1, 4094, true), SL_OK);
	assert_int_equal(pf_reg(VLVF(3u)), 1u << 31 | 2 << 12 | 4094);
	assert_int_equal(igb_pf_vlan(&pf, 1, 4094, false), SL_OK);
	assert_int_equal(pf_reg(VLVF(3u)), 0);
	M->reg[VLVF(7u) / 4] = 1 << 12 | 300;
	M->reg[VLVF(VLVF_ENTRIES) / 4] = 1u << 31 | 1 << 12 | 301; /* no entry, but a register behind them */
	struct igb_io io = igb_model_of(0);
	igb_vf_reset(&io);
	(void)igb_pf_poll(&pf);
	assert_int_equal(pf_reg(VLVF(0u)), 1u << 31 | 2 << 12 | 300);
	assert_int_equal(pf_reg(VLVF(1u)), 0);
	assert_int_equal(pf_reg(VLVF(2u)), 1u << 31 | 2 << 12 | 65);
	assert_int_equal(pf_reg(VFTA(2u)), 2);
	assert_int_equal(pf_reg(VLVF(7u)), 1 << 12 | 300);
	assert_int_equal(pf_reg(VLVF(VLVF_ENTRIES)), 1u << 31 | 1 << 12 | 301);
	assert_int_equal(pf_reg(VFTA(300u / 32)), 1u << 300 % 32);
	assert_int_equal(pf.admitted, 2);
}

/* A reset that only VFLRE tells of ends what the VF was allowed, too; the bits of what is no VF stay. */
static void test_expel(void **state)
{
	(void)state;
	start();
	M->reg[VFLRE / 4] = 0x81;
	assert_int_equal(igb_pf_poll(&pf), 0);
	assert_int_equal(pf_reg(VFRE), 2);
	assert_int_equal(pf_reg(VFTE), 2);
	assert_int_equal(pf_reg(VFLRE), 0x80);
	assert_int_equal(pf.admitted, 2);
}

/* ---- the mailbox */

static uint32_t heard[4][IGB_MBX_DWORDS]; /* what the mailbox held when a VF had asked */
static unsigned n_heard;

static void listen(void *ctx)
{
	if (M->reg[MBVFICR / 4] & 1)
		memcpy(heard[n_heard++], M->vf[0].mem, sizeof heard[0]);
	poll_pf(ctx);
}

/* Each message has its dwords, and none behind them is written. */
static void test_introduce(void **state)
{
	(void)state;
	uint8_t mac[8] = {0, 0, 0, 0, 0, 0, 0x77, 0x77};
	start();
	struct igb_io io = igb_model_of(0);
	mbx[0].meanwhile = listen;
	n_heard = 0;
	igb_vf_reset(&io);
	memset(M->vf[0].mem, 0x5a, sizeof M->vf[0].mem);
	assert_int_equal(igb_vf_introduce(&mbx[0], mac), SL_OK);
	assert_int_equal(mac[6] | mac[7], 0x77);
	assert_int_equal(n_heard, 3);
	static const uint32_t want[3][4] = {{1, 0x5a5a5a5a, 0x5a5a5a5a, 0x5a5a5a5a},
					    {2, 0x33221002, 0x5544, 0x5a5a5a5a},
					    {5, 9728, 0x5544, 0x5a5a5a5a}};
	for (unsigned i = 0; i < 3; i++)
		assert_memory_equal(heard[i], want[i], sizeof want[i]);
	/* Nothing of the answer is asked for: its first dword alone is read. */
	uint32_t msg[2] = {IGB_MBX_LPE, 100};
	M->vf[0].mem[1] = 0x1234;
	assert_int_equal(igb_mbx_ask(&mbx[0], msg, 1, 0), SL_OK);
	assert_int_equal(msg[1], 100);
	/* A VF that keeps the lock is not answered. */
	M->vf_holds_lock = true;
	assert_int_equal(igb_mbx_answer(&pf.io, 0, msg, 1), SL_BUSY);
	assert_int_equal(M->unaligned, 0);
}

static void test_mailbox(void **state)
{
	(void)state;
	uint8_t mac[6], want[6];
	static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 9};
	start();
	for (unsigned i = 0; i < TWO; i++) {
		struct igb_io io = igb_model_of(i);
		igb_vf_reset(&io);
		assert_int_equal(igb_vf_introduce(&mbx[i], mac), SL_OK);
		igb_pf_mac_of(&pf, i, want);
		assert_memory_equal(mac, want, 6);
		struct igb_vf_cfg c = cfg_of(i);
		assert_int_equal(igb_vf_open(&vf[i], &c), SL_OK);
		assert_int_equal(igb_vf_ask_vlan(&mbx[i], 77), SL_OK);
	}
	assert_int_equal(igb_vf_ask_group(&mbx[1], igb_multicast_hash(group)), SL_OK);
	unsigned groups = 0;
	for (unsigned i = 0; i < MTA_WORDS; i++)
		groups += (unsigned)__builtin_popcount(pf_reg(MTA(i)));
	assert_int_equal(groups, 1);
	assert_int_equal(arrives(77, p_of(1)->mac) + arrives(0, group) + arrives(0, p_of(1)->mac), 3);
	assert_int_equal(pf.messages, 9);
	assert_int_equal(pf.refused, 0);
}

/* What VF 0 says is nonsense: each has a sentence, and VF 1 works on. */
static void test_mail_nonsense(void **state)
{
	(void)state;
	static const struct {
		uint32_t msg[3];
		const char *why;
	} rows[] = {
		{{0, 0, 0}, "not known or not allowed (0)"},
		{{6 | 2 << 16, 0, 0}, "not known or not allowed (20006)"}, /* promiscuous */
		{{0x100, 0, 0}, "not known or not allowed (100)"},
		{{0xffff, 0, 0}, "not known or not allowed (ffff)"},
		{{2 | 2 << 16, 0x11111102, 0x1111}, "more addresses than its own (20002)"},
		{{2, 0x11111102, 0x1111}, "an address that is not its own (11111102)"},
		{{2, 0x33221002, 0x5545}, "an address that is not its own (33221002)"},
		{{3 | 31 << 16, 0, 0}, "more multicast hashes than a message has room for (1f)"},
		{{3 | 255 << 16, 0, 0}, "more multicast hashes than a message has room for (ff)"},
		{{4 | 1 << 16, 0, 0}, "a VLAN that cannot be had (0)"},
		{{4 | 1 << 16, 4095, 0}, "a VLAN that cannot be had (fff)"},
		{{4 | 1 << 16, 0xffff0001, 0}, "a VLAN that cannot be had (ffff0001)"},
		{{5, 9729, 0}, "longer frames than there are (2601)"},
		{{5, UINT32_MAX, 0}, "longer frames than there are (ffffffff)"},
	};
	start();
	for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint32_t msg[3];
		memcpy(msg, rows[i].msg, sizeof msg);
		pf.why[0] = 0;
		assert_int_equal(igb_mbx_ask(&mbx[0], msg, 3, 1), SL_DEVICE);
		assert_non_null(strstr(pf.why, rows[i].why));
		assert_non_null(strstr(pf.why, "VF 0"));
		assert_true(msg[0] & IGB_MBX_CTS);
		assert_int_equal(arrives(0, p_of(1)->mac), 1);
	}
	assert_int_equal(pf.refused, sizeof rows / sizeof rows[0]);
	/* Before RESET nothing is obeyed. */
	struct igb_io io = igb_model_of(0);
	igb_vf_reset(&io);
	assert_int_equal(igb_mbx_reset_done(&mbx[0]), SL_OK);
	assert_int_equal(igb_vf_ask_vlan(&mbx[0], 5), SL_DEVICE);
	assert_non_null(strstr(pf.why, "before RESET (10004)"));
	/* A VF that keeps the lock is not answered, and the PF goes on after 10 ms. */
	M->vf_holds_lock = true;
	M->reg[MBVFICR / 4] = 1;
	uint32_t refused = pf.refused;
	assert_int_equal(igb_pf_poll(&pf), 0);
	assert_int_equal(pf.refused, refused);
	assert_int_equal(M->reg[MBVFICR / 4], 0);
}

static uint32_t answer; /* of a PF that this test is */
static unsigned stage;

static void odd_pf(void *ctx)
{
	struct igb_model_vf *v = &M->vf[0];
	(void)ctx;
	if (!(M->reg[MBVFICR / 4] & 1))
		return;
	if (stage == 1 || stage == 2)
		v->v2p |= (uint32_t)V2PMAILBOX_PFACK;
	if (stage > 1) {
		v->v2p |= (uint32_t)V2PMAILBOX_PFSTS;
		v->mem[0] = answer;
	}
	M->reg[MBVFICR / 4] = 0;
}

/* A PF that is silent, answers half, or answers something else: an error within its deadline, and after a
 * time-out no further question before the next reset. */
static void test_mail_from_pf(void **state)
{
	(void)state;
	static const uint32_t odd[] = {0, 1, 4, 4 | 3u << 30, 5 | 1u << 31, UINT32_MAX};
	start();
	mbx[0].meanwhile = odd_pf;
	for (stage = 0; stage < 2; stage++) {
		mbx[0].dead = false;
		assert_int_equal(igb_vf_ask_vlan(&mbx[0], 5), SL_TIMEOUT);
		assert_true(mbx[0].dead);
		assert_int_equal(igb_vf_ask_vlan(&mbx[0], 5), SL_TIMEOUT);
	}
	mbx[0].dead = false;
	stage = 3; /* an answer to what it has not acknowledged */
	answer = 4 | 1u << 31;
	assert_int_equal(igb_vf_ask_vlan(&mbx[0], 5), SL_TIMEOUT);
	stage = 2;
	mbx[0].dead = false;
	for (unsigned i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		answer = odd[i];
		assert_int_equal(igb_vf_ask_vlan(&mbx[0], 5), SL_BADVAL);
	}
	answer = 4 | 1u << 30;
	assert_int_equal(igb_vf_ask_vlan(&mbx[0], 5), SL_DEVICE);
	answer = 4 | 1u << 31;
	assert_int_equal(igb_vf_ask_vlan(&mbx[0], 5), SL_OK);
	M->pf_holds_lock = true;
	assert_int_equal(igb_vf_ask_vlan(&mbx[0], 5), SL_TIMEOUT);
	M->pf_holds_lock = false;
	/* RESET: never done; gone from the bus; a multicast address as the answer. */
	struct igb_io io = igb_model_of(0);
	uint8_t mac[6];
	igb_vf_reset(&io);
	assert_int_equal(igb_vf_introduce(&mbx[0], mac), SL_TIMEOUT);
	M->gone = true;
	assert_int_equal(igb_mbx_reset_done(&mbx[0]), SL_TIMEOUT);
	M->gone = false;
	M->vf[0].v2p = (uint32_t)V2PMAILBOX_RSTD;
	M->vf[0].mem[1] = 1;
	answer = 1 | 1u << 31;
	assert_int_equal(igb_vf_introduce(&mbx[0], mac), SL_BADVAL);
}

/* The reset is done once RSTD has been seen and RSTI is over, and not by one of them. */
static void test_reset_done(void **state)
{
	(void)state;
	static const uint64_t never[] = {0, V2PMAILBOX_RSTI, V2PMAILBOX_RSTI | V2PMAILBOX_RSTD,
					 V2PMAILBOX_PFSTS | V2PMAILBOX_PFACK};
	start();
	struct igb_mbx_vf m = {.io = igb_model_of(0)};
	for (unsigned i = 0; i < sizeof never / sizeof never[0]; i++) {
		M->vf[0].v2p = (uint32_t)never[i];
		m.dead = false;
		assert_int_equal(igb_mbx_reset_done(&m), SL_TIMEOUT);
		assert_true(m.dead);
	}
	M->vf[0].v2p = (uint32_t)V2PMAILBOX_RSTD;
	assert_int_equal(igb_mbx_reset_done(&m), SL_OK);
	assert_false(m.dead);
	assert_int_equal(m.seen, 0);
	assert_int_equal(igb_mbx_reset_done(&m), SL_TIMEOUT); /* it was that of the reset before */
}

/* All hashes of a message are obeyed, those behind them are not; the lowest half of a dword is the first. */
static void test_groups(void **state)
{
	(void)state;
	start();
	for (unsigned n = 0; n <= IGB_MBX_HASHES; n += n == 2 ? 28 : 1) {
		uint32_t msg[IGB_MBX_DWORDS] = {3 | n << 16};
		unsigned on = 0;
		for (unsigned i = 0; i < 30; i++)
			msg[1 + i / 2] |= (0xf000u | (i * 100 + 1)) << 16 * (i % 2);
		for (unsigned i = 0; i < MTA_WORDS; i++)
			M->reg[MTA(i) / 4] = 0;
		assert_int_equal(igb_mbx_ask(&mbx[0], msg, IGB_MBX_DWORDS, 1), SL_OK);
		for (unsigned i = 0; i < n; i++)
			assert_int_equal(pf_reg(MTA((i * 100 + 1) / 32)) >> (i * 100 + 1) % 32 & 1, 1);
		for (unsigned i = 0; i < MTA_WORDS; i++)
			on += (unsigned)__builtin_popcount(pf_reg(MTA(i)));
		assert_int_equal(on, n);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_frames),        cmocka_unit_test(test_bursts),
		cmocka_unit_test(test_forward),       cmocka_unit_test(test_forward_fast),
		cmocka_unit_test(test_send_refused),  cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_errors),        cmocka_unit_test(test_late_write),
		cmocka_unit_test(test_heads),         cmocka_unit_test(test_gone),
		cmocka_unit_test(test_open_refused),  cmocka_unit_test(test_pf_fails),
		cmocka_unit_test(test_chips),         cmocka_unit_test(test_filters),
		cmocka_unit_test(test_names),         cmocka_unit_test(test_mailbox),
		cmocka_unit_test(test_mail_nonsense), cmocka_unit_test(test_mail_from_pf),
		cmocka_unit_test(test_forward_all),   cmocka_unit_test(test_opened),
		cmocka_unit_test(test_vf_opened),     cmocka_unit_test(test_closed),
		cmocka_unit_test(test_link),          cmocka_unit_test(test_eight),
		cmocka_unit_test(test_leave),         cmocka_unit_test(test_reset_done),
		cmocka_unit_test(test_groups),        cmocka_unit_test(test_take),
		cmocka_unit_test(test_index),         cmocka_unit_test(test_gather),
		cmocka_unit_test(test_all_bad),       cmocka_unit_test(test_rings_cleared),
		cmocka_unit_test(test_fetch),         cmocka_unit_test(test_expel),
		cmocka_unit_test(test_introduce),     cmocka_unit_test(test_status_twice),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
