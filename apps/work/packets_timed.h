/* Frames between VFs, timed. */
#pragma once
#include "apps/work/packets.h"

/* Stage timed of VFs that send and receive: apps/work/packets_timed.c. */
enum sl_err packets_timed(struct machine *m) MUST_CHECK;
/* Its parts in which one VF alone sends, and one alone receives, each of that many ticks:
 * apps/work/packets_rates.c. SL_VERIFY, SL_TIMEOUT. The second prints both. */
enum sl_err packets_rates(struct machine *m, uint64_t ticks) MUST_CHECK;
void packets_rates_print(void);
/* Puts one frame for VF `to`, of FRAME_LEAST bytes, into all send buffers of VF 0, and returns it. */
struct frame packets_fill(const struct machine *m, unsigned to);
