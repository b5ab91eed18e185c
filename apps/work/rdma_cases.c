#include "apps/work/rdma_cases.h"
#include "drivers/roce/wire.h"
#include "drivers/roce/work.h"
#include "iommu/fault_log.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define PORT    7000u
#define BYTES   2048u
#define REGION  PAGE_2M
#define WAIT_US 30000000u
#define OWN     4u    /* regions of the client: the last one's key is none of the server's */
#define TO      4096u /* in the server's region; the client's data is at 0 of its own */

enum key { RIGHT, WRONG, REVOKED, READ_ONLY, OTHERS };

static const struct rdma_case {
	const char *what;
	enum roce_kind kind;
	enum key key;
	uint32_t offset;
	bool unmapped;
	uint8_t status; /* that it has to end with */
} cases[] = {
	{"WRITE with its key", ROCE_WRITE, RIGHT, TO, false, 0},
	{"READ with its key", ROCE_READ, RIGHT, TO, false, 0},
	{"WRITE with a wrong key", ROCE_WRITE, WRONG, TO, false, SYN_ACCESS},
	{"READ with a wrong key", ROCE_READ, WRONG, TO, false, SYN_ACCESS},
	{"WRITE out of bounds by a byte", ROCE_WRITE, RIGHT, REGION - BYTES + 1, false, SYN_ACCESS},
	{"WRITE with a revoked key", ROCE_WRITE, REVOKED, TO, false, SYN_ACCESS},
	{"WRITE to a region that may only be read", ROCE_WRITE, READ_ONLY, TO, false, SYN_ACCESS},
	{"WRITE with a key of another tenant", ROCE_WRITE, OTHERS, TO, false, SYN_ACCESS},
	{"WRITE to a region that is not in the domain any more", ROCE_WRITE, RIGHT, TO, true, SYN_REMOTE},
	{"READ of a region that is not in the domain any more", ROCE_READ, RIGHT, TO, true, ROCE_NO_ANSWER},
	{"READ of it, mapped again", ROCE_READ, RIGHT, TO, false, 0},
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
static bool until(const struct rdma_cases *c, const bool *flag, const struct outcome *o)
{
	struct deadline d = deadline_in(WAIT_US);
	while (!*flag && !o->down && deadline_look(&d))
		if (c->turn(c->client_vf) || c->turn(c->server_vf))
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

static enum sl_err map(const struct rdma_cases *c, struct roce_region *g, bool mapped)
{
	const struct dma_buf *b = c->server_memory;
	g->mapped = mapped;
	return mapped ? domain_map(b->dom, b->iova, b->phys, REGION, DOMAIN_R)
		      : domain_unmap(b->dom, b->iova, REGION);
}

/* The work request and its end; memory is compared by the caller. */
static bool perform(const struct rdma_cases *c, const struct rdma_case *k, struct roce_region *from,
		    uint32_t key, struct outcome *o)
{
	*o = (struct outcome){.up = false};
	struct roce_qp *q = roce_connect(c->client, &c->client->ip[1], &c->server->ip[1], c->server->mac,
					 PORT, on_client, o);
	struct roce_work w = {.kind = k->kind,
			      .region = from,
			      .bytes = BYTES,
			      .at = c->server_memory->iova.v + k->offset,
			      .key = key};
	if (!q || !until(c, &o->up, o) || roce_post(q, &w) || !until(c, &o->done, o))
		return false;
	roce_disconnect(q);
	(void)until(c, &o->down, o);
	return true;
}

/* What the unit recorded: only a READ of an unmapped region is one. */
static bool faulted(const struct rdma_cases *c, struct iommu_fault *f)
{
	bool any = iommu_fault_claimed(&c->m->iommu, f) == SL_OK;
	return any && !f->write && f->iova.v - c->server_memory->iova.v < REGION;
}

/* seeds: of the server's memory and of the client's. */
static bool one(const struct rdma_cases *c, const struct rdma_case *k, struct roce_region *from, uint32_t key,
		struct roce_region *target, uint8_t seed)
{
	uint8_t *there = target->memory + TO, *here = from->memory;
	struct outcome o;
	struct iommu_fault f = {.unit = 0};
	bool ours = k->status == 0, through = k->status == ROCE_NO_ANSWER;
	fill(there, seed);
	fill(here, (uint8_t)(seed + 1));
	if (k->unmapped && map(c, target, false))
		return false;
	iommu_fault_claim(&c->m->iommu, c->server_vf->fn->bdf);
	bool ended = perform(c, k, from, key, &o), fault = faulted(c, &f);
	iommu_fault_unclaim(&c->m->iommu);
	if (k->unmapped && map(c, target, true))
		return false;
	bool write = k->kind == ROCE_WRITE;
	bool right = ended && o.status == k->status && fault == through &&
		     is_filled(there, (uint8_t)(seed + (ours && write))) &&
		     is_filled(here, (uint8_t)(seed + (write || !ours)));
	log_line("rdma", "%s: %s, answer 0x%x%s%s", k->what, right ? ours ? "done" : "refused" : "WRONG",
		 o.status, fault ? ", refused by the IOMMU: " : "", fault ? f.text : "");
	c->m->tally.cases += !ours;
	c->m->tally.refused += !ours && right;
	return right;
}

enum sl_err rdma_cases(const struct rdma_cases *c)
{
	uint8_t *memory = c->server_memory->va;
	uint64_t at = c->server_memory->iova.v;
	struct roce_region *own[OWN], *from;
	for (unsigned i = 0; i < OWN; i++)
		own[i] = roce_region_add(c->client, "own", c->client_memory->va, c->client_memory->iova.v,
					 REGION, ROCE_MAY_READ | ROCE_MAY_WRITE);
	from = own[OWN - 1];
	struct roce_region *target =
		roce_region_add(c->server, "cases", memory, at, REGION, ROCE_MAY_READ | ROCE_MAY_WRITE);
	struct roce_region *fixed = roce_region_add(c->server, "fixed", memory, at, REGION, ROCE_MAY_READ);
	struct roce_region *old = roce_region_add(c->server, "old", memory, at, REGION, ROCE_MAY_WRITE);
	bool right = from && target && fixed && old && roce_listen(c->server, PORT, on_server, NULL);
	if (!right)
		return SL_NOSPACE;
	const uint32_t keys[] = {[RIGHT] = target->key,
				 [WRONG] = target->key ^ 0x40,
				 [REVOKED] = old->key,
				 [READ_ONLY] = fixed->key,
				 [OTHERS] = from->key};
	roce_region_revoke(old);
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++)
		right &= one(c, &cases[i], from, keys[cases[i].key], target, (uint8_t)(16 * i));
	roce_region_revoke(target);
	roce_region_revoke(fixed);
	for (unsigned i = 0; i < OWN; i++)
		roce_region_revoke(own[i]);
	if (right)
		return SL_OK;
	log_fail("rdma", "report it: the lines above say which cases are WRONG",
		 "a peer's access did not end as it has to");
	return SL_VERIFY;
}
