/* The names that reports use for the numbers of the record and of findings. */
#include "apps/audit/rules.h"

static const char *name_in(const char *const *names, unsigned n, unsigned i)
{
	return i < n ? names[i] : "?";
}

const char *audit_severity_name(enum audit_severity s)
{
	static const char *const names[] = {"info", "warning", "error"};
	return name_in(names, ARRAY_LEN(names), s);
}

const char *audit_kind_name(enum audit_kind k)
{
	static const char *const names[] = {"firmware bug", "setup choice", "hardware limit", "note"};
	return name_in(names, ARRAY_LEN(names), k);
}

const char *audit_proof_name(unsigned proof)
{
	static const char *const names[] = {"done",      "no unit", "off",       "no device",
					    "not named", "broken",  "not asked", "read only"};
	return name_in(names, ARRAY_LEN(names), proof);
}

const char *audit_outcome_name(unsigned outcome)
{
	static const char *const names[] = {"refused", "SUCCEEDED", "not enforced", "not proved",
					    "not tried"};
	return name_in(names, ARRAY_LEN(names), outcome);
}

const char *audit_apic_name(unsigned apic)
{
	static const char *const names[] = {"unknown", "off", "xAPIC", "x2APIC"};
	return name_in(names, ARRAY_LEN(names), apic);
}
