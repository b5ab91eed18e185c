/* Registers of the PF, for the files of this folder. */
#pragma once
#include "drivers/qat/pf.h"
#include "drivers/qat/pf_regs.h"

static inline uint32_t pf_rd(const struct qat_pf *pf, uint32_t off)
{
	return pf->io.rd(pf->io.ctx, QAT_PF_MISC, off);
}

static inline void pf_wr(const struct qat_pf *pf, uint32_t off, uint64_t v)
{
	pf->io.wr(pf->io.ctx, QAT_PF_MISC, off, (uint32_t)v);
}

/* Offsets of an engine's registers. */
static inline uint32_t pf_csr(const struct qat_pf *pf, unsigned ae, uint32_t csr)
{
	return pf->chip->ae + QAT_AE_STRIDE * ae + QAT_AE_CSR + csr;
}

static inline uint32_t pf_xfer(const struct qat_pf *pf, unsigned ae, unsigned n)
{
	return pf->chip->ae + QAT_AE_STRIDE * ae + 4 * n;
}

static inline uint64_t pf_now(const struct qat_pf *pf)
{
	return pf->io.now_us(pf->io.ctx);
}

/* Waits until the masked bits have the wanted value; *last is the last value read. */
enum sl_err pf_wait(const struct qat_pf *pf, uint32_t off, uint64_t mask, uint64_t want, uint32_t us,
		    uint32_t *last) MUST_CHECK;

/* for (unsigned n = 0; pf_next(mask, &n); n++) goes through the bits of a mask. */
static inline bool pf_next(uint32_t mask, unsigned *n)
{
	while (*n < 32 && !(mask >> *n & 1))
		(*n)++;
	return *n < 32;
}
