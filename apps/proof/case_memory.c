/* Attacks on addresses: everything that a function must not reach while it has a domain. */
#include "apps/proof/case.h"
#include "apps/proof/standin.h"
#include "apps/work/pattern.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/paging.h"

/* Bytes that an access which runs out of a mapping has inside of it, where it can start in a page's middle.
 */
#define INSIDE 0x400u

/* there: what lies at that address now; NULL where there is no memory. */
static enum step attack_at(const struct trial *t, const struct attack_case *c, uint64_t to, uint32_t len,
			   void *there)
{
	struct attack a = case_attack(c);
	a.to = to;
	a.len = len;
	a.secret = a.write ? NULL : there;
	trial_run(t, &a, true);
	return STEP_DONE;
}

static enum step empty_page(const struct trial *t, const struct attack_case *c)
{
	return attack_at(t, c, attacker_at(t->m, t->by, PAGE_EMPTY).v, CHUNK, NULL);
}

static enum step readonly_page(const struct trial *t, const struct attack_case *c)
{
	return attack_at(t, c, t->by->readonly.iova.v, CHUNK, NULL);
}

/* Not where its tables have no such pages. */
static enum step writeonly_page(const struct trial *t, const struct attack_case *c)
{
	if (*t->by->dom && domain_grants(*t->by->dom, DOMAIN_W) != DOMAIN_W)
		return STEP_DONE;
	attacker_fill(t->by); /* where translation is off it has changed */
	return attack_at(t, c, t->by->writeonly.iova.v, CHUNK, t->by->writeonly.va);
}

/* In memory, without a domain, the neighbours of a page may belong to anything. */
static enum step beside_target(const struct trial *t, const struct attack_case *c, int64_t off, uint32_t len)
{
	if (*t->by->dom)
		attack_at(t, c, t->by->target.iova.v + (uint64_t)off, len, NULL);
	return STEP_DONE;
}

static enum step page_before(const struct trial *t, const struct attack_case *c)
{
	return beside_target(t, c, -(int64_t)PAGE_SIZE, CHUNK);
}

static enum step page_after(const struct trial *t, const struct attack_case *c)
{
	return beside_target(t, c, PAGE_SIZE, CHUNK);
}

static enum step last_byte(const struct trial *t, const struct attack_case *c)
{
	return beside_target(t, c, -(int64_t)t->by->ops->least, t->by->ops->least);
}

static enum step first_byte(const struct trial *t, const struct attack_case *c)
{
	return beside_target(t, c, PAGE_SIZE, t->by->ops->least);
}

static enum step others_memory(const struct trial *t, const struct attack_case *c)
{
	for (unsigned i = 0; i < t->all->n; i++) {
		const struct attacker *victim = &t->all->one[i];
		struct attack_case one = *c;
		char name[32];
		if (victim->fn == t->by->fn)
			continue;
		fmt_print(name, sizeof name, "%s of %s", c->name, victim->name);
		one.name = name;
		attacker_fill(victim);
		attack_at(t, &one, victim->target.phys.v, CHUNK, victim->target.va);
	}
	return STEP_DONE;
}

static enum step kernel_data(const struct trial *t, const struct attack_case *c)
{
	standin_fill();
	return attack_at(t, c, paging_phys(standin_data()).v, CHUNK, standin_data());
}

static enum step kernel_text(const struct trial *t, const struct attack_case *c)
{
	return attack_at(t, c, paging_phys(standin_text()).v, CHUNK, NULL);
}

static enum step kernel_table(const struct trial *t, const struct attack_case *c)
{
	return attack_at(t, c, t->all->decoy.v, CHUNK, NULL);
}

/* The table of that name, where a unit of that kind and mode has one. */
static enum step unit_table(const struct trial *t, const struct attack_case *c)
{
	for (unsigned i = 0; i < WALK_TABLES; i++) {
		const struct iommu_walk_table *table = &t->by->table[i];
		if (table->at.v && strcmp(table->name, c->name) == 0)
			return attack_at(t, c, table->at.v, CHUNK, NULL);
	}
	return STEP_DONE;
}

static enum step beyond_width(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	if (!*t->by->dom)
		return STEP_DONE;
	a.to = domain_aperture(*t->by->dom);
	a.len = CHUNK;
	a.why = WHY_TOO_WIDE;
	trial_run(t, &a, true);
	return STEP_DONE;
}

/* Registers of a controller that may be overwritten: they are known, and guarded. */
static const struct attacker *victim_with_registers(const struct trial *t)
{
	for (unsigned i = 0; i < t->all->n; i++)
		if (t->all->one[i].fn != t->by->fn && t->all->one[i].ops->guard)
			return &t->all->one[i];
	return NULL;
}

/* Of others only the address is known: reading registers can change them, so only the fault record counts.
 */
static const struct pci_bar *any_registers(const struct trial *t, bdf_t *owner)
{
	PCI_EACH(f, &t->m->pci)
		for (unsigned i = 0; i < PCI_BARS; i++) {
			const struct pci_bar *bar = &f->bar[i];
			if (bdf_eq(f->bdf, t->by->fn->bdf) || bar->io || !bar->addr || bar->size < CHUNK)
				continue;
			*owner = f->bdf;
			return bar;
		}
	return NULL;
}

/* Another function's registers, by their address on the bus. Not without translation: it would work. */
static enum step others_registers(const struct trial *t, const struct attack_case *c)
{
	const struct attacker *victim = victim_with_registers(t);
	struct attack_case one = *c;
	char name[32];
	bdf_t owner;
	if (!*t->by->dom)
		return STEP_DONE;
	one.name = name;
	if (victim) {
		fmt_print(name, sizeof name, "%s of %s", c->name, victim->name);
		return attack_at(t, &one, victim->fn->bar[0].addr, CHUNK, NULL);
	}
	const struct pci_bar *bar = any_registers(t, &owner);
	if (!bar)
		return STEP_DONE;
	fmt_print(name, sizeof name, "%s %02x:%02x.%x", c->name, bdf_bus(owner), bdf_dev(owner),
		  bdf_fn(owner));
	return attack_at(t, &one, bar->addr, CHUNK, NULL);
}

/* A write that ends in the first unmapped page behind a mapping. */
static enum step out_of_mapping(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	uint32_t most = t->by->ops->most;
	struct dma_buf b;
	if (!*t->by->dom || most < 2)
		return STEP_DONE;
	if (dma_get(*t->by->dom, attacker_at(t->m, t->by, PAGE_PASSING), PAGE_SIZE, DOMAIN_RW, &b))
		return STEP_BROKEN;
	a.to = b.iova.v + PAGE_SIZE - (most > CHUNK ? CHUNK : most < CHUNK ? most / 2 : INSIDE);
	a.len = most > CHUNK ? 2 * CHUNK : CHUNK;
	a.fault_at = b.iova.v + PAGE_SIZE;
	trial_run(t, &a, true);
	if (dma_put(&b))
		log_warn("isolate", "memory of %s could not be taken back", t->by->name);
	return STEP_DONE;
}

/* It wrote to that buffer before, so that the translation is in the unit's cache. What lies in it is wiped
 * when nothing reaches it any more: the same data again would pass for no change. */
static enum step after_unmap(const struct trial *t, const struct attack_case *c)
{
	struct attack a = case_attack(c);
	struct dma_buf b;
	char said[48];
	a.to = attacker_at(t->m, t->by, PAGE_PASSING).v;
	a.len = CHUNK;
	a.fault_at = a.to;
	if (!*t->by->dom || !attack_possible(t->by, &a))
		return STEP_DONE;
	if (dma_get(*t->by->dom, IOVA(a.to), PAGE_SIZE, DOMAIN_RW, &b))
		return STEP_BROKEN;
	a.place = b.va;
	enum sl_err e = attack_strike(t->m, t->by, &a, said, sizeof said);
	a.place = NULL;
	bool landed = !e && !pattern_is_zero(b.va, PAGE_SIZE);
	if (domain_unmap(*t->by->dom, b.iova, b.len))
		return STEP_BROKEN; /* it may still be reached: the memory is not given back */
	memset(b.va, 0, PAGE_SIZE);
	guard_add(b.va, PAGE_SIZE);
	if (landed)
		trial_run(t, &a, true);
	else
		trial_no_effect(t, &a);
	attackers_guard(t->m, t->all);
	pmm_free(b.phys, b.len / PAGE_SIZE);
	return landed ? STEP_DONE : STEP_NO_EFFECT;
}

#define MEMORY_CASE CASE_ROW
const struct attack_case cases_memory[] = {
#include "apps/proof/cases.def"
	{0},
};
