/* A model of an 82576 or I350: registers of the PF and of three VFs, the mailbox, the filters and the switch,
 * written from the datasheets. It reaches memory only where a test has mapped it, and only with the
 * permission that it has there. */
#pragma once
#include "drivers/igb/vf.h"

#define IGB_MODEL_VFS 3u

struct igb_model_range {
	struct dma_buf buf;
	unsigned perm; /* enum domain_perm */
};

struct igb_model_vf {
	uint32_t reg[VF_BYTES / 4]; /* the tails are written directly */
	uint32_t mem[IGB_MBX_DWORDS];
	uint32_t v2p, p2v;
	uint32_t rdh, tdh;
	uint8_t frame[PACKET_ROOM]; /* what of a frame in several parts has been read, */
	uint32_t got, whole;        /* and what its first descriptor says that there is */
	bool spoilt;                /* a part could not be read */
	struct igb_model_range range[8];
	unsigned ranges;
};

extern struct igb_model {
	uint32_t reg[0x20000 / 4];
	struct igb_model_vf vf[IGB_MODEL_VFS];
	unsigned vfta_writes;
	unsigned unaligned;    /* accesses to registers */
	unsigned early_resets; /* begun with interrupts on, or before DMA has ended */
	unsigned
		disorder; /* rings that were altered while their queue was on, or enabled with work in them */
	unsigned faults;  /* accesses where nothing is mapped, or not with that permission, */
	uint64_t fault_at; /* and the first of them */
	bool fault_write;
	struct dma_buf outside; /* memory that every VF reaches, as if nothing isolated it; va NULL: none */
	unsigned lost;          /* frames without a buffer */
	bool gone;              /* reads all ones */
	bool no_reset_end, no_master_end, no_link, no_phy, no_queue, no_mdic, no_auto_read;
	uint32_t eeprom[2]; /* the PF's address: RAL, RAH */
	unsigned auto_read; /* how often EECD is read before that has been read */
	/* Of frames that are received: what the descriptor says instead. */
	bool lie;
	uint64_t lie_word;
	/* The head that is written back instead. */
	bool lie_head;
	uint32_t head;
	bool pf_holds_lock, vf_holds_lock;
	uint32_t last_rs; /* sends that asked for a report */
} igb_model;

void igb_model_start(void);
void igb_model_map(unsigned vf, struct dma_buf buf, unsigned perm);
struct igb_io igb_model_pf(void);
struct igb_io igb_model_of(unsigned vf);
/* Does what the tails tell it to. */
void igb_model_run(void);
