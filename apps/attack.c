#include "apps/attack.h"
#include "apps/pattern.h"
#include "drivers/edu/edu.h"
#include "drivers/nvme/status.h"
#include "kernel/fmt.h"
#include "kernel/panic.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define FAULT_WAIT_US 200000u
#define GUARDS_MAX    (3 * (VFS_MAX + 2) + 8) /* three pages an attacker, the kernel's, passing ones */
#define HEALTH_CHUNK  7u                      /* read by everyone after each attack */

static _Alignas(PAGE_SIZE) uint8_t kernel_data[PAGE_SIZE];

/* A page of the kernel's text that nobody executes. */
__asm__(".pushsection .text, \"ax\", @progbits\n"
	".balign 4096\n"
	"kernel_text_page: .fill 4096, 1, 0xcc\n"
	".popsection\n");
extern const uint8_t kernel_text_page[PAGE_SIZE];

static struct {
	const void *va;
	size_t len;
} guard[GUARDS_MAX];
static unsigned guards;

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

static uint64_t guarded_sum(void)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < guards; i++)
		sum = sum * 31 + pattern_sum(guard[i].va, guard[i].len);
	return sum;
}

/* One chunk read by every VF, the attacker too: rings go on, data and medium are what they were. */
static bool all_work(struct machine *m)
{
	for (unsigned i = 0; i < m->vfs; i++) {
		struct vf *vf = &m->vf[i];
		vf->batch.n = 1;
		vf->batch.req[0] = vf_request(vf, vf->data, ACCEL_READ, HEALTH_CHUNK, 0);
		pattern_fill(vf_buffer(vf, 0), CHUNK, 1);
		if (batch_start(vf))
			return false;
	}
	if (batch_finish(m))
		return false;
	bool right = true;
	for (unsigned i = 0; i < m->vfs; i++)
		right &= m->vf[i].batch.status[0] == 0 &&
			 pattern_check(vf_buffer(&m->vf[i], 0), CHUNK, timed_seed(&m->vf[i], HEALTH_CHUNK));
	return right;
}

/* A chunk that no other phase uses: what a VF read from memory goes there, and is looked at. */
static uint64_t leak_chunk(const struct vf *vf)
{
	return store_chunks(vf->data) - 1;
}

static enum sl_err one_request(struct machine *m, struct vf *vf, const struct accel_req *r, uint16_t *status)
{
	for (unsigned i = 0; i < m->vfs; i++)
		m->vf[i].batch.n = m->vf[i].batch.done = 0;
	vf->batch.n = 1;
	vf->batch.req[0] = *r;
	enum sl_err e = batch_start(vf);
	if (!e)
		e = batch_finish(m);
	*status = vf->batch.status[0];
	return e;
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

static enum sl_err strike_pf(struct nvme_ctrl *c, const struct attack *a, char *said, size_t n)
{
	enum sl_err e = nvme_identify_at(c, IOVA(a->to));
	if (!e && c->status)
		nvme_status_text(c->status, said, n);
	return e;
}

static uint32_t edu_len(const struct attack *a)
{
	return a->len < EDU_BUFFER ? a->len : EDU_BUFFER;
}

enum sl_err attack_strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			  size_t n)
{
	fmt_print(said, n, "%s", by->edu ? "nothing" : "success");
	if (by->vf)
		return strike_vf(m, by->vf, a, said, n);
	if (by->pf)
		return strike_pf(by->pf, a, said, n);
	return edu_dma(by->edu, a->to, edu_len(a), a->write);
}

/* Before a read by edu: its buffer holds something else than the secret. */
static enum sl_err wipe(struct attacker *by)
{
	memset(by->edu_va, 0x5a, CHUNK);
	return edu_dma(by->edu, by->edu_page, EDU_BUFFER, false);
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

static bool fault_right(const struct attacker *by, const struct attack *a, const struct iommu_fault *f)
{
	return bdf_eq(f->bdf, by->fn) && f->iova.v == ALIGN_DOWN(a->fault_at, PAGE_SIZE) &&
	       f->write == a->write && f->reason == a->reason;
}

bool attack_possible(const struct attacker *by, const struct attack *a)
{
	if (by->vf)
		return IS_ALIGNED(a->to, CHUNK) && IS_ALIGNED(a->len, CHUNK) &&
		       (a->write || by->vf->accel->can & BIT(ACCEL_WRITE));
	if (by->pf)
		return a->write && a->len == CHUNK && IS_ALIGNED(a->to, CHUNK);
	return a->len <= CHUNK;
}

void attack_run(struct machine *m, struct attacker *by, const struct attack *a, struct attack_result *out)
{
	*out = (struct attack_result){.outcome = ATTACK_HARMED};
	enum sl_err e = by->edu && !a->write ? wipe(by) : SL_OK;
	if (!e && *by->dom)
		e = domain_flush(*by->dom);
	if (e)
		return;
	iommu_fault_claim(&m->iommu, by->fn);
	uint64_t before = guarded_sum();
	e = attack_strike(m, by, a, out->said, sizeof out->said);
	out->recorded = attack_fault(m, &out->fault);
	bool changed = guarded_sum() != before;
	if (changed || (!a->write && leaked(m, by, a)))
		out->outcome = ATTACK_SUCCEEDED;
	else if (!out->recorded)
		out->outcome = ATTACK_SILENT;
	else if (!fault_right(by, a, &out->fault))
		out->outcome = ATTACK_MISTOLD;
	iommu_fault_unclaim(&m->iommu);
	if (out->outcome == ATTACK_HARMED && !e && all_work(m))
		out->outcome = ATTACK_REFUSED;
}

const char *attack_outcome_text(enum attack_outcome o)
{
	static const char *const text[] = {
		"refused", "SUCCEEDED: memory was reached", "no effect, but nothing was recorded",
		"no effect, but the wrong fault was recorded", "refused, but not everything works as before"};
	return text[o];
}
