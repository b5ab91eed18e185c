/* Intel's 82574 and 82576 for host tests, written from their datasheets as far as drivers/strike uses them: a
 * frame of descriptors, its reception where the PHY loops, and one interrupt. They note what a driver may not
 * do, and every frame that would leave on the wire. */
#pragma once
#include "tests/model/strike_model.h"

struct nic_model {
	struct strike_io io; /* what the driver is given */
	model_reach reach;
	void *ctx;
	bool adv; /* 82576: advanced descriptors, queues that have to be enabled */

	/* what is wrong with it */
	bool gone; /* every register reads all ones */
	bool never_stops, never_resets;
	bool no_loop;         /* the PHY sends although it is to loop */
	bool idle;            /* descriptors come back done, and nothing was moved */
	bool drops;           /* a frame whose bytes were refused is not sent; else they are zeros */
	bool hangs;           /* it stays at a descriptor that was refused; else it takes zeros for it */
	bool paces;           /* a message waits until some time has passed since the last one */
	unsigned loops_after; /* frames that are lost until the PHY loops */

	/* what was seen */
	unsigned harmful, frames, sent, irqs, resets;
	bool running;

	uint32_t reg[0x6000 / 4];
	uint32_t bmcr;
	uint64_t reset_from;
	unsigned mdic_due, reset_due, link_due;
	bool lost;      /* after a refused descriptor the next frame is */
	bool stuck;     /* at a refused descriptor, until a reset */
	uint64_t paced; /* until then */
	bool up;
	uint8_t frame[2048]; /* as far as it has been read */
	uint32_t size;
	bool refused; /* some of it */
};

void nic_model_82574(struct nic_model *m, model_reach reach, void *ctx);
void nic_model_82576(struct nic_model *m, model_reach reach, void *ctx);
