/* What the program has logged, for host tests. */
#pragma once
#include <stddef.h>

#define SAID_SIZE 65536u
extern char said[SAID_SIZE]; /* what is older gives way to what does not fit */

/* A sink of the log that fills said. */
void said_sink(const char *text, size_t n);
/* From now on what is logged is in said, which is empty. */
void said_start(void);
void said_clear(void);
void assert_said(const char *words);
void assert_not_said(const char *words);
