/* The client of rping's server, for client=. */
#pragma once
#include "apps/work/rdma.h"

/* Makes its region of 2 * RDMA_PING bytes at memory, which are at address at of the end point's domain and
 * stay the client's. False: no region is left. */
bool rdma_ping_init(struct rdma_ping *p, struct roce *r, uint8_t *memory, uint64_t at);
/* RDMA_PINGS pings of the server at port, or 0 for rping's. */
void rdma_ping_begin(struct rdma_ping *p, uint16_t port);
/* While q is NULL: asks for the connection. If that ends before the first ping, q is NULL again; when all is
 * over, outcome holds. */
void rdma_ping_dial(struct rdma_ping *p, struct roce *r, const struct net_ip *own, const struct net_ip *to,
		    const uint8_t mac[6]);
