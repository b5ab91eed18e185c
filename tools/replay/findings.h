/* What the audit finds in a record, beside what the log says that it found. */
#pragma once
#include "record.h"

/* Runs the audit over r->in, prints each finding, and then each difference to the log's "finding", "group" and
 * "verdict" lines by id. Returns how many differences there are. r->in->pci is set. */
unsigned findings_replay(const struct record *r);
