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
#define RDMA_MANY  (1u << 30) /* receives that are posted into it: each is over before its event returns */

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

/* What became of a program of client=. */
struct rdma_outcome {
	const char *why; /* it went wrong; NULL: it did not */
	uint8_t status;  /* of the operation that did, or 0 */
	uint64_t ops;    /* that were executed; pings of rping */
	uint64_t figure; /* hundredths of MiB/s, or of a microsecond */
	uint64_t rate;   /* operations a second */
};

/* The client of rping's server: rdma_ping.c. */
struct rdma_ping {
	uint16_t port;
	struct roce_qp *q;
	struct roce_region *region; /* the source, then the sink, of RDMA_PING bytes each */
	unsigned pings;             /* that came back as they left */
	bool sink, over;
	const char *why;
	uint8_t inbox[RDMA_INBOX];
};
#define RDMA_PING  64u /* bytes, rping's default */
#define RDMA_PINGS 100u

/* The client of perftest's servers: rdma_perf.c. */
enum rdma_perf_state { PERF_IDLE, PERF_TALKS, PERF_DIALS, PERF_TESTS, PERF_ENDS, PERF_OVER };
struct rdma_perf {
	enum rdma_perf_state state;
	uint32_t program, ops; /* enum config_clients; of the test */
	uint16_t port;
	struct roce_qp *control, *test; /* the first connection, and the one under test */
	const char *step;               /* the next message */
	unsigned result;                /* the next of them */
	uint64_t due, deadline;
	struct roce_region *own, *told; /* for operations; that the server may write to */
	uint8_t inbox[RDMA_INBOX];
	/* the server's memory; operations that were posted, and are done; answers of the server's own */
	uint64_t at;
	uint32_t key, posted, done, heard;
	uint64_t first;         /* of an atomic: the value that was there before */
	uint64_t begun, before; /* TSC, of the test and of the last operation */
	uint32_t *sample;       /* TSC ticks from one operation to the next: the last RDMA_SAMPLES */
	uint64_t results[5];
	struct rdma_outcome outcome;
};
#define RDMA_SAMPLES 16384u

/* Of the programs of client=, one after the other. */
struct rdma_client {
	const struct config *cfg;
	struct net_ip to;
	unsigned program;
	bool done;
	uint64_t due; /* of the next attempt to connect */
	struct rdma_ping ping;
	struct rdma_perf perf;
	struct rdma_outcome outcome[CONFIG_PROGRAMS];
	unsigned over, said; /* outcomes that are known, and those that were printed */
};

/* Listens for the programs of rdmacm-utils and perftest on their own ports: rping (7174), ucmatose and cmtime
 * (7471), ib_write_bw and its like with -R (18515), ib_send_lat (18516),
 * ib_write_lat (18517). */
void rdma_serve(struct roce *r, struct rdma_services *s);
