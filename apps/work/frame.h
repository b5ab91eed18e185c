/* Frames between VFs, and what has to be in them. */
#pragma once
#include "kernel/bits.h"

#define FRAME_LEAST 60u
#define FRAME_MOST  9000u
#define FRAME_VLAN  100u /* the VLAN of all VFs */
#define FRAME_HEAD  24u  /* from here on the frame's pattern: the addresses, tag and type are before it */

/* A frame on its way: from VF `from` to VF `to`, the number-th of these, with all that follows from it. */
struct frame {
	unsigned from, to;
	uint64_t number;
	uint32_t len;  /* FRAME_LEAST to FRAME_MOST */
	uint16_t vlan; /* 0: no tag */
	uint64_t seed; /* of its pattern */
};

/* What the number-th frame between two VFs is: length and tag are drawn by number. */
struct frame frame_of(unsigned from, unsigned to, uint64_t number);
/* Writes the frame into a buffer of PACKET_STRIDE bytes. */
void frame_fill(uint8_t *p, const struct frame *f, const uint8_t to[6], const uint8_t from[6]);
/* True when len bytes are that frame, every byte of them. */
bool frame_is(const uint8_t *p, uint32_t len, const struct frame *f, const uint8_t to[6],
	      const uint8_t from[6]);
