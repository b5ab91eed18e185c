#include "drivers/qat/pf_io.h"
#include "drivers/qat/pf_steps.h"
#include "kernel/fmt.h"

enum sl_err qat_pf_masks(const struct qat_pf_chip *chip, uint32_t fuses, uint32_t straps, uint32_t *accels,
			 uint32_t *engines)
{
	uint32_t off = fuses | (chip->straps ? straps : 0), all = (1u << chip->engines) - 1;
	*accels = (1u << chip->accels) - 1;
	*engines = all & ~off;
	if (chip->gen == 2) {
		*accels &= (uint32_t)FGET((uint64_t)~off, FUSE_ACCELS);
		for (unsigned ae = 0; ae < chip->engines; ae++) /* two use one accelerator */
			if (!(*accels >> ae / 2 & 1))
				*engines &= ~(1u << ae);
		return *engines & 1 ? SL_OK : SL_NOTFOUND;
	}
	return *engines & chip->admin && *engines & ~chip->admin ? SL_OK : SL_NOTFOUND;
}

enum sl_err qat_pf_bars(const struct qat_pf_chip *chip, uint32_t fuses, const uint64_t bytes[6],
			unsigned *misc, unsigned *rings)
{
	unsigned n = chip->gen == 2 && fuses & FUSE_NO_SRAM ? 1u : 0u;
	for (unsigned i = 0; i < 6; i++) {
		if (!bytes[i])
			continue;
		if (n == 1)
			*misc = i;
		if (n == 2)
			*rings = i;
		n++;
	}
	if (n < 3)
		return SL_NOTFOUND;
	return bytes[*misc] >= chip->misc_bytes && bytes[*rings] >= chip->rings_bytes ? SL_OK : SL_NOSPACE;
}

bool qat_pf_runs(const struct qat_pf *pf)
{
	const struct qat_pf_chip *c = pf->chip;
	uint32_t status = pf_rd(pf, c->fcu_status); /* all ones: it is gone from the bus */
	return status != UINT32_MAX && status & FCU_STARTED &&
	       pf_rd(pf, c->fcu_loaded) >> c->fcu_shift & pf->engines;
}

/* Errors in memory are noticed and corrected, and a request that hangs is ended. */
static void guard(const struct qat_pf *pf)
{
	if (pf->chip->gen != 2)
		return; /* it is on */
	for (unsigned ae = 0; pf_next(pf->engines, &ae); ae++) {
		uint32_t on = pf_rd(pf, pf_csr(pf, ae, AE_CTX_ENABLES)) & ~(uint32_t)CTX_W1C;
		pf_wr(pf, pf_csr(pf, ae, AE_CTX_ENABLES), on | CTX_ECC_ERROR);
		pf_wr(pf, pf_csr(pf, ae, AE_MISC), pf_rd(pf, pf_csr(pf, ae, AE_MISC)) | MISC_ECC);
	}
	for (unsigned i = 0; pf_next(pf->accels, &i); i++) {
		pf_wr(pf, QAT_UERRSSMSH(i), pf_rd(pf, QAT_UERRSSMSH(i)) | ERRSSMSH_ENABLE);
		pf_wr(pf, QAT_CERRSSMSH(i), pf_rd(pf, QAT_CERRSSMSH(i)) | ERRSSMSH_ENABLE);
	}
}

static void watchdogs(const struct qat_pf *pf)
{
	if (pf->chip->gen == 4) {
		pf_wr(pf, QAT_4_WATCHDOG, WATCHDOG_4_CYCLES);
		pf_wr(pf, QAT_4_WATCHDOG_HIGH, 0);
		pf_wr(pf, QAT_4_WATCHDOG_PKE, WATCHDOG_4_PKE_CYCLES);
		pf_wr(pf, QAT_4_WATCHDOG_PKE_HIGH, 0);
		return;
	}
	for (unsigned i = 0; pf_next(pf->accels, &i); i++) {
		pf_wr(pf, QAT_WATCHDOG(i), WATCHDOG_CYCLES);
		pf_wr(pf, QAT_WATCHDOG_PKE(i), WATCHDOG_PKE_CYCLES);
	}
}

static enum sl_err load_all(struct qat_pf *pf, const struct qat_fw *fw, const struct qat_image *mmp)
{
	enum sl_err e = qat_boot_image(pf, mmp);
	for (unsigned i = 0; i < fw->images && !e; i++)
		e = qat_boot_image(pf, &fw->image[i]);
	return e;
}

enum sl_err qat_pf_start(struct qat_pf *pf, const struct qat_fw *fw, const struct qat_image *mmp)
{
	pf->why[0] = 0;
	if (pf->engines & ~fw->engines) {
		fmt_print(pf->why, sizeof pf->why, "the file has nothing for some engines of this card (%x)",
			  pf->engines & ~fw->engines);
		return SL_UNSUPPORTED;
	}
	qat_admin_open(pf);
	qat_arb_open(pf);
	enum sl_err e = qat_boot_reset(pf);
	if (!e)
		e = load_all(pf, fw, mmp);
	if (!e) {
		guard(pf);
		e = qat_boot_start(pf);
	}
	if (!e)
		e = qat_admin_start(pf);
	if (e) {
		qat_pf_stop(pf);
		return e;
	}
	watchdogs(pf);
	qat_arb_map(pf, true);
	return SL_OK;
}

void qat_pf_stop(struct qat_pf *pf)
{
	qat_arb_map(pf, false);
	qat_arb_close(pf);
	qat_boot_stop(pf);
	qat_admin_close(pf);
}
