/* Rings of TRBs: xHCI §4.9. Every device address comes from the caller, so that a ring may also lie where the
 * controller has no access. */
#pragma once
#include "kernel/bits.h"

struct xhci_trb {
	uint64_t param;
	uint32_t status, control;
};
_Static_assert(sizeof(struct xhci_trb) == 16, "xHCI 6.4");

struct xhci_ring {
	volatile struct xhci_trb *trb;
	uint64_t iova; /* of the first */
	uint16_t entries, at;
	bool cycle;
};

/* A ring of that many TRBs (2 at least), all zero, at trb. */
void xhci_ring_init(struct xhci_ring *r, volatile void *trb, uint64_t iova, uint16_t entries);

/* For command and transfer rings, whose last TRB links to the first: adds one, with the cycle bit of this
 * pass, and returns its device address. The caller rings the doorbell, and adds only what fits: nothing here
 * knows how far the controller has come. */
uint64_t xhci_ring_push(struct xhci_ring *r, uint64_t param, uint32_t status, uint64_t control);

/* Where the next TRB goes, with the cycle bit as DCS: for contexts and Set TR Dequeue Pointer. */
uint64_t xhci_ring_dequeue(const struct xhci_ring *r);

/* For an event ring of one segment: the next event. It is copied once, as the controller may write at any
 * time. False when there is none. */
bool xhci_ring_take(struct xhci_ring *r, struct xhci_trb *out);
