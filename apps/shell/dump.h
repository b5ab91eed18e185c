/* Bytes of the firmware's tables, as text. */
#pragma once
#include "kernel/span.h"

/* 16 bytes a line: offset, hexadecimal, characters. */
void dump_bytes(struct span data);
/* The bytes of a name as a string, non-printable ones as '.'. out has room for one more NUL. */
void dump_name(struct span name, char *out);
