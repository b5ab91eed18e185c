/* The client of perftest's servers, with -R: two connections one after the other, on the first of which both
 * sides talk about the test, which is on the second. */
#include "apps/work/rdma_perf.h"
#include "apps/report/latency.h"
#include "apps/work/perftest.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "kernel/cpu.h"
#include "kernel/str.h"

#define AGAIN_US    100000u   /* the server listens anew for the second connection */
#define PATIENCE_US 30000000u /* nothing comes */
#define LINGER_US   1500000u  /* the server may miss the last answer, and asks again */
#define BULK        65536u
#define SINK        BULK /* in its own region, behind the source; then: */
#define OWN         (2 * BULK)
#define SAMPLES     (4 * BULK)
#define TOLD        4096u /* bytes of the region that the server may write to */
#define VERSION     16u   /* bytes of the first message */
#define PAGE        4096u
#define LINE        64u

/* The messages in turn: version, page, cache line, MTU, an empty destination; (C) the second connection; an
 * empty one, destinations; (*) the test; a destination, results. */
#define BANDWIDTH  "vpcmeCeddd*drrrrrd"
#define BOTH_SIDES "vpcmeCedddd*d"
#define NO_END     "vpcmeCedddd*"

static const struct {
	struct rdma_program about;
	enum roce_kind kind;
	const char *script;
} programs[] = {
	[CLIENT_WRITE_BW] = {{"ib_write_bw", BULK, false}, ROCE_WRITE, BANDWIDTH},
	[CLIENT_READ_BW] = {{"ib_read_bw", BULK, false}, ROCE_READ, BANDWIDTH},
	[CLIENT_SEND_BW] = {{"ib_send_bw", BULK, false}, ROCE_SEND, BOTH_SIDES},
	[CLIENT_ATOMIC_BW] = {{"ib_atomic_bw", 8, false}, ROCE_FETCH_ADD, BANDWIDTH},
	[CLIENT_WRITE_LAT] = {{"ib_write_lat", 2, true}, ROCE_WRITE, NO_END},
	[CLIENT_READ_LAT] = {{"ib_read_lat", 2, true}, ROCE_READ, BOTH_SIDES},
	[CLIENT_SEND_LAT] = {{"ib_send_lat", 2, true}, ROCE_SEND, BOTH_SIDES},
};

struct rdma_program rdma_perf_program(uint32_t program)
{
	return programs[program].about;
}

static uint32_t bytes_of(const struct rdma_perf *p)
{
	return programs[p->program].about.bytes;
}

/* The server answers each operation by one of its own. */
static bool is_answered(const struct rdma_perf *p)
{
	return p->program == CLIENT_WRITE_LAT || p->program == CLIENT_SEND_LAT;
}

bool rdma_perf_init(struct rdma_perf *p, struct roce *r, uint8_t *memory, uint64_t at)
{
	*p = (struct rdma_perf){.state = PERF_OVER};
	_Static_assert(SAMPLES + RDMA_SAMPLES * sizeof *p->sample <= RDMA_PERF_BYTES, "memory");
	p->own = roce_region_add(r, "perftest", memory, at, OWN, 0);
	p->told = roce_region_add(r, "perftest's server", memory + OWN, at + OWN, TOLD, ROCE_MAY_WRITE);
	p->sample = (uint32_t *)(void *)(memory + SAMPLES);
	for (uint32_t i = 0; i < BULK; i++)
		memory[i] = (uint8_t)(i * 7 + (i >> 8));
	return p->own && p->told;
}

void rdma_perf_begin(struct rdma_perf *p, uint32_t program, uint16_t port, uint32_t ops)
{
	struct rdma_perf kept = *p;
	*p = (struct rdma_perf){.own = kept.own,
				.told = kept.told,
				.sample = kept.sample,
				.program = program,
				.port = port ? port : PERFTEST,
				.ops = ops};
}

static void over(struct rdma_perf *p)
{
	struct roce_qp *test = p->test, *control = p->control;
	p->test = p->control = NULL; /* what still comes of them is not looked at */
	p->state = PERF_OVER;
	if (test)
		roce_disconnect(test);
	if (control)
		roce_disconnect(control);
}

static void fail(struct rdma_perf *p, const char *why)
{
	p->outcome.why = why;
	p->outcome.ops = p->done;
	over(p);
}

/* ---- numbers */

/* n / 2^shift as the bits of an IEEE 754 double. */
static uint64_t double_of(uint64_t n, unsigned shift)
{
	if (!n)
		return 0;
	unsigned top = 63 - (unsigned)__builtin_clzll(n);
	uint64_t fraction = top > 52 ? n >> (top - 52) : n << (52 - top);
	return (uint64_t)(1023 + top - shift) << 52 | (fraction & (BIT(52) - 1));
}

/* The lower median. */
static uint32_t median(const uint32_t *v, unsigned n)
{
	uint32_t low = 0, high = UINT32_MAX;
	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		unsigned below = 0;
		for (unsigned i = 0; i < n; i++)
			below += v[i] <= middle;
		if (2 * below >= n)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void note_time(struct rdma_perf *p)
{
	uint64_t now = cpu_tsc(), ticks = now - p->before;
	if (p->posted)
		p->sample[(p->posted - 1) % RDMA_SAMPLES] = ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
	else
		p->begun = now;
	p->before = now;
}

/* What perftest prints: the typical latency, of half a round trip but for READs, or the average throughput,
 * which is also told the server: bytes, operations, MiB/s at most and on average, millions a second. */
static void count(struct rdma_perf *p)
{
	uint64_t ns = report_ns(cpu_tsc() - p->begun), us = ns < 1000 ? 1 : ns / 1000;
	uint64_t bytes = (uint64_t)p->done * bytes_of(p);
	uint64_t each = bytes >> 43 ? bytes / us * 1000000 : bytes * 1000000 / us; /* bytes a second */
	unsigned samples = p->posted - 1 < RDMA_SAMPLES ? p->posted - 1 : RDMA_SAMPLES;
	p->outcome.ops = p->done;
	p->outcome.rate = (uint64_t)p->done * 1000000 / us;
	if (programs[p->program].about.latency)
		p->outcome.figure = report_ns(median(p->sample, samples)) / (is_answered(p) ? 20 : 10);
	else
		p->outcome.figure = each * 100 >> 20;
	p->results[0] = bytes_of(p);
	p->results[1] = p->done;
	p->results[2] = p->results[3] = double_of(each, 20);
	p->results[4] = double_of(((uint64_t)p->done << 20) / us, 20);
}

/* ---- the test */

static bool may_post(const struct rdma_perf *p)
{
	if (p->posted == p->ops || p->posted - p->done >= ROCE_WORKS)
		return false;
	switch (p->program) {
	case CLIENT_WRITE_LAT: /* the server begins */
		return p->heard > p->posted;
	case CLIENT_SEND_LAT:
		return p->heard == p->posted;
	case CLIENT_READ_LAT:
		return p->done == p->posted;
	default:
		return true;
	}
}

static enum sl_err post(struct rdma_perf *p)
{
	uint8_t message[2] = {0, (uint8_t)(p->posted + 1)}; /* the last byte counts */
	enum roce_kind kind = programs[p->program].kind;
	struct roce_work w = {.kind = kind, .bytes = bytes_of(p), .at = p->at, .key = p->key, .swap = 1};
	if (is_answered(p))
		w.message = message;
	else
		w.region = p->own;
	if (kind == ROCE_READ)
		w.offset = SINK;
	if (kind == ROCE_FETCH_ADD)
		w.offset = SINK + p->posted % ROCE_WORKS * sizeof(uint64_t);
	if (programs[p->program].about.latency || !p->posted)
		note_time(p);
	p->posted++;
	return roce_post(p->test, &w);
}

static void say(struct rdma_perf *p);

static void go_on(struct rdma_perf *p)
{
	if (p->state != PERF_TESTS)
		return;
	while (may_post(p))
		if (post(p)) {
			fail(p, "its memory has an address that no operation may have");
			return;
		}
	if (p->done != p->ops || (is_answered(p) && p->heard != p->ops))
		return;
	count(p);
	p->state = PERF_TALKS;
	p->step++;
	say(p);
}

/* Each finds what those before it have added. */
static bool is_next(struct rdma_perf *p)
{
	uint64_t old;
	if (p->program != CLIENT_ATOMIC_BW)
		return true;
	memcpy(&old, p->own->memory + SINK + p->done % ROCE_WORKS * sizeof old, sizeof old);
	if (!p->done)
		p->first = old;
	return old == p->first + p->done;
}

static void on_done(struct rdma_perf *p, const struct roce_event *e)
{
	if (e->status) {
		p->outcome.status = e->status;
		fail(p, "an operation failed");
	} else if (!is_next(p)) {
		fail(p, "an atomic found another value than those before it had made");
	} else {
		p->done++;
		go_on(p);
	}
}

/* An operation of the server's. Its first may come before what it says about the test. */
static void on_answer(struct rdma_perf *p, const struct roce_event *e)
{
	bool begins = p->program == CLIENT_WRITE_LAT;
	if (begins && p->heard == p->ops)
		return; /* a server that does not know how many there are goes on */
	if (e->bytes != bytes_of(p)) {
		fail(p, "its operations have another length");
	} else if (p->heard >= p->posted + begins) {
		fail(p, "it sent more than was asked for");
	} else if (begins && p->told->memory[e->bytes - 1] != (uint8_t)(p->heard + 1)) {
		fail(p, "it wrote another count than the next");
	} else {
		p->heard++;
		go_on(p);
	}
}

/* After this message there is no other. */
static bool is_last(const struct rdma_perf *p)
{
	return p->step[0] && !p->step[1];
}

static void on_test(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	struct rdma_perf *p = ctx;
	if (q != p->test) {
		if (e->kind == ROCE_UP)
			roce_disconnect(q);
		return;
	}
	if (e->kind != ROCE_DOWN)
		p->deadline = q->end->now + PATIENCE_US;
	switch (e->kind) {
	case ROCE_UP:
		p->state = PERF_TALKS;
		p->step++;
		say(p);
		return;
	case ROCE_DONE:
		on_done(p, e);
		return;
	case ROCE_RECEIVED:
	case ROCE_WRITTEN:
		on_answer(p, e);
		return;
	case ROCE_DOWN:
		p->test = NULL;
		if (p->state == PERF_ENDS)
			over(p);
		else if (p->state == PERF_TALKS && is_last(p)) /* its DREQ may overtake its last answer */
			return;
		else if (p->state == PERF_DIALS)
			p->due = q->end->now + AGAIN_US;
		else
			fail(p, "it ended the test");
	}
}

/* ---- the first connection */

static uint32_t make(const struct rdma_perf *p, char what, uint8_t m[DESTINATION])
{
	const struct roce *r = p->control->end;
	memset(m, 0, DESTINATION);
	switch (what) {
	case 'v':
		memcpy(m, "6.06", 4);
		return VERSION;
	case 'p':
		put_be32(m, PAGE);
		return 4;
	case 'c':
		put_be32(m, LINE);
		return 4;
	case 'm':
		m[0] = (uint8_t)('0' + r->mtu_code);
		return 2;
	case 'r':
		put_be64(m, p->results[p->result % ARRAY_LEN(p->results)]);
		return RESULT;
	case 'd':
		put_be32(m + DEST_READS, ROCE_READS);
		if (p->test) {
			put_be32(m + DEST_QP, p->test->number);
			put_be32(m + DEST_PSN, p->test->expected);
		}
		put_be32(m + DEST_KEY, p->told->key);
		put_be64(m + DEST_VA, p->told->at);
		memcpy(m + DEST_GID, p->control->own.b, sizeof p->control->own.b);
		put_be32(m + DEST_INDEX, 1);
		return DESTINATION;
	default:
		return DESTINATION;
	}
}

/* Does the next step. */
static void say(struct rdma_perf *p)
{
	uint8_t m[DESTINATION];
	switch (*p->step) {
	case 0:
		p->state = PERF_ENDS;
		p->due = p->test ? p->control->end->now + LINGER_US : 0;
		return;
	case 'C':
		p->state = PERF_DIALS;
		p->due = 0;
		return;
	case '*':
		p->state = PERF_TESTS;
		go_on(p);
		return;
	default:
		break;
	}
	uint32_t bytes = make(p, *p->step, m);
	if (roce_post(p->control, &(struct roce_work){.kind = ROCE_SEND, .message = m, .bytes = bytes}))
		fail(p, "its first connection failed");
}

/* The answer to the last message. */
static void on_said(struct rdma_perf *p, uint32_t bytes)
{
	uint8_t m[DESTINATION];
	const uint8_t *in = p->inbox;
	if (p->state != PERF_TALKS || bytes != make(p, *p->step, m)) {
		fail(p, "it said something else than perftest's servers do");
		return;
	}
	if (*p->step == 'd' && p->test) {
		if (be32(in + DEST_QP) != p->test->peer) {
			fail(p, "it spoke of another queue pair than the one under test");
			return;
		}
		p->key = be32(in + DEST_KEY);
		p->at = be64(in + DEST_VA);
	}
	p->result += *p->step == 'r';
	p->step++;
	say(p);
}

/* The first connection has ended; before the test begins everything may be tried again. */
static void on_end(struct rdma_perf *p)
{
	struct roce_qp *test = p->test;
	p->control = NULL;
	if (p->state == PERF_ENDS) {
		over(p);
	} else if (p->posted || p->heard) {
		fail(p, "it ended the connection");
	} else {
		p->state = PERF_IDLE;
		p->test = NULL;
		if (test)
			roce_disconnect(test);
	}
}

static void on_control(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	struct rdma_perf *p = ctx;
	if (q != p->control) {
		if (e->kind == ROCE_UP)
			roce_disconnect(q);
		return;
	}
	p->deadline = q->end->now + PATIENCE_US;
	if (e->kind == ROCE_UP) {
		roce_receive(q, p->inbox, sizeof p->inbox, RDMA_MANY);
		p->state = PERF_TALKS;
		p->step = programs[p->program].script;
		say(p);
	} else if (e->kind == ROCE_RECEIVED) {
		on_said(p, e->bytes);
	} else if (e->kind == ROCE_DOWN) {
		on_end(p);
	}
}

void rdma_perf_dial(struct rdma_perf *p, struct roce *r, const struct net_ip *own, const struct net_ip *to,
		    const uint8_t mac[6])
{
	p->control = roce_connect(r, own, to, mac, p->port, on_control, p);
}

void rdma_perf_turn(struct rdma_perf *p, uint64_t now)
{
	struct roce_qp *q = p->control;
	if (p->state == PERF_DIALS && !p->test && now >= p->due) {
		p->due = now + AGAIN_US;
		p->test = roce_connect(q->end, &q->own, &q->ip, q->mac, p->port, on_test, p);
		if (p->test) {
			p->test->tells_writes = p->program == CLIENT_WRITE_LAT;
			if (p->program == CLIENT_SEND_LAT)
				roce_receive(p->test, p->told->memory, TOLD, RDMA_MANY);
		}
	}
	if (p->state == PERF_ENDS && now >= p->due)
		over(p);
	else if (p->state != PERF_IDLE && p->state != PERF_OVER && now > p->deadline)
		fail(p, p->state == PERF_DIALS ? "it did not take the connection under test"
					       : "nothing came from it for 30 s");
}
