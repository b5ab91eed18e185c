/* How NVMe functions and edu make an access to an address of our choice; and what the other VFs do meanwhile.
 */
#include "apps/proof/attack.h"
#include "apps/vf/batch.h"
#include "apps/work/timed.h"
#include "apps/work/pattern.h"
#include "drivers/edu/edu.h"
#include "drivers/nvme/status.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define MSIX_US      5000u /* until an interrupt is out of the function */
#define HEALTH_CHUNK 7u    /* read by the attacker, as data and for its health */
#define LOOK_TAG     1u    /* whose buffer takes what is looked at */

/* What VFs do while another one attacks. */
static struct {
	bool on, right;
	unsigned each; /* operations of one VF in flight: reads first, then writes */
	uint64_t ops;
	bool active[VFS_MAX];
	uint32_t chunk[VFS_MAX];
} work;

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

static void work_begin(struct machine *m, struct attacker *by)
{
	unsigned others = 0;
	for (unsigned i = 0; i < m->vfs; i++)
		others += m->vf[i].accel && &m->vf[i] != by->vf;
	work.each = others > 16 ? 1 : others > 4 ? 4 : 8;
	work.on = work.right = true;
	for (unsigned i = 0; i < m->vfs; i++)
		if (m->vf[i].accel && &m->vf[i] != by->vf)
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

static bool work_end(struct machine *m, struct attacker *by)
{
	(void)by;
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
	vf->batch.req[0].tag = 0;
	enum sl_err e = batch_start(vf);
	if (!e) /* others may have work in flight, or what is left of an earlier stage */
		e = batch_finish_some(m, vf->index, 1);
	*status = vf->batch.status[0];
	return e;
}

/* The attacker's own ring goes on. */
static bool vf_works(struct machine *m, struct vf *vf)
{
	struct accel_req r = vf_request(vf, vf->data, ACCEL_READ, HEALTH_CHUNK, 0);
	uint16_t status;
	pattern_fill(vf_buffer(vf, 0), CHUNK, 1);
	return one_request(m, vf, &r, &status) == SL_OK && !status &&
	       pattern_check(vf_buffer(vf, 0), CHUNK, timed_seed(vf, HEALTH_CHUNK));
}

static bool works(struct machine *m, struct attacker *by)
{
	if (by->vf)
		return vf_works(m, by->vf);
	return !by->pf || nvme_ctrl_health(by->pf) == SL_OK;
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
static enum sl_err strike_fetch(const struct attacker *by, const struct attack *a)
{
	return nvme_ctrl_provoke(by->fetch, by->fn, IOVA(a->to));
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

static enum sl_err strike(struct machine *m, struct attacker *by, const struct attack *a, char *said,
			  size_t n)
{
	fmt_print(said, n, "%s", by->edu ? "nothing" : "success");
	if (by->fetch)
		return strike_fetch(by, a);
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

static void fill_old(void *page)
{
	uint64_t *words = page;
	for (unsigned i = 0; i < CHUNK / 8; i++)
		words[i] = attack_old(i);
}

/* What edu has in its buffer: the message of an interrupt, else what is old. */
static enum sl_err ready_edu(struct attacker *by, const struct attack *a)
{
	fill_old(by->edu_va);
	if (a->interrupt)
		memcpy(by->edu_va, &a->data, sizeof a->data);
	return edu_dma(by->edu, by->edu_page, EDU_BUFFER, false);
}

static enum sl_err ready(struct machine *m, struct attacker *by, const struct attack *a)
{
	if (by->edu)
		return ready_edu(by, a);
	if (!by->vf || a->write)
		return SL_OK;
	struct accel_req r = vf_request(by->vf, by->vf->data, ACCEL_WRITE, leak_chunk(by->vf), LOOK_TAG);
	uint16_t status;
	fill_old(vf_buffer(by->vf, LOOK_TAG));
	enum sl_err e = one_request(m, by->vf, &r, &status);
	return e ? e : status ? SL_DEVICE : SL_OK;
}

/* Through a page of edu's own, or a buffer of the VF's. It is wiped before: data that is not looked at must
 * not pass for what is old. */
static uint32_t got(struct machine *m, struct attacker *by, const struct attack *a, uint64_t *words)
{
	if (by->edu) {
		memset(by->edu_va, 0x33, CHUNK);
		if (edu_dma(by->edu, by->edu_page, edu_len(a), true))
			return 0;
		memcpy(words, by->edu_va, edu_len(a));
		return edu_len(a);
	}
	struct accel_req r = vf_request(by->vf, by->vf->data, ACCEL_READ, leak_chunk(by->vf), LOOK_TAG);
	uint16_t status;
	memset(vf_buffer(by->vf, LOOK_TAG), 0x33, CHUNK);
	if (one_request(m, by->vf, &r, &status) || status)
		return 0;
	memcpy(words, vf_buffer(by->vf, LOOK_TAG), CHUNK);
	return CHUNK;
}

static bool possible(const struct attacker *by, const struct attack *a)
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

const struct attack_way strike_way = {possible, ready, strike, got, works, work_begin, work_end, NULL};
