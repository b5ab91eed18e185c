// PFVF messages. Where no PF driver takes them the model answers as one would: version, capabilities, ring
// map. Gen2: one register, low half PF->VF, high half VF->PF. In a half: bit 0 INT, 1 origin, 2..5
// type, 6..15 data. SPDX-License-Identifier: GPL-2.0-or-later
#include "fw.h"
#include "qat.h"

enum { INT = 1u << 0, ORIGIN = 1u << 1, IN_USE = 0x6ac2, IN_USE_MASK = 0xfffe };
enum {
	VF_INIT = 3,
	VF_SHUTDOWN = 4,
	VF_VERSION = 5,
	VF_COMPAT = 6,
	VF_BLOCK_L = 7,
	VF_BLOCK_M = 8,
	VF_BLOCK_S = 9,
	VF_RING_RESET = 0x10 /* gen4 */
};
enum { PF_VERSION = 2, PF_BLOCK = 3, PF_RING_RESET = 0x10, RESET_DONE = 0, RESET_NO_BANK = 2 };
enum { BLOCK_CAPABILITIES = 2, BLOCK_RING_MAP = 3, BLOCK_DATA = 0, BLOCK_CRC = 1, BLOCK_ERROR = 2 };
enum { VERSION = 5, ANSWER_NS = 200000 };

static uint8_t crc8(const uint8_t *p, unsigned len)
{
	uint8_t c = 0xff;
	while (len--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = (uint8_t)(c << 1 ^ (c & 0x80 ? 0x97 : 0));
	}
	return c;
}

// One byte of a block: version, payload length, payload; or the CRC of bytes 0..n.
static uint32_t block(const struct qat_vf *v, unsigned type, unsigned n, bool crc)
{
	uint8_t capabilities[] = {3, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0x2f, 0x68, 0x59, 0x29};
	uint8_t ring_map[] = {1, 2, (uint8_t)v->ring_map, (uint8_t)(v->ring_map >> 8)};
	put32(capabilities + 6, v->kind->capabilities);
	const uint8_t *b = type == BLOCK_CAPABILITIES ? capabilities : ring_map;
	unsigned len = type == BLOCK_CAPABILITIES ? sizeof capabilities : sizeof ring_map;
	if ((type != BLOCK_CAPABILITIES && type != BLOCK_RING_MAP) || n >= len)
		return BLOCK_ERROR;
	return crc ? BLOCK_CRC | (uint32_t)crc8(b, n + 1) << 2 : BLOCK_DATA | (uint32_t)b[n] << 2;
}

bool pfvf_reply(struct qat_vf *v, unsigned *type, uint32_t *data)
{
	uint32_t d = *data;
	switch (*type) {
	case VF_VERSION:
	case VF_COMPAT:
		*type = PF_VERSION;
		*data = VERSION | 1u << 8;
		return true;
	case VF_BLOCK_S:
		*type = PF_BLOCK;
		*data = block(v, d & 15, d >> 4 & 31, d >> 9 & 1);
		return true;
	case VF_BLOCK_M:
	case VF_BLOCK_L:
		*type = PF_BLOCK;
		*data = BLOCK_ERROR;
		return true;
	case VF_RING_RESET:
		*type = PF_RING_RESET;
		*data = d < v->kind->banks ? RESET_DONE : RESET_NO_BANK;
		if (d < v->kind->banks)
			bank_reset(&v->bank[d]);
		return true;
	default:
		return false; /* INIT, SHUTDOWN and what is not known */
	}
}

void mailbox_answer(void *opaque)
{
	struct qat_vf *v = opaque;
	unsigned type = v->mailbox.message >> 2 & 15;
	uint32_t data = v->mailbox.message >> 6;
	if (!pfvf_reply(v, &type, &data))
		return;
	v->mailbox.reg = type << 2 | data << 6 | INT | ORIGIN | IN_USE << 16;
	vf_irq(v);
}

void mailbox_write(struct qat_vf *v, uint32_t value, bool by_vf)
{
	unsigned n = v->bank[0].vf;
	v->mailbox.reg = value;
	vf_irq(v);
	pf_irq(v->pf);
	if (!by_vf || v->pf->vf_taken >> (9 + n) & 1)
		return;
	if (!(value >> 16 & INT)) {
		/* An acknowledgement. A VF that does not know our version yet leaves our pattern; the sender
		 * gives it up then. */
		if (!(value & INT) && (value >> 16 & IN_USE_MASK) == IN_USE)
			v->mailbox.reg &= 0xffffu;
		return;
	}
	/* Taken: INT goes, and the pattern too unless the message is a notification. */
	v->mailbox.message = value >> 16;
	unsigned type = v->mailbox.message >> 2 & 15;
	v->mailbox.reg &= ~((uint32_t)INT << 16);
	if (type != VF_INIT && type != VF_SHUTDOWN && (v->mailbox.reg & IN_USE_MASK) == IN_USE)
		v->mailbox.reg &= ~0xffffu;
	timer_after(v->mailbox.answer, ANSWER_NS);
}

void mailbox_init(struct qat_vf *v)
{
	v->mailbox.answer = timer_make(v->kind->answer, v);
}

void mailbox_exit(struct qat_vf *v)
{
	timer_drop(v->mailbox.answer);
}

void mailbox_reset(struct qat_vf *v)
{
	timer_del(v->mailbox.answer);
	v->mailbox.reg = v->mailbox.to_vf = 0;
	pf_irq(v->pf);
}
