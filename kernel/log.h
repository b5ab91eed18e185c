/* The log: every line goes into a memory ring and from there to the sinks (serial line and others), as
 * "[seconds.micros] subsystem: text". Not for polling loops: they count, and print afterwards. Any core may
 * print; lines do not mix. */
#pragma once
#include "kernel/bits.h"

typedef void log_sink_fn(const char *text, size_t len);

/* Adds a sink (at most 4) and replays the ring's content to it, also for a sink that was added before. */
void log_sink_add(log_sink_fn *sink);

/* Writes the ring's content to the sink. */
void log_replay(log_sink_fn *sink);

/* Replaces a sink by another; the ring's content is not replayed. */
void log_sink_replace(log_sink_fn *old, log_sink_fn *sink);

/* While a console command runs, lines are shown without time and name, and the ring does not keep
 * log_text(). */
void log_plain(bool plain);

/* Lines of a subsystem reach the sinks up to its level, by default LOG_INFO. Lines above the level go into
 * the ring only, except for LOG_DEBUG, which is not even formatted. The number at the end of a unit's name
 * does not count: iommu0 is iommu. */
enum log_level { LOG_FAIL, LOG_WARN, LOG_INFO, LOG_DEBUG };
#define LOG_SUBSYSTEMS 32u
#define LOG_NAME       12u
const char *log_level_name(enum log_level level); /* NULL: there is no such level */
/* Subsystems that have logged or were given a level, i from 0 on; NULL after the last. */
const char *log_subsystem(unsigned i, enum log_level *level);
/* False when there are more than LOG_SUBSYSTEMS of them. */
bool log_level_set(const char *subsystem, enum log_level level);

/* Lines still in the ring: the one at *at (0: the oldest), without its newline; *at then is the next. Longer
 * than size is cut. False at the end. */
bool log_next(uint64_t *at, char *out, size_t size);

/* One line: "[    0.004211] pci: text". Longer than 512 characters is cut. */
void log_line(const char *subsystem, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The same, for debugging: formatted only while the subsystem's level is LOG_DEBUG. */
void log_debug(const char *subsystem, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A failure: "[..] FAIL subsystem: text" and, below it, "try: advice" (advice may be NULL). */
void log_fail(const char *subsystem, const char *advice, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The number of failures so far. */
unsigned log_fails(void);

/* Something odd that does not stop the run: "[..] WARN subsystem: text". */
void log_warn(const char *subsystem, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* A line or a warning: LOG_INFO or LOG_WARN. */
void log_as(enum log_level level, const char *subsystem, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* From now on only the calling core prints, however the others were stopped: a panic. */
void log_alone(void);

/* Raw text, without time or newline: tables, the RESULT line. */
void log_text(const char *fmt, ...) PRINTF_LIKE(1, 2);
