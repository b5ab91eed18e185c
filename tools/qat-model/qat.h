/* The two functions of a C62x and what they share.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "bank.h"
#include "fault.h"
#include "pf_boot.h"
#include "qemu.h"

#define QAT_VFS    16u
#define TYPE_PF    "qat-c62x-pf"
#define TYPE_VF    "qat-c62x-vf"
#define CAP_EXPRESS 0x80
#define CAP_MSI     0x50
#define CAP_ARI     0x100
#define CAP_SRIOV   0x140

struct mailbox {
	uint32_t reg;        /* low half PF->VF, high half VF->PF */
	QEMUTimer *answer;   /* the answer comes after the acknowledgement has been read */
	uint32_t message;    /* the VF's half, waiting for it */
};

struct qat_vf {
	PCIDevice dev;
	MemoryRegion etr, pmisc;
	struct bank bank;
	struct mailbox mailbox;
	uint32_t int_mask;
	bool irq_level;
};

struct qat_pf {
	PCIDevice dev;
	MemoryRegion sram, pmisc, etr;
	struct fault fault;
	struct pf_boot boot;
	uint32_t vf_mask; /* ERRMSK3: while a VF's bit is clear the PF's driver answers its messages */
};

void pf_register(void);
void vf_register(void);

struct qat_vf *vf_of(PCIDevice *dev);
void vf_irq(struct qat_vf *v);

/* PFVF messages, gen2. */
void mailbox_init(struct qat_vf *v);
void mailbox_exit(struct qat_vf *v);
void mailbox_reset(struct qat_vf *v);
void mailbox_write(struct qat_vf *v, uint32_t value, bool by_vf);
