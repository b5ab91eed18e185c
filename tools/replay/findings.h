/* What the audit finds in a record, beside what the log says that it found. */
#pragma once
#include "record.h"

/* Prints each finding. dump: where the machine is from a dump, else NULL; findings that rest on ACS that it
 * does not have are changed or left out. */
void findings_print(const struct audit_result *r, const struct replay *dump);

/* Prints each finding of a result that audit_run() made of r->in, and then each difference between the group,
 * sriov, finding and verdict lines of the log and those that follow from its record. Returns how many
 * differences there are. r->said is used up. */
unsigned findings_replay(const struct record *r, const struct audit_result *result);
