/* Lines of a report that the loader (keep=1) and the audit both write: docs/audit.md has the format. */
#pragma once
#include "kernel/bdf.h"
#include "kernel/jsonl.h"
#include "kernel/span.h"

struct boot_region;

/* "table" lines: a whole firmware table, in pieces. */
void report_table(struct jsonl *j, const char *sig, uint64_t addr, struct span table);
/* "mem" lines: a sorted memory map. Neighbours of one type and attribute are one line. */
void report_memory(struct jsonl *j, const struct boot_region *region, uint32_t n);
/* "cfg" lines: configuration space, size bytes, in pieces. Zeros at the end of a piece are left out, and so
 * is a piece of only zeros or only ones. read returns the dword at an offset. */
void report_space(struct jsonl *j, bdf_t fn, unsigned size, uint32_t (*read)(void *ctx, unsigned off),
		  void *ctx);
