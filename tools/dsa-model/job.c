// Descriptors and batches on their way: from a portal to a completion record.
// SPDX-License-Identifier: GPL-2.0-or-later
#include "dsa.h"

enum { RECORD_BYTES = 32, LIST = 2, SIZE = 4 };

static struct desc *now(struct job *j)
{
	return j->in_item ? &j->item : &j->whole;
}

static bool is_batch(const struct job *j)
{
	return desc_op(&j->whole) == OP_BATCH;
}

static unsigned index_of(const struct job *j)
{
	return (unsigned)(j - j->d->job);
}

static void end(struct job *j)
{
	struct dsa *d = j->d;
	timer_drop(j->timer);
	j->timer = NULL;
	j->state = JOB_FREE;
	dsa_drained(d);
}

/* The status comes last: who sees it sees the rest. */
static void write_record(struct job *j, const struct desc *q, const struct record *rec)
{
	uint8_t bytes[RECORD_BYTES] = {rec->status, rec->result};
	uint64_t at = q->word[1], fault;
	memcpy(bytes + 4, &rec->bytes, 4);
	memcpy(bytes + 8, &rec->fault, 8);
	memcpy(bytes + 16, &rec->value, 4);
	if (at % RECORD_BYTES)
		dsa_error(j->d, j, RECORD_UNALIGNED, at, true);
	else if (!dsa_dma(j->d, j->pasid, at + 1, bytes + 1, RECORD_BYTES - 1, true, j->fault, &fault) ||
		 !dsa_dma(j->d, j->pasid, at, bytes, 1, true, j->fault, &fault))
		dsa_error(j->d, j, RECORD_REFUSED, at, true);
}

static void complete(struct job *j, const struct desc *q, struct record *rec)
{
	struct dsa *d = j->d;
	uint32_t flags = desc_flags(q), handle = (uint32_t)(q->word[SIZE] >> 32) & 0xffff;
	if (flags & FLAG_INTERRUPT && (!handle || handle >= DSA_VECTORS))
		*rec = (struct record){.status = BAD_HANDLE};
	say(d, "wq %u op %x PASID %x %llx %llx length %x: status %x result %x fault %llx\n", j->wq,
	    desc_op(q), j->pasid, (unsigned long long)q->word[2], (unsigned long long)q->word[3],
	    (uint32_t)q->word[SIZE], rec->status, rec->result, (unsigned long long)rec->fault);
	if (j->fault == FAULT_LOST)
		return;
	if (flags & FLAG_RECORD) {
		if (flags & FLAG_ALWAYS || rec->status != SUCCESS)
			write_record(j, q, rec);
	} else if (rec->status > SUCCESS_PREDICATE) {
		dsa_error(d, j, rec->status, rec->fault, rec->status & STATUS_WRITE);
	}
	if (flags & FLAG_INTERRUPT && rec->status != BAD_HANDLE && msix_enabled(d->fn.dev))
		msix_notify(d->fn.dev, handle);
}

/* After a fault of what now() is: true when the job waits for the page. */
static bool waits_for_page(struct job *j, const struct record *rec)
{
	struct dsa *d = j->d;
	if (j->refused || !(desc_flags(now(j)) & FLAG_BOF) ||
	    wqcfg(d, j->wq)[WQ_MODE] & (WQ_NO_PRS | WQ_NO_ATS))
		return false;
	j->state = JOB_BLOCKED;
	j->answered = false;
	if (dsa_ask_page(d, j->pasid, rec->fault, rec->status & STATUS_WRITE, index_of(j)))
		return true;
	j->state = JOB_RUNS;
	return false;
}

/* One descriptor; false when it waits. */
static bool run_one(struct job *j, struct record *rec)
{
	struct desc *q = now(j);
	if (operation_run(j, q, rec) == RESULT_FAULT) {
		if (waits_for_page(j, rec))
			return false;
		if (j->refused)
			rec->status = (uint8_t)(PAGE_FAULT_RESPONSE | (rec->status & STATUS_WRITE));
		j->refused = false;
	}
	complete(j, q, rec);
	return true;
}

/* 0, or the status of a batch that is wrong in itself. */
static uint8_t refuse_batch(const struct job *j, struct record *rec)
{
	const struct desc *q = &j->whole;
	uint32_t limit = 1u << (wqcfg(j->d, j->wq)[WQ_LIMITS] >> 5 & 15);
	uint32_t bad = desc_flags(q) & (FLAGS_RESERVED | FLAGS_OF_OPERATION);
	if (!(wqcfg(j->d, j->wq)[WQ_MODE] & WQ_BOF))
		bad |= desc_flags(q) & FLAG_BOF;
	rec->value = bad;
	if (bad)
		return BAD_FLAGS;
	if (j->count < 2 || j->count > limit)
		return BAD_COUNT;
	return q->word[LIST] % 64 ? BAD_LIST : 0;
}

/* Fetches the next descriptor of the batch. 1: there; 0: it waits; -1: refused, and rec says how. */
static int fetch(struct job *j, struct record *rec)
{
	uint64_t fault = 0;
	j->item = (struct desc){0};
	if (dsa_dma(j->d, j->pasid, j->whole.word[LIST] + 64 * (uint64_t)j->next, j->item.word, 64, false,
		    j->fault, &fault)) {
		j->in_item = true;
		return 1;
	}
	*rec = (struct record){.status = BATCH_PAGE_FAULT, .bytes = j->next, .fault = fault};
	return waits_for_page(j, rec) ? 0 : -1;
}

/* True when the batch is through; its own record is in rec. */
static bool run_batch(struct job *j, struct record *rec)
{
	*rec = (struct record){0};
	j->count = (uint32_t)j->whole.word[SIZE];
	rec->status = refuse_batch(j, rec);
	if (rec->status)
		return true;
	while (j->next < j->count) {
		struct record of_item = {0};
		int there = j->in_item ? 1 : fetch(j, rec);
		if (there <= 0)
			return there < 0;
		if (desc_flags(&j->item) & FLAG_FENCE && j->failed)
			break;
		if (!run_one(j, &of_item))
			return false;
		j->failed |= of_item.status != SUCCESS;
		j->in_item = false;
		j->next++;
	}
	*rec = (struct record){.status = j->failed ? BATCH_FAILED : SUCCESS, .bytes = j->next};
	j->in_item = false;
	return true;
}

static bool others_run(const struct job *j)
{
	const struct dsa *d = j->d;
	for (size_t i = 0; i < ARRAY_SIZE(d->job); i++)
		if (&d->job[i] != j && d->job[i].wq == j->wq && d->job[i].state != JOB_FREE &&
		    d->job[i].state != JOB_DRAINS)
			return true;
	return false;
}

static void run(struct job *j)
{
	struct record rec = {0};
	j->state = JOB_RUNS;
	if (!is_batch(j) && desc_op(&j->whole) == OP_DRAIN && others_run(j)) {
		j->state = JOB_DRAINS;
		return;
	}
	if (is_batch(j)) {
		if (!run_batch(j, &rec))
			return;
		complete(j, &j->whole, &rec);
	} else if (!run_one(j, &rec)) {
		return;
	}
	end(j);
	for (size_t i = 0; i < ARRAY_SIZE(j->d->job); i++)
		if (j->d->job[i].state == JOB_DRAINS)
			qemu_bh_schedule(j->d->again);
}

static void run_late(void *opaque)
{
	run(opaque);
}

void job_submit(struct dsa *d, unsigned wq, const uint64_t word[8])
{
	uint32_t mode = wqcfg(d, wq)[WQ_MODE];
	struct job *j = d->job;
	while (j < d->job + ARRAY_SIZE(d->job) && j->state != JOB_FREE)
		j++;
	struct job none = {.wq = wq, .d = d, .pasid = mode & WQ_PASID_ON ? WQ_PASID(mode) : NO_PASID};
	memcpy(none.whole.word, word, 64);
	bool on = (d->r[GENSTS / 4] & 3) == STATE_ENABLED && wqcfg(d, wq)[WQ_STATE] & WQ_ENABLED;
	if (!on || !(mode & WQ_DEDICATED) || j == d->job + ARRAY_SIZE(d->job)) {
		dsa_error(d, &none, on && mode & WQ_DEDICATED ? QUEUE_FULL : QUEUE_OFF, 0, false);
		return;
	}
	*j = none;
	j->fault = fault_next(&d->fault, wq);
	if (j->fault == FAULT_LATE) {
		j->state = JOB_LATE;
		j->timer = timer_make(run_late, j);
		timer_after(j->timer, (int64_t)d->fault.ms * 1000000);
		return;
	}
	run(j);
}

void job_answered(struct dsa *d, unsigned index, bool good)
{
	if (index >= ARRAY_SIZE(d->job) || d->job[index].state != JOB_BLOCKED)
		return;
	d->job[index].answered = true;
	d->job[index].refused = !good;
	qemu_bh_schedule(d->again);
}

void job_again(void *opaque)
{
	struct dsa *d = opaque;
	for (size_t i = 0; i < ARRAY_SIZE(d->job); i++) {
		struct job *j = &d->job[i];
		if ((j->state == JOB_BLOCKED && j->answered) || (j->state == JOB_DRAINS && !others_run(j)))
			run(j);
	}
}

static bool meant(const struct job *j, uint32_t wqs, uint32_t pasid)
{
	return j->state != JOB_FREE && wqs >> j->wq & 1 && (pasid == NO_PASID || pasid == j->pasid);
}

bool job_any(struct dsa *d, uint32_t wqs, uint32_t pasid)
{
	for (size_t i = 0; i < ARRAY_SIZE(d->job); i++)
		if (meant(&d->job[i], wqs, pasid))
			return true;
	return false;
}

void job_abort(struct dsa *d, uint32_t wqs, uint32_t pasid)
{
	for (size_t i = 0; i < ARRAY_SIZE(d->job); i++)
		if (meant(&d->job[i], wqs, pasid)) {
			timer_drop(d->job[i].timer);
			d->job[i].timer = NULL;
			d->job[i].state = JOB_FREE;
		}
}
