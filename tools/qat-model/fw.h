/* Requests and responses as they lie in the rings: byte offsets and fields, little-endian. The same for both generations.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdint.h>
#include <string.h>

static inline uint32_t get16(const uint8_t *p) { return p[0] | (uint32_t)p[1] << 8; }
static inline uint32_t get32(const uint8_t *p) { return get16(p) | get16(p + 2) << 16; }
static inline uint64_t get64(const uint8_t *p) { return get32(p) | (uint64_t)get32(p + 4) << 32; }
static inline void put32(uint8_t *p, uint32_t v) { for (int i = 0; i < 4; i++) p[i] = (uint8_t)(v >> 8 * i); }
static inline void put64(uint8_t *p, uint64_t v) { for (int i = 0; i < 8; i++) p[i] = (uint8_t)(v >> 8 * i); }

enum { REQ_BYTES = 128, PKE_REQ_BYTES = 64, RESP_BYTES = 32 };

/* Request: header, content descriptor, buffers, service parameters, content descriptor control. */
enum {
	REQ_COMMAND = 0x01, REQ_SERVICE = 0x02, REQ_VALID = 0x03 /* bit 7 */, REQ_SERV_FLAGS = 0x04, REQ_FLAGS = 0x06,
	REQ_CD = 0x08, REQ_CD_WORDS = 0x12, REQ_OPAQUE = 0x18, REQ_SRC = 0x20, REQ_DST = 0x28, REQ_SRC_LEN = 0x30,
	REQ_DST_LEN = 0x34, REQ_PARAMS = 0x38,
};
enum { SERVICE_NULL = 0, SERVICE_PKE = 3, SERVICE_LA = 4, SERVICE_COMP = 9 };
enum { FLAG_SGL = 1u << 0, FLAG_CD_INLINE = 1u << 1 };
enum { HDR_VALID = 0x80, HDR_CNV = 0x40 };

/* LA: symmetric crypto. */
enum { LA_CIPHER = 0, LA_AUTH = 1, LA_CIPHER_HASH = 2, LA_HASH_CIPHER = 3 };
enum {
	LA_CIPHER_OFF = 0x38, LA_CIPHER_LEN = 0x3c, LA_IV = 0x40, LA_AUTH_OFF = 0x50, LA_AUTH_LEN = 0x54, LA_AAD = 0x58,
	LA_DIGEST = 0x60, LA_HASH_STATE_SZ = 0x6a, LA_DIGEST_LEN = 0x6b,
	LA_SPC_AAD_LEN = 0x54, /* single pass: instead of auth offset and length */
	LA_CIPHER_CFG = 0x6e, LA_HASH_FLAGS = 0x71, LA_HASH_CFG = 0x72, LA_OUTER_PREFIX = 0x75, LA_FINAL_LEN = 0x76,
	LA_STATE1_LEN = 0x79, LA_STATE2_OFF = 0x7a,
};
enum {
	LA_PARTIAL = 3u << 0, LA_IV_INLINE = 1u << 2, LA_UPDATE_STATE = 1u << 4, LA_RETURN_DIGEST = 1u << 5,
	LA_COMPARE_DIGEST = 1u << 6, LA_PROTO = 7u << 7, LA_PROTO_GCM = 2u << 7, LA_DIGEST_IN_BUFFER = 1u << 10,
	LA_GCM_IV_12 = 1u << 11, LA_SINGLE_PASS = 1u << 13, LA_SLICE = 3u << 14, LA_SLICE_UCS = 1u << 14,
	LA_UNKNOWN = 1u << 3 | 1u << 12, /* configuration in the card's memory; ZUC */
};

/* Response. */
enum {
	RESP_ID = 0x01, RESP_SERVICE = 0x02, RESP_FLAGS = 0x03, RESP_COMP_ERROR = 0x05, RESP_STATUS = 0x06,
	RESP_COMMAND = 0x07, RESP_OPAQUE = 0x08, RESP_DATA = 0x10,
	PKE_RESP_STATUS = 0x05, /* of the PKE service */
};
enum { STATUS_CRYPTO = 0x80, STATUS_PKE = 0x40, STATUS_COMP = 0x20, STATUS_LAST_BLOCK = 0x08 };
