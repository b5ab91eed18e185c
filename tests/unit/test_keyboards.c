/* Stage keyboards: which controllers it takes, in which order each is reset and enabled, and that everything
 * is given back. The driver and the IOMMU are made up here. */
#include <stdio.h>
#include <string.h>
#include "apps/bringup/faults.h"
#include "apps/machine.h"
#include "apps/shell/stage.h"
#include "apps/vf/domain.h"
#include "drivers/usb/device.h"
#include "kernel/console.h"
#include "pci/path.h"
#include "tests/unit/support.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

#define FUNCTIONS 6u
#define XHCI      0x0c0330u

struct domain {
	int dummy;
};

static struct machine mach;
static struct config cfg;
static struct pci_func fn[FUNCTIONS];
static struct domain domains[FUNCTIONS], rmrr;
static struct domain *held[FUNCTIONS]; /* by an RMRR */
static uint8_t registers[0x4000], memory[FUNCTIONS];
static char done[512]; /* what was done, in order */
static unsigned outputs, fail_at, steps;
static bool covered;
static const char *read_says;
static int typed;
static console_input_fn *input;
static uint64_t at[FUNCTIONS];
static unsigned polls;

static unsigned index_of(bdf_t b)
{
	return b.rid >> 3;
}

static enum sl_err step(const char *what)
{
	size_t n = strlen(done);
	snprintf(done + n, sizeof done - n, "%s ", what);
	return ++steps == fail_at ? SL_TIMEOUT : SL_OK;
}

unsigned console_outputs(void)
{
	return outputs;
}

void console_add_input(console_input_fn *read)
{
	input = read;
}

uint16_t domain_id(const struct domain *dom)
{
	return (uint16_t)(dom == &rmrr ? 9 : dom - domains + 1);
}

enum sl_err make_domain(struct machine *m, const char *name, bdf_t b, struct domain **dom)
{
	assert_ptr_equal(m, &mach);
	assert_string_equal(name, "usb");
	*dom = &domains[index_of(b)];
	return step("domain");
}

void drop_domain(struct domain **dom)
{
	if (*dom)
		step("drop");
	*dom = NULL;
}

void faults_watch(struct machine *m, bdf_t b)
{
	(void)m;
	(void)b;
	step("watch");
}

enum sl_err function_reach(struct pci_func *f, struct domain *dom, volatile void **regs)
{
	unsigned i = index_of(f->bdf);
	assert_ptr_equal(dom, held[i] ? held[i] : &domains[i]);
	*regs = registers;
	return step("reach");
}

void function_disconnect(struct pci_func *f, struct domain *dom)
{
	(void)f;
	step(dom ? "disconnect" : "stop");
}

bool iommu_covered(const struct iommu *mmu, bdf_t b, const char **why)
{
	(void)mmu;
	(void)b;
	*why = "no unit sees it";
	return covered;
}

struct domain *iommu_domain_of(struct iommu *mmu, bdf_t b)
{
	(void)mmu;
	return held[index_of(b)];
}

void pci_bus_master(struct pci_func *f, bool on)
{
	(void)f;
	step(on ? "master" : "no-master");
}

const struct pci_func *pci_path_stop(const struct pci_func *f, const struct pci_bar *bar)
{
	assert_ptr_equal(bar, &f->bar[0]);
	return NULL;
}

struct xhci_io xhci_io_mmio(volatile void *regs, uint64_t len)
{
	assert_ptr_equal(regs, registers);
	return (struct xhci_io){.len = len};
}

const char *xhci_read(struct xhci *x, const struct xhci_io *io, bdf_t b)
{
	assert_int_equal(io->len, sizeof registers);
	*x = (struct xhci){.fn = b, .version = 0x120, .ports = 7};
	step("read");
	return read_says;
}

enum sl_err xhci_take_over(struct xhci *x)
{
	(void)x;
	return step("reset");
}

enum sl_err xhci_start(struct xhci *x, struct domain *dom, iova_t where)
{
	(void)dom;
	at[index_of(x->fn)] = where.v;
	x->mem.va = &memory[index_of(x->fn)];
	return step("start");
}

void xhci_halt(struct xhci *x)
{
	assert_non_null(x->mem.va);
	step("halt");
}

enum sl_err xhci_close(struct xhci *x)
{
	x->mem.va = NULL;
	return step("close");
}

const char *usb_path(const struct xhci_place *where, char *out)
{
	snprintf(out, USB_PATH, "port %u", where->root);
	return out;
}

/* A hub, and a keyboard at port 5. */
void usb_start(struct usb *u)
{
	u->dev[1].kind = USB_HUB;
	u->dev[2].kind = USB_KEYBOARD;
	u->x.slot[2].at.root = 5;
	step("usb");
}

bool usb_poll(struct usb *u)
{
	if (u->x.dead)
		return false;
	u->keys.byte[u->keys.head++ % USB_KEYS_MAX] = 'x'; /* a key that was pressed while the firmware ran */
	return ++polls < 5;
}

int usb_read(struct usb *u)
{
	return !u->x.dead && index_of(u->x.fn) == (unsigned)typed ? 'k' : -1;
}

unsigned usb_keyboards(const struct usb *u)
{
	assert_int_equal(u->keys.head, u->keys.tail);
	return !u->x.dead;
}

static int setup(void **state)
{
	(void)state;
	said_start();
	memset(&mach, 0, sizeof mach);
	memset(held, 0, sizeof held);
	cfg = (struct config){.iommu = CONFIG_IOMMU_ON, .usb = USB_ON};
	mach.cfg = &cfg;
	mach.translating = covered = true;
	mach.window = IOVA(0x2000000000);
	TAILQ_INIT(&mach.pci.funcs);
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		fn[i] = (struct pci_func){.bdf = bdf_make(0, 0, i, 0), .class = i ? XHCI : 0x060000};
		fn[i].bar[0] = (struct pci_bar){.addr = 0x80000000, .size = sizeof registers};
		if (i < 2)
			TAILQ_INSERT_TAIL(&mach.pci.funcs, &fn[i], link);
	}
	done[0] = 0;
	outputs = 1;
	fail_at = steps = polls = 0;
	read_says = NULL;
	input = NULL;
	typed = -1;
	support_clock_step = 1000;
	return 0;
}

static void undone(const char *what)
{
	done[0] = 0;
	undo_keyboards(&mach);
	assert_string_equal(done, what);
}

/* Bus mastering only behind the reset, and memory back only behind the end of bus mastering. */
static void test_order(void **state)
{
	(void)state;
	assert_int_equal(stage_keyboards(&mach), SL_OK);
	assert_string_equal(done, "domain reach read reset watch master start usb ");
	assert_said("0000:00:01.0 xHCI 1.2 with 7 ports is used for keyboards, in domain 2");
	assert_said("USB keyboards: 1;");
	assert_int_equal(at[1], 0x2000000000);
	assert_int_equal(input(), -1);
	typed = 1;
	assert_int_equal(input(), 'k');
	undone("halt disconnect close drop ");
	assert_int_equal(input(), -1);
}

static void test_wanted(void **state)
{
	static const struct {
		unsigned usb, outputs, iommu;
		bool translating, taken, told;
	} rows[] = {
		{USB_AUTO, 1, CONFIG_IOMMU_ON, true, false, false},
		{USB_AUTO, 2, CONFIG_IOMMU_ON, true, true, false},
		{USB_OFF, 2, CONFIG_IOMMU_ON, true, false, false},
		{USB_ON, 1, CONFIG_IOMMU_OFF, false, false, true},
		{USB_ON, 1, CONFIG_IOMMU_PT, true, false, true},
		{USB_ON, 1, CONFIG_IOMMU_ON, false, false, true},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		setup(NULL);
		cfg.usb = rows[i].usb;
		cfg.iommu = rows[i].iommu;
		outputs = rows[i].outputs;
		mach.translating = rows[i].translating;
		assert_int_equal(stage_keyboards(&mach), SL_OK);
		assert_int_equal(input != NULL, rows[i].taken);
		assert_int_equal(strstr(said, "without translation") != NULL, rows[i].told);
		undo_keyboards(&mach);
	}
}

/* The domain of its RMRRs is used, and stays; not where other functions have the same one. */
static void test_rmrr(void **state)
{
	(void)state;
	held[1] = &rmrr;
	assert_int_equal(stage_keyboards(&mach), SL_OK);
	assert_string_equal(done, "reach read reset watch master start usb ");
	assert_said("in domain 9");
	undone("halt stop close ");
	setup(NULL);
	held[0] = held[1] = &rmrr;
	assert_int_equal(stage_keyboards(&mach), SL_OK);
	assert_string_equal(done, "");
	assert_said("0000:00:01.0 is left alone, and so are the keyboards on it: an RMRR of its group");
	assert_null(input);
}

static void test_left_alone(void **state)
{
	(void)state;
	covered = false;
	assert_int_equal(stage_keyboards(&mach), SL_OK);
	assert_said("left alone, and so are the keyboards on it: no unit sees it");
	assert_string_equal(done, "");
	setup(NULL);
	fn[1].bar[0].addr = 0;
	assert_int_equal(stage_keyboards(&mach), SL_OK);
	assert_said("its registers have no address");
	assert_string_equal(done, "");
	setup(NULL);
	read_says = "it is odd";
	assert_int_equal(stage_keyboards(&mach), SL_OK);
	assert_said("left alone, and so are the keyboards on it: it is odd");
	assert_string_equal(done, "domain reach read disconnect close drop ");
	assert_null(input);
}

/* Whichever step fails, the controller is put back, and the run goes on with the next one. */
static void test_failures(void **state)
{
	static const struct {
		unsigned step;
		const char *done;
	} rows[] = {
		{1, "domain disconnect close drop "},
		{2, "domain reach disconnect close drop "},
		{4, "domain reach read reset disconnect close drop "},
		{7, "domain reach read reset watch master start halt disconnect close drop "},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
		setup(NULL);
		TAILQ_INSERT_TAIL(&mach.pci.funcs, &fn[2], link);
		fail_at = rows[i].step;
		assert_int_equal(stage_keyboards(&mach), SL_OK);
		assert_memory_equal(done, rows[i].done, strlen(rows[i].done));
		assert_string_equal(done + strlen(rows[i].done),
				    "domain reach read reset watch master start usb ");
		assert_said("USB keyboards: 1;");
		undone("halt disconnect close drop ");
	}
}

/* A controller that is to attack is put back before, and taken again afterwards; the others work meanwhile.
 */
static void test_lent(void **state)
{
	(void)state;
	assert_null(mach.keyboards_lend);
	TAILQ_INSERT_TAIL(&mach.pci.funcs, &fn[2], link);
	assert_int_equal(stage_keyboards(&mach), SL_OK);
	done[0] = 0;
	mach.keyboards_back(&mach);
	mach.keyboards_lend(&mach, &fn[0]); /* not one of them */
	assert_string_equal(done, "");
	mach.keyboards_lend(&mach, &fn[1]);
	assert_string_equal(done, "halt disconnect close drop ");
	assert_said(
		"0000:00:01.0 port 5: this keyboard is silent while its controller attacks, for Ctrl-C too");
	assert_not_said("work again");
	mach.keyboards_lend(&mach, &fn[1]); /* it is lent already */
	typed = 1;
	assert_int_equal(input(), -1);
	typed = 2;
	assert_int_equal(input(), 'k');
	done[0] = 0;
	mach.keyboards_back(&mach);
	assert_string_equal(done, "domain reach read reset watch master start usb ");
	assert_said("USB keyboards work again: 2");
	assert_int_equal(at[1], 0x2000000000);
	typed = 1;
	assert_int_equal(input(), 'k');
	undone("halt disconnect close drop halt disconnect close drop ");
	assert_true(!mach.keyboards_lend && !mach.keyboards_back);
}

/* Its RMRR ended while it attacked. One that cannot be taken again is silent from then on, with the reason.
 */
static void test_lent_for_good(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		setup(NULL);
		held[1] = &rmrr;
		assert_int_equal(stage_keyboards(&mach), SL_OK);
		done[0] = 0;
		mach.keyboards_lend(&mach, &fn[1]);
		assert_string_equal(done, "halt stop close ");
		held[1] = NULL;
		done[0] = 0;
		steps = 0;
		fail_at = i ? 4 : 0;
		mach.keyboards_back(&mach);
		if (!i) {
			assert_string_equal(done, "domain reach read reset watch master start usb ");
			undone("halt disconnect close drop ");
			continue;
		}
		assert_said("0000:00:01.0 has attacked, and its keyboards stay silent: see the lines above");
		assert_said("USB keyboards work again: 0");
		typed = 1;
		assert_int_equal(input(), -1);
		mach.keyboards_lend(&mach, &fn[1]);
		undone("");
	}
}

/* Four at most, each with device addresses of its own. */
static void test_many(void **state)
{
	(void)state;
	for (unsigned i = 2; i < FUNCTIONS; i++)
		TAILQ_INSERT_TAIL(&mach.pci.funcs, &fn[i], link);
	assert_int_equal(stage_keyboards(&mach), SL_OK);
	assert_said(
		"0000:00:05.0 is left alone, and so are the keyboards on it: four controllers are enough");
	assert_said("USB keyboards: 4;");
	for (unsigned i = 1; i <= 4; i++)
		assert_int_equal(at[i], 0x2000000000 + (i - 1) * PAGE_2M);
	typed = 4;
	assert_int_equal(input(), 'k');
	undo_keyboards(&mach);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_order, setup),
		cmocka_unit_test_setup(test_wanted, setup),
		cmocka_unit_test_setup(test_rmrr, setup),
		cmocka_unit_test_setup(test_left_alone, setup),
		cmocka_unit_test_setup(test_failures, setup),
		cmocka_unit_test_setup(test_many, setup),
		cmocka_unit_test_setup(test_lent, setup),
		cmocka_unit_test_setup(test_lent_for_good, setup),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
