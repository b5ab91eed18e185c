/* Faults to order, as properties of the PF: fault=NAME or NAME+NAME+..., fault-vf=N, fault-after=N requests
 * of a VF, fault-count=N requests of a VF (1 unless given), fault-ms=N for late. With fault-vf the first
 * fault is that VF's, the second the next VF's, and so on; without it each VF has one, in turn.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define FAULT_ALL_VFS 0xffffu
#define FAULT_VFS     16u

enum fault_kind {
	FAULT_NONE,
	FAULT_DMA,     /* dma: the request cannot be read; its ring stops */
	FAULT_STATUS,  /* status: an error status, nothing done */
	FAULT_STUCK,   /* stuck: the ring stops for good */
	FAULT_LATE,    /* late: the VF does nothing for fault-ms before it takes the request */
	FAULT_EXTRA,   /* extra: a second completion without a request */
	FAULT_OPAQUE,  /* opaque: a wrong opaque value */
	FAULT_POINTER, /* pointer: ring pointers out of range */
	FAULT_FLIP,    /* flip: one bit of the cipher's result is wrong, status ok */
	FAULT_VERIFY,  /* verify: no firmware is found authentic; of the PF, whatever fault-vf says */
	FAULT_KINDS,
};

struct fault {
	char *name;
	uint32_t vf, after, count, ms;
	uint8_t kind[FAULT_VFS]; /* in the order of their names */
	unsigned kinds;
	uint32_t seen[FAULT_VFS], done[FAULT_VFS];
};

/* Takes the names; false when there is no such fault. */
bool fault_parse(struct fault *f);
/* What is ordered for this request of VF vf; counts it. */
enum fault_kind fault_next(struct fault *f, unsigned vf);
/* Firmware of the PF is to be found not genuine. */
bool fault_verify(const struct fault *f);
