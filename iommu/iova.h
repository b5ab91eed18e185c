/* Device addresses given out, of one domain: what is taken is a list by rising address, so that a range is
 * found first fit. For set-up and tear-down. */
#pragma once
#include "kernel/addr.h"
#include "kernel/err.h"

struct iova_range {
	struct iova_range *next;
	uint64_t from, end;
};

struct iova_list {
	struct iova_range *taken;
	struct iova_range **spare; /* nodes to be used again; shared by the domains of a machine */
};

/* Where the range [from, from + len) cannot be given out for another reason: how far to go on; from itself
 * when it can. */
typedef uint64_t iova_skip_fn(void *ctx, uint64_t from, uint64_t len);

/* Takes len bytes at a multiple of align (a power of two) within [low, high). SL_NOSPACE, SL_NOMEM. */
enum sl_err iova_take(struct iova_list *list, uint64_t low, uint64_t high, uint64_t len, uint64_t align,
		      iova_skip_fn *skip, void *ctx, iova_t *out) MUST_CHECK;
/* Gives back exactly what was taken. SL_NOTFOUND. */
enum sl_err iova_give(struct iova_list *list, iova_t iova, uint64_t len) MUST_CHECK;
/* Is any address from limit on taken? */
bool iova_any_above(const struct iova_list *list, uint64_t limit);
/* Gives back all of it. */
void iova_give_all(struct iova_list *list);
