/* Messages between the driver of a gen4 VF and the driver of its PF: only the latter knows which bank of
 * rings has which service. Needed when Sluice did not load the PF's firmware. Never run on silicon: gen.h. */
#pragma once
#include "drivers/qat/gen.h"
#include "kernel/err.h"

/* The VF's BAR2; a host test brings its own. */
struct qat_mailbox_io {
	uint32_t (*rd)(void *ctx, uint32_t off);
	void (*wr)(void *ctx, uint32_t off, uint32_t v);
	void *ctx;
};

/* Registers mapped uncached. */
struct qat_mailbox_io qat_mailbox_mmio(volatile uint8_t *regs);

#define QAT_MAILBOX_BYTES 0x1010u /* least length of the BAR */

/* Asks for the ring map and fills pair: the first bank with each service, there = false where no bank has it.
 * Waits for each of 5 answers at most half a second. SL_TIMEOUT: no answer; SL_BADVAL: the answer is not a
 * ring map, or was damaged on the way. */
enum sl_err qat_mailbox_pairs(const struct qat_mailbox_io *io, const struct qat_gen *gen,
			      struct qat_pair pair[QAT_SERVICES]) MUST_CHECK;
