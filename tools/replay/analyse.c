#include "analyse.h"
#include <stdio.h>
#include <string.h>
#include "apps/topo.h"
#include "iommu/rmrr.h"
#include "iommu/vtd_unit.h"
#include "machine.h"
#include "pci/fit.h"
#include "pci/groups.h"
#include "pci/sriov.h"

/* ---- functions ---- */

static void print_group(const struct pci *pci, unsigned id)
{
	struct group_reason r;
	unsigned n = 0;
	printf("group %u:", id);
	for (const struct pci_func *f = NULL; (f = groups_next(pci, id, f)); n++)
		printf("%s" BDF_FMT, n && n % 6 == 0 ? "\n  " : " ", BDF_ARG(f->bdf));
	printf("\n");
	for (n = 0; groups_reason(pci, id, n, &r) == SL_OK; n++) {
		char why[320];
		groups_reason_text(&r, why, sizeof(why));
		printf("  why: %s\n  try: %s\n", why, groups_remedy(&r));
	}
}

void analyse_groups(struct pci *pci)
{
	unsigned n = groups_compute(pci), several = 0;
	for (unsigned id = 1; id <= n; id++)
		several += machine_members(pci, id) > 1;
	printf("groups: %u of %u functions, %u have more than one\n", n, machine_functions(pci), several);
	for (unsigned id = 1; id <= n; id++)
		if (machine_members(pci, id) > 1)
			print_group(pci, id);
}

/* How many VFs a PF can have; sizes of BARs are guessed in a dump, so bytes are not told then. */
static void print_sriov(const struct pci *pci, struct pci_func *pf)
{
	struct sriov s;
	struct sriov_fit fit;
	if (sriov_read(pci, pf, &s) != SL_OK)
		return;
	sriov_fit(pci, pf, s.total_vfs, (struct sriov_route){s.offset, s.stride}, &fit);
	printf("sriov: " BDF_FMT ": %u VFs (InitialVFs %u), %u on; First VF Offset %u, VF Stride %u, ARI %s: "
	       "bus numbers reach for %u",
	       BDF_ARG(pf->bdf), s.total_vfs, s.initial_vfs, s.vf_enable ? s.num_vfs : 0, s.offset, s.stride,
	       s.ari ? "on" : "off", fit.by_bus);
	if (fit.missing_buses)
		printf(" (%u buses behind %02x are missing)", fit.missing_buses, fit.last_bus);
	printf("\n");
}

/* Bytes without capabilities: a dump that was not taken by root. */
static void print_short(const struct replay *dump)
{
	unsigned few = 0, all = 0;
	bdf_t bdf;
	for (size_t i = 0; replay_function(dump, i, &bdf); i++) {
		few += replay_bytes(dump, i) <= 64;
		all++;
	}
	if (few)
		printf("of %u of %u functions there are 64 bytes: the dump was not taken by root, and no "
		       "capability is known\n",
		       few, all);
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

/* Functions of a dump that the walk did not come to. */
static void print_unreached(const struct pci *pci, const struct replay *dump)
{
	bdf_t bdf;
	for (size_t i = 0; replay_function(dump, i, &bdf); i++) {
		bdf_t first = {bdf.seg, (uint16_t)(bdf.rid & 0xfff8)};
		const struct pci_func *f = pci_find(pci, first);
		if (pci_find(pci, bdf))
			continue;
		printf("not found: " BDF_FMT ": %s\n", BDF_ARG(bdf),
		       pci_rd16(replay_cfg(dump), bdf, 0) == 0xffff ? "its bytes read all ones"
		       : !f                 ? "the dump does not have function 0 of its device"
		       : !f->multi_function ? "function 0 of its device says that there is no other"
					    : "no bus walk leads to it");
	}
}

enum sl_err analyse_dump(struct pci *pci, struct replay *dump, struct span mcfg)
{
	enum sl_err e = analyse_scan(pci, dump, mcfg);
	if (e != SL_OK)
		return e;
	print_unreached(pci, dump);
	print_short(dump);
	PCI_EACH(f, pci)
		if (f->cap_sriov && !f->pf)
			print_sriov(pci, f);
	analyse_groups(pci);
	return SL_OK;
}

/* ---- a DMAR table ---- */

static void print_finding(void *ctx, const struct dmar_finding *f)
{
	char text[400];
	(void)ctx;
	dmar_finding_text(f, text, sizeof(text));
	printf("finding: %s\n  an operating system: %s\n  try: %s\n", text, dmar_rule_text(f->rule)->os,
	       dmar_rule_text(f->rule)->ask);
}

static void print_owners(const struct dmar *t, const struct rmrr_context *known)
{
	static struct rmrr_owner owner[256];
	unsigned n = rmrr_ledger(t, known, owner, ARRAY_LEN(owner));
	for (unsigned i = 0; i < n && i < ARRAY_LEN(owner); i++) {
		char text[300];
		rmrr_text(&owner[i], text, sizeof(text));
		printf("%s\n", text);
	}
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
	static struct dmar_lint_context known;
	memset(&known, 0, sizeof(known));
	if (madt.n)
		dmar_lint_madt(&known, madt);
	printf("dmar: %u findings\n", dmar_lint(table, &known, print_finding, NULL));
}

void analyse_units(struct pci *pci, struct span table)
{
	const struct dmar_topo topo = topo_of(pci);
	const struct dmar_functions functions = topo_functions(pci);
	const struct rmrr_context owners = {&topo, &functions, {NULL, 0}, topo_name, pci};
	struct dmar t;
	if (dmar_open(table, &t) != SL_OK)
		return;
	print_owners(&t, &owners);
	print_units_of(&t, &topo, pci);
}

void analyse_unit(uint64_t base, uint64_t cap, uint64_t ecap)
{
	const struct vtd_unit u = {.base = base, .cap = cap, .ecap = ecap};
	printf("unit at 0x%llx: CAP 0x%llx, ECAP 0x%llx: %u-bit addresses, %u-level tables, %u domains, "
	       "4K%s%s "
	       "pages, page tables %s, %s, interrupt remapping %s%s, pass-through %s, %u fault records at "
	       "0x%x\n",
	       (ull)base, (ull)cap, (ull)ecap, vtd_mgaw(&u), vtd_max_levels(&u), vtd_domains(&u),
	       FGET(cap, CAP_SSLPS) & 1 ? " 2M" : "", FGET(cap, CAP_SSLPS) & 2 ? " 1G" : "",
	       ecap & ECAP_C ? "snooped" : "to be flushed",
	       ecap & ECAP_QI ? "queued invalidation" : "registers only", ecap & ECAP_IR ? "yes" : "no",
	       ecap & ECAP_EIM ? " (x2APIC)" : "", ecap & ECAP_PT ? "yes" : "no", vtd_fault_records(&u),
	       vtd_fault_offset(&u));
}
