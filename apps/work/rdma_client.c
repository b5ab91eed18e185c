/* The client of what serves at peer=, one program after the other. */
#include "apps/work/rdma_client.h"
#include "apps/work/rdma_perf.h"
#include "apps/work/rdma_ping.h"
#include "drivers/net/frame.h"
#include "kernel/log.h"

#define AGAIN_US 1000000u
#define PERF     PAGE_SIZE /* where its part of the memory begins */

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
	if (p->program == CLIENT_RPING)
		rdma_ping_begin(&c->ping, (uint16_t)p->port);
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
	if (!rdma_ping_init(&c->ping, r, memory, at) ||
	    !rdma_perf_init(&c->perf, r, memory + PERF, at + PERF) || !net_ip_parse(cfg->peer, &c->to, NULL))
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
	bool asked = false;
	const uint8_t *mac = net_near_find(port, &c->to);
	const struct net_ip *own = net_own(port, &c->to);
	if (mac && own) {
		if (is_rping(c, c->program))
			rdma_ping_dial(&c->ping, r, own, &c->to, mac);
		else
			rdma_perf_dial(&c->perf, r, own, &c->to, mac);
		return;
	}
	uint8_t *frame = r->wire.place(r->wire.ctx);
	size_t n = frame ? net_udp_send(port, &c->to, NET_DISCARD, NET_DISCARD, frame, 0, &asked) : 0;
	if (n)
		r->wire.send(r->wire.ctx, &(struct roce_frame){.head = frame, .head_bytes = (uint32_t)n});
}

void rdma_client_turn(struct rdma_client *c, struct roce *r, struct net_port *port, uint64_t now)
{
	struct rdma_outcome *o = &c->outcome[c->program];
	bool rping = is_rping(c, c->program);
	if (is_over(c, o)) {
		c->program++;
		c->done = o->why || c->program == programs(c);
		__atomic_store_n(&c->over, c->program, __ATOMIC_RELEASE);
		c->due = 0;
		if (!c->done)
			begin(c);
	} else if (rping ? c->ping.q : c->perf.control) {
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
