/* The page allocator's memory, all but some pages of it, taken away and given back. */
#pragma once
#include <stdint.h>

/* Until support_memory_give(), which gives back what all calls have taken. */
void support_memory_take(uint64_t leave);
void support_memory_give(void);
