/* The kernel's ELF file, read with bounds (System V ABI, ELF-64). */
#pragma once
#include "boot/boot_info.h"
#include "kernel/span.h"

struct elf {
	uint64_t entry;
	uint64_t base, span; /* lowest virtual address and bytes up to the highest */
	unsigned segments;
	struct {
		uint64_t va, memsz;
		struct span file;
		uint32_t flags;
	} segment[8];
	struct span symtab, strtab; /* empty when the file has none */
};

/* SL_BADVAL when the file is not an x86-64 executable, has a segment that is writable and executable, or is
 * not page-aligned; SL_TRUNC when a part lies outside the file. */
enum sl_err elf_read(struct span file, struct elf *out) MUST_CHECK;
