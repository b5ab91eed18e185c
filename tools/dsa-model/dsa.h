/* Intel's Data Streaming Accelerator as Linux's and DPDK's drivers expect it: what its parts share. Registers
 * have the names of the Intel Data Streaming Accelerator Architecture Specification.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "fault.h"
#include "../qemu-device/qemu.h"

#define DSA_WQS     8u
#define DSA_GROUPS  4u
#define DSA_ENGINES 4u
#define DSA_ENTRIES 128u /* of all work queues together */
#define DSA_VECTORS 9u
#define PAGE        4096u
#define PORTALS     4u /* of a work queue, a page each */
#define NO_PASID    UINT32_MAX

enum {
	VERSION = 0x00,
	GENCAP = 0x10,
	WQCAP = 0x20,
	GRPCAP = 0x30,
	ENGCAP = 0x38,
	OPCAP = 0x40,
	OFFSETS = 0x60,
	GENCFG = 0x80,
	GENCTRL = 0x88,
	GENSTS = 0x90,
	INTCAUSE = 0x98,
	CMD = 0xa0,
	CMDSTATUS = 0xa8,
	CMDCAP = 0xb0,
	SWERR = 0xc0,
	GRPCFG = 0x400,
	WQCFG = 0x500,
	MSIXPERM = 0x600,
	REGS_END = 0x700,
	BAR0_BYTES = 0x10000,
};
enum { GROUP_BYTES = 64, GROUP_ENGINES = 32, WQ_BYTES = 32 };
enum { MAX_TRANSFER = 21, MAX_BATCH = 5 }; /* in powers of two */

/* Words of a WQCFG and their fields. */
enum { WQ_SIZE = 0, WQ_MODE = 2, WQ_LIMITS = 3, WQ_STATE = 6, WQ_WORDS = 8 };
#define WQ_DEDICATED   1u
#define WQ_BOF         2u
#define WQ_NO_ATS      4u
#define WQ_NO_PRS      8u
#define WQ_PRIORITY(v) ((v) >> 4 & 15)
#define WQ_PASID(v)    ((v) >> 8 & 0xfffff)
#define WQ_PASID_ON    (1u << 28)
#define WQ_ENABLED     (1u << 30)

enum { STATE_DISABLED = 0, STATE_ENABLED = 1 };
enum { CAUSE_ERROR = 1, CAUSE_COMMAND = 2 };

/* Status of a completion record; WRITE with a page fault. */
enum status {
	SUCCESS = 1,
	SUCCESS_PREDICATE = 2, /* the result is not the expected one */
	PAGE_FAULT = 3,
	PAGE_FAULT_RESPONSE = 4, /* the page request was answered with a refusal */
	BATCH_FAILED = 5,
	BATCH_PAGE_FAULT = 6,
	BAD_OPCODE = 0x10,
	BAD_FLAGS = 0x11,
	NONZERO_RESERVED = 0x12,
	BAD_SIZE = 0x13,
	BAD_COUNT = 0x14,
	BAD_DELTA = 0x15,
	OVERLAP = 0x16,
	BAD_DUALCAST = 0x17,
	BAD_LIST = 0x18,
	BAD_HANDLE = 0x19,
	RECORD_REFUSED = 0x1a,
	RECORD_UNALIGNED = 0x1b,
	UNALIGNED = 0x1c,
	QUEUE_OFF = 0x80, /* of SWERR: a descriptor for a queue that is not enabled, */
	QUEUE_FULL = 0x81,
	STATUS_WRITE = 0x80,
};

/* A descriptor on its way, or a batch. */
struct desc {
	uint64_t word[8];
	uint64_t off; /* bytes that are done */
	uint32_t crc;
	uint32_t delta; /* bytes of a delta record that are written */
	bool began;
};

enum job_state { JOB_FREE, JOB_RUNS, JOB_BLOCKED, JOB_LATE, JOB_DRAINS };
struct job {
	enum job_state state;
	unsigned wq;
	uint32_t pasid;
	enum fault_kind fault;
	bool answered, refused; /* the page request was; with a refusal */
	QEMUTimer *timer;       /* of a late one */
	struct dsa *d;
	struct desc whole, item; /* the second: of a batch */
	uint32_t next, count;    /* of its items */
	bool in_item, failed;
};

struct ats_entry {
	bool on;
	uint32_t pasid, perm;
	uint64_t va, pa;
};

struct note;

struct dsa {
	struct fn fn;
	struct region regs, portals, ecap;
	uint32_t r[REGS_END / 4];
	uint64_t portal[DSA_WQS * PORTALS][8]; /* what a portal has got of a descriptor */
	struct job job[DSA_ENTRIES];
	uint32_t draining; /* the command that waits, or 0 */
	QEMUBH *again;     /* takes up jobs whose page requests were answered */

	void *unit; /* QEMU's VT-d unit; NULL: none */
	bool unit_sought;
	struct ats_entry ats[64];
	unsigned ats_next;
	struct note *notes;
	uint16_t pasid_control; /* of the capability, where QEMU has none of its own */

	struct fault fault;
	bool log, smpwc;
};

static inline uint32_t *wqcfg(struct dsa *d, unsigned wq)
{
	return &d->r[(WQCFG + wq * WQ_BYTES) / 4];
}

#define say(d, ...) ((d)->log ? (void)fprintf(stderr, "dsa: " __VA_ARGS__) : (void)0)

/* --- memory.c: access as a function and a PASID, through the IOMMU */

/* Reads or writes len bytes, which may cross pages. False: refused, at *fault. how: what is ordered of it. */
bool dsa_dma(struct dsa *d, uint32_t pasid, uint64_t at, void *buf, uint32_t len, bool write,
	     enum fault_kind how, uint64_t *fault);
/* Asks for the page; true: an answer will come, and job_answered() is called with index. */
bool dsa_ask_page(struct dsa *d, uint32_t pasid, uint64_t at, bool write, unsigned index);
bool dsa_pasid_is_on(struct dsa *d);
bool dsa_memory_fits(void);
void dsa_memory_init(struct dsa *d);
void dsa_memory_forget(struct dsa *d); /* the device TLB */
/* The register of the VT-d unit, 32 bits; 0 without a unit. */
uint32_t dsa_unit_register(struct dsa *d, uint32_t off);

/* --- job.c: descriptors and batches */

void job_submit(struct dsa *d, unsigned wq, const uint64_t word[8]);
void job_answered(struct dsa *d, unsigned index, bool good);
/* Ends the jobs of these queues (and of this PASID, unless it is NO_PASID) without a record. */
void job_abort(struct dsa *d, uint32_t wqs, uint32_t pasid);
bool job_any(struct dsa *d, uint32_t wqs, uint32_t pasid);
void job_again(void *opaque);

/* --- operation.c */

enum result { RESULT_DONE, RESULT_FAULT };
struct record {
	uint8_t status, result;
	uint32_t bytes;
	uint64_t fault;
	uint32_t value; /* CRC, or invalid flags, or size of a delta record */
};
/* One descriptor that is no batch, from where it stopped. With RESULT_FAULT rec says where and which way. */
enum result operation_run(struct job *j, struct desc *q, struct record *rec);
enum {
	OP_NOOP = 0,
	OP_BATCH = 1,
	OP_DRAIN = 2,
	OP_MOVE = 3,
	OP_FILL = 4,
	OP_COMPARE = 5,
	OP_COMPARE_PATTERN = 6,
	OP_DELTA = 7,
	OP_APPLY = 8,
	OP_DUALCAST = 9,
	OP_CRC = 0x10,
	OP_COPY_CRC = 0x11,
	OP_FLUSH = 0x20,
};
enum {
	FLAG_FENCE = 1,
	FLAG_BOF = 2,
	FLAG_RECORD = 4, /* the record's address is valid, */
	FLAG_ALWAYS = 8, /* and it is written after success too */
	FLAG_INTERRUPT = 16,
	FLAG_CHECK = 0x80,   /* against the expected result */
	FLAG_SEED = 0x10000, /* of a CRC: in memory */
	FLAGS_RESERVED = 0x40,
	FLAGS_OF_OPERATION = 0xff0000,
};
static inline uint32_t desc_flags(const struct desc *q)
{
	return (uint32_t)(q->word[0] >> 32) & 0xffffff;
}
static inline unsigned desc_op(const struct desc *q)
{
	return (unsigned)(q->word[0] >> 56);
}

/* --- delta.c: delta records, of entries of 10 bytes: offset in units of 8 bytes, and 8 bytes of the second
 * source */

#define DELTA_ENTRY 10u
enum delta { DELTA_ALL, DELTA_FULL, DELTA_FAULT };
/* 0, or what is wrong with such a descriptor. */
uint8_t delta_refuse(const struct desc *q);
/* Adds len bytes from off on to the record; at the first that has no room rec->bytes says how far it got. */
enum delta delta_add(struct job *j, struct desc *q, uint64_t off, const uint8_t *a, const uint8_t *b,
		     uint32_t len, struct record *rec);
/* Writes what the record says, from where it stopped. */
enum result delta_apply(struct job *j, struct desc *q, struct record *rec);

/* --- device.c: the function, its registers and commands */

void dsa_register(void);
void dsa_error(struct dsa *d, const struct job *j, uint8_t error, uint64_t addr, bool write);
void dsa_drained(struct dsa *d); /* a job ended */

/* --- movdir64b.c: the instruction for processors that TCG emulates */

bool movdir64b_fits(void);
void movdir64b_install(uint64_t plugin, int api);
