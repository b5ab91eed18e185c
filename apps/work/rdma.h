/* app=rdma: each VF is a RoCEv2 end point with memory in its own domain, and serves peers on a wire. */
#pragma once
#include "apps/machine.h"
#include "drivers/roce/region.h"

enum sl_err stage_rdma(struct machine *m) MUST_CHECK;

/* What a VF has for its peers: device addresses, sizes and rights are those of the regions. */
#define RDMA_OPEN  (8 * PAGE_2M) /* bytes of the region that every peer may use, */
#define RDMA_SLOTS 32u           /* and of one with a part for each of so many queue pairs */
#define RDMA_SLOT  (PAGE_2M / RDMA_SLOTS)
#define RDMA_INBOX 256u

struct rdma_talk { /* with a peer, over one queue pair */
	uint8_t inbox[RDMA_INBOX];
	unsigned step;
	/* perftest, under test: the connection on which it is talked about. Of that one: how many it is
	 * about, and whether it was said how the test went. */
	const struct roce_qp *control;
	unsigned tests;
	bool results;
	/* ib_write_lat: where the client is written to, with which key, and how often it was. */
	uint64_t at;
	uint32_t key, written;
};

struct rdma_services {
	struct roce_region *open, *slots;
	struct rdma_talk talk[ROCE_QPS];
	uint64_t pings, tests; /* that came to their end */
};

/* The client of rping's server, once it could connect: rdma_client.c. */
struct rdma_client {
	struct net_ip to;
	struct roce_qp *q;
	struct roce_region *region; /* the source, then the sink, of RDMA_PING bytes each */
	unsigned pings;             /* that came back as they left */
	bool sink, done, wrong, lost;
	uint64_t due; /* of the next attempt */
	uint8_t inbox[RDMA_INBOX];
};
#define RDMA_PING  64u /* bytes, rping's default */
#define RDMA_PINGS 100u

/* Listens for the programs of rdmacm-utils and perftest on their own ports: rping (7174), ucmatose and cmtime
 * (7471), ib_write_bw and its like with -R (18515), ib_send_lat (18516),
 * ib_write_lat (18517). */
void rdma_serve(struct roce *r, struct rdma_services *s);
