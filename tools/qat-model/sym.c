// Symmetric crypto: cipher, hash, and both in either order.
// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include "cipher.h"
#include "fw.h"
#include "hash.h"
#include "service.h"

struct region {
	uint64_t off, len;
};

struct job {
	const struct mem *m;
	const uint8_t *req;
	unsigned gen, command, flags;
	bool ciphers, hashes, gcm; /* gcm: single pass too */
	struct cipher cipher;
	struct hash hash;
	struct region crypt, auth;
	uint8_t iv[16];
	uint64_t digest_at; /* in the buffer when DIGEST_IN_BUFFER, else an address */
	unsigned digest_len;
	uint8_t *aad;
	size_t aad_len;
	struct sgl src, dst;
	uint8_t *data; /* the source, then the result */
	size_t data_len;
};

// Which parts the request asks for. Anything not known ends here.
static bool what(struct job *j)
{
	unsigned proto = j->flags & LA_PROTO, slice = j->flags & LA_SLICE;
	bool spc = j->flags & LA_SINGLE_PASS, ucs = slice == LA_SLICE_UCS;
	j->ciphers = j->command != LA_AUTH;
	j->hashes = j->command != LA_CIPHER;
	j->gcm = proto == LA_PROTO_GCM || spc;
	if (j->command > LA_HASH_CIPHER || (j->flags & (LA_PARTIAL | LA_UPDATE_STATE | LA_UNKNOWN)))
		return false;
	if ((proto && proto != LA_PROTO_GCM) || (slice && (!ucs || j->gen != 4)))
		return false;
	if (j->gcm && (j->command == LA_AUTH || (j->command == LA_CIPHER) != spc))
		return false;
	if (spc && (!ucs || !(j->flags & LA_GCM_IV_12)))
		return false;
	bool ret = j->flags & LA_RETURN_DIGEST, cmp = j->flags & LA_COMPARE_DIGEST;
	return (j->hashes || spc) ? ret != cmp : !ret && !cmp;
}

// The content descriptor: the cipher's and the hash's blocks lie where the control words of the request say.
static enum verdict descriptor(struct job *j)
{
	const uint8_t *r = j->req;
	uint8_t cd[255 * 8];
	size_t len = r[REQ_CD_WORDS] * 8u;
	if (get16(r + REQ_FLAGS) & FLAG_CD_INLINE)
		return REFUSED;
	if (mem_read(j->m, get64(r + REQ_CD), cd, len) != DONE)
		return DMA;
	if (j->ciphers) {
		size_t at = r[LA_CIPHER_CFG] * 8u;
		if (at > len || !cipher_parse(&j->cipher, cd + at, len - at, j->flags & LA_SLICE_UCS))
			return REFUSED;
	}
	if (!j->hashes)
		return (j->cipher.mode == CIPHER_AEAD) == j->gcm ? DONE : REFUSED;
	size_t at = r[LA_HASH_CFG] * 8u;
	size_t state2 = r[LA_STATE2_OFF] * 8u;
	if (r[LA_OUTER_PREFIX] || !hash_parse(&j->hash, cd, len, at, state2))
		return REFUSED;
	bool galois = j->hash.alg == HASH_GALOIS_128;
	if (galois != j->gcm || (galois && j->cipher.mode != CIPHER_CTR) ||
	    (j->ciphers && j->cipher.mode == CIPHER_AEAD))
		return REFUSED;
	if (galois) {
		uint8_t h[16];
		gcm_hash_key(&j->cipher, h);
		return memcmp(h, j->hash.state[1], sizeof h) ? REFUSED : DONE;
	}
	return DONE;
}

// Regions, IV, digest and additional data.
static enum verdict parameters(struct job *j)
{
	const uint8_t *r = j->req;
	bool spc = j->flags & LA_SINGLE_PASS;
	if (j->ciphers) {
		j->crypt = (struct region){get32(r + LA_CIPHER_OFF), get32(r + LA_CIPHER_LEN)};
		if (j->flags & LA_IV_INLINE)
			memcpy(j->iv, r + LA_IV, sizeof j->iv);
		else if (mem_read(j->m, get64(r + LA_IV), j->iv, sizeof j->iv) != DONE)
			return DMA;
	}
	if (j->hashes && !j->gcm)
		j->auth = (struct region){get32(r + LA_AUTH_OFF), get32(r + LA_AUTH_LEN)};
	if (j->gcm) {
		/* A hash over other bytes than the cipher's is GMAC, which is not known here. */
		if (!spc &&
		    (get32(r + LA_AUTH_OFF) != j->crypt.off || get32(r + LA_AUTH_LEN) != j->crypt.len))
			return REFUSED;
		j->auth = j->crypt;
	}
	if (j->hashes || spc) {
		bool cmp = j->flags & LA_COMPARE_DIGEST;
		unsigned most = j->gcm ? 16 : j->hash.digest_len;
		j->digest_len = spc || cmp ? r[LA_DIGEST_LEN] : r[LA_FINAL_LEN];
		if (!spc && cmp && !j->digest_len)
			j->digest_len = r[LA_FINAL_LEN];
		if (!j->digest_len || j->digest_len > most || (spc && j->digest_len != j->cipher.tag_len))
			return REFUSED;
		j->digest_at =
			j->flags & LA_DIGEST_IN_BUFFER ? j->auth.off + j->auth.len : get64(r + LA_DIGEST);
	}
	if (j->gcm) {
		j->aad_len = spc ? get32(r + LA_SPC_AAD_LEN) : j->hash.aad_len;
		if (j->aad_len > BYTES_MAX || (spc && j->aad_len != j->cipher.aad_len) ||
		    !(j->aad = malloc(j->aad_len + 1)))
			return REFUSED;
		if (j->aad_len && mem_read(j->m, get64(r + LA_AAD), j->aad, j->aad_len) != DONE)
			return DMA;
	}
	return DONE;
}

static uint64_t end(const struct region *r)
{
	return r->off + r->len;
}

// Hash, then cipher, with the digest in the buffer: it is ciphered too, as far as the cipher's region goes.
static bool ciphers_digest(const struct job *j)
{
	unsigned flags = LA_DIGEST_IN_BUFFER | LA_RETURN_DIGEST;
	return j->command == LA_HASH_CIPHER && !j->gcm && (j->flags & flags) == flags;
}

static enum verdict buffers(struct job *j)
{
	const uint8_t *r = j->req;
	bool list = get16(r + REQ_FLAGS) & FLAG_SGL;
	uint64_t src = get64(r + REQ_SRC), dst = get64(r + REQ_DST);
	uint64_t need = end(&j->crypt) > end(&j->auth) ? end(&j->crypt) : end(&j->auth);
	if ((j->flags & LA_DIGEST_IN_BUFFER) && (j->flags & LA_COMPARE_DIGEST || ciphers_digest(j)) &&
	    end(&j->auth) + j->digest_len > need)
		need = end(&j->auth) + j->digest_len;
	enum verdict v = sgl_get(j->m, &j->src, src, get32(r + REQ_SRC_LEN), list);
	if (v == DONE)
		v = sgl_get(j->m, &j->dst, dst ? dst : src, get32(r + (dst ? REQ_DST_LEN : REQ_SRC_LEN)),
			    list);
	if (v != DONE)
		return v;
	if (need > BYTES_MAX || !(j->data = calloc(1, need + 64)))
		return REFUSED;
	j->data_len = need;
	return sgl_read(j->m, &j->src, 0, j->data, need);
}

// The digest that was asked for goes out, or is compared with the one given.
static enum verdict digest(struct job *j, const uint8_t *is, bool *differs)
{
	bool in_buffer = j->flags & LA_DIGEST_IN_BUFFER;
	enum verdict v = DONE;
	if (j->flags & LA_RETURN_DIGEST) {
		if (in_buffer)
			return sgl_write(j->m, &j->dst, j->digest_at, is, j->digest_len);
		return mem_write(j->m, j->digest_at, is, j->digest_len);
	}
	uint8_t given[64];
	if (in_buffer)
		memcpy(given, j->data + j->digest_at, j->digest_len);
	else
		v = mem_read(j->m, j->digest_at, given, j->digest_len);
	*differs = v == DONE && memcmp(given, is, j->digest_len);
	return v;
}

static enum verdict work(struct job *j, bool *differs)
{
	uint8_t d[64];
	uint8_t *data = j->data + j->crypt.off;
	enum verdict v;
	if (j->gcm) {
		bool decrypt = j->command == LA_CIPHER ? j->cipher.decrypt : j->command == LA_HASH_CIPHER;
		gcm_run(&j->cipher, decrypt, j->iv, j->flags & LA_GCM_IV_12, j->aad, j->aad_len, data,
			j->crypt.len, d);
	} else if (j->command == LA_HASH_CIPHER || j->command == LA_AUTH) {
		hash_run(&j->hash, j->data + j->auth.off, j->auth.len, d);
	}
	/* A digest that lies in the buffer is compared before the cipher changes it. */
	if (ciphers_digest(j))
		memcpy(j->data + j->digest_at, d, j->digest_len);
	else if (j->command == LA_HASH_CIPHER && !j->gcm && (v = digest(j, d, differs)) != DONE)
		return v;
	if (j->ciphers && !j->gcm && !cipher_run(&j->cipher, j->iv, data, j->crypt.len))
		return REFUSED;
	if (j->command == LA_CIPHER_HASH && !j->gcm)
		hash_run(&j->hash, j->data + j->auth.off, j->auth.len, d);
	v = sgl_write(j->m, &j->dst, j->crypt.off, data, j->crypt.len);
	if (v == DONE && ciphers_digest(j))
		v = sgl_write(j->m, &j->dst, j->digest_at, j->data + j->digest_at, j->digest_len);
	if (v == DONE && j->digest_len && (j->gcm || j->command != LA_HASH_CIPHER))
		v = digest(j, d, differs);
	return v;
}

enum verdict sym_run(unsigned gen, const struct mem *m, const uint8_t *req, bool *digest_differs)
{
	struct job j = {.m = m,
			.req = req,
			.gen = gen,
			.command = req[REQ_COMMAND],
			.flags = get16(req + REQ_SERV_FLAGS)};
	enum verdict v = what(&j) ? descriptor(&j) : REFUSED;
	if (v == DONE)
		v = parameters(&j);
	if (v == DONE)
		v = buffers(&j);
	if (v == DONE)
		v = work(&j, digest_differs);
	free(j.aad);
	free(j.data);
	sgl_put(&j.src);
	sgl_put(&j.dst);
	return v;
}

void sym_flip(const struct mem *m, const uint8_t *req)
{
	uint64_t src = get64(req + REQ_SRC), dst = get64(req + REQ_DST);
	uint32_t len = get32(req + LA_CIPHER_LEN);
	uint64_t at = (uint64_t)get32(req + LA_CIPHER_OFF) + (len < 16 ? len : 16) - 1;
	struct sgl out = {0};
	uint8_t last;
	if (req[REQ_SERVICE] != SERVICE_LA || req[REQ_COMMAND] == LA_AUTH || !len)
		return;
	if (sgl_get(m, &out, dst ? dst : src, get32(req + (dst ? REQ_DST_LEN : REQ_SRC_LEN)),
		    get16(req + REQ_FLAGS) & FLAG_SGL) == DONE &&
	    sgl_read(m, &out, at, &last, 1) == DONE) {
		last ^= 1;
		sgl_write(m, &out, at, &last, 1);
	}
	sgl_put(&out);
}
