#include "boot/elf.h"
#include "kernel/str.h"

#define PT_LOAD    1
#define SHT_SYMTAB 2
#define PF_X       1u
#define PF_W       2u

static enum sl_err read_segment(struct span file, size_t ph, struct elf *out)
{
	uint64_t off = span_u64(file, ph + 8), va = span_u64(file, ph + 16);
	uint64_t filesz = span_u64(file, ph + 32), memsz = span_u64(file, ph + 40);
	uint32_t flags = span_u32(file, ph + 4);
	if (span_u32(file, ph) != PT_LOAD || !memsz)
		return SL_OK;
	if (out->segments == ARRAY_LEN(out->segment) || (flags & PF_W && flags & PF_X) || filesz > memsz ||
	    !IS_ALIGNED(va, PAGE_SIZE) || memsz > PAGE_1G || (out->segments && va < out->base + out->span))
		return SL_BADVAL;
	if (!span_has(file, off, filesz))
		return SL_TRUNC;
	if (!out->segments)
		out->base = va;
	out->span = ALIGN_UP(va + memsz, PAGE_SIZE) - out->base;
	out->segment[out->segments].va = va;
	out->segment[out->segments].memsz = memsz;
	out->segment[out->segments].file = span_sub(file, off, filesz);
	out->segment[out->segments].flags = flags;
	out->segments++;
	return SL_OK;
}

/* The symbol table and the string table that it links to. */
static void read_symbols(struct span file, struct elf *out)
{
	uint64_t sh = span_u64(file, 40);
	unsigned n = span_u16(file, 60);
	for (unsigned i = 0; i < n; i++) {
		size_t at = sh + 64 * (size_t)i;
		if (!span_has(file, at, 64) || span_u32(file, at + 4) != SHT_SYMTAB)
			continue;
		size_t str = sh + 64 * (size_t)span_u32(file, at + 40);
		if (!span_has(file, str, 64))
			return;
		out->symtab = span_sub(file, span_u64(file, at + 24), span_u64(file, at + 32));
		out->strtab = span_sub(file, span_u64(file, str + 24), span_u64(file, str + 32));
	}
}

enum sl_err elf_read(struct span file, struct elf *out)
{
	*out = (struct elf){.entry = span_u64(file, 24)};
	if (!span_has(file, 0, 64) || memcmp(file.p, "\177ELF\2\1", 6) || span_u16(file, 16) != 2 ||
	    span_u16(file, 18) != 62)
		return SL_BADVAL;
	uint64_t ph = span_u64(file, 32);
	unsigned n = span_u16(file, 56);
	for (unsigned i = 0; i < n; i++) {
		if (!span_has(file, ph + 56 * (size_t)i, 56))
			return SL_TRUNC;
		enum sl_err e = read_segment(file, ph + 56 * (size_t)i, out);
		if (e)
			return e;
	}
	if (!out->segments || out->entry < out->base || out->entry >= out->base + out->span)
		return SL_BADVAL;
	read_symbols(file, out);
	return SL_OK;
}
