/* The log: every line goes into a memory ring and from there to the sinks (serial line; others later). Lines
 * read
 * "[seconds.micros] subsystem: text". Not for polling loops: they count, and print afterwards. Any core may
 * print: lines do not mix. */
#pragma once
#include "kernel/bits.h"

typedef void log_sink_fn(const char *text, size_t len);

/* Adds a sink (at most 4) and gives it what the ring already holds; one that was added before gets it again.
 */
void log_sink_add(log_sink_fn *sink);

/* One sink in the place of another; what the ring holds is not given again. */
void log_sink_replace(log_sink_fn *old, log_sink_fn *sink);

/* Lines without time and name, while a command of the console answers. */
void log_plain(bool plain);

/* One line: "[    0.004211] pci: text". Longer than 512 characters is cut. */
void log_line(const char *subsystem, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A failure: "[..] FAIL subsystem: text" and, below it, "try: advice" (advice may be NULL). */
void log_fail(const char *subsystem, const char *advice, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* Something odd that does not stop us: "[..] WARN subsystem: text". */
void log_warn(const char *subsystem, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* From now on one core alone prints, however the others were stopped: a panic. */
void log_alone(void);

/* Text as it is, without time or newline: tables, the RESULT line. */
void log_text(const char *fmt, ...) PRINTF_LIKE(1, 2);
