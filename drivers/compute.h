/* Devices without a medium, which compute: sessions are made once, and jobs refer to them. The queue is that
 * of drivers/queue.h. */
#pragma once
#include "drivers/crypto/sha.h"
#include "drivers/queue.h"

enum compute_service {
	COMPUTE_CIPHER,  /* AES in CBC, CTR or XTS mode */
	COMPUTE_HASH,    /* a digest of the data */
	COMPUTE_HMAC,    /* the same with a key */
	COMPUTE_CHAIN,   /* encrypt, then HMAC of the ciphertext; or check the HMAC, then decrypt */
	COMPUTE_AEAD,    /* AES-GCM */
	COMPUTE_DEFLATE, /* RFC 1951, without a wrapper */
	COMPUTE_INFLATE,
	COMPUTE_SERVICES
};

enum compute_cipher { COMPUTE_AES_CBC, COMPUTE_AES_CTR, COMPUTE_AES_XTS };

struct compute_session {
	uint8_t service; /* enum compute_service */
	uint8_t cipher;  /* enum compute_cipher: cipher; chain, but for XTS */
	uint8_t hash;    /* enum sha: hash, HMAC, chain */
	bool decrypt;    /* cipher, chain, AEAD */
	bool check;   /* hash, HMAC: the device compares the digest. Chain, AEAD: it does when decrypting */
	bool dynamic; /* deflate: Huffman tables of its own, else the fixed ones */
	uint8_t key_len; /* 16, 24 or 32: cipher, chain, AEAD. XTS: 32 or 64, both keys one after the other */
	uint8_t aad_len; /* AEAD */
	uint8_t mac_len; /* HMAC, chain: bytes of mac_key */
	uint8_t key[64], mac_key[SHA_BLOCK_MAX];
};

struct compute_job {
	uint32_t session; /* from session() */
	uint32_t tag;     /* any value below queue.depth that is not in flight; comes back in queue_done */
	iova_t src, dst;  /* may be equal except for deflate and inflate; hash and HMAC have no dst */
	uint32_t len;     /* bytes at src; CBC, XTS: a multiple of 16 */
	uint32_t room;    /* deflate, inflate: bytes at dst */
	iova_t digest;    /* hash, HMAC, chain, AEAD: the output, or the expected value */
	iova_t aad;       /* AEAD: zero-padded to a multiple of 16 bytes */
	uint64_t iv[2];   /* cipher, chain: 16 bytes as they are (XTS: the tweak); AEAD: the first 12 */
};

struct compute;

struct compute_ops {
	/* Makes a session; *id is good until the device is closed. Not for the data path. SL_UNSUPPORTED when
	 * the service is not in services, SL_BADVAL for invalid lengths or algorithms, SL_NOSPACE. */
	enum sl_err (*session)(struct compute *c, const struct compute_session *s, uint32_t *id);
	/* Puts up to n jobs in the rings and returns how many went in; fewer only when a job is refused, and
	 * queue.refused then says why: SL_BUSY the tag is in flight, SL_RANGE no such session or tag,
	 * SL_BADVAL len. */
	unsigned (*submit)(struct compute *c, const struct compute_job *job, unsigned n);
	/* Bytes that the last deflate or inflate with this tag wrote to dst, when it succeeded; never more
	 * than its room. */
	uint32_t (*produced)(const struct compute *c, uint32_t tag);
	/* True for the status of a digest that does not match. */
	bool (*is_mismatch)(uint16_t status);
};

struct compute {
	struct queue q; /* first: what the queue's functions get */
	const struct compute_ops *ops;
	uint32_t services; /* BIT(enum compute_service) */
};
