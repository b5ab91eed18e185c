/* Engines of a PF: through reset, their firmware, start and stop. Firmware is loaded by a unit of the card
 * (FCU), which takes only what is signed by the card's vendor. */
#include "drivers/qat/pf_io.h"
#include "drivers/qat/pf_steps.h"
#include "kernel/time.h"
#include "kernel/fmt.h"

#define POWER_US    1000000u
#define RESET_US    100000u
#define CSR_US      10000u
#define FIRMWARE_US 3000000u
#define SETTLE_US   10000u /* before that, status may still be that of the command before */
#define RAM_CYCLES  2060u  /* shared memory is cleared after reset */

#define SAY(pf, ...) fmt_print((pf)->why, sizeof(pf)->why, __VA_ARGS__)

enum sl_err pf_wait(const struct qat_pf *pf, uint32_t off, uint64_t mask, uint64_t want, uint32_t us,
		    uint32_t *last)
{
	struct deadline d = deadline_at(pf_now(pf), us);
	while (deadline_look_at(&d, pf_now(pf))) {
		*last = pf_rd(pf, off);
		if ((*last & mask) == want)
			return SL_OK;
	}
	return SL_TIMEOUT;
}

/* An engine takes a write when it is not busy; until then it is written again. */
static enum sl_err ae_wr(struct qat_pf *pf, unsigned ae, uint32_t csr, uint32_t v)
{
	struct deadline d = deadline_at(pf_now(pf), CSR_US);
	while (deadline_look_at(&d, pf_now(pf))) {
		pf_wr(pf, pf_csr(pf, ae, csr), v);
		if (!(pf_rd(pf, pf_csr(pf, ae, AE_CSR_STATUS)) & CSR_BUSY))
			return SL_OK;
	}
	SAY(pf, "engine %u takes no register writes", ae);
	return SL_TIMEOUT;
}

/* A register of each context. */
static enum sl_err ae_wr_contexts(struct qat_pf *pf, unsigned ae, uint32_t csr, uint32_t v)
{
	uint32_t pointer = pf_rd(pf, pf_csr(pf, ae, AE_CTX_POINTER));
	enum sl_err e = SL_OK;
	for (unsigned c = 0; c < QAT_CONTEXTS && !e; c++) {
		e = ae_wr(pf, ae, AE_CTX_POINTER, c);
		if (!e)
			e = ae_wr(pf, ae, csr, v);
	}
	return e ? e : ae_wr(pf, ae, AE_CTX_POINTER, pointer);
}

/* Waits until an engine has counted so many cycles. */
static enum sl_err wait_cycles(struct qat_pf *pf, unsigned ae, uint32_t cycles)
{
	uint32_t last = pf_rd(pf, pf_csr(pf, ae, AE_PROFILE_COUNT)), seen = 0;
	struct deadline d = deadline_at(pf_now(pf), RESET_US);
	while (deadline_look_at(&d, pf_now(pf))) {
		uint32_t now = pf_rd(pf, pf_csr(pf, ae, AE_PROFILE_COUNT));
		seen += (now - last) & 0xffff;
		last = now;
		if (seen >= cycles)
			return SL_OK;
	}
	SAY(pf, "engine %u does not run after its reset", ae);
	return SL_TIMEOUT;
}

static uint32_t units(const struct qat_pf *pf)
{
	return pf->chip->gen == 2 ? (uint32_t)FPUT(RESET_ACCELS, pf->accels) | pf->engines : RESET_4XXX;
}

static enum sl_err through_reset(struct qat_pf *pf)
{
	uint32_t mask = units(pf), left = pf_rd(pf, pf->chip->reset) | mask;
	pf_wr(pf, pf->chip->reset, left);
	struct deadline d = deadline_at(pf_now(pf), RESET_US);
	while (left & mask && deadline_look_at(&d, pf_now(pf))) {
		pf_wr(pf, pf->chip->reset, left & ~mask);
		left = pf_rd(pf, pf->chip->reset);
	}
	if (left & mask) {
		SAY(pf, "engines do not come out of reset (register %08x)", left);
		return SL_TIMEOUT;
	}
	pf_wr(pf, pf->chip->clocks, pf_rd(pf, pf->chip->clocks) | mask);
	enum sl_err e = SL_OK;
	for (unsigned ae = 0; !e && pf_next(pf->engines, &ae); ae++)
		e = wait_cycles(pf, ae, 1);
	return e;
}

/* What reset leaves undefined. */
static enum sl_err set_defaults(struct qat_pf *pf, unsigned ae)
{
	enum sl_err e = ae_wr(pf, ae, AE_CTX_ENABLES, 0);
	if (!e)
		e = ae_wr_contexts(pf, ae, AE_CTX_STS, 0);
	if (!e)
		e = ae_wr(pf, ae, AE_CTX_ARB, 0);
	if (!e)
		e = ae_wr(pf, ae, AE_CC_ENABLE, CC_RESET);
	if (!e)
		e = ae_wr_contexts(pf, ae, AE_WAKEUP_EVENTS, 1);
	if (!e)
		e = ae_wr_contexts(pf, ae, AE_SIG_EVENTS, 1);
	return e;
}

/* All engines count time from the same moment. */
static enum sl_err reset_timestamps(struct qat_pf *pf)
{
	uint32_t misc = pf_rd(pf, pf->chip->misc);
	enum sl_err e = SL_OK;
	pf_wr(pf, pf->chip->misc, misc & ~MISC_TIMESTAMP);
	for (unsigned ae = 0; !e && pf_next(pf->engines, &ae); ae++) {
		e = ae_wr(pf, ae, AE_TIMESTAMP_LOW, 0);
		if (!e)
			e = ae_wr(pf, ae, AE_TIMESTAMP_HIGH, 0);
	}
	pf_wr(pf, pf->chip->misc, misc | MISC_TIMESTAMP);
	return e;
}

/* A 4xxx sleeps until a driver says that it is there. Its interrupt about power is not wanted. */
static enum sl_err power_up(struct qat_pf *pf)
{
	uint32_t status = 0;
	pf_wr(pf, QAT_4_ERRMSK2, pf_rd(pf, QAT_4_ERRMSK2) | ERRMSK2_PM);
	pf_wr(pf, QAT_4_PM_INTERRUPT, PM_DRIVER_ACTIVE);
	enum sl_err e = pf_wait(pf, QAT_4_PM_STATUS, PM_STATUS_UP, PM_STATUS_UP, POWER_US, &status);
	if (e)
		SAY(pf, "the card does not power up (status %08x)", status);
	return e;
}

enum sl_err qat_boot_reset(struct qat_pf *pf)
{
	enum sl_err e = pf->chip->power ? power_up(pf) : SL_OK;
	if (!e)
		e = through_reset(pf);
	for (unsigned ae = 0; !e && pf_next(pf->engines, &ae); ae++)
		e = set_defaults(pf, ae);
	if (!e)
		e = wait_cycles(pf, (unsigned)__builtin_ctz(pf->engines), RAM_CYCLES);
	if (!e)
		e = reset_timestamps(pf);
	for (unsigned ae = 0; !e && pf_next(pf->engines, &ae); ae++)
		for (unsigned n = 0; n < QAT_XFERS; n++)
			pf_wr(pf, pf_xfer(pf, ae, n), 0);
	return e;
}

/* Gives the unit that loads firmware a command. */
static void command(const struct qat_pf *pf, uint64_t v)
{
	pf_wr(pf, pf->chip->fcu_control, v);
	for (uint64_t end = pf_now(pf) + SETTLE_US; pf_now(pf) < end;)
		;
}

static const char *what(const struct qat_image *image)
{
	return image->engines ? "engines" : "the public key unit";
}

static enum sl_err authenticate(struct qat_pf *pf, const struct qat_image *image)
{
	uint64_t at = pf->chunk.iova.v;
	uint32_t status = 0;
	if (qat_fw_chunk_bytes(image) > pf->chunk.len) {
		SAY(pf, "an image for %s does not fit", what(image));
		return SL_NOSPACE;
	}
	qat_fw_chunk(image, pf->engines, at, pf->chunk.va);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	pf_wr(pf, pf->chip->fcu_high, at >> 32);
	pf_wr(pf, pf->chip->fcu_low, at);
	command(pf, FCU_AUTHENTICATE);
	struct deadline d = deadline_at(pf_now(pf), FIRMWARE_US);
	while (deadline_look_at(&d, pf_now(pf))) {
		status = pf_rd(pf, pf->chip->fcu_status);
		if ((status & FCU_STATE) == FCU_VERIFIED && status & FCU_AUTHENTIC)
			return SL_OK;
		if ((status & FCU_STATE) == FCU_VERIFY_FAIL)
			break;
	}
	if ((status & FCU_STATE) != FCU_VERIFY_FAIL) {
		SAY(pf, "the card does not say whether firmware for %s is genuine (status %08x)", what(image),
		    status);
		return SL_TIMEOUT;
	}
	SAY(pf, "the card does not accept the firmware for %s as genuine: its signature is wrong",
	    what(image));
	return SL_VERIFY;
}

/* Engines must not run while they are loaded. */
static enum sl_err check_idle(struct qat_pf *pf, uint32_t engines)
{
	for (unsigned ae = 0; pf_next(engines, &ae); ae++)
		if (pf_rd(pf, pf_csr(pf, ae, AE_CTX_ENABLES)) & CTX_ENABLED ||
		    pf_rd(pf, pf_csr(pf, ae, AE_ACTIVE)) & ACTIVE_RUNS) {
			SAY(pf, "engine %u runs although it must not", ae);
			return SL_BUSY;
		}
	return SL_OK;
}

/* Gives the command and waits until these engines are loaded. */
static enum sl_err load(struct qat_pf *pf, uint32_t engines, uint64_t how)
{
	const struct qat_pf_chip *c = pf->chip;
	uint32_t status = 0, loaded = 0;
	command(pf, how);
	struct deadline d = deadline_at(pf_now(pf), FIRMWARE_US);
	while (deadline_look_at(&d, pf_now(pf))) {
		status = pf_rd(pf, c->fcu_status);
		if ((status & FCU_STATE) == FCU_LOADED) {
			loaded = pf_rd(pf, c->fcu_loaded) >> c->fcu_shift;
			if ((loaded & engines) == engines)
				return SL_OK;
		}
		if ((status & FCU_STATE) == FCU_LOAD_FAIL)
			break;
	}
	SAY(pf, "engines %x cannot be loaded (status %08x)", engines & ~loaded, status);
	return (status & FCU_STATE) == FCU_LOAD_FAIL ? SL_DEVICE : SL_TIMEOUT;
}

enum sl_err qat_boot_image(struct qat_pf *pf, const struct qat_image *image)
{
	uint32_t engines = image->engines & pf->engines;
	if (image->engines && !engines)
		return SL_OK; /* for engines that this card does not have */
	enum sl_err e = authenticate(pf, image);
	if (!e)
		e = check_idle(pf, engines);
	if (pf->chip->fcu_mask && engines && !(engines & pf->chip->admin)) {
		if (e)
			return e;
		pf_wr(pf, pf->chip->fcu_mask, engines);
		return load(pf, engines, FCU_LOAD);
	}
	for (unsigned ae = 0; !e && pf_next(engines, &ae); ae++)
		e = load(pf, 1u << ae, FCU_LOAD_ONE | FPUT(FCU_ENGINE, ae));
	return e;
}

enum sl_err qat_boot_start(struct qat_pf *pf)
{
	uint32_t status = 0;
	command(pf, FCU_START);
	enum sl_err e = pf_wait(pf, pf->chip->fcu_status, FCU_STARTED, FCU_STARTED, FIRMWARE_US, &status);
	if (e)
		SAY(pf, "firmware is loaded but does not start (status %08x)", status);
	return e;
}

void qat_boot_stop(struct qat_pf *pf)
{
	pf_wr(pf, pf->chip->reset, pf_rd(pf, pf->chip->reset) | units(pf));
}
