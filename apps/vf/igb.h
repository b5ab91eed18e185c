/* VFs of an Intel 82576 or I350 network card: their state beside struct vf. Never run on silicon. */
#pragma once
#include "apps/machine.h"
#include "drivers/igb/pf.h"
#include "drivers/igb/vf.h"

extern const struct vf_kind igb_kind;

/* Where a VF sees its memory, in the window. WINDOW_HOLE stays a hole. */
#define IGB_WINDOW_RX_RING WINDOW_QUEUES
#define IGB_WINDOW_TX_RING (WINDOW_QUEUES + PAGE_SIZE)
#define IGB_WINDOW_HEAD    (WINDOW_QUEUES + 2 * PAGE_SIZE)
#define IGB_WINDOW_RECEIVE (4 * PAGE_2M)
#define IGB_WINDOW_AGAIN   (IGB_WINDOW_RECEIVE + PACKET_HALF)
#define IGB_WINDOW_SEND    (IGB_WINDOW_AGAIN + PACKET_HALF)
#define IGB_WINDOW_SPARE   (IGB_WINDOW_SEND + PACKET_HALF) /* for what stages map for a while */

struct igb_own {
	struct igb_vf vf;
	struct igb_memory mem;
	struct igb_mbx_vf mbx;
};

static inline struct igb_own *igb_own_of(const struct vf *vf)
{
	return vf->own;
}

static inline struct igb_vf *igb_of(const struct vf *vf)
{
	return &igb_own_of(vf)->vf;
}

/* The PF that the VFs are of, while stage pf is not undone. */
struct igb_pf *igb_card(void);

/* Resets the VF, and its PF admits it again, in the way that mailbox= says; mac: its address. */
enum sl_err igb_admit(struct vf *vf, uint8_t mac[6]) MUST_CHECK;
/* Opens the VF's rings in that memory, after a reset of the VF: its PF admits it again. */
enum sl_err igb_rings(struct vf *vf, const struct igb_memory *mem) MUST_CHECK;
/* Lets the VF into a VLAN; in the way that mailbox= says. */
enum sl_err igb_join(struct vf *vf, unsigned vid) MUST_CHECK;
/* Lets it receive a multicast group. */
enum sl_err igb_group(struct vf *vf, const uint8_t mac[6]) MUST_CHECK;
