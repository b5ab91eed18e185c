/* Bring-up of the PF as on a card: engines in reset, firmware that has to be authenticated and loaded, admin messages,
 * the arbiter, and the maps of engine threads. Until all of that is done the rings of VFs are not served.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "qemu.h"

#define BOOT_PMISC_BYTES 0x40000u

struct qat_pf;

struct pf_boot {
	bool booted;            /* property: rings are served as if a PF driver had done all of it before */
	uint32_t fuses, straps; /* properties: engines (bits 0..9) and accelerators (16..20) that are off */
	uint32_t reset, clocks, fcu_status;
	uint32_t command;               /* of the firmware unit, under way; 0: none */
	uint32_t authenticated;         /* engines that the image of the last authentication is for */
	bool mmp;                       /* the image of the PKE unit was authenticated */
	uint32_t loaded, running;       /* engines; so are these: */
	uint32_t asked, constants, ready; /* admin doorbells; constants set; INIT_AE done */
	QEMUTimer *fcu, *admin;
	uint32_t arbiter[4], threads[16];   /* what an arbiter does; which ones an engine's threads serve */
	uint32_t plain[BOOT_PMISC_BYTES / 4]; /* registers that keep what is written and do nothing */
};

void boot_init(struct qat_pf *pf);
void boot_exit(struct qat_pf *pf);
void boot_reset(struct qat_pf *pf);

/* Registers of the PMISC BAR, but for mailboxes and ERRMSK3; and those of the arbiter, off counted from its first. */
uint32_t boot_read(struct qat_pf *pf, uint32_t off);
void boot_write(struct qat_pf *pf, uint32_t off, uint32_t v);
uint32_t boot_arbiter_read(const struct qat_pf *pf, uint32_t off);
void boot_arbiter_write(struct qat_pf *pf, uint32_t off, uint32_t v);

/* Requests of this request ring of a VF are taken. */
bool boot_serves(struct qat_pf *pf, unsigned ring);
