#include "iommu/iova.h"
#include "kernel/pmm.h"

static struct iova_range *node_get(struct iova_list *list)
{
	struct iova_range *node = *list->spare;
	if (!node)
		return pmm_keep(sizeof(*node));
	*list->spare = node->next;
	return node;
}

static void node_put(struct iova_list *list, struct iova_range **link)
{
	struct iova_range *node = *link;
	*link = node->next;
	node->next = *list->spare;
	*list->spare = node;
}

static bool fits(uint64_t at, uint64_t len, uint64_t end)
{
	return at < end && len <= end - at;
}

enum sl_err iova_take(struct iova_list *list, uint64_t low, uint64_t high, uint64_t len, uint64_t align,
		      iova_skip_fn *skip, void *ctx, iova_t *out)
{
	struct iova_range **link = &list->taken;
	uint64_t at = ALIGN_UP(low, align);
	for (;;) {
		while (*link && (*link)->end <= at)
			link = &(*link)->next;
		if (!fits(at, len, high))
			return SL_NOSPACE;
		bool room = !*link || fits(at, len, (*link)->from);
		uint64_t next = room ? skip(ctx, at, len) : (*link)->end;
		if (next == at)
			break;
		at = ALIGN_UP(next, align);
		if (at < next) /* past 2^64 */
			return SL_NOSPACE;
	}
	struct iova_range *node = node_get(list);
	if (!node)
		return SL_NOMEM;
	*node = (struct iova_range){*link, at, at + len};
	*link = node;
	*out = IOVA(at);
	return SL_OK;
}

enum sl_err iova_give(struct iova_list *list, iova_t iova, uint64_t len)
{
	for (struct iova_range **link = &list->taken; *link; link = &(*link)->next) {
		if ((*link)->from != iova.v || (*link)->end - iova.v != len)
			continue;
		node_put(list, link);
		return SL_OK;
	}
	return SL_NOTFOUND;
}

bool iova_any_above(const struct iova_list *list, uint64_t limit)
{
	for (const struct iova_range *r = list->taken; r; r = r->next)
		if (r->end > limit)
			return true;
	return false;
}

void iova_give_all(struct iova_list *list)
{
	while (list->taken)
		node_put(list, &list->taken);
}
