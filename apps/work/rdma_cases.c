#include "apps/work/rdma_cases.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "kernel/time.h"

#define PORT     7000u
#define BYTES    2048u
#define REGION   PAGE_2M
#define WAIT_US  30000000u
#define SHORT_US 100000u /* after which the client asks again where it is to get no answer */
#define OWN      4u      /* regions of the client: the last one's key is none of the server's */
#define TO       4096u   /* in the server's region; the client's data is at 0 of its own */

enum key { RIGHT, WRONG, REVOKED, READ_ONLY, OTHERS };

static const struct rdma_case_row {
	const char *what;
	enum roce_kind kind;
	enum key key;
	uint32_t offset;
	bool unmapped;
	uint8_t status; /* that it has to end with */
} cases[RDMA_CASES] = {
	[RDMA_MAY_WRITE] = {"WRITE with its key", ROCE_WRITE, RIGHT, TO, false, 0},
	[RDMA_MAY_READ] = {"READ with its key", ROCE_READ, RIGHT, TO, false, 0},
	[RDMA_WRONG_WRITE] = {"WRITE with a wrong key", ROCE_WRITE, WRONG, TO, false, SYN_ACCESS},
	[RDMA_WRONG_READ] = {"READ with a wrong key", ROCE_READ, WRONG, TO, false, SYN_ACCESS},
	[RDMA_OUTSIDE] = {"WRITE out of bounds by a byte", ROCE_WRITE, RIGHT, REGION - BYTES + 1, false,
			  SYN_ACCESS},
	[RDMA_REVOKED] = {"WRITE with a revoked key", ROCE_WRITE, REVOKED, TO, false, SYN_ACCESS},
	[RDMA_READ_ONLY] = {"WRITE to a region that may only be read", ROCE_WRITE, READ_ONLY, TO, false,
			    SYN_ACCESS},
	[RDMA_OTHERS] = {"WRITE with a key of another tenant", ROCE_WRITE, OTHERS, TO, false, SYN_ACCESS},
	[RDMA_UNMAPPED_WRITE] = {"WRITE to a region that is not in the domain any more", ROCE_WRITE, RIGHT,
				 TO, true, SYN_REMOTE},
	[RDMA_UNMAPPED_READ] = {"READ of a region that is not in the domain any more", ROCE_READ, RIGHT, TO,
				true, ROCE_NO_ANSWER},
	[RDMA_MAPPED_AGAIN] = {"READ of it, mapped again", ROCE_READ, RIGHT, TO, false, 0},
};

struct outcome {
	bool up, done, down;
	uint8_t status;
};

static void on_client(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	struct outcome *o = ctx;
	(void)q;
	o->up |= e->kind == ROCE_UP;
	o->down |= e->kind == ROCE_DOWN;
	if (e->kind == ROCE_DONE && !o->done) {
		o->done = true;
		o->status = e->status;
	}
}

static void on_server(void *ctx, struct roce_qp *q, const struct roce_event *e)
{
	(void)ctx, (void)q, (void)e;
}

/* Both work until *flag, or the connection's end. */
static bool until(const struct rdma_pair *p, const bool *flag, const struct outcome *o)
{
	struct deadline d = deadline_in(WAIT_US);
	while (!*flag && !o->down && deadline_look(&d))
		if (p->turn(p->client->vf) || p->turn(p->server->vf))
			return false;
	return *flag;
}

static void fill(uint8_t *p, uint8_t seed)
{
	for (unsigned i = 0; i < BYTES; i++)
		p[i] = (uint8_t)(seed + i * 7);
}

static bool is_filled(const uint8_t *p, uint8_t seed)
{
	for (unsigned i = 0; i < BYTES; i++)
		if (p[i] != (uint8_t)(seed + i * 7))
			return false;
	return true;
}

static enum sl_err map(const struct rdma_pair *p, struct roce_region *g, bool mapped)
{
	const struct dma_buf *b = &p->server->memory;
	g->mapped = mapped;
	return mapped ? domain_map(b->dom, b->iova, b->phys, REGION, DOMAIN_R)
		      : domain_unmap(b->dom, b->iova, REGION);
}

/* The regions of both end points while their cases run. */
struct regions {
	struct roce_region *own[OWN], *from; /* the client's; the last of them */
	struct roce_region *target, *fixed, *old;
};

/* The work request and its end; memory is compared by the caller. */
static bool perform(const struct rdma_pair *p, const struct rdma_case_row *k, struct roce_region *from,
		    uint32_t key, struct outcome *o)
{
	struct roce *client = &p->client->roce, *server = &p->server->roce;
	*o = (struct outcome){.up = false};
	struct roce_qp *q =
		roce_connect(client, &client->ip[1], &server->ip[1], server->mac, PORT, on_client, o);
	struct roce_work w = {.kind = k->kind,
			      .region = from,
			      .bytes = BYTES,
			      .at = p->server->memory.iova.v + k->offset,
			      .key = key};
	bool up = q && until(p, &o->up, o);
	if (up && k->status == ROCE_NO_ANSWER)
		q->ack_us = SHORT_US;
	if (!up || roce_post(q, &w) || !until(p, &o->done, o))
		return false;
	roce_disconnect(q);
	(void)until(p, &o->down, o);
	return true;
}

/* seed: of the server's memory; the next one is of the client's. After an error the region may not be in the
 * domain as before: no other case can be made. */
static enum sl_err one(const struct rdma_pair *p, enum rdma_case which, const struct regions *r, uint32_t key,
		       struct rdma_ended *e)
{
	const struct rdma_case_row *k = &cases[which];
	uint8_t *there = r->target->memory + k->offset, *here = r->from->memory, seed = (uint8_t)(16 * which);
	struct iommu *mmu = &p->m->iommu;
	struct outcome o;
	*e = (struct rdma_ended){.which = which,
				 .what = k->what,
				 .write = k->kind == ROCE_WRITE,
				 .allowed = k->status == 0,
				 .by_iommu = k->status == ROCE_NO_ANSWER};
	fill(there, seed);
	fill(here, (uint8_t)(seed + 1));
	enum sl_err err = k->unmapped ? map(p, r->target, false) : SL_OK;
	if (err)
		return err;
	iommu_fault_claim(mmu, p->server->vf->fn->bdf);
	bool ended = perform(p, k, r->from, key, &o);
	e->recorded = iommu_fault_claimed(mmu, &e->fault) == SL_OK;
	iommu_fault_unclaim(mmu);
	err = k->unmapped ? map(p, r->target, true) : SL_OK;
	bool there_now = e->allowed && e->write, here_now = e->allowed && !e->write;
	e->answer = o.status;
	e->reached = !is_filled(there, (uint8_t)(seed + there_now)) ||
		     !is_filled(here, (uint8_t)(seed + !here_now));
	bool told = e->recorded && !e->fault.write && e->fault.iova.v - p->server->memory.iova.v < REGION;
	e->right = ended && o.status == k->status && !e->reached && (e->by_iommu ? told : !e->recorded);
	return err;
}

static enum sl_err all(const struct rdma_pair *p, const struct regions *r)
{
	const uint32_t keys[] = {[RIGHT] = r->target->key,
				 [WRONG] = r->target->key ^ 0x40,
				 [REVOKED] = r->old->key,
				 [READ_ONLY] = r->fixed->key,
				 [OTHERS] = r->from->key};
	bool right = true;
	struct rdma_ended e;
	roce_region_revoke(r->old);
	for (unsigned i = 0; i < RDMA_CASES; i++) {
		enum sl_err err = one(p, i, r, keys[cases[i].key], &e);
		if (err)
			return err;
		p->ended(p->ctx, &e);
		right &= e.right;
	}
	return right ? SL_OK : SL_VERIFY;
}

enum sl_err rdma_cases(const struct rdma_pair *p)
{
	struct roce *server = &p->server->roce;
	struct dma_buf *there = &p->server->memory, *here = &p->client->memory;
	struct regions r;
	for (unsigned i = 0; i < OWN; i++)
		r.own[i] = roce_region_add(&p->client->roce, "own", here->va, here->iova.v, REGION,
					   ROCE_MAY_READ | ROCE_MAY_WRITE);
	r.from = r.own[OWN - 1];
	r.target = roce_region_add(server, "cases", there->va, there->iova.v, REGION,
				   ROCE_MAY_READ | ROCE_MAY_WRITE);
	r.fixed = roce_region_add(server, "fixed", there->va, there->iova.v, REGION, ROCE_MAY_READ);
	r.old = roce_region_add(server, "old", there->va, there->iova.v, REGION, ROCE_MAY_WRITE);
	/* The last of each: where there was no room for one, there was none for these. */
	if (!r.from || !r.old || !roce_listen(server, PORT, on_server, NULL))
		return SL_NOSPACE;
	enum sl_err e = all(p, &r);
	roce_region_revoke(r.target);
	roce_region_revoke(r.fixed);
	for (unsigned i = 0; i < OWN; i++)
		roce_region_revoke(r.own[i]);
	return e;
}
