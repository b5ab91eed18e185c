/* A VF: its function, domain, memory and workload. */
#pragma once
#include "apps/report/hist.h"
#include "apps/vf/wait.h"
#include "drivers/block.h"
#include "drivers/compute.h"
#include "drivers/dma.h"
#include "drivers/packet.h"
#include "iommu/irq.h"
#include "kernel/str.h"
#include "pci/msix.h"
#include "pci/pci.h"

#define VFS_MAX       64
#define VFS_COMPUTING 16 /* at most, of a kind that computes: each has much memory for jobs */

struct machine;
struct vf;
struct table_range;

#define VF_RANGES 6u /* of what a VF's domain maps */

/* The uses of VFs; each has its own workloads. */
enum vf_service {
	VF_STORES,   /* they read and write a medium: drivers/block.h */
	VF_COMPUTES, /* they compute: drivers/compute.h */
	VF_NETWORKS  /* they send and receive frames: drivers/packet.h */
};

/* A device family, for the stages of apps/vf/stages.h. A failing function here has printed its message. */
struct vf_kind {
	const char *name; /* in messages, and as the subsystem of its lines */
	enum vf_service service;
	bool all_vfs;     /* VFs work only when all of the PF's are enabled */
	unsigned vfs_max; /* that can be used */

	/* Chooses m->pf and starts it, in a domain of its own when it does DMA. SL_NOTFOUND. pf_close()
	 * undoes pf_open(). */
	enum sl_err (*pf_open)(struct machine *m);
	void (*pf_close)(struct machine *m);
	/* Loads the PF's firmware; NULL: it brings its own. */
	enum sl_err (*firmware_start)(struct machine *m);
	void (*firmware_stop)(struct machine *m);
	/* All that the PF can reach; NULL, of it or by it: it is in no domain. */
	const struct dma_buf *(*pf_memory)(const struct machine *m);

	/* The memory of a VF in its domain, where each part has the permission that it needs: memory_get()
	 * before vf_open(), memory_put() after vf_close(), also when only a part is there; memory() lists it
	 * in at most VF_RANGES ranges and returns how many. All NULL: vf->block, which the device may read
	 * and write, and vf->readonly. */
	enum sl_err (*memory_get)(struct machine *m, struct vf *vf);
	enum sl_err (*memory_put)(struct vf *vf);
	unsigned (*memory)(const struct vf *vf, struct table_range *out);

	/* Zeroed state for m->vf[place]: its vf->own. */
	void *(*state)(unsigned place);
	/* The VF is in its domain, has memory and registers, and is told to do DMA: makes vf->queue, its
	 * queue. vf_close() undoes vf_open(), while the VF is still in its domain. */
	enum sl_err (*vf_open)(struct machine *m, struct vf *vf);
	enum sl_err (*vf_close)(struct machine *m, struct vf *vf);
	/* Opens further queue pairs of a VF, as m->vf[m->pairs++]; NULL: it has one. */
	enum sl_err (*pairs_open)(struct machine *m, struct vf *vf);
	/* "controller 1: namespace 1, 64 MiB", of a VF that is open; returns buf. */
	const char *(*describe)(const struct vf *vf, char *buf, size_t n);
};

/* The window that every domain sees, at one and the same device address: a block of 2 MiB with queues and
 * buffers, mapped by one page, a page that the device may only read, and then nothing. */
#define WINDOW_QUEUES   0ull
#define WINDOW_BUFFERS  (PAGE_2M / 4)
#define WINDOW_READONLY (2 * PAGE_2M)
#define WINDOW_HOLE     (3 * PAGE_2M)

/* Buffers: one page for each request in flight, a page that the other VFs try to overwrite, and one for each
 * request's metadata. */
#define BUFFER_SLOTS  256u
#define BUFFER_TARGET (BUFFER_SLOTS * PAGE_SIZE)
#define BUFFER_META   ((BUFFER_SLOTS + 1) * PAGE_SIZE)
#define META_SLOT     64u
_Static_assert(WINDOW_BUFFERS + BUFFER_META + BUFFER_SLOTS * META_SLOT <= PAGE_2M, "buffer layout");

#define CHUNK        PAGE_SIZE       /* bytes of one request */
#define DEPTH_MIN    32u             /* requests in flight that stage_verify needs */
#define CHUNKS_LEAST (2 * DEPTH_MIN) /* of a store that it works on */

/* Requests of one VF that are in flight together: apps/vf/batch.c. */
struct batch {
	struct block_req req[BUFFER_SLOTS];
	uint16_t status[BUFFER_SLOTS]; /* by tag */
	unsigned n, done;
	unsigned retries;               /* of requests that met a status that passes */
	uint64_t waited_us, waited_ops; /* of all batches of the VFs that this one is the first of */
};

struct vf { /* on the data path, written only by its owning core */
	unsigned index;
	unsigned core; /* that works it */
	char name[8];  /* of its domain */
	struct pci_func *fn;
	struct domain *dom;
	struct vf *first;              /* this is another queue pair of that VF; NULL: the VF itself */
	uint16_t pair;                 /* number of the queue pair, from 1 */
	volatile void *regs;           /* BAR0 */
	void *own;                     /* its kind's state: struct vf_kind, state */
	void *work;                    /* its workload's state */
	struct queue *queue;           /* NULL until it is open; */
	struct block *medium;          /* the same queue of a VF that stores, */
	struct compute *compute;       /* of one that computes, */
	struct packet *packet;         /* and of one that sends and receives */
	struct block_store *data, *pi; /* stores without and with protection information; pi may be NULL */
	bool attached;
	volatile bool cut; /* set by core 0 while the VF's core runs: it flooded with refused requests and was
			      cut off: apps/bringup/faults.c */
	bool provoked;     /* its refused requests are provoked */
	struct dma_buf block, readonly;
	struct dma_buf queues, buffers; /* parts of block */
	struct msix_table msix;         /* on, every vector masked; no vectors: it has none */
	struct iommu_irq irq;           /* stage irqs: of its vector 0 */
	uint8_t vector;
	uint64_t irqs;      /* that arrived on that vector, */
	unsigned irq_core;  /* the last one on this core */
	struct waiter wait; /* how the core waits for it */
	struct batch batch;
	struct hist latency; /* timed phase, TSC ticks */
	uint64_t ops;
	struct queue_stats timed; /* what queue.stats grew by in the timed phase */
} __attribute__((aligned(64)));

/* A VF, or a further queue pair of one, of which its function alone is known. No struct vf is assigned, as
 * that would make one on the stack. */
static inline void vf_begin(struct vf *vf, unsigned index, struct pci_func *fn)
{
	memset(vf, 0, sizeof *vf);
	vf->index = index;
	vf->fn = fn;
}

/* Its queue is open, or closed: NULL. */
static inline void vf_stores(struct vf *vf, struct block *b)
{
	vf->medium = b;
	vf->queue = b ? &b->q : NULL;
}

static inline void vf_computes(struct vf *vf, struct compute *c)
{
	vf->compute = c;
	vf->queue = c ? &c->q : NULL;
}

static inline void vf_networks(struct vf *vf, struct packet *p)
{
	vf->packet = p;
	vf->queue = p ? &p->q : NULL;
}

static inline uint8_t *vf_buffer(const struct vf *vf, unsigned tag)
{
	return (uint8_t *)vf->buffers.va + tag * CHUNK;
}

static inline uint8_t *vf_meta(const struct vf *vf, unsigned tag)
{
	return (uint8_t *)vf->buffers.va + BUFFER_META + tag * META_SLOT;
}

/* A request for chunk number chunk of a store of the VF, with the tag's buffers. */
static inline struct block_req vf_request(const struct vf *vf, const struct block_store *s, enum block_op op,
					  uint64_t chunk, unsigned tag)
{
	uint32_t blocks = (uint32_t)(CHUNK / s->block);
	return (struct block_req){.op = (uint8_t)op,
				  .blocks = (uint16_t)blocks,
				  .store = s->id,
				  .tag = tag,
				  .lba = s->first_lba + chunk * blocks,
				  .data = IOVA(vf->buffers.iova.v + tag * CHUNK),
				  .meta = IOVA(vf->buffers.iova.v + BUFFER_META + tag * META_SLOT)};
}

/* Chunks that a store has room for. */
static inline uint64_t store_chunks(const struct block_store *s)
{
	return s->blocks / (CHUNK / s->block);
}
