#include <stdarg.h>
#include "kernel/fmt.h"
#include "kernel/lock.h"
#include "kernel/log.h"
#include "kernel/time.h"

#define RING_SIZE 65536u
#define LINE_MAX  512
#define LOCK_US   2000000u /* a core that prints longer than this has stopped */

static char ring[RING_SIZE];
static uint64_t ring_end; /* bytes ever written */
static log_sink_fn *sinks[4];
static struct lock lock;
static bool alone, plain;

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
}

static void emit(const char *text, size_t len)
{
	bool taken = take();
	for (size_t i = 0; i < len; i++)
		ring[ring_end++ % RING_SIZE] = text[i];
	for (size_t i = 0; i < ARRAY_LEN(sinks) && sinks[i]; i++)
		sinks[i](text, len);
	give(taken);
}

void log_sink_add(log_sink_fn *sink)
{
	for (size_t i = 0; i < ARRAY_LEN(sinks); i++) {
		if (sinks[i] && sinks[i] != sink)
			continue;
		sinks[i] = sink;
		uint64_t start = ring_end > RING_SIZE ? ring_end - RING_SIZE : 0;
		for (uint64_t at = start; at < ring_end; at++)
			sink(&ring[at % RING_SIZE], 1);
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

static void line(const char *mark, const char *subsystem, const char *fmt, va_list ap)
{
	char buf[LINE_MAX];
	uint64_t us = now_us();
	int head = plain ? fmt_print(buf, sizeof buf, "%s", mark)
			 : fmt_print(buf, sizeof buf, "[%5llu.%06llu] %s%s: ", (ull)(us / 1000000),
				     (ull)(us % 1000000), mark, subsystem);
	size_t n = clip(head, sizeof buf);
	n += clip(fmt_vprint(buf + n, sizeof buf - n, fmt, ap), sizeof buf - n);
	if (n > sizeof buf - 2)
		n = sizeof buf - 2;
	buf[n++] = '\n';
	emit(buf, n);
}

void log_line(const char *subsystem, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line("", subsystem, fmt, ap);
	va_end(ap);
}

void log_warn(const char *subsystem, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	line("WARN ", subsystem, fmt, ap);
	va_end(ap);
}

void log_fail(const char *subsystem, const char *advice, const char *fmt, ...)
{
	bool taken = take();
	va_list ap;
	va_start(ap, fmt);
	line("FAIL ", subsystem, fmt, ap);
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
	emit(buf, n);
}
