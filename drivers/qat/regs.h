/* Registers of a bank of rings. Where a bank lies and how a base is written differs between generations:
 * gen.h. r: number of the ring. There is no public manual: names and values are those of the drivers that
 * Intel publishes. */
#pragma once
#include "kernel/bits.h"

/* These three from the generation's config offset on. */
#define QAT_RING_CONFIG(r) (0x000u + 4 * (r))
#define RING_SIZE          BITS(4, 0)   /* bytes: 64 << n */
#define RING_NEAR_FULL     BITS(14, 10) /* watermark of a response ring */
#define RING_WATER_512     8u
#define QAT_RING_LBASE(r)  (0x040u + 4 * (r))
#define QAT_RING_UBASE(r)  (0x080u + 4 * (r))

#define QAT_RING_HEAD(r) (0x0c0u + 4 * (r)) /* bytes; of a response ring: taken, written by us */
#define QAT_RING_TAIL(r) (0x100u + 4 * (r)) /* bytes; of a request ring: written by us, the doorbell */
#define QAT_INT_COL_EN   0x17cu             /* BIT(ring): it interrupts */
#define QAT_ARBITER      0x19cu             /* BIT(request ring): it is served */
