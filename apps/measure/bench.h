/* The benchmark: rows of one table. A row defines a workload; it is run a few times for a fixed time each,
 * and its result has the rate, the latency, and whether the repeats agree. */
#pragma once
#include "apps/machine.h"

#define BENCH_REPEATS 5u
#define BENCH_ROWS    64u
/* Permille of the median: repeats with a greater spread are noise. */
#define BENCH_SPREAD  200u

/* How the device reaches the buffers. In all but the first two the queues are in one 2 MiB page. */
enum bench_map {
	BENCH_OFF,    /* translation is off */
	BENCH_PT,     /* pass-through domain */
	BENCH_1G,     /* one page of 1 GiB */
	BENCH_2M,     /* one page of 2 MiB */
	BENCH_4K,     /* pages of 4 KiB */
	BENCH_STRICT, /* mapped for each request; after it unmapped and invalidated, with a wait */
};

struct bench_row {
	bool pf;      /* the PF's own queue, with no VF enabled */
	unsigned vfs; /* how many at once; 1 for the PF */
	uint32_t depth, batch;
	uint32_t bytes;
	uint32_t writes; /* of 100 requests */
	bool seq;
	enum bench_map map;
	enum wait_mode mode;
};

struct bench_result {
	struct bench_row row;
	unsigned repeats;                     /* done so far */
	uint64_t iops[BENCH_REPEATS], median; /* operations a second, all VFs together */
	unsigned spread;                      /* (most - least) of them against the median, in a thousand */
	uint64_t ops, doorbells, empty, invals, irqs;
	uint64_t slowest, fastest; /* operations of the slowest VF of each repeat, of the fastest */
	unsigned fair;             /* operations of the slowest VF against the fastest, in a thousand */
	struct hist latency;       /* TSC ticks */
};

/* The limits that rows are made for. */
struct bench_scene {
	const struct config *cfg;
	bool pf;
	unsigned vfs;
	bool huge; /* there is memory for a page of 1 GiB */
};

/* The rows of a machine, max at the most; how many. Depths 1, 8, 32, 128 as far as qd= allows, and qd=
 * itself; every kind of mapping with one VF; 2, 4, ... vfs= VFs; and, with a workload as by default, a few
 * others. With interrupts: one VF and all. */
unsigned bench_rows(const struct bench_scene *s, struct bench_row *out, unsigned max);

/* Can this VF do that? */
bool bench_possible(const struct vf *vf, const struct bench_row *row);

/* Median and spread from iops[], fair. */
void bench_sum(struct bench_result *r);
static inline bool bench_noisy(const struct bench_result *r)
{
	return r->spread > BENCH_SPREAD;
}

/* Runs out->row once more, after a short warm-up, on m->vf[0..vfs), whose media timed_prepare() has written,
 * and accumulates the result; out is zeroed before the first. huge: memory of 1 GiB, aligned to that, for
 * BENCH_1G. SL_DEVICE, SL_VERIFY, SL_TIMEOUT: a request failed, returned wrong data, or did not complete. */
enum sl_err bench_repeat(struct machine *m, struct bench_result *out, const phys_t *huge) MUST_CHECK;

/* The console's table, a histogram drawn in text, and lines of JSON. */
void bench_print_head(void);
void bench_print_row(const struct bench_result *r);
void bench_print_hist(const struct bench_result *r);
void bench_print_json(const struct bench_result *r, const struct config *cfg);
/* The same for the run as a whole: clock and cores. */
void bench_print_json_run(const struct machine *m);
