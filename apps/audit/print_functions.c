/* The report's list of functions: group, unit and class of each, RMRRs, and room for VFs. */
#include "apps/audit/print.h"
#include "kernel/fmt.h"
#include "pci/groups.h"
#include "pci/names.h"

static void print_function(report_text *to, const struct audit_look *look, const struct pci_func *f)
{
	const char *class = pci_class_name(f->class);
	struct ivrs_cover cover;
	unsigned unit;
	char by[12] = "none", line[PRINT_COLUMNS + 1];
	if (audit_unit_of(look, f->bdf, &unit))
		fmt_print(by, sizeof by, "iommu%u", unit);
	else if (look->has_ivrs && ivrs_unit_of(look->amd, look->amds, f->bdf, &unit, &cover) == SL_OK)
		fmt_print(by, sizeof by, "amd%u", unit);
	fmt_print(line, sizeof line, " %5u  %-7s  " BDF_FMT "  %04x:%04x %s%s", f->group, by, BDF_ARG(f->bdf),
		  f->vendor, f->device, f->pf ? "VF, " : "", class ? class : "unknown class");
	print_say(to, "%s\n", line);
}

static NOINLINE void print_rmrrs(report_text *to, const struct audit_result *r)
{
	for (unsigned i = 0; i < r->rmrrs && i < AUDIT_RMRRS; i++) {
		char text[240];
		rmrr_text(&r->rmrr[i], text, sizeof text);
		print_wrapped(to, "rmrr", text);
	}
	for (unsigned i = 0; i < r->unities && i < AUDIT_RMRRS; i++) {
		char text[240];
		unity_text(&r->unity[i], text, sizeof text);
		print_wrapped(to, "ivmd", text);
	}
}

static void route_text(const struct audit_sriov *s, const struct audit_room *r, unsigned ari, char *buf,
		       size_t n)
{
	const char *with = ari ? "with ARI" : "without ARI";
	if (s->routing[ari].known)
		fmt_print(buf, n, "%s %u (First VF Offset %u, VF Stride %u)", with, r->fit[ari].by_bus,
			  s->routing[ari].offset, s->routing[ari].stride);
	else
		fmt_print(buf, n, "%s not read", with);
}

static NOINLINE void print_sriov(report_text *to, const struct audit_result *r)
{
	const struct audit_in *in = r->in;
	for (unsigned i = 0; i < in->pfs; i++) {
		const struct audit_sriov *s = &in->pf[i];
		const struct audit_room *room = &r->room[i];
		char plain[64], ari[64], text[300];
		route_text(s, room, 0, plain, sizeof plain);
		route_text(s, room, 1, ari, sizeof ari);
		fmt_print(text, sizeof text,
			  BDF_FMT ": %u of %u VFs; by bus numbers %s, %s; by addresses %u; the limit: %s",
			  BDF_ARG(s->pf), room->vfs, s->total, plain, ari, room->best->by_bars,
			  audit_limit_name(room->limit));
		print_wrapped(to, "sr-iov", text);
	}
}

void report_functions(const struct audit_result *r, report_text *to)
{
	const struct pci *pci = r->in->pci;
	print_say(to, " group  unit     function      what\n");
	for (unsigned id = 1; id <= r->look.groups; id++) {
		struct group_reason reason;
		char why[320];
		for (struct pci_func *f = NULL; (f = groups_next(pci, id, f));)
			print_function(to, &r->look, f);
		for (unsigned i = 0; groups_reason(pci, id, i, &reason) == SL_OK; i++) {
			groups_reason_text(&reason, why, sizeof why);
			print_wrapped(to, "why", why);
		}
	}
	print_rmrrs(to, r);
	print_sriov(to, r);
	print_sharing(r, to);
}
