/* Stage irqs, against VFs and a unit that are made up here: each way in which an interrupt can go wrong ends
 * it. */
#include <stdio.h>
#include <string.h>
#include "apps/machine.h"
#include "apps/vf/nvme.h"
#include "apps/proof/irqs.h"
#include "kernel/core.h"
#include "kernel/irq.h"
#include "kernel/paging.h"
#include "tests/unit/support.h"
#include "tests/unit/support_stages.h"
#include "tests/unit/test.h"

#define VFS     3u
#define ENTRIES 1024u

enum lie {
	TRUTH,
	NO_RECORD, /* refused, and the unit keeps no record */
	COMPAT_REFUSED,
	OWN_SILENT,     /* the first never arrives */
	ELSEWHERE,      /* it arrives at another VF's handler too */
	FOREIGN_PASSES, /* another function's entry takes it */
	BEYOND_PASSES,
	FREED_PASSES,
	WRONG_SENDER, /* in the records */
	WRONG_REASON,
	STRAY_LOST,  /* a vector without a handler is not counted */
	OWN_LATE,    /* the first arrives a little later */
	TABLE_FAILS, /* the vector's message is stored, and an error reported */
	NO_VECTOR,
	NO_ENTRY,
	STRAY_STAYS,    /* the entry does not take the vector without a handler, */
	STAYS_MOVED,    /* or does not come back to core 0 */
	SILENT_AT_END,  /* nothing arrives any more after that */
	NOT_GIVEN_BACK, /* nothing that was taken */
	NOT_MOVED,      /* the entry goes where it went before */
	COMMAND_FAILS,
	LATER_SILENT /* nothing arrives any more after it was refused */
};

static enum lie lie;
static struct pci_func pf;
static struct pci_func fns[VFS_MAX];
static unsigned vfs = VFS, cores;
static uint32_t first_apic;
static struct nvme_own own[VFS_MAX];
static struct nvme_ctrl ctrl[VFS_MAX];
static struct {
	bool used;
	bdf_t fn;
	uint8_t vector;
	uint32_t apic;
} entry[ENTRIES + 1];
static struct {
	irq_fn *fn;
	void *ctx;
} handler[256];
static struct iommu_msi loaded[VFS_MAX];
static unsigned delivered[256], due, moves; /* of a vector; looks at the clock until one arrives */
static uint8_t due_vector;
static uint64_t stray, refusals;
static bool claimed, recorded, stage_done;
static struct iommu_fault fault;

unsigned core_count(void)
{
	return cores;
}

uint32_t core_apic_id(unsigned core)
{
	return first_apic + core;
}

enum sl_err irq_alloc(irq_fn *f, void *ctx, uint8_t *vector)
{
	static uint8_t next;
	if (lie == NO_VECTOR)
		return SL_NOSPACE;
	*vector = (uint8_t)(0x40 + next++ % 64);
	handler[*vector].fn = f;
	handler[*vector].ctx = ctx;
	return SL_OK;
}

enum sl_err irq_set(unsigned vector, irq_fn *f, void *ctx)
{
	handler[vector].fn = f;
	handler[vector].ctx = ctx;
	return lie == NOT_GIVEN_BACK ? SL_BUSY : SL_OK;
}

uint64_t irq_strays(uint8_t *last)
{
	*last = 0;
	return stray;
}

enum sl_err iommu_irq_alloc(struct iommu *mmu, bdf_t f, unsigned count, uint8_t vector, uint32_t apic,
			    struct iommu_irq *out)
{
	(void)mmu;
	unsigned i = 0;
	assert_int_equal(count, 1);
	assert_int_equal(apic, first_apic);
	if (f.rid == pf.bdf.rid)
		assert_int_equal(vector, mach.vf[0].vector);
	if (lie == NO_ENTRY)
		return SL_NOSPACE;
	while (entry[i].used)
		i++;
	entry[i].used = true;
	entry[i].fn = f;
	entry[i].vector = vector;
	entry[i].apic = apic;
	*out = (struct iommu_irq){.from = f, .index = (uint16_t)i, .count = 1};
	return SL_OK;
}

enum sl_err iommu_irq_free(struct iommu *mmu, struct iommu_irq *irq)
{
	(void)mmu;
	if (irq->count)
		entry[irq->index].used = false;
	irq->count = 0;
	return lie == NOT_GIVEN_BACK && stage_done ? SL_BUSY : SL_OK;
}

enum sl_err iommu_irq_move(struct iommu *mmu, const struct iommu_irq *irq, unsigned i, uint8_t vector,
			   uint32_t apic)
{
	(void)mmu;
	assert_int_equal(i, 0);
	if (vector == IRQ_LAST)
		assert_int_equal(apic, first_apic);
	if (vector == IRQ_LAST && lie == STRAY_STAYS)
		return SL_TIMEOUT;
	moves++;
	entry[irq->index].vector = vector;
	if (lie != NOT_MOVED && !(lie == STAYS_MOVED && moves > 3))
		entry[irq->index].apic = apic;
	return SL_OK;
}

struct iommu_msi iommu_irq_message(const struct iommu_irq *irq, unsigned i)
{
	assert_int_equal(i, 0);
	assert_int_equal(irq->count, 1);
	return (struct iommu_msi){0xfee00010ull | (uint64_t)irq->index << 5, 0};
}

enum sl_err msix_set(const struct msix_table *t, unsigned vector, uint64_t addr, uint32_t data)
{
	assert_int_equal(vector, 0);
	for (unsigned v = 0; v < vfs; v++)
		if (t == &mach.vf[v].msix)
			loaded[v] = (struct iommu_msi){addr, data};
	return lie == TABLE_FAILS ? SL_DEVICE : SL_OK;
}

enum sl_err msix_mask(const struct msix_table *t, unsigned vector, bool masked)
{
	assert_true(t->vectors && !vector && masked);
	return lie == NOT_GIVEN_BACK ? SL_DEVICE : SL_OK;
}

/* Of irqs_start() and of VFs that come up, which are not called here. */
const char *apic_mode(void)
{
	return "";
}

uint32_t apic_reach(void)
{
	return 0;
}

volatile void *mmio_map(phys_t base, uint64_t len)
{
	(void)base;
	(void)len;
	return NULL;
}

enum sl_err msix_read(const struct pci_func *f, struct msix *out)
{
	(void)f;
	(void)out;
	return SL_NOTFOUND;
}

enum sl_err msix_open(const struct pci_func *f, const struct msix *x, volatile void *bar,
		      struct msix_table *out)
{
	(void)f;
	(void)x;
	(void)bar;
	(void)out;
	return SL_NOTFOUND;
}

void msix_close(struct msix_table *t)
{
	(void)t;
}

void iommu_fault_event(struct iommu *mmu, uint8_t vector, uint32_t apic)
{
	(void)mmu;
	(void)vector;
	(void)apic;
}

enum sl_err iommu_irq_enable(struct iommu *mmu, unsigned entries, bool x2apic)
{
	(void)mmu;
	(void)entries;
	(void)x2apic;
	return SL_UNSUPPORTED;
}

void iommu_irq_info(const struct iommu *mmu, unsigned unit, struct iommu_irq_info *out)
{
	(void)mmu;
	(void)unit;
	(void)out;
}

const char *iommu_irq_x2apic_objection(const struct iommu *mmu)
{
	(void)mmu;
	return NULL;
}

static void arrive(uint8_t vector, uint32_t apic)
{
	support_core = apic - first_apic;
	delivered[vector]++;
	if (handler[vector].fn)
		handler[vector].fn(handler[vector].ctx);
	else
		stray += lie != STRAY_LOST;
	support_core = 0;
}

static void refuse(unsigned v, enum iommu_why why)
{
	refusals++;
	if (!claimed || lie == NO_RECORD)
		return;
	recorded = true;
	fault = (struct iommu_fault){.bdf = fns[v].bdf, .why = why};
	fault.bdf.rid ^= lie == WRONG_SENDER;
	if (lie == WRONG_REASON)
		fault.why = WHY_OTHER;
	mach.faults.events++;
}

static void send(unsigned v)
{
	unsigned i = (unsigned)(loaded[v].addr >> 5 & 0x7fff);
	if (!(loaded[v].addr & 0x10)) {
		if (lie == COMPAT_REFUSED)
			refuse(v, WHY_IRQ_UNREMAPPED);
		else
			arrive((uint8_t)loaded[v].data, (uint32_t)(loaded[v].addr >> 12 & 0xff));
		assert_int_equal(loaded[v].addr >> 12 & 0xff, first_apic);
		return;
	}
	if (i >= ENTRIES && lie != BEYOND_PASSES)
		refuse(v, WHY_IRQ_INDEX);
	else if (i >= ENTRIES)
		arrive(0x20, 10);
	else if (!entry[i].used && lie != FREED_PASSES)
		refuse(v, WHY_IRQ_EMPTY);
	else if (entry[i].used && !bdf_eq(entry[i].fn, fns[v].bdf) && lie != FOREIGN_PASSES) {
		assert_int_equal(entry[i].fn.rid, v + 1 < mach.vfs ? fns[v + 1].bdf.rid : pf.bdf.rid);
		refuse(v, WHY_IRQ_SOURCE);
	} else if ((lie == OWN_SILENT && !v) || (lie == LATER_SILENT && refusals))
		return;
	else if (lie == OWN_LATE && handler[entry[i].vector].fn && !delivered[entry[i].vector]) {
		due = 5;
		due_vector = entry[i].vector;
	} else if (lie != SILENT_AT_END || moves < 4)
		arrive(entry[i].vector, entry[i].apic);
	if (lie == ELSEWHERE && v == 1)
		arrive(mach.vf[2].vector, 10);
}

enum sl_err nvme_identify(struct nvme_ctrl *c, enum nvme_cns cns, uint32_t nsid, uint16_t id,
			  const volatile void **page)
{
	assert_true(cns == NVME_CNS_CTRL && !nsid && !id);
	*page = NULL;
	if (lie == COMMAND_FAILS && refusals)
		return SL_TIMEOUT;
	send((unsigned)(c - ctrl));
	return SL_OK;
}

void iommu_fault_claim(struct iommu *mmu, bdf_t id)
{
	(void)mmu;
	(void)id;
	claimed = true;
	recorded = false;
}

void iommu_fault_unclaim(struct iommu *mmu)
{
	(void)mmu;
	claimed = false;
}

enum sl_err iommu_fault_claimed(struct iommu *mmu, struct iommu_fault *f)
{
	(void)mmu;
	*f = fault;
	return recorded ? SL_OK : SL_END;
}

void iommu_fault_describe(struct iommu *mmu, const struct iommu_fault *f, char *buf, size_t n)
{
	(void)mmu;
	(void)f;
	if (n)
		buf[0] = 0;
}

static void meanwhile(void)
{
	if (due && --due == 0)
		arrive(due_vector, first_apic);
}

static int start(void **state)
{
	(void)state;
	stages_start(0, NULL);
	mach.vfs = vfs;
	cores = 2;
	first_apic = 10;
	due = moves = 0;
	stage_done = false;
	memset(delivered, 0, sizeof delivered);
	support_meanwhile = meanwhile;
	memset(entry, 0, sizeof entry);
	memset(handler, 0, sizeof handler);
	mach.irqs_remapped = true;
	mach.pf = &pf;
	pf.bdf.rid = 0x100;
	if (vfs < VFS_MAX)
		mach.vf[vfs].vector = 1; /* does not count */
	for (unsigned v = 0; v < vfs; v++) {
		fns[v].bdf.rid = (uint16_t)(STAGES_FIRST + v);
		mach.vf[v].index = v;
		mach.vf[v].fn = &fns[v];
		own[v].vf.ctrl = &ctrl[v];
		mach.vf[v].own = &own[v];
		mach.vf[v].msix.vectors = 2;
	}
	lie = TRUTH;
	stray = refusals = 0;
	return 0;
}

static const struct {
	enum lie lie;
	enum sl_err want;
	const char *says;
} rows[] = {
	{TRUTH, SL_OK, "3 VFs: interrupts arrive through their own entries and are refused through others'"},
	{NO_RECORD, SL_OK, "another function's entry: refused; this unit makes no record of it"},
	{COMPAT_REFUSED, SL_OK, "compatibility format: refused"},
	{OWN_SILENT, SL_VERIFY, "its interrupt does not arrive"},
	{ELSEWHERE, SL_VERIFY, "0000:01:00.2: its interrupt does not arrive"},
	{FOREIGN_PASSES, SL_VERIFY, "through another function's entry was not refused correctly"},
	{BEYOND_PASSES, SL_VERIFY, "beyond the table was not refused correctly"},
	{FREED_PASSES, SL_VERIFY, "through a freed entry was not refused correctly"},
	{WRONG_SENDER, SL_VERIFY, "through another function's entry was not refused correctly"},
	{WRONG_REASON, SL_VERIFY, "through another function's entry was not refused correctly"},
	{STRAY_LOST, SL_VERIFY, "an interrupt without a handler was not counted"},
	{NOT_MOVED, SL_VERIFY, "0000:01:00.1: its interrupt does not follow its entry to another core"},
	{COMMAND_FAILS, SL_VERIFY, "was not refused correctly"},
	{LATER_SILENT, SL_VERIFY, "FAIL irqs"},
	{OWN_LATE, SL_OK, "3 VFs: interrupts arrive through their own entries"},
	{TABLE_FAILS, SL_VERIFY, "its interrupt does not arrive"},
	{NO_VECTOR, SL_NOSPACE, "FAIL irqs: interrupts could not be set up"},
	{NO_ENTRY, SL_NOSPACE, "FAIL irqs: interrupts could not be set up"},
	{STRAY_STAYS, SL_VERIFY, "an interrupt without a handler was not counted"},
	{STAYS_MOVED, SL_VERIFY, "its interrupt no longer arrives"},
	{SILENT_AT_END, SL_VERIFY, "its interrupt no longer arrives"},
};

static void test_every_lie(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		start(state);
		lie = rows[i].lie;
		enum sl_err e = stage_irqs(&mach);
		if (e != rows[i].want || !strstr(said, rows[i].says))
			fail_msg("lie %u: %u, not %u, or no \"%s\" in\n%s", rows[i].lie, (unsigned)e,
				 (unsigned)rows[i].want, rows[i].says, said);
		if (!e)
			assert_true(mach.tally.irqs_checked == VFS && mach.strays_made == 1);
		else
			assert_true(mach.tally.irqs_checked < VFS);
		for (unsigned v = 0; v < VFS; v++)
			assert_int_equal(mach.vf[v].irqs,
					 mach.vf[v].vector ? delivered[mach.vf[v].vector] : 0);
		said_start();
		undo_irqs(&mach);
		assert_string_equal(said, "");
		for (unsigned v = 0; v < VFS; v++)
			assert_int_equal(mach.vf[v].vector, 0);
		assert_int_equal(mach.vf[VFS].vector, 1);
		for (unsigned k = 0; k < ENTRIES; k++)
			assert_false(entry[k].used);
		for (unsigned v = 0; v < 256; v++)
			assert_null(handler[v].fn);
	}
}

/* With one VF the other function is the PF; one without MSI-X is left out. */
static void test_few(void **state)
{
	(void)state;
	mach.vfs = 1;
	assert_int_equal(stage_irqs(&mach), SL_OK);
	undo_irqs(&mach);
	start(state);
	mach.vf[1].msix.vectors = 0;
	assert_int_equal(stage_irqs(&mach), SL_OK);
	assert_int_equal(mach.tally.irqs_checked, 2);
	undo_irqs(&mach);
	start(state);
	mach.irqs_remapped = false;
	assert_int_equal(stage_irqs(&mach), SL_OK);
	assert_int_equal(mach.tally.irqs_checked, 0);
}

/* With one core an entry cannot be moved, and it is core 0 where everything arrives. */
static void test_one_core(void **state)
{
	(void)state;
	cores = 1;
	assert_int_equal(stage_irqs(&mach), SL_OK);
	assert_int_equal(mach.tally.irqs_checked, VFS);
	assert_not_said("its entry moved");
	undo_irqs(&mach);
}

/* Compatibility format has eight bits for the processor, and 255 means all. */
static void test_processor_numbers(void **state)
{
	for (first_apic = 254; first_apic < 257; first_apic++) {
		uint32_t id = first_apic;
		start(state);
		first_apic = id;
		assert_int_equal(stage_irqs(&mach), SL_OK);
		assert_int_equal(strstr(said, "compatibility format: ") != NULL, id == 254);
		undo_irqs(&mach);
	}
}

/* As many as there may be; the entry that is tried is the next one's. */
static void test_most(void **state)
{
	vfs = VFS_MAX;
	start(state);
	assert_int_equal(stage_irqs(&mach), SL_OK);
	assert_int_equal(mach.tally.irqs_checked, VFS_MAX);
	assert_said("irqs: VF 0, its own entry ");
	assert_said(": arrived; refused: another function's, its own when freed\n");
	assert_not_said("VF 1, its own entry ");
	undo_irqs(&mach);
	vfs = VFS;
}

/* Up to four VFs each case of each has a line; from five on only VF 0's, and each other VF has one line. */
static void test_lines(void **state)
{
	for (vfs = 4; vfs <= 5; vfs++)
		for (unsigned unrecorded = 0; unrecorded < 2; unrecorded++) {
			start(state);
			lie = unrecorded ? NO_RECORD : TRUTH;
			assert_int_equal(stage_irqs(&mach), SL_OK);
			for (unsigned v = 0; v < vfs; v++) {
				char line[80];
				bool full = vfs == 4 || !v;
				snprintf(line, sizeof line, "VF %u, its own entry ", v);
				assert_int_equal(strstr(said, line) != NULL, full);
				snprintf(line, sizeof line, "VF %u, another function's entry: refused", v);
				assert_int_equal(strstr(said, line) != NULL, full);
				snprintf(line, sizeof line, "VF %u, entry ", v);
				assert_int_equal(strstr(said, line) != NULL, !full);
			}
			undo_irqs(&mach);
		}
	vfs = VFS;
}

static void test_not_given_back(void **state)
{
	(void)state;
	assert_int_equal(stage_irqs(&mach), SL_OK);
	said_start();
	lie = NOT_GIVEN_BACK;
	stage_done = true;
	undo_irqs(&mach);
	assert_said("VF 0 could not be masked");
	assert_said("VF 2 keeps its entry");
	assert_said("the PF keeps its entry");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, start)
	const struct CMUnitTest tests[] = {T(test_every_lie),         T(test_few),  T(test_one_core),
					   T(test_processor_numbers), T(test_most), T(test_lines),
					   T(test_not_given_back)};
	return cmocka_run_group_tests_name("irqs", tests, NULL, NULL);
}
