/* Formatting by stb_sprintf (no floating point). Never called from a polling loop. */
#pragma once
#include <stdarg.h>
#include "kernel/bits.h"

/* As snprintf: always ends buf with a NUL when n > 0; returns the untruncated length. */
int fmt_print(char *buf, size_t n, const char *fmt, ...) PRINTF_LIKE(3, 4);
int fmt_vprint(char *buf, size_t n, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

/* A text that is put together of pieces: where the next one goes, and the bytes left there, at least 1, for
 * its NUL too. What does not fit is cut off. */
struct fmt_text {
	char *buf;
	size_t left;
};
void fmt_add(struct fmt_text *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
