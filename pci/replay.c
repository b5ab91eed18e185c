#include "pci/replay.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "pci/pci.h"
#include "pci/regs.h"

struct replay_fn {
	bdf_t bdf;
	uint8_t data[0x1000], writable[0x1000];
};

struct replay {
	struct pci_cfg cfg;
	struct replay_fn *fn;
	size_t n;
};

static struct replay_fn *fn_of(const struct replay *r, bdf_t bdf)
{
	for (size_t i = 0; i < r->n; i++)
		if (bdf_eq(r->fn[i].bdf, bdf))
			return &r->fn[i];
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

/* n registers of BARs; see replay_load(). */
static void allow_bars(struct replay *r, struct replay_fn *f, unsigned off, unsigned n)
{
	for (unsigned i = 0; i < n; i++, off += 4) {
		uint32_t v = pci_rd32(&r->cfg, f->bdf, (uint16_t)off), addr = v & (v & BAR_IO ? ~3u : ~15u);
		bool mem64 = !(v & BAR_IO) && FGET(v, BAR_TYPE) == BAR_TYPE_64;
		uint32_t size = addr ? addr & (0 - addr) : mem64 ? 0x100000 : 0;
		if (size > 0x100000)
			size = 0x100000;
		if (size == 0)
			continue;
		allow(f, off, 0 - size);
		if (mem64) {
			allow(f, off + 4, UINT32_MAX);
			i++, off += 4;
		}
	}
}

static void allow_known(struct replay *r, struct replay_fn *f)
{
	struct pci_func p = {.cfg = &r->cfg, .bdf = f->bdf};
	uint16_t at;
	allow(f, CFG_CMD, CMD_IOSE | CMD_MSE | CMD_BME);
	unsigned hdr = f->data[CFG_HDR_TYPE] & HDR_LAYOUT;
	allow_bars(r, f, CFG_BAR, hdr == 0 ? 6 : hdr == 1 ? 2 : 0);
	if ((at = pci_cap_find(&p, CAP_ID_MSI, 4)))
		allow(f, at, MSI_CTL_EN << 16);
	if ((at = pci_cap_find(&p, CAP_ID_MSIX, 4)))
		allow(f, at, (uint32_t)(MSIX_CTL_EN << 16));
	if ((p.cap_pcie = pci_cap_find(&p, CAP_ID_PCIE, PCIE_DEVCTL2 + 2)))
		allow(f, p.cap_pcie + PCIE_DEVCTL2, DEVCTL2_ARI);
	if ((at = pci_ecap_find(&p, ECAP_ID_ACS, 8)))
		allow(f, at + ACS_CAP, (pci_rd16(&r->cfg, f->bdf, at + ACS_CAP) & 0x7fu) << 16);
	if ((at = pci_ecap_find(&p, ECAP_ID_SRIOV, 0x40))) {
		allow(f, at + SRIOV_CTL, SRIOV_CTL_VFE | SRIOV_CTL_MSE | SRIOV_CTL_ARI);
		allow(f, at + SRIOV_NUM, 0xffff);
		allow(f, at + SRIOV_PGSIZE, UINT32_MAX);
		allow_bars(r, f, at + SRIOV_BAR, 6);
	}
}

/* "0000:3b:00.1 text" or "3b:00.1 text" opens a function. */
static bool is_header(const char *line, bdf_t *bdf)
{
	unsigned seg = 0, bus, dev, fn;
	int end = 0;
	if (sscanf(line, "%4x:%2x:%2x.%1x%n", &seg, &bus, &dev, &fn, &end) != 4 || line[end] != ' ') {
		seg = 0;
		if (sscanf(line, "%2x:%2x.%1x%n", &bus, &dev, &fn, &end) != 3 || line[end] != ' ')
			return false;
	}
	*bdf = bdf_make(seg, bus, dev, fn);
	return true;
}

/* "1f0: 00 11 22 ..." */
static void data_line(struct replay_fn *f, const char *line)
{
	unsigned at, byte;
	int n = 0;
	if (sscanf(line, "%3x:%n", &at, &n) != 1 || n == 0)
		return;
	for (line += n; at < sizeof(f->data) && sscanf(line, " %2x%n", &byte, &n) == 1; line += n)
		f->data[at++] = (uint8_t)byte;
}

static bool read_all(struct replay *r, FILE *in)
{
	char line[512];
	bdf_t bdf;
	while (fgets(line, sizeof(line), in)) {
		if (is_header(line, &bdf)) {
			struct replay_fn *more = realloc(r->fn, (r->n + 1) * sizeof(*more));
			if (!more)
				return false;
			r->fn = more;
			struct replay_fn *f = &r->fn[r->n++];
			f->bdf = bdf;
			memset(f->data, 0xff, sizeof(f->data));
			memset(f->writable, 0, sizeof(f->writable));
		} else if (r->n) {
			data_line(&r->fn[r->n - 1], line);
		}
	}
	return r->n > 0;
}

struct replay *replay_load(const char *path)
{
	FILE *in = fopen(path, "r");
	struct replay *r = in ? calloc(1, sizeof(*r)) : NULL;
	bool ok = r && read_all(r, in);
	if (in)
		fclose(in);
	if (!ok) {
		replay_free(r);
		return NULL;
	}
	r->cfg = (struct pci_cfg){.ctx = r, .rd = replay_rd, .wr = replay_wr};
	for (size_t i = 0; i < r->n; i++)
		allow_known(r, &r->fn[i]);
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
