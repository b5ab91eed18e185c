/* How many VFs each PF can have, and what the others lack. */
#include "apps/audit/room.h"
#include "apps/audit/finding.h"
#include "apps/audit/rules.h"
#include "kernel/fmt.h"

void audit_room(const struct audit_in *in, const struct audit_sriov *s, struct audit_room *out)
{
	struct pci_func *pf = pci_find(in->pci, s->pf);
	*out = (struct audit_room){.best = &out->fit[0]};
	if (!pf)
		return;
	for (unsigned ari = 0; ari < 2; ari++)
		if (s->routing[ari].known)
			sriov_fit(in->pci, pf, s->total,
				  (struct sriov_route){s->routing[ari].offset, s->routing[ari].stride},
				  &out->fit[ari]);
	if (!s->routing[0].known && !s->routing[1].known) { /* bus numbers cannot be judged then */
		sriov_fit(in->pci, pf, s->total, (struct sriov_route){0}, &out->fit[0]);
		out->fit[0].by_bus = s->total;
		out->fit[0].missing_buses = 0;
	}
	bool ari = s->routing[1].known && (s->ari_forwards || !s->routing[0].known);
	out->ari = ari;
	out->best = &out->fit[ari];
	out->vfs = out->best->by_bus < out->best->by_bars ? out->best->by_bus : out->best->by_bars;
	out->limit = out->best->by_bus < s->total && out->best->by_bus <= out->best->by_bars
			     ? AUDIT_LIMIT_BUSES
		     : out->best->by_bars < s->total ? AUDIT_LIMIT_WINDOW
		     : out->best->unsized            ? AUDIT_LIMIT_UNKNOWN
						     : AUDIT_LIMIT_NONE;
	if (s->backed >= 0 && (uint32_t)s->backed < out->vfs) {
		out->vfs = (uint16_t)s->backed;
		out->limit = AUDIT_LIMIT_QUEUES;
	}
}

const char *audit_limit_name(enum audit_limit l)
{
	static const char *const names[] = {"none", "bus numbers", "BAR window", "controller resources",
					    "not known: VF BARs are not sized"};
	return l < ARRAY_LEN(names) ? names[l] : "none";
}

static void bars_text(const struct pci_func *pf, char *buf, size_t n)
{
	size_t at = 0;
	buf[0] = 0;
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &pf->vf_bar[i];
		char where[24] = "no address";
		if (b->addr)
			fmt_print(where, sizeof where, "0x%llx", (ull)b->addr);
		if (b->size && at < n)
			at += (size_t)fmt_print(buf + at, n - at, "%sVF BAR%u 0x%llx at %s", at ? ", " : "",
						i, (ull)b->size, where);
	}
}

static void judge_pf(struct judge *j, const struct audit_sriov *s, const struct audit_room *r,
		     const struct pci_func *pf)
{
	char bars[100];
	const struct sriov_fit *fit = r->best;
	const struct audit_routing *route = &s->routing[r->ari];
	unsigned at = pf->cap_sriov;
	bars_text(pf, bars, sizeof bars);
	if (!(s->page_sizes & 1))
		finding_fn(j, RULE_SRIOV_PAGES, s->pf, "Supported Page Sizes 0x%x at 0x%x", s->page_sizes,
			   at + 0x1c);
	if (fit->by_bus < s->total && !r->ari && s->routing[1].known && !s->ari_forwards &&
	    r->fit[1].by_bus > fit->by_bus)
		finding_fn(j, RULE_SRIOV_ARI, s->pf,
			   "%u of %u VFs without ARI, %u with; the port above does not forward ARI requests",
			   fit->by_bus, s->total, r->fit[1].by_bus);
	else if (fit->by_bus < s->total)
		finding_fn(
			j, RULE_SRIOV_BUSES, s->pf,
			"%u of %u VFs (TotalVFs at 0x%x): First VF Offset %u, VF Stride %u%s; last bus %02x, %u bus numbers missing",
			fit->by_bus, s->total, at + 0xe, route->offset, route->stride,
			r->ari ? " with ARI" : "", fit->last_bus, fit->missing_buses);
	if (fit->by_bars < s->total) {
		char above[32] = "on a root bus";
		if (pf->parent)
			fmt_print(above, sizeof above, "bridge " BDF_FMT, BDF_ARG(pf->parent->bdf));
		finding_fn(j, RULE_SRIOV_WINDOW, s->pf,
			   "%u of %u VFs (TotalVFs at 0x%x): %s each; %s: 0x%llx bytes missing", fit->by_bars,
			   s->total, at + 0xe, bars, above, (ull)fit->missing_bytes);
	}
	if (s->backed >= 0 && s->backed < s->total)
		finding_fn(j, RULE_SRIOV_QUEUES, s->pf, "flexible resources for %d of %u VFs", s->backed,
			   s->total);
	if (r->limit == AUDIT_LIMIT_NONE && s->total && (s->page_sizes & 1))
		finding_fn(j, RULE_SRIOV_READY, s->pf,
			   "%u VFs: First VF Offset %u, VF Stride %u%s, last bus %02x; %s", s->total,
			   route->offset, route->stride, r->ari ? " with ARI" : "", fit->last_bus, bars);
}

void rules_sriov(struct judge *j)
{
	for (unsigned i = 0; i < j->in->pfs; i++) {
		const struct audit_sriov *s = &j->in->pf[i];
		const struct pci_func *pf = pci_find(j->in->pci, s->pf);
		if (pf && pf->cap_sriov)
			judge_pf(j, s, &j->out->room[i], pf);
	}
}
