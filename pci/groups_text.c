/* Groups as text: why functions are together, and the remedy. */
#include "kernel/fmt.h"
#include "pci/acs.h"
#include "pci/groups.h"
#include "pci/priv.h"

static const char *port_name(const struct pci_func *f)
{
	return f->port_type == PCI_PORT_ROOT       ? "root port"
	       : f->port_type == PCI_PORT_UPSTREAM ? "switch upstream port"
						   : "switch downstream port";
}

/* "has no ACS" or "lacks ACS SV, UF". */
static void missing_text(const struct group_reason *r, char *buf, size_t n)
{
	static const char *const names[] = {"SV", "", "RR", "CR", "UF"};
	size_t at = (size_t)fmt_print(buf, n, r->at->cap_acs ? "lacks ACS" : "has no ACS (SV, RR, CR, UF)");
	const char *between = " ";
	for (unsigned i = 0; r->at->cap_acs && i < ARRAY_LEN(names); i++) {
		if (!(r->missing & 1u << i) || at >= n)
			continue;
		at += (size_t)fmt_print(buf + at, n - at, "%s%s", between, names[i]);
		between = ", ";
	}
}

static const char *against_linux(const struct group_reason *r)
{
	return !r->stricter ? ""
	       : groups_isolates_in_linux(r->at)
		       ? "; stricter than Linux, which takes ACS bits that a port lacks as set"
		       : "; stricter than Linux, which does not see that path";
}

static void table_text(const struct group_reason *r, char *buf, size_t n)
{
	bdf_t id = {r->at->bdf.seg, r->at->table_id};
	char others[40] = "";
	if (!bdf_eq(id, r->other->bdf))
		fmt_print(others, sizeof others, ", as do those of " BDF_FMT, BDF_ARG(r->other->bdf));
	fmt_print(buf, n,
		  "by the firmware's table (IVRS alias) requests of " BDF_FMT
		  " arrive with the requester id of " BDF_FMT "%s%s",
		  BDF_ARG(r->at->bdf), BDF_ARG(id), others,
		  r->stricter ? "; stricter than Linux, which joins a function and its alias only on one bus"
			      : "");
}

void groups_reason_text(const struct group_reason *r, char *buf, size_t n)
{
	char lacks[48];
	missing_text(r, lacks, sizeof lacks);
	switch (r->why) {
	case GROUP_PORT:
		fmt_print(buf, n,
			  "%s " BDF_FMT
			  " %s: functions below it are not isolated from it or from each other%s",
			  port_name(r->at), BDF_ARG(r->at->bdf), lacks, against_linux(r));
		break;
	case GROUP_SWITCH:
		fmt_print(buf, n,
			  "switch below " BDF_FMT ": downstream port " BDF_FMT
			  " %s (%u of %u ports are so): requests may go from port to port past the IOMMU%s",
			  BDF_ARG(r->at->parent->bdf), BDF_ARG(r->at->bdf), lacks, r->count, r->of,
			  against_linux(r));
		break;
	case GROUP_BRIDGE:
		fmt_print(
			buf, n,
			"bridge " BDF_FMT
			" leads to or from a conventional bus: requests carry the bridge's requester id, not the sender's",
			BDF_ARG(r->at->bdf));
		break;
	case GROUP_MULTI:
		fmt_print(buf, n,
			  "%u functions of the device of " BDF_FMT " are not isolated from each other: it %s",
			  r->count, BDF_ARG(r->at->bdf), lacks);
		break;
	case GROUP_ALIAS:
		fmt_print(buf, n, BDF_FMT " also sends requests with the requester id of " BDF_FMT,
			  BDF_ARG(r->at->bdf), BDF_ARG(r->other->bdf));
		break;
	case GROUP_TABLE:
		table_text(r, buf, n);
		break;
	}
}

const char *groups_remedy(const struct group_reason *r)
{
	switch (r->why) {
	case GROUP_PORT:
		if (groups_old_pch_port(r->at))
			return "this chipset isolates through its own registers, which Sluice does not set: use a slot connected to the processor";
		return r->at->port_type == PCI_PORT_ROOT
			       ? "enable ACS in firmware setup if it offers that, else use another slot"
			       : "a limit of this switch: use a slot below another root port";
	case GROUP_SWITCH:
		return "a limit of this switch: put functions that must be isolated below different root ports";
	case GROUP_BRIDGE:
		return "a limit of conventional PCI: put functions that must be isolated into PCI Express slots";
	case GROUP_MULTI:
		if (caps_is_downstream(r->at))
			return "enable ACS in firmware setup if it offers that, else use a slot of another device number";
		return r->at->parent
			       ? "a limit of this device: assign its functions together, or use another device"
			       : "a limit of the chipset: assign these functions together";
	case GROUP_TABLE:
		return "the unit cannot tell their requests apart: assign these functions together";
	case GROUP_ALIAS:
		break;
	}
	return "a limit of this device: assign both functions together";
}

const char *groups_quirk(const struct pci_func *fn)
{
	if (acs_is_wide(fn) && fn->isolates)
		return "Intel 100/200 series root port: isolated by ACS registers in a non-standard form, a known quirk";
	if (groups_is_intel_integrated(fn) && fn->several && !acs_isolates(fn))
		return "Intel integrated endpoint: isolated by VT-d's rule for these, a known quirk, without ACS";
	return NULL;
}
