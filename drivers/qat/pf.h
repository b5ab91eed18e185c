/* The PF of a card, brought up as far as its VFs need it: engines out of reset, firmware authenticated,
 * loaded, started and configured, the arbiter on, threads mapped to functions. Run only against the model in
 * tools/qat-model, never on silicon.
 *
 * Order: the function was reset; qat_pf_masks(), qat_pf_bars(); the function into a domain, with memory space
 * and bus mastering on, and memory mapped for it; qat_pf_start(); then all VFs on (with some of them off the
 * arbiter leaves rings unserved); ...; VFs off; qat_pf_stop(); bus mastering off. */
#pragma once
#include "drivers/dma.h"
#include "drivers/qat/fw.h"

enum qat_pf_bar { QAT_PF_MISC, QAT_PF_RINGS };

/* Access to the registers, so that the same code drives a card and the model in tests/model/. */
struct qat_pf_io {
	void *ctx;
	uint32_t (*rd)(void *ctx, enum qat_pf_bar bar, uint32_t off);
	void (*wr)(void *ctx, enum qat_pf_bar bar, uint32_t off, uint32_t v);
	uint64_t (*now_us)(void *ctx);
};

/* Differences between generations. Offsets are in the two BARs. */
struct qat_pf_chip {
	uint8_t gen;
	struct qat_fw_chip fw;
	uint8_t engines, accels; /* maximum */
	uint32_t admin;          /* engines that get the constants */
	uint32_t ae;             /* registers of engine 0: transfer, 800 further control */
	uint32_t reset, clocks, misc;
	uint32_t fcu_control, fcu_status, fcu_low, fcu_high; /* the unit that loads firmware */
	uint32_t fcu_loaded, fcu_shift;                      /* engines that are loaded */
	uint32_t fcu_mask; /* engines to be loaded together; 0: one by one */
	uint32_t admin_high, admin_low, arb, threads;
	bool maps;              /* threads are mapped to functions */
	bool power;             /* it has to be powered up */
	uint32_t thread[10];    /* of engines: which arbiters each of its threads serves */
	uint16_t fuses, straps; /* in configuration space */
	uint32_t misc_bytes, rings_bytes;
};
extern const struct qat_pf_chip qat_pf_c62x, qat_pf_4xxx;

struct qat_pf {
	const struct qat_pf_chip *chip;
	struct qat_pf_io io;
	uint32_t accels, engines; /* that this card has: bit each */
	struct dma_buf chunk;     /* for an image while it is loaded: QAT_PF_CHUNK bytes */
	struct dma_buf admin;     /* QAT_PF_ADMIN bytes */
	uint32_t capabilities;    /* of compression, as the firmware reports */
	char why[120];            /* after an error: what went wrong */
};

/* Memory: room for any image, aligned to a page, and a page of admin messages with one of constants behind
 * it. */
#define QAT_PF_CHUNK 0x41000u
#define QAT_PF_ADMIN 0x2000u

/* The card's accelerators and engines, from chip->fuses and chip->straps in configuration space. SL_NOTFOUND
 * when C62x's engine 0 or 4xxx's engine for messages is missing: then the card cannot be used. */
enum sl_err qat_pf_masks(const struct qat_pf_chip *chip, uint32_t fuses, uint32_t straps, uint32_t *accels,
			 uint32_t *engines) MUST_CHECK;

/* The indices of the BARs for rd and wr, from the memory sizes of the six BARs. SL_NOTFOUND, SL_NOSPACE when
 * they are too short. */
enum sl_err qat_pf_bars(const struct qat_pf_chip *chip, uint32_t fuses, const uint64_t bytes[6],
			unsigned *misc, unsigned *rings) MUST_CHECK;

/* True when firmware loaded by other software runs already. */
bool qat_pf_runs(const struct qat_pf *pf);

/* Runs all steps. The caller sets zeroed memory, chip, io, accels and engines. SL_UNSUPPORTED when fw has
 * nothing for an engine of this card, SL_VERIFY when the card rejects an image's signature, SL_DEVICE,
 * SL_TIMEOUT. On an error the engines are in reset again. */
enum sl_err qat_pf_start(struct qat_pf *pf, const struct qat_fw *fw, const struct qat_image *mmp) MUST_CHECK;

/* Arbiter off, maps off, engines in reset: the card does no more DMA. */
void qat_pf_stop(struct qat_pf *pf);
