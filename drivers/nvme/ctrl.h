/* One NVMe controller, PF or VF: registers, admin queue, Identify, I/O queue pairs.
 *
 * Order: the function is attached to its domain, memory space and bus mastering are on; nvme_ctrl_init();
 * queue pairs by nvme_ctrl_queue(); nvme_ctrl_fini(); then bus mastering off and detach. A controller belongs
 * to one core at a time. Nothing here writes to a namespace. */
#pragma once
#include "drivers/dma.h"
#include "drivers/nvme/identify.h"
#include "drivers/nvme/io.h"
#include "drivers/nvme/queue.h"
#include "kernel/bdf.h"

/* All memory of a controller, one block: slot 0 is the admin pair and the page that Identify fills, slot n is
 * I/O queue pair n. */
#define NVME_SLOT                0x20000u
#define NVME_MEM_ASQ             0x0000u
#define NVME_MEM_ACQ             0x1000u
#define NVME_MEM_DATA            0x2000u
#define NVME_MEM_ADMIN           0x3000u /* end of slot 0 without I/O queues */
#define NVME_MEM_SHADOW          0x3000u /* shadow doorbells, laid out as the registers from 1000h on are, */
#define NVME_MEM_EVENT           0x4000u /* and their event indexes */
#define NVME_SLOT_SQ             0x00000u
#define NVME_SLOT_CQ             0x10000u
#define NVME_SLOT_COPY           0x18000u /* a struct nvme_copy_range for each command id */
#define NVME_IO_QUEUES           ((unsigned)(PAGE_2M / NVME_SLOT) - 1)
#define NVME_MEM_SIZE(io_queues) ((1 + (uint64_t)(io_queues)) * NVME_SLOT)
#define NVME_SQ_MAX              1024u
#define NVME_CQ_MAX              2048u
_Static_assert(NVME_SQ_MAX * sizeof(struct nvme_sqe) <= NVME_SLOT_CQ - NVME_SLOT_SQ, "slot layout");
_Static_assert(NVME_CQ_MAX * sizeof(struct nvme_cqe) <= NVME_SLOT_COPY - NVME_SLOT_CQ, "slot layout");
_Static_assert((NVME_DEPTH_MAX + 1) * sizeof(struct nvme_copy_range) <= NVME_SLOT - NVME_SLOT_COPY,
	       "slot layout");

struct nvme_ctrl {
	struct nvme_io io;
	bdf_t fn;
	struct dma_buf mem;
	bool mem_lent; /* the caller owns it */
	uint64_t cap;
	uint32_t vs;
	uint64_t ready_us; /* longest wait for CSTS.RDY */
	unsigned io_queues;
	uint32_t created; /* BIT(queue id) of each I/O queue pair that the controller knows */
	bool shadow;      /* I/O queues have shadow doorbells */
	bool dead;        /* it stopped answering; no further admin commands are sent */
	uint16_t status;  /* of the last admin command that completed */
	struct nvme_id id;
	struct nvme_queue admin;
};

/* Stops a controller that the firmware left running, gives it an admin queue in Sluice's memory, starts and
 * identifies it. io_queues is the most I/O queue pairs that will be asked for, at most NVME_IO_QUEUES; with 0
 * the memory is 3 pages at iova, else one 2 MiB block there (iova aligned to that). On an error everything is
 * undone. SL_UNSUPPORTED for a controller without the NVM command set or 4 KiB pages, SL_NOTFOUND when
 * nothing answers (all ones, or a VF that is offline), SL_TIMEOUT, SL_DEVICE, SL_NOSPACE when it grants fewer
 * queues. NVMe §3.5.1 */
enum sl_err nvme_ctrl_init(struct nvme_ctrl *c, const struct nvme_io *io, bdf_t fn, struct domain *dom,
			   iova_t iova, unsigned io_queues) MUST_CHECK;

/* The same in the caller's memory, which the controller can read and write: at least NVME_MEM_SIZE() bytes,
 * aligned to 4 KiB, zeroed, inside one 2 MiB page. The caller may free it once nvme_ctrl_fini() has returned
 * and the function is detached. */
enum sl_err nvme_ctrl_init_in(struct nvme_ctrl *c, const struct nvme_io *io, bdf_t fn,
			      const struct dma_buf *mem, unsigned io_queues) MUST_CHECK;

/* Deletes the queue pairs, tells the controller to shut down (which may take a drive seconds), disables it
 * and frees the memory; also after a fatal status or a failed init. When unmapping fails the memory is leaked
 * and the error returned. Disabling a PF takes all its VFs offline: end those first. */
enum sl_err nvme_ctrl_fini(struct nvme_ctrl *c) MUST_CHECK;

/* SL_OK while the controller runs; SL_DEVICE after a fatal status, a reset by another agent, or when it is
 * gone. One register read. */
enum sl_err nvme_ctrl_health(const struct nvme_ctrl *c) MUST_CHECK;

/* A controller in fatal status (CSTS.CFS) is reset by CC.EN: NVMe §3.7.2. True when it stays so, or does not
 * stop: a function level reset may help. False, and nothing is written, without fatal status. */
bool nvme_ctrl_stays_fatal(const struct nvme_io *io);

/* CSTS: bit 0 ready, bit 1 stopped until a reset. */
uint32_t nvme_ctrl_csts(const struct nvme_io *io);

/* For a controller that no driver has open. stop: CC.EN from 1 to 0, and waits for CSTS.RDY to follow.
 * wait_ready: its CC.EN was just set; SL_DEVICE at a fatal status. Both: SL_TIMEOUT, SL_DEVICE when it is
 * gone. NVMe §3.1.3.5, §3.1.3.6 */
enum sl_err nvme_ctrl_stop(const struct nvme_io *io, bdf_t fn) MUST_CHECK;
enum sl_err nvme_ctrl_wait_ready(const struct nvme_io *io, bdf_t fn) MUST_CHECK;

/* The largest depth that nvme_ctrl_queue() can give. */
uint32_t nvme_ctrl_depth(const struct nvme_ctrl *c);

/* Shadow doorbells for the I/O queues that are created from now on: Doorbell Buffer Config, NVMe §5.8.
 * SL_UNSUPPORTED when the controller has none (OACS bit 8) or there is no memory for I/O queues. */
enum sl_err nvme_ctrl_shadow(struct nvme_ctrl *c) MUST_CHECK;

/* Creates I/O queue pair qid (1..io_queues), polled, for depth commands in flight (1..nvme_ctrl_depth()). The
 * completion ring is much longer than that so that its doorbell is rare. NVMe §5.4, §5.5 */
enum sl_err nvme_ctrl_queue(struct nvme_ctrl *c, uint16_t qid, uint32_t depth,
			    struct nvme_queue *out) MUST_CHECK;
/* The same, and completions raise that vector of the function's MSI-X, which must be on and stay on: some
 * controllers check it only when a queue is created. */
enum sl_err nvme_ctrl_queue_irq(struct nvme_ctrl *c, uint16_t qid, uint32_t depth, uint16_t vector,
				struct nvme_queue *out) MUST_CHECK;

/* Sends an admin command (its cid is filled in) and waits for it, with up to five tries while its status is
 * transient (nvme_status_transient()). SL_OK when it completed: c->status is its status, *dw0 (may be NULL)
 * its result. SL_TIMEOUT or SL_DEVICE when the controller is lost. */
enum sl_err nvme_admin_try(struct nvme_ctrl *c, struct nvme_sqe cmd, uint32_t *dw0) MUST_CHECK;

/* The same for a command that must succeed: an error status is logged under the name what and returns
 * SL_DEVICE. */
enum sl_err nvme_admin(struct nvme_ctrl *c, const char *what, struct nvme_sqe cmd, uint32_t *dw0) MUST_CHECK;

/* Identify into the controller's own page, which is zeroed before; *page (valid until the next admin command
 * that has data) is memory that the controller can write to. cdw10_cntid is CDW10 31:16. */
enum sl_err nvme_identify(struct nvme_ctrl *c, enum nvme_cns cns, uint32_t nsid, uint16_t cdw10_cntid,
			  const volatile void **page) MUST_CHECK;

enum nvme_ns_list {
	NVME_NS_ACTIVE,    /* attached to this controller */
	NVME_NS_ALLOCATED, /* all of the subsystem; needs namespace management (OACS) */
};

/* The first namespace of the list above id after (0: the first of all). SL_END when there is none, SL_BADVAL
 * when the list is not ascending. */
enum sl_err nvme_ns_next(struct nvme_ctrl *c, enum nvme_ns_list list, uint32_t after,
			 uint32_t *nsid) MUST_CHECK;

/* Identifies one namespace. SL_UNSUPPORTED, with a log line, when the command is refused or reports
 * impossible values: other namespaces may still work. */
enum sl_err nvme_ns_get(struct nvme_ctrl *c, enum nvme_ns_list list, uint32_t nsid,
			struct nvme_ns *out) MUST_CHECK;
