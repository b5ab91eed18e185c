/* The benchmark: which rows there are, what they need, when they are noisy, and how they are printed. */
#include <string.h>
#include "apps/measure/bench.h"
#include "apps/work/timed.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/tsc.h"
#include "tests/unit/test.h"

unsigned core_count(void)
{
	return 2;
}

const struct tsc_info *tsc_info(void)
{
	static const struct tsc_info info = {.hz = 1000000000};
	return &info;
}

static struct bench_row rows[BENCH_ROWS];
static struct config cfg;
static unsigned n;

static void make(unsigned vfs, bool pf, bool huge)
{
	const struct bench_scene s = {.cfg = &cfg, .pf = pf, .vfs = vfs, .huge = huge};
	n = bench_rows(&s, rows, BENCH_ROWS);
}

static unsigned count(enum bench_map map, unsigned vfs, uint32_t depth)
{
	unsigned found = 0;
	for (unsigned i = 0; i < n; i++)
		found += rows[i].map == map && rows[i].vfs == vfs && rows[i].depth == depth &&
			 rows[i].bytes == CHUNK && !rows[i].writes && !rows[i].seq && !rows[i].batch;
	return found;
}

static void test_rows(void **state)
{
	(void)state;
	static const uint32_t depths[] = {1, 8, 32, 128};
	config_defaults(&cfg);
	cfg.qd = 128;
	make(4, false, true);
	for (unsigned i = 0; i < ARRAY_LEN(depths); i++) {
		for (enum bench_map map = BENCH_1G; map <= BENCH_STRICT; map++)
			assert_int_equal(count(map, 1, depths[i]), 1);
		assert_int_equal(count(BENCH_2M, 2, depths[i]), 1);
		assert_int_equal(count(BENCH_2M, 4, depths[i]), 1);
		assert_int_equal(count(BENCH_2M, 3, depths[i]), 0);
	}
	assert_int_equal(n, 4 * 4 + 2 * 4 + 6);
	make(6, false, false); /* 1, 2, 4 and all; no memory for 1 GiB */
	assert_int_equal(count(BENCH_1G, 1, 8), 0);
	assert_int_equal(count(BENCH_2M, 4, 8), 1);
	assert_int_equal(count(BENCH_2M, 6, 8), 1);
	cfg.qd = 64; /* a depth of its own, and none above */
	make(1, false, false);
	assert_int_equal(count(BENCH_2M, 1, 64), 1);
	assert_int_equal(count(BENCH_2M, 1, 128), 0);
	for (unsigned i = 0; i < n; i++)
		assert_int_equal(rows[i].vfs, 1);
	make(4, true, true); /* the PF */
	assert_int_equal(n, 4);
	assert_true(rows[0].pf && rows[0].depth == 1 && rows[3].depth == 64);
}

static void test_rows_elsewhere(void **state)
{
	(void)state;
	config_defaults(&cfg);
	cfg.qd = 8;
	cfg.iommu = CONFIG_IOMMU_OFF;
	make(2, false, true);
	assert_int_equal(n, 4);
	assert_int_equal(count(BENCH_OFF, 1, 1) + count(BENCH_OFF, 2, 8), 2);
	cfg.iommu = CONFIG_IOMMU_PT;
	make(2, false, true);
	assert_int_equal(n, 4);
	assert_int_equal(count(BENCH_PT, 2, 8), 1);
	cfg.iommu = CONFIG_IOMMU_ON;
	cfg.mode = WAIT_IRQ; /* one VF and all */
	make(4, false, true);
	assert_int_equal(n, 4);
	assert_int_equal(count(BENCH_2M, 1, 8) + count(BENCH_2M, 4, 8), 2);
	assert_int_equal(rows[0].mode, WAIT_IRQ);
	cfg.mode = WAIT_POLL;
	cfg.writes = 50; /* the user's own workload in every row, and nothing else */
	cfg.order = ORDER_SEQ;
	cfg.batch = 4;
	cfg.block = 8192;
	make(1, false, false);
	assert_int_equal(n, 3 * 2);
	for (unsigned i = 0; i < n; i++)
		assert_true(rows[i].writes == 50 && rows[i].seq &&
			    rows[i].batch == (rows[i].depth < 4 ? rows[i].depth : 4) &&
			    rows[i].bytes == 8192);
	const struct bench_scene s = {.cfg = &cfg, .vfs = 1};
	assert_int_equal(bench_rows(&s, rows, 5), 5); /* never more than there is room for */
}

static void test_possible(void **state)
{
	(void)state;
	static struct block_store store = {.block = 512, .blocks = 2 * TIMED_CHUNKS * 8, .most = 64};
	static struct block accel = {.q.depth = 128};
	static struct vf vf;
	vf_stores(&vf, &accel);
	vf.data = &store;
	struct bench_row row = {.vfs = 1, .depth = 128, .bytes = CHUNK, .writes = 30};
	assert_true(bench_possible(&vf, &row));
	store.blocks--; /* no room for writes, for reads still */
	assert_false(bench_possible(&vf, &row));
	row.writes = 0;
	assert_true(bench_possible(&vf, &row));
	row.depth = 129; /* more than the queue takes */
	assert_false(bench_possible(&vf, &row));
	row.depth = 8;
	row.bytes = 8 * CHUNK; /* the longest transfer */
	assert_true(bench_possible(&vf, &row));
	row.bytes = 9 * CHUNK;
	assert_false(bench_possible(&vf, &row));
	row.bytes = 8 * CHUNK;
	row.depth = 33; /* more than the buffers hold */
	assert_false(bench_possible(&vf, &row));
	row.depth = 32;
	assert_true(bench_possible(&vf, &row));
	store.blocks *= 2;
	row.writes = 1; /* writes have buffers of their own */
	assert_false(bench_possible(&vf, &row));
	row.depth = 16;
	assert_true(bench_possible(&vf, &row));
}

static void test_noise(void **state)
{
	(void)state;
	struct bench_result r = {.iops = {1100, 1000, 950, 1050, 1150}};
	bench_sum(&r);
	assert_int_equal(r.median, 1050);
	assert_int_equal(r.spread, 200 * 1000 / 1050);
	assert_false(bench_noisy(&r));
	r = (struct bench_result){.iops = {1000, 1000, 1201, 1000, 1000}};
	bench_sum(&r);
	assert_int_equal(r.median, 1000);
	assert_int_equal(r.spread, 201);
	assert_true(bench_noisy(&r));
	r = (struct bench_result){.iops = {0, 0, 0, 0, 5}}; /* most repeats did nothing */
	bench_sum(&r);
	assert_true(bench_noisy(&r));
	r = (struct bench_result){0};
	bench_sum(&r);
	assert_int_equal(r.spread, 0);
}

static char said[65536];
static size_t said_len;

static void sink(const char *text, size_t len)
{
	if (len < sizeof said - said_len) {
		memcpy(said + said_len, text, len);
		said_len += len;
		said[said_len] = 0;
	}
}

static void test_print(void **state)
{
	(void)state;
	static struct bench_result r = {.row = {.vfs = 2, .depth = 8, .bytes = 16384, .map = BENCH_STRICT},
					.iops = {90, 100, 100, 100, 100},
					.ops = 1000,
					.doorbells = 130,
					.invals = 1000,
					.slowest = 987,
					.fastest = 1000};
	log_sink_add(sink);
	hist_reset(&r.latency);
	for (unsigned i = 0; i < 100; i++)
		hist_add(&r.latency, i < 99 ? 5000 : 900000);
	bench_sum(&r);
	config_defaults(&cfg);
	said_len = 0;
	bench_print_head();
	bench_print_row(&r);
	/* The header's last word ends where the row's last number does. */
	char *row = strstr(said, "\n  VF"), *head = strstr(said, "\n     VFs");
	assert_non_null(row);
	assert_non_null(head);
	assert_int_equal(strcspn(row + 1, "\n"), strcspn(head + 1, "\n"));
	assert_non_null(strstr(row, "on  strict"));
	assert_non_null(strstr(row, "   0.130    0.000    1.000    0.000    98.7    10.0\n"));
	said_len = 0;
	bench_print_hist(&r);
	assert_non_null(strstr(said, " 99 ########################################\n"));
	assert_non_null(strstr(said, " 1 #\n")); /* one of a hundred is seen all the same */
	said_len = 0;
	bench_print_json(&r, &cfg);
	assert_non_null(strstr(said, "{\"t\":\"bench\",\"who\":\"vf\",\"vfs\":2,\"depth\":8,"));
	assert_non_null(
		strstr(said, "\"mode\":\"poll\",\"iommu\":\"on\",\"pages\":\"strict\",\"repeats\":[90,100,"));
	assert_non_null(strstr(said, "\"noisy\":false"));
	assert_non_null(strstr(said, ",1]]}\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows), cmocka_unit_test(test_rows_elsewhere),
					   cmocka_unit_test(test_possible), cmocka_unit_test(test_noise),
					   cmocka_unit_test(test_print)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
