#include <stdarg.h>
#include "kernel/fmt.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define RING_SIZE 65536u
#define LINE_MAX  512
#define LOCK_US   2000000u /* a core that prints longer than this has stopped */

static char ring[RING_SIZE];
static uint64_t ring_end; /* bytes ever written */
static log_sink_fn *sinks[4];
static struct lock lock;
static bool alone, plain;

static struct subsystem {
	char name[LOG_NAME];
	uint8_t level; /* enum log_level */
} subsystem[LOG_SUBSYSTEMS];
static unsigned subsystems;
static bool debugging; /* some subsystem's level is LOG_DEBUG */

static bool take(void)
{
	return !alone && lock_take(&lock, LOCK_US);
}

static void give(bool taken)
{
	if (taken)
		lock_give(&lock);
}

void log_alone(void)
{
	alone = true;
	plain = false;
}

static void keep(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		ring[ring_end++ % RING_SIZE] = text[i];
}

static void show(const char *text, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(sinks) && sinks[i]; i++)
		sinks[i](text, len);
}

/* The name without the number of a unit: "iommu0" is iommu. */
static size_t name_of(const char *name, char out[LOG_NAME])
{
	size_t n = 0;
	for (; n < LOG_NAME - 1 && name[n] && (name[n] < '0' || name[n] > '9'); n++)
		out[n] = name[n];
	out[n] = 0;
	return n;
}

static struct subsystem *find(const char *name)
{
	char want[LOG_NAME];
	name_of(name, want);
	for (unsigned i = 0; i < subsystems; i++)
		if (strcmp(subsystem[i].name, want) == 0)
			return &subsystem[i];
	return NULL;
}

/* The entry of a subsystem, created if necessary. NULL: there are too many. */
static struct subsystem *get(const char *name)
{
	struct subsystem *s = find(name);
	if (s)
		return s;
	bool taken = take();
	s = find(name);
	if (!s && subsystems < LOG_SUBSYSTEMS) {
		s = &subsystem[subsystems];
		name_of(name, s->name);
		s->level = LOG_INFO;
		__atomic_store_n(&subsystems, subsystems + 1, __ATOMIC_RELEASE);
	}
	give(taken);
	return s;
}

static enum log_level level_of(const char *name)
{
	const struct subsystem *s = get(name);
	return s ? (enum log_level)s->level : LOG_INFO;
}

const char *log_level_name(enum log_level level)
{
	static const char *const names[] = {"fail", "warn", "info", "debug"};
	return level < ARRAY_LEN(names) ? names[level] : NULL;
}

const char *log_subsystem(unsigned i, enum log_level *level)
{
	if (i >= subsystems)
		return NULL;
	*level = (enum log_level)subsystem[i].level;
	return subsystem[i].name;
}

bool log_level_set(const char *name, enum log_level level)
{
	struct subsystem *s = get(name);
	if (!s)
		return false;
	s->level = (uint8_t)level;
	debugging = false;
	for (unsigned i = 0; i < subsystems; i++)
		debugging |= subsystem[i].level == LOG_DEBUG;
	return true;
}

bool log_next(uint64_t *at, char *out, size_t size)
{
	uint64_t first = ring_end > RING_SIZE ? ring_end - RING_SIZE : 0;
	size_t n = 0;
	if (*at < first) /* the rest of a line whose beginning is gone is left out */
		for (*at = first; *at < ring_end && ring[(*at)++ % RING_SIZE] != '\n';)
			;
	if (*at >= ring_end)
		return false;
	for (char c = 0; *at < ring_end && c != '\n';) {
		c = ring[(*at)++ % RING_SIZE];
		if (n < size - 1 && c != '\n')
			out[n++] = c;
	}
	out[n] = 0;
	return true;
}

void log_replay(log_sink_fn *sink)
{
	uint64_t start = ring_end > RING_SIZE ? ring_end - RING_SIZE : 0;
	for (uint64_t at = start; at < ring_end; at++)
		sink(&ring[at % RING_SIZE], 1);
}

void log_sink_add(log_sink_fn *sink)
{
	for (size_t i = 0; i < ARRAY_LEN(sinks); i++) {
		if (sinks[i] && sinks[i] != sink)
			continue;
		sinks[i] = sink;
		log_replay(sink);
		return;
	}
}

void log_sink_replace(log_sink_fn *old, log_sink_fn *sink)
{
	for (size_t i = 0; i < ARRAY_LEN(sinks); i++)
		if (sinks[i] == old)
			sinks[i] = sink;
}

void log_plain(bool on)
{
	plain = on;
}

static size_t clip(int len, size_t max)
{
	return len < 0 ? 0 : (size_t)len >= max ? max - 1 : (size_t)len;
}

static void line(enum log_level level, const char *name, const char *fmt, va_list ap)
{
	static const char *const marks[] = {"FAIL ", "WARN ", "", ""};
	char buf[LINE_MAX];
	uint64_t us = now_us();
	bool shown = level <= level_of(name) || alone;
	size_t head = clip(fmt_print(buf, sizeof buf, "[%5llu.%06llu] %s%s: ", (ull)(us / 1000000),
				     (ull)(us % 1000000), marks[level], name),
			   sizeof buf);
	size_t n = head + clip(fmt_vprint(buf + head, sizeof buf - head, fmt, ap), sizeof buf - head);
	if (n > sizeof buf - 2)
		n = sizeof buf - 2;
	buf[n++] = '\n';
	bool taken = take();
	keep(buf, n);
	if (shown && plain) {
		show(marks[level], strlen(marks[level]));
		show(buf + head, n - head);
	} else if (shown) {
		show(buf, n);
	}
	give(taken);
}

void log_line(const char *name, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line(LOG_INFO, name, fmt, ap);
	va_end(ap);
}

void log_debug(const char *name, const char *fmt, ...)
{
	if (!debugging || level_of(name) < LOG_DEBUG)
		return;
	va_list ap;
	va_start(ap, fmt);
	line(LOG_DEBUG, name, fmt, ap);
	va_end(ap);
}

void log_warn(const char *name, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line(LOG_WARN, name, fmt, ap);
	va_end(ap);
}

void log_as(enum log_level level, const char *name, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line(level, name, fmt, ap);
	va_end(ap);
}

static unsigned fails;

unsigned log_fails(void)
{
	return __atomic_load_n(&fails, __ATOMIC_RELAXED);
}

void log_fail(const char *name, const char *advice, const char *fmt, ...)
{
	bool taken = take();
	va_list ap;
	__atomic_fetch_add(&fails, 1, __ATOMIC_RELAXED);
	va_start(ap, fmt);
	line(LOG_FAIL, name, fmt, ap);
	va_end(ap);
	if (advice)
		log_text("               try: %s\n", advice);
	give(taken);
}

void log_text(const char *fmt, ...)
{
	char buf[LINE_MAX];
	va_list ap;
	va_start(ap, fmt);
	size_t n = clip(fmt_vprint(buf, sizeof buf, fmt, ap), sizeof buf);
	va_end(ap);
	bool taken = take();
	if (!plain)
		keep(buf, n);
	show(buf, n);
	give(taken);
}
