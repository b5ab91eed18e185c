/* What a unit reads and writes in memory: device table entries, commands, events. */
#pragma once
#include "iommu/amdvi/regs.h"
#include "kernel/addr.h"

struct amdvi_dte {
	uint64_t q[4];
};
_Static_assert(sizeof(struct amdvi_dte) == 32, "AMD IOMMU, device table entry");

#define AMDVI_IDS 65536u /* entries of a device table: requester ids of a segment */

/* clang-format off */
#define DTE_V       BIT(0)      /* q[0]: without it everything passes */
#define DTE_TV      BIT(1)
#define DTE_MODE    BITS(11, 9) /*   levels of the page table; 0: none, addresses pass */
#define DTE_ROOT    BITS(51, 12)
#define DTE_IR      BIT(61)
#define DTE_IW      BIT(62)
#define DTE_DOMAIN  BITS(15, 0) /* q[1] */
#define DTE_SA      BIT(34)     /*   page faults are not recorded */
#define DTE_SYSMGT  BITS(41, 40)
#define DTE_IV      BIT(0)      /* q[2]: the interrupt fields count */
#define DTE_INTLEN  BITS(4, 1)  /*   log2 of the interrupt table's entries */
#define DTE_INTTAB  BITS(51, 6)
#define DTE_PASS    (BITS(58, 56) | BITS(63, 62)) /* INIT, EInt, NMI; LINT0, LINT1 */
#define DTE_INTCTL  BITS(61, 60) /*  0: fixed and arbitrated interrupts are refused; 2: remapped */
/* clang-format on */

/* Refuses everything, and records it: a page table with nothing in it. Mode 0 without IR and IW does so by
 * the specification, and passes everything in QEMU 11.1. Domain id 0 is that of no domain. */
static inline struct amdvi_dte amdvi_dte_blocked(phys_t empty)
{
	return (struct amdvi_dte){
		.q = {DTE_V | DTE_TV | FPUT(DTE_MODE, 4) | (empty.v & DTE_ROOT), 0, DTE_IV}};
}

struct amdvi_cmd {
	uint64_t lo, hi;
};
_Static_assert(sizeof(struct amdvi_cmd) == 16, "AMD IOMMU, commands");

#define CMD_OP(op)    FPUT(BITS(63, 60), op)
#define CMD_ALL_PAGES 0x7ffffffffffff000ull

/* Stores data at the 8 bytes of phys when all commands before it are done. */
static inline struct amdvi_cmd amdvi_cmd_wait(phys_t phys, uint64_t data)
{
	return (struct amdvi_cmd){CMD_OP(1) | (phys.v & BITS(51, 3)) | BIT(0), data};
}

static inline struct amdvi_cmd amdvi_cmd_devtab(uint16_t rid)
{
	return (struct amdvi_cmd){CMD_OP(2) | rid, 0};
}

/* No command has this code. */
static inline struct amdvi_cmd amdvi_cmd_unknown(void)
{
	return (struct amdvi_cmd){CMD_OP(15), 0};
}

/* Every page of a domain, with its table entries (PDE). */
static inline struct amdvi_cmd amdvi_cmd_domain(uint16_t did)
{
	return (struct amdvi_cmd){CMD_OP(3) | (uint64_t)did << 32, CMD_ALL_PAGES | 3};
}

/* The smallest block of 2^n pages that has at and all addresses that differ from it in the bits of differ; of
 * a block the address has ones up to bit n - 2 of its page number, and a zero. tables: entries that point to
 * tables too. */
static inline struct amdvi_cmd amdvi_cmd_pages(uint16_t did, uint64_t at, uint64_t differ, bool tables)
{
	uint64_t pages = differ / PAGE_SIZE, flags = tables ? 2 : 0, lo = CMD_OP(3) | (uint64_t)did << 32;
	if (!pages)
		return (struct amdvi_cmd){lo, ALIGN_DOWN(at, PAGE_SIZE) | flags};
	unsigned top =
		63 - (unsigned)__builtin_clzll(pages); /* highest bit of the page number that differs */
	if (12 + top >= 51)
		return amdvi_cmd_domain(did);
	uint64_t block = BIT(12 + top);
	return (struct amdvi_cmd){lo, ALIGN_DOWN(at, 2 * block) | ((block - 1) & ~(uint64_t)(PAGE_SIZE - 1)) |
					      flags | 1};
}

static inline struct amdvi_cmd amdvi_cmd_interrupts(uint16_t rid)
{
	return (struct amdvi_cmd){CMD_OP(5) | rid, 0};
}

static inline struct amdvi_cmd amdvi_cmd_all(void)
{
	return (struct amdvi_cmd){CMD_OP(8), 0};
}

/* clang-format off */
#define EVENT_CODE  BITS(63, 60) /* first word */
#define   EVENT_ILLEGAL_DTE    1
#define   EVENT_PAGE_FAULT     2
#define   EVENT_DEVTAB_ERROR   3
#define   EVENT_PAGETAB_ERROR  4
#define   EVENT_ILLEGAL_CMD    5
#define   EVENT_CMD_ERROR      6
#define   EVENT_IOTLB_TIMEOUT  7
#define   EVENT_REQUEST        8 /* a kind of request that the entry does not allow */
#define   EVENT_PAGE_REQUEST   9
#define EVENT_DOMAIN BITS(47, 32)
#define EVENT_GN     BIT(48)
#define EVENT_NX     BIT(49)
#define EVENT_I      BIT(51)     /* an interrupt */
#define EVENT_RW     BIT(53)     /* a write */
#define EVENT_RZ     BIT(55)     /* reserved bits, or an impossible level */
#define EVENT_DEVICE BITS(15, 0)
/* clang-format on */
