#include "apps/proof/guard.h"
#include "apps/machine.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "iommu/vtd/backend.h"

#define GUARDS_MAX 2048u
#define LOOK_US    500u /* between two looks at all of it */

/* VT-d §9.1 to §9.8: what is followed from one table to the next, here by code that built none of them.
 */
#define ENTRY_ADDR     BITS(51, 12)
#define PRESENT        BIT(0)
#define CTX_TYPE       BITS(3, 2) /* of its low half; 2: pass-through, no table */
#define CTX_WIDTH      BITS(2, 0) /* of its high half; 1: three levels, 2: four, 3: five */
#define SL_ACCESS      BITS(1, 0)
#define SL_LARGE       BIT(7)
#define ENTRIES        512u
#define BUSES          256u
#define ROOT_MODE      BITS(11, 10) /* §11.4.5 of RTADDR; 1: scalable mode, and there */
#define SCALABLE_WORDS 4u           /* of a context entry */
#define SCALABLE_SIZE  BITS(11, 9)  /* PDTS of its low word: 128 << it directory entries */
#define PASID_WORDS    8u
#define PASID_TYPE     BITS(8, 6) /* 1: first stage, 2: second, 3: both, 4: pass-through */
#define PASID_WIDTH    BITS(4, 2) /* as CTX_WIDTH */
#define PASID_MODE     BITS(3, 2) /* FSPM of word 2; 0: four levels, 1: five */
#define GSTS_REMAPS    BIT(25)    /* §11.4.4.2 IRES */
#define IRTA_SIZE      BITS(3, 0) /* §11.4.10: 2^(S+1) entries of 16 bytes */
#define AMD_NEXT       BITS(11, 9)
#define AMD_MODE       BITS(11, 9)
#define AMD_INTCTL     BITS(61, 60)
#define AMD_INTLEN     BITS(4, 1)
#define AMD_ENTRIES    128u /* of the device table in a page */

static struct guard {
	const uint8_t *va; /* NULL: registers */
	uint64_t (*read)(const void *of);
	const void *of;
	uint64_t sum; /* of those */
	uint32_t len;
	uint8_t *copy;
} guard[GUARDS_MAX]; /* copy belongs to the place, not to what stands there */
static unsigned guards;
static bool incomplete;

void guard_none(void)
{
	guards = 0;
	incomplete = false;
}

bool guard_whole(void)
{
	return !incomplete;
}

static struct guard *next_place(void)
{
	struct guard *g = guards < GUARDS_MAX ? &guard[guards] : NULL;
	if (g && !g->copy)
		g->copy = pmm_page();
	if (!g || !g->copy) {
		incomplete = true;
		return NULL;
	}
	guards++;
	return g;
}

static bool is_guarded(const void *va, size_t len)
{
	for (unsigned i = 0; i < guards; i++)
		if (guard[i].va == va && guard[i].len >= len)
			return true;
	return false;
}

void guard_add(const void *va, size_t len)
{
	const uint8_t *p = va;
	for (size_t n; len; p += n, len -= n) {
		n = len < PAGE_SIZE ? len : PAGE_SIZE;
		if (is_guarded(p, n))
			continue;
		struct guard *g = next_place();
		if (!g)
			return;
		g->va = p;
		g->len = (uint32_t)n;
	}
}

void guard_regs(uint64_t (*sum)(const void *of), const void *of)
{
	struct guard *g = next_place();
	if (!g)
		return;
	g->va = NULL;
	g->read = sum;
	g->of = of;
	g->len = 0;
}

/* A table of that level and all below it. */
static void add_levels(uint64_t phys, unsigned level)
{
	const uint64_t *table = phys_va(PHYS(phys));
	if (is_guarded(table, PAGE_SIZE))
		return;
	guard_add(table, PAGE_SIZE);
	for (unsigned i = 0; i < ENTRIES && level > 1; i++)
		if (table[i] & SL_ACCESS && !(table[i] & SL_LARGE))
			add_levels(table[i] & ENTRY_ADDR, level - 1);
}

static void add_contexts(uint64_t phys)
{
	const uint64_t *entry = phys_va(PHYS(phys));
	guard_add(entry, PAGE_SIZE);
	for (unsigned i = 0; i < ENTRIES; i += 2) {
		uint64_t width = entry[i + 1] & CTX_WIDTH;
		if (entry[i] & PRESENT && FGET(entry[i], CTX_TYPE) != 2 && width >= 1 && width <= 3)
			add_levels(entry[i] & ENTRY_ADDR, (unsigned)width + 2);
	}
}

/* An entry of a PASID table: §9.6. First-stage tables have the bits of the others that are looked at here. */
static void add_pasids(uint64_t phys)
{
	const uint64_t *entry = phys_va(PHYS(phys));
	if (is_guarded(entry, PAGE_SIZE))
		return;
	guard_add(entry, PAGE_SIZE);
	for (; entry < (const uint64_t *)phys_va(PHYS(phys)) + ENTRIES; entry += PASID_WORDS) {
		if (!(entry[0] & PRESENT))
			continue;
		if (FGET(entry[0], PASID_TYPE) & 2)
			add_levels(entry[0] & ENTRY_ADDR, (unsigned)FGET(entry[0], PASID_WIDTH) + 2);
		if (FGET(entry[0], PASID_TYPE) & 1)
			add_levels(entry[2] & ENTRY_ADDR, (unsigned)FGET(entry[2], PASID_MODE) + 4);
	}
}

/* §9.4, §9.5: 128 functions, each with a directory. */
static void add_scalable(uint64_t phys)
{
	const uint64_t *entry = phys_va(PHYS(phys));
	guard_add(entry, PAGE_SIZE);
	for (unsigned i = 0; i < ENTRIES; i += SCALABLE_WORDS) {
		if (!(entry[i] & PRESENT))
			continue;
		const uint64_t *directory = phys_va(PHYS(entry[i] & ENTRY_ADDR));
		unsigned n = 128u << FGET(entry[i], SCALABLE_SIZE);
		guard_add(directory, n * sizeof *directory);
		for (unsigned k = 0; k < n; k++)
			if (directory[k] & PRESENT)
				add_pasids(directory[k] & ENTRY_ADDR);
	}
}

/* Each bus has an entry of two words; in scalable mode each of them leads to half of its functions. */
static void add_unit(const struct vtd_regs_seen *unit)
{
	const uint64_t *root = phys_va(PHYS(unit->rtaddr & ENTRY_ADDR));
	bool scalable = FGET(unit->rtaddr, ROOT_MODE) == 1;
	guard_add(root, PAGE_SIZE);
	for (unsigned i = 0; i < 2 * BUSES; i += scalable ? 1 : 2) {
		if (root[i] & PRESENT && scalable)
			add_scalable(root[i] & ENTRY_ADDR);
		else if (root[i] & PRESENT)
			add_contexts(root[i] & ENTRY_ADDR);
	}
	if (unit->gsts & GSTS_REMAPS)
		guard_add(phys_va(PHYS(unit->irta & ENTRY_ADDR)), (size_t)32 << (unit->irta & IRTA_SIZE));
}

/* AMD IOMMU, host page tables: present, next level; levels may not be skipped by our tables. */
static void add_amd_levels(uint64_t phys, unsigned level)
{
	const uint64_t *table = phys_va(PHYS(phys));
	if (is_guarded(table, PAGE_SIZE))
		return;
	guard_add(table, PAGE_SIZE);
	for (unsigned i = 0; i < ENTRIES && level > 1; i++)
		if (table[i] & PRESENT && FGET(table[i], AMD_NEXT))
			add_amd_levels(table[i] & ENTRY_ADDR, level - 1);
}

/* Of an AMD machine: the part of the device table with that function's entry, and what the entry leads to. */
static void add_amd_function(struct machine *m, bdf_t fn)
{
	struct iommu_walk w;
	if (iommu_walk(&m->iommu, fn, IOVA(0), &w))
		return;
	const uint64_t *page = phys_va(w.table[WALK_FUNCTION].at), *entry = page + fn.rid % AMD_ENTRIES * 4;
	guard_add(page, PAGE_SIZE);
	if (FGET(entry[0], AMD_MODE))
		add_amd_levels(entry[0] & ENTRY_ADDR, (unsigned)FGET(entry[0], AMD_MODE));
	if (FGET(entry[2], AMD_INTCTL) == 2)
		guard_add(phys_va(PHYS(entry[2] & ENTRY_ADDR)), (size_t)16 << FGET(entry[2], AMD_INTLEN));
}

void guard_tables(struct machine *m)
{
	if (m->translating && m->iommu.amdvi) {
		PCI_EACH(f, &m->pci)
			add_amd_function(m, f->bdf);
		return;
	}
	struct vtd_regs_seen unit;
	for (unsigned i = 0; m->translating && i < m->iommu.unit_count; i++)
		if (vtd_read_registers(&m->iommu, i, &unit) == SL_OK && unit.rtaddr & ENTRY_ADDR)
			add_unit(&unit);
}

void guard_take(void)
{
	for (unsigned i = 0; i < guards; i++)
		if (guard[i].va)
			memcpy(guard[i].copy, guard[i].va, guard[i].len);
		else
			guard[i].sum = guard[i].read(guard[i].of);
}

bool guard_changed(void)
{
	for (unsigned i = 0; i < guards; i++)
		if (guard[i].va ? memcmp(guard[i].copy, guard[i].va, guard[i].len) != 0
				: guard[i].sum != guard[i].read(guard[i].of))
			return true;
	return false;
}

bool guard_changed_soon(void)
{
	delay_us(LOOK_US);
	return guard_changed();
}

void guard_free(void)
{
	guard_none();
	for (unsigned i = 0; i < GUARDS_MAX; i++) {
		if (guard[i].copy)
			pmm_page_free(guard[i].copy);
		guard[i].copy = NULL;
	}
}
