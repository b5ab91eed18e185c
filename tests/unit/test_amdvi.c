/* AMD units against a model that was written from the specification: taking over, blocked by default, page
 * tables, caches, the command buffer, the event log with its errata, several units, IVMDs. */
#include <string.h>
#include "iommu/amdvi/devtab.h"
#include "iommu/amdvi/event.h"
#include "iommu/backend.h"
#include "tests/unit/support_amd.h"
#include "tests/unit/support_said.h"

#define W   0x1000000000ull /* device addresses start here */
#define P   0x2000000000ull /* memory that they lead to; nothing reads it */
#define FN  ((bdf_t){0, 0x0100})
#define FN2 ((bdf_t){0, 0x0209})

static struct amd_unit *one_unit(uint64_t efr)
{
	machine_init();
	struct amd_unit *m = amd_machine_unit(&mc, 0, efr, 0, 0xffff);
	machine_start();
	return m;
}

static struct domain *make(const char *name)
{
	struct domain *d;
	assert_int_equal(domain_create(&mmu, name, &d), SL_OK);
	return d;
}

static struct domain *attached(bdf_t fn)
{
	struct domain *d = make("d");
	assert_int_equal(domain_attach(d, fn), SL_OK);
	return d;
}

static void map(struct domain *d, uint64_t off, uint64_t len, unsigned perm)
{
	assert_int_equal(domain_map(d, IOVA(W + off), PHYS(P + off), len, perm), SL_OK);
}

static unsigned dma(struct amd_unit *m, bdf_t fn, uint64_t iova, bool write)
{
	uint64_t phys;
	unsigned code = amd_dma(m, fn.rid, iova, write, &phys);
	if (!code)
		assert_int_equal(phys, iova - W + P);
	return code;
}

/* The next record, and nothing after it. */
static struct iommu_fault only_fault(void)
{
	struct iommu_fault f, more;
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_int_equal(iommu_fault_next(&mmu, &more), SL_END);
	return f;
}

static void test_blocked(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct iommu_walk w;
	uint64_t phys;
	for (uint32_t rid = 0; rid < 65536; rid += 257) {
		assert_int_equal(amd_dma(m, (uint16_t)rid, 0x1234, rid & 1, &phys), 2);
		struct iommu_fault f = only_fault();
		assert_true(f.bdf.rid == rid && f.iova.v == 0x1000 && f.write == (rid & 1) && !f.vague);
		assert_true(f.why == WHY_NO_DOMAIN && f.code == 2 && f.unit == 0);
		assert_int_equal(iommu_walk(&mmu, (bdf_t){0, (uint16_t)rid}, IOVA(0x1000), &w), SL_OK);
		assert_true(w.why_read == WHY_NO_DOMAIN && w.why_write == WHY_NO_DOMAIN && !w.read &&
			    !w.pass);
	}
	machine_end();
}

static void test_permissions(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct domain *d = attached(FN);
	struct iommu_walk w;
	char text[200];
	map(d, 0, PAGE_SIZE, DOMAIN_RW);
	map(d, PAGE_SIZE, PAGE_SIZE, DOMAIN_R);
	map(d, 2 * PAGE_SIZE, PAGE_SIZE, DOMAIN_W);
	assert_int_equal(dma(m, FN, W + 8, true), 0);
	assert_int_equal(dma(m, FN, W + 8, false), 0);
	assert_int_equal(dma(m, FN, W + PAGE_SIZE, false), 0);
	assert_int_equal(dma(m, FN, W + 2 * PAGE_SIZE, true), 0);
	assert_int_equal(dma(m, FN2, W, true), 2);
	assert_true(only_fault().why == WHY_NO_DOMAIN);
	assert_int_equal(dma(m, FN, W + PAGE_SIZE + 4, true), 2);
	struct iommu_fault f = only_fault();
	assert_true(f.why == WHY_NO_WRITE && f.iova.v == W + PAGE_SIZE && bdf_eq(f.bdf, FN) && f.write);
	iommu_fault_describe(&mmu, &f, text, sizeof text);
	assert_string_equal(text,
			    "0000:01:00.0 write 0x1000001000 refused: not mapped for writing (reason 0x2); "
			    "device entry ok (domain 1, 3-level), L3 ok, L2 ok, L1[1] page of 4 KiB at "
			    "0x2000001000, read only");
	assert_int_equal(dma(m, FN, W + 2 * PAGE_SIZE, false), 2);
	assert_true(only_fault().why == WHY_NO_READ);
	assert_int_equal(dma(m, FN, domain_aperture(d), true), 2);
	assert_true(only_fault().why == WHY_TOO_WIDE);
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(domain_aperture(d)), &w), SL_OK);
	assert_true(w.why_write == WHY_TOO_WIDE && w.domain == 1);
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(W + PAGE_SIZE), &w), SL_OK);
	assert_true(w.read && !w.write && w.why_write == WHY_NO_WRITE && w.phys.v == P + PAGE_SIZE);
	assert_int_equal(domain_map(d, IOVA(0xfd00000000), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	assert_int_equal(domain_map(d, IOVA(0xfee00000), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_RANGE);
	machine_end();
}

/* Each page size, and what is left of one that is cut. */
static void test_sizes(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct domain *d = attached(FN);
	struct iommu_walk w;
	static const uint64_t sizes[] = {PAGE_SIZE, PAGE_2M, PAGE_1G};
	assert_int_equal(domain_page_level(d), 3);
	for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
		map(d, 0, sizes[i], DOMAIN_RW);
		assert_int_equal(iommu_walk(&mmu, FN, IOVA(W), &w), SL_OK);
		assert_int_equal(w.size, sizes[i]);
		assert_int_equal(dma(m, FN, W + sizes[i] - 8, true), 0);
		assert_int_equal(domain_unmap(d, IOVA(W), sizes[i]), SL_OK);
		assert_int_equal(dma(m, FN, W + sizes[i] - 8, true), 2);
	}
	map(d, 0, PAGE_1G, DOMAIN_RW);
	assert_int_equal(dma(m, FN, W + PAGE_2M, true), 0);
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_2M), PAGE_SIZE), SL_OK);
	assert_int_equal(dma(m, FN, W + PAGE_2M, true), 2);
	assert_int_equal(dma(m, FN, W + PAGE_2M + PAGE_SIZE, true), 0);
	assert_int_equal(dma(m, FN, W + PAGE_1G - 8, true), 0);
	machine_end();
}

/* What was cached is gone when the call returns, with and without NpCache, and however long commands take. */
static void test_stale(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct amd_unit *m = one_unit(AMD_EFR);
		m->np_cache = mmu.amdvi->unit[0].caches_empty = i & 1;
		m->lag = i & 2 ? 3 : 0;
		struct domain *d = attached(FN);
		assert_int_equal(dma(m, FN, W, true), 2); /* with NpCache that is cached */
		map(d, 0, PAGE_2M, DOMAIN_RW);
		assert_int_equal(dma(m, FN, W, true), 0);
		assert_true(amd_cached(m, FN.rid, W));
		assert_int_equal(domain_unmap(d, IOVA(W), PAGE_2M), SL_OK);
		assert_int_equal(dma(m, FN, W, true), 2);
		map(d, 0, PAGE_SIZE, DOMAIN_RW);
		assert_int_equal(dma(m, FN, W, true), 0);
		assert_int_equal(domain_detach(d, FN), SL_OK);
		assert_int_equal(domain_detach(d, FN), SL_NOTFOUND);
		assert_int_equal(dma(m, FN, W, true), 2);
		struct domain *other = attached(FN);
		assert_int_equal(dma(m, FN, W, true), 2);
		assert_int_equal(domain_detach(other, FN), SL_OK);
		assert_int_equal(domain_destroy(other), SL_OK);
		assert_int_equal(domain_destroy(d), SL_OK);
		machine_end();
	}
}

static void test_pass(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct domain *d;
	struct iommu_walk w;
	uint64_t phys;
	assert_int_equal(domain_create_passthrough(&mmu, "all", &d), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(amd_dma(m, FN.rid, 0x123456, true, &phys), 0);
	assert_int_equal(phys, 0x123456);
	assert_int_equal(iommu_walk(&mmu, FN, IOVA(0x5000), &w), SL_OK);
	assert_true(w.pass && w.read && w.write && w.phys.v == 0x5000);
	assert_int_equal(amd_dma(m, FN2.rid, 0x123456, true, &phys), 2);
	machine_end();
}

/* ---- commands ---- */

/* AMD IOMMU, commands and device table entry, by their bits. */
static void test_encodings(void **state)
{
	(void)state;
	struct amdvi_cmd c = amdvi_cmd_wait(PHYS(BITS(63, 0)), 0x1234);
	assert_true(c.lo == 0x100ffffffffffff9 && c.hi == 0x1234);
	c = amdvi_cmd_unknown();
	assert_true(c.lo == 0xf000000000000000 && c.hi == 0);
	c = amdvi_cmd_devtab(0x1234);
	assert_true(c.lo == 0x2000000000001234 && c.hi == 0);
	struct amdvi_dte d = amdvi_dte_blocked(PHYS(0x12345000)); /* four levels, neither read nor written */
	assert_true(d.q[0] == 0x12345803 && !d.q[1] && d.q[2] == 1 && !d.q[3]);
}

static void test_page_command(void **state)
{
	(void)state;
	static const struct {
		uint64_t at, differ, hi;
	} want[] = {
		{W, 0, W},
		{W + 0x1234, 0xfff, W + 0x1000},
		{W, 0x1fff, W | 1},
		{W + 0x3000, 0x3fff, W | 0x1001},
		{W, PAGE_2M - 1, W | 0xff001},
		{W, PAGE_1G - 1, W | 0x1ffff001},
	};
	for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
		struct amdvi_cmd c = amdvi_cmd_pages(7, want[i].at, want[i].differ, false);
		assert_int_equal(c.lo, 0x3000000700000000ull);
		assert_int_equal(c.hi, want[i].hi);
		c = amdvi_cmd_pages(7, want[i].at, want[i].differ, true);
		assert_int_equal(c.hi, want[i].hi | 2);
	}
	assert_int_equal(amdvi_cmd_pages(7, 0, BIT(50), false).hi, 0x3fffffffff001ull | BITS(49, 12));
	for (unsigned bit = 51; bit < 64; bit++) /* larger than any block: all of the domain */
		assert_int_equal(amdvi_cmd_pages(7, 0, BIT(bit), false).hi, 0x7ffffffffffff003ull);
}

static void test_no_answer(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct domain *d = attached(FN);
	map(d, 0, 2 * PAGE_SIZE, DOMAIN_RW);
	said_start();
	m->mute = true;
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_TIMEOUT);
	assert_said("no answer to a COMPLETION_WAIT in 1000 ms");
	assert_int_equal(domain_unmap(d, IOVA(W + PAGE_SIZE), PAGE_SIZE), SL_DEVICE);
	assert_int_equal(domain_detach(d, FN), SL_DEVICE);
	m->mute = false;
	machine_end();
}

static void test_stopped(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct domain *d = attached(FN);
	struct iommu_fault f;
	map(d, 0, PAGE_SIZE, DOMAIN_RW);
	m->halt_next = true;
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_DEVICE);
	assert_int_equal(iommu_fault_next(&mmu, &f),
			 SL_END); /* its event is reported, and is no refused request */
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
	machine_end();
}

/* Starting over: the buffer is as new. */
static void test_again(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct domain *d = attached(FN);
	map(d, 0, PAGE_SIZE, DOMAIN_RW);
	m->halt_next = true;
	assert_int_equal(domain_flush(d), SL_DEVICE);
	m->halt_next = false;
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(dma(m, FN, W, true), 0);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(dma(m, FN, W, true), 2);
	machine_end();
}

/* More than the buffer has room for, again and again. */
static void test_wrap(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct domain *d = attached(FN);
	for (unsigned i = 0; i < 1000; i++) {
		map(d, 0, PAGE_SIZE, DOMAIN_RW);
		assert_int_equal(dma(m, FN, W, true), 0);
		assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
		assert_int_equal(dma(m, FN, W, true), 2);
		iommu_fault_clear(&mmu);
	}
	struct iommu_unit_info info;
	iommu_unit_info(&mmu, 0, &info);
	assert_true(info.descriptors > 66000 && info.waits > 1000 && info.efr == AMD_EFR && !info.found);
	machine_end();
}

/* ---- the firmware's state ---- */

static void test_take_over(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 2; i++) {
		machine_init();
		struct amd_unit *m = amd_machine_unit(&mc, 0, i ? AMD_EFR : AMD_EFR & ~AMD_IA, 0, 0xffff);
		m->control = 0x1005;
		m->status = 0x1b;
		m->excl[0] = 1;
		m->dte[FN.rid] = (struct amd_dte){.valid = true, .q = {3ull | 3ull << 61, 9}}; /* passes */
		for (unsigned k = 0; k < AMD_TLB; k++)
			m->tlb[k] =
				(struct amd_tlb){.valid = true, .present = true, .did = (uint16_t)(k * 129)};
		for (unsigned k = 0; k < AMDVI_IDS; k++)
			m->irte[k * 16 + k % 16].valid = m->dte[k].valid = true;
		machine_start();
		for (unsigned k = 0; k < AMDVI_IDS; k++)
			assert_false(m->irte[k * 16 + k % 16].valid || m->dte[k].valid);
		for (unsigned k = 0; k < AMD_TLB; k++)
			assert_false(m->tlb[k].valid);
		assert_int_equal(m->excl[0], 0);
		assert_int_equal(dma(m, FN, W, true), 2);
		assert_true(m->control & 1ull << 10 && m->status & 0x10);
		struct iommu_unit_info info;
		iommu_unit_info(&mmu, 0, &info);
		assert_int_equal(info.control, 0x1005);
		machine_end();
	}
}

static void test_deaf(void **state)
{
	(void)state;
	const char *why;
	machine_init();
	struct amd_unit *m = amd_machine_unit(&mc, 0, AMD_EFR, 0, 0xffff);
	m->status = 0x10;
	m->deaf = true;
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_TIMEOUT);
	assert_int_equal(iommu_unit_state(&mmu, 0, &why), IOMMU_UNIT_FAILED);
	assert_non_null(strstr(why, "command buffer"));
	assert_false(iommu_covered(&mmu, FN, &why));
	machine_end();
}

/* Under a hypervisor the log is tried. A unit by the specification stops at a command that does not exist,
 * and is started again; QEMU's goes on; QEMU's before version 11 records nothing that can be seen. */
static void test_emulated(void **state)
{
	(void)state;
	machine_init();
	mc.emulated = true;
	struct amd_unit *m = amd_machine_unit(&mc, 0, AMD_EFR, 0, 0xffff);
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	m->complaints = 0; /* of the command that does not exist */
	struct domain *d = attached(FN);
	map(d, 0, PAGE_SIZE, DOMAIN_RW);
	assert_int_equal(dma(m, FN, W, true), 0);
	m->vague = true;
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(dma(m, FN, W + PAGE_SIZE, true), 2);
	struct iommu_fault f = only_fault();
	assert_true(f.vague && bdf_eq(f.bdf, FN) && f.write && f.why == WHY_NO_WRITE);
	assert_true(iommu_fault_is_of(&f, FN) && iommu_fault_is_of(&f, (bdf_t){0, 0x700}) &&
		    !iommu_fault_is_of(&f, FN2));
	assert_int_equal(dma(m, FN2, W, false), 2); /* not attached: the bus is not known */
	f = only_fault();
	assert_true(f.vague && f.bdf.rid == 9 && !f.write && f.why == WHY_NO_READ);
	char text[200];
	iommu_fault_describe(&mmu, &f, text, sizeof text);
	assert_string_equal(text,
			    "0000:00:01.1 read refused, at an address that the unit does not record: its "
			    "event has neither the bus nor the address (reason 0x2)");
	m->log_dead = true;
	assert_int_equal(iommu_enable(&mmu), SL_UNSUPPORTED);
	const char *why;
	assert_int_equal(iommu_unit_state(&mmu, 0, &why), IOMMU_UNIT_FAILED);
	assert_non_null(strstr(why, "records nothing"));
	assert_int_equal(m->control, 0);
	m->complaints = 0;
	machine_end();
}

/* ---- the event log ---- */

static void test_overflow(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct iommu_fault f;
	unsigned n = 0;
	for (unsigned i = 0; i < AMD_EVENTS + 10; i++)
		assert_int_equal(dma(m, FN, W, true), 2);
	while (iommu_fault_next(&mmu, &f) == SL_OK)
		n++;
	assert_int_equal(n, AMD_EVENTS - 1);
	struct iommu_unit_info info;
	iommu_unit_info(&mmu, 0, &info);
	assert_true(info.overflows == 1 && info.faults == n);
	assert_int_equal(dma(m, FN2, W, false), 2);
	assert_true(bdf_eq(only_fault().bdf, FN2));
	m->deaf = true; /* and then it does not even stop */
	for (unsigned i = 0; i < AMD_EVENTS + 10; i++)
		assert_int_equal(dma(m, FN, W, true), 2);
	iommu_fault_clear(&mmu);
	m->status |= 8 | 1;
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
	machine_end();
}

/* Errata 732 and 733: the tail moves before the event is in memory. */
static void test_late_event(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct iommu_fault f;
	m->log_lag = 5;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(dma(m, FN, W, true), 2);
		assert_true(bdf_eq(only_fault().bdf, FN));
	}
	m->log_never = true;
	assert_int_equal(dma(m, FN, W, true), 2);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
	struct iommu_unit_info info;
	iommu_unit_info(&mmu, 0, &info);
	assert_int_equal(info.overflows, 1);
	machine_end();
}

static bool once;

static void one_more(struct amd_unit *m)
{
	uint64_t phys;
	if (!once)
		(void)amd_dma(m, FN2.rid, W, false, &phys);
	once = true;
}

/* Erratum 787: an event that comes just as EventLogInt is cleared raises no interrupt. */
static void test_event_while_acking(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct iommu_fault f;
	iommu_fault_event(&mmu, 0x41, 3);
	assert_true(m->msis == 1 && m->msi_addr == 0xfee03000 && m->msi_data == 0x41);
	assert_int_equal(dma(m, FN, W, true), 2);
	assert_int_equal(m->interrupts, 1);
	m->on_ack = one_more;
	once = false;
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_true(bdf_eq(f.bdf, FN));
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_true(bdf_eq(f.bdf, FN2) && once);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
	assert_int_equal(dma(m, FN, W, true), 2);
	assert_int_equal(m->interrupts, 2);
	mc.no_interrupt = 1;
	iommu_fault_event(&mmu, 0x42, 3);
	iommu_fault_event(&mmu, 0x42, 255);
	assert_int_equal(m->msis, 1);
	mc.no_interrupt = 0;
	iommu_fault_event(&mmu, 0x42, 255); /* no message reaches it */
	assert_int_equal(m->msis, 1);
	iommu_fault_event(&mmu, 0x43, 254);
	assert_true(m->msis == 2 && m->msi_addr == 0xfeefe000 && m->msi_data == 0x43);
	machine_end();
}

static void test_events(void **state)
{
	(void)state;
	struct iommu_fault f;
	assert_true(amdvi_event_fault(0x10200000abcdull << 16 | 1ull << 60 | 0xabcd, 0x5123, 3, false, &f));
	assert_true(f.bdf.seg == 3 && f.bdf.rid == 0xabcd && f.why == WHY_BAD_ENTRY && f.iova.v == 0x5000);
	assert_true(amdvi_event_fault(2ull << 60 | 1ull << 51 | 7ull << 32 | 1, 0, 0, false, &f));
	assert_true(f.why == WHY_IRQ_REFUSED && !f.vague && iommu_why_fits(f.why, WHY_IRQ_SOURCE));
	assert_false(iommu_why_fits(f.why, WHY_NO_READ));
	assert_true(amdvi_event_fault(2ull << 60 | 1ull << 55 | 7ull << 32 | 1, 0, 0, true, &f));
	assert_true(f.why == WHY_BAD_ENTRY && !f.vague);
	assert_true(amdvi_event_fault(2ull << 60 | 1ull << 51 | 1ull << 48 | 0x101, 0, 0, true, &f));
	assert_true(f.vague && f.bdf.rid == 1 && !f.write);
	for (unsigned code = 3; code < 10; code++) {
		bool request = code != 5 && code != 6 && code != 7;
		assert_int_equal(amdvi_event_fault((uint64_t)code << 60, 0, 0, false, &f), request);
		assert_int_equal(f.why, !request ? WHY_ALLOWED : code < 5 ? WHY_UNREADABLE : WHY_KIND);
		assert_true(strlen(amdvi_event_name(code)) > 10);
	}
	assert_string_equal(amdvi_event_name(5), "ILLEGAL_COMMAND_ERROR");
	assert_string_equal(amdvi_event_name(13), "an event of an unknown code");
}

static void test_silence(void **state)
{
	(void)state;
	struct amd_unit *m = one_unit(AMD_EFR);
	struct domain *d = attached(FN);
	struct iommu_fault f;
	assert_int_equal(iommu_fault_silence(&mmu, FN), SL_BUSY);
	assert_int_equal(iommu_fault_silence(&mmu, FN2), SL_OK);
	assert_int_equal(dma(m, FN2, W, true), AMD_ABORT);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_END);
	assert_int_equal(domain_attach(d, FN2), SL_OK);
	assert_int_equal(dma(m, FN2, W, true), 2);
	assert_int_equal(iommu_fault_silence(&mmu, (bdf_t){5, 1}), SL_OK); /* of another segment */
	machine_end();
}

/* ---- several units ---- */

static void test_units(void **state)
{
	(void)state;
	const char *why;
	unsigned unit;
	machine_init();
	struct amd_unit *a = amd_machine_unit(&mc, 0, AMD_EFR, 0x0000, 0x7fff);
	struct amd_unit *b = amd_machine_unit(&mc, 0, AMD_EFR, 0x8000, 0xffff);
	struct amd_unit *c = amd_machine_unit(&mc, 3, AMD_EFR, 0x0000, 0x0fff);
	(void)amd_machine_unit(&mc, 5, AMD_EFR | 3ull << 10, 0x0000, 0x0fff); /* HATS 3 */
	machine_start();
	assert_int_equal(mmu.amdvi->devtabs, 2);
	assert_int_equal(iommu_units_in(&mmu, IOMMU_UNIT_ON), 3);
	assert_false(iommu_covered(&mmu, (bdf_t){5, 0x100}, &why));
	assert_non_null(strstr(why, "no host page tables"));
	assert_false(iommu_covered(&mmu, (bdf_t){3, 0x1000}, &why));
	assert_non_null(strstr(why, "IVRS"));
	struct domain *d = attached(FN);
	map(d, 0, PAGE_SIZE, DOMAIN_RW);
	assert_int_equal(domain_attach(d, (bdf_t){0, 0x8100}), SL_OK);
	assert_int_equal(domain_attach(d, (bdf_t){3, 0x0100}), SL_OK);
	assert_int_equal(domain_attach(d, (bdf_t){5, 0x0100}), SL_NOTFOUND);
	assert_int_equal(iommu_unit_of(&mmu, (bdf_t){3, 0x100}, &unit), SL_OK);
	assert_int_equal(unit, 2);
	assert_int_equal(dma(a, FN, W, true), 0);
	assert_int_equal(dma(b, (bdf_t){0, 0x8100}, W, true), 0);
	assert_int_equal(dma(c, (bdf_t){3, 0x0100}, W, true), 0);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(dma(a, FN, W, true), 2);
	assert_int_equal(dma(b, (bdf_t){0, 0x8100}, W, true), 2);
	assert_int_equal(dma(c, (bdf_t){3, 0x0100}, W, true), 2);
	machine_end();
}

static void test_left_out(void **state)
{
	(void)state;
	const char *why;
	machine_init();
	for (unsigned i = 0; i < AMD_UNITS; i++)
		(void)amd_machine_unit(&mc, 0, AMD_EFR, (uint16_t)(0x1000 * i),
				       (uint16_t)(0x1000 * i + 0xfff));
	mc.absent = 1;
	mc.elsewhere = 2;
	memcpy(mc.ivrs + 48 + 3 * 48 + 8, mc.ivrs + 48 + 2 * 48 + 8, 8); /* the base of the unit before */
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	static const struct {
		enum iommu_unit_state state;
		const char *why;
	} want[] = {{IOMMU_UNIT_UNUSABLE, "no registers at that address"},
		    {IOMMU_UNIT_UNUSABLE, "are elsewhere"},
		    {IOMMU_UNIT_OFF, ""},
		    {IOMMU_UNIT_TWICE, "as iommu2"}};
	for (unsigned i = 0; i < AMD_UNITS; i++) {
		assert_int_equal(iommu_unit_state(&mmu, i, &why), want[i].state);
		assert_non_null(strstr(why ? why : "", want[i].why));
	}
	assert_int_equal(amdvi_skip_base(&mmu, 0x12345000), 0);
	assert_int_equal(amdvi_skip_base(&mmu, 0), 0);
	assert_int_equal(amdvi_skip_base(&mmu, mc.unit[2]->base), 1);
	assert_int_equal(iommu_unit_state(&mmu, 2, &why), IOMMU_UNIT_SKIPPED);
	assert_int_equal(iommu_enable(&mmu), SL_NOTFOUND);
	assert_int_equal(mc.unit[2]->control, 0);
	machine_end();
}

static void test_nothing_usable(void **state)
{
	(void)state;
	machine_init();
	struct amd_unit *m = amd_machine_unit(&mc, 0, UINT64_MAX, 0, 0xffff);
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_NOTFOUND);
	m->efr = AMD_EFR;
	mc.ivrs[48 + 20] = 1; /* attributes: HATDis */
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_NOTFOUND);
	mc.ivrs[48 + 20] = 0;
	memset(mc.ivrs + 48 + 8, 0, 8); /* no address */
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_NOTFOUND);
	mc.ivrs[0] = 'X';
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_BADVAL);
	machine_end();
}

/* The I/O APIC's id: NMI, INIT, ExtInt, LINT as the firmware says, and no DMA; a domain keeps that. */
static void test_ioapic(void **state)
{
	(void)state;
	machine_init();
	struct amd_unit *m = amd_machine_unit(&mc, 0, AMD_EFR, 0, 0xffff);
	amd_machine_ioapic(&mc, 33, 0x00a0, 0xd7);
	machine_start();
	const struct amdvi_dte *e = &mmu.amdvi->devtab[0].entry[0xa0];
	const bdf_t fn = {0, 0xa0};
	assert_int_equal(e->q[2], 0xc700000000000001ull);
	assert_int_equal(e->q[1], 1ull << 40);
	assert_true(e->q[0] >> 62 & 1);
	assert_int_equal(dma(m, fn, W, true), 2);
	struct domain *d = attached(fn);
	assert_int_equal(e->q[2], 0xc700000000000001ull);
	map(d, 0, PAGE_SIZE, DOMAIN_RW);
	assert_int_equal(dma(m, fn, W, true), 0);
	assert_int_equal(domain_detach(d, fn), SL_OK);
	assert_int_equal(dma(m, fn, W, true), 2);
	assert_true(e->q[0] >> 62 & 1 && !(e->q[0] >> 61 & 1) && e->q[1] == 1ull << 40);
	machine_end();
}

/* ---- IVMD ---- */

static const bdf_t present[] = {{0, 0x0002}, {0, 0x0100}, {0, 0x0209}, {0, 0x0008}};

static bool function_at(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	static const uint32_t classes[] = {0x080600, 0x010802, 0x020000, 0x060400};
	(void)ctx;
	if (i >= ARRAY_LEN(present))
		return false;
	*fn = present[i];
	*class = classes[i];
	return true;
}

static void test_ivmd(void **state)
{
	(void)state;
	const struct table_functions functions = {NULL, function_at};
	struct iommu_reserved r = {0};
	uint64_t phys;
	machine_init();
	struct amd_unit *m = amd_machine_unit(&mc, 0, AMD_EFR, 0, 0xffff);
	amd_machine_ivmd(&mc, 0x21, 7, 0x0100, 0, 0x7d900000, 0x3000);      /* unity, both */
	amd_machine_ivmd(&mc, 0x22, 3, 0x0100, 0x02ff, 0x7d904000, 0x1000); /* unity, read, a range */
	amd_machine_ivmd(&mc, 0x20, 8, 0, 0, 0x7d800000, 0x1000);           /* exclusion, all */
	amd_machine_ivmd(&mc, 0x20, 7, 0, 0, 0xfee00000, 0x1000);
	amd_machine_ivmd(&mc, 0x20, 7, 0, 0, 0xfd00000000, 0x1000);
	amd_machine_ivmd(&mc, 0x20, 1, 0, 0, 0x7d700000, 0x1000); /* neither reading nor writing */
	amd_machine_ivmd(&mc, 0x20, 7, 0, 0, 0x7d600000, 0);
	amd_machine_ivmd(&mc, 0x21, 7, 0x0100, 0, 0x7d901000, 0x1000); /* once more */
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	assert_int_equal(amdvi_map_ivmds(&mmu, &functions), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	assert_int_equal(amd_dma(m, 0x0100, 0x7d902ff8, true, &phys), 0);
	assert_int_equal(phys, 0x7d902ff8);
	assert_int_equal(amd_dma(m, 0x0100, 0x7d904000, false, &phys), 0);
	assert_int_equal(amd_dma(m, 0x0100, 0x7d904000, true, &phys), 2);
	assert_int_equal(amd_dma(m, 0x0100, 0x7d903000, false, &phys), 2);
	assert_int_equal(amd_dma(m, 0x0209, 0x7d800000, true, &phys), 0);
	assert_int_equal(amd_dma(m, 0x0209, 0x7d900000, true, &phys), 2);
	assert_int_equal(amd_dma(m, 0x0002, 0x7d800000, true, &phys), 2); /* the unit itself, a bridge */
	assert_int_equal(amd_dma(m, 0x0008, 0x7d800000, true, &phys), 2);
	static const uint64_t bases[] = {0xfee00000, 0xfd00000000, 0x7d900000,
					 0x7d904000, 0x7d800000,   0x7d901000};
	for (unsigned i = 0; i < ARRAY_LEN(bases); i++) {
		assert_int_equal(iommu_reserved_next(&mmu, FN, &r), SL_OK);
		assert_int_equal(r.base, bases[i]);
		assert_int_equal(r.interrupts, i < 2);
	}
	assert_int_equal(iommu_reserved_next(&mmu, FN, &r), SL_END);
	struct domain *d = make("own");
	assert_int_equal(domain_attach(d, FN), SL_BUSY);
	assert_string_equal(iommu_memory_name(&mmu), "IVMD");
	assert_non_null(strstr(iommu_reasons(&mmu), "AMD-Vi"));
	assert_int_equal(iommu_rmrrs_release(&mmu, FN), SL_OK);
	assert_int_equal(domain_attach(d, FN), SL_OK);
	assert_int_equal(amd_dma(m, 0x0100, 0x7d902ff8, true, &phys), 2);
	machine_end();
}

/* Memory of an IVMD that belongs to the system is not mapped. */
static void test_ivmd_in_ram(void **state)
{
	(void)state;
	const struct table_functions functions = {NULL, function_at};
	static const struct boot_region regions[] = {{.base = 0x7d000000, .pages = 0x1000, .type = MEM_FREE}};
	const struct table_memory_map map = {regions, 1};
	machine_init();
	(void)amd_machine_unit(&mc, 0, AMD_EFR, 0, 0xffff);
	amd_machine_ivmd(&mc, 0x21, 7, 0x0100, 0, 0x7d900000, 0x3000);
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	mmu.memory = &map;
	assert_int_equal(amdvi_map_ivmds(&mmu, &functions), SL_OK);
	assert_null(mmu.domains);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	machine_end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocked),
		cmocka_unit_test(test_permissions),
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_stale),
		cmocka_unit_test(test_pass),
		cmocka_unit_test(test_encodings),
		cmocka_unit_test(test_page_command),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_take_over),
		cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_emulated),
		cmocka_unit_test(test_overflow),
		cmocka_unit_test(test_late_event),
		cmocka_unit_test(test_event_while_acking),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_nothing_usable),
		cmocka_unit_test(test_ioapic),
		cmocka_unit_test(test_ivmd),
		cmocka_unit_test(test_ivmd_in_ram),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
