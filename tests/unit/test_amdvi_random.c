/* Random sequences of map, unmap, attach, detach, destroy and DMA on AMD units, against plain arrays: what a
 * function may reach is known at every step, and the model, whose caches keep whatever was not invalidated,
 * must agree; so must the walker.
 *
 * SLUICE_SEED sets the seed, which is printed; SLUICE_PERCENT= makes fewer of them. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "iommu/backend.h"
#include "tests/unit/support_amd.h"

#define W       0x1000000000ull /* device addresses start here */
#define P       0x2000000000ull /* memory that they lead to; nothing reads it */
#define DOMAINS 4
#define FNS     6
#define PAGES   4096u /* of device addresses, in each domain */
#define OPS     250000u

static struct plain {
	struct domain *dom;
	uint64_t phys[PAGES]; /* 0: not mapped */
	uint8_t perm[PAGES];
} plain[DOMAINS];
static int attached[FNS]; /* index of the domain; -1: none */
static const bdf_t fns[FNS] = {{0, 0x0100}, {0, 0x0101}, {0, 0x0200}, {0, 0x8010}, {0, 0x8310}, {0, 0x8318}};
static uint64_t rng;
static unsigned percent, stale; /* times that a stale translation would have shown */

static uint64_t rnd(uint64_t n)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % n;
}

static struct amd_unit *unit_of(unsigned f)
{
	return mc.unit[mc.units > 1 && fns[f].rid >= 0x8000];
}

static void request(unsigned f, uint64_t page, bool write)
{
	uint64_t phys = 0, off = rnd(PAGE_SIZE);
	unsigned code = amd_dma(unit_of(f), fns[f].rid, W + page * PAGE_SIZE + off, write, &phys);
	const struct plain *p = attached[f] < 0 ? NULL : &plain[attached[f]];
	bool allowed = p && p->phys[page] && p->perm[page] & (write ? DOMAIN_W : DOMAIN_R);
	assert_int_equal(code, allowed ? 0 : 2);
	if (allowed)
		assert_int_equal(phys, p->phys[page] + off);
}

/* Every function asks for some pages of a range: before a change, so that the caches have them, and after. */
static uint64_t probe[4];

static bool probe_all(void)
{
	bool cached = false;
	for (unsigned f = 0; f < FNS; f++)
		for (unsigned i = 0; i < ARRAY_LEN(probe); i++) {
			request(f, probe[i], false);
			request(f, probe[i], true);
			cached |= attached[f] >= 0 &&
				  amd_cached(unit_of(f), fns[f].rid, W + probe[i] * PAGE_SIZE);
		}
	return cached;
}

static bool probe_before(uint64_t at, uint64_t n)
{
	probe[0] = at;
	probe[1] = at + n - 1;
	probe[2] = at + rnd(n);
	probe[3] = at + rnd(n);
	return probe_all();
}

static void check_walk(unsigned f, uint64_t page)
{
	struct iommu_walk w;
	assert_int_equal(iommu_walk(&mmu, fns[f], IOVA(W + page * PAGE_SIZE), &w), SL_OK);
	if (attached[f] < 0) {
		assert_true(w.why_read == WHY_NO_DOMAIN && w.why_write == WHY_NO_DOMAIN && !w.size);
		return;
	}
	const struct plain *p = &plain[attached[f]];
	assert_int_equal(w.domain, domain_id(p->dom));
	assert_int_equal(w.read + 2 * w.write, p->phys[page] ? p->perm[page] : 0);
	if (p->phys[page])
		assert_int_equal(w.phys.v, p->phys[page]);
}

/* While an invalidation runs, devices go on: they reach what was or what will be mapped, and nothing that
 * became of a table. */
static void meanwhile(struct amd_unit *m)
{
	uint64_t phys = P;
	unsigned f = (unsigned)rnd(FNS);
	if (unit_of(f) == m && !amd_dma(m, fns[f].rid, W + rnd(PAGES) * PAGE_SIZE, rnd(2), &phys))
		assert_true(phys >= P);
}

static void map(struct plain *p, uint64_t at, uint64_t n, uint64_t phys, unsigned perm)
{
	bool taken = false;
	for (uint64_t i = at; i < at + n; i++)
		taken = taken || p->phys[i];
	enum sl_err e = domain_map(p->dom, IOVA(W + at * PAGE_SIZE), PHYS(phys), n * PAGE_SIZE, perm);
	assert_int_equal(e, taken ? SL_EXISTS : SL_OK);
	for (uint64_t i = 0; !taken && i < n; i++) {
		p->phys[at + i] = phys + i * PAGE_SIZE;
		p->perm[at + i] = (uint8_t)perm;
	}
}

static void unmap(struct plain *p, uint64_t at, uint64_t n)
{
	bool whole = true;
	for (uint64_t i = at; i < at + n; i++)
		whole = whole && p->phys[i];
	assert_int_equal(domain_unmap(p->dom, IOVA(W + at * PAGE_SIZE), n * PAGE_SIZE),
			 whole ? SL_OK : SL_RANGE);
	for (uint64_t i = at; whole && i < at + n; i++)
		p->phys[i] = 0;
}

/* Often aligned like the device address, so that large pages fit. */
static uint64_t some_phys(uint64_t page)
{
	uint64_t align = rnd(2) ? page : rnd(512);
	return P + (rnd(1 << 16) << 21) + (align % 512) * PAGE_SIZE;
}

static void random_map(struct plain *p)
{
	uint64_t at = rnd(PAGES), n = 1 + (rnd(8) ? rnd(16) : rnd(1200));
	if (at + n > PAGES)
		n = PAGES - at;
	map(p, at, n, some_phys(at), 1 + (unsigned)rnd(3));
}

/* The run of mapped pages around a random one, or a random piece of it, which may cut large pages. */
static void random_range(const struct plain *p, uint64_t *from, uint64_t *n)
{
	uint64_t at = rnd(PAGES), end = at;
	while (at && p->phys[at - 1])
		at--;
	while (end < PAGES && p->phys[end])
		end++;
	if (rnd(4) && end > at) {
		at += rnd(end - at);
		end = at + 1 + rnd(end - at < 64 ? end - at : 64);
	}
	*from = at;
	*n = end > at ? end - at : 1;
}

static void random_unmap(struct plain *p)
{
	uint64_t at, n;
	random_range(p, &at, &n);
	bool cached = probe_before(at, n);
	unmap(p, at, n);
	stale += cached;
	(void)probe_all();
}

/* A page that comes and goes while it is cached; half of the times with another permission only. */
static void random_page(struct plain *p)
{
	uint64_t page = rnd(PAGES), was = p->phys[page];
	bool same = rnd(2) && was, batch = rnd(2);
	unsigned perm = same ? 1 + (p->perm[page] + (unsigned)rnd(2)) % 3 : 1 + (unsigned)rnd(3);
	stale += probe_before(page, 1);
	if (batch)
		domain_unmap_begin(p->dom);
	unmap(p, page, 1);
	if (!batch)
		(void)probe_all();
	map(p, page, 1, same ? was : P + rnd(1 << 20) * PAGE_SIZE, perm);
	if (batch)
		assert_int_equal(domain_unmap_end(p->dom), SL_OK);
	(void)probe_all();
}

static void random_batch(struct plain *p)
{
	uint64_t at, n;
	domain_unmap_begin(p->dom);
	for (unsigned i = 0, count = (unsigned)rnd(8); i < count; i++) {
		random_range(p, &at, &n);
		if (rnd(3))
			unmap(p, at, n);
		else
			random_map(p);
	}
	assert_int_equal(domain_unmap_end(p->dom), SL_OK);
	if (rnd(8) == 0)
		assert_int_equal(domain_flush(p->dom), SL_OK);
}

static void random_attach(void)
{
	unsigned f = (unsigned)rnd(FNS);
	int d = (int)rnd(DOMAINS);
	(void)probe_before(rnd(PAGES), 1);
	if (attached[f] < 0) {
		assert_int_equal(domain_attach(plain[d].dom, fns[f]), SL_OK);
		attached[f] = d;
	} else {
		assert_int_equal(domain_detach(plain[attached[f]].dom, fns[f]), SL_OK);
		attached[f] = -1;
	}
	(void)probe_all();
}

/* Its id is used again at once, by an empty one. */
static void random_destroy(void)
{
	int d = (int)rnd(DOMAINS);
	for (unsigned f = 0; f < FNS; f++)
		if (attached[f] == d) {
			assert_int_equal(domain_detach(plain[d].dom, fns[f]), SL_OK);
			attached[f] = -1;
		}
	assert_int_equal(domain_destroy(plain[d].dom), SL_OK);
	memset(&plain[d], 0, sizeof plain[d]);
	assert_int_equal(domain_create(&mmu, "again", &plain[d].dom), SL_OK);
	(void)probe_all();
}

static void step(void)
{
	struct plain *p = &plain[rnd(DOMAINS)];
	uint64_t what = rnd(1000);
	if (what < 150)
		random_map(p);
	else if (what < 250)
		random_unmap(p);
	else if (what < 450)
		random_page(p);
	else if (what < 470)
		random_batch(p);
	else if (what < 500)
		random_attach();
	else if (what < 501)
		random_destroy();
	else if (what < 600)
		check_walk((unsigned)rnd(FNS), rnd(PAGES));
	else
		request((unsigned)rnd(FNS), rnd(PAGES), rnd(2));
}

static void run(uint64_t efr, bool np_cache, unsigned lag, unsigned units)
{
	machine_init();
	memset(plain, 0, sizeof plain);
	for (unsigned i = 0; i < units; i++) {
		struct amd_unit *m = amd_machine_unit(&mc, 0, efr, (uint16_t)(i * 0x8000),
						      units == 1 ? 0xffff : (uint16_t)(i * 0x8000 + 0x7fff));
		m->np_cache = np_cache;
		m->lag = lag;
		m->on_wait = meanwhile;
	}
	for (unsigned f = 0; f < FNS; f++)
		attached[f] = -1;
	assert_int_equal(amd_machine_read(&mc, &mmu), SL_OK);
	for (unsigned i = 0; i < DOMAINS; i++)
		assert_int_equal(domain_create(&mmu, "plain", &plain[i].dom), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	for (unsigned i = 0; i < OPS / 100 * percent; i++) {
		step();
		if (i % 256 == 0)
			iommu_fault_clear(&mmu);
	}
	for (unsigned f = 0; f < FNS; f++)
		if (attached[f] >= 0)
			assert_int_equal(domain_detach(plain[attached[f]].dom, fns[f]), SL_OK);
	for (unsigned i = 0; i < DOMAINS; i++)
		assert_int_equal(domain_destroy(plain[i].dom), SL_OK);
	machine_end();
}

/* Four kinds of machines, together a million operations; no memory is lost. */
static void test_random(void **state)
{
	(void)state;
	uint64_t before = pmm_used_pages();
	run(AMD_EFR, false, 0, 1);
	uint64_t kept = pmm_used_pages() - before; /* what a machine keeps for good: pmm_keep() */
	run(AMD_EFR, true, 0, 1);
	run(AMD_EFR & ~AMD_IA, false, 2, 2);
	run(AMD_EFR, true, 1, 2);
	assert_true(pmm_used_pages() - before <= 4 * kept + 16);
	assert_true(stale > 100 * percent);
	printf("random: %u changes of what was cached\n", stale);
}

static int set_up(void **state)
{
	const char *seed = getenv("SLUICE_SEED"), *part = getenv("SLUICE_PERCENT");
	percent = part && *part ? (unsigned)atoi(part) : 100;
	rng = seed && *seed ? strtoull(seed, NULL, 0) | 1 : 0x5eed0001;
	printf("random: SLUICE_SEED=0x%llx, %u %% of 4 times %u operations\n", (unsigned long long)rng,
	       percent, OPS);
	return ram_setup(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_random)};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
