/* The PF of a C62x, brought up as far as its VFs need it: engines out of reset, firmware authenticated,
 * loaded and started, told what it needs to know, the arbiter on, threads mapped to functions. Run against
 * the model in tools/qat-model alone, never on silicon.
 *
 * Order: the function was reset; qat_pf_masks(), qat_pf_bars(); the function into a domain, with memory space
 * and bus mastering on, and memory mapped for it; qat_pf_start(); then all VFs on (with some of them off the
 * arbiter leaves rings unserved); ...; VFs off; qat_pf_stop(); bus mastering off. */
#pragma once
#include "drivers/dma.h"
#include "drivers/qat/fw.h"

enum qat_pf_bar { QAT_PF_MISC, QAT_PF_RINGS };

/* How the registers are reached, so that the same code drives a card and the model in tests/model/. */
struct qat_pf_io {
	void *ctx;
	uint32_t (*rd)(void *ctx, enum qat_pf_bar bar, uint32_t off);
	void (*wr)(void *ctx, enum qat_pf_bar bar, uint32_t off, uint32_t v);
	uint64_t (*now_us)(void *ctx);
};

struct qat_pf {
	struct qat_pf_io io;
	uint32_t accels, engines; /* that this card has: bit each */
	struct dma_buf chunk;     /* for an image while it is loaded: QAT_PF_CHUNK bytes */
	struct dma_buf admin;     /* QAT_PF_ADMIN bytes */
	uint32_t capabilities;    /* of compression, as firmware says */
	char why[120];            /* after an error: what went wrong */
};

/* Memory: room for any image, aligned to a page, and a page of admin messages with one of constants behind
 * it. */
#define QAT_PF_CHUNK 0x41000u
#define QAT_PF_ADMIN 0x2000u

/* In configuration space. */
#define QAT_CFG_FUSES  0x040u
#define QAT_CFG_STRAPS 0x2ecu

/* Which accelerators and engines there are, from these two registers. SL_NOTFOUND when engine 0
 * is not among them: then there is no way to use it. */
enum sl_err qat_pf_masks(uint32_t fuses, uint32_t straps, uint32_t *accels, uint32_t *engines) MUST_CHECK;

/* The indices of the BARs that rd and wr are about, from how many bytes of memory each of the six has.
 * SL_NOTFOUND, SL_NOSPACE when they are too short. */
enum sl_err qat_pf_bars(uint32_t fuses, const uint64_t bytes[6], unsigned *misc, unsigned *rings) MUST_CHECK;

/* True when firmware runs already, loaded by someone else. */
bool qat_pf_runs(const struct qat_pf *pf);

/* All of it. Zeroed memory, io, accels and engines are the caller's. SL_UNSUPPORTED when fw has nothing for
 * an engine of this card, SL_VERIFY when the card does not take an image for genuine, SL_DEVICE, SL_TIMEOUT.
 * On an error the engines are in reset again. */
enum sl_err qat_pf_start(struct qat_pf *pf, const struct qat_fw *fw, const struct qat_image *mmp) MUST_CHECK;

/* Arbiter off, maps off, engines in reset: nothing of the card does DMA any more. */
void qat_pf_stop(struct qat_pf *pf);

/* --- Steps of qat_pf_start(), each in a file of its own. */

/* pf_boot.c: engines through reset, clocks on, registers as firmware wants to find them. */
enum sl_err qat_boot_reset(struct qat_pf *pf) MUST_CHECK;
/* Authenticates an image and loads it into those of its engines that the card has. */
enum sl_err qat_boot_image(struct qat_pf *pf, const struct qat_image *image) MUST_CHECK;
enum sl_err qat_boot_start(struct qat_pf *pf) MUST_CHECK;
void qat_boot_stop(struct qat_pf *pf);

/* admin.c: tells the card where messages are; constants, capabilities, and that it may begin. */
void qat_admin_open(struct qat_pf *pf);
enum sl_err qat_admin_start(struct qat_pf *pf) MUST_CHECK;
void qat_admin_close(struct qat_pf *pf);
/* The table of cipher and hash set-ups that firmware wants: 1024 bytes. */
#define QAT_CONSTANTS 1024u
void qat_constants(uint8_t table[QAT_CONSTANTS]);

/* arb.c: the service arbiter with its map of threads; and the maps of threads to functions. */
void qat_arb_open(struct qat_pf *pf);
void qat_arb_close(struct qat_pf *pf);
void qat_arb_map(struct qat_pf *pf, bool valid);
