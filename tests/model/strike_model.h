/* Controllers of drivers/strike for host tests, written from their specifications: a SATA controller with one
 * drive, an HD Audio controller with one codec, a USB controller with a keyboard. What they access goes
 * through reach(), as a unit decides. They note every command that is not harmless. */
#pragma once
#include "drivers/strike/strike.h"
#include "tests/model/xhci_model.h"

/* Copies n bytes between the model and device address at; false: refused. */
typedef bool (*model_reach)(void *ctx, uint64_t at, void *data, size_t n, bool write);

struct strike_model {
	struct strike_io io; /* what the driver is given */
	model_reach reach;
	void *ctx;

	/* what is wrong with it */
	bool gone;   /* every register reads all ones */
	bool narrow; /* 32-bit addresses */
	bool empty;  /* no drive, no codec */
	bool never_stops, never_resets;
	bool half;   /* of what never stops only the second: the FIS area, the RIRB */
	bool jams;   /* it never stops from its next start on */
	bool packet; /* its drive is one for CDs */
	bool no_ack; /* the reset of CORBRP never reads 1 */
	bool idle;   /* it says that all is done, and does nothing */
	bool keeps;  /* it reads its list and its FIS area by translations made when the port was started */
	uint32_t answer; /* of the codec */

	/* what was seen */
	unsigned commands, harmful, irqs;
	bool running; /* something in it may still access memory */

	uint32_t reg[0x2000 / 4];
	uint16_t rirbwp, corbrp;
	bool rp_reset;
	unsigned held; /* by the firmware: reads of BOHC until it has let go */
	/* what is under way, in reads of the register that shows it */
	unsigned due, link_due, ready_due, rp_due;
	uint64_t reset_from;
	struct xhci_model xhci;
	struct xm_device keyboard;
};

#define MODEL_PORT 2u /* of the drive */

void strike_model_ahci(struct strike_model *m, model_reach reach, void *ctx);
void strike_model_hda(struct strike_model *m, model_reach reach, void *ctx);
void strike_model_xhci(struct strike_model *m, model_reach reach, void *ctx);
