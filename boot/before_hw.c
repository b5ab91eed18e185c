/* What the run before left, and what this one leaves: the UEFI variable, and the log in memory that a reset
 * does not clear. */
#include "boot/loader.h"
#include "kernel/run_variable.h"
#include "kernel/cpu.h"
#include "kernel/str.h"

#define STEP 0x200000ull

static EFI_GUID guid = RUN_VARIABLE_GUID;
static CHAR16 name[] = RUN_VARIABLE_NAME;

static uint64_t found_at; /* the log of the run before; 0: there is none */
static struct kept_found found;

static void flush(const void *p, size_t n)
{
	for (uintptr_t at = ALIGN_DOWN((uintptr_t)p, 64), end = (uintptr_t)p + n; at < end; at += 64)
		__asm__ volatile("clflush %0" : "+m"(*(volatile char *)at));
}

static bool look_at(const struct boot_info *bi, uint64_t at)
{
	if (!kept_possible((const struct boot_region *)bi->regions, bi->region_count, at) ||
	    facts_check(at, KEPT_BYTES, PHYS_TABLE) ||
	    !kept_find((struct span){(const uint8_t *)at, KEPT_BYTES}, at, &found))
		return false;
	found_at = at;
	return true;
}

/* Where the variable says, where this run would put its own, and on each step below 4 GiB. */
static void look(const struct boot_info *bi)
{
	const struct boot_region *r = (const struct boot_region *)bi->regions;
	if (look_at(bi, bi->before.note.log) || look_at(bi, kept_place(r, bi->region_count)))
		return;
	for (uint32_t i = 0; i < bi->region_count; i++)
		for (uint64_t at = ALIGN_UP(r[i].base, STEP);
		     r[i].type == MEM_FREE && at < r[i].base + r[i].pages * PAGE_SIZE && at < BIT(32);
		     at += STEP)
			if (look_at(bi, at))
				return;
}

void before_find(struct boot_info *bi)
{
	UINT8 value[RUN_NOTE];
	UINTN size = sizeof value;
	struct run_note *note = &bi->before.note;
	if (loader_st->RuntimeServices->GetVariable(name, &guid, NULL, &size, value) == EFI_SUCCESS)
		run_note_read((struct span){value, size < sizeof value ? size : sizeof value}, note);
	look(bi);
	if (!found_at)
		return;
	bi->before.bytes = found.bytes;
	bi->before.lost = found.lost;
	bi->before.damaged = found.damaged;
	if (found.end != RUN_NONE && (note->end == RUN_NONE || note->id == found.id)) {
		if (found.end == RUN_UNFINISHED) /* else the variable has RESULT as well */
			note->result[0] = 0;
		note->end = found.end;
		memcpy(note->stage, found.stage, sizeof note->stage);
	}
}

void before_keep(struct boot_info *bi)
{
	struct boot_before *b = &bi->before;
	uint64_t place = found_at;
	if (found_at) {
		struct kept_log old = {.at = (uint8_t *)found_at, .flush = flush};
		keep_log(bi, (struct span){old.at, KEPT_BYTES}, &found);
		kept_clear(&old);
	} else {
		place = kept_place((const struct boot_region *)bi->regions, bi->region_count);
	}
	EFI_PHYSICAL_ADDRESS at = place;
	if (place && loader_bs()->AllocatePages(AllocateAddress, EfiLoaderData, KEPT_BYTES / PAGE_SIZE,
						&at) == EFI_SUCCESS)
		b->log = place;
	b->id = (uint32_t)(cpu_tsc() ^ bi->tsc_start << 16) | 1;
}

void before_begin(struct boot_info *bi)
{
	struct run_note note = {.id = bi->before.id, .log = bi->before.log, .end = RUN_UNFINISHED};
	char value[RUN_NOTE];
	if (!bi->cfg.remember)
		return;
	memcpy(note.stage, "begun", sizeof "begun");
	bi->before.remembered =
		loader_st->RuntimeServices->SetVariable(name, &guid, RUN_VARIABLE_ATTRIBUTES,
							run_note_write(&note, value), value) == EFI_SUCCESS;
}
