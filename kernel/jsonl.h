/* Reports for programs: lines of JSON, one object each with its type in "t", and the CRC-32 over all of them.
 * The loader writes such lines too. */
#pragma once
#include "kernel/bits.h"

#define JSONL_LINE 1100u /* no line is longer, its newline included */

/* Takes one line. */
typedef void jsonl_put(void *ctx, const char *line, size_t n);

struct jsonl {
	jsonl_put *put; /* may be NULL: lines are only counted and summed */
	void *ctx;
	unsigned lines; /* so far */
	uint32_t crc;   /* of them: CRC-32 of IEEE 802.3 */
	size_t n;
	char line[JSONL_LINE + 1];
};

/* {"t":"type" */
void jsonl_start(struct jsonl *j, const char *type);
/* The caller keeps a line shorter than JSONL_LINE; a longer one is damaged. */
void jsonl_add(struct jsonl *j, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* ,"key":"text": a quotation mark becomes ', other non-printable characters become ?, and text that does not
 * fit is cut. */
void jsonl_text(struct jsonl *j, const char *key, const char *text);
/* ,"hex":"00ff" */
void jsonl_bytes(struct jsonl *j, const uint8_t *p, size_t n);
/* Closes the line and passes it to put(). */
void jsonl_end(struct jsonl *j);
