/* What the run before left: the input is the UEFI variable, and pieces that are put over a log in memory. */
#include <stdlib.h>
#include <string.h>
#include "kernel/kept_log.h"
#include "kernel/run_note.h"

#define SELF 0xe800000ull

static void flush(const void *p, size_t n)
{
	(void)p;
	(void)n;
}

static void fuzz_note(const uint8_t *p, size_t n)
{
	struct run_note note, again;
	char value[RUN_NOTE];
	run_note_read((struct span){p, n}, &note);
	if (!memchr(note.stage, 0, sizeof note.stage) || !memchr(note.result, 0, sizeof note.result) ||
	    note.end > RUN_UNFINISHED)
		__builtin_trap();
	if (note.end == RUN_NONE)
		return;
	size_t written = run_note_write(&note, value);
	run_note_read((struct span){(const uint8_t *)value, written}, &again);
	if (again.id != note.id || again.log != note.log || again.end != note.end ||
	    strcmp(again.stage, note.stage))
		__builtin_trap();
}

/* Three bytes of place, a byte of length, then what is put there. */
static void damage(uint8_t *memory, const uint8_t *p, size_t n)
{
	while (n > 4) {
		size_t at = (p[0] | p[1] << 8 | p[2] << 16) % KEPT_BYTES, len = p[3] < n - 4 ? p[3] : n - 4;
		len = len < KEPT_BYTES - at ? len : KEPT_BYTES - at;
		memcpy(memory + at, p + 4, len);
		p += 4 + len;
		n -= 4 + len;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint8_t *memory;
	struct kept_found f;
	uint64_t bytes = 0;
	memory = memory ? memory : aligned_alloc(KEPT_CHUNK, KEPT_BYTES);
	struct kept_log k = {.at = memory, .id = 7, .flush = flush};
	fuzz_note(p, n);
	kept_start(&k, SELF);
	kept_add(&k, (const char *)p, n);
	damage(memory, p, n);
	if (!kept_find((struct span){memory, KEPT_BYTES}, SELF, &f))
		return 0;
	if (f.newest < f.first || f.newest - f.first >= KEPT_CHUNKS || f.damaged > KEPT_CHUNKS)
		__builtin_trap();
	for (uint64_t i = f.first; i <= f.newest; i++)
		bytes += kept_text((struct span){memory, KEPT_BYTES}, &f, i).n;
	if (bytes != f.bytes || bytes > KEPT_BYTES)
		__builtin_trap();
	return 0;
}
