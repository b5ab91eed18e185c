#include "pci/priv.h"
#include "pci/regs.h"
#include "pci/window.h"

static struct pci_window window(uint64_t base, uint64_t limit)
{
	/* Base 0 is a window that does not exist or was never set. */
	return base == 0 || limit < base ? (struct pci_window){0}
					 : (struct pci_window){base, limit - base + 1};
}

/* PCIe §7.5.1.3.8 to §7.5.1.3.10 */
void windows_read(struct pci_func *f)
{
	uint16_t base = fn_rd16(f, CFG_MEM_BASE), limit = fn_rd16(f, CFG_MEM_LIMIT);
	f->mem = window((base & WIN_ADDR) << 16, (limit & WIN_ADDR) << 16 | 0xfffff);
	base = fn_rd16(f, CFG_PREF_BASE);
	limit = fn_rd16(f, CFG_PREF_LIMIT);
	uint64_t base_hi = 0, limit_hi = 0;
	if (FGET(base, WIN_TYPE) == 1) {
		base_hi = (uint64_t)fn_rd32(f, CFG_PREF_BASE_HI) << 32;
		limit_hi = (uint64_t)fn_rd32(f, CFG_PREF_LIMIT_HI) << 32;
	}
	f->pref = window(base_hi | (base & WIN_ADDR) << 16, limit_hi | (limit & WIN_ADDR) << 16 | 0xfffff);
}

/* The bridge's window, clipped by the same window of every bridge above it. */
static struct pci_window reachable(const struct pci_func *bridge, bool prefetch)
{
	struct pci_window w = prefetch ? bridge->pref : bridge->mem;
	for (const struct pci_func *up = bridge->parent; up && w.size; up = up->parent) {
		struct pci_window o = prefetch ? up->pref : up->mem;
		if (o.size == 0)
			return o;
		uint64_t base = o.base > w.base ? o.base : w.base;
		uint64_t end = o.base + (o.size - 1) < w.base + (w.size - 1) ? o.base + (o.size - 1)
									     : w.base + (w.size - 1);
		w = window(base, end);
	}
	return w;
}

static bool contains(struct pci_window w, uint64_t addr, uint64_t size)
{
	return addr >= w.base && size <= w.size && addr - w.base <= w.size - size;
}

/* Whether [addr, addr + size) meets [base, base + len); if so *end is the last byte of the second. Sums may
 * reach 2^64. */
static bool meets(uint64_t addr, uint64_t size, uint64_t base, uint64_t len, uint64_t *end)
{
	if (len == 0 || base == 0)
		return false;
	uint64_t last = len - 1 > UINT64_MAX - base ? UINT64_MAX : base + (len - 1);
	if (addr > last || addr + (size - 1) < base)
		return false;
	*end = last;
	return true;
}

static bool function_uses(const struct pci_func *f, uint64_t addr, uint64_t size, uint64_t *end)
{
	for (unsigned i = 0; i < PCI_BARS; i++) {
		const struct pci_bar *b = &f->bar[i], *v = &f->vf_bar[i];
		if (!b->io && meets(addr, size, b->addr, b->size, end))
			return true;
		uint64_t room = v->size > UINT64_MAX >> 16 ? UINT64_MAX : v->size * f->vf_room;
		if (meets(addr, size, v->addr, room, end))
			return true;
	}
	return meets(addr, size, f->rom.addr, f->rom.size, end) ||
	       meets(addr, size, f->mem.base, f->mem.size, end) ||
	       meets(addr, size, f->pref.base, f->pref.size, end);
}

/* The functions on a bridge's bus are its children; VFs lie within their PF's VF BARs. */
static bool in_use(const struct pci *pci, const struct pci_func *bridge, uint64_t addr, uint64_t size,
		   uint64_t *end)
{
	PCI_EACH(f, pci)
		if (f->parent == bridge && !f->pf && function_uses(f, addr, size, end))
			return true;
	return false;
}

bool pci_range_used(const struct pci *pci, uint64_t addr, uint64_t size)
{
	uint64_t end;
	PCI_EACH(f, pci)
		if (!f->pf && function_uses(f, addr, size, &end))
			return true;
	return false;
}

bool range_free(const struct pci *pci, const struct pci_func *bridge, uint64_t addr, uint64_t size)
{
	uint64_t end;
	if (addr == 0 || size == 0 || size - 1 > UINT64_MAX - addr)
		return false;
	if (bridge && !contains(reachable(bridge, false), addr, size) &&
	    !contains(reachable(bridge, true), addr, size))
		return false;
	return !in_use(pci, bridge, addr, size, &end);
}

/* Each step moves past one range that is in use, so there are no more steps than ranges. A sum that wraps is
 * below the window. */
enum sl_err pci_gap_find(const struct pci *pci, const struct pci_func *bridge, bool prefetch, uint64_t size,
			 uint64_t align, uint64_t *addr)
{
	struct pci_window w = reachable(bridge, prefetch);
	uint64_t at = ALIGN_UP(w.base, align), end;
	while (size && contains(w, at, size)) {
		if (!in_use(pci, bridge, at, size, &end)) {
			*addr = at;
			return SL_OK;
		}
		at = ALIGN_UP(end + 1, align);
	}
	return SL_NOSPACE;
}
