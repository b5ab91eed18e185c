/* An EHCI controller for host tests, written from EHCI 1.0: one port with a device, an asynchronous schedule
 * of queue heads, no transfer that has bytes. What it accesses goes through reach(), as a unit decides; a
 * read that is refused is a host system error. */
#pragma once
#include "drivers/strike/strike.h"

struct ehci_model {
	struct strike_io io; /* what the driver is given */
	struct pci_func fn;
	struct pci_cfg cfg;
	bool (*reach)(void *ctx, uint64_t at, void *data, size_t n, bool write);

	/* what is wrong with it */
	bool gone, empty, slow; /* slow: its device is not a high-speed one */
	bool never_stops, never_resets;
	bool idle; /* it says that a transfer has ended, and does nothing */
	bool bios_keeps;
	bool no_legacy; /* it has no USBLEGSUP, */
	bool loops;     /* and its capabilities go round */

	/* what was seen */
	unsigned copies, harmful, irqs, port_resets;
	bool running, bios_owned, debugged;
	uint32_t smis; /* USBLEGCTLSTS */

	uint32_t cmd, sts, intr, list, config, portsc;
	bool os_owned;
};

#define EHCI_OP    0x20u
#define EHCI_EECP  0x68u /* behind another capability, at 60h */
#define EHCI_DEBUG 0xa0u /* register of the debug port */

void ehci_model(struct ehci_model *m,
		bool (*reach)(void *ctx, uint64_t at, void *data, size_t n, bool write));
