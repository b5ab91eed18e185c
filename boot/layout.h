/* The page tables that the kernel starts with, made of pages that the loader laid in. Pure: it is built for
 * the host too. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/x86/pt.h"

#define LAYOUT_MAP_BASE  0xffff800000000000ull /* direct map of RAM */
#define LAYOUT_MAP_LIMIT BIT(46)               /* bytes it has room for */

/* Pages for the tables of this memory map, and some that the kernel takes later; a guess that may be too
 * small where the map is hostile. */
uint64_t layout_pages(const struct boot_info *bi, const struct boot_region *map);

/* Builds the tables in stock[0 .. pages), which it clears: kernel segments with the permissions of their ELF
 * headers, the page of the loader that leads there, RAM writable and not executable, and read-only where it
 * holds the kernel's code and constants, firmware's code, or these tables. Fills in root_table, map_base,
 * tables, tables_pages and tables_used. SL_VERIFY when something of what
 * the loader hands over is not RAM by the map, so that the kernel could not read it. SL_NOMEM when the stock
 * is too small: nothing is lost, try again with a larger one. */
enum sl_err layout_build(struct boot_info *bi, const struct boot_region *map, void *stock,
			 uint64_t pages) MUST_CHECK;
