/* Descriptors in memory shared by host and controller, one struct each, with only the fields in use.
 * Sections: NVMe is the base specification 2.0, NVM the NVM command set specification 1.0. */
#pragma once
#include "kernel/bits.h"

enum nvme_admin_opc {
	NVME_DELETE_SQ = 0x00,
	NVME_CREATE_SQ = 0x01,
	NVME_GET_LOG = 0x02,
	NVME_DELETE_CQ = 0x04,
	NVME_CREATE_CQ = 0x05,
	NVME_IDENTIFY = 0x06,
	NVME_SET_FEATURES = 0x09,
	NVME_GET_FEATURES = 0x0a,
	NVME_NS_ATTACHMENT = 0x15,
	NVME_VIRT_MGMT = 0x1c,
	NVME_DOORBELL_BUFFER = 0x7c,
};

enum nvme_io_opc {
	NVME_WRITE = 0x01,
	NVME_READ = 0x02,
	NVME_COMPARE = 0x05,
	NVME_WRITE_ZEROES = 0x08,
	NVME_VERIFY = 0x0c,
	NVME_COPY = 0x19,
};

/* Identify, what to return: NVMe §5.17.1 */
enum nvme_cns {
	NVME_CNS_NS = 0x00,
	NVME_CNS_CTRL = 0x01,
	NVME_CNS_ACTIVE_LIST = 0x02,
	NVME_CNS_NS_CSI = 0x05,   /* the part of a namespace that belongs to an I/O command set */
	NVME_CNS_CTRL_CSI = 0x06, /* the same for a controller */
	NVME_CNS_ALLOCATED_LIST = 0x10,
	NVME_CNS_ALLOCATED_NS = 0x11,
	NVME_CNS_NS_CTRL_LIST = 0x12, /* controllers that a namespace is attached to */
	NVME_CNS_PRIMARY_CAPS = 0x14,
	NVME_CNS_SECONDARY_LIST = 0x15,
};

#define NVME_NSID_ALL    0xffffffffu
#define NVME_FEAT_QUEUES 0x07u /* Number of Queues: NVMe §5.27.1.5 */
#define NVME_FEAT_TIME   0x0eu /* Timestamp: NVMe §5.27.1.11 */
#define NVME_TIME        BITS(47, 0)

/* Submission queue entry: NVMe §3.3.3.1 */
struct nvme_sqe {
	union {
		struct {
			uint8_t opc;
			uint8_t flags; /* FUSE, PSDT */
			uint16_t cid;
			uint32_t nsid;
		};
		uint64_t cdw0_1;
	};
	union {
		struct {
			uint32_t cdw2, cdw3;
		};
		uint64_t cdw2_3;
	};
	uint64_t mptr;
	uint64_t prp1, prp2;
	union {
		struct {
			uint32_t cdw10, cdw11;
		};
		uint64_t slba;
	};
	union {
		struct {
			uint32_t cdw12, cdw13;
		};
		uint64_t cdw12_13;
	};
	union {
		struct {
			uint32_t cdw14, cdw15;
		};
		uint64_t cdw14_15;
	};
};
/* Of cdw0_1: PSDT. An SGL descriptor stands in place of PRP1 (its address) and PRP2 (length 31:0, type 63:56,
 * which is 0 for a data block); metadata stays one buffer at MPTR. NVMe §3.3.3.1, §4.1.2 */
#define SQE_PSDT BITS(15, 14)
enum nvme_psdt { PSDT_PRP = 0, PSDT_SGL = 1 };
#define NVME_SQES 6u /* log2 of its size */
_Static_assert(sizeof(struct nvme_sqe) == 1u << NVME_SQES, "NVMe 3.3.3.1");
_Static_assert(offsetof(struct nvme_sqe, prp1) == 24 && offsetof(struct nvme_sqe, cdw12) == 48,
	       "NVMe 3.3.3.1");

/* Read, Write, Compare, Write Zeroes, Verify: CDW12. NVM §3.2.4 and §5.2.2 */
#define RW_NLB         BITS(15, 0) /* blocks, minus one */
#define RW_PRCHK_REF   BIT(26)
#define RW_PRCHK_GUARD BIT(28)
#define RW_PRACT       BIT(29)

/* Copy: CDW12 (the number of ranges minus one is 0, descriptor format 0). NVM §3.2.2 */
#define COPY_R_PRCHK_REF   BIT(12)
#define COPY_R_PRCHK_GUARD BIT(14)
#define COPY_R_PRACT       BIT(15)
#define COPY_W_PRACT       BIT(29)

/* Copy source range, descriptor format 0: NVM §3.2.2 */
struct nvme_copy_range {
	uint64_t rsvd0;
	uint64_t slba;
	uint16_t nlb; /* minus one */
	uint16_t rsvd18[3];
	uint32_t elbrt; /* expected initial reference tag */
	uint16_t elbat, elbatm;
};
_Static_assert(sizeof(struct nvme_copy_range) == 32, "NVM 3.2.2");
_Static_assert(offsetof(struct nvme_copy_range, elbrt) == 24, "NVM 3.2.2");

/* Create I/O Completion Queue, Create I/O Submission Queue: NVMe §5.4, §5.5 */
#define Q_CDW10_QID   BITS(15, 0)
#define Q_CDW10_QSIZE BITS(31, 16) /* minus one */
#define Q_CDW11_PC    BIT(0)       /* physically contiguous */
#define SQ_CDW11_CQID BITS(31, 16)
#define CQ_CDW11_IEN  BIT(1)
#define CQ_CDW11_IV   BITS(31, 16)

/* Set Features, Number of Queues: CDW11 asked, DW0 granted, both minus one. NVMe §5.27.1.5 */
#define FEAT_NSQ BITS(15, 0)
#define FEAT_NCQ BITS(31, 16)

/* Completion queue entry: NVMe §3.3.3.2 */
struct nvme_cqe {
	uint32_t dw0; /* command specific result */
	uint32_t dw1;
	uint64_t dw2_3;
};
#define NVME_CQES 4u
_Static_assert(sizeof(struct nvme_cqe) == 1u << NVME_CQES, "NVMe 3.3.3.2");
#define CQE_SQHD   BITS(15, 0) /* of dw2_3 */
#define CQE_SQID   BITS(31, 16)
#define CQE_CID    BITS(47, 32)
#define CQE_PHASE  BIT(48)
#define CQE_STATUS BITS(63, 49)

/* Identify Controller: NVMe §5.17.2.1 */
struct nvme_id_ctrl {
	uint16_t vid, ssvid;
	uint8_t sn[20];
	uint8_t mn[40];
	uint8_t fr[8];
	uint8_t rsvd72[4];
	uint8_t cmic; /* other paths to its namespaces */
	uint8_t mdts; /* longest transfer: pages of CAP.MPSMIN, log2; 0: no limit */
	uint16_t cntlid;
	uint32_t ver;
	uint32_t rtd3r;
	uint32_t rtd3e; /* longest shutdown, microseconds; 0: not reported */
	uint32_t oaes;
	uint32_t ctratt;
	uint8_t rsvd100[28];
	uint16_t crdt[3]; /* command retry delay times, units of 100 ms */
	uint8_t rsvd134[122];
	uint16_t oacs;
	uint8_t rsvd258[3];
	uint8_t lpa;
	uint8_t rsvd262[250];
	uint8_t sqes, cqes; /* log2 of the entry size: smallest 3:0, largest 7:4 */
	uint8_t rsvd514[6];
	uint16_t oncs;
	uint8_t rsvd522[12];
	uint16_t ocfs; /* Copy descriptor formats */
	uint32_t sgls;
	uint8_t rsvd540[3556];
};
_Static_assert(sizeof(struct nvme_id_ctrl) == 4096, "NVMe 5.17.2.1");
_Static_assert(
	offsetof(struct nvme_id_ctrl, mdts) == 77 && offsetof(struct nvme_id_ctrl, rtd3e) == 88 &&
		offsetof(struct nvme_id_ctrl, crdt) == 128 && offsetof(struct nvme_id_ctrl, ctratt) == 96 &&
		offsetof(struct nvme_id_ctrl, oacs) == 256 && offsetof(struct nvme_id_ctrl, lpa) == 261 &&
		offsetof(struct nvme_id_ctrl, sqes) == 512 && offsetof(struct nvme_id_ctrl, oncs) == 520 &&
		offsetof(struct nvme_id_ctrl, ocfs) == 534 && offsetof(struct nvme_id_ctrl, sgls) == 536,
	"NVMe 5.17.2.1");
#define CMIC_PORTS        BIT(0)  /* the NVM subsystem may have more than one port */
#define LPA_EFFECTS       BIT(1)  /* Commands Supported and Effects log */
#define CTRATT_ELBAS      BIT(15) /* extended LBA formats: guards of more than 16 bits exist */
#define OACS_NS_MGMT      BIT(3)
#define OACS_VIRT_MGMT    BIT(7)
#define OACS_DBBUF        BIT(8)
#define ONCS_COMPARE      BIT(0)
#define ONCS_WRITE_ZEROES BIT(3)
#define ONCS_TIMESTAMP    BIT(6)
#define ONCS_VERIFY       BIT(7)
#define ONCS_COPY         BIT(8)
#define OCFS_FORMAT0      BIT(0)
#define SGLS_SUPPORT      BITS(1, 0) /* 0: none; else at least data blocks aligned to 4 bytes */

#define NVME_LOG_FIRMWARE 0x03u

/* Commands Supported and Effects log: NVMe §5.16.1.6. An entry for each opcode. */
#define NVME_LOG_EFFECTS 0x05u
struct nvme_effects {
	uint32_t admin[256], io[256];
	uint8_t rsvd2048[2048];
};
_Static_assert(sizeof(struct nvme_effects) == 4096, "NVMe 5.16.1.6");
#define EFFECTS_CSUPP BIT(0)
#define LOG_NUMDL     BITS(31, 16) /* CDW10: dwords, minus one */

/* Identify Controller of the NVM command set (CNS 06h): NVM §4.1.5.3. Units and meaning of 0 as MDTS. */
struct nvme_id_ctrl_nvm {
	uint8_t vsl;  /* Verify */
	uint8_t wzsl; /* Write Zeroes */
	uint8_t rsvd2[4094];
};
_Static_assert(sizeof(struct nvme_id_ctrl_nvm) == 4096, "NVM 4.1.5.3");

/* Identify Namespace: NVM §4.1.5.1 */
struct nvme_id_ns {
	uint64_t nsze; /* blocks */
	uint64_t ncap, nuse;
	uint8_t nsfeat, nlbaf, flbas, mc, dpc, dps, nmic, rescap;
	uint8_t rsvd32[42];
	uint16_t mssrl; /* Copy: most blocks in a source range */
	uint32_t mcl;   /* Copy: most blocks in a command */
	uint8_t rsvd80[48];
	uint32_t lbaf[64];
	uint8_t rsvd384[3712];
};
_Static_assert(sizeof(struct nvme_id_ns) == 4096, "NVM 4.1.5.1");
_Static_assert(offsetof(struct nvme_id_ns, flbas) == 26 && offsetof(struct nvme_id_ns, dps) == 29 &&
		       offsetof(struct nvme_id_ns, mssrl) == 74 && offsetof(struct nvme_id_ns, lbaf) == 128,
	       "NVM 4.1.5.1");
#define FLBAS_LO    BITS(3, 0)
#define FLBAS_EXT   BIT(4)     /* metadata follows each block's data, not in a buffer of its own */
#define FLBAS_HI    BITS(6, 5) /* counts when there are more than 16 formats */
#define DPS_TYPE    BITS(2, 0)
#define DPS_FIRST   BIT(3) /* protection information is the first part of the metadata, not the last */
#define NMIC_SHARED BIT(0)
#define LBAF_MS     BITS(15, 0)
#define LBAF_LBADS  BITS(23, 16)

/* Identify Namespace of the NVM command set (CNS 05h): NVM §4.1.5.2 */
struct nvme_id_ns_nvm {
	uint64_t lbstm;
	uint8_t pic, rsvd9[3];
	uint32_t elbaf[64];
	uint8_t rsvd268[3828];
};
_Static_assert(sizeof(struct nvme_id_ns_nvm) == 4096, "NVM 4.1.5.2");
#define ELBAF_PIF     BITS(8, 7) /* 0: 16-bit guard */
#define NVME_PI_BYTES 8u         /* guard 2, application tag 2, reference tag 4: NVM §5.2.1.1 */

/* Primary Controller Capabilities (CNS 14h): NVMe §5.17.2.14. VQ: queue pairs, the admin pair counted; VI:
 * interrupts. */
struct nvme_primary_caps {
	uint16_t cntlid, portid;
	uint8_t crt;
	uint8_t rsvd5[27];
	uint32_t vqfrt;  /* flexible, total */
	uint32_t vqrfa;  /* flexible, assigned to secondary controllers */
	uint16_t vqrfap; /* flexible, allocated to the primary */
	uint16_t vqprt;  /* private to the primary */
	uint16_t vqfrsm; /* most for one secondary */
	uint16_t vqgran;
	uint8_t rsvd48[16];
	uint32_t vifrt, virfa;
	uint16_t virfap, viprt, vifrsm, vigran;
	uint8_t rsvd80[4016];
};
_Static_assert(sizeof(struct nvme_primary_caps) == 4096, "NVMe 5.17.2.14");
_Static_assert(offsetof(struct nvme_primary_caps, vqfrt) == 32 &&
		       offsetof(struct nvme_primary_caps, vifrt) == 64,
	       "NVMe 5.17.2.14");
#define CRT_VQ BIT(0) /* VQ resources are flexible */
#define CRT_VI BIT(1)

/* Secondary Controller List (CNS 15h): NVMe §5.17.2.15 */
#define NVME_SECONDARY_MAX 127u
struct nvme_secondary {
	uint16_t scid, pcid;
	uint8_t scs;
	uint8_t rsvd5[3];
	uint16_t vfn; /* 1 is the first VF */
	uint16_t nvq, nvi;
	uint8_t rsvd14[18];
};
_Static_assert(sizeof(struct nvme_secondary) == 32, "NVMe 5.17.2.15");
#define SCS_ONLINE BIT(0)

struct nvme_secondary_list {
	uint8_t numid;
	uint8_t rsvd1[31];
	struct nvme_secondary entry[NVME_SECONDARY_MAX];
};
_Static_assert(sizeof(struct nvme_secondary_list) == 4096, "NVMe 5.17.2.15");

/* Virtualization Management: CDW10, CDW11, DW0. NVMe §5.28 */
enum nvme_virt_act { VIRT_PRIMARY_ALLOC = 1, VIRT_OFFLINE = 7, VIRT_ASSIGN = 8, VIRT_ONLINE = 9 };
enum nvme_virt_rt { VIRT_VQ = 0, VIRT_VI = 1 };
#define VIRT_CDW10_ACT    BITS(3, 0)
#define VIRT_CDW10_RT     BITS(10, 8)
#define VIRT_CDW10_CNTLID BITS(31, 16)
#define VIRT_NR           BITS(15, 0)

/* Controller List: NVMe §4.5.1; Namespace Attachment: NVMe §5.22 */
#define NVME_CTRL_LIST_MAX 2047u
struct nvme_ctrl_list {
	uint16_t num;
	uint16_t id[NVME_CTRL_LIST_MAX];
};
_Static_assert(sizeof(struct nvme_ctrl_list) == 4096, "NVMe 4.5.1");
enum nvme_attach_sel { NVME_ATTACH = 0, NVME_DETACH = 1 };

/* Namespace List: NVMe §4.5.2. Rising ids, 0 after the last. */
#define NVME_NSID_LAST 0xfffffffdu /* the two above have other meanings: NVMe §3.2.1.2 */
