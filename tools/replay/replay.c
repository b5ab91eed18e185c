#include "replay.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pci/acs.h"
#include "pci/regs.h"

struct replay_fn {
	bdf_t bdf;
	size_t have;                /* bytes that were put in, from 0 to the last */
	uint64_t size[2][PCI_BARS]; /* of BARs, and of VF BARs */
	uint8_t data[0x1000], writable[0x1000];
};

struct replay {
	struct pci_cfg cfg;
	struct replay_fn *fn;
	size_t n, room, last; /* last: the function that was asked for last */
	uint8_t rest;
	bool sizes;
};

static struct replay_fn *fn_of(struct replay *r, bdf_t bdf)
{
	if (r->last < r->n && bdf_eq(r->fn[r->last].bdf, bdf))
		return &r->fn[r->last];
	for (size_t i = 0; i < r->n; i++)
		if (bdf_eq(r->fn[i].bdf, bdf))
			return &r->fn[r->last = i];
	return NULL;
}

static uint32_t replay_rd(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes)
{
	const struct replay_fn *f = fn_of(ctx, bdf);
	uint32_t v = 0;
	for (unsigned i = 0; i < bytes; i++)
		v |= (uint32_t)(f && off + i < sizeof(f->data) ? f->data[off + i] : 0xff) << 8 * i;
	return v;
}

static void replay_wr(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes, uint32_t v)
{
	struct replay_fn *f = fn_of(ctx, bdf);
	for (unsigned i = 0; f && i < bytes && off + i < sizeof(f->data); i++) {
		uint8_t mask = f->writable[off + i];
		f->data[off + i] = (uint8_t)((f->data[off + i] & ~mask) | ((v >> 8 * i) & mask));
	}
}

static void allow(struct replay_fn *f, unsigned off, uint32_t mask)
{
	for (unsigned i = 0; i < 4 && off + i < sizeof(f->writable); i++)
		f->writable[off + i] |= (uint8_t)(mask >> 8 * i);
}

/* What a dump does not tell: see replay_load(). */
static uint64_t guess_size(uint32_t addr, bool mem64)
{
	uint32_t size = addr ? addr & (0 - addr) : mem64 ? 0x100000 : 0;
	return size > 0x100000 ? 0x100000 : size;
}

/* n registers of BARs; sizes are those of the function's BARs or VF BARs. */
static void allow_bars(struct replay *r, struct replay_fn *f, unsigned off, unsigned n, const uint64_t *sizes)
{
	for (unsigned i = 0; i < n; i++, off += 4) {
		uint32_t v = pci_rd32(&r->cfg, f->bdf, (uint16_t)off), flags = v & BAR_IO ? 3 : 15;
		bool mem64 = !(v & BAR_IO) && FGET(v, BAR_TYPE) == BAR_TYPE_64;
		uint64_t size = r->sizes ? sizes[i] : guess_size(v & ~flags, mem64);
		if (size == 0)
			continue;
		allow(f, off, (uint32_t)(0 - size) & ~flags);
		if (mem64) {
			allow(f, off + 4, (uint32_t)((0 - size) >> 32));
			i++, off += 4;
		}
	}
}

/* Ports with ACS registers in Intel's own form have Control further on: pci/acs.h. */
static void allow_wide(struct replay *r, struct replay_fn *f, unsigned acs, uint32_t bits)
{
	struct pci_func p = {.cfg = &r->cfg, .bdf = f->bdf};
	p.vendor = pci_rd16(&r->cfg, f->bdf, CFG_ID);
	p.device = pci_rd16(&r->cfg, f->bdf, CFG_ID + 2);
	p.cap_pcie = pci_cap_find(&p, CAP_ID_PCIE, PCIE_CAP + 2);
	if (p.cap_pcie)
		p.port_type = (uint8_t)FGET(fn_rd16(&p, p.cap_pcie + PCIE_CAP), PCIE_TYPE);
	if (p.cap_pcie && acs_is_wide(&p))
		allow(f, acs + ACS_CTL_WIDE, bits);
}

static void allow_known(struct replay *r, struct replay_fn *f)
{
	unsigned hdr = f->data[CFG_HDR_TYPE] & HDR_LAYOUT;
	struct pci_func p = {.cfg = &r->cfg, .bdf = f->bdf, .hdr_type = (uint8_t)hdr};
	uint16_t at;
	allow(f, CFG_CMD, CMD_IOSE | CMD_MSE | CMD_BME);
	allow_bars(r, f, CFG_BAR, hdr == 0 ? 6 : hdr < 3 ? 3 - hdr : 0, f->size[0]);
	if ((at = pci_cap_find(&p, CAP_ID_PM, PM_CSR + 2)))
		allow(f, at + PM_CSR, PM_STATE);
	if ((at = pci_cap_find(&p, CAP_ID_MSI, 4)))
		allow(f, at, MSI_CTL_EN << 16);
	if ((at = pci_cap_find(&p, CAP_ID_MSIX, 4)))
		allow(f, at, (uint32_t)(MSIX_CTL_EN << 16));
	if ((p.cap_pcie = pci_cap_find(&p, CAP_ID_PCIE, PCIE_DEVCTL2 + 2)))
		allow(f, p.cap_pcie + PCIE_DEVCTL2, DEVCTL2_ARI);
	if ((at = pci_ecap_find(&p, ECAP_ID_ACS, 8))) {
		uint32_t bits = pci_rd16(&r->cfg, f->bdf, at + ACS_CAP) & 0x7fu;
		allow(f, at + ACS_CAP, bits << 16);
		allow_wide(r, f, at, bits);
	}
	if ((at = pci_ecap_find(&p, ECAP_ID_SRIOV, 0x40))) {
		allow(f, at + SRIOV_CTL, SRIOV_CTL_VFE | SRIOV_CTL_MSE | SRIOV_CTL_ARI);
		allow(f, at + SRIOV_NUM, 0xffff);
		allow(f, at + SRIOV_PGSIZE, UINT32_MAX);
		allow_bars(r, f, at + SRIOV_BAR, 6, f->size[1]);
	}
}

struct replay *replay_new(uint8_t rest, bool sizes)
{
	struct replay *r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	r->cfg = (struct pci_cfg){.ctx = r, .rd = replay_rd, .wr = replay_wr};
	r->rest = rest;
	r->sizes = sizes;
	return r;
}

struct replay *replay_copy(const struct replay *r)
{
	struct replay *c = replay_new(r->rest, r->sizes);
	struct replay_fn *fn = c ? calloc(r->n ? r->n : 1, sizeof(*fn)) : NULL;
	if (!fn) {
		free(c);
		return NULL;
	}
	c->cfg.read_only = r->cfg.read_only;
	if (r->n)
		memcpy(fn, r->fn, r->n * sizeof(*fn));
	c->fn = fn;
	c->n = c->room = r->n;
	return c;
}

static struct replay_fn *fn_add(struct replay *r, bdf_t bdf)
{
	if (r->n == r->room) {
		size_t room = r->room ? 2 * r->room : 16;
		struct replay_fn *more = realloc(r->fn, room * sizeof(*more));
		if (!more)
			return NULL;
		r->fn = more;
		r->room = room;
	}
	struct replay_fn *f = &r->fn[r->last = r->n++];
	memset(f, 0, sizeof(*f));
	f->bdf = bdf;
	memset(f->data, r->rest, sizeof(f->data));
	return f;
}

bool replay_put(struct replay *r, bdf_t fn, size_t off, const uint8_t *p, size_t n)
{
	struct replay_fn *f = fn_of(r, fn);
	if (!f)
		f = fn_add(r, fn);
	if (!f || off > sizeof(f->data) || n > sizeof(f->data) - off)
		return false;
	memcpy(f->data + off, p, n);
	if (off + n > f->have)
		f->have = off + n;
	return true;
}

bool replay_bar(struct replay *r, bdf_t fn, unsigned n, bool vf, uint64_t size)
{
	struct replay_fn *f = fn_of(r, fn);
	if (!f || n >= PCI_BARS || size == 0 || (size & (size - 1)))
		return false;
	f->size[vf][n] = size;
	return true;
}

void replay_read_only(struct replay *r, bool on)
{
	r->cfg.read_only = on;
}

void replay_ready(struct replay *r)
{
	for (size_t i = 0; i < r->n; i++) {
		struct replay_fn *f = &r->fn[i];
		if (r->rest && f->have <= CAP_FIRST)
			f->data[CFG_STATUS] &= (uint8_t)~STATUS_CAP;
		allow_known(r, f);
	}
}

/* "0000:3b:00.1 text" or "3b:00.1 text" opens a function; *seg is its domain, which may be too large. */
static bool is_header(const char *line, unsigned *seg, bdf_t *bdf)
{
	unsigned domain, bus, dev, fn;
	int end = 0;
	if (sscanf(line, "%8x:%2x:%2x.%1x%n", &domain, &bus, &dev, &fn, &end) != 4 || line[end] != ' ') {
		domain = 0;
		if (sscanf(line, "%2x:%2x.%1x%n", &bus, &dev, &fn, &end) != 3 || line[end] != ' ')
			return false;
	}
	*seg = domain;
	*bdf = bdf_make(domain & 0xffff, bus, dev, fn);
	return true;
}

/* "1f0: 00 11 22 ...", always 16 bytes. */
static bool data_line(struct replay *r, bdf_t bdf, const char *line)
{
	uint8_t bytes[16];
	unsigned at, byte;
	size_t count = 0;
	int n = 0;
	if (sscanf(line, "%3x:%n", &at, &n) != 1 || n == 0)
		return true;
	for (line += n; count < sizeof(bytes) && sscanf(line, " %2x%n", &byte, &n) == 1; line += n)
		bytes[count++] = (uint8_t)byte;
	return count < sizeof(bytes) || at > 0x1000 - sizeof(bytes) || replay_put(r, bdf, at, bytes, count);
}

static bool read_all(struct replay *r, FILE *in)
{
	char line[512];
	bdf_t bdf;
	unsigned seg = UINT_MAX; /* none is open */
	while (fgets(line, sizeof(line), in)) {
		bool header = is_header(line, &seg, &bdf);
		bool ok =
			seg > 0xffff || (header ? fn_of(r, bdf) || fn_add(r, bdf) : data_line(r, bdf, line));
		if (!ok)
			return false;
	}
	return r->n > 0;
}

struct replay *replay_load(const char *path)
{
	FILE *in = fopen(path, "r");
	struct replay *r = in ? replay_new(0xff, false) : NULL;
	bool ok = r && read_all(r, in);
	if (in)
		fclose(in);
	if (!ok) {
		replay_free(r);
		return NULL;
	}
	replay_ready(r);
	return r;
}

const struct pci_cfg *replay_cfg(const struct replay *r)
{
	return &r->cfg;
}

void replay_free(struct replay *r)
{
	if (r)
		free(r->fn);
	free(r);
}

bool replay_function(const struct replay *r, size_t i, bdf_t *out)
{
	if (i >= r->n)
		return false;
	*out = r->fn[i].bdf;
	return true;
}

size_t replay_bytes(const struct replay *r, size_t i)
{
	return i < r->n ? r->fn[i].have : 0;
}
