/* The PF of an 82576 or I350: it resets the chip, brings the link up, and decides what each VF may send and
 * receive. It does no DMA. Never run on silicon: chip.h.
 *
 * Order: igb_pf_open(), VF Enable, igb_pf_link(), for each VF its reset and igb_pf_admit() (or its messages,
 * which igb_pf_poll() answers), work, igb_pf_close(). */
#pragma once
#include "drivers/igb/chip.h"
#include "drivers/igb/io.h"
#include "kernel/err.h"

#define IGB_FRAME_MAX 9728u /* 9.5 KiB, CRC included: what RLPML allows */

struct igb_pf {
	const struct igb_chip *chip;
	struct igb_io io;
	uint8_t mac[6];    /* the PF's own */
	unsigned vfs;      /* VFs 0 .. vfs - 1 may be admitted */
	uint8_t admitted;  /* BIT(vf) */
	uint32_t messages; /* that were answered */
	uint32_t refused;  /* of them, with NACK; */
	char why[96];      /* the last one's reason */
};

/* Resets the chip and sets it up for VMDq: frames that match no pool are dropped, pools receive copies of
 * broadcast and multicast, and the switch between VFs is on. pf->chip and pf->io are set. SL_TIMEOUT: the
 * reset does not end, or DMA of the firmware's driver goes on; SL_DEVICE: the registers do not answer. */
enum sl_err igb_pf_open(struct igb_pf *pf) MUST_CHECK;
/* Nothing is received or sent any more. */
void igb_pf_close(struct igb_pf *pf);

/* Restarts the PHY's negotiation and waits for the link; *mbit is its speed. SL_TIMEOUT. */
enum sl_err igb_pf_link(struct igb_pf *pf, unsigned *mbit) MUST_CHECK;

/* Whether there is a link now. */
bool igb_pf_link_up(const struct igb_pf *pf);

/* The MAC address of a VF: locally administered, from the PF's own. */
void igb_pf_mac_of(const struct igb_pf *pf, unsigned vf, uint8_t mac[6]);

/* After the VF's reset, which ended all that it was allowed: its address, untagged frames, broadcast and
 * multicast, frames up to IGB_FRAME_MAX. SL_RANGE. */
enum sl_err igb_pf_admit(struct igb_pf *pf, unsigned vf) MUST_CHECK;
/* Lets a VF send and receive in a VLAN, 1 to 4094. SL_RANGE, SL_NOSPACE (32 VLANs at most). */
enum sl_err igb_pf_vlan(struct igb_pf *pf, unsigned vf, unsigned vid, bool on) MUST_CHECK;
/* Lets VFs receive a multicast group: its hash, bits 47:36 of the address. */
void igb_pf_multicast(struct igb_pf *pf, unsigned hash);
unsigned igb_multicast_hash(const uint8_t mac[6]);

/* What VFs did since the last call: ends what one was allowed that was reset (VFLRE), and answers one message
 * of each. Returns how many messages were answered. */
unsigned igb_pf_poll(struct igb_pf *pf);

/* VFs that the anti-spoof rules have held back since the last call (WVBR): BIT(vf). */
unsigned igb_pf_spoofers(struct igb_pf *pf);
