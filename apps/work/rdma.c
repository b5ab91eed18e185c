#include "apps/work/rdma_cases.h"
#include "apps/vf/workers.h"
#include "apps/work/host.h"
#include "apps/work/rdma_client.h"
#include "apps/work/rdma_end.h"
#include "kernel/console.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define LOOK_US  100000u /* link, console, refusals */
#define MARGIN_S 60u
#define POLLS    (64 * RDMA_LOOKS) /* between two looks at the clock, where nothing comes */
#define NOTE     256u

static volatile bool stop;
static uint64_t until_us;

static void say_notes(struct machine *m)
{
	char text[NOTE];
	struct roce_note note;
	for (unsigned v = 0; v < m->vfs; v++) {
		struct roce_notes *n = &rdma_end_of(&m->vf[v])->roce.notes;
		while (roce_note_take(n, &note))
			log_line("rdma", "VF %u: %s", v, roce_note_text(&note, text, sizeof text));
	}
}

/* One turn of each; false: none of them had anything to do. */
static bool turns(struct worker *w)
{
	bool any = false;
	for (unsigned v = w->first; v < w->first + w->n && !w->err; v++) {
		w->err = rdma_turn(&w->m->vf[v]);
		any |= !rdma_end_of(&w->m->vf[v])->idle;
	}
	return any;
}

static void rdma_worker(void *arg)
{
	struct worker *w = arg;
	uint64_t looked = now_us();
	bool works = w->n || w->core == 0;
	while (works && !w->err && !stop && now_us() < until_us) {
		if (!w->n)
			host_rest();
		else if (!turns(w))
			rdma_wait(&w->m->vf[w->first], w->n, POLLS);
		core_progress();
		if (w->core != 0 || now_us() < looked + LOOK_US)
			continue;
		looked = now_us();
		say_notes(w->m);
		rdma_client_say(&rdma_end_of(&w->m->vf[0])->client);
		if (host_look("rdma"))
			stop = true;
	}
	if (w->err)
		stop = true;
}

/* ---- */

static void say_counts(struct machine *m, unsigned v)
{
	const struct rdma_end *d = rdma_end_of(&m->vf[v]);
	const struct roce_counts *c = &d->roce.counts;
	m->tally.timed_ops += c->sends + c->writes + c->reads + c->atomics;
	log_line(
		"rdma",
		"VF %u: %llu packets: %llu SENDs, %llu WRITEs, %llu READs, %llu atomics; %llu KiB in, %llu KiB out; %llu ACKs, %u connections open",
		v, (ull)c->packets, (ull)c->sends, (ull)c->writes, (ull)c->reads, (ull)c->atomics,
		(ull)(c->bytes_in >> 10), (ull)(c->bytes_out >> 10), (ull)c->acks,
		roce_connections(&d->roce));
	if (c->bad_icrcs || c->malformed || c->unknown || c->duplicates || c->sequence_naks || c->rnr_naks ||
	    c->naks || c->repeats)
		log_line(
			"rdma",
			"VF %u: %llu packets with a wrong ICRC, %llu malformed, %llu for nobody, %llu duplicates, %llu gaps, %llu RNR, %llu refused, %llu repeated",
			v, (ull)c->bad_icrcs, (ull)c->malformed, (ull)c->unknown, (ull)c->duplicates,
			(ull)c->sequence_naks, (ull)c->rnr_naks, (ull)c->naks, (ull)c->repeats);
}

static void on_ended(void *ctx, const struct rdma_ended *e)
{
	struct machine *m = ctx;
	log_line("rdma", "%s: %s, answer 0x%x%s%s", e->what,
		 !e->right    ? "WRONG"
		 : e->allowed ? "done"
			      : "refused",
		 e->answer, e->recorded ? ", refused by the IOMMU: " : "", e->recorded ? e->fault.text : "");
	m->tally.cases += !e->allowed;
	m->tally.refused += !e->allowed && e->right;
}

/* Between the first two VFs, where there are two and their memory is translated. */
static enum sl_err between(struct machine *m)
{
	if (m->vfs < 2 || !translated(m))
		return SL_OK;
	struct rdma_pair pair = {m, rdma_end_of(&m->vf[0]), rdma_end_of(&m->vf[1]), rdma_turn, on_ended, m};
	enum sl_err e = rdma_cases(&pair);
	if (e == SL_VERIFY)
		log_fail("rdma", "report it: the lines above say which cases are WRONG",
			 "a peer's access did not end as it has to");
	return e;
}

/* VF 0 is the client of peer=, with memory behind the slots. */
static enum sl_err begin_client(struct machine *m)
{
	struct rdma_end *d = rdma_end_of(&m->vf[0]);
	const uint64_t at = RDMA_OPEN + PAGE_2M;
	if (m->cfg->clients && !m->cfg->peer[0]) {
		log_fail("rdma", "peer= and the address of the machine where they serve",
			 "client= names programs, and there is no peer=");
		return SL_CONFIG;
	}
	if (rdma_client_begin(&d->client, m->cfg, &d->roce, (uint8_t *)d->memory.va + at,
			      d->memory.iova.v + at))
		return SL_OK;
	log_fail("rdma", "peer=10.0.0.200 or peer=fd00::200", "peer=%s is no address", m->cfg->peer);
	return SL_CONFIG;
}

static enum sl_err serve(struct machine *m)
{
	for (unsigned v = 0; v < m->vfs; v++)
		rdma_serve(&rdma_end_of(&m->vf[v])->roce, &rdma_end_of(&m->vf[v])->services);
	stop = false;
	console_stop_clear();
	log_line(
		"rdma",
		"serving rping, ucmatose, cmtime and perftest -R (ib_send_lat -p 18516, ib_write_lat -p 18517) for %u s, or until Ctrl-C",
		m->cfg->seconds);
	/* QEMU's igb takes nothing from the wire while its PF is no bus master. The PF has no ring and no
	 * domain. */
	pci_bus_master(m->pf, true);
	uint64_t begin = now_us();
	until_us = begin + m->cfg->seconds * 1000000ull;
	enum sl_err e = workers_run(m, rdma_worker, (m->cfg->seconds + MARGIN_S) * 1000000ull);
	pci_bus_master(m->pf, false);
	m->tally.timed_us = now_us() - begin;
	m->tally.stopped = console_stop();
	return e;
}

enum sl_err stage_rdma(struct machine *m)
{
	enum sl_err e = rdma_ends_open(m, "rdma");
	if (!e)
		e = rdma_ends_join(m);
	if (!e)
		e = between(m);
	if (!e)
		e = begin_client(m);
	bool served = !e;
	if (served)
		e = serve(m);
	if (served && !rdma_client_end(&rdma_end_of(&m->vf[0])->client) && !e)
		e = SL_VERIFY;
	say_notes(m);
	for (unsigned v = 0; v < m->vfs; v++)
		say_counts(m, v);
	enum sl_err put = rdma_ends_close(m, "rdma");
	return e ? e : put;
}
