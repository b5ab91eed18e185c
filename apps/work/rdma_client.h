/* The client of rping's server, for peer=. */
#pragma once
#include "apps/work/rdma.h"

/* peer: its address, or "" for none. memory, at address at of the end point's domain: 2 * RDMA_PING bytes,
 * which stay the client's. False: no address, or no region is left. */
bool rdma_client_begin(struct rdma_client *c, const char *peer, struct roce *r, uint8_t *memory, uint64_t at);
/* On the end point's core, now and then: connects, once a second until it succeeds. */
void rdma_client_turn(struct rdma_client *c, struct roce *r, struct net_port *port, uint64_t now);
/* At the end: prints what became of it. False: not all pings came back as they left. */
bool rdma_client_say(const struct rdma_client *c, const char *peer);
