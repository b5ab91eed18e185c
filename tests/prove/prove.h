/* What the harnesses share. To CBMC a local variable that was given no value has any value at all. */
#pragma once
#include <assert.h>
#include "kernel/span.h"

#define assume(condition) __CPROVER_assume(condition)

#define ANY(type, name)                                                                                      \
	static inline type name(void)                                                                        \
	{                                                                                                    \
		type value;                                                                                  \
		return value;                                                                                \
	}
ANY(size_t, any_size)
ANY(uint64_t, any_u64)
ANY(uint32_t, any_u32)
ANY(uint16_t, any_u16)
ANY(uint8_t, any_u8)

/* A bool that has no value may be neither 0 nor 1. */
static inline bool any_bool(void)
{
	return any_u8() & 1;
}

/* Any number of bytes up to those of an array that has no value yet. Its last byte is theirs, so a read
 * behind them is one outside of the array. */
#define ANY_SPAN(name, max)                                                                                  \
	uint8_t name##_bytes[max];                                                                           \
	size_t name##_len = any_size();                                                                      \
	assume(name##_len <= (max));                                                                         \
	struct span name = {name##_bytes + (max)-name##_len, name##_len}

/* A part of the same array. */
static inline bool inside(struct span part, struct span whole)
{
	return part.p >= whole.p && part.p <= whole.p + whole.n &&
	       part.n <= (size_t)(whole.p + whole.n - part.p);
}
