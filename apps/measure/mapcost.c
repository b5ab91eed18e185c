/* Stage mapcost: what mapping and unmapping costs, by the TSC. Under QEMU's -icount the TSC counts guest
 * instructions exactly: tools/bench-iommu runs it so. The function that is attached masters nothing
 * meanwhile. */
#include "apps/machine.h"
#include "apps/measure/stages.h"
#include "kernel/log.h"
#include "kernel/cpu.h"

#define ROUNDS 64u

struct cost {
	uint64_t ticks, descriptors, waits;
};

/* Any function that a unit covers will do: its domain is what is worked on. */
static enum sl_err attach_somebody(struct machine *m, struct domain *dom, bdf_t *fn)
{
	PCI_EACH(f, &m->pci) {
		if (f->is_bridge || iommu_domain_of(&m->iommu, f->bdf) || domain_attach(dom, f->bdf))
			continue;
		*fn = f->bdf;
		return SL_OK;
	}
	return SL_NOTFOUND;
}

static struct cost now(struct machine *m)
{
	struct cost c = {0};
	struct iommu_unit_info u;
	for (unsigned i = 0; i < m->iommu.unit_count; i++) {
		iommu_unit_info(&m->iommu, i, &u);
		c.descriptors += u.descriptors;
		c.waits += u.waits;
	}
	c.ticks = cpu_tsc();
	return c;
}

/* ROUNDS pages of one size, the device address of each so far from the last. */
struct pages {
	uint64_t size, from, step;
};

/* Memory that is mapped and never touched. */
#define MEMORY (8 * PAGE_1G)

static enum sl_err strict(struct domain *dom, const struct pages *p)
{
	uint64_t at = p->from, phys = MEMORY;
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < ROUNDS && !e; i++, at += p->step, phys += p->size) {
		e = domain_map(dom, IOVA(at), PHYS(phys), p->size, DOMAIN_RW);
		if (!e)
			e = domain_unmap(dom, IOVA(at), p->size);
	}
	return e;
}

static enum sl_err batched(struct domain *dom, const struct pages *p)
{
	uint64_t at = p->from, phys = MEMORY;
	enum sl_err e = SL_OK;
	domain_unmap_begin(dom);
	for (unsigned i = 0; i < ROUNDS && !e; i++, at += p->step, phys += p->size)
		e = domain_map(dom, IOVA(at), PHYS(phys), p->size, DOMAIN_RW);
	at = p->from;
	for (unsigned i = 0; i < ROUNDS && !e; i++, at += p->step)
		e = domain_unmap(dom, IOVA(at), p->size);
	enum sl_err end = domain_unmap_end(dom);
	return e ? e : end;
}

static enum sl_err measure(struct machine *m, struct domain *dom, const char *what,
			   enum sl_err (*run)(struct domain *dom, const struct pages *p),
			   const struct pages *p)
{
	static const char *const names[] = {"4K", "2M", "1G"};
	enum sl_err e = run(dom, p); /* once before: tables are there, caches are warm */
	struct cost a = now(m);
	if (!e)
		e = run(dom, p);
	struct cost b = now(m);
	if (!e)
		log_text("COST page=%s mode=%s rounds=%u ticks=%llu descriptors=%llu waits=%llu\n",
			 names[p->size == PAGE_2M   ? 1
			       : p->size == PAGE_1G ? 2
						    : 0],
			 what, ROUNDS, (ull)(b.ticks - a.ticks), (ull)(b.descriptors - a.descriptors),
			 (ull)(b.waits - a.waits));
	return e;
}

static enum sl_err side_by_side(struct machine *m, struct domain *dom, uint64_t size)
{
	struct pages p = {size, 16 * PAGE_1G, size};
	enum sl_err e = measure(m, dom, "strict", strict, &p);
	return e ? e : measure(m, dom, "batched", batched, &p);
}

/* Each page in a table of its own, in which another one is mapped as well. */
static enum sl_err apart(struct machine *m, struct domain *dom, uint64_t size)
{
	struct pages p = {size, 128 * PAGE_1G + 512 * size, 512 * size};
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < ROUNDS && !e; i++)
		e = domain_map(dom, IOVA(p.from + i * p.step), PHYS(MEMORY), size, DOMAIN_RW);
	p.from += size;
	if (!e)
		e = measure(m, dom, "strict-apart", strict, &p);
	return e ? e : measure(m, dom, "batched-apart", batched, &p);
}

/* Without announcements, which the unit may not want; then with them, where it does. */
static enum sl_err all_kinds(struct machine *m, struct domain *dom)
{
	static const uint64_t sizes[] = {PAGE_SIZE, PAGE_2M, PAGE_1G};
	bool wanted = domain_announce(dom, false);
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < ARRAY_LEN(sizes) && !e; i++)
		e = side_by_side(m, dom, sizes[i]);
	for (unsigned i = 0; i < ARRAY_LEN(sizes) - 1 && !e; i++) /* a table of 1 GiB pages maps too much */
		e = apart(m, dom, sizes[i]);
	domain_announce(dom, wanted);
	struct pages p = {PAGE_SIZE, 16 * PAGE_1G, PAGE_SIZE};
	if (wanted && !e)
		e = measure(m, dom, "strict-told", strict, &p);
	return wanted && !e ? measure(m, dom, "batched-told", batched, &p) : e;
}

enum sl_err stage_mapcost(struct machine *m)
{
	struct domain *dom;
	bdf_t fn;
	enum sl_err e = domain_create(&m->iommu, "mapcost", &dom);
	if (!e)
		e = attach_somebody(m, dom, &fn);
	if (!e)
		e = all_kinds(m, dom);
	if (e) {
		log_fail("mapcost", "see the lines above", "the cost could not be measured: %s",
			 sl_err_text(e));
		return e;
	}
	e = domain_detach(dom, fn);
	return e ? e : domain_destroy(dom);
}
