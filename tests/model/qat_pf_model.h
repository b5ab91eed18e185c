/* The PF of a card for host tests, of C62x and of 4xxx: engines, the unit that loads firmware, admin
 * messages, arbiter and maps, by byte offsets and without a declaration of the driver's. What it takes for a
 * signature is a sum. */
#pragma once
#include "kernel/bits.h"

#define QAT_PF_MODEL_ENGINES 10

struct qat_pf_model {
	unsigned gen; /* 2, 4 */
	/* Device address -> memory; NULL where there is none. */
	void *(*reach)(void *ctx, uint64_t iova, uint64_t len);
	void *ctx;

	/* Faults. */
	bool stuck;    /* nothing leaves reset */
	uint32_t dead; /* engines that do not count */
	uint32_t busy; /* engines that take no register writes */
	uint32_t runs,
		ready_to_run;  /* engines that run, or whose contexts are on, though they were not started */
	unsigned slow;         /* writes that an engine does not take at once */
	bool mute;             /* the loading unit never answers */
	bool load_fails;       /* of engine 3 */
	bool never_starts;     /* */
	uint32_t silent, sick; /* engines that answer no message, or with an error */
	bool gone;             /* from the bus */
	bool asleep;           /* 4xxx: does not power up */

	/* State and what was seen. */
	uint32_t reset, clocks, fcu, authentic, loaded, running, contexts[QAT_PF_MODEL_ENGINES];
	uint32_t constants, ready, command, cycles;
	bool mmp, powered;
	unsigned wait;
	uint64_t now, since; /* since: when the command was given */
	uint64_t errors;     /* things that a driver must not do */
	const char *last;    /* the last of them */
	char order[64];      /* what was done, a letter each: see qat_pf_model.c */
	uint8_t misc[0x40000], rings[0x40000];
};

void qat_pf_model_init(struct qat_pf_model *m, unsigned gen, void *(*reach)(void *, uint64_t, uint64_t),
		       void *ctx);
uint32_t qat_pf_model_rd(struct qat_pf_model *m, bool rings, uint32_t off);
void qat_pf_model_wr(struct qat_pf_model *m, bool rings, uint32_t off, uint32_t v);

/* The signature that the model wants over these bytes, going on from sum (0 at first). */
uint64_t qat_pf_model_sum(uint64_t sum, const uint8_t *p, size_t n);

/* True when requests of this ring pair of a VF would be taken. */
bool qat_pf_model_serves(const struct qat_pf_model *m, unsigned pair);
