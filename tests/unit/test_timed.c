/* Stage timed and what others use of it, on VFs whose device is memory: what is read is what was written,
 * what was refused or went wrong is counted, and no more is counted than was done in time. */
#include <string.h>
#include <stdio.h>
#include "apps/vf/overwrite.h"
#include "apps/work/compute.h"
#include "apps/work/pattern.h"
#include "apps/work/stages.h"
#include "apps/report/latency.h"
#include "apps/work/timed.h"
#include "kernel/log.h"
#include "kernel/console.h"
#include "kernel/time.h"
#include "kernel/irq.h"
#include "kernel/tsc.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define VFS    3u
#define QD     8u
#define BLOCK  512u
#define CHUNKS (TIMED_CHUNKS + 10)
#define BASE   0x2000000000ull

/* A device that executes requests when it is polled for results. */
static struct dev {
	struct block a; /* first */
	struct pci_func fn;
	struct block_req req[BUFFER_SLOTS];
	unsigned n, sent;  /* taken, and announced by a doorbell */
	unsigned refuse;   /* takes so many requests less than it is given */
	unsigned bad;      /* the next of its results are errors */
	uint64_t bad_from; /* 0, or all reads after so many are errors */
	unsigned slow;     /* polls that find nothing */
	bool deaf, spoils; /* deaf: nothing ever comes; spoils: one byte of each read is wrong */
	uint64_t reads, writes, rings;
	uint64_t seen[TIMED_CHUNKS]; /* reads of each */
	uint8_t buffers[BUFFER_SLOTS * CHUNK], store[CHUNKS * CHUNK];
} dev[VFS];

static const struct vf_kind stores = {.name = "stores", .service = VF_STORES};

enum sl_err compute_timed(struct machine *machine)
{
	fail_msg("%u VFs do not compute", machine->vfs);
	return SL_BADVAL;
}

static struct machine m;
static struct boot_info boot;
/* Counts of the host's processor that pass for a second: few, as phases last that long. Where something else
 * ends one, so many that a busy host does not end it before. */
#define HZ      3000000u
#define HZ_LONG 300000000u

static struct tsc_info tsc = {.hz = HZ};
static unsigned cores = 1, halts, progress;
static char text[65536];
static size_t text_len;

const struct tsc_info *tsc_info(void)
{
	return &tsc;
}

unsigned core_count(void)
{
	return cores;
}

uint32_t core_apic_id(unsigned core)
{
	return core;
}

bool core_can_halt(void)
{
	return true;
}

void core_progress(void)
{
	progress++;
}

bool core_halt_unless(bool (*look)(void *ctx), void *ctx)
{
	halts++;
	return !look(ctx);
}

enum sl_err core_run(unsigned core, core_fn *fn, void *arg)
{
	support_core = core;
	fn(arg);
	support_core = 0;
	return SL_OK;
}

enum sl_err core_join(unsigned core, uint64_t deadline)
{
	(void)core, (void)deadline;
	return SL_OK;
}

enum sl_err irq_alloc(irq_fn *fn, void *ctx, uint8_t *vector)
{
	(void)fn, (void)ctx, (void)vector;
	return SL_NOSPACE;
}

enum sl_err irq_set(unsigned vector, irq_fn *fn, void *ctx)
{
	(void)vector, (void)fn, (void)ctx;
	return SL_OK;
}

/* What is typed, after so many looks that find nothing. */
static const char *keys = "";
static unsigned keys_after;

int console_read(void)
{
	if (keys_after) {
		keys_after--;
		return -1;
	}
	return *keys ? *keys++ : -1;
}

bool console_stop(void)
{
	return false;
}

void console_stop_clear(void) {}

/* tests/unit/test_overwrite.c has the real one. */
enum sl_err overwrite_check(struct machine *machine)
{
	(void)machine;
	return SL_OK;
}

static struct dev *of(struct queue *a)
{
	return (struct dev *)(void *)a;
}

static unsigned submit(struct block *a, const struct block_req *req, unsigned n)
{
	struct dev *d = of(&a->q);
	unsigned take = n > d->refuse ? n - d->refuse : 0;
	for (unsigned i = 0; i < take; i++) {
		assert_true(d->n < ARRAY_LEN(d->req));
		d->req[d->n++] = req[i];
	}
	a->q.refused = SL_BUSY;
	return take;
}

static void ring(struct queue *a)
{
	struct dev *d = of(a);
	d->rings++;
	a->stats.doorbells++;
	d->sent = d->n;
}

static void carry_out(struct dev *d, const struct block_req *r)
{
	uint64_t chunk = (r->lba - 100) / (CHUNK / BLOCK);
	uint8_t *buffer = d->buffers + (r->data.v - BASE), *at = d->store + chunk * CHUNK;
	assert_true(chunk < CHUNKS && r->data.v - BASE == r->tag * CHUNK && r->blocks == CHUNK / BLOCK);
	if (r->op == BLOCK_READ) {
		memcpy(buffer, at, CHUNK);
		buffer[CHUNK - 1] ^= d->spoils;
		d->reads++;
		d->seen[chunk]++;
	} else {
		assert_int_equal(r->op, BLOCK_WRITE);
		memcpy(at, buffer, CHUNK);
		d->writes++;
	}
}

static unsigned poll(struct queue *a, struct queue_done *done, unsigned max)
{
	struct dev *d = of(a);
	unsigned n = 0;
	a->stats.polls++;
	if (d->slow || d->deaf || !d->sent) {
		d->slow -= d->slow != 0;
		a->stats.empty_polls++;
		return 0;
	}
	for (; n < max && n < d->sent; n++) {
		carry_out(d, &d->req[n]);
		bool bad = d->bad || (d->bad_from && d->reads > d->bad_from);
		done[n] = (struct queue_done){.tag = d->req[n].tag, .status = bad};
		d->bad -= d->bad != 0;
	}
	memmove(d->req, d->req + n, (d->n - n) * sizeof d->req[0]);
	d->n -= n;
	d->sent -= n;
	return n;
}

static bool ready(const struct queue *a)
{
	return ((const struct dev *)(const void *)a)->sent != 0;
}

static void arm(struct queue *a)
{
	(void)a;
}

static enum sl_err health(struct queue *a)
{
	(void)a;
	return SL_OK;
}

static const char *status_text(uint16_t status, char *buf, size_t n)
{
	(void)buf, (void)n;
	return status == 1 ? "Unrecovered Read Error" : "?";
}

static const struct queue_ops queue_ops = {
	.ring = ring, .poll = poll, .ready = ready, .arm = arm, .health = health, .status_text = status_text};
static const struct block_ops block_ops = {.submit = submit};

static void sink(const char *line, size_t len)
{
	if (len > sizeof text - 1 - text_len)
		text_len = 0;
	memcpy(text + text_len, line, len);
	text[text_len += len] = 0;
}

static int start(void **state)
{
	(void)state;
	static struct block_store store[VFS];
	static bool once;
	if (!once)
		log_sink_add(sink);
	once = true;
	memset(&m, 0, sizeof m);
	memset(&boot, 0, sizeof boot);
	memset(dev, 0, sizeof dev);
	m.boot = &boot;
	m.cfg = &boot.cfg;
	m.kind = &stores;
	boot.cfg.qd = QD;
	boot.cfg.seconds = 1;
	boot.cfg.queues = 1;
	TAILQ_INIT(&m.pci.funcs);
	m.vfs = m.pairs = VFS;
	for (unsigned i = 0; i < VFS; i++) {
		struct vf *vf = &m.vf[i];
		store[i] = (struct block_store){
			.block = BLOCK, .first_lba = 100, .blocks = CHUNKS * (CHUNK / BLOCK)};
		dev[i].a = (struct block){.q = {.ops = &queue_ops, .depth = BUFFER_SLOTS}, .ops = &block_ops};
		dev[i].fn.bdf = (bdf_t){0, (uint16_t)(0x101 + i)};
		*vf = (struct vf){.index = i, .data = &store[i], .fn = &dev[i].fn};
		vf_stores(vf, &dev[i].a);
		vf->buffers = (struct dma_buf){
			.va = dev[i].buffers, .iova = IOVA(BASE), .len = sizeof dev[i].buffers};
		hist_reset(&vf->latency);
	}
	cores = 1;
	halts = progress = 0;
	text_len = 0;
	return 0;
}

/* Every chunk that is read later has its own contents, to the last one, or to the store's end. */
static void test_prepare(void **state)
{
	static struct block_store small;
	(void)state;
	small = *m.vf[1].data;
	small.blocks = 37 * (CHUNK / BLOCK) + 1;
	m.vf[1].data = &small;
	assert_int_equal(timed_prepare(&m), SL_OK);
	for (unsigned v = 0; v < VFS; v++) {
		unsigned chunks = v == 1 ? 37 : TIMED_CHUNKS;
		assert_int_equal(dev[v].writes, chunks);
		for (unsigned c = 0; c < chunks; c++)
			assert_true(pattern_check(dev[v].store + c * CHUNK, CHUNK, timed_seed(&m.vf[v], c)));
		for (unsigned c = chunks; c < CHUNKS; c++)
			assert_true(pattern_is_zero(dev[v].store + c * CHUNK, CHUNK));
	}
	assert_true(timed_seed(&m.vf[0], 0) != timed_seed(&m.vf[1], 0));
	dev[2].refuse = 1;
	assert_int_equal(timed_prepare(&m), SL_BUSY);
	dev[2].refuse = 0;
	dev[2].n = dev[2].sent = 0;
	dev[2].deaf = true;
	assert_int_equal(timed_prepare(&m), SL_TIMEOUT);
}

/* One turn: what came is counted and its place filled again. */
static void test_turn(void **state)
{
	(void)state;
	struct worker l = {.m = &m, .core = 3, .first = 1, .n = 1};
	struct vf *vf = &m.vf[1];
	struct flow *f = &timed_flow[1];
	assert_int_equal(timed_prepare(&m), SL_OK);
	vf->ops = 99; /* of a run before */
	hist_add(&vf->latency, 5);
	f->errors = 4;
	dev[1].a.q.stats.polls = 1000;
	assert_int_equal(timed_start(&l, 1), SL_OK);
	assert_true(vf->core == 3 && vf->ops == 0 && vf->latency.count == 0 && vf->batch.n == QD);
	assert_true(dev[1].sent == QD && f->flying == QD && f->errors == 0);
	for (unsigned tag = 0; tag < QD; tag++)
		assert_int_equal(dev[1].req[tag].lba, 100 + f->place[tag] * (CHUNK / BLOCK));
	dev[1].slow = 1;
	assert_int_equal(timed_turn(f), 0);
	uint64_t rings = dev[1].rings;
	assert_int_equal(timed_turn(f), QD);
	assert_true(f->errors == 0 && vf->ops == QD && vf->latency.count == QD && dev[1].sent == QD);
	assert_int_equal(dev[1].rings, rings + 1); /* one for all */
	dev[1].bad = 3;
	assert_int_equal(timed_turn(f), QD);
	assert_int_equal(f->errors, 3);
	dev[1].refuse = 2; /* what is not taken is an error too */
	assert_int_equal(timed_turn(f), QD);
	assert_true(f->errors == 5 && f->flying == QD - 2 && f->waiting == 0);
	assert_int_equal(timed_stop(1, now_us() + 1000), SL_DEVICE); /* the last ones do not count */
	assert_true(f->errors == 5 && f->flying == 0 && dev[1].sent == 0);
	assert_true(vf->ops == 3 * QD && vf->latency.count == 3 * QD);
	/* Random places, all of them, and only written ones. */
	dev[1].refuse = 0;
	assert_int_equal(timed_start(&l, 1), SL_OK);
	for (unsigned i = 0; i < 64 * TIMED_CHUNKS / QD; i++)
		assert_int_equal(timed_turn(f), QD);
	for (unsigned c = 0; c < TIMED_CHUNKS; c++)
		assert_between(dev[1].seen[c], 16, 160);
	assert_true(f->places == TIMED_CHUNKS);
}

/* More results than a turn takes: the rest waits for the next one. */
static void test_turn_takes_some(void **state)
{
	(void)state;
	struct worker l = {.m = &m, .n = 1};
	boot.cfg.qd = FLOW_TAKE + 3;
	assert_int_equal(timed_prepare(&m), SL_OK);
	assert_int_equal(timed_start(&l, 0), SL_OK);
	assert_int_equal(timed_turn(&timed_flow[0]), FLOW_TAKE);
	assert_true(timed_flow[0].flying == FLOW_TAKE + 3 && dev[0].sent == FLOW_TAKE + 3);
	assert_int_equal(timed_stop(0, now_us() + 1000), SL_OK);
	assert_true(m.vf[0].ops == FLOW_TAKE && dev[0].sent == 0);
}

/* The end: what was in flight is taken and not counted; doorbells and polls are those of the phase. */
static void test_stop(void **state)
{
	(void)state;
	struct worker l = {.m = &m, .first = 0, .n = 1};
	struct vf *vf = &m.vf[0];
	struct flow *f = &timed_flow[0];
	assert_int_equal(timed_prepare(&m), SL_OK);
	dev[0].a.q.stats = (struct queue_stats){.doorbells = 70, .polls = 80, .empty_polls = 60, .bad = 2};
	assert_int_equal(timed_start(&l, 0), SL_OK);
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(timed_turn(f), QD);
	dev[0].slow = 4; /* polls that are not of the phase any more */
	assert_int_equal(timed_stop(0, now_us() + 1000), SL_OK);
	assert_true(vf->ops == 5 * QD && vf->latency.count == 5 * QD && dev[0].sent == 0);
	assert_true(vf->timed.doorbells == 6 && vf->timed.polls == 5 && vf->timed.empty_polls == 0);
	/* One look, also when the time was over before. */
	assert_int_equal(timed_start(&l, 0), SL_OK);
	assert_int_equal(timed_stop(0, 0), SL_OK);
	/* Silence has an end, and a VF that was cut off is no longer waited for, nor one whose queue reports
	 * what cannot be. */
	assert_int_equal(timed_start(&l, 0), SL_OK);
	dev[0].deaf = true;
	uint64_t before = now_us();
	assert_int_equal(timed_stop(0, before + 5000), SL_TIMEOUT);
	assert_true(now_us() >= before + 5000 && f->flying == QD);
	dev[0].a.q.stats.bad = 3;
	before = now_us();
	vf->timed.bad = 2; /* when it began */
	assert_int_equal(timed_stop(0, before + 1000000), SL_DEVICE);
	vf->timed.bad = 3;
	vf->cut = true;
	assert_int_equal(timed_stop(0, before + 1000000), SL_DEVICE);
	assert_true(now_us() < before + 1000000);
}

/* What was read last is looked at, to the last buffer and byte. */
static void test_sample(void **state)
{
	(void)state;
	struct worker l = {.m = &m, .first = 0, .n = VFS};
	assert_int_equal(timed_prepare(&m), SL_OK);
	for (unsigned v = 0; v < VFS; v++) {
		assert_int_equal(timed_start(&l, v), SL_OK);
		assert_int_equal(timed_stop(v, now_us() + 1000), SL_OK);
	}
	assert_int_equal(timed_sample(&m, QD), SL_OK);
	for (unsigned v = 0; v < VFS; v++)
		for (unsigned tag = 0; tag < QD; tag++) {
			dev[v].buffers[tag * CHUNK + CHUNK - 1] ^= 1;
			assert_int_equal(timed_sample(&m, QD), SL_VERIFY);
			dev[v].buffers[tag * CHUNK + CHUNK - 1] ^= 1;
		}
	dev[0].buffers[QD * CHUNK] ^= 1; /* behind them */
	assert_int_equal(timed_sample(&m, QD), SL_OK);
}

/* The whole stage: each VF worked, a row for each and one for all, and the verdict of each way to go wrong.
 */
static void test_stage(void **state)
{
	(void)state;
	for (unsigned way = 0; way < 3; way++) {
		(void)start(NULL);
		dev[1].spoils = way == 1;
		cores = way == 2 ? 2 : 1;
		enum sl_err want = way == 1 ? SL_VERIFY : SL_OK;
		assert_int_equal(stage_timed(&m), want);
		assert_true(m.tally.timed_ops > 0 && progress > 0);
		if (want) {
			assert_non_null(strstr(text, "FAIL timed: reads under load failed: data is not"));
			continue;
		}
		uint64_t sum = 0;
		for (unsigned v = 0; v < VFS; v++) {
			assert_true(m.vf[v].ops > 0 && m.vf[v].latency.count == m.vf[v].ops);
			sum += m.vf[v].ops;
		}
		assert_int_equal(m.tally.timed_ops, sum);
		assert_true(m.tally.timed_us >= 1000000); /* of the assumed TSC rate */
		assert_non_null(strstr(
			text, "random 4 KiB reads, 8 in flight on each of 3 queues of 3 VFs, polled by"));
		for (unsigned v = 0; v < VFS; v++) {
			char row[32];
			snprintf(row, sizeof row, "\n  0000:01:00.%u ", v + 1);
			assert_non_null(strstr(text, row));
		}
		assert_non_null(strstr(text, "\n  all "));
		assert_between(m.tally.fair_permille, 1, 1000);
		assert_int_equal(m.tally.latency.count,
				 m.vf[0].latency.count + m.vf[1].latency.count + m.vf[2].latency.count);
	}
}

/* Errors of the device end in SL_DEVICE, and requests that are not taken at the start in what the device
 * said. */
static void test_stage_errors(void **state)
{
	(void)state;
	dev[0].bad = 0;
	assert_int_equal(timed_prepare(&m), SL_OK);
	dev[1].refuse = 1;
	assert_int_equal(stage_timed(&m), SL_BUSY);
	(void)start(NULL);
	m.vf[0].cut = true;
	assert_true(stage_timed(&m) != SL_OK);
}

/* An error status of the medium, before and under load: VF, block and status. */
static void test_medium(void **state)
{
	(void)state;
	assert_int_equal(timed_prepare(&m), SL_OK);
	dev[1].bad = 1; /* the first write of VF 1 */
	assert_int_equal(stage_timed(&m), SL_DEVICE);
	assert_non_null(strstr(text, "FAIL medium: 0000:01:00.2 write, LBA 0x64: Unrecovered Read Error\n"));
	(void)start(NULL);

	tsc.hz = HZ_LONG;     /* the status ends it */
	dev[2].bad_from = 20; /* reads, before the load is over, and from then on */
	assert_int_equal(stage_timed(&m), SL_DEVICE);
	assert_non_null(strstr(text, "FAIL medium: 0000:01:00.3 read, LBA 0x64: Unrecovered Read Error\n"));
	assert_non_null(strstr(text, "FAIL timed: reads under load failed: device reported an error\n"));
	tsc.hz = HZ;
}

/* q ends the phase, and so does Esc; what begins with Esc and goes on does not. */
static void test_keys(void **state)
{
	static const struct {
		const char *typed;
		bool stops;
	} rows[] = {{"q", true}, {"\x1b", true}, {"xyq", true}, {"x", false}, {"\x1b[q", false}, {"", false}};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		(void)start(NULL);
		boot.cfg.seconds = 25;
		tsc.hz = rows[i].stops ? HZ_LONG : HZ / 10;
		keys = rows[i].typed;
		keys_after = 3;
		assert_int_equal(stage_timed(&m), SL_OK);
		assert_int_equal(m.tally.stopped, rows[i].stops);
		assert_int_equal(strstr(text, "timed: a key ended this phase after ") != NULL, rows[i].stops);
		assert_true(rows[i].stops ? m.tally.timed_us < 25000000 : m.tally.timed_us >= 25000000);
		assert_true(m.tally.timed_ops > 0 && !*keys);
		assert_non_null(strstr(text, "\n  all "));
	}
	keys = "qqq"; /* of the stage before */
	keys_after = 0;
	(void)start(NULL);
	assert_int_equal(stage_timed(&m), SL_OK);
	assert_false(m.tally.stopped);
	tsc.hz = HZ;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup(name, start)
		T(test_prepare), T(test_turn),         T(test_turn_takes_some), T(test_stop), T(test_sample),
		T(test_stage),   T(test_stage_errors), T(test_medium),          T(test_keys)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
