/* Interrupt remapping: what the driver sets up, by what the model unit then does with messages, with the walk
 * of iommu/vtd/irwalk.c as a third opinion on each. */
#define _POSIX_C_SOURCE 200809L
#include <string.h>
#include "iommu/vtd/backend.h"
#include "iommu/fault_log.h"
#include "iommu/irq.h"
#include "iommu/vtd/ir.h"
#include "iommu/vtd/irwalk.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

#define ECAP_X2 (MODEL_ECAP | MODEL_EIM)
#define NOBODY  0x7ff8 /* a requester id that has nothing */

static struct model_unit *m;
static const bdf_t fn = {0, 0x3b01}, other = {0, 0x3b02};

static void machine(uint64_t cap, uint64_t ecap)
{
	machine_init();
	mc.dmar[37] = 1; /* INTR_REMAP */
	m = model_machine_unit(&mc, MODEL_VER, cap, ecap, MODEL_ALL);
	machine_start();
}

static void start(uint64_t cap, uint64_t ecap, unsigned entries, bool x2apic)
{
	machine(cap, ecap);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(iommu_irq_enable(&mmu, entries, x2apic), SL_OK);
}

static bool read_seen(void *ctx, uint64_t phys, uint64_t *v)
{
	return model_fetch(ctx, phys, v);
}

static struct vtd_irwalk walk(uint16_t rid, uint64_t addr, uint32_t data)
{
	struct vtd_irwalk_unit from = {m->gsts, m->irta, m->cap};
	struct vtd_walk_mem mem = {m, read_seen};
	struct vtd_irwalk w;
	vtd_irwalk(&from, &mem, rid, addr, data, &w);
	return w;
}

/* Nothing is recorded. */
static void expect_quiet(void)
{
	struct iommu_fault f;
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
}

static void delivered(uint16_t rid, uint64_t addr, uint32_t data, unsigned vector, uint32_t dest)
{
	struct model_delivery d = {0};
	struct vtd_irwalk w = walk(rid, addr, data);
	assert_int_equal(model_interrupt(m, rid, addr, data, &d), 0);
	assert_true(d.remapped);
	assert_int_equal(d.vector, vector);
	assert_int_equal(d.dest, dest);
	assert_int_equal(d.mode, 0);
	assert_int_equal(w.stop, IRWALK_DELIVERED);
	assert_int_equal(w.reason, 0);
	assert_int_equal(w.vector, vector);
	assert_int_equal(w.dest, dest);
	assert_int_equal(w.delivery, 0);
	expect_quiet();
}

/* Refused, and recorded with its requester and its index (no index for compatibility format). */
static void refused(uint16_t rid, uint64_t addr, uint32_t data, unsigned reason, unsigned index)
{
	struct model_delivery d;
	struct iommu_fault f;
	struct vtd_irwalk w = walk(rid, addr, data);
	assert_int_equal(model_interrupt(m, rid, addr, data, &d), reason);
	assert_int_equal(w.reason, reason);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_int_equal(f.code, reason);
	assert_int_equal(f.bdf.rid, rid);
	if (reason != 0x25)
		assert_int_equal(f.iova.v >> 48, index);
	expect_quiet();
}

/* The order of VT-d §6.7: table, cache, then on; translation's bits stay as they are. */
static void test_enable_order(void **state)
{
	(void)state;
	struct iommu_irq_info info;
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	assert_int_equal(m->commands, 5);
	assert_int_equal(m->command[3], 0x85000000); /* SIRTP; TE and QIE are kept */
	assert_int_equal(m->command[4], 0x86000000); /* IRE */
	assert_int_equal(m->gsts, 0xc7000000);
	assert_int_equal(m->ir.iec_all, 1);
	assert_int_equal(m->irta & 0xfff, 7); /* 256 entries, 8-bit destinations */
	iommu_irq_info(&mmu, 0, &info);
	assert_null(info.lacks);
	assert_int_equal(info.entries, 256);
	assert_int_equal(info.used, 0);
	assert_false(info.x2apic);
	assert_true(info.compat_blocked);
	assert_false(info.firmware_had_on);
	machine_end();
	/* SIRTP that invalidates by itself */
	start(MODEL_CAP | MODEL_ESIRTPS, MODEL_ECAP, 1, false);
	assert_int_equal(m->ir.iec_all, 0);
	machine_end();
}

/* On again, entries and their messages are what they were. */
static void test_twice(void **state)
{
	(void)state;
	struct iommu_irq irq;
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &irq), SL_OK);
	struct iommu_msi msg = iommu_irq_message(&irq, 0);
	assert_int_equal(iommu_enable(&mmu), SL_OK); /* starts over, and so does remapping */
	assert_int_equal(m->gsts, 0xc7000000);
	delivered(fn.rid, msg.addr, msg.data, 0x41, 3);
	refused(fn.rid, 0xfee00000, 0x41, 0x25, 0);
	assert_int_equal(vtd_ir_disable(&mmu.vtd->unit[0]), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK); /* what was turned off stays off */
	assert_int_equal(m->gsts >> 25 & 1, 0);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x42, 3, &irq), SL_UNSUPPORTED);
	assert_int_equal(iommu_irq_enable(&mmu, 1, true), SL_UNSUPPORTED);
	assert_int_equal(iommu_irq_enable(&mmu, 1, false), SL_OK);
	delivered(fn.rid, msg.addr, msg.data, 0x41, 3);
	machine_end();
	start(MODEL_CAP, ECAP_X2, 1, false);
	assert_int_equal(iommu_irq_enable(&mmu, 1, true), SL_BUSY);
	assert_int_equal(iommu_irq_enable(&mmu, 1, false), SL_OK);
	machine_end();
}

static void test_table_size(void **state)
{
	(void)state;
	static const struct {
		unsigned asked, entries, s;
	} size[] = {{0, 256, 7},      {256, 256, 7},      {257, 512, 8},
		    {4096, 4096, 11}, {65536, 65536, 15}, {1u << 31, 65536, 15}};
	for (size_t i = 0; i < ARRAY_LEN(size); i++) {
		struct iommu_irq_info info;
		start(MODEL_CAP, MODEL_ECAP, size[i].asked, false); /* the model checks the alignment */
		iommu_irq_info(&mmu, 0, &info);
		assert_int_equal(info.entries, size[i].entries);
		assert_int_equal(m->irta & 0xf, size[i].s);
		refused(fn.rid, 0xfee00018, 65535, size[i].entries == 65536 ? 0x22 : 0x21, 65535);
		pmm_free(va_phys(mmu.vtd->unit[0].ir->table), info.entries * 16 / PAGE_SIZE);
		machine_end();
	}
}

/* Whatever firmware left on is turned off first; compatibility format is blocked even if it was let through.
 */
static void test_firmware_leftovers(void **state)
{
	(void)state;
	for (unsigned left = 0; left < 16; left++) {
		struct iommu_irq_info info;
		machine(MODEL_CAP, MODEL_ECAP);
		model_firmware(m, left & 1, left & 2, left & 4, false);
		m->gsts |= left & 8 ? 1u << 23 : 0;
		m->irta = m->ir.table = 0x1235000;
		machine_start();
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		assert_int_equal(iommu_irq_enable(&mmu, 1, false), SL_OK);
		assert_int_equal(m->gsts, 0xc7000000);
		iommu_irq_info(&mmu, 0, &info);
		assert_int_equal(info.firmware_had_on, (left & 4) != 0);
		assert_true(info.compat_blocked);
		refused(fn.rid, 0xfee00000, 0x41, 0x25, 0);
		machine_end();
	}
}

static void test_deadlines(void **state)
{
	(void)state;
	static const uint32_t stuck[] = {1u << 24, 1u << 25, 1u << 23};
	for (size_t i = 0; i < ARRAY_LEN(stuck); i++) {
		machine(MODEL_CAP, MODEL_ECAP);
		m->gsts |= 1u << 23;
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		m->stuck = stuck[i];
		assert_int_equal(iommu_irq_enable(&mmu, 1, false), SL_TIMEOUT);
		assert_int_equal(m->gsts >> 25 & 1, 0);
		machine_end();
	}
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	m->stuck = 1u << 25;
	assert_int_equal(iommu_enable(&mmu), SL_TIMEOUT);
	machine_end();
	machine(MODEL_CAP, MODEL_ECAP);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	m->queue_stuck = true;
	assert_int_equal(iommu_irq_enable(&mmu, 1, false), SL_TIMEOUT);
	assert_int_equal(m->gsts >> 25 & 1, 0); /* not on with what may be cached from before */
	machine_end();
}

/* Why not, in words; and then nothing is written. */
static void test_lacking(void **state)
{
	(void)state;
	struct iommu_irq_info info;
	struct iommu_irq irq;
	static const struct {
		uint64_t ecap;
		bool flag, x2apic;
		const char *word;
	} bad[] = {{MODEL_ECAP & ~MODEL_IR, true, false, "ECAP.IR"},
		   {MODEL_ECAP & ~MODEL_QI, true, false, "ECAP.QI"},
		   {MODEL_ECAP, true, true, "ECAP.EIM"},
		   {ECAP_X2, false, true, "DMAR"}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		machine(MODEL_CAP, bad[i].ecap);
		mc.dmar[37] = bad[i].flag;
		machine_start();
		assert_int_equal(iommu_enable(&mmu), SL_OK);
		unsigned commands = m->commands;
		assert_int_equal(iommu_irq_enable(&mmu, 1, bad[i].x2apic), SL_UNSUPPORTED);
		assert_int_equal(m->commands, commands);
		assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 0, &irq), SL_UNSUPPORTED);
		iommu_irq_info(&mmu, 0, &info);
		assert_non_null(info.lacks);
		assert_non_null(strstr(iommu_irq_x2apic_objection(&mmu), bad[i].word));
		machine_end();
	}
}

static void test_opt_out(void **state)
{
	(void)state;
	machine(MODEL_CAP, ECAP_X2);
	assert_null(iommu_irq_x2apic_objection(&mmu));
	mc.dmar[37] = 3;
	machine_start();
	assert_non_null(strstr(iommu_irq_x2apic_objection(&mmu), "opt-out"));
	mc.dmar[37] = 2; /* means nothing without INTR_REMAP */
	machine_start();
	assert_non_null(strstr(iommu_irq_x2apic_objection(&mmu), "does not remap"));
	model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, 0x10); /* one unit of two lacks EIM */
	mc.dmar[37] = 1;
	machine_start();
	assert_non_null(strstr(iommu_irq_x2apic_objection(&mmu), "EIM"));
	machine_end();
}

/* Each message passes from its own function alone; every bit of the requester id counts. */
static void test_source(void **state)
{
	(void)state;
	struct iommu_irq a, b;
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &a), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, other, 1, 0x42, 4, &b), SL_OK);
	struct iommu_msi to_a = iommu_irq_message(&a, 0), to_b = iommu_irq_message(&b, 0);
	delivered(fn.rid, to_a.addr, to_a.data, 0x41, 3);
	delivered(other.rid, to_b.addr, to_b.data, 0x42, 4);
	refused(fn.rid, to_b.addr, to_b.data, 0x26, b.index);
	refused(other.rid, to_a.addr, to_a.data, 0x26, a.index);
	for (unsigned bit = 0; bit < 16; bit++)
		refused(fn.rid ^ (uint16_t)(1u << bit), to_a.addr, 0, 0x26, a.index);
	refused(fn.rid, to_b.addr + 0x20, 0, 0x22, b.index + 1u);
	refused(fn.rid, 0xfee00000 | 3 << 12, 0x41, 0x25, 0);
	machine_end();
}

/* Nothing may pass in the time between two entries; a freed one is refused at once, cached or not. */
static void test_move_and_free(void **state)
{
	(void)state;
	for (unsigned cm = 0; cm < 2; cm++) {
		struct iommu_irq irq, again;
		struct iommu_irq_info info;
		start(MODEL_CAP | (cm ? MODEL_CM : 0), MODEL_ECAP, 1, false);
		refused(fn.rid, 0xfee00010, 0, 0x22, 0); /* with CM that is cached */
		assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &irq), SL_OK);
		struct iommu_msi msg = iommu_irq_message(&irq, 0);
		assert_int_equal(msg.addr, 0xfee00010);
		delivered(fn.rid, msg.addr, msg.data, 0x41, 3);
		unsigned done = m->ir.iec_index;
		assert_int_equal(iommu_irq_move(&mmu, &irq, 0, 0x51, 5), SL_OK);
		assert_int_equal(m->ir.iec_index, done + 1);
		delivered(fn.rid, msg.addr, msg.data, 0x51, 5);
		assert_int_equal(iommu_irq_move(&mmu, &irq, 1, 0x51, 5), SL_RANGE);
		assert_int_equal(iommu_irq_move(&mmu, &irq, 0, 0x1f, 5), SL_RANGE);
		assert_int_equal(iommu_irq_move(&mmu, &irq, 0, 0x51, 255), SL_RANGE);
		iommu_irq_info(&mmu, 0, &info);
		assert_int_equal(info.used, 1);
		assert_int_equal(iommu_irq_free(&mmu, &irq), SL_OK);
		assert_int_equal(iommu_irq_free(&mmu, &irq), SL_OK); /* nothing left */
		refused(fn.rid, msg.addr, msg.data, 0x22, 0);
		assert_int_equal(iommu_irq_alloc(&mmu, other, 1, 0x43, 3, &again), SL_OK);
		assert_int_equal(again.index, 0);
		delivered(other.rid, msg.addr, msg.data, 0x43, 3);
		refused(fn.rid, msg.addr, msg.data, 0x26, 0);
		machine_end();
	}
}

/* Seen at the time of each invalidation: a present entry never has one function's vector and another's id. */
static uint64_t seen_lo[4], seen_hi[4];
static unsigned seen;
static void note_entry(void *ctx)
{
	const struct vtd_irte *e = ctx;
	if (seen < 4) {
		seen_lo[seen] = e->lo;
		seen_hi[seen++] = e->hi;
	}
}

static void test_store_order(void **state)
{
	(void)state;
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	struct vtd_unit *u = &mmu.vtd->unit[0];
	assert_int_equal(vtd_ir_set(u, 9, vtd_irte_make(fn.rid, 0x41, 1, false)), SL_OK);
	m->on_wait = note_entry;
	m->on_wait_ctx = &u->ir->table[9];
	seen = 0;
	assert_int_equal(vtd_ir_set(u, 9, vtd_irte_make(fn.rid, 0x42, 1, false)), SL_OK);
	assert_int_equal(seen, 1); /* same owner: one store */
	assert_int_equal(vtd_ir_set(u, 9, vtd_irte_make(other.rid, 0x43, 1, false)), SL_OK);
	assert_int_equal(seen, 3); /* another owner: not present first, and invalidated */
	assert_int_equal(seen_lo[1] & 1, 0);
	assert_int_equal(seen_hi[1] & 0xffff, fn.rid);
	assert_int_equal(seen_lo[2], 0x10000430001 & 0xffff00ffffffull);
	assert_int_equal(seen_hi[2] & 0xffff, other.rid);
	machine_end();
}

/* MSI with several messages: one address, the number in the data. */
static void test_block(void **state)
{
	(void)state;
	struct iommu_irq one, irq, big;
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x40, 0, &one), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 8, 0x50, 7, &irq), SL_OK);
	assert_int_equal(irq.index, 8); /* aligned to its size */
	struct iommu_msi msg = (struct iommu_msi){iommu_irq_message(&irq, 0).addr | 1u << 3, 0};
	assert_int_equal(msg.data, 0);
	for (unsigned i = 0; i < 8; i++) {
		struct iommu_msi single = iommu_irq_message(&irq, i);
		delivered(fn.rid, msg.addr, msg.data + i, 0x50 + i, 7);
		delivered(fn.rid, single.addr, single.data, 0x50 + i, 7);
		delivered(fn.rid, single.addr, 0xffffffff, 0x50 + i, 7); /* without SHV data does not count */
		refused(other.rid, msg.addr, msg.data + i, 0x26, 8 + i);
	}
	refused(fn.rid, msg.addr, 8, 0x22, 16);
	refused(fn.rid, msg.addr, 0x10000, 0x20, 8);
	unsigned done = m->ir.iec_index;
	assert_int_equal(iommu_irq_free(&mmu, &irq), SL_OK);
	assert_int_equal(m->ir.iec_index, done + 1); /* one descriptor for all of it */
	for (unsigned i = 0; i < 8; i++)
		refused(fn.rid, msg.addr, i, 0x22, 8 + i);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 32, 223, 7, &big), SL_OK);
	assert_int_equal(big.index, 32);
	static const struct {
		unsigned count, vector;
		uint32_t apic;
		enum sl_err e;
	} bad[] = {{0, 0x40, 0, SL_BADVAL},  {3, 0x40, 0, SL_BADVAL}, {64, 0x40, 0, SL_BADVAL},
		   {1, 31, 0, SL_RANGE},     {1, 255, 0, SL_RANGE},   {32, 224, 0, SL_RANGE},
		   {1, 0x40, 255, SL_RANGE}, {1, 0x40, 256, SL_RANGE}};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(
			iommu_irq_alloc(&mmu, fn, bad[i].count, (uint8_t)bad[i].vector, bad[i].apic, &irq),
			bad[i].e);
	machine_end();
}

/* A unit that masks fewer bits than the block has. */
static void test_small_masks(void **state)
{
	(void)state;
	for (unsigned mhmv = 0; mhmv < 6; mhmv++) {
		struct iommu_irq irq;
		start(MODEL_CAP, (MODEL_ECAP & ~(15ull << 20)) | (uint64_t)mhmv << 20, 1, false);
		assert_int_equal(iommu_irq_alloc(&mmu, fn, 16, 0x50, 7, &irq), SL_OK);
		struct iommu_msi msg = (struct iommu_msi){iommu_irq_message(&irq, 0).addr | 1u << 3, 0};
		for (unsigned i = 0; i < 16; i++)
			delivered(fn.rid, msg.addr, i, 0x50 + i, 7);
		unsigned done = m->ir.iec_index;
		assert_int_equal(iommu_irq_free(&mmu, &irq), SL_OK);
		assert_int_equal(m->ir.iec_index - done, mhmv < 4 ? 16u >> mhmv : 1u);
		for (unsigned i = 0; i < 16; i++)
			refused(fn.rid, msg.addr, i, 0x22, irq.index + i);
		machine_end();
	}
}

/* All entries given out; the greatest index goes through bit 2 of the address. */
static void test_full(void **state)
{
	(void)state;
	struct iommu_irq irq, last;
	start(MODEL_CAP, MODEL_ECAP, 65536, false);
	for (unsigned i = 0; i < 65536 / 32 - 1; i++)
		assert_int_equal(iommu_irq_alloc(&mmu, other, 32, 0x20, 0, &irq), SL_OK);
	for (unsigned i = 0; i < 32; i++)
		assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &last), SL_OK);
	assert_int_equal(last.index, 65535);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &irq), SL_NOSPACE);
	struct iommu_msi msg = iommu_irq_message(&last, 0);
	assert_int_equal(msg.addr, 0xfeeffff4);
	delivered(fn.rid, msg.addr, msg.data, 0x41, 3);
	refused(fn.rid, 0xfeeffffc, 1, 0x21, 0); /* handle and number together: 65536 */
	assert_int_equal(iommu_irq_free(&mmu, &last), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 2, 0x41, 3, &irq), SL_NOSPACE);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &irq), SL_OK);
	assert_int_equal(irq.index, 65535);
	machine_end();
}

static void test_x2apic(void **state)
{
	(void)state;
	struct iommu_irq irq;
	struct iommu_irq_info info;
	start(MODEL_CAP, ECAP_X2, 1, true);
	assert_int_equal(m->irta & 0xfff, 0x807);
	iommu_irq_info(&mmu, 0, &info);
	assert_true(info.x2apic);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 0x12345678, &irq), SL_OK);
	struct iommu_msi msg = iommu_irq_message(&irq, 0);
	delivered(fn.rid, msg.addr, msg.data, 0x41, 0x12345678);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, UINT32_MAX, &irq), SL_RANGE);
	m->gsts |= 1u << 23; /* with EIME that changes nothing */
	refused(fn.rid, 0xfee00000, 0x41, 0x25, 0);
	iommu_irq_info(&mmu, 0, &info);
	assert_true(info.compat_blocked);
	iommu_fault_event(&mmu, 0x31, 0x12345678);
	model_fault(m, 1, 0x1000, true, 5);
	assert_int_equal(m->ir.event_addr, 0x12345600fee78000);
	machine_end();
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	m->gsts |= 1u << 23;
	iommu_irq_info(&mmu, 0, &info);
	assert_false(info.compat_blocked); /* what the unit says, not what was asked for */
	machine_end();
}

/* Tables of units that do not snoop are flushed; write buffers are emptied. */
static void test_flush(void **state)
{
	(void)state;
	static const uint64_t cap[] = {MODEL_CAP, MODEL_CAP | MODEL_RWBF};
	static const uint64_t ecap[] = {MODEL_ECAP, MODEL_ECAP | MODEL_COHERENT};
	for (unsigned i = 0; i < 4; i++) {
		struct iommu_irq irq;
		start(cap[i / 2], ecap[i % 2], 1024, false);
		refused(fn.rid, 0xfee00010 + 1023 * 32, 0, 0x22, 1023); /* the whole table was flushed */
		assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &irq), SL_OK);
		struct iommu_msi msg = iommu_irq_message(&irq, 0);
		delivered(fn.rid, msg.addr, msg.data, 0x41, 3);
		assert_int_equal(iommu_irq_free(&mmu, &irq), SL_OK);
		refused(fn.rid, msg.addr, msg.data, 0x22, 0);
		machine_end();
	}
}

/* An entry whose invalidation was not answered is not given out again. */
static void test_dead(void **state)
{
	(void)state;
	struct iommu_irq irq;
	struct iommu_irq_info info;
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &irq), SL_OK);
	struct iommu_msi msg = iommu_irq_message(&irq, 0);
	delivered(fn.rid, msg.addr, msg.data, 0x41, 3);
	m->queue_stuck = true;
	assert_int_equal(iommu_irq_free(&mmu, &irq), SL_TIMEOUT);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &irq), SL_DEVICE);
	iommu_irq_info(&mmu, 0, &info);
	assert_int_equal(info.used, 2);
	machine_end();
}

/* A fault makes one event, and the next only after all was taken. What was pending before is sent at once. */
static void test_event(void **state)
{
	(void)state;
	static struct fault_log log;
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	log = (struct fault_log){0};
	iommu_fault_log(&mmu, &log);
	model_fault(m, 1, 0x1000, true, 5);
	assert_int_equal(m->ir.events, 0); /* polled so far */
	iommu_fault_event(&mmu, 0x31, 2);
	assert_int_equal(m->ir.events, 1);
	assert_int_equal(m->ir.event_addr, 0xfee02000);
	assert_int_equal(m->ir.event_data, 0x31);
	model_fault(m, 2, 0x1000, true, 5);
	assert_int_equal(m->ir.events, 1);
	while (iommu_fault_poll(&mmu))
		;
	model_fault(m, 3, 0x1000, true, 5);
	assert_int_equal(m->ir.events, 2);
	/* a refused interrupt is reported like any other fault */
	while (iommu_fault_poll(&mmu))
		;
	struct model_delivery d;
	assert_int_equal(model_interrupt(m, fn.rid, 0xfee00010, 0, &d), 0x22);
	assert_int_equal(m->ir.events, 3);
	iommu_fault_clear(&mmu);
	assert_int_equal(iommu_enable(&mmu), SL_OK); /* goes on after starting over */
	model_fault(m, 4, 0x1000, true, 5);
	assert_int_equal(m->ir.events, 4);
	machine_end();
}

/* Any entry whatever, any message whatever: model and walk agree. */
static void test_oracle(void **state)
{
	(void)state;
	static const uint64_t caps[] = {MODEL_CAP, MODEL_CAP | MODEL_PI};
	static const uint16_t rids[] = {0x3b01, 0x3b05, 0x3b03, 0x3b06, 0x3c01, 0x4001, 0};
	uint64_t x = 88172645463325252ull;
	unsigned met[64] = {0};
	for (unsigned round = 0; round < 4; round++) {
		start(caps[round / 2], ECAP_X2, 1, round % 2);
		struct vtd_irte *e = &mmu.vtd->unit[0].ir->table[5];
		for (unsigned i = 0; i < 20000; i++) {
			struct model_delivery d = {0};
			x ^= x << 13, x ^= x >> 7, x ^= x << 17;
			uint16_t rid = rids[x % ARRAY_LEN(rids)];
			/* good but for a bit or two */
			e->lo = (x >> 60 ? 1 : 0) | 0x410000 | (round % 2 ? x << 32 : 0x0500ull << 32);
			e->hi = (x >> 3 & 3) == 2 ? 0x2 << 18 | 0x3b3d : (x >> 3 & 15) << 16 | 0x3b01;
			if (x >> 20 & 1)
				e->lo ^= BIT(x >> 24 & 63);
			if ((x >> 20 & 7) == 7)
				e->hi ^= BIT(x >> 30 & 63);
			vtd_table_flush(&mmu.vtd->unit[0], e, sizeof(*e));
			if (m->ir.cache)
				m->ir.cache[5].valid = false;
			uint64_t addr = 0xfee000b0;
			if ((x >> 40 & 15) == 15)
				addr ^= 4ull << (x >> 44 & 15);
			uint32_t data = (x >> 48 & 7) == 7 ? (uint32_t)x : 0;
			struct vtd_irwalk w = walk(rid, addr, data);
			unsigned reason = model_interrupt(m, rid, addr, data, &d);
			assert_int_equal(w.reason, reason);
			struct iommu_fault f;
			assert_int_equal(iommu_fault_next(&mmu, &f), reason && !w.quiet ? SL_OK : SL_END);
			if (w.stop == IRWALK_DELIVERED) {
				assert_int_equal(w.vector, d.vector);
				assert_int_equal(w.delivery, d.mode);
				assert_int_equal(w.dest, d.dest);
				assert_int_equal(w.level, d.level);
			}
			met[reason]++;
		}
		machine_end();
	}
	assert_true(met[0] && met[0x20] && met[0x21] && met[0x22] && met[0x24] && met[0x25] && met[0x26]);
}

static void expect_text(uint16_t rid, uint64_t addr, uint32_t data, const char *want)
{
	char text[128];
	struct vtd_irwalk w = walk(rid, addr, data);
	vtd_irwalk_text(&w, text, sizeof(text));
	assert_string_equal(text, want);
	vtd_irwalk_text(&w, text, 6); /* cut, not overrun */
	assert_int_equal(strlen(text), 5);
}

static void test_words(void **state)
{
	(void)state;
	struct iommu_irq irq;
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &irq), SL_OK);
	uint64_t addr = iommu_irq_message(&irq, 0).addr;
	expect_text(fn.rid, addr, 0, "entry 0 ok, vector 0x41 to APIC 3");
	expect_text(other.rid, addr, 0, "entry 0 is only for 3b:00.1 (vector 0x41 to APIC 3)");
	expect_text(fn.rid, addr + 32, 0, "entry 1 empty");
	expect_text(fn.rid, addr + 256 * 32, 0, "entry 256 is beyond the 256 of the table");
	expect_text(fn.rid, addr | 8, 1 << 16, "reserved bits set in the message");
	expect_text(fn.rid, 0xfee03000, 0x41, "compatibility format");
	expect_text(fn.rid, 0xfef00000, 0, "no interrupt's address");
	struct vtd_irte *e = mmu.vtd->unit[0].ir->table;
	e->hi |= 3 << 16;
	vtd_table_flush(&mmu.vtd->unit[0], e, sizeof(*e));
	expect_text(0x3b08, addr, 0,
		    "entry 0 is only for 3b:00.1 and functions beside it (vector 0x41 to APIC 3)");
	e->hi = 2 << 18 | 0x3b3d;
	vtd_table_flush(&mmu.vtd->unit[0], e, sizeof(*e));
	expect_text(0x3e00, addr, 0, "entry 0 is only for buses 3b to 3d (vector 0x41 to APIC 3)");
	e->lo |= 4 << 5 | 4;
	vtd_table_flush(&mmu.vtd->unit[0], e, sizeof(*e));
	expect_text(fn.rid, addr, 0, "entry 0 ok, vector 0x41 to logical APIC 3, NMI");
	e->lo |= 0x7000;
	vtd_table_flush(&mmu.vtd->unit[0], e, sizeof(*e));
	expect_text(fn.rid, addr, 0, "entry 0 has reserved bits set (0x83b3d 0x30000417085)");
	m->irta = 0x1000;
	expect_text(fn.rid, addr, 0, "entry 0 cannot be read");
	m->irta = m->ir.table;
	m->gsts &= ~(1u << 25);
	expect_text(fn.rid, 0xfee03000, 0x45, "not remapped, vector 0x45 to APIC 3");
	m->gsts |= 1u << 25;
	m->cap |= MODEL_PI;
	e->lo = 0x8001;
	vtd_table_flush(&mmu.vtd->unit[0], e, sizeof(*e));
	expect_text(fn.rid, addr, 0, "entry 0 ok, posted");
	machine_end();
}

/* The line for a fault explains the entry where its content is why. */
static void test_fault_words(void **state)
{
	(void)state;
	struct iommu_irq irq;
	struct model_delivery d;
	struct iommu_fault f;
	char text[256];
	start(MODEL_CAP, MODEL_ECAP, 1, false);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &irq), SL_OK);
	uint64_t addr = iommu_irq_message(&irq, 0).addr;
	assert_int_equal(model_interrupt(m, other.rid, addr, 0, &d), 0x26);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	iommu_fault_describe(&mmu, &f, text, sizeof(text));
	assert_string_equal(
		text, "0000:3b:00.2 interrupt 0 refused: interrupt does not come from the function that its "
		      "entry names (reason 0x26); entry 0 is only for 3b:00.1 (vector 0x41 to APIC 3)");
	assert_int_equal(model_interrupt(m, fn.rid, 0xfee00000, 0x41, &d), 0x25);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	iommu_fault_describe(&mmu, &f, text, sizeof(text));
	assert_string_equal(
		text, "0000:3b:00.1 interrupt refused: compatibility format interrupt blocked (reason 0x25)");
	assert_int_equal(vtd_ir_clear(&mmu.vtd->unit[0], 0, 1), SL_OK);
	assert_int_equal(model_interrupt(m, fn.rid, addr, 0, &d), 0x22);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	iommu_fault_describe(&mmu, &f, text, sizeof(text));
	assert_non_null(strstr(text, "interrupt 0 refused: "));
	assert_non_null(strstr(text, " (reason 0x22); entry 0 empty"));
	assert_int_equal(model_interrupt(m, fn.rid, addr + 256 * 32, 0, &d), 0x21); /* no entry to explain */
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	iommu_fault_describe(&mmu, &f, text, sizeof(text));
	assert_null(strchr(text, ';'));
	machine_end();
}

/* Two units, each with its own table; a function below one that does not remap gets nothing. */
static void test_units(void **state)
{
	(void)state;
	struct iommu_irq a, b;
	machine_init();
	mc.dmar[37] = 1;
	struct model_unit *first = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP, 0x10);
	m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, MODEL_ECAP & ~MODEL_IR, MODEL_ALL);
	machine_start();
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(iommu_irq_enable(&mmu, 1, false), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, (bdf_t){0, 0x10}, 1, 0x41, 3, &a), SL_OK);
	assert_int_equal(a.unit, 0);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &b), SL_UNSUPPORTED);
	assert_int_equal(iommu_irq_alloc(&mmu, (bdf_t){1, 0x10}, 1, 0x41, 3, &b), SL_NOTFOUND);
	m = first;
	delivered(0x10, iommu_irq_message(&a, 0).addr, 0, 0x41, 3);
	machine_end();
}

/* fn is behind a bridge that puts in 02:00.0, other behind one that may say 00:1e.0 or 02:00.0 for it. */
static unsigned ids_behind(void *ctx, bdf_t f, uint16_t *out, unsigned max)
{
	(void)ctx;
	assert_true(max >= 2);
	out[0] = bdf_eq(f, fn) ? 0x0200 : 0x00f0;
	out[1] = bdf_eq(f, fn) ? 0x0201 : 0x0200;
	return bdf_eq(f, fn) || bdf_eq(f, other) ? 2 : 0;
}

/* Their interrupts carry the bridge's id, as their DMA does. */
static void test_behind_bridge(void **state)
{
	(void)state;
	static const struct iommu_groups groups = {NULL, NULL, ids_behind};
	struct iommu_irq a, b, c;
	start(MODEL_CAP, MODEL_ECAP, 256, false);
	iommu_set_groups(&mmu, &groups);
	assert_int_equal(iommu_irq_alloc(&mmu, fn, 1, 0x41, 3, &a), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, other, 1, 0x42, 4, &b), SL_OK);
	assert_int_equal(iommu_irq_alloc(&mmu, (bdf_t){0, NOBODY}, 1, 0x43, 5, &c), SL_OK);
	uint64_t at = iommu_irq_message(&a, 0).addr;
	delivered(0x0200, at, 0, 0x41, 3);
	refused(fn.rid, at, 0, 0x26, a.index);
	refused(0x0201, at, 0, 0x26, a.index); /* on one bus: the usual one alone */
	at = iommu_irq_message(&b, 0).addr;
	delivered(0x00f0, at, 0, 0x42, 4);
	delivered(0x0200, at, 0, 0x42, 4);
	refused(0x0300, at, 0, 0x26, b.index);
	delivered(NOBODY, iommu_irq_message(&c, 0).addr, 0, 0x43, 5);
	assert_int_equal(iommu_irq_move(&mmu, &b, 0, 0x44, 4), SL_OK);
	delivered(0x0200, at, 0, 0x44, 4);
	machine_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_behind_bridge),
		cmocka_unit_test(test_enable_order),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_table_size),
		cmocka_unit_test(test_firmware_leftovers),
		cmocka_unit_test(test_deadlines),
		cmocka_unit_test(test_lacking),
		cmocka_unit_test(test_opt_out),
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_move_and_free),
		cmocka_unit_test(test_store_order),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_small_masks),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_x2apic),
		cmocka_unit_test(test_flush),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_event),
		cmocka_unit_test(test_oracle),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_fault_words),
		cmocka_unit_test(test_units),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
