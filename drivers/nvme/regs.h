/* Controller registers: NVMe 2.0 §3.1.3, doorbells NVMe over PCIe 1.0 §3.1. Included
 * by this folder and by apps/proof/strike_nvme.c. */
#pragma once
#include "kernel/bits.h"

/* One type a width, so that a register cannot be read with the wrong one. */
typedef struct {
	uint16_t off;
} nvme_reg32_t;

typedef struct {
	uint16_t off;
} nvme_reg64_t;

#define NVME_CAP     ((const nvme_reg64_t){0x00}) /* §3.1.3.1 */
#define CAP_MQES     BITS(15, 0)                  /*   entries a queue, minus one */
#define CAP_TO       BITS(31, 24)                 /*   longest wait for CSTS.RDY, units of 500 ms */
#define CAP_DSTRD    BITS(35, 32)                 /*   doorbells are 4 << DSTRD bytes apart */
#define CAP_CSS_NVM  BIT(37)                      /*   NVM command set */
#define CAP_CSS_IOCS BIT(43)                      /*   one or more I/O command sets: Identify knows CSI */
#define CAP_MPSMIN   BITS(51, 48)                 /*   smallest page: 1 << (12 + MPSMIN) bytes */
#define CAP_CRMS     BITS(60, 59)                 /*   ready modes; non-zero: CRTO is there */

#define NVME_VS ((const nvme_reg32_t){0x08}) /* §3.1.3.2 */
#define VS_MJR  BITS(31, 16)
#define VS_MNR  BITS(15, 8)
#define VS_2_0  0x20000u

#define NVME_CC   ((const nvme_reg32_t){0x14}) /* §3.1.3.5 */
#define CC_EN     BIT(0)
#define CC_SHN    BITS(15, 14) /*   shutdown notification; 1: normal */
#define CC_IOSQES BITS(19, 16) /*   log2 of the size of a submission entry */
#define CC_IOCQES BITS(23, 20) /*   and of a completion entry */

#define NVME_CSTS ((const nvme_reg32_t){0x1c}) /* §3.1.3.6 */
#define CSTS_RDY  BIT(0)
#define CSTS_CFS  BIT(1)     /*   controller fatal status */
#define CSTS_SHST BITS(3, 2) /*   shutdown: 0 none, 1 going on, 2 complete */

#define NVME_AQA ((const nvme_reg32_t){0x24}) /* §3.1.3.8 */
#define AQA_ASQS BITS(11, 0)                  /*   entries, minus one */
#define AQA_ACQS BITS(27, 16)

#define NVME_ASQ   ((const nvme_reg64_t){0x28}) /* §3.1.3.9 */
#define NVME_ACQ   ((const nvme_reg64_t){0x30}) /* §3.1.3.10 */
#define NVME_CRTO  ((const nvme_reg32_t){0x68}) /* §3.1.3.27 */
#define CRTO_CRWMT BITS(15, 0)                  /*   ready with media, units of 500 ms */

/* SQyTDBL and CQyHDBL; dstrd is CAP.DSTRD. */
#define NVME_DOORBELLS        0x1000u
#define NVME_SQTDBL(y, dstrd) (NVME_DOORBELLS + 2u * (y) * (4u << (dstrd)))
#define NVME_CQHDBL(y, dstrd) (NVME_DOORBELLS + (2u * (y) + 1u) * (4u << (dstrd)))
