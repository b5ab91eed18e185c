#include "apps/work/move.h"
#include "drivers/crc32c.h"
#include "kernel/fmt.h"
#include "kernel/str.h"

#define BEFORE 0xa5u /* what is at a destination */

static const char *const names[MOVE_OPS] = {"copy", "fill", "compare", "CRC"};

static uint64_t next(struct moves *v)
{
	v->seed ^= v->seed << 13; /* xorshift64: Marsaglia, 2003 */
	v->seed ^= v->seed >> 7;
	v->seed ^= v->seed << 17;
	return v->seed;
}

static uint8_t *src_of(const struct moves *v, uint32_t tag)
{
	return v->va + tag * 2 * PAGE_SIZE;
}

static uint8_t *dst_of(const struct moves *v, uint32_t tag)
{
	return src_of(v, tag) + PAGE_SIZE;
}

static void put_bytes(struct moves *v, uint8_t *to, uint32_t len)
{
	for (uint32_t i = 0; i < len; i += 8) { /* a page has room for whole words */
		uint64_t word = next(v);
		memcpy(to + i, &word, sizeof word);
	}
}

static void prepare(struct moves *v, uint32_t tag)
{
	struct move_job *j = &v->job[tag];
	uint8_t *src = src_of(v, tag), *dst = dst_of(v, tag);
	uint64_t random = next(v);
	*j = (struct move_job){.op = (uint8_t)(random % MOVE_OPS),
			       .tag = tag,
			       .len = 1 + (uint32_t)(random >> 8) % PAGE_SIZE,
			       .src = IOVA(v->iova.v + tag * 2 * PAGE_SIZE),
			       .dst = IOVA(v->iova.v + (tag * 2 + 1) * PAGE_SIZE)};
	put_bytes(v, src, j->len);
	memset(dst, BEFORE, PAGE_SIZE);
	v->want[tag] = 0;
	if (j->op == MOVE_FILL)
		j->value = next(v);
	if (j->op == MOVE_COMPARE) {
		memcpy(dst, src, j->len);
		v->want[tag] = (uint32_t)(random >> 40) & 1;
		dst[(random >> 41) % j->len] ^= (uint8_t)v->want[tag];
	}
	if (j->op == MOVE_CRC) {
		j->value = (uint32_t)next(v);
		v->want[tag] = crc32c((uint32_t)j->value, src, j->len);
	}
}

static enum sl_err begin(struct moves *v)
{
	v->left = v->mover->ops->submit(v->mover, v->job, MOVE_TAGS);
	v->mover->q.ops->ring(&v->mover->q);
	return v->left == MOVE_TAGS ? SL_OK : SL_VERIFY;
}

enum sl_err moves_begin(struct moves *v)
{
	for (uint32_t tag = 0; tag < MOVE_TAGS; tag++)
		prepare(v, tag);
	return begin(v);
}

void moves_fill(struct moves *v)
{
	for (uint32_t tag = 0; tag < MOVE_TAGS; tag++) {
		prepare(v, tag);
		v->job[tag].op = MOVE_COPY;
		v->job[tag].len = PAGE_SIZE;
		put_bytes(v, src_of(v, tag), PAGE_SIZE);
	}
}

enum sl_err moves_copy(struct moves *v)
{
	return begin(v);
}

bool moves_poll(struct moves *v)
{
	struct queue_done done[MOVE_TAGS];
	unsigned n = v->mover->q.ops->poll(&v->mover->q, done, MOVE_TAGS);
	for (unsigned i = 0; i < n; i++)
		v->status[done[i].tag] = done[i].status;
	v->left -= n;
	return !v->left;
}

/* The first byte at the destination that is not what it should be; PAGE_SIZE: none. */
static uint32_t wrong_at(const struct moves *v, uint32_t tag)
{
	const struct move_job *j = &v->job[tag];
	const uint8_t *src = src_of(v, tag), *dst = dst_of(v, tag);
	bool writes = j->op == MOVE_COPY || j->op == MOVE_FILL;
	uint32_t i = j->op == MOVE_COMPARE ? PAGE_SIZE : 0; /* its destination is an input */
	for (; i < PAGE_SIZE; i++) {
		uint8_t want = BEFORE;
		if (writes && i < j->len)
			want = (uint8_t)(j->op == MOVE_COPY ? src[i] : j->value >> i % 8 * 8);
		if (dst[i] != want)
			break;
	}
	return i;
}

static enum sl_err check(struct moves *v, uint32_t tag, char *why, size_t n)
{
	const struct move_job *j = &v->job[tag];
	char text[40];
	bool results = j->op == MOVE_COMPARE || j->op == MOVE_CRC;
	uint32_t got = results ? v->mover->ops->result(v->mover, tag) : 0, at = wrong_at(v, tag);
	if (v->status[tag]) {
		fmt_print(why, n, "a %s of %u bytes ended with %s", names[j->op], j->len,
			  v->mover->q.ops->status_text(v->status[tag], text, sizeof text));
		return SL_DEVICE;
	}
	if (got != v->want[tag]) {
		fmt_print(why, n, "a %s of %u bytes gave %x, where %x is right", names[j->op], j->len, got,
			  v->want[tag]);
		return SL_VERIFY;
	}
	if (at == PAGE_SIZE)
		return SL_OK;
	fmt_print(why, n, "a %s of %u bytes left %02x at byte %u of its destination", names[j->op], j->len,
		  dst_of(v, tag)[at], at);
	return SL_VERIFY;
}

enum sl_err moves_check(struct moves *v, char *why, size_t n)
{
	for (uint32_t tag = 0; tag < MOVE_TAGS; tag++) {
		enum sl_err e = check(v, tag, why, n);
		if (e)
			return e;
		v->done[v->job[tag].op]++;
	}
	return SL_OK;
}

enum sl_err moves_check_copies(struct moves *v, char *why, size_t n)
{
	for (uint32_t tag = 0; tag < MOVE_TAGS; tag++) {
		v->want[tag] = 0;
		enum sl_err e = check(v, tag, why, n);
		if (e)
			return e;
	}
	return SL_OK;
}
