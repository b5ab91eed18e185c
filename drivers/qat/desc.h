/* Structures in memory shared by host and device: requests of 128 bytes, responses of 32, and the content
 * descriptor that a request of symmetric crypto points to, which holds keys and states. Little-endian except
 * where noted. Both generations take the same, with other slices (units of the device) for some. */
#pragma once
#include "kernel/bits.h"

enum qat_fw_service { FW_LA = 4, FW_COMP = 9 };
enum qat_fw_la { LA_CIPHER = 0, LA_AUTH = 1, LA_CIPHER_HASH = 2, LA_HASH_CIPHER = 3 };
enum qat_fw_comp { COMP_STATIC = 0, COMP_DYNAMIC = 1, COMP_DECOMPRESS = 2 };
enum qat_slice { SLICE_CIPHER = 1, SLICE_AUTH = 2, SLICE_DRAM_WR = 4, SLICE_COMP = 5 };

struct qat_request {
	uint8_t rsvd0;
	uint8_t command; /* of the service */
	uint8_t service; /* enum qat_fw_service */
	uint8_t valid;   /* REQ_VALID */
	uint16_t service_flags;
	uint16_t common_flags;
	union {
		struct {
			uint64_t cd; /* device address of the content descriptor */
			uint16_t rsvd10;
			uint8_t cd_words; /* its size in units of 8 bytes */
			uint8_t rsvd13;
			uint32_t rsvd14;
		};
		uint32_t config[4]; /* COMMON_INLINE: configuration of the slice */
	};
	uint64_t opaque;
	uint64_t src, dst;
	uint32_t src_len, dst_len;
	union {
		struct {
			uint32_t cipher_off, cipher_len;
			uint64_t iv[2];
			uint32_t auth_off;
			uint32_t auth_len; /* single pass: bytes of AAD */
			uint64_t aad;
			uint64_t digest;
			uint8_t aad_len; /* rounded up to 16 */
			uint8_t rsvd69;
			uint8_t aad_words; /* the same in units of 8 bytes */
			uint8_t digest_len;
			/* What the slices do; offsets and the first two in units of 8 bytes. */
			uint8_t iv_words, key_words, cipher_at, cipher_slices;
			uint8_t rsvd70, hash_flags, hash_at, hash_slices;
			uint8_t rsvd74[2], digest_out, digest_in;
			uint8_t rsvd78, state1_len, state2_at, state2_len;
			uint32_t rsvd7c;
		};
		struct {
			uint32_t comp_len, comp_room;
			uint32_t crc32, adler32; /* to start from */
			uint32_t comp_flags;
			uint32_t rsvd4c[5];
			uint8_t rsvd60[3], comp_slices;
			uint32_t rsvd64[7];
		};
	};
};
_Static_assert(sizeof(struct qat_request) == 128 && offsetof(struct qat_request, opaque) == 0x18 &&
		       offsetof(struct qat_request, cipher_off) == 0x38 &&
		       offsetof(struct qat_request, digest_len) == 0x6b &&
		       offsetof(struct qat_request, hash_slices) == 0x73 &&
		       offsetof(struct qat_request, state2_len) == 0x7b &&
		       offsetof(struct qat_request, comp_slices) == 0x63,
	       "layout");

#define REQ_VALID             0x80u
#define COMMON_INLINE         BIT(1) /* config[], no content descriptor */
#define LA_IV_INLINE          BIT(2)
#define LA_RETURN_DIGEST      BIT(5)
#define LA_COMPARE_DIGEST     BIT(6)
#define LA_PROTOCOL           BITS(9, 7)
#define LA_GCM                2u
#define LA_GCM_IV_12          BIT(11)
#define LA_SINGLE_PASS        BIT(13)
#define LA_SLICE_UCS          BIT(14)
#define SLICES(current, next) ((uint8_t)((next) << 4 | (current)))

/* Configuration word of a cipher block; then 4 bytes, or 12 on a UCS slice, then the key. */
#define CIPHER_ALGO BITS(3, 0)
enum { CIPHER_AES128 = 3, CIPHER_AES192 = 4, CIPHER_AES256 = 5 };
#define CIPHER_MODE BITS(7, 4)
enum { CIPHER_CBC = 1, CIPHER_CTR = 2, CIPHER_AEAD = 4, CIPHER_XTS = 6 };
#define CIPHER_DECRYPT    BIT(8)
#define CIPHER_CONVERT    BIT(9) /* the key is that of encryption; decrypting needs the last round key */
#define CIPHER_DIGEST_LEN BITS(14, 10)
#define CIPHER_AAD_LEN    BITS(31, 24) /* in the second dword */
#define CIPHER_BLOCK      8u
#define CIPHER_BLOCK_UCS  16u

/* Configuration word of a hash block; at 8 the bytes that its state already holds, big-endian; at 16 state1
 * and, rounded up to 8, state2. */
#define AUTH_ALGO BITS(3, 0)
enum { AUTH_SHA1 = 1, AUTH_SHA224 = 3, AUTH_SHA256, AUTH_SHA384, AUTH_SHA512, AUTH_GALOIS = 10 };
#define AUTH_MODE BITS(7, 4)
enum { AUTH_PLAIN = 0, AUTH_HMAC = 1 };
#define AUTH_COMPARE_LEN BITS(14, 8)
#define AUTH_BLOCK       16u

#define QAT_CD_BYTES 512u /* room for any content descriptor */

/* Compression: configuration words, flags of a request. Gen4's words are big-endian. */
#define COMP2_DECOMPRESS BIT(4) /* direction: bits 6:4 */
#define COMP4_LOW        0x107u /* ILZ77, search depth 1, extended delayed match, no hash update when skipping */
#define COMP4_HIGH       (259u | 258u << 9)
#define COMP4_DECOMPRESS 0x20u
#define COMP_AUTO_BEST   BIT(3) /* service flag: a stored or static block where that is shorter */
#define COMP_SOP         BIT(0)
#define COMP_EOP         BIT(1)
#define COMP_BFINAL      BIT(6)
#define COMP_VERIFY      BIT(16) /* the device decompresses its output and compares */
#define COMP_RECOVER     BIT(17) /* and returns a stored block when they differ */

/* Response, as four 64-bit words: [0] flags and status, [1] opaque, [2] and [3] by service. */
#define RSP_XLAT_ERROR BITS(39, 32)
#define RSP_COMP_ERROR BITS(47, 40)
#define RSP_STATUS     BITS(55, 48)
#define STATUS_CRYPTO  BIT(7)
#define STATUS_PKE     BIT(6)
#define STATUS_COMP    BIT(5)
#define STATUS_XLAT    BIT(4)
#define RSP_CONSUMED   BITS(31, 0)  /* of [2] */
#define RSP_PRODUCED   BITS(63, 32) /* of [2] */
