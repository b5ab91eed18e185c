#include "tests/model/cfg_model.h"
#include <stdlib.h>
#include <string.h>
#include "kernel/time.h"

#define MS 1000ull

uint32_t cm_get(const struct cm_fn *f, unsigned off, unsigned bytes)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint32_t)f->data[off + i] << 8 * i;
	return v;
}

void cm_put(struct cm_fn *f, unsigned off, unsigned bytes, uint64_t v)
{
	for (unsigned i = 0; i < bytes; i++)
		f->data[off + i] = (uint8_t)(v >> 8 * i);
}

static void writable(struct cm_fn *f, unsigned off, unsigned bytes, uint64_t mask)
{
	for (unsigned i = 0; i < bytes; i++)
		f->mask[off + i] = (uint8_t)(mask >> 8 * i);
}

static bool vfe(const struct cm_fn *pf)
{
	return pf->data[pf->sriov + 8] & 1;
}

/* First VF Offset and VF Stride follow NumVFs and ARI Capable Hierarchy. */
static void shape(struct cm_fn *pf)
{
	unsigned c = pf->sriov, ari = pf->data[c + 8] >> 4 & 1, n = cm_get(pf, c + 0x10, 2);
	cm_put(pf, c + 0x14, 2, pf->offset[ari] + (pf->more_from && n >= pf->more_from ? pf->more : 0u));
	cm_put(pf, c + 0x16, 2, pf->stride[ari]);
}

static unsigned bus_of(const struct cm_fn *f);

static uint32_t rid_of(const struct cm_fn *f)
{
	if (!f->pf)
		return bus_of(f) << 8 | f->devfn;
	unsigned c = f->pf->sriov;
	return rid_of(f->pf) + cm_get(f->pf, c + 0x14, 2) + f->vf_index * cm_get(f->pf, c + 0x16, 2);
}

static unsigned bus_of(const struct cm_fn *f)
{
	return f->pf ? rid_of(f) >> 8 : f->parent ? f->parent->data[0x19] : f->bus;
}

/* Bridges pass on what lies within their bus numbers; a root or downstream port sends to its own link only
 * device 0, unless ARI Forwarding is on. */
static bool routed(const struct cm_fn *f, uint32_t rid)
{
	unsigned bus = rid >> 8;
	const struct cm_fn *up = f->parent;
	if (up && up->pcie && bus == up->data[0x19] && (rid & 0xff) > 7) {
		unsigned type = up->data[up->pcie + 2] >> 4;
		if ((type == 4 || type == 6) && !(up->data[up->pcie + 0x28] & 0x20))
			return false;
	}
	for (; up; up = up->parent)
		if ((up->pm && up->data[up->pm + 4] & 3) || bus <= bus_of(up) || bus < up->data[0x19] ||
		    bus > up->data[0x1a])
			return false;
	return true;
}

static struct cm_fn *find(struct cm *m, bdf_t bdf)
{
	for (size_t i = 0; i < m->n; i++) {
		struct cm_fn *f = m->fn[i];
		if (f->absent || f->seg != bdf.seg)
			continue;
		uint32_t rid = rid_of(f);
		bool same = rid == bdf.rid ||
			    (f->all_devices && rid >> 8 == bdf.rid >> 8 && (rid & 7) == (bdf.rid & 7u));
		if (f->pf && (!vfe(f->pf) || f->vf_index >= cm_get(f->pf, f->pf->sriov + 0x10, 2)))
			continue;
		if (same && (f->all_devices || routed(f, rid)))
			return f;
	}
	return NULL;
}

static void violation(struct cm *m, const char *why)
{
	m->violations++;
	m->why = why;
}

static bool silent(struct cm *m, const struct cm_fn *f)
{
	if (f->pf && now_us() < f->pf->vfe_set_at + 100 * MS) {
		violation(m, "VF accessed within 100 ms of VF Enable");
		return true;
	}
	for (const struct cm_fn *up = f->parent; up; up = up->parent)
		if (up->anew_at && now_us() < up->anew_at + 100 * MS) {
			violation(m, "function accessed within 100 ms of a new start of the bridge above");
			return true;
		}
	if (f->power_at && now_us() < f->power_at + 10 * MS) {
		violation(m, "function accessed within 10 ms of a change of its power");
		return true;
	}
	if (f->reset_at && now_us() < f->reset_at + 100 * MS) {
		violation(m, "function accessed within 100 ms of its reset");
		return true;
	}
	return false;
}

static bool in_sriov(const struct cm_fn *f, unsigned off)
{
	return f->sriov && off >= f->sriov && off < f->sriov + 0x40;
}

static uint32_t cm_rd(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes)
{
	struct cm *m = ctx;
	struct cm_fn *f = find(m, bdf);
	if (off % bytes || off + bytes > 0x1000) {
		violation(m, "not aligned");
		return UINT32_MAX;
	}
	if (!f || silent(m, f))
		return UINT32_MAX;
	if (in_sriov(f, off) && f->vfe_cleared_at && now_us() < f->vfe_cleared_at + 1000 * MS)
		violation(m, "SR-IOV capability read within 1 s of clearing VF Enable");
	uint32_t v = cm_get(f, off, bytes);
	if (f->pcie && off == f->pcie + 0xa && now_us() < f->pending_until)
		v |= 0x20;
	return v;
}

static void sriov_rules(struct cm *m, struct cm_fn *f, unsigned off, uint16_t old_ctl)
{
	unsigned c = f->sriov;
	uint16_t ctl = (uint16_t)cm_get(f, c + 8, 2);
	if ((old_ctl & 1) && (ctl ^ old_ctl) & 0x10)
		violation(m, "ARI Capable Hierarchy changed while VF Enable is set");
	if ((old_ctl & 1) && off >= c + 0x10 && off < c + 0x12)
		violation(m, "NumVFs written while VF Enable is set");
	if ((old_ctl & 1) && off >= c + 0x20 && off < c + 0x24)
		violation(m, "System Page Size written while VF Enable is set");
	if ((old_ctl & 9) && off >= c + 0x24 && off < c + 0x3c)
		violation(m, "VF BAR written while it is decoded");
	if (!(old_ctl & 1) && (ctl & 1)) {
		unsigned n = cm_get(f, c + 0x10, 2);
		if (n == 0 || n > cm_get(f, c + 0x0e, 2))
			violation(m, "VF Enable set with an impossible NumVFs");
		if (cm_get(f, c + 0x20, 4) != 1)
			violation(m, "VF Enable set with another System Page Size than 4 KiB");
		if (f->refuses_vfe)
			f->data[c + 8] &= 0xfe;
		f->vfe_set_at = now_us();
		for (size_t i = 0; i < m->n; i++)
			if (m->fn[i]->pf == f)
				cm_put(m->fn[i], 4, 2, 0);
	}
	if ((old_ctl & 1) && !(ctl & 1)) {
		f->vfe_cleared_at = now_us();
		for (size_t i = 0; i < m->n; i++)
			if (m->fn[i]->pf == f && m->fn[i]->data[4] & 4)
				violation(m, "VF Enable cleared while a VF masters the bus");
	}
	shape(f);
}

/* Function level reset: Command and BARs are lost. */
static void reset(struct cm *m, struct cm_fn *f)
{
	if (f->data[4] & 4)
		violation(m, "reset while Bus Master Enable is set");
	if (now_us() < f->pending_until)
		f->pending_until = 0;
	f->reset_at = now_us();
	cm_put(f, 4, 2, 0);
	for (unsigned off = 0x10; off < 0x28; off++)
		f->data[off] &= (uint8_t)~f->mask[off];
}

/* Everything that software can write is lost, PMCSR apart. */
static void start_anew(struct cm_fn *f)
{
	for (unsigned off = 4; off < 0x1000; off++)
		if (off < f->pm || off >= f->pm + 8)
			f->data[off] &= (uint8_t)~f->mask[off];
	if (f->data[0x0e] & 0x7f)
		f->anew_at = now_us();
}

/* PCIe §7.5.2.2, §5.9 */
static void power_rules(struct cm_fn *f, uint8_t old, uint32_t v)
{
	uint8_t *csr = &f->data[f->pm + 4];
	if (v & 0x8000)
		csr[1] &= 0x7f; /* PME_Status */
	if (f->power_stuck)
		*csr = (uint8_t)((*csr & ~3) | (old & 3));
	if ((*csr & 3) == (old & 3))
		return;
	if ((*csr & 3) == 3 || (old & 3) == 3)
		f->power_at = now_us();
	if ((old & 3) == 3 && !(*csr & 8))
		start_anew(f);
}

/* What can be written. A VF BAR decodes at least one page of System Page Size. */
static uint8_t writable_bits(const struct cm_fn *f, unsigned off)
{
	unsigned c = f->sriov;
	uint64_t page = c ? (uint64_t)cm_get(f, c + 0x20, 4) << 12 : 0;
	if (c && off >= c + 0x24 && off < c + 0x3c && f->mask[off & ~3u] == 0) /* not an upper half */
		return f->mask[off] & (uint8_t)((0 - page) >> off % 4 * 8);
	return f->mask[off];
}

static void cm_wr(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes, uint32_t v)
{
	struct cm *m = ctx;
	struct cm_fn *f = find(m, bdf);
	m->writes++;
	if (off % bytes || off + bytes > 0x1000) {
		violation(m, "not aligned");
		return;
	}
	if (!f || silent(m, f))
		return;
	unsigned bars_end = f->data[0xe] & 0x7f ? 0x18 : 0x28;
	if (off >= 0x10 && off < bars_end && f->data[4] & 3)
		violation(m, "BAR written while it is decoded");
	uint8_t old_power = f->data[f->pm + 4];
	uint16_t old_ctl = f->sriov ? (uint16_t)cm_get(f, f->sriov + 8, 2) : 0;
	for (unsigned i = 0; i < bytes; i++) {
		uint8_t mask = writable_bits(f, off + i);
		f->data[off + i] = (uint8_t)((f->data[off + i] & ~mask) | ((v >> 8 * i) & mask));
		f->data[off + i] &= (uint8_t) ~((v >> 8 * i) & f->clear[off + i]);
	}
	if (in_sriov(f, off))
		sriov_rules(m, f, off, old_ctl);
	if (f->pm && off == f->pm + 4)
		power_rules(f, old_power, v);
	if (f->pcie && off == f->pcie + 8 && bytes == 2 && v & 0x8000)
		reset(m, f);
}

void cm_init(struct cm *m)
{
	memset(m, 0, sizeof(*m));
	m->cfg = (struct pci_cfg){.ctx = m, .rd = cm_rd, .wr = cm_wr};
}

void cm_free(struct cm *m)
{
	while (m->n)
		free(m->fn[--m->n]);
}

struct cm_fn *cm_add(struct cm *m, struct cm_fn *parent, unsigned seg, unsigned bus, unsigned devfn,
		     uint32_t id, uint32_t class)
{
	struct cm_fn *f = calloc(1, sizeof(*f));
	if (!f || m->n == sizeof(m->fn) / sizeof(m->fn[0]))
		abort();
	m->fn[m->n++] = f;
	f->parent = parent;
	f->seg = (uint16_t)seg;
	f->bus = (uint8_t)bus;
	f->devfn = (uint8_t)devfn;
	cm_put(f, 0, 4, id);
	cm_put(f, 8, 4, (uint64_t) class << 8 | 0x03);
	writable(f, 4, 2, 0x547);
	writable(f, 0x3c, 1, 0xff);
	return f;
}

struct cm_fn *cm_bridge(struct cm *m, struct cm_fn *parent, unsigned seg, unsigned bus, unsigned devfn,
			unsigned sec, unsigned sub, int type)
{
	struct cm_fn *f = cm_add(m, parent, seg, bus, devfn, 0x000c1b36, 0x060400);
	f->data[0x0e] = 1;
	f->data[0x19] = (uint8_t)sec;
	f->data[0x1a] = (uint8_t)sub;
	cm_put(f, 0x20, 4, 0x0000fff0); /* windows closed: base above limit */
	cm_put(f, 0x24, 4, 0x0001fff1);
	if (type >= 0) {
		cm_pcie(f, 0x40, (unsigned)type);
		cm_put(f, 0x40 + 0x24, 4, 0x20);
		writable(f, 0x40 + 0x28, 2, 0x20);
	}
	return f;
}

void cm_cap(struct cm_fn *f, unsigned off, unsigned id)
{
	f->data[6] |= 0x10;
	f->data[f->last_cap ? f->last_cap + 1 : 0x34] = (uint8_t)off;
	f->data[off] = (uint8_t)id;
	f->last_cap = off;
}

void cm_ecap(struct cm_fn *f, unsigned off, unsigned id)
{
	if (f->last_ecap)
		cm_put(f, f->last_ecap, 4, (cm_get(f, f->last_ecap, 4) & 0xfffff) | (uint64_t)off << 20);
	cm_put(f, off, 4, 0x10000 | id);
	f->last_ecap = off;
}

void cm_pcie(struct cm_fn *f, unsigned off, unsigned type)
{
	cm_cap(f, off, 0x10);
	cm_put(f, off + 2, 2, type << 4 | 2);
	cm_put(f, off + 4, 4, 1u << 28);
	writable(f, off + 8, 2, 0x7fff);
	f->clear[off + 0xa] = 0x0f;
	f->pcie = off;
}

void cm_aer(struct cm_fn *f, unsigned off)
{
	cm_ecap(f, off, 1);
	memset(f->clear + off + 4, 0xff, 4);
	memset(f->clear + off + 0x10, 0xff, 4);
	if (f->data[f->pcie + 2] >> 4 == 4)
		f->clear[off + 0x30] = 0x7f;
}

void cm_pm(struct cm_fn *f, unsigned off, unsigned state, bool keeps)
{
	cm_cap(f, off, 0x01);
	cm_put(f, off + 2, 2, 3);
	cm_put(f, off + 4, 2, state | (keeps ? 8u : 0));
	writable(f, off + 4, 2, 0x0103);
	f->pm = off;
	if (f->data[0x0e] & 0x7f) {
		writable(f, 0x18, 4, UINT32_MAX);
		for (unsigned at = 0x20; at < 0x30; at += 4)
			writable(f, at, 4, at < 0x28 ? 0xfff0fff0 : UINT32_MAX);
	}
}

void cm_bar(struct cm_fn *f, unsigned off, uint64_t size, unsigned flags, uint64_t addr)
{
	unsigned n = (flags & 7) == 4 ? 8 : 4;
	cm_put(f, off, n, addr | flags);
	writable(f, off, n, (0 - size) & ~(uint64_t)(flags & 1 ? 3 : 15));
}

void cm_window(struct cm_fn *bridge, uint64_t base, uint64_t limit)
{
	cm_put(bridge, 0x20, 2, base >> 16 & 0xfff0);
	cm_put(bridge, 0x22, 2, limit >> 16 & 0xfff0);
}

void cm_window_pref(struct cm_fn *bridge, uint64_t base, uint64_t limit)
{
	cm_put(bridge, 0x24, 2, (base >> 16 & 0xfff0) | 1);
	cm_put(bridge, 0x26, 2, (limit >> 16 & 0xfff0) | 1);
	cm_put(bridge, 0x28, 4, base >> 32);
	cm_put(bridge, 0x2c, 4, limit >> 32);
}

void cm_sriov(struct cm *m, struct cm_fn *pf, unsigned off, unsigned total, uint16_t offset, uint16_t stride)
{
	cm_ecap(pf, off, 0x10);
	pf->sriov = off;
	pf->offset[0] = pf->offset[1] = offset;
	pf->stride[0] = pf->stride[1] = stride;
	cm_put(pf, off + 0x0c, 2, total);
	cm_put(pf, off + 0x0e, 2, total);
	cm_put(pf, off + 0x1a, 2, 0x10ca);
	cm_put(pf, off + 0x1c, 4, 0x553);
	cm_put(pf, off + 0x20, 4, 1);
	writable(pf, off + 8, 2, 0x19);
	writable(pf, off + 0x10, 2, 0xffff);
	writable(pf, off + 0x20, 4, 0x553);
	shape(pf);
	for (unsigned i = 0; i < total; i++) {
		struct cm_fn *vf = cm_add(m, pf->parent, pf->seg, 0, 0, UINT32_MAX, cm_get(pf, 8, 4) >> 8);
		vf->pf = pf;
		vf->vf_index = i;
		cm_put(vf, 0x2e, 2, 0xabcd);
		cm_pcie(vf, 0x40, 0);
		cm_cap(vf, 0x80, 0x11);
	}
}
