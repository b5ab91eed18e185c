/* Devices that keep blocks: requests read, write, copy, fill, compare and verify them. The queue is that of
 * drivers/queue.h. */
#pragma once
#include "drivers/queue.h"

enum block_op {
	BLOCK_READ,    /* medium -> memory */
	BLOCK_WRITE,   /* memory -> medium */
	BLOCK_COPY,    /* medium src_lba -> medium lba, no memory */
	BLOCK_FILL,    /* zeros -> medium, no memory */
	BLOCK_COMPARE, /* memory with medium; differing data is the error BLOCK_MISCOMPARE */
	BLOCK_VERIFY,  /* the device checks its medium (and protection information), no memory */
	BLOCK_OPS
};

/* Protection information (T10 DIF) on a store that has it. The application tag is 0 and never checked. */
enum block_pi {
	BLOCK_PI_INSERT = 1, /* write, fill: the device makes guard and reference tag */
	BLOCK_PI_CHECK =
		2, /* all but fill: the device checks guard and reference tag; copy: those of its source */
};

struct block_req {
	uint8_t op; /* enum block_op */
	uint8_t pi; /* enum block_pi bits */
	uint16_t blocks;
	uint32_t store; /* block_store.id */
	uint32_t tag;   /* any value below queue.depth that is not in flight; comes back in queue_done */
	uint64_t lba;
	uint64_t src_lba;
	iova_t data; /* read, write, compare: page-aligned, as long as the blocks */
	iova_t meta; /* the same, on a store with metadata: store->meta bytes a block, a multiple of 4. Not
			used by a write with PI_INSERT where the metadata is only the 8 bytes of protection
			information */
};

/* Blocks that this VF may use. */
struct block_store {
	uint32_t id;        /* its index in block.store */
	uint32_t block;     /* bytes */
	uint64_t first_lba; /* of this VF's share; 0 when the store is its own */
	uint64_t blocks;    /* of this VF's share */
	uint32_t most;      /* blocks that one read, write or compare can move */
	uint16_t meta;      /* metadata bytes a block, in a buffer of its own; 0: none */
	bool pi;            /* 16-bit guard protection information, type 1 */
	uint16_t pi_off; /* offset in a block's metadata; the guard covers the block's data and the metadata
			    before it */
	bool shared;     /* other VFs see it too */
};

struct block;

struct block_ops {
	/* Puts up to n requests in the ring and returns how many went in; fewer only when a request is
	 * refused, and queue.refused then says why: SL_BUSY its tag is in flight, SL_UNSUPPORTED not in can,
	 * or not on this store, SL_RANGE blocks, store or tag out of range, SL_BADVAL data or meta misaligned
	 * or missing, or pi not for it. */
	unsigned (*submit)(struct block *b, const struct block_req *req, unsigned n);
	/* True for the status of a failed comparison. */
	bool (*is_miscompare)(uint16_t status);
	/* True for the status of wrong protection information. */
	bool (*is_pi_error)(uint16_t status);
};

struct block {
	struct queue q; /* first: what the queue's functions get */
	const struct block_ops *ops;
	uint32_t can; /* BIT(enum block_op): some store takes it */
	struct block_store store[4];
	unsigned stores;
};
