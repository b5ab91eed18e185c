#include "iommu/amdvi/ir.h"
#include "iommu/amdvi/cmd.h"
#include "kernel/pmm.h"

#define WORDS        (AMDVI_IRQS / AMDVI_IRQ_WORD)
#define INTLEN       9u /* log2 of AMDVI_IRQS */
#define TABLE_LEN    (AMDVI_IRQS * 16u)
/* QEMU's unit does not look at the table's length: what an index can reach behind the table has no entries.
 */
#define EMULATED_LEN (2048u * 16u)

/* clang-format off */
#define IRTE_EN     BIT(0)
#define IRTE_VECTOR BITS(23, 16) /* of 32 bits */
#define IRTE_DEST8  BITS(15, 8)
#define IRTE_DEST24 BITS(31, 8)  /* of 128 bits, with the vector in the second word */
#define IRTE_DEST31 BITS(63, 56)
/* clang-format on */

const char *amdvi_ir_lacks(const struct amdvi_unit *u, bool x2apic)
{
	if (u->unusable)
		return u->unusable;
	if (x2apic && (u->efr & (EFR_XT | EFR_GA)) != (EFR_XT | EFR_GA))
		return "the unit has no x2APIC destinations (EFR.XTSup)";
	return NULL;
}

/* Fixed delivery, edge, physical destination. */
static struct amdvi_irte make(bool wide, uint8_t vector, uint32_t apic)
{
	if (!wide)
		return (struct amdvi_irte){IRTE_EN | FPUT(IRTE_DEST8, apic) | FPUT(IRTE_VECTOR, vector), 0};
	return (struct amdvi_irte){IRTE_EN | FPUT(IRTE_DEST24, apic & 0xffffff),
				   vector | FPUT(IRTE_DEST31, apic >> 24)};
}

enum sl_err amdvi_ir_enable(struct amdvi_unit *u, bool x2apic)
{
	uint64_t form = (u->efr & EFR_GA ? CTL_GA : 0) | (x2apic ? CTL_XT : 0);
	if (u->remaps && u->x2apic != x2apic)
		return SL_BUSY;
	amdvi_wr(&u->io, AMDVI_CONTROL, (amdvi_rd(&u->io, AMDVI_CONTROL) & ~(CTL_GA | CTL_XT)) | form);
	u->x2apic = x2apic;
	u->remaps = true;
	return SL_OK;
}

static struct amdvi_irt *find(const struct amdvi_unit *u, uint16_t rid)
{
	struct amdvi_irt *t = u->devtab->interrupts;
	while (t && t->rid != rid)
		t = t->next;
	return t;
}

static enum sl_err forget(struct amdvi_unit *u, uint16_t rid, bool entry)
{
	struct amdvi_cmd c[] = {amdvi_cmd_interrupts(rid), amdvi_cmd_devtab(rid)};
	return u->on ? amdvi_cmd_run(u, c, entry ? 2 : 1) : SL_OK;
}

/* The table, and the id's device table entry that names it, by one store. */
static enum sl_err table_make(struct amdvi_unit *u, uint16_t rid, struct amdvi_irt **out)
{
	struct amdvi_irt *t = pmm_keep(sizeof(*t));
	uint64_t *q = &u->devtab->entry[rid].q[2];
	phys_t table;
	if (!t || pmm_alloc((u->emulated ? EMULATED_LEN : TABLE_LEN) / PAGE_SIZE, PAGE_SIZE, &table) != SL_OK)
		return SL_NOMEM;
	*t = (struct amdvi_irt){.next = u->devtab->interrupts,
				.rid = rid,
				.wide = (u->efr & EFR_GA) != 0,
				.table = phys_va(table)};
	u->devtab->interrupts = t;
	*out = t;
	__atomic_store_n(q,
			 (*q & DTE_PASS) | DTE_IV | FPUT(DTE_INTLEN, INTLEN) | (table.v & DTE_INTTAB) |
				 FPUT(DTE_INTCTL, 2),
			 __ATOMIC_RELEASE);
	return forget(u, rid, true);
}

static bool taken(const uint64_t *set, unsigned i)
{
	return set[i / AMDVI_IRQ_WORD] >> i % AMDVI_IRQ_WORD & 1;
}

static void mark(struct amdvi_irt *t, unsigned index, unsigned count, bool is)
{
	for (unsigned i = index; i < index + count; i++) {
		uint64_t bit = BIT(i % AMDVI_IRQ_WORD), *word = &t->taken[i / AMDVI_IRQ_WORD];
		*word = is ? *word | bit : *word & ~bit;
	}
}

/* The first free run; AMDVI_IRQS when there is none. */
static unsigned free_run(const uint64_t *set, unsigned count)
{
	unsigned at = 0, n = 0;
	for (; n < count && at + count <= AMDVI_IRQS; at += n < count ? count : 0)
		for (n = 0; n < count && !taken(set, at + n);)
			n++;
	return n == count ? at : AMDVI_IRQS;
}

enum sl_err amdvi_ir_take(struct amdvi_unit *u, uint16_t rid, unsigned count, uint16_t *index)
{
	uint64_t all[WORDS] = {0};
	struct amdvi_irt *t = find(u, rid);
	enum sl_err e = t ? SL_OK : table_make(u, rid, &t);
	if (e)
		return e;
	for (const struct amdvi_irt *o = u->devtab->interrupts; o; o = o->next)
		for (unsigned i = 0; i < WORDS; i++)
			all[i] |= o->taken[i];
	unsigned at = free_run(all, count);
	if (at == AMDVI_IRQS)
		at = free_run(t->taken, count);
	if (at == AMDVI_IRQS)
		return SL_NOSPACE;
	mark(t, at, count, true);
	*index = (uint16_t)at;
	return SL_OK;
}

void amdvi_ir_give(struct amdvi_unit *u, uint16_t rid, uint16_t index, unsigned count)
{
	mark(find(u, rid), index, count, false);
}

static void store(struct amdvi_irt *t, unsigned index, struct amdvi_irte v)
{
	uint64_t *wide = (uint64_t *)t->table + 2 * index;
	uint32_t *narrow = (uint32_t *)t->table + index;
	if (!t->wide) {
		__atomic_store_n(narrow, (uint32_t)v.lo, __ATOMIC_RELEASE);
		return;
	}
	__atomic_store_n(&wide[1], v.hi, __ATOMIC_RELEASE);
	__atomic_store_n(&wide[0], v.lo, __ATOMIC_RELEASE);
}

/* Where an entry of 128 bits is present and both words change, it is not present in between, and that is not
 * cached. */
static enum sl_err clear_first(struct amdvi_unit *u, struct amdvi_irt *t, uint16_t index, struct amdvi_irte v)
{
	const uint64_t *wide = (uint64_t *)t->table + 2 * index;
	if (!t->wide || !(wide[0] & IRTE_EN) || wide[1] == v.hi || wide[0] == v.lo)
		return SL_OK;
	return amdvi_ir_clear(u, t->rid, index, 1);
}

enum sl_err amdvi_ir_set(struct amdvi_unit *u, uint16_t rid, uint16_t index, uint8_t vector, uint32_t apic)
{
	struct amdvi_irt *t = find(u, rid);
	struct amdvi_irte v = make(t->wide, vector, apic);
	enum sl_err e = clear_first(u, t, index, v);
	if (e)
		return e;
	store(t, index, v);
	return forget(u, rid, false);
}

enum sl_err amdvi_ir_clear(struct amdvi_unit *u, uint16_t rid, uint16_t index, unsigned count)
{
	struct amdvi_irt *t = find(u, rid);
	for (unsigned i = 0; i < count; i++) {
		uint64_t *wide = (uint64_t *)t->table + 2 * (index + i);
		uint32_t *narrow = (uint32_t *)t->table + index + i;
		if (t->wide)
			__atomic_store_n(wide, 0, __ATOMIC_RELEASE);
		else
			__atomic_store_n(narrow, 0, __ATOMIC_RELEASE);
	}
	return forget(u, rid, false);
}

unsigned amdvi_ir_used(const struct amdvi_unit *u)
{
	unsigned n = 0;
	for (const struct amdvi_irt *t = u->devtab->interrupts; t; t = t->next)
		for (unsigned i = 0; i < WORDS; i++)
			n += (unsigned)__builtin_popcountll(t->taken[i]);
	return n;
}
