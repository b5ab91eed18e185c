/* Every class of attackers (apps/proof/classes.def) as stage isolate runs it, with a model of its function
 * under a model of a unit: each case is refused. Then the function does nothing, from one moment or another
 * on: no case may count as refused. A class without a model here fails the test. */
#include <stdlib.h>
#include <string.h>
#include "apps/proof/case.h"
#include "apps/proof/cases.h"
#include "apps/proof/standin.h"
#include "apps/proof/strike_packet.h"
#include "drivers/nvme/ctrl.h"
#include "drivers/strike/strike.h"
#include "kernel/core.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/mmio.h"
#include "kernel/paging.h"
#include "kernel/pmm.h"
#include "kernel/tsc.h"
#include "tests/model/cfg_model.h"
#include "tests/model/nvme_model.h"
#include "tests/model/dsa_model.h"
#include "tests/model/ehci_model.h"
#include "tests/model/ioat_model.h"
#include "tests/model/nic_model.h"
#include "tests/model/strike_model.h"
#include "tests/model/virtio_model.h"
#include "tests/unit/never.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define FN       ((bdf_t){0, 0x00fa})
#define STANDINS 0x3000000ull /* where the kernel's pages would be: nothing is there */
#define MSI_CAP  0x50u

enum quiet {
	WORKS,
	NEVER_DID, /* it has done nothing from the start */
	STOPPED,   /* it does nothing once it has been opened */
	AFRAID,    /* it does what is allowed, and nothing else: no request reaches the unit */
	QUIETS
};

static enum quiet quiet;
static struct model_unit *unit;
static struct pci_func fn;
static struct attackers all;
static uint64_t sent; /* interrupts that were sent as messages */
static struct cm space;
static struct cm_fn *config;

/* ---- the function ---- */

static bool lets(uint64_t at, uint64_t n, bool write)
{
	struct iommu_walk w;
	for (uint64_t page = ALIGN_DOWN(at, PAGE_SIZE); page < at + n; page += PAGE_SIZE)
		if (iommu_walk(&mach.iommu, FN, IOVA(page), &w) || (write ? w.why_write : w.why_read))
			return false;
	return true;
}

static bool access(void *ctx, uint64_t at, void *data, size_t n, bool write)
{
	uint8_t *p = data;
	(void)ctx;
	if (quiet == AFRAID && !lets(at, n, write))
		return false;
	for (size_t part; n; at += part, p += part, n -= part) {
		uint64_t phys;
		part = PAGE_SIZE - at % PAGE_SIZE < n ? PAGE_SIZE - at % PAGE_SIZE : n;
		if (model_dma(unit, FN.rid, at, write, &phys))
			return false;
		memcpy(write ? phys_va(PHYS(phys)) : p, write ? p : phys_va(PHYS(phys)), part);
	}
	return true;
}

/* The messages that it has sent by now. */
static void send_messages(uint64_t interrupts)
{
	uint64_t to = cm_get(config, MSI_CAP + 4, 4) | (uint64_t)cm_get(config, MSI_CAP + 8, 4) << 32;
	uint32_t data = cm_get(config, MSI_CAP + 0xc, 2);
	for (; sent != interrupts; sent++)
		if (cm_get(config, MSI_CAP + 2, 2) & 1)
			(void)access(NULL, to, &data, sizeof data, true);
}

/* Of the model of a class of drivers/strike. */
static struct {
	const struct strike_io *io;
	bool *idle;
	const unsigned *irqs;
	const struct pci_func *fn; /* whose configuration space its driver reads; NULL: none */
	const struct strike_io *portal;
} model;

static void use(const struct strike_io *io, bool *idle, const unsigned *irqs)
{
	model.io = io;
	model.idle = idle;
	model.irqs = irqs;
	model.fn = NULL;
	model.portal = NULL;
}

static struct strike_model controller;
static struct ehci_model ehci;
static struct nic_model nic;
static struct virtio_model virtio;
static struct ioat_model ioat;
static struct dsa_model dsa;

static void make_ahci(void)
{
	strike_model_ahci(&controller, access, NULL);
	use(&controller.io, &controller.idle, &controller.irqs);
}

static void make_hda(void)
{
	strike_model_hda(&controller, access, NULL);
	use(&controller.io, &controller.idle, &controller.irqs);
}

static void make_xhci(void)
{
	strike_model_xhci(&controller, access, NULL);
	use(&controller.io, &controller.idle, &controller.irqs);
}

static void make_ehci(void)
{
	ehci_model(&ehci, access);
	use(&ehci.io, &ehci.idle, &ehci.irqs);
	model.fn = &ehci.fn;
}

static void make_e1000e(void)
{
	nic_model_82574(&nic, access, NULL);
	use(&nic.io, &nic.idle, &nic.irqs);
}

static void make_igb(void)
{
	nic_model_82576(&nic, access, NULL);
	use(&nic.io, &nic.idle, &nic.irqs);
}

static void make_vrng(void)
{
	virtio_model_rng(&virtio, access, NULL);
	use(&virtio.io, &virtio.idle, &virtio.irqs);
	model.fn = &virtio.fn;
}

static void make_vblk(void)
{
	virtio_model_block(&virtio, access, NULL);
	use(&virtio.io, &virtio.idle, &virtio.irqs);
	model.fn = &virtio.fn;
}

static void free_virtio(void)
{
	virtio_model_free(&virtio);
}

static void make_ioat(void)
{
	ioat_model_init(&ioat, access, NULL);
	use(&ioat.io, &ioat.idle, &ioat.irqs);
	model.fn = &ioat.fn;
}

static void free_ioat(void)
{
	ioat_model_free(&ioat);
}

static void make_dsa(void)
{
	dsa_model_init(&dsa, access, NULL);
	use(&dsa.io, &dsa.idle, &dsa.irqs);
	model.portal = &dsa.portal;
}

static const struct kind {
	const struct strike_class *class;
	void (*make)(void);
	void (*end)(void);
} kinds[] = {{&strike_class_ahci, make_ahci, NULL},        {&strike_class_hda, make_hda, NULL},
	     {&strike_class_xhci, make_xhci, NULL},        {&strike_class_ehci, make_ehci, NULL},
	     {&strike_class_e1000e, make_e1000e, NULL},    {&strike_class_igb, make_igb, NULL},
	     {&strike_class_vrng, make_vrng, free_virtio}, {&strike_class_vblk, make_vblk, free_virtio},
	     {&strike_class_ioat, make_ioat, free_ioat},   {&strike_class_dsa, make_dsa, NULL}};
static const struct kind *kind;

static uint32_t rd(const struct strike_io *io, uint32_t off, unsigned bytes)
{
	(void)io;
	uint32_t v = strike_rd(model.io, off, bytes);
	send_messages(*model.irqs);
	return v;
}

static void wr(const struct strike_io *io, uint32_t off, unsigned bytes, uint32_t v)
{
	(void)io;
	strike_wr(model.io, off, bytes, v);
	send_messages(*model.irqs);
}

static struct strike_class class;

static void use_model(struct strike_dev *d)
{
	static const struct strike_io_ops ops = {rd, wr};
	d->io.ops = &ops;
	d->io.len = model.io->len;
	if (model.portal)
		d->portal = *model.portal;
	if (model.fn)
		d->fn = model.fn;
}

static enum sl_err take_model(struct strike_dev *d, const char **why)
{
	use_model(d);
	return kind->class->take(d, why);
}

static enum sl_err open_model(struct strike_dev *d, const char **why)
{
	use_model(d);
	d->class = kind->class;
	*model.idle = quiet == NEVER_DID;
	enum sl_err e = kind->class->open(d, why);
	if (e)
		d->class = &class; /* it may be opened in another window */
	*model.idle |= quiet == STOPPED;
	return e;
}

static struct nvme_model drive;

/* What an idle one accesses besides its queues has no effect. */
static void *nvme_reach(void *ctx, uint64_t at, uint64_t len, bool write)
{
	static uint8_t nowhere[2 * PAGE_SIZE];
	uint64_t own = WINDOW + WINDOW_QUEUES, phys;
	(void)ctx;
	if ((quiet == NEVER_DID || quiet == STOPPED) && (at < own || at + len > own + NVME_MEM_ADMIN))
		return memset(nowhere, 0, sizeof nowhere);
	if ((quiet == AFRAID && !lets(at, len, write)) || model_dma(unit, FN.rid, at, write, &phys))
		return NULL;
	return phys_va(PHYS(phys));
}

struct nvme_io nvme_io_mmio(const struct pci_func *f, volatile void *regs)
{
	(void)f;
	(void)regs;
	return drive.io;
}

static void nvme_goes_on(void)
{
	nvme_model_step(&drive);
	if (quiet == WORKS || quiet == AFRAID)
		send_messages(drive.admin_irqs);
}

/* ---- what is hardware elsewhere ---- */

volatile void *mmio_map(phys_t at, uint64_t len)
{
	(void)at;
	(void)len;
	return (volatile void *)&fn; /* the model has accesses of its own */
}

/* The model's takes its place. */
struct strike_io strike_io_portal(volatile void *portal, uint64_t len)
{
	(void)portal;
	(void)len;
	return (struct strike_io){0};
}

phys_t paging_phys(const void *va)
{
	return va == standin_data() ? PHYS(STANDINS) : PHYS(STANDINS + PAGE_SIZE);
}

void core_progress(void) {}

unsigned core_count(void)
{
	return 1;
}

const struct tsc_info *tsc_info(void)
{
	return NULL; /* nothing is measured */
}

const struct cpu_info *cpu_info(void)
{
	return NULL;
}

uint64_t irq_strays(uint8_t *last)
{
	*last = 0;
	return 0;
}

NEVER(core_run(unsigned core, core_fn *work, void *arg))
NEVER(core_join(unsigned core, uint64_t deadline))
NEVER(irq_alloc(irq_fn *handler, void *ctx, uint8_t *vector))
NEVER(irq_set(unsigned vector, irq_fn *handler, void *ctx))

bool core_can_halt(void)
{
	return false;
}

bool core_halt_unless(bool (*look)(void *ctx), void *ctx)
{
	(void)look;
	(void)ctx;
	return false;
}

uint32_t core_apic_id(unsigned core)
{
	return core;
}

/* ---- tests ---- */

static const struct strike_ops *const classes[] = {
#define CLASS(ops, ...) &ops,
#include "apps/proof/classes.def"
};

static const struct kind *kind_of(const struct strike_ops *ops)
{
	for (unsigned i = 0; i < ARRAY_LEN(kinds); i++)
		if (kinds[i].class == ops->class)
			return &kinds[i];
	return NULL;
}

static void machine_up(void)
{
	stages_start(0, NULL);

	machine_init();
	unit = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, MODEL_ALL);
	assert_int_equal(machine_read(&mach.iommu), SL_OK);
	assert_int_equal(iommu_enable(&mach.iommu), SL_OK);
	boot.cfg.prove = PROVE_ALL;
	cm_init(&space);
	config = cm_add(&space, NULL, 0, 0, FN.rid, 0x12348086, 0);
	cm_cap(config, MSI_CAP, 5);
	cm_put(config, MSI_CAP + 2, 2, 0x80); /* 64-bit addresses */
	memset(config->mask + 4, 0xff, 2);    /* Command */
	memset(config->mask + MSI_CAP + 4, 0xff, 10);
	config->mask[MSI_CAP + 2] = 0x71;
	fn = (struct pci_func){.bdf = FN, .cfg = &space.cfg, .cap_msi = MSI_CAP};
	TAILQ_INIT(&mach.pci.funcs);
	TAILQ_INSERT_TAIL(&mach.pci.funcs, &fn, link);
	memset(&all, 0, sizeof all);
	all.decoy = va_phys(pmm_page());
	cases_clear(proof_cases());
	ledger_clear();
	standin_fill();
}

static void machine_down(void)
{
	pmm_page_free(phys_va(all.decoy));
	guard_free();
	machine_end();
	assert_int_equal(space.violations, 0);
	cm_free(&space);
}

/* What stage isolate does with an attacker in a pass. */
static void cases_of(struct attacker *by)
{
	struct attacker as_message;
	struct trial t = {.m = &mach, .all = &all, .by = by};
	attackers_guard(&mach, &all);
	cases_run(&t, cases_memory, WHEN_ATTACHED);
	cases_run(&t, cases_memory, WHEN_UNMAPPING);
	assert_true(message_attacker(by, &as_message));
	t.by = &as_message;
	cases_run(&t, cases_memory, WHEN_ATTACHED);
	cases_run(&t, cases_memory, WHEN_UNMAPPING);
	t.by = by;
	if (case_detached_run(&t))
		assert_int_not_equal(quiet, WORKS);
}

/* The class with its model. False: there is none. */
static bool with_model(struct strike_ops *ops)
{
	kind = kind_of(ops);
	sent = 0;
	unsigned bar = kind ? kind->class->bar : 0;
	fn.bar[bar] = (struct pci_bar){.addr = 0xe0000000, .size = 0x4000};
	if (kind && kind->class->portal_bar)
		fn.bar[kind->class->portal_bar] = (struct pci_bar){.addr = 0xe0010000, .size = 0x4000};
	fn.class = kind ? kind->class->class : PCI_CLASS_NVME;
	fn.vendor = kind && kind->class->ids ? kind->class->ids->vendor : 0;
	fn.device = kind && kind->class->ids ? kind->class->ids->device : 0;
	if (kind) {
		class = *kind->class;
		class.open = open_model;
		class.bar_of = NULL;
		class.take = kind->class->take ? take_model : NULL;
		ops->class = &class;
		kind->make();
	} else {
		nvme_model_init(&drive, 1, nvme_reach, NULL);
		support_meanwhile = nvme_goes_on;
	}
	return kind || ops->drives == strike_nvme_drive.drives;
}

static void pass(const struct strike_ops *class_ops)
{
	struct strike_ops ops = *class_ops;
	if (!with_model(&ops))
		fail_msg("there is no model of the class that does this: %s", ops.how);
	assert_int_equal(ops.open(&mach, &all, &ops), SL_OK);
	if (quiet != NEVER_DID && all.n != 1)
		fail_msg("%s: %s", ops.how, said);
	if (all.n)
		cases_of(&all.one[0]);
	attackers_close(&all);
	support_meanwhile = NULL;
	if (kind && kind->end)
		kind->end();
}

/* Its cases that count, and of them those that were refused. */
static struct tally run(const struct strike_ops *ops, enum quiet how)
{
	quiet = how;
	machine_up();
	pass(ops);
	struct tally t = mach.tally;
	machine_down();
	return t;
}

/* test_attack makes these do nothing, among other things; test_packet_refuse does so with VFs of a network
 * card. */
static bool elsewhere(const struct strike_ops *ops)
{
	return ops == &strike_nvme_vf || ops == &strike_nvme_pf || ops == &strike_edu ||
	       ops == &strike_packet;
}

static void test_every_class(void **state)
{
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(classes); i++) {
		const struct strike_ops *ops = classes[i];
		if (elsewhere(ops))
			continue;
		struct tally works = run(ops, WORKS);
		if (works.cases < 15 || works.refused != works.cases || works.not_tried)
			fail_msg("%s: %llu of %llu refused, %llu not tried\n%s", ops->how, (ull)works.refused,
				 (ull)works.cases, (ull)works.not_tried, said);
		assert_said("VT-d context table");
		assert_said("its own VT-d table");
		if (ops->most < 2) /* one byte is on one page */
			assert_not_said("runs out of mapping");
		for (enum quiet how = NEVER_DID; how < QUIETS; how++) {
			struct tally t = run(ops, how);
			if (t.refused)
				fail_msg("%s, quiet %u: %llu count as refused", ops->how, how,
					 (ull)t.refused);
		}
	}
}

/* A pass gives back every page that it took, of whichever class; so do a hundred. */
static void test_passes(void **state)
{
	const char *part = getenv("SLUICE_PERCENT"); /* fewer of them, but each class once */
	unsigned want = part && strtoul(part, NULL, 10) < 100 ? ARRAY_LEN(classes) : 100;
	uint64_t free = 0;
	unsigned passes = 0;
	(void)state;
	quiet = WORKS;
	machine_up();
	for (unsigned i = 0; passes < want; i++) {
		if (elsewhere(classes[i % ARRAY_LEN(classes)]))
			continue;
		pass(classes[i % ARRAY_LEN(classes)]);
		guard_free();
		if (!passes++)
			free = pmm_free_pages();
		assert_int_equal(pmm_free_pages(), free);
	}
	assert_int_equal(mach.tally.refused, mach.tally.cases);
	assert_true(mach.tally.cases > 15 * want);
	machine_down();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_class), cmocka_unit_test(test_passes)};
	support_clock_step = 50; /* a wait of a second ends after 20,000 looks at the clock */
	return cmocka_run_group_tests_name("idle", tests, ram_setup, NULL);
}
