/* domain_map() and domain_unmap(): a single page in a cached table, in a few instructions; everything else
 * goes to iommu/map.c. */
#include "iommu/cached_table.h"
#include "iommu/domain_parts.h"
#include "kernel/msi.h"

#define INLINE inline __attribute__((always_inline))

static void forget(struct cached_tables *c, struct iopt *pt, unsigned level)
{
	struct cached_table *last = &c->level[level - 1];
	if (last->table && !*last->count)
		pt->empty++;
	*last = (struct cached_table){.at = UINT64_MAX};
}

void cached_none(struct cached_tables *c)
{
	*c = (struct cached_tables){0};
	for (unsigned level = 1; level <= IOPT_PAGE_KINDS; level++)
		c->level[level - 1].at = UINT64_MAX;
}

void cached_drop(struct cached_tables *c, struct iopt *pt)
{
	cached_sync(c, pt);
	for (unsigned level = 1; level <= IOPT_PAGE_KINDS; level++)
		forget(c, pt, level);
}

bool cached_find(struct cached_tables *c, struct iopt *pt, unsigned level, iova_t iova)
{
	const struct pt_format *f = pt->form;
	uint64_t *table = pt->top, *count = &pt->top_count;
	if (level > pt->page_level)
		return false;
	for (unsigned l = pt->levels; l > level; l--) {
		uint64_t *entry = &table[iopt_index(iova.v, l)];
		if (!*entry || (*entry & f->kind) == f->leaf)
			return false;
		count = iopt_count(entry);
		table = iopt_child(f, *entry);
	}
	forget(c, pt, level);
	c->level[level - 1] = (struct cached_table){iova.v >> iopt_shift(level + 1), table, count};
	if (!*count)
		pt->empty--;
	return true;
}

/* Does a page of this size, which lies on a multiple of it, reach into the interrupt window? */
static inline bool in_window(uint64_t page, uint64_t size)
{
	uint64_t window = MSI_WINDOW_END - MSI_WINDOW, block = size > window ? size : window;
	return ALIGN_DOWN(page, block) == ALIGN_DOWN(MSI_WINDOW, block);
}

NOINLINE static enum sl_err sync_line(struct domain *dom, const uint64_t *entry)
{
	cached_wrote(&dom->cached, &dom->pt, entry);
	return dom->batch ? SL_OK : domain_sync(dom);
}

/* After a page came or went. In a batch there is most often nothing to do; else no line is ever left dirty.
 */
static inline enum sl_err sync_entry(struct domain *dom, const uint64_t *entry)
{
	return cached_line(entry) == dom->cached.dirty ? SL_OK : sync_line(dom, entry);
}

/* One page in the cached table; false when it does not belong there, or anything is wrong. A device address
 * with a table of small pages lies in the aperture. */
static INLINE bool map_page(struct domain *dom, unsigned level, uint64_t iova, uint64_t phys, unsigned perm,
			    uint64_t **entry)
{
	uint64_t size = iopt_size(level), low = size - 1;
	if ((iova & low) | (phys & (low | ~PHYS_MASK)) || in_window(iova, size) || in_window(phys, size) ||
	    perm - 1 >= DOMAIN_RW || dom->announce || (level > 1 && iova >= dom->limit))
		return false;
	return cached_map_page(&dom->cached, dom->pt.form, level, iova, phys, perm, entry);
}

/* True when the table for a single page exists; it is then the cached one. */
static bool find(struct domain *dom, unsigned level, iova_t iova)
{
	return !dom->pass && iova.v < dom->limit && cached_find(&dom->cached, &dom->pt, level, iova);
}

/* One page size each, so that the compiler keeps the path short. */
#define MAP_PAGE(name, level)                                                                                \
	NOINLINE static enum sl_err name##_elsewhere(struct domain *dom, iova_t iova, phys_t phys,           \
						     unsigned perm)                                          \
	{                                                                                                    \
		uint64_t *entry;                                                                             \
		if (find(dom, level, iova) && map_page(dom, level, iova.v, phys.v, perm, &entry))            \
			return sync_entry(dom, entry);                                                       \
		return domain_map_any(dom, iova, phys, iopt_size(level), perm);                              \
	}                                                                                                    \
	static INLINE enum sl_err name(struct domain *dom, iova_t iova, phys_t phys, unsigned perm)          \
	{                                                                                                    \
		uint64_t *entry;                                                                             \
		if (LIKELY(map_page(dom, level, iova.v, phys.v, perm, &entry)))                              \
			return sync_entry(dom, entry);                                                       \
		return name##_elsewhere(dom, iova, phys, perm);                                              \
	}
MAP_PAGE(map_4k, 1)
MAP_PAGE(map_2m, 2)
MAP_PAGE(map_1g, 3)

enum sl_err domain_map(struct domain *dom, iova_t iova, phys_t phys, uint64_t len, unsigned perm)
{
	if (LIKELY(len == PAGE_SIZE))
		return map_4k(dom, iova, phys, perm);
	if (len == PAGE_2M)
		return map_2m(dom, iova, phys, perm);
	if (len == PAGE_1G)
		return map_1g(dom, iova, phys, perm);
	return domain_map_any(dom, iova, phys, len, perm);
}

static INLINE bool unmap_page(struct domain *dom, unsigned level, uint64_t iova, uint64_t **entry)
{
	uint64_t low = iopt_size(level) - 1;
	if (iova & low || !cached_unmap_page(&dom->cached, dom->pt.form, level, iova, entry))
		return false;
	gather_add(&dom->gather, iova, low);
	return true;
}

#define UNMAP_PAGE(name, level)                                                                              \
	NOINLINE static enum sl_err name##_elsewhere(struct domain *dom, iova_t iova)                        \
	{                                                                                                    \
		uint64_t *entry;                                                                             \
		if (find(dom, level, iova) && unmap_page(dom, level, iova.v, &entry))                        \
			return sync_entry(dom, entry);                                                       \
		return domain_unmap_any(dom, iova, iopt_size(level));                                        \
	}                                                                                                    \
	static INLINE enum sl_err name(struct domain *dom, iova_t iova)                                      \
	{                                                                                                    \
		uint64_t *entry;                                                                             \
		if (LIKELY(unmap_page(dom, level, iova.v, &entry)))                                          \
			return sync_entry(dom, entry);                                                       \
		return name##_elsewhere(dom, iova);                                                          \
	}
UNMAP_PAGE(unmap_4k, 1)
UNMAP_PAGE(unmap_2m, 2)
UNMAP_PAGE(unmap_1g, 3)

enum sl_err domain_unmap(struct domain *dom, iova_t iova, uint64_t len)
{
	if (LIKELY(len == PAGE_SIZE))
		return unmap_4k(dom, iova);
	if (len == PAGE_2M)
		return unmap_2m(dom, iova);
	if (len == PAGE_1G)
		return unmap_1g(dom, iova);
	return domain_unmap_any(dom, iova, len);
}
