/* NVMe controllers as attackers. A VF reads and writes on its ring with any address; a PF (or a controller
 * without SR-IOV) gets Identify with any address, and Get Log Page for 4 bytes to any address: neither writes
 * to its medium; a controller that no driver has open is started on queues at any address and fetches a
 * command from there. */
#include "apps/proof/attackers.h"
#include "apps/proof/strike_nvme.h"
#include "apps/vf/nvme.h"
#include "apps/vf/batch.h"
#include "apps/vf/msix.h"
#include "apps/vf/wait.h"
#include "apps/work/pattern.h"
#include "apps/work/timed.h"
#include "drivers/nvme/regs.h"
#include "drivers/nvme/reset.h"
#include "drivers/nvme/status.h"
#include "kernel/fmt.h"
#include "kernel/mmio.h"
#include "kernel/str.h"

#define HEALTH_CHUNK 7u /* read by the attacker, as data and for its health */
#define LOOK_TAG     1u /* whose buffer takes the data to be examined */

/* ---- commands to the admin queue, with any address ---- */

/* Identify Controller, to a multiple of 4. */
static enum sl_err identify_at(struct nvme_ctrl *c, uint64_t to)
{
	struct nvme_sqe cmd = {.opc = NVME_IDENTIFY, .prp1 = to, .cdw10 = NVME_CNS_CTRL};
	if (!IS_ALIGNED(to, PAGE_SIZE)) /* the rest goes to the start of the next page: NVMe §4.1.1 */
		cmd.prp2 = ALIGN_UP(to, PAGE_SIZE);
	return nvme_admin_try(c, cmd, NULL);
}

/* 4 bytes: the first of the Firmware Slot log, of which the upper three are zero. NVMe §5.16.1.4 */
static enum sl_err dword_at(struct nvme_ctrl *c, uint64_t to)
{
	struct nvme_sqe cmd = {
		.opc = NVME_GET_LOG,
		.nsid = NVME_NSID_ALL, /* as controllers before 2.0 require: NVMe 1.4 §5.14 */
		.prp1 = to,
		.cdw10 = NVME_LOG_FIRMWARE, /* NUMD 0: one dword */
	};
	return nvme_admin_try(c, cmd, NULL);
}

enum sl_err strike_nvme_admin(struct nvme_ctrl *c, const struct attack *a, char *said, size_t n)
{
	fmt_print(said, n, "%s", "success");
	enum sl_err e = a->len == 4 ? dword_at(c, a->to) : identify_at(c, a->to);
	if (!e && c->status)
		nvme_status_text(c->status, said, n);
	return e;
}

/* Any admin command makes an interrupt on vector 0. */
enum sl_err strike_nvme_kick(struct nvme_ctrl *c)
{
	const volatile void *page;
	return nvme_identify(c, NVME_CNS_CTRL, 0, 0, &page);
}

/* A sum of the registers up to ACQ. Reading them changes nothing. */
uint64_t strike_nvme_regs(const void *of)
{
	const nvme_reg32_t small[] = {NVME_VS, NVME_CC, NVME_CSTS, NVME_AQA};
	const nvme_reg64_t large[] = {NVME_CAP, NVME_ASQ, NVME_ACQ};
	const struct nvme_io *io = of;
	uint64_t sum = 0;
	for (unsigned i = 0; i < ARRAY_LEN(small); i++)
		sum = sum * 31 + nvme_rd32(io, small[i]);
	for (unsigned i = 0; i < ARRAY_LEN(large); i++)
		sum = sum * 31 + nvme_rd64(io, large[i]);
	return sum;
}

/* ---- a VF ---- */

/* A chunk that no other phase uses: the data a VF read from memory goes there to be examined. */
static uint64_t leak_chunk(const struct vf *vf)
{
	return store_chunks(vf->data) - 1;
}

static enum sl_err one_request(struct machine *m, struct vf *vf, const struct block_req *r, uint16_t *status)
{
	vf->batch.n = 1;
	vf->batch.req[0] = *r;
	vf->batch.req[0].tag = 0;
	enum sl_err e = batch_start(vf);
	if (!e) /* others may have work in flight, or what is left of an earlier stage */
		e = batch_finish_some(m, vf->index, 1);
	*status = vf->batch.status[0];
	return e;
}

/* A chunk between the medium and the tag's buffer. SL_DEVICE after an error status. */
static enum sl_err move_chunk(struct machine *m, struct vf *vf, enum block_op op, uint64_t chunk,
			      unsigned tag)
{
	struct block_req r = vf_request(vf, vf->data, op, chunk, tag);
	uint16_t status;
	enum sl_err e = one_request(m, vf, &r, &status);
	return e ? e : status ? SL_DEVICE : SL_OK;
}

static bool vf_can(const struct attacker *by, const struct attack *a)
{
	const struct vf *vf = by->dev;
	bool dword = a->write && a->len == 4 && IS_ALIGNED(a->to, 4);
	return dword || (IS_ALIGNED(a->to, CHUNK) && IS_ALIGNED(a->len, CHUNK) &&
			 (a->write || vf->medium->can & BIT(BLOCK_WRITE)));
}

static enum sl_err vf_prepare(struct machine *m, struct attacker *by, const struct attack *a)
{
	struct vf *vf = by->dev;
	if (a->write)
		return SL_OK;
	strike_fill_old(vf_buffer(vf, LOOK_TAG));
	return move_chunk(m, vf, BLOCK_WRITE, leak_chunk(vf), LOOK_TAG);
}

static enum sl_err vf_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			     size_t n)
{
	struct vf *vf = by->dev;
	if (a->len == 4)
		return strike_nvme_admin(nvme_of(vf)->ctrl, a, said, n);
	uint64_t chunk = a->write ? HEALTH_CHUNK : leak_chunk(vf);
	struct block_req r = vf_request(vf, vf->data, a->write ? BLOCK_READ : BLOCK_WRITE, chunk, 0);
	uint16_t status;
	r.blocks = (uint16_t)(r.blocks * (a->len / CHUNK));
	r.data = IOVA(a->to);
	fmt_print(said, n, "%s", "success");
	enum sl_err e = one_request(m, vf, &r, &status);
	if (status)
		vf->queue->ops->status_text(status, said, n);
	return e;
}

/* Through a buffer of the VF's, which is wiped before: data that is not looked at must not pass for what is
 * old. */
static uint32_t vf_leaked(struct machine *m, struct attacker *by, const struct attack *a, uint64_t *words)
{
	struct vf *vf = by->dev;
	(void)a;
	memset(vf_buffer(vf, LOOK_TAG), 0x33, CHUNK);
	if (move_chunk(m, vf, BLOCK_READ, leak_chunk(vf), LOOK_TAG))
		return 0;
	memcpy(words, vf_buffer(vf, LOOK_TAG), CHUNK);
	return CHUNK;
}

/* The attacker's own ring continues. */
static bool vf_works(struct machine *m, struct attacker *by)
{
	struct vf *vf = by->dev;
	pattern_fill(vf_buffer(vf, 0), CHUNK, 1);
	return move_chunk(m, vf, BLOCK_READ, HEALTH_CHUNK, 0) == SL_OK &&
	       pattern_check(vf_buffer(vf, 0), CHUNK, timed_seed(vf, HEALTH_CHUNK));
}

static enum sl_err vf_kick(struct machine *m, struct attacker *by)
{
	struct vf *vf = by->dev;
	(void)m;
	return strike_nvme_kick(nvme_of(vf)->ctrl);
}

static void vf_guard(struct machine *m)
{
	for (unsigned i = 0; i < m->vfs; i++)
		if (m->vf[i].medium)
			guard_regs(strike_nvme_regs, &nvme_of(&m->vf[i])->ctrl->io);
}

static struct nvme_vf_cfg closed; /* the VF that is released, as it was open */

/* Its controller is closed, and fetches from then on: it stops at its first queue access that is refused, so
 * it can have no queue of its own. */
static enum sl_err vf_release(struct machine *m, struct attacker *by, struct attacker *bare)
{
	struct vf *vf = by->dev;
	bool irqs;
	enum sl_err e = wait_check(m, &irqs);
	if (e)
		return e;
	closed = (struct nvme_vf_cfg){.io = nvme_of(vf)->ctrl->io,
				      .fn = vf->fn->bdf,
				      .mem = &vf->queues,
				      .irq = irqs && vf->msix.vectors,
				      .shadow = m->cfg->doorbell == DOORBELL_SHADOW,
				      .queues = m->cfg->queues,
				      .depth = vf->queue->depth,
				      .share = vf->index,
				      .shares = m->vfs};
	e = nvme_vf_close(nvme_of(vf));
	vf_stores(vf, NULL);
	*bare = *by;
	bare->ops = &strike_nvme_fetch;
	bare->dev = &closed.io;
	return e;
}

static enum sl_err vf_restore(struct machine *m, struct attacker *by)
{
	struct vf *vf = by->dev;
	bool reset = false;
	enum sl_err e = nvme_fatal_reset(&m->pci, vf->fn, &closed.io, &reset);
	if (!e && reset && vf->msix.vectors) { /* a function level reset switched them off */
		vf_msix_close(vf);
		e = vf_msix_open(vf);
	}
	if (!e)
		e = nvme_vf_open(nvme_of(vf), &closed);
	if (!e)
		vf_stores(vf, &nvme_of(vf)->block);
	return e;
}

static enum sl_err vf_gather(struct machine *m, struct attackers *all, const struct strike_ops *self)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < m->vfs && !e; i++) {
		struct vf *vf = &m->vf[i];
		if (!vf->medium)
			continue;
		struct attacker by = {.fn = vf->fn,
				      .dom = &vf->dom,
				      .ops = self,
				      .dev = vf,
				      .msix = &vf->msix,
				      .own = {{&vf->block, DOMAIN_RW}, {&vf->readonly, DOMAIN_R}}};
		fmt_print(by.name, sizeof by.name, "VF%u", i);
		e = attackers_add(m, all, &by);
	}
	return e;
}

const struct strike_ops strike_nvme_vf = {.how = "reads and writes on its ring, 4 bytes by Get Log Page",
					  .least = 4,
					  .most = 2 * CHUNK,
					  .open = vf_gather,
					  .guard = vf_guard,
					  .can = vf_can,
					  .prepare = vf_prepare,
					  .strike = vf_strike,
					  .leaked = vf_leaked,
					  .healthy = vf_works,
					  .kick = vf_kick,
					  .release = vf_release,
					  .restore = vf_restore};

/* ---- a PF, or a controller without SR-IOV ---- */

static bool pf_can(const struct attacker *by, const struct attack *a)
{
	(void)by;
	return a->write && IS_ALIGNED(a->to, 4) && (a->len == 4 || a->len == CHUNK);
}

static enum sl_err pf_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			     size_t n)
{
	(void)m;
	return strike_nvme_admin(by->dev, a, said, n);
}

static bool pf_works(struct machine *m, struct attacker *by)
{
	(void)m;
	return nvme_ctrl_health(by->dev) == SL_OK;
}

static enum sl_err pf_kick(struct machine *m, struct attacker *by)
{
	(void)m;
	return strike_nvme_kick(by->dev);
}

static void pf_guard(struct machine *m)
{
	if (m->pf_open && m->pf_own)
		guard_regs(strike_nvme_regs, &nvme_pf_of(m)->ctrl.io);
}

static enum sl_err pf_gather(struct machine *m, struct attackers *all, const struct strike_ops *self)
{
	if (!m->pf || !m->pf_own) /* none, or of another kind */
		return SL_OK;
	return attackers_add(m, all,
			     &(struct attacker){.name = "PF",
						.fn = m->pf,
						.dom = &m->pf_dom,
						.ops = self,
						.dev = &nvme_pf_of(m)->ctrl,
						.own = {{&nvme_pf_of(m)->ctrl.mem, DOMAIN_RW}}});
}

const struct strike_ops strike_nvme_pf = {.how = "Identify and Get Log Page, which write to no medium",
					  .least = 4,
					  .most = CHUNK,
					  .open = pf_gather,
					  .guard = pf_guard,
					  .can = pf_can,
					  .strike = pf_strike,
					  .healthy = pf_works,
					  .kick = pf_kick};

/* ---- a controller that no driver has open ---- */

static bool fetch_can(const struct attacker *by, const struct attack *a)
{
	(void)by;
	return !a->write && IS_ALIGNED(a->to, CHUNK);
}

/* It stops at the first queue access that is refused. The next driver to open it resets it. */
static enum sl_err fetch_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
				size_t n)
{
	const struct nvme_io *io = by->dev;
	(void)m;
	fmt_print(said, n, "%s", "success");
	enum sl_err e = nvme_ctrl_stop(io, by->fn->bdf);
	if (e)
		return e;
	nvme_wr32(io, NVME_AQA, FPUT(AQA_ASQS, 1) | FPUT(AQA_ACQS, 1));
	nvme_wr64(io, NVME_ASQ, a->to);
	nvme_wr64(io, NVME_ACQ, a->to + PAGE_SIZE);
	nvme_wr32(io, NVME_CC, FPUT(CC_IOSQES, NVME_SQES) | FPUT(CC_IOCQES, NVME_CQES) | CC_EN);
	e = nvme_ctrl_wait_ready(io, by->fn->bdf);
	if (e)
		return e;
	volatile uint8_t *bell =
		io->regs + NVME_SQTDBL(0, (unsigned)FGET(nvme_rd64(io, NVME_CAP), CAP_DSTRD));
	mmio_doorbell32((volatile uint32_t *)(volatile void *)bell, 1);
	return SL_OK;
}

/* It has stopped by then, or not. */
static void fetch_after(const struct attacker *by, char *said, size_t n)
{
	const struct nvme_io *io = by->dev;
	fmt_print(said, n, "CSTS %x", nvme_rd32(io, NVME_CSTS));
}

const struct strike_ops strike_nvme_fetch = {
	.how = "fetches a command", .can = fetch_can, .strike = fetch_strike, .after = fetch_after};
