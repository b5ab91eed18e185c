/* The machine's side of the fault log: whose refused requests break the proof, and what is done to a function
 * that floods. */
#include <string.h>
#include "apps/machine.h"
#include "apps/bringup/faults.h"
#include "apps/vf/batch.h"
#include "kernel/core.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

void core_progress(void) {}

#define MASTER 0x0004 /* of the Command register */
#define VF0    0x101
#define VF1    0x102
#define HIDDEN 0x9

static struct model_unit *unit;
static struct machine m;
static struct boot_info boot;
static struct pci_func vf[2];
static uint16_t command[2];

/* Configuration space with nothing but the Command register. */
static uint32_t cfg_rd(void *ctx, bdf_t fn, uint16_t off, unsigned bytes)
{
	(void)ctx;
	return off == 4 && bytes == 2 ? command[fn.rid - VF0] : 0;
}

static void cfg_wr(void *ctx, bdf_t fn, uint16_t off, unsigned bytes, uint32_t v)
{
	(void)ctx;
	assert_int_equal(off, 4);
	assert_int_equal(bytes, 2);
	command[fn.rid - VF0] = (uint16_t)v;
}

static const struct pci_cfg cfg = {.rd = cfg_rd, .wr = cfg_wr};

static void start(void)
{
	machine_init();
	unit = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	memset(&m, 0, sizeof m);
	m.boot = &boot;
	m.cfg = &boot.cfg;
	boot.cfg.iommu = true;
	m.translating = true;
	TAILQ_INIT(&m.pci.funcs);
	assert_int_equal(machine_read(&m.iommu), SL_OK);
	assert_int_equal(iommu_enable(&m.iommu), SL_OK);
	assert_int_equal(stage_faults(&m), SL_OK);
	m.vfs = 2;
	for (unsigned i = 0; i < 2; i++) {
		vf[i] = (struct pci_func){.cfg = &cfg, .bdf = {0, (uint16_t)(VF0 + i)}};
		TAILQ_INSERT_TAIL(&m.pci.funcs, &vf[i], link);
		m.vf[i].fn = &vf[i];
		m.vf[i].attached = true;
		command[i] = MASTER | 2;
		assert_int_equal(domain_create(&m.iommu, "VF", &m.vf[i].dom), SL_OK);
		assert_int_equal(domain_attach(m.vf[i].dom, vf[i].bdf), SL_OK);
		faults_watch(&m, vf[i].bdf);
	}
	said_clear();
}

static void refused(uint16_t rid, unsigned n)
{
	uint64_t phys;
	for (unsigned i = 0; i < n; i++) {
		assert_int_not_equal(model_dma(unit, rid, 0x1000, true, &phys), 0);
		assert_int_equal(faults_poll(&m), 1);
	}
}

static void test_nothing(void **state)
{
	(void)state;
	start();
	faults_say(&m);
	assert_int_equal(faults_verdict(&m), SL_OK);
	assert_string_equal(said, "");
	machine_end();
}

/* Not of ours: said and counted apart. */
static void test_stray(void **state)
{
	(void)state;
	start();
	refused(HIDDEN, 3);
	assert_int_equal(faults_verdict(&m), SL_OK);
	assert_int_equal(m.faults.unprovoked, 0);
	assert_int_equal(m.faults.stray, 3);
	assert_said("0000:00:01.1 write 0x1000 refused: bus has no root entry");
	assert_said("refused requests of functions that Sluice does not drive: 3;");
	machine_end();
}

/* Of a driven function, and unexpected. */
static void test_unexpected(void **state)
{
	(void)state;
	start();
	m.vf[1].provoked = true;
	refused(VF1, 5);
	assert_int_equal(faults_verdict(&m), SL_OK);
	refused(VF0, 1);
	m.vf[1].provoked = false;
	refused(VF1, 1);
	assert_int_equal(faults_verdict(&m), SL_VERIFY);
	assert_int_equal(m.faults.unprovoked, 2);
	assert_int_equal(m.faults.stray, 0);
	assert_non_null(strstr(said, "FAIL faults: unexpected refused requests of functions in use: 2\n"));
	assert_said("0000:01:00.1 write 0x1000 refused: not mapped for writing");
	machine_end();
}

/* A claim of one does not hide the other. */
static void test_claimed(void **state)
{
	(void)state;
	struct iommu_fault f;
	start();
	iommu_fault_claim(&m.iommu, vf[0].bdf);
	refused(VF0, 2);
	refused(VF1, 1);
	assert_int_equal(iommu_fault_claimed(&m.iommu, &f), SL_OK);
	iommu_fault_unclaim(&m.iommu);
	assert_int_equal(m.faults.unprovoked, 1);
	machine_end();
}

/* Bus mastering off and nothing else of the Command register, context entry gone, explained before that; the
 * others stay; not twice, but again when it was attached again. */
static void test_cut_off(void **state)
{
	(void)state;
	struct iommu_walk w;
	start();
	refused(VF1, m.faults.log.flood - 1);
	assert_int_equal(command[1], MASTER | 2);
	assert_false(m.vf[1].cut);
	refused(VF1, 1);
	assert_int_equal(command[1], 2);
	assert_true(m.vf[1].cut);
	assert_false(m.vf[1].attached);
	assert_null(iommu_domain_of(&m.iommu, vf[1].bdf));
	assert_int_equal(iommu_walk(&m.iommu, vf[1].bdf, IOVA(0x1000), &w), SL_OK);
	assert_int_equal(w.code_read, 2);
	assert_int_equal(command[0], MASTER | 2);
	assert_true(m.vf[0].attached && !m.vf[0].cut);
	assert_ptr_equal(iommu_domain_of(&m.iommu, vf[0].bdf), m.vf[0].dom);
	const char *walk = strstr(said, "context ok"),
		   *cut = strstr(said, "0000:01:00.2 floods: 1000 refused");
	assert_true(walk && cut && walk < cut);
	assert_not_said("context empty");
	refused(VF1, 2 * m.faults.log.flood);
	assert_null(strstr(cut + 20, "floods")); /* behind this one */
	assert_int_equal(domain_attach(m.vf[1].dom, vf[1].bdf), SL_OK);
	m.vf[1].attached = true;
	pci_bus_master(&vf[1], true);
	faults_watch(&m, vf[1].bdf);
	refused(VF1, m.faults.log.flood);
	assert_non_null(strstr(cut + 20, "floods"));
	assert_int_equal(command[1], 2);
	assert_int_equal(m.faults.n_driven, 2);
	machine_end();
}

/* Nothing to disable: that is reported, and other functions are not affected. */
static void test_hidden_floods(void **state)
{
	(void)state;
	start();
	refused(HIDDEN, m.faults.log.flood);
	assert_non_null(strstr(said, "0000:00:01.1 floods: 1000 refused requests in a second. Cut off: bus "
				     "mastering as it is (no such function was found on the bus), no context "
				     "entry; its further requests are refused and no longer recorded"));
	assert_true(m.vf[0].attached && m.vf[1].attached);
	assert_int_equal(m.faults.unprovoked, 0);
	machine_end();
}

/* More functions than there is room to remember: then every refusal counts. */
static void test_list_full(void **state)
{
	(void)state;
	start();
	for (unsigned i = 0; i < 2 * ARRAY_LEN(m.faults.driven); i++)
		faults_watch(&m, (bdf_t){0, (uint16_t)(0x1000 + i)});
	refused(HIDDEN, 1);
	assert_int_equal(m.faults.unprovoked, 1);
	machine_end();
}

/* A device that never answers and asks for what is not its own at each poll. */
static unsigned poll_flooding(struct queue *a, struct queue_done *done, unsigned max)
{
	uint64_t phys;
	(void)a;
	(void)done;
	(void)max;
	(void)model_dma(unit, VF1, 0x1000, true, &phys);
	return 0;
}

/* A waiter is notified when the VF is cut off, and does not wait for the time-out. */
static void test_wait_ends(void **state)
{
	(void)state;
	static const struct queue_ops queue_ops = {.poll = poll_flooding};
	struct queue accel = {.ops = &queue_ops};
	start();
	m.faults.log.flood = 10;
	m.vf[1].queue = &accel;
	m.vf[1].batch.n = 3;
	assert_int_equal(batch_finish(&m), SL_DEVICE);
	assert_true(m.vf[1].cut);
	assert_said("FAIL accel: 0000:01:00.2 was cut off with 3 of 3 requests in flight");
	assert_not_said("silent");
	machine_end();
}

int main(void)
{
	log_sink_add(said_sink);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),    cmocka_unit_test(test_stray),
		cmocka_unit_test(test_unexpected), cmocka_unit_test(test_claimed),
		cmocka_unit_test(test_cut_off),    cmocka_unit_test(test_hidden_floods),
		cmocka_unit_test(test_list_full),  cmocka_unit_test(test_wait_ends),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
