/* What slots and transfers share. */
#pragma once
#include "drivers/xhci/xhci.h"

/* After an error: Reset Endpoint, then Set TR Dequeue Pointer behind all that was posted: xHCI §4.6.8 and
 * §4.6.10. */
enum sl_err xhci_endpoint_restart(struct xhci *x, unsigned slot, unsigned dci) MUST_CHECK;
