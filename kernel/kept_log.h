/* The log of a run, and how far it came, in memory that a reset does not clear: the loader of the next start
 * finds it there. 1 MiB: a head of one chunk, then chunks of text, each with a CRC of its own, so that a line
 * is added by writing it and one word. The oldest chunk gives way. Pure; what is read back is not trusted. */
#pragma once
#include "boot/boot_info.h"
#include "kernel/span.h"

#define KEPT_BYTES  0x100000u
#define KEPT_CHUNK  4096u
#define KEPT_CHUNKS (KEPT_BYTES / KEPT_CHUNK - 1)
#define KEPT_TEXT   (KEPT_CHUNK - 16) /* bytes of the log in a chunk */

struct kept_log {
	uint8_t *at; /* KEPT_BYTES; NULL: nothing is kept */
	uint32_t id; /* of the run */
	uint64_t written;
	/* Writes lines of the cache back to memory: a reset may drop them. */
	void (*flush)(const void *p, size_t n);
};

/* Begins the log of a run in that memory, whose physical address is self. */
void kept_start(struct kept_log *k, uint64_t self);
void kept_add(struct kept_log *k, const char *text, size_t n);
/* How far the run is: the stage, and how it ended (RUN_UNFINISHED: not yet). */
void kept_state(struct kept_log *k, const char *stage, enum run_end end);
/* It is saved: it is not found again. */
void kept_clear(struct kept_log *k);

struct kept_found {
	uint32_t id;
	enum run_end end;       /* RUN_NONE: cannot be read */
	char stage[RUN_STAGE];  /* printable */
	uint64_t first, newest; /* chunks of the log, from 0 on, that may be there */
	uint64_t lost, bytes;   /* of text: older than what is there; there */
	uint32_t damaged;       /* chunks between those that are there */
};

/* Is a log in those KEPT_BYTES, at the physical address self? */
bool kept_find(struct span memory, uint64_t self, struct kept_found *out);
/* The text of chunk i of the log; of no length: it is damaged. */
struct span kept_text(struct span memory, const struct kept_found *f, uint64_t i);

/* Where the log is to be: in the middle of the largest free range below 4 GiB, on 2 MiB. At its ends firmware
 * and the programs that it starts allocate. 0: there is no room. */
uint64_t kept_place(const struct boot_region *r, uint32_t n);
/* May a log be there? Free memory, on 2 MiB. */
bool kept_possible(const struct boot_region *r, uint32_t n, uint64_t at);
