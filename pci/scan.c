#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "pci/path.h"
#include "pci/priv.h"
#include "pci/quirk.h"
#include "pci/regs.h"
#include "pci/window.h"

/* One pci_scan(). Buses are visited in ascending order: a bridge's secondary bus has a higher number than the
 * bus it is on, so every bridge that claims a bus has been seen before the bus. */
struct scan {
	struct pci *pci;
	uint16_t seg;
	uint8_t first, last;
	struct pci_func *above[256]; /* the lowest bridge that claims a bus */
	uint64_t waited_us;          /* for functions that are not ready */
};

#define READY_US 1000000u /* how long they may take after a reset: PCIe §6.6.1 */
#define STEP_US  10000u

#define ID_RETRY 0xffff0001u /* Request Retry Status, as software sees it: PCIe §2.3.2 */

static const struct {
	const char *name, *text;
} misses[PCI_MISSES] = {
	[PCI_MISS_NO_NUMBERS] = {"no-numbers", "the firmware gave it no bus numbers"},
	[PCI_MISS_NUMBERS] = {"numbers", "its bus numbers do not ascend"},
	[PCI_MISS_OVERLAP] = {"overlap", "its bus numbers overlap another bridge's"},
	[PCI_MISS_ASLEEP] = {"asleep", "it is not in D0 and forwards no configuration requests"},
	[PCI_MISS_OUTSIDE] = {"outside", "its buses lie beyond the bridge above it, or the ECAM window"},
	[PCI_MISS_HIDDEN] = {"hidden", "they lie beyond the bridge above it, or the ECAM window"},
	[PCI_MISS_RETRY] = {"retry", "it answers with Request Retry Status"},
	[PCI_MISS_ROOT] = {"root", "more root buses than are kept"},
	[PCI_MISS_WINDOW] = {"window", "the MCFG entry cannot be used"},
};

const char *pci_miss_name(unsigned why)
{
	return why < PCI_MISSES ? misses[why].name : "?";
}

int pci_missed_text(const struct pci_missed *m, char *buf, size_t n)
{
	const char *why = (unsigned)m->why < PCI_MISSES ? misses[m->why].text : "?";
	if (pci_miss_is_bridge(m->why))
		return fmt_print(buf, n, BDF_FMT ", a bridge to buses %02x-%02x, is not followed: %s",
				 BDF_ARG(m->bdf), m->first, m->last, why);
	if (m->why == PCI_MISS_RETRY)
		return fmt_print(buf, n, BDF_FMT " is not ready: %s", BDF_ARG(m->bdf), why);
	if (m->why == PCI_MISS_HIDDEN)
		return fmt_print(buf, n, "buses %02x-%02x below " BDF_FMT " are not read: %s", m->first,
				 m->last, BDF_ARG(m->bdf), why);
	return fmt_print(buf, n, "buses %02x-%02x of segment %u are not read: %s", m->first, m->last,
			 m->bdf.seg, why);
}

void pci_miss(struct pci *pci, struct pci_missed what)
{
	char text[160];
	if (pci->n_missed < ARRAY_LEN(pci->missed))
		pci->missed[pci->n_missed] = what;
	pci->n_missed++;
	pci_missed_text(&what, text, sizeof text);
	log_warn("pci", "%s", text);
}

/* Vendor and Device ID, once the function is ready. */
static uint32_t read_id(struct scan *s, bdf_t bdf)
{
	for (;;) {
		uint32_t id = pci_rd32(s->pci->cfg, bdf, CFG_ID);
		if (id != ID_RETRY || s->waited_us >= READY_US)
			return id;
		delay_us(STEP_US);
		s->waited_us += STEP_US;
	}
}

static enum sl_err scan_fn(struct scan *s, struct pci_func *parent, unsigned bus, unsigned devfn,
			   struct pci_func **out)
{
	bdf_t bdf = {s->seg, (uint16_t)(bus << 8 | devfn)};
	uint32_t id = read_id(s, bdf);
	*out = NULL;
	if ((id & 0xffff) == 0xffff || (id & 0xffff) == 0)
		return SL_OK;
	if (id == ID_RETRY) {
		pci_miss(s->pci, (struct pci_missed){.why = PCI_MISS_RETRY, .bdf = bdf});
		return SL_OK;
	}
	struct pci_func *f = func_new(s->pci);
	if (!f)
		return SL_NOMEM;
	f->bdf = bdf;
	f->parent = parent;
	f->vendor = (uint16_t)id;
	f->device = (uint16_t)(id >> 16);
	uint32_t class_rev = fn_rd32(f, CFG_CLASS_REV);
	f->class = (uint32_t)FGET(class_rev, CLASS_CODE);
	f->revision = (uint8_t)class_rev;
	pci_quirk_note(f);
	uint8_t hdr = fn_rd8(f, CFG_HDR_TYPE);
	f->hdr_type = (uint8_t)FGET(hdr, HDR_LAYOUT);
	f->multi_function = (hdr & HDR_MFD) != 0;
	f->is_bridge =
		f->hdr_type == 1 || f->hdr_type == 2; /* CardBus has its bus numbers in the same place */
	caps_read(f);
	if (f->hdr_type == 0) {
		uint32_t sub = fn_rd32(f, CFG_SUBSYS);
		f->sub_vendor = (uint16_t)sub;
		f->sub_device = (uint16_t)(sub >> 16);
	}
	bars_read(f);
	if (f->hdr_type == 1)
		windows_read(f);
	if (f->cap_sriov) {
		f->vf_room = fn_rd16(f, f->cap_sriov + SRIOV_TOTAL);
		if (!(fn_rd16(f, f->cap_sriov + SRIOV_CTL) & SRIOV_CTL_VFE))
			vf_bars_read(f);
	}
	func_insert(s->pci, f);
	*out = f;
	return SL_OK;
}

static void miss_bridge(struct scan *s, const struct pci_func *bridge, enum pci_miss why, unsigned first,
			unsigned last)
{
	pci_miss(s->pci, (struct pci_missed){why, bridge->bdf, (uint8_t)first, (uint8_t)last});
}

/* PCI_MISSES when the bridge can be followed to its bus sec, and on to bus end. */
static enum pci_miss why_not(const struct scan *s, const struct pci_func *bridge, unsigned sec, unsigned sub,
			     unsigned end)
{
	if (sec == 0 && sub == 0)
		return PCI_MISS_NO_NUMBERS;
	if (sec <= bdf_bus(bridge->bdf) || sub < sec)
		return PCI_MISS_NUMBERS;
	if (sec > end)
		return PCI_MISS_OUTSIDE;
	for (unsigned b = sec; b <= end && b <= sub; b++)
		if (s->above[b] != bridge->parent)
			return PCI_MISS_OVERLAP;
	return PCI_MISSES;
}

/* Marks the buses below a bridge as its own when its numbers fit what is known. Buses beyond the bridge above
 * are hidden: no configuration request gets there, so the bridge is followed only up to them, as in Linux. */
static void claim(struct scan *s, struct pci_func *bridge)
{
	unsigned sec = fn_rd8(bridge, CFG_SEC), sub = fn_rd8(bridge, CFG_SUB);
	unsigned end = bridge->parent ? bridge->parent->sub : s->last;
	enum pci_miss why = why_not(s, bridge, sec, sub, end);
	if (why == PCI_MISSES && pci_power_on(bridge))
		why = PCI_MISS_ASLEEP;
	if (why != PCI_MISSES) {
		miss_bridge(s, bridge, why, sec, sub);
		return;
	}
	if (sub > end) {
		miss_bridge(s, bridge, PCI_MISS_HIDDEN, end + 1, sub);
		sub = end;
	}
	bridge->sec = (uint8_t)sec;
	bridge->sub = (uint8_t)sub;
	for (unsigned b = sec; b <= sub; b++)
		s->above[b] = bridge;
}

static enum sl_err scan_device(struct scan *s, struct pci_func *parent, unsigned bus, unsigned dev)
{
	unsigned last = 0;
	for (unsigned fn = 0; fn <= last; fn++) {
		struct pci_func *f;
		enum sl_err e = scan_fn(s, parent, bus, dev << 3 | fn, &f);
		if (e != SL_OK)
			return e;
		if (f && f->is_bridge)
			claim(s, f);
		if (fn == 0 && f && f->multi_function)
			last = 7;
	}
	return SL_OK;
}

/* Functions above 7 of an ARI device hang together by Next Function Number, ascending: PCIe §6.13. */
static enum sl_err scan_ari(struct scan *s, struct pci_func *port, struct pci_func *fn0)
{
	unsigned bus = bdf_bus(fn0->bdf), at = 0;
	for (struct pci_func *f = fn0; f && f->cap_ari;) {
		unsigned next = (unsigned)FGET(fn_rd32(f, f->cap_ari + ARI_CAP), ARI_NEXT);
		if (next <= at)
			break;
		at = next;
		f = pci_find(s->pci, (bdf_t){s->seg, (uint16_t)(bus << 8 | at)});
		if (at > 7) {
			enum sl_err e = scan_fn(s, port, bus, at, &f);
			if (e != SL_OK)
				return e;
		}
	}
	return SL_OK;
}

/* Below a root port or switch downstream port there is only device 0 (PCIe §7.3.1); an old device may answer
 * to all numbers. */
static enum sl_err scan_bus(struct scan *s, struct pci_func *parent, unsigned bus)
{
	bool one = caps_is_downstream(parent);
	for (unsigned dev = 0; dev < (one ? 1u : 32u); dev++) {
		enum sl_err e = scan_device(s, parent, bus, dev);
		if (e != SL_OK)
			return e;
	}
	struct pci_func *fn0 = one ? pci_find(s->pci, bdf_make(s->seg, bus, 0, 0)) : NULL;
	if (parent && fn0 && caps_has_devctl2(parent) &&
	    (fn_rd16(parent, parent->cap_pcie + PCIE_DEVCTL2) & DEVCTL2_ARI))
		return scan_ari(s, parent, fn0);
	return SL_OK;
}

static bool somebody_answers(const struct scan *s, unsigned bus)
{
	for (unsigned dev = 0; dev < 32; dev++) {
		uint16_t vendor = pci_rd16(s->pci->cfg, bdf_make(s->seg, bus, dev, 0), CFG_ID);
		if (vendor != 0xffff && vendor != 0)
			return true;
	}
	return false;
}

static enum sl_err scan_all(struct scan *s)
{
	struct pci *pci = s->pci;
	for (unsigned bus = s->first; bus <= s->last; bus++) {
		struct pci_func *up = s->above[bus];
		if (up && up->sec != bus)
			continue; /* a spare bus of a bridge */
		if (!up) {
			if (bus != s->first && !somebody_answers(s, bus))
				continue;
			if (pci->n_roots == ARRAY_LEN(pci->root)) {
				pci_miss(pci, (struct pci_missed){.why = PCI_MISS_ROOT,
								  .bdf.seg = s->seg,
								  .first = (uint8_t)bus,
								  .last = (uint8_t)bus});
				continue;
			}
			pci->root[pci->n_roots].seg = s->seg;
			pci->root[pci->n_roots++].bus = (uint8_t)bus;
		}
		enum sl_err e = scan_bus(s, up, bus);
		if (e != SL_OK)
			return e;
	}
	return SL_OK;
}

enum sl_err pci_scan(struct pci *pci, const struct pci_cfg *cfg, uint16_t seg, uint8_t bus_start,
		     uint8_t bus_end)
{
	if (bus_end < bus_start)
		return SL_RANGE;
	if (!pci->cfg) {
		pci->cfg = cfg;
		TAILQ_INIT(&pci->funcs);
		TAILQ_INIT(&pci->spare);
	}
	for (size_t i = 0; i < pci->n_ranges; i++)
		if (pci->range[i].seg == seg && bus_start <= pci->range[i].bus_end &&
		    bus_end >= pci->range[i].bus_start)
			return SL_EXISTS;
	if (pci->n_ranges == ARRAY_LEN(pci->range))
		return SL_NOSPACE;
	pci->range[pci->n_ranges].seg = seg;
	pci->range[pci->n_ranges].bus_start = bus_start;
	pci->range[pci->n_ranges++].bus_end = bus_end;
	static struct scan s; /* too large for a stack */
	memset(&s, 0, sizeof s);
	s.pci = pci;
	s.seg = seg;
	s.first = bus_start;
	s.last = bus_end;
	return scan_all(&s);
}

bool pci_scanned(const struct pci *pci, uint16_t seg, uint8_t first, uint8_t last)
{
	for (unsigned bus = first; bus <= last; bus++) {
		bool in = false;
		for (size_t i = 0; i < pci->n_ranges; i++)
			in |= pci->range[i].seg == seg && bus >= pci->range[i].bus_start &&
			      bus <= pci->range[i].bus_end;
		if (!in)
			return false;
	}
	return first <= last;
}
