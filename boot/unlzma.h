/* LZMA, as `xz --format=lzma` writes it: the kernel in the loader. Debian's libraries that decode it are ELF,
 * use the red zone and allocate, which a UEFI program cannot; by gzip the kernel is an eighth longer. */
#pragma once
#include "kernel/span.h"

#define UNLZMA_WORK 15982u /* bytes of memory for the decoder: lc + lp up to 3, which xz uses */

/* Bytes that unlzma() will write, by the file's header; 0 when it has none that this decodes. */
uint64_t unlzma_size(struct span file);

/* Decodes the file to out, of room bytes. work: UNLZMA_WORK bytes, aligned to 2. False when the stream is
 * malformed, ends early, or is not of the size in its header. */
bool unlzma(struct span file, void *work, uint8_t *out, size_t room) MUST_CHECK;
