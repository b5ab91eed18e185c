/* A function that keeps translations itself and asks for pages, under the model of a unit: who may, what
 * empties its cache, what translated requests reach, and the queue of page requests. tests/unit/test_queues.c
 * and test_pasid.c have what a forgotten invalidation reaches. */
#include "iommu/ats.h"
#include "iommu/pasid.h"
#include "iommu/vtd/backend.h"
#include "kernel/pmm.h"
#include "tests/model/device_tlb.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/support_said.h"
#include "tests/unit/test.h"

#define W      0x1000000000ull
#define P      0x2000000000ull
#define FN     ((bdf_t){0, 0x0190})
#define OTHER  ((bdf_t){0, 0x0198})
#define LIMIT  0x100000u
#define ABLE   (MODEL_ECAP | MODEL_PASID | MODEL_DT | MODEL_PRS | MODEL_FIRST)
#define QUEUED 127u /* of 128: one slot tells full from empty */

static struct model_unit *m;
static struct model_device_tlb tlb;
static struct domain *own, *dom;
static uint32_t pasid;

static void start(uint64_t ecap)
{
	machine_init();
	m = model_machine_unit(&mc, MODEL_VER, MODEL_CAP, ecap, MODEL_ALL);
	machine_start();
	assert_int_equal(vtd_choose_tables(&mmu, VTD_WANT_SCALABLE), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	device_tlb_init(&tlb, m, FN.rid);
	assert_int_equal(domain_create(&mmu, "own", &own), SL_OK);
	assert_int_equal(domain_create(&mmu, "queue", &dom), SL_OK);
}

/* With two domains, the second under a PASID, and a page in each at the same device address. */
static uint64_t more; /* of ECAP */
static void begin(bool pages)
{
	start(ABLE | more);
	m->prs = pages ? 2 : 0; /* as firmware may leave it */
	assert_int_equal(iommu_ats_allow(&mmu, FN, 8, pages), SL_OK);
	assert_int_equal(domain_attach(own, FN), SL_OK);
	assert_int_equal(domain_attach_pasid(dom, FN, LIMIT, &pasid), SL_OK);
	assert_int_equal(domain_map(own, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(dom, IOVA(W), PHYS(P + PAGE_1G), PAGE_SIZE, DOMAIN_RW), SL_OK);
}

static void end(void)
{
	assert_int_equal(domain_detach_pasid(dom), SL_OK);
	iommu_ats_end(&mmu);
	assert_int_equal(domain_detach(own, FN), SL_OK);
	assert_int_equal(domain_destroy(dom), SL_OK);
	assert_int_equal(domain_destroy(own), SL_OK);
	iommu_fault_clear(&mmu);
	machine_end();
}

static void test_rules(void **state)
{
	(void)state;
	struct iommu_page_request r;
	static const uint64_t unable[] = {ABLE & ~MODEL_DT, ABLE & ~MODEL_PRS};
	for (unsigned i = 0; i < ARRAY_LEN(unable); i++) {
		start(unable[i]);
		assert_int_equal(iommu_ats_allow(&mmu, FN, 8, true), SL_UNSUPPORTED);
		assert_int_equal(iommu_ats_allow(&mmu, FN, 8, false), i ? SL_OK : SL_UNSUPPORTED);
		assert_int_equal(domain_attach(own, FN), SL_OK);
		assert_int_equal(iommu_page_request_next(&mmu, &r), SL_END); /* no register is read */
		machine_end();
	}
	m = one_unit(MODEL_CAP, ABLE | MODEL_SECOND); /* legacy mode */
	assert_int_equal(iommu_ats_allow(&mmu, FN, 8, false), SL_UNSUPPORTED);
	machine_end();
	begin(true);
	assert_int_equal(iommu_ats_allow(&mmu, OTHER, 8, false), SL_BUSY);
	iommu_ats_end(&mmu);
	assert_int_equal(iommu_ats_allow(&mmu, FN, 8, false), SL_BUSY); /* it is attached */
	assert_int_equal(iommu_ats_allow(&mmu, (bdf_t){9, 0}, 8, false), SL_NOTFOUND);
	end();
}

/* What the function kept of each domain is gone when its domain changes, and not before: a page of its own
 * domain, one under its PASID, and all of it at a detach. */
static void invalidations(void)
{
	uint64_t phys;
	begin(false);
	assert_int_equal(device_tlb_dma(&tlb, MODEL_NO_PASID, W, true, &phys), 0);
	assert_int_equal(phys, P);
	assert_int_equal(device_tlb_dma(&tlb, pasid, W, true, &phys), 0);
	assert_int_equal(phys, P + PAGE_1G);
	unsigned before = tlb.invalidations, fills = tlb.fills;
	assert_int_equal(domain_unmap(dom, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(tlb.invalidations, before + 1);
	assert_int_equal(device_tlb_dma(&tlb, pasid, W, true, &phys), 1);
	assert_int_equal(device_tlb_dma(&tlb, MODEL_NO_PASID, W, true, &phys), 0);
	assert_int_equal(tlb.fills, fills); /* it was not asked to forget that one */
	assert_int_equal(domain_unmap(own, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(device_tlb_dma(&tlb, MODEL_NO_PASID, W, true, &phys), 1);
	/* 2^am pages, of which only these are forgotten */
	assert_int_equal(domain_map(dom, IOVA(W), PHYS(P), 64 * PAGE_SIZE, DOMAIN_RW), SL_OK);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(device_tlb_dma(&tlb, pasid, W + i * PAGE_SIZE, false, &phys), 0);
	fills = tlb.fills;
	assert_int_equal(domain_unmap(dom, IOVA(W + 16 * PAGE_SIZE), 16 * PAGE_SIZE), SL_OK);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(device_tlb_dma(&tlb, pasid, W + i * PAGE_SIZE, false, &phys),
				 i >= 16 && i < 32);
	assert_int_equal(tlb.fills, fills);
	assert_int_equal(domain_detach_pasid(dom), SL_OK);
	assert_int_equal(device_tlb_dma(&tlb, pasid, W, false, &phys), 1);
	/* the function itself goes from one domain to another */
	assert_int_equal(domain_map(own, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(device_tlb_dma(&tlb, MODEL_NO_PASID, W, true, &phys), 0);
	assert_int_equal(domain_detach(own, FN), SL_OK);
	assert_int_equal(domain_unmap(own, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_attach(own, FN), SL_OK);
	assert_int_equal(device_tlb_dma(&tlb, MODEL_NO_PASID, W, true, &phys), 1);
	assert_int_equal(domain_attach_pasid(dom, FN, LIMIT, &pasid), SL_OK);
	end();
}

/* Also where the unit wants to know the PF. */
static void test_invalidations(void **state)
{
	(void)state;
	invalidations();
	more = MODEL_DIT;
	invalidations();
	more = 0;
}

/* A device that answers no invalidation may go on using the memory: it is not given back. */
static void test_no_answer(void **state)
{
	(void)state;
	begin(false);
	tlb.mute = true;
	assert_int_equal(domain_unmap(dom, IOVA(W), PAGE_SIZE), SL_DEVICE);
	assert_int_equal(domain_detach_pasid(dom), SL_DEVICE);
	assert_int_equal(domain_pasid(dom), pasid);
	assert_int_equal(domain_destroy(dom), SL_BUSY);
	machine_end();
}

/* The unit's own error is not forgotten over the device, which has emptied its cache. */
static void test_unit_fails(void **state)
{
	(void)state;
	begin(false);
	m->queue_stuck = true;
	assert_int_equal(domain_unmap(own, IOVA(W), PAGE_SIZE), SL_TIMEOUT);
	machine_end();
}

/* A request that says it is translated reaches every address where the function may send such; nobody asked
 * for it and no table maps it. Elsewhere it is refused, and with that reason. */
static void test_translated(void **state)
{
	struct iommu_fault f;
	(void)state;
	begin(false);
	const uint64_t at[] = {P, W, 0x12345000, RAM_BASE, m->root & ~0xfffull};
	assert_int_equal(domain_attach(own, OTHER), SL_OK);
	for (unsigned i = 0; i < ARRAY_LEN(at); i++) {
		assert_int_equal(model_dma_translated(m, FN.rid, at[i], true), 0);
		assert_int_equal(model_dma_translated(m, OTHER.rid, at[i], true), 0x44);
		assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
		assert_true(f.code == 0x44 && bdf_eq(f.bdf, OTHER) && f.why == WHY_KIND);
		assert_int_equal(model_dma_translated(m, 0x0300, at[i], true), 0x39);
		iommu_fault_clear(&mmu);
	}
	assert_int_equal(domain_detach(own, OTHER), SL_OK);
	end();
}

/* ---- page requests ---- */

static void test_page_requests(void **state)
{
	(void)state;
	struct iommu_page_request r;
	uint64_t phys, at = W + 5 * PAGE_SIZE;
	begin(true);
	assert_int_equal(iommu_page_request_next(&mmu, &r), SL_END);
	/* more than the queue has slots, so that it wraps */
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(device_tlb_dma(&tlb, pasid, at + 8, true, &phys), 1);
		assert_int_equal(model_page_request(m, FN.rid, pasid, at, i % 2, (uint16_t)(i % 512), true),
				 0);
		assert_int_equal(iommu_page_request_next(&mmu, &r), SL_OK);
		assert_true(bdf_eq(r.fn, FN) && r.pasid == pasid && r.iova.v == at && r.write == i % 2 &&
			    r.read == !r.write && r.last && r.group == i % 512);
		assert_int_equal(iommu_page_request_next(&mmu, &r), SL_END);
		assert_int_equal(tlb.answers, i);
		assert_int_equal(domain_map(dom, IOVA(at), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(iommu_page_request_answer(&mmu, &r, i % 3 ? PAGE_MAPPED : PAGE_FAILURE),
				 SL_OK);
		assert_true(tlb.answers == i + 1 && tlb.code == (i % 3 ? 0 : 15) && tlb.group == i % 512 &&
			    tlb.pasid == pasid);
		assert_int_equal(device_tlb_dma(&tlb, pasid, at + 8, true, &phys), 0);
		assert_int_equal(phys, P + 8);
		assert_int_equal(domain_unmap(dom, IOVA(at), PAGE_SIZE), SL_OK);
	}
	/* only the last of a group is answered; one without a PASID */
	assert_int_equal(model_page_request(m, FN.rid, MODEL_NO_PASID, at, false, 7, false), 0);
	assert_int_equal(model_page_request(m, FN.rid, MODEL_NO_PASID, at, false, 7, true), 0);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(iommu_page_request_next(&mmu, &r), SL_OK);
		assert_int_equal(r.pasid, 0);
		assert_int_equal(iommu_page_request_answer(&mmu, &r, PAGE_INVALID), SL_OK);
		assert_int_equal(tlb.answers, 300 + i);
	}
	assert_int_equal(tlb.pasid, MODEL_NO_PASID);
	end();
}

/* Those beyond the queue are lost, and the unit answers the last of a group itself; when all others were
 * taken, it takes new ones. */
static void test_overflow(void **state)
{
	(void)state;
	struct iommu_page_request r;
	begin(true);
	for (unsigned i = 0; i < QUEUED; i++)
		assert_int_equal(
			model_page_request(m, FN.rid, pasid, W + i * PAGE_SIZE, true, (uint16_t)i, true), 0);
	assert_int_equal(model_page_request(m, FN.rid, pasid, W, true, 200, true), MODEL_REQUEST_LOST);
	assert_true(tlb.answers == 1 && tlb.group == 200 && tlb.code == 0);
	assert_int_equal(iommu_page_request_next(&mmu, &r), SL_OK);
	/* there is room, but that it lost some must be seen first */
	assert_int_equal(model_page_request(m, FN.rid, pasid, W, true, 201, true), MODEL_REQUEST_LOST);
	for (unsigned i = 1; i < QUEUED; i++) {
		assert_int_equal(iommu_page_request_next(&mmu, &r), SL_OK);
		assert_int_equal(r.iova.v, W + i * PAGE_SIZE);
	}
	said_start();
	assert_int_equal(iommu_page_request_next(&mmu, &r), SL_END);
	assert_said("page requests were lost: more than 127 were pending (PRS.PRO)");
	assert_int_equal(model_page_request(m, FN.rid, pasid, W, true, 202, true), 0);
	assert_int_equal(iommu_page_request_next(&mmu, &r), SL_OK);
	assert_int_equal(r.group, 202);
	end();
}

/* Of a function that may not ask: refused by the unit, recorded as a page request. And what no unit writes.
 */
static void test_refused(void **state)
{
	(void)state;
	struct iommu_fault f;
	struct iommu_page_request r;
	begin(false);
	assert_int_equal(model_page_request(m, FN.rid, pasid, W, true, 1, true), 0x47);
	assert_int_equal(iommu_fault_next(&mmu, &f), SL_OK);
	assert_true(f.code == 0x47 && f.page_request && f.pasid == pasid && bdf_eq(f.bdf, FN));
	assert_int_equal(iommu_page_request_next(&mmu, &r), SL_END);
	end();
	begin(true);
	assert_int_equal(model_page_request(m, FN.rid, pasid, W, true, 1, true), 0);
	((uint64_t *)phys_va(PHYS(m->pqa & ~0xfffull)))[0] ^= 3; /* no page request */
	assert_int_equal(iommu_page_request_next(&mmu, &r), SL_END);
	m->pqt = 0x7ffe0; /* beyond the queue */
	for (unsigned i = 0; i < 2; i++)
		assert_int_equal(iommu_page_request_next(&mmu, &r), SL_END);
	m->pqt = m->pqh;
	end();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),      cmocka_unit_test(test_invalidations),
		cmocka_unit_test(test_no_answer),  cmocka_unit_test(test_unit_fails),
		cmocka_unit_test(test_translated), cmocka_unit_test(test_page_requests),
		cmocka_unit_test(test_overflow),   cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests_name("ats", tests, ram_setup, NULL);
}
