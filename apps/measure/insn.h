/* Stage insn: rows of a workload, to be counted by tools/insncount. */
#pragma once
#include "apps/machine.h"

enum sl_err stage_insn(struct machine *m) MUST_CHECK;
/* The same for VFs that compute: apps/measure/compute_insn.c. */
enum sl_err compute_insn(struct machine *m) MUST_CHECK;
/* For VFs that send and receive: apps/measure/packet_insn.c. */
enum sl_err packet_insn(struct machine *m) MUST_CHECK;
