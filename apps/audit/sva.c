/* The report's lines about scalable mode: what each unit has of it, which functions translate for themselves,
 * and whether a process's addresses could be given to a device (SVA), with what is missing. */
#include "apps/audit/look.h"
#include "apps/audit/print.h"
#include "apps/audit/sva.h"
#include "iommu/vtd/regs.h"
#include "kernel/fmt.h"
#include "kernel/jsonl.h"
#include "pci/posture.h"

/* What Linux asks of a unit before it shares a process's page tables: VT-d §11.4.3. */
static const struct {
	uint64_t bit;
	const char *name;
} wanted[] = {
	{ECAP_SMTS, "SMTS (43)"},     {ECAP_FSTS, "FSTS (47)"}, {ECAP_PASID, "PASID (40)"},
	{ECAP_SMPWCS, "SMPWCS (48)"}, {ECAP_DT, "DT (2)"},      {ECAP_PRS, "PRS (29)"},
};

static unsigned lacking(uint64_t ecap)
{
	unsigned n = 0;
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
		n += !(ecap & wanted[i].bit);
	return n;
}

static const char *yes(uint64_t bit)
{
	return bit ? "yes" : "no";
}

static void unit_text(const struct vtd_regs_seen *r, char *buf, size_t n)
{
	uint64_t e = r->ecap;
	char pasid[24] = "none";
	if (!(e & ECAP_SMTS)) {
		fmt_print(buf, n, "no scalable mode (ECAP.SMTS is 0, ECAP=0x%llx)", (ull)e);
		return;
	}
	if (e & ECAP_PASID)
		fmt_print(pasid, sizeof pasid, "of %u bits", (unsigned)FGET(e, ECAP_PSS) + 1);
	fmt_print(
		buf, n,
		"scalable mode: first stage %s (FSTS), second stage %s (SSTS); PASIDs %s; page requests %s (PRS); PASID for requests without one %s (RPS); walks snoop page tables: %s (SMPWCS), other tables: %s (C); device TLBs %s (DT); ECAP=0x%llx",
		yes(e & ECAP_FSTS), yes(e & ECAP_SSTS), pasid, yes(e & ECAP_PRS), yes(e & ECAP_RPS),
		yes(e & ECAP_SMPWCS), yes(e & ECAP_C), yes(e & ECAP_DT), (ull)e);
}

/* QAT 4940 to 4943, of which Linux knows that one device-TLB invalidation is not enough. */
static bool needs_two(const struct pci_func *f)
{
	return f->vendor == 0x8086 && f->device >= 0x4940 && f->device <= 0x4943;
}

static void function_text(const struct pci_func *f, const struct pci_caches *c, char *buf, size_t n)
{
	char pasid[24] = "no";
	if (c->pasid.at)
		fmt_print(pasid, sizeof pasid, "%u bits%s", c->pasid_bits, c->pasid.on ? ", on" : "");
	fmt_print(buf, n, BDF_FMT ": ATS %s%s, PASID %s, PRI %s%s%s", BDF_ARG(f->bdf), yes(c->ats.at),
		  c->ats.on ? ", on" : "", pasid, yes(c->pri.at), c->pri.on ? ", on" : "",
		  c->ats.at && needs_two(f) ? "; each invalidation of its device TLB must be sent twice"
					    : "");
}

/* A function below that unit that sends PASIDs and asks for pages; PRI and PASID of a VF are its PF's. */
static const struct pci_func *able_below(const struct audit_result *r, unsigned unit)
{
	PCI_EACH(f, r->in->pci) {
		struct pci_caches own, pf;
		unsigned by;
		if (!pci_caches_read(f, &own) || !own.ats.at || !audit_unit_of(&r->look, f->bdf, &by) ||
		    by != unit)
			continue;
		(void)pci_caches_read(f->pf ? f->pf : f, &pf);
		if (pf.pri.at && pf.pasid.at)
			return f;
	}
	return NULL;
}

static void missing_text(unsigned unit, const struct vtd_regs_seen *r, char *buf, size_t n)
{
	size_t at = (size_t)fmt_print(buf, n, "on this machine: no, because iommu%u lacks", unit);
	const char *between = " ";
	for (size_t i = 0; i < ARRAY_LEN(wanted); i++) {
		if (r->ecap & wanted[i].bit || at >= n)
			continue;
		at += (size_t)fmt_print(buf + at, n - at, "%s%s", between, wanted[i].name);
		between = ", ";
	}
	if (at < n)
		fmt_print(buf + at, n - at, " (ECAP=0x%llx)", (ull)r->ecap);
}

/* By the unit that lacks least. True: it is possible. */
static bool verdict_text(const struct audit_result *r, char *buf, size_t n)
{
	const struct vtd_regs_seen *best = NULL;
	unsigned unit = 0;
	for (unsigned i = 0; i < r->in->units; i++) {
		const struct vtd_regs_seen *seen = unit_regs(&r->in->unit[i]);
		const struct pci_func *f = NULL;
		if (!seen || unit_ability(&r->in->unit[i]).unusable)
			continue;
		if (!lacking(seen->ecap))
			f = able_below(r, i);
		if (f) {
			fmt_print(
				buf, n,
				"on this machine possible: iommu%u (ECAP=0x%llx) and " BDF_FMT
				" have what it takes; with 5-level paging Linux also wants CAP.FS5LP, which is %u",
				i, (ull)seen->ecap, BDF_ARG(f->bdf), (seen->cap & CAP_FS5LP) != 0);
			return true;
		}
		if (!best || lacking(seen->ecap) < lacking(best->ecap)) {
			best = seen;
			unit = i;
		}
	}
	if (!best)
		fmt_print(buf, n, "on this machine: no, because no VT-d unit is usable");
	else if (lacking(best->ecap))
		missing_text(unit, best, buf, n);
	else
		fmt_print(
			buf, n,
			"on this machine: no, because no function below a unit that could (iommu%u) has ATS, PRI and PASID",
			unit);
	return false;
}

void print_sharing(const struct audit_result *r, report_text *to)
{
	char text[480], name[16];
	for (unsigned i = 0; i < r->in->units; i++) {
		const struct vtd_regs_seen *seen = unit_regs(&r->in->unit[i]);
		if (!seen || unit_ability(&r->in->unit[i]).unusable)
			continue;
		fmt_print(name, sizeof name, "iommu%u", i);
		unit_text(seen, text, sizeof text);
		print_wrapped(to, name, text);
	}
	PCI_EACH(f, r->in->pci) {
		struct pci_caches c;
		if (!pci_caches_read(f, &c))
			continue;
		function_text(f, &c, text, sizeof text);
		print_wrapped(to, "caches", text);
	}
	(void)verdict_text(r, text, sizeof text);
	print_wrapped(to, "SVA", text);
}

static void put_scalable(struct jsonl *j, unsigned unit, uint64_t e)
{
	jsonl_start(j, "scalable");
	jsonl_add(j, ",\"i\":%u,\"smts\":%u,\"first\":%u,\"second\":%u,\"pasid_bits\":%u", unit,
		  (e & ECAP_SMTS) != 0, (e & ECAP_FSTS) != 0, (e & ECAP_SSTS) != 0,
		  e & ECAP_PASID ? (unsigned)FGET(e, ECAP_PSS) + 1 : 0);
	jsonl_add(j, ",\"prs\":%u,\"rps\":%u,\"smpwcs\":%u,\"c\":%u,\"dt\":%u", (e & ECAP_PRS) != 0,
		  (e & ECAP_RPS) != 0, (e & ECAP_SMPWCS) != 0, (e & ECAP_C) != 0, (e & ECAP_DT) != 0);
	jsonl_end(j);
}

void json_sharing(struct jsonl *j, const struct audit_result *r)
{
	char text[480];
	for (unsigned i = 0; i < r->in->units; i++) {
		const struct vtd_regs_seen *seen = unit_regs(&r->in->unit[i]);
		if (seen && !unit_ability(&r->in->unit[i]).unusable)
			put_scalable(j, i, seen->ecap);
	}
	PCI_EACH(f, r->in->pci) {
		struct pci_caches c;
		if (!pci_caches_read(f, &c))
			continue;
		jsonl_start(j, "caches");
		jsonl_add(j, ",\"bdf\":\"" BDF_FMT "\",\"ats\":%u,\"ats_on\":%u,\"pasid_bits\":%u",
			  BDF_ARG(f->bdf), c.ats.at != 0, c.ats.on, c.pasid_bits);
		jsonl_add(j, ",\"pasid_on\":%u,\"pri\":%u,\"pri_on\":%u", c.pasid.on, c.pri.at != 0,
			  c.pri.on);
		jsonl_end(j);
	}
	bool possible = verdict_text(r, text, sizeof text);
	jsonl_start(j, "sva");
	jsonl_add(j, ",\"possible\":%u", possible);
	jsonl_text(j, "text", text);
	jsonl_end(j);
}
