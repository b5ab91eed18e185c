#include "tests/unit/support_guard.h"
#include "apps/proof/guard.h"
#include "kernel/pmm.h"
#include "tests/unit/support.h"
#include "tests/unit/test.h"

#define RAM   0x40000000ull
#define BYTES (16ull << 20)

uint64_t page[PAGES_MOST];

int pages_make(unsigned n, unsigned two)
{
	phys_t p;
	if (n > PAGES_MOST || pmm_add(support_ram(BYTES, RAM), BYTES / PAGE_SIZE))
		return 1;
	for (unsigned i = 0; i < n; i++) {
		if (pmm_alloc(i == two ? 3 : 2, PAGE_SIZE, &p))
			return 1;
		page[i] = p.v;
	}
	page[two + 1] = page[two] + PAGE_SIZE;
	return 0;
}

uint64_t *entry(unsigned p, unsigned i)
{
	return (uint64_t *)phys_va(PHYS(page[p])) + i;
}

bool notices(unsigned p, unsigned byte)
{
	uint8_t *at = (uint8_t *)entry(p, 0) + byte;
	*at ^= 0x20;
	bool changed = guard_changed();
	*at ^= 0x20;
	assert_false(guard_changed());
	return changed;
}
