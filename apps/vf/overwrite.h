/* A namespace that somebody uses is not overwritten because a serial number was mistyped: what partition
 * tables and file systems begin with stops the run, unless overwrite=1. */
#pragma once
#include "apps/machine.h"

/* To be called before the first write: looks at the first blocks of each namespace that the VFs write.
 * SL_EXISTS and a FAIL line when there is something; with overwrite=1 a WARN line. SL_DEVICE: they cannot be
 * read. */
enum sl_err overwrite_check(struct machine *m) MUST_CHECK;

/* What the first n bytes of a medium of blocks of that size hold: "a FAT file system". Empty: nothing that is
 * known. Pure; the bytes are not trusted. */
void overwrite_what(const uint8_t *p, size_t n, uint32_t block, char *out, size_t size);
