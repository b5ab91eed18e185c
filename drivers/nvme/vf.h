/* An NVMe VF as a medium (drivers/block.h): its controller with an I/O queue pair, in the VF's domain. Each
 * further pair is a separate accelerator (nvme_vf_more()), so that cores can share a VF and nothing else.
 * Works for any controller that is not a PF with VFs.
 *
 * Order: nvme_vf_open() on a VF that is online and attached to its domain; the queue is worked;
 * nvme_vf_close(). All its queue memory lies in one 2 MiB page. The caller owns data and metadata buffers:
 * device addresses in requests are passed on unchecked, and the IOMMU keeps them inside the domain. */
#pragma once
#include "drivers/block.h"
#include "drivers/nvme/ctrl.h"

#define NVME_LIST 1024u /* bytes of a PRP list: 128 entries */

struct nvme_vf_cfg {
	struct nvme_io io;
	bdf_t fn;
	struct domain *dom;
	iova_t iova; /* of the queue memory; aligned to 2 MiB */
	uint32_t depth;
	/* Of a shared namespace this VF uses part number share (from 0) of shares equal parts. */
	unsigned share, shares;
	/* Memory for the queues, as nvme_ctrl_init_in() needs it for one pair; dom and iova are ignored then.
	 * NULL: the driver allocates a 2 MiB block at iova. */
	const struct dma_buf *mem;
	/* Completions raise vector 0 of the function's MSI-X, as nvme_ctrl_queue_irq() requires. */
	bool irq;
	unsigned queues; /* pairs that will be asked for, this one included; 0: 1 */
	bool shadow;     /* shadow doorbells, where the controller has them */
};

/* How one operation is sent to one store. */
struct nvme_op {
	uint32_t limit; /* blocks; 0: not possible */
	uint8_t opc;
	uint8_t pi; /* enum block_pi bits that may be asked */
	bool data, meta;
};

struct nvme_store {
	uint32_t nsid;
	uint8_t block_shift;
	bool pi_alone;     /* metadata is only the protection information */
	uint32_t ref_mask; /* of the LBA, for the reference tag; 0 without protection information */
	struct nvme_op op[BLOCK_OPS]; /* not last: UBSan leaves the bounds of a last array unchecked */
	uint64_t first, blocks;
};

/* A kind of request, checked once: each request then adds only its tag, its place on the medium and in
 * memory. */
struct nvme_plan {
	uint64_t cdw0_1;      /* opcode and namespace, command id 0 */
	uint64_t first, room; /* LBA of the share's start, and the greatest offset from there */
	uint64_t prp2, cdw12_13;
	bool data, meta;
	bool list;  /* PRP2 depends on the buffer */
	bool plain; /* the words that nvme_vf_put() does not write are the same for each request, or written
		       after it */
	uint32_t bytes, ref_mask;
};

struct nvme_vf {
	struct block block; /* first: what the driver's functions get */
	struct nvme_queue queue;
	uint64_t planned; /* the first 8 bytes of the request that plan was made for */
	struct nvme_plan plan;
	uint32_t kept;   /* entries of the ring filled since the last other plan, one after another */
	uint64_t places; /* plan.room + 1 once each entry of the ring holds a command as planned; until then 0
			  */
	struct nvme_store store[4];   /* as block.store */
	struct nvme_copy_range *copy; /* one for each tag */
	iova_t copy_iova;
	uint64_t *lists; /* a PRP list of NVME_LIST bytes for each tag; NULL: none */
	iova_t lists_iova;
	struct nvme_ctrl *ctrl; /* own, or that of the VF's first queue pair */
	struct nvme_ctrl own;
};

/* Starts the VF's controller, creates a queue pair for cfg->depth requests in flight (less when the
 * controller's queues are shorter; the queue's depth says) and lists up to 4 attached namespaces as stores,
 * private ones before shared ones. Namespaces with metadata between the blocks, or blocks that no transfer
 * can hold, are left out with a line in the log. Errors of nvme_ctrl_init() and nvme_ctrl_queue();
 * SL_NOTFOUND when no store is left, SL_RANGE for shares. On an error everything is undone. */
enum sl_err nvme_vf_open(struct nvme_vf *vf, const struct nvme_vf_cfg *cfg) MUST_CHECK;

/* One more queue pair of an open VF, qid from 2 to cfg.queues, for depth requests in flight, with the same
 * stores. It is valid until vf is closed, and is not closed separately. Transfers are at most two pages where
 * the controller does not support SGLs. Errors of nvme_ctrl_queue(). */
enum sl_err nvme_vf_more(struct nvme_vf *more, const struct nvme_vf *vf, uint16_t qid,
			 uint32_t depth) MUST_CHECK;

/* Stops the controller and frees its memory; requests in flight are lost. Also after a failed open. */
enum sl_err nvme_vf_close(struct nvme_vf *vf) MUST_CHECK;

/* Plans the requests that follow: like r in operation, store, number of blocks and protection information;
 * the rest is ignored. Valid until another plan, which submit() makes for a request of another kind. SL_RANGE
 * for an impossible operation, store or number of blocks, SL_UNSUPPORTED for an operation that the store does
 * not take, SL_BADVAL for pi; the plan before is then still valid. */
enum sl_err nvme_vf_plan(struct nvme_vf *vf, const struct block_req *r) MUST_CHECK;

/* The slow part of nvme_vf_put(): fills all of an entry, until each of the ring has been filled as planned,
 * and refuses. */
COLD enum sl_err nvme_vf_put_other(struct nvme_vf *vf, uint32_t tag, uint64_t at, iova_t data);

/* The data path, submit()'s too. Puts a request into the ring as planned: read, write, compare (data:
 * page-aligned, as long as planned; the IOMMU keeps it inside the domain), fill or verify (data 0), on a
 * store without metadata. at counts blocks from the start of this VF's share. SL_RANGE when the blocks are
 * not all in the share or the tag is not below the depth, SL_BUSY when the tag is in flight, SL_BADVAL for
 * data. nvme_queue_ring() notifies the device.
 *
 * An entry of the ring keeps the command that was in it a round ago, and of the same kind: opcode, namespace
 * and length are there, and only command id, buffer and LBA are written. (The device may write to the ring.
 * What it changes there are commands to itself.) */
FAST_INLINE enum sl_err nvme_vf_put(struct nvme_vf *vf, uint32_t tag, uint64_t at, iova_t data)
{
	struct nvme_queue *q = &vf->queue;
	if (UNLIKELY(!IS_ALIGNED(data.v, PAGE_SIZE)))
		return SL_BADVAL;
	if (UNLIKELY(at >= vf->places || !nvme_queue_idle(q, tag)))
		return nvme_vf_put_other(vf, tag, at, data);
	struct nvme_sqe *e = nvme_queue_push(q, tag);
	e->cid = (uint16_t)tag;
	e->prp1 = data.v;
	e->slba = vf->plan.first + at;
	return SL_OK;
}
