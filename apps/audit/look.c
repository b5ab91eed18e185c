/* What the record says of tables, units and functions: questions that rules and printers share. */
#include "apps/audit/look.h"
#include "apps/bringup/topology.h"
#include "kernel/str.h"
#include "pci/groups.h"
#include "pci/regs.h"

/* Of two entries with the same registers the first counts, as in Linux and in iommu/units.c: what the second
 * alone names has no unit. */
bool audit_unit_of(const struct audit_look *look, bdf_t fn, unsigned *unit)
{
	struct dmar_drhd d, at;
	struct dmar_entry e = {0};
	*unit = 0;
	if (!look->has_dmar || dmar_unit_of(&look->dmar, &look->topo, fn, &d) != SL_OK)
		return false;
	for (unsigned i = 0; dmar_next(&look->dmar, &e) == SL_OK;) {
		if (e.type != DMAR_DRHD || dmar_drhd(&e, &at) != SL_OK)
			continue;
		if (at.off == d.off) {
			*unit = i;
			return true;
		}
		if (at.base == d.base)
			return false;
		i++;
	}
	return false;
}

const struct vtd_regs_seen *unit_regs(const struct audit_unit *u)
{
	for (unsigned i = AUDIT_PHASES; i-- > 0;)
		if (u->at[i].read)
			return &u->at[i];
	return NULL;
}

struct vtd_ability unit_ability(const struct audit_unit *u)
{
	const struct vtd_regs_seen *r = unit_regs(u);
	return r ? vtd_ability_of(r->ver, r->cap, r->ecap)
		 : (struct vtd_ability){.unusable = "its registers were not read"};
}

bool does_dma(const struct pci_func *f)
{
	return !f->is_bridge && f->class >> 16 != 0x06 && f->class >> 8 != PCI_CLASS_IOMMU;
}

const struct audit_table *audit_table(const struct audit_in *in, const char *sig)
{
	for (unsigned i = 0; i < in->tables; i++)
		if (strcmp(in->table[i].sig, sig) == 0)
			return &in->table[i];
	return NULL;
}

static bool table_id(const void *ctx, bdf_t fn, uint16_t *id)
{
	const struct audit_look *look = ctx;
	return ivrs_alias(look->amd, look->amds, fn, id);
}

/* By the record's table, which a recorded machine's functions know nothing of. */
static unsigned groups_of_record(struct pci *pci, const struct audit_look *look)
{
	struct pci was = {.table_id = pci->table_id, .table_ctx = pci->table_ctx};
	pci->table_id = table_id;
	pci->table_ctx = look;
	unsigned n = groups_compute(pci);
	pci->table_id = was.table_id;
	pci->table_ctx = was.table_ctx;
	return n;
}

void look_at(struct audit_in *in, struct audit_look *out)
{
	const struct audit_table *dmar = audit_table(in, "DMAR"), *ivrs = audit_table(in, "IVRS");
	memset(out, 0, sizeof *out);
	out->topo = topology_of(in->pci);
	out->functions = topology_functions(in->pci);
	out->has_ivrs = !dmar && ivrs && ivrs_open(ivrs->data, &out->ivrs) == SL_OK;
	if (out->has_ivrs)
		out->amds = ivrs_units(&out->ivrs, out->amd, IVRS_UNITS);
	out->has_dmar = dmar && dmar_open(dmar->data, &out->dmar) == SL_OK;
	out->groups = groups_of_record(in->pci, out);
}
