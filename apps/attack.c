#include "apps/party.h"
#include "apps/pattern.h"
#include "drivers/edu/edu.h"
#include "drivers/nvme/status.h"
#include "kernel/fmt.h"
#include "kernel/panic.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/irq.h"

#define FAULT_WAIT_US 200000u
#define MSIX_US       5000u                   /* until an interrupt is out of the function */
#define GUARDS_MAX    (4 * (VFS_MAX + 2) + 8) /* four things an attacker, the kernel's, passing ones */
#define HEALTH_CHUNK  7u                      /* read by the attacker, as data and for its health */

static _Alignas(PAGE_SIZE) uint8_t kernel_data[PAGE_SIZE];

/* A page of the kernel's text that nobody executes. */
__asm__(".pushsection .text, \"ax\", @progbits\n"
	".balign 4096\n"
	"kernel_text_page: .fill 4096, 1, 0xcc\n"
	".popsection\n");
extern const uint8_t kernel_text_page[PAGE_SIZE];

static struct {
	const void *va; /* NULL: registers */
	const struct nvme_io *regs;
	size_t len;
} guard[GUARDS_MAX];
static unsigned guards;

/* What VFs do while another one attacks. */
static struct {
	bool on, right;
	unsigned each; /* operations of one VF in flight: reads first, then writes */
	uint64_t ops;
	bool active[VFS_MAX];
	uint32_t chunk[VFS_MAX];
} work;

uint8_t *attack_kernel_data(void)
{
	return kernel_data;
}

const uint8_t *attack_kernel_text(void)
{
	return kernel_text_page;
}

void attack_guard_none(void)
{
	guards = 0;
}

void attack_guard(const void *va, size_t len)
{
	ASSERT(guards < ARRAY_LEN(guard)); /* a place left out would pass for untouched */
	guard[guards].va = va;
	guard[guards++].len = len;
}

void attack_guard_regs(const struct nvme_io *io)
{
	ASSERT(guards < ARRAY_LEN(guard));
	guard[guards].va = NULL;
	guard[guards++].regs = io;
}

static uint64_t guarded_sum(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < guards; i++)
		sum = sum * 31 +
		      (guard[i].va ? pattern_sum(guard[i].va, guard[i].len) : nvme_ctrl_sum(guard[i].regs));
	return sum;
}

static unsigned reads(void)
{
	return (work.each + 1) / 2;
}

/* Reads of chunks that are known, and writes of the same data again to the ones after them; the next round
 * reads those. */
static void work_start(struct vf *vf)
{
	uint64_t room = store_chunks(vf->data) - 1;
	struct batch *b = &vf->batch;
	b->n = work.each;
	for (unsigned i = 0; i < b->n; i++) {
		bool read = i < reads();
		uint64_t chunk = (work.chunk[vf->index] + i) % (room < TIMED_CHUNKS ? room : TIMED_CHUNKS);
		b->req[i] = vf_request(vf, vf->data, read ? ACCEL_READ : ACCEL_WRITE, chunk, i);
		pattern_fill(vf_buffer(vf, i), CHUNK, read ? 1 : timed_seed(vf, chunk));
	}
	work.active[vf->index] = batch_start(vf) == SL_OK;
	work.right &= work.active[vf->index];
}

static void work_check(struct vf *vf)
{
	const struct batch *b = &vf->batch;
	uint32_t blocks = (uint32_t)(CHUNK / vf->data->block);
	work.active[vf->index] = false;
	for (unsigned i = 0; i < b->n; i++) {
		uint64_t chunk = (b->req[i].lba - vf->data->first_lba) / blocks;
		work.right &=
			b->status[i] == 0 && pattern_check(vf_buffer(vf, i), CHUNK, timed_seed(vf, chunk));
	}
	work.ops += b->n;
	work.chunk[vf->index] += reads();
}

static void work_begin(struct machine *m, const struct vf *except)
{
	unsigned others = 0;
	for (unsigned i = 0; i < m->vfs; i++)
		others += m->vf[i].accel && &m->vf[i] != except;
	work.each = others > 16 ? 1 : others > 4 ? 4 : 8;
	work.on = work.right = true;
	for (unsigned i = 0; i < m->vfs; i++)
		if (m->vf[i].accel && &m->vf[i] != except)
			work_start(&m->vf[i]);
}

/* While an attack takes long: whoever is through begins again. */
static void work_turn(struct machine *m)
{
	for (unsigned i = 0; work.on && i < m->vfs; i++) {
		struct vf *vf = &m->vf[i];
		if (!work.active[i])
			continue;
		batch_poll(vf);
		if (vf->batch.done < vf->batch.n)
			continue;
		work_check(vf);
		work_start(vf);
	}
}

/* True when all of it was right. */
static bool work_end(struct machine *m)
{
	work.on = false;
	if (batch_finish(m))
		return false;
	for (unsigned i = 0; i < m->vfs; i++)
		if (work.active[i])
			work_check(&m->vf[i]);
	return work.right;
}

uint64_t attack_verified(void)
{
	return work.ops;
}

/* A chunk that no other phase uses: what a VF read from memory goes there, and is looked at. */
static uint64_t leak_chunk(const struct vf *vf)
{
	return store_chunks(vf->data) - 1;
}

static enum sl_err one_request(struct machine *m, struct vf *vf, const struct accel_req *r, uint16_t *status)
{
	vf->batch.n = 1;
	vf->batch.req[0] = *r;
	enum sl_err e = batch_start(vf);
	if (!e)
		e = batch_finish(m);
	*status = vf->batch.status[0];
	return e;
}

/* The attacker's own ring goes on. */
static bool works(struct machine *m, struct vf *vf)
{
	struct accel_req r = vf_request(vf, vf->data, ACCEL_READ, HEALTH_CHUNK, 0);
	uint16_t status;
	pattern_fill(vf_buffer(vf, 0), CHUNK, 1);
	return one_request(m, vf, &r, &status) == SL_OK && !status &&
	       pattern_check(vf_buffer(vf, 0), CHUNK, timed_seed(vf, HEALTH_CHUNK));
}

static enum sl_err strike_vf(struct machine *m, struct vf *vf, const struct attack *a, char *said, size_t n)
{
	uint64_t chunk = a->write ? HEALTH_CHUNK : leak_chunk(vf);
	struct accel_req r = vf_request(vf, vf->data, a->write ? ACCEL_READ : ACCEL_WRITE, chunk, 0);
	uint16_t status;
	r.blocks = (uint16_t)(r.blocks * (a->len / CHUNK));
	r.data = IOVA(a->to);
	enum sl_err e = one_request(m, vf, &r, &status);
	if (status)
		vf->accel->drv->status_text(status, said, n);
	return e;
}

static enum sl_err strike_admin(struct nvme_ctrl *c, const struct attack *a, char *said, size_t n)
{
	enum sl_err e = a->len == 4 ? nvme_dword_at(c, IOVA(a->to)) : nvme_identify_at(c, IOVA(a->to));
	if (!e && c->status)
		nvme_status_text(c->status, said, n);
	return e;
}

/* It stops at the first queue access that is refused, and says so in its status register. */
static enum sl_err strike_fetch(const struct nvme_io *io, const struct attack *a)
{
	return nvme_ctrl_provoke(io, IOVA(a->to));
}

static uint32_t edu_len(const struct attack *a)
{
	return a->len < EDU_BUFFER ? a->len : EDU_BUFFER;
}

static enum sl_err strike_edu(struct machine *m, struct edu *edu, const struct attack *a)
{
	enum sl_err e = edu_start(edu, a->to, edu_len(a), a->write);
	if (e)
		return e;
	while ((e = edu_poll(edu)) == SL_BUSY)
		work_turn(m);
	return e;
}

/* Any admin command makes an interrupt on vector 0; one may be waiting behind the mask already. */
static enum sl_err strike_msix(struct vf *vf, const struct attack *a)
{
	const volatile void *page;
	enum sl_err e = msix_set(&vf->msix, 0, a->to, a->data);
	if (!e)
		e = nvme_identify(vf->nvme.ctrl, NVME_CNS_CTRL, 0, 0, &page);
	delay_us(MSIX_US);
	enum sl_err masked = msix_mask(&vf->msix, 0, true);
	return e ? e : masked;
}

enum sl_err attack_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			  size_t n)
{
	fmt_print(said, n, "%s", by->edu || by->fetch ? "nothing" : "success");
	if (by->fetch)
		return strike_fetch(by->fetch, a);
	if (by->pf)
		return strike_admin(by->pf, a, said, n);
	if (a->msix)
		return strike_msix(by->vf, a);
	if (by->vf && a->len == 4)
		return strike_admin(by->vf->nvme.ctrl, a, said, n);
	if (by->vf)
		return strike_vf(m, by->vf, a, said, n);
	return strike_edu(m, by->edu, a);
}

/* What edu has in its buffer before: the message of an interrupt, or something else than the secret that it
 * is to read. */
static enum sl_err load(struct attacker *by, const struct attack *a)
{
	memset(by->edu_va, 0x5a, CHUNK);
	if (a->interrupt)
		memcpy(by->edu_va, &a->data, sizeof a->data);
	return edu_dma(by->edu, by->edu_page, EDU_BUFFER, false);
}

/* Interrupts that got through: those that are waited for, and those that nobody handles. */
static uint64_t arrivals(const struct attack *a)
{
	uint8_t last;
	return a->arrived ? __atomic_load_n(a->arrived, __ATOMIC_ACQUIRE) + irq_strays(&last) : 0;
}

/* Did a read get the secret? Looks at the medium, or into edu's buffer. */
static bool leaked(struct machine *m, struct attacker *by, const struct attack *a)
{
	if (!a->secret)
		return false;
	if (by->edu)
		return edu_dma(by->edu, by->edu_page, edu_len(a), true) == SL_OK &&
		       memcmp(by->edu_va, a->secret, edu_len(a)) == 0;
	struct accel_req r = vf_request(by->vf, by->vf->data, ACCEL_READ, leak_chunk(by->vf), 1);
	uint16_t status;
	r.tag = 0;
	return one_request(m, by->vf, &r, &status) == SL_OK &&
	       memcmp(vf_buffer(by->vf, 1), a->secret, CHUNK) == 0;
}

bool attack_fault(struct machine *m, struct iommu_fault *f)
{
	uint64_t deadline = now_us() + FAULT_WAIT_US;
	for (;;) {
		bool late = now_us() > deadline;
		if (iommu_fault_claimed(&m->iommu, f) == SL_OK)
			return true;
		if (late)
			return false;
	}
}

static bool fault_right(bdf_t from, const struct attack *a, const struct iommu_fault *f)
{
	if (a->interrupt)
		return (bdf_eq(f->bdf, from) || (!a->msix && f->bdf.rid == FAULT_NAMELESS)) &&
		       f->reason == a->reason && (a->reason == REASON_COMPAT || f->iova.v >> 48 == a->index);
	return bdf_eq(f->bdf, from) && f->iova.v == ALIGN_DOWN(a->fault_at, PAGE_SIZE) &&
	       f->write == a->write && f->reason == a->reason;
}

bool attack_possible(const struct attacker *by, const struct attack *a)
{
	if (a->msix)
		return by->vf && by->vf->msix.vectors;
	bool admin = a->write && IS_ALIGNED(a->to, 4) && (a->len == 4 || a->len == CHUNK);
	if (by->fetch)
		return !a->write && IS_ALIGNED(a->to, CHUNK);
	if (by->pf)
		return admin;
	if (by->vf)
		return (admin && a->len == 4) || (IS_ALIGNED(a->to, CHUNK) && IS_ALIGNED(a->len, CHUNK) &&
						  (a->write || by->vf->accel->can & BIT(ACCEL_WRITE)));
	return a->len <= CHUNK;
}

/* The tables in memory, read from the root by code that did not build them, refuse it for the same reason. */
static bool tables_refuse(struct machine *m, bdf_t from, const struct attack *a)
{
	struct vtd_walk w;
	return !translated(m) || a->interrupt ||
	       (iommu_walk(&m->iommu, from, IOVA(ALIGN_DOWN(a->fault_at, PAGE_SIZE)), &w) == SL_OK &&
		(a->write ? w.reason_write : w.reason_read) == a->reason);
}

void attack_run(struct machine *m, struct attacker *by, const struct attack *a, struct attack_result *out)
{
	bdf_t from = function_requester(m, by->fn);
	*out = (struct attack_result){.outcome = ATTACK_HARMED};
	enum sl_err e = by->edu && (!a->write || a->interrupt) ? load(by, a) : SL_OK;
	if (!e && *by->dom)
		e = domain_flush(*by->dom);
	if (e)
		return;
	if (a->interrupt)
		iommu_fault_claim_interrupts(&m->iommu, from);
	else
		iommu_fault_claim(&m->iommu, from);
	uint64_t before = guarded_sum(), arrived = arrivals(a);
	work_begin(m, by->vf);
	e = attack_strike(m, by, a, out->said, sizeof out->said);
	out->recorded = attack_fault(m, &out->fault);
	if (by->fetch)
		fmt_print(out->said, sizeof out->said, "CSTS %x", nvme_ctrl_csts(by->fetch));
	bool others = work_end(m), changed = guarded_sum() != before;
	if (changed || (!a->write && leaked(m, by, a)))
		out->outcome = ATTACK_SUCCEEDED;
	else if (arrivals(a) != arrived)
		out->outcome = ATTACK_ARRIVED;
	else if (!out->recorded && !a->arrived)
		out->outcome = ATTACK_SILENT;
	else if (out->recorded && !fault_right(from, a, &out->fault))
		out->outcome = ATTACK_MISTOLD;
	else if (!tables_refuse(m, from, a))
		out->outcome = ATTACK_OTHERWISE;
	else if (!e && others && (!by->vf || works(m, by->vf)))
		out->outcome = ATTACK_REFUSED;
	iommu_fault_unclaim(&m->iommu);
}

const char *attack_outcome_text(enum attack_outcome o)
{
	static const char *const text[] = {"refused",
					   "SUCCEEDED: memory was reached",
					   "the interrupt arrived",
					   "no effect, but nothing was recorded",
					   "no effect, but the wrong fault was recorded",
					   "refused, but the tables in memory say otherwise",
					   "refused, but not everything works as before"};
	return text[o];
}
