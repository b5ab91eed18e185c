/* An AMD IOMMU unit for host tests, written from the specification and not from iommu/: registers, commands
 * that take time, caches that really cache (what is not invalidated is used), an event log that stops when it
 * is full. Errata can be switched on. It checks the driver as well: a step that the specification forbids is
 * counted as a complaint and printed, and the test has to fail on it. */
#pragma once
#include "iommu/amdvi/backend.h"
#include "iommu/amdvi/io.h"

/* QEMU 11.1's unit: six levels, guest tables, INVALIDATE_IOMMU_ALL, 128-bit interrupt entries. */
#define AMD_EFR    0x29d3ull
#define AMD_XT     4ull    /* EFR.XTSup */
#define AMD_IA     0x40ull /* EFR.IASup */
#define AMD_GA     0x80ull /* EFR.GASup */
#define AMD_UNITS  4u
#define AMD_EVENTS 4096u

/* Results of amd_dma(); the codes of events that are recorded, and: */
#define AMD_ALLOWED   0u
#define AMD_ABORT     0x20u  /* refused, and not recorded */
#define AMD_INTERRUPT 0x100u /* the request is an interrupt, not DMA */

#define AMD_TLB 512u /* pages of 4 KiB */
#define AMD_PSC 64u  /* tables below the top one, a level each */

struct amd_dte {
	bool valid;
	uint64_t q[4];
};

struct amd_tlb {
	bool valid, present, r, w;
	uint16_t did;
	uint64_t page, phys;
};

struct amd_table {
	bool valid, r, w;
	uint16_t did;
	uint64_t tag, table;
};

struct amd_irte {
	bool valid;
	uint64_t lo, hi;
};

struct amd_unit {
	struct amd_machine *mc;
	uint64_t base, efr;
	uint16_t rid;
	bool np_cache;
	uint64_t devtab, cmdbuf, logbuf, control, excl[2], cmd_head, cmd_tail, log_head, log_tail, status;

	uint64_t clock;
	unsigned left;       /* ticks until commands run */
	bool pending_event;  /* erratum 732: counted in the tail, not yet in memory */
	unsigned event_left; /* ticks until it is */
	uint64_t event_at, event[2];
	struct amd_dte *dte;   /* by requester id */
	struct amd_irte *irte; /* of indices below 16, by requester id */
	struct amd_tlb tlb[AMD_TLB];
	struct amd_table psc[2][AMD_PSC];

	/* for tests */
	unsigned lag;     /* ticks that commands take; 0: they run at once */
	unsigned log_lag; /* erratum 732, 733: ticks until an event is in memory; */
	bool log_never;   /* never */
	bool mute;        /* commands are never run */
	bool deaf;        /* CmdBufRun and EventLogRun never change */
	bool vague;       /* events as in QEMU 11.1 */
	bool log_dead;    /* events go to memory, and the tail never moves (QEMU before 11) */
	bool halt_next;   /* the next command counts as illegal */
	void (*on_ack)(struct amd_unit *m);  /* erratum 787: just after EventLogInt is cleared */
	void (*on_wait)(struct amd_unit *m); /* before a completion is stored */
	unsigned complaints, waits, commands[16], interrupts, msis;
	uint64_t msi_addr;
	uint32_t msi_data;
};

struct amd_machine {
	uint64_t ram, bytes;
	struct amd_unit *unit[AMD_UNITS];
	unsigned units;
	uint8_t ivrs[2048];
	size_t len;
	bool emulated;         /* struct amdvi_regs */
	unsigned absent;       /* units whose registers cannot be opened: a bit each */
	unsigned elsewhere;    /* whose own function has another address */
	unsigned no_interrupt; /* whose function sends none */
	struct amdvi_regs regs;
};

void amd_machine_init(struct amd_machine *mc, phys_t ram, uint64_t bytes);
/* Adds a unit of a segment with an IVHD (11h) for a range of ids. flags: of the IVHD. */
struct amd_unit *amd_machine_unit(struct amd_machine *mc, uint16_t seg, uint64_t efr, uint16_t first,
				  uint16_t last);
/* Entries for the last unit: an alias of a range, an I/O APIC. */
void amd_machine_alias(struct amd_machine *mc, uint16_t first, uint16_t last, uint16_t source);
void amd_machine_ioapic(struct amd_machine *mc, uint8_t id, uint16_t source, uint8_t data);
/* An IVMD: type, flags, first and last id. */
void amd_machine_ivmd(struct amd_machine *mc, uint8_t type, uint8_t flags, uint16_t first, uint16_t last,
		      uint64_t base, uint64_t len);
enum sl_err amd_machine_read(struct amd_machine *mc, struct iommu *out);
unsigned amd_machine_complaints(const struct amd_machine *mc);
void amd_machine_fini(struct amd_machine *mc);

/* A request of one function for one address: AMD_ALLOWED and where it goes; or the code of the event. */
unsigned amd_dma(struct amd_unit *m, uint16_t rid, uint64_t iova, bool write, uint64_t *phys);
/* Is there a translation for the page in the cache of the function's domain? */
bool amd_cached(struct amd_unit *m, uint16_t rid, uint64_t iova);
/* A message with that data: AMD_ALLOWED, vector and APIC id; or the code of the event. */
unsigned amd_message(struct amd_unit *m, uint16_t rid, uint32_t data, uint8_t *vector, uint32_t *apic);
/* Writes an event into the log. */
void amd_event(struct amd_unit *m, uint64_t lo, uint64_t hi);
