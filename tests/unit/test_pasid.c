/* Domains of (function, PASID) in both stages: rules, entries, and random sequences of create, attach, map,
 * unmap, detach, destroy and DMA against plain arrays. What was cached before a change is asked for again at
 * once, in the caches of a model that tags them as the specification does, and in a function's own: a
 * forgotten invalidation is seen.
 *
 * SLUICE_SEED sets the seed, which is printed; SLUICE_PERCENT= makes fewer operations. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/pasid.h"
#include "kernel/pmm.h"
#include "iommu/ats.h"
#include "tests/model/device_tlb.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/support_memory.h"
#include "tests/unit/test.h"

#define W       0x1000000000ull
#define P       0x2000000000ull
#define PAGES   1024u
#define TENANTS 12u
#define OPS     170000u
#define LIMIT   0x100000u /* PASIDs of a function: 20 bits */

static const bdf_t fns[] = {{0, 0x0010}, {0, 0x0100}, {0, 0x0188}};
#define FNS    ARRAY_LEN(fns)
#define ATS_FN 1u

static struct domain *own[FNS]; /* of requests without PASID */
static struct tenant {
	struct domain *dom;
	int f; /* attached to that function; -1: to none */
	uint32_t pasid;
	uint64_t phys[PAGES]; /* 0: not mapped */
	uint8_t perm[PAGES];
} tenant[TENANTS];
static bool first;                  /* stage */
static bool ats;                    /* function 1 keeps translations itself, */
static struct model_device_tlb tlb; /* in this */
static unsigned stale;              /* changes of what the caches had */
static uint64_t rng;

static uint64_t rnd(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % n;
}

static struct model_unit *unit_of(unsigned f)
{
	unsigned unit;
	assert_int_equal(iommu_unit_of(&mmu, fns[f], &unit), SL_OK);
	return mc.unit[unit];
}

static void start(uint64_t cap, uint64_t ecap)
{
	machine_init();
	first = ecap >> 47 & 1;
	model_machine_unit(&mc, MODEL_VER, cap, ecap, 0x0010);
	model_machine_unit(&mc, MODEL_VER, cap, ecap, MODEL_ALL);
	machine_start();
	assert_int_equal(vtd_choose_tables(&mmu, VTD_WANT_SCALABLE), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	if (ats) {
		device_tlb_init(&tlb, unit_of(ATS_FN), fns[ATS_FN].rid);
		assert_int_equal(iommu_ats_allow(&mmu, fns[ATS_FN], 4, false), SL_OK);
	}
	for (unsigned f = 0; f < FNS; f++) {
		assert_int_equal(domain_create(&mmu, "own", &own[f]), SL_OK);
		assert_int_equal(domain_attach(own[f], fns[f]), SL_OK);
	}
}

static void end(void)
{
	iommu_ats_end(&mmu);
	for (unsigned f = 0; f < FNS; f++) {
		assert_int_equal(domain_detach(own[f], fns[f]), SL_OK);
		assert_int_equal(domain_destroy(own[f]), SL_OK);
	}
	machine_end();
}

static struct domain *make(const char *name)
{
	struct domain *d;
	assert_int_equal(domain_create(&mmu, name, &d), SL_OK);
	return d;
}

#define UNIT(stage) MODEL_CAP | MODEL_FS1GP, MODEL_ECAP | MODEL_PASID | (stage)

static void test_rules(void **state)
{
	(void)state;
	uint32_t pasid = 0;
	uint64_t phys;
	start(UNIT(MODEL_FIRST));
	struct domain *a = make("a"), *b = make("b"), *pass;
	assert_int_equal(domain_attach_pasid(a, (bdf_t){0, 0x0200}, LIMIT, &pasid), SL_NOTFOUND);
	assert_int_equal(domain_attach_pasid(a, fns[1], 1, &pasid), SL_NOSPACE);
	assert_int_equal(domain_attach_pasid(a, fns[1], LIMIT, &pasid), SL_OK);
	assert_int_equal(pasid, 1);
	assert_int_equal(domain_pasid(a), 1);
	assert_int_equal(domain_attach_pasid(b, fns[1], 2, &pasid),
			 SL_NOSPACE); /* it has only PASID 0 and 1 */
	assert_int_equal(domain_attach_pasid(b, fns[2], LIMIT, &pasid), SL_OK);
	assert_int_equal(pasid, 2); /* never the same twice in a machine */
	assert_int_equal(domain_attach_pasid(a, fns[2], LIMIT, &pasid), SL_BUSY);
	assert_int_equal(domain_attach(a, (bdf_t){0, 0x0200}), SL_BUSY);
	assert_int_equal(domain_detach(own[1], fns[1]), SL_BUSY);
	assert_int_equal(domain_detach(a, fns[1]), SL_NOTFOUND);
	assert_int_equal(domain_destroy(a), SL_BUSY);
	assert_int_equal(domain_create_passthrough(&mmu, "pass", &pass), SL_OK);
	assert_int_equal(domain_attach_pasid(pass, fns[1], LIMIT, &pasid), SL_UNSUPPORTED);
	assert_int_equal(domain_destroy(pass), SL_OK);
	assert_int_equal(domain_detach_pasid(a), SL_OK);
	assert_int_equal(domain_detach_pasid(a), SL_NOTFOUND);
	assert_int_equal(domain_detach_pasid(b), SL_OK);
	/* Requests without PASID and those of each PASID go their own ways. */
	assert_int_equal(domain_map(own[1], IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_map(a, IOVA(W), PHYS(P + PAGE_1G), PAGE_SIZE, DOMAIN_RW), SL_OK);
	assert_int_equal(domain_attach_pasid(a, fns[1], LIMIT, &pasid), SL_OK);
	assert_int_equal(model_dma(unit_of(1), fns[1].rid, W, true, &phys), 0);
	assert_int_equal(phys, P);
	assert_int_equal(model_dma_pasid(unit_of(1), fns[1].rid, pasid, W, true, &phys), 0);
	assert_int_equal(phys, P + PAGE_1G);
	assert_int_equal(model_dma_pasid(unit_of(2), fns[2].rid, pasid, W, true, &phys), 0x59);
	assert_int_equal(model_dma_pasid(unit_of(1), fns[1].rid, 100, W, true, &phys), 0x51);
	assert_int_equal(domain_detach_pasid(a), SL_OK);
	assert_int_equal(domain_destroy(a), SL_OK);
	assert_int_equal(domain_destroy(b), SL_OK);
	end();
}

/* What is read on the way of a request with a PASID, from the root on. */
static void test_walked(void **state)
{
	static const char *const name[] = {"root", "context", "PASID directory", "PASID",
					   "PASID, words 2, 3"};
	(void)state;
	for (unsigned second = 0; second < 2; second++) {
		struct iommu_walk w;
		uint32_t pasid;
		start(UNIT(second ? MODEL_SECOND : MODEL_FIRST));
		struct domain *d = make("d");
		assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
		assert_int_equal(domain_attach_pasid(d, fns[1], LIMIT, &pasid), SL_OK);
		assert_int_equal(iommu_walk_pasid(&mmu, fns[1], pasid, IOVA(W), &w), SL_OK);
		assert_true(w.read && w.write && w.phys.v == P && w.entries > 7);
		for (unsigned i = 0; i < w.entries; i++)
			if (i < ARRAY_LEN(name))
				assert_string_equal(w.entry[i].table, name[i]);
			else
				assert_null(w.entry[i].table);
		/* word 0 has the second stage's tables, word 2 the first one's */
		assert_int_equal(w.table[WALK_PAGES].at.v, w.entry[second ? 3 : 4].lo & BITS(51, 12));
		assert_int_equal(w.table[WALK_PASIDS].at.v, w.entry[2].lo & BITS(51, 12));
		assert_int_equal(w.table[WALK_PASID_DIRECTORY].at.v, w.entry[1].lo & BITS(51, 12));
		assert_int_equal(domain_detach_pasid(d), SL_OK);
		assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
		assert_int_equal(domain_destroy(d), SL_OK);
		end();
	}
}

/* A function that is attached has all its tables: without memory for one of them it is not attached. */
static void test_no_memory(void **state)
{
	const bdf_t other = {0, 0x0500};
	(void)state;
	start(UNIT(MODEL_FIRST));
	struct domain *d = make("d");
	enum sl_err e = SL_NOMEM;
	assert_int_equal(domain_map(d, IOVA(W), PHYS(P), PAGE_SIZE, DOMAIN_RW), SL_OK);
	for (unsigned left = 0, twice = 0; e; left += twice++ % 2) { /* what was made before stays */
		uint64_t phys;
		support_memory_take(left);
		e = domain_attach(d, other);
		support_memory_give();
		assert_int_equal(model_dma(unit_of(1), other.rid, W, true, &phys) == 0, e == SL_OK);
		if (e && e != SL_NOMEM)
			fail_msg("%s with %u pages", sl_err_text(e), left);
		assert_true(left < 10);
	}
	assert_int_equal(domain_detach(d, other), SL_OK);
	assert_int_equal(domain_unmap(d, IOVA(W), PAGE_SIZE), SL_OK);
	assert_int_equal(domain_destroy(d), SL_OK);
	end();
}

/* Units without PASIDs, or in legacy mode. */
static void test_none(void **state)
{
	(void)state;
	uint32_t pasid;
	start(MODEL_CAP, MODEL_ECAP | MODEL_SECOND);
	struct domain *d = make("d");
	assert_int_equal(iommu_pasids(&mmu, fns[1]), 0);
	assert_int_equal(domain_attach_pasid(d, fns[1], LIMIT, &pasid), SL_UNSUPPORTED);
	assert_int_equal(domain_destroy(d), SL_OK);
	end();
	one_unit(MODEL_CAP, MODEL_ECAP | MODEL_SECOND | MODEL_PASID);
	assert_int_equal(iommu_pasids(&mmu, fns[1]), 0);
	assert_int_equal(iommu_pasids(&mmu, (bdf_t){7, fns[1].rid}), 0); /* under no unit */
	machine_end();
}

static unsigned alone_group(void *ctx, bdf_t fn)
{
	return *(const bool *)ctx ? fn.rid : 7;
}

static unsigned bridge_id(void *ctx, bdf_t fn, uint16_t *out, unsigned max)
{
	(void)ctx;
	(void)max;
	*out = fn.rid + 1;
	return 1;
}

/* Functions that a unit cannot tell apart, or that reach each other, get none. */
static void test_groups(void **state)
{
	(void)state;
	uint32_t pasid;
	bool alone = false;
	struct iommu_groups groups = {&alone, alone_group, NULL};
	start(UNIT(MODEL_SECOND));
	struct domain *d = make("d");
	iommu_set_groups(&mmu, &groups);
	assert_int_equal(domain_attach_pasid(d, fns[1], LIMIT, &pasid), SL_UNSUPPORTED);
	alone = true;
	assert_int_equal(domain_attach_pasid(d, fns[1], LIMIT, &pasid), SL_OK);
	assert_int_equal(domain_detach_pasid(d), SL_OK);
	groups.ids = bridge_id;
	assert_int_equal(domain_detach(own[2], fns[2]), SL_OK);
	assert_int_equal(domain_attach(own[2], fns[2]), SL_OK);
	assert_int_equal(domain_attach_pasid(d, fns[2], LIMIT, &pasid), SL_UNSUPPORTED);
	assert_int_equal(domain_destroy(d), SL_OK);
	end();
}

/* A unit that does not answer may keep the entry: PASID, domain and tables are not given out again. */
static void test_no_answer(void **state)
{
	(void)state;
	uint32_t pasid;
	start(UNIT(MODEL_SECOND));
	struct domain *d = make("d");
	assert_int_equal(domain_attach_pasid(d, fns[1], LIMIT, &pasid), SL_OK);
	unit_of(1)->queue_stuck = true;
	assert_int_equal(domain_detach_pasid(d), SL_TIMEOUT);
	assert_int_equal(domain_pasid(d), pasid);
	assert_true(domain_detach_pasid(d) != SL_OK);
	assert_int_equal(domain_destroy(d), SL_BUSY);
	assert_int_equal(domain_detach(own[1], fns[1]), SL_BUSY);
	machine_end();
}

/* ---- random ---- */

static unsigned refused(const struct tenant *t, uint64_t page, bool write)
{
	unsigned perm = t->phys[page] ? t->perm[page] : 0;
	if (first && perm)
		perm |= DOMAIN_R;
	if (perm & (write ? DOMAIN_W : DOMAIN_R))
		return 0;
	return t->phys[page] ? (write ? 0x85 : 0x86) : first ? 0x71 : 0x79;
}

static unsigned dma(unsigned f, uint32_t pasid, uint64_t iova, bool write, uint64_t *phys)
{
	return ats && f == ATS_FN ? device_tlb_dma(&tlb, pasid, iova, write, phys)
				  : model_dma_pasid(unit_of(f), fns[f].rid, pasid, iova, write, phys);
}

/* One request with that function's PASID, and whether it does what the arrays say. */
static void request(unsigned f, uint32_t pasid, uint64_t page, bool write)
{
	uint64_t phys = 0, off = rnd(PAGE_SIZE);
	bool kept = ats && f == ATS_FN; /* such a function learns no reason */
	unsigned reason = dma(f, pasid, W + page * PAGE_SIZE + off, write, &phys);
	const struct tenant *t = NULL;
	for (unsigned i = 0; i < TENANTS; i++)
		if (tenant[i].f == (int)f && tenant[i].pasid == pasid)
			t = &tenant[i];
	if (!t) {
		assert_true(kept ? reason == 1 : reason == 0x59 || reason == 0x51);
		return;
	}
	assert_int_equal(reason, kept ? refused(t, page, write) != 0 : refused(t, page, write));
	if (!reason)
		assert_int_equal(phys, t->phys[page] + off);
}

static void ask(const struct tenant *t, uint64_t page)
{
	request((unsigned)t->f, t->pasid, page, false);
	request((unsigned)t->f, t->pasid, page, true);
}

static void check_walk(const struct tenant *t, uint64_t page)
{
	struct iommu_walk w;
	const bdf_t fn = fns[(unsigned)t->f];
	assert_int_equal(iommu_walk_pasid(&mmu, fn, t->pasid, IOVA(W + page * PAGE_SIZE), &w), SL_OK);
	assert_int_equal(w.domain, domain_id(t->dom));
	assert_int_equal(w.code_read, refused(t, page, false));
	assert_int_equal(w.code_write, refused(t, page, true));
	assert_true(!t->phys[page] || w.phys.v == t->phys[page]);
}

static void map(struct tenant *t)
{
	uint64_t at = rnd(PAGES), n = 1 + (rnd(8) ? rnd(8) : rnd(700));
	uint64_t phys = P + (rnd(1 << 16) << 21) + (rnd(2) ? at % 512 : rnd(512)) * PAGE_SIZE;
	unsigned perm = 1 + (unsigned)rnd(3);
	bool taken = false;
	n = at + n > PAGES ? PAGES - at : n;
	for (uint64_t i = at; i < at + n; i++)
		taken = taken || t->phys[i];
	assert_int_equal(domain_map(t->dom, IOVA(W + at * PAGE_SIZE), PHYS(phys), n * PAGE_SIZE, perm),
			 taken ? SL_EXISTS : SL_OK);
	for (uint64_t i = at; !taken && i < at + n; i++) {
		t->phys[i] = phys + (i - at) * PAGE_SIZE;
		t->perm[i] = (uint8_t)perm;
	}
	if (t->f >= 0)
		ask(t, at);
}

static void unmap(struct tenant *t)
{
	uint64_t at = rnd(PAGES), end_at = at;
	while (at && t->phys[at - 1])
		at--;
	while (end_at < PAGES && t->phys[end_at])
		end_at++;
	if (end_at == at)
		return;
	uint64_t n = rnd(2) ? end_at - at : 1 + rnd(end_at - at), some = at + rnd(n);
	if (t->f >= 0)
		ask(t, some);
	assert_int_equal(domain_unmap(t->dom, IOVA(W + at * PAGE_SIZE), n * PAGE_SIZE), SL_OK);
	memset(&t->phys[at], 0, n * sizeof(t->phys[0]));
	if (t->f >= 0)
		ask(t, some);
	stale += t->f >= 0;
}

static uint64_t mapped_page(const struct tenant *t)
{
	uint64_t from = rnd(PAGES);
	for (uint64_t i = 0; i < PAGES; i++)
		if (t->phys[(from + i) % PAGES])
			return (from + i) % PAGES;
	return from;
}

static void attach(struct tenant *t)
{
	unsigned f = (unsigned)rnd(FNS);
	request(f, (uint32_t)(1 + rnd(TENANTS)), rnd(PAGES), true); /* a refusal may be cached */
	assert_int_equal(domain_attach_pasid(t->dom, fns[f], LIMIT, &t->pasid), SL_OK);
	t->f = (int)f;
	ask(t, mapped_page(t));
}

/* The revoked PASID's translations are in the caches; it and its domain id go to somebody else at once. */
static void detach(struct tenant *t)
{
	unsigned f = (unsigned)t->f;
	uint64_t page = mapped_page(t);
	uint32_t was = t->pasid;
	ask(t, page);
	assert_int_equal(domain_detach_pasid(t->dom), SL_OK);
	t->f = -1;
	stale++;
	request(f, was, page, false);
	request(f, was, page, true);
	if (rnd(2)) {
		uint16_t id = domain_id(t->dom);
		assert_int_equal(domain_destroy(t->dom), SL_OK);
		memset(t->phys, 0, sizeof(t->phys));
		t->dom = make("tenant");
		assert_int_equal(domain_id(t->dom), id);
	}
	if (rnd(2)) {
		attach(t);
		ask(t, page);
	}
}

static void step(void)
{
	struct tenant *t = &tenant[rnd(TENANTS)];
	unsigned what = (unsigned)rnd(100);
	if (what < 8)
		map(t);
	else if (what < 14)
		unmap(t);
	else if (what < 16 && t->f < 0)
		attach(t);
	else if (what < 16)
		detach(t);
	else if (what < 20 && t->f >= 0)
		check_walk(t, rnd(PAGES));
	else
		request((unsigned)rnd(FNS), (uint32_t)(1 + rnd(TENANTS + 1)), rnd(PAGES), rnd(2));
}

/* While a unit is asked to forget, devices go on. */
static void meanwhile(void *ctx)
{
	uint64_t phys;
	(void)ctx;
	for (unsigned i = 0; i < 2; i++)
		(void)dma((unsigned)rnd(FNS), (uint32_t)(1 + rnd(TENANTS)), W + rnd(PAGES) * PAGE_SIZE,
			  rnd(2), &phys);
}

static void random_run(const char *name, uint64_t cap, uint64_t ecap, unsigned ops)
{
	printf("pasid: %s\n", name);
	start(cap, ecap);
	for (unsigned i = 0; i < TENANTS; i++)
		tenant[i] = (struct tenant){.dom = make("tenant"), .f = -1};
	for (unsigned i = 0; i < mc.units; i++) {
		mc.unit[i]->on_wait = meanwhile;
		mc.unit[i]->on_wait_ctx = mc.unit[i];
	}
	stale = 0;
	for (unsigned i = 0; i < ops; i++)
		step();
	assert_true(stale > ops / 200);
	for (unsigned i = 0; i < TENANTS; i++) {
		if (tenant[i].f >= 0)
			assert_int_equal(domain_detach_pasid(tenant[i].dom), SL_OK);
		tenant[i].f = -1;
		assert_int_equal(domain_destroy(tenant[i].dom), SL_OK);
	}
	iommu_fault_clear(&mmu);
	end();
}

#define MAMV(cap, v) (((cap) & ~(0x3full << 48)) | (uint64_t)(v) << 48)
#define COHERENT     (MODEL_COHERENT | MODEL_SMPWCS)

static void test_random(void **state)
{
	(void)state;
	const char *seed = getenv("SLUICE_SEED"), *part = getenv("SLUICE_PERCENT");
	unsigned percent = part && *part ? (unsigned)atoi(part) : 100, ops = OPS / 100 * percent;
	rng = seed && *seed ? strtoull(seed, NULL, 0) | 1 : 0x5eed0001;
	printf("pasid: SLUICE_SEED=0x%llx\n", (unsigned long long)rng);
	random_run("second stage", UNIT(MODEL_SECOND), ops);
	random_run("second stage, coherent, caching mode", MODEL_CAP | MODEL_CM,
		   MODEL_ECAP | COHERENT | MODEL_PASID | MODEL_SECOND, ops);
	random_run("first stage", UNIT(MODEL_FIRST), ops);
	random_run("first stage, coherent, MAMV 3", MAMV(MODEL_CAP, 3),
		   MODEL_ECAP | COHERENT | MODEL_PASID | MODEL_FIRST, ops);
	random_run("first stage, caching mode", MODEL_CAP | MODEL_CM, MODEL_ECAP | MODEL_PASID | MODEL_FIRST,
		   ops);
	random_run("first stage, no page-selective invalidation, write buffer",
		   (MODEL_CAP & ~MODEL_PSI) | MODEL_RWBF, MODEL_ECAP | MODEL_PASID | MODEL_FIRST, ops);
	ats = true;
	random_run("first stage, a device TLB", MODEL_CAP, MODEL_ECAP | MODEL_PASID | MODEL_DT | MODEL_FIRST,
		   ops);
	assert_true(tlb.fills > ops / 50 && tlb.invalidations > ops / 500);
	random_run("second stage, a device TLB, caching mode", MODEL_CAP | MODEL_CM,
		   MODEL_ECAP | MODEL_PASID | MODEL_DT | MODEL_SECOND, ops);
	assert_true(tlb.fills > ops / 50 && tlb.invalidations > ops / 500);
	ats = false;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rules),  cmocka_unit_test(test_none),
		cmocka_unit_test(test_groups), cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_walked), cmocka_unit_test(test_no_memory),
		cmocka_unit_test(test_random),
	};
	return cmocka_run_group_tests(tests, ram_setup, NULL);
}
