/* A RoCEv2 end point in a test: what it sends is kept. It has 10.0.0.N and fd00::N. */
#pragma once
#include "drivers/roce/wire.h"
#include "tests/unit/support_roce.h"

#define SIDE_FRAMES 4096u

struct side_frame {
	uint8_t bytes[ROCE_FRAME_MOST];
	size_t n;
};

struct side {
	struct roce roce;
	struct side_frame *out; /* those that it has sent, with their ICRC looked at */
	unsigned outs;
	uint8_t place[ROCE_PLACE];
	bool full; /* there is no room for frames */
};

/* The owner ends it with support_side_end(). */
struct side *support_side(unsigned n);
void support_side_end(struct side *s);
/* 10.0.0.N and fd00::N. */
struct net_ip support_ip4(unsigned n);
struct net_ip support_ip6(unsigned n);
/* A frame comes, then it is the end point's turn. What roce_take() said. */
bool support_side_take(struct side *s, const uint8_t *frame, size_t n, uint64_t now);
/* A connection from queue pair SIDE_QP of this address to a port that is listened to; id is the peer's. Its
 * PSNs begin at SIDE_PSN. The frames before it and its own are not kept. */
#define SIDE_QP  0x77u
#define SIDE_PSN 0xfffffeu
struct roce_qp *support_side_meet(struct side *s, const struct net_ip *from, const struct net_ip *to,
				  uint16_t port, uint32_t id, unsigned mtu, uint64_t now);
/* Takes what it has sent so far out to wire, which has room for SIDE_FRAMES; how many frames. */
unsigned support_side_sent(struct side *s, struct side_frame *wire);
/* It sends nothing until due, which is looked at, and until it looks at its timers again; then it may.
 * Returns when that is. */
#define SIDE_SWEEP 10000u /* us between looks at timers */
uint64_t support_side_comes_after(struct side *s, uint64_t due);
/* In a frame: its base transport header, and the management datagram behind it. */
uint8_t *support_bth(uint8_t *frame);
uint8_t *support_mad(uint8_t *frame);
