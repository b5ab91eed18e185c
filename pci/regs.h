/* Registers and fields of configuration space that Sluice uses. Only for pci/ and its tests. */
#pragma once
#include "kernel/bits.h"

/* A field stands indented below its register. */
/* clang-format off */

/* Common header: PCIe §7.5.1.1 */
#define CFG_ID         0x00
#define   PCI_VENDOR_INTEL   0x8086
#define   PCI_VENDOR_MARVELL 0x1b4b
#define CFG_CMD        0x04
#define   CMD_IOSE     BIT(0)        /* I/O Space Enable */
#define   CMD_MSE      BIT(1)        /* Memory Space Enable */
#define   CMD_BME      BIT(2)        /* Bus Master Enable */
#define CFG_STATUS     0x06
#define   STATUS_CAP   BIT(4)        /* a capability list is there */
#define CFG_CLASS_REV  0x08
#define   CLASS_CODE   BITS(31, 8)
#define     PCI_CLASS_HOST_BRIDGE 0x0600 /* base class and sub-class */
#define     PCI_CLASS_IOMMU       0x0806
#define CFG_HDR_TYPE   0x0e
#define   HDR_LAYOUT   BITS(6, 0)
#define   HDR_MFD      BIT(7)        /* Multi-Function Device */
#define CFG_CACHE_LINE 0x0c
#define CFG_CB_CAP_PTR 0x14          /* of a CardBus bridge, header type 2 */
#define CFG_CAP_PTR    0x34
#define CFG_INTERRUPT  0x3c          /* Interrupt Line and Pin; type 1: and Bridge Control */

/* Type 0 header: PCIe §7.5.1.2 */
#define CFG_BAR        0x10
#define   BAR_IO       BIT(0)
#define   BAR_TYPE     BITS(2, 1)
#define     BAR_TYPE_64  2
#define     BAR_TYPE_RSV 3
#define   BAR_PREF     BIT(3)
#define   BAR_IO_ADDR  BITS(31, 2)
#define   BAR_MEM_ADDR BITS(31, 4)
#define CFG_SUBSYS     0x2c
#define CFG_ROM0       0x30          /* Expansion ROM, type 0 */
#define   ROM_ADDR     BITS(31, 11)

/* Type 1 header: PCIe §7.5.1.3 */
#define CFG_SEC        0x19          /* Secondary Bus Number */
#define CFG_SUB        0x1a          /* Subordinate Bus Number */
#define CFG_IO_BASE    0x1c
#define CFG_MEM_BASE   0x20
#define CFG_MEM_LIMIT  0x22
#define CFG_PREF_BASE  0x24
#define CFG_PREF_LIMIT 0x26
#define   WIN_TYPE     BITS(3, 0)    /* 1: 64-bit addresses */
#define   WIN_ADDR     BITS(15, 4)   /* address bits 31:20 */
#define CFG_PREF_BASE_HI  0x28
#define CFG_PREF_LIMIT_HI 0x2c
#define CFG_ROM1       0x38          /* Expansion ROM, type 1 */

/* Capability lists: PCIe §7.5.1.1.11, §7.6.3 */
#define CAP_FIRST      0x40
#define CAP_ID_PM      0x01
#define CAP_ID_MSI     0x05
#define CAP_ID_PCIX    0x07
#define CAP_ID_VENDOR  0x09
#define CAP_ID_SSVID   0x0d
#define CAP_ID_PCIE    0x10
#define CAP_ID_MSIX    0x11
#define ECAP_FIRST     0x100
#define   ECAP_ID      BITS(15, 0)
#define   ECAP_VER     BITS(19, 16)
#define   ECAP_NEXT    BITS(31, 20)
#define ECAP_ID_AER    0x01
#define ECAP_ID_VSEC   0x0b
#define ECAP_ID_ACS    0x0d
#define ECAP_ID_ARI    0x0e
#define ECAP_ID_ATS    0x0f
#define ECAP_ID_SRIOV  0x10
#define ECAP_ID_PRI    0x13
#define ECAP_ID_PASID  0x1b

/* Power management: PCIe §7.5.2 */
#define PM_CSR         0x04          /* Power Management Control/Status */
#define   PM_STATE     BITS(1, 0)    /* PowerState: D0 to D3hot */
#define   PM_PME_STATUS BIT(15)      /* write one to clear */

/* PCI Express capability: PCIe §7.5.3 */
#define PCIE_CAP       0x02
#define   PCIE_VER     BITS(3, 0)
#define   PCIE_TYPE    BITS(7, 4)    /* Device/Port Type */
#define   PCIE_SLOT    BIT(8)        /* Slot Implemented */
#define PCIE_DEVCAP    0x04
#define   DEVCAP_PFS   BITS(4, 3)    /* Phantom Functions Supported */
#define   DEVCAP_FLR   BIT(28)
#define PCIE_DEVCTL    0x08
#define   DEVCTL_PFE   BIT(9)        /* Phantom Functions Enable */
#define   DEVCTL_FLR   BIT(15)       /* Initiate Function Level Reset; reads 0 */
#define PCIE_DEVSTA    0x0a
#define   DEVSTA_CED   BIT(0)        /* Correctable Error Detected; this and the next three: write one to clear */
#define   DEVSTA_NFED  BIT(1)        /* Non-Fatal Error Detected */
#define   DEVSTA_FED   BIT(2)        /* Fatal Error Detected */
#define   DEVSTA_URD   BIT(3)        /* Unsupported Request Detected */
#define   DEVSTA_TP    BIT(5)        /* Transactions Pending */
#define PCIE_LNKCAP    0x0c
#define   LNKCAP_DLLLARC BIT(20)     /* Data Link Layer Link Active Reporting Capable */
#define PCIE_LNKCTL    0x10
#define PCIE_LNKSTA    0x12
#define   LNKSTA_DLLLA BIT(13)       /* Data Link Layer Link Active */
#define PCIE_SLTCAP    0x14
#define   SLTCAP_HPC   BIT(6)        /* Hot-Plug Capable */
#define PCIE_SLTCTL    0x18
#define PCIE_RTCTL     0x1c
#define PCIE_DEVCAP2   0x24
#define   DEVCAP2_ARI  BIT(5)        /* ARI Forwarding Supported */
#define PCIE_DEVCTL2   0x28
#define   DEVCTL2_ARI  BIT(5)        /* ARI Forwarding Enable */

/* Advanced Error Reporting: PCIe §7.8.4 */
#define AER_UNCOR      0x04          /* Uncorrectable Error Status; write one to clear */
#define   UNCOR_CA     BIT(15)       /* Completer Abort */
#define   UNCOR_UR     BIT(20)       /* Unsupported Request Error */
#define   UNCOR_ACSV   BIT(21)       /* ACS Violation */
#define AER_SEVERITY   0x0c          /* Uncorrectable Error Severity: 1 fatal */
#define AER_COR        0x10          /* Correctable Error Status; write one to clear */
#define   COR_ANFE     BIT(13)       /* Advisory Non-Fatal Error: PCIe §6.2.3.2.4 */
#define AER_HEADER     0x1c          /* Header Log, four dwords */
#define AER_ROOT       0x30          /* Root Error Status; write one to clear */
#define   ROOT_COR     BIT(0)        /* ERR_COR Received */
#define   ROOT_UNCOR   BIT(2)        /* ERR_FATAL/NONFATAL Received */
#define   ROOT_FATAL   BIT(6)        /* Fatal Error Messages Received */
#define   ROOT_STATUS  BITS(6, 0)
#define AER_SOURCE     0x34          /* Error Source Identification: of ERR_COR, of the others */
#define   SOURCE_COR   BITS(15, 0)
#define   SOURCE_UNCOR BITS(31, 16)

/* MSI and MSI-X: PCIe §7.7.1, §7.7.2 */
#define MSI_CTL        0x02
#define   MSI_CTL_EN   BIT(0)
#define   MSI_CTL_MMC  BITS(3, 1)    /* Multiple Message Capable: 2^n */
#define   MSI_CTL_MME  BITS(6, 4)    /* Multiple Message Enable: 2^n */
#define   MSI_CTL_64   BIT(7)        /* 64-bit address; Data and Mask lie further on */
#define   MSI_CTL_PVM  BIT(8)        /* Per-Vector Masking Capable */
#define MSI_ADDR       0x04
#define MSI_ADDR_HI    0x08
#define MSI_DATA_32    0x08
#define MSI_DATA_64    0x0c
#define MSI_MASK_32    0x0c
#define MSI_MASK_64    0x10
#define MSIX_CTL       0x02
#define   MSIX_CTL_EN  BIT(15)
#define   MSIX_CTL_FM  BIT(14)       /* Function Mask */
#define   MSIX_CTL_SIZE BITS(10, 0)  /* minus one */
#define MSIX_TABLE     0x04
#define MSIX_PBA       0x08
#define   MSIX_BIR     BITS(2, 0)
#define   MSIX_OFFSET  BITS(31, 3)   /* bytes, with bits 2:0 zero */
/* An entry of the MSI-X table: PCIe §7.7.2.5 to §7.7.2.8 */
#define MSIX_ENTRY      16u
#define MSIX_ENTRY_ADDR    0x0
#define MSIX_ENTRY_ADDR_HI 0x4
#define MSIX_ENTRY_DATA    0x8
#define MSIX_ENTRY_CTL     0xc       /* Vector Control */
#define   MSIX_ENTRY_MASK BIT(0)

/* Alternative Routing-ID Interpretation: PCIe §6.13 */
#define ARI_CAP        0x04
#define   ARI_NEXT     BITS(15, 8)   /* Next Function Number, 0 ends the list */

/* Vendor-Specific Extended Capability: PCIe §7.9.5 */
#define VSEC_HEADER    0x04
#define   VSEC_ID      BITS(15, 0)
#define     VSEC_ID_THUNDERBOLT 0x1234 /* of Intel: a function of a Thunderbolt controller */

/* Address Translation Services, Page Requests, PASID: PCIe §10.5.1, §10.5.2, §7.8.9 */
#define ATS_CAP        0x04
#define   ATS_CAP_IQD  BITS(4, 0)    /* Invalidate Queue Depth; 0: 32 */
#define ATS_CTL        0x06
#define   ATS_CTL_EN   BIT(15)
#define PRI_CTL        0x04
#define   PRI_CTL_EN   BIT(0)
#define PRI_CAPACITY   0x08          /* of outstanding page requests, */
#define PRI_ALLOCATION 0x0c          /* of which so many may be used */
#define PASID_CAP      0x04
#define PASID_CTL      0x06
#define   PASID_CTL_EN BIT(0)

/* Access Control Services: PCIe §6.12 */
#define ACS_CAP        0x04
#define ACS_CTL        0x06          /* the bits of both stand in acs.h */
#define ACS_CTL_WIDE   0x08          /* of some Intel root ports, see acs.h */

/* Single Root I/O Virtualization: PCIe §9.3.3 */
#define SRIOV_CTL      0x08          /* PCIe §9.3.3.3 */
#define   SRIOV_CTL_VFE BIT(0)       /* VF Enable */
#define   SRIOV_CTL_MSE BIT(3)       /* VF Memory Space Enable */
#define   SRIOV_CTL_ARI BIT(4)       /* ARI Capable Hierarchy */
#define SRIOV_INITIAL  0x0c          /* InitialVFs */
#define SRIOV_TOTAL    0x0e          /* TotalVFs */
#define SRIOV_NUM      0x10          /* NumVFs */
#define SRIOV_OFFSET   0x14          /* First VF Offset */
#define SRIOV_STRIDE   0x16          /* VF Stride */
#define SRIOV_VF_DEV   0x1a          /* VF Device ID */
#define SRIOV_PGSIZES  0x1c          /* Supported Page Sizes */
#define SRIOV_PGSIZE   0x20          /* System Page Size */
#define   PGSIZE_4K    BIT(0)        /* bit n: 2^(n + 12) bytes */
#define SRIOV_BAR      0x24          /* VF BAR0 */
