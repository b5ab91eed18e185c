/* The cases of RDMA peers in stage isolate. */
#pragma once
#include "apps/machine.h"

/* With no attacker set up, where two VFs send and receive and their DMA is translated: each attacks the next
 * one as its RDMA peer. SL_STOPPED by Ctrl-C; SL_CONFIG: address= is wrong; SL_NOMEM; SL_BUSY: memory that a
 * device may still reach is kept. */
enum sl_err case_rdma_run(struct machine *m) MUST_CHECK;
