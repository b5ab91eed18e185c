#include "apps/bringup/topology.h"
#include "pci/names.h"

static bool bridge(void *ctx, bdf_t fn, uint8_t *sec, uint8_t *sub)
{
	const struct pci_func *f = pci_find(ctx, fn);
	if (!f || !f->is_bridge || !f->sec)
		return false;
	*sec = f->sec;
	*sub = f->sub;
	return true;
}

static bdf_t pf_of(void *ctx, bdf_t fn)
{
	const struct pci_func *f = pci_find(ctx, fn);
	return f && f->pf ? f->pf->bdf : fn;
}

static bool function_at(void *ctx, unsigned i, bdf_t *fn, uint32_t *class)
{
	const struct pci *pci = ctx;
	PCI_EACH(f, pci) {
		if (i--)
			continue;
		*fn = f->bdf;
		*class = f->class;
		return true;
	}
	return false;
}

static struct {
	struct ivrs_ivhd unit[IVRS_UNITS];
	unsigned n;
} amd;

static bool table_id(const void *ctx, bdf_t fn, uint16_t *id)
{
	(void)ctx;
	return ivrs_alias(amd.unit, amd.n, fn, id);
}

void topology_use_ivrs(struct pci *pci, struct span table)
{
	struct ivrs t;
	if (ivrs_open(table, &t) != SL_OK)
		return;
	amd.n = ivrs_units(&t, amd.unit, IVRS_UNITS);
	pci->table_id = table_id;
}

const char *topology_name(void *ctx, bdf_t fn)
{
	const struct pci_func *f = pci_find(ctx, fn);
	return f ? pci_class_name(f->class) : NULL;
}

struct dmar_topo topology_of(struct pci *pci)
{
	return (struct dmar_topo){pci, bridge, pf_of};
}

struct table_functions topology_functions(struct pci *pci)
{
	return (struct table_functions){pci, function_at};
}
