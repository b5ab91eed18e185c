#include "apps/proof/attackers.h"
#include "apps/proof/bystanders.h"
#include "apps/proof/standin.h"
#include "apps/work/pattern.h"
#include "pci/path.h"
#include "kernel/log.h"

static const struct strike_ops *const classes[] = {
#define CLASS(ops, ...) &ops,
#include "apps/proof/classes.def"
};

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
	enum sl_err e = dma_get(dom, attacker_at(m, by, PAGE_TARGET), PAGE_SIZE, DOMAIN_RW, &by->target);
	if (!e)
		e = dma_get(dom, attacker_at(m, by, PAGE_READONLY), PAGE_SIZE, DOMAIN_R, &by->readonly);
	if (!e)
		e = dma_get(dom, attacker_at(m, by, PAGE_WRITEONLY), PAGE_SIZE, DOMAIN_W, &by->writeonly);
	if (!e)
		e = dma_get(dom, attacker_at(m, by, PAGE_ALLOWED), ALLOWED_PAGES * PAGE_SIZE, DOMAIN_RW,
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
	by->others = m->vfs && m->vf[0].packet ? &bystanders_packet : &bystanders_block;
	enum sl_err e = get_pages(m, by);
	if (e)
		return e;
	attacker_fill(by);
	if (*by->dom && iommu_walk(&m->iommu, by->fn->bdf, by->target.iova, &w) == SL_OK)
		memcpy(by->table, w.table, sizeof by->table);
	return SL_OK;
}

/* ---- who may ---- */

static const char *not_named(const struct machine *m, const struct pci_func *fn)
{
	const struct config *cfg = m->cfg;
	if (cfg->prove == PROVE_NONE)
		return "prove=none";
	for (unsigned i = 0; cfg->prove == PROVE_LISTED && i < cfg->provers; i++)
		if (bdf_eq(cfg->prover[i], fn->bdf))
			return NULL;
	if (cfg->prove == PROVE_LISTED)
		return "prove= does not name it";
	if (cfg->prove == PROVE_SAFE && fn->cap_sriov)
		return "it has SR-IOV: scratch= or prove= has to name it, or prove=all";
	return NULL;
}

static bool driven(const struct pci_func *fn)
{
	for (unsigned i = 0; i < ARRAY_LEN(classes); i++)
		if (classes[i]->drives && classes[i]->drives(classes[i], fn))
			return true;
	return false;
}

bool attackers_there(const struct machine *m)
{
	PCI_EACH(f, &m->pci)
		if (driven(f) && !not_named(m, f))
			return true;
	return false;
}

void attackers_borrow(struct machine *m)
{
	PCI_EACH(f, &m->pci)
		if (m->keyboards_lend && driven(f) && !not_named(m, f))
			m->keyboards_lend(m, f);
}

void attackers_return(struct machine *m)
{
	if (m->keyboards_back)
		m->keyboards_back(m);
}

/* Another member of its group does DMA through a domain of its own. */
static bool group_busy(struct machine *m, const struct pci_func *fn)
{
	PCI_EACH(f, &m->pci)
		if (f != fn && fn->group && f->group == fn->group && iommu_domain_of(&m->iommu, f->bdf))
			return true;
	return false;
}

const char *attackers_barred(struct machine *m, const struct pci_func *fn, unsigned bar, bool takes)
{
	const struct pci_bar *regs = &fn->bar[bar];
	const char *why = not_named(m, fn);
	unsigned unit;
	if (why)
		return why;
	if (fn == m->pf)
		return "its VFs attack";
	if (fn == m->netlog)
		return "it sends the log";
	if (fn->stuck)
		return "its Bus Master Enable cannot be changed";
	if (!regs->addr || !regs->size || regs->io || pci_path_stop(fn, regs))
		return "its registers have no address that reaches it";
	if (m->cfg->iommu == CONFIG_IOMMU_OFF)
		return NULL;
	if (iommu_unit_of(&m->iommu, fn->bdf, &unit))
		return "no unit that translates covers it";
	if (!takes && iommu_domain_of(&m->iommu, fn->bdf))
		return "an RMRR ties it to the firmware";
	return group_busy(m, fn) ? "another function of its group attacks, or is tied to the firmware" : NULL;
}

void attackers_leave_out(const struct attackers *all, const struct pci_func *fn, const char *class,
			 const char *why)
{
	if (!all->again)
		log_line("isolate", BDF_FMT " %s does not attack: %s", BDF_ARG(fn->bdf), class, why);
}

static bool attacks(const struct attackers *all, const struct pci_func *fn)
{
	for (unsigned i = 0; i < all->n; i++)
		if (all->one[i].fn == fn)
			return true;
	return false;
}

#define ON_A_LINE 6u

void attackers_print_rest(const struct machine *m, const struct attackers *all)
{
	unsigned functions = 0, attack = 0, bridges = 0, on_line = 0;
	PCI_EACH(f, &m->pci) {
		functions++;
		attack += attacks(all, f);
		bridges += f->is_bridge;
		if (attacks(all, f) || f->is_bridge || driven(f))
			continue;
		if (on_line % ON_A_LINE == 0)
			log_text("%s  no class of attackers drives", on_line ? "\n" : "");
		log_text(" " BDF_FMT, BDF_ARG(f->bdf));
		on_line++;
	}
	log_text(on_line ? "\n" : "");
	log_line("isolate", "%u of %u functions attack; %u are bridges, which send nothing of their own",
		 attack, functions, bridges);
}

enum sl_err attackers_open(struct machine *m, struct attackers *all)
{
	enum sl_err e = SL_OK;
	for (unsigned i = 0; i < VFS_MAX; i++)
		all->fetched[i] = false;
	for (unsigned i = 0; i < ARRAY_LEN(classes) && !e; i++)
		if (classes[i]->open)
			e = classes[i]->open(m, all, classes[i]);
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
