/* What a workload sees of a VF: a queue that takes operations and gives back results, whatever the device
 * behind it.
 *
 * Use: submit() one or more batches, ring() once, poll() until all tags are back. One core owns an accel and
 * everything it points to; nothing in it is shared and nothing in submit/ring/poll allocates, locks or
 * formats. */
#pragma once
#include "drivers/crypto/sha.h"
#include "kernel/addr.h"
#include "kernel/err.h"

enum accel_op {
	ACCEL_READ,    /* medium -> memory */
	ACCEL_WRITE,   /* memory -> medium */
	ACCEL_COPY,    /* medium src_lba -> medium lba, no memory */
	ACCEL_FILL,    /* zeros -> medium, no memory */
	ACCEL_COMPARE, /* memory with medium; differing data is the error ACCEL_MISCOMPARE */
	ACCEL_VERIFY,  /* medium checks itself (and its protection information), no memory */
	ACCEL_OPS
};

/* Protection information (T10 DIF) on a store that has it. The application tag is 0 and never checked. */
enum accel_pi {
	ACCEL_PI_INSERT = 1, /* write, fill: the device makes guard and reference tag */
	ACCEL_PI_CHECK =
		2, /* all but fill: the device checks guard and reference tag; copy: those of its source */
};

struct accel_req {
	uint8_t op; /* enum accel_op */
	uint8_t pi; /* enum accel_pi bits */
	uint16_t blocks;
	uint32_t store; /* accel_store.id */
	uint32_t tag;   /* any value below accel.depth that is not in flight; comes back in accel_done */
	uint64_t lba;
	uint64_t src_lba;
	iova_t data; /* read, write, compare: page-aligned, as long as the blocks */
	iova_t meta; /* the same, on a store with metadata: store->meta bytes a block, a multiple of 4. Not
		      * used by a write with PI_INSERT where the metadata is the 8 bytes of protection
		      * information alone */
};

struct accel_done {
	uint32_t tag;
	uint16_t status; /* 0: done. Otherwise device-specific; status_text() has the words */
};

/* Blocks that this VF may use. */
struct accel_store {
	uint32_t id;        /* its index in accel.store */
	uint32_t block;     /* bytes */
	uint64_t first_lba; /* of this VF's share; 0 when the store is its own */
	uint64_t blocks;    /* of this VF's share */
	uint32_t most;      /* blocks that one read, write or compare can move */
	uint16_t meta;      /* metadata bytes a block, in a buffer of its own; 0: none */
	bool pi;            /* 16-bit guard protection information, type 1 */
	uint16_t pi_off;    /* where in a block's metadata; the guard covers the block's data and the metadata
			       before it */
	bool shared;        /* other VFs see it too */
};

/* What a device without a medium computes: sessions are made once, and jobs refer to them. */
enum accel_service {
	ACCEL_CIPHER,  /* AES in CBC, CTR or XTS mode */
	ACCEL_HASH,    /* a digest of the data */
	ACCEL_HMAC,    /* the same with a key */
	ACCEL_CHAIN,   /* encrypt, then HMAC of what came out; or check the HMAC, then decrypt */
	ACCEL_AEAD,    /* AES-GCM */
	ACCEL_DEFLATE, /* RFC 1951, without a wrapper */
	ACCEL_INFLATE,
	ACCEL_SERVICES
};

enum accel_cipher { ACCEL_AES_CBC, ACCEL_AES_CTR, ACCEL_AES_XTS };

struct accel_session {
	uint8_t service; /* enum accel_service */
	uint8_t cipher;  /* enum accel_cipher: cipher; chain, but for XTS */
	uint8_t hash;    /* enum sha: hash, HMAC, chain */
	bool decrypt;    /* cipher, chain, AEAD */
	bool check;   /* hash, HMAC: the device compares the digest. Chain, AEAD: it does when decrypting */
	bool dynamic; /* deflate: Huffman tables of its own, else the fixed ones */
	uint8_t key_len; /* 16, 24 or 32: cipher, chain, AEAD. XTS: 32 or 64, both keys one after the other */
	uint8_t aad_len; /* AEAD */
	uint8_t mac_len; /* HMAC, chain: bytes of mac_key */
	uint8_t key[64], mac_key[SHA_BLOCK_MAX];
};

struct accel_job {
	uint32_t session; /* what session() gave */
	uint32_t tag;     /* as in accel_req */
	iova_t src, dst;  /* may be the same but for deflate and inflate; hash and HMAC have no dst */
	uint32_t len;     /* bytes at src; CBC, XTS: a multiple of 16 */
	uint32_t room;    /* deflate, inflate: bytes at dst */
	iova_t digest;    /* hash, HMAC, chain, AEAD: where it goes, or what it is compared with */
	iova_t aad;       /* AEAD: zero-padded to a multiple of 16 bytes */
	uint64_t iv[2];   /* cipher, chain: 16 bytes as they are (XTS: the tweak); AEAD: the first 12 */
};

struct accel_stats {
	uint64_t ops, doorbells, polls, empty_polls;
	uint64_t bad; /* completions that cannot be: unknown or idle tag, head out of range */
};

struct accel;

struct accel_driver {
	const char *name;
	/* Puts up to n requests in the ring and returns how many went in; fewer only when a request is
	 * refused, and accel.refused then says why: SL_BUSY its tag is in flight, SL_UNSUPPORTED not in can,
	 * or not on this store, SL_RANGE blocks, store or tag out of range, SL_BADVAL data or meta misaligned
	 * or missing, or pi not for it. */
	unsigned (*submit)(struct accel *a, const struct accel_req *req, unsigned n);
	/* Tells the device of everything submitted since the last ring(): one MMIO write at most. */
	void (*ring)(struct accel *a);
	/* Takes up to max results; never waits. */
	unsigned (*poll)(struct accel *a, struct accel_done *done, unsigned max);
	/* True when poll() would find something: a look at memory, nothing else. */
	bool (*ready)(const struct accel *a);
	/* For an accelerator that was opened with an interrupt: each result that ready() does not see after
	 * this call raises it. One MMIO write at most and one read, which also makes sure that the device
	 * has had every write before it, an unmasked vector's too. */
	void (*arm)(struct accel *a);
	/* "Compare Failure (2/85h)" in buf; returns buf. */
	const char *(*status_text)(uint16_t status, char *buf, size_t n);
	/* True for the status that says that compared data differ. */
	bool (*is_miscompare)(uint16_t status);
	/* True for a status that says that the same request may succeed a little later. NULL: there is none.
	 */
	bool (*is_transient)(uint16_t status);
	/* True for the status that says that protection information is wrong. */
	bool (*is_pi_error)(uint16_t status);
	/* SL_OK while the device works; SL_DEVICE when it has stopped (fatal status, gone from the bus). */
	enum sl_err (*health)(struct accel *a);

	/* The following are NULL without services. */
	/* Makes a session; *id is good until the device is closed. Not for the data path. SL_UNSUPPORTED when
	 * the service is not in services, SL_BADVAL for lengths or algorithms that cannot be, SL_NOSPACE. */
	enum sl_err (*session)(struct accel *a, const struct accel_session *s, uint32_t *id);
	/* As submit(). SL_BUSY the tag is in flight, SL_RANGE no such session or tag, SL_BADVAL len. */
	unsigned (*submit_jobs)(struct accel *a, const struct accel_job *job, unsigned n);
	/* Bytes that the last deflate or inflate with this tag wrote to dst, when it was done without an
	 * error; never more than its room. */
	uint32_t (*produced)(const struct accel *a, uint32_t tag);
	/* True for the status that says that a digest is not the one it was compared with. */
	bool (*is_mismatch)(uint16_t status);
	/* Why results stay away, or what came that cannot be, in buf; returns buf. Reads registers: not for
	 * the data path. */
	const char *(*explain)(struct accel *a, char *buf, size_t n);
};

struct accel {
	const struct accel_driver *drv;
	uint32_t can;   /* BIT(enum accel_op): some store takes it */
	uint32_t depth; /* most requests in flight */
	enum sl_err refused;
	struct accel_stats stats;
	struct accel_store store[4];
	unsigned stores;
	uint32_t services; /* BIT(enum accel_service) */
};
