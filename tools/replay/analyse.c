#include "analyse.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apps/bringup/topology.h"
#include "iommu/dmar/rmrr.h"
#include "iommu/ivrs/lint.h"
#include "iommu/ivrs/unity.h"
#include "iommu/vtd/unit.h"
#include "machine.h"
#include "pci/acs.h"
#include "pci/fit.h"
#include "pci/groups.h"
#include "pci/posture.h"
#include "pci/regs.h"
#include "pci/sriov.h"
#include "table.h"

#define WHOLE_DUMP "sudo lspci -D -xxxx"

/* ---- functions ---- */

static void print_guess(const struct group_reason *r)
{
	printf("  why: " BDF_FMT ": ACS %s not in the dump and taken as absent: the group may be smaller\n"
	       "  try: " WHOLE_DUMP "\n",
	       BDF_ARG(r->at->bdf), r->why == GROUP_MULTI ? "of the functions of its device is" : "is");
}

static void print_group(const struct pci *pci, const struct replay *cfg, unsigned id)
{
	struct group_reason r;
	unsigned n = 0;
	printf("group %u:", id);
	for (const struct pci_func *f = NULL; (f = groups_next(pci, id, f)); n++)
		printf("%s" BDF_FMT, n && n % 6 == 0 ? "\n  " : " ", BDF_ARG(f->bdf));
	printf("\n");
	for (n = 0; groups_reason(pci, id, n, &r) == SL_OK; n++) {
		char why[320];
		if (machine_is_guess(cfg, pci, &r)) {
			print_guess(&r);
			continue;
		}
		groups_reason_text(&r, why, sizeof(why));
		printf("  why: %s\n  try: %s\n", why, groups_remedy(&r));
	}
}

void analyse_groups(struct pci *pci, const struct replay *cfg)
{
	unsigned n = groups_compute(pci), several = 0;
	for (unsigned id = 1; id <= n; id++)
		several += machine_members(pci, id) > 1;
	printf("groups: %u of %u functions, %u have more than one\n", n, machine_functions(pci), several);
	for (unsigned id = 1; id <= n; id++)
		if (machine_members(pci, id) > 1)
			print_group(pci, cfg, id);
}

/* ARI Capable Hierarchy is in the lowest PF of a device alone: PCIe §9.3.3.3.5. */
static void ari_text(const struct pci *pci, const struct pci_func *pf, bool on, char *buf, size_t n)
{
	PCI_EACH(f, pci) {
		if (f == pf)
			break;
		if (!f->pf && f->cap_sriov && f->bdf.seg == pf->bdf.seg &&
		    bdf_bus(f->bdf) == bdf_bus(pf->bdf) && f->parent == pf->parent) {
			snprintf(buf, n, "as that of " BDF_FMT, BDF_ARG(f->bdf));
			return;
		}
	}
	snprintf(buf, n, "%s", on ? "on" : "off");
}

/* How many VFs a PF can have; sizes of BARs are guessed in a dump, so bytes are not told then. */
static void print_sriov(const struct pci *pci, struct pci_func *pf)
{
	struct sriov s;
	struct sriov_fit fit;
	char ari[40];
	if (sriov_read(pci, pf, &s) != SL_OK)
		return;
	sriov_fit(pci, pf, s.total_vfs, (struct sriov_route){s.offset, s.stride}, &fit);
	ari_text(pci, pf, s.ari, ari, sizeof(ari));
	printf("sriov: " BDF_FMT
	       ": %u VFs (InitialVFs %u), %u on; First VF Offset %u, VF Stride %u, ARI %s: bus numbers reach for %u",
	       BDF_ARG(pf->bdf), s.total_vfs, s.initial_vfs, s.vf_enable ? s.num_vfs : 0, s.offset, s.stride,
	       ari, fit.by_bus);
	if (fit.missing_buses)
		printf(" (%u buses behind %02x are missing)", fit.missing_buses, fit.last_bus);
	printf("\n");
}

/* Bytes without capabilities: a dump that was not taken by root; without extended ones: lspci -xxx. */
static void print_short(const struct pci *pci, const struct replay *dump)
{
	unsigned few = 0, all = 0, cut = 0;
	bdf_t bdf;
	for (size_t i = 0; replay_function(dump, i, &bdf); i++) {
		const struct pci_func *f = pci_find(pci, bdf);
		bool none = replay_bytes(dump, i) <= CAP_FIRST;
		few += none;
		cut += !none && f && machine_is_cut(dump, f);
		all++;
	}
	if (few)
		printf("of %u of %u functions there are 64 bytes: the dump was not taken by root, and no capability is known; take it anew: " WHOLE_DUMP
		       "\n",
		       few, all);
	if (cut)
		printf("of %u of %u functions there are 256 bytes: ACS, ARI, ATS and SR-IOV are not in them; take the dump anew: " WHOLE_DUMP
		       "\n",
		       cut, all);
}

static void print_vmds(const struct pci *pci)
{
	PCI_EACH(f, pci)
		if (pci_is_vmd(f))
			printf("vmd: " BDF_FMT
			       ": drives behind it are in a PCI domain of their own and not judged\n",
			       BDF_ARG(f->bdf));
}

enum sl_err analyse_scan(struct pci *pci, struct replay *cfg, struct span mcfg)
{
	static struct machine_complaints said;
	enum sl_err e = machine_scan(pci, cfg, mcfg, &said);
	if (e != SL_OK)
		return e;
	printf("pci: %u functions, %zu root buses\n", machine_functions(pci), pci->n_roots);
	for (unsigned i = 0; i < said.n && i < MACHINE_COMPLAINTS; i++)
		printf("complaint: %s\n", said.line[i]);
	if (said.n > MACHINE_COMPLAINTS)
		printf("complaint: and %u more\n", said.n - MACHINE_COMPLAINTS);
	return SL_OK;
}

/* Why the walk did not come to function 0 of a device that the dump has. */
static void why_first(const struct pci *pci, bdf_t bdf, char *buf, size_t n)
{
	unsigned bus = bdf_bus(bdf);
	const struct pci_func *up = NULL; /* the lowest bridge that claims the bus */
	PCI_EACH(f, pci)
		if (f->bdf.seg == bdf.seg && f->sec && f->sec <= bus && f->sub >= bus &&
		    (!up || f->sec >= up->sec))
			up = f;
	if (up && up->sec != bus)
		snprintf(buf, n, "no bridge leads to bus %02x, which is one of those below " BDF_FMT, bus,
			 BDF_ARG(up->bdf));
	else if (up && bdf_dev(bdf) &&
		 (up->port_type == PCI_PORT_ROOT || up->port_type == PCI_PORT_DOWNSTREAM))
		snprintf(buf, n, "below port " BDF_FMT " there is only device 0, but for VFs",
			 BDF_ARG(up->bdf));
	else
		snprintf(buf, n, "no bus walk leads to it");
}

/* Functions of a dump that the walk did not come to. */
static void print_unreached(const struct pci *pci, const struct replay *dump)
{
	bdf_t bdf;
	for (size_t i = 0; replay_function(dump, i, &bdf); i++) {
		bdf_t first = {bdf.seg, (uint16_t)(bdf.rid & 0xfff8)};
		const struct pci_func *f = pci_find(pci, first);
		char why[120];
		if (pci_find(pci, bdf))
			continue;
		if (pci_rd16(replay_cfg(dump), bdf, 0) == 0xffff)
			snprintf(why, sizeof(why), "its bytes read all ones");
		else if (bdf_eq(bdf, first))
			why_first(pci, bdf, why, sizeof(why));
		else if (!f && pci_rd16(replay_cfg(dump), first, 0) == 0xffff)
			snprintf(why, sizeof(why), "the dump does not have function 0 of its device");
		else if (!f)
			snprintf(why, sizeof(why), "function 0 of its device is not found either");
		else
			snprintf(why, sizeof(why), "%s",
				 f->multi_function ? "no bus walk leads to it"
						   : "function 0 of its device says that there is no other");
		printf("not found: " BDF_FMT ": %s\n", BDF_ARG(bdf), why);
	}
}

enum sl_err analyse_dump(struct pci *pci, struct replay *dump, struct span mcfg)
{
	enum sl_err e = analyse_scan(pci, dump, mcfg);
	if (e != SL_OK)
		return e;
	print_unreached(pci, dump);
	print_short(pci, dump);
	print_vmds(pci);
	PCI_EACH(f, pci)
		if (f->cap_sriov && !f->pf)
			print_sriov(pci, f);
	acs_enable_all(pci); /* as Linux and stage groups do: the dump may be of a system that did not */
	analyse_groups(pci, dump);
	return SL_OK;
}

/* ---- a DMAR table ---- */

/* What the owner of the machine can do; the sentence of the rule is for the maker of the firmware but where
 * something can be chosen in setup. */
static const char *who_acts(enum table_severity s)
{
	return s == TABLE_BUG    ? "update the firmware; for its maker: "
	       : s == TABLE_NOTE ? "nothing needs to be done; for the maker of the firmware: "
				 : "";
}

static void print_finding(void *ctx, const struct table_finding *f)
{
	char text[400];
	(void)ctx;
	table_finding_text(f, text, sizeof(text));
	printf("finding: %s\n  an operating system: %s\n  try: %s%s\n", text, table_finding_words(f)->os,
	       who_acts(table_finding_severity(f)),
	       table_finding_words(f)->ask[0] ? table_finding_words(f)->ask : "this finding");
}

static void print_owners(const struct dmar *t, const struct rmrr_context *known)
{
	unsigned n = rmrr_ledger(t, known, NULL, 0);
	struct rmrr_owner *owner = n ? calloc(n, sizeof(*owner)) : NULL;
	if (n && !owner)
		printf("RMRRs and functions make %u pairs: out of memory\n", n);
	if (owner)
		(void)rmrr_ledger(t, known, owner, n);
	for (unsigned i = 0; owner && i < n; i++) {
		char text[300];
		rmrr_text(&owner[i], text, sizeof(text));
		printf("%s\n", text);
	}
	free(owner);
}

/* How many functions each unit has, and those that have none. */
static void print_units_of(const struct dmar *t, const struct dmar_topo *topo, const struct pci *pci)
{
	struct dmar_entry e = {0};
	struct dmar_drhd d, of;
	unsigned i = 0;
	while (dmar_next(t, &e) == SL_OK) {
		unsigned n = 0;
		if (e.type != DMAR_DRHD || dmar_drhd(&e, &d) != SL_OK)
			continue;
		PCI_EACH(f, pci)
			n += dmar_unit_of(t, topo, f->bdf, &of) == SL_OK && of.off == d.off;
		printf("iommu%u: unit at 0x%llx of segment %u covers %u functions\n", i++, (ull)d.base, d.seg,
		       n);
	}
	PCI_EACH(f, pci)
		if (dmar_unit_of(t, topo, f->bdf, &of) != SL_OK)
			printf("no unit covers " BDF_FMT "\n", BDF_ARG(f->bdf));
}

void analyse_dmar(struct span table, struct span madt)
{
	static struct table_facts known;
	memset(&known, 0, sizeof(known));
	if (madt.n)
		table_facts_madt(&known, madt);
	table_print(table);
	unsigned n = dmar_lint(table, &known, print_finding, NULL);
	printf("dmar: %u finding%s\n", n, n == 1 ? "" : "s");
}

void analyse_ivrs(struct span table, struct span madt)
{
	static struct table_facts known;
	memset(&known, 0, sizeof(known));
	if (madt.n)
		table_facts_madt(&known, madt);
	table_print_ivrs(table);
	unsigned n = ivrs_lint(table, &known, NULL, print_finding, NULL);
	printf("ivrs: %u finding%s\n", n, n == 1 ? "" : "s");
}

/* Memory that functions keep, the units of functions, and functions that none covers. */
static void analyse_ivrs_units(struct pci *pci, const struct ivrs *t)
{
	static struct unity_range range[64];
	static struct ivrs_ivhd unit[IVRS_UNITS];
	const struct table_functions functions = topology_functions(pci);
	const struct unity_context known = {&functions, {NULL, 0}, topology_name, pci};
	unsigned covered[IVRS_UNITS] = {0}, at, units = ivrs_units(t, unit, IVRS_UNITS);
	unsigned n = unity_ledger(t, &known, range, ARRAY_LEN(range));
	struct ivrs_cover c;
	char text[300];
	for (unsigned i = 0; i < n && i < ARRAY_LEN(range); i++) {
		unity_text(&range[i], text, sizeof(text));
		printf("%s\n", text);
	}
	PCI_EACH(f, pci)
		if (ivrs_unit_of(unit, units, f->bdf, &at, &c) == SL_OK)
			covered[at]++;
	for (unsigned i = 0; i < units; i++)
		printf("amd%u: unit " BDF_FMT " at 0x%llx covers %u functions\n", i, BDF_ARG(unit[i].unit),
		       (ull)unit[i].base, covered[i]);
	PCI_EACH(f, pci)
		if (ivrs_unit_of(unit, units, f->bdf, &at, &c) != SL_OK)
			printf("no unit covers " BDF_FMT "\n", BDF_ARG(f->bdf));
}

void analyse_units(struct pci *pci, struct span table)
{
	const struct dmar_topo topo = topology_of(pci);
	const struct table_functions functions = topology_functions(pci);
	const struct rmrr_context owners = {&topo, &functions, {NULL, 0}, topology_name, pci};
	struct dmar t;
	struct ivrs amd;
	if (ivrs_open(table, &amd) == SL_OK)
		analyse_ivrs_units(pci, &amd);
	if (dmar_open(table, &t) != SL_OK)
		return;
	print_owners(&t, &owners);
	print_units_of(&t, &topo, pci);
}

void analyse_unit(uint64_t base, uint64_t cap, uint64_t ecap)
{
	const struct vtd_unit u = {.base = base, .cap = cap, .ecap = ecap};
	printf("unit at 0x%llx: CAP 0x%llx, ECAP 0x%llx: %u-bit addresses, %u-level tables, %u domains, 4K%s%s pages, page tables %s, %s, interrupt remapping %s%s, pass-through %s, %u fault records at 0x%x\n",
	       (ull)base, (ull)cap, (ull)ecap, vtd_mgaw(&u), vtd_max_levels(&u), vtd_domains(&u),
	       FGET(cap, CAP_SSLPS) & 1 ? " 2M" : "", FGET(cap, CAP_SSLPS) & 2 ? " 1G" : "",
	       ecap & ECAP_C ? "snooped" : "to be flushed",
	       ecap & ECAP_QI ? "queued invalidation" : "registers only", ecap & ECAP_IR ? "yes" : "no",
	       ecap & ECAP_EIM ? " (x2APIC)" : "", ecap & ECAP_PT ? "yes" : "no", vtd_fault_records(&u),
	       vtd_fault_offset(&u));
}
