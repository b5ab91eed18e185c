/* apps/work/rdma_services.c: what it says to clients as Linux's programs are, over a wire that loses what a
 * test wants. */
#include <string.h>
#include "apps/work/rdma.h"
#include "drivers/roce/region.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "tests/unit/support_roce_side.h"
#include "tests/unit/test.h"

#define UCMATOSE    7471u
#define PERFTEST    18515u
#define DESTINATION 56u /* perftest's: QP at 8, key at 16, address at 24 */
#define MEMORY      4096u

enum { SERVER, CLIENT };

static struct side *side[2];
static struct rdma_services services;
static uint8_t served[RDMA_OPEN], memory[MEMORY], inbox[RDMA_INBOX];
static uint64_t now;
static unsigned got, done, down;
static bool lose_rtu, lose_server;

static bool is_rtu(const uint8_t *frame)
{
	const uint8_t *bth = frame + IP4_DATA + UDP_BYTES;
	return bth[BTH_OPCODE] == OP_UD_SEND && be16(bth + BTH_BYTES + DETH_BYTES + MAD_ATTR) == CM_RTU;
}

/* What is on its way arrives. */
static void step(void)
{
	static struct side_frame wire[SIDE_FRAMES];
	for (unsigned i = SERVER; i <= CLIENT; i++) {
		unsigned n = support_side_sent(side[i], wire);
		for (unsigned k = 0; k < n; k++)
			if (!(lose_rtu && is_rtu(wire[k].bytes)) && !(lose_server && i == SERVER))
				assert_true(roce_take(&side[!i]->roce, wire[k].bytes, wire[k].n, now));
		roce_poll(&side[!i]->roce, now);
	}
}

/* Until nothing is on its way any more. */
static void carry(void)
{
	while (side[SERVER]->outs || side[CLIENT]->outs)
		step();
}

static void on_client(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	(void)ctx;
	if (e->kind == ROCE_UP)
		roce_receive(q, inbox, sizeof inbox, 1000);
	got += e->kind == ROCE_RECEIVED;
	done += e->kind == ROCE_DONE && !e->status;
	down += e->kind == ROCE_DOWN;
}

static int set_up(void **state)
{
	(void)state;
	now = 1000000;
	got = done = down = 0;
	memset(&services, 0, sizeof services);
	for (unsigned i = SERVER; i <= CLIENT; i++)
		side[i] = support_side(1 + i);
	services.open =
		roce_region_add(&side[SERVER]->roce, "open", served, 0x1000000, RDMA_OPEN, ROCE_MAY_READ);
	rdma_serve(&side[SERVER]->roce, &services);
	return 0;
}

static struct roce_qp *dial(uint16_t port)
{
	struct roce *r = &side[CLIENT]->roce;
	struct roce_qp *q =
		roce_connect(r, &r->ip[0], &side[SERVER]->roce.ip[0], r->mac, port, on_client, NULL);
	carry();
	assert_true(q && q->state == ROCE_CONNECTED);
	return q;
}

static void post(struct roce_qp *q, const struct roce_work *w)
{
	assert_int_equal(roce_post(q, w), SL_OK);
	roce_poll(q->end, now);
	carry();
}

/* A client has gone without a word, and the RTU of the next one's queue pair under test is lost: the new
 * client is answered all the same, with the server's queue pair, key and address, and after its last message
 * the test is over. */
static void test_perftest(void **state)
{
	(void)state;
	(void)dial(PERFTEST);
	struct roce_qp *control = dial(PERFTEST);
	lose_rtu = true;
	struct roce_qp *test = dial(PERFTEST);
	lose_rtu = false;
	uint8_t m[DESTINATION] = {0};
	put_be32(m + 8, test->number);
	post(control, &(struct roce_work){.kind = ROCE_SEND, .message = m, .bytes = sizeof m});
	assert_int_equal(got, 1);
	assert_int_equal(be32(inbox + 8), test->peer);
	assert_int_equal(be32(inbox + 16), services.open->key);
	assert_int_equal(be64(inbox + 24), services.open->at);
	struct roce_region *g = roce_region_add(&side[CLIENT]->roce, "own", memory, 0x2000000, MEMORY, 0);
	memset(served, 0x5a, 64);
	post(test, &(struct roce_work){.kind = ROCE_READ,
				       .region = g,
				       .bytes = 64,
				       .at = be64(inbox + 24),
				       .key = be32(inbox + 16)});
	assert_int_equal(done, 2);
	assert_memory_equal(memory, served, 64);
	for (unsigned i = 2; i <= 5; i++) {
		assert_int_equal(down, 0);
		post(control, &(struct roce_work){.kind = ROCE_SEND, .message = m, .bytes = sizeof m});
		assert_int_equal(got, i);
	}
	assert_int_equal(down, 1);
	assert_int_equal(test->state, ROCE_FREE);
	assert_int_equal(control->state, ROCE_CONNECTED);
	assert_int_equal(services.tests, 1);
	roce_disconnect(control);
	carry();
	assert_int_equal(roce_connections(&side[SERVER]->roce), 1);
}

/* The client ends first: the server ends what was under test. */
static void test_perftest_ended(void **state)
{
	(void)state;
	struct roce_qp *control = dial(PERFTEST), *test = dial(PERFTEST);
	uint8_t m[DESTINATION] = {0};
	put_be32(m + 8, test->number);
	post(control, &(struct roce_work){.kind = ROCE_SEND, .message = m, .bytes = sizeof m});
	roce_disconnect(control);
	carry();
	assert_int_equal(down, 2);
	assert_int_equal(roce_connections(&side[SERVER]->roce), 0);
}

/* All that the server says is lost while the client's ten messages come: it goes on until its own have come
 * too. */
static void test_ucmatose(void **state)
{
	(void)state;
	struct roce *r = &side[CLIENT]->roce;
	struct roce_qp *q =
		roce_connect(r, &r->ip[0], &side[SERVER]->roce.ip[0], r->mac, UCMATOSE, on_client, NULL);
	while (q->state != ROCE_CONNECTED)
		step();
	lose_server = true;
	for (unsigned i = 0; i < 10; i++)
		assert_int_equal(
			roce_post(q, &(struct roce_work){.kind = ROCE_SEND, .message = memory, .bytes = 100}),
			SL_OK);
	roce_poll(r, now);
	carry();
	assert_int_equal(got + down, 0);
	lose_server = false;
	for (unsigned i = 0; i < 10 && !down; i++) {
		now += 1000000;
		roce_poll(r, now);
		roce_poll(&side[SERVER]->roce, now);
		carry();
	}
	assert_int_equal(got, 10);
	assert_int_equal(done, 10);
	assert_int_equal(down, 1);
}

static int end(void **state)
{
	(void)state;
	for (unsigned i = SERVER; i <= CLIENT; i++)
		support_side_end(side[i]);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_perftest, set_up, end),
		cmocka_unit_test_setup_teardown(test_perftest_ended, set_up, end),
		cmocka_unit_test_setup_teardown(test_ucmatose, set_up, end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
