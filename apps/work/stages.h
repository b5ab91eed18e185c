/* Workloads of VFs with a medium. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_verify(struct machine *m) MUST_CHECK; /* every result against the CPU */
enum sl_err stage_timed(struct machine *m) MUST_CHECK;  /* speed */
enum sl_err stage_bursts(struct machine *m) MUST_CHECK; /* load that stops and starts */
