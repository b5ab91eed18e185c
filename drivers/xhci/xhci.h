/* An xHCI controller, polled: its start, commands, events and root ports. Slots and transfers are in slot.h.
 *
 * Everything that it says is untrusted: events for slots or TRBs that are not waited for are counted and
 * dropped, every wait has a deadline, and a controller that is gone, halted, or reports an error of its own
 * (USBSTS) is dead until it is opened again. One core at a time. */
#pragma once
#include "drivers/dma.h"
#include "drivers/xhci/io.h"
#include "drivers/xhci/ring.h"

#define XHCI_SLOTS       31u /* device slots that are enabled, at most */
#define XHCI_SCRATCH_MAX 256u
#define XHCI_DATA_SIZE   PAGE_SIZE

/* Memory of a controller: one buffer, from its device address on. */
#define XHCI_MEM_DCBAA   0x0000u /* device contexts; segment table of the event ring behind them */
#define XHCI_MEM_ERST    0x0400u
#define XHCI_MEM_COMMAND 0x0800u
#define XHCI_MEM_EVENTS  0x1000u
#define XHCI_MEM_ARRAY   0x2000u                                  /* of the scratchpad pages */
#define XHCI_MEM_INPUT   0x3000u                                  /* input context */
#define XHCI_MEM_SLOT    0x4000u                                  /* a page for each slot, from slot 1 on */
#define XHCI_MEM_DATA    (XHCI_MEM_SLOT + XHCI_SLOTS * PAGE_SIZE) /* control transfers */
#define XHCI_MEM_SIZE    (XHCI_MEM_DATA + XHCI_DATA_SIZE)
#define XHCI_MEM_SCRATCH 0x80000u /* device address of the scratchpad pages, in a buffer of their own */
#define XHCI_WINDOW      PAGE_2M  /* device addresses that a controller needs */

/* Where a device is plugged in. */
struct xhci_place {
	uint8_t root;  /* port of the controller, from 1 on */
	uint8_t depth; /* hubs above it */
	uint8_t speed; /* enum xhci_speed */
	uint8_t tt_slot,
		tt_port; /* a slower device below a high-speed hub: that hub's slot, and its port there */
	uint32_t route;  /* its port in each hub, four bits each, the hub at the controller lowest: §6.2.2 */
};

enum xhci_speed { XHCI_FULL = 1, XHCI_LOW = 2, XHCI_HIGH = 3, XHCI_SUPER = 4 /* and above */ };

struct xhci_slot {
	bool on;
	struct xhci_place at;
	uint16_t mps0; /* wMaxPacketSize of endpoint 0 */
	struct xhci_ring ep0, in;
	uint8_t ports, ttt; /* of a hub */
	uint8_t dci;        /* of its interrupt endpoint; 0: none */
	uint16_t in_len;    /* bytes asked for in one report */
	uint64_t posted;    /* TRB of the report that is waited for; 0: none */
	bool reported;      /* it has come: */
	uint8_t code;       /* completion code */
	uint16_t got;       /* bytes */
};

struct xhci {
	struct xhci_io io;
	bdf_t fn;
	uint32_t op, rt, db; /* offsets of the registers */
	uint32_t legacy;     /* of USBLEGSUP; 0: there is none */
	uint16_t version;
	uint8_t ports, slots, context; /* numbers of ports and slots; bytes of a context */
	uint16_t scratch_pages;
	const char *dead; /* why it is not used any more; NULL: it works */

	struct dma_buf mem, scratch;
	struct xhci_ring command, events;
	uint64_t command_at; /* TRB of the command that is waited for; 0: none */
	uint8_t command_code, command_slot;
	uint8_t control_slot;                               /* of the transfer that is waited for; 0: none */
	uint64_t control_first, control_data, control_last; /* its TRBs */
	uint8_t control_code;
	uint32_t control_short; /* bytes that the device did not send */
	uint8_t port_changed[256 / 8];
	bool any_port, any_report; /* some slot has reported */
	uint64_t strays;           /* events that nobody waits for */
	uint64_t looked;           /* USBSTS was last read then, us */
	struct xhci_slot slot[XHCI_SLOTS + 1];
};

/* Reads the capability registers and changes nothing. NULL when the controller can be used, else the reason
 * why not. */
const char *xhci_read(struct xhci *x, const struct xhci_io *io, bdf_t fn) MUST_CHECK;

/* Asks the firmware for the controller (USBLEGSUP: xHCI §7.1), and ends its SMIs. False when it does not let
 * go within a second; the request is then withdrawn. */
bool xhci_ask(struct xhci *x) MUST_CHECK;
/* Halts and resets it: xHCI §4.2. It does no DMA from then on; bus mastering may be off. SL_TIMEOUT,
 * SL_DEVICE, with *what as the reason. */
enum sl_err xhci_reset(struct xhci *x, const char **what) MUST_CHECK;
/* Takes the controller over from the firmware, also where it does not let go, and resets it. SL_TIMEOUT,
 * SL_DEVICE, with x->dead. */
enum sl_err xhci_take_over(struct xhci *x) MUST_CHECK;

/* Device addresses of what a controller uses. */
struct xhci_rings {
	uint64_t contexts;         /* DCBAA */
	uint64_t segments, events; /* table of one segment, and that */
	uint64_t commands;
};
/* Starts it, from its reset, with all of this in place: it reads the table here, and the contexts.
 * SL_TIMEOUT, SL_DEVICE. */
enum sl_err xhci_run(struct xhci *x, const struct xhci_rings *at) MUST_CHECK;

/* Memory in that domain (NULL: without translation), from device address at on, and starts it. Bus mastering
 * is on. A caller that gets an error calls xhci_close(). SL_NOMEM, SL_EXISTS where something is mapped there,
 * SL_TIMEOUT, SL_DEVICE. */
enum sl_err xhci_start(struct xhci *x, struct domain *dom, iova_t at) MUST_CHECK;

/* Halts and resets it. */
void xhci_halt(struct xhci *x);
/* Frees its memory. The caller has halted it and cleared its Bus Master Enable. */
enum sl_err xhci_close(struct xhci *x) MUST_CHECK;

/* Takes the events that are there, one ring of them at most. */
void xhci_poll(struct xhci *x);

/* Marks it dead and halts it; what goes into one WARN line. */
void xhci_lost(struct xhci *x, const char *what);

/* One command, by the dwords of its TRB, and its Command Completion Event: §4.6. *slot (may be NULL) is the
 * event's slot. SL_DEVICE when the completion code is not Success, or when the controller is dead; SL_TIMEOUT
 * when it was aborted after its deadline. */
enum sl_err xhci_command(struct xhci *x, uint64_t param, uint64_t control, unsigned *slot) MUST_CHECK;

/* Registers, by offset. Pairs of dwords are written with the low one first: §5.1. */
static inline uint32_t xhci_rd32(const struct xhci *x, uint32_t off)
{
	return x->io.ops->rd32(&x->io, off);
}

static inline void xhci_wr32(const struct xhci *x, uint32_t off, uint64_t v)
{
	x->io.ops->wr32(&x->io, off, (uint32_t)v);
}

static inline void xhci_wr64(const struct xhci *x, uint32_t off, uint64_t v)
{
	xhci_wr32(x, off, v);
	xhci_wr32(x, off + 4, v >> 32);
}

/* Doorbell of a slot, or of the command ring (0, 0): §5.6. */
static inline void xhci_ring_bell(const struct xhci *x, unsigned slot, unsigned target)
{
	xhci_wr32(x, x->db + 4 * slot, target);
}

static inline void *xhci_va(const struct xhci *x, uint32_t off)
{
	return (uint8_t *)x->mem.va + off;
}

static inline uint64_t xhci_iova(const struct xhci *x, uint32_t off)
{
	return x->mem.iova.v + off;
}
