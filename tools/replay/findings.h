/* What the audit finds in a record, beside what the log says that it found. */
#pragma once
#include "record.h"

/* Runs the audit over what is known of a machine, and prints each finding. dump: where in->pci is from a
 * dump, else NULL; findings that rest on ACS that it does not have are changed or left out. */
void findings_print(struct audit_in *in, const struct replay *dump);

/* Runs the audit over r->in, prints each finding, and then each difference between the group, sriov, finding
 * and verdict lines of the log and those that follow from its record. Returns how many differences there are.
 * r->in->pci is set; r->said is used up. */
unsigned findings_replay(const struct record *r);
