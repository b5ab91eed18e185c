/* Stage refuse of VFs that compute, against a card that is made up here: it does AES-CTR and SHA-256 on
 * memory that it reaches, and can be bad or lie in one way at a time. The order of a case and its verdict are
 * the real ones. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/vtd/backend.h"
#include "apps/work/compute.h"
#include "apps/proof/refuse.h"
#include "apps/vf/qat.h"
#include "apps/bringup/faults.h"
#include "apps/proof/guard.h"
#include "apps/proof/standin.h"
#include "apps/proof/strike.h"
#include "apps/work/pattern.h"
#include "drivers/crypto/aes.h"
#include "kernel/pmm.h"
#include "kernel/irq.h"
#include "kernel/paging.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define VFS    2u
#define KERNEL 0x7000000ull

#define ANSWER_US 300000u /* what an answer takes on a busy machine, where it must come */

enum lie {
	TRUTH,
	NO_STRIKE,
	NO_RECORD,
	WRONG_BDF,
	WRONG_REASON,
	LANDS,        /* a forbidden write changes another VF's page */
	LANDS_KERNEL, /* the kernel's */
	LEAKS,        /* a forbidden source is read */
	LEAKS_WORD,
	FOREIGN,
	OTHERS_FAULT, /* another VF had to be reset meanwhile */
	OTHERS_WRONG,
	NOT_BACK,    /* it does not come back from its reset */
	WRONG_AFTER, /* it does, and computes wrong */
	FAULT_AFTER,
	NO_WORK,     /* an answer through a ring of its own, and nothing done */
	NO_EFFECT,   /* nothing happens where it is allowed either */
	NO_ANSWER,   /* nor is there an answer through a ring in another place of its own */
	RING_STATUS, /* there is one, and the work is done, with an error */
	NO_SESSION,  /* the strike cannot be made */
	LOST         /* a VF is given up after its first case */
};

static struct compute_vf compute[STAGES_VFS];
static struct qat_own own[STAGES_VFS];
const struct strike_ops strike_msix;

static enum lie lie;
static bool armed, flushed, claimed, recorded, begun[VFS];
static struct iommu_fault fault;
static struct compute accel[VFS];
static struct compute_session session;
static uint64_t ring_at[2]; /* tx, rx as the device has them */
static unsigned resets, pages;
static bool ring_closed;
static struct domain *dom = (struct domain *)&mach;

bdf_t function_requester(const struct machine *machine, bdf_t f)
{
	(void)machine;
	return f;
}

uint64_t irq_strays(uint8_t *last)
{
	*last = 0;
	return 0;
}

void *pmm_page(void)
{
	pages++;
	return calloc(1, PAGE_SIZE);
}

void pmm_page_free(void *page)
{
	pages--;
	free(page);
}

phys_t paging_phys(const void *va)
{
	assert_ptr_equal(va, standin_data());
	return PHYS(KERNEL);
}

enum sl_err domain_flush(struct domain *d)
{
	assert_ptr_equal(d, dom);
	flushed = true;
	return SL_OK;
}

void iommu_fault_claim(struct iommu *mmu, bdf_t id)
{
	(void)mmu;
	(void)id;
	claimed = armed = true;
	recorded = false;
}

void iommu_fault_claim_interrupts(struct iommu *mmu, bdf_t id)
{
	(void)mmu;
	(void)id;
	fail();
}

void iommu_fault_unclaim(struct iommu *mmu)
{
	(void)mmu;
	claimed = armed = flushed = false;
}

enum sl_err iommu_fault_claimed(struct iommu *mmu, struct iommu_fault *out)
{
	(void)mmu;
	*out = fault;
	return recorded ? SL_OK : SL_END;
}

enum sl_err iommu_walk(struct iommu *mmu, bdf_t f, iova_t iova, struct iommu_walk *out)
{
	(void)mmu;
	*out = (struct iommu_walk){.fn = f, .iova = iova, .why_write = WHY_NO_WRITE, .why_read = WHY_NO_READ};
	return SL_OK;
}

enum sl_err vtd_read_registers(const struct iommu *mmu, unsigned unit, struct vtd_regs_seen *out)
{
	(void)mmu;
	(void)unit;
	(void)out;
	return SL_DEVICE;
}

/* ---- the card ---- */

static uint8_t *behind(unsigned vf, uint64_t at, bool write)
{
	if (at >= WINDOW && at < WINDOW + PAGE_2M)
		return block[vf] + (at - WINDOW);
	return at >= WINDOW + WINDOW_READONLY && at < WINDOW + WINDOW_READONLY + PAGE_SIZE && !write
		       ? readonly[vf]
		       : NULL;
}

static void refuse(unsigned vf, uint64_t at, bool write)
{
	uint8_t *others = block[!vf] + WINDOW_BUFFERS + JOB_TAGS * JOB_BYTES;
	assert_true(mach.vf[vf].provoked); /* it is known to be on purpose */
	if (write && lie == LANDS)
		others[4095] ^= 1;
	if (write && lie == LANDS_KERNEL)
		standin_data()[0] ^= 1;
	if (recorded || !claimed || !flushed || lie == NO_RECORD)
		return;
	recorded = true;
	fault = (struct iommu_fault){.bdf = vf_fn[vf].bdf,
				     .iova = IOVA(at),
				     .write = write,
				     .why = write ? WHY_NO_WRITE : WHY_NO_READ};
	fault.bdf.rid ^= lie == WRONG_BDF;
	if (lie == WRONG_REASON)
		fault.why = WHY_NO_DOMAIN;
}

/* The source of a forbidden read, as far as it comes. False: not at all, and the job stops. */
static bool leak(unsigned vf, uint8_t *data)
{
	uint8_t *secret = block[!vf] + WINDOW_BUFFERS + JOB_TAGS * JOB_BYTES;
	memset(data, 0, 64);
	if (lie == LEAKS)
		memcpy(data, secret, 64);
	if (lie == LEAKS_WORD)
		memcpy(data + 48, secret + 800, 8);
	if (lie == FOREIGN)
		data[9] = 1;
	return lie == LEAKS || lie == LEAKS_WORD || lie == FOREIGN;
}

enum sl_err compute_one(struct vf *vf, const struct compute_job *job, uint64_t us, uint16_t *status)
{
	unsigned v = vf->index;
	uint8_t data[64], out[64], digest[32];
	static const uint8_t zeros[16];
	struct aes aes;
	*status = 0;
	const uint8_t *made = block[v] + WINDOW_BUFFERS;
	for (unsigned i = 0; i < 8; i++) { /* nothing is left of an earlier case */
		uint64_t old = strike_old(i);
		assert_memory_equal(made + JOB_DST + 8 * i, &old, 8);
		assert_memory_equal(made + JOB_DIGEST + 8 * i, &old, 8);
	}
	assert_false(pattern_is_zero(standin_data(), PAGE_SIZE));
	if (!armed && us < ANSWER_US)
		return SL_TIMEOUT;
	assert_int_equal(job->len, 64);
	bool moved = ring_at[0] != WINDOW + QAT_MEM_TX || ring_at[1] != WINDOW + QAT_MEM_RX;
	if (lie == NO_STRIKE && armed)
		return SL_TIMEOUT;
	if (lie == NO_ANSWER && !armed && moved)
		return SL_TIMEOUT;
	if (lie == RING_STATUS && !armed && moved)
		*status = 5;
	if (lie == NO_WORK && !armed && moved)
		return SL_OK;
	if (lie == NO_EFFECT && !armed)
		return moved ? SL_TIMEOUT : SL_OK;
	if (!behind(v, ring_at[0], false)) {
		refuse(v, ring_at[0], false);
		return SL_TIMEOUT;
	}
	const uint8_t *src = behind(v, job->src.v, false);
	if (src) {
		memcpy(data, src, 64);
	} else {
		refuse(v, job->src.v, false);
		if (!leak(v, data))
			return SL_TIMEOUT;
	}
	uint64_t to = session.service == COMPUTE_CIPHER ? job->dst.v : job->digest.v;
	uint8_t *dst = behind(v, to, true);
	if (!dst) {
		refuse(v, to, true);
		return SL_TIMEOUT;
	}
	assert_int_equal(aes_init(&aes, zeros, 16), SL_OK);
	aes_ctr(&aes, zeros, data, 64, out);
	sha_hash(SHA_256, data, 64, digest);
	memcpy(dst, session.service == COMPUTE_CIPHER ? out : digest,
	       session.service == COMPUTE_CIPHER ? 64 : 32);
	if (!behind(v, ring_at[1], true)) {
		refuse(v, ring_at[1], true);
		return SL_TIMEOUT;
	}
	return SL_OK;
}

static enum sl_err make_session(struct compute *a, const struct compute_session *s, uint32_t *id)
{
	(void)a;
	session = *s;
	assert_int_equal(s->key_len, 16);
	*id = 0;
	return lie == NO_SESSION && armed ? SL_NOMEM : SL_OK;
}

static const struct queue_ops queue_ops = {.name = "fake"};
static const struct compute_ops compute_ops = {.session = make_session};

void qat_ring_close(struct qat_ring *r)
{
	(void)r;
	ring_closed = true;
}

enum sl_err qat_ring_open(struct qat_ring *r, const struct qat_ring_cfg *cfg)
{
	(void)r;
	assert_true(ring_closed);
	ring_closed = false;
	/* The driver's side is where the device's is, when that is memory. */
	if (behind(0, cfg->tx_iova.v, false) && cfg->tx != block[0] + (cfg->tx_iova.v - WINDOW))
		assert_ptr_equal(cfg->tx, block[1] + (cfg->tx_iova.v - WINDOW));
	if (behind(0, cfg->rx_iova.v, true) && cfg->rx != block[0] + (cfg->rx_iova.v - WINDOW))
		assert_ptr_equal(cfg->rx, block[1] + (cfg->rx_iova.v - WINDOW));
	ring_at[0] = cfg->tx_iova.v;
	ring_at[1] = cfg->rx_iova.v;
	return SL_OK;
}

enum sl_err compute_recover(struct machine *machine, struct vf *vf)
{
	(void)machine;
	if (lie == LOST)
		vf->queue = NULL;
	ring_at[0] = WINDOW + QAT_MEM_TX;
	ring_at[1] = WINDOW + QAT_MEM_RX;
	resets++;
	return lie == NOT_BACK || lie == LOST ? SL_TIMEOUT : SL_OK;
}

enum sl_err compute_round_begin(struct vf *vf)
{
	assert_true(vf < &mach.vf[mach.vfs]);
	begun[vf->index] = true;
	return SL_OK;
}

enum sl_err compute_round_end(struct machine *machine, struct vf *vf)
{
	assert_true(begun[vf->index]);
	begun[vf->index] = false;
	bool attacks = mach.vf[!vf->index].provoked; /* the other one does */
	machine->tally.vf_faults +=
		(lie == OTHERS_FAULT && armed && attacks) || (lie == FAULT_AFTER && armed && !attacks);
	if (lie == OTHERS_WRONG && armed && attacks)
		return SL_VERIFY;
	if (lie == WRONG_AFTER && armed && !attacks)
		return SL_VERIFY;
	return SL_OK;
}

/* ---- the stage ---- */

static int start(void **state)
{
	(void)state;
	stages_start(VFS, dom);
	memset(compute, 0, sizeof compute);
	memset(own, 0, sizeof own);
	armed = flushed = claimed = recorded = false;
	for (unsigned v = 0; v < VFS; v++) {
		struct vf *vf = &mach.vf[v];
		accel[v] = (struct compute){.q.ops = &queue_ops, .ops = &compute_ops};
		vf_computes(vf, &accel[v]);
		vf->own = &own[v];
		vf->work = &compute[v];
		compute[v].jobs.va = vf->buffers.va;
		compute[v].jobs.iova = vf->buffers.iova;
	}
	lie = TRUTH;
	assert_int_equal(compute_recover(&mach, NULL), SL_OK);
	resets = 0;
	return 0;
}

static const struct {
	enum lie lie;
	const char *name;
	unsigned cases, refused, not_tried; /* of 9 of each VF: 3 read, 6 write */
} rows[] = {
#define ROW(lie, cases, refused, not_tried)                                                                  \
	{                                                                                                    \
		lie, #lie, cases, refused, not_tried                                                         \
	}
	ROW(TRUTH, 18, 18, 0),       ROW(NO_STRIKE, 18, 0, 0),    ROW(NO_RECORD, 18, 0, 0),
	ROW(WRONG_BDF, 18, 0, 0),    ROW(WRONG_REASON, 18, 0, 0), ROW(LANDS, 18, 6, 0),
	ROW(LANDS_KERNEL, 18, 6, 0), ROW(LEAKS, 18, 14, 0),       ROW(LEAKS_WORD, 18, 14, 0),
	ROW(FOREIGN, 18, 14, 0),     ROW(OTHERS_FAULT, 18, 0, 0), ROW(OTHERS_WRONG, 18, 0, 0),
	ROW(NOT_BACK, 18, 0, 0),     ROW(WRONG_AFTER, 18, 0, 0),  ROW(FAULT_AFTER, 18, 0, 0),
	ROW(NO_WORK, 14, 14, 4),     ROW(NO_EFFECT, 0, 0, 18),    ROW(NO_ANSWER, 14, 14, 4),
	ROW(RING_STATUS, 14, 14, 4), ROW(NO_SESSION, 18, 0, 0),
};

#define TARGET (WINDOW_BUFFERS + JOB_TAGS * JOB_BYTES) /* of a VF's block: its page that others try */

/* VF 0's case was told as that. */
static void assert_case(const char *name, uint64_t at, enum attack_outcome o)
{
	char line[200];
	snprintf(line, sizeof line, "0000:01:00.1 -> %s at 0x%llx: %s", name, (ull)at,
		 attack_outcome_text(o));
	assert_said(line);
}

static unsigned times_said(const char *words)
{
	unsigned n = 0;
	for (const char *at = said; (at = strstr(at, words)); at++)
		n++;
	return n;
}

static void test_every_lie(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		start(state);
		lie = rows[i].lie;
		enum sl_err e = compute_refuse(&mach);
		if (mach.tally.cases != rows[i].cases || mach.tally.refused != rows[i].refused ||
		    mach.tally.not_tried != rows[i].not_tried)
			fail_msg("%s: %u cases, %u refused, %u not tried", rows[i].name,
				 (unsigned)mach.tally.cases, (unsigned)mach.tally.refused,
				 (unsigned)mach.tally.not_tried);
		assert_int_equal(e, mach.tally.cases && mach.tally.cases == mach.tally.refused ? SL_OK
											       : SL_VERIFY);
		if (lie == LEAKS || lie == LEAKS_WORD) { /* a secret is what lies where it reads */
			assert_case("source in memory of another VF", BLOCK_PHYS + PAGE_2M + TARGET,
				    ATTACK_SUCCEEDED);
			assert_case("source in an unmapped page", WINDOW + WINDOW_HOLE, ATTACK_FOREIGN);
		}
		if (lie == NO_SESSION)
			assert_case("source in an unmapped page", WINDOW + WINDOW_HOLE, ATTACK_HARMED);
		assert_int_equal(strstr(said, "FAIL refuse: ") != NULL, rows[i].cases != rows[i].refused);
		assert_int_equal(strstr(said, "were not tried: they had no effect") != NULL,
				 rows[i].not_tried != 0);
		assert_int_equal(times_said(": refused; fault: "), rows[i].refused);
		assert_int_equal(times_said(": not tried: "), rows[i].not_tried);
		assert_int_equal(pages, 0);
		if (lie == FOREIGN)
			assert_null(strstr(said, "SUCCEEDED"));
		assert_true(resets >= 18); /* after each case, and where a control had no effect */
	}
}

static void test_one_vf(void **state)
{
	(void)state;
	mach.vfs = 1;
	assert_int_equal(compute_refuse(&mach), SL_OK);
	assert_int_equal(mach.tally.cases, 7);
	assert_false(mach.vf[0].provoked);
}

/* A VF that was given up in the middle ends the stage. */
static void test_given_up(void **state)
{
	(void)state;
	mach.vf[1].queue = NULL;
	mach.vf[1].index = 1;
	assert_int_equal(compute_refuse(&mach), SL_DEVICE);
	assert_int_equal(mach.tally.cases, 1);
	start(state); /* the one that attacks */
	lie = LOST;
	assert_int_equal(compute_refuse(&mach), SL_DEVICE);
	assert_int_equal(mach.tally.cases, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_every_lie), T(test_one_vf), T(test_given_up)};
	return cmocka_run_group_tests_name("compute_refuse", tests, NULL, NULL);
}
