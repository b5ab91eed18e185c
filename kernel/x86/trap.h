#pragma once
#include <stdint.h>

struct trap_frame {
	uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
	uint64_t vector, error;
	uint64_t rip, cs, rflags, rsp, ss; /* pushed by the processor */
};

/* Prints "  at name+0x12 (0x...)" lines from a frame pointer up; stops at anything that is not mapped. rsp:
 * the stack pointer when rip was interrupted, or 0; in a function's first two instructions the caller is
 * found on the stack only. */
void trap_backtrace(uint64_t rip, uint64_t rbp, uint64_t rsp);

/* The run is about to end badly on this core. Returns on the first core that calls; a later core stays here
 * and shows f, its frame, to the first. */
void trap_end_begin(const struct trap_frame *f);
