/* The client of the programs that serve at peer=. */
#pragma once
#include "apps/work/rdma.h"

/* Bytes of memory that it works with. */
#define RDMA_CLIENT_BYTES PAGE_2M

/* Reads peer=, client= and ops= of cfg, which stays. memory, at address at of the end point's domain, stays
 * the client's. False: peer= is no address, or no region is left. */
bool rdma_client_begin(struct rdma_client *c, const struct config *cfg, struct roce *r, uint8_t *memory,
		       uint64_t at);
/* On the end point's core, now and then while it is not done: connects, once a second until it succeeds, and
 * goes on to the next program when one is over. */
void rdma_client_turn(struct rdma_client *c, struct roce *r, struct net_port *port, uint64_t now);
/* On one other core: prints what became of the programs that are over by now. */
void rdma_client_say(struct rdma_client *c);
/* At the end, when no core works the end point any more: prints the rest. False: a program did not come to
 * its end, or something was wrong with it. */
bool rdma_client_end(struct rdma_client *c);
