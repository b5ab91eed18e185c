/* Attacks on addresses: everything that a function must not reach while it has a domain. */
#include "apps/proof/attackers.h"
#include "apps/work/pattern.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "kernel/str.h"
#include "kernel/x86/paging.h"

static void write_to(struct machine *m, struct party *p, const char *name, uint64_t to, uint32_t len)
{
	party_try(m, p, (struct attack){.name = name, .write = true, .to = to, .len = len}, true);
}

/* secret: what lies there now. */
static void read_from(struct machine *m, struct party *p, const char *name, uint64_t to, const void *secret)
{
	party_try(m, p, (struct attack){.name = name, .to = to, .len = CHUNK, .secret = secret}, true);
}

static void try_own(struct machine *m, struct party *p)
{
	uint64_t empty = window_at(m, PAGE_EMPTY).v, target = p->target.iova.v;
	uint32_t least = p->by.edu ? 1 : 4; /* bytes that it can move */
	write_to(m, p, "unmapped page", empty, CHUNK);
	read_from(m, p, "unmapped page", empty, NULL);
	write_to(m, p, "read-only page", p->readonly.iova.v, CHUNK);
	party_fill(p); /* where translation is off it has changed */
	read_from(m, p, "write-only page", p->writeonly.iova.v, p->writeonly.va);
	if (!*p->by.dom) /* its neighbours in memory are anybody's */
		return;
	write_to(m, p, "page before mapping", target - PAGE_SIZE, CHUNK);
	write_to(m, p, "page after mapping", target + PAGE_SIZE, CHUNK);
	write_to(m, p, "last byte before it", target - least, least);
	write_to(m, p, "first byte after it", target + PAGE_SIZE, least);
}

static void try_others(struct machine *m, struct parties *all, struct party *p)
{
	for (unsigned i = 0; i < all->n; i++) {
		const struct party *victim = &all->party[i];
		char name[32];
		if (victim == p)
			continue;
		fmt_print(name, sizeof name, "memory of %s", victim->by.name);
		write_to(m, p, name, victim->target.phys.v, CHUNK);
		party_fill(victim);
		read_from(m, p, name, victim->target.phys.v, victim->target.va);
	}
}

static void try_kernel(struct machine *m, const struct parties *all, struct party *p)
{
	write_to(m, p, "kernel data", paging_phys(attack_kernel_data()).v, CHUNK);
	attack_kernel_fill();
	read_from(m, p, "kernel data", paging_phys(attack_kernel_data()).v, attack_kernel_data());
	write_to(m, p, "kernel text", paging_phys(attack_kernel_text()).v, CHUNK);
	write_to(m, p, "kernel page table", all->decoy.v, CHUNK);
	if (!p->table)
		return;
	write_to(m, p, "its own VT-d table", va_phys(p->table).v, CHUNK);
	write_to(m, p, "VT-d context table", va_phys(p->contexts).v, CHUNK);
}

static void try_width(struct machine *m, struct party *p)
{
	if (*p->by.dom)
		party_try(m, p,
			  (struct attack){.name = "beyond the width",
					  .write = true,
					  .to = domain_aperture(*p->by.dom),
					  .len = CHUNK,
					  .why = WHY_TOO_WIDE},
			  true);
}

/* Registers of a controller that may be destroyed: they are known, and guarded. */
static const struct party *victim_with_registers(const struct parties *all, const struct party *p)
{
	for (unsigned i = 0; i < all->n; i++)
		if (&all->party[i] != p && !all->party[i].by.edu)
			return &all->party[i];
	return NULL;
}

/* Of others the address alone is known: reading registers can change them, so only the fault record counts.
 */
static const struct pci_bar *any_registers(const struct machine *m, const struct party *p, bdf_t *owner)
{
	PCI_EACH(f, &m->pci)
		for (unsigned i = 0; i < PCI_BARS; i++) {
			const struct pci_bar *bar = &f->bar[i];
			if (bdf_eq(f->bdf, p->by.fn) || bar->io || !bar->addr || bar->size < CHUNK)
				continue;
			*owner = f->bdf;
			return bar;
		}
	return NULL;
}

/* Another function's registers, by their address on the bus. Not without translation: it would work. */
static void try_bar(struct machine *m, const struct parties *all, struct party *p)
{
	const struct party *victim = victim_with_registers(all, p);
	char name[32];
	bdf_t owner;
	if (!*p->by.dom)
		return;
	if (victim) {
		const struct pci_func *f = pci_find(&m->pci, victim->by.fn);
		fmt_print(name, sizeof name, "registers of %s", victim->by.name);
		if (f)
			write_to(m, p, name, f->bar[0].addr, CHUNK);
		return;
	}
	const struct pci_bar *bar = any_registers(m, p, &owner);
	if (!bar)
		return;
	fmt_print(name, sizeof name, "registers %02x:%02x.%x", bdf_bus(owner), bdf_dev(owner), bdf_fn(owner));
	write_to(m, p, name, bar->addr, CHUNK);
}

/* A write that ends in the first unmapped page behind a mapping, and writes to a buffer after it was
 * unmapped: with the translation in the unit's cache before. */
static void try_passing(struct machine *m, const struct parties *all, struct party *p)
{
	struct dma_buf b;
	char said[48];
	if (!*p->by.dom)
		return;
	if (dma_get(*p->by.dom, window_at(m, PAGE_PASSING), PAGE_SIZE, DOMAIN_RW, &b)) {
		party_broken(m, p, "buffer after unmap");
		return;
	}
	party_try(m, p,
		  (struct attack){.name = "runs out of mapping",
				  .write = true,
				  .to = p->by.vf ? b.iova.v : b.iova.v + PAGE_SIZE - EDU_BUFFER / 2,
				  .len = p->by.vf ? 2 * CHUNK : CHUNK,
				  .fault_at = b.iova.v + PAGE_SIZE},
		  true);
	struct attack a = {.name = "buffer after unmap", .write = true, .to = b.iova.v, .len = CHUNK};
	memset(b.va, 0, PAGE_SIZE);
	enum sl_err e = attack_strike(m, &p->by, &a, said, sizeof said);
	bool landed = !e && !pattern_is_zero(b.va, PAGE_SIZE);
	e = domain_unmap(*p->by.dom, b.iova, b.len);
	memset(b.va, 0, PAGE_SIZE); /* or the same data again would pass for no change */
	guard_add(b.va, PAGE_SIZE);
	if (e)
		party_broken(m, p, a.name);
	else if (landed)
		party_try(m, p, a, true);
	else
		party_no_effect(m, p, &a);
	parties_guard(m, all);
	if (!e)
		pmm_free(b.phys, b.len / PAGE_SIZE);
}

void attempts_run(struct machine *m, struct parties *all, struct party *p)
{
	parties_guard(m, all);
	try_own(m, p);
	try_others(m, all, p);
	try_kernel(m, all, p);
	try_width(m, p);
	try_bar(m, all, p);
	forged_run(m, all, p);
	try_passing(m, all, p);
}
