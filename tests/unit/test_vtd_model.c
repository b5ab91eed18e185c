/* The model of a unit is the oracle of other tests; here it is driven by hand, without iommu/, to see that it
 * is as strict as a unit: VT-d §6 and §11.4. */
#include <string.h>
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

#define W   0x1000000000ull
#define P   0x2000000000ull
#define RID 0x0100

enum { GCMD = 0x18, GSTS = 0x1c, RTADDR = 0x20, FSTS = 0x34, IQH = 0x80, IQT = 0x88, IQA = 0x90 };
#define TE  (1u << 31)
#define RTP (1u << 30)
#define WBF (1u << 27)
#define QIE (1u << 26)

static struct model_unit *m;
static struct vtd_io io;
static uint64_t *root, *ctx, *table[3], *queue;

static uint32_t rd(uint32_t off)
{
	return io.rd32(io.ctx, off);
}

static void wr(uint32_t off, uint32_t v)
{
	io.wr32(io.ctx, off, v);
}

static void pass_time(void)
{
	for (unsigned i = 0; i < 10; i++)
		(void)io.now_us(io.ctx);
}

static uint64_t *page(void)
{
	uint64_t *p = pmm_page();
	assert_non_null(p);
	return p;
}

static void flush(const void *p)
{
	io.flush(io.ctx, p, PAGE_SIZE);
}

/* A page at W for RID, three levels, everything flushed; the queue at hand and not on. */
static void begin(uint64_t cap, uint64_t ecap)
{
	machine_init();
	m = model_machine_unit(&mc, MODEL_VER, cap, ecap, MODEL_ALL);
	io = model_io(m);
	root = page();
	ctx = page();
	queue = page();
	for (unsigned i = 0; i < 3; i++)
		table[i] = page();
	root[2 * (RID >> 8)] = va_phys(ctx).v | 1;
	ctx[1] = 1 | 7 << 8; /* three levels, domain 7 */
	ctx[0] = va_phys(table[0]).v | 1;
	table[0][W >> 30 & 511] = va_phys(table[1]).v | 3;
	table[1][W >> 21 & 511] = va_phys(table[2]).v | 3;
	table[2][W >> 12 & 511] = P | 3;
	uint64_t *all[] = {root, ctx, table[0], table[1], table[2]};
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		flush(all[i]);
	io.wr64(io.ctx, RTADDR, va_phys(root).v);
}

static void end(unsigned complaints)
{
	assert_int_equal(m->complaints, complaints);
	pmm_page_free(root);
	pmm_page_free(ctx);
	pmm_page_free(queue);
	for (unsigned i = 0; i < 3; i++)
		pmm_page_free(table[i]);
	model_machine_fini(&mc);
}

static void command(uint32_t v)
{
	wr(GCMD, v);
	pass_time();
}

/* Context cache and IOTLB, all of it, by the queue. */
static void descriptor(uint64_t lo, uint64_t hi)
{
	uint64_t at = io.rd64(io.ctx, IQT);
	queue[at / 8] = lo;
	queue[at / 8 + 1] = hi;
	io.wr64(io.ctx, IQT, (at + 16) % PAGE_SIZE);
	pass_time();
}

static void on(void)
{
	io.wr64(io.ctx, IQA, va_phys(queue).v);
	command(RTP);
	command(QIE);
	descriptor(1 | 1 << 4, 0);
	descriptor(2 | 1 << 4 | 3 << 6, 0);
	command(QIE | TE);
}

static unsigned dma(uint64_t want)
{
	uint64_t phys = 0;
	unsigned reason = model_dma(m, RID, W + 8, true, &phys);
	if (!reason)
		assert_int_equal(phys, want + 8);
	return reason;
}

/* A command takes time, shows in GSTS, and is one at a time; one-shot bits written back run again. */
static void test_commands(void **state)
{
	(void)state;
	begin(MODEL_CAP, MODEL_ECAP);
	wr(GCMD, RTP);
	assert_int_equal(rd(GSTS), 0);
	pass_time();
	assert_int_equal(rd(GSTS), RTP);
	io.wr64(io.ctx, IQA, va_phys(queue).v);
	command(rd(GSTS) | QIE); /* two commands: the root pointer again */
	assert_int_equal(m->complaints, 1);
	assert_int_equal(rd(GSTS), RTP);
	wr(GCMD, QIE);
	wr(GCMD, QIE); /* while it is worked on */
	pass_time();
	assert_int_equal(m->complaints, 2);
	assert_int_equal(rd(GSTS), RTP | QIE);
	command(QIE | TE); /* the caches were not invalidated */
	assert_int_equal(m->complaints, 3);
	end(3);
}

/* The head follows the tail, with time, around the end; an error stops it on the descriptor. */
static void test_queue(void **state)
{
	(void)state;
	begin(MODEL_CAP, MODEL_ECAP);
	on();
	assert_int_equal(io.rd64(io.ctx, IQH), 32);
	io.wr64(io.ctx, IQT, 48);
	assert_int_equal(io.rd64(io.ctx, IQH), 32);
	io.wr64(io.ctx, IQT, 32);
	pass_time();
	uint32_t *status = (uint32_t *)(void *)page();
	descriptor(5 | 1 << 5 | 0x1234ull << 32, va_phys(status).v);
	assert_int_equal(*status, 0x1234);
	for (unsigned i = 0; i < 300; i++)
		descriptor(1 | 1 << 4, 0);
	assert_int_equal(io.rd64(io.ctx, IQH), (3 + 300) * 16 % PAGE_SIZE);
	descriptor(0xf, 0);
	descriptor(1 | 1 << 4, 0);
	assert_int_equal(io.rd64(io.ctx, IQH), (3 + 300) * 16 % PAGE_SIZE);
	assert_int_equal(rd(FSTS) & 16, 16);
	queue[io.rd64(io.ctx, IQH) / 8] = 1 | 1 << 4;
	wr(FSTS, 16);
	pass_time();
	assert_int_equal(io.rd64(io.ctx, IQH), (3 + 302) * 16 % PAGE_SIZE);
	pmm_page_free(status);
	end(0);
}

/* Writing 1 clears, writing 0 does not, in status and records; PPF follows the records. */
static void test_write_1_to_clear(void **state)
{
	(void)state;
	begin(MODEL_CAP, MODEL_ECAP);
	uint32_t at = (uint32_t)(MODEL_CAP >> 24 & 0x3ff) * 16;
	on();
	for (unsigned i = 0; i < 400; i++)
		assert_int_equal(model_dma(m, 0x0200, W, true, &(uint64_t){0}), 1);
	assert_int_equal(rd(FSTS) & 3, 3); /* overflow */
	wr(FSTS, 0);
	assert_int_equal(rd(FSTS) & 3, 3);
	wr(FSTS, 3);
	assert_int_equal(rd(FSTS) & 3, 2);
	wr(at + 12, 0);
	assert_int_equal(io.rd64(io.ctx, at + 8) >> 63, 1);
	for (uint32_t i = 0; rd(FSTS) & 2; i++)
		wr(at + 16 * i + 12, 1u << 31);
	assert_int_equal(io.rd64(io.ctx, at + 8) >> 63, 0);
	end(0);
}

/* What is cached is used until it is invalidated, by the right domain, address and hint. */
static void test_caches(void **state)
{
	(void)state;
	static const struct {
		uint64_t lo, hi;
		bool helps;
	} tries[] = {
		{1 | 1 << 4, 0, false},                                         /* context cache */
		{2 | 2 << 4 | 3 << 6 | 8ull << 16, 0, false},                   /* another domain */
		{2 | 3 << 4 | 3 << 6 | 7ull << 16, W + 0x1000, false},          /* another page */
		{2 | 3 << 4 | 3 << 6 | 7ull << 16, W, true},                    /* that page, */
		{2 | 3 << 4 | 3 << 6 | 7ull << 16, W | 1 << 6, true},           /* leaf only, */
		{2 | 3 << 4 | 3 << 6 | 7ull << 16, (W & ~0xffffull) | 4, true}, /* among 16, */
		{2 | 2 << 4 | 3 << 6 | 7ull << 16, 0, true},                    /* the domain, */
		{2 | 1 << 4 | 3 << 6, 0, true},                                 /* all */
	};
	for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
		begin(MODEL_CAP, MODEL_ECAP);
		on();
		assert_false(model_cached(m, RID, W));
		assert_int_equal(dma(P), 0);
		assert_true(model_cached(m, RID, W));
		table[2][W >> 12 & 511] = 0;
		flush(table[2]);
		assert_int_equal(dma(P), 0); /* stale */
		descriptor(tries[i].lo, tries[i].hi);
		assert_int_equal(dma(P), tries[i].helps ? 5 : 0);
		end(0);
	}
}

/* Tables below the top one are cached as well: the leaf-only hint leaves them. So are context entries. */
static void test_caches_above(void **state)
{
	(void)state;
	for (unsigned hint = 0; hint < 2; hint++) {
		begin(MODEL_CAP, MODEL_ECAP);
		on();
		assert_int_equal(dma(P), 0);
		table[1][W >> 21 & 511] = 0;
		flush(table[1]);
		descriptor(2 | 3 << 4 | 3 << 6 | 7ull << 16, W | (uint64_t)hint << 6);
		assert_int_equal(dma(P), hint ? 0 : 5);
		end(0);
	}
	begin(MODEL_CAP, MODEL_ECAP);
	on();
	assert_int_equal(dma(P), 0);
	ctx[0] = 0;
	flush(ctx);
	descriptor(2 | 1 << 4 | 3 << 6, 0);
	assert_int_equal(dma(P), 0); /* walked again from the cached entry */
	descriptor(1 | 3 << 4 | 7ull << 16 | (uint64_t)RID << 32, 0);
	assert_int_equal(dma(P), 2);
	end(0);
}

/* Caching mode: what was not there is cached too. */
static void test_caching_mode(void **state)
{
	(void)state;
	begin(MODEL_CAP | MODEL_CM, MODEL_ECAP);
	table[2][W >> 12 & 511] = 0;
	flush(table[2]);
	on();
	assert_int_equal(dma(P), 5);
	table[2][W >> 12 & 511] = P | 3;
	flush(table[2]);
	assert_int_equal(dma(P), 5);
	descriptor(2 | 2 << 4 | 3 << 6 | 7ull << 16, 0);
	assert_int_equal(dma(P), 0);
	end(0);
}

/* A store is seen when it was flushed, where walks do not snoop; from a write buffer only when that is
 * emptied as well. */
static void test_memory(void **state)
{
	(void)state;
	for (unsigned coherent = 0; coherent < 2; coherent++) {
		begin(MODEL_CAP, MODEL_ECAP | coherent);
		table[2][W >> 12 & 511] = 0;
		flush(table[2]);
		on();
		table[2][W >> 12 & 511] = P | 3;
		assert_int_equal(dma(P), coherent ? 0 : 5);
		flush(table[2]);
		assert_int_equal(dma(P), 0);
		end(0);
	}
	begin(MODEL_CAP | MODEL_RWBF, MODEL_ECAP);
	command(WBF);
	table[2][W >> 12 & 511] = 0;
	flush(table[2]);
	on();
	assert_int_equal(dma(P), 5);
	table[2][W >> 12 & 511] = P | 3;
	flush(table[2]);
	assert_int_equal(dma(P), 5);
	command(QIE | TE | WBF);
	assert_int_equal(rd(GSTS) & WBF, 0);
	assert_int_equal(dma(P), 0);
	end(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),         cmocka_unit_test(test_queue),
		cmocka_unit_test(test_write_1_to_clear), cmocka_unit_test(test_caches),
		cmocka_unit_test(test_caches_above),     cmocka_unit_test(test_caching_mode),
		cmocka_unit_test(test_memory),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
