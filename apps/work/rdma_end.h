/* The VFs' RoCEv2 end points, each over its VF's queues. One core works an end point. */
#pragma once
#include "apps/work/rdma.h"

struct rdma_end {
	struct roce roce;
	struct net_port port;
	struct rdma_services services;
	struct rdma_client client;
	struct vf *vf;
	struct dma_buf memory; /* RDMA_OPEN bytes, then the slots */
	uint8_t next;          /* send buffer */
	bool idle;             /* the last turn found nothing to do */
	char why[160];         /* what the device did wrong */
};

struct rdma_end *rdma_end_of(const struct vf *vf);
/* An end point with its regions on each VF, which must be unused. Prints what fails, as that stage.
 * SL_CONFIG, SL_NOMEM. */
enum sl_err rdma_ends_open(struct machine *m, const char *stage) MUST_CHECK;
/* Has the card hand over frames for their addresses, which are printed. SL_DEVICE, SL_TIMEOUT. */
enum sl_err rdma_ends_join(struct machine *m) MUST_CHECK;
/* Also after a failed open. SL_BUSY: memory that a device may still reach is kept. */
enum sl_err rdma_ends_close(struct machine *m, const char *stage) MUST_CHECK;

/* rdma_turn.c: takes what has come and sends what is due. SL_DEVICE: why says what the device did. */
enum sl_err rdma_turn(struct vf *vf) MUST_CHECK;
/* How the end point reaches its VF's queue. */
struct roce_wire rdma_wire(struct rdma_end *end);
/* Whether a frame has come. */
bool rdma_came(const struct vf *vf);
/* Looks up to polls times, a multiple of RDMA_LOOKS, whether a frame has come to one of n VFs (1 to IGB_VFS),
 * in turn, and ends when one has. */
#define RDMA_LOOKS 64u
void rdma_wait(const struct vf *vf, unsigned n, unsigned polls);
