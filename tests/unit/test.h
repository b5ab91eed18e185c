/* cmocka, with what it needs before it. */
#pragma once
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <inttypes.h>

/* cmocka 2.0 deprecates assert_in_range() for functions that 1.1 does not have; this is for both. */
#define assert_between(value, low, high) assert_between_at(value, low, high, __FILE__, __LINE__)

static inline void assert_between_at(uint64_t value, uint64_t low, uint64_t high, const char *file, int line)
{
	if (value >= low && value <= high)
		return;
	print_error("%" PRIu64 " is not from %" PRIu64 " to %" PRIu64 "\n", value, low, high);
	_fail(file, line);
}
