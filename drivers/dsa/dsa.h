/* Intel's Data Streaming Accelerator: one function whose work queues each have a portal page. Order:
 * dsa_open(), dsa_start(), queues (drivers/dsa/queue.h), dsa_stop(). The function is attached to its domain,
 * with memory space and bus mastering on. Its requests carry no PASID; ATS stays off.
 *
 * This has never run on silicon, only against models. */
#pragma once
#include "drivers/strike/strike.h"

#define DSA_VENDOR 0x8086u
#define DSA_DEVICE 0x0b25u
#define DSA_QUEUES 8u /* at most that are used */

struct dsa {
	struct strike_io io, portals; /* BAR0 and BAR2, set by the caller */
	uint32_t groups_at, queues_at, queue_bytes;
	unsigned groups, engines, queues, entries; /* that it has; entries of all queues together */
	unsigned transfer, batch;                  /* the largest, in powers of two */
	unsigned used, size; /* queues that run, and how many submissions each of them takes */
};

/* Reads what it has, and resets it. On an error *why says what is wrong: SL_DEVICE, SL_UNSUPPORTED,
 * SL_TIMEOUT. */
enum sl_err dsa_open(struct dsa *d, const char **why) MUST_CHECK;
/* Enables up to this many queues (d->used), dedicated and with a group and an engine each as far as there are
 * some, and the device. *error is CMDSTATUS when a command was refused: SL_DEVICE; SL_TIMEOUT. */
enum sl_err dsa_start(struct dsa *d, unsigned queues, uint32_t *error) MUST_CHECK;
/* Resets it: when it returns SL_OK, it does no more DMA. SL_TIMEOUT, SL_DEVICE. */
enum sl_err dsa_stop(struct dsa *d) MUST_CHECK;
