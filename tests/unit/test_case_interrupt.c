/* Forged interrupts: which there are for whom, what each would be if it worked, and its control. trial_run()
 * is made up here. */
#include <string.h>
#include "apps/proof/case.h"
#include "apps/bringup/faults.h"
#include "kernel/core.h"
#include "kernel/irq.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define VECTOR 0x44

static struct attackers all;
static struct trial trial[3];
static struct pci_func func[4];
static struct attack tried[16];
static bool enforceable[16];
static unsigned n_tried, broken, entries_given, entries_back, vectors;
static unsigned entries = 1024;
static uint32_t apic_id;
static const char *lacks;
static bool no_own, no_foreign, no_vector, other_unit, kept;
static uint16_t own_rid, elsewhere; /* elsewhere: its entries alone are in another unit's table */
static void (*handler)(void *);
static void *handler_ctx;

bdf_t function_requester(const struct machine *machine, bdf_t fn)
{
	(void)machine;
	return fn;
}

bool madt_has(const struct madt *madt, uint32_t id)
{
	(void)madt;
	return id >= 0xf0 && id <= 0xfe;
}

uint32_t core_apic_id(unsigned core)
{
	assert_int_equal(core, 0);
	return apic_id;
}

enum sl_err irq_alloc(void (*fn)(void *), void *ctx, uint8_t *vector)
{
	handler = fn;
	handler_ctx = ctx;
	*vector = VECTOR;
	vectors++;
	return no_vector ? SL_NOSPACE : SL_OK;
}

enum sl_err irq_set(unsigned vector, void (*fn)(void *), void *ctx)
{
	assert_true(vector == VECTOR && !fn && !ctx);
	vectors--;
	return kept ? SL_BUSY : SL_OK;
}

enum sl_err iommu_unit_of(const struct iommu *mmu, bdf_t fn, unsigned *unit)
{
	(void)mmu;
	(void)fn;
	*unit = 0;
	return SL_OK;
}

void iommu_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out)
{
	(void)mmu;
	(void)unit;
	*out = (struct iommu_irq_info){.entries = entries, .lacks = lacks};
}

enum sl_err iommu_irq_alloc(struct iommu *mmu, bdf_t fn, unsigned count, uint8_t vector, uint32_t apic,
			    struct iommu_irq *out)
{
	(void)mmu;
	assert_true(count == 1 && vector == VECTOR && apic == apic_id);
	assert_int_not_equal(fn.rid, 0x104); /* does not attack */
	if (fn.rid == own_rid ? no_own : no_foreign) {
		out->count = 7; /* which says nothing then */
		return SL_NOSPACE;
	}
	*out = (struct iommu_irq){.unit = (other_unit && fn.rid != own_rid) || fn.rid == elsewhere,
				  .from = fn,
				  .index = (uint16_t)(fn.rid & 0xff),
				  .count = 1};
	entries_given++;
	return SL_OK;
}

enum sl_err iommu_irq_free(struct iommu *mmu, struct iommu_irq *irq)
{
	(void)mmu;
	assert_int_equal(irq->count, 1);
	irq->count = 0;
	entries_back++;
	return kept ? SL_BUSY : SL_OK;
}

struct iommu_msi iommu_irq_message(const struct iommu_irq *irq, unsigned i)
{
	assert_int_equal(i, 0);
	assert_int_equal(irq->count, 1);
	return (struct iommu_msi){0xfee00010ull | (uint64_t)irq->index << 5, 0};
}

void trial_broken(const struct trial *t, const char *what)
{
	(void)t;
	(void)what;
	broken++;
}

void trial_run(const struct trial *t, const struct attack *what, bool can)
{
	struct attack a = *what;
	if (a.msix && !t->by->msix)
		return;
	assert_true(a.interrupt && a.write && a.len == 4 && a.arrived);
	tried[n_tried] = a;
	enforceable[n_tried++] = can;
}

static int start(void **state)
{
	static const struct strike_ops nvme = {.least = 4}, edu = {.any_data = true};
	static struct msix_table msix;
	(void)state;
	stages_start(0, NULL);
	memset(&all, 0, sizeof all);
	mach.madt.cpus = 4;
	mach.irqs_remapped = true;
	n_tried = broken = entries_given = entries_back = 0;
	no_own = no_foreign = no_vector = other_unit = kept = false;
	apic_id = 3;
	all.n = 3;
	for (unsigned i = 0; i < 4; i++) /* the fourth does not count */
	{
		func[i].bdf.rid = (uint16_t)(0x101 + i);
		all.one[i].fn = &func[i];
		all.one[i].ops = i == 2 ? &edu : &nvme;
		if (i < 3)
			trial[i] = (struct trial){.m = &mach, .all = &all, .by = &all.one[i]};
	}
	all.one[0].msix = &msix;
	own_rid = 0x101;
	elsewhere = 0;
	return 0;
}

struct want {
	const char *name;
	uint64_t to;
	uint32_t data;
	bool msix, enforceable, unseen;
	enum iommu_why why;
	uint16_t index;
	uint64_t own;
};

static void assert_tried(const struct want *want, unsigned n)
{
	assert_int_equal(n_tried, n);
	for (unsigned i = 0; i < n; i++) {
		const struct attack *a = &tried[i];
		assert_string_equal(a->name, want[i].name);
		assert_int_equal(a->to, want[i].to);
		assert_int_equal(a->data, want[i].data);
		assert_int_equal(a->msix, want[i].msix);
		assert_int_equal(enforceable[i], want[i].enforceable);
		assert_int_equal(a->unseen, want[i].unseen);
		assert_int_equal(a->why, want[i].why);
		assert_int_equal(a->index, want[i].index);
		assert_int_equal(a->own.addr, want[i].own);
	}
	assert_int_equal(entries_given, entries_back);
	assert_int_equal(vectors, 0);
	/* What arrives is counted where the attack looks. */
	uint64_t before = *tried[0].arrived;
	handler(handler_ctx);
	assert_int_equal(*tried[0].arrived, before + 1);
}

#define OWN(rid) (0xfee00010ull | (uint64_t)(rid) << 5)

static void test_vf(void **state)
{
	const struct want want[] = {
		{"MSI to no processor", 0xfeeef000, 0x40, false, false, true, WHY_IRQ_UNREMAPPED, 0, OWN(1)},
		{"MSI-X compatibility", 0xfee03000, VECTOR, true, false, false, WHY_IRQ_UNREMAPPED, 0,
		 OWN(1)},
		{"MSI, other's entry", OWN(2), 0, false, false, false, WHY_IRQ_SOURCE, 2, OWN(1)},
		{"MSI-X other's entry", OWN(2), 0, true, true, false, WHY_IRQ_SOURCE, 2, OWN(1)},
		{"MSI beyond table", 0xfee00010ull | 1024 << 5, 0, false, true, false, WHY_IRQ_INDEX, 1024,
		 OWN(1)},
	};
	(void)state;
	case_interrupt_run(&trial[0]);
	assert_tried(want, ARRAY_LEN(want));
	assert_not_said("could not be");
	kept = true;
	case_interrupt_run(&trial[0]);
	assert_said("an interrupt entry could not be taken back");
	assert_said("vector 0x44 could not be given back");
}

static void test_edu(void **state)
{
	const struct want want[] = {
		{"MSI to no processor", 0xfeeef000, 0x40, false, false, true, WHY_IRQ_UNREMAPPED, 0, OWN(3)},
		{"MSI to processor 0", 0xfee03000, VECTOR, false, false, false, WHY_IRQ_UNREMAPPED, 0,
		 OWN(3)},
		{"MSI, other's entry", OWN(1), 0, false, false, false, WHY_IRQ_SOURCE, 1, OWN(3)},
		{"MSI beyond table", 0xfee00010ull | 1024 << 5, 0, false, true, false, WHY_IRQ_INDEX, 1024,
		 OWN(3)},
	};
	(void)state;
	own_rid = 0x103;
	case_interrupt_run(&trial[2]);
	assert_tried(want, ARRAY_LEN(want));
}

/* No entry of its own: no case has a control, and none is taken for refused. */
static void test_no_own_entry(void **state)
{
	(void)state;
	no_own = true;
	own_rid = 0x102;
	case_interrupt_run(&trial[1]);
	assert_int_equal(n_tried, 3);
	for (unsigned i = 0; i < n_tried; i++)
		assert_int_equal(tried[i].own.addr, 0);
	assert_int_equal(entries_given, entries_back);
}

/* No entry for any other function: that case could not be set up, and its MSI-X twin is left out. */
static void test_no_foreign_entry(void **state)
{
	(void)state;
	no_foreign = true;
	case_interrupt_run(&trial[0]);
	assert_int_equal(broken, 1);
	assert_int_equal(n_tried, 3);
	assert_int_equal(entries_given, 1);
	assert_int_equal(entries_back, 1);
}

/* Without remapping edu alone can send something that arrives. */
static void test_not_remapped(void **state)
{
	(void)state;
	mach.irqs_remapped = false;
	case_interrupt_run(&trial[1]);
	assert_int_equal(n_tried, 1);
	assert_int_equal(tried[0].own.addr, 0);
	assert_int_equal(entries_given, 0);
	case_interrupt_run(&trial[2]);
	assert_int_equal(n_tried, 3);
	for (unsigned i = 1; i < 3; i++)
		assert_true(tried[i].own.addr == 0xfee03000 && tried[i].own.data == VECTOR);
	assert_int_equal(entries_given, 0);
}

/* A table of the greatest size has nothing beyond it; a unit that does not remap has none. */
static void test_nothing_beyond(void **state)
{
	(void)state;
	entries = 65536;
	case_interrupt_run(&trial[1]);
	assert_int_equal(n_tried, 2);
	entries = 1024;
	lacks = "something";
	case_interrupt_run(&trial[1]);
	assert_int_equal(n_tried, 4);
	lacks = NULL;
}

/* An entry in another unit's table is not one that the attacker could name. */
static void test_cannot_be_set_up(void **state)
{
	(void)state;
	other_unit = true;
	case_interrupt_run(&trial[0]);
	assert_int_equal(broken, 1);
	assert_int_equal(n_tried, 3);
	assert_int_equal(entries_given, entries_back);
	assert_not_said("could not be taken back");
	kept = true;
	case_interrupt_run(&trial[0]);
	assert_int_equal(broken, 2);
	assert_said("an interrupt entry could not be taken back");
	no_vector = true;
	case_interrupt_run(&trial[0]);
	assert_int_equal(broken, 3);
	mach.madt.cpus = 0;
	case_interrupt_run(&trial[0]);
	assert_int_equal(n_tried, 6);
	vectors = 0;
}

/* Where the next function's entry is in another unit's table, that of the one after it serves. */
static void test_entry_of_a_later_function(void **state)
{
	(void)state;
	elsewhere = 0x102;
	case_interrupt_run(&trial[0]);
	assert_int_equal(broken, 0);
	assert_int_equal(n_tried, 5);
	assert_int_equal(tried[2].to, OWN(3));
	assert_int_equal(entries_given, entries_back);
}

/* An attacker that is alone takes the entry of a function that is no attacker. */
static void test_entry_of_any_function(void **state)
{
	static struct pci_func other = {.bdf = {0, 0x20}};
	(void)state;
	all.n = 1;
	TAILQ_INIT(&mach.pci.funcs);
	TAILQ_INSERT_TAIL(&mach.pci.funcs, &other, link);
	case_interrupt_run(&trial[0]);
	assert_int_equal(broken, 0);
	assert_int_equal(n_tried, 5);
	assert_int_equal(tried[2].to, OWN(0x20));
	assert_int_equal(tried[2].index, 0x20);
	assert_int_equal(entries_given, entries_back);
}

/* A message in compatibility format to number 255 would be one to all processors. */
static void test_no_message_to_all(void **state)
{
	(void)state;
	apic_id = 0xff;
	case_interrupt_run(&trial[2]);
	assert_int_equal(n_tried, 3);
	for (unsigned i = 0; i < n_tried; i++)
		assert_string_not_equal(tried[i].name, "MSI to processor 0");
	mach.irqs_remapped = false;
	case_interrupt_run(&trial[2]);
	assert_int_equal(n_tried, 4);
	assert_int_equal(tried[3].own.addr, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_vf),
					   T(test_edu),
					   T(test_no_own_entry),
					   T(test_no_foreign_entry),
					   T(test_not_remapped),
					   T(test_nothing_beyond),
					   T(test_cannot_be_set_up),
					   T(test_entry_of_a_later_function),
					   T(test_entry_of_any_function),
					   T(test_no_message_to_all)};
	return cmocka_run_group_tests_name("case_interrupt", tests, NULL, NULL);
}
