/* Stage insn of VFs that send and receive: rows of bursts, passes= times over. tools/insncount counts the
 * instructions between the markers, without those of the VF at the other end. What a row moved is compared.
 */
#include "apps/measure/insn.h"
#include "apps/measure/rdma_insn.h"
#include "apps/vf/igb.h"
#include "apps/work/packets.h"
#include "apps/work/pattern.h"
#include "drivers/igb/queue.h"
#include "kernel/log.h"
#include "kernel/marker.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define BURST     32u /* at most */
#define LENGTH    FRAME_LEAST
#define ARRIVE_US 10000000u

enum way { SEND, RECEIVE, FORWARD };

static const struct row {
	const char *name;
	enum way way;
	uint32_t batch, ops; /* frames of a burst, and in all */
} rows[] = {
	{"send", SEND, 32, 32768},
	{"receive", RECEIVE, 32, 32768},
	{"forward", FORWARD, 32, 32768},
	{"forward", FORWARD, 1, 8192},
};

/* Of one row while it runs. */
static struct {
	struct vf *near, *far; /* what is counted is near's */
	struct igb_hop hop;
	struct frame want;
	uint64_t put[2]; /* frames sent, of near and far: which buffer is next */
	uint64_t doorbells, wrong;
	struct packet_frame got[BURST];
} run;

/* ---- what is counted */

static NOINLINE void send_burst(struct igb_vf *vf, const struct packet_frame *f, uint32_t n)
{
	struct igb_tx *t = &vf->tx;
	t->done = (t->done + igb_tx_finished(t)) & IGB_MASK;
	uint32_t first = igb_tx_fill(t, f, n); /* up to the ring's end */
	if (UNLIKELY(first < n))
		(void)igb_tx_fill(t, f + first, n - first);
	run.doorbells += igb_tx_ring(t);
}

static NOINLINE uint32_t receive_burst(struct igb_vf *vf, uint32_t n)
{
	struct igb_rx *r = &vf->rx;
	uint32_t got = igb_rx_take(r, n); /* up to the ring's end */
	if (UNLIKELY(got < n))
		got += igb_rx_take(r, n - got);
	r->held -= got;
	run.doorbells += igb_rx_ring(r);
	return got;
}

/* ---- what is not */

static void list(struct packet_frame *f, unsigned who, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		f[i] = (struct packet_frame){.index = (uint8_t)(PACKET_RING + run.put[who]++ % PACKET_RING),
					     .len = LENGTH};
}

/* The other VF sends n frames. */
static void far_sends(uint32_t n)
{
	struct packet *p = run.far->packet;
	struct packet_frame f[BURST];
	struct queue_done done[BURST];
	list(f, 1, n);
	while (p->q.ops->poll(&p->q, done, BURST))
		;
	run.wrong += p->ops->send(p, f, n) != n;
	p->q.ops->ring(&p->q);
}

/* The other VF takes n frames, and compares the last. */
static bool far_takes(uint32_t n)
{
	struct packet *p = run.far->packet;
	struct deadline d = deadline_in(ARRIVE_US);
	while (n && deadline_look(&d)) {
		unsigned some = p->ops->receive(p, run.got, n);
		if (some)
			run.wrong +=
				!frame_is(packet_buffer(p, run.got[some - 1].index), run.got[some - 1].len,
					  &run.want, p->mac, run.near->packet->mac);
		p->ops->release(p, some);
		n -= some;
	}
	p->q.ops->ring(&p->q);
	return !n;
}

/* Until n frames are there. */
static bool there(const struct igb_vf *vf, uint32_t n)
{
	const struct igb_desc *last = &vf->rx.ring[(vf->rx.next + n - 1) & IGB_MASK];
	struct deadline d = deadline_in(ARRIVE_US);
	while (deadline_look(&d))
		if (igb_rx_came(last))
			return true;
	return false;
}

static bool one_send(uint32_t n)
{
	struct packet_frame f[BURST];
	MARKER(MARK_WAIT);
	list(f, 0, n);
	MARKER(MARK_GO_ON);
	send_burst(igb_of(run.near), f, n);
	MARKER(MARK_WAIT);
	bool good = far_takes(n);
	MARKER(MARK_GO_ON);
	return good;
}

static bool one_receive(uint32_t n, bool forward)
{
	struct igb_vf *vf = igb_of(run.near);
	MARKER(MARK_WAIT);
	uint32_t first = vf->rx.next;
	far_sends(n);
	bool good = there(vf, n);
	MARKER(MARK_GO_ON);
	uint32_t got = forward ? igb_vf_forward(vf, run.hop, n) : receive_burst(vf, n);
	MARKER(MARK_WAIT);
	good &= got == n && (!forward || far_takes(n));
	for (uint32_t i = 0; i < got && !forward; i++)
		run.wrong += vf->rx.frame[(first + i) & IGB_MASK].len != LENGTH;
	MARKER(MARK_GO_ON);
	return good;
}

static bool loop(const struct row *row, uint32_t ops)
{
	bool good = true;
	for (uint32_t left = ops; left && good; left -= row->batch)
		good = row->way == SEND ? one_send(row->batch) : one_receive(row->batch, row->way == FORWARD);
	return good;
}

/* ---- a row */

static enum sl_err prepare(struct machine *m)
{
	uint8_t h[12];
	memset(&run, 0, sizeof run);
	run.near = &m->vf[1];
	run.far = &m->vf[0];
	run.want = (struct frame){.len = LENGTH, .seed = pattern_seed(0, 0x1254, 1)};
	memcpy(h, run.far->packet->mac, 6);
	memcpy(h + 6, run.near->packet->mac, 6);
	memcpy(&run.hop.first, h, sizeof run.hop.first);
	memcpy(&run.hop.rest, h + sizeof run.hop.first, sizeof run.hop.rest);
	for (unsigned v = 0; v < 2; v++) {
		enum sl_err e = igb_rings(&m->vf[v], &igb_own_of(&m->vf[v])->mem);
		if (e)
			return e;
	}
	for (unsigned v = 0; v < 2; v++)
		for (unsigned i = 0; i < PACKET_RING; i++)
			frame_fill(packet_buffer(m->vf[v].packet, (uint8_t)(PACKET_RING + i)), &run.want,
				   m->vf[1 - v].packet->mac, m->vf[v].packet->mac);
	return SL_OK;
}

static enum sl_err run_row(struct machine *m, const struct row *row)
{
	enum sl_err e = prepare(m);
	if (e)
		return e;
	bool good = loop(row, 2 * row->batch); /* once before: code and tables have been used */
	const struct queue_stats *near = &run.near->queue->stats;
	uint64_t start = now_us(), doorbells = near->doorbells;
	run.doorbells = 0;
	MARKER(MARK_BEGIN);
	good = good && loop(row, row->ops);
	MARKER(MARK_END);
	uint64_t us = now_us() - start;
	if (!good)
		return SL_DEVICE;
	if (run.wrong)
		return SL_VERIFY;
	log_text("BENCH op=%s bytes=%u depth=%u batch=%u ops=%u us=%llu doorbells=%llu empty=0 waits=0\n",
		 row->name, LENGTH, row->batch, row->batch, row->ops, (ull)us,
		 (ull)(run.doorbells + near->doorbells - doorbells));
	return SL_OK;
}

enum sl_err packet_insn(struct machine *m)
{
	enum sl_err e = m->vfs < 2 ? SL_CONFIG : SL_OK;
	for (uint32_t pass = 0; pass < m->cfg->passes && !e; pass++) {
		for (unsigned i = 0; i < ARRAY_LEN(rows) && !e; i++)
			e = run_row(m, &rows[i]);
		if (!e)
			e = rdma_insn(m);
	}
	if (e)
		log_fail("insn",
			 "two VFs at least (vfs=2); run again; if this persists, the card loses frames",
			 "bursts of frames failed: %s", sl_err_text(e));
	return e;
}
