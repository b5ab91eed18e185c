/* The client of rping: a source is told, which the server reads; then a sink, which it writes to. */
#include "apps/work/rdma_client.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define RPING    7174u
#define ADVERT   16u /* address 8, key 4, bytes 4 */
#define MANY     (1u << 30)
#define AGAIN_US 1000000u

static void tell(struct rdma_client *c, struct roce_qp *q)
{
	uint8_t advert[ADVERT];
	put_be64(advert, c->region->at + (c->sink ? RDMA_PING : 0));
	put_be32(advert + 8, c->region->key);
	put_be32(advert + 12, RDMA_PING);
	struct roce_work w = {.kind = ROCE_SEND, .message = advert, .bytes = ADVERT};
	if (roce_post(q, &w))
		roce_disconnect(q);
}

static void begin_ping(struct rdma_client *c, struct roce_qp *q)
{
	uint8_t *source = c->region->memory;
	for (unsigned i = 0; i < RDMA_PING - 1; i++) /* a text: rping's server writes up to its NUL */
		source[i] = (uint8_t)('A' + (c->pings * 7 + i * 5) % 58);
	source[RDMA_PING - 1] = 0;
	memset(source + RDMA_PING, 0, RDMA_PING);
	c->sink = false;
	tell(c, q);
}

/* The server has read, or written. */
static void go_on(struct rdma_client *c, struct roce_qp *q)
{
	const uint8_t *source = c->region->memory;
	if (!c->sink) {
		c->sink = true;
		tell(c, q);
		return;
	}
	if (memcmp(source, source + RDMA_PING, RDMA_PING) != 0)
		c->wrong = true;
	else
		c->pings++;
	if (c->wrong || c->pings == RDMA_PINGS)
		roce_disconnect(q);
	else
		begin_ping(c, q);
}

static void on_event(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	struct rdma_client *c = ctx;
	if (e->kind == ROCE_UP) {
		roce_receive(q, c->inbox, sizeof c->inbox, MANY);
		begin_ping(c, q);
	}
	if (e->kind == ROCE_RECEIVED && e->bytes == ADVERT)
		go_on(c, q);
	if (e->kind == ROCE_DOWN) { /* before the first ping: nobody listens yet */
		c->q = NULL;
		c->done = c->pings || c->wrong;
		c->lost = c->done && !c->wrong && c->pings != RDMA_PINGS;
	}
}

bool rdma_client_begin(struct rdma_client *c, const char *peer, struct roce *r, uint8_t *memory, uint64_t at)
{
	*c = (struct rdma_client){.done = true};
	if (!peer[0])
		return true;
	c->done = false;
	c->region = roce_region_add(r, "ping", memory, at, 2 * RDMA_PING, ROCE_MAY_READ | ROCE_MAY_WRITE);
	return c->region && net_ip_parse(peer, &c->to, NULL);
}

void rdma_client_turn(struct rdma_client *c, struct roce *r, struct net_port *port, uint64_t now)
{
	bool asked = false;
	if (c->done || c->q || now < c->due)
		return;
	c->due = now + AGAIN_US;
	const uint8_t *mac = net_near_find(port, &c->to);
	const struct net_ip *own = net_own(port, &c->to);
	if (mac && own) {
		c->q = roce_connect(r, own, &c->to, mac, RPING, on_event, c);
		return;
	}
	uint8_t *frame = r->wire.place(r->wire.ctx);
	size_t n = frame ? net_udp_send(port, &c->to, NET_DISCARD, NET_DISCARD, frame, 0, &asked) : 0;
	if (n)
		r->wire.send(r->wire.ctx, &(struct roce_frame){.head = frame, .head_bytes = (uint32_t)n});
}

bool rdma_client_say(const struct rdma_client *c, const char *peer)
{
	if (!peer[0])
		return true;
	if (c->pings == RDMA_PINGS && !c->wrong)
		log_line("rdma", "rping to %s: %u pings of %u bytes came back as they left", peer, c->pings,
			 RDMA_PING);
	else
		log_fail(
			"rdma",
			"run rping -s there meanwhile, in the network of address=; where bytes are wrong, report it",
			"rping to %s: %s after %u pings", peer,
			c->wrong  ? "other bytes came back than left"
			: c->lost ? "the connection ended"
				  : "no connection",
			c->pings);
	return c->pings == RDMA_PINGS && !c->wrong;
}
