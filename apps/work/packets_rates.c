/* The last parts of stage timed of VFs that send and receive: sending alone and receiving alone, by one VF
 * and one core. VF 0 sends to VF 1, which takes nothing, so that its ring is full and the card drops what
 * comes then. Then VF 0 sends a burst that does not count, and VF 1 takes it; the clock runs while it does.
 * All frames are alike, and each that is taken is compared. */
#include "apps/work/flow.h"
#include "apps/work/packets_timed.h"
#include "kernel/log.h"

#define BURST     32u
#define ARRIVE_US 1000000u
#define QUIET_US  2000u

static struct rate {
	uint64_t frames, doorbells, ticks;
} sending, receiving;

/* Of both parts. */
static struct {
	struct packet *from, *to;
	struct frame want;
	uint64_t put; /* frames sent: which buffer is next */
	enum sl_err err;
} rates;

static unsigned send_burst(unsigned n)
{
	struct packet *p = rates.from;
	struct packet_frame f[BURST];
	struct queue_done done[BURST];
	while (p->q.ops->poll(&p->q, done, BURST))
		;
	for (unsigned i = 0; i < n; i++)
		f[i] = (struct packet_frame){.index = (uint8_t)(PACKET_RING + (rates.put + i) % PACKET_RING),
					     .len = (uint16_t)rates.want.len};
	n = p->ops->send(p, f, n);
	rates.put += n;
	p->q.ops->ring(&p->q);
	return n;
}

static unsigned send_turn(unsigned v)
{
	(void)v;
	return send_burst(BURST);
}

/* Compares what VF 1 has received, of at most BURST frames; the ticks that the receiving took, without that,
 * are added. Returns how many. */
static unsigned take(uint64_t *ticks)
{
	struct packet *p = rates.to;
	struct packet_frame f[BURST];
	uint64_t begin = cpu_tsc();
	unsigned n = p->ops->receive(p, f, BURST);
	uint64_t got = cpu_tsc();
	for (unsigned i = 0; i < n; i++)
		if (!frame_is(packet_buffer(p, f[i].index), f[i].len, &rates.want, p->mac, rates.from->mac))
			rates.err = SL_VERIFY;
	uint64_t back = cpu_tsc();
	p->ops->release(p, n);
	p->q.ops->ring(&p->q);
	*ticks += got - begin + (cpu_tsc() - back);
	return n;
}

/* An empty look counts no time: it waits for the sender. */
static unsigned receive_turn(unsigned v)
{
	struct deadline d = deadline_in(ARRIVE_US);
	unsigned left = rates.err ? 0 : send_burst(BURST), sent = left;
	(void)v;
	while (left && !rates.err) {
		uint64_t ticks = 0;
		unsigned n = take(&ticks);
		left -= n < left ? n : left;
		receiving.ticks += n ? ticks : 0;
		receiving.frames += n;
		if (!n && !deadline_look(&d))
			rates.err = SL_TIMEOUT;
	}
	return sent;
}

/* Nothing of the first part is on its way or in the full ring any more; what was there is right. */
static void empty(void)
{
	uint64_t ticks = 0;
	struct queue_done done[BURST];
	for (struct deadline d = deadline_in(QUIET_US); deadline_look(&d);)
		if (rates.from->q.ops->poll(&rates.from->q, done, BURST) + take(&ticks))
			d = deadline_in(QUIET_US);
}

enum sl_err packets_rates(struct machine *m, uint64_t ticks)
{
	struct worker w = {.m = m, .n = 1};
	uint64_t before;
	rates.from = m->vf[0].packet;
	rates.to = m->vf[1].packet;
	rates.want = packets_fill(m, 1);
	rates.put = 0;
	rates.err = SL_OK;
	before = rates.from->q.stats.doorbells;
	sending = receiving = (struct rate){0};
	sending.ticks = flow_turns(&w, 1, ticks, NULL, send_turn);
	sending.frames = rates.put;
	sending.doorbells = rates.from->q.stats.doorbells - before;
	empty();
	before = rates.to->q.stats.doorbells;
	(void)flow_turns(&w, 1, ticks, NULL, receive_turn);
	receiving.doorbells = rates.to->q.stats.doorbells - before;
	return rates.err;
}

static uint64_t in_a_second(const struct rate *r)
{
	uint64_t us = report_ns(r->ticks) / 1000;
	return us ? r->frames * 1000000 / us : 0;
}

void packets_rates_print(void)
{
	log_line(
		"timed",
		"sent alone: %llu frames, %llu in a second, with %llu doorbells; VF 1, to which they go, takes none, so its ring is full",
		(ull)sending.frames, (ull)in_a_second(&sending), (ull)sending.doorbells);
	log_line(
		"timed",
		"received alone: %llu frames, %llu in a second, with %llu doorbells; the clock runs only while VF 1 receives",
		(ull)receiving.frames, (ull)in_a_second(&receiving), (ull)receiving.doorbells);
}
