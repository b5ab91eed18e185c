/* A VT-d unit for host tests, written from the specification and not from iommu/: registers with their access
 * kinds, commands that take time, caches that really cache (what is not invalidated is used), memory that is
 * seen only when it was flushed. It checks the driver as well: a step that the specification forbids is
 * counted as a complaint and printed, and the test has to fail on it. */
#pragma once
#include "iommu/vtd/backend.h"
#include "iommu/iommu.h"
#include "iommu/vtd/io.h"
#include "tests/model/vtd_ir_model.h"

/* QEMU's q35 unit, and variations of it. */
#define MODEL_VER      0x10u
#define MODEL_CAP      0x00d2008c222f0606ull
#define MODEL_ECAP     0x0000000000f00f4aull
#define MODEL_COHERENT 1ull         /* ECAP.C */
#define MODEL_QI       2ull         /* ECAP.QI */
#define MODEL_PT       0x40ull      /* ECAP.PT */
#define MODEL_CM       0x80ull      /* CAP.CM */
#define MODEL_RWBF     0x10ull      /* CAP.RWBF */
#define MODEL_PMR      0x60ull      /* CAP.PLMR and PHMR */
#define MODEL_PSI      (1ull << 39) /* CAP.PSI */
#define MODEL_ESRTPS   (1ull << 63) /* CAP.ESRTPS */
#define MODEL_FS1GP    (1ull << 56) /* CAP.FS1GP */
#define MODEL_SC       0x80ull      /* ECAP.SC */
#define MODEL_SMPWCS   (1ull << 48) /* ECAP.SMPWCS */
/* ECAP of scalable mode, with second-stage or first-stage tables, and with 20 bits of PASID. */
#define MODEL_SECOND   (1ull << 43 | 1ull << 46)
#define MODEL_FIRST    (1ull << 43 | 1ull << 47)
#define MODEL_PASID    (1ull << 40 | 19ull << 35)
#define MODEL_DT       4ull         /* ECAP.DT */
#define MODEL_DIT      (1ull << 41) /* ECAP.DIT */
#define MODEL_PRS      (1ull << 29) /* ECAP.PRS */

#define MODEL_NO_PASID  UINT32_MAX
#define MODEL_INTERRUPT 0x100u /* result of model_dma(): the request is an interrupt, not DMA */

/* RAM as the CPU has it (through phys_va) and as a unit that does not snoop sees it. Shared by the units of a
 * machine. */
struct model_mem {
	uint64_t base, bytes;
	uint8_t *seen;     /* what was flushed; poison before */
	uint8_t *buffered; /* a byte a line: flushed, but still in a write buffer (CAP.RWBF) */
	bool write_buffer;
};

struct model_context {
	bool valid;
	uint8_t reason; /* of a cached fault; 0: present */
	uint16_t did;
	uint64_t table;
	unsigned levels;
	bool fpd, pass;
	/* scalable mode */
	uint64_t directory; /* of the function, with */
	unsigned pdts;
	bool paside, dte, pre;
	bool first, snoop; /* of a PASID: first-stage tables; their walk snoops */
	uint32_t tag;      /* of a PASID: what its translations are cached by, besides the domain id */
};

struct model_pasid { /* PASID cache */
	struct model_context c;
	uint16_t rid;
	uint32_t pasid;
	uint64_t v[8]; /* as read */
};

struct model_tlb {
	bool valid, r, w;
	uint8_t reason; /* not 0: a cached fault */
	uint16_t did;
	uint32_t tag;
	uint64_t iova, size, phys;
};

struct model_walk { /* paging-structure cache: a table below the top one */
	bool valid, r, w;
	uint16_t did;
	uint32_t tag;
	unsigned level; /* of the table that is pointed to */
	uint64_t iova, size, table;
};

#define MODEL_TLB    2048u
#define MODEL_PSC    512u
#define MODEL_FRCD   256u
#define MODEL_PASIDS 512u

struct model_unit {
	struct model_mem *mem;
	uint64_t base;   /* of the registers, in the machine */
	uint64_t window; /* bytes of them that are mapped; 0: all */
	uint32_t ver;
	uint64_t cap, ecap;
	unsigned haw;

	uint32_t gsts, fsts, fectl, fe[3], pmen, plm[2]; /* plm, phm: base and limit */
	uint64_t phm[2];
	uint64_t rtaddr, irta, iqa, iqh, iqt, iqercd, ccmd, iotlb, iva;
	uint64_t frcd[MODEL_FRCD][2];
	unsigned frcd_next;

	uint64_t clock;
	uint32_t pending;      /* command bit that is being worked on */
	unsigned pending_left; /* ticks */
	unsigned queue_left, ccmd_left, iotlb_left;
	uint64_t root;                        /* latched by SRTP */
	bool need_cc, need_pasid, need_iotlb; /* since SRTP */

	uint64_t pqh, pqt, pqa; /* page requests: tests/model/device_tlb.h */
	uint32_t prs, pectl;
	struct model_device_tlb *device_tlbs;

	struct model_context *context; /* by requester id */
	struct model_ir ir;
	struct model_pasid pasid[MODEL_PASIDS];
	struct model_tlb tlb[MODEL_TLB];
	struct model_walk psc[MODEL_PSC];

	/* for tests */
	unsigned lag;     /* ticks (calls of now_us) that a command or a batch takes; 3 */
	uint32_t stuck;   /* commands that never finish */
	bool queue_stuck; /* no invalidation is ever done */
	bool refuse;      /* invalidation registers report that nothing was done */
	bool time_out;    /* the next wait descriptor ends in FSTS.ITE */
	bool compress;    /* one pending fault record a requester */
	unsigned complaints;
	unsigned waits, cc[4], iotlb_inv[4], commands; /* what was done; by granularity */
	unsigned pasid_inv[4], piotlb_inv[4];
	uint32_t command[64];       /* the first GCMD values written */
	void (*on_wait)(void *ctx); /* called before an invalidation reads as done: before a wait
				       descriptor's status is written, or before IVT is cleared */
	void *on_wait_ctx;
	/* Called with each descriptor of the queue, which it may change as a driver would that is wrong;
	 * true: it is forgotten. */
	bool (*on_descriptor)(void *ctx, uint64_t d[4]);
	void *on_descriptor_ctx;
	void (*on_tick)(void *ctx); /* called at every look at the clock: whatever a device does meanwhile */
	void *on_tick_ctx;
};

/* Counts and prints a step that the specification forbids. */
__attribute__((format(printf, 2, 3))) void model_complain(struct model_unit *m, const char *fmt, ...);
/* What the unit itself reads from memory: what was flushed, where it does not snoop. */
bool model_fetch(const struct model_unit *m, uint64_t phys, uint64_t *v);
/* What was flushed leaves the write buffer: VT-d §6.8. */
void model_drain(struct model_unit *m);

void model_mem_init(struct model_mem *mem, phys_t base, uint64_t bytes);
void model_init(struct model_unit *m, struct model_mem *mem, uint32_t ver, uint64_t cap, uint64_t ecap,
		unsigned haw);
void model_fini(struct model_unit *m);
struct vtd_io model_io(struct model_unit *m);

/* A request of one function for one address: 0 and where it goes; or the fault reason, and the fault is
 * recorded as the unit would. */
unsigned model_dma(struct model_unit *m, uint16_t rid, uint64_t iova, bool write, uint64_t *phys);

/* The same with a PASID; MODEL_NO_PASID: without one. */
unsigned model_dma_pasid(struct model_unit *m, uint16_t rid, uint32_t pasid, uint64_t iova, bool write,
			 uint64_t *phys);

/* Is there a translation for the address in the IOTLB? The function's context entry must be in the cache. */
bool model_cached(struct model_unit *m, uint16_t rid, uint64_t iova);

/* Notes a fault as if the unit had met it. */
void model_fault(struct model_unit *m, uint16_t rid, uint64_t info, bool write, uint8_t reason);

/* For tests/model/device_tlb.c: where a request would go, or the fault reason, which is not recorded; quiet:
 * it is not to be. */
uint8_t model_translate(struct model_unit *m, uint16_t rid, uint32_t pasid, uint64_t iova, bool write,
			uint64_t *phys, bool *quiet);
/* 0, or why the function may send neither translated requests nor requests for translations; page requests.
 */
uint8_t model_allows_ats(struct model_unit *m, uint16_t rid, bool *quiet);
uint8_t model_allows_page_requests(struct model_unit *m, uint16_t rid, bool *quiet);
void model_fault_of_page_request(struct model_unit *m, uint16_t rid, uint32_t pasid, uint64_t info,
				 uint8_t reason);

/* The state that firmware may leave behind: translation, queue and interrupt remapping on, protected regions
 * on. */
void model_firmware(struct model_unit *m, bool te, bool qi, bool ir, bool pmr);

/* A whole machine for vtd_init(): units, a DMAR table, bridges, virtual functions. */
#define MODEL_UNITS 8u
#define MODEL_ALL   (-1) /* scope: INCLUDE_PCI_ALL */
#define MODEL_BRIDGE                                                                                         \
	0x10000 /* scope: requester id of a bridge and all below it; without it, of one function */

struct model_machine {
	struct model_mem mem;
	struct model_unit *unit[MODEL_UNITS];
	unsigned units;
	uint8_t dmar[2048];
	size_t len;
	struct {
		uint16_t rid;
		uint8_t sec, sub;
	} bridge[8];
	unsigned bridges;
	struct {
		uint16_t rid, pf;
	} vf[8];
	unsigned vfs;
};

void model_machine_init(struct model_machine *mc, phys_t ram, uint64_t bytes);
/* Adds a unit and its DRHD. */
struct model_unit *model_machine_unit(struct model_machine *mc, uint32_t ver, uint64_t cap, uint64_t ecap,
				      int scope);
void model_machine_rmrr(struct model_machine *mc, uint64_t base, uint64_t limit, uint16_t rid);
struct dmar_topo model_machine_topo(struct model_machine *mc);
struct iommu_regs model_machine_regs(struct model_machine *mc);
unsigned model_machine_complaints(const struct model_machine *mc);
void model_machine_fini(struct model_machine *mc);
