/* What the host lacks of the kernel: an arena that stands for RAM, a clock that moves when asked, panic. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "kernel/addr.h"
#include "kernel/core.h"
#include "kernel/paging.h"
#include "kernel/panic.h"
#include "kernel/time.h"
#include "tests/unit/support.h"

uintptr_t phys_map_base;
uint64_t support_clock_step = 1;
void (*support_meanwhile)(void);
static uint64_t clock_us;

uint64_t now_us(void)
{
	if (support_meanwhile)
		support_meanwhile();
	return clock_us += support_clock_step;
}

void delay_us(uint64_t us)
{
	if (support_meanwhile)
		support_meanwhile();
	clock_us += us;
}

unsigned support_core;

unsigned core_index(void)
{
	return support_core;
}

void panic(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fputs("panic: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

static uint64_t ram_base, ram_bytes;

__attribute__((weak)) bool paging_in_direct_map(uint64_t phys, uint64_t len)
{
	return phys >= ram_base && phys - ram_base <= ram_bytes && len <= ram_bytes - (phys - ram_base);
}

phys_t support_ram(uint64_t bytes, uint64_t phys_base)
{
	static void *ram; /* for the whole run: pmm keeps its lists in it */
	if (ram)
		abort();
	ram_base = phys_base;
	ram_bytes = ALIGN_UP(bytes, PAGE_2M);
	ram = aligned_alloc(PAGE_2M, ram_bytes);
	if (!ram)
		abort();
	phys_map_base = (uintptr_t)ram - phys_base;
	return PHYS(phys_base);
}
