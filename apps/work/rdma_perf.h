/* The client of perftest's servers, with -R, for client=. */
#pragma once
#include "apps/work/rdma.h"

/* Bytes of memory that it works with: for its operations, for its server's, and for its samples. */
#define RDMA_PERF_BYTES (1u << 20)

/* Makes its regions of RDMA_PERF_BYTES at memory, which are at address at of the end point's domain and stay
 * the client's. False: no region is left. */
bool rdma_perf_init(struct rdma_perf *p, struct roce *r, uint8_t *memory, uint64_t at);
/* A test of that program (not CLIENT_RPING) with ops operations, at port, or 0 for perftest's. */
void rdma_perf_begin(struct rdma_perf *p, uint32_t program, uint16_t port, uint32_t ops);
/* In PERF_IDLE: asks for the first connection. If that ends before the test begins, it is PERF_IDLE again. */
void rdma_perf_dial(struct rdma_perf *p, struct roce *r, const struct net_ip *own, const struct net_ip *to,
		    const uint8_t mac[6]);
/* On the end point's core, now and then. In PERF_OVER outcome holds. */
void rdma_perf_turn(struct rdma_perf *p, uint64_t now);

/* What the program does: "ib_write_bw", bytes of an operation, and whether it measures latency. */
struct rdma_program {
	const char *name;
	uint32_t bytes;
	bool latency;
};
struct rdma_program rdma_perf_program(uint32_t program);
