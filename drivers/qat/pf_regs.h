/* Registers of the PF of a C62x for bringing it up. There is no public manual: names and values are those of the
 * drivers that Intel publishes. */
#pragma once
#include "kernel/bits.h"

/* QAT_CFG_FUSES and QAT_CFG_STRAPS in pf.h. A set bit is something that is off. */
#define   FUSE_NO_SRAM  BIT(31)   /* the first memory BAR is missing */
#define   FUSE_ACCELS   BITS(20, 16)
#define   FUSE_ENGINES  BITS(9, 0)

/* The second memory BAR. An engine has 4 KiB of it: transfer registers, and control registers behind them. */
#define QAT_XFER(ae, n)      (0x20000u + 0x1000u * (ae) + 4u * (n))
#define   QAT_XFERS          256u
#define QAT_AE(ae, csr)      (0x20800u + 0x1000u * (ae) + (csr))
#define   AE_CTX_ARB         0x014u
#define   AE_CTX_ENABLES     0x018u
#define     CTX_ENABLED      BITS(15, 8)
#define     CTX_W1C          (BIT(25) | BIT(27) | BIT(29)) /* written as 1 they are cleared */
#define     CTX_ECC_ERROR    BIT(28)
#define   AE_CC_ENABLE       0x01cu
#define     CC_RESET         0x2000u
#define   AE_CTX_POINTER     0x020u /* which context the indirect ones are of */
#define   AE_CTX_STS         0x040u /* indirect: where it starts */
#define   AE_ACTIVE          0x044u
#define     ACTIVE_RUNS      BIT(31)
#define   AE_SIG_EVENTS      0x048u /* indirect */
#define   AE_WAKEUP_EVENTS   0x050u /* indirect */
#define   AE_TIMESTAMP_LOW   0x0c0u
#define   AE_TIMESTAMP_HIGH  0x0c4u
#define   AE_PROFILE_COUNT   0x144u /* 16 bits of cycles */
#define   AE_MISC            0x160u
#define     MISC_ECC         (BIT(24) | BIT(12))
#define   AE_ADMIN           0x170u /* doorbell: 1 until the message is answered */
#define   AE_CSR_STATUS      0x180u
#define     CSR_BUSY         BIT(0)
#define QAT_CONTEXTS         8u

/* CAP block. */
#define QAT_FCU_CONTROL      0x308c0u
#define   FCU_AUTHENTICATE   1u
#define   FCU_LOAD           (2u | BIT(4))
#define   FCU_START          3u
#define   FCU_ENGINE         BITS(12, 8)
#define QAT_FCU_STATUS       0x308c4u
#define   FCU_STATE          BITS(2, 0)
#define     FCU_VERIFIED     1u
#define     FCU_LOADED       2u
#define     FCU_VERIFY_FAIL  3u
#define     FCU_LOAD_FAIL    4u
#define   FCU_AUTHENTIC      BIT(8)
#define   FCU_STARTED        BIT(9)
#define   FCU_LOADED_ENGINES BITS(31, 22)
#define QAT_FCU_ADDR_LOW     0x308ccu
#define QAT_FCU_ADDR_HIGH    0x308d0u
#define QAT_MISC             0x30a04u
#define   MISC_TIMESTAMP     BIT(7)
#define QAT_RESET            0x30a0cu /* engines from bit 0, accelerators from bit 20 */
#define QAT_CLOCKS           0x30a50u /* the same bits */
#define   RESET_ACCELS       BITS(24, 20)
#define   RESET_ENGINES      BITS(9, 0)

/* Accelerators: watchdogs in cycles, and reporting of errors in shared memory. */
#define QAT_WATCHDOG(n)      (0x54u + 0x4000u * (n))
#define   WATCHDOG_CYCLES    0x200000u
#define QAT_WATCHDOG_PKE(n)  (0x58u + 0x4000u * (n))
#define   WATCHDOG_PKE_CYCLES 0x2000000u
#define QAT_CERRSSMSH(n)     (0x10u + 0x4000u * (n))
#define QAT_UERRSSMSH(n)     (0x18u + 0x4000u * (n))
#define   ERRSSMSH_ENABLE    BIT(3)

#define QAT_ADMIN_HIGH       0x3a574u /* where admin messages are */
#define QAT_ADMIN_LOW        0x3a578u
#define QAT_MAP_A(n)         (0x3a590u + 4u * (n)) /* of an engine's thread to functions */
#define   QAT_MAPS_A         80u
#define QAT_MAP_B(n)         (0x3a710u + 4u * (n)) /* of an engine */
#define   QAT_MAPS_B         10u
#define   MAP_VALID          BIT(7)
#define QAT_MISC_BYTES       0x3a738u

/* The third memory BAR, behind the rings. */
#define QAT_ARB(n)           (0x30000u + 4u * (n))
#define   QAT_ARBS           4u
#define   ARB_ON             0x80000041u /* responses of 32 bytes, ring flow control */
#define QAT_ARB_THREADS(ae)  (0x30180u + 4u * (ae)) /* which arbiters each thread serves */
#define QAT_RINGS_BYTES      0x301a8u
