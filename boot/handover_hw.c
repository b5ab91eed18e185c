/* The last of firmware: the kernel's memory, the memory map, page tables, ExitBootServices. */
#include "boot/unlzma.h"
#include "boot/elf.h"
#include "boot/layout.h"
#include "boot/loader.h"
#include "kernel/memmap.h"
#include "kernel/phys.h"
#include "kernel/str.h"

#define MAP_SPARE   64u /* descriptors that the memory map may grow by */
#define LEAVE_TRIES 16

extern const uint8_t kernel_image[], kernel_image_end[];
extern void boot_jump(uint64_t cr3, uint64_t entry, uint64_t boot_info);

static void copy_segments(struct boot_info *bi, const struct elf *elf)
{
	uint8_t *at = loader_bytes(elf->span);
	for (unsigned i = 0; i < elf->segments; i++) {
		uint64_t off = elf->segment[i].va - elf->base;
		memcpy(at + off, elf->segment[i].file.p, elf->segment[i].file.n);
		bi->segment[i] = (struct boot_segment){.va = elf->segment[i].va,
						       .pa = (uint64_t)at + off,
						       .len = ALIGN_UP(elf->segment[i].memsz, PAGE_SIZE),
						       .flags = elf->segment[i].flags};
	}
	bi->segment_count = elf->segments;
}

static uint64_t copy(struct span what)
{
	uint8_t *to = loader_bytes(what.n + 1);
	memcpy(to, what.p, what.n);
	return (uint64_t)to;
}

uint64_t handover_kernel(struct boot_info *bi)
{
	struct elf elf;
	struct span packed = {kernel_image, (size_t)(kernel_image_end - kernel_image)};
	size_t n = unlzma_size(packed);
	uint8_t *file = loader_bytes(n + 1);
	if (!unlzma(packed, loader_bytes(UNLZMA_WORK), file, n) || elf_read((struct span){file, n}, &elf))
		refuse("the kernel inside this file is damaged", "write the stick again");
	copy_segments(bi, &elf);
	bi->symtab_len = elf.symtab.n;
	bi->strtab_len = elf.strtab.n;
	bi->symtab = copy(elf.symtab);
	bi->strtab = copy(elf.strtab);
	bi->jump_page = ALIGN_DOWN((uint64_t)boot_jump, PAGE_SIZE);
	return elf.entry;
}

/* ---- the memory map ---- */

static struct {
	void *buf;
	UINTN room, size, key, stride;
	uint32_t regions; /* that there is room for */
} map;

static EFI_STATUS ask_map(void)
{
	UINT32 version;
	map.size = map.room;
	return loader_bs()->GetMemoryMap(&map.size, map.buf, &map.key, &map.stride, &version);
}

/* The memory map as it is now. It grows by what is allocated and freed: room for it is made as often as it
 * takes, which is allowed even after a first ExitBootServices (UEFI §7.4.6). */
static EFI_STATUS get_map(struct boot_info *bi)
{
	EFI_STATUS s = ask_map();
	for (int i = 0; s == EFI_BUFFER_TOO_SMALL && map.stride && i < LEAVE_TRIES; i++) {
		EFI_PHYSICAL_ADDRESS at = 0;
		UINTN room = map.size + (MAP_SPARE << i) * map.stride;
		uint32_t regions = MEMMAP_ROOM((uint32_t)(room / map.stride));
		UINTN list = ALIGN_UP(regions * sizeof(struct boot_region), PAGE_SIZE);
		s = loader_bs()->AllocatePages(AllocateAnyPages, EfiLoaderData,
					       (list + ALIGN_UP(room, PAGE_SIZE)) / PAGE_SIZE, &at);
		if (s != EFI_SUCCESS)
			return s;
		bi->regions = at;
		map.regions = regions;
		map.buf = (void *)(at + list);
		map.room = room;
		s = ask_map();
	}
	return s;
}

static uint32_t decode_map(struct boot_info *bi)
{
	bi->region_count = memmap_decode((struct span){map.buf, map.size}, map.stride, BIT(bi->phys_bits),
					 (struct boot_region *)bi->regions, map.regions, &bi->regions_odd);
	phys_init((const struct boot_region *)bi->regions, bi->region_count, bi->phys_bits);
	return bi->region_count;
}

void handover_map(struct boot_info *bi)
{
	if (get_map(bi) != EFI_SUCCESS)
		refuse("the firmware does not provide a memory map", "update the firmware");
	if (!decode_map(bi))
		refuse("the firmware's memory map has no valid descriptor", "update the firmware");
}

static struct {
	void *at;
	uint64_t pages;
} stock; /* of page tables */

/* The map as it is now, and page tables for it. */
static EFI_STATUS take_map(struct boot_info *bi)
{
	EFI_STATUS s = get_map(bi);
	if (s != EFI_SUCCESS)
		return s;
	if (!decode_map(bi))
		refuse("the firmware's memory map has no valid descriptor", "update the firmware");
	const struct boot_region *regions = (const struct boot_region *)bi->regions;
	enum sl_err e = stock.pages ? layout_build(bi, regions, stock.at, stock.pages) : SL_NOMEM;
	if (e == SL_NOMEM) { /* the first time, and when the map became another */
		uint64_t need = layout_pages(bi, regions);
		stock.pages = need > 2 * stock.pages ? need : 2 * stock.pages;
		stock.at = loader_pages(stock.pages);
		return EFI_NOT_READY; /* the map has changed by it */
	}
	if (e == SL_VERIFY)
		refuse("firmware's memory map says that memory it gave to the loader is not RAM",
		       "update the firmware");
	if (e)
		refuse("the firmware's memory map cannot be mapped", "update the firmware");
	return EFI_SUCCESS;
}

/* All that may fail is done before ExitBootServices: after it there is no console. */
void handover_leave(struct boot_info *bi)
{
	for (int tries = 0; tries < LEAVE_TRIES; tries++)
		if (take_map(bi) == EFI_SUCCESS &&
		    loader_bs()->ExitBootServices(loader_image, map.key) == EFI_SUCCESS)
			return;
	refuse("ExitBootServices failed 16 times", "update the firmware");
}

void handover_enter(const struct boot_info *bi, uint64_t entry)
{
	boot_jump(bi->root_table, entry, (uint64_t)bi);
	for (;;)
		__asm__ volatile("hlt");
}
