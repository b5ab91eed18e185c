/* A bank of QAT rings as a VF shows it, for host tests: registers in an array, looked at when
 * qat_model_step() is called. It reads requests by byte offsets and shares no declaration of registers or
 * descriptors with the driver. Its deflate makes stored blocks. */
#pragma once
#include "kernel/bits.h"

#define QAT_MODEL_BANKS 4
#define QAT_MODEL_RINGS 16

struct qat_model {
	unsigned gen; /* 2, 4 */
	/* Device address -> memory; NULL where it has no right. */
	void *(*reach)(void *ctx, uint64_t iova, uint64_t len, bool write);
	void *ctx;

	/* Faults. */
	bool stuck; /* nothing is answered */
	bool flip;  /* the first byte of each output is wrong */
	/* Not 0: one bit of each output is wrong, at a place that is drawn, and the status is good. */
	uint64_t data;
	uint8_t *spoilt; /* where the last one is; NULL: the job wrote nothing */
	bool (*tamper)(struct qat_model *m, uint8_t answer[32]); /* a response; false: not posted */

	/* State and what was seen. */
	uint32_t head[QAT_MODEL_BANKS][QAT_MODEL_RINGS], tail[QAT_MODEL_BANKS][QAT_MODEL_RINGS];
	uint64_t answered, dma_errors;
	uint64_t errors; /* things a driver must not do: a tail outside the ring, no room for a response */
	_Alignas(4096) uint8_t bar[QAT_MODEL_BANKS * 0x2000];
};

void qat_model_init(struct qat_model *m, unsigned gen, void *(*reach)(void *, uint64_t, uint64_t, bool),
		    void *ctx);

/* Function level reset: registers and rings. Ordered faults stay. */
void qat_model_reset(struct qat_model *m);

/* Fetches what the tails tell of, carries it out and posts the answers. */
void qat_model_step(struct qat_model *m);

/* Posts any response to a ring. */
void qat_model_post(struct qat_model *m, unsigned bank, unsigned ring, const uint8_t answer[32]);
