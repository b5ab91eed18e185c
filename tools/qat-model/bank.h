/* A bank of rings: its registers, and the engine that takes requests and writes responses.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "fault.h"
#include "mem.h"
#include "../qemu-device/qemu.h"
#include "service.h"

#define RINGS_MAX 16u

/* Where a generation has its ring registers, and how it writes a base. */
struct bank_kind {
	unsigned gen; /* 2, 4 */
	unsigned rings, rx_gap; /* the response ring of ring t is t + rx_gap */
	uint32_t config, lbase, ubase;
	unsigned base_shift;
};
extern const struct bank_kind bank_gen2, bank_gen4;

struct ring {
	uint32_t config, lbase, ubase, head, tail;
	bool stopped; /* after a refused access, until the ring is set up again */
};

struct bank {
	const struct bank_kind *kind;
	struct ring ring[RINGS_MAX];
	uint8_t service[RINGS_MAX]; /* enum ring_service of a request ring */
	uint32_t arbiter, int_enable, int_control, int_source[2];
	struct mem mem;
	struct fault *fault; /* of the PF */
	bool log;
	unsigned vf, number; /* the bank's in the VF */
	QEMUBH *work;
	QEMUTimer *later;
	bool asleep; /* as ordered, until later */
	void (*irq)(void *fn); /* after every change of bank_pending(); fn is mem.fn */
	bool (*served)(const struct bank *b, unsigned ring); /* there are engines for this request ring */
};

void bank_init(struct bank *b, const struct bank_kind *kind);
void bank_exit(struct bank *b);
void bank_reset(struct bank *b);
/* Looks again for requests that may be taken. */
void bank_kick(struct bank *b);
uint32_t bank_read(struct bank *b, uint32_t off);
void bank_write(struct bank *b, uint32_t off, uint32_t v);

/* Response rings that are not empty and ask for an interrupt. */
uint32_t bank_pending(const struct bank *b);
