#include "iommu/vtd/ir.h"
#include "iommu/vtd/cmd.h"
#include "iommu/vtd/inv.h"
#include "kernel/log.h"
#include "kernel/pmm.h"

#define WORD_BITS 64u

const char *vtd_ir_lacks(const struct vtd_unit *u, bool x2apic)
{
	if (u->unusable)
		return u->unusable;
	if (!(u->ecap & ECAP_IR))
		return "the unit has no interrupt remapping (ECAP.IR)";
	if (!vtd_has_queue(u)) /* registers have no command for it: VT-d §6.5.1 */
		return "the unit has no invalidation queue (ECAP.QI), so a changed entry could not be announced";
	if (x2apic && !(u->ecap & ECAP_EIM))
		return "the unit has no x2APIC destinations (ECAP.EIM)";
	return NULL;
}

static enum sl_err table_make(struct vtd_unit *u, unsigned entries, bool x2apic)
{
	phys_t table;
	unsigned n = VTD_IR_MIN;
	while (n < entries && n < VTD_IR_MAX)
		n *= 2;
	uint64_t bytes = n * sizeof(struct vtd_irte);
	struct vtd_ir *ir = pmm_keep(sizeof(*ir));
	uint64_t *taken = pmm_keep(n / 8);
	if (!ir || !taken || pmm_alloc(bytes / PAGE_SIZE, bytes, &table) != SL_OK)
		return SL_NOMEM;
	*ir = (struct vtd_ir){.table = phys_va(table), .entries = n, .taken = taken, .x2apic = x2apic};
	vtd_table_flush(u, ir->table, bytes);
	u->ir = ir;
	return SL_OK;
}

/* IRTA.S: 2^(S + 1) entries. */
static uint64_t irta_of(const struct vtd_ir *ir)
{
	unsigned s = 0;
	while (2u << s < ir->entries)
		s++;
	return (va_phys(ir->table).v & IRTA_IRTA) | (ir->x2apic ? IRTA_EIME : 0) | FPUT(IRTA_S, s);
}

/* VT-d §6.7: the entries of another table may still be cached, unless SIRTP invalidates them. */
static enum sl_err invalidate_all(struct vtd_unit *u)
{
	struct vtd_desc d = vtd_desc_iec_all();
	return u->cap & CAP_ESIRTPS ? SL_OK : vtd_inv_run(u, &d, 1);
}

/* Only when it reads as set: a unit that does not show CFI in GSTS would let a wait for it run out. */
static enum sl_err block_compat(struct vtd_unit *u)
{
	if (!(vtd_rd32(&u->io, VTD_GSTS) & GCMD_CFI))
		return SL_OK;
	return vtd_command(u, GCMD_CFI, false, "blocking compatibility format interrupts");
}

enum sl_err vtd_ir_enable(struct vtd_unit *u, unsigned entries, bool x2apic)
{
	if (vtd_ir_lacks(u, x2apic))
		return SL_UNSUPPORTED;
	if (u->ir && u->ir->x2apic != x2apic)
		return SL_BUSY;
	enum sl_err e = vtd_ir_disable(u);
	if (!e && !u->ir)
		e = table_make(u, entries, x2apic);
	if (e)
		return e;
	vtd_wr64(&u->io, VTD_IRTA, irta_of(u->ir));
	e = vtd_command(u, GCMD_SIRTP, true, "setting the interrupt remapping table pointer");
	if (!e)
		e = invalidate_all(u);
	if (!e)
		e = block_compat(u);
	if (e)
		return e;
	u->ir->on = true; /* even after a timeout: the unit may use the table and needs its invalidations */
	e = vtd_command(u, GCMD_IRE, true, "turning on interrupt remapping");
	u->ir->failed = e != SL_OK;
	return e;
}

enum sl_err vtd_ir_disable(struct vtd_unit *u)
{
	if (u->ir)
		u->ir->on = false;
	if (!vtd_ir_active(u))
		return SL_OK;
	return vtd_command(u, GCMD_IRE, false, "turning off interrupt remapping");
}

bool vtd_ir_active(const struct vtd_unit *u)
{
	return (vtd_rd32(&u->io, VTD_GSTS) & GCMD_IRE) != 0;
}

bool vtd_ir_blocks_compat(const struct vtd_unit *u)
{
	return vtd_ir_active(u) &&
	       (vtd_rd64(&u->io, VTD_IRTA) & IRTA_EIME || !(vtd_rd32(&u->io, VTD_GSTS) & GCMD_CFI));
}

static bool is_taken(const struct vtd_ir *ir, unsigned i)
{
	return ir->taken[i / WORD_BITS] >> i % WORD_BITS & 1;
}

static void mark(struct vtd_ir *ir, unsigned index, unsigned count, bool taken)
{
	for (unsigned i = index; i < index + count; i++) {
		uint64_t bit = BIT(i % WORD_BITS), *word = &ir->taken[i / WORD_BITS];
		*word = taken ? *word | bit : *word & ~bit;
	}
}

enum sl_err vtd_ir_take(struct vtd_unit *u, unsigned count, uint16_t *index)
{
	struct vtd_ir *ir = u->ir;
	for (unsigned at = 0; at + count <= ir->entries; at += count) {
		unsigned i = 0;
		while (i < count && !is_taken(ir, at + i))
			i++;
		if (i < count)
			continue;
		mark(ir, at, count, true);
		*index = (uint16_t)at;
		return SL_OK;
	}
	return SL_NOSPACE;
}

void vtd_ir_give(struct vtd_unit *u, uint16_t index, unsigned count)
{
	mark(u->ir, index, count, false);
}

/* As much in one descriptor as ECAP.MHMV allows. index is a multiple of count, a power of two. */
static enum sl_err invalidate(struct vtd_unit *u, unsigned index, unsigned count)
{
	unsigned im = 0, most = (unsigned)FGET(u->ecap, ECAP_MHMV);
	if (!u->ir->on)
		return SL_OK; /* all of it goes when it is turned on */
	while (im < most && 2u << im <= count)
		im++;
	enum sl_err e = SL_OK;
	for (unsigned at = index; !e && at < index + count; at += 1u << im) {
		struct vtd_desc d = vtd_desc_iec((uint16_t)at, im);
		e = vtd_inv_run(u, &d, 1);
	}
	return e;
}

/* Bit 0 is in the low half, so only that half decides whether the entry is present. */
static void store_low(const struct vtd_unit *u, struct vtd_irte *entry, uint64_t lo)
{
	__atomic_store_n(&entry->lo, lo, __ATOMIC_RELEASE);
	vtd_table_flush(u, entry, sizeof(*entry));
}

enum sl_err vtd_ir_set(struct vtd_unit *u, uint16_t index, struct vtd_irte made)
{
	struct vtd_irte *entry = &u->ir->table[index];
	if (entry->lo & IRTE_P && entry->hi != made.hi) {
		enum sl_err e = vtd_ir_clear(u, index, 1);
		if (e)
			return e;
	}
	entry->hi = made.hi;
	store_low(u, entry, made.lo);
	return invalidate(u, index, 1);
}

enum sl_err vtd_ir_clear(struct vtd_unit *u, uint16_t index, unsigned count)
{
	for (unsigned i = index; i < (unsigned)index + count; i++)
		store_low(u, &u->ir->table[i], 0);
	return invalidate(u, index, count);
}
