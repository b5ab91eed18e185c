/* Who the cores are (MADT), whether they keep time and make progress, and how work is shared out to them. */
#include <stdio.h>
#include <string.h>
#include "apps/vf/workers.h"
#include "kernel/lock.h"
#include "kernel/madt.h"
#include "kernel/watch.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define US 1000000ull

static struct madt m;
static uint8_t table[65536];
static size_t len;

static void begin(uint32_t lapic, uint32_t flags)
{
	memset(table, 0, sizeof table);
	memcpy(table + 36, &lapic, 4);
	memcpy(table + 40, &flags, 4);
	len = 44;
}

static void add(const uint8_t *e, size_t n)
{
	memcpy(table + len, e, n);
	len += n;
}
#define ADD(...) add((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void read_table(void)
{
	madt_read((struct span){table, len}, &m);
}

static void test_madt(void **state)
{
	(void)state;
	begin(0xfee00000, 1);
	ADD(0, 8, 0, 0, 1, 0, 0, 0);                                      /* id 0 */
	ADD(0, 8, 1, 2, 1, 0, 0, 0);                                      /* id 2 */
	ADD(0, 8, 2, 4, 0, 0, 0, 0);                                      /* not there */
	ADD(0, 8, 3, 6, 2, 0, 0, 0);                                      /* may come */
	ADD(0, 8, 4, 0xff, 1, 0, 0, 0);                                   /* no id */
	ADD(9, 16, 0, 0, 0x2c, 1, 0, 0, 1, 0, 0, 0, 5, 0, 0, 0);          /* id 300 */
	ADD(9, 16, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0);             /* id 2 again */
	ADD(9, 16, 0, 0, 6, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0);             /* id 6 again, enabled here */
	ADD(9, 16, 0, 0, 0xff, 0xff, 0xff, 0xff, 1, 0, 0, 0, 1, 0, 0, 0); /* no id */
	ADD(1, 12, 8, 0, 0, 0, 0xc0, 0xfe, 0, 0, 0, 0);
	ADD(1, 12, 9, 0, 0, 0x10, 0xc0, 0xfe, 24, 0, 0, 0);
	ADD(1, 12, 9, 0, 0, 0x10, 0xc0, 0xfe, 24, 0, 0, 0); /* the same registers */
	ADD(2, 10, 0, 9, 20, 0, 0, 0, 0xd, 0);
	ADD(5, 12, 0, 0, 0, 0, 0xe0, 0xfe, 1, 0, 0, 0);
	ADD(4, 6, 0xff, 0, 0, 1); /* not for us */
	ADD(16, 16, 0, 0, 0, 0, 0, 0, 0, 0x10, 0, 0x7f, 1, 0, 0, 0);
	ADD(0x7f, 5, 1, 2, 3); /* unknown */
	read_table();
	assert_false(m.damaged);
	assert_true(m.has_8259);
	assert_int_equal(m.lapic, 0x1fee00000);
	assert_int_equal(m.mailbox, 0x17f001000);
	assert_int_equal(m.cpus, 4);
	assert_int_equal(m.cpu[1].apic_id, 2);
	assert_int_equal(m.cpu[3].apic_id, 300);
	assert_true(m.cpu[2].apic_id == 6 && m.cpu[2].enabled);
	assert_int_equal(madt_enabled(&m), 4);
	assert_int_equal(madt_highest(&m), 300);
	assert_true(madt_has(&m, 300));
	assert_false(madt_has(&m, 301) || madt_has(&m, 44));
	assert_int_equal(m.absent, 3);
	assert_int_equal(m.twice, 3);
	assert_int_equal(m.ioapics, 2);
	assert_true(m.ioapic[1].base == 0xfec01000 && m.ioapic[1].gsi == 24 && m.ioapic[1].id == 9);
	assert_int_equal(m.overrides, 1);
	assert_true(m.override[0].irq == 9 && m.override[0].gsi == 20 && m.override[0].flags == 0xd);
}

static void test_ids_text(void **state)
{
	static const uint32_t ids[] = {1, 4, 5, 6, 8, 9, 7, 300, UINT32_MAX, 0};
	static const char whole[] = "1, 4-6, 8-9, 7, 300, 4294967295, 0";
	char text[64];
	(void)state;
	madt_ids_text(ids, 0, text, sizeof text);
	assert_string_equal(text, "");
	madt_ids_text(ids, ARRAY_LEN(ids), text, sizeof text);
	assert_string_equal(text, whole);
	madt_ids_text(ids, ARRAY_LEN(ids), text, sizeof whole - 1);
	assert_string_equal(text, "1, 4-6, 8-9, 7, 300, ...");
	madt_ids_text(ids, 4, text, 7);
	assert_string_equal(text, "1, 4-6");
	madt_ids_text(ids, 5, text, 12);
	assert_string_equal(text, "1, 4-6, 8");
	madt_ids_text(ids, 7, text, 12);
	assert_string_equal(text, "1, 4-6, ...");
}

/* One that may be switched on later is known, and neither started nor the highest. */
static void test_madt_capable(void **state)
{
	(void)state;
	begin(0xfee00000, 0);
	ADD(0, 8, 0, 7, 1, 0, 0, 0);
	ADD(9, 16, 0, 0, 0, 4, 0, 0, 2, 0, 0, 0, 5, 0, 0, 0);
	read_table();
	assert_false(m.has_8259);
	assert_true(m.cpus == 2 && !m.cpu[1].enabled && m.cpu[1].apic_id == 0x400);
	assert_int_equal(madt_enabled(&m), 1);
	assert_int_equal(madt_highest(&m), 7);
}

static void test_madt_damaged(void **state)
{
	(void)state;
	begin(0xfee00000, 1);
	ADD(0, 8, 0, 1, 1, 0, 0, 0);
	size_t good = len;
	ADD(0, 0); /* would loop without end */
	read_table();
	assert_true(m.damaged && m.cpus == 1);
	len = good;
	ADD(0, 4, 0, 2); /* shorter than its kind */
	ADD(16, 8, 0, 0, 0, 0, 0, 0);
	ADD(0, 8, 0, 3, 1, 0, 0, 0);
	read_table();
	assert_int_equal(m.mailbox, 0);
	assert_true(m.damaged && m.cpus == 2 && m.cpu[1].apic_id == 3);
	for (size_t n = 0; n < len; n++) { /* cut anywhere */
		uint8_t *copy = test_malloc(n + 1);
		memcpy(copy, table, n);
		madt_read((struct span){copy, n}, &m);
		assert_int_equal(m.cpus, n >= good ? 1 : 0);
		assert_int_equal(m.damaged, n != 44 && n != good);
		test_free(copy);
	}
	begin(0xfee00000, 1);
	for (uint32_t id = 0; id < MADT_MAX_CPUS + 3; id++)
		ADD(9, 16, 0, 0, (uint8_t)id, (uint8_t)(id >> 8), 0, 0, 1, 0, 0, 0, 5, 0, 0, 0);
	read_table();
	assert_int_equal(m.cpus, MADT_MAX_CPUS);
	assert_int_equal(m.lost, 3);
}

/* Real machines: at least one processor and one I/O APIC, and sound to the end. */
static void test_madt_real(void **state)
{
	(void)state;
	const char *dir = support_data("acpi");
	unsigned seen = 0;
	char path[512];
	for (const char *name; (name = support_next(dir));) {
		if (!support_ends(name, ".APIC.dat"))
			continue;
		snprintf(path, sizeof path, "%s/%s", dir, name);
		FILE *f = fopen(path, "rb");
		assert_non_null(f);
		len = fread(table, 1, sizeof table, f);
		fclose(f);
		read_table();
		assert_true(madt_enabled(&m) >= 1 && m.ioapics >= 1 && m.lapic == 0xfee00000);
		assert_false(m.damaged || m.lost);
		seen++;
	}
	assert_true(seen > 10);
}

static void test_skew(void **state)
{
	(void)state;
	struct skew s = {0};
	skew_add(&s, 1000, 1300, 1400); /* a long round says +100 +-200 */
	assert_true(s.offset == 100 && s.round == 400 && skew_explained(&s));
	skew_add(&s, 2000, 2090, 2100); /* a short one: +40 +-50 */
	assert_true(s.offset == 40 && s.round == 100 && skew_explained(&s));
	skew_add(&s, 3000, 3900, 4000); /* longer again: nothing new */
	assert_true(s.offset == 40 && s.round == 100 && s.rounds == 3);
	skew_add(&s, 5000, 4000, 5080);
	assert_true(s.offset == -1040 && s.round == 80);
	assert_false(skew_explained(&s));
	struct skew first = {0}; /* also when the first round is the only one */
	skew_add(&first, 10, 5000, 20);
	assert_true(first.offset == 4985 && !skew_explained(&first));
}

static void test_watch(void **state)
{
	(void)state;
	struct watch w = {0};
	uint64_t t = 100 * US;
	assert_int_equal(watch_look(&w, false, 0, t, 5 * US), WATCH_WELL);
	t += 60 * US; /* idle for long, then work: it has its five seconds from now */
	assert_int_equal(watch_look(&w, true, 0, t, 5 * US), WATCH_WELL);
	t += 4 * US;
	assert_int_equal(watch_look(&w, true, 0, t, 5 * US), WATCH_WELL);
	t += US;
	assert_int_equal(watch_look(&w, true, 0, t, 5 * US), WATCH_STUCK);
	t += 50 * US; /* said once */
	assert_int_equal(watch_look(&w, true, 0, t, 5 * US), WATCH_WELL);
	assert_int_equal(watch_look(&w, true, 1, t, 5 * US), WATCH_AGAIN);
	t += 4 * US;
	assert_int_equal(watch_look(&w, true, 2, t, 5 * US), WATCH_WELL);
	t += 4 * US; /* it moved in between */
	assert_int_equal(watch_look(&w, true, 2, t, 5 * US), WATCH_WELL);
	t += US;
	assert_int_equal(watch_look(&w, true, 2, t, 5 * US), WATCH_STUCK);
	assert_int_equal(watch_look(&w, false, 2, t, 5 * US), WATCH_WELL); /* done all the same */
}

static void test_lock(void **state)
{
	(void)state;
	struct lock l = {0};
	support_core = 3;
	assert_true(lock_take(&l, US));
	assert_false(lock_take(&l, US)); /* in an interrupt on the same core */
	support_core = 0;
	assert_true(lock_take(&l, 1000)); /* its holder has stopped */
	support_core = 3;
	lock_give(&l); /* and comes back: it is no longer his */
	support_core = 0;
	assert_false(lock_take(&l, US));
	lock_give(&l);
	assert_int_equal(l.owner, 0);
	assert_true(lock_take(&l, US));
	lock_give(&l);
}

/* Cores that run what they are given at once; core 0 must come last, as it does not wait. */
static unsigned cores, ran[CORES_MAX];
static struct machine machine;
static unsigned worked[VFS_MAX], order;
static enum sl_err refuse_run, refuse_join;

unsigned core_count(void)
{
	return cores;
}

enum sl_err core_run(unsigned core, core_fn *fn, void *arg)
{
	if (core == 1 && refuse_run)
		return refuse_run;
	ran[core] = ++order;
	fn(arg);
	return SL_OK;
}

enum sl_err core_join(unsigned core, uint64_t deadline)
{
	(void)deadline;
	return core == 1 ? refuse_join : SL_OK;
}

static void work(void *arg)
{
	struct worker *w = arg;
	assert_ptr_equal(w, worker_of(w->core));
	for (unsigned v = w->first; v < w->first + w->n; v++) {
		worked[v]++;
		if (v == 7)
			w->err = SL_VERIFY;
	}
	w->ops = w->n;
}

static void test_share(void **state)
{
	(void)state;
	for (cores = 1; cores <= CORES_MAX; cores++) {
		for (unsigned vfs = 1; vfs <= VFS_MAX; vfs++) {
			unsigned most = 0, least = VFS_MAX, first;
			memset(worked, 0, sizeof worked);
			for (unsigned c = 0; c < cores; c++) {
				unsigned n = workers_share(vfs, cores, c, &first);
				for (unsigned v = first; v < first + n; v++)
					worked[v]++;
				most = n > most ? n : most;
				least = n < least ? n : least;
			}
			for (unsigned v = 0; v < VFS_MAX; v++)
				assert_int_equal(worked[v], v < vfs); /* each VF on one core */
			assert_true(most - least <= 1);
			assert_int_equal(workers_share(vfs, cores, 0, &first), least); /* core 0 has fewest */
		}
	}
}

/* Places are given to near cores first; core 0 keeps its own. */
static void test_near(void **state)
{
	static const unsigned want[] = {0, 2, 5, 1, 3, 4};
	bool near[CORES_MAX] = {[0] = true, [2] = true, [5] = true};
	(void)state;
	for (unsigned i = 0; i < CORES_MAX; i++)
		assert_int_equal(workers_core(i), i);
	workers_near(near);
	for (unsigned i = 0; i < ARRAY_LEN(want); i++)
		assert_int_equal(workers_core(i), want[i]);
	assert_int_equal(workers_core(CORES_MAX - 1), CORES_MAX - 1);
	assert_int_equal(workers_core_of(0, 4, 6), 2);
	assert_int_equal(workers_core_of(1, 4, 6), 5);
	assert_int_equal(workers_core_of(3, 4, 6), 3);
	assert_int_equal(workers_core_of(5, 6, 6), 0); /* the last VF, where there are no more cores */
	assert_int_equal(workers_core_of(11, 12, 6), 0);
	assert_int_equal(workers_core_of(1, 12, 6), 2);
	memset(near, 0, sizeof near);
	workers_near(near);
	for (unsigned i = 0; i < CORES_MAX; i++)
		assert_int_equal(workers_core(i), i);
}

static void test_lanes(void **state)
{
	(void)state;
	cores = 4;
	machine.vfs = 6;
	memset(worked, 0, sizeof worked);
	assert_int_equal(workers_run(&machine, work, US), SL_OK);
	for (unsigned v = 0; v < VFS_MAX; v++)
		assert_int_equal(worked[v], v < 6);
	assert_int_equal(ran[0], 4);
	assert_int_equal(worker_of(1)->ops + worker_of(2)->ops + worker_of(3)->ops + worker_of(0)->ops, 6);
	machine.vfs = 1; /* one core works, and core 0 comes all the same */
	memset(ran, 0, sizeof ran);
	assert_int_equal(workers_run(&machine, work, US), SL_OK);
	assert_true(ran[0] && ran[1] && !ran[2] && !ran[3]);
	machine.vfs = 8; /* an error on any core is the result */
	assert_int_equal(workers_run(&machine, work, US), SL_VERIFY);
	machine.vfs = 4;
	refuse_join = SL_TIMEOUT;
	assert_int_equal(workers_run(&machine, work, US), SL_TIMEOUT);
	refuse_join = SL_OK;
	refuse_run = SL_BUSY;
	assert_int_equal(workers_run(&machine, work, US), SL_BUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_madt),      cmocka_unit_test(test_madt_capable),
		cmocka_unit_test(test_ids_text),  cmocka_unit_test(test_madt_damaged),
		cmocka_unit_test(test_madt_real), cmocka_unit_test(test_skew),
		cmocka_unit_test(test_watch),     cmocka_unit_test(test_lock),
		cmocka_unit_test(test_share),     cmocka_unit_test(test_near),
		cmocka_unit_test(test_lanes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
