/* A Data Streaming Accelerator for host tests, as Linux's and DPDK's drivers expect it. It notes what a
 * driver may not do. */
#pragma once
#include "tests/model/strike_model.h"

#define DM_QUEUES   8u
#define DM_GROUPS   4u
#define DM_ENTRIES  128u
#define DM_PORTAL   0x4000u
#define DM_NO_PASID UINT32_MAX

struct dsa_model {
	struct strike_io io, portal; /* what the driver is given */
	model_reach reach;
	void *ctx;
	/* Asks for a page where an access was refused, and the descriptor blocks on faults; true: it will be
	 * answered by dsa_model_answered(). NULL: it never asks. */
	bool (*ask)(void *ctx, uint64_t at, bool write);
	uint32_t pasid; /* of the access that reach() is asked for; DM_NO_PASID: it has none */

	/* what is wrong with it */
	bool gone;         /* every register reads all ones */
	bool never_resets; /* the command never ends */
	bool refuses;      /* its configuration, when it is enabled */
	bool idle;         /* it says that all is moved, and has moved nothing */
	bool mute;         /* it takes a descriptor and does nothing */
	bool halts;        /* at a record that is refused */
	bool flips;        /* one bit of what it writes, or of a CRC */
	bool equal;        /* whatever it compares */
	bool wrong_pasid;  /* its requests have the next PASID, not the queue's */
	bool lies;         /* records say that all is done, also what was refused */
	bool holds;        /* it takes submissions, and works on them in dsa_model_work() */

	/* what was seen */
	unsigned harmful, moves, irqs;
	unsigned batches, held; /* of submissions: those that were batches, those that wait */
	bool running;           /* enabled */

	uint32_t gencap, wqcap[2], grpcap, engcap, offsets;
	uint32_t group[DM_GROUPS * 16], queue[DM_QUEUES * 8];
	uint32_t state, intcause, status, swerr;
	unsigned due;
	bool queue_on[DM_QUEUES];
	unsigned in[DM_QUEUES]; /* submissions that wait */
	struct {
		unsigned queue;
		uint64_t desc[8];
	} hold[DM_ENTRIES];
	bool may_block, denied; /* of the queue that works; the page is not to be had */
	bool blocked;           /* one descriptor waits for its page: this */
	unsigned blocked_queue;
	uint64_t blocked_desc[8];
	uint64_t refused_at; /* the last access that was */
	bool refused_write;
	uint8_t portals[DM_QUEUES * DM_PORTAL];
};

void dsa_model_init(struct dsa_model *m, model_reach reach, void *ctx);
/* The page that it asked for is there, or it is not to be had. */
void dsa_model_answered(struct dsa_model *m, bool good);
/* Works on all that waits, the last submission first. */
void dsa_model_work(struct dsa_model *m);
