/* Fields as the specifications print them: BITS(high, low), read with FGET, built with FPUT. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef unsigned long long ull; /* what %llx takes; cast to it in format arguments */

#define BIT(n)       (1ull << (n))
#define BITS(hi, lo) ((~0ull >> (63 - (hi))) & (~0ull << (lo)))
#define FGET(v, f)   (((v) & (f)) / ((f) & (0 - (f))))
#define FPUT(f, x)   (((uint64_t)(x) * ((f) & (0 - (f)))) & (f))

#define ALIGN_DOWN(x, a)        ((x) & ~((uint64_t)(a)-1)) /* a: a power of two */
#define ALIGN_UP(x, a)          ALIGN_DOWN((x) + ((uint64_t)(a)-1), a)
#define IS_ALIGNED(x, a)        (((uint64_t)(x) & ((uint64_t)(a)-1)) == 0)
#define ARRAY_LEN(a)            (sizeof(a) / sizeof((a)[0]))
#define MUST_CHECK              __attribute__((warn_unused_result))
#define NOINLINE                __attribute__((noinline))
#define PRINTF_LIKE(fmt, first) __attribute__((format(printf, fmt, first)))

/* For what runs once an operation. */
#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define COLD        __attribute__((cold)) /* seldom called: kept out of the way of what calls it */
#define FAST_INLINE static inline __attribute__((always_inline))
/* Lets the compiler rely on x. The host tests and proofs check it, as a use of it is an error there. */
#define ASSUME(x)   ((x) ? (void)0 : __builtin_unreachable())
