/* Registers, extended capabilities, TRBs and contexts of an xHCI controller: eXtensible Host Controller
 * Interface for USB, revision 1.2 (xHCI in comments). Offsets are in bytes. */
#pragma once
#include "kernel/bits.h"

/* Capability registers, from BAR 0 on: §5.3. Read as dwords only. */
#define XHCI_CAPLENGTH  0x00u
#define CAP_CAPLENGTH   BITS(7, 0)   /*   offset of the operational registers */
#define CAP_HCIVERSION  BITS(31, 16) /*   binary-coded decimal */
#define XHCI_HCSPARAMS1 0x04u
#define HCS1_MAXSLOTS   BITS(7, 0)
#define HCS1_MAXPORTS   BITS(31, 24)
#define XHCI_HCSPARAMS2 0x08u
#define HCS2_SCRATCH_HI BITS(25, 21) /*   Max Scratchpad Buffers */
#define HCS2_SCRATCH_LO BITS(31, 27)
#define XHCI_HCCPARAMS1 0x10u
#define HCC1_AC64       BIT(0)       /*   64-bit addresses */
#define HCC1_CSZ        BIT(2)       /*   contexts of 64 bytes */
#define HCC1_XECP       BITS(31, 16) /*   first extended capability, in dwords from BAR 0 */
#define XHCI_DBOFF      0x14u
#define XHCI_RTSOFF     0x18u

/* Operational registers, from CAPLENGTH on: §5.4 */
#define XHCI_USBCMD   0x00u
#define USBCMD_RS     BIT(0)
#define USBCMD_HCRST  BIT(1)
#define USBCMD_INTE   BIT(2)
#define XHCI_USBSTS   0x04u
#define USBSTS_HCH    BIT(0)
#define USBSTS_HSE    BIT(2)
#define USBSTS_EINT   BIT(3)
#define USBSTS_CNR    BIT(11)
#define USBSTS_HCE    BIT(12)
#define XHCI_PAGESIZE 0x08u
#define PAGESIZE_4K   BIT(0)
#define XHCI_CRCR     0x18u
#define CRCR_RCS      BIT(0)
#define CRCR_CA       BIT(2)
#define CRCR_CRR      BIT(3)
#define XHCI_DCBAAP   0x30u
#define XHCI_CONFIG   0x38u
#define XHCI_PORTSC   0x400u /* of port 1; 16 bytes a port */
#define XHCI_PORT     0x10u
#define PORTSC_CCS    BIT(0)
#define PORTSC_PED    BIT(1) /*   written as one, it disables the port */
#define PORTSC_PR     BIT(4)
#define PORTSC_PP     BIT(9)
#define PORTSC_SPEED  BITS(13, 10)
#define PORTSC_CSC    BIT(17)
#define PORTSC_PRC    BIT(21)
#define PORTSC_CHANGE BITS(23, 17) /*   write one to clear */
#define PORTSC_KEEP                                                                                          \
	(BITS(15, 14) | BIT(9) | BITS(27, 25)) /*   what a write leaves as it is: PIC, PP, WCE to WOE */

/* Runtime registers of interrupter 0, from RTSOFF on: §5.5 */
#define XHCI_IMAN   0x20u
#define IMAN_IP     BIT(0) /*   write one to clear */
#define IMAN_IE     BIT(1)
#define XHCI_ERSTSZ 0x28u
#define XHCI_ERSTBA 0x30u
#define XHCI_ERDP   0x38u
#define ERDP_EHB    BIT(3)
#define XHCI_RT_END 0x40u

/* Extended capabilities: §7 */
#define XECP_ID        BITS(7, 0)
#define XECP_NEXT      BITS(15, 8) /*   in dwords from this one on; 0: the last */
#define XECP_LEGACY    1u
#define USBLEGSUP_BIOS BIT(16)
#define USBLEGSUP_OS   BIT(24)
#define USBLEGCTLSTS   0x04u
#define LEGCTL_KEEP    0x000e1feeu /*   RsvdP, and what has no SMI */
#define LEGCTL_EVENTS  0xe0000000u /*   write one to clear */
#define XECP_DEBUG     10u
#define DCCTRL         0x20u
#define DCCTRL_DCR     BIT(0)
#define DCCTRL_DCE     BIT(31)

/* TRBs: §6.4 */
#define TRB_CYCLE        BIT(0)
#define TRB_TC           BIT(1) /*   Link: toggle cycle */
#define TRB_ISP          BIT(2)
#define TRB_IOC          BIT(5)
#define TRB_IDT          BIT(6)
#define TRB_TYPE         BITS(15, 10)
#define TRB_DIR_IN       BIT(16)
#define TRB_TRT          BITS(17, 16) /*   Setup Stage: 0 no data, 2 OUT, 3 IN */
#define TRB_EP           BITS(20, 16)
#define TRB_SLOT         BITS(31, 24)
#define TRB_CODE         BITS(31, 24) /*   of status */
#define TRB_RESIDUE      BITS(23, 0)  /*   of status */
#define TRB_PORT         BITS(31, 24) /*   of the parameter */
#define TRB_NORMAL       1u
#define TRB_SETUP        2u
#define TRB_DATA         3u
#define TRB_STATUS       4u
#define TRB_LINK         6u
#define TRB_ENABLE_SLOT  9u
#define TRB_DISABLE_SLOT 10u
#define TRB_ADDRESS      11u
#define TRB_CONFIGURE    12u
#define TRB_EVALUATE     13u
#define TRB_RESET_EP     14u
#define TRB_SET_DEQUEUE  16u
#define TRB_NO_OP        23u
#define TRB_EV_TRANSFER  32u
#define TRB_EV_COMMAND   33u
#define TRB_EV_PORT      34u

/* Completion codes: §6.4.5 */
#define CODE_SUCCESS 1u
#define CODE_STALL   6u
#define CODE_SHORT   13u

/* Slot context: §6.2.2 */
#define SLOT0_ROUTE   BITS(19, 0)
#define SLOT0_SPEED   BITS(23, 20)
#define SLOT0_HUB     BIT(26)
#define SLOT0_ENTRIES BITS(31, 27)
#define SLOT1_ROOT    BITS(23, 16)
#define SLOT1_PORTS   BITS(31, 24)
#define SLOT2_TT_SLOT BITS(7, 0)
#define SLOT2_TT_PORT BITS(15, 8)
#define SLOT2_TTT     BITS(17, 16)

/* Endpoint context: §6.2.3 */
#define EP0_INTERVAL BITS(23, 16)
#define EP1_CERR     BITS(2, 1)
#define EP1_TYPE     BITS(5, 3)
#define EP_CONTROL   4u
#define EP_INTR_IN   7u
#define EP1_MPS      BITS(31, 16)
#define EP2_DCS      BIT(0)
#define EP4_AVERAGE  BITS(15, 0)
#define EP4_ESIT     BITS(31, 16)
