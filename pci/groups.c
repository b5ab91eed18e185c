#include "pci/groups.h"
#include "pci/acs.h"
#include "pci/priv.h"
#include "pci/quirk.h"
#include "pci/regs.h"

/* Whether two functions are of one device: the same device number, or any function number below a port whose
 * device has the ARI capability (PCIe §6.13). Each VF counts as a device. */
static bool same_device(const struct pci_func *a, const struct pci_func *b)
{
	if (a->pf || b->pf || a->bdf.seg != b->bdf.seg || bdf_bus(a->bdf) != bdf_bus(b->bdf))
		return false;
	return bdf_dev(a->bdf) == bdf_dev(b->bdf) ||
	       (caps_is_downstream(a->parent) && a->cap_ari && b->cap_ari);
}

static bool is_one_of_several(const struct pci *pci, const struct pci_func *f)
{
	PCI_EACH(g, pci)
		if (same_device(f, g) && (g != f || f->multi_function))
			return true;
	return false;
}

/* A bridge with a conventional bus on one side. One without PCI Express capability has it on both. */
static bool is_conventional_bridge(const struct pci_func *f)
{
	return f->is_bridge && (f->port_type == PCI_PORT_CONVENTIONAL ||
				f->port_type == PCI_PORT_PCIE_TO_PCI || f->port_type == PCI_PORT_PCI_TO_PCIE);
}

bool groups_is_intel_integrated(const struct pci_func *f)
{
	return f->vendor == PCI_VENDOR_INTEL && f->port_type == PCI_PORT_RC_ENDPOINT;
}

/* PCIe §6.12.1: ports isolate by their ACS bits; of other functions only those of a multi-function device
 * could reach each other. */
static bool isolates(const struct pci_func *f)
{
	switch (f->port_type) {
	case PCI_PORT_ROOT:
	case PCI_PORT_DOWNSTREAM:
		return acs_isolates(f);
	case PCI_PORT_ENDPOINT:
	case PCI_PORT_LEGACY_ENDPOINT:
	case PCI_PORT_RC_ENDPOINT:
		return !f->is_bridge && (!f->several || groups_is_intel_integrated(f) || acs_isolates(f));
	case PCI_PORT_UPSTREAM:
		return !f->several || acs_isolates(f);
	default:
		return false;
	}
}

/* Downstream ports of one switch. */
static bool same_switch(const struct pci_func *a, const struct pci_func *b)
{
	return a->parent && a->parent == b->parent && a->port_type == PCI_PORT_DOWNSTREAM &&
	       b->port_type == PCI_PORT_DOWNSTREAM;
}

/* The first downstream port without ACS of the switch of f. */
static const struct pci_func *leak_of_switch(const struct pci *pci, const struct pci_func *f)
{
	PCI_EACH(g, pci)
		if (same_switch(f, g) && !g->isolates)
			return g;
	return NULL;
}

static struct pci_func *top(struct pci_func *f)
{
	while (f->group_up != f)
		f = f->group_up = f->group_up->group_up;
	return f;
}

static void join(struct pci_func *a, struct pci_func *b)
{
	top(b)->group_up = top(a);
}

/* The outermost conventional bridge above a function, or the function itself: it joins all that is below. */
static const struct pci_func *conventional_above(const struct pci_func *f)
{
	const struct pci_func *bridge = NULL;
	for (const struct pci_func *up = f; up; up = up->parent)
		if (is_conventional_bridge(up))
			bridge = up;
	return bridge;
}

static void add(bdf_t *out, size_t *n, bdf_t id)
{
	for (size_t i = 0; i < *n; i++)
		if (bdf_eq(out[i], id))
			return;
	if (*n < GROUPS_ALIASES)
		out[(*n)++] = id;
}

/* Its own id, those of its phantom functions (upper bits of the function number, PCIe §7.5.3.3) where these
 * are on, and known wrong ones. */
static void own_ids(const struct pci_func *f, bdf_t *out, size_t *n)
{
	add(out, n, f->bdf);
	if (f->cap_pcie && !f->pf && fn_rd16(f, f->cap_pcie + PCIE_DEVCTL) & DEVCTL_PFE) {
		static const uint8_t upper[] = {0, 4, 6, 7};
		unsigned mask = upper[FGET(fn_rd32(f, f->cap_pcie + PCIE_DEVCAP), DEVCAP_PFS)];
		for (unsigned i = 1; i < 8; i++)
			if (!(i & ~mask))
				add(out, n, (bdf_t){f->bdf.seg, (uint16_t)((f->bdf.rid & ~mask) | i)});
	}
	if (pci_quirk_find(f, QUIRK_ALIAS_1))
		add(out, n, (bdf_t){f->bdf.seg, f->bdf.rid | 1});
}

/* PCI Express to PCI/PCI-X Bridge Specification §2.3: such a bridge takes over requests as device 0, function
 * 0 of its secondary bus, those of PCI-X devices mostly as they are. Other bridges of a conventional bus use
 * their own id; one right below a PCI Express port lacks the capability that would tell what it is, and may
 * do either. */
static void ids_by_path(const struct pci_func *fn, bdf_t *out, size_t *n)
{
	const struct pci_func *bridge = fn->parent ? conventional_above(fn->parent) : NULL;
	if (!bridge) {
		own_ids(fn, out, n);
		return;
	}
	bdf_t below = {bridge->bdf.seg, (uint16_t)(bridge->sec << 8)};
	if (bridge->port_type != PCI_PORT_PCIE_TO_PCI)
		add(out, n, bridge->bdf);
	if (bridge->port_type == PCI_PORT_PCIE_TO_PCI ||
	    (bridge->port_type == PCI_PORT_CONVENTIONAL && bridge->parent))
		add(out, n, below);
	if (pci_cap_find(bridge, CAP_ID_PCIX, 8))
		own_ids(fn, out, n);
}

/* The other function whose requester id f uses as well; NULL when there is none. */
static struct pci_func *alias_of(const struct pci *pci, const struct pci_func *f)
{
	bdf_t id[GROUPS_ALIASES];
	size_t n = 0;
	ids_by_path(f, id, &n);
	for (size_t i = 0; i < n; i++) {
		struct pci_func *g = pci_find(pci, id[i]);
		if (g && g != f && !is_conventional_bridge(g))
			return g;
	}
	return NULL;
}

/* Requests of both may arrive with one id, by the firmware's table. */
static bool same_table_id(const struct pci_func *a, const struct pci_func *b)
{
	if (a == b || a->bdf.seg != b->bdf.seg)
		return false;
	return (a->renamed && (a->table_id == b->bdf.rid || (b->renamed && a->table_id == b->table_id))) ||
	       (b->renamed && b->table_id == a->bdf.rid);
}

static void joins_of(const struct pci *pci, struct pci_func *f)
{
	for (struct pci_func *up = f->parent; up; up = up->parent)
		if (!up->isolates || leak_of_switch(pci, up))
			join(up, f);
	bool leaks = leak_of_switch(pci, f) != NULL;
	PCI_EACH(g, pci) {
		if (g == f)
			break;
		if (leaks && same_switch(f, g))
			join(g, f);
		if (!f->isolates && !g->isolates && same_device(f, g))
			join(g, f);
		if (same_table_id(f, g))
			join(g, f);
	}
	struct pci_func *other = alias_of(pci, f);
	if (other)
		join(other, f);
}

unsigned groups_compute(struct pci *pci)
{
	unsigned n = 0;
	PCI_EACH(f, pci) {
		f->group = 0;
		f->group_up = f;
		f->several = is_one_of_several(pci, f);
		f->isolates = isolates(f);
		f->renamed = pci->table_id && pci->table_id(pci->table_ctx, f->bdf, &f->table_id) &&
			     f->table_id != f->bdf.rid;
	}
	PCI_EACH(f, pci)
		joins_of(pci, f);
	PCI_EACH(f, pci) {
		struct pci_func *t = top(f);
		if (t->group == 0)
			t->group = ++n;
		f->group = t->group;
	}
	return n;
}

struct pci_func *groups_next(const struct pci *pci, unsigned id, const struct pci_func *prev)
{
	struct pci_func *f = prev ? TAILQ_NEXT(prev, link) : TAILQ_FIRST(&pci->funcs);
	while (f && f->group != id)
		f = TAILQ_NEXT(f, link);
	return f;
}

static bool leads_anywhere(const struct pci *pci, const struct pci_func *bridge)
{
	PCI_EACH(f, pci)
		if (f->parent == bridge)
			return true;
	return false;
}

bool groups_isolates_in_linux(const struct pci_func *f)
{
	return f->isolates || (caps_is_downstream(f) && acs_isolates_in_linux(f));
}

static bool linux_isolates_above(const struct pci_func *f)
{
	for (const struct pci_func *up = f->parent; up; up = up->parent)
		if (!groups_isolates_in_linux(up))
			return false;
	return true;
}

/* Linux joins the downstream ports of a switch only where they are functions of one device without ACS, or
 * where something above joins them. */
static bool linux_splits(const struct pci *pci, const struct pci_func *leak)
{
	if (!linux_isolates_above(leak))
		return false;
	PCI_EACH(f, pci)
		if (same_switch(f, leak) && (groups_isolates_in_linux(f) || !same_device(f, leak)))
			return true;
	return false;
}

/* Whether the switch of f, which has a port without ACS, is a reason: it has several ports. */
static bool switch_reason(const struct pci *pci, const struct pci_func *f, struct group_reason *r)
{
	*r = (struct group_reason){.why = GROUP_SWITCH, .at = f, .missing = acs_missing(f)};
	PCI_EACH(g, pci) {
		if (!same_switch(f, g))
			continue;
		r->of++;
		r->count += !g->isolates;
	}
	r->stricter = linux_splits(pci, f);
	return r->of > 1;
}

static bool port_reason(const struct pci *pci, const struct pci_func *f, struct group_reason *r)
{
	const struct pci_func *leak = leak_of_switch(pci, f);
	if (leak && switch_reason(pci, leak, r))
		return leak == f;
	if (!f->is_bridge || f->isolates || !leads_anywhere(pci, f))
		return false;
	*r = (struct group_reason){.why = GROUP_PORT, .at = f, .missing = acs_missing(f)};
	if (!caps_is_downstream(f) && f->port_type != PCI_PORT_UPSTREAM)
		r->why = GROUP_BRIDGE;
	r->stricter = groups_isolates_in_linux(f) && linux_isolates_above(f);
	return true;
}

static bool multi_reason(const struct pci *pci, const struct pci_func *f, struct group_reason *r)
{
	bool one_switch = true; /* then GROUP_SWITCH reports it */
	*r = (struct group_reason){.why = GROUP_MULTI, .at = f, .missing = acs_missing(f)};
	if (f->isolates)
		return false;
	PCI_EACH(g, pci) {
		if (g->isolates || !same_device(f, g))
			continue;
		if (r->count == 0 && g != f)
			return false; /* reported for the first one */
		r->count++;
		one_switch = one_switch && same_switch(f, g);
	}
	return r->count > 1 && !one_switch;
}

static bool alias_reason(const struct pci *pci, const struct pci_func *f, struct group_reason *r)
{
	for (const struct pci_func *up = f->parent; up; up = up->parent)
		if (is_conventional_bridge(up))
			return false; /* GROUP_BRIDGE reports it */
	*r = (struct group_reason){.why = GROUP_ALIAS, .at = f, .other = alias_of(pci, f)};
	return r->other != NULL;
}

/* Once for each id: of the first function that the table gives it. Linux takes an alias for a PCI device's
 * own only on the device's bus, and looks only for a function that is there. */
static bool table_reason(const struct pci *pci, const struct pci_func *f, struct group_reason *r)
{
	const struct pci_func *bridge = conventional_above(f);
	*r = (struct group_reason){.why = GROUP_TABLE, .at = f};
	PCI_EACH(g, pci) {
		if (!f->renamed || !same_table_id(f, g))
			continue;
		if (f->table_id != g->bdf.rid && g->bdf.rid < f->bdf.rid && g->table_id == f->table_id)
			return false; /* GROUP_TABLE of g reports it */
		if (!r->other && (!bridge || bridge != conventional_above(g)))
			r->other = g; /* else GROUP_BRIDGE reports it */
	}
	r->stricter =
		r->other && (r->other->bdf.rid != f->table_id || bdf_bus(r->other->bdf) != bdf_bus(f->bdf));
	return r->other != NULL;
}

enum sl_err groups_reason(const struct pci *pci, unsigned id, unsigned n, struct group_reason *out)
{
	static bool (*const kinds[])(const struct pci *, const struct pci_func *, struct group_reason *) = {
		port_reason, multi_reason, alias_reason, table_reason};
	for (const struct pci_func *f = NULL; (f = groups_next(pci, id, f));)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
			if (kinds[k](pci, f, out) && n-- == 0)
				return SL_OK;
	return SL_END;
}

bool groups_old_pch_port(const struct pci_func *f)
{
	return pci_quirk_find(f, QUIRK_ACS_HIDDEN) != NULL;
}

size_t groups_alias(const struct pci_func *fn, bdf_t out[GROUPS_ALIASES])
{
	size_t n = 0;
	ids_by_path(fn, out, &n);
	if (fn->renamed)
		add(out, &n, (bdf_t){fn->bdf.seg, fn->table_id});
	return n;
}
