/* Registers, commands, descriptors and completion records of Intel's Data Streaming Accelerator, by the names
 * of its Architecture Specification (§9.2 registers, §8.3 descriptors). */
#pragma once

enum { VERSION = 0x00, GENCAP = 0x10, WQCAP = 0x20, GRPCAP = 0x30, ENGCAP = 0x38, OFFSETS = 0x60 };
enum { GENSTS = 0x90, INTCAUSE = 0x98, CMD = 0xa0, CMDSTATUS = 0xa8, SWERR = 0xc0 };
enum { GRPWQCFG = 0, GRPENGCFG = 32, GROUP_BYTES = 64 }; /* of a group */
enum { WQ_SIZE = 0, WQ_MODE = 8, WQ_LIMITS = 12 };       /* of a work queue */
#define GENCAP_BLOCK           1u
#define GENCAP_MAX_TRANSFER(v) ((v) >> 16 & 0x1f) /* both in powers of two */
#define GENCAP_MAX_BATCH(v)    ((v) >> 21 & 0xf)
#define GENCAP_CONFIG          (1u << 31)
#define WQCAP_SIZE             0xffffu
#define WQCAP_QUEUES           (0xffu << 16)
#define WQCAP_BYTES(v)         (32u << ((v) >> 24 & 0xf)) /* of a work queue's registers */
#define WQCAP_DEDICATED        (1u << 17)                 /* bit 49 */
#define ENGINES                0xffu
#define UNITS                  0x100u /* of an offset */
#define GENSTS_STATE           3u
#define GENSTS_HALT            3u
#define MODE_DEDICATED         1u
#define MODE_BLOCK             2u /* descriptors may block on a page fault */
#define MODE_PRIORITY          (1u << 4)
#define MODE_PASID(v)          ((v) << 8)
#define MODE_PASID_ON          (1u << 28)
#define LIMIT_BATCH(n)         ((n) << 5)
#define STATUS_ACTIVE          (1u << 31)
#define STATUS_ERROR           0xffu
#define CMD_INTERRUPT          (1u << 31)
#define SWERR_VALID            1u
#define SWERR_ACK              3u /* VALID, OVERFLOW */
#define SWERR_ERROR(v)         ((v) >> 8 & 0xff)
#define PORTAL_BYTES           0x4000u /* of a work queue */
enum { ENABLE_DEVICE = 1, DRAIN_ALL = 3, RESET_DEVICE = 5, ENABLE_WQ = 6 };

#define OPCODE(n)     ((n) << 24)
#define BATCH         OPCODE(1u)
#define MEMMOVE       OPCODE(3u)
#define MEMFILL       OPCODE(4u)
#define COMPARE       OPCODE(5u)
#define CRCGEN        OPCODE(0x10u)
#define WITH_RECORD   0x0cu /* CRAV, RCR: a completion record is written */
#define BLOCKS        0x02u /* on a page fault, until the page is there or refused */
#define ON_FAILURE    0x04u /* CRAV alone: only after a failure */
#define RECORD_STATUS 0x7fu
