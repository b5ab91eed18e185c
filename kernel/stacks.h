/* How much of each stack was ever used. A stack is painted when it is created; bytes that are no longer paint
 * were used. */
#pragma once
#include "kernel/core.h"

enum stack_kind {
	STACK_WORK,  /* the core's working stack */
	STACK_DF,    /* double fault, */
	STACK_NMI,   /* NMI, */
	STACK_MC,    /* machine check: by the TSS's IST, SDM vol. 3 §6.14.5 */
	STACK_START, /* core 0's, in the kernel's image, until it has its own */
	STACK_KINDS
};

#define STACK_PAINT 0xa5u /* each byte; apps/entry.S paints with it too */

/* Paints the bytes from low on, which are not in use yet, and records them as that stack. */
void stacks_add(unsigned core, enum stack_kind kind, void *low, size_t bytes);

/* Records a stack that is already painted and in use. */
void stacks_note(unsigned core, enum stack_kind kind, const void *low, size_t bytes);

/* The most bytes ever used of a stack, and its size. False: there is no such stack. May be a few bytes short
 * where the deepest data equals the paint. */
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
