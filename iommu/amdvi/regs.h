/* Registers of an AMD IOMMU unit (MMIO registers), all 64 bits wide: offsets and fields by the
 * specification's names. Fields stand indented below their register. */
#pragma once
#include "kernel/bits.h"

#define AMDVI_REGS 0x4000u /* bytes of them that are used */

/* clang-format off */
#define AMDVI_DEVTAB  0x00u        /* device table base: 51:12 address */
#define   TABLE_ADDR  BITS(51, 12)
#define   DEVTAB_SIZE BITS(8, 0)   /*   pages, minus one */
#define AMDVI_CMDBUF  0x08u        /* command buffer base */
#define AMDVI_LOGBUF  0x10u        /* event log base */
#define   RING_LEN    BITS(59, 56) /*   of either: log2 of its entries, 8 to 15 */

#define AMDVI_CONTROL  0x18u
#define   CTL_IOMMU    BIT(0)
#define   CTL_HT_TUN   BIT(1)
#define   CTL_LOG      BIT(2)
#define   CTL_LOG_INT  BIT(3)
#define   CTL_INV_TIME BITS(7, 5)  /*   4: 1 s for a device's translation cache */
#define   CTL_PASS_PW  BIT(8)
#define   CTL_RES_PW   BIT(9)
#define   CTL_COHERENT BIT(10)     /*   the unit's own reads snoop */
#define   CTL_ISOC     BIT(11)
#define   CTL_CMD      BIT(12)
#define   CTL_GA       BIT(17)     /*   interrupt entries have 128 bits */
#define   CTL_XT       BIT(50)     /*   and 32-bit destinations */

#define AMDVI_EXCL_BASE  0x20u     /* exclusion range: */
#define   AMDVI_EXCL_ON  BIT(0)
#define AMDVI_EXCL_LIMIT 0x28u

#define AMDVI_EFR      0x30u       /* extended features */
#define   EFR_XT       BIT(2)
#define   EFR_IA       BIT(6)      /*   INVALIDATE_IOMMU_ALL */
#define   EFR_GA       BIT(7)
#define   EFR_HATS     BITS(11, 10)
#define     HATS_NONE  3

#define AMDVI_EFR2     0x1a0u      /* extended features 2 */

#define AMDVI_CMD_HEAD 0x2000u
#define AMDVI_CMD_TAIL 0x2008u
#define AMDVI_LOG_HEAD 0x2010u
#define AMDVI_LOG_TAIL 0x2018u
#define   RING_AT      BITS(18, 4)
#define AMDVI_STATUS   0x2020u
#define   STS_OVERFLOW BIT(0)      /*   write 1 to clear, as the next two */
#define   STS_LOG_INT  BIT(1)
#define   STS_WAIT_INT BIT(2)
#define   STS_LOG_RUN  BIT(3)
#define   STS_CMD_RUN  BIT(4)
#define   STS_CLEARED  (BITS(2, 0) | BITS(6, 5)) /* all that a 1 clears, with those of the page request log */
/* clang-format on */
