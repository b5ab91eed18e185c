/* Distributes work on VFs to the cores: one VF a core where there are enough cores, evenly where not. Each VF
 * belongs to one core for the whole run, so nothing on the data path is shared. */
#pragma once
#include "apps/machine.h"
#include "kernel/core.h"

/* One core's part. The function that runs on the core writes the fields below the line. */
struct worker {
	struct machine *m;
	unsigned core, first, n; /* VFs first .. first + n - 1 */
	enum sl_err err;
	uint64_t ops, ticks;
	uint32_t rounds;
} __attribute__((aligned(64)));

/* The number of VFs that the core with a place gets, from *first on. Place 0 is core 0, which has other
 * duties too, and is the last to get one. */
unsigned workers_share(unsigned vfs, unsigned cores, unsigned place, unsigned *first);

/* Which core has the place-th part (workers_share() counts places): the core itself, until workers_near() was
 * told that some lie nearer to the device. Core 0 always has place 0. */
unsigned workers_core(unsigned place);
/* The core that VF vf of so many is assigned to. */
unsigned workers_core_of(unsigned vf, unsigned vfs, unsigned cores);
/* Cores with near[core] get the first places. */
void workers_near(const bool near[CORES_MAX]);

/* Runs fn, with a struct worker as its argument, on every core that has VFs and in any case on core 0, at the
 * same time, and waits for all of them, limit_us at the most. The first error among them. The workers stay
 * readable, worker_of(core), until the next run. */
enum sl_err workers_run(struct machine *m, core_fn *fn, uint64_t limit_us) MUST_CHECK;
/* The same with every queue pair instead of every VF: first and n of the workers count vf[0 .. pairs - 1]. */
enum sl_err workers_run_pairs(struct machine *m, core_fn *fn, uint64_t limit_us) MUST_CHECK;
/* The same for VFs 0 .. vfs - 1 on as many cores as that needs, core 0 among them, so that no core waits
 * busily while the others work. */
enum sl_err workers_run_first(struct machine *m, unsigned vfs, core_fn *fn, uint64_t limit_us) MUST_CHECK;
const struct worker *worker_of(unsigned core);
