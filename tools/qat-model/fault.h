/* Faults to order, as properties of the PF: fault=NAME, fault-vf=N (all unless given), fault-after=N requests of that VF,
 * fault-count=N requests (1 unless given), fault-ms=N for late.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define FAULT_ALL_VFS 0xffffu

enum fault_kind {
	FAULT_NONE,
	FAULT_DMA,     /* dma: the request cannot be read; its ring stops */
	FAULT_STATUS,  /* status: an error status, nothing done */
	FAULT_STUCK,   /* stuck: the ring stops for good */
	FAULT_LATE,    /* late: responses come fault-ms after the doorbell */
	FAULT_EXTRA,   /* extra: a second completion nobody asked for */
	FAULT_OPAQUE,  /* opaque: a wrong opaque value */
	FAULT_POINTER, /* pointer: ring pointers out of range */
	FAULT_VERIFY,  /* verify: no firmware is found authentic; of the PF, whatever fault-vf says */
	FAULT_KINDS,
};

struct fault {
	enum fault_kind kind;
	char *name;
	uint32_t vf, after, count, ms;
	uint32_t seen, done;
};

/* Takes the name; false when there is no such fault. */
bool fault_parse(struct fault *f);
/* What is ordered for this request of VF vf; counts it. */
enum fault_kind fault_next(struct fault *f, unsigned vf);
/* Firmware of the PF is to be found not genuine. */
bool fault_verify(const struct fault *f);
uint32_t fault_delay_ms(const struct fault *f, unsigned vf);
