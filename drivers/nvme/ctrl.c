#include "drivers/nvme/ctrl.h"
#include "drivers/nvme/status.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/marker.h"

#define ADMIN_US      10000000u /* longest wait for an admin command */
#define ADMIN_DEPTH   1u
#define ADMIN_ENTRIES 64u
#define RETRIES       5u
#define RETRY_US      100000u  /* where the status names none of CRDT1 to CRDT3 */
#define SHUTDOWN_US   5000000u /* where RTD3E is 0 */
#define SHUTDOWN_MAX  30000000u
#define SHN_NORMAL    1u
#define SHST_COMPLETE 2u
#define ADMIN_LOOK    256u /* empty polls between two looks at CSTS */
#define CQ_MIN        512u /* shortest completion ring of an I/O pair, where the controller allows it */
#define ALL_ONES      0xffffffffu

_Static_assert(ADMIN_ENTRIES * sizeof(struct nvme_sqe) <= NVME_MEM_ACQ - NVME_MEM_ASQ, "admin layout");

static enum sl_err lost(struct nvme_ctrl *c, enum sl_err e, const char *what)
{
	c->dead = true;
	log_fail("nvme", "power the machine off and on; if this persists, the controller is broken",
		 BDF_FMT ": %s (CSTS 0x%x)", BDF_ARG(c->fn), what, nvme_rd32(&c->io, NVME_CSTS));
	return e;
}

/* Waits for CSTS.RDY to have the wanted value. A fatal status ends the wait for 1; for 0 it may stay until
 * the reset is complete. *what: the reason for a failure. */
static enum sl_err poll_ready(const struct nvme_ctrl *c, bool ready, const char **what)
{
	struct deadline d = deadline_in(c->ready_us);
	while (deadline_look(&d)) {
		uint32_t csts = nvme_rd32(&c->io, NVME_CSTS);
		*what = csts == ALL_ONES ? "gone from the bus" : "controller fatal status";
		if (csts == ALL_ONES || (ready && csts & CSTS_CFS))
			return SL_DEVICE;
		if (!!(csts & CSTS_RDY) == ready)
			return SL_OK;
		*what = ready ? "does not get ready" : "does not stop";
		__builtin_ia32_pause();
	}
	return SL_TIMEOUT;
}

static enum sl_err wait_ready(struct nvme_ctrl *c, bool ready)
{
	const char *what;
	MARKER(MARK_WAIT);
	enum sl_err e = poll_ready(c, ready, &what);
	MARKER(MARK_GO_ON);
	return e ? lost(c, e, what) : SL_OK;
}

/* Longest wait that the controller asks for: NVMe §3.1.3.1 TO, and CRTO where there is one. */
static uint64_t ready_us(const struct nvme_ctrl *c)
{
	uint64_t units = FGET(c->cap, CAP_TO);
	if (c->cap & CAP_CRMS) {
		uint64_t crwmt = FGET(nvme_rd32(&c->io, NVME_CRTO), CRTO_CRWMT);
		units = crwmt > units ? crwmt : units;
	}
	return (units + 1) * 500000;
}

static enum sl_err read_caps(struct nvme_ctrl *c)
{
	c->vs = nvme_rd32(&c->io, NVME_VS);
	c->cap = nvme_rd64(&c->io, NVME_CAP);
	if (c->vs == ALL_ONES || c->vs == 0 || c->cap == 0) {
		log_fail(
			"nvme",
			"cut the machine's power for a moment; a VF answers only when its PF has given it queues and brought it online",
			BDF_FMT ": no controller answers (VS 0x%x, CAP 0x%llx)", BDF_ARG(c->fn), c->vs,
			(ull)c->cap);
		return SL_NOTFOUND;
	}
	/* The doorbells of the highest queue pair must be in the BAR. */
	uint64_t end = NVME_CQHDBL((uint64_t)c->io_queues, (unsigned)FGET(c->cap, CAP_DSTRD)) + 4;
	if (!(c->cap & CAP_CSS_NVM) || FGET(c->cap, CAP_MPSMIN) || !FGET(c->cap, CAP_MQES) ||
	    end > c->io.len) {
		log_fail("nvme", "use another controller",
			 BDF_FMT ": needs NVM command set, 4 KiB pages, doorbells inside BAR0 (CAP 0x%llx)",
			 BDF_ARG(c->fn), (ull)c->cap);
		return SL_UNSUPPORTED;
	}
	c->ready_us = ready_us(c);
	return SL_OK;
}

/* Begins a controller reset; cc is the register as it was read. */
static void clear_en(const struct nvme_io *io, uint32_t cc)
{
	nvme_wr32(io, NVME_CC, cc & ~(CC_EN | CC_SHN));
	delay_us(io->quiet_us);
}

/* CC.EN 1 -> 0 and wait. EN may not be cleared while it is set and RDY has not followed: NVMe §3.1.3.5. */
static enum sl_err disable(struct nvme_ctrl *c)
{
	uint32_t cc = nvme_rd32(&c->io, NVME_CC);
	if (cc == ALL_ONES)
		return lost(c, SL_DEVICE, "gone from the bus");
	if (cc & CC_EN && !(nvme_rd32(&c->io, NVME_CSTS) & (CSTS_RDY | CSTS_CFS)) && wait_ready(c, true))
		log_warn("nvme", BDF_FMT ": stopped although it was still starting", BDF_ARG(c->fn));
	clear_en(&c->io, cc);
	return wait_ready(c, false);
}

/* Normal shutdown, so that a drive can store what it has in volatile memory: NVMe §3.6.1. I/O queues are
 * deleted before. If the shutdown does not complete, a warning says so; the reset that follows ends it. */
static void shut_down(struct nvme_ctrl *c)
{
	uint64_t us = c->id.shutdown_us ? c->id.shutdown_us : SHUTDOWN_US;
	uint32_t csts = 0;
	nvme_wr32(&c->io, NVME_CC, (nvme_rd32(&c->io, NVME_CC) & ~CC_SHN) | FPUT(CC_SHN, SHN_NORMAL));
	MARKER(MARK_WAIT);
	struct deadline d = deadline_in(us < SHUTDOWN_MAX ? us : SHUTDOWN_MAX);
	while (deadline_look(&d)) {
		csts = nvme_rd32(&c->io, NVME_CSTS);
		if (csts == ALL_ONES || FGET(csts, CSTS_SHST) == SHST_COMPLETE)
			break;
		__builtin_ia32_pause();
	}
	MARKER(MARK_GO_ON);
	if (csts == ALL_ONES || FGET(csts, CSTS_SHST) != SHST_COMPLETE)
		log_warn("nvme", BDF_FMT ": shutdown not complete (CSTS 0x%x): the drive counts it as unsafe",
			 BDF_ARG(c->fn), csts);
}

static void *mem_at(const struct nvme_ctrl *c, uint64_t off)
{
	return (uint8_t *)c->mem.va + off;
}

static uint64_t iova_at(const struct nvme_ctrl *c, uint64_t off)
{
	return c->mem.iova.v + off;
}

/* off: of the register */
static struct nvme_bell bell_at(const struct nvme_ctrl *c, uint32_t off)
{
	volatile uint8_t *regs = c->io.regs;
	struct nvme_bell b = {.reg = (volatile uint32_t *)(volatile void *)(regs + off)};
	if (c->shadow) {
		b.shadow = mem_at(c, NVME_MEM_SHADOW + off - NVME_DOORBELLS);
		b.event = mem_at(c, NVME_MEM_EVENT + off - NVME_DOORBELLS);
	}
	return b;
}

static struct nvme_queue_mem queue_mem(const struct nvme_ctrl *c, uint16_t qid, uint64_t sq, uint64_t cq)
{
	unsigned dstrd = (unsigned)FGET(c->cap, CAP_DSTRD);
	return (struct nvme_queue_mem){
		.sq = mem_at(c, sq),
		.cq = mem_at(c, cq),
		.sq_bell = bell_at(c, NVME_SQTDBL(qid, dstrd)),
		.cq_bell = bell_at(c, NVME_CQHDBL(qid, dstrd)),
	};
}

static enum sl_err enable(struct nvme_ctrl *c)
{
	struct nvme_queue_mem mem = queue_mem(c, 0, NVME_MEM_ASQ, NVME_MEM_ACQ);
	enum sl_err e = nvme_queue_init(&c->admin, 0, ADMIN_DEPTH, &mem, ADMIN_ENTRIES, ADMIN_ENTRIES);
	if (e)
		return e;
	nvme_wr32(&c->io, NVME_AQA, FPUT(AQA_ASQS, ADMIN_ENTRIES - 1) | FPUT(AQA_ACQS, ADMIN_ENTRIES - 1));
	nvme_wr64(&c->io, NVME_ASQ, iova_at(c, NVME_MEM_ASQ));
	nvme_wr64(&c->io, NVME_ACQ, iova_at(c, NVME_MEM_ACQ));
	/* CSS 0: NVM command set; MPS 0: 4 KiB; AMS 0: round robin */
	nvme_wr32(&c->io, NVME_CC, FPUT(CC_IOSQES, NVME_SQES) | FPUT(CC_IOCQES, NVME_CQES) | CC_EN);
	c->dead = false;
	return wait_ready(c, true);
}

/* A controller that no driver has open, for access to its registers only; until the next call. (It is larger
 * than a stack frame may be, and set-up belongs to one core.) */
static struct nvme_ctrl *unopened(const struct nvme_io *io, bdf_t fn)
{
	static struct nvme_ctrl c;
	c = (struct nvme_ctrl){.io = *io, .fn = fn, .cap = nvme_rd64(io, NVME_CAP)};
	c.ready_us = ready_us(&c);
	return &c;
}

bool nvme_ctrl_stays_fatal(const struct nvme_io *io)
{
	uint32_t csts = nvme_rd32(io, NVME_CSTS);
	if (csts == ALL_ONES || !(csts & CSTS_CFS))
		return false;
	struct nvme_ctrl *c = unopened(io, (bdf_t){0});
	clear_en(io, nvme_rd32(io, NVME_CC));
	const char *what;
	enum sl_err e = poll_ready(c, false, &what);
	return e || nvme_rd32(io, NVME_CSTS) & CSTS_CFS;
}

enum sl_err nvme_ctrl_stop(const struct nvme_io *io, bdf_t fn)
{
	return disable(unopened(io, fn));
}

enum sl_err nvme_ctrl_wait_ready(const struct nvme_io *io, bdf_t fn)
{
	return wait_ready(unopened(io, fn), true);
}

enum sl_err nvme_ctrl_health(const struct nvme_ctrl *c)
{
	uint32_t csts = nvme_rd32(&c->io, NVME_CSTS);
	return csts != ALL_ONES && (csts & (CSTS_RDY | CSTS_CFS)) == CSTS_RDY ? SL_OK : SL_DEVICE;
}

uint32_t nvme_ctrl_csts(const struct nvme_io *io)
{
	return nvme_rd32(io, NVME_CSTS);
}

/* The result of the one admin command in flight. */
static enum sl_err wait_admin(struct nvme_ctrl *c, uint32_t *got)
{
	struct nvme_queue *q = &c->admin;
	uint32_t cid;
	struct deadline d = deadline_in(ADMIN_US);
	for (unsigned polls = 1; deadline_look(&d); polls++) {
		if (nvme_queue_take(q, &cid, &c->status, got) == NVME_TOOK)
			return SL_OK;
		if (polls % ADMIN_LOOK == 0 && nvme_ctrl_health(c))
			return lost(c, SL_DEVICE, "stopped during an admin command");
		__builtin_ia32_pause();
	}
	/* The command may still execute, so its data page cannot be reused. */
	return lost(c, SL_TIMEOUT, "admin command does not complete");
}

static enum sl_err admin_once(struct nvme_ctrl *c, struct nvme_sqe cmd, uint32_t *dw0)
{
	if (c->dead)
		return SL_DEVICE;
	struct nvme_queue *q = &c->admin;
	uint32_t got;
	cmd.cid = 0;
	*nvme_queue_slot(q) = cmd;
	nvme_queue_push(q, cmd.cid);
	nvme_queue_ring(q);
	MARKER(MARK_WAIT);
	enum sl_err e = wait_admin(c, &got);
	MARKER(MARK_GO_ON);
	log_debug("nvme", BDF_FMT ": admin command 0x%02x, namespace 0x%x: %s, status 0x%x", BDF_ARG(c->fn),
		  cmd.opc, cmd.nsid, sl_err_text(e), c->status);
	if (e)
		return e;
	nvme_queue_release(q);
	if (dw0)
		*dw0 = got;
	return SL_OK;
}

/* The wait before a command with this status is sent again: NVMe §3.3.3.2.1 CRD, §5.17.2.1 CRDT1. */
static uint32_t retry_us(const struct nvme_ctrl *c)
{
	unsigned crd = (unsigned)FGET(c->status, NVME_STATUS_CRD);
	return crd && c->id.crdt[crd - 1] ? c->id.crdt[crd - 1] * 100000u : RETRY_US;
}

enum sl_err nvme_admin_try(struct nvme_ctrl *c, struct nvme_sqe cmd, uint32_t *dw0)
{
	enum sl_err e = admin_once(c, cmd, dw0);
	uint64_t end = now_us() + ADMIN_US;
	for (unsigned i = 0; i < RETRIES && !e && nvme_status_transient(c->status) && now_us() < end; i++) {
		delay_us(retry_us(c));
		e = admin_once(c, cmd, dw0);
	}
	return e;
}

enum sl_err nvme_admin(struct nvme_ctrl *c, const char *what, struct nvme_sqe cmd, uint32_t *dw0)
{
	char words[96];
	enum sl_err e = nvme_admin_try(c, cmd, dw0);
	if (e || !c->status)
		return e;
	log_fail("nvme", "update the controller's firmware", BDF_FMT ": %s: %s", BDF_ARG(c->fn), what,
		 nvme_status_text(c->status, words, sizeof words));
	return SL_DEVICE;
}

static struct nvme_sqe identify_cmd(enum nvme_cns cns, uint32_t nsid, uint16_t cntid, uint64_t to)
{
	return (struct nvme_sqe){
		.opc = NVME_IDENTIFY,
		.nsid = nsid,
		.prp1 = to,
		.cdw10 = (uint32_t)cntid << 16 | cns, /* CDW11.CSI 0: NVM command set */
	};
}

enum sl_err nvme_identify(struct nvme_ctrl *c, enum nvme_cns cns, uint32_t nsid, uint16_t cdw10_cntid,
			  const volatile void **page)
{
	memset(mem_at(c, NVME_MEM_DATA), 0, PAGE_SIZE);
	*page = mem_at(c, NVME_MEM_DATA);
	return nvme_admin(c, "Identify", identify_cmd(cns, nsid, cdw10_cntid, iova_at(c, NVME_MEM_DATA)),
			  NULL);
}

/* Identify that controllers of earlier revisions do not know: an error status means that the page is not
 * there. */
static bool identify_optional(struct nvme_ctrl *c, enum nvme_cns cns, uint32_t nsid)
{
	memset(mem_at(c, NVME_MEM_DATA), 0, PAGE_SIZE);
	struct nvme_sqe cmd = identify_cmd(cns, nsid, 0, iova_at(c, NVME_MEM_DATA));
	return nvme_admin_try(c, cmd, NULL) == SL_OK && c->status == 0;
}

/* NVMe §5.16 */
static bool read_effects(struct nvme_ctrl *c)
{
	memset(mem_at(c, NVME_MEM_DATA), 0, PAGE_SIZE);
	struct nvme_sqe cmd = {
		.opc = NVME_GET_LOG,
		.nsid = NVME_NSID_ALL,
		.prp1 = iova_at(c, NVME_MEM_DATA),
		.cdw10 = (uint32_t)FPUT(LOG_NUMDL, PAGE_SIZE / 4 - 1) | NVME_LOG_EFFECTS,
	};
	return nvme_admin_try(c, cmd, NULL) == SL_OK && c->status == 0;
}

/* Pages of an I/O command set. Where they are not known, asking leaves an entry in the drive's Error
 * Information log, which lasts. */
static bool knows_csi(const struct nvme_ctrl *c)
{
	return c->vs >= VS_2_0 || c->cap & CAP_CSS_IOCS;
}

static enum sl_err identify_ctrl(struct nvme_ctrl *c)
{
	const volatile void *page;
	enum sl_err e = nvme_identify(c, NVME_CNS_CTRL, 0, 0, &page);
	if (e)
		return e;
	e = nvme_id_parse(page, &c->id);
	if (e) {
		log_fail("nvme", "update the controller's firmware",
			 BDF_FMT ": does not take entries of 64 and 16 bytes", BDF_ARG(c->fn));
		return e;
	}
	if (c->id.lpa & LPA_EFFECTS && read_effects(c))
		nvme_id_effects(mem_at(c, NVME_MEM_DATA), &c->id);
	if (knows_csi(c) && identify_optional(c, NVME_CNS_CTRL_CSI, 0))
		nvme_id_limits(mem_at(c, NVME_MEM_DATA), &c->id);
	return c->dead ? SL_DEVICE : SL_OK;
}

/* Once after each reset, before the first queue: NVMe §5.27.1.5. */
static enum sl_err ask_queues(struct nvme_ctrl *c)
{
	uint32_t got, n = c->io_queues - 1;
	if (!c->io_queues)
		return SL_OK;
	enum sl_err e = nvme_admin(c, "Set Features, Number of Queues",
				   (struct nvme_sqe){
					   .opc = NVME_SET_FEATURES,
					   .cdw10 = NVME_FEAT_QUEUES,
					   .cdw11 = (uint32_t)(FPUT(FEAT_NSQ, n) | FPUT(FEAT_NCQ, n)),
				   },
				   &got);
	if (e)
		return e;
	if (FGET(got, FEAT_NSQ) >= n && FGET(got, FEAT_NCQ) >= n)
		return SL_OK;
	log_fail("nvme", "use fewer VFs",
		 BDF_FMT ": wanted %u queue pairs, gives %u submission and %u completion queues",
		 BDF_ARG(c->fn), n + 1, (unsigned)FGET(got, FEAT_NSQ) + 1, (unsigned)FGET(got, FEAT_NCQ) + 1);
	return SL_NOSPACE;
}

/* With memory from the caller, dom and iova are ignored. */
static enum sl_err start(struct nvme_ctrl *c, struct domain *dom, iova_t iova)
{
	enum sl_err e = read_caps(c);
	if (e)
		return e;
	e = disable(c);
	if (e)
		return e;
	if (!c->mem_lent)
		e = dma_get(dom, iova, c->io_queues ? PAGE_2M : NVME_MEM_ADMIN, DOMAIN_RW, &c->mem);
	if (e) {
		log_fail("nvme", "give the machine more memory", BDF_FMT ": no queue memory at 0x%llx: %s",
			 BDF_ARG(c->fn), (ull)iova.v, sl_err_text(e));
		return e;
	}
	e = enable(c);
	if (e)
		return e;
	e = identify_ctrl(c);
	return e ? e : ask_queues(c);
}

static enum sl_err init(struct nvme_ctrl *c, const struct nvme_io *io, bdf_t fn, struct domain *dom,
			iova_t iova, unsigned io_queues)
{
	if (io_queues > NVME_IO_QUEUES)
		return SL_RANGE;
	c->io = *io;
	c->fn = fn;
	c->io_queues = io_queues;
	enum sl_err e = start(c, dom, iova);
	if (!e)
		return SL_OK;
	enum sl_err left = nvme_ctrl_fini(c);
	return left ? left : e;
}

enum sl_err nvme_ctrl_init(struct nvme_ctrl *c, const struct nvme_io *io, bdf_t fn, struct domain *dom,
			   iova_t iova, unsigned io_queues)
{
	memset(c, 0, sizeof *c);
	return init(c, io, fn, dom, iova, io_queues);
}

enum sl_err nvme_ctrl_init_in(struct nvme_ctrl *c, const struct nvme_io *io, bdf_t fn,
			      const struct dma_buf *mem, unsigned io_queues)
{
	memset(c, 0, sizeof *c);
	if (mem->len < NVME_MEM_SIZE(io_queues) || !IS_ALIGNED(mem->phys.v, PAGE_SIZE))
		return SL_RANGE;
	c->mem = *mem;
	c->mem_lent = true;
	return init(c, io, fn, mem->dom, mem->iova, io_queues);
}

static void delete_queue(struct nvme_ctrl *c, enum nvme_admin_opc opc, unsigned qid)
{
	enum sl_err e = nvme_admin(
		c, opc == NVME_DELETE_SQ ? "Delete I/O Submission Queue" : "Delete I/O Completion Queue",
		(struct nvme_sqe){.opc = (uint8_t)opc, .cdw10 = qid}, NULL);
	if (e) /* the reset that follows deletes it anyway */
		log_warn("nvme", BDF_FMT ": queue %u not deleted: %s", BDF_ARG(c->fn), qid, sl_err_text(e));
}

enum sl_err nvme_ctrl_fini(struct nvme_ctrl *c)
{
	if (!c->mem.va)
		return SL_OK;
	for (unsigned qid = 1; qid <= c->io_queues && !c->dead && nvme_ctrl_health(c) == SL_OK; qid++)
		if (c->created & BIT(qid)) {
			delete_queue(c, NVME_DELETE_SQ, qid);
			delete_queue(c, NVME_DELETE_CQ, qid);
		}
	if (!c->dead && nvme_ctrl_health(c) == SL_OK)
		shut_down(c);
	c->created = 0;
	if (disable(c))
		log_warn("nvme", BDF_FMT ": not stopped; its queue memory is unmapped all the same",
			 BDF_ARG(c->fn));
	c->dead = true;
	if (!c->mem_lent)
		return dma_put(&c->mem);
	c->mem = (struct dma_buf){0};
	return SL_OK;
}

enum sl_err nvme_ctrl_shadow(struct nvme_ctrl *c)
{
	uint32_t end = NVME_CQHDBL(c->io_queues, (unsigned)FGET(c->cap, CAP_DSTRD)) + 4;
	if (!(c->id.oacs & OACS_DBBUF) || !c->io_queues || end - NVME_DOORBELLS > PAGE_SIZE)
		return SL_UNSUPPORTED;
	memset(mem_at(c, NVME_MEM_SHADOW), 0, 2 * PAGE_SIZE);
	enum sl_err e = nvme_admin(c, "Doorbell Buffer Config",
				   (struct nvme_sqe){
					   .opc = NVME_DOORBELL_BUFFER,
					   .prp1 = iova_at(c, NVME_MEM_SHADOW),
					   .prp2 = iova_at(c, NVME_MEM_EVENT),
				   },
				   NULL);
	c->shadow = !e;
	return e;
}

static uint32_t pow2_at_least(uint32_t n)
{
	uint32_t p = 2;
	while (p < n)
		p *= 2;
	return p;
}

/* The largest power of two that CAP.MQES allows, at most NVME_CQ_MAX. */
static uint32_t ring_max(const struct nvme_ctrl *c)
{
	uint32_t entries = (uint32_t)FGET(c->cap, CAP_MQES) + 1, p = NVME_CQ_MAX;
	while (p > entries)
		p /= 2;
	return p;
}

uint32_t nvme_ctrl_depth(const struct nvme_ctrl *c)
{
	uint32_t most = ring_max(c) - 1;
	return most < NVME_DEPTH_MAX ? most : NVME_DEPTH_MAX;
}

static enum sl_err create_queues(struct nvme_ctrl *c, uint16_t qid, uint32_t irq, uint32_t sq_entries,
				 uint32_t cq_entries)
{
	uint64_t slot = (uint64_t)qid * NVME_SLOT;
	enum sl_err e = nvme_admin(c, "Create I/O Completion Queue",
				   (struct nvme_sqe){
					   .opc = NVME_CREATE_CQ,
					   .prp1 = iova_at(c, slot + NVME_SLOT_CQ),
					   .cdw10 = (uint32_t)FPUT(Q_CDW10_QSIZE, cq_entries - 1) | qid,
					   .cdw11 = (uint32_t)Q_CDW11_PC | irq,
				   },
				   NULL);
	if (e)
		return e;
	e = nvme_admin(c, "Create I/O Submission Queue",
		       (struct nvme_sqe){
			       .opc = NVME_CREATE_SQ,
			       .prp1 = iova_at(c, slot + NVME_SLOT_SQ),
			       .cdw10 = (uint32_t)FPUT(Q_CDW10_QSIZE, sq_entries - 1) | qid,
			       .cdw11 = (uint32_t)(FPUT(SQ_CDW11_CQID, qid) | Q_CDW11_PC),
		       },
		       NULL);
	if (e)
		delete_queue(c, NVME_DELETE_CQ, qid);
	else
		c->created |= (uint32_t)BIT(qid);
	return e;
}

/* irq: CQ_CDW11_IEN and CQ_CDW11_IV */
static enum sl_err make_queue(struct nvme_ctrl *c, uint16_t qid, uint32_t depth, uint32_t irq,
			      struct nvme_queue *out)
{
	if (!qid || qid > c->io_queues || !depth || depth > nvme_ctrl_depth(c))
		return SL_RANGE;
	if (c->created & BIT(qid))
		return SL_EXISTS;
	uint32_t sq_entries = pow2_at_least(depth + 1), cq_entries = pow2_at_least(2 * depth),
		 most = ring_max(c);
	if (cq_entries < CQ_MIN)
		cq_entries = CQ_MIN;
	if (cq_entries > most)
		cq_entries = most;
	uint64_t slot = (uint64_t)qid * NVME_SLOT;
	struct nvme_queue_mem mem = queue_mem(c, qid, slot + NVME_SLOT_SQ, slot + NVME_SLOT_CQ);
	enum sl_err e = nvme_queue_init(out, qid, depth, &mem, sq_entries, cq_entries);
	return e ? e : create_queues(c, qid, irq, sq_entries, cq_entries);
}

enum sl_err nvme_ctrl_queue(struct nvme_ctrl *c, uint16_t qid, uint32_t depth, struct nvme_queue *out)
{
	return make_queue(c, qid, depth, 0, out);
}

enum sl_err nvme_ctrl_queue_irq(struct nvme_ctrl *c, uint16_t qid, uint32_t depth, uint16_t vector,
				struct nvme_queue *out)
{
	return make_queue(c, qid, depth, (uint32_t)(CQ_CDW11_IEN | FPUT(CQ_CDW11_IV, vector)), out);
}

enum sl_err nvme_ns_next(struct nvme_ctrl *c, enum nvme_ns_list list, uint32_t after, uint32_t *nsid)
{
	const volatile void *page;
	enum nvme_cns cns = list == NVME_NS_ACTIVE ? NVME_CNS_ACTIVE_LIST : NVME_CNS_ALLOCATED_LIST;
	if (after >= NVME_NSID_LAST)
		return SL_END;
	enum sl_err e = nvme_identify(c, cns, after, 0, &page);
	if (e)
		return e;
	uint32_t first = *(const volatile uint32_t *)page;
	if (!first)
		return SL_END;
	if (first <= after || first > NVME_NSID_LAST) {
		log_fail("nvme", "update the controller's firmware",
			 BDF_FMT ": namespace list has 0x%x after 0x%x", BDF_ARG(c->fn), first, after);
		return SL_BADVAL;
	}
	*nsid = first;
	return SL_OK;
}

enum sl_err nvme_ns_get(struct nvme_ctrl *c, enum nvme_ns_list list, uint32_t nsid, struct nvme_ns *out)
{
	unsigned format;
	char words[96];
	enum nvme_cns cns = list == NVME_NS_ACTIVE ? NVME_CNS_NS : NVME_CNS_ALLOCATED_NS;
	memset(mem_at(c, NVME_MEM_DATA), 0, PAGE_SIZE);
	enum sl_err e = nvme_admin_try(c, identify_cmd(cns, nsid, 0, iova_at(c, NVME_MEM_DATA)), NULL);
	if (e)
		return e;
	if (c->status) { /* of another command set than ours, for one */
		log_line("nvme", BDF_FMT ": namespace %u not used: Identify: %s", BDF_ARG(c->fn), nsid,
			 nvme_status_text(c->status, words, sizeof words));
		return SL_UNSUPPORTED;
	}
	if (nvme_ns_parse(mem_at(c, NVME_MEM_DATA), nsid, out, &format)) {
		log_line("nvme",
			 BDF_FMT ": namespace %u not used: it reports impossible values, or a newer format",
			 BDF_ARG(c->fn), nsid);
		return SL_UNSUPPORTED;
	}
	if (out->pi_type && c->id.ctratt & CTRATT_ELBAS && knows_csi(c) &&
	    identify_optional(c, NVME_CNS_NS_CSI, nsid))
		nvme_ns_pi_format(mem_at(c, NVME_MEM_DATA), format, out);
	return c->dead ? SL_DEVICE : SL_OK;
}
