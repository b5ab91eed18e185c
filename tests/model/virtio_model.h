/* A virtio 1.2 device with one queue, over PCI, for host tests: an entropy device, or a block device. It
 * notes what a driver may not do. */
#pragma once
#include "tests/model/cfg_model.h"
#include "tests/model/strike_model.h"

#define VIRTIO_BAR    4u
#define VIRTIO_LEN    0x4000u
#define VIRTIO_COMMON 0x1000u
#define VIRTIO_NOTIFY 0x3000u /* of queue 0: 20 bytes behind */
#define VIRTIO_CAPS   0x40u   /* common, 14h behind it notifications */

struct virtio_model {
	struct strike_io io; /* what the driver is given */
	struct pci_func fn;
	model_reach reach;
	void *ctx;
	bool block;

	/* what is wrong with it */
	bool gone;               /* every register reads all ones */
	bool never_resets, jams; /* ever; from the next request on */
	bool refuses;            /* the features that it has offered */
	bool mute;               /* it answers no request */
	bool idle;               /* its answers say that all is done, and nothing was */
	uint32_t offers;         /* features 63:32 */
	bool noisy;              /* a refused buffer ends the queue; else it counts as done */

	/* what was seen */
	unsigned harmful, requests, irqs;
	bool running;

	struct cm cm;
	struct cm_fn *cfg;
	uint32_t select, driver_select, features[2], vector, size, enabled;
	uint64_t desc, avail, used;
	uint8_t status;
	unsigned reset_due;
	uint8_t next;
};

void virtio_model_rng(struct virtio_model *m, model_reach reach, void *ctx);
void virtio_model_block(struct virtio_model *m, model_reach reach, void *ctx);
void virtio_model_free(struct virtio_model *m);
