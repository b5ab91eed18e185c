/* Stage mapcost: what mapping and unmapping costs, by the TSC. Under QEMU's -icount the TSC counts guest
 * instructions exactly: tools/bench-iommu runs it so. The function that is attached masters nothing
 * meanwhile. */
#include "apps/machine.h"
#include "kernel/log.h"
#include "kernel/x86/cpu.h"

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

/* Memory that is mapped and never touched: the address of page i of a size. */
static phys_t memory(uint64_t size, unsigned i)
{
	return PHYS(8 * PAGE_1G + i * size);
}

static iova_t window(uint64_t size, unsigned i)
{
	return IOVA(16 * PAGE_1G + i * size);
}

static enum sl_err strict(struct domain *dom, uint64_t size)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < ROUNDS && !e; i++) {
		e = domain_map(dom, window(size, i), memory(size, i), size, DOMAIN_RW);
		if (!e)
			e = domain_unmap(dom, window(size, i), size);
	}
	return e;
}

static enum sl_err batched(struct domain *dom, uint64_t size)
{
	enum sl_err e = SL_OK;
	domain_unmap_begin(dom);
	for (unsigned i = 0; i < ROUNDS && !e; i++)
		e = domain_map(dom, window(size, i), memory(size, i), size, DOMAIN_RW);
	for (unsigned i = 0; i < ROUNDS && !e; i++)
		e = domain_unmap(dom, window(size, i), size);
	enum sl_err end = domain_unmap_end(dom);
	return e ? e : end;
}

static enum sl_err measure(struct machine *m, struct domain *dom, const char *what,
			   enum sl_err (*run)(struct domain *dom, uint64_t size), uint64_t size)
{
	static const char *const names[] = {"4K", "2M", "1G"};
	enum sl_err e = run(dom, size); /* once before: tables are there, caches are warm */
	struct cost a = now(m);
	if (!e)
		e = run(dom, size);
	struct cost b = now(m);
	if (!e)
		log_text("COST page=%s mode=%s rounds=%u ticks=%llu descriptors=%llu waits=%llu\n",
			 names[size == PAGE_2M   ? 1
			       : size == PAGE_1G ? 2
						 : 0],
			 what, ROUNDS, (ull)(b.ticks - a.ticks), (ull)(b.descriptors - a.descriptors),
			 (ull)(b.waits - a.waits));
	return e;
}

enum sl_err stage_mapcost(struct machine *m)
{
	static const uint64_t sizes[] = {PAGE_SIZE, PAGE_2M, PAGE_1G};
	struct domain *dom;
	bdf_t fn;
	enum sl_err e = domain_create(&m->iommu, "mapcost", &dom);
	if (!e)
		e = attach_somebody(m, dom, &fn);
	for (unsigned i = 0; i < ARRAY_LEN(sizes) && !e; i++) {
		e = measure(m, dom, "strict", strict, sizes[i]);
		if (!e)
			e = measure(m, dom, "batched", batched, sizes[i]);
	}
	if (e) {
		log_fail("mapcost", "see the lines above", "the cost could not be measured: %s",
			 sl_err_text(e));
		return e;
	}
	e = domain_detach(dom, fn);
	return e ? e : domain_destroy(dom);
}
