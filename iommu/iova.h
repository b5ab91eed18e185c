/* The device addresses allocated in one domain: a list by rising address, allocated first fit. For set-up and
 * tear-down. */
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

/* Callback for further exclusions: returns from when [from, from + len) may be allocated, else the address to
 * continue at. */
typedef uint64_t iova_skip_fn(void *ctx, uint64_t from, uint64_t len);

/* Allocates len bytes at a multiple of align (a power of two) within [low, high). SL_NOSPACE, SL_NOMEM. */
enum sl_err iova_take(struct iova_list *list, uint64_t low, uint64_t high, uint64_t len, uint64_t align,
		      iova_skip_fn *skip, void *ctx, iova_t *out) MUST_CHECK;
/* Frees exactly one allocated range. SL_NOTFOUND. */
enum sl_err iova_give(struct iova_list *list, iova_t iova, uint64_t len) MUST_CHECK;
/* Is any address from limit on allocated? */
bool iova_any_above(const struct iova_list *list, uint64_t limit);
/* Frees all ranges. */
void iova_give_all(struct iova_list *list);
