// Delta records: made of two sources, and applied to a copy of the first.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "dsa.h"

enum { SRC = 2, DST = 3, SIZE = 4, RECORD = 5, MOST = 6 }; /* words of a descriptor */
enum { UNIT = 8, LEAST = 80, LARGEST = UNIT << 16 };

static uint32_t size_of(const struct desc *q)
{
	return (uint32_t)q->word[SIZE];
}

uint8_t delta_refuse(const struct desc *q)
{
	bool make = desc_op(q) == OP_DELTA;
	uint32_t record = (uint32_t)q->word[make ? MOST : RECORD];
	if ((make && q->word[SRC] % UNIT) || q->word[DST] % UNIT)
		return UNALIGNED;
	if (size_of(q) % UNIT || size_of(q) > LARGEST)
		return BAD_SIZE;
	return (make ? record < LEAST : record % DELTA_ENTRY) ? BAD_DELTA : 0;
}

enum delta delta_add(struct job *j, struct desc *q, uint64_t off, const uint8_t *a, const uint8_t *b,
		     uint32_t len, struct record *rec)
{
	uint32_t used = q->delta;
	for (uint32_t i = 0; i < len; i += UNIT) {
		uint16_t at = (uint16_t)((off + i) / UNIT);
		uint8_t entry[DELTA_ENTRY];
		if (!memcmp(a + i, b + i, UNIT))
			continue;
		memcpy(entry, &at, sizeof at);
		memcpy(entry + sizeof at, b + i, UNIT);
		entry[DELTA_ENTRY - 1] ^= j->fault == FAULT_FLIP;
		if (used + DELTA_ENTRY > (uint32_t)q->word[MOST]) {
			rec->bytes = (uint32_t)off + i;
			q->delta = used;
			return DELTA_FULL;
		}
		if (!dsa_dma(j->d, j->pasid, q->word[RECORD] + used, entry, DELTA_ENTRY, true, j->fault,
			     &rec->fault))
			return DELTA_FAULT;
		used += DELTA_ENTRY;
	}
	q->delta = used;
	return DELTA_ALL;
}

enum result delta_apply(struct job *j, struct desc *q, struct record *rec)
{
	for (; q->off < (uint32_t)q->word[RECORD]; q->off += DELTA_ENTRY) {
		uint8_t entry[DELTA_ENTRY];
		uint16_t at;
		rec->status = PAGE_FAULT; /* and 0 bytes: to apply it once more from the start does no harm */
		if (!dsa_dma(j->d, j->pasid, q->word[SRC] + q->off, entry, DELTA_ENTRY, false, j->fault,
			     &rec->fault))
			return RESULT_FAULT;
		memcpy(&at, entry, sizeof at);
		entry[DELTA_ENTRY - 1] ^= j->fault == FAULT_FLIP;
		rec->status = BAD_DELTA;
		if ((uint32_t)at * UNIT >= size_of(q))
			return RESULT_DONE;
		rec->status = PAGE_FAULT | STATUS_WRITE;
		if (!dsa_dma(j->d, j->pasid, q->word[DST] + (uint64_t)at * UNIT, entry + sizeof at, UNIT,
			     true, j->fault, &rec->fault))
			return RESULT_FAULT;
	}
	*rec = (struct record){.status = SUCCESS};
	return RESULT_DONE;
}
