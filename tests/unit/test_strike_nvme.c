/* NVMe controllers that scratch= does not name, as attackers: which of them are started, and the messages
 * about the others, what their clock tells of what they have read, and that no command of theirs touches a
 * medium. The controller is made up here. */
#include <stdio.h>
#include <string.h>
#include "apps/bringup/faults.h"
#include "apps/proof/attackers.h"
#include "apps/proof/strike_nvme.h"
#include "apps/vf/msix.h"
#include "drivers/nvme/reset.h"
#include "drivers/nvme/status.h"
#include "tests/unit/never.h"
#include "tests/unit/support.h"
#include "tests/unit/support_domain.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define N 10u /* one is a VF, one another device */

static struct pci_func fn[N];
static struct attackers all;
static _Alignas(PAGE_SIZE) uint8_t memory[DRIVES_MAX][NVME_MEM_ADMIN], secret[PAGE_SIZE];
static unsigned started, msix_on, left_out, never_starts;
static char reason[128];
static uint64_t now; /* what the clock has been set to */
static uint32_t goes_on;
static unsigned msix_closed, guarded;
static const struct nvme_io *first_guarded;
static bool fini_fails, unreadable, refuses, deaf, reset_says;
static const char *barred;

/* ---- what it calls ---- */

void faults_watch(struct machine *machine, bdf_t f)
{
	(void)machine;
	(void)f;
}

enum sl_err nvme_fatal_reset(const struct pci *pci, struct pci_func *f, const struct nvme_io *io, bool *reset)
{
	(void)pci;
	(void)f;
	(void)io;
	*reset = reset_says;
	return stages_call();
}

enum sl_err function_msix_open(const struct pci_func *f, struct msix_table *out)
{
	enum sl_err e = stages_call();
	if (e)
		return e;
	*out = (struct msix_table){.fn = f, .vectors = 1};
	msix_on++;
	return SL_OK;
}

void msix_close(struct msix_table *t)
{
	assert_int_equal(t->vectors, 1);
	t->vectors = 0;
	msix_closed++;
	msix_on--;
}

/* MSI-X is on before. */
enum sl_err nvme_ctrl_init(struct nvme_ctrl *c, const struct nvme_io *io, bdf_t f, struct domain *d,
			   iova_t iova, unsigned io_queues)
{
	assert_true(d == the_domain && iova.v == WINDOW + WINDOW_QUEUES && !io_queues && msix_on > started);
	enum sl_err e = never_starts == f.rid ? SL_TIMEOUT : stages_call();
	if (e)
		return e;
	*c = (struct nvme_ctrl){.io = *io, .fn = f, .id = {.oncs = ONCS_TIMESTAMP}};
	c->mem = (struct dma_buf){.va = memory[started], .iova = iova, .len = NVME_MEM_ADMIN, .dom = d};
	started++;
	return SL_OK;
}

enum sl_err nvme_ctrl_fini(struct nvme_ctrl *c)
{
	c->mem = (struct dma_buf){0};
	started--;
	return fini_fails ? SL_TIMEOUT : SL_OK;
}

enum sl_err nvme_ctrl_health(const struct nvme_ctrl *c)
{
	(void)c;
	return deaf ? SL_DEVICE : SL_OK;
}

/* Only these three commands. */
enum sl_err nvme_admin_try(struct nvme_ctrl *c, struct nvme_sqe cmd, uint32_t *dw0)
{
	uint64_t *page = (uint64_t *)(void *)((uint8_t *)c->mem.va + NVME_MEM_DATA);
	(void)dw0;
	c->status = 0;
	assert_int_equal(cmd.cdw10, NVME_FEAT_TIME);
	if (deaf)
		return SL_TIMEOUT;
	if (cmd.opc == NVME_GET_FEATURES) {
		assert_int_equal(cmd.prp1, c->mem.iova.v + NVME_MEM_DATA);
		if (unreadable)
			c->status = 2;
		else
			*page = ((now + goes_on) & NVME_TIME) | 0xffull << 48; /* origin, and reserved bits */
		return SL_OK;
	}
	assert_int_equal(cmd.opc, NVME_SET_FEATURES);
	if (cmd.prp1 == c->mem.iova.v + NVME_MEM_DATA)
		now = *page;
	else if (cmd.prp1 == WINDOW + PAGE_ALLOWED)
		memcpy(&now, secret, 8);
	else if (refuses)
		c->status = 4;
	else
		now = 0; /* a refused read brings zeros */
	return SL_OK;
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
	assert_true(!bar && !takes);
	return f->cap_sriov ? "it has SR-IOV" : barred;
}

void attackers_leave_out(const struct attackers *a, const struct pci_func *f, const char *class,
			 const char *why)
{
	assert_ptr_equal(a, &all);
	assert_string_equal(class, "NVMe");
	(void)f;
	left_out++;
	snprintf(reason, sizeof reason, "%s", why);
}

void guard_regs(uint64_t (*sum)(const void *of), const void *of)
{
	assert_true(sum == strike_nvme_regs && of);
	if (!guarded++)
		first_guarded = of;
}

NEVER(strike_nvme_admin(struct nvme_ctrl *c, const struct attack *a, char *text, size_t n))
NEVER(strike_nvme_kick(struct nvme_ctrl *c))

uint64_t strike_nvme_regs(const void *of)
{
	(void)of;
	return 0;
}

const struct strike_ops strike_nvme_fetch;

/* ---- tests ---- */

static int start(void **state)
{
	(void)state;
	stages_start(0, NULL);
	domain_wants = "NVMe";
	domain_regs = memory[0];
	strike_nvme_drive.close();
	memset(&all, 0, sizeof all);
	memset(fn, 0, sizeof fn);
	TAILQ_INIT(&mach.pci.funcs);
	for (unsigned i = 0; i < N; i++) {
		fn[i].bdf.rid = (uint16_t)(0x100 + i);
		fn[i].class = i == 1 ? 0x010601 : PCI_CLASS_NVME;
		fn[i].pf = i == 2 ? &fn[0] : NULL;
		TAILQ_INSERT_TAIL(&mach.pci.funcs, &fn[i], link);
	}
	assert_true(!domains && !connected && !started && !msix_on);
	left_out = never_starts = goes_on = 0;
	unreadable = refuses = deaf = reset_says = false;
	barred = NULL;
	stages_calls = stages_fail_at = 0;
	return 0;
}

static void test_which(void **state)
{
	assert_int_equal(strike_nvme_drive.open(&mach, &all, &strike_nvme_drive), SL_OK);
	assert_true(all.n == N - 2 && started == N - 2 && !left_out);
	assert_string_equal(all.one[0].name, "NVMe");
	assert_string_equal(all.one[1].name, "NVMe1");
	assert_ptr_equal(all.one[1].fn, &fn[3]);
	start(state);
	mach.pf = &fn[0]; /* scratch= names it: it is open already */
	fn[3].cap_sriov = 0x100;
	never_starts = fn[4].bdf.rid;
	assert_int_equal(strike_nvme_drive.open(&mach, &all, &strike_nvme_drive), SL_OK);
	assert_true(all.n == N - 5 && left_out == 2);
	assert_ptr_equal(all.one[0].fn, &fn[5]);
	start(state);
	barred = "prove=none";
	assert_int_equal(strike_nvme_drive.open(&mach, &all, &strike_nvme_drive), SL_OK);
	assert_true(!all.n && !started && left_out == N - 2);
	assert_string_equal(reason, "prove=none");
	start(state);
}

/* One that fails is left out with the reason, and nothing of it stays. */
static void test_every_call_fails(void **state)
{
	for (unsigned n = 1; n <= 5; n++) {
		start(state);
		stages_fail_at = n;
		assert_int_equal(strike_nvme_drive.open(&mach, &all, &strike_nvme_drive), SL_OK);
		assert_true(left_out == 1 && all.n == N - 3 && started == N - 3 && domains == N - 3);
		assert_true(connected == N - 3 && msix_on == N - 3);
		assert_string_equal(reason, sl_err_text(SL_DEVICE));
	}
	start(state);
	stages_fail_at = 6; /* its pages: that ends the stage, which puts everything back */
	assert_int_equal(strike_nvme_drive.open(&mach, &all, &strike_nvme_drive), SL_DEVICE);
	start(state);
}

static uint64_t read_at(uint64_t to, void *there)
{
	struct attack a = {.to = to, .len = CHUNK, .secret = there};
	uint64_t word = 1;
	char text[48];
	struct attacker *by = &all.one[0];
	assert_true(by->ops->can(by, &a));
	assert_int_equal(by->ops->prepare(&mach, by, &a), SL_OK);
	assert_int_equal(by->ops->strike(&mach, by, &a, text, sizeof text), SL_OK);
	assert_int_equal(!strcmp(text, "success"), !(refuses && to == WINDOW + PAGE_EMPTY));
	return by->ops->leaked(&mach, by, &a, &word) == 8 ? word : 2;
}

/* The clock returns the secret where it was read, and nothing of it else, a while later too. */
static void test_clock(void **state)
{
	(void)state;
	const uint64_t word = 0xfedc123456789abcull;
	memcpy(secret, &word, 8);
	assert_int_equal(strike_nvme_drive.open(&mach, &all, &strike_nvme_drive), SL_OK);
	for (goes_on = 0; goes_on < 20000; goes_on += 19999) {
		assert_true(read_at(WINDOW + PAGE_ALLOWED, secret) == word);
		assert_true(read_at(WINDOW + PAGE_EMPTY, NULL) == 0);
		assert_true(read_at(WINDOW + PAGE_EMPTY, secret) == 0);
		refuses = true; /* the command failed: it has what it had */
		assert_true(read_at(WINDOW + PAGE_EMPTY, secret) == strike_old(0));
		refuses = false;
	}
	goes_on = 20000; /* a clock that jumps is nobody's */
	assert_true(read_at(WINDOW + PAGE_ALLOWED, secret) == ((word + goes_on) & NVME_TIME));
	assert_true(read_at(WINDOW + PAGE_EMPTY, NULL) == 20000);
	goes_on = 0;
	unreadable = true;
	assert_true(read_at(WINDOW + PAGE_ALLOWED, secret) == 2);
}

static void test_can(void **state)
{
	(void)state;
	assert_int_equal(strike_nvme_drive.open(&mach, &all, &strike_nvme_drive), SL_OK);
	struct attacker *by = &all.one[0];
	static const struct {
		struct attack a;
		bool can;
	} row[] = {{{.to = 0x1000, .len = CHUNK}, true},
		   {{.to = 0x1008, .len = CHUNK}, false},
		   {{.write = true, .to = 0x1004, .len = 4}, true},
		   {{.write = true, .to = 0x1002, .len = 4}, false},
		   {{.write = true, .to = 0x1004, .len = CHUNK}, true},
		   {{.write = true, .to = 0x1000, .len = 2 * CHUNK}, false},
		   {{.write = true, .to = 0x1000, .len = 1}, false}};
	for (unsigned i = 0; i < ARRAY_LEN(row); i++)
		assert_int_equal(by->ops->can(by, &row[i].a), row[i].can);
	assert_true(by->ops->healthy(&mach, by));
	deaf = true;
	assert_false(by->ops->healthy(&mach, by));
	struct attack a = {.to = 0x1000, .len = CHUNK};
	uint64_t word;
	char text[48];
	assert_int_equal(by->ops->prepare(&mach, by, &a), SL_TIMEOUT);
	assert_int_equal(by->ops->strike(&mach, by, &a, text, sizeof text), SL_TIMEOUT);
	assert_int_equal(by->ops->leaked(&mach, by, &a, &word), 0);
}

/* Closed it fetches; then it is what it was, with MSI-X that a reset may have switched off. */
static void test_release(void **state)
{
	for (unsigned reset = 0; reset < 2; reset++) {
		struct attacker bare;
		start(state);
		assert_int_equal(strike_nvme_drive.open(&mach, &all, &strike_nvme_drive), SL_OK);
		unsigned were = started;
		guarded = 0;
		strike_nvme_drive.guard(&mach);
		assert_int_equal(guarded, were);
		const struct nvme_io *first = first_guarded;
		msix_closed = 0;
		assert_int_equal(strike_nvme_drive.release(&mach, &all.one[0], &bare), SL_OK);
		assert_true(bare.ops == &strike_nvme_fetch && bare.fn == &fn[0] && started == were - 1);
		guarded = 0;
		strike_nvme_drive.guard(&mach);
		assert_true(guarded == were - 1 && first_guarded != first);
		reset_says = reset;
		assert_int_equal(strike_nvme_drive.restore(&mach, &all.one[0]), SL_OK);
		assert_true(started == were && msix_on == were && msix_closed == reset);
		assert_int_equal(strike_nvme_drive.release(&mach, &all.one[0], &bare), SL_OK);
		stages_fail_at = stages_calls + 1;
		assert_int_equal(strike_nvme_drive.restore(&mach, &all.one[0]), SL_DEVICE);
		strike_nvme_drive.close(); /* it is not closed twice */
		assert_true(!started && !connected && !domains && !msix_on);
		assert_not_said("did not stop cleanly");
	}
	start(state);
	assert_int_equal(strike_nvme_drive.open(&mach, &all, &strike_nvme_drive), SL_OK);
	fini_fails = true;
	strike_nvme_drive.close();
	fini_fails = false;
	assert_said("0000:01:00.0 did not stop cleanly");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_which), T(test_every_call_fails), T(test_clock),
					   T(test_can), T(test_release)};
	return cmocka_run_group_tests_name("strike_nvme", tests, NULL, NULL);
}
