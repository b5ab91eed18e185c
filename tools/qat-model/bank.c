// Rings. Requests are taken one of each ring in turn; a response ring is never filled to its last slot.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "bank.h"
#include "fw.h"

enum {
	HEAD = 0x0c0,
	TAIL = 0x100,
	E_STAT = 0x14c,
	INT_SRCSEL = 0x174,
	INT_SRCSEL_2 = 0x178,
	INT_COL_EN = 0x17c,
	INT_COL_CTL = 0x180,
	INT_FLAG_AND_COL = 0x184,
	ARBITER = 0x19c
};
enum { SIZE_CODE_MAX = 0x10, ROUNDS = 32 };

const struct bank_kind bank_gen2 = {
	.gen = 2, .rings = 16, .rx_gap = 8, .config = 0x000, .lbase = 0x040, .ubase = 0x080, .base_shift = 6};
const struct bank_kind bank_gen4 = {.gen = 4,
				    .rings = 2,
				    .rx_gap = 1,
				    .config = 0x1000,
				    .lbase = 0x1040,
				    .ubase = 0x1080,
				    .base_shift = 0};

static uint32_t ring_bytes(const struct ring *r)
{
	unsigned code = r->config & 31;
	return code > SIZE_CODE_MAX ? 0 : 64u << code;
}

static uint64_t ring_base(const struct bank *b, const struct ring *r)
{
	uint64_t base = ((uint64_t)r->ubase << 32 | r->lbase) << b->kind->base_shift;
	return base & ~(uint64_t)(ring_bytes(r) - 1);
}

static bool is_tx(const struct bank *b, unsigned n)
{
	return n < b->kind->rx_gap;
}

static uint32_t empty_rings(const struct bank *b)
{
	uint32_t mask = 0;
	for (unsigned i = 0; i < b->kind->rings; i++)
		mask |= (uint32_t)(b->ring[i].head == b->ring[i].tail) << i;
	return mask;
}

uint32_t bank_pending(const struct bank *b)
{
	uint32_t rx = ((1u << b->kind->rings) - 1) & ~((1u << b->kind->rx_gap) - 1);
	return b->int_control >> 31 ? b->int_enable & rx & ~empty_rings(b) : 0;
}

static void stop(struct bank *b, unsigned n, const char *why)
{
	b->ring[n].stopped = true;
	warn_report("qat: VF %u ring %u stopped: %s", b->vf, n, why);
}

// The payload first and the first dword last: that is what a polling driver looks at.
static bool respond(struct bank *b, unsigned n, const uint8_t *resp)
{
	struct ring *rx = &b->ring[n + b->kind->rx_gap];
	uint64_t at = ring_base(b, rx) + rx->tail;
	if (mem_write(&b->mem, at + 4, resp + 4, RESP_BYTES - 4) != DONE)
		return false;
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (mem_write(&b->mem, at, resp, 4) != DONE)
		return false;
	rx->tail = (rx->tail + RESP_BYTES) % ring_bytes(rx);
	return true;
}

static bool has_room(const struct ring *rx)
{
	uint32_t size = ring_bytes(rx);
	uint32_t used = (rx->tail - rx->head) & (size - 1);
	return size && used + 2 * RESP_BYTES <= size;
}

// A request that is waiting on ring n and may be taken.
static bool ready(const struct bank *b, unsigned n)
{
	const struct ring *tx = &b->ring[n], *rx = &b->ring[n + b->kind->rx_gap];
	return b->arbiter >> n & 1 && !tx->stopped && tx->head != tx->tail && ring_bytes(tx) &&
	       has_room(rx) && b->served(b, n);
}

static void say_answer(const struct bank *b, unsigned n, const uint8_t *req, const uint8_t *resp)
{
	unsigned status = resp[b->service[n] == RING_ASYM ? PKE_RESP_STATUS : RESP_STATUS];
	if (b->log)
		fprintf(stderr, "qat: VF %u bank %u ring %u service %u command %u flags %04x status %02x\n",
			b->vf, b->number, n, req[REQ_SERVICE], req[REQ_COMMAND], get16(req + REQ_SERV_FLAGS),
			status);
}

static void take(struct bank *b, unsigned n)
{
	struct ring *tx = &b->ring[n];
	uint8_t req[REQ_BYTES] = {0}, resp[RESP_BYTES];
	enum ring_service s = b->service[n];
	unsigned bytes = service_req_bytes(s), size = ring_bytes(tx);
	enum fault_kind fault = fault_next(b->fault, b->vf);
	if (tx->tail % bytes || tx->tail >= size) {
		stop(b, n, "the tail is not at a message");
		return;
	}
	if (fault == FAULT_LATE) {
		b->asleep = true;
		timer_after(b->later, (int64_t)b->fault->ms * 1000000);
		return;
	}
	if (fault == FAULT_STUCK) {
		stop(b, n, "as ordered (fault=stuck)");
		return;
	}
	if (fault == FAULT_DMA || mem_read(&b->mem, ring_base(b, tx) + tx->head, req, bytes) != DONE) {
		stop(b, n, fault == FAULT_DMA ? "as ordered (fault=dma)" : "the request cannot be read");
		return;
	}
	if (fault == FAULT_STATUS)
		service_fail(s, req, resp);
	else if (!service_answer(b->kind->gen, s, &b->mem, req, resp)) {
		stop(b, n, "an access of the request was refused");
		return;
	}
	say_answer(b, n, req, resp);
	if (fault == FAULT_FLIP)
		sym_flip(&b->mem, req);
	if (fault == FAULT_OPAQUE)
		put64(resp + RESP_OPAQUE, get64(resp + RESP_OPAQUE) ^ 0x5a5a5a5a5a5a5a5aull);
	tx->head = (tx->head + bytes) % size;
	if (!respond(b, n, resp) ||
	    (fault == FAULT_EXTRA && has_room(&b->ring[n + b->kind->rx_gap]) && !respond(b, n, resp)))
		stop(b, n, "the response cannot be written");
	if (fault == FAULT_POINTER) {
		tx->head = 0x7fffffc0;
		b->ring[n + b->kind->rx_gap].tail = 0x7fffffe0;
		stop(b, n, "as ordered (fault=pointer)");
	}
}

static void work(void *opaque)
{
	struct bank *b = opaque;
	bool more = true;
	for (unsigned round = 0; more && round < ROUNDS; round++) {
		more = false;
		for (unsigned n = 0; n < b->kind->rx_gap; n++) {
			if (b->asleep || !ready(b, n))
				continue;
			take(b, n);
			more = true;
		}
	}
	b->irq(b->mem.fn);
	if (more)
		qemu_bh_schedule(b->work);
}

static void wake(void *opaque)
{
	struct bank *b = opaque;
	b->asleep = false;
	work(b);
}

void bank_kick(struct bank *b)
{
	if (!b->asleep)
		qemu_bh_schedule(b->work);
}

void bank_init(struct bank *b, const struct bank_kind *kind)
{
	b->kind = kind;
	b->work = work_make(work, b);
	b->later = timer_make(wake, b);
	bank_reset(b);
}

void bank_exit(struct bank *b)
{
	qemu_bh_delete(b->work);
	timer_drop(b->later);
}

void bank_reset(struct bank *b)
{
	if (b->log)
		fprintf(stderr, "qat: VF %u bank %u reset\n", b->vf, b->number);
	memset(b->ring, 0, sizeof b->ring);
	b->arbiter = b->int_enable = b->int_control = 0;
	b->int_source[0] = b->int_source[1] = 0;
	b->asleep = false;
	if (b->later)
		timer_del(b->later);
}

// The register of ring r of an array at base, or NULL.
static struct ring *at(struct bank *b, uint32_t off, uint32_t base, unsigned *n)
{
	*n = (off - base) / 4;
	return off >= base && *n < b->kind->rings ? &b->ring[*n] : NULL;
}

uint32_t bank_read(struct bank *b, uint32_t off)
{
	const struct bank_kind *k = b->kind;
	struct ring *r;
	unsigned n;
	if ((r = at(b, off, k->config, &n)))
		return r->config;
	if ((r = at(b, off, k->lbase, &n)))
		return r->lbase;
	if ((r = at(b, off, k->ubase, &n)))
		return r->ubase;
	if ((r = at(b, off, HEAD, &n)))
		return r->head;
	if ((r = at(b, off, TAIL, &n)))
		return r->tail;
	switch (off) {
	case E_STAT:
		return empty_rings(b);
	case INT_SRCSEL:
		return b->int_source[0];
	case INT_SRCSEL_2:
		return b->int_source[1];
	case INT_COL_EN:
	case INT_FLAG_AND_COL:
		return b->int_enable;
	case INT_COL_CTL:
		return b->int_control;
	case ARBITER:
		return b->arbiter;
	default:
		return 0;
	}
}

// A new configuration or base starts the ring anew.
static void restart(struct ring *r)
{
	r->head = r->tail = 0;
	r->stopped = false;
}

void bank_write(struct bank *b, uint32_t off, uint32_t v)
{
	const struct bank_kind *k = b->kind;
	struct ring *r;
	unsigned n;
	if ((r = at(b, off, k->config, &n))) {
		r->config = v;
		restart(r);
		if (b->log && is_tx(b, n))
			fprintf(stderr, "qat: VF %u bank %u ring %u set up\n", b->vf, b->number, n);
	} else if ((r = at(b, off, k->lbase, &n))) {
		r->lbase = v;
		restart(r);
	} else if ((r = at(b, off, k->ubase, &n))) {
		r->ubase = v;
		restart(r);
	} else if ((r = at(b, off, HEAD, &n)) && !is_tx(b, n)) {
		r->head = v & (ring_bytes(r) ? ring_bytes(r) - 1 : 0);
		b->irq(b->mem.fn);
		bank_kick(b); /* there may be room again */
	} else if ((r = at(b, off, TAIL, &n)) && is_tx(b, n)) {
		r->tail = v;
		bank_kick(b);
	} else {
		switch (off) {
		case INT_SRCSEL:
			b->int_source[0] = v;
			break;
		case INT_SRCSEL_2:
			b->int_source[1] = v;
			break;
		case INT_COL_EN:
		case INT_FLAG_AND_COL:
			b->int_enable = v;
			break;
		case INT_COL_CTL:
			b->int_control = v;
			break;
		case ARBITER:
			b->arbiter = v;
			bank_kick(b);
			break;
		default:
			return;
		}
		b->irq(b->mem.fn);
	}
}
