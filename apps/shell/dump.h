/* Bytes of firmware's tables, as text. */
#pragma once
#include "kernel/span.h"

/* 16 bytes a line: offset, hexadecimal, characters. */
void dump_bytes(struct span data);
/* The bytes of a name as a string, what cannot be printed as '.'. out has room for a NUL more. */
void dump_name(struct span name, char *out);
