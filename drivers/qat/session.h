/* A session: the part common to all requests of one kind, made once: the request, and the content descriptor
 * with keys and hash states. */
#pragma once
#include "drivers/compute.h"
#include "drivers/crypto/aes.h"
#include "drivers/qat/desc.h"
#include "drivers/qat/gen.h"

struct qat_session {
	uint64_t request[sizeof(struct qat_request) / 8];
	uint64_t cipher_len, auth_len; /* masks of the fields for a job's length, in its 64-bit word */
	uint32_t odd;                  /* bits that a job's length must not have */
	uint8_t ring;                  /* enum qat_service */
	bool in_place;                 /* no dst: its field holds src */
	bool tweaks;                   /* XTS on gen4: the device expects the tweak encrypted, */
	struct aes tweak;              /* by this */
};

/* Fills out and the content descriptor (QAT_CD_BYTES at cd, which the device sees at cd_iova). The keys are
 * copied. SL_BADVAL for invalid lengths and algorithms, SL_UNSUPPORTED for a service not in
 * qat_services(). */
enum sl_err qat_session_make(const struct qat_gen *gen, const struct compute_session *s, uint8_t *cd,
			     iova_t cd_iova, struct qat_session *out) MUST_CHECK;

/* BIT(enum compute_service) of those that a ring pair of this kind offers. */
uint32_t qat_services(enum qat_service ring);
/* True when deflate can make dynamic Huffman tables. Gen2 would need intermediate memory for that. */
bool qat_dynamic(const struct qat_gen *gen);
