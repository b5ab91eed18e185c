/* Registers of Intel 82576 and I350, by the names of their datasheets: 82576EB chapter 8, I350 chapter 8. VF
 * registers are those of 82576EB §8.26. */
#pragma once
#include "kernel/bits.h"

#define CTRL                    0x0000u
#define CTRL_GIO_MASTER_DISABLE BIT(2)
#define CTRL_SLU                BIT(6)
#define CTRL_FRCSPD             BIT(11)
#define CTRL_FRCDPX             BIT(12)
#define CTRL_RST                BIT(26)
#define STATUS                  0x0008u
#define STATUS_LU               BIT(1)
#define STATUS_SPEED            BITS(7, 6)
#define STATUS_GIO_MASTER       BIT(19)
#define CTRL_EXT                0x0018u
#define CTRL_EXT_PFRSTD         BIT(14)
#define CTRL_EXT_LINK_MODE      BITS(23, 22) /* 0: the PHY of the chip, copper */
#define EECD                    0x0010u
#define EECD_AUTO_RD            BIT(9)
#define MDIC                    0x0020u
#define MDIC_DATA               BITS(15, 0)
#define MDIC_REG                BITS(20, 16)
#define MDIC_PHY                BITS(25, 21)
#define MDIC_OP_WRITE           BIT(26)
#define MDIC_READY              BIT(28)
#define MDIC_ERROR              BIT(30)
#define ICR                     0x00c0u
#define IMC                     0x00d8u
#define EIMC                    0x1528u
#define GPIE                    0x1514u
#define GPIE_MULTIPLE_MSIX      BIT(4) /* VFs' MSI-X needs it */

#define RCTL             0x0100u
#define RCTL_EN          BIT(1)
#define RCTL_LPE         BIT(5)
#define RCTL_BAM         BIT(15)
#define RCTL_VFE         BIT(18)
#define RCTL_SECRC       BIT(26)
#define TCTL             0x0400u
#define TCTL_EN          BIT(1)
#define TCTL_PSP         BIT(3)
#define RLPML            0x5004u
#define QDE              0x2408u
#define MRQC             0x5818u
#define MRQC_VMDQ        3u
#define VT_CTL           0x581cu
#define VT_CTL_DIS_DEF   BIT(29)
#define VT_CTL_REPL      BIT(30)
#define VMOLR(n)         (0x5ad0u + 4 * (n))
#define VMOLR_RLPML      BITS(13, 0)
#define VMOLR_LPE        BIT(16)
#define VMOLR_AUPE       BIT(24)
#define VMOLR_ROMPE      BIT(25)
#define VMOLR_BAM        BIT(27)
#define VMOLR_STRCRC     BIT(31)
#define DVMOLR(q)        (0xc038u + 0x40 * (q)) /* I350 */
#define DVMOLR_STRCRC    BIT(31)
#define RPLOLR           0x5af0u
#define RPLOLR_STRCRC    BIT(31)
#define VMVIR(n)         (0x3700u + 4 * (n))
#define VLVF(n)          (0x5d00u + 4 * (n))
#define VLVF_ENTRIES     32u
#define VLVF_VID         BITS(11, 0)
#define VLVF_POOLS       BITS(19, 12)
#define VLVF_EN          BIT(31)
#define VFTA(n)          (0x5600u + 4 * (n))
#define MTA(n)           (0x5200u + 4 * (n))
#define MTA_WORDS        128u
#define RAL(n)           ((n) < 16u ? 0x5400u + 8u * (n) : 0x54e0u + 8u * ((n)-16u))
#define RAH(n)           (RAL(n) + 4)
#define RAH_POOL(n)      BIT(18 + (n))
#define RAH_AV           BIT(31)
#define DTXSWC           0x3500u /* 82576; TXSWC of I350 is 5ACCh */
#define TXSWC            0x5accu
#define TXSWC_MAC_SPOOF  BITS(7, 0)
#define TXSWC_VLAN_SPOOF BITS(15, 8)
#define TXSWC_LOOPBACK   BIT(31)
#define WVBR             0x3554u /* bits of VFs that broke the anti-spoof rules; cleared by reading */

#define VFLRE           0xc88u
#define VFRE            0xc8cu
#define VFTE            0xc90u
#define MBVFICR         0xc80u
#define MBVFICR_REQ(n)  BIT(n)
#define MBVFICR_ACK(n)  BIT(16 + (n))
#define P2VMAILBOX(n)   (0xc00u + 4 * (n))
#define P2VMAILBOX_STS  BIT(0)
#define P2VMAILBOX_ACK  BIT(1)
#define P2VMAILBOX_PFU  BIT(3)
#define P2VMAILBOX_RVFU BIT(4)
#define PF_VMBMEM(n)    (0x800u + 0x40 * (n))
#define PF_BYTES        0x10000u /* of the PF's registers, that are used */

/* Of a VF. */
#define VTEICS           0x1520u
#define VTEIMS           0x1524u
#define VTEICR           0x1580u
#define V2PMAILBOX       0xc40u
#define V2PMAILBOX_REQ   BIT(0)
#define V2PMAILBOX_ACK   BIT(1)
#define V2PMAILBOX_VFU   BIT(2)
#define V2PMAILBOX_PFSTS BIT(4)
#define V2PMAILBOX_PFACK BIT(5)
#define V2PMAILBOX_RSTI  BIT(6)
#define V2PMAILBOX_RSTD  BIT(7)
#define VMBMEM           0x800u
#define PSRTYPE          0xf0cu
#define RDBAL            0x2800u
#define RDBAH            0x2804u
#define RDLEN            0x2808u
#define SRRCTL           0x280cu
#define SRRCTL_KIB       BITS(6, 0)
#define SRRCTL_ADVANCED  FPUT(BITS(27, 25), 1) /* one buffer */
#define SRRCTL_DROP_EN   BIT(31)
#define RDH              0x2810u
#define RDT              0x2818u
#define RXDCTL           0x2828u
#define TDBAL            0x3800u
#define TDBAH            0x3804u
#define TDLEN            0x3808u
#define TDH              0x3810u
#define TDT              0x3818u
#define TXDCTL           0x3828u
#define TDWBAL           0x3838u
#define TDWBAL_EN        BIT(0)
#define TDWBAH           0x383cu
#define XDCTL_PTHRESH    BITS(4, 0)
#define XDCTL_HTHRESH    BITS(12, 8)
#define XDCTL_WTHRESH    BITS(20, 16)
#define XDCTL_ENABLE     BIT(25)
#define VFGPRC           0xf10u
#define VFGPTC           0xf14u
#define VF_BYTES         0x4000u

/* Receive descriptors: the first quadword is the buffer's address; this is the second, as written back. */
#define RX_DD        BIT(0)
#define RX_EOP       BIT(1)
#define RX_ERRORS    BITS(31, 24)
#define RX_LEN       BITS(47, 32)
/* What a driver puts there for the next frame: a length and a VLAN tag that no frame has. With one buffer a
 * descriptor the device does not read it. Where it is still there, the device has not written this
 * descriptor, even if RX_DD is set: QEMU stores the dword of the status twice in a row, so the second store
 * may come when the frame was already taken and the descriptor was made ready for the next one. */
#define RX_UNWRITTEN BITS(63, 32)
/* The same with an error bit, which makes it a negative 32-bit immediate: a store needs no register for it.
 */
#define RX_READY     (RX_UNWRITTEN | BIT(31))

/* Has the device written that? */
static inline bool igb_rx_written(uint64_t word)
{
	return word & RX_DD && (word & RX_UNWRITTEN) != RX_UNWRITTEN;
}

/* Transmit data descriptors, the second quadword. */
#define TX_LEN    BITS(15, 0)
#define TX_DATA   FPUT(BITS(23, 20), 3)
#define TX_EOP    BIT(24)
#define TX_IFCS   BIT(25)
#define TX_RS     BIT(27)
#define TX_DEXT   BIT(29)
#define TX_PAYLEN BITS(63, 46)
