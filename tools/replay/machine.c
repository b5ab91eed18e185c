#include "machine.h"
#include <stdio.h>
#include <string.h>
#include "kernel/acpi.h"
#include "kernel/log.h"
#include "pci/groups.h"
#include "pci/regs.h"
#include "pci/sriov.h"

static struct machine_complaints *complaints;

/* The kernel's log while a machine is put together: its warnings and failures are kept. */
static void keep(const char *text, size_t n)
{
	static char line[600];
	static size_t at;
	for (; n--; text++) {
		if (*text != '\n') {
			if (at < sizeof(line) - 1)
				line[at++] = *text;
			continue;
		}
		line[at] = 0;
		at = 0;
		const char *what =
			strstr(line, "] WARN ") ? strstr(line, "] WARN ") : strstr(line, "] FAIL ");
		if (!what || !complaints)
			continue;
		if (complaints->n < MACHINE_COMPLAINTS)
			snprintf(complaints->line[complaints->n], sizeof(complaints->line[0]), "%.255s",
				 what + 7);
		complaints->n++;
	}
}

/* As stage pci does it: a window that cannot be is left out. */
static enum sl_err scan_windows(struct pci *pci, const struct pci_cfg *cfg, struct span mcfg)
{
	struct acpi_ecam w;
	enum sl_err e, all = SL_NOTFOUND;
	for (unsigned i = 0; (e = acpi_mcfg(mcfg, i, &w)) != SL_END; i++) {
		if (e == SL_OK)
			e = pci_scan(pci, cfg, w.seg, w.start, w.end);
		if (e == SL_OK)
			all = SL_OK;
		else
			log_warn("pci", "MCFG entry %u is left out: %s", i, sl_err_text(e));
	}
	return all;
}

/* The lowest segment from `from` on that there are bytes of; above 0xffff: none. */
static unsigned next_segment(const struct replay *r, unsigned from)
{
	unsigned best = 0x10000;
	bdf_t bdf;
	for (size_t i = 0; replay_function(r, i, &bdf); i++)
		if (bdf.seg >= from && bdf.seg < best)
			best = bdf.seg;
	return best;
}

static enum sl_err scan_segments(struct pci *pci, struct replay *r)
{
	enum sl_err e = SL_NOTFOUND;
	for (unsigned seg = 0; (seg = next_segment(r, seg)) <= 0xffff; seg++) {
		e = pci_scan(pci, replay_cfg(r), (uint16_t)seg, 0, 255);
		if (e != SL_OK)
			return e;
	}
	return e;
}

/* How many bytes of it were recorded; 0 when it was not. */
static size_t bytes_of(const struct replay *r, bdf_t fn)
{
	bdf_t bdf;
	for (size_t i = 0; replay_function(r, i, &bdf); i++)
		if (bdf_eq(bdf, fn))
			return replay_bytes(r, i);
	return 0;
}

/* VFs that were on when the bytes were taken. */
static enum sl_err add_vfs(struct pci *pci, const struct replay *r)
{
	PCI_EACH(pf, pci) {
		struct sriov s, now;
		if (pf->pf || sriov_read(pci, pf, &s) != SL_OK || !s.vf_enable || s.num_vfs == 0 ||
		    !bytes_of(r, (bdf_t){pf->bdf.seg, (uint16_t)(pf->bdf.rid + s.offset)}))
			continue;
		enum sl_err e = sriov_enable(pci, pf, s.num_vfs, &now);
		if (e != SL_OK)
			return e;
	}
	return SL_OK;
}

/* Functions are never freed: those of an earlier walk are reused. */
static void start_anew(struct pci *pci, const struct pci_cfg *cfg)
{
	if (!pci->cfg)
		return;
	TAILQ_CONCAT(&pci->spare, &pci->funcs, link);
	pci->n_ranges = pci->n_roots = pci->n_missed = 0;
	pci->cfg = cfg;
}

enum sl_err machine_scan(struct pci *pci, struct replay *cfg, struct span mcfg,
			 struct machine_complaints *out)
{
	static bool listening;
	start_anew(pci, replay_cfg(cfg));
	memset(out, 0, sizeof(*out));
	if (!listening)
		log_sink_add(keep);
	listening = true;
	complaints = out;
	enum sl_err e = mcfg.n ? scan_windows(pci, replay_cfg(cfg), mcfg) : scan_segments(pci, cfg);
	if (e == SL_OK)
		e = add_vfs(pci, cfg);
	complaints = NULL;
	return e;
}

bool machine_is_cut(const struct replay *r, const struct pci_func *f)
{
	size_t n = bytes_of(r, f->bdf);
	return !f->pf && n && n <= ECAP_FIRST && (f->cap_pcie || n <= CAP_FIRST);
}

bool machine_is_guess(const struct replay *r, const struct pci *pci, const struct group_reason *why)
{
	if (why->why == GROUP_ALIAS || why->why == GROUP_TABLE)
		return false;
	if (why->why != GROUP_MULTI)
		return machine_is_cut(r, why->at);
	for (const struct pci_func *f = NULL; (f = groups_next(pci, why->at->group, f));)
		if (f->bdf.seg == why->at->bdf.seg && f->bdf.rid >> 3 == why->at->bdf.rid >> 3 &&
		    machine_is_cut(r, f))
			return true;
	return false;
}

unsigned machine_functions(const struct pci *pci)
{
	unsigned n = 0;
	PCI_EACH(f, pci)
		n++;
	return n;
}

unsigned machine_members(const struct pci *pci, unsigned group)
{
	unsigned n = 0;
	for (const struct pci_func *f = NULL; (f = groups_next(pci, group, f));)
		n++;
	return n;
}
