/* Which functions can only be assigned together, and which ports cause that. */
#include "apps/audit/finding.h"
#include "apps/audit/rules.h"
#include "kernel/fmt.h"
#include "pci/acs.h"
#include "pci/groups.h"
#include "pci/posture.h"

static bool is_member(const void *ctx, const struct pci_func *f)
{
	return f->group == *(const unsigned *)ctx;
}

/* "ACS Capability 0x5f, Control 0x0 at 0x14e", or that there is none. */
static void acs_text(const struct pci_func *f, char *buf, size_t n)
{
	uint16_t at, cap, control;
	if (pci_acs_read(f, &at, &cap, &control))
		fmt_print(buf, n, "ACS Capability 0x%x, Control 0x%x at 0x%x", cap, control, at);
	else
		fmt_print(buf, n, "no ACS capability");
}

static bool is_chipset(const struct judge *j, unsigned id)
{
	for (const struct pci_func *f = NULL; (f = groups_next(j->in->pci, id, f));)
		if (f->parent)
			return false;
	return true;
}

/* Where Linux has groups of its own: below a port that does not isolate, */
static const char *os_of(const struct pci_func *port)
{
	return acs_isolates_in_linux(port)
		       ? "Linux takes ACS bits that a port does not have as hard-wired, and makes a group of what is below it; a device may still reach its neighbour"
		       : "Linux joins these ports only when they are functions of one device; a device may still reach its neighbour";
}

/* and of functions of several buses that share an id. */
#define OS_TABLE                                                                                             \
	"Linux joins a function and its alias only on one bus, and the domain that is attached last gets the entry of the shared id"

static void judge_group(struct judge *j, unsigned id)
{
	static const enum audit_rule rules[] = {
		[GROUP_PORT] = RULE_GROUP_PORT,     [GROUP_SWITCH] = RULE_GROUP_SWITCH,
		[GROUP_BRIDGE] = RULE_GROUP_BRIDGE, [GROUP_MULTI] = RULE_GROUP_MULTI,
		[GROUP_ALIAS] = RULE_GROUP_ALIAS,   [GROUP_TABLE] = RULE_GROUP_ALIAS,
	};
	struct group_reason r;
	char list[150], acs[64];
	unsigned n = function_list(j->in->pci, is_member, &id, list, sizeof list);
	for (unsigned i = 0; n > 1 && groups_reason(j->in->pci, id, i, &r) == SL_OK; i++) {
		struct draft *f = finding_new(j, rules[r.why], BDF_FMT, BDF_ARG(r.at->bdf));
		if (r.why == GROUP_MULTI && !is_chipset(j, id))
			f->severity = AUDIT_WARNING;
		acs_text(r.at, acs, sizeof acs);
		fmt_print(f->read, sizeof f->read, "%s; group %u: %s", acs, id, list);
		groups_reason_text(&r, f->means, sizeof f->means);
		if (r.stricter)
			fmt_print(f->os, sizeof f->os, "%s", r.why == GROUP_TABLE ? OS_TABLE : os_of(r.at));
		fmt_print(f->remedy, sizeof f->remedy, "%s", groups_remedy(&r));
		finding_add(j);
	}
}

static bool has_children(const struct pci *pci, const struct pci_func *port)
{
	PCI_EACH(f, pci)
		if (f->parent == port)
			return true;
	return false;
}

/* A port with nothing below it, which will not isolate what comes. */
static void judge_empty_port(struct judge *j, const struct pci_func *port, const char *acs)
{
	struct draft *f = finding_new(j, RULE_ACS_NONE, BDF_FMT, BDF_ARG(port->bdf));
	fmt_print(f->read, sizeof f->read, "%s; no function below", acs);
	if (port->cap_acs)
		fmt_print(
			f->means, sizeof f->means,
			"this port lacks part of ACS (nothing is below it now): nothing guarantees that a device plugged in there is isolated");
	if (acs_isolates_in_linux(port))
		fmt_print(f->os, sizeof f->os, "%s", os_of(port));
	finding_add(j);
}

void rules_groups(struct judge *j)
{
	for (unsigned id = 1; id <= j->look->groups; id++)
		judge_group(j, id);
	PCI_EACH(f, j->in->pci) {
		const char *quirk = groups_quirk(f);
		char acs[64];
		bool port = f->port_type == PCI_PORT_ROOT || f->port_type == PCI_PORT_DOWNSTREAM;
		acs_text(f, acs, sizeof acs);
		if (port && !acs_isolates(f) && !quirk && !has_children(j->in->pci, f))
			judge_empty_port(j, f, acs);
		if (quirk)
			finding_fn(j, RULE_ACS_QUIRK, f->bdf, "%s; %s", acs, quirk);
	}
}
