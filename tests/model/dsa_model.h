/* A Data Streaming Accelerator with one work queue in use, for host tests, as Linux's and DPDK's drivers
 * expect it. It notes what a driver may not do. */
#pragma once
#include "tests/model/strike_model.h"

struct dsa_model {
	struct strike_io io, portal; /* what the driver is given */
	model_reach reach;
	void *ctx;

	/* what is wrong with it */
	bool gone;         /* every register reads all ones */
	bool never_resets; /* the command never ends */
	bool refuses;      /* its configuration, when it is enabled */
	bool idle;         /* it says that all is moved, and has moved nothing */
	bool mute;         /* it takes a descriptor and does nothing */
	bool halts;        /* at a record that is refused */

	/* what was seen */
	unsigned harmful, moves, irqs;
	bool running; /* enabled */

	uint32_t gencap, wqcap[2], grpcap, engcap, offsets;
	uint32_t group[16], queue[8]; /* of the first ones */
	uint32_t state, intcause, status;
	unsigned due;
	bool queue_on;
};

void dsa_model_init(struct dsa_model *m, model_reach reach, void *ctx);
