/* What the host lacks of the kernel: memory, a clock that moves when asked, one core, panic. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "kernel/addr.h"
#include "kernel/core.h"
#include "kernel/panic.h"
#include "kernel/paging.h"
#include "kernel/pmm.h"
#include "kernel/time.h"
#include "host.h"

#define ARENA_BASE 0x40000000ull
#define ARENA_SIZE (32ull << 20)

uintptr_t phys_map_base;
static uint64_t clock_us;

uint64_t now_us(void)
{
	return ++clock_us;
}

void delay_us(uint64_t us)
{
	clock_us += us;
}

unsigned core_index(void)
{
	return 0;
}

void panic(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("replay: panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

bool paging_in_direct_map(uint64_t phys, uint64_t len)
{
	return phys >= ARENA_BASE && phys - ARENA_BASE <= ARENA_SIZE &&
	       len <= ARENA_SIZE - (phys - ARENA_BASE);
}

bool host_init(void)
{
	static void *ram; /* for the whole run: pmm keeps its lists in it */
	if (!ram)
		ram = aligned_alloc(PAGE_2M, ARENA_SIZE);
	if (!ram)
		return false;
	phys_map_base = (uintptr_t)ram - ARENA_BASE;
	return pmm_add(PHYS(ARENA_BASE), ARENA_SIZE / PAGE_SIZE) == SL_OK;
}
