#include "drivers/qat/session.h"
#include "kernel/str.h"

#define HASH_TAG 16u /* GCM */

/* A content descriptor as it grows, and the request that tells of it. */
struct build {
	const struct qat_gen *gen;
	const struct compute_session *s;
	struct qat_request *r;
	uint8_t *cd;
	unsigned len;
};

static void put32(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> 8 * i);
}

static unsigned up8(unsigned n)
{
	return (unsigned)ALIGN_UP(n, 8);
}

static bool is_gen4(const struct build *b)
{
	return b->gen->number == 4;
}

static void add_cipher(struct build *b, unsigned mode, unsigned next)
{
	const struct compute_session *s = b->s;
	uint8_t *at = b->cd + b->len;
	unsigned bytes = mode == CIPHER_XTS ? s->key_len / 2 : s->key_len; /* XTS: key 1, key 2 */
	unsigned algo = bytes == 16 ? CIPHER_AES128 : bytes == 24 ? CIPHER_AES192 : CIPHER_AES256;
	bool ucs = is_gen4(b) && mode != CIPHER_CBC, aead = mode == CIPHER_AEAD;
	unsigned head = ucs ? CIPHER_BLOCK_UCS : CIPHER_BLOCK, key = s->key_len;
	uint64_t config = FPUT(CIPHER_ALGO, algo) | FPUT(CIPHER_MODE, mode);
	if (s->decrypt && mode != CIPHER_CTR) /* CTR is the same both ways */
		config |= CIPHER_DECRYPT;
	if (s->decrypt && (mode == CIPHER_CBC || mode == CIPHER_XTS) && !ucs)
		config |= CIPHER_CONVERT;
	if (aead)
		config |= FPUT(CIPHER_DIGEST_LEN, HASH_TAG);
	put32(at, config);
	put32(at + 4, aead ? FPUT(CIPHER_AAD_LEN, s->aad_len) : 0);
	if (mode == CIPHER_XTS && ucs)
		key = bytes; /* the CPU keeps key 2 */
	memcpy(at + head, s->key, key);
	if (mode == CIPHER_XTS && ucs && s->decrypt) {
		struct aes forward; /* this slice does not convert it */
		if (aes_init(&forward, s->key, key) == SL_OK)
			aes_last_key(&forward, key, at + head);
	}
	if (ucs)
		key = (unsigned)ALIGN_UP(key, 16);
	b->r->iv_words = AES_BLOCK / 8;
	b->r->key_words = (uint8_t)(key / 8);
	b->r->cipher_at = (uint8_t)(b->len / 8);
	b->r->cipher_slices = SLICES(SLICE_CIPHER, next);
	if (ucs)
		b->r->service_flags |= (uint16_t)LA_SLICE_UCS;
	b->len += head + key;
}

/* Head of a hash block with states of these lengths; returns where state1 is. */
static uint8_t *add_auth(struct build *b, uint64_t config, unsigned counted, unsigned digest, unsigned state1,
			 unsigned state2, unsigned next)
{
	uint8_t *at = b->cd + b->len;
	put32(at, config | FPUT(AUTH_COMPARE_LEN, digest));
	at[11] = (uint8_t)counted; /* big-endian, at 8 */
	b->r->hash_at = (uint8_t)(b->len / 8);
	b->r->hash_slices = SLICES(SLICE_AUTH, next);
	b->r->digest_out = b->r->digest_in = b->r->digest_len = (uint8_t)digest;
	b->r->state1_len = (uint8_t)up8(state1);
	b->r->state2_at = (uint8_t)((b->len + AUTH_BLOCK + up8(state1)) / 8);
	b->r->state2_len = (uint8_t)up8(state2);
	b->len += AUTH_BLOCK + up8(state1) + up8(state2);
	return at + AUTH_BLOCK;
}

/* The device continues from the states; it never gets the key of an HMAC. */
static void add_hash(struct build *b, bool keyed, unsigned next)
{
	static const uint8_t algo[SHA_KINDS] = {AUTH_SHA1, AUTH_SHA224, AUTH_SHA256, AUTH_SHA384,
						AUTH_SHA512};
	const struct compute_session *s = b->s;
	enum sha kind = (enum sha)s->hash;
	unsigned size = sha_size(kind), state_size = sha_state_size(kind);
	struct sha_state inner, outer;
	uint64_t config = FPUT(AUTH_ALGO, algo[kind]) | FPUT(AUTH_MODE, keyed ? AUTH_HMAC : AUTH_PLAIN);
	uint8_t *state =
		add_auth(b, config, keyed ? sha_block_size(kind) : 0, size, state_size, state_size, next);
	if (!keyed) {
		sha_init(&inner, kind);
		sha_save(&inner, state);
		return;
	}
	hmac_begin(kind, s->mac_key, s->mac_len, &inner, &outer);
	sha_save(&inner, state);
	sha_save(&outer, state + up8(state_size));
}

/* H, the length of the AAD, and room for the first counter block encrypted. */
static enum sl_err add_galois(struct build *b, unsigned next)
{
	struct aes aes;
	enum sl_err e = aes_init(&aes, b->s->key, b->s->key_len);
	if (e)
		return e;
	uint64_t config = FPUT(AUTH_ALGO, AUTH_GALOIS) | FPUT(AUTH_MODE, AUTH_HMAC);
	uint8_t *state2 =
		add_auth(b, config, AES_BLOCK, HASH_TAG, AES_BLOCK, 2 * AES_BLOCK + 8, next) + AES_BLOCK;
	aes_block(&aes, state2, state2);       /* of zeros */
	state2[AES_BLOCK + 3] = b->s->aad_len; /* big-endian, 4 bytes of 8 */
	return SL_OK;
}

static void digest_flags(struct build *b, bool check)
{
	b->r->service_flags |= (uint16_t)(check ? LA_COMPARE_DIGEST : LA_RETURN_DIGEST);
}

static enum sl_err make_aead(struct build *b)
{
	struct qat_request *r = b->r;
	bool dec = b->s->decrypt;
	enum sl_err e = SL_OK;
	r->service_flags = (uint16_t)(LA_GCM_IV_12 | FPUT(LA_PROTOCOL, LA_GCM));
	digest_flags(b, dec);
	if (is_gen4(b)) {
		r->command = LA_CIPHER;
		r->service_flags |= (uint16_t)LA_SINGLE_PASS;
		add_cipher(b, CIPHER_AEAD, SLICE_DRAM_WR);
		r->digest_len = HASH_TAG;
		r->auth_len = b->s->aad_len;
		return SL_OK;
	}
	r->command = dec ? LA_HASH_CIPHER : LA_CIPHER_HASH;
	r->aad_len = (uint8_t)ALIGN_UP(b->s->aad_len, AES_BLOCK);
	r->aad_words = r->aad_len / 8;
	if (dec) {
		e = add_galois(b, SLICE_CIPHER);
		add_cipher(b, CIPHER_CTR, SLICE_DRAM_WR);
	} else {
		add_cipher(b, CIPHER_CTR, SLICE_AUTH);
		e = add_galois(b, SLICE_DRAM_WR);
	}
	return e;
}

static enum sl_err make_la(struct build *b, struct qat_session *out)
{
	struct qat_request *r = b->r;
	const struct compute_session *s = b->s;
	unsigned mode = s->cipher == COMPUTE_AES_CBC   ? CIPHER_CBC
			: s->cipher == COMPUTE_AES_CTR ? CIPHER_CTR
						       : CIPHER_XTS;
	enum sl_err e = SL_OK;
	r->service = FW_LA;
	switch (s->service) {
	case COMPUTE_CIPHER:
		r->command = LA_CIPHER;
		add_cipher(b, mode, SLICE_DRAM_WR);
		out->tweaks = mode == CIPHER_XTS && is_gen4(b);
		if (out->tweaks)
			e = aes_init(&out->tweak, s->key + s->key_len / 2, s->key_len / 2);
		break;
	case COMPUTE_HASH:
	case COMPUTE_HMAC:
		r->command = LA_AUTH;
		add_hash(b, s->service == COMPUTE_HMAC, SLICE_DRAM_WR);
		digest_flags(b, s->check);
		out->in_place = true;
		break;
	case COMPUTE_CHAIN:
		r->command = s->decrypt ? LA_HASH_CIPHER : LA_CIPHER_HASH;
		if (s->decrypt) {
			add_hash(b, true, SLICE_CIPHER);
			add_cipher(b, mode, SLICE_DRAM_WR);
		} else {
			add_cipher(b, mode, SLICE_AUTH);
			add_hash(b, true, SLICE_DRAM_WR);
		}
		digest_flags(b, s->decrypt);
		break;
	default:
		e = make_aead(b);
	}
	if (s->service != COMPUTE_HASH && s->service != COMPUTE_HMAC) {
		r->service_flags |= (uint16_t)LA_IV_INLINE;
		out->cipher_len = BITS(63, 32);
	}
	if (s->service != COMPUTE_CIPHER && !(s->service == COMPUTE_AEAD && is_gen4(b)))
		out->auth_len = BITS(63, 32);
	if (mode != CIPHER_CTR && (s->service == COMPUTE_CIPHER || s->service == COMPUTE_CHAIN))
		out->odd = AES_BLOCK - 1;
	r->cd_words = (uint8_t)(b->len / 8);
	out->ring = QAT_SYM;
	return e;
}

static void make_comp(struct build *b, struct qat_session *out)
{
	struct qat_request *r = b->r;
	bool inflate = b->s->service == COMPUTE_INFLATE;
	r->service = FW_COMP;
	r->command = inflate ? COMP_DECOMPRESS : b->s->dynamic ? COMP_DYNAMIC : COMP_STATIC;
	r->common_flags = (uint16_t)COMMON_INLINE;
	if (is_gen4(b)) {
		r->service_flags = (uint16_t)COMP_AUTO_BEST;
		r->config[0] = __builtin_bswap32(inflate ? COMP4_DECOMPRESS : COMP4_LOW);
		r->config[1] = inflate ? 0 : __builtin_bswap32(COMP4_HIGH);
	} else {
		r->config[0] = inflate ? (uint32_t)COMP2_DECOMPRESS : 0;
		r->comp_slices = SLICES(SLICE_COMP, SLICE_DRAM_WR);
	}
	r->adler32 = 1;
	r->comp_flags = (uint32_t)(COMP_SOP | COMP_EOP | COMP_BFINAL);
	if (!inflate)
		r->comp_flags |= (uint32_t)(COMP_VERIFY | COMP_RECOVER);
	out->ring = QAT_DC;
}

static bool key_is_good(const struct compute_session *s)
{
	unsigned len = s->key_len;
	if (s->service == COMPUTE_CIPHER && s->cipher == COMPUTE_AES_XTS)
		return len == 32 || len == 64;
	return len == 16 || len == 24 || len == 32;
}

static enum sl_err check(const struct qat_gen *gen, const struct compute_session *s)
{
	bool ciphers = s->service == COMPUTE_CIPHER || s->service == COMPUTE_CHAIN;
	bool hashes = s->service == COMPUTE_HASH || s->service == COMPUTE_HMAC || s->service == COMPUTE_CHAIN;
	if (s->service >= COMPUTE_SERVICES)
		return SL_BADVAL;
	if ((ciphers || s->service == COMPUTE_AEAD) && !key_is_good(s))
		return SL_BADVAL;
	if ((ciphers && s->cipher > (s->service == COMPUTE_CIPHER ? COMPUTE_AES_XTS : COMPUTE_AES_CTR)) ||
	    (hashes && s->hash >= SHA_KINDS))
		return SL_BADVAL;
	if (hashes && s->service != COMPUTE_HASH && s->mac_len > sizeof s->mac_key)
		return SL_BADVAL;
	/* Rounded up to blocks it must fit a byte of the request. */
	if (s->service == COMPUTE_AEAD && s->aad_len > 240)
		return SL_BADVAL;
	return s->service == COMPUTE_DEFLATE && s->dynamic && !qat_dynamic(gen) ? SL_UNSUPPORTED : SL_OK;
}

enum sl_err qat_session_make(const struct qat_gen *gen, const struct compute_session *s, uint8_t *cd,
			     iova_t cd_iova, struct qat_session *out)
{
	struct qat_request r = {.valid = REQ_VALID};
	struct build b = {.gen = gen, .s = s, .r = &r, .cd = cd};
	enum sl_err e = check(gen, s);
	if (e)
		return e;
	memset(out, 0, sizeof *out);
	memset(cd, 0, QAT_CD_BYTES);
	if (s->service == COMPUTE_DEFLATE || s->service == COMPUTE_INFLATE) {
		make_comp(&b, out);
	} else {
		e = make_la(&b, out);
		r.cd = cd_iova.v;
	}
	memcpy(out->request, &r, sizeof r);
	return e;
}

uint32_t qat_services(enum qat_service ring)
{
	return ring == QAT_DC ? (uint32_t)(BIT(COMPUTE_DEFLATE) | BIT(COMPUTE_INFLATE))
			      : (uint32_t)(BIT(COMPUTE_CIPHER) | BIT(COMPUTE_HASH) | BIT(COMPUTE_HMAC) |
					   BIT(COMPUTE_CHAIN) | BIT(COMPUTE_AEAD));
}

bool qat_dynamic(const struct qat_gen *gen)
{
	return gen->number == 4;
}
