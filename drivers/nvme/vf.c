#include "drivers/nvme/vf.h"
#include "drivers/nvme/status.h"
#include "kernel/log.h"
#include "kernel/str.h"

#define IO_QUEUE   1
#define LIST_MAX   (NVME_LIST / sizeof(uint64_t) * PAGE_SIZE)
#define META_ALIGN 4u /* MPTR: NVMe §3.3.3.1 */

static struct nvme_vf *of(struct queue *q)
{
	return (struct nvme_vf *)q;
}

/* enum block_pi -> PRINFO of CDW12; a request without protection information is 0. NVM §5.2.2 */
static const uint32_t prinfo[4] = {
	[BLOCK_PI_INSERT] = RW_PRACT,
	[BLOCK_PI_CHECK] = RW_PRCHK_GUARD | RW_PRCHK_REF,
	[BLOCK_PI_INSERT | BLOCK_PI_CHECK] = RW_PRACT | RW_PRCHK_GUARD | RW_PRCHK_REF,
};

/* op, pi, blocks and store of a request: what a plan is made from. */
static uint64_t kind_of(const struct block_req *r)
{
	uint64_t kind;
	_Static_assert(offsetof(struct block_req, tag) == sizeof kind, "op, pi, blocks, store");
	memcpy(&kind, r, sizeof kind);
	return kind;
}

enum sl_err nvme_vf_plan(struct nvme_vf *vf, const struct block_req *r)
{
	if (r->op >= BLOCK_OPS || r->store >= vf->block.stores)
		return SL_RANGE;
	const struct nvme_store *s = &vf->store[r->store];
	const struct nvme_op *op = &s->op[r->op];
	if (r->blocks - 1u >= op->limit)
		return op->limit ? SL_RANGE : SL_UNSUPPORTED;
	if (r->pi & ~op->pi)
		return SL_BADVAL;
	if (kind_of(r) == vf->planned)
		return SL_OK;
	uint32_t bytes = (uint32_t)r->blocks << s->block_shift;
	bool long_data = op->data && bytes > PAGE_SIZE, sgl = long_data && vf->ctrl->id.sgls;
	struct nvme_plan *p = &vf->plan;
	*p = (struct nvme_plan){
		.cdw0_1 = (uint64_t)s->nsid << 32 | FPUT(SQE_PSDT, sgl ? PSDT_SGL : PSDT_PRP) | op->opc,
		.first = s->first,
		.room = s->blocks - r->blocks, /* not below 0: limit is at most s->blocks */
		.prp2 = sgl ? bytes : 0,
		.cdw12_13 = (r->blocks - 1u) | prinfo[r->pi],
		.data = op->data,
		.meta = op->meta && !(s->pi_alone && r->pi & BLOCK_PI_INSERT),
		.list = long_data && !sgl,
		.bytes = bytes,
		.ref_mask = s->ref_mask,
	};
	p->plain = !p->list && !p->ref_mask;
	vf->planned = kind_of(r);
	vf->kept = 0;
	vf->places = 0;
	return SL_OK;
}

/* What goes with the address of data that is longer than a page: the second page's address, or that of a list
 * of all pages after the first. NVMe §4.1.1 */
static uint64_t second_pointer(struct nvme_vf *vf, uint32_t tag, iova_t data)
{
	uint32_t bytes = vf->plan.bytes;
	if (bytes <= 2 * PAGE_SIZE)
		return data.v + PAGE_SIZE;
	uint64_t *list = vf->lists + tag * (NVME_LIST / sizeof *list);
	for (uint64_t off = PAGE_SIZE; off < bytes; off += PAGE_SIZE)
		*list++ = data.v + off;
	return vf->lists_iova.v + tag * NVME_LIST;
}

enum sl_err nvme_vf_put_other(struct nvme_vf *vf, uint32_t tag, uint64_t at, iova_t data)
{
	const struct nvme_plan *p = &vf->plan;
	struct nvme_queue *q = &vf->queue;
	if (at > p->room || tag >= q->depth)
		return SL_RANGE;
	if (!nvme_queue_idle(q, tag))
		return SL_BUSY;
	uint64_t slba = p->first + at;
	*nvme_queue_push(q, tag) = (struct nvme_sqe){
		.cdw0_1 = p->cdw0_1 | (uint64_t)tag << 16,
		.prp1 = data.v,
		/* An SGL data block's length is where PRP2 is. NVMe §4.1.2 */
		.prp2 = p->list ? second_pointer(vf, tag, data) : p->prp2,
		.slba = slba,
		.cdw12_13 = p->cdw12_13,
		.cdw14 = (uint32_t)slba & p->ref_mask,
	};
	if (p->plain && ++vf->kept >= nvme_queue_entries(q))
		vf->places = p->room + 1;
	return SL_OK;
}

/* Moved blocks have other reference tags: with protection information the device strips the old, checking it
 * if requested, and inserts new (PRACT on both sides). NVM §3.2.2 */
static void fill_copy(struct nvme_vf *vf, struct nvme_sqe *e, const struct block_req *r)
{
	uint32_t ref_mask = vf->plan.ref_mask;
	vf->copy[r->tag] = (struct nvme_copy_range){
		.slba = r->src_lba,
		.nlb = (uint16_t)(r->blocks - 1),
		.elbrt = (uint32_t)r->src_lba & ref_mask,
	};
	uint32_t cdw12 = ref_mask ? COPY_R_PRACT | COPY_W_PRACT : 0;
	if (r->pi & BLOCK_PI_CHECK)
		cdw12 |= COPY_R_PRCHK_GUARD | COPY_R_PRCHK_REF;
	e->prp1 = vf->copy_iova.v + r->tag * sizeof *vf->copy;
	e->cdw12 = cdw12;
}

/* Requests that nvme_vf_put() does not handle. */
static enum sl_err put_other(struct nvme_vf *vf, const struct block_req *r)
{
	const struct nvme_plan *p = &vf->plan;
	struct nvme_sqe *e = nvme_queue_slot(&vf->queue);
	if (!r->blocks) /* a request of zeros equals the initial, empty plan */
		return SL_RANGE;
	if (p->data && !r->data.v)
		return SL_BADVAL;
	if (p->meta && (!r->meta.v || !IS_ALIGNED(r->meta.v, META_ALIGN)))
		return SL_BADVAL;
	if (r->op == BLOCK_COPY && r->src_lba - p->first > p->room)
		return SL_RANGE;
	enum sl_err err = nvme_vf_put(vf, r->tag, r->lba - p->first, p->data ? r->data : IOVA(0));
	if (err)
		return err;
	if (p->meta)
		e->mptr = r->meta.v;
	if (r->op == BLOCK_COPY)
		fill_copy(vf, e, r);
	return SL_OK;
}

/* Requests of one kind tend to come together, so the plan of the last one mostly serves. */
static enum sl_err put(struct nvme_vf *vf, const struct block_req *r)
{
	if (kind_of(r) != vf->planned) {
		enum sl_err e = nvme_vf_plan(vf, r);
		if (e)
			return e;
	}
	if (LIKELY(vf->plan.data && !vf->plan.meta && r->data.v))
		return nvme_vf_put(vf, r->tag, r->lba - vf->plan.first, r->data);
	return put_other(vf, r);
}

static unsigned vf_submit(struct block *b, const struct block_req *req, unsigned n)
{
	struct nvme_vf *vf = of(&b->q);
	for (unsigned i = 0; i < n; i++) {
		enum sl_err e = put(vf, &req[i]);
		if (UNLIKELY(e)) {
			b->q.refused = e;
			return i;
		}
	}
	return n;
}

static void vf_ring(struct queue *q)
{
	struct nvme_vf *vf = of(q);
	nvme_queue_ring(&vf->queue);
	q->stats.doorbells = vf->queue.doorbells;
}

static __attribute__((noinline)) unsigned take_some(struct nvme_vf *vf, struct queue_done *done, unsigned max)
{
	struct nvme_queue *q = &vf->queue;
	struct queue_stats *stats = &vf->block.q.stats;
	unsigned n = 0;
	/* Dropped completions count against max too, so that a controller cannot hold us here. */
	for (unsigned seen = 0; seen < max; seen++) {
		enum nvme_took took = nvme_queue_take(q, &done[n].tag, &done[n].status, NULL);
		if (took == NVME_NONE)
			break;
		n += took == NVME_TOOK;
	}
	if (!n)
		stats->empty_polls++;
	stats->ops += n;
	nvme_queue_release(q);
	stats->doorbells = q->doorbells;
	stats->bad = q->bad;
	return n;
}

static unsigned vf_poll(struct queue *q, struct queue_done *done, unsigned max)
{
	q->stats.polls++;
	if (nvme_queue_ready(&of(q)->queue))
		return take_some(of(q), done, max);
	q->stats.empty_polls++;
	return 0;
}

static bool vf_ready(const struct queue *q)
{
	return nvme_queue_ready(&((const struct nvme_vf *)q)->queue);
}

/* The read is behind the doorbell on the bus. */
static void vf_arm(struct queue *q)
{
	struct nvme_vf *vf = of(q);
	nvme_queue_ack(&vf->queue);
	q->stats.doorbells = vf->queue.doorbells;
	(void)nvme_ctrl_csts(&vf->ctrl->io);
}

static bool is_miscompare(uint16_t status)
{
	return (status & NVME_STATUS_CODE) == NVME_COMPARE_FAILURE;
}

/* A check that failed; Invalid Protection Information is of a command that was not carried out. */
static bool is_pi_error(uint16_t status)
{
	switch (status & NVME_STATUS_CODE) {
	case NVME_GUARD_ERROR:
	case NVME_APP_TAG_ERROR:
	case NVME_REF_TAG_ERROR:
	case NVME_STORAGE_TAG_ERROR:
		return true;
	default:
		return false;
	}
}

static enum sl_err vf_health(struct queue *q)
{
	return nvme_ctrl_health(of(q)->ctrl);
}

static const struct queue_ops queue_ops = {
	.name = "nvme",
	.ring = vf_ring,
	.poll = vf_poll,
	.ready = vf_ready,
	.arm = vf_arm,
	.status_text = nvme_status_text,
	.is_transient = nvme_status_transient,
	.health = vf_health,
};

static const struct block_ops block_ops = {
	.submit = vf_submit, .is_miscompare = is_miscompare, .is_pi_error = is_pi_error};

static uint32_t least(uint64_t a, uint64_t b)
{
	uint64_t m = a < b ? a : b;
	return m < UINT16_MAX ? (uint32_t)m : UINT16_MAX;
}

/* The longest transfer, in bytes. */
static uint64_t data_max(const struct nvme_vf *vf)
{
	uint64_t most = vf->ctrl->id.sgls ? UINT32_MAX : vf->lists ? LIST_MAX : 2 * PAGE_SIZE;
	return vf->ctrl->id.max_transfer < most ? vf->ctrl->id.max_transfer : most;
}

/* The operations the controller supports on this namespace, within s->blocks. */
static void set_ops(const struct nvme_vf *vf, struct nvme_store *s, const struct nvme_ns *ns, bool pi)
{
	const struct nvme_id *id = &vf->ctrl->id;
	uint8_t check = pi ? BLOCK_PI_CHECK : 0, insert = pi ? BLOCK_PI_INSERT : 0;
	bool meta = ns->meta != 0;
	uint32_t moved = least(data_max(vf) >> ns->block_shift, s->blocks);
	uint32_t zeroed = least(id->max_zeroes >> ns->block_shift, s->blocks);
	uint32_t verified = least(id->max_verify >> ns->block_shift, s->blocks);
	/* Other kinds of protection information would be moved with tags that are wrong at the new place. */
	bool copies = id->oncs & ONCS_COPY && id->ocfs & OCFS_FORMAT0 && (pi || !ns->pi_type);
	s->op[BLOCK_READ] = (struct nvme_op){moved, NVME_READ, check, true, meta};
	s->op[BLOCK_WRITE] = (struct nvme_op){moved, NVME_WRITE, check | insert, true, meta};
	if (copies)
		s->op[BLOCK_COPY] =
			(struct nvme_op){least(ns->copy_max, s->blocks), NVME_COPY, check, false, false};
	if (id->oncs & ONCS_WRITE_ZEROES)
		s->op[BLOCK_FILL] = (struct nvme_op){zeroed, NVME_WRITE_ZEROES, insert, false, false};
	if (id->oncs & ONCS_COMPARE)
		s->op[BLOCK_COMPARE] = (struct nvme_op){moved, NVME_COMPARE, check, true, meta};
	if (id->oncs & ONCS_VERIFY)
		s->op[BLOCK_VERIFY] = (struct nvme_op){verified, NVME_VERIFY, check, false, false};
}

static void add_store(struct nvme_vf *vf, const struct nvme_vf_cfg *cfg, const struct nvme_ns *ns)
{
	uint64_t blocks = ns->shared ? ns->blocks / cfg->shares : ns->blocks;
	if (ns->extended || ns->block > data_max(vf) || !blocks) {
		log_line("nvme", BDF_FMT ": namespace %u not used: %u bytes a block, %s, %llu blocks for us",
			 BDF_ARG(cfg->fn), ns->nsid, ns->block,
			 ns->extended ? "metadata between the blocks" : "no metadata between them",
			 (ull)blocks);
		return;
	}
	bool pi = ns->pi_type == 1 && ns->pi_format == 0;
	uint32_t id = vf->block.stores++;
	struct nvme_store *s = &vf->store[id];
	*s = (struct nvme_store){
		.nsid = ns->nsid,
		.block_shift = ns->block_shift,
		.pi_alone = pi && ns->meta == NVME_PI_BYTES,
		.ref_mask = pi ? UINT32_MAX : 0,
		.first = ns->shared ? blocks * cfg->share : 0,
		.blocks = blocks,
	};
	set_ops(vf, s, ns, pi);
	vf->block.store[id] = (struct block_store){
		.id = id,
		.block = ns->block,
		.first_lba = s->first,
		.blocks = blocks,
		.most = s->op[BLOCK_READ].limit,
		.meta = ns->meta,
		.pi = pi,
		.pi_off = ns->pi_off,
		.shared = ns->shared,
	};
	for (unsigned op = 0; op < BLOCK_OPS; op++)
		if (s->op[op].limit)
			vf->block.can |= (uint32_t)BIT(op);
}

/* Private namespaces first, then shared ones. One that cannot be read is skipped. */
static enum sl_err find_stores(struct nvme_vf *vf, const struct nvme_vf_cfg *cfg)
{
	struct nvme_ns ns, shared[ARRAY_LEN(vf->store)];
	unsigned most = ARRAY_LEN(shared), n = 0;
	uint32_t nsid = 0;
	enum sl_err e = SL_OK;
	while (vf->block.stores < most && !(e = nvme_ns_next(vf->ctrl, NVME_NS_ACTIVE, nsid, &nsid))) {
		e = nvme_ns_get(vf->ctrl, NVME_NS_ACTIVE, nsid, &ns);
		if (e == SL_UNSUPPORTED)
			continue;
		if (e)
			return e;
		if (!ns.shared)
			add_store(vf, cfg, &ns);
		else if (n < most)
			shared[n++] = ns;
	}
	if (e && e != SL_END && e != SL_UNSUPPORTED)
		return e;
	for (unsigned i = 0; i < n && vf->block.stores < most; i++)
		add_store(vf, cfg, &shared[i]);
	return SL_OK;
}

static void set_copy(struct nvme_vf *vf, uint16_t qid)
{
	uint64_t at = qid * (uint64_t)NVME_SLOT + NVME_SLOT_COPY;
	vf->copy = (void *)((uint8_t *)vf->ctrl->mem.va + at);
	vf->copy_iova = IOVA(vf->ctrl->mem.iova.v + at);
}

static enum sl_err start(struct nvme_vf *vf, const struct nvme_vf_cfg *cfg)
{
	struct nvme_ctrl *c = vf->ctrl;
	unsigned queues = cfg->queues ? cfg->queues : 1;
	enum sl_err e = cfg->mem ? nvme_ctrl_init_in(c, &cfg->io, cfg->fn, cfg->mem, queues)
				 : nvme_ctrl_init(c, &cfg->io, cfg->fn, cfg->dom, cfg->iova, queues);
	if (e)
		return e;
	if (cfg->shadow) {
		e = nvme_ctrl_shadow(c);
		if (e && e != SL_UNSUPPORTED)
			return e;
	}
	uint32_t most = nvme_ctrl_depth(c);
	vf->block.q.depth = cfg->depth < most ? cfg->depth : most;
	e = cfg->irq ? nvme_ctrl_queue_irq(c, IO_QUEUE, vf->block.q.depth, 0, &vf->queue)
		     : nvme_ctrl_queue(c, IO_QUEUE, vf->block.q.depth, &vf->queue);
	if (e)
		return e;
	set_copy(vf, IO_QUEUE);
	uint64_t lists = NVME_MEM_SIZE(queues);
	if (!c->id.sgls && c->mem.len >= lists + (uint64_t)vf->block.q.depth * NVME_LIST) {
		vf->lists = (void *)((uint8_t *)c->mem.va + lists);
		vf->lists_iova = IOVA(c->mem.iova.v + lists);
	}
	e = find_stores(vf, cfg);
	if (!e && !vf->block.stores) {
		log_fail("nvme", "attach a namespace to this controller",
			 BDF_FMT ": no namespace that can be used", BDF_ARG(cfg->fn));
		e = SL_NOTFOUND;
	}
	return e;
}

enum sl_err nvme_vf_open(struct nvme_vf *vf, const struct nvme_vf_cfg *cfg)
{
	memset(vf, 0, sizeof *vf);
	if (!cfg->shares || cfg->share >= cfg->shares || !cfg->depth)
		return SL_RANGE;
	vf->block.q.ops = &queue_ops;
	vf->block.ops = &block_ops;
	vf->ctrl = &vf->own;
	enum sl_err e = start(vf, cfg);
	if (!e)
		return SL_OK;
	enum sl_err left = nvme_vf_close(vf);
	return left ? left : e;
}

enum sl_err nvme_vf_more(struct nvme_vf *more, const struct nvme_vf *vf, uint16_t qid, uint32_t depth)
{
	memset(more, 0, sizeof *more);
	more->block = vf->block;
	more->block.q.stats = (struct queue_stats){0};
	more->block.q.depth = depth;
	more->ctrl = vf->ctrl;
	set_copy(more, qid);
	for (unsigned i = 0; i < more->block.stores; i++) {
		struct nvme_store *s = &more->store[i];
		*s = vf->store[i];
		for (unsigned op = 0; op < BLOCK_OPS; op++)
			if (s->op[op].data)
				s->op[op].limit = least(s->op[op].limit, data_max(more) >> s->block_shift);
		more->block.store[i].most = s->op[BLOCK_READ].limit;
	}
	return nvme_ctrl_queue(more->ctrl, qid, depth, &more->queue);
}

enum sl_err nvme_vf_close(struct nvme_vf *vf)
{
	vf->block.stores = 0;
	return nvme_ctrl_fini(vf->ctrl);
}
