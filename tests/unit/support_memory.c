#include "tests/unit/support_memory.h"
#include "kernel/pmm.h"

static uint64_t *taken; /* each page has the address of the one that was taken before it */

void support_memory_take(uint64_t leave)
{
	uint64_t *page;
	while (pmm_free_pages() > leave && (page = pmm_page()) != NULL) {
		*page = (uintptr_t)taken;
		taken = page;
	}
}

void support_memory_give(void)
{
	while (taken) {
		uint64_t *page = taken;
		taken = (uint64_t *)(uintptr_t)*page;
		pmm_page_free(page);
	}
}
