/* What one run leaves for the next one in a UEFI variable: that it began, how it ended, and where its log is
 * in memory. Text, so that it can be read with any tool; pure, and what is read is not trusted. */
#pragma once
#include "kernel/bits.h"
#include "kernel/span.h"

#define RUN_STAGE  16u  /* of a stage's name, with its NUL */
#define RUN_RESULT 640u /* of a RESULT line */
#define RUN_NOTE   800u /* of the variable; it has no NUL */

enum run_end { RUN_NONE, RUN_OK, RUN_FAIL, RUN_UNFINISHED };

/* "none", "ok", "fail", "unfinished" */
const char *run_end_name(enum run_end end);

struct run_note {
	uint32_t id;             /* of the run; also in its log */
	uint64_t log;            /* its physical address; 0: there is none */
	enum run_end end;        /* RUN_NONE: there was no run, or what is there is not ours */
	char stage[RUN_STAGE];   /* RUN_FAIL: the one that failed */
	char result[RUN_RESULT]; /* its RESULT line; "": none */
};

/* Sets end and stage by a RESULT line, and keeps it. */
void run_note_result(struct run_note *note, const char *result);
/* The variable's value; returns its length. */
size_t run_note_write(const struct run_note *note, char out[RUN_NOTE]);
/* Reads it; whatever it is, out is a note. */
void run_note_read(struct span value, struct run_note *out);
