/* How far each stack was ever used. A stack is painted when it is made; what is no longer paint was used. */
#pragma once
#include "kernel/core.h"

enum stack_kind {
	STACK_WORK,  /* what the core runs on */
	STACK_DF,    /* double fault, */
	STACK_NMI,   /* NMI, */
	STACK_MC,    /* machine check: by the TSS's IST, SDM vol. 3 §6.14.5 */
	STACK_START, /* core 0's, in the kernel's image, until it has its own */
	STACK_KINDS
};

#define STACK_PAINT 0xa5u /* each byte; apps/entry.S paints with it too */

/* Paints the bytes from low on, which nobody uses yet, and remembers them as that stack. */
void stacks_add(unsigned core, enum stack_kind kind, void *low, size_t bytes);

/* Remembers a stack that is painted already and in use. */
void stacks_note(unsigned core, enum stack_kind kind, const void *low, size_t bytes);

/* The most that was ever used of a stack, and how large it is, in bytes. False: there is no such stack. What
 * was written last with the very bytes of the paint does not count, so it may be a few bytes more. */
bool stacks_used(unsigned core, enum stack_kind kind, size_t *used, size_t *bytes);

/* The stack of which the smallest part was never used; core 0's STACK_WORK is there whenever this is
 * called. */
struct stack_mark {
	unsigned core;
	enum stack_kind kind;
	size_t used, bytes;
};
struct stack_mark stacks_fullest(void);

/* "work", "#DF", "NMI", "#MC", "start". */
const char *stack_name(enum stack_kind kind);
