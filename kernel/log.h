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

/* While a command of the console answers, lines are shown without time and name, and the ring does not keep
 * log_text(). */
void log_plain(bool plain);

/* What a subsystem says reaches the sinks up to its level, which is LOG_INFO unless it is set. What is above
 * it is kept in the ring all the same, but for LOG_DEBUG, which is not even made. The number at the end of a
 * unit's name does not count: iommu0 is iommu. */
enum log_level { LOG_FAIL, LOG_WARN, LOG_INFO, LOG_DEBUG };
#define LOG_SUBSYSTEMS 32u
#define LOG_NAME       12u
const char *log_level_name(enum log_level level); /* NULL: there is no such level */
/* Subsystems that have said something or were given a level, i from 0 on; NULL when there are no more. */
const char *log_subsystem(unsigned i, enum log_level *level);
/* False when there are more than LOG_SUBSYSTEMS of them. */
bool log_level_set(const char *subsystem, enum log_level level);

/* Lines that the ring still has: the one at *at, 0 to start with the oldest, without its newline; *at then is
 * the next. Longer than size is cut. False at the end. */
bool log_next(uint64_t *at, char *out, size_t size);

/* One line: "[    0.004211] pci: text". Longer than 512 characters is cut. */
void log_line(const char *subsystem, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The same, of interest to whoever looks for a fault: made only while the subsystem's level is LOG_DEBUG. */
void log_debug(const char *subsystem, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A failure: "[..] FAIL subsystem: text" and, below it, "try: advice" (advice may be NULL). */
void log_fail(const char *subsystem, const char *advice, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* How many of them there were. */
unsigned log_fails(void);

/* Something odd that does not stop us: "[..] WARN subsystem: text". */
void log_warn(const char *subsystem, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* From now on one core alone prints, however the others were stopped: a panic. */
void log_alone(void);

/* Text as it is, without time or newline: tables, the RESULT line. */
void log_text(const char *fmt, ...) PRINTF_LIKE(1, 2);
