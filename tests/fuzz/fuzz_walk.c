/* Translation tables whose every word is made up, in both modes. The walkers read a bounded number of words,
 * stop, and answer with a page outside the interrupt range or with a reason of VT-d; the text fits. */
#include <string.h>
#include "iommu/vtd/reasons.h"
#include "iommu/vtd/walk_request.h"

/* The words in the order in which they are read. */
static struct {
	const uint8_t *p;
	size_t n;
	unsigned reads;
} in;

static bool take(void *to, size_t n)
{
	memset(to, 0, n);
	if (in.n < n)
		return false;
	memcpy(to, in.p, n);
	in.p += n;
	in.n -= n;
	return true;
}

static bool read64(void *ctx, uint64_t phys, uint64_t *v)
{
	(void)ctx;
	if (phys & 7)
		__builtin_trap();
	in.reads++;
	return take(v, sizeof(*v));
}

static void must(bool what)
{
	if (!what)
		__builtin_trap();
}

static void known(uint8_t reason)
{
	must(!reason || strcmp(vtd_reason_text(reason), "reserved reason"));
}

/* A root half, 4 words of context, a directory entry, 8 words of an entry; nested, each of 5 entries is
 * behind 5 others, and 5 more lead to the page. */
#define MOST (1 + 4 + 1 + 8 + 5 * 6 + 5)

static void check(const struct vtd_walk_scalable *w)
{
	must(in.reads <= MOST && w->steps <= WALK_LEVELS && w->seconds <= WALK_LEVELS);
	known(w->reason_read);
	known(w->reason_write);
	bool answer = w->at != WALK_AT_INTERRUPT && w->at != WALK_AT_QUEUE;
	must(answer ? w->read == !w->reason_read && w->write == !w->reason_write : !w->read && !w->write);
	if (w->at == WALK_AT_PAGE && w->size) {
		uint64_t page = w->phys.v & ~(w->size - 1);
		must(w->size == PAGE_SIZE || w->size == PAGE_2M || w->size == PAGE_1G);
		must(page >= 0xfef00000 || page + w->size <= 0xfee00000);
		must((w->phys.v ^ w->request.iova.v) % PAGE_SIZE == 0);
	}
	if (w->at == WALK_AT_FIRST)
		must(w->type == 1 || w->type == 3);
	if (w->at == WALK_AT_SECOND)
		must(w->type == 2 || w->type == 3);
}

static void text(const struct vtd_walk_scalable *w)
{
	char buf[260], part[20];
	vtd_walk_request_text(w, buf, sizeof(buf));
	must(strlen(buf) < sizeof(buf) - 1);
	vtd_walk_request_text(w, part, sizeof(part));
	must(!strncmp(buf, part, strlen(part)));
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct vtd_walk_mem mem = {NULL, read64};
	struct vtd_walk_unit unit;
	struct vtd_request r = {0};
	struct vtd_walk_scalable w;
	struct vtd_walk legacy;
	uint8_t flags[4];
	in.p = p;
	in.n = n;
	in.reads = 0;
	(void)take(&unit.rtaddr, 8);
	(void)take(&unit.cap, 8);
	(void)take(&unit.ecap, 8);
	(void)take(&r.iova, 8);
	(void)take(&r.pasid, 4);
	(void)take(&r.fn.rid, 2);
	(void)take(flags, sizeof(flags));
	unit.haw = 32 + flags[0] % 33;
	r.pasid &= 0xfffff;
	r.kind = (enum vtd_request_kind)(flags[1] & 3);
	r.has_pasid = flags[2] & 1;
	r.privileged = flags[2] & 2;
	r.execute = flags[2] & 4;
	const uint8_t *words = in.p;
	size_t left = in.n;
	vtd_walk_request(&unit, &mem, &r, &w);
	check(&w);
	text(&w);
	in.p = words;
	in.n = left;
	vtd_walk(&unit, &mem, r.fn, r.iova, &legacy);
	if (w.at == WALK_AT_LEGACY)
		must(!memcmp(&legacy, &w.legacy, sizeof(legacy)));
	return 0;
}
