/* The kernel's first page tables, made of pages that the loader set aside. Pure: also built for the host. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/x86/pt.h"

#define LAYOUT_MAP_BASE  0xffff800000000000ull /* direct map of RAM */
#define LAYOUT_MAP_LIMIT BIT(46)               /* bytes it has room for */

/* Pages for the tables of this memory map, and some for the kernel's later use; an estimate that may be too
 * small for a hostile map. */
uint64_t layout_pages(const struct boot_info *bi, const struct boot_region *map);

/* Builds the tables in stock[0 .. pages), which it clears: kernel segments with the permissions of their ELF
 * headers, the loader's page that jumps there, RAM writable and not executable, and read-only where it holds
 * the kernel's code and constants, the firmware's code, or these tables. Fills in root_table, map_base,
 * tables, tables_pages and tables_used. SL_VERIFY when part of the loader's hand-over is not RAM by the map,
 * so that the kernel could not read it. SL_NOMEM when the stock is too small: try again with a larger one. */
enum sl_err layout_build(struct boot_info *bi, const struct boot_region *map, void *stock,
			 uint64_t pages) MUST_CHECK;
