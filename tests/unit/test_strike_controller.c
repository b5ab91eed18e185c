/* Controllers of drivers/strike as attackers of stage isolate: which are opened, what stays of one that
 * cannot be, which accesses each can make, and what it is without a domain. The class is made up here. */
#include <stdio.h>
#include <string.h>
#include "apps/bringup/dma_window.h"
#include "apps/bringup/faults.h"
#include "apps/proof/bystanders.h"
#include "apps/proof/strike_controller.h"
#include "apps/vf/msix.h"
#include "kernel/fmt.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_domain.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define N     18u
#define CLASS 0x123456u
#define LOW   0x7f800000ull

static struct pci_func fn[N];
static struct attackers all;
static uint8_t memory[N][STRIKE_MEM], regs[4];
static unsigned buffers, opened, msix_on, left_out, turns, kicks;
static uint8_t more[STRIKE_MEM];
static unsigned taken, released;
static unsigned reserved;
static bool narrow, no_low, take_fails, no_msix, open_fails, put_fails, idle, write_fails;
static char reason[128], last[64];
static const char *barred;
static bool fault_waits;

/* ---- a class ---- */

static enum sl_err class_open(struct strike_dev *d, const char **why)
{
	assert_true(d->io.regs == regs && d->io.len == 0x1234 && d->mem.va);
	d->narrow = narrow;
	if (narrow && d->mem.iova.v >> 32) {
		*why = "it has 32-bit addresses only";
		return SL_UNSUPPORTED;
	}
	if (open_fails) {
		*why = "it is asleep";
		return SL_DEVICE;
	}
	opened++;
	return SL_OK;
}

static void class_close(struct strike_dev *d)
{
	assert_non_null(d->mem.va);
	opened--;
}

static enum sl_err class_write(struct strike_dev *d, uint64_t at, uint32_t len)
{
	fmt_print(last, sizeof last, "write %llx %u", (ull)at, len);
	if (!idle && at == d->mem.iova.v + PAGE_SIZE)
		strike_brought(d)[len - 1] = 1;
	return write_fails ? SL_TIMEOUT : SL_OK;
}

/* While it is under way it is known whether the access was refused. */
static enum sl_err class_read(struct strike_dev *d, uint64_t at)
{
	assert_false(d->io.over(d->io.of));
	fault_waits = true;
	assert_true(d->io.over(d->io.of));
	fault_waits = false;
	fmt_print(last, sizeof last, "read %llx", (ull)at);
	return SL_OK;
}

static void class_bait(const struct strike_dev *d, void *place)
{
	(void)d;
	fmt_print(last, sizeof last, "bait");
	*(uint8_t *)place = 9;
}

static bool class_obeyed(const struct strike_dev *d)
{
	return strike_brought(d)[0] == 9;
}

static void class_lay(const struct strike_dev *d, void *place, uint64_t at)
{
	(void)d;
	fmt_print(last, sizeof last, "lay %llx", (ull)at);
	*(uint8_t *)place = 8;
}

static uint8_t *fetched; /* where it is allowed, what it changes */

/* It is over when the access was refused, or when what it changes is seen. */
static enum sl_err class_fetch(struct strike_dev *d, uint64_t at)
{
	assert_false(d->io.over(d->io.of));
	fault_waits = true;
	assert_true(d->io.over(d->io.of));
	fault_waits = false;
	if (fetched) {
		fetched[0]++; /* the page that the function only reads */
		assert_false(d->io.over(d->io.of));
		fetched[2 * PAGE_SIZE - 1]++;
		assert_true(d->io.over(d->io.of));
	}
	fmt_print(last, sizeof last, "fetch %llx", (ull)at);
	return write_fails ? SL_TIMEOUT : SL_OK;
}

static enum sl_err class_kick(struct strike_dev *d)
{
	(void)d;
	kicks++;
	return SL_OK;
}

static void class_said(const struct strike_dev *d, char *buf, size_t n)
{
	(void)d;
	fmt_print(buf, n, "all is well");
}

static const struct strike_class class = {.name = "TEST",
					  .class = CLASS,
					  .bar = 3,
					  .write_align = 4,
					  .write_most = 64,
					  .read_align = 128,
					  .open = class_open,
					  .close = class_close,
					  .write = class_write,
					  .bait = class_bait,
					  .read = class_read,
					  .obeyed = class_obeyed,
					  .lay = class_lay,
					  .fetch = class_fetch,
					  .kick = class_kick,
					  .said = class_said};

static const struct strike_ops ops = {
	.how = "for tests", .least = 16, .most = 64, .class = &class, CONTROLLER_OPS};

/* One that takes its functions over from the firmware, and needs more memory. */
static enum sl_err taking_take(struct strike_dev *d, const char **why)
{
	assert_true(d->io.regs == regs && d->io.len == 0x1234 && !d->mem.va); /* it has no domain yet */
	*why = "the firmware keeps it";
	taken += !take_fails;
	return take_fails ? SL_BUSY : SL_OK;
}

static enum sl_err taking_open(struct strike_dev *d, const char **why)
{
	d->more = (struct dma_buf){.va = more, .iova = IOVA(0x5000), .len = STRIKE_MEM};
	buffers++;
	*why = "it is asleep";
	return open_fails ? SL_DEVICE : SL_OK;
}

static void taking_close(struct strike_dev *d)
{
	(void)d;
	taken--;
}

static struct strike_class taking;
static const struct strike_ops taking_ops = {.how = "for tests", .class = &taking, CONTROLLER_OPS};

/* ---- what it calls ---- */

bool iommu_fault_waits(struct iommu *mmu)
{
	assert_ptr_equal(mmu, &mach.iommu);
	return fault_waits;
}

enum sl_err iommu_rmrrs_release(struct iommu *mmu, bdf_t f)
{
	assert_true(mmu == &mach.iommu && f.rid >= 0x100 && taken == released + 1);
	enum sl_err e = stages_call();
	released += !e;
	return e;
}

enum sl_err window_choose_low(const struct pci *pci, uint64_t *base)
{
	assert_ptr_equal(pci, &mach.pci);
	*base = LOW;
	return no_low ? SL_NOSPACE : SL_OK;
}

void pmm_reserve(phys_t base, uint64_t pages)
{
	assert_true(base.v == LOW && pages == WINDOW_SIZE / PAGE_SIZE);
	reserved++;
}

enum sl_err dma_get(struct domain *d, iova_t iova, uint64_t len, unsigned perm, struct dma_buf *out)
{
	assert_true(d == (domains_none ? NULL : the_domain) && taken == released &&
		    (iova.v == WINDOW + WINDOW_BUFFERS || (narrow && iova.v == LOW + WINDOW_BUFFERS)) &&
		    len == STRIKE_MEM && perm == DOMAIN_RW);
	enum sl_err e = stages_call();
	if (e)
		return e;
	memset(memory[buffers], 0, STRIKE_MEM);
	*out = (struct dma_buf){.va = memory[buffers++], .iova = iova, .len = len, .dom = d};
	return SL_OK;
}

enum sl_err dma_put(struct dma_buf *b)
{
	if (!b->va)
		return SL_OK;
	assert_true(b->len == STRIKE_MEM && buffers > connected); /* its function is disconnected before */
	buffers--;
	b->va = NULL;
	return put_fails ? SL_TIMEOUT : SL_OK;
}

void faults_watch(struct machine *machine, bdf_t f)
{
	(void)machine;
	(void)f;
}

enum sl_err function_msix_open(const struct pci_func *f, struct msix_table *out)
{
	enum sl_err e = stages_call();
	if (e || no_msix)
		return e;
	*out = (struct msix_table){.fn = f, .vectors = 1};
	msix_on++;
	return SL_OK;
}

void msix_close(struct msix_table *t)
{
	assert_int_equal(t->vectors, 1);
	t->vectors = 0;
	msix_on--;
}

enum sl_err attackers_add(struct machine *machine, struct attackers *a, const struct attacker *who)
{
	(void)machine;
	enum sl_err e = stages_call();
	if (!e)
		a->one[a->n++] = *who;
	return e;
}

const char *attackers_barred(struct machine *machine, const struct pci_func *f, unsigned bar, bool takes)
{
	(void)machine;
	assert_int_equal(bar, takes ? 0 : 3);
	return f == &fn[1] ? barred : NULL;
}

void attackers_leave_out(const struct attackers *a, const struct pci_func *f, const char *name,
			 const char *why)
{
	(void)f;
	assert_ptr_equal(a, &all);
	assert_string_equal(name, "TEST");
	left_out++;
	snprintf(reason, sizeof reason, "%s", why);
}

void bystanders_turn(struct machine *machine)
{
	assert_ptr_equal(machine, &mach);
	turns++;
}

/* ---- tests ---- */

static void functions(unsigned n)
{
	memset(fn, 0, sizeof fn);
	TAILQ_INIT(&mach.pci.funcs);
	for (unsigned i = 0; i < n; i++) {
		fn[i] = (struct pci_func){.bdf = {0, (uint16_t)(0x100 + i)},
					  .class = i == 2 ? CLASS + 1 : CLASS,
					  .bar = {[3] = {.addr = 0x1000, .size = 0x1234}}};
		TAILQ_INSERT_TAIL(&mach.pci.funcs, &fn[i], link);
	}
}

static void assert_nothing_stays(void)
{
	assert_true(!domains && !connected && !buffers && !opened && !msix_on);
}

static int start(void **state)
{
	(void)state;
	stages_start(0, NULL);
	domain_regs = regs;
	domain_wants = "TEST";
	controllers_close();
	assert_nothing_stays();
	memset(&all, 0, sizeof all);
	functions(4);
	left_out = turns = kicks = taken = released = 0;
	take_fails = narrow = no_low = false;
	taking = class;
	taking.bar = 0;
	taking.take = taking_take;
	taking.open = taking_open;
	taking.close = taking_close;
	no_msix = open_fails = put_fails = idle = write_fails = false;
	barred = NULL;
	stages_calls = stages_fail_at = 0;
	return 0;
}

static enum sl_err open_all(void)
{
	return controllers_open(&mach, &all, &ops);
}

static void test_which(void **state)
{
	assert_int_equal(open_all(), SL_OK);
	assert_true(all.n == 3 && opened == 3 && connected == 3 && buffers == 3 && msix_on == 3 && !left_out);
	assert_string_equal(all.one[0].name, "TEST");
	assert_string_equal(all.one[1].name, "TEST1");
	assert_string_equal(all.one[2].name, "TEST2");
	for (unsigned i = 0; i < 3; i++) {
		const struct attacker *by = &all.one[i];
		assert_true(by->fn == &fn[i < 2 ? i : 3] && *by->dom == the_domain && by->ops == &ops &&
			    by->dev);
		assert_true(by->msix && by->msix->vectors == 1 && by->own[0].perm == DOMAIN_RW);
		assert_ptr_equal(by->own[0].buf->va, memory[i]);
	}
	controllers_close();
	assert_nothing_stays();
	controllers_close(); /* each class of attackers asks for it */
	start(state);
	barred = "prove=none";
	no_msix = true;
	assert_int_equal(open_all(), SL_OK);
	assert_true(all.n == 2 && left_out == 1 && all.one[1].fn == &fn[3] && !all.one[0].msix);
	assert_string_equal(reason, "prove=none");
	assert_string_equal(all.one[1].name, "TEST1");
	start(state);
	functions(N); /* one more than there may be, and one of another class */
	assert_int_equal(open_all(), SL_OK);
	assert_true(all.n == CONTROLLERS_MAX && left_out == N - 1 - CONTROLLERS_MAX);
	assert_string_equal(reason, "as many controllers attack already as can");
	start(state);
	open_fails = true;
	assert_int_equal(open_all(), SL_OK);
	assert_true(!all.n && left_out == 3);
	assert_string_equal(reason, "it is asleep");
	assert_nothing_stays();
}

/* One that cannot be opened is left out, and nothing of it stays; the others attack. */
static void test_every_call_fails(void **state)
{
	static const char *const why[] = {"domain and memory", "domain and memory", "domain and memory",
					  "its MSI-X could not be set up"};
	for (unsigned n = 1; n <= 4; n++) {
		start(state);
		stages_fail_at = n;
		assert_int_equal(open_all(), SL_OK);
		assert_true(left_out == 1 && all.n == 2 && opened == 2 && connected == 2 && buffers == 2);
		assert_true(domains == 2 && msix_on == 2);
		assert_non_null(strstr(reason, why[n - 1]));
		assert_string_equal(all.one[0].name, "TEST");
	}
	start(state);
	stages_fail_at = 5; /* its pages: the stage ends, and puts everything back */
	assert_int_equal(open_all(), SL_DEVICE);
	assert_true(!all.n && !left_out && opened == 1);
	controllers_close();
	assert_nothing_stays();
	start(state);
	assert_int_equal(open_all(), SL_OK);
	put_fails = true;
	controllers_close();
	assert_said("memory of 0000:01:00.3 could not be taken back");
	assert_nothing_stays();
}

/* It is taken over from the firmware before anything else, and its RMRRs end; else it is left out. */
static void test_take(void **state)
{
	static const char *const why[] = {"its registers cannot be reached",
					  "an RMRR of a bridge above it",
					  "domain and memory",
					  "domain and memory",
					  "domain and memory",
					  "its MSI-X could not be set up"};
	struct attacker bare;
	for (unsigned n = 0; n <= 8; n++) {
		start(state);
		functions(2);
		fn[0].bar[0] = fn[1].bar[0] = fn[0].bar[3];
		TAILQ_REMOVE(&mach.pci.funcs, &fn[1], link);
		stages_fail_at = n && n <= 6 ? n : 0;
		take_fails = n == 7;
		open_fails = n == 8;
		assert_int_equal(controllers_open(&mach, &all, &taking_ops), SL_OK);
		assert_int_equal(left_out, n != 0);
		if (n)
			assert_non_null(strstr(reason, n < 7    ? why[n - 1]
						       : n == 7 ? "the firmware keeps it"
								: "it is asleep"));
		if (n == 0) {
			assert_true(all.n == 1 && taken == 1 && released == 1);
			assert_ptr_equal(all.one[0].own[1].buf->va, more);
			assert_int_equal(taking_ops.release(&mach, &all.one[0], &bare), SL_OK);
			assert_ptr_equal(bare.along->va, more);
		}
		controllers_close();
		assert_int_equal(taken, 0);
		assert_nothing_stays();
	}
	start(state);
	assert_int_equal(open_all(), SL_OK); /* another class needs no more memory */
	assert_null(all.one[0].own[1].buf);
	assert_int_equal(ops.release(&mach, &all.one[0], &bare), SL_OK);
	assert_null(bare.along);
}

/* With 32-bit addresses: in a window below 4 GiB, found once; it cannot reach what lies above. */
static void test_narrow(void **state)
{
	const struct attack row[] = {{.write = true, .to = LOW, .len = 64, .fault_at = LOW},
				     {.to = 0xffffff80, .len = CHUNK, .fault_at = 0xffffff80},
				     {.write = true, .to = BIT(32), .len = 64, .fault_at = BIT(32)},
				     {.to = BIT(32), .len = CHUNK, .fault_at = BIT(32)},
				     {.write = true, .to = BIT(32) - 4, .len = 64, .fault_at = BIT(32)},
				     {.to = BIT(32), .len = CHUNK, .fault_at = LOW}};
	narrow = no_low = true;
	assert_int_equal(open_all(), SL_OK);
	assert_int_equal(stages_calls, 3 * 3); /* each was connected once */
	assert_true(!all.n && left_out == 3 && !reserved);
	assert_string_equal(reason, "it has 32-bit addresses only");
	assert_nothing_stays();
	for (unsigned again = 0; again < 2; again++) {
		start(state);
		narrow = true;
		assert_int_equal(open_all(), SL_OK);
		assert_true(all.n == 3 && !left_out && reserved == 1 && opened == 3 && connected == 3);
		for (unsigned i = 0; i < 3; i++)
			assert_int_equal(attacker_at(&mach, &all.one[i], 0x1000).v, LOW + 0x1000);
		for (unsigned i = 0; i < ARRAY_LEN(row); i++)
			assert_int_equal(ops.can(&all.one[0], &row[i]), i < 2);
	}
	start(state);
	assert_int_equal(open_all(), SL_OK);
	assert_int_equal(attacker_at(&mach, &all.one[0], 0x1000).v, WINDOW + 0x1000);
	assert_true(ops.can(&all.one[0], &row[2]) && ops.can(&all.one[0], &row[3]));
	start(state);
	narrow = true;
	boot.cfg.iommu = CONFIG_IOMMU_OFF; /* no domain, so no window */
	domains_none = true;
	assert_int_equal(open_all(), SL_OK);
	assert_true(!all.n && left_out == 3);
	domains_none = false;
}

static bool read_fails;

static enum sl_err reader_read(struct strike_dev *d, uint64_t at)
{
	assert_true(at == d->mem.iova.v + PAGE_SIZE && strike_brought(d)[0] == 9); /* what was laid */
	strike_brought(d)[0] = idle ? 0 : 9;
	return read_fails ? SL_TIMEOUT : SL_OK;
}

/* One that cannot write obeys what it reads in its own memory. */
static void test_healthy_reader(void **state)
{
	static struct strike_class reader;
	static const struct strike_ops reader_ops = {.how = "for tests", .class = &reader, CONTROLLER_OPS};
	(void)state;
	reader = class;
	reader.write = NULL;
	reader.read = reader_read;
	assert_int_equal(controllers_open(&mach, &all, &reader_ops), SL_OK);
	for (unsigned i = 0; i < 4; i++) {
		idle = i & 1;
		read_fails = i & 2;
		assert_int_equal(reader_ops.healthy(&mach, &all.one[0]), i == 0);
	}
	assert_false(reader_ops.can(
		&all.one[0],
		&(struct attack){.write = true, .to = 0x1000, .len = CHUNK, .fault_at = 0x1000}));
	read_fails = false;
}

static void test_can(void **state)
{
	static const struct {
		struct attack a;
		bool can, bare;
	} row[] = {
		{{.write = true, .to = 0x1000, .len = CHUNK, .fault_at = 0x1000}, true, false},
		{{.write = true, .to = 0x1004, .len = 64, .fault_at = 0x1004}, true, false},
		{{.write = true, .to = 0x1004, .len = 63, .fault_at = 0x1004}, false, false},
		{{.write = true, .to = 0x1004, .len = 16, .fault_at = 0x1004}, true, false},
		{{.write = true, .to = 0x1004, .len = 4, .fault_at = 0x1004}, false, false},
		{{.write = true, .to = 0x1002, .len = CHUNK, .fault_at = 0x1002}, false, false},
		{{.write = true, .to = 0x1fe0, .len = CHUNK, .fault_at = 0x2000}, true, false},
		{{.write = true, .to = 0x1fc0, .len = CHUNK, .fault_at = 0x2000},
		 false,
		 false}, /* 64 end there */
		{{.write = true, .to = 0xfee00000, .len = 16, .interrupt = true}, false, false},
		{{.to = 0x1000, .len = CHUNK, .fault_at = 0x1000}, true, true},
		{{.to = 0x1080, .len = CHUNK, .fault_at = 0x1080}, true, false},
		{{.to = 0x1040, .len = CHUNK, .fault_at = 0x1040}, false, false},
		{{.to = 0x1000, .len = CHUNK, .fault_at = 0x2000}, false, true},
		{{.to = 0x1000, .len = CHUNK, .fault_at = 0x1fff}, true, true},
	};
	(void)state;
	struct attacker bare;
	assert_int_equal(open_all(), SL_OK);
	assert_int_equal(ops.release(&mach, &all.one[0], &bare), SL_OK);
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		if (ops.can(&all.one[0], &row[i].a) != row[i].can ||
		    bare.ops->can(&bare, &row[i].a) != row[i].bare)
			fail_msg("row %u", i);
	}
}

static void test_accesses(void **state)
{
	struct attack write = {.write = true, .to = 0x1000, .len = 64}, read = {.to = 0x2000, .len = CHUNK};
	uint8_t place[1] = {0};
	char text[48];
	(void)state;
	assert_int_equal(open_all(), SL_OK);
	struct attacker *by = &all.one[1];
	assert_int_equal(ops.strike(&mach, by, &write, text, sizeof text), SL_OK);
	assert_string_equal(last, "write 1000 64");
	assert_string_equal(text, "all is well");
	assert_int_equal(ops.strike(&mach, by, &read, text, sizeof text), SL_OK);
	assert_string_equal(last, "read 2000");
	assert_null(((const struct strike_dev *)by->dev)->io.over); /* not afterwards */
	assert_int_equal(turns, 2);
	ops.bait(by, &read, place);
	assert_true(place[0] == 9 && !strcmp(last, "bait"));
	assert_false(ops.obeyed(by));
	memory[1][PAGE_SIZE] = 9;
	assert_true(ops.obeyed(by));
	assert_int_equal(ops.kick(&mach, by), SL_OK);
	assert_int_equal(kicks, 1);
	write_fails = true;
	assert_int_equal(ops.strike(&mach, by, &write, text, sizeof text), SL_TIMEOUT);
}

/* It brings something to its own memory, each time anew, at whichever end. */
static void test_healthy(void **state)
{
	(void)state;
	assert_int_equal(open_all(), SL_OK);
	struct attacker *by = &all.one[2];
	assert_true(ops.healthy(&mach, by));
	char want[64];
	snprintf(want, sizeof want, "write %llx 64", (ull)(WINDOW + WINDOW_BUFFERS + PAGE_SIZE));
	assert_string_equal(last, want);
	idle = true;
	memset(memory[2], 1, STRIKE_MEM); /* what is there from before */
	assert_false(ops.healthy(&mach, by));
	assert_true(memory[2][0] == 1 && memory[2][PAGE_SIZE - 1] == 1); /* its rings stay */
	idle = false;
	write_fails = true;
	assert_false(ops.healthy(&mach, by));
}

static void test_without_domain(void **state)
{
	struct attacker bare;
	struct attack a = {.to = 0x3000, .len = CHUNK};
	uint8_t place[1] = {0};
	char text[48];
	(void)state;
	assert_int_equal(open_all(), SL_OK);
	struct attacker *by = &all.one[0];
	assert_int_equal(ops.release(&mach, by, &bare), SL_OK);
	assert_true(bare.fn == by->fn && bare.dev == by->dev && bare.ops->either_way && !bare.ops->obeyed);
	bare.ops->bait(&bare, &a, place);
	assert_true(place[0] == 8 && !strcmp(last, "lay 3000"));
	assert_int_equal(bare.ops->strike(&mach, &bare, &a, text, sizeof text), SL_OK);
	assert_string_equal(last, "fetch 3000");
	assert_string_equal(text, "all is well");
	static _Alignas(8) uint8_t reached[2 * PAGE_SIZE];
	a.place = fetched = reached;
	assert_int_equal(bare.ops->strike(&mach, &bare, &a, text, sizeof text), SL_OK);
	a.place = fetched = NULL;
	write_fails = true;
	assert_int_equal(bare.ops->strike(&mach, &bare, &a, text, sizeof text), SL_TIMEOUT);
	assert_int_equal(ops.restore(&mach, by), SL_OK);
	opened--;
	open_fails = true;
	assert_int_equal(ops.restore(&mach, by), SL_DEVICE);
	assert_said("TEST: after its cases without a domain it is asleep");
}

/* Each class drives the functions of its own class code. */
static void test_classes(void **state)
{
	static const struct {
		const struct strike_ops *ops;
		uint32_t class;
	} row[] = {{&strike_ahci, 0x010601}, {&strike_hda, 0x040300}, {&strike_xhci, 0x0c0330}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		assert_true(row[i].ops->drives(row[i].ops, &(struct pci_func){.class = row[i].class}));
		assert_false(row[i].ops->drives(
			row[i].ops, &(struct pci_func){.class = row[(i + 1) % ARRAY_LEN(row)].class}));
		assert_int_equal(row[i].ops->open(&mach, &all, row[i].ops),
				 SL_OK); /* there is none of them */
		assert_true(!all.n && !left_out);
		assert_false(row[i].ops->drives(row[i].ops, &(struct pci_func){.class = 0}));
	}
	assert_true(strike_hda.drives(&strike_hda, &(struct pci_func){.class = 0x040380}));
	assert_false(strike_ahci.drives(&strike_ahci, &(struct pci_func){.class = 0x040380}));
}

/* Network controllers and the like are found by their ids, whatever their class code. */
static void test_ids(void **state)
{
	static const struct {
		const struct strike_ops *ops;
		uint16_t vendor, device;
		bool drives;
	} row[] = {{&strike_e1000e, 0x8086, 0x10d3, true},  {&strike_e1000e, 0x8086, 0x150c, true},
		   {&strike_e1000e, 0x8086, 0x10c9, false}, {&strike_igb, 0x8086, 0x10c9, true},
		   {&strike_igb, 0x8086, 0x150d, true},     {&strike_igb, 0x8086, 0x10d3, false},
		   {&strike_igb, 0x1af4, 0x10c9, false},    {&strike_igb, 0, 0, false},
		   {&strike_vrng, 0x1af4, 0x1005, true},    {&strike_vrng, 0x1af4, 0x1044, true},
		   {&strike_vrng, 0x1af4, 0x1042, false},   {&strike_vblk, 0x1af4, 0x1042, true},
		   {&strike_vblk, 0x1af4, 0x1001, true},    {&strike_vblk, 0x1af4, 0x1044, false},
		   {&strike_ioat, 0x8086, 0x3c20, true},    {&strike_ioat, 0x8086, 0x3c28, false},
		   {&strike_ioat, 0x8086, 0x0e27, true},    {&strike_ioat, 0x8086, 0x2f23, true},
		   {&strike_ioat, 0x8086, 0x6f20, true},    {&strike_ioat, 0x8086, 0x2021, true},
		   {&strike_ioat, 0x8086, 0x0b00, true},    {&strike_ioat, 0x8086, 0x0b25, false},
		   {&strike_dsa, 0x8086, 0x0b25, true},     {&strike_dsa, 0x8086, 0x11fb, true},
		   {&strike_dsa, 0x8086, 0x2021, false}};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		struct pci_func f = {.class = 0x020000, .vendor = row[i].vendor, .device = row[i].device};
		assert_int_equal(row[i].ops->drives(row[i].ops, &f), row[i].drives);
	}
}

/* What a read brings comes back word by word; what it does not touch is as it was before. */
static void test_brings(void **state)
{
	static const struct strike_class bringing = {.name = "TEST",
						     .class = CLASS,
						     .bar = 3,
						     .brings_at = 20,
						     .brings = 24,
						     .open = class_open,
						     .close = class_close};
	static const struct strike_ops brings = {.class = &bringing, CONTROLLER_OPS_BRINGS};
	uint64_t words[4] = {7, 7, 7, 7};
	(void)state;
	assert_true(brings.open == controllers_open && !brings.bait && !brings.obeyed);
	assert_int_equal(controllers_open(&mach, &all, &brings), SL_OK);
	struct attacker *by = &all.one[0];
	assert_int_equal(brings.prepare(&mach, by, NULL), SL_OK);
	memset(&memory[0][PAGE_SIZE + 28], 0x42, 8);
	assert_int_equal(brings.leaked(&mach, by, NULL, words), 24);
	assert_true(words[0] == strike_old(0) && words[2] == strike_old(2) && words[3] == 7);
	assert_true(words[1] == 0x4242424242424242);
	assert_true(!memory[0][PAGE_SIZE + 19] && !memory[0][PAGE_SIZE + 44]);
}

struct strike_io strike_io_portal(volatile void *portal, uint64_t len)
{
	assert_ptr_equal(portal, regs);
	return (struct strike_io){.regs = portal, .len = len};
}

static enum sl_err portal_open(struct strike_dev *d, const char **why)
{
	assert_true(d->portal.regs == regs && d->portal.len == 0x800);
	return class_open(d, why);
}

/* A class with a portal has another BAR; nothing stays where that cannot be reached. */
static void test_portal(void **state)
{
	static const struct strike_class with_portal = {.name = "TEST",
							.class = CLASS,
							.bar = 3,
							.portal_bar = 2,
							.open = portal_open,
							.close = class_close};
	static const struct strike_ops portal_ops = {.class = &with_portal, CONTROLLER_OPS_BRINGS};
	for (unsigned fails = 0; fails < 2; fails++) {
		start(state);
		functions(1);
		fn[0].bar[2] = (struct pci_bar){.addr = 0x2000, .size = 0x800};
		stages_fail_at = fails ? 4 : 0; /* domain, memory, BAR 3, BAR 2 */
		assert_int_equal(controllers_open(&mach, &all, &portal_ops), SL_OK);
		assert_true(all.n == !fails && opened == !fails && left_out == fails);
		connected -= !fails; /* it was connected twice, and is disconnected once */
		controllers_close();
		assert_nothing_stays();
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_which),
					   T(test_every_call_fails),
					   T(test_take),
					   T(test_narrow),
					   T(test_healthy_reader),
					   T(test_can),
					   T(test_accesses),
					   T(test_healthy),
					   T(test_without_domain),
					   T(test_classes),
					   T(test_ids),
					   T(test_brings),
					   T(test_portal)};
	return cmocka_run_group_tests_name("strike_controller", tests, NULL, NULL);
}
