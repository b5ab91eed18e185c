/* For a bug in Sluice, never for bad input. Prints the text, a backtrace and how to report it, and ends the
 * run as the configuration says. On the host it aborts. */
#pragma once
#include "kernel/bits.h"

_Noreturn void panic(const char *fmt, ...) PRINTF_LIKE(1, 2);
#define ASSERT(x) ((x) ? (void)0 : panic("%s:%d: %s", __FILE__, __LINE__, #x))
