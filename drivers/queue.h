/* A queue that takes operations and returns results, independent of the device and of the kind of operation.
 * The header of each device class defines its operations: drivers/block.h for media, drivers/compute.h for
 * computing. Each class has a struct that begins with its struct queue, and its own submit().
 *
 * Use: submit one or more batches, ring() once, poll() until all tags are back. One core owns a queue and
 * everything it points to; nothing in it is shared and nothing in submit/ring/poll allocates, locks or
 * formats. */
#pragma once
#include "kernel/addr.h"
#include "kernel/err.h"

struct queue_done {
	uint32_t tag;
	uint16_t status; /* 0: success. Otherwise device-specific: status_text() */
};

struct queue_stats {
	uint64_t ops, doorbells, polls, empty_polls;
	uint64_t bad; /* impossible completions: unknown or idle tag, head out of range */
};

struct queue;

struct queue_ops {
	const char *name;
	/* Notifies the device of all requests since the last ring(): at most one MMIO write. */
	void (*ring)(struct queue *q);
	/* Takes up to max results; never waits. */
	unsigned (*poll)(struct queue *q, struct queue_done *done, unsigned max);
	/* True when poll() would find something: reads only memory. */
	bool (*ready)(const struct queue *q);
	/* For a queue that was opened with an interrupt: each result that ready() does not see after this
	 * call raises it. At most one MMIO write and one read, which also ensures that all earlier writes
	 * have reached the device, the unmasking of a vector included. */
	void (*arm)(struct queue *q);
	/* "Compare Failure (2/85h)" in buf; returns buf. */
	const char *(*status_text)(uint16_t status, char *buf, size_t n);
	/* True for a status after which the same request may succeed a little later. NULL: there is none. */
	bool (*is_transient)(uint16_t status);
	/* SL_OK while the device works; SL_DEVICE when it has stopped (fatal status, gone from the bus). */
	enum sl_err (*health)(struct queue *q);
	/* Why results stay away, or what came that cannot be, in buf; returns buf. Reads registers: not for
	 * the data path. NULL: it has no words for that. */
	const char *(*explain)(struct queue *q, char *buf, size_t n);
};

struct queue {
	const struct queue_ops *ops;
	uint32_t depth; /* most requests in flight */
	enum sl_err refused;
	struct queue_stats stats;
};
