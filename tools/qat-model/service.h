/* What the engines do with one request. Knows nothing of rings or of QEMU.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "mem.h"

/* The service of a ring pair, as in the ring map. */
enum ring_service { RING_UNUSED = 0, RING_COMP = 2, RING_SYM = 3, RING_ASYM = 4 };

unsigned service_req_bytes(enum ring_service s);

/* Answers req, which is for generation gen (2, 4), with resp (RESP_BYTES). True: resp is to be written, with an error status for what was refused.
 * False: a memory access was refused; there is no response. */
bool service_answer(unsigned gen, enum ring_service s, const struct mem *m, const uint8_t *req, uint8_t *resp);

/* A response to req with the given error status and nothing done. */
void service_fail(enum ring_service s, const uint8_t *req, uint8_t *resp);

/* fault=flip: the last bit of the first block that the cipher of a request has written is the wrong one. */
void sym_flip(const struct mem *m, const uint8_t *req);

/* The services themselves. REFUSED becomes an error status. */
enum verdict sym_run(unsigned gen, const struct mem *m, const uint8_t *req, bool *digest_differs);
enum verdict comp_run(unsigned gen, const struct mem *m, const uint8_t *req, uint8_t *resp);
enum verdict pke_run(const struct mem *m, const uint8_t *req);
