/* apps/work/rdma_client.c and rdma_perf.c: the client of perftest's programs, against the servers' sides of
 * rdma_services.c, over a wire that loses what a test wants, and against servers that say what none does. */
#include <string.h>
#include "apps/work/perftest.h"
#include "apps/work/rdma_client.h"
#include "apps/work/rdma_perf.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "kernel/tsc.h"
#include "tests/unit/support_roce_side.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

#define OPS   40u
#define TURNS 2000000u
#define TICK  20u /* microseconds of a turn */
#define BULK  65536u

enum { SERVER, CLIENT };

static struct side *side[2];
static struct net_port net[2];
static struct rdma_services services;
static struct rdma_client client;
static struct config cfg;
static uint8_t served[RDMA_OPEN], slots[PAGE_2M];
static _Alignas(4096) uint8_t memory[RDMA_CLIENT_BYTES];
static uint64_t now;
static uint64_t seed;
static void (*judge)(void *ctx, const struct roce_frame *f); /* of an end point's frames */
static unsigned every; /* one frame of so many is lost, another doubled; 0: none */

const struct tsc_info *tsc_info(void)
{
	static const struct tsc_info info = {.hz = 1000000000};
	return &info;
}

/* ---- a wire */

/* What is no RoCE frame. */
static void keep(struct side *s, const uint8_t *frame, size_t n)
{
	struct side_frame *k = &s->out[s->outs++];
	assert_true(s->outs < SIDE_FRAMES && n <= sizeof k->bytes);
	memcpy(k->bytes, frame, n);
	k->n = n;
}

static void send(void *ctx, const struct roce_frame *f)
{
	if (be16(f->head + ETH_TYPE) == ETH_ARP)
		keep(ctx, f->head, f->head_bytes);
	else
		judge(ctx, f);
}

static void arrive(unsigned at, struct side_frame *k)
{
	if (roce_take(&side[at]->roce, k->bytes, k->n, now))
		return;
	size_t back = net_take(&net[at], k->bytes, k->n, sizeof k->bytes);
	if (back)
		keep(side[at], k->bytes, back);
}

/* One in so many is lost, another doubled. */
static unsigned copies_of_one(void)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	unsigned i = every ? (unsigned)(seed >> 33) % every : 1;
	return i == 0 ? 0 : every && i == every - 1 ? 2 : 1;
}

static void step(void)
{
	static struct side_frame wire[SIDE_FRAMES];
	for (unsigned i = SERVER; i <= CLIENT; i++) {
		unsigned n = support_side_sent(side[i], wire);
		for (unsigned k = 0; k < n; k++)
			for (unsigned copies = copies_of_one(); copies; copies--)
				arrive(!i, &wire[k]);
		if (i == SERVER && !client.done)
			rdma_client_turn(&client, &side[CLIENT]->roce, &net[CLIENT], now);
		roce_poll(&side[!i]->roce, now);
	}
	now += TICK;
}

/* Until the client is through, and us microseconds are over. */
static void run(uint64_t us)
{
	uint64_t end = now + us;
	for (unsigned i = 0; !client.done; i++) {
		step();
		assert_true(i < TURNS);
	}
	while (now < end)
		step();
}

static void end(void)
{
	for (unsigned i = SERVER; i <= CLIENT && side[i]; i++) {
		support_side_end(side[i]);
		side[i] = NULL;
	}
}

static int set_up(void **state)
{
	(void)state;
	now = 1000000;
	every = 0;
	seed = 1;
	memset(&services, 0, sizeof services);
	end();
	for (unsigned i = SERVER; i <= CLIENT; i++) {
		struct side *s = side[i] = support_side(1 + i);
		judge = s->roce.wire.send;
		s->roce.wire.send = send;
		net[i] = (struct net_port){.ip = {s->roce.ip[0]}};
		memcpy(net[i].mac, s->roce.mac, sizeof net[i].mac);
	}
	memset(served, 0, sizeof served);
	services.open = roce_region_add(&side[SERVER]->roce, "open", served, 0x1000000, RDMA_OPEN,
					ROCE_MAY_READ | ROCE_MAY_WRITE | ROCE_MAY_ATOMIC);
	services.slots = roce_region_add(&side[SERVER]->roce, "slots", slots, 0x8000000, PAGE_2M, 0);
	said_clear();
	return 0;
}

/* The client of one program. */
static void begin(uint32_t program, uint32_t port, uint32_t ops)
{
	cfg = (struct config){
		.peer = "10.0.0.1", .ops = ops, .client = {{.program = program, .port = port}}, .clients = 1};
	assert_true(rdma_client_begin(&client, &cfg, &side[CLIENT]->roce, memory, 0x4000000));
}

static const uint32_t ports[] = {
	[CLIENT_WRITE_LAT] = PERFTEST_WRITE_LAT, [CLIENT_SEND_LAT] = PERFTEST_SEND_LAT};

/* Nothing is open any more. */
static void assert_closed(void)
{
	assert_int_equal(roce_connections(&side[CLIENT]->roce), 0);
	assert_int_equal(roce_connections(&side[SERVER]->roce), 0);
}

/* ---- against our own servers */

static void assert_through(uint32_t ops)
{
	if (!rdma_client_end(&client))
		fail_msg("it went wrong:\n%s", said);
	for (unsigned i = 0; i < client.over; i++) {
		assert_null(client.outcome[i].why);
		if (cfg.client[i].program == CLIENT_RPING) {
			assert_int_equal(client.outcome[i].ops, RDMA_PINGS);
		} else {
			assert_int_equal(client.outcome[i].ops, ops);
			assert_true(client.outcome[i].figure || cfg.client[i].program == CLIENT_ATOMIC_BW);
		}
	}
}

static void try_all(void)
{
	uint64_t counted;
	for (uint32_t program = CLIENT_WRITE_BW; program <= CLIENT_SEND_LAT; program++) {
		unsigned period = every;
		(void)set_up(NULL);
		every = period;
		rdma_serve(&side[SERVER]->roce, &services);
		begin(program, program < ARRAY_LEN(ports) ? ports[program] : 0, OPS);
		run(30000000);
		assert_through(OPS);
		assert_closed();
		const struct roce_counts *c = &side[SERVER]->roce.counts;
		memcpy(&counted, served, sizeof counted);
		if (program == CLIENT_WRITE_BW || program == CLIENT_SEND_BW)
			assert_memory_equal(served, client.perf.own->memory, BULK);
		if (program == CLIENT_ATOMIC_BW)
			assert_int_equal(counted, OPS); /* each once */
		if (program == CLIENT_WRITE_BW || program == CLIENT_WRITE_LAT)
			assert_int_equal(c->writes, OPS);
		if (program == CLIENT_READ_BW || program == CLIENT_READ_LAT)
			assert_int_equal(c->reads, OPS);
	}
}

static void test_programs(void **state)
{
	(void)state;
	try_all();
	assert_said("ib_send_lat to 10.0.0.1: 40 operations of 2 bytes, "); /* the last one; try_all() clears
									       the rest */
	assert_said(" a second, typical latency ");
}

static void test_bad_wire(void **state)
{
	(void)state;
	every = 50;
	try_all();
	assert_true(side[SERVER]->roce.counts.duplicates + side[CLIENT]->roce.counts.duplicates > 0);
}

/* The client sends its server the numbers that perftest prints: bytes, operations, MiB/s. */
static void test_results(void **state)
{
	(void)state;
	double mib;
	rdma_serve(&side[SERVER]->roce, &services);
	begin(CLIENT_READ_BW, 0, OPS);
	run(0);
	assert_through(OPS);
	assert_int_equal(client.perf.results[0], BULK);
	assert_int_equal(client.perf.results[1], OPS);
	memcpy(&mib, &client.perf.results[3], sizeof mib);
	assert_int_equal(mib * 100, client.outcome[0].figure);
	assert_said("ib_read_bw to 10.0.0.1: 40 operations of 65536 bytes, ");
	assert_said(" average throughput ");
}

/* More operations than have samples, and a median that is of them. */
static void test_many(void **state)
{
	(void)state;
	rdma_serve(&side[SERVER]->roce, &services);
	begin(CLIENT_READ_LAT, 0, RDMA_SAMPLES + 10);
	run(0);
	assert_through(RDMA_SAMPLES + 10);
	uint64_t low = client.outcome[0].figure * 10, high = low + 9; /* of 1 GHz, so ticks are nanoseconds */
	unsigned below = 0, above = 0;
	for (unsigned i = 0; i < RDMA_SAMPLES; i++) {
		below += client.perf.sample[i] < low;
		above += client.perf.sample[i] > high;
	}
	assert_between(below, 0, RDMA_SAMPLES / 2);
	assert_between(above, 0, RDMA_SAMPLES / 2);
}

static void test_list(void **state)
{
	(void)state;
	rdma_serve(&side[SERVER]->roce, &services);
	begin(CLIENT_RPING, 0, 10);
	cfg.client[1] = (struct config_client){CLIENT_WRITE_LAT, PERFTEST_WRITE_LAT};
	cfg.client[2] = (struct config_client){CLIENT_RPING, 7174};
	cfg.client[3] = (struct config_client){CLIENT_ATOMIC_BW, 0};
	cfg.clients = 4;
	services.slots->memory[0] = 0;
	run(10000000);
	assert_int_equal(client.over, 4);
	rdma_client_say(&client);
	assert_said("rping to 10.0.0.1: 100 pings of 64 bytes came back as they left");
	assert_said("ib_write_lat to 10.0.0.1: 10 operations of 2 bytes");
	said_clear();
	assert_through(10);
	assert_not_said("10.0.0.1"); /* each is printed once */
	assert_closed();
}

static void test_no_peer(void **state)
{
	(void)state;
	cfg = (struct config){.ops = 1};
	assert_true(rdma_client_begin(&client, &cfg, &side[CLIENT]->roce, memory, 0x4000000));
	assert_true(client.done && rdma_client_end(&client));
	memcpy(cfg.peer, "x", 2);
	assert_false(rdma_client_begin(&client, &cfg, &side[CLIENT]->roce, memory, 0x4000000));
}

/* ---- servers that are not there */

static void wait_us(uint64_t us)
{
	for (uint64_t end = now + us; now < end;)
		step();
}

/* The next message is the last before the second connection. */
static void until_dialled(void)
{
	while (client.perf.state != PERF_TALKS || client.perf.step[1] != 'C')
		step();
}

/* Nobody listens for the first connection, then for the second: it asks again, once a second and more often.
 */
static void test_refused(void **state)
{
	(void)state;
	struct roce *r = &side[SERVER]->roce;
	begin(CLIENT_SEND_BW, 0, OPS);
	wait_us(5500000);
	assert_between(r->counts.rejects, 4, 6);
	rdma_serve(r, &services);
	until_dialled();
	struct roce_listener kept[ROCE_LISTENERS];
	memcpy(kept, r->listener, sizeof kept);
	memset(r->listener, 0, sizeof r->listener);
	r->counts.rejects = 0;
	wait_us(2000000);
	assert_between(r->counts.rejects, 15, 21);
	memcpy(r->listener, kept, sizeof kept);
	run(0);
	assert_through(OPS);
}

/* Nobody takes the second connection: the client ends. */
static void test_refused_for_good(void **state)
{
	(void)state;
	rdma_serve(&side[SERVER]->roce, &services);
	begin(CLIENT_WRITE_BW, 0, OPS);
	until_dialled();
	memset(side[SERVER]->roce.listener, 0, sizeof side[SERVER]->roce.listener);
	run(10000000);
	assert_false(rdma_client_end(&client));
	assert_said("ib_write_bw to 10.0.0.1: it did not take the connection under test");
	assert_closed();
}

/* Not through when the time is over. */
static void test_late(void **state)
{
	(void)state;
	begin(CLIENT_WRITE_BW, 0, OPS);
	wait_us(1500000);
	assert_false(rdma_client_end(&client));
	assert_said("ib_write_bw to 10.0.0.1: no connection");
	rdma_serve(&side[SERVER]->roce, &services);
	while (client.perf.posted < OPS / 2)
		step();
	assert_false(rdma_client_end(&client));
	assert_said("not through when seconds= were over");
}

/* ---- servers that say what none does */

enum lie {
	TRUTH,
	SILENT,      /* says nothing */
	LONG_ANSWER, /* a byte more than was said */
	OTHER_QP,    /* about another queue pair */
	BAD_KEY,     /* that no region has */
	ODD_ADDRESS, /* of an atomic */
	UNASKED,     /* says something during the test */
	HANGS_UP,    /* ends the first connection during the test */
	HANGS_UP_TEST,
	WRONG_COUNT,  /* in its WRITE */
	WRONG_LENGTH, /* of its WRITE or SEND */
	EARLY         /* answers an operation before there is one */
};

static enum lie lie;
static roce_event_fn *honest;

/* What was posted last. */
static struct roce_request *last(struct roce_qp *q)
{
	return q->head == q->tail ? NULL : &q->request[(q->tail - 1) % ROCE_WORKS];
}

static void answer_early(const struct roce_qp *control)
{
	static const uint8_t message[2];
	for (unsigned i = 0; i < ROCE_QPS; i++)
		if (services.talk[i].control == control)
			(void)!roce_post(
				&side[SERVER]->roce.qp[i],
				&(struct roce_work){.kind = ROCE_SEND, .message = message, .bytes = 2});
}

static void lie_about(struct roce_qp *q, uint32_t bytes)
{
	struct roce_request *w = last(q);
	if (lie == LONG_ANSWER)
		w->work.bytes++;
	if (bytes != DESTINATION)
		return;
	if (lie == EARLY)
		answer_early(q);
	if (lie == OTHER_QP && be32(w->message + DEST_QP))
		put_be32(w->message + DEST_QP, 7);
	if (lie == BAD_KEY)
		put_be32(w->message + DEST_KEY, 7);
	if (lie == ODD_ADDRESS)
		w->message[DEST_VA + 7]++;
}

/* An answer to an operation: of rdma_services.c, or one more. */
static void lie_in_test(struct roce_qp *q)
{
	struct roce_request *w = last(q);
	if (lie == WRONG_COUNT)
		services.slots->memory[w->work.offset + 1] = 0xee;
	if (lie == WRONG_LENGTH)
		w->work.bytes++;
}

static void liar(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	static const uint8_t message[4];
	struct rdma_talk *t = &services.talk[q->number % ROCE_QPS];
	bool control = e->kind == ROCE_RECEIVED && !t->control;
	if (lie == SILENT && control)
		return;
	honest(ctx, q, e);
	if (control && q->state == ROCE_CONNECTED)
		lie_about(q, e->bytes);
	if (!t->control || (e->kind != ROCE_RECEIVED && e->kind != ROCE_WRITTEN))
		return;
	struct roce_qp *first = (struct roce_qp *)(uintptr_t)t->control;
	if (lie == UNASKED)
		(void)!roce_post(first,
				 &(struct roce_work){.kind = ROCE_SEND, .message = message, .bytes = 4});
	else if (lie == HANGS_UP)
		roce_disconnect(first);
	else if (lie == HANGS_UP_TEST)
		roce_disconnect(q);
	else
		lie_in_test(q);
}

static void try_lie(enum lie one, uint32_t program, const char *why)
{
	(void)set_up(NULL);
	struct roce *r = &side[SERVER]->roce;
	rdma_serve(r, &services);
	lie = one;
	for (unsigned i = 0; i < ROCE_LISTENERS; i++)
		if (r->listener[i].port >= PERFTEST) {
			honest = r->listener[i].event;
			r->listener[i].event = liar;
		}
	begin(program, program < ARRAY_LEN(ports) ? ports[program] : 0, OPS);
	cfg.client[1] = (struct config_client){CLIENT_RPING, 0}; /* which does not get its turn */
	cfg.clients = 2;
	run(60000000);
	assert_false(rdma_client_end(&client));
	assert_int_equal(client.over, 1);
	if (!strstr(said, why))
		fail_msg("lie %u: \"%s\" is not in:\n%s", one, why, said);
	assert_closed();
}

static void test_lies(void **state)
{
	(void)state;
	const char *nonsense = "it said something else than perftest's servers do";
	try_lie(SILENT, CLIENT_WRITE_BW,
		"nothing came from it for 30 s (answer 0x0), 0 of 40 operations done");
	try_lie(LONG_ANSWER, CLIENT_READ_LAT, nonsense);
	try_lie(OTHER_QP, CLIENT_READ_BW, "it spoke of another queue pair than the one under test");
	try_lie(BAD_KEY, CLIENT_WRITE_BW, "an operation failed (answer 0x62), 0 of 40 operations done");
	try_lie(BAD_KEY, CLIENT_READ_LAT, "an operation failed (answer 0x62)");
	try_lie(ODD_ADDRESS, CLIENT_ATOMIC_BW, "its memory has an address that no operation may have");
	try_lie(UNASKED, CLIENT_SEND_LAT, nonsense);
	try_lie(HANGS_UP, CLIENT_SEND_BW, "it ended the connection");
	try_lie(HANGS_UP_TEST, CLIENT_SEND_LAT, "it ended the test");
	try_lie(WRONG_COUNT, CLIENT_WRITE_LAT, "it wrote another count than the next");
	try_lie(WRONG_LENGTH, CLIENT_WRITE_LAT, "its operations have another length");
	try_lie(WRONG_LENGTH, CLIENT_SEND_LAT, "its operations have another length");
	try_lie(EARLY, CLIENT_SEND_LAT, "it sent more than was asked for");
}

/* Somebody else adds to the same number: what an atomic finds is not what those before it have made. */
static void test_atomics(void **state)
{
	(void)state;
	rdma_serve(&side[SERVER]->roce, &services);
	begin(CLIENT_ATOMIC_BW, 0, 10 * OPS);
	while (client.perf.done < OPS)
		step();
	served[0]++;
	run(0);
	assert_false(rdma_client_end(&client));
	assert_said("an atomic found another value than those before it had made");
}

static int start(void **state)
{
	(void)state;
	said_start();
	return 0;
}

static int finish(void **state)
{
	(void)state;
	end();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_programs, set_up),
		cmocka_unit_test_setup(test_bad_wire, set_up),
		cmocka_unit_test_setup(test_results, set_up),
		cmocka_unit_test_setup(test_many, set_up),
		cmocka_unit_test_setup(test_list, set_up),
		cmocka_unit_test_setup(test_no_peer, set_up),
		cmocka_unit_test_setup(test_refused, set_up),
		cmocka_unit_test_setup(test_refused_for_good, set_up),
		cmocka_unit_test_setup(test_late, set_up),
		cmocka_unit_test_setup(test_lies, set_up),
		cmocka_unit_test_setup(test_atomics, set_up),
	};
	return cmocka_run_group_tests(tests, start, finish);
}
