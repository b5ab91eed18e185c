/* Private to apps/audit/: lines of the report about scalable mode, PASIDs and SVA. */
#pragma once
#include "apps/audit/audit.h"

struct jsonl;

/* What print_sharing() says, as "scalable", "caches" and "sva" lines: docs/audit.md. */
void json_sharing(struct jsonl *j, const struct audit_result *r);
