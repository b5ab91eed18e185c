/* Queues of one DSA as tenants, a PASID and a domain each, under the model of a unit in both stages: the same
 * device addresses in each domain, the matrix of what no queue may reach, and that the matrix sees a device
 * or a driver that is wrong. */
#include <stdio.h>
#include <string.h>
#include "apps/machine.h"
#include "apps/proof/queue_refuse.h"
#include "iommu/ats.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "tests/model/device_tlb.h"
#include "tests/model/dsa_model.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/support_memory.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

#define W     0x1000000000ull
#define FN    ((bdf_t){0, 0x00fa})
#define CASES (DSA_QUEUES * (2 * (DSA_QUEUES - 1) + 11))

/* How long a completion record is waited for of a queue without a domain: by a write, and by a read. */
#define SILENT_US 20000u

static struct dsa_model model;
static struct model_unit *unit;
static struct queues *q;
static struct tally tally;
static enum record {
	RIGHT,
	NONE,
	OTHER_FN,
	OTHER_TENANT,
	OTHER_ADDRESS,
	OTHER_WAY,
	NO_ROOT,
	OTHER_WHY,
	RECORDS
} record;                /* how the unit notes a refusal */
static bool opens;       /* the hole is mapped as soon as an access to it was refused */
static uint64_t dies_at; /* the device does nothing more once an access to that address was refused */
static bool two;         /* it has two queues */
static unsigned leaks;   /* a byte comes back from a refused read: this one of the page, and one */
static bool denies;      /* its records say that nothing was done, and it was */
static bool past; /* the device marks addresses as translated although it never asked for a translation */
static struct model_device_tlb tlb;
static bool ats; /* it keeps translations, and asks for pages */

static unsigned page_of(uint32_t pasid, uint64_t at, bool write, uint64_t *phys)
{
	*phys = at;
	if (past && at >= RAM_BASE && at < RAM_BASE + RAM_BYTES)
		return model_dma_translated(unit, FN.rid, at, write);
	return ats ? device_tlb_dma(&tlb, pasid, at, write, phys)
		   : model_dma_pasid(unit, FN.rid, pasid, at, write, phys);
}

/* What the unit has noted last, changed: VT-d §11.4.7.6. */
static void change_record(bool write)
{
	unsigned n = (unsigned)(unit->cap >> 40 & 0xff) + 1; /* NFR */
	uint64_t *r = unit->frcd[(unit->frcd_next + n - 1) % n];
	if (record == NONE)
		r[1] &= ~(1ull << 63); /* F */
	if (record == OTHER_FN)
		r[1] |= 1; /* SID */
	if (record == OTHER_TENANT)
		r[1] |= 0x10ull << 40; /* PV 59:40 */
	if (record == OTHER_ADDRESS)
		r[0] |= 1ull << 45;
	if (record == OTHER_WAY)
		r[1] = (r[1] & ~(1ull << 62)) | (uint64_t)write << 62; /* T: a read */
	if (record == NO_ROOT)
		r[1] = (r[1] & ~(0xffull << 32)) | 1ull << 32; /* root entry not present */
	if (record == OTHER_WHY)
		r[1] |= 0xffull << 32; /* FR 39:32, reserved */
}

static void refused(uint32_t pasid, uint64_t at, bool write)
{
	struct tenant *t = &q->tenant[(pasid - 1) % DSA_QUEUES];
	change_record(write);
	if (leaks && !write)
		((uint8_t *)queues_spare(t, 0).va)[leaks - 1] ^= 1;
	if (dies_at && at == dies_at)
		model.idle = true;
	if (opens && at == W + QUEUES_HOLE)
		assert_int_equal(domain_map(t->dom, IOVA(at), t->own.phys, PAGE_SIZE, DOMAIN_RW), SL_OK);
}

static bool reach(void *ctx, uint64_t at, void *data, size_t n, bool write)
{
	uint8_t *p = data;
	uint32_t pasid = model.pasid == DM_NO_PASID ? MODEL_NO_PASID : model.pasid;
	(void)ctx;
	for (size_t part; n; at += part, p += part, n -= part) {
		uint64_t phys;
		part = PAGE_SIZE - at % PAGE_SIZE < n ? PAGE_SIZE - at % PAGE_SIZE : n;
		if (page_of(pasid, at, write, &phys)) {
			refused(pasid, at, write);
			return false;
		}
		memcpy(write ? phys_va(PHYS(phys)) : p, write ? p : phys_va(PHYS(phys)), part);
		if (denies && write && part == sizeof(struct dsa_record))
			*(uint8_t *)phys_va(PHYS(phys)) = 0x10; /* invalid flags */
	}
	return true;
}

/* How the device asks for pages: as it should; not the second time; for another PASID, page or access; and
 * says that it has written to the page when it has not. */
static enum asks { WELL, ONCE, OTHER_PASID, OTHER_PAGE, TO_READ, HOLLOW, ASKS } asks;
static unsigned asked;

static bool ask(void *ctx, uint64_t at, bool write)
{
	(void)ctx;
	if (asks == ONCE && asked++ % 2)
		return false;
	return model_page_request(unit, FN.rid, model.pasid + (asks == OTHER_PASID),
				  at + (asks == OTHER_PAGE ? PAGE_SIZE : 0), write && asks != TO_READ, 5,
				  true) == 0;
}

static void answered(void *ctx, unsigned code)
{
	(void)ctx;
	model.idle = asks == HOLLOW && code == 0;
	dsa_model_answered(&model, code == 0);
	model.idle = false;
}

static void begin_ats(void)
{
	device_tlb_init(&tlb, unit, FN.rid);
	tlb.on_answer = answered;
	model.gencap |= 1; /* block on fault */
	model.ask = ask;
	assert_int_equal(iommu_ats_allow(&mmu, FN, 8, true), SL_OK);
	q->ats = q->pages = true;
}

static void begin(uint64_t stage, uint32_t limit)
{
	const char *why;
	uint32_t error, pasid[DSA_QUEUES];
	unsigned failed;
	support_clock_step = 50;
	past = opens = denies = false;
	leaks = 0;
	dies_at = 0;
	record = RIGHT;
	machine_init();
	unit = model_machine_unit(&mc, MODEL_VER, MODEL_CAP,
				  MODEL_ECAP | MODEL_PASID | MODEL_DT | MODEL_PRS | stage, MODEL_ALL);
	machine_start();
	assert_int_equal(vtd_choose_tables(&mmu, VTD_WANT_SCALABLE), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	dsa_model_init(&model, reach, NULL);
	if (two)
		model.wqcap[0] = 2u << 16 | DM_ENTRIES;
	q = queues_of_machine();
	memset(q, 0, sizeof *q);
	tally = (struct tally){0};
	q->fn = FN;
	q->window = IOVA(W);
	q->limit = limit;
	q->dev.io = model.io;
	q->dev.portals = model.portal;
	if (ats)
		begin_ats();
	assert_int_equal(domain_create(&mmu, "function", &q->dom), SL_OK);
	assert_int_equal(domain_attach(q->dom, FN), SL_OK);
	assert_int_equal(dsa_open(&q->dev, &why), SL_OK);
	assert_int_equal(queues_domains(q, &mmu), SL_OK);
	assert_int_equal(dsa_start(&q->dev, q->n, queues_pasids(q, pasid), &error), SL_OK);
	assert_int_equal(queues_memory(q, &failed), SL_OK);
}

static void end(void)
{
	assert_int_equal(dsa_stop(&q->dev), SL_OK);
	queues_close(q);
	if (ats)
		iommu_ats_end(&mmu);
	assert_int_equal(domain_detach(q->dom, FN), SL_OK);
	assert_int_equal(domain_destroy(q->dom), SL_OK);
	assert_int_equal(model.harmful, 0);
	iommu_fault_clear(&mmu);
	machine_end();
}

static enum sl_err work(struct tenant *t)
{
	enum sl_err e = moves_begin(&t->moves);
	if (!e && !moves_poll(&t->moves))
		return SL_TIMEOUT;
	return e ? e : moves_check(&t->moves, t->why, sizeof t->why);
}

/* With the function's translation cache. */
static void begin_with(bool with, uint64_t stage)
{
	ats = with;
	begin(stage, 1u << 20);
}

static const uint64_t stages[] = {MODEL_FIRST, MODEL_SECOND};

/* All work at the same device addresses at once, and each gets its own results. */
static void test_apart(void **state)
{
	(void)state;
	for (unsigned s = 0; s < ARRAY_LEN(stages); s++) {
		begin(stages[s], 1u << 20);
		assert_true(q->apart && q->n == DSA_QUEUES);
		model.holds = true;
		for (unsigned i = 0; i < q->n; i++) {
			assert_true(q->tenant[i].pasid == i + 1 && q->tenant[i].mem.iova.v == W);
			assert_int_equal(moves_begin(&q->tenant[i].moves), SL_OK);
		}
		dsa_model_work(&model);
		for (unsigned i = 0; i < q->n; i++) {
			assert_true(moves_poll(&q->tenant[i].moves));
			assert_int_equal(moves_check(&q->tenant[i].moves, q->tenant[i].why, 128), SL_OK);
		}
		end();
	}
}

/* A function that cannot send enough PASIDs: one domain for all. */
static void test_together(void **state)
{
	(void)state;
	begin(MODEL_FIRST, 8);
	assert_true(!q->apart && q->tenant[7].dom == q->dom &&
		    q->tenant[7].mem.iova.v == W + 7 * QUEUES_BYTES);
	for (unsigned i = 0; i < q->n; i++)
		assert_int_equal(work(&q->tenant[i]), SL_OK);
	end();
}

static unsigned times_said(const char *words)
{
	unsigned n = 0;
	for (const char *at = said; (at = strstr(at, words)) != NULL; at++)
		n++;
	return n;
}

/* A row for each queue; of the first one also a line for each kind of access. */
static void check_said(unsigned columns)
{
	char row[128];
	assert_int_equal(times_said("  queue "), DSA_QUEUES);
	for (unsigned i = 0; i < DSA_QUEUES; i++) {
		int n = snprintf(row, sizeof row, "  queue %u    ", i);
		for (unsigned c = 0; c < columns; c++)
			n += snprintf(row + n, sizeof row - (size_t)n, "%-9s", "ok");
		snprintf(row + n, sizeof row - (size_t)n, "\n");
		assert_said(row);
	}
	assert_int_equal(times_said("-> write to another queue's memory"), 1);
	assert_int_equal(times_said("-> read of another queue's memory"), 1);
	assert_int_equal(times_said("-> write to kernel memory"), 1);
	assert_int_equal(times_said("queue 0 (PASID 1) -> "), 5 + 2 * 4 + (columns == 8));
	/* Requests of a queue without a domain are recorded also where the device keeps translations. */
	assert_int_equal(times_said(": refused; the device asked for its translation and got none (ATS)"),
			 ats ? 5 + 2 * 4 + 1 - 2 : 0);
	assert_int_equal(times_said(": refused; fault: "), ats ? 2 : 5 + 2 * 4);
	unsigned none = 0; /* what has no domain writes no completion record */
	for (const char *at = said;
	     (at = strstr(at, "its own page after its domain was taken away: refused")); at++)
		none += strncmp(strstr(at, "completion record"), "completion record 00", 20) == 0;
	assert_int_equal(none, 2);
}

static void test_matrix(void **state)
{
	(void)state;
	for (unsigned s = 0; s < ARRAY_LEN(stages); s++) {
		begin(stages[s], 1u << 20);
		said_start();
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_OK);
		check_said(7);
		assert_true(tally.cases == CASES && tally.refused == CASES);
		uint64_t used = pmm_used_pages(), began = now_us();
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_OK);
		assert_int_equal(pmm_used_pages(), used);
		assert_between(now_us() - began, DSA_QUEUES * 2 * SILENT_US, DSA_QUEUES * 2 * 5 * SILENT_US);
		for (unsigned i = 0; i < q->n; i++) {
			assert_int_equal(q->tenant[i].queue.made, 0); /* at the beginning of its ring */
			assert_int_equal(work(&q->tenant[i]), SL_OK);
		}
		end();
	}
}

/* Each is the other one's neighbour. */
static void test_two_queues(void **state)
{
	(void)state;
	two = true;
	begin(MODEL_FIRST, 1u << 20);
	assert_int_equal(q->n, 2);
	assert_int_equal(queue_matrix(q, &mmu, &tally), SL_OK);
	assert_int_equal(tally.cases, 2 * (2 * 1 + 11));
	end();
	two = false;
}

/* Without the two pages that it needs nothing is tried. */
static void test_no_memory(void **state)
{
	(void)state;
	begin(MODEL_FIRST, 1u << 20);
	for (unsigned left = 0; left < 2; left++) {
		support_memory_take(left);
		assert_int_equal(pmm_free_pages(), left);
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_NOMEM);
		assert_int_equal(pmm_free_pages(), left);
		support_memory_give();
	}
	assert_int_equal(tally.cases, 0);
	end();
}

/* The same where the device keeps translations itself; and a page that it asks for, in vain the second time.
 */
static void test_matrix_ats(void **state)
{
	(void)state;
	for (unsigned s = 0; s < ARRAY_LEN(stages); s++) {
		begin_with(true, stages[s]);
		said_start();
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_OK);
		check_said(8);
		assert_int_equal(tally.cases, CASES + DSA_QUEUES);
		assert_int_equal(tally.refused, tally.cases);
		assert_true(tlb.fills > 100 && tlb.invalidations > 100);
		assert_true(tlb.answers == 2 * DSA_QUEUES && tlb.code == PAGE_INVALID && tlb.group == 5);
		end();
	}
	ats = false;
}

/* A device that is wrong is seen. */
static void test_wrong_device(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 4; how++) {
		begin(MODEL_FIRST, 1u << 20);
		past = how == 1;
		model.wrong_pasid = how == 0;
		model.lies = how == 2;
		model.flips = how == 3;
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
		assert_true(tally.cases && tally.refused < tally.cases);
		end();
	}
	begin(MODEL_FIRST, 1u << 20);
	model.wrong_pasid = true;
	assert_true(work(&q->tenant[0]) != SL_OK);
	model.harmful = 0; /* it took a page of the other queue for descriptors */
	end();
}

/* A device that does nothing, whether it says so or not: nothing was tried, and nothing counts as refused. */
static void test_idle_device(void **state)
{
	(void)state;
	for (unsigned how = 0; how < 2; how++) {
		begin(MODEL_FIRST, 1u << 20);
		support_clock_step = 5000;
		model.idle = how == 0;
		model.mute = how == 1;
		said_start();
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
		if (tally.cases != CASES || tally.refused)
			fail_msg("device %u: %u cases, %u refused", how, (unsigned)tally.cases,
				 (unsigned)tally.refused);
		assert_int_equal(times_said("the same access has no effect where it is allowed"), CASES);
		assert_int_equal(times_said("-> write to an address that another PASID maps at 0x10"),
				 DSA_QUEUES);
		assert_int_equal(times_said("-> read of an address that another PASID maps at 0x10"),
				 DSA_QUEUES);
		model.idle = model.mute = false;
		end();
	}
}

/* One byte of the page that was to be read, the first or the last. */
static void test_leaks_one_byte(void **state)
{
	static const unsigned byte[] = {0, PAGE_SIZE - 1};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(byte); i++) {
		begin(MODEL_FIRST, 1u << 20);
		leaks = byte[i] + 1;
		said_start();
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
		assert_int_equal(times_said(": SUCCEEDED: memory was reached"), tally.cases - tally.refused);
		assert_int_equal(tally.cases - tally.refused,
				 DSA_QUEUES * (DSA_QUEUES - 1 + 5)); /* of the others, and 5 more */
		end();
	}
}

/* Where it says that what is allowed did not work, nothing counts as tried. */
static void test_denies(void **state)
{
	(void)state;
	begin(MODEL_FIRST, 1u << 20);
	denies = true;
	assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
	assert_true(tally.cases == CASES && !tally.refused);
	end();
}

/* What a driver could forget when it takes a page or a domain away: kind of descriptor, and what is done to
 * it. Each has the device reach what it must not, and the matrix tells. */
enum wrong { FORGOTTEN, WRONG_DOMAIN, WRONG_PASID };
static struct {
	uint64_t kind, mask; /* of the descriptor; */
	enum wrong how;
	unsigned times;
} driver;

static bool wrong_driver(void *ctx, uint64_t d[4])
{
	(void)ctx;
	if ((d[0] & driver.mask) != driver.kind)
		return false;
	driver.times++;
	if (driver.how == WRONG_DOMAIN)
		d[0] ^= 0x100ull << 16; /* DID 31:16 */
	if (driver.how == WRONG_PASID)
		d[0] ^= 0x100ull << 32; /* PASID 51:32 */
	return driver.how == FORGOTTEN;
}

static void test_wrong_driver(void **state)
{
	enum { IOTLB = 2, PIOTLB = 6, PASID_CACHE = 7, DEVICE = 8 };
	enum { PAGES = 3 << 4 }; /* granularity: those of pages are forgotten, the others are not */
	static const struct {
		uint64_t stage;
		unsigned kind;
		enum wrong how;
		bool ats;
	} row[] = {
		{MODEL_FIRST, DEVICE, FORGOTTEN, true},
		{MODEL_FIRST, DEVICE, WRONG_PASID, true},
		{MODEL_SECOND, DEVICE, FORGOTTEN, true},
		{MODEL_SECOND, DEVICE, WRONG_PASID, true},
		{MODEL_FIRST, PIOTLB, FORGOTTEN, true},
		{MODEL_SECOND, IOTLB, FORGOTTEN, true},
		{MODEL_FIRST, PIOTLB | PAGES, FORGOTTEN, false},
		{MODEL_SECOND, IOTLB | PAGES, FORGOTTEN, false},
		{MODEL_FIRST, PIOTLB, FORGOTTEN, false},
		{MODEL_FIRST, PIOTLB, WRONG_DOMAIN, false},
		{MODEL_FIRST, PIOTLB, WRONG_PASID, false},
		{MODEL_FIRST, PASID_CACHE, FORGOTTEN, false},
		{MODEL_FIRST, PASID_CACHE, WRONG_PASID, false},
		{MODEL_FIRST, PASID_CACHE, WRONG_DOMAIN, false},
		{MODEL_SECOND, IOTLB, FORGOTTEN, false},
		{MODEL_SECOND, IOTLB, WRONG_DOMAIN, false},
		{MODEL_SECOND, PASID_CACHE, FORGOTTEN, false},
		{MODEL_SECOND, PASID_CACHE, WRONG_PASID, false},
	};
	(void)state;
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		begin_with(row[i].ats, row[i].stage);
		driver.kind = row[i].kind;
		driver.mask = row[i].kind & PAGES ? 0xf | PAGES : 0xf;
		driver.how = row[i].how;
		driver.times = 0;
		unit->on_descriptor = wrong_driver;
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
		printf("queues: row %u: %u descriptors wrong, %u of %u refused\n", i, driver.times,
		       (unsigned)tally.refused, (unsigned)tally.cases);
		assert_true(driver.times > 0 && tally.refused < tally.cases);
		unit->on_descriptor = NULL;
		end();
	}
	ats = false;
}

/* A record that is none of the access in question counts as none of a refusal. That of a queue without a
 * domain has no address, and may have no PASID. */
static void test_wrong_record(void **state)
{
	enum { REVOKED = 2 * DSA_QUEUES };
	static const unsigned right[RECORDS] = {
		[OTHER_ADDRESS] = REVOKED, [OTHER_WAY] = REVOKED, [NO_ROOT] = REVOKED};
	(void)state;
	for (unsigned how = NONE; how < RECORDS; how++) {
		begin(MODEL_FIRST, 1u << 20);
		record = (enum record)how;
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
		assert_int_equal(tally.cases, CASES);
		if (tally.refused != right[how])
			fail_msg("record %u: %u refused", how, (unsigned)tally.refused);
		record = RIGHT;
		end();
	}
}

/* Refused and noted as it has to be, but the tables allow it by now. */
static void test_opened(void **state)
{
	(void)state;
	begin(MODEL_FIRST, 1u << 20);
	opens = true;
	said_start();
	assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
	assert_int_equal(times_said("write to an unmapped page at 0x1000200000: refused, but the tables"),
			 DSA_QUEUES);
	for (unsigned i = 0; i < q->n; i++)
		assert_int_equal(domain_unmap(q->tenant[i].dom, IOVA(W + QUEUES_HOLE), PAGE_SIZE), SL_OK);
	end();
}

static void dies(uint64_t at, unsigned cases)
{
	dies_at = at;
	said_start();
	assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
	assert_int_equal(tally.cases, cases);
	assert_int_equal(tally.refused + times_said("has no effect where it is allowed"), tally.cases);
	model.idle = false;
}

/* What the device does not do any more where it is allowed is not tried. */
static void test_dies(void **state)
{
	(void)state;
	begin(MODEL_FIRST, 1u << 20);
	dies(q->tenant[1].own.phys.v, CASES); /* after the first case */
	end();
	begin(MODEL_FIRST, 1u << 20);
	dies(q->tenant[0].own.iova.v, CASES + 1); /* its own domain, given back, is a case more */
	end();
}

/* A device that marks physical addresses as translated although it never asked for a translation. If it may
 * keep translations, each write and read of the first two columns reaches the memory of others and the
 * kernel's. If it may not, the unit refuses them and gives that as the reason. */
static void test_lie(void **state)
{
	enum {
		BY_ADDRESS = 2 * DSA_QUEUES
	}; /* accesses of a queue: the other queues' memory, the kernel's */
	(void)state;
	for (unsigned with = 0; with < 2; with++) {
		begin_with(with, MODEL_FIRST);
		past = true;
		said_start();
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
		if (with)
			assert_int_equal(times_said(": SUCCEEDED: memory was reached"),
					 DSA_QUEUES * BY_ADDRESS);
		assert_int_equal(tally.cases - tally.refused, DSA_QUEUES * BY_ADDRESS);
		assert_int_equal(model_dma_translated(unit, FN.rid, unit->root & ~0xfffull, true),
				 with ? 0 : 0x44); /* the unit's own tables */
		past = false;
		end();
	}
	ats = false;
}

/* Where the device asks wrongly, none of the accesses to a page that it asked for in vain counts as refused,
 * and all others do. */
static void test_asks_wrongly(void **state)
{
	(void)state;
	for (asks = ONCE; asks < ASKS; asks++) {
		begin_with(true, MODEL_FIRST);
		asked = 0;
		assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
		assert_int_equal(tally.cases - tally.refused, DSA_QUEUES);
		end();
	}
	asks = WELL;
	ats = false;
}

/* A device whose cache keeps everything. */
static void test_deaf(void **state)
{
	(void)state;
	begin_with(true, MODEL_FIRST);
	tlb.deaf = true;
	assert_int_equal(queue_matrix(q, &mmu, &tally), SL_VERIFY);
	assert_true(tally.refused < tally.cases);
	end();
	ats = false;
}

static void test_stage(void **state)
{
	static struct machine m;
	(void)state;
	for (unsigned how = 0; how < 2; how++) {
		begin(MODEL_FIRST, 1u << 20);
		m.tally = (struct tally){0};
		m.iommu = mmu;
		model.lies = how == 1;
		said_start();
		assert_int_equal(stage_queue_refuse(&m), how ? SL_VERIFY : SL_OK);
		assert_said("each of 8 queues attempts");
		assert_true(m.tally.cases == CASES && (m.tally.refused == CASES) == !how);
		mmu = m.iommu;
		end();
	}
	begin(MODEL_FIRST, 8);
	said_start();
	assert_int_equal(stage_queue_refuse(&m), SL_OK);
	assert_said("nothing is tried: the queues have no PASID each");
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apart),        cmocka_unit_test(test_together),
		cmocka_unit_test(test_matrix),       cmocka_unit_test(test_matrix_ats),
		cmocka_unit_test(test_wrong_device), cmocka_unit_test(test_wrong_driver),
		cmocka_unit_test(test_lie),          cmocka_unit_test(test_deaf),
		cmocka_unit_test(test_asks_wrongly), cmocka_unit_test(test_wrong_record),
		cmocka_unit_test(test_opened),       cmocka_unit_test(test_idle_device),
		cmocka_unit_test(test_stage),        cmocka_unit_test(test_dies),
		cmocka_unit_test(test_two_queues),   cmocka_unit_test(test_leaks_one_byte),
		cmocka_unit_test(test_denies),       cmocka_unit_test(test_no_memory),
	};
	return cmocka_run_group_tests_name("queues", tests, ram_setup, NULL);
}
