#include "apps/proof/attackers.h"
#include "apps/proof/bystanders.h"
#include "apps/proof/standin.h"
#include "apps/work/pattern.h"
#include "kernel/log.h"

static const struct strike_ops *const classes[] = {&strike_nvme_vf, &strike_nvme_pf, &strike_edu};

void attackers_guard(struct machine *m, const struct attackers *all)
{
	guard_none();
	guard_add(standin_data(), PAGE_SIZE);
	guard_add(standin_text(), PAGE_SIZE);
	guard_add(phys_va(all->decoy), PAGE_SIZE);
	for (unsigned i = 0; i < all->n; i++) {
		const struct attacker *by = &all->one[i];
		guard_add(by->target.va, PAGE_SIZE);
		guard_add(by->readonly.va, PAGE_SIZE);
		guard_add(by->writeonly.va, PAGE_SIZE);
		guard_add(by->allowed.va, by->allowed.len);
	}
	guard_tables(m);
	for (unsigned i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i]->guard)
			classes[i]->guard(m);
}

void attacker_fill(const struct attacker *by)
{
	unsigned owner = by->fn->bdf.rid;
	pattern_fill(by->target.va, PAGE_SIZE, pattern_seed(owner, 11, 1));
	pattern_fill(by->readonly.va, PAGE_SIZE, pattern_seed(owner, 11, 2));
	pattern_fill(by->writeonly.va, PAGE_SIZE, pattern_seed(owner, 11, 3));
}

static enum sl_err get_pages(struct machine *m, struct attacker *by)
{
	struct domain *dom = *by->dom;
	enum sl_err e = dma_get(dom, window_at(m, PAGE_TARGET), PAGE_SIZE, DOMAIN_RW, &by->target);
	if (!e)
		e = dma_get(dom, window_at(m, PAGE_READONLY), PAGE_SIZE, DOMAIN_R, &by->readonly);
	if (!e)
		e = dma_get(dom, window_at(m, PAGE_WRITEONLY), PAGE_SIZE, DOMAIN_W, &by->writeonly);
	if (!e)
		e = dma_get(dom, window_at(m, PAGE_ALLOWED), ALLOWED_PAGES * PAGE_SIZE, DOMAIN_RW,
			    &by->allowed);
	return e;
}

enum sl_err attackers_add(struct machine *m, struct attackers *all, const struct attacker *who)
{
	struct iommu_walk w;
	if (all->n == ATTACKERS_MAX)
		return SL_NOSPACE;
	struct attacker *by = &all->one[all->n++]; /* from now on attackers_close() takes back what it got */
	*by = *who;
	by->others = &bystanders_block;
	enum sl_err e = get_pages(m, by);
	if (e)
		return e;
	attacker_fill(by);
	if (*by->dom && iommu_walk(&m->iommu, by->fn->bdf, by->target.iova, &w) == SL_OK) {
		by->table = phys_va(w.pages);
		by->contexts = phys_va(w.functions);
	}
	return SL_OK;
}

bool attackers_there(const struct pci *pci)
{
	bool any = false;
	for (unsigned i = 0; i < ARRAY_LEN(classes); i++)
		any |= classes[i]->there && classes[i]->there(pci);
	return any;
}

enum sl_err attackers_open(struct machine *m, struct attackers *all)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < VFS_MAX; i++)
		all->fetched[i] = false;
	for (unsigned i = 0; i < ARRAY_LEN(classes) && !e; i++)
		if (classes[i]->open)
			e = classes[i]->open(m, all);
	return e;
}

void attackers_close(struct attackers *all)
{
	for (unsigned i = 0; i < all->n; i++) {
		struct attacker *by = &all->one[i];
		struct dma_buf *pages[] = {&by->target, &by->readonly, &by->writeonly, &by->allowed};
		bool kept = false;
		for (unsigned k = 0; k < ARRAY_LEN(pages); k++)
			kept |= dma_put(pages[k]) != SL_OK;
		if (kept)
			log_warn("isolate", "memory of %s could not be taken back", by->name);
	}
	all->n = 0;
	for (unsigned i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i]->close)
			classes[i]->close();
}

enum sl_err attackers_check(struct machine *m, const struct attackers *all)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < all->n && !e && translated(m); i++) {
		const struct attacker *by = &all->one[i];
		struct table_range want[4 + ARRAY_LEN(by->own)] = {{&by->target, DOMAIN_RW},
								   {&by->readonly, DOMAIN_R},
								   {&by->writeonly, DOMAIN_W},
								   {&by->allowed, DOMAIN_RW}};
		unsigned n = 4;
		for (unsigned k = 0; k < ARRAY_LEN(by->own) && by->own[k].buf; k++)
			want[n++] = by->own[k];
		e = tables_exact(&m->iommu, by->fn->bdf, want, n);
	}
	return e;
}
