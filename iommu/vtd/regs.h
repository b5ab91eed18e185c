/* VT-d registers (VT-d §11.4): offsets and fields by the specification's names, one type per width and access
 * kind. Fields stand indented below their register. */
#pragma once
#include "kernel/bits.h"

typedef struct {
	uint16_t off;
} reg32_t;
typedef struct {
	uint16_t off;
} reg64_t;
typedef struct {
	uint16_t off;
} w1c32_t; /* has bits that a 1 clears: never written with what was read */

/* clang-format off */
#define VTD_VER   ((const reg32_t){0x00}) /* §11.4.1, version */
#define   VER_MAX BITS(7, 4)
#define   VER_MIN BITS(3, 0)

#define VTD_CAP      ((const reg64_t){0x08}) /* §11.4.2, capabilities */
#define   CAP_ND     BITS(2, 0)   /*   4 + 2N bits of domain id */
#define   CAP_RWBF   BIT(4)       /*   write-buffer flush required */
#define   CAP_PLMR   BIT(5)       /*   protected low memory region */
#define   CAP_PHMR   BIT(6)       /*   protected high memory region */
#define   CAP_CM     BIT(7)       /*   caching mode: not-present entries are cached too */
#define   CAP_SAGAW  BITS(12, 8)  /*   bit 1: 3 levels, bit 2: 4, bit 3: 5 */
#define   CAP_MGAW   BITS(21, 16) /*   guest address width, minus one */
#define   CAP_ZLR    BIT(22)      /*   zero-length reads of write-only pages */
#define   CAP_FRO    BITS(33, 24) /*   fault record offset, units of 16 bytes */
#define   CAP_SSLPS  BITS(37, 34) /*   bit 0: 2 MiB pages, bit 1: 1 GiB */
#define   CAP_PSI    BIT(39)      /*   page-selective invalidation */
#define   CAP_NFR    BITS(47, 40) /*   fault records, minus one */
#define   CAP_MAMV   BITS(53, 48) /*   greatest address mask of a page-selective invalidation */
#define   CAP_DWD    BIT(54)      /*   write draining */
#define   CAP_DRD    BIT(55)      /*   read draining */
#define   CAP_FS1GP  BIT(56)      /*   first-stage 1 GiB pages */
#define   CAP_PI     BIT(59)      /*   posted interrupts */
#define   CAP_FS5LP  BIT(60)      /*   first-stage 5-level paging */
#define   CAP_ECMDS  BIT(61)      /*   enhanced commands */
#define   CAP_ESIRTPS BIT(62)     /*   SIRTP implies the invalidation */
#define   CAP_ESRTPS BIT(63)      /*   SRTP implies the invalidation */

#define VTD_ECAP     ((const reg64_t){0x10}) /* §11.4.3, extended capabilities */
#define   ECAP_C     BIT(0)       /*   table walks snoop the caches */
#define   ECAP_QI    BIT(1)       /*   queued invalidation */
#define   ECAP_DT    BIT(2)       /*   device TLBs */
#define   ECAP_IR    BIT(3)       /*   interrupt remapping */
#define   ECAP_EIM   BIT(4)       /*   x2APIC destinations */
#define   ECAP_PT    BIT(6)       /*   pass-through type */
#define   ECAP_SC    BIT(7)       /*   snoop control */
#define   ECAP_IRO   BITS(17, 8)  /*   IOTLB register offset, units of 16 bytes */
#define   ECAP_MHMV  BITS(23, 20) /*   greatest mask of an interrupt entry cache invalidation */
#define   ECAP_NEST  BIT(26)
#define   ECAP_PRS   BIT(29)      /*   page requests */
#define   ECAP_SRS   BIT(31)
#define   ECAP_PSS   BITS(39, 35) /*   PASID bits, minus one */
#define   ECAP_PASID BIT(40)
#define   ECAP_DIT   BIT(41)      /*   invalidations of device TLBs name the PF */
#define   ECAP_SMTS  BIT(43)      /*   scalable mode */
#define   ECAP_SSADS BIT(45)      /*   second-stage accessed and dirty bits */
#define   ECAP_SSTS  BIT(46)      /*   second stage in scalable mode */
#define   ECAP_FSTS  BIT(47)      /*   first stage in scalable mode */
#define   ECAP_SMPWCS BIT(48)     /*   scalable-mode walk coherency */
#define   ECAP_RPS   BIT(49)      /*   a PASID other than 0 for requests without one */
#define   ECAP_ADMS  BIT(52)      /*   abort-DMA mode */

/* §11.4.4: a command is written to GCMD and shows in GSTS, same bits, when done. One at a time. */
#define VTD_GCMD     ((const reg32_t){0x18})
#define VTD_GSTS     ((const reg32_t){0x1c})
#define   GCMD_TE    BIT(31)      /*   translation */
#define   GCMD_SRTP  BIT(30)      /*   set root table pointer; one shot */
#define   GCMD_WBF   BIT(27)      /*   write-buffer flush; one shot, its status reads 0 when done */
#define   GCMD_QIE   BIT(26)      /*   queued invalidation */
#define   GCMD_IRE   BIT(25)      /*   interrupt remapping */
#define   GCMD_SIRTP BIT(24)      /*   set interrupt remapping table pointer; one shot */
#define   GCMD_CFI   BIT(23)      /*   compatibility format interrupts pass */
/* Bits 30, 29, 27, 24 (29, 28 belonged to advanced fault logging): they must not be written back, §11.4.4.1. */
#define   GCMD_ONESHOT (BIT(30) | BIT(29) | BIT(27) | BIT(24))

#define VTD_RTADDR   ((const reg64_t){0x20}) /* §11.4.5, root table address */
#define   RTADDR_RTA BITS(63, 12)
#define   RTADDR_TTM BITS(11, 10) /*   translation table mode; 0: legacy */

#define VTD_CCMD     ((const reg64_t){0x28}) /* §11.4.6.1, register-based context invalidation */
#define   CCMD_ICC   BIT(63)
#define   CCMD_CIRG  BITS(62, 61)
#define   CCMD_CAIG  BITS(60, 59)
#define   CCMD_FM    BITS(33, 32)
#define   CCMD_SID   BITS(31, 16)
#define   CCMD_DID   BITS(15, 0)
/* §11.4.6.3 and §11.4.6.4, IOTLB and IVA: at ECAP.IRO. */
#define   IOTLB_IVT  BIT(63)
#define   IOTLB_IIRG BITS(61, 60)
#define   IOTLB_IAIG BITS(58, 57)
#define   IOTLB_DR   BIT(49)
#define   IOTLB_DW   BIT(48)
#define   IOTLB_DID  BITS(47, 32)
#define   IVA_ADDR   BITS(63, 12)
#define   IVA_IH     BIT(6)
#define   IVA_AM     BITS(5, 0)

#define VTD_FSTS     ((const w1c32_t){0x34}) /* §11.4.7.1, fault status */
#define   FSTS_PFO   BIT(0)       /*   fault records overflowed */
#define   FSTS_PPF   BIT(1)       /*   some record is pending; follows the records */
#define   FSTS_IQE   BIT(4)       /*   invalidation queue error */
#define   FSTS_ICE   BIT(5)       /*   invalidation completion error */
#define   FSTS_ITE   BIT(6)       /*   invalidation time-out error */
#define   FSTS_FRI   BITS(15, 8)  /*   record that the first pending fault went to */
#define   FSTS_W1C   (FSTS_PFO | FSTS_IQE | FSTS_ICE | FSTS_ITE)

#define VTD_FECTL    ((const reg32_t){0x38}) /* §11.4.7.2, fault event */
#define   FECTL_IM   BIT(31)      /*   interrupt mask */
#define   FECTL_IP   BIT(30)
#define VTD_FEDATA   ((const reg32_t){0x3c})
#define VTD_FEADDR   ((const reg32_t){0x40})
#define VTD_FEUADDR  ((const reg32_t){0x44})

/* §11.4.7.6, fault recording register: 16 bytes each from CAP.FRO on. Fields of the upper 64 bits: */
#define   FRCD_F     BIT(63)      /*   write 1 to clear */
#define   FRCD_T1    BIT(62)      /*   T1 T2: 00 write, 01 page request, 10 read, 11 AtomicOp */
#define   FRCD_AT    BITS(61, 60)
#define   FRCD_PV    BITS(59, 40)
#define   FRCD_FR    BITS(39, 32) /*   fault reason */
#define   FRCD_PP    BIT(31)
#define   FRCD_EXE   BIT(30)
#define   FRCD_PRIV  BIT(29)
#define   FRCD_T2    BIT(28)
#define   FRCD_SID   BITS(15, 0)
/* and of the lower: */
#define   FRCD_FI    BITS(63, 12) /*   page address; of an interrupt */
#define   FRCD_INDEX BITS(63, 48) /*   the index of its entry */
#define FRCD_BYTES   16

#define VTD_PMEN     ((const reg32_t){0x64}) /* §11.4.8.1, protected memory enable */
#define   PMEN_EPM   BIT(31)
#define   PMEN_PRS   BIT(0)       /*   status of EPM */

#define VTD_PLMBASE  ((const reg32_t){0x68}) /* §11.4.8.2 to §11.4.8.5, the regions themselves */
#define VTD_PLMLIMIT ((const reg32_t){0x6c})
#define VTD_PHMBASE  ((const reg64_t){0x70})
#define VTD_PHMLIMIT ((const reg64_t){0x78})

#define VTD_IQH      ((const reg64_t){0x80}) /* §11.4.9.1, invalidation queue head */
#define   IQH_QH     BITS(18, 4)
#define VTD_IQT      ((const reg64_t){0x88}) /* §11.4.9.2, tail */
#define   IQT_QT     BITS(18, 4)
#define VTD_IQA      ((const reg64_t){0x90}) /* §11.4.9.3, address */
#define   IQA_IQA    BITS(63, 12)
#define   IQA_DW     BIT(11)      /*   256-bit descriptors */
#define   IQA_QS     BITS(2, 0)   /*   2^QS pages */
#define VTD_IQERCD   ((const reg64_t){0xb0}) /* §11.4.9.9, error record */
#define   IQERCD_ICESID BITS(63, 48)
#define   IQERCD_ITESID BITS(47, 32)
#define   IQERCD_IQEI BITS(3, 0)

#define VTD_IRTA     ((const reg64_t){0xb8}) /* §11.4.10, interrupt remapping table address */
#define   IRTA_IRTA  BITS(63, 12)
#define   IRTA_EIME  BIT(11)
#define   IRTA_S     BITS(3, 0)

#define VTD_PQH      ((const reg64_t){0xc0}) /* page request queue (§7.4): head, */
#define VTD_PQT      ((const reg64_t){0xc8}) /*   tail, as those of the invalidation queue, */
#define   PQ_OFFSET  BITS(18, 5)
#define VTD_PQA      ((const reg64_t){0xd0}) /*   address, */
#define   PQA_PQA    BITS(63, 12)
#define VTD_PRS      ((const w1c32_t){0xdc}) /*   status, */
#define   PRS_PPR    BIT(0)       /*   a request is pending */
#define   PRS_PRO    BIT(1)       /*   requests were lost; no more are taken until it is cleared */
#define VTD_PECTL    ((const reg32_t){0xe0}) /*   event control */
#define   PECTL_IM   BIT(31)      /*   interrupt mask */

#define VTD_FIXED_END 0x100 /* what this driver uses at fixed offsets lies below */
/* clang-format on */
