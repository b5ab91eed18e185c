/* What a run came to, as it is printed: latencies, rates, and the table of who worked how fast. */
#pragma once
#include "apps/report/hist.h"
#include "drivers/queue.h"

/* TSC ticks in nanoseconds. */
uint64_t report_ns(uint64_t ticks);

/* Minimum, median, p99, p99.9 and maximum in microseconds: five columns of 11 characters. */
void report_latency(const struct hist *h);
/* The same in nanoseconds, a member of a JSON object: ,"ns":{"min":1,...} */
void report_latency_json(const struct hist *h);

/* a for each b, three digits after the point and width characters before it. */
void report_ratio(uint64_t a, uint64_t b, int width);

enum report_style {
	REPORT_WIDE,
	REPORT_TENTHS, /* the same, and tenths of a MB/s */
	REPORT_80      /* for 80 columns: no core, no minimum, no empty polls */
};

struct report_row {
	const char *name, *core;
	const struct hist *latency;
	uint64_t ops, bytes;
	const struct queue_stats *stats; /* doorbells and empty polls; NULL: those columns stay empty */
};

/* A table, and the sum of the rows that were added to it. */
struct report_table {
	enum report_style style;
	uint64_t us; /* how long it took; not 0 */
	struct hist *latency;
	uint64_t ops, bytes, least, most; /* least, most: operations of one row */
	struct queue_stats stats;
};

/* Prints the heads of the columns. sum is emptied, and holds the latencies of the rows that are added. */
void report_begin(struct report_table *t, enum report_style style, uint64_t us, struct hist *sum);
/* Prints a row. */
void report_row(const struct report_table *t, const struct report_row *r);
/* Prints a row and adds it to the sum. */
void report_add(struct report_table *t, const struct report_row *r);
/* Prints the sum. Returns the fewest operations of a row that was added against the most, in a thousand. */
unsigned report_end(const struct report_table *t);
