#include "kernel/pmm.h"
#include "kernel/panic.h"
#include "kernel/str.h"

struct extent {
	struct extent *next; /* by rising address */
	uint64_t pages;
};

static struct extent *free_list;
static uint64_t free_pages, total_pages, peak_pages;

/* The ranges of pmm_reserve(): by rising address, not adjacent. */
static struct pmm_range kept[64];
static unsigned n_kept;

static struct pmm_range preferred[PMM_PREFERRED];
static unsigned n_preferred;

static uint64_t ext_base(const struct extent *e)
{
	return va_phys(e).v;
}

static uint64_t ext_end(const struct extent *e)
{
	return ext_base(e) + e->pages * PAGE_SIZE;
}

/* Puts a run into the list and joins it with its neighbours. False when any of it is in the list already. */
static bool insert(uint64_t base, uint64_t pages)
{
	struct extent **link = &free_list, *before = NULL;
	uint64_t end = base + pages * PAGE_SIZE;
	while (*link && ext_base(*link) < base) {
		before = *link;
		link = &before->next;
	}
	struct extent *after = *link;
	if ((before && ext_end(before) > base) || (after && ext_base(after) < end))
		return false;
	free_pages += pages;
	struct extent *e;
	if (before && ext_end(before) == base) {
		e = before;
		e->pages += pages;
	} else {
		e = phys_va(PHYS(base));
		*e = (struct extent){after, pages};
		*link = e;
	}
	if (after && ext_end(e) == ext_base(after)) {
		e->pages += after->pages;
		e->next = after->next;
	}
	return true;
}

/* Cuts [base, base + pages), which lies wholly inside *link, out of it. */
static void cut(struct extent **link, uint64_t base, uint64_t pages)
{
	struct extent *e = *link;
	uint64_t start = ext_base(e), end = ext_end(e), cut_end = base + pages * PAGE_SIZE;
	struct extent *rest = e->next;
	if (cut_end < end) {
		struct extent *tail = phys_va(PHYS(cut_end));
		*tail = (struct extent){e->next, (end - cut_end) / PAGE_SIZE};
		rest = tail;
	}
	if (base > start) {
		e->pages = (base - start) / PAGE_SIZE;
		e->next = rest;
	} else {
		*link = rest;
	}
	free_pages -= pages;
}

static enum sl_err add_run(uint64_t base, uint64_t end)
{
	if (base >= end)
		return SL_OK;
	if (!insert(base, (end - base) / PAGE_SIZE))
		return SL_EXISTS;
	total_pages += (end - base) / PAGE_SIZE;
	return SL_OK;
}

enum sl_err pmm_add(phys_t base, uint64_t pages)
{
	uint64_t at = base.v ? base.v : PAGE_SIZE, end = base.v + pages * PAGE_SIZE;
	for (unsigned i = 0; i < n_kept && at < end; i++) {
		if (kept[i].end <= at || kept[i].base >= end)
			continue;
		enum sl_err e = add_run(at, kept[i].base);
		if (e)
			return e;
		at = kept[i].end;
	}
	return add_run(at, end);
}

/* Makes one of kept[i] and kept[i + 1]. */
static void join(unsigned i)
{
	if (kept[i + 1].end > kept[i].end)
		kept[i].end = kept[i + 1].end;
	for (unsigned k = i + 1; k + 1 < n_kept; k++)
		kept[k] = kept[k + 1];
	n_kept--;
}

/* Room for one more: the two that lie closest become one. */
static void join_closest(void)
{
	unsigned best = 0;
	for (unsigned i = 1; i + 1 < n_kept; i++)
		if (kept[i + 1].base - kept[i].end < kept[best + 1].base - kept[best].end)
			best = i;
	join(best);
}

static void keep(uint64_t base, uint64_t end)
{
	if (n_kept == ARRAY_LEN(kept))
		join_closest();
	unsigned at = n_kept++;
	for (; at > 0 && kept[at - 1].base > base; at--)
		kept[at] = kept[at - 1];
	kept[at] = (struct pmm_range){base, end};
	for (unsigned i = at ? at - 1 : 0; i + 1 < n_kept;)
		if (kept[i].end >= kept[i + 1].base)
			join(i);
		else if (i++ > at)
			break;
}

bool pmm_is_reserved(phys_t base, uint64_t pages)
{
	for (unsigned i = 0; i < n_kept; i++)
		if (kept[i].base <= base.v && base.v + pages * PAGE_SIZE <= kept[i].end)
			return true;
	return !pages;
}

bool pmm_is_free(phys_t base, uint64_t pages)
{
	for (const struct extent *e = free_list; e; e = e->next)
		if (ext_base(e) <= base.v && base.v + pages * PAGE_SIZE <= ext_end(e))
			return true;
	return !pages;
}

/* The pages between joined ranges are no longer free either. */
static void take_out(const struct pmm_range *r)
{
	for (struct extent **link = &free_list; *link;) {
		uint64_t from = ext_base(*link) > r->base ? ext_base(*link) : r->base;
		uint64_t to = ext_end(*link) < r->end ? ext_end(*link) : r->end;
		if (from >= to) {
			link = &(*link)->next;
			continue;
		}
		uint64_t n = (to - from) / PAGE_SIZE;
		cut(link, from, n);
		total_pages -= n;
	}
}

void pmm_reserve(phys_t base, uint64_t pages)
{
	if (!pages)
		return;
	keep(base.v, base.v + pages * PAGE_SIZE);
	for (unsigned i = 0; i < n_kept; i++)
		take_out(&kept[i]);
}

void pmm_prefer(const struct pmm_range *range, unsigned n)
{
	n_preferred = n < PMM_PREFERRED ? n : PMM_PREFERRED;
	for (unsigned i = 0; i < n_preferred; i++)
		preferred[i] = range[i];
}

/* The first run inside r. */
static bool take(const struct pmm_range *r, uint64_t pages, uint64_t align, uint64_t *out)
{
	for (struct extent **link = &free_list; *link; link = &(*link)->next) {
		uint64_t low = ext_base(*link), high = ext_end(*link);
		uint64_t base = ALIGN_UP(low > r->base ? low : r->base, align);
		uint64_t end = high < r->end ? high : r->end;
		if (base >= end || (end - base) / PAGE_SIZE < pages)
			continue;
		cut(link, base, pages);
		*out = base;
		return true;
	}
	return false;
}

enum sl_err pmm_alloc(uint64_t pages, uint64_t align, phys_t *out)
{
	static const struct pmm_range all = {0, UINT64_MAX};
	uint64_t base;
	bool got = false;
	if (!pages || align < PAGE_SIZE)
		return SL_RANGE;
	for (unsigned i = 0; i < n_preferred && !got; i++)
		got = take(&preferred[i], pages, align, &base);
	if (!got && !take(&all, pages, align, &base))
		return SL_NOMEM;
	if (pmm_used_pages() > peak_pages)
		peak_pages = pmm_used_pages();
	*out = PHYS(base);
	memset(phys_va(*out), 0, pages * PAGE_SIZE);
	return SL_OK;
}

void pmm_free(phys_t base, uint64_t pages)
{
	if (!insert(base.v, pages))
		panic("pmm: %llu pages at 0x%llx freed twice", (ull)pages, (ull)base.v);
}

void *pmm_page(void)
{
	phys_t p;
	return pmm_alloc(1, PAGE_SIZE, &p) == SL_OK ? phys_va(p) : NULL;
}

void pmm_page_free(void *page)
{
	pmm_free(va_phys(page), 1);
}

uint64_t pmm_free_pages(void)
{
	return free_pages;
}

uint64_t pmm_used_pages(void)
{
	return total_pages - free_pages;
}

uint64_t pmm_peak_pages(void)
{
	return peak_pages;
}

void *pmm_keep(size_t size)
{
	static uint8_t *at;
	static size_t left;
	size = ALIGN_UP(size, 16);
	if (size > left) {
		phys_t p;
		size_t pages = size / PAGE_SIZE + 1;
		if (pmm_alloc(pages, PAGE_SIZE, &p) != SL_OK)
			return NULL;
		at = phys_va(p);
		left = pages * PAGE_SIZE;
	}
	void *got = at;
	at += size;
	left -= size;
	return got;
}
