/* Stage verify on a model of a controller: every operation of every step is right, and one bit of one block
 * that is read wrongly ends it, whichever that is. */
#include <stdlib.h>
#include <string.h>
#include "apps/vf/overwrite.h"
#include "apps/vf/workers.h"
#include "apps/vf/nvme.h"
#include "apps/bringup/faults.h"
#include "apps/work/stages.h"
#include "apps/machine.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "tests/model/nvme_model.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

#define WINDOW 0x2000000000ull
#define CHUNKS 128u

static struct nvme_own own;
static struct machine m;
static struct boot_info boot;
static struct pci_func fn;
static struct nvme_model model;
static struct nvme_model_ns ns[2]; /* with protection information; plain, of 4 KiB blocks */
static _Alignas(PAGE_SIZE) uint8_t block[PAGE_2M];
static struct queue_ops ops;
static const struct queue_ops *real;
static struct worker worker;

unsigned core_count(void)
{
	return 1;
}

void core_progress(void) {}

enum sl_err workers_run(struct machine *machine, core_fn *run, uint64_t limit_us)
{
	(void)limit_us;
	worker = (struct worker){.m = machine, .n = machine->vfs};
	run(&worker);
	return worker.err;
}

const struct worker *worker_of(unsigned core)
{
	assert_int_equal(core, 0);
	return &worker;
}

/* tests/unit/test_overwrite.c has the real one. */
enum sl_err overwrite_check(struct machine *machine)
{
	(void)machine;
	return SL_OK;
}

void faults_say(struct machine *machine)
{
	(void)machine;
}

static void *reach(void *ctx, uint64_t iova, uint64_t len, bool write)
{
	(void)ctx;
	(void)write;
	return iova >= WINDOW && len <= PAGE_2M && iova - WINDOW <= PAGE_2M - len ? block + (iova - WINDOW)
										  : NULL;
}

static unsigned results, fails_at;
static uint16_t fails_with;

/* The model works when it is polled. Result number fails_at has another status. */
static unsigned poll(struct queue *a, struct queue_done *done, unsigned max)
{
	nvme_model_step(&model);
	unsigned n = real->poll(a, done, max);
	for (unsigned i = 0; i < n; i++)
		if (++results == fails_at)
			done[i].status = fails_with;
	return n;
}

static void make_ns(struct nvme_model_ns *n, uint32_t id, unsigned shift, uint16_t ms)
{
	free(n->data);
	free(n->meta);
	*n = (struct nvme_model_ns){.nsid = id,
				    .blocks = ((uint64_t)CHUNKS * CHUNK) >> shift,
				    .shift = shift,
				    .ms = ms,
				    .dps = ms ? 1 : 0,
				    .attached = 2,
				    .data = calloc(1, CHUNKS * CHUNK)};
	n->meta = ms ? calloc(n->blocks, ms) : NULL;
}

static int start(void **state)
{
	struct vf *vf = &m.vf[0];
	(void)state;
	memset(&m, 0, sizeof m);
	m.boot = &boot;
	m.cfg = &boot.cfg;
	m.vfs = 1;
	fn.bdf.rid = 0x101;
	make_ns(&ns[0], 1, 12, 8);
	make_ns(&ns[1], 2, 9, 0);
	nvme_model_init(&model, 1, reach, NULL);
	model.online = true;
	model.nvq = 2;
	model.nvi = 1;
	model.ns[0] = &ns[0];
	model.ns[1] = &ns[1];
	*vf = (struct vf){.fn = &fn, .block = {block, IOVA(WINDOW), PHYS(0), PAGE_2M, NULL}};
	vf->queues = dma_part(&vf->block, WINDOW_QUEUES, WINDOW_BUFFERS);
	vf->buffers = dma_part(&vf->block, WINDOW_BUFFERS, PAGE_2M - WINDOW_BUFFERS);
	const struct nvme_vf_cfg cfg = {
		.io = model.io, .fn = fn.bdf, .mem = &vf->queues, .depth = DEPTH_MIN, .shares = 1};
	assert_int_equal(nvme_vf_open(&own.vf, &cfg), SL_OK);
	vf->own = &own;
	vf_stores(vf, &own.vf.block);
	real = vf->queue->ops;
	ops = *real;
	ops.poll = poll;
	vf->queue->ops = &ops;
	for (unsigned i = 0; i < vf->medium->stores; i++)
		*(vf->medium->store[i].pi ? &vf->pi : &vf->data) = &vf->medium->store[i];
	assert_true(vf->data && vf->pi);
	results = fails_at = 0;
	said_clear();
	return 0;
}

static void test_right(void **state)
{
	(void)state;
	assert_int_equal(stage_verify(&m), SL_OK);
	assert_true(m.tally.verified >= 12000);
	assert_said("every result as the CPU computed it");
	assert_not_said("not offered");
}

/* Blocks of 512 bytes are eight to a chunk, those with guards one: a round reads 3 * 32 chunks of the first
 * and 2 * 32 of the second. */
static void test_one_bit(void **state)
{
	const uint32_t round = 3 * DEPTH_MIN * 8 + 2 * DEPTH_MIN;
	unsigned with_guards = 0;
	for (uint32_t n = 1; n <= 2 * round; n += 37) {
		start(state);
		model.spoil_after = n;
		model.seed = n;
		assert_int_equal(stage_verify(&m), SL_VERIFY);
		assert_said("data is not what the CPU computed");
		assert_not_said("every result");
		assert_int_equal(m.tally.verified, 0);
		with_guards += strstr(said, "read back with guard") != NULL;
	}
	assert_true(with_guards >= 2);
	for (uint32_t n = 8; n <= round; n += 256) { /* the last byte of the first chunk of a step */
		start(state);
		model.spoil_after = n;
		model.spoil_at = 4095;
		assert_int_equal(stage_verify(&m), SL_VERIFY);
	}
}

/* A status that is not the right one is the device's error, with block and words; success where an error has
 * to come is wrong data. */
static void test_status(void **state)
{
	(void)state;
	const unsigned steps = DEPTH_MIN;
	fails_with = 0x281; /* Media and Data Integrity Errors, Unrecovered Read Error */
	fails_at = steps + 3;
	assert_int_equal(stage_verify(&m), SL_DEVICE);
	assert_said("FAIL verify: 0000:01:00.1 read zeros back, round 0, LBA 0x10: wrong outcome (status: ");
	assert_said("Unrecovered Read Error");
	assert_said("try: the device refused or failed this request, and no data was damaged: ");
	start(state);
	fails_with = 0;
	fails_at = 5 * steps + 3; /* compare with one byte off */
	assert_int_equal(stage_verify(&m), SL_VERIFY);
	assert_said("wrong outcome (status: success)");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_right), T(test_one_bit), T(test_status)};
	log_sink_add(said_sink);
	return cmocka_run_group_tests_name("verify", tests, NULL, NULL);
}
