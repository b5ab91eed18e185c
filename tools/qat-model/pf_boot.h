/* Bring-up of the PF as on a card: engines in reset, firmware that has to be authenticated and loaded, admin messages,
 * the arbiter, and the maps of engine threads. Until all of that is done the rings of VFs are not served.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "../qemu-device/qemu.h"

struct qat_pf;

/* Where a generation has its registers, and how many engines there are. */
struct boot_kind;
extern const struct boot_kind boot_gen2, boot_gen4;

struct pf_boot {
	bool booted;            /* property: rings are served as if a PF driver had done all of it before */
	uint32_t fuses, straps; /* properties: engines (from bit 0) and, C62x, accelerators (16..20) that are off */
	bool powered;           /* 4xxx */
	uint32_t reset, clocks, fcu_status;
	uint32_t command;               /* of the firmware unit, under way; 0: none */
	uint32_t authenticated;         /* engines that the image of the last authentication is for */
	bool mmp;                       /* the image of the PKE unit was authenticated */
	uint32_t loaded, running;       /* engines; so are these: */
	uint32_t asked, constants, ready; /* admin doorbells; constants set; INIT_AE done */
	QEMUTimer *fcu, *admin;
	uint8_t service_of_image;           /* the same, of the last image */
	uint8_t service[16];                /* 4xxx: enum ring_service of an engine's firmware */
	uint32_t arbiter[4], threads[16];   /* what an arbiter does; which ones an engine's threads serve */
	uint32_t *plain; /* registers that keep what is written and do nothing */
};

void boot_init(struct qat_pf *pf);
void boot_exit(struct qat_pf *pf);
void boot_reset(struct qat_pf *pf);

/* What is read of config space at addr, len bytes: fuses and straps over what else is there. */
uint32_t boot_config(const struct qat_pf *pf, uint32_t addr, int len, uint32_t read);

/* Registers of the PMISC BAR, but for mailboxes and masks of theirs; and those of the arbiter, off counted from its first. */
uint32_t boot_read(struct qat_pf *pf, uint32_t off);
void boot_write(struct qat_pf *pf, uint32_t off, uint32_t v);
uint32_t boot_arbiter_read(const struct qat_pf *pf, uint32_t off);
void boot_arbiter_write(struct qat_pf *pf, uint32_t off, uint32_t v);

/* Requests of this ring pair of a VF are taken, when they are for that service. */
bool boot_serves(struct qat_pf *pf, unsigned pair, unsigned service);

/* The ring map that follows from the firmware that is loaded; 0: it is not for the firmware to say. */
uint16_t boot_ring_map(const struct qat_pf *pf);
