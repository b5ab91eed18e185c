/* An xHCI controller with USB devices as the specifications describe them (xHCI 1.2, USB 2.0), for host
 * tests. It shares no declaration of registers, TRBs or contexts with the driver. It works inside register
 * writes: a doorbell is answered before the store returns. */
#pragma once
#include "drivers/xhci/io.h"

#define XM_PORTS 8u
#define XM_SLOTS 40u
#define XM_CHILD 16u

struct xm_device {
	uint8_t speed;      /* 1 full, 2 low, 3 high, 4 super */
	uint8_t device[18]; /* descriptors */
	uint8_t config[256];
	unsigned config_bytes; /* of them that it sends; 0: wTotalLength */
	uint8_t hub[9];
	unsigned ports;                    /* that it really has */
	struct xm_device *child[XM_CHILD]; /* from 1 on */
	uint32_t status[XM_CHILD];         /* wPortStatus, and wPortChange above it */

	/* Faults. */
	bool mute;         /* answers no request */
	int stalls;        /* this bRequest ends in a stall; -1: none */
	unsigned bad_bits; /* so many transfers end in a transaction error first */
	bool short_status; /* answers Get Status with two bytes */
	bool never_reset;  /* its hub does not end the reset of a port */

	/* What it was told. */
	unsigned configuration, protocol_sets, idle_sets, resets;
};

struct xm_slot {
	bool on;
	struct xm_device *dev;
	uint64_t out;   /* output context */
	uint64_t at[2]; /* next TRB of endpoint 0, and of the interrupt endpoint */
	bool cycle[2], halted[2];
	unsigned dci, mps0, interval, tt_slot, tt_port, hub_ports, root, speed, ttt;
	uint32_t route;
	uint8_t queue[64][8]; /* reports that wait for a TRB */
	unsigned queued, queue_len[64];
};

struct xhci_model {
	struct xhci_io io;                                      /* what the driver is given */
	void *(*reach)(void *ctx, uint64_t iova, uint64_t len); /* NULL where it has no right */
	/* In its place, for a test in which it may be refused: copies n bytes, false: refused. A read that is
	 * refused is a host system error, and it halts; of a write it learns nothing. */
	bool (*access)(void *ctx, uint64_t at, void *data, size_t n, bool write);
	void *ctx;

	/* What it is; set by xm_init(), changed by a test before the driver starts. */
	uint32_t hcs1, hcs2, hcc1, caplength, rtsoff, dboff, pagesize;
	bool legacy, bios_owned, os_owned, bios_keeps, debug;
	uint32_t legctl;

	/* Faults. */
	bool gone, never_halts, never_resets, never_starts, never_enables;
	bool idle;        /* it says that there is an event, and does nothing */
	bool tells_ports; /* started, it reports each port whose device has been found since its reset */
	unsigned deaf_to; /* this type of command is not answered; 0: none */
	bool deaf_to_abort;
	bool lies;  /* events report each command and control transfer as failed, and name a TRB outside of it
		     */
	bool flood; /* each read of USBSTS or doorbell brings a ring of events that mean nothing */
	int slot_says;                    /* Enable Slot answers with this slot; -1: a right one */
	unsigned fail_command, fail_code; /* this type of command ends with that code */

	/* State and what was seen. */
	uint32_t cmd, sts, iman, config, portsc[XM_PORTS + 1];
	uint64_t crcr, dcbaap, erst, erdp, scratch;
	uint32_t erst_size;
	bool crr, command_cycle, event_cycle;
	uint64_t command_at, event_base;
	unsigned event_at, event_entries;
	struct xm_device *plugged[XM_PORTS + 1];
	struct xm_slot slot[XM_SLOTS + 1];
	uint64_t commands[64], aborts, events, irqs, writes;
	uint64_t errors; /* what a driver must not do */
	const char *error;
};

void xm_init(struct xhci_model *m, void *(*reach)(void *, uint64_t, uint64_t), void *ctx);

/* Devices. A keyboard has a boot interface and an interrupt endpoint of 8 bytes. */
void xm_keyboard(struct xm_device *d, unsigned speed);
void xm_mouse(struct xm_device *d, unsigned speed);
void xm_hub(struct xm_device *d, unsigned speed, unsigned ports);
/* Sets its children's status: connected, changed. */
void xm_hub_plug(struct xhci_model *m, struct xm_device *hub, unsigned port, struct xm_device *child);

/* At a root port; NULL: out. */
void xm_plug(struct xhci_model *m, unsigned port, struct xm_device *d);
/* The device sends that on its interrupt endpoint. */
void xm_report(struct xhci_model *m, const struct xm_device *d, const void *report, unsigned len);
/* Any event. */
void xm_event(struct xhci_model *m, uint64_t param, uint32_t status, uint32_t control);
