/* Lines of a report that the loader (keep=1) and the audit both write: docs/audit.md has the format. */
#pragma once
#include "kernel/bdf.h"
#include "kernel/jsonl.h"
#include "kernel/span.h"

struct boot_region;
struct boot_nvme;

/* "table" lines: a whole firmware table, in pieces. */
void report_table(struct jsonl *j, const char *sig, uint64_t addr, struct span table);
/* "mem" lines: a sorted memory map. Neighbours of one type and attribute are one line. */
void report_memory(struct jsonl *j, const struct boot_region *region, uint32_t n);
/* Where the Device Serial Number of a function is in its configuration space, 8 bytes (PCIe §7.9.3); 0: it
 * has none. For privacy=1: they are then shown as zeros. */
#define REPORT_SERIAL_BYTES 8u
unsigned report_serial_at(uint32_t (*read)(void *ctx, unsigned off), void *ctx);
/* Of a "fn" line: serial number and model of an NVMe controller, of those that the firmware has named. */
void report_nvme(struct jsonl *j, bdf_t fn, const struct boot_nvme *nvme, uint32_t n);
/* "cfg" lines: configuration space, size bytes, in pieces. Zeros at the end of a piece are left out, and so
 * is a piece of only zeros or only ones. read returns the dword at an offset. */
void report_space(struct jsonl *j, bdf_t fn, unsigned size, uint32_t (*read)(void *ctx, unsigned off),
		  void *ctx);
