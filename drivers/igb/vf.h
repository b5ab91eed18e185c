/* A VF of an 82576 or I350 as a queue for packets (drivers/packet.h): its first ring pair, in the VF's
 * domain. Never run on silicon: chip.h.
 *
 * VLAN tags stay in the frames, both ways. So an I350's erratum, by which tags that it strips from looped
 * frames are byte-swapped, does not apply.
 *
 * Order: igb_vf_reset() on a VF that is attached to its domain, with memory space and bus mastering on; the
 * PF admits it; igb_vf_open(); the queue is worked; igb_vf_close(); then bus mastering off and detach. */
#pragma once
#include "drivers/dma.h"
#include "drivers/igb/chip.h"
#include "drivers/igb/mailbox.h"
#include "drivers/igb/ring.h"

#define IGB_RING_BYTES ((uint64_t)PACKET_RING * sizeof(struct igb_desc))

/* What the device can reach of a VF's memory, and how. */
struct igb_memory {
	struct dma_buf rx_ring; /* reads and writes: IGB_RING_BYTES */
	struct dma_buf tx_ring; /* reads: IGB_RING_BYTES */
	struct dma_buf head;    /* writes: the head that is written back */
	struct dma_buf receive; /* writes: PACKET_RING buffers */
	struct dma_buf again;   /* reads: the same buffers, for sending what was received */
	struct dma_buf send;    /* reads: PACKET_RING buffers */
};

struct igb_vf {
	struct packet packet; /* first: what the driver's functions get */
	struct igb_rx rx;
	struct igb_tx tx;
	struct igb_io io;
	const struct igb_chip *chip;
	struct igb_memory mem;
};

/* Ends what the VF was doing; the PF has to admit it again. */
void igb_vf_reset(const struct igb_io *io);

/* Introduces the VF to its PF by messages: RESET, and the address and the longest frame. mac becomes the
 * address that the PF gives. SL_TIMEOUT, SL_DEVICE, SL_BADVAL as of igb_mbx_ask(). */
enum sl_err igb_vf_introduce(struct igb_mbx_vf *m, uint8_t mac[6]) MUST_CHECK;
/* Asks the PF to let it into a VLAN. */
enum sl_err igb_vf_ask_vlan(struct igb_mbx_vf *m, unsigned vid) MUST_CHECK;
/* Asks for a multicast group, by igb_multicast_hash(). */
enum sl_err igb_vf_ask_group(struct igb_mbx_vf *m, unsigned hash) MUST_CHECK;

struct igb_vf_cfg {
	const struct igb_chip *chip;
	struct igb_io io;
	volatile uint8_t *regs; /* VF_BYTES, mapped uncached: for the tails */
	uint64_t regs_len;
	struct igb_memory mem; /* stays the caller's */
	uint8_t mac[6];
};

/* Sets up both rings, with all receive buffers given to the device. SL_NOSPACE when registers or memory are
 * too short, SL_BADVAL for a ring that is not aligned to 128 bytes, SL_DEVICE when a queue does not start or
 * the registers do not keep their values. */
enum sl_err igb_vf_open(struct igb_vf *vf, const struct igb_vf_cfg *cfg) MUST_CHECK;
/* Stops both queues. Also after a failed open. */
void igb_vf_close(struct igb_vf *vf);

/* Whether there is room for n parts of igb_tx_gather(), a few at most, once the slots of finished sends are
 * free again. */
bool igb_vf_room(struct igb_vf *vf, unsigned n);

/* For attacks. A VF that was reset and admitted, and has no rings: fetches one descriptor of a send ring at
 * that address and does what it says; its head goes to the other address, if the descriptor asks for it. Its
 * receive queue stays off. SL_DEVICE when the queue does not start. */
enum sl_err igb_vf_fetch(const struct igb_io *io, const struct igb_chip *chip, iova_t ring,
			 iova_t head) MUST_CHECK;
/* Sends the message of vector 0 of the VF's MSI-X, if that is on: VTEICS, 82576EB §7.3. */
void igb_vf_kick(const struct igb_io *io);
