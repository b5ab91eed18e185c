/* An I/OAT channel of version 3.x for host tests, as Linux's and DPDK's drivers expect it. It notes what a
 * driver may not do. */
#pragma once
#include "tests/model/cfg_model.h"
#include "tests/model/strike_model.h"

struct ioat_model {
	struct strike_io io; /* what the driver is given */
	struct pci_func fn;
	model_reach reach;
	void *ctx;

	/* what is wrong with it */
	bool gone; /* every register reads all ones */
	bool never_resets;
	bool idle; /* it says that a copy is done, and has done nothing */
	bool mute; /* it does not begin */

	/* what was seen */
	unsigned harmful, copies, irqs;
	bool running; /* not reset since it was last used */

	struct cm cm;
	struct cm_fn *cfg;
	uint8_t version, channels, intrctrl;
	uint16_t chanctrl;
	uint32_t chanerr;
	uint64_t chansts, chainaddr, chancmp, quiet_from;
	unsigned reset_due;
	bool suspended;
};

void ioat_model_init(struct ioat_model *m, model_reach reach, void *ctx);
void ioat_model_free(struct ioat_model *m);
