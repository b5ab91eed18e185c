/* Registers of the PF of a C62x for bringing it up. There is no public manual: names and values are those of
 * the drivers that Intel publishes. */
#pragma once
#include "kernel/bits.h"

/* Fuses and straps of C62x. A set bit is something that is off. Of 4xxx: engines from bit 0. */
#define FUSE_NO_SRAM BIT(31) /* the first memory BAR is missing */
#define FUSE_ACCELS  BITS(20, 16)

/* The second memory BAR. An engine has 4 KiB of it from chip->ae on: transfer registers, and behind them
 * control registers. */
#define QAT_AE_STRIDE     0x1000u
#define QAT_AE_CSR        0x800u
#define QAT_XFERS         256u
#define AE_CTX_ARB        0x014u
#define AE_CTX_ENABLES    0x018u
#define CTX_ENABLED       BITS(15, 8)
#define CTX_W1C           (BIT(25) | BIT(27) | BIT(29)) /* written as 1 they are cleared */
#define CTX_ECC_ERROR     BIT(28)
#define AE_CC_ENABLE      0x01cu
#define CC_RESET          0x2000u
#define AE_CTX_POINTER    0x020u /* which context the indirect ones are of */
#define AE_CTX_STS        0x040u /* indirect: where it starts */
#define AE_ACTIVE         0x044u
#define ACTIVE_RUNS       BIT(31)
#define AE_SIG_EVENTS     0x048u /* indirect */
#define AE_WAKEUP_EVENTS  0x050u /* indirect */
#define AE_TIMESTAMP_LOW  0x0c0u
#define AE_TIMESTAMP_HIGH 0x0c4u
#define AE_PROFILE_COUNT  0x144u /* 16 bits of cycles */
#define AE_MISC           0x160u
#define MISC_ECC          (BIT(24) | BIT(12))
#define AE_ADMIN          0x170u /* doorbell: 1 until the message is answered */
#define AE_CSR_STATUS     0x180u
#define CSR_BUSY          BIT(0)
#define QAT_CONTEXTS      8u

/* The unit that loads firmware: chip->fcu_control, chip->fcu_status. */
#define FCU_AUTHENTICATE 1u
#define FCU_LOAD         2u /* into the engines of chip->fcu_mask */
#define FCU_LOAD_ONE     (2u | BIT(4))
#define FCU_START        3u
#define FCU_ENGINE       BITS(12, 8)
#define FCU_STATE        BITS(2, 0)
#define FCU_VERIFIED     1u
#define FCU_LOADED       2u
#define FCU_VERIFY_FAIL  3u
#define FCU_LOAD_FAIL    4u
#define FCU_AUTHENTIC    BIT(8)
#define FCU_STARTED      BIT(9)

/* chip->misc; chip->reset and chip->clocks: the same bits in both. */
#define MISC_TIMESTAMP BIT(7)
#define RESET_ACCELS   BITS(24, 20) /* C62x; engines from bit 0 */
#define RESET_4XXX     0x100015u    /* 4xxx: groups of engines, accelerators */

/* C62x: of an accelerator, watchdogs in cycles, and reporting of errors in shared memory. */
#define QAT_WATCHDOG(n)     (0x54u + 0x4000u * (n))
#define WATCHDOG_CYCLES     0x200000u
#define QAT_WATCHDOG_PKE(n) (0x58u + 0x4000u * (n))
#define WATCHDOG_PKE_CYCLES 0x2000000u
#define QAT_CERRSSMSH(n)    (0x10u + 0x4000u * (n))
#define QAT_UERRSSMSH(n)    (0x18u + 0x4000u * (n))
#define ERRSSMSH_ENABLE     BIT(3)
#define QAT_MAP_A(n)        (0x3a590u + 4u * (n)) /* of an engine's thread to functions */
#define QAT_MAPS_A          80u
#define QAT_MAP_B(n)        (0x3a710u + 4u * (n)) /* of an engine */
#define QAT_MAPS_B          10u
#define MAP_VALID           BIT(7)

/* 4xxx: the watchdogs of all, 64 bits in two halves; power. */
#define QAT_4_WATCHDOG          0x54u
#define QAT_4_WATCHDOG_HIGH     0x5cu
#define WATCHDOG_4_CYCLES       0x7000000u
#define QAT_4_WATCHDOG_PKE      0x58u
#define QAT_4_WATCHDOG_PKE_HIGH 0x60u
#define WATCHDOG_4_PKE_CYCLES   0x8000000u
#define QAT_4_ERRMSK2           0x41a218u
#define ERRMSK2_PM              BIT(18)
#define QAT_4_PM_STATUS         0x50a00cu
#define PM_STATUS_UP            BIT(21)
#define QAT_4_PM_INTERRUPT      0x50a028u
#define PM_DRIVER_ACTIVE        BIT(20)

/* The third memory BAR: chip->arb. */
#define QAT_ARBS 4u
#define ARB_ON   0x80000041u /* responses of 32 bytes, ring flow control */
