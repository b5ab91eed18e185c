/* Random sequences of map, unmap, attach, detach, destroy and DMA on many kinds of machines, against plain
 * arrays: what a function may reach is known at every step, and the unit's model, whose caches keep whatever
 * was not invalidated, must agree. Each way to a stale translation is opened on purpose: the translation is
 * put into the caches, the change is made, and the same requests come again at once.
 *
 * SLUICE_SEED sets the seed, which is printed; SLUICE_PERCENT= makes fewer of them. */
#define _POSIX_C_SOURCE 200809L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/support_iommu.h"
#include "tests/unit/test.h"

#define W        0x1000000000ull   /* device addresses start here */
#define GIANT    (W + 4 * PAGE_1G) /* a page of 1 GiB comes and goes here */
#define P        0x2000000000ull   /* memory that they lead to; nothing reads it */
#define P_END    (P + (1ull << 38))
#define DOMAINS  4
#define FNS      6
#define PAGES    4096u  /* of device addresses, in each domain */
#define OPS_OWN  45000u /* in each machine of ours, */
#define OPS_REAL 30000u /* and with each pair of registers of a real one */

struct plain {
	struct domain *dom;
	uint64_t phys[PAGES]; /* 0: not mapped */
	uint8_t perm[PAGES];
};
static struct plain plain[DOMAINS];
static unsigned percent;  /* of the operations that are made */
static int attached[FNS]; /* index of the domain; -1: none */
static const bdf_t fns[FNS] = {{0, 0x0100}, {0, 0x0101}, {0, 0x0200}, {0, 0x0010}, {0, 0x0310}, {0, 0x0318}};
static uint64_t rng;

/* Windows in which a stale translation would have shown: the caches had it. */
enum window { UNMAP, SPLIT, REMAP, DETACH, DESTROY, REUSE, GIANT_SPLIT, WINDOWS };
static unsigned windows[WINDOWS];

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

/* ---- requests ---- */

static enum { LEGACY, SECOND, FIRST } stage; /* what the machine's units read */

/* The reason for a refusal where something is mapped, or nothing is. */
static unsigned refused(bool write, bool mapped)
{
	if (stage == LEGACY)
		return write ? 5 : 6;
	return mapped ? (write ? 0x85 : 0x86) : stage == SECOND ? 0x79 : 0x71;
}

static bool no_domain(unsigned reason)
{
	return stage == LEGACY ? reason == 1 || reason == 2 : reason == 0x39 || reason == 0x41;
}

/* What a page with that permission allows: the first stage has none that can only be written. */
static unsigned given(unsigned perm)
{
	return stage == FIRST && perm ? perm | DOMAIN_R : perm;
}

/* One request, and whether it does what the plain arrays say. */
static void request(unsigned f, uint64_t page, bool write)
{
	uint64_t phys = 0, off = rnd(PAGE_SIZE), iova = W + page * PAGE_SIZE + off;
	unsigned reason = model_dma(unit_of(f), fns[f].rid, iova, write, &phys);
	if (attached[f] < 0) {
		assert_true(no_domain(reason));
		return;
	}
	const struct plain *p = &plain[attached[f]];
	bool allowed = p->phys[page] && given(p->perm[page]) & (write ? DOMAIN_W : DOMAIN_R);
	assert_int_equal(reason, allowed ? 0 : refused(write, p->phys[page]));
	if (allowed)
		assert_int_equal(phys, p->phys[page] + off);
}

/* Half of the requests repeat one of the last: those hit the caches. */
static void check_dma(unsigned f, uint64_t page)
{
	static struct {
		unsigned f;
		uint64_t page;
	} last[64];
	unsigned i = (unsigned)rnd(ARRAY_LEN(last));
	if (rnd(2)) {
		f = last[i].f;
		page = last[i].page;
	}
	last[i].f = f;
	last[i].page = page;
	request(f, page, rnd(2));
}

/* Some pages of a range, asked for by every function of a domain (or by one): before a change, so that the
 * caches have them, and after it. */
static struct {
	uint64_t page[6];
	unsigned n;
	bool cached;
} probe;

static void probe_all(void)
{
	for (unsigned f = 0; f < FNS; f++)
		for (unsigned i = 0; i < probe.n; i++) {
			request(f, probe.page[i], false);
			request(f, probe.page[i], true);
		}
}

static void probe_before(const struct plain *p, uint64_t at, uint64_t n)
{
	probe.n = 0;
	probe.cached = false;
	probe.page[probe.n++] = at;
	probe.page[probe.n++] = at + n - 1;
	while (probe.n < ARRAY_LEN(probe.page))
		probe.page[probe.n++] = at + rnd(n);
	probe_all();
	for (unsigned f = 0; f < FNS; f++)
		for (unsigned i = 0; i < probe.n && attached[f] >= 0; i++)
			probe.cached |= &plain[attached[f]] == p && p->phys[probe.page[i]] &&
					model_cached(unit_of(f), fns[f].rid, W + probe.page[i] * PAGE_SIZE);
}

static void probe_after(enum window what)
{
	probe_all();
	windows[what] += probe.cached;
}

static void check_walk(unsigned f, uint64_t page)
{
	struct iommu_walk w;
	assert_int_equal(iommu_walk(&mmu, fns[f], IOVA(W + page * PAGE_SIZE), &w), SL_OK);
	if (attached[f] < 0) {
		assert_true(w.why_read == WHY_NO_DOMAIN && !w.size);
		return;
	}
	const struct plain *p = &plain[attached[f]];
	assert_int_equal(w.domain, domain_id(p->dom));
	assert_int_equal((w.read || w.write), p->phys[page] != 0);
	for (unsigned write = 0; write < 2; write++)
		if (write ? !w.write : !w.read)
			assert_int_equal(write ? w.code_write : w.code_read, refused(write, p->phys[page]));
	if (!p->phys[page])
		return;
	assert_int_equal(w.phys.v, p->phys[page]);
	assert_int_equal(w.read + 2 * w.write, given(p->perm[page]));
}

static bool passing; /* a function is in a domain in which everything passes */

/* While an invalidation runs, devices go on: they reach what was or what will be mapped, and nothing that
 * became of a table. */
static void meanwhile(void *ctx)
{
	struct model_unit *m = ctx;
	if (!(m->gsts >> 31)) /* not on yet: all passes */
		return;
	for (unsigned i = 0; i < 2; i++) {
		unsigned f = (unsigned)rnd(FNS);
		uint64_t phys = P, at = W + rnd(PAGES) * PAGE_SIZE;
		unsigned reason = model_dma(m, fns[f].rid, at, rnd(2), &phys);
		assert_true(!reason || no_domain(reason) || reason == refused(false, false) ||
			    reason == refused(false, true) || reason == refused(true, false) ||
			    reason == refused(true, true));
		assert_true((phys >= P && phys < P_END) || (passing && phys == at));
	}
}

/* ---- changes ---- */

/* Often aligned like the device address, so that large pages fit. */
static uint64_t some_phys(uint64_t page)
{
	uint64_t align = rnd(2) ? page : rnd(512);
	return P + (rnd(1 << 16) << 21) + (align % 512) * PAGE_SIZE;
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
	enum sl_err e = domain_unmap(p->dom, IOVA(W + at * PAGE_SIZE), n * PAGE_SIZE);
	assert_int_equal(e, whole ? SL_OK : SL_RANGE);
	for (uint64_t i = at; e == SL_OK && i < at + n; i++)
		p->phys[i] = 0;
}

static void random_map(struct plain *p)
{
	uint64_t at = rnd(PAGES), n = 1 + (rnd(4) ? rnd(16) : rnd(1500));
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
	if (rnd(4) == 0 && end > at) {
		at += rnd(end - at);
		end = at + 1 + rnd(end - at);
	}
	*from = at;
	*n = end > at ? end - at : 1;
}

static void random_unmap(struct plain *p)
{
	uint64_t at, n;
	random_range(p, &at, &n);
	probe_before(p, at, n);
	unmap(p, at, n);
	probe_after(UNMAP);
}

/* A few pages out of a larger one, which the caches have as a whole. */
static void random_split(struct plain *p)
{
	uint64_t at = ALIGN_DOWN(rnd(PAGES), 512), n = 1 + rnd(8), hole = at + rnd(512 - n);
	uint64_t phys = P + (rnd(1 << 16) << 21);
	for (uint64_t i = at, run; i < at + 512; i += run + 1) {
		for (run = 0; i + run < at + 512 && p->phys[i + run];)
			run++;
		if (run)
			unmap(p, i, run);
	}
	map(p, at, 512, phys, DOMAIN_RW);
	probe_before(p, hole, n);
	unmap(p, hole, n);
	probe_after(SPLIT);
}

/* A page that comes and goes, while its translation is in the caches of every unit: the way of single pages.
 * Half of the times it leads to where it did, with another permission. */
static void random_page(struct plain *p)
{
	uint64_t page = rnd(PAGES), was = p->phys[page];
	unsigned perm = p->perm[page];
	bool same = rnd(2) && was, batch = rnd(2);
	probe_before(p, page, 1);
	if (batch)
		domain_unmap_begin(p->dom);
	unmap(p, page, 1);
	if (!batch)
		probe_after(UNMAP);
	map(p, page, 1, same ? was : P + rnd(1 << 20) * PAGE_SIZE,
	    same ? 1 + (perm + (unsigned)rnd(2)) % 3 : 1 + (unsigned)rnd(3));
	if (batch)
		assert_int_equal(domain_unmap_end(p->dom), SL_OK);
	probe_after(REMAP);
}

/* A large page that goes, and one where nothing is mapped, though empty tables may be there. */
static void random_large(struct plain *p)
{
	uint64_t page = ALIGN_DOWN(rnd(PAGES), 512);
	probe_before(p, page, 512);
	unmap(p, page, 512);
	probe_after(UNMAP);
	map(p, page, 512, P + (rnd(1 << 16) << 21), DOMAIN_RW);
	probe_after(REMAP);
}

/* Several unmappings, and mappings among them, with one invalidation at the end. */
static void random_batch(struct plain *p)
{
	uint64_t at, n;
	domain_unmap_begin(p->dom);
	for (unsigned i = 0, count = (unsigned)rnd(8); i < count; i++) {
		if (rnd(3)) {
			random_range(p, &at, &n);
			unmap(p, at, n);
		} else {
			random_map(p);
		}
	}
	assert_int_equal(domain_unmap_end(p->dom), SL_OK);
	if (rnd(8) == 0)
		assert_int_equal(domain_flush(p->dom), SL_OK);
}

/* Some page of the domain that is mapped, near a random one; any when there is none. */
static uint64_t mapped_page(const struct plain *p)
{
	uint64_t from = rnd(PAGES);
	for (uint64_t i = 0; i < PAGES; i++)
		if (p->phys[(from + i) % PAGES])
			return (from + i) % PAGES;
	return from;
}

static void detach(unsigned f)
{
	const struct plain *p = &plain[attached[f]];
	probe_before(p, mapped_page(p), 1);
	assert_int_equal(domain_detach(p->dom, fns[f]), SL_OK);
	attached[f] = -1;
	probe_after(DETACH);
}

static void attach(unsigned f, int d)
{
	request(f, rnd(PAGES), false); /* with caching mode the refusal is cached */
	assert_int_equal(domain_attach(plain[d].dom, fns[f]), SL_OK);
	attached[f] = d;
	request(f, mapped_page(&plain[d]), true);
}

static void random_attach(void)
{
	unsigned f = (unsigned)rnd(FNS);
	int d = (int)rnd(DOMAINS);
	if (attached[f] < 0) {
		attach(f, d);
		return;
	}
	assert_int_equal(domain_attach(plain[d].dom, fns[f]), SL_BUSY);
	if (rnd(3) == 0)
		detach(f);
}

static struct domain *make(void)
{
	struct domain *d;
	assert_int_equal(domain_create(&mmu, "test", &d), SL_OK);
	return d;
}

/* A domain whose translations are in the caches goes; its id is given out again at once, to a domain that has
 * something else at the same addresses. */
static void random_destroy(void)
{
	int d = (int)rnd(DOMAINS);
	struct plain *p = &plain[d];
	unsigned f = (unsigned)rnd(FNS);
	uint16_t id = domain_id(p->dom);
	for (unsigned i = 0; i < FNS; i++) {
		if (attached[i] != d)
			continue;
		assert_int_equal(domain_destroy(p->dom), SL_BUSY);
		f = i;
		detach(i);
	}
	probe_before(p, mapped_page(p), 1);
	uint64_t page = probe.page[0];
	bool there = p->phys[page], warm = there;
	assert_int_equal(domain_destroy(p->dom), SL_OK);
	memset(p, 0, sizeof(*p));
	probe_all();
	windows[DESTROY] += warm;
	p->dom = make();
	assert_int_equal(domain_id(p->dom), id);
	if (attached[f] >= 0)
		return;
	attach(f, d); /* nothing is mapped: an old translation of that id would let it through */
	probe_all();
	map(p, page, 1, P + rnd(1 << 20) * PAGE_SIZE, DOMAIN_R);
	probe_all();
	windows[REUSE] += warm;
}

/* A page of 1 GiB, cut, filled again and taken away, each time with what it was in the caches. */
static void random_giant(void)
{
	unsigned f = (unsigned)rnd(FNS);
	uint64_t base = P + rnd(200) * PAGE_1G, at = rnd(2) ? PAGE_SIZE : PAGE_2M, phys = 0;
	uint64_t hole = rnd(PAGE_1G / at) * at, beside = (hole + at) % PAGE_1G,
		 else_at = P + rnd(9) * PAGE_1G;
	if (attached[f] < 0)
		return;
	struct domain *d = plain[attached[f]].dom;
	struct model_unit *m = unit_of(f);
	assert_int_equal(domain_map(d, IOVA(GIANT), PHYS(base), PAGE_1G, DOMAIN_RW), SL_OK);
	for (unsigned step = 0; step < 4; step++) {
		uint64_t want = step == 2 ? else_at : base + hole;
		bool gone = step == 1 || step == 3;
		assert_int_equal(model_dma(m, fns[f].rid, GIANT + hole, true, &phys),
				 gone ? refused(true, false) : 0);
		assert_true(gone || phys == want);
		assert_int_equal(model_dma(m, fns[f].rid, GIANT + beside, false, &phys),
				 step == 3 ? refused(false, false) : 0);
		assert_true(step == 3 || phys == base + beside);
		if (step == 0)
			assert_int_equal(domain_unmap(d, IOVA(GIANT + hole), at), SL_OK);
		if (step == 1)
			assert_int_equal(domain_map(d, IOVA(GIANT + hole), PHYS(else_at), at, DOMAIN_RW),
					 SL_OK);
		if (step == 2)
			assert_int_equal(domain_unmap(d, IOVA(GIANT), PAGE_1G), SL_OK);
	}
	windows[GIANT_SPLIT]++;
}

/* Everything passes for a while, where units have that, and then no more. */
static void random_pass(void)
{
	unsigned f = (unsigned)rnd(FNS);
	uint64_t phys = 0, at = W + rnd(PAGES) * PAGE_SIZE;
	struct domain *d;
	if (attached[f] >= 0)
		return;
	enum sl_err e = domain_create_passthrough(&mmu, "pass", &d);
	bool all = true;
	for (unsigned i = 0; i < mc.units; i++)
		all = all && (mc.unit[i]->ver == ~0u || mc.unit[i]->ecap & MODEL_PT);
	assert_int_equal(e, all ? SL_OK : SL_UNSUPPORTED);
	if (e)
		return;
	passing = true;
	assert_int_equal(domain_attach(d, fns[f]), SL_OK);
	assert_int_equal(model_dma(unit_of(f), fns[f].rid, at, true, &phys), 0);
	assert_int_equal(phys, at);
	assert_int_equal(domain_detach(d, fns[f]), SL_OK);
	passing = false;
	request(f, (at - W) / PAGE_SIZE, true);
	assert_int_equal(domain_destroy(d), SL_OK);
}

/* A refused request is found in the unit's records, wherever those are, and nothing else is. */
static void random_fault(void)
{
	unsigned f = (unsigned)rnd(FNS);
	uint64_t page = rnd(PAGES), phys;
	bool write = rnd(2);
	struct iommu_fault found;
	iommu_fault_clear(&mmu);
	unsigned reason = model_dma(unit_of(f), fns[f].rid, W + page * PAGE_SIZE + 8, write, &phys);
	assert_int_equal(iommu_fault_next(&mmu, &found), reason ? SL_OK : SL_END);
	if (!reason)
		return;
	assert_int_equal(found.bdf.rid, fns[f].rid);
	assert_int_equal(found.iova.v, W + page * PAGE_SIZE);
	assert_int_equal(found.code, reason);
	assert_int_equal(found.write, write);
	assert_int_equal(iommu_fault_next(&mmu, &found), SL_END);
}

static void step(void)
{
	struct plain *p = &plain[rnd(DOMAINS)];
	unsigned what = (unsigned)rnd(200);
	if (what < 12)
		random_map(p);
	else if (what < 18)
		random_unmap(p);
	else if (what < 26)
		random_page(p);
	else if (what < 28)
		random_split(p);
	else if (what < 30)
		random_large(p);
	else if (what < 34)
		random_batch(p);
	else if (what < 40)
		random_attach();
	else if (what < 41)
		random_fault();
	else if (what < 42 && rnd(3))
		rnd(2) ? random_destroy() : random_pass();
	else if (what < 43 && rnd(3) == 0)
		random_giant();
	else if (what < 188)
		check_dma((unsigned)rnd(FNS), rnd(PAGES));
	else
		check_walk((unsigned)rnd(FNS), rnd(PAGES));
}

static void random_run(unsigned ops)
{
	for (unsigned i = 0; i < DOMAINS; i++)
		plain[i] = (struct plain){.dom = make()};
	for (unsigned i = 0; i < FNS; i++)
		attached[i] = -1;
	for (unsigned i = 0; i < ops; i++)
		step();
	for (unsigned f = 0; f < FNS; f++)
		if (attached[f] >= 0)
			assert_int_equal(domain_detach(plain[attached[f]].dom, fns[f]), SL_OK);
	for (unsigned i = 0; i < DOMAINS; i++)
		assert_int_equal(domain_destroy(plain[i].dom), SL_OK);
	iommu_fault_clear(&mmu);
}

/* ---- machines ---- */

/* What is made once and kept: context tables, and as many domains and attached functions as there will ever
 * be. */
static void keep_all(void)
{
	struct domain *d[DOMAINS + 1];
	for (unsigned i = 0; i < ARRAY_LEN(d); i++)
		d[i] = make();
	for (unsigned f = 0; f < FNS; f++)
		assert_int_equal(domain_attach(d[0], fns[f]), SL_OK);
	for (unsigned f = 0; f < FNS; f++)
		assert_int_equal(domain_detach(d[0], fns[f]), SL_OK);
	for (unsigned i = 0; i < ARRAY_LEN(d); i++)
		assert_int_equal(domain_destroy(d[i]), SL_OK);
}

enum {
	LEFT_TE = 1,
	LEFT_QI = 2,
	LEFT_IR = 4,
	LEFT_PMR = 8,
	LEFT_ALL = 15,
	BESIDE_DEAD = 16,
	V6 = 32,
	SCALABLE = 64
};

static void machine_run(const char *name, uint32_t ver, uint64_t cap, uint64_t ecap, unsigned how,
			unsigned ops)
{
	printf("random: %s\n", name);
	machine_init();
	model_machine_unit(&mc, how & V6 ? 0x60 : ver, how & V6 ? cap & ~MODEL_CM : cap,
			   how & V6 ? ecap | MODEL_QI : ecap, 0x0010);
	if (how & BESIDE_DEAD)
		model_machine_unit(&mc, ~0u, ~0ull, ~0ull, 0x0018);
	model_machine_unit(&mc, ver, cap, ecap, MODEL_ALL);
	for (unsigned i = 0; i < mc.units; i++)
		if (mc.unit[i]->ver != ~0u) {
			model_firmware(mc.unit[i], how & LEFT_TE, how & LEFT_QI, how & LEFT_IR,
				       how & LEFT_PMR);
			mc.unit[i]->on_wait = meanwhile;
			mc.unit[i]->on_wait_ctx = mc.unit[i];
		}
	machine_start();
	stage = !(how & SCALABLE) ? LEGACY : (ecap & MODEL_SECOND) == MODEL_SECOND ? SECOND : FIRST;
	assert_int_equal(vtd_choose_tables(&mmu, how & SCALABLE ? VTD_WANT_SCALABLE : VTD_WANT_AUTO), SL_OK);
	assert_int_equal(iommu_enable(&mmu), SL_OK);
	memset(windows, 0, sizeof(windows));
	keep_all();
	uint64_t used = pmm_used_pages();
	random_run(ops / 100 * percent);
	assert_int_equal(pmm_used_pages(), used);
	for (unsigned i = 0; i < WINDOWS; i++)
		if (i != SPLIT || mmu.page_level > 1)
			assert_true(percent < 100 || windows[i] >= 10);
	struct domain *d = make();
	if (how & BESIDE_DEAD)
		assert_int_equal(domain_attach(d, (bdf_t){0, 0x0018}), SL_NOTFOUND);
	assert_int_equal(domain_destroy(d), SL_OK);
	assert_int_equal(model_machine_complaints(&mc), 0);
	model_machine_fini(&mc);
}

#define FIELD(reg, hi, lo, v)   (((reg) & ~(~0ull >> (63 - (hi)) & ~0ull << (lo))) | (uint64_t)(v) << (lo))
#define SAGAW_MGAW(sagaw, mgaw) FIELD(FIELD(MODEL_CAP, 12, 8, sagaw), 21, 16, (mgaw)-1)
#define DRAIN                   (3ull << 54) /* CAP.DWD and DRD */

static const struct {
	const char *name;
	uint64_t cap, ecap;
	unsigned how;
} own[] = {
	{"48 bits", MODEL_CAP, MODEL_ECAP, V6},
	{"coherent, 57 bits, no 1 GiB pages", 0x00d2008439390806, MODEL_ECAP | MODEL_COHERENT, V6},
	{"5 levels only", SAGAW_MGAW(8, 57), MODEL_ECAP, 0},
	{"4 levels only, 39 bits of address", SAGAW_MGAW(4, 39), MODEL_ECAP, 0},
	{"39 bits, 3 levels, caching mode", 0x00d2008c22260206 | MODEL_CM, MODEL_ECAP, V6},
	{"no large pages", FIELD(MODEL_CAP, 37, 34, 0), MODEL_ECAP, 0},
	{"no page-selective invalidation", MODEL_CAP & ~MODEL_PSI, MODEL_ECAP, 0},
	{"no page-selective invalidation, no large pages", 0x00c0000022260206, MODEL_ECAP, V6},
	{"write buffer, MAMV 4", FIELD(MODEL_CAP, 53, 48, 4) | MODEL_RWBF, MODEL_ECAP, V6},
	{"write buffer, coherent", MODEL_CAP | MODEL_RWBF, MODEL_ECAP | MODEL_COHERENT, 0},
	{"write buffer, caching mode, MAMV 0", FIELD(MODEL_CAP, 53, 48, 0) | MODEL_RWBF | MODEL_CM,
	 MODEL_ECAP, 0},
	{"SRTP invalidates, 2 MiB pages", FIELD(MODEL_CAP, 37, 34, 1) | MODEL_ESRTPS, MODEL_ECAP, V6},
	{"caching mode, coherent", MODEL_CAP | MODEL_CM, MODEL_ECAP | MODEL_COHERENT, 0},
	{"no queue", MODEL_CAP, MODEL_ECAP & ~MODEL_QI, V6},
	{"no queue, no page-selective invalidation, write buffer", (MODEL_CAP & ~MODEL_PSI) | MODEL_RWBF,
	 MODEL_ECAP & ~MODEL_QI, 0},
	{"no queue, 39 bits, caching mode, coherent", 0x00d2008c22260206 | MODEL_CM,
	 (MODEL_ECAP & ~MODEL_QI) | MODEL_COHERENT, 0},
	{"no queue, no draining", MODEL_CAP & ~DRAIN, MODEL_ECAP & ~MODEL_QI, 0},
	{"no draining", MODEL_CAP & ~DRAIN, MODEL_ECAP, 0},
	{"reads drained only, writes only in the register", FIELD(MODEL_CAP, 55, 54, 2), MODEL_ECAP, 0},
	{"records at the end, 256 of them", FIELD(FIELD(MODEL_CAP, 33, 24, 0x3ff), 47, 40, 255), MODEL_ECAP,
	 0},
	{"one record, IOTLB registers behind it", FIELD(FIELD(MODEL_CAP, 33, 24, 0x10), 47, 40, 0),
	 FIELD(MODEL_ECAP & ~MODEL_QI, 17, 8, 0x3fe), 0},
	{"16 domains", FIELD(MODEL_CAP, 2, 0, 0), MODEL_ECAP, 0},
	{"no pass-through", MODEL_CAP, MODEL_ECAP & ~MODEL_PT, 0},
	{"firmware left the queue on", MODEL_CAP, MODEL_ECAP, LEFT_QI},
	{"firmware left translation on", MODEL_CAP, MODEL_ECAP, LEFT_TE},
	{"firmware left everything on", MODEL_CAP | MODEL_PMR, MODEL_ECAP, LEFT_ALL},
	{"beside a unit of all ones", MODEL_CAP, MODEL_ECAP, BESIDE_DEAD},
	{"second stage", MODEL_CAP, MODEL_ECAP | MODEL_SECOND, SCALABLE | V6},
	{"second stage, coherent, PASID, 57 bits", 0x00d2008439390806,
	 MODEL_ECAP | MODEL_COHERENT | MODEL_SMPWCS | MODEL_SECOND | MODEL_PASID, SCALABLE},
	{"second stage, page tables alone are not snooped, caching mode", MODEL_CAP | MODEL_CM,
	 MODEL_ECAP | MODEL_COHERENT | MODEL_SECOND, SCALABLE},
	{"second stage, page tables alone are snooped, write buffer", MODEL_CAP | MODEL_RWBF,
	 MODEL_ECAP | MODEL_SMPWCS | MODEL_SECOND, SCALABLE},
	{"second stage, SRTP invalidates, no pass-through, firmware left everything on",
	 MODEL_CAP | MODEL_ESRTPS | MODEL_PMR, (MODEL_ECAP & ~MODEL_PT) | MODEL_SECOND, SCALABLE | LEFT_ALL},
	{"first stage", MODEL_CAP | MODEL_FS1GP, MODEL_ECAP | MODEL_FIRST, SCALABLE | V6},
	{"first stage, coherent, PASID, no 1 GiB pages", MODEL_CAP,
	 MODEL_ECAP | MODEL_COHERENT | MODEL_SMPWCS | MODEL_FIRST | MODEL_PASID, SCALABLE},
	{"first stage, caching mode, write buffer, MAMV 4",
	 FIELD(MODEL_CAP, 53, 48, 4) | MODEL_FS1GP | MODEL_CM | MODEL_RWBF, MODEL_ECAP | MODEL_FIRST,
	 SCALABLE},
	{"first stage, no page-selective invalidation", (MODEL_CAP & ~MODEL_PSI) | MODEL_FS1GP,
	 MODEL_ECAP | MODEL_FIRST, SCALABLE | LEFT_TE | LEFT_QI},
	{"first stage only: no legacy mode", FIELD(MODEL_CAP, 12, 8, 0) | MODEL_FS1GP,
	 MODEL_ECAP | MODEL_FIRST, SCALABLE | BESIDE_DEAD},
};

static void test_own(void **state)
{
	(void)state;
	assert_true(ARRAY_LEN(own) * OPS_OWN >= 1000000);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		machine_run(own[i].name, MODEL_VER, own[i].cap, own[i].ecap, own[i].how, OPS_OWN);
}

/* Each pair of registers of a real machine; every other one as firmware may leave it. */
static void test_real(void **state)
{
	(void)state;
	char path[512], line[1024], name[128];
	unsigned n = 0, major, minor;
	unsigned long long cap, ecap;
	support_file("dmar", "cap-ecap.tsv", path, sizeof(path));
	FILE *file = fopen(path, "r");
	while (fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%127[^\t]\t%u:%u\t%llx\t%llx", name, &major, &minor, &cap, &ecap) != 5)
			continue;
		machine_run(name, major << 4 | minor, cap, ecap, n % 2 ? LEFT_TE | LEFT_QI : 0, OPS_REAL);
		n++;
	}
	fclose(file);
	assert_true(n >= 22);
}

static int set_up(void **state)
{
	(void)state;
	const char *seed = getenv("SLUICE_SEED"), *part = getenv("SLUICE_PERCENT");
	percent = part && *part ? (unsigned)atoi(part) : 100;
	rng = seed && *seed ? strtoull(seed, NULL, 0) | 1 : 0x5eed0001;
	printf("random: SLUICE_SEED=0x%llx, %u %% of %u operations in each of %zu machines, and of %u with "
	       "each "
	       "real pair\n",
	       (unsigned long long)rng, percent, OPS_OWN, ARRAY_LEN(own), OPS_REAL);
	ram = support_ram(RAM_BYTES, RAM_BASE);
	return pmm_add(ram, RAM_BYTES / PAGE_SIZE) != SL_OK;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own),
		cmocka_unit_test(test_real),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
