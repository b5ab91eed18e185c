#include "apps/work/rdma_cases.h"
#include "apps/vf/igb.h"
#include "apps/vf/workers.h"
#include "apps/work/echo.h"
#include "apps/work/host.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define BURST    32u
#define LOOK_US  100000u /* link, console, refusals */
#define MARGIN_S 60u
#define MEMORY   (RDMA_OPEN + PAGE_2M)
#define NOTE     256u

static struct end {
	struct roce roce;
	struct net_port port;
	struct rdma_services services;
	struct vf *vf;
	struct dma_buf memory;
	uint8_t next; /* send buffer */
	uint64_t noted, lost;
	char why[160];
} end[IGB_VFS];

static volatile bool stop;
static uint64_t until_us;

/* ---- frames out: the head and the tail in a send buffer, the data where they are */

static bool has_room(struct vf *vf)
{
	struct queue_done done[BURST];
	struct igb_tx *t = &igb_of(vf)->tx;
	while (vf->queue->ops->poll(vf->queue, done, BURST) == BURST)
		;
	return igb_tx_room(t) >= IGB_PARTS;
}

/* No more frames than slots are in flight, so that a buffer comes round when its frame is sent. */
static uint8_t *place(void *ctx)
{
	struct end *d = ctx;
	if (igb_tx_room(&igb_of(d->vf)->tx) < IGB_PARTS && !has_room(d->vf)) {
		d->vf->queue->ops->ring(d->vf->queue);
		return NULL;
	}
	return packet_buffer(d->vf->packet, (uint8_t)(PACKET_RING + d->next));
}

static void send(void *ctx, const struct roce_frame *f)
{
	struct end *d = ctx;
	uint64_t at = igb_own_of(d->vf)->mem.send.iova.v + d->next * PACKET_STRIDE;
	struct igb_part part[IGB_PARTS] = {{at, f->head_bytes},
					   {f->data_at, f->data_bytes},
					   {at + (uint64_t)(f->tail - f->head), f->tail_bytes}};
	d->lost += !igb_vf_gather(igb_of(d->vf), part, f->data_bytes ? IGB_PARTS : 1);
	d->next = (uint8_t)((d->next + 1) % PACKET_RING);
}

/* ---- frames in */

/* What is not for the end point is for the host that it is on: ARP, neighbours, pings. */
static void take(struct end *d, uint8_t *frame, size_t n, uint64_t now)
{
	if (roce_take(&d->roce, frame, n, now))
		return;
	size_t back = net_take(&d->port, frame, n, PACKET_MOST);
	uint8_t *out = back ? place(d) : NULL;
	if (!out)
		return;
	memcpy(out, frame, back);
	for (; back < 60; back++)
		out[back] = 0;
	send(d, &(struct roce_frame){.head = out, .head_bytes = (uint32_t)back});
}

static enum sl_err work(struct vf *vf)
{
	struct end *d = &end[vf->index];
	struct packet *p = vf->packet;
	struct packet_frame in[BURST];
	unsigned got = p->ops->receive(p, in, BURST);
	uint64_t now = now_us();
	for (unsigned i = 0; i < got; i++)
		take(d, packet_buffer(p, in[i].index), in[i].len, now);
	p->ops->release(p, got);
	roce_poll(&d->roce, now);
	vf->queue->ops->ring(vf->queue);
	if (!p->q.stats.bad)
		return SL_OK;
	(void)vf->queue->ops->explain(vf->queue, d->why, sizeof d->why);
	return SL_DEVICE;
}

/* Core 0 prints for all: a note that another core is writing may be read half, and is printed once more
 * wrong. */
static void say_notes(struct machine *m)
{
	char text[NOTE];
	for (unsigned v = 0; v < m->vfs; v++) {
		struct end *d = &end[v];
		uint64_t n = __atomic_load_n(&d->roce.notes, __ATOMIC_ACQUIRE);
		if (n - d->noted > ROCE_NOTES)
			d->noted = n - ROCE_NOTES;
		for (; d->noted < n; d->noted++)
			log_line("rdma", "VF %u: %s", v,
				 roce_note_text(&d->roce.note[d->noted % ROCE_NOTES], text, sizeof text));
	}
}

static void rdma_worker(void *arg)
{
	struct worker *w = arg;
	uint64_t looked = now_us();
	bool works = w->n || w->core == 0;
	while (works && !w->err && !stop && now_us() < until_us) {
		for (unsigned v = w->first; v < w->first + w->n && !w->err; v++)
			w->err = work(&w->m->vf[v]);
		core_progress();
		if (w->core != 0 || now_us() < looked + LOOK_US)
			continue;
		looked = now_us();
		say_notes(w->m);
		if (host_look("rdma"))
			stop = true;
	}
	if (w->err)
		stop = true;
}

/* ---- */

/* The device may only read what peers may reach: what comes is copied there by the processor. */
static enum sl_err set_up(struct machine *m, struct vf *vf, const struct net_ip ip[2])
{
	struct end *d = &end[vf->index];
	enum sl_err e = dma_get(vf->dom, window_at(m, IGB_WINDOW_SPARE), MEMORY, DOMAIN_R, &d->memory);
	if (e)
		return e;
	d->vf = vf;
	d->next = 0;
	d->lost = d->noted = 0;
	d->port = (struct net_port){.prefix = {0}};
	host_address(&d->port, vf, ip);
	roce_init(&d->roce);
	memcpy(d->roce.mac, d->port.mac, sizeof d->roce.mac);
	memcpy(d->roce.ip, d->port.ip, sizeof d->roce.ip);
	d->roce.wire = (struct roce_wire){place, send, d};
	memset(&d->services, 0, sizeof d->services);
	d->services.open = roce_region_add(&d->roce, "open", d->memory.va, d->memory.iova.v, RDMA_OPEN,
					   ROCE_MAY_READ | ROCE_MAY_WRITE | ROCE_MAY_ATOMIC);
	d->services.slots = roce_region_add(&d->roce, "slots", (uint8_t *)d->memory.va + RDMA_OPEN,
					    d->memory.iova.v + RDMA_OPEN, PAGE_2M, 0);
	rdma_serve(&d->roce, &d->services);
	return host_join(vf, &d->port, "rdma");
}

static void say_counts(struct machine *m, unsigned v)
{
	const struct end *d = &end[v];
	const struct roce_counts *c = &d->roce.counts;
	m->tally.timed_ops += c->sends + c->writes + c->reads + c->atomics;
	log_line(
		"rdma",
		"VF %u: %llu packets: %llu SENDs, %llu WRITEs, %llu READs, %llu atomics; %llu KiB in, %llu KiB out; %llu ACKs, %u connections open",
		v, (ull)c->packets, (ull)c->sends, (ull)c->writes, (ull)c->reads, (ull)c->atomics,
		(ull)(c->bytes_in >> 10), (ull)(c->bytes_out >> 10), (ull)c->acks,
		roce_connections(&d->roce));
	if (c->bad_icrcs || c->malformed || c->unknown || c->duplicates || c->sequence_naks || c->rnr_naks ||
	    c->naks || c->repeats || d->lost)
		log_line(
			"rdma",
			"VF %u: %llu packets with a wrong ICRC, %llu malformed, %llu for nobody, %llu duplicates, %llu gaps, %llu RNR, %llu refused, %llu repeated, %llu not sent",
			v, (ull)c->bad_icrcs, (ull)c->malformed, (ull)c->unknown, (ull)c->duplicates,
			(ull)c->sequence_naks, (ull)c->rnr_naks, (ull)c->naks, (ull)c->repeats, (ull)d->lost);
}

static enum sl_err put_back(struct machine *m)
{
	enum sl_err e = SL_OK;
	for (unsigned v = 0; v < m->vfs; v++) {
		if (end[v].memory.va && dma_put(&end[v].memory))
			e = SL_BUSY;
		memset(&end[v].memory, 0, sizeof end[v].memory);
		if (end[v].why[0])
			log_fail("rdma", "run again; if this persists, the card does not work as it should",
				 BDF_FMT ": %s", BDF_ARG(m->vf[v].fn->bdf), end[v].why);
	}
	return e;
}

/* Between the first two VFs, where there are two and their memory is translated. */
static enum sl_err between(struct machine *m)
{
	struct rdma_cases c = {m,         &end[0].roce,   &end[1].roce,   &m->vf[0],
			       &m->vf[1], &end[0].memory, &end[1].memory, work};
	return m->vfs > 1 && translated(m) ? rdma_cases(&c) : SL_OK;
}

enum sl_err stage_rdma(struct machine *m)
{
	struct net_ip ip[2];
	uint8_t prefix[2];
	const char *why = echo_addresses(m->cfg->address, m->vfs, ip, prefix);
	enum sl_err e = SL_OK;
	if (why) {
		log_fail("rdma", "address=10.0.0.1/24, or address=10.0.0.1/24,fd00::1/64", "address=%s: %s",
			 m->cfg->address, why);
		return SL_CONFIG;
	}
	for (unsigned v = 0; v < m->vfs && !e; v++)
		e = set_up(m, &m->vf[v], ip);
	if (!e)
		e = between(m);
	stop = false;
	console_stop_clear();
	log_line(
		"rdma",
		"serving rping, ucmatose, cmtime and ib_write_bw -R, ib_read_bw -R, ib_send_bw -R for %u s, or until Ctrl-C",
		m->cfg->seconds);
	/* QEMU's igb takes nothing from the wire while its PF is no bus master. The PF has no ring and no
	 * domain. */
	pci_bus_master(m->pf, true);
	uint64_t begin = now_us();
	until_us = begin + m->cfg->seconds * 1000000ull;
	if (!e)
		e = workers_run(m, rdma_worker, (m->cfg->seconds + MARGIN_S) * 1000000ull);
	pci_bus_master(m->pf, false);
	m->tally.timed_us = now_us() - begin;
	m->tally.stopped = console_stop();
	say_notes(m);
	for (unsigned v = 0; v < m->vfs; v++)
		say_counts(m, v);
	enum sl_err put = put_back(m);
	return e ? e : put;
}
