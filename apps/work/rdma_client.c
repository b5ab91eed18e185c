/* The client of rping, and of what else serves at peer=, in turn. Of rping: a source is told, which the
 * server reads; then a sink, which it writes to. */
#include "apps/work/rdma_client.h"
#include "apps/work/rdma_perf.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define RPING    7174u
#define ADVERT   16u /* address 8, key 4, bytes 4 */
#define MANY     (1u << 30)
#define AGAIN_US 1000000u
#define PERF     PAGE_SIZE /* where its part of the memory begins */

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
	struct rdma_client *c = ctx;
	struct rdma_ping *p = &c->ping;
	if (e->kind == ROCE_UP) {
		roce_receive(q, p->inbox, sizeof p->inbox, MANY);
		begin_ping(p, q);
	}
	if (e->kind == ROCE_RECEIVED && e->bytes == ADVERT)
		go_on(p, q);
	if (e->kind == ROCE_DOWN) { /* before the first ping: nobody listens yet */
		c->q = NULL;
		p->over = p->pings || p->why;
		if (p->over && !p->why && p->pings != RDMA_PINGS)
			p->why = "the connection ended";
	}
}

/* ---- one program after the other */

static unsigned programs(const struct rdma_client *c)
{
	return c->cfg->clients ? c->cfg->clients : 1;
}

static const struct config_client *program_at(const struct rdma_client *c, unsigned i)
{
	return &c->cfg->client[i];
}

static bool is_rping(const struct rdma_client *c, unsigned i)
{
	return program_at(c, i)->program == CLIENT_RPING;
}

static void begin(struct rdma_client *c)
{
	const struct config_client *p = program_at(c, c->program);
	struct roce_region *region = c->ping.region;
	if (p->program == CLIENT_RPING)
		c->ping = (struct rdma_ping){.region = region};
	else
		rdma_perf_begin(&c->perf, p->program, (uint16_t)p->port, c->cfg->ops);
}

bool rdma_client_begin(struct rdma_client *c, const struct config *cfg, struct roce *r, uint8_t *memory,
		       uint64_t at)
{
	*c = (struct rdma_client){.cfg = cfg, .done = true};
	if (!cfg->peer[0])
		return true;
	c->done = false;
	c->ping.region =
		roce_region_add(r, "ping", memory, at, 2 * RDMA_PING, ROCE_MAY_READ | ROCE_MAY_WRITE);
	if (!c->ping.region || !rdma_perf_init(&c->perf, r, memory + PERF, at + PERF) ||
	    !net_ip_parse(cfg->peer, &c->to, NULL))
		return false;
	begin(c);
	return true;
}

/* What became of the program, if it is over. */
static bool is_over(const struct rdma_client *c, struct rdma_outcome *o)
{
	if (!is_rping(c, c->program)) {
		*o = c->perf.outcome;
		return c->perf.state == PERF_OVER;
	}
	*o = (struct rdma_outcome){.why = c->ping.why, .ops = c->ping.pings};
	return c->ping.over;
}

static void dial(struct rdma_client *c, struct roce *r, struct net_port *port)
{
	const struct config_client *p = program_at(c, c->program);
	bool asked = false;
	const uint8_t *mac = net_near_find(port, &c->to);
	const struct net_ip *own = net_own(port, &c->to);
	if (mac && own && p->program == CLIENT_RPING)
		c->q = roce_connect(r, own, &c->to, mac, (uint16_t)(p->port ? p->port : RPING), on_event, c);
	else if (mac && own)
		rdma_perf_dial(&c->perf, r, own, &c->to, mac);
	if (mac && own)
		return;
	uint8_t *frame = r->wire.place(r->wire.ctx);
	size_t n = frame ? net_udp_send(port, &c->to, NET_DISCARD, NET_DISCARD, frame, 0, &asked) : 0;
	if (n)
		r->wire.send(r->wire.ctx, &(struct roce_frame){.head = frame, .head_bytes = (uint32_t)n});
}

void rdma_client_turn(struct rdma_client *c, struct roce *r, struct net_port *port, uint64_t now)
{
	struct rdma_outcome *o = &c->outcome[c->program];
	bool rping = is_rping(c, c->program);
	if (c->done)
		return;
	if (is_over(c, o)) {
		c->program++;
		c->done = o->why || c->program == programs(c);
		__atomic_store_n(&c->over, c->program, __ATOMIC_RELEASE);
		c->due = 0;
		if (!c->done)
			begin(c);
	} else if (rping ? c->q : c->perf.control) {
		if (!rping)
			rdma_perf_turn(&c->perf, now);
	} else if (now >= c->due) {
		c->due = now + AGAIN_US;
		dial(c, r, port);
	}
}

/* ---- what became of them */

static bool say_rping(const struct rdma_client *c, const struct rdma_outcome *o)
{
	if (!o->why)
		log_line("rdma", "rping to %s: %u pings of %u bytes came back as they left", c->cfg->peer,
			 RDMA_PINGS, RDMA_PING);
	else
		log_fail(
			"rdma",
			"run rping -s there meanwhile, in the network of address=; where bytes are wrong, report it",
			"rping to %s: %s after %u pings", c->cfg->peer, o->why, (unsigned)o->ops);
	return !o->why;
}

static bool say_one(const struct rdma_client *c, unsigned i, const struct rdma_outcome *o)
{
	if (is_rping(c, i))
		return say_rping(c, o);
	struct rdma_program p = rdma_perf_program(program_at(c, i)->program);
	if (o->why)
		log_fail(
			"rdma",
			"run it there meanwhile with -R, and with -n as ops= here; Sluice serves ib_send_lat at port 18516, ib_write_lat at 18517",
			"%s to %s: %s (answer 0x%x), %llu of %u operations done", p.name, c->cfg->peer,
			o->why, o->status, (ull)o->ops, c->cfg->ops);
	else
		log_line("rdma", "%s to %s: %llu operations of %u bytes, %llu a second, %s %llu.%02llu %s",
			 p.name, c->cfg->peer, (ull)o->ops, p.bytes, (ull)o->rate,
			 p.latency ? "typical latency" : "average throughput", (ull)o->figure / 100,
			 (ull)o->figure % 100, p.latency ? "us" : "MiB/s");
	return !o->why;
}

void rdma_client_say(struct rdma_client *c)
{
	unsigned over = __atomic_load_n(&c->over, __ATOMIC_ACQUIRE);
	for (; c->said < over; c->said++)
		(void)say_one(c, c->said, &c->outcome[c->said]);
}

bool rdma_client_end(struct rdma_client *c)
{
	struct rdma_outcome o;
	bool good = true;
	rdma_client_say(c);
	for (unsigned i = 0; i < c->over; i++)
		good = good && !c->outcome[i].why;
	if (c->done || is_over(c, &o))
		return good;
	bool rping = is_rping(c, c->program);
	o.ops = rping ? c->ping.pings : c->perf.done;
	o.why = rping || !c->perf.control ? "no connection" : "not through when seconds= were over";
	return say_one(c, c->program, &o);
}
