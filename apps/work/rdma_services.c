/* The servers' sides of programs that Linux has. */
#include "apps/work/perftest.h"
#include "apps/work/rdma.h"
#include "apps/work/rping.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "kernel/str.h"

#define UCMATOSE    7471u
#define MESSAGES    10u /* ucmatose's, each of so many bytes: */
#define MESSAGE     100u
#define BEGIN_DEST  4u /* then the server of ib_write_lat begins, with so many bytes: */
#define FIRST_WRITE 2u
#define LAST_DEST   5u /* the last of a test of one queue pair */

static struct rdma_talk *talk_of(struct rdma_services *s, const struct roce_qp *q)
{
	return &s->talk[q->number % ROCE_QPS];
}

static struct rdma_talk *begin(struct rdma_services *s, struct roce_qp *q)
{
	struct rdma_talk *t = talk_of(s, q);
	memset(t, 0, sizeof *t);
	roce_receive(q, t->inbox, sizeof t->inbox, RDMA_MANY);
	return t;
}

/* A peer that asks for more than is served is not served. */
static void post(struct roce_qp *q, const struct roce_work *w)
{
	if (roce_post(q, w))
		roce_disconnect(q);
}

static void say(struct roce_qp *q, const void *message, uint32_t bytes)
{
	post(q, &(struct roce_work){.kind = ROCE_SEND, .message = message, .bytes = bytes});
}

/* ---- rping: a sink is told, and read; another is told, and written to with what was read */

enum { RPING_SOURCE, RPING_READ, RPING_SINK };

static void rping(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	static const uint8_t go_on[ADVERT];
	struct rdma_services *s = ctx;
	struct rdma_talk *t = talk_of(s, q);
	if (e->kind == ROCE_UP)
		begin(s, q);
	if (e->kind == ROCE_DONE && t->step == RPING_READ && !e->status) {
		t->step = RPING_SINK;
		say(q, go_on, sizeof go_on);
	}
	if (e->kind != ROCE_RECEIVED || e->bytes != ADVERT || t->step == RPING_READ)
		return;
	struct roce_work w = {.kind = t->step == RPING_SOURCE ? ROCE_READ : ROCE_WRITE,
			      .region = s->slots,
			      .offset = q->number % RDMA_SLOTS * RDMA_SLOT,
			      .at = be64(t->inbox),
			      .key = be32(t->inbox + 8),
			      .bytes = be32(t->inbox + 12)};
	if (w.bytes > RDMA_SLOT) {
		roce_disconnect(q);
		return;
	}
	t->step = t->step == RPING_SOURCE ? RPING_READ : RPING_SOURCE;
	post(q, &w);
	if (w.kind == ROCE_WRITE) {
		s->pings++;
		say(q, go_on, sizeof go_on);
	}
}

/* ---- ucmatose: ten messages to the client, as many from it; cmtime: only the connection */

static void ucmatose(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	static const uint8_t message[MESSAGE];
	struct rdma_services *s = ctx;
	if (e->kind == ROCE_UP) {
		begin(s, q);
		for (unsigned i = 0; i < MESSAGES; i++)
			say(q, message, sizeof message);
	}
	if (e->kind == ROCE_RECEIVED || (e->kind == ROCE_DONE && !e->status))
		talk_of(s, q)->step++;
	if (talk_of(s, q)->step == 2 * MESSAGES)
		roce_disconnect(q); /* both sides have what they wait for */
}

/* ---- perftest */

/* perftest begins with a connection on which both sides talk about the test. On it the client names its queue
 * pairs of the others, which are the ones under test. */
static struct roce_qp *under_test(struct rdma_services *s, struct roce_qp *control, uint32_t peer)
{
	for (unsigned i = 0; i < ROCE_QPS; i++) {
		struct roce_qp *q = &control->end->qp[i];
		struct rdma_talk *t = &s->talk[i];
		if (q == control || q->service != control->service || q->peer != peer ||
		    !net_ip_equal(&q->ip, &control->ip) || !roce_established(q))
			continue;
		if (!t->control) {
			t->control = control;
			talk_of(s, control)->tests++;
			roce_receive(q, s->open->memory, RDMA_OPEN, 0);
			q->tells_writes = q->service == PERFTEST_WRITE_LAT;
		}
		return t->control == control ? q : NULL;
	}
	return NULL;
}

static void end_tests(struct rdma_services *s, const struct roce_qp *control)
{
	for (unsigned i = 0; i < ROCE_QPS; i++)
		if (s->talk[i].control == control) {
			s->talk[i].control = NULL;
			roce_disconnect(&control->end->qp[i]);
		}
}

/* ib_write_lat: each side waits for the other's count in the last byte of its memory. */
static void write_back(struct rdma_services *s, struct roce_qp *q, uint32_t bytes)
{
	struct rdma_talk *t = talk_of(s, q);
	struct roce_work w = {.kind = ROCE_WRITE,
			      .region = s->slots,
			      .offset = q->number % RDMA_SLOTS * RDMA_SLOT,
			      .bytes = bytes,
			      .at = t->at,
			      .key = t->key};
	if (!bytes || bytes > RDMA_SLOT) {
		roce_disconnect(q);
		return;
	}
	s->slots->memory[w.offset + bytes - 1] = (uint8_t)++t->written;
	post(q, &w);
}

/* ib_send_lat: a message is answered by one as long. */
static void send_back(struct rdma_services *s, struct roce_qp *q, uint32_t bytes)
{
	post(q, &(struct roce_work){.kind = ROCE_SEND, .region = s->open, .bytes = bytes});
}

/* What the client says about itself is answered with the same about us; with the last of it the test is over,
 * and the client waits until the server ends it. */
static void control_said(struct rdma_services *s, struct roce_qp *q, uint32_t bytes)
{
	struct rdma_talk *t = talk_of(s, q);
	uint8_t *m = t->inbox;
	uint32_t peer = bytes == DESTINATION ? be32(m + DEST_QP) : 0;
	struct roce_qp *test = peer ? under_test(s, q, peer) : NULL;
	if (test) {
		talk_of(s, test)->at = be64(m + DEST_VA);
		talk_of(s, test)->key = be32(m + DEST_KEY);
		put_be32(m + DEST_QP, test->number);
		put_be32(m + DEST_PSN, test->next_psn);
		put_be32(m + DEST_KEY, s->open->key);
		put_be64(m + DEST_VA, s->open->at);
		memcpy(m + DEST_GID, q->own.b, sizeof q->own.b);
		t->step++;
	}
	t->results |= bytes == RESULT;
	say(q, m, bytes < ROCE_INLINE ? bytes : ROCE_INLINE);
	if (test && q->service == PERFTEST_WRITE_LAT && t->step == BEGIN_DEST)
		write_back(s, test, FIRST_WRITE);
	if (!test || (!t->results && (t->step != LAST_DEST || t->tests > 1)))
		return;
	s->tests++;
	end_tests(s, q);
}

static void perftest(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	struct rdma_services *s = ctx;
	struct rdma_talk *t = talk_of(s, q);
	if (e->kind == ROCE_UP)
		begin(s, q);
	if (e->kind == ROCE_DOWN)
		end_tests(s, q);
	if (e->kind == ROCE_RECEIVED && !t->control)
		control_said(s, q, e->bytes);
	if (e->kind == ROCE_RECEIVED && t->control && q->service == PERFTEST_SEND_LAT)
		send_back(s, q, e->bytes);
	if (e->kind == ROCE_WRITTEN)
		write_back(s, q, e->bytes);
}

void rdma_serve(struct roce *r, struct rdma_services *s)
{
	(void)roce_listen(r, RPING, rping, s);
	(void)roce_listen(r, UCMATOSE, ucmatose, s);
	(void)roce_listen(r, PERFTEST, perftest, s);
	(void)roce_listen(r, PERFTEST_SEND_LAT, perftest, s);
	(void)roce_listen(r, PERFTEST_WRITE_LAT, perftest, s);
}
