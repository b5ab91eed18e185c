/* The steps of qat_pf_start(), each in its own file. */
#pragma once
#include "drivers/qat/pf.h"

/* pf_boot.c: powered up, where that is needed; engines through reset, clocks on, registers as firmware wants
 * to find them. */
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
