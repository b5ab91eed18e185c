/* An NVMe VF as an accelerator (drivers/accel.h): its controller with one I/O queue pair, in the VF's own
 * domain. Any other controller that is not a PF with VFs will do as well.
 *
 * Order: nvme_vf_open() on a VF that is online and attached to its domain; the accel is worked;
 * nvme_vf_close(). All its queue memory is one 2 MiB block at cfg.iova. Data and metadata buffers are the
 * caller's: device addresses in requests are passed on as they are, and it is the IOMMU that keeps them
 * inside the domain. */
#pragma once
#include "drivers/accel.h"
#include "drivers/nvme/ctrl.h"

struct nvme_vf_cfg {
	struct nvme_io io;
	bdf_t fn;
	struct domain *dom;
	iova_t iova; /* of the queue memory; aligned to 2 MiB */
	uint32_t depth;
	/* Of a namespace that others see too this VF uses part number share (from 0) of shares equal ones. */
	unsigned share, shares;
};

/* How one operation goes to one store. */
struct nvme_op {
	uint32_t limit; /* blocks; 0: not possible */
	uint8_t opc;
	uint8_t pi; /* enum accel_pi bits that may be asked */
	bool data, meta;
};

struct nvme_store {
	uint32_t nsid;
	uint8_t block_shift;
	bool pi_alone;     /* metadata is the protection information and nothing else */
	uint32_t ref_mask; /* of the LBA, for the reference tag; 0 without protection information */
	uint64_t first, blocks;
	struct nvme_op op[ACCEL_OPS];
};

struct nvme_vf {
	struct accel accel; /* first: what the driver's functions get */
	struct nvme_queue queue;
	struct nvme_store store[4];   /* as accel.store */
	struct nvme_copy_range *copy; /* one for each tag */
	iova_t copy_iova;
	struct nvme_ctrl ctrl;
};

/* Starts the VF's controller, creates a queue pair for cfg->depth requests in flight (less when the
 * controller's queues are shorter; accel.depth says) and lists up to 4 attached namespaces as stores, private
 * ones before shared ones. Namespaces with metadata between the blocks, or blocks larger than two pages, are
 * left out with a line in the log. Errors of nvme_ctrl_init() and nvme_ctrl_queue(); SL_NOTFOUND when no
 * store is left, SL_RANGE for shares. On an error everything is put back. */
enum sl_err nvme_vf_open(struct nvme_vf *vf, const struct nvme_vf_cfg *cfg) MUST_CHECK;

/* Stops the controller and gives its memory back; requests in flight are lost. Also after a failed open. */
enum sl_err nvme_vf_close(struct nvme_vf *vf) MUST_CHECK;
