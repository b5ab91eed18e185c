/* Root ports: xHCI §4.3 and §5.4.8. Ports count from 1 on. */
#pragma once
#include "drivers/xhci/xhci.h"

/* Switches on the power of all ports, and marks those with a device as changed. */
void xhci_ports_start(struct xhci *x);
/* The next port whose state has changed since it was last returned; 0: none. */
unsigned xhci_port_changed(struct xhci *x);
/* PORTSC; its change bits are then clear. */
uint32_t xhci_port_read(struct xhci *x, unsigned port);
/* Resets the port if it is not enabled. SL_TIMEOUT when the reset does not end, SL_NOTFOUND when the device
 * is not enabled after it. *speed is the device's. */
enum sl_err xhci_port_enable(struct xhci *x, unsigned port, uint8_t *speed) MUST_CHECK;
