/* Stages that only measure. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_mapcost(struct machine *m) MUST_CHECK;  /* the cost of map and unmap */
enum sl_err stage_bench(struct machine *m) MUST_CHECK;    /* the benchmark on its VFs: one table */
enum sl_err stage_bench_pf(struct machine *m) MUST_CHECK; /* the benchmark on the PF itself */
