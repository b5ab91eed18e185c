#include "kernel/kept_log.h"
#include "kernel/crc32.h"
#include "kernel/str.h"

#define STEP  0x200000ull  /* logs are on multiples of it */
#define LEAST 0x1000000ull /* firmware uses what is below it, at each start */

static const char magic[8] = "SLCKLOG1";

struct head {
	char magic[8];
	uint64_t self;
	uint32_t id, crc;
	struct {
		char stage[RUN_STAGE];
		uint32_t end; /* enum run_end */
		uint32_t crc;
	} state;
};

/* Of both the CRC begins with the run's id: what an earlier run left in this memory never fits. */
struct chunk {
	uint64_t at;    /* its first byte, counted from the first of the log */
	uint64_t state; /* 63:32 bytes of text, 31:0 CRC; in one store, after the text */
	char text[KEPT_TEXT];
};
_Static_assert(sizeof(struct chunk) == KEPT_CHUNK && sizeof(struct head) <= KEPT_CHUNK, "chunks");

static struct head *head_of(struct kept_log *k)
{
	return (struct head *)(void *)k->at;
}

static struct chunk *chunk_of(const uint8_t *memory, uint64_t i)
{
	return (struct chunk *)(uintptr_t)(memory + (1 + i % KEPT_CHUNKS) * KEPT_CHUNK);
}

static uint32_t crc_start(uint32_t id, uint64_t at)
{
	return crc32(crc32(0, &id, sizeof id), &at, sizeof at);
}

static uint32_t state_crc(const struct head *h)
{
	return crc32(crc_start(h->id, h->self), &h->state, sizeof h->state - sizeof h->state.crc);
}

void kept_start(struct kept_log *k, uint64_t self)
{
	struct head *h = head_of(k);
	if (!k->at)
		return;
	k->written = 0;
	memset(h, 0, sizeof *h);
	k->flush(h, sizeof *h);
	for (uint64_t i = 0; i < KEPT_CHUNKS; i++) {
		chunk_of(k->at, i)->state = 0;
		k->flush(&chunk_of(k->at, i)->state, 8);
	}
	h->self = self;
	h->id = k->id;
	h->crc = crc_start(k->id, self);
	kept_state(k, "begun", RUN_UNFINISHED);
	memcpy(h->magic, magic, sizeof magic);
	k->flush(h, sizeof *h);
}

void kept_add(struct kept_log *k, const char *text, size_t n)
{
	while (k->at && n) {
		struct chunk *c = chunk_of(k->at, k->written / KEPT_TEXT);
		uint64_t off = k->written % KEPT_TEXT, room = KEPT_TEXT - off, take = n < room ? n : room;
		uint32_t crc = (uint32_t)c->state;
		if (!off) { /* what was in it is lost from here on */
			c->state = 0;
			k->flush(c, 16);
			c->at = k->written;
			crc = crc_start(k->id, c->at);
		}
		memcpy(c->text + off, text, take);
		k->flush(c->text + off, take);
		*(volatile uint64_t *)&c->state = (off + take) << 32 | crc32(crc, text, take);
		k->flush(c, 16);
		k->written += take;
		text += take;
		n -= take;
	}
}

void kept_state(struct kept_log *k, const char *stage, enum run_end end)
{
	struct head *h = head_of(k);
	if (!k->at)
		return;
	memset(h->state.stage, 0, sizeof h->state.stage);
	for (size_t i = 0; i + 1 < sizeof h->state.stage && stage[i]; i++)
		h->state.stage[i] = stage[i];
	h->state.end = (uint32_t)end;
	h->state.crc = state_crc(h);
	k->flush(h, sizeof *h);
}

void kept_clear(struct kept_log *k)
{
	memset(k->at, 0, sizeof magic);
	k->flush(k->at, sizeof magic);
}

/* ---- what an earlier run left ---- */

struct span kept_text(struct span memory, const struct kept_found *f, uint64_t i)
{
	const struct chunk *c = chunk_of(memory.p, i);
	uint64_t n = c->state >> 32, at = c->at;
	struct span text = {(const uint8_t *)c->text, n <= KEPT_TEXT ? n : 0};
	if (at != i * KEPT_TEXT || crc32(crc_start(f->id, at), text.p, text.n) != (uint32_t)c->state)
		text.n = 0;
	return text;
}

static void count(struct span memory, struct kept_found *f)
{
	f->newest = 0;
	for (uint64_t slot = 0; slot < KEPT_CHUNKS; slot++) {
		uint64_t i = chunk_of(memory.p, slot)->at / KEPT_TEXT;
		if (i % KEPT_CHUNKS == slot && i >= f->newest && kept_text(memory, f, i).n)
			f->newest = i;
	}
	f->first = f->newest >= KEPT_CHUNKS ? f->newest - KEPT_CHUNKS + 1 : 0;
	f->lost = f->first * KEPT_TEXT;
	for (uint64_t i = f->first; i <= f->newest; i++) {
		size_t n = kept_text(memory, f, i).n;
		f->bytes += n;
		f->damaged += n != KEPT_TEXT && i != f->newest;
	}
}

bool kept_find(struct span memory, uint64_t self, struct kept_found *f)
{
	const struct head *h = (const struct head *)(const void *)memory.p;
	*f = (struct kept_found){.end = RUN_NONE};
	if (memory.n < KEPT_BYTES || memcmp(h->magic, magic, sizeof magic) || h->self != self ||
	    h->crc != crc_start(h->id, self))
		return false;
	f->id = h->id;
	if (h->state.crc == state_crc(h) && h->state.end >= RUN_OK && h->state.end <= RUN_UNFINISHED) {
		f->end = (enum run_end)h->state.end;
		for (size_t i = 0; i + 1 < sizeof f->stage && h->state.stage[i]; i++)
			f->stage[i] =
				h->state.stage[i] > ' ' && h->state.stage[i] < 0x7f ? h->state.stage[i] : '?';
	}
	count(memory, f);
	return true;
}

/* ---- where it is ---- */

static uint64_t end_of(const struct boot_region *r)
{
	return r->base + r->pages * PAGE_SIZE;
}

bool kept_possible(const struct boot_region *r, uint32_t n, uint64_t at)
{
	for (uint32_t i = 0; i < n; i++)
		if (r[i].type == MEM_FREE && at >= r[i].base && at >= LEAST && IS_ALIGNED(at, STEP) &&
		    at < end_of(&r[i]) && end_of(&r[i]) - at >= KEPT_BYTES)
			return true;
	return false;
}

uint64_t kept_place(const struct boot_region *r, uint32_t n)
{
	const struct boot_region *best = NULL;
	for (uint32_t i = 0; i < n; i++)
		if (r[i].type == MEM_FREE && end_of(&r[i]) <= BIT(32) && (!best || r[i].pages > best->pages))
			best = &r[i];
	uint64_t at = best ? ALIGN_DOWN(best->base + best->pages * PAGE_SIZE / 2, STEP) : 0;
	return kept_possible(r, n, at) ? at : 0;
}
