/* The two functions of a card and what they share.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "bank.h"
#include "fault.h"
#include "pf_boot.h"
#include "../qemu-device/qemu.h"

#define QAT_VFS    16u
#define BANKS_MAX  4u
#define TYPE_PF    "qat-c62x-pf"
#define TYPE_VF    "qat-c62x-vf"
#define TYPE_PF_4  "qat-4xxx-pf"
#define TYPE_VF_4  "qat-4xxx-vf"
#define CAP_EXPRESS 0x80
#define CAP_MSI     0x50
#define CAP_MSIX    0x60
#define CAP_ARI     0x100
#define CAP_SRIOV   0x140

struct mailbox {
	uint32_t reg;        /* gen2: low half PF->VF, high half VF->PF; gen4: VF->PF */
	uint32_t to_vf;      /* gen4: PF->VF */
	QEMUTimer *answer;   /* the answer comes after the acknowledgement has been read */
	uint32_t message;    /* the VF's, waiting for it */
};

struct qat_vf;

/* A generation's VFs, but for their rings: those are in bank.h. */
struct vf_kind {
	const char *type, *name;
	uint16_t id;
	const struct bank_kind *bank;
	unsigned banks;
	uint32_t bank_bytes, etr_bytes, pmisc_bytes;
	const struct region_ops *pmisc;
	uint32_t (*irq)(const struct qat_vf *v); /* sources of interrupts that are not masked, a bit each */
	void (*answer)(void *v);                 /* the message that waits */
	const uint8_t *services;                 /* of a bank's request rings; NULL: the ring map says it, one ring a bank */
	uint16_t ring_map;                       /* three bits a ring pair: enum ring_service, 1 sym and asym */
	uint32_t capabilities;
};
extern const struct vf_kind vf_gen2, vf_gen4;

/* A generation's PF. */
struct pf_kind {
	const struct vf_kind *vf;
	const char *type, *name;
	uint16_t id;
	uint32_t sram_bytes, pmisc_bytes, etr_bytes;
	const struct region_ops *pmisc, *etr;
	uint32_t vf_mask;
	const struct boot_kind *boot;
};
extern const struct pf_kind pf_gen4;

struct qat_vf {
	struct fn fn;
	struct qat_pf *pf;
	struct region etr, pmisc;
	const struct vf_kind *kind;
	struct bank bank[BANKS_MAX];
	struct mailbox mailbox;
	uint16_t ring_map;
	uint32_t int_mask, int_mask_pf; /* the second: gen4 */
	uint32_t irq; /* as vf_kind.irq() was when last looked at */
};

struct qat_pf {
	struct fn fn;
	struct region sram, pmisc, etr;
	struct fault fault;
	bool log; /* each answer, set-up of a ring and reset of a VF to stderr */
	struct pf_boot boot;
	const struct pf_kind *kind;
	uint16_t ring_map;
	uint64_t reset_done; /* gen4: ring pairs whose reset is over, a bit each */
	uint32_t vf_mask;    /* of VFs' messages as interrupts */
	uint32_t vf_taken;   /* bits that were ever clear in it: the PF's driver answers those VFs, also while it masks them */
	uint32_t irq;        /* C62x: sources of interrupts that are not masked, when last looked at */
};

void pf_register(void);
/* C62x: a VF's message has come or was taken. */
void pf_irq(struct qat_pf *pf);
void vf_register(void);

/* VF n, when it is on, else NULL. */
struct qat_vf *pf_vf(struct qat_pf *pf, uint64_t n);
void vf_irq(struct qat_vf *v);

/* The bank at an offset of a VF's rings. */
struct bank *vf_bank(struct qat_vf *v, uint64_t off);
/* Banks that ask for an interrupt, a bit each. */
uint32_t vf_pending(const struct qat_vf *v);
/* True for a ring map that VFs of this kind may have. */
bool vf_ring_map_is_good(const struct vf_kind *k, uint16_t map);

/* What a PF driver replies to a message of VF v: type and data; false: nothing. The same for both generations. */
bool pfvf_reply(struct qat_vf *v, unsigned *type, uint32_t *data);

/* PFVF messages of gen2; gen4 has init, exit and reset in common. */
void mailbox_init(struct qat_vf *v);
void mailbox_exit(struct qat_vf *v);
void mailbox_reset(struct qat_vf *v);
void mailbox_write(struct qat_vf *v, uint32_t value, bool by_vf);
void mailbox_answer(void *v);
