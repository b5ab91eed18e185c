/* The record, filled on the machine that the stages found. */
#include "apps/audit/app.h"
#include "apps/vf/nvme.h"
#include "apps/audit/json.h"
#include "apps/machine.h"
#include "kernel/core.h"
#include "kernel/fmt.h"
#include "kernel/str.h"
#include "kernel/irq.h"
#include "kernel/cpu.h"
#include "kernel/tsc.h"
#include "pci/fit.h"
#include "iommu/amdvi/backend.h"
#include "iommu/vtd/backend.h"

static struct audit_in in;
static struct audit_live live;

static void take_cpu(struct machine *m)
{
	uint32_t r[4];
	const char *brand = cpu_info()->brand;
	while (*brand == ' ')
		brand++;
	fmt_print(in.cpu, sizeof in.cpu, "%s", brand);
	cpu_id(0, r);
	memcpy(in.vendor, &r[1], 4);
	memcpy(in.vendor + 4, &r[3], 4);
	memcpy(in.vendor + 8, &r[2], 4);
	in.vendor[12] = 0;
	cpu_id(0x80000008, r);
	in.phys_bits = (uint8_t)r[0];
	fmt_print(in.firmware, sizeof in.firmware, "%s", m->boot->firmware);
	in.apicids = madt_enabled(&m->madt);
	in.apicid_max = madt_highest(&m->madt);
	in.apic = !in.apicids          ? AUDIT_APIC_UNKNOWN
		  : apic_reach() > 254 ? AUDIT_APIC_X2APIC
				       : AUDIT_APIC_XAPIC;
	in.tsc_hz = tsc_info()->hz;
	in.secure_boot = (uint8_t)m->boot->secure_boot;
}

static void take_tables(const struct machine *m)
{
	static const char *const wanted[] = {"DMAR", "MCFG", "APIC", "IVRS", "SRAT", "HPET", "SPCR", "VIOT"};
	in.tables = 0;
	for (unsigned i = 0; i < ARRAY_LEN(wanted); i++) {
		const struct acpi_table *t;
		for (unsigned n = 0; (t = acpi_find(&m->acpi, wanted[i], n)) && in.tables < AUDIT_TABLES;
		     n++) {
			struct audit_table *out = &in.table[in.tables++];
			fmt_print(out->sig, sizeof out->sig, "%s", wanted[i]);
			out->addr = t->phys;
			out->data = t->data;
			if (strcmp(wanted[i], "DMAR") != 0) /* of which a second one is judged */
				break;
		}
	}
}

/* ---- units ---- */

static void take_snapshot(enum audit_phase phase, const struct boot_snapshot *s, struct audit_unit *u)
{
	for (uint32_t i = 0; i < s->units; i++)
		if (s->unit[i].base == u->base) {
			u->at[phase] = s->unit[i].regs;
			return;
		}
}

static void take_units(struct machine *m, const struct boot_snapshot *entry, const struct boot_snapshot *left)
{
	const struct acpi_table *t = acpi_find(&m->acpi, "DMAR", 0);
	struct dmar dmar;
	struct dmar_entry e = {0};
	struct dmar_drhd d;
	in.units = 0;
	if (!t || dmar_open(t->data, &dmar))
		return;
	while (dmar_next(&dmar, &e) == SL_OK && in.units < AUDIT_UNITS) {
		if (e.type != DMAR_DRHD || dmar_drhd(&e, &d))
			continue;
		struct audit_unit *u = &in.unit[in.units];
		*u = (struct audit_unit){.base = d.base, .seg = d.seg};
		take_snapshot(AUDIT_ENTRY, entry, u);
		take_snapshot(AUDIT_LEFT, left, u);
		if (in.units < m->iommu.unit_count &&
		    vtd_read_registers(&m->iommu, in.units, &u->at[AUDIT_NOW]) != SL_OK)
			u->at[AUDIT_NOW].read = false;
		in.units++;
	}
}

static void take_amd_snapshot(enum audit_phase phase, const struct boot_snapshot *s, struct audit_amd *u)
{
	for (uint32_t i = 0; i < s->amds; i++)
		if (s->amd[i].seg == u->unit.seg && s->amd[i].rid == u->unit.rid && s->amd[i].base == u->base)
			u->at[phase] = s->amd[i].regs;
}

static void take_amds(struct machine *m, const struct boot_snapshot *entry, const struct boot_snapshot *left)
{
	const struct amdvi *a = m->iommu.amdvi;
	in.amds = 0;
	for (unsigned i = 0; a && i < m->iommu.unit_count && i < AUDIT_UNITS; i++) {
		struct audit_amd *u = &in.amd[in.amds++];
		*u = (struct audit_amd){.base = a->ivhd[i].base, .unit = a->ivhd[i].unit};
		take_amd_snapshot(AUDIT_ENTRY, entry, u);
		take_amd_snapshot(AUDIT_LEFT, left, u);
		if (amdvi_read_registers(&m->iommu, i, &u->at[AUDIT_NOW]) == SL_OK)
			u->at[AUDIT_NOW].cap_base = u->at[AUDIT_LEFT].cap_base;
	}
}

/* ---- functions ---- */

static int8_t master_in(const struct boot_snapshot *s, bdf_t fn)
{
	for (uint32_t i = 0; i < s->funcs; i++)
		if (s->func[i].seg == fn.seg && s->func[i].rid == fn.rid)
			return s->func[i].command >> 2 & 1;
	return -1;
}

static void take_functions(struct machine *m, const struct boot_snapshot *entry,
			   const struct boot_snapshot *left)
{
	in.fns = 0;
	PCI_EACH(f, &m->pci) {
		if (in.fns == AUDIT_FUNCS)
			return;
		in.fn[in.fns++] = (struct audit_master){f->bdf, master_in(entry, f->bdf),
							master_in(left, f->bdf), f->found};
	}
}

/* VFs that the PF's controller could give 2 queue pairs and 1 interrupt each, of what it has to share out. */
static int32_t backed(const struct machine *m, const struct pci_func *pf)
{
	const struct nvme_pf *c = nvme_pf_of(m);
	if (pf != m->pf || !m->pf_open || pf->class != PCI_CLASS_NVME || !(c->flexible_vq || c->flexible_vi))
		return -1;
	uint32_t vq = c->free_vq / 2;
	return (int32_t)(!c->flexible_vi || (c->flexible_vq && vq < c->free_vi) ? vq : c->free_vi);
}

/* ---- room for VFs ---- */

static struct pf_routes {
	bdf_t pf;
	struct audit_routing routing[2];
} routes[AUDIT_PFS];
static unsigned n_routes;

/* The record of that PF, a new one if need be; NULL when there is no room. */
static struct pf_routes *routes_of(bdf_t pf)
{
	for (unsigned i = 0; i < n_routes; i++)
		if (bdf_eq(routes[i].pf, pf))
			return &routes[i];
	if (n_routes == AUDIT_PFS)
		return NULL;
	routes[n_routes] = (struct pf_routes){.pf = pf};
	return &routes[n_routes++];
}

void audit_read_routes(struct machine *m)
{
	PCI_EACH(f, &m->pci) {
		struct sriov s;
		struct sriov_route route[2];
		bool known[2];
		struct pf_routes *r;
		if (f->pf || sriov_read(&m->pci, f, &s) || !(r = routes_of(f->bdf)))
			continue;
		sriov_routes(&m->pci, f, route, known);
		for (unsigned i = 0; i < 2; i++)
			if (known[i]) /* PCIe §9.3.3.9: it may read 0 while NumVFs is 0 */
				r->routing[i] = (struct audit_routing){route[i].offset || s.num_vfs,
								       route[i].offset, route[i].stride};
	}
}

static void take_sriov(struct machine *m)
{
	in.pfs = 0;
	PCI_EACH(f, &m->pci) {
		struct sriov s;
		if (f->pf || in.pfs == AUDIT_PFS || sriov_read(&m->pci, f, &s))
			continue;
		struct audit_sriov *out = &in.pf[in.pfs++];
		*out = (struct audit_sriov){.pf = f->bdf,
					    .total = s.total_vfs,
					    .initial = s.initial_vfs,
					    .num = s.num_vfs,
					    .enabled = s.vf_enable,
					    .ari = s.ari,
					    .ari_forwards = sriov_ari_forwards(f),
					    .page_sizes = s.page_sizes,
					    .backed = backed(m, f)};
		const struct pf_routes *r = routes_of(f->bdf);
		for (unsigned i = 0; r && i < 2; i++)
			out->routing[i] = r->routing[i];
	}
}

/* ---- what the tables say now ---- */

static unsigned live_domain(const struct domain *d)
{
	for (unsigned i = 0; i < live.domains; i++)
		if (live.domain[i].id == domain_id(d))
			return i;
	return LIVE_NONE;
}

/* Joined where device addresses continue with the same permission. */
static void add_page(const struct iommu_walk *w, uint64_t at, uint64_t size, unsigned first)
{
	unsigned n = live.runs;
	if (n > first && live.run[n - 1].iova + live.run[n - 1].len == at &&
	    live.run[n - 1].read == w->read && live.run[n - 1].write == w->write) {
		live.run[n - 1].len += size;
		return;
	}
	if (n == LIVE_RUNS)
		return;
	live.run[n].iova = at;
	live.run[n].len = size;
	live.run[n].read = w->read;
	live.run[n].write = w->write;
	live.runs++;
}

/* An empty entry at a high level stands for all that is below it. */
static void add_domain(struct machine *m, const struct domain *d, bdf_t fn)
{
	struct iommu_walk w;
	uint64_t size;
	if (live.domains == LIVE_DOMAINS)
		return;
	unsigned n = live.domains++, first = live.runs;
	live.domain[n].id = domain_id(d);
	fmt_print(live.domain[n].name, sizeof live.domain[n].name, "%s", domain_name(d));
	for (uint64_t at = 0; !domain_passes(d) && at < domain_aperture(d);
	     at = ALIGN_DOWN(at, size) + size) {
		if (iommu_walk(&m->iommu, fn, IOVA(at), &w))
			break;
		size = w.size;
		if (!size)
			break;
		if (w.read || w.write)
			add_page(&w, at, size, first);
	}
	live.domain[n].first = first;
	live.domain[n].runs = live.runs - first;
}

void audit_take_live(struct machine *m)
{
	live.attached = live.domains = live.runs = 0;
	PCI_EACH(f, &m->pci) {
		unsigned unit;
		if (live.attached == AUDIT_FUNCS)
			return;
		bool has = m->iommu.unit_count && iommu_unit_of(&m->iommu, f->bdf, &unit) == SL_OK;
		struct domain *d = has && m->translating ? iommu_domain_of(&m->iommu, f->bdf) : NULL;
		if (d && live_domain(d) == LIVE_NONE)
			add_domain(m, d, f->bdf);
		live.attach[live.attached].bdf = f->bdf;
		live.attach[live.attached].unit = has ? (uint16_t)unit : LIVE_NONE;
		live.attach[live.attached].domain = d ? domain_id(d) : 0;
		live.attach[live.attached++].mode = !m->translating || !has ? LIVE_OFF
						    : !d                    ? LIVE_BLOCKED
						    : domain_passes(d)      ? LIVE_PASS_THROUGH
									    : LIVE_DOMAIN;
	}
}

const struct audit_live *audit_live(void)
{
	return &live;
}

struct audit_in *audit_take(struct machine *m)
{
	const struct boot_snapshot *entry = phys_va(PHYS(m->boot->at_entry));
	const struct boot_snapshot *left = phys_va(PHYS(m->boot->at_exit));
	take_cpu(m);
	in.identity = &m->boot->identity;
	in.nvme = m->boot->nvme;
	in.nvmes = m->cfg->privacy ? 0 : m->boot->nvmes; /* the menu may set privacy=1 after they were read */
	take_tables(m);
	in.mem = phys_va(PHYS(m->boot->regions));
	in.mems = m->boot->region_count;
	in.pci = &m->pci;
	take_units(m, entry, left);
	take_amds(m, entry, left);
	take_functions(m, entry, left);
	take_sriov(m);
	audit_take_missed(&in, &m->pci);
	fmt_print(in.failed, sizeof in.failed, "%s", m->failed_stage ? m->failed_stage : "");
	in.proof = m->audit.proof;
	in.cases = *proof_cases();
	in.errors = *hardware_errors();
	if (in.proof == AUDIT_PROOF_DONE && !in.cases.n)
		in.proof = m->cfg->iommu != CONFIG_IOMMU_ON ? AUDIT_PROOF_OFF
			   : !m->translating                ? AUDIT_PROOF_NO_UNIT
							    : AUDIT_PROOF_NOT_ASKED;
	return &in;
}
