/* Stage flood, against VFs and a fault log that are made up here: the flooders are cut off, after which
 * nothing of them comes and the others work on. */
#include <string.h>
#include "apps/proof/standin.h"
#include "apps/vf/stages.h"
#include "apps/proof/stages.h"
#include "apps/bringup/faults.h"
#include "apps/work/timed.h"
#include "apps/proof/stages.h"
#include "apps/work/pattern.h"
#include "kernel/core.h"
#include "kernel/paging.h"
#include "tests/unit/support.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

void core_progress(void) {}

#define VFS    4u
#define KERNEL 0x7000000ull

enum lie {
	TRUTH,
	NEVER_CUT,      /* the flood is never noticed */
	GOES_ON_FAULTS, /* after the cut-off there are fault records, */
	GOES_ON_DONE,   /* or completions */
	STILL_THERE,    /* its context entry stays */
	NOT_TAKEN,      /* the driver does not take a request any more */
	LANDS_FIRST,    /* memory of VF 0 changes, */
	LANDS_LAST,     /* of the last VF, */
	LANDS_KERNEL,   /* of the kernel */
	OTHERS_REFUSE,  /* another VF takes no request, */
	OTHERS_STATUS,  /* or reads with an error, */
	OTHERS_DATA,    /* or wrong data, */
	OTHERS_EMPTY,   /* or none */
	PAUSES,         /* nothing comes back of a VF that floods, for a moment */
	NO_COUNT,       /* no refused request of theirs was ever counted by a unit */
	NO_DOMAINS,     /* the VFs cannot be brought back */
	STOPS,          /* the controller stops at a refused access, */
	STOPS_LANDED    /* which was not refused at all */
};

static enum lie lie;
static struct block accel[VFS];
static struct block_store store;
static _Alignas(PAGE_SIZE) uint8_t kernel_data[PAGE_SIZE];
static struct block_req queue[VFS][64];
static unsigned queued[VFS], brought_back, kinds, landed, sent[4], turns;
static struct fault_function faults[VFS];

uint8_t *standin_data(void)
{
	return kernel_data;
}

void standin_fill(void)
{
	pattern_fill(kernel_data, PAGE_SIZE, 5);
}

bool standin_whole(void)
{
	return pattern_check(kernel_data, PAGE_SIZE, 5);
}

phys_t paging_phys(const void *va)
{
	assert_ptr_equal(va, kernel_data);
	return PHYS(KERNEL);
}

uint64_t timed_seed(const struct vf *vf, uint64_t chunk)
{
	return pattern_seed(vf->index, 1, chunk);
}

enum sl_err timed_prepare(struct machine *machine)
{
	assert_ptr_equal(machine, &mach);
	return SL_OK;
}

void undo_domains(struct machine *machine)
{
	(void)machine;
	brought_back++;
}

enum sl_err stage_domains(struct machine *machine)
{
	(void)machine;
	brought_back += 10;
	return lie == NO_DOMAINS ? SL_NOMEM : SL_OK;
}

const struct fault_function *iommu_fault_count(const struct iommu *mmu, bdf_t id)
{
	(void)mmu;
	return lie == NO_COUNT ? NULL : &faults[id.rid - 0x101];
}

static unsigned reported;

/* What comes of a flood that is provoked is no warning, to its last record. */
void iommu_fault_report_all(struct iommu *mmu)
{
	assert_ptr_equal(mmu, &mach.iommu);
	assert_true(mach.faults.log.provoked);
	reported++;
}

enum sl_err iommu_walk(struct iommu *mmu, bdf_t id, iova_t iova, struct iommu_walk *out)
{
	(void)mmu;
	(void)iova;
	*out = (struct iommu_walk){.why_read = lie == STILL_THERE && id.rid == 0x104 ? WHY_NO_READ
										     : WHY_NO_DOMAIN};
	return SL_OK;
}

/* As the fault log does: cuts off a function with more refused requests than the threshold. */
void faults_say(struct machine *machine)
{
	for (unsigned v = 0; v < mach.vfs; v++) {
		if (mach.vf[v].cut && lie == GOES_ON_FAULTS && v == VFS - 1)
			faults[v].count++;
		if (faults[v].count > machine->faults.log.flood && lie != NEVER_CUT)
			mach.vf[v].cut = true;
	}
}

#define TARGET (BLOCK_PHYS + WINDOW_BUFFERS + BUFFER_TARGET) /* of VF 0 */

static unsigned kind_of(const struct block_req *r)
{
	return r->data.v == KERNEL ? 1 : r->data.v == WINDOW + WINDOW_HOLE ? 2 : r->data.v == TARGET ? 0 : 3;
}

static unsigned submit(struct block *a, const struct block_req *req, unsigned n)
{
	unsigned v = (unsigned)(a - accel);
	if ((mach.vf[v].cut && lie == NOT_TAKEN) || (v == 1 && lie == OTHERS_REFUSE))
		return 0;
	memcpy(&queue[v][queued[v]], req, n * sizeof *req);
	queued[v] += n;
	for (unsigned i = 0; n > 1 && i < n; i++)
		sent[kind_of(&req[i])]++;
	return n;
}

static void ring(struct queue *a)
{
	(void)a;
}

static unsigned poll(struct queue *a, struct queue_done *done, unsigned max)
{
	unsigned v = (unsigned)((struct block *)a - accel), n = queued[v] < max ? queued[v] : max;
	if (mach.vf[v].provoked && !mach.vf[v].cut) /* what came back has gone out again */
		assert_int_equal(queued[v], DEPTH_MIN - 1);
	if (lie == PAUSES && mach.vf[v].provoked && turns++ % 3 == 1)
		return 0;
	if (v == VFS - 1 && landed && (lie == STOPS || lie == STOPS_LANDED))
		return 0;
	if (mach.vf[v].cut) {
		done[0] = (struct queue_done){0};
		return lie == GOES_ON_DONE && v == VFS - 2;
	}
	for (unsigned i = 0; i < n; i++) {
		const struct block_req *r = &queue[v][i];
		uint64_t off = r->data.v - WINDOW;
		done[i] = (struct queue_done){r->tag, 0};
		if (off < PAGE_2M && lie == OTHERS_EMPTY && v == 1)
			continue;
		if (off < PAGE_2M) {
			pattern_fill(block[v] + off, CHUNK, timed_seed(&mach.vf[v], 7));
			done[i].status = lie == OTHERS_STATUS && v == 0;
			block[v][off + 100] ^= lie == OTHERS_DATA && v == 1;
			continue;
		}
		done[i].status = 4;
		faults[v].count++;
		kinds |= 1u << kind_of(r);
		assert_true(mach.vf[v].provoked);
	}
	memmove(queue[v], queue[v] + n, (queued[v] - n) * sizeof queue[0][0]);
	queued[v] -= n;
	if (!landed++) {
		block[0][WINDOW_BUFFERS + BUFFER_TARGET] ^= lie == LANDS_FIRST;
		block[VFS - 1][WINDOW_BUFFERS + BUFFER_TARGET + 4095] ^= lie == LANDS_LAST;
		kernel_data[4000] ^= lie == LANDS_KERNEL || lie == STOPS_LANDED;
	}
	return n;
}

static enum sl_err health(struct queue *a)
{
	return a == &accel[VFS - 1].q && landed && (lie == STOPS || lie == STOPS_LANDED) ? SL_DEVICE : SL_OK;
}

static const struct queue_ops queue_ops = {.name = "fake", .ring = ring, .poll = poll, .health = health};
static const struct block_ops block_ops = {.submit = submit};

static int start(void **state)
{
	(void)state;
	stages_start(VFS, NULL);
	memset(faults, 0, sizeof faults);
	memset(queued, 0, sizeof queued);
	mach.faults.log.flood = 1000;
	store = (struct block_store){.block = 512, .blocks = 1024, .most = 64};
	for (unsigned v = 0; v < VFS; v++) {
		accel[v] = (struct block){.q = {.ops = &queue_ops, .depth = 32}, .ops = &block_ops};
		vf_stores(&mach.vf[v], &accel[v]);
		mach.vf[v].data = &store;
	}
	mach.vf[VFS].batch.n = 5; /* of a queue pair that is none of this stage's */
	mach.vf[VFS].provoked = true;
	support_clock_step = 1000;
	lie = TRUTH;
	brought_back = kinds = landed = turns = 0;
	memset(sent, 0, sizeof sent);
	pattern_fill(block[1] + WINDOW_BUFFERS, CHUNK, timed_seed(&mach.vf[1], 7)); /* from before */
	return 0;
}

static const struct {
	enum lie lie;
	enum sl_err want;
	const char *says;
} rows[] = {
	{TRUTH, SL_OK, "memory is untouched, and the other VFs (2) keep working"},
	{NEVER_CUT, SL_TIMEOUT, "a VF was not cut off in 60 s"},
	{GOES_ON_FAULTS, SL_VERIFY, "0000:01:00.4 keeps going after the cut-off"},
	{GOES_ON_DONE, SL_VERIFY, "0000:01:00.3 keeps going after the cut-off"},
	{STILL_THERE, SL_VERIFY, "0000:01:00.4 still has a context entry"},
	{NOT_TAKEN, SL_VERIFY, "FAIL flood"},
	{LANDS_FIRST, SL_VERIFY, "memory of others was changed"},
	{LANDS_LAST, SL_VERIFY, "memory of others was changed"},
	{LANDS_KERNEL, SL_VERIFY, "memory of others was changed"},
	{OTHERS_REFUSE, SL_VERIFY, "the other VFs do not work as before"},
	{OTHERS_STATUS, SL_VERIFY, "the other VFs do not work as before"},
	{OTHERS_DATA, SL_VERIFY, "the other VFs do not work as before"},
	{OTHERS_EMPTY, SL_VERIFY, "the other VFs do not work as before"},
	{PAUSES, SL_OK, "memory is untouched, and the other VFs (2) keep working"},
	{NO_COUNT, SL_OK, "memory is untouched, and the other VFs (2) keep working"},
	{STOPS, SL_OK,
	 "could not show that a flood is cut off: 0000:01:00.4 stopped at its refused accesses"},
	{STOPS_LANDED, SL_VERIFY, "memory of others was changed"},
};

static void test_every_lie(void **state)
{
	reported = 0;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		start(state);
		lie = rows[i].lie;
		enum sl_err e = stage_flood(&mach);
		if (e != rows[i].want || !strstr(said, rows[i].says))
			fail_msg("lie %u: %u, or no \"%s\" in\n%s", rows[i].lie, (unsigned)e, rows[i].says,
				 said);
		assert_int_equal(brought_back, 11);
		assert_true(sent[0] == 22 && sent[1] == 20 && sent[2] == 20); /* of each VF a third */
		assert_int_equal(kinds, 7); /* others' memory, the kernel's, and where nothing is */
		assert_int_equal(mach.faults.log.flood, 1000);
		assert_true(reported == i + 1 && !mach.faults.log.provoked);
		assert_int_equal(mach.vf[VFS].batch.n, 5);
		assert_true(mach.vf[VFS].provoked);
		for (unsigned v = 0; v < VFS; v++) {
			assert_false(mach.vf[v].provoked);
			assert_true(mach.vf[v].cut == (v >= 2 && lie != NEVER_CUT) || lie >= STOPS);
		}
	}
}

static void test_few(void **state)
{
	(void)state;
	mach.vfs = 1; /* it floods, and there is no other VF */
	assert_int_equal(stage_flood(&mach), SL_OK);
	assert_int_equal(kinds, 6);
	assert_false(mach.vf[0].provoked);
	start(state);
	lie = NO_DOMAINS;
	assert_int_equal(stage_flood(&mach), SL_NOMEM);
	assert_int_equal(kinds, 0);
	start(state);
	mach.vfs = 3; /* the least of which two flood */
	assert_int_equal(stage_flood(&mach), SL_OK);
	assert_true(mach.vf[1].cut && mach.vf[2].cut && !mach.vf[0].cut);
	start(state);
	mach.vfs = 2;
	assert_int_equal(stage_flood(&mach), SL_OK);
	assert_true(mach.vf[1].cut && !mach.vf[0].cut);
	start(state);
	mach.vfs = 0;
	assert_int_equal(stage_flood(&mach), SL_OK);
	boot.cfg.iommu = CONFIG_IOMMU_OFF;
	mach.vfs = VFS;
	assert_int_equal(stage_flood(&mach), SL_OK);
	assert_int_equal(brought_back, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_every_lie), T(test_few)};
	return cmocka_run_group_tests_name("flood", tests, NULL, NULL);
}
