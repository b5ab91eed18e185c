/* The rows of RDMA of packet_insn(), once. */
#pragma once
#include "apps/machine.h"

enum sl_err rdma_insn(struct machine *m) MUST_CHECK;
