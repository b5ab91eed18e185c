/* Each core answers for its VFs: a frame's answer is written over it and sent from the receive buffer,
 * without a copy. Buffers go back to the device in the order in which they came, so a burst is answered and
 * sent before the next is taken. */
#include "apps/work/echo.h"
#include "apps/vf/igb.h"
#include "apps/vf/workers.h"
#include "apps/work/host.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define BURST      32u
#define SENT_US    1000000u
#define LOOK_US    100000u /* link and console */
#define CHARGEN    19u     /* RFC 864 */
#define LINE       72u     /* its characters a line, of 95 in turn */
#define CHARACTERS 512u
#define LEAST      60u /* bytes of a frame: shorter ones are filled up with zeros */
#define MARGIN_S   60u

static struct host {
	struct net_port port;
	uint64_t discarded; /* bytes */
	uint64_t answered;  /* frames */
	uint64_t lost;      /* answers that the card did not take */
	char why[160];
} __attribute__((aligned(64))) host[IGB_VFS];

static volatile bool stop;
static uint64_t until_us;

/* ---- services */

static size_t echo(void *ctx, uint8_t *data, size_t n, size_t room)
{
	(void)ctx, (void)data, (void)room;
	return n;
}

static size_t discard(void *ctx, uint8_t *data, size_t n, size_t room)
{
	struct host *h = ctx;
	(void)data, (void)room;
	h->discarded += n;
	return 0;
}

/* As many whole lines as fit into 512 characters, which the RFC allows. */
static size_t characters(void *ctx, uint8_t *data, size_t n, size_t room)
{
	size_t at = 0;
	(void)ctx, (void)n;
	for (unsigned line = 0; room >= CHARACTERS && at + LINE + 2 <= CHARACTERS; line++) {
		for (unsigned i = 0; i < LINE; i++)
			data[at++] = (uint8_t)(' ' + (line + i) % 95);
		data[at++] = '\r';
		data[at++] = '\n';
	}
	return at;
}

static void set_up(struct vf *vf, const struct net_ip ip[2], const uint8_t prefix[2])
{
	struct host *h = &host[vf->index];
	*h = (struct host){.port = {.prefix = {prefix[0], 64, prefix[1]},
				    .service = {{NET_ECHO, echo, NULL},
						{NET_DISCARD, discard, h},
						{CHARGEN, characters, NULL}}}};
	host_address(&h->port, vf, ip);
}

/* ---- on each core */

static enum sl_err wrong(struct vf *vf, enum sl_err e)
{
	(void)vf->queue->ops->explain(vf->queue, host[vf->index].why, sizeof host[vf->index].why);
	return e;
}

/* Waits until n frames are sent: their buffers are the device's before. */
static enum sl_err sent(struct vf *vf, unsigned n)
{
	struct queue_done done[BURST];
	struct deadline d = deadline_in(SENT_US);
	vf->queue->ops->ring(vf->queue);
	while (n && deadline_look(&d))
		n -= vf->queue->ops->poll(vf->queue, done, n < BURST ? n : BURST);
	return n ? wrong(vf, SL_TIMEOUT) : SL_OK;
}

static enum sl_err answer(struct vf *vf)
{
	struct packet *p = vf->packet;
	struct host *h = &host[vf->index];
	struct packet_frame in[BURST], out[BURST];
	unsigned got = p->ops->receive(p, in, BURST), n = 0;
	for (unsigned i = 0; i < got; i++) {
		uint8_t *frame = packet_buffer(p, in[i].index);
		size_t len = net_take(&h->port, frame, in[i].len, PACKET_MOST);
		if (!len)
			continue;
		for (; len < LEAST; len++)
			frame[len] = 0;
		out[n++] = (struct packet_frame){.index = in[i].index, .len = (uint16_t)len};
	}
	if (!got)
		return p->q.stats.bad ? wrong(vf, SL_DEVICE) : SL_OK;
	unsigned taken = n ? p->ops->send(p, out, n) : 0;
	h->answered += taken;
	h->lost += n - taken;
	enum sl_err e = taken ? sent(vf, taken) : SL_OK;
	p->ops->release(p, got);
	vf->queue->ops->ring(vf->queue);
	return e;
}

static void echo_worker(void *arg)
{
	struct worker *w = arg;
	uint64_t looked = now_us();
	bool works = w->n || w->core == 0;
	while (works && !w->err && !stop && now_us() < until_us) {
		if (!w->n)
			host_rest();
		for (unsigned v = w->first; v < w->first + w->n && !w->err; v++)
			w->err = answer(&w->m->vf[v]);
		core_progress();
		if (w->core != 0 || now_us() < looked + LOOK_US)
			continue;
		looked = now_us();
		stop |= host_look("echo");
	}
	if (w->err)
		stop = true;
}

/* ---- */

static void say_counts(struct machine *m, const struct vf *vf)
{
	const struct host *h = &host[vf->index];
	const struct net_counts *c = &h->port.counts;
	m->tally.timed_ops += c->echoes + c->datagrams;
	log_line(
		"echo",
		"VF %u: %llu frames: %llu ARP, %llu neighbour, %llu pings, %llu datagrams (%llu bytes discarded); %llu answers",
		vf->index, (ull)c->frames, (ull)c->arp, (ull)c->solicitations, (ull)c->echoes,
		(ull)c->datagrams, (ull)h->discarded, (ull)h->answered);
	if (c->short_frames || c->bad_checksums || c->not_handled || h->lost || vf->packet->dropped)
		log_warn(
			"echo",
			"VF %u: %llu frames too short for what they say, %llu with a wrong checksum, %llu with options or in fragments, %llu that the card received with an error or in parts, %llu answers not sent",
			vf->index, (ull)c->short_frames, (ull)c->bad_checksums, (ull)c->not_handled,
			(ull)vf->packet->dropped, (ull)h->lost);
}

enum sl_err stage_echo(struct machine *m)
{
	struct net_ip ip[2];
	uint8_t prefix[2];
	enum sl_err e = echo_addresses_of(m, "echo", ip, prefix);
	if (e)
		return e;
	for (unsigned v = 0; v < m->vfs && !e; v++) {
		set_up(&m->vf[v], ip, prefix);
		e = host_join(&m->vf[v], &host[v].port, "echo");
	}
	stop = false;
	console_stop_clear();
	log_line("echo", "answering ARP, ping and UDP ports 7, 9 and 19 for %u s, or until Ctrl-C",
		 m->cfg->seconds);
	/* QEMU's igb takes nothing from the wire while its PF is no bus master. The PF has no ring and no
	 * domain. */
	pci_bus_master(m->pf, true);
	uint64_t begin = now_us();
	until_us = begin + m->cfg->seconds * 1000000ull;
	if (!e)
		e = workers_run(m, echo_worker, (m->cfg->seconds + MARGIN_S) * 1000000ull);
	pci_bus_master(m->pf, false);
	m->tally.timed_us = now_us() - begin;
	m->tally.stopped = console_stop();
	for (unsigned v = 0; v < m->vfs; v++) {
		say_counts(m, &m->vf[v]);
		if (host[v].why[0])
			log_fail("echo", "run again; if this persists, the card does not work as it should",
				 BDF_FMT ": %s", BDF_ARG(m->vf[v].fn->bdf), host[v].why);
	}
	return e;
}
