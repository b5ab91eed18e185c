/* In-memory format of the translation structures and of the invalidation queue: VT-d §9, §6.5.2. */
#pragma once
#include "kernel/addr.h"

/* Root entry, legacy mode: one per bus. VT-d §9.1 */
struct vtd_root {
	uint64_t lo, hi;
};
#define ROOT_P   BIT(0)
#define ROOT_CTP BITS(63, 12) /* context table */
_Static_assert(sizeof(struct vtd_root) == 16, "VT-d 9.1");

static inline struct vtd_root vtd_root_make(phys_t ctx_table)
{
	return (struct vtd_root){.lo = ROOT_P | (ctx_table.v & ROOT_CTP), .hi = 0};
}

/* Context entry, legacy mode: one per function of a bus. VT-d §9.3 */
struct vtd_ctx {
	uint64_t lo, hi;
};
#define CTX_P       BIT(0)
#define CTX_FPD     BIT(1)       /* faults are not recorded */
#define CTX_TT      BITS(3, 2)   /* 0: untranslated requests only, through the second stage */
#define CTX_TT_PASS 2            /* untranslated requests pass; only with ECAP.PT */
#define CTX_SSPTPTR BITS(63, 12) /* second-stage table */
#define CTX_AW      BITS(2, 0)   /* hi: 1 for 3 levels, 2 for 4, 3 for 5 */
#define CTX_DID     BITS(23, 8)  /* hi: domain id */
_Static_assert(sizeof(struct vtd_ctx) == 16, "VT-d 9.3");

static inline struct vtd_ctx vtd_ctx_make(phys_t table, unsigned levels, uint16_t did)
{
	return (struct vtd_ctx){.lo = CTX_P | (table.v & CTX_SSPTPTR),
				.hi = FPUT(CTX_AW, levels - 2) | FPUT(CTX_DID, did)};
}

/* Pass-through: no table; levels is the greatest number that the unit supports (CAP.SAGAW). VT-d §9.3, AW */
static inline struct vtd_ctx vtd_ctx_make_pass(unsigned levels, uint16_t did)
{
	return (struct vtd_ctx){.lo = CTX_P | FPUT(CTX_TT, CTX_TT_PASS),
				.hi = FPUT(CTX_AW, levels - 2) | FPUT(CTX_DID, did)};
}

/* ---- scalable mode ---- */

/* Root entry, scalable mode: lo has the context table of devices 0 to 15, hi that of 16 to 31, each in the
 * form of vtd_root.lo. VT-d §9.2 */

/* Context entry, scalable mode. VT-d §9.4 */
struct vtd_sctx {
	uint64_t v[4];
};
/* clang-format off */
#define SCTX_P         BIT(0)
#define SCTX_FPD       BIT(1)
#define SCTX_DTE       BIT(2)       /* requests for translations, and translated ones, are taken */
#define SCTX_PASIDE    BIT(3)       /* requests with PASID are translated too */
#define SCTX_PRE       BIT(4)       /* so are page requests */
#define SCTX_PDTS      BITS(11, 9)  /* the directory has 2^(PDTS + 7) entries */
#define SCTX_PASIDDIR  BITS(63, 12)
/* clang-format on */
_Static_assert(sizeof(struct vtd_sctx) == 32, "VT-d 9.4");

/* The smallest directory, and PASID 0 (RID_PASID, in v[1]) for requests without PASID. allowed: SCTX_DTE,
 * SCTX_PASIDE, SCTX_PRE. */
static inline struct vtd_sctx vtd_sctx_make(phys_t directory, uint64_t allowed)
{
	return (struct vtd_sctx){{SCTX_P | allowed | (directory.v & SCTX_PASIDDIR), 0, 0, 0}};
}

#define PASID_TABLE 64u                  /* entries of a PASID table: a page */
#define PASIDS_MAX  (128u * PASID_TABLE) /* of the smallest directory: PDTS 0 */

/* PASID directory entry: VT-d §9.5 */
#define PDE_P     BIT(0)
#define PDE_TABLE BITS(63, 12)

/* PASID table entry: VT-d §9.6 */
struct vtd_pasid {
	uint64_t v[8];
};
/* clang-format off */
#define PASID_P        BIT(0)
#define PASID_AW       BITS(4, 2)   /* of the second stage, as CTX_AW */
#define PASID_PGTT     BITS(8, 6)
#define   PGTT_FIRST   1
#define   PGTT_SECOND  2
#define   PGTT_PASS    4
#define PASID_SSPTPTR  BITS(63, 12) /* second-stage table */
#define PASID_DID      BITS(15, 0)  /* v[1]: domain id */
#define PASID_PWSNP    BIT(23)      /* v[1]: table walks snoop; only with ECAP.SMPWCS */
#define PASID_FSPTPTR  BITS(63, 12) /* v[2]: first-stage table; FSPM, 3:2, is 0: 4 levels */
/* clang-format on */
_Static_assert(sizeof(struct vtd_pasid) == 64, "VT-d 9.6");

static inline struct vtd_pasid vtd_pasid_make_second(phys_t table, unsigned levels, uint16_t did, bool snoop)
{
	return (struct vtd_pasid){{PASID_P | FPUT(PASID_PGTT, PGTT_SECOND) | FPUT(PASID_AW, levels - 2) |
					   (table.v & PASID_SSPTPTR),
				   did | (snoop ? PASID_PWSNP : 0)}};
}

/* AW does not matter to the first stage (VT-d §9.6), but a unit of QEMU takes the width of addresses from it:
 * that of 4 levels. */
static inline struct vtd_pasid vtd_pasid_make_first(phys_t table, uint16_t did, bool snoop)
{
	return (struct vtd_pasid){{PASID_P | FPUT(PASID_PGTT, PGTT_FIRST) | FPUT(PASID_AW, 2),
				   did | (snoop ? PASID_PWSNP : 0), table.v & PASID_FSPTPTR}};
}

/* Pass-through; levels as for vtd_ctx_make_pass(). */
static inline struct vtd_pasid vtd_pasid_make_pass(unsigned levels, uint16_t did)
{
	return (struct vtd_pasid){{PASID_P | FPUT(PASID_PGTT, PGTT_PASS) | FPUT(PASID_AW, levels - 2), did}};
}

/* First-stage paging entry: that of the processor. VT-d §9.7 */
#define FS_P  BIT(0)
#define FS_RW BIT(1) /* writable as well */
#define FS_US BIT(2) /* for user requests, which all of ours are; needed at each level */
#define FS_A  BIT(5) /* accessed, and */
#define FS_D  BIT(6) /* written: set by the unit where they are clear */

/* Second-stage paging entry. Neither R nor W: not present, the rest is ignored. VT-d §9.8 */
#define SS_R    BIT(0)
#define SS_W    BIT(1)
#define SS_PS   BIT(7) /* at levels 2 and 3: a page, not a table */
#define SS_ADDR BITS(51, 12)

/* Invalidation queue descriptor, 128 bits. VT-d §6.5.2 */
struct vtd_desc {
	uint64_t lo, hi;
};
_Static_assert(sizeof(struct vtd_desc) == 16, "VT-d 6.5.2");

/* clang-format off */
#define DESC_TYPE  BITS(3, 0) /* low four bits of the type; the others, 11:9, are 0 for all of ours */
#define   DESC_CC    1
#define   DESC_IOTLB 2
#define   DESC_TLB   3
#define   DESC_IEC   4
#define   DESC_WAIT  5
#define   DESC_PIOTLB 6
#define   DESC_PASID 7
#define   DESC_PTLB  8
#define   DESC_ANSWER 9
#define DESC_G     BITS(5, 4)
#define   DESC_G_GLOBAL 1
#define   DESC_G_DOMAIN 2
#define   DESC_G_DEVICE 3 /* context cache */
#define   DESC_G_PAGE   3 /* IOTLB */
#define   DESC_G_PASID_DID   0 /* PASID cache: all of a domain id, */
#define   DESC_G_PASID_ONE   1 /*   one PASID of it, */
#define   DESC_G_PASID_ALL   3 /*   everything */
#define   DESC_G_PIOTLB_ALL  2 /* P-IOTLB: all of one PASID, */
#define   DESC_G_PIOTLB_PAGE 3 /*   pages */
#define DESC_DID   BITS(31, 16)

#define CC_SID     BITS(47, 32)
#define CC_FM      BITS(49, 48)
#define IOTLB_DESC_DW BIT(6)
#define IOTLB_DESC_DR BIT(7)
#define IOTLB_DESC_AM   BITS(5, 0)   /* hi */
#define IOTLB_DESC_IH   BIT(6)       /* hi */
#define IOTLB_DESC_ADDR BITS(63, 12) /* hi */
#define DESC_PV    BITS(51, 32) /* PASID; P-IOTLB's upper half is that of the IOTLB's */
#define TLB_PF_LOW  BITS(15, 12)
#define TLB_DEPTH   BITS(20, 16)
#define TLB_SID     BITS(47, 32)
#define TLB_PF_HIGH BITS(63, 52)
#define TLB_S       BIT(0)       /* hi: more than one page */
#define TLB_ADDR    BITS(63, 12) /* hi */
#define TLB_PAGE    4096ull
#define PTLB_DEPTH  BITS(8, 4)
#define PTLB_SID    BITS(31, 16)
#define PTLB_S      BIT(11)      /* hi, as TLB_S */
#define ANSWER_PP    BIT(4)       /* it has a PASID */
#define ANSWER_CODE  BITS(15, 12)
#define ANSWER_SID   BITS(31, 16)
#define ANSWER_LPIG  BIT(2)       /* hi: last of its group */
#define ANSWER_GROUP BITS(11, 3)  /* hi */
#define IEC_INDEX  BIT(4)       /* index-selective; else everything */
#define IEC_IM     BITS(31, 27) /* so many low bits of the index do not matter: at most ECAP.MHMV */
#define IEC_IIDX   BITS(47, 32)
#define WAIT_IF    BIT(4) /* never together with SW */
#define WAIT_SW    BIT(5)
#define WAIT_FN    BIT(6)
#define WAIT_DATA  BITS(63, 32)
#define WAIT_ADDR  BITS(63, 2) /* hi */
/* clang-format on */

/* Context cache, one function: VT-d §6.5.2.1. did: what its entry held. */
static inline struct vtd_desc vtd_desc_cc(uint16_t did, uint16_t sid)
{
	return (struct vtd_desc){.lo = DESC_CC | FPUT(DESC_G, DESC_G_DEVICE) | FPUT(DESC_DID, did) |
				       FPUT(CC_SID, sid)};
}

static inline struct vtd_desc vtd_desc_cc_all(void)
{
	return (struct vtd_desc){.lo = DESC_CC | FPUT(DESC_G, DESC_G_GLOBAL)};
}

/* IOTLB: VT-d §6.5.2.3. drain: IOTLB_DESC_DR and _DW as the unit has them. */
static inline struct vtd_desc vtd_desc_iotlb_all(uint64_t drain)
{
	return (struct vtd_desc){.lo = DESC_IOTLB | FPUT(DESC_G, DESC_G_GLOBAL) | drain};
}

static inline struct vtd_desc vtd_desc_iotlb_domain(uint16_t did, uint64_t drain)
{
	return (struct vtd_desc){.lo = DESC_IOTLB | FPUT(DESC_G, DESC_G_DOMAIN) | FPUT(DESC_DID, did) |
				       drain};
}

/* 2^am pages at iova, which is a multiple of that. leaf_only: no entry that points to a table has changed. */
static inline struct vtd_desc vtd_desc_iotlb_page(uint16_t did, iova_t iova, unsigned am, bool leaf_only,
						  uint64_t drain)
{
	return (struct vtd_desc){
		.lo = DESC_IOTLB | FPUT(DESC_G, DESC_G_PAGE) | FPUT(DESC_DID, did) | drain,
		.hi = (iova.v & IOTLB_DESC_ADDR) | FPUT(IOTLB_DESC_AM, am) | (leaf_only ? IOTLB_DESC_IH : 0),
	};
}

/* PASID cache: VT-d §6.5.2.2. All entries of a domain id, or the one of a PASID in it. */
static inline struct vtd_desc vtd_desc_pasid_domain(uint16_t did)
{
	return (struct vtd_desc){.lo = DESC_PASID | FPUT(DESC_G, DESC_G_PASID_DID) | FPUT(DESC_DID, did)};
}

static inline struct vtd_desc vtd_desc_pasid(uint16_t did, uint32_t pasid)
{
	return (struct vtd_desc){.lo = DESC_PASID | FPUT(DESC_G, DESC_G_PASID_ONE) | FPUT(DESC_DID, did) |
				       FPUT(DESC_PV, pasid)};
}

static inline struct vtd_desc vtd_desc_pasid_all(void)
{
	return (struct vtd_desc){.lo = DESC_PASID | FPUT(DESC_G, DESC_G_PASID_ALL)};
}

/* IOTLB by PASID, for first stage and pass-through: VT-d §6.5.2.4. Everything of one PASID, or pages as in
 * vtd_desc_iotlb_page(). The unit drains in any case. */
static inline struct vtd_desc vtd_desc_piotlb(uint16_t did, uint32_t pasid)
{
	return (struct vtd_desc){.lo = DESC_PIOTLB | FPUT(DESC_G, DESC_G_PIOTLB_ALL) | FPUT(DESC_DID, did) |
				       FPUT(DESC_PV, pasid)};
}

static inline struct vtd_desc vtd_desc_piotlb_page(uint16_t did, uint32_t pasid, iova_t iova, unsigned am,
						   bool leaf_only)
{
	return (struct vtd_desc){
		.lo = DESC_PIOTLB | FPUT(DESC_G, DESC_G_PIOTLB_PAGE) | FPUT(DESC_DID, did) |
		      FPUT(DESC_PV, pasid),
		.hi = (iova.v & IOTLB_DESC_ADDR) | FPUT(IOTLB_DESC_AM, am) | (leaf_only ? IOTLB_DESC_IH : 0),
	};
}

/* Wait: the unit writes data to the dword at status once all earlier descriptors are done. VT-d §6.5.2.9 */
static inline struct vtd_desc vtd_desc_wait(phys_t status, uint32_t data)
{
	return (struct vtd_desc){.lo = DESC_WAIT | WAIT_SW | FPUT(WAIT_DATA, data),
				 .hi = status.v & WAIT_ADDR};
}

/* Device TLB of a function: VT-d §6.5.2.5. depth: invalidations that it takes at once, 1 to 32; pf: the
 * requester id of its PF where ECAP.DIT asks for it, else 0. 2^am pages: the address has ones in its low
 * bits, and the lowest zero says how many. */
static inline struct vtd_desc vtd_desc_tlb(uint16_t sid, unsigned depth, uint16_t pf, uint64_t at,
					   unsigned am)
{
	uint64_t block = ~((TLB_PAGE << am) - 1), ones = am ? (TLB_PAGE << (am - 1)) - 1 : 0;
	return (struct vtd_desc){.lo = DESC_TLB | FPUT(TLB_DEPTH, depth) | FPUT(TLB_SID, sid) |
				       FPUT(TLB_PF_LOW, pf) | FPUT(TLB_PF_HIGH, pf >> 4),
				 .hi = (((at & block) | ones) & TLB_ADDR) | (am ? TLB_S : 0)};
}

/* With a PASID: VT-d §6.5.2.6. */
static inline struct vtd_desc vtd_desc_ptlb(uint16_t sid, uint32_t pasid, unsigned depth, uint16_t pf,
					    uint64_t at, unsigned am)
{
	struct vtd_desc d = vtd_desc_tlb(0, 0, pf, at, am);
	d.lo = (d.lo & ~DESC_TYPE) | DESC_PTLB | FPUT(PTLB_DEPTH, depth) | FPUT(PTLB_SID, sid) |
	       FPUT(DESC_PV, pasid);
	d.hi = (d.hi & ~TLB_S) | (am ? PTLB_S : 0);
	return d;
}

/* Answer to a group of page requests: VT-d §7.4. */
static inline struct vtd_desc vtd_desc_answer(uint16_t sid, uint32_t pasid, uint16_t group, unsigned code)
{
	return (struct vtd_desc){.lo = DESC_ANSWER | (pasid ? ANSWER_PP | FPUT(DESC_PV, pasid) : 0) |
				       FPUT(ANSWER_CODE, code) | FPUT(ANSWER_SID, sid),
				 .hi = ANSWER_LPIG | FPUT(ANSWER_GROUP, group)};
}

/* An entry of the page request queue: VT-d §7.4. */
struct vtd_page_request {
	uint64_t v[4];
};
/* clang-format off */
#define PREQ_TYPE  BITS(7, 0)   /* 1 */
#define PREQ_PP    BIT(8)       /* it has a PASID */
#define PREQ_SID   BITS(31, 16)
#define PREQ_PASID BITS(51, 32)
#define PREQ_R     BIT(0)       /* v[1] from here on */
#define PREQ_W     BIT(1)
#define PREQ_LAST  BIT(2)       /* of its group */
#define PREQ_GROUP BITS(11, 3)
#define PREQ_ADDR  BITS(63, 12)
/* clang-format on */
_Static_assert(sizeof(struct vtd_page_request) == 32, "VT-d 7.4");

/* Interrupt entry cache: VT-d §6.5.2.8. 2^im entries from index on, which is a multiple of that. */
static inline struct vtd_desc vtd_desc_iec(uint16_t index, unsigned im)
{
	return (struct vtd_desc){.lo = DESC_IEC | IEC_INDEX | FPUT(IEC_IM, im) | FPUT(IEC_IIDX, index)};
}

static inline struct vtd_desc vtd_desc_iec_all(void)
{
	return (struct vtd_desc){.lo = DESC_IEC};
}

/* Interrupt remapping table entry, remapped format. VT-d §9.9 */
struct vtd_irte {
	uint64_t lo, hi;
};
_Static_assert(sizeof(struct vtd_irte) == 16, "VT-d 9.9");

/* clang-format off */
#define IRTE_P     BIT(0)
#define IRTE_FPD   BIT(1)       /* faults are not recorded */
#define IRTE_DM    BIT(2)       /* logical destination */
#define IRTE_RH    BIT(3)       /* redirection hint */
#define IRTE_TM    BIT(4)       /* level triggered */
#define IRTE_DLM   BITS(7, 5)   /* delivery mode; 0: fixed */
#define IRTE_AVAIL BITS(11, 8)  /* ignored by hardware */
#define IRTE_IM    BIT(15)      /* posted interrupt: another format */
#define IRTE_V     BITS(23, 16) /* vector */
#define IRTE_DST   BITS(63, 32) /* x2APIC id; with xAPIC: */
#define IRTE_DST8  BITS(47, 40)
#define IRTE_SID   BITS(15, 0)  /* hi: requester id */
#define IRTE_SQ    BITS(17, 16) /* hi: 0: all bits of it are compared */
#define IRTE_SVT   BITS(19, 18) /* hi: */
#define   IRTE_SVT_SID 1        /*     requester id against SID by SQ */
#define   IRTE_SVT_BUS 2        /*     its bus against the range SID 15:8 to SID 7:0 */
/* clang-format on */

/* Fixed delivery of vector to one processor, only for messages of exactly this requester id. */
static inline struct vtd_irte vtd_irte_make(uint16_t sid, uint8_t vector, uint32_t apic, bool x2apic)
{
	return (struct vtd_irte){
		.lo = IRTE_P | FPUT(IRTE_V, vector) | (x2apic ? FPUT(IRTE_DST, apic) : FPUT(IRTE_DST8, apic)),
		.hi = FPUT(IRTE_SID, sid) | FPUT(IRTE_SVT, IRTE_SVT_SID),
	};
}

/* The same entry for messages of every requester id on these buses. */
static inline struct vtd_irte vtd_irte_buses(struct vtd_irte made, uint8_t first, uint8_t last)
{
	made.hi = FPUT(IRTE_SID, (unsigned)first << 8 | last) | FPUT(IRTE_SVT, IRTE_SVT_BUS);
	return made;
}
