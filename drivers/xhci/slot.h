/* Device slots of a controller: xHCI §4.5, and their transfers: §4.11. */
#pragma once
#include "drivers/xhci/xhci.h"

/* An interrupt IN endpoint. */
struct xhci_endpoint {
	uint8_t number;     /* 1 to 15 */
	uint16_t max;       /* wMaxPacketSize, up to XHCI_REPORT_MAX */
	uint8_t b_interval; /* bInterval */
};

#define XHCI_REPORT_MAX 512u

/* Gives the device at that place, whose port has been reset, a slot and an address. SL_NOSPACE when the
 * controller has no slot left, SL_DEVICE, SL_TIMEOUT. The slot is the caller's until xhci_slot_close(). */
enum sl_err xhci_slot_open(struct xhci *x, const struct xhci_place *at, unsigned *slot) MUST_CHECK;
void xhci_slot_close(struct xhci *x, unsigned slot);

/* The packet size of endpoint 0, as the device descriptor has it: 8, 16, 32 or 64, else SL_BADVAL. */
enum sl_err xhci_slot_packet(struct xhci *x, unsigned slot, unsigned mps0) MUST_CHECK;
/* Its interrupt endpoint, and, where ports is not 0, that it is a hub with so many ports and that TT Think
 * Time. SL_BADVAL for an endpoint that cannot be. */
enum sl_err xhci_slot_configure(struct xhci *x, unsigned slot, const struct xhci_endpoint *ep, unsigned ports,
				unsigned ttt) MUST_CHECK;

/* A request to endpoint 0, by the fields of USB 2.0 §9.3. */
struct xhci_request {
	uint8_t type, request;
	uint16_t value, index, length;
};

/* Carries it out. Data goes from the device to buf, length bytes; NULL for a request without data. SL_TRUNC
 * when the device sends less; buf has it then, followed by zeroes. After a stall or an error on the bus the
 * endpoint works again. SL_UNSUPPORTED when the device stalls, SL_DEVICE for other errors, SL_TIMEOUT when it
 * does not answer. */
enum sl_err xhci_control(struct xhci *x, unsigned slot, const struct xhci_request *r, void *buf) MUST_CHECK;

/* Asks for the next report of the interrupt endpoint. */
void xhci_report_ask(struct xhci *x, unsigned slot);
/* Takes the report that has come: SL_OK with at most max bytes in *buf and their number in *got; SL_END when
 * none has come; SL_DEVICE when the endpoint has stopped with an error, and works again. The caller asks for
 * the next one. */
enum sl_err xhci_report_take(struct xhci *x, unsigned slot, uint8_t *buf, unsigned max,
			     unsigned *got) MUST_CHECK;
