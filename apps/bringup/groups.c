/* Stage groups: which functions can only be assigned together, why, and what can be done. */
#include "pci/acs.h"
#include "pci/groups.h"
#include "apps/bringup/groups.h"
#include "apps/machine.h"
#include "kernel/fmt.h"
#include "kernel/log.h"

#define PER_LINE 8

static unsigned members(const struct pci *pci, unsigned id)
{
	unsigned n = 0;
	for (const struct pci_func *f = NULL; (f = groups_next(pci, id, f));)
		n++;
	return n;
}

static void print_one(const struct pci_func *f, unsigned id)
{
	const char *quirk = groups_quirk(f);
	log_line("groups", "%3u: " BDF_FMT "%s%s%s", id, BDF_ARG(f->bdf), quirk ? " (" : "",
		 quirk ? quirk : "", quirk ? ")" : "");
}

static void print_several(const struct pci *pci, unsigned id)
{
	char line[16 * PER_LINE + 1];
	unsigned n = 0;
	size_t at = 0;
	for (const struct pci_func *f = NULL; (f = groups_next(pci, id, f));) {
		at += (size_t)fmt_print(line + at, sizeof line - at, " " BDF_FMT, BDF_ARG(f->bdf));
		if (++n % PER_LINE == 0 || !groups_next(pci, id, f)) {
			if (n <= PER_LINE)
				log_line("groups", "%3u:%s", id, line);
			else
				log_line("groups", "    %s", line);
			at = 0;
		}
	}
	struct group_reason r;
	for (n = 0; groups_reason(pci, id, n, &r) == SL_OK; n++) {
		char why[320];
		groups_reason_text(&r, why, sizeof why);
		log_line("groups", "     why: %s", why);
		log_line("groups", "     try: %s", groups_remedy(&r));
	}
}

static void print_group(const struct pci *pci, unsigned id)
{
	if (members(pci, id) == 1)
		print_one(groups_next(pci, id, NULL), id);
	else
		print_several(pci, id);
}

/* After VFs came: only where they are. */
static void print_vfs(const struct machine *m)
{
	unsigned alone = 0, shown = 0;
	for (unsigned i = 0; i < m->vfs; i++) {
		unsigned id = groups_of(m->vf[i].fn);
		if (members(&m->pci, id) == 1)
			alone++;
		else if (id != shown)
			print_group(&m->pci, shown = id);
	}
	log_line("groups", "%u of %u VFs of " BDF_FMT " are alone in an IOMMU group", alone, m->vfs,
		 BDF_ARG(m->pf->bdf));
	if (alone < m->vfs)
		log_warn(
			"groups",
			"domains do not isolate these VFs from each other: requests from one may reach another without passing the IOMMU");
}

void groups_print(struct machine *m)
{
	unsigned n = groups_compute(&m->pci), functions = 0, together = 0;
	for (unsigned id = 1; id <= n; id++) {
		unsigned size = members(&m->pci, id);
		functions += size;
		together += size > 1;
	}
	log_line(
		"groups",
		m->cfg->access == ACCESS_READ
			? "%u IOMMU groups for %u functions, as if ACS were enabled wherever present; groups with more than one member: %u"
			: "%u IOMMU groups for %u functions, with ACS enabled wherever present; groups with more than one member: %u",
		n, functions, together);
	for (unsigned id = 1; id <= n; id++)
		print_group(&m->pci, id);
}

void groups_print_of(struct machine *m, const struct pci_func *fn)
{
	groups_compute(&m->pci);
	print_group(&m->pci, groups_of(fn));
}

enum sl_err stage_groups(struct machine *m)
{
	acs_enable_all(&m->pci);
	if (m->vfs) {
		groups_compute(&m->pci);
		print_vfs(m);
	} else {
		groups_print(m);
	}
	return SL_OK;
}
