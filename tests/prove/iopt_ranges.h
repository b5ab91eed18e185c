/* The harnesses of calls for a range: one run for each range and each greatest size of pages, by CASE. */
#pragma once
#include "tests/prove/iopt.h"

/* A range at one place, with some kinds of pages; the rest is any. */
static void call(unsigned from, unsigned n, unsigned page_level);

int main(void)
{
	unsigned i = 0;
	for (unsigned from = 0; from < PAGES; from++)
		for (unsigned n = 1; n <= PAGES - from; n++)
			if (i++ == CASE / 2)
				call(from, n, CASE % 2 ? 2 : 1);
	return 0;
}
