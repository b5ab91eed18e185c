#include "apps/work/rdma_end.h"
#include "apps/vf/igb.h"
#include "apps/work/echo.h"
#include "apps/work/host.h"
#include "apps/work/rdma_client.h"
#include "drivers/roce/icrc.h"
#include "kernel/cpu.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define MEMORY (RDMA_OPEN + PAGE_2M + RDMA_CLIENT_BYTES) /* open, slots, and the client's */

static struct rdma_end end[IGB_VFS];

struct rdma_end *rdma_end_of(const struct vf *vf)
{
	return &end[vf->index];
}

/* The device may only read what peers may reach: what comes is copied there by the processor. */
static enum sl_err set_up(struct machine *m, struct vf *vf, const struct net_ip ip[2])
{
	struct rdma_end *d = rdma_end_of(vf);
	enum sl_err e = dma_get(vf->dom, window_at(m, IGB_WINDOW_SPARE), MEMORY, DOMAIN_R, &d->memory);
	if (e)
		return e;
	d->vf = vf;
	d->next = 0;
	d->why[0] = 0;
	d->client = (struct rdma_client){.done = true};
	d->port = (struct net_port){.prefix = {0}};
	host_address(&d->port, vf, ip);
	roce_init(&d->roce);
	memcpy(d->roce.mac, d->port.mac, sizeof d->roce.mac);
	memcpy(d->roce.ip, d->port.ip, sizeof d->roce.ip);
	d->roce.wire = rdma_wire(d);
	memset(&d->services, 0, sizeof d->services);
	d->services.open = roce_region_add(&d->roce, "open", d->memory.va, d->memory.iova.v, RDMA_OPEN,
					   ROCE_MAY_READ | ROCE_MAY_WRITE | ROCE_MAY_ATOMIC);
	d->services.slots = roce_region_add(&d->roce, "slots", (uint8_t *)d->memory.va + RDMA_OPEN,
					    d->memory.iova.v + RDMA_OPEN, PAGE_2M, 0);
	return SL_OK;
}

enum sl_err rdma_ends_open(struct machine *m, const char *stage)
{
	struct net_ip ip[2];
	uint8_t prefix[2];
	uint32_t features[4];
	enum sl_err e = echo_addresses_of(m, stage, ip, prefix);
	cpu_id(1, features);
	icrc_choose(features[2]);
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = set_up(m, &m->vf[v], ip);
	return e;
}

enum sl_err rdma_ends_join(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = host_join(&m->vf[v], &rdma_end_of(&m->vf[v])->port, "rdma");
	return e;
}

enum sl_err rdma_ends_close(struct machine *m, const char *stage)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs; v++) {
		struct rdma_end *d = rdma_end_of(&m->vf[v]);
		if (d->memory.va && dma_put(&d->memory))
			e = SL_BUSY;
		memset(&d->memory, 0, sizeof d->memory);
		if (d->why[0])
			log_fail(stage, "run again; if this persists, the card does not work as it should",
				 BDF_FMT ": %s", BDF_ARG(m->vf[v].fn->bdf), d->why);
	}
	return e;
}
