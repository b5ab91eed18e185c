/* Parsing and completion of console input. Pure; input is not trusted. */
#pragma once
#include "kernel/bdf.h"

#define WORDS_MAX 8u

/* Splits a line at blanks, in place. Returns the number of words; WORDS_MAX + 1 when there are more. */
unsigned words_split(char *line, char *word[WORDS_MAX]);

/* "01:00.0" or "0000:01:00.0". */
bool word_bdf(const char *s, bdf_t *out);
/* Hexadecimal, 0x or not. */
bool word_hex(const char *s, uint64_t *out);
/* How many letters have to be changed, added, removed or exchanged with their neighbour to make b of a; a
 * long word is far from all. */
unsigned words_apart(const char *a, const char *b);
/* Decimal, at most max. */
bool word_decimal(const char *s, uint32_t max, uint32_t *out);
/* s after prefix; NULL when it does not begin with it. */
const char *word_after(const char *s, const char *prefix);

/* Which functions: -1 is any. As lspci's -s [[domain:]bus:][device][.function] and -d
 * [vendor]:[device][:class]. */
struct word_slot {
	int32_t seg, bus, dev, fn;
};
struct word_id {
	int32_t vendor, device, class;
};
bool word_slot(const char *s, struct word_slot *out);
bool word_slot_has(const struct word_slot *slot, bdf_t fn);
bool word_id(const char *s, struct word_id *out);

/* Completion: offer() every candidate; common is then the common prefix of those that begin with start, and n
 * their number. */
struct words_guess {
	const char *start;
	unsigned n;
	char common[32];
};
/* True when the word begins with start. */
bool words_offer(struct words_guess *g, const char *word);
