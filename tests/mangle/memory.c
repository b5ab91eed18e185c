/* The memory map: free memory with holes, and a GetMemoryMap that says more than there is. */
#include "kernel/str.h"
#include "tests/mangle/mangle.h"

#define EXTRA 64u

static EFI_GET_MEMORY_MAP real_map;
static struct {
	uint32_t type;
	uint64_t base, pages;
} extra[EXTRA];
static unsigned extras, grown, grow_by, grow_calls;

/* Reserved pages where nothing is, apart from one another, so that they do not join. */
#define GROWN_AT 0x8000000000ull

static EFI_MEMORY_DESCRIPTOR *append(EFI_MEMORY_DESCRIPTOR *d, UINTN stride, uint32_t type, uint64_t base,
				     uint64_t pages)
{
	memset(d, 0, stride);
	d->Type = type;
	d->PhysicalStart = base;
	d->NumberOfPages = pages;
	d->Attribute = 0xf;
	return (EFI_MEMORY_DESCRIPTOR *)((uint8_t *)d + stride);
}

static EFI_STATUS EFIAPI lying_map(UINTN *size, EFI_MEMORY_DESCRIPTOR *map, UINTN *key, UINTN *stride,
				   UINT32 *version)
{
	UINTN room = *size;
	EFI_STATUS s = real_map(size, map, key, stride, version);
	if (s && s != EFI_BUFFER_TOO_SMALL)
		return s;
	if (!s && grow_calls) {
		grow_calls--;
		grown += grow_by;
	}
	UINTN more = (extras + grown) * *stride;
	if (s || room - *size < more) {
		*size += more;
		return EFI_BUFFER_TOO_SMALL;
	}
	EFI_MEMORY_DESCRIPTOR *d = (EFI_MEMORY_DESCRIPTOR *)((uint8_t *)map + *size);
	for (unsigned i = 0; i < extras; i++)
		d = append(d, *stride, extra[i].type, extra[i].base, extra[i].pages);
	for (unsigned i = 0; i < grown; i++)
		d = append(d, *stride, EfiReservedMemoryType, GROWN_AT + i * 2ull * EFI_PAGE, 1);
	*size += more;
	return EFI_SUCCESS;
}

static void lie(void)
{
	if (real_map)
		return;
	real_map = efi_bs->GetMemoryMap;
	efi_bs->GetMemoryMap = lying_map;
}

/* mem TYPE BASE PAGES: one descriptor more */
static void add_descriptor(struct words *w)
{
	if (extras == EXTRA) {
		say("mangle: more than %u descriptors\n", EXTRA);
		return;
	}
	extra[extras].type = (uint32_t)word_number(w);
	extra[extras].base = word_number(w);
	extra[extras++].pages = word_number(w);
	lie();
}

/* frag N: free memory of which every other page is in use */
static void fragment(uint64_t n)
{
	EFI_PHYSICAL_ADDRESS at = UINT32_MAX;
	if (efi_bs->AllocatePages(AllocateMaxAddress, EfiLoaderData, 2 * n, &at)) {
		say("mangle: no memory for %llu fragments\n", (ull)n);
		return;
	}
	for (uint64_t i = 0; i < n; i++)
		efi_bs->FreePages(at + 2 * i * EFI_PAGE, 1);
}

static void poke(struct words *w)
{
	uint64_t at = word_number(w), v = word_number(w), bytes = word_number(w);
	memcpy((void *)at, &v, bytes < 8 ? bytes : 8);
}

bool memory_command(const char *command, struct words *w)
{
	if (strcmp(command, "mem") == 0) {
		add_descriptor(w);
	} else if (strcmp(command, "frag") == 0) {
		fragment(word_number(w));
	} else if (strcmp(command, "grow") == 0) { /* grow N CALLS: N descriptors more with each call */
		grow_by = (unsigned)word_number(w);
		grow_calls = (unsigned)word_number(w);
		lie();
	} else if (strcmp(command, "poke") == 0) { /* poke ADDRESS VALUE BYTES */
		poke(w);
	} else {
		return false;
	}
	return true;
}
