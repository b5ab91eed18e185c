/* The client of rping: a source is told, which the server reads; then a sink, which it writes to. */
#include "apps/work/rdma_ping.h"
#include "apps/work/rping.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "kernel/str.h"

static void tell(struct rdma_ping *p, struct roce_qp *q)
{
	uint8_t advert[ADVERT];
	put_be64(advert, p->region->at + (p->sink ? RDMA_PING : 0));
	put_be32(advert + 8, p->region->key);
	put_be32(advert + 12, RDMA_PING);
	struct roce_work w = {.kind = ROCE_SEND, .message = advert, .bytes = ADVERT};
	if (roce_post(q, &w))
		roce_disconnect(q);
}

static void begin_ping(struct rdma_ping *p, struct roce_qp *q)
{
	uint8_t *source = p->region->memory;
	for (unsigned i = 0; i < RDMA_PING - 1; i++) /* a text: rping's server writes up to its NUL */
		source[i] = (uint8_t)('A' + (p->pings * 7 + i * 5) % 58);
	source[RDMA_PING - 1] = 0;
	memset(source + RDMA_PING, 0, RDMA_PING);
	p->sink = false;
	tell(p, q);
}

/* The server has read, or written. */
static void go_on(struct rdma_ping *p, struct roce_qp *q)
{
	const uint8_t *source = p->region->memory;
	if (!p->sink) {
		p->sink = true;
		tell(p, q);
		return;
	}
	if (memcmp(source, source + RDMA_PING, RDMA_PING) != 0)
		p->why = "other bytes came back than left";
	else
		p->pings++;
	if (p->why || p->pings == RDMA_PINGS)
		roce_disconnect(q);
	else
		begin_ping(p, q);
}

static void on_event(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	struct rdma_ping *p = ctx;
	if (e->kind == ROCE_UP) {
		roce_receive(q, p->inbox, sizeof p->inbox, RDMA_MANY);
		begin_ping(p, q);
	}
	if (e->kind == ROCE_RECEIVED && e->bytes == ADVERT)
		go_on(p, q);
	if (e->kind == ROCE_DOWN) { /* before the first ping: nobody listens yet */
		p->q = NULL;
		p->over = p->pings || p->why;
		if (p->over && !p->why && p->pings != RDMA_PINGS)
			p->why = "the connection ended";
	}
}

bool rdma_ping_init(struct rdma_ping *p, struct roce *r, uint8_t *memory, uint64_t at)
{
	*p = (struct rdma_ping){.over = true};
	p->region = roce_region_add(r, "ping", memory, at, 2 * RDMA_PING, ROCE_MAY_READ | ROCE_MAY_WRITE);
	return p->region != NULL;
}

void rdma_ping_begin(struct rdma_ping *p, uint16_t port)
{
	*p = (struct rdma_ping){.region = p->region, .port = port ? port : RPING};
}

void rdma_ping_dial(struct rdma_ping *p, struct roce *r, const struct net_ip *own, const struct net_ip *to,
		    const uint8_t mac[6])
{
	p->q = roce_connect(r, own, to, mac, p->port, on_event, p);
}
