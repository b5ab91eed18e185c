/* The mailbox between a VF of an 82576 or I350 and its PF: sixteen dwords, one message at a time, of a lock
 * that either side takes (82576EB §7.10.2.9). Both sides are here. Whatever the other side writes is checked
 * by who reads it. */
#pragma once
#include "drivers/igb/io.h"
#include "kernel/err.h"

#define IGB_MBX_DWORDS 16u
#define IGB_MBX_ID     BITS(15, 0)
#define IGB_MBX_INFO   BITS(23, 16)
#define IGB_MBX_ACK    BIT(31)
#define IGB_MBX_NACK   BIT(30)
#define IGB_MBX_CTS    BIT(29) /* the PF is ready for this VF's messages */

enum igb_mbx {
	IGB_MBX_RESET = 1,     /* answer: the VF's MAC address in dwords 1 and 2 */
	IGB_MBX_SET_MAC = 2,   /* info 0: this address; others add filters */
	IGB_MBX_MULTICAST = 3, /* info: how many hashes, 16 bits each, from dword 1 on */
	IGB_MBX_VLAN = 4,      /* info 1: add, 0: remove; VID in dword 1 */
	IGB_MBX_LPE = 5,       /* dword 1: bytes of the longest frame, CRC included */
};
#define IGB_MBX_HASHES 30u

/* The VF's side. meanwhile is called while it waits: where the PF is driven by the same program it has to
 * answer there. NULL: nothing. */
struct igb_mbx_vf {
	struct igb_io io; /* of the VF */
	void (*meanwhile)(void *ctx);
	void *ctx;
	uint32_t seen; /* bits that are cleared by reading, not yet used */
	bool dead;     /* a time-out ends the mailbox until the next reset */
};

/* After the VF's reset: until the PF says that it has ended its own. SL_TIMEOUT. */
enum sl_err igb_mbx_reset_done(struct igb_mbx_vf *m) MUST_CHECK;

/* Sends n dwords of msg and waits for the answer, which replaces the first `got` of them. SL_TIMEOUT: the PF
 * does not answer, and will not be asked again; SL_DEVICE: it refuses; SL_BADVAL: the answer is to something
 * else. */
enum sl_err igb_mbx_ask(struct igb_mbx_vf *m, uint32_t *msg, unsigned n, unsigned got) MUST_CHECK;

/* The PF's side: takes the message of a VF that has sent one (MBVFICR), all of it, whatever it holds.
 * SL_BUSY: the VF keeps the lock. */
enum sl_err igb_mbx_take(const struct igb_io *pf, unsigned vf, uint32_t msg[IGB_MBX_DWORDS]) MUST_CHECK;
/* Answers with n dwords. SL_BUSY as above. */
enum sl_err igb_mbx_answer(const struct igb_io *pf, unsigned vf, const uint32_t *msg, unsigned n) MUST_CHECK;
