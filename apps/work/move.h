/* Jobs for a device that works on memory (drivers/move.h), each with its input and its expected output,
 * checked against the CPU. Depends only on that interface, not on a device. */
#pragma once
#include "apps/machine.h"
#include "drivers/move.h"

#define MOVE_TAGS  32u /* jobs of a round */
#define MOVE_BYTES (MOVE_TAGS * 2 * PAGE_SIZE)

struct moves {
	struct mover *mover;
	uint8_t *va; /* MOVE_BYTES: for each tag a source and a destination, a page each */
	iova_t iova;
	uint64_t seed;
	struct move_job job[MOVE_TAGS];
	uint32_t want[MOVE_TAGS]; /* results */
	uint16_t status[MOVE_TAGS];
	unsigned left;           /* of the round, in flight */
	uint64_t done[MOVE_OPS]; /* checked and right */
};

/* Submits a round of jobs of all kinds and lengths. SL_VERIFY: the queue refuses one. */
enum sl_err moves_begin(struct moves *v) MUST_CHECK;
/* The same with copies of whole pages, whose sources stay as they are. */
enum sl_err moves_copy(struct moves *v) MUST_CHECK;
/* Takes what is done; true when the round is through. */
bool moves_poll(struct moves *v);
/* After a round of moves_begin(): SL_DEVICE: a status; SL_VERIFY: a wrong result; why says which. */
enum sl_err moves_check(struct moves *v, char *why, size_t n) MUST_CHECK;
/* Sources for moves_copy(), and what its rounds left is right: SL_VERIFY. */
void moves_fill(struct moves *v);
enum sl_err moves_check_copies(struct moves *v, char *why, size_t n) MUST_CHECK;

/* Stages of device=dsa: the device's queues, every result verified; then copies timed. */
enum sl_err stage_move(struct machine *m) MUST_CHECK;
enum sl_err stage_move_timed(struct machine *m) MUST_CHECK;
void undo_move(struct machine *m);
