/* What the host lacks of the kernel: an arena that stands for RAM, a clock that moves when asked, panic. */
#define _DEFAULT_SOURCE
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/addr.h"
#include "kernel/core.h"
#include "kernel/panic.h"
#include "kernel/time.h"
#include "tests/unit/support.h"

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

phys_t support_ram(uint64_t bytes, uint64_t phys_base)
{
	static void *ram; /* for the whole run: pmm keeps its lists in it */
	if (ram)
		abort();
	ram = aligned_alloc(PAGE_2M, ALIGN_UP(bytes, PAGE_2M));
	if (!ram)
		abort();
	phys_map_base = (uintptr_t)ram - phys_base;
	return PHYS(phys_base);
}

static void not_recorded(const char *path)
{
	printf("SKIP no recorded data: %s is not there\n", path);
	skip();
}

const char *support_data(const char *folder)
{
	static char path[512];
	const char *base = getenv("SLUICE_DATA");
	snprintf(path, sizeof path, "%s/%s", base ? base : "../shared/data", folder);
	DIR *d = opendir(path);
	if (d)
		closedir(d);
	else
		not_recorded(path);
	return path;
}

const char *support_next(const char *dir)
{
	static DIR *open_dir;
	if (!open_dir)
		open_dir = opendir(dir);
	struct dirent *e = open_dir ? readdir(open_dir) : NULL;
	if (e)
		return e->d_name;
	if (open_dir)
		closedir(open_dir);
	open_dir = NULL;
	return NULL;
}

void support_file(const char *folder, const char *name, char *path, size_t n)
{
	snprintf(path, n, "%s/%s", support_data(folder), name);
	FILE *f = fopen(path, "r");
	if (f)
		fclose(f);
	else
		not_recorded(path);
}

bool support_ends(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);
	return n >= e && strcmp(name + n - e, end) == 0;
}
