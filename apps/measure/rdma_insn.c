/* Rows of RDMA for stage insn of VFs that send and receive: VF 0 is the end point that is counted, VF 1 its
 * peer, which asks. tools/insncount counts VF 0's turns: a frame's way from the ring to memory and back, with
 * acknowledgements, doorbells and the completions of what was sent. What was moved is compared. */
#include "apps/measure/rdma_insn.h"
#include "apps/vf/igb.h"
#include "apps/work/pattern.h"
#include "apps/work/rdma_end.h"
#include "drivers/roce/work.h"
#include "kernel/log.h"
#include "kernel/marker.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define PORT    7000u
#define WAIT_US 30000000u
#define KIB     1024u
#define POLLS   (1024 * RDMA_LOOKS)

static const struct row {
	const char *name;
	enum roce_kind kind;
	uint32_t bytes, works, depth; /* of a work request; how many, and at once */
	uint32_t per;                 /* bytes of what is counted as one operation */
	unsigned mtu_code;
} rows[] = {
	{"rdma-write-64", ROCE_WRITE, 64, 2048, 1, 64, ROCE_MTU_1024},
	{"rdma-write-64", ROCE_WRITE, 64, 2048, ROCE_WORKS, 64, ROCE_MTU_1024},
	{"rdma-write-kib-1024", ROCE_WRITE, 64 * KIB, 64, 1, KIB, ROCE_MTU_1024},
	{"rdma-write-kib-4096", ROCE_WRITE, 64 * KIB, 64, 1, KIB, ROCE_MTU_1024 + 2},
	{"rdma-read-kib-1024", ROCE_READ, 64 * KIB, 64, 1, KIB, ROCE_MTU_1024},
	{"rdma-read-kib-4096", ROCE_READ, 64 * KIB, 64, 1, KIB, ROCE_MTU_1024 + 2},
};

/* Of one row while it runs. */
static struct {
	struct rdma_end *near, *far;
	struct roce_qp *q; /* the peer's */
	bool up, down;
	uint32_t done, failed;
} run;

static void on_peer(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	(void)ctx, (void)q;
	run.up |= e->kind == ROCE_UP;
	run.down |= e->kind == ROCE_DOWN;
	run.done += e->kind == ROCE_DONE;
	run.failed += e->kind == ROCE_DONE && e->status;
}

static void on_near(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	(void)ctx, (void)q, (void)e;
}

static bool both(void)
{
	return !rdma_turn(run.far->vf) && !rdma_turn(run.near->vf);
}

/* True: the flag is set in time. */
static bool until(const bool *flag)
{
	struct deadline d = deadline_in(WAIT_US);
	while (!*flag && deadline_look(&d))
		if (!both())
			return false;
	return *flag;
}

/* The peer's part is between MARK_WAIT and MARK_GO_ON, and so is waiting for it. */
static bool loop(const struct row *row, uint32_t works)
{
	struct roce_work w = {.kind = row->kind,
			      .region = run.far->services.open,
			      .bytes = row->bytes,
			      .at = run.near->services.open->at,
			      .key = run.near->services.open->key};
	uint32_t posted = run.done, end = posted + works;
	struct deadline d = deadline_in(WAIT_US);
	MARKER(MARK_WAIT);
	while (run.done != end && !run.failed && deadline_look(&d)) {
		for (; posted != end && posted - run.done < row->depth; posted++)
			if (roce_post(run.q, &w))
				return false;
		if (rdma_turn(run.far->vf))
			return false;
		if (!run.near->roce.busy && !rdma_came(run.near->vf))
			continue; /* as app=rdma waits */
		MARKER(MARK_GO_ON);
		bool bad = rdma_turn(run.near->vf);
		MARKER(MARK_WAIT);
		if (bad)
			return false;
	}
	MARKER(MARK_GO_ON);
	return run.done == end && !run.failed;
}

static void say(const char *name, uint32_t depth, uint64_t ops, uint64_t us, uint64_t doorbells)
{
	log_text("BENCH op=%s bytes=0 depth=%u batch=%u ops=%llu us=%llu doorbells=%llu empty=0 waits=0\n",
		 name, depth, depth, (ull)ops, (ull)us, (ull)doorbells);
}

static enum sl_err measure(const struct row *row)
{
	uint8_t *mine = run.far->memory.va, *there = run.near->memory.va;
	uint64_t seed = pattern_seed(0, row->bytes, row->kind),
		 doorbells = run.near->vf->queue->stats.doorbells;
	uint64_t start = now_us();
	pattern_fill(row->kind == ROCE_READ ? there : mine, row->bytes, seed);
	memset(row->kind == ROCE_READ ? mine : there, 0, row->bytes);
	MARKER(MARK_BEGIN);
	bool good = loop(row, row->works);
	MARKER(MARK_END);
	if (!good)
		return SL_DEVICE;
	if (!pattern_check(row->kind == ROCE_READ ? mine : there, row->bytes, seed))
		return SL_VERIFY;
	say(row->name, row->depth, (uint64_t)row->works * row->bytes / row->per, now_us() - start,
	    run.near->vf->queue->stats.doorbells - doorbells);
	return SL_OK;
}

static enum sl_err run_row(const struct row *row)
{
	struct roce *near = &run.near->roce, *far = &run.far->roce;
	run.up = run.down = false;
	run.done = run.failed = 0;
	far->mtu_code = row->mtu_code;
	run.q = roce_connect(far, &far->ip[0], &near->ip[0], near->mac, PORT, on_peer, NULL);
	enum sl_err e = run.q && until(&run.up) && loop(row, row->depth) ? measure(row) : SL_DEVICE;
	if (run.q)
		roce_disconnect(run.q);
	return e ? e : until(&run.down) ? SL_OK : SL_TIMEOUT;
}

static void wait_for_nothing(const struct vf *vf)
{
	uint64_t start = now_us();
	MARKER(MARK_BEGIN);
	rdma_wait(vf, 1, POLLS);
	MARKER(MARK_END);
	say("rdma-poll", 1, POLLS, now_us() - start, 0);
}

enum sl_err rdma_insn(struct machine *m)
{
	enum sl_err e = SL_OK, put;
	for (unsigned v = 0; v < 2 && !e; v++)
		e = igb_rings(&m->vf[v], &igb_own_of(&m->vf[v])->mem);
	if (!e)
		e = rdma_ends_open(m, "insn");
	run.near = rdma_end_of(&m->vf[0]);
	run.far = rdma_end_of(&m->vf[1]);
	if (!e && !roce_listen(&run.near->roce, PORT, on_near, NULL))
		e = SL_NOSPACE;
	for (unsigned i = 0; i < ARRAY_LEN(rows) && !e; i++)
		e = run_row(&rows[i]);
	if (!e)
		wait_for_nothing(&m->vf[0]);
	put = rdma_ends_close(m, "insn");
	return e ? e : put;
}
