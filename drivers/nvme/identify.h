/* Identify data, decoded and checked. The pages are memory that the controller can write at any time, so
 * every field is read once and that value is checked. */
#pragma once
#include "drivers/nvme/desc.h"
#include "kernel/err.h"

struct nvme_id {
	char serial[21], model[41], firmware[9]; /* printable, without trailing spaces */
	uint16_t cntlid;
	uint16_t oacs, oncs, ocfs;
	uint8_t lpa;
	uint32_t ctratt;
	uint32_t shutdown_us;                          /* longest wait for a shutdown; 0: not reported */
	uint16_t crdt[3];                              /* waits before a retry, units of 100 ms */
	bool ports;                                    /* there may be another port to the same drive */
	bool sgls;                                     /* I/O commands may describe their data by SGLs */
	uint64_t max_transfer, max_verify, max_zeroes; /* bytes a command; UINT64_MAX: no limit */
};

struct nvme_ns {
	uint32_t nsid;
	uint32_t block; /* bytes of data in a block */
	uint8_t block_shift;
	uint64_t blocks;   /* 0: the namespace is not active */
	uint16_t meta;     /* metadata bytes a block */
	bool extended;     /* metadata lies between the blocks' data */
	bool shared;       /* may be attached to more than one controller */
	uint8_t pi_type;   /* 0: no protection information */
	uint8_t pi_format; /* 0: 16-bit guard, 8 bytes */
	uint16_t pi_off;   /* its offset in a block's metadata; for pi_format 0 */
	uint32_t copy_max; /* blocks a Copy with one source range may move; 0: none */
};

/* Identify Controller. SL_BADVAL when queue entries of 64 and 16 bytes are not possible. max_verify and
 * max_zeroes are left at no limit. */
enum sl_err nvme_id_parse(const volatile struct nvme_id_ctrl *page, struct nvme_id *out) MUST_CHECK;

/* The log may list commands that Identify's bits omit: adds Virtualization Management to out->oacs and Verify
 * to out->oncs. QEMU lists the former (7.2) and the latter (10.0) only here. */
void nvme_id_effects(const volatile struct nvme_effects *page, struct nvme_id *out);

/* The limits of the NVM command set; page is that of CNS 06h. */
void nvme_id_limits(const volatile struct nvme_id_ctrl_nvm *page, struct nvme_id *out);

/* Identify Namespace. SL_BADVAL for a format index outside the table, a block below 512 bytes or above 64
 * KiB, a size past 2^64 bytes, protection information of a reserved type or without room for it. *format is
 * the index, for nvme_ns_pi_format(). */
enum sl_err nvme_ns_parse(const volatile struct nvme_id_ns *page, uint32_t nsid, struct nvme_ns *out,
			  unsigned *format) MUST_CHECK;

/* Protection information format of LBA format number format (below 64); page is that of CNS 05h. */
void nvme_ns_pi_format(const volatile struct nvme_id_ns_nvm *page, unsigned format, struct nvme_ns *out);
