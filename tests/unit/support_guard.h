/* Pages of RAM in which tests of apps/proof/guard.c lay out tables; another page is behind each. */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#define PAGES_MOST 24u

extern uint64_t page[PAGES_MOST]; /* physical addresses */

/* Gives the page allocator RAM and makes the first n of them. page[two] and page[two + 1] stand behind each
 * other. 0: done. */
int pages_make(unsigned n, unsigned two);
uint64_t *entry(unsigned p, unsigned i);
/* What is guarded has changed, when a byte of the page has; it is set right again. */
bool notices(unsigned p, unsigned byte);
