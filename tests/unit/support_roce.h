/* A peer in a test: frames that it makes for a RoCEv2 end point, and those of recorded runs. */
#pragma once
#include "drivers/roce/roce.h"

#define ROCE_FRAME_MOST 4400u

/* Sets a frame's ICRC right, and its IPv4 header's checksum. n: its length without padding. */
void support_roce_seal(uint8_t *frame);
/* Whether its ICRC is right, by a CRC of its own. */
bool support_roce_sealed(const uint8_t *frame);
/* A packet of a reliable connection with these bytes behind its BTH, which are padded; its length. */
size_t support_roce_packet(uint8_t *frame, const struct net_ip *from, const struct net_ip *to, uint8_t opcode,
			   uint32_t qp, uint32_t psn, bool ack, const void *bytes, size_t n);
/* A message of the connection manager with this body; its length. */
size_t support_roce_mad(uint8_t *frame, const struct net_ip *from, const struct net_ip *to,
			unsigned attribute, const uint8_t *body, size_t n);
/* The body of a REQ: for that port, from a queue pair that sends from psn on. */
void support_roce_req(uint8_t body[232], uint32_t id, uint16_t port, uint32_t qp, uint32_t psn, unsigned mtu);
