/* An NVMe controller as the specifications describe it (NVMe 2.0, NVM 1.0), for host tests: registers with
 * behaviour, queues in memory, namespaces in memory, and a PF that hands out resources to secondary
 * controllers. It shares no declaration of registers or descriptors with the driver. It works when
 * nvme_model_step() is called or CSTS is read. */
#pragma once
#include "drivers/nvme/io.h"

#define MODEL_QUEUES 4 /* admin and 3 I/O pairs */
#define MODEL_NS     6
#define MODEL_VFS    4
#define MODEL_DEPTH  4096

struct nvme_model_ns {
	uint32_t nsid;
	uint64_t blocks;
	uint64_t held; /* not 0: of so many, one is at its LBA modulo this (not for Copy) */
	unsigned shift;
	uint16_t ms;
	uint8_t dps, nmic, pif;
	bool extended;
	uint32_t attached; /* BIT(controller id) */
	uint8_t *data, *meta;
};

struct nvme_model_queue {
	bool sq_on, cq_on;
	uint64_t sq, cq;
	uint32_t sq_entries, cq_entries;
	uint32_t head, tail; /* submission head, completion tail */
	bool phase;
	struct {
		uint32_t dw0;
		uint16_t cid, status;
	} pending[MODEL_DEPTH];
	uint32_t npending;
	uint32_t seen; /* submission register when last looked at */
	uint32_t rung; /* submission doorbell when last looked at */
	bool ien;      /* completions interrupt, */
	uint16_t iv;   /* on this vector */
	uint64_t rings;
};

struct nvme_model {
	struct nvme_io io; /* what the driver is given */

	/* What the controller is; set by nvme_model_init(), changed by a test before the driver starts. */
	uint16_t cntlid;
	uint64_t cap;
	uint32_t vs, ctratt;
	uint16_t oacs, oncs, ocfs, mssrl;
	uint8_t mdts, vsl, lpa;
	uint32_t sgls;
	bool log_only; /* Verify and Virtualization Management: in the effects log, not in Identify's bits */
	uint16_t max_queues;
	bool has_virt;
	uint32_t crto;                      /* register CRTO */
	uint8_t crt;                        /* resources that are flexible: bit 0 queues, bit 1 interrupts */
	struct nvme_model_ns *ns[MODEL_NS]; /* those of the subsystem */

	/* Secondary controllers, on a PF. */
	struct nvme_model *vf[MODEL_VFS];
	bool online;       /* of this one; a PF always is */
	uint16_t nvq, nvi; /* of this one */
	uint16_t pool_vq, pool_vi, vf_max_vq;
	uint16_t grant_less; /* how much less than asked an assignment gives */

	/* Device address -> memory; NULL where it has no right. */
	void *(*reach)(void *ctx, uint64_t iova, uint64_t len, bool write);
	void *ctx;

	/* Faults. */
	bool gone;                           /* every register reads all ones */
	bool never_ready, never_stops, deaf; /* deaf: no admin command completes */
	uint64_t slow_us;                    /* RDY follows EN so much later */
	bool idle_pages;                     /* Identify says success, and writes nothing */
	uint16_t fail_opc, fail_status; /* admin command fail_opc ends with fail_status, if that is not 0, */
	unsigned fail_after;            /* after so many that do not: once, */
	unsigned fail_more;             /* or so many times more */
	uint32_t spoil_after; /* Not 0: of so many blocks that are read the last has one wrong bit, status
				 good */
	uint32_t spoil_at;    /* at that byte; 0: somewhere */
	bool fatal;           /* CSTS.CFS */
	bool fatal_stays;     /* a reset by CC.EN does not end it */
	bool no_shutdown;     /* a shutdown does not complete */
	bool fatal_at_admin, fatal_at_enable; /* it comes with an admin command, with CC.EN */
	bool shuffle;                         /* completions out of order */
	bool sleeps; /* with shadow doorbells, it looks there only when the register was written */
	void (*spoil)(struct nvme_model *m, unsigned cns,
		      uint8_t *page); /* an Identify page before it goes out */
	bool (*tamper)(struct nvme_model *m, unsigned qid,
		       uint32_t cqe[4]); /* a completion; false: not posted */

	/* Interrupts of vectors 0 to 3: raised by a completion that comes when every one before it is known
	 * to be taken. */
	uint64_t irqs[4];
	uint64_t admin_irqs; /* of the admin queue, on vector 0 also: one a completion */

	/* State and what was seen. */
	uint32_t cc, csts, aqa;
	uint64_t ready_at; /* when RDY follows EN; 0: it has */
	uint64_t asq, acq;
	uint64_t shadow, event; /* Doorbell Buffer Config; 0: none */
	uint32_t seed;
	uint64_t commands[256], admin_commands[256];
	uint64_t enables, shutdowns;
	uint32_t rtd3e; /* Identify Controller */
	uint16_t crdt[3];
	uint64_t timestamp, timestamp_at; /* Features Timestamp, and when it was set */
	uint64_t disabled_at;             /* when CC.EN was cleared last, */
	uint64_t quiet_broken; /* and how many registers were read in the time quiet_us after that */
	uint64_t quiet_us;
	uint64_t errors; /* things a driver must not do: a full queue overrun, a bad doorbell, EN cleared too
			    early */
	struct nvme_model_queue q[MODEL_QUEUES];
	_Alignas(4096) uint8_t bar[0x2000];
};

/* A controller with every optional command, not enabled. */
void nvme_model_init(struct nvme_model *m, uint16_t cntlid, void *(*reach)(void *, uint64_t, uint64_t, bool),
		     void *ctx);

/* Fetches and carries out what the doorbells tell of, and posts what there is room for. */
void nvme_model_step(struct nvme_model *m);

/* Posts any entry to a completion queue. */
void nvme_model_post(struct nvme_model *m, unsigned qid, uint16_t cid, uint16_t status, uint16_t sqhd,
		     uint32_t dw0);
