/* A hostile configuration space: whatever it answers, scan, capability lists, BAR sizing, SR-IOV, ARI, ACS,
 * MSI-X, resets and groups end, stay inside the space, and put back what they only tried.
 *
 * The first byte chooses between two spaces. Raw: 12 bytes that say where functions are, 4 whose bits make
 * some of them plausible PFs and bridges, then registers, repeated as often as needed; a bit of every byte
 * says whether it can be written. Model: a tree in which everything is as the specification has it
 * (tests/model/cfg_model.h), a few bytes for each function; what is left are patches over it, three or four
 * bytes each. Without patches the model's own rules must not be broken. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/pmm.h"
#include "pci/acs.h"
#include "pci/flr.h"
#include "pci/groups.h"
#include "pci/msix.h"
#include "pci/names.h"
#include "pci/show.h"
#include "pci/regs.h"
#include "pci/sriov.h"
#include "pci/window.h"
#include "tests/model/cfg_model.h"
#include "tests/unit/support.h"

enum { FUNCTIONS = 12, BUSES = 4, ACCESSES = 4000000 };

static unsigned accesses;

static void count_access(uint16_t off, unsigned bytes)
{
	if (off % bytes || off + bytes > 0x1000 || ++accesses > ACCESSES)
		abort();
}

/* ---- raw ---- */

static const uint8_t *seed; /* registers, repeated */
static size_t seed_n;
static struct {
	bdf_t bdf;
	uint8_t data[0x1000], header[0x40]; /* now; as it was first */
	uint8_t writable[0x1000];           /* where it differs from what the seed says; 0: does not */
	bool planted;
} fn[FUNCTIONS];
static int8_t at_rid[BUSES * 256]; /* number of the function, -1: none */

static uint8_t seed_byte(unsigned i, unsigned off)
{
	return seed_n ? seed[(i * 37u + off) % seed_n] : 0;
}

static int find(bdf_t bdf)
{
	return bdf.seg || bdf.rid >= BUSES * 256 ? -1 : at_rid[bdf.rid];
}

static uint32_t raw_rd(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes)
{
	(void)ctx;
	uint32_t v = 0;
	count_access(off, bytes);
	int i = find(bdf);
	for (int pf = 0; i < 0 && pf < FUNCTIONS; pf++)
		if (fn[pf].planted && fn[pf].data[0x120 + SRIOV_CTL] & 1)
			i = FUNCTIONS - 1; /* VFs look like this one, wherever they are */
	if (i < 0)
		return UINT32_MAX;
	memcpy(&v, fn[i].data + off, bytes);
	return v;
}

static void raw_wr(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes, uint32_t v)
{
	(void)ctx;
	count_access(off, bytes);
	int i = find(bdf);
	for (unsigned b = 0; i >= 0 && b < bytes; b++) {
		uint8_t mask = fn[i].writable[off + b];
		if (!mask)
			mask = seed_byte((unsigned)i, off + b) & 1 ? 0xff : 0xf0;
		fn[i].data[off + b] = (uint8_t)((fn[i].data[off + b] & ~mask) | (v >> 8 * b & mask));
	}
}

static void put(unsigned i, unsigned off, uint32_t v)
{
	memcpy(fn[i].data + off, &v, 4);
}

static void plausible(unsigned i)
{
	fn[i].data[6] |= 0x10;
	fn[i].data[0x34] = 0x40;
	put(i, 0x40, 0x00020010 | (uint32_t)fn[i].data[0x50] << 16);
	put(i, ECAP_FIRST, 0x12010000 | ECAP_ID_ARI);
	fn[i].planted = true;
	put(i, 0x120, 0x00010000 | ECAP_ID_SRIOV);
	put(i, 0x120 + SRIOV_CTL, 0);
	put(i, 0x120 + SRIOV_PGSIZES, 0x553);
	fn[i].data[0x120 + SRIOV_OFFSET + 1] &= 1;
	fn[i].data[0x120 + SRIOV_STRIDE + 1] = 0;
	memset(fn[i].writable + 0x120 + SRIOV_CTL, 0x1f, 1);
	memset(fn[i].writable + 0x120 + SRIOV_NUM, 0xff, 2);
}

static void raw_fill(const uint8_t *p, size_t n)
{
	seed = p + 16;
	seed_n = n - 16;
	memset(at_rid, -1, sizeof(at_rid));
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		fn[i].bdf = bdf_make(0, p[i] >> 6, i < 4 ? i : p[i] >> 3 & 3, p[i] & 7);
		if (at_rid[fn[i].bdf.rid] < 0) /* two can be given the same */
			at_rid[fn[i].bdf.rid] = (int8_t)i;
		for (unsigned off = 0; off < 0x1000;) { /* runs of the seed */
			size_t from = seed_n ? (i * 37u + off) % seed_n : 0,
			       run = seed_n ? seed_n - from : 0x1000;
			run = run < 0x1000 - off ? run : 0x1000 - off;
			if (seed_n)
				memcpy(fn[i].data + off, seed + from, run);
			else
				memset(fn[i].data, 0, 0x1000);
			off += (unsigned)run;
		}
		memset(fn[i].writable, 0, sizeof(fn[i].writable));
		if (fn[i].data[0] == 0xff)
			fn[i].data[0] = 0x86;
		fn[i].planted = false;
		if (p[12 + i % 4] >> i / 4 & 1)
			plausible(i);
		if (p[12 + i % 4] >> (3 + i / 4) & 1) {
			fn[i].data[CFG_HDR_TYPE] = 0x81;
			fn[i].data[CFG_SEC] &= 3;
			fn[i].data[CFG_SUB] &= 3;
		}
		memcpy(fn[i].header, fn[i].data, sizeof(fn[i].header));
	}
}

/* ---- model ---- */

static struct cm cm;
static struct pci_cfg cm_cfg;
static uint8_t patch[64][4];
static unsigned patches;

/* Patched bytes read as the patch says whatever was written; those with bit 15 of the offset set once only:
 * then they are as the model has them, as if the function had changed its mind. */
static uint32_t model_rd(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes)
{
	count_access(off, bytes);
	uint32_t v = cm.cfg.rd(ctx, bdf, off, bytes);
	for (unsigned i = 0; i < patches; i++) {
		unsigned at = (patch[i][1] | patch[i][2] << 8) & 0xfff;
		if (at < off || at >= off + bytes || bdf.rid % 13 != patch[i][0] % 13u || patch[i][2] & 0x40)
			continue;
		v = (v & ~(0xffu << 8 * (at - off))) | (uint32_t)patch[i][3] << 8 * (at - off);
		patch[i][2] |= (uint8_t)(patch[i][2] >> 7 << 6);
	}
	return v;
}

static void model_wr(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes, uint32_t v)
{
	count_access(off, bytes);
	cm.cfg.wr(ctx, bdf, off, bytes, v);
}

static void acs(struct cm_fn *f, unsigned bits, bool wide)
{
	unsigned at = f->last_ecap ? f->last_ecap + 0x50u : 0x100;
	cm_ecap(f, at, ECAP_ID_ACS);
	cm_put(f, at + 4, 2, bits & 0x1f);
	f->mask[at + (wide ? 8 : 6)] = bits & 0x80 ? 0 : 0xff;
}

/* One function by six bytes: kind, place, vendor, what it has, BARs, numbers. */
static void model_add(const uint8_t *p, struct cm_fn *bridge[4], unsigned *buses)
{
	static const uint32_t id[] = {0x11118086, 0x91231b4b, 0xa1108086, 0x1c108086,
				      0x00011b36, 0x15211af4, 0x2f028086, 0x12345678};
	static const int types[] = {4, 5, 6, 7, 8, -1, 4, 4};
	static const uint32_t classes[] = {0x010802, 0x020000, 0x060000, 0x0c0330};
	struct cm_fn *up = p[1] >> 6 && bridge[p[1] >> 6] ? bridge[p[1] >> 6] : NULL, *f;
	unsigned devfn = p[1] & 0x3f, sec = *buses;
	if (p[0] & 8 && *buses < BUSES) {
		f = cm_bridge(&cm, up, 0, 0, devfn, sec,
			      up         ? up->data[0x1a]
			      : p[5] & 1 ? sec
					 : BUSES - 1,
			      types[p[0] & 7]);
		f->data[0x1a] = f->data[0x1a] < sec ? (uint8_t)sec : f->data[0x1a];
		if (p[4] & 1)
			cm_window(f, 0xc0000000, 0xc0ffffff);
		if (p[4] & 2)
			cm_window_pref(f, 0x800000000, 0x8ffffffff);
		bridge[(*buses)++] = f;
		if (p[3] & 1)
			acs(f, p[2], p[2] & 0x40);
		cm_put(f, 0, 4, id[p[2] & 7]);
		return;
	}
	f = cm_add(&cm, up, 0, 0, up ? devfn & 7 : devfn, id[p[2] & 7], classes[p[0] & 3]);
	f->data[0x0e] = p[2] & 0x80;
	if (p[3] & 1) {
		cm_pcie(f, 0x40, p[0] >> 4 & 1 ? 9 : 0);
		cm_put(f, 0x44, 4, 1u << 28 | (p[5] & 0x18));
	}
	if (p[3] & 2) {
		cm_cap(f, 0x90, CAP_ID_MSIX);
		cm_put(f, 0x92, 2, p[5]);
		cm_put(f, 0x94, 4, p[4] & 7);
		cm_put(f, 0x98, 4, 0x800u | (p[4] & 7));
		f->mask[0x93] = 0xc0;
	}
	if (p[3] & 4)
		cm_cap(f, 0xb0, CAP_ID_MSI);
	if (p[3] & 8)
		cm_cap(f, 0xd0, CAP_ID_PCIX);
	if (p[4] & 0x10)
		cm_bar(f, 0x10, 0x4000, 4, 0xc0000000);
	if (p[4] & 0x20)
		cm_bar(f, 0x18, 0x100, 1, 0x1000);
	if (p[3] & 0x10) {
		cm_ecap(f, 0x100, ECAP_ID_ARI);
		cm_put(f, 0x104, 4, (uint64_t)p[5] << 8);
	}
	if (p[3] & 0x20)
		acs(f, p[5], false);
	if (p[3] & 1 && p[3] & 0x40) {
		cm_sriov(&cm, f, 0x180, 1 + (p[5] & 3), (uint16_t)(1 + (p[4] >> 6)), 1 + (p[5] >> 7));
		cm_bar(f, 0x1a4, 0x4000, p[4] & 8 ? 4 : 0, p[4] & 4 ? 0xc0100000 : 0);
	}
}

static void model_fill(const uint8_t *p, size_t n)
{
	struct cm_fn *bridge[BUSES] = {0};
	unsigned count = p[1] % 10, buses = 1;
	size_t at = 2;
	cm_init(&cm);
	for (unsigned i = 0; i < count && at + 6 <= n; i++, at += 6)
		model_add(p + at, bridge, &buses);
	patches = 0;
	for (; at + 4 <= n && patches < 64; at += 4)
		memcpy(patch[patches++], p + at, 4);
	cm_cfg = (struct pci_cfg){.ctx = &cm, .rd = model_rd, .wr = model_wr};
}

/* ---- what is done with it ---- */

static void try_lists(const struct pci_func *f)
{
	struct pci_cap cap = {0}, ecap = {0};
	unsigned seen = 0;
	while (pci_cap_next(f, &cap) == SL_OK)
		if (cap.off < CAP_FIRST || cap.off > 0xfc || ++seen > 64)
			abort();
	for (seen = 0; pci_ecap_next(f, &ecap) == SL_OK;)
		if (ecap.off < ECAP_FIRST || ecap.off > 0xffc || ++seen > 1024)
			abort();
	const char *names[] = {pci_class_name(f->class), pci_vendor_name(f->vendor),
			       pci_device_name(f->vendor, f->device)};
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (names[i] && strlen(names[i]) > 200)
			abort();
}

static void try_msix(const struct pci_func *f)
{
	struct msix x;
	if (msix_read(f, &x) != SL_OK)
		return;
	const struct pci_bar *t = &f->bar[x.table_bar], *b = &f->bar[x.pba_bar];
	if (x.table_bar >= PCI_BARS || x.pba_bar >= PCI_BARS || !x.vectors || x.vectors > 2048 || t->io ||
	    b->io || x.table_off + 16ull * x.vectors > t->size ||
	    x.pba_off + (x.vectors + 63ull) / 64 * 8 > b->size)
		abort();
}

static void try_function(struct pci *pci, struct pci_func *f)
{
	struct sriov s;
	struct msi msi;
	uint64_t addr = 0;
	try_lists(f);
	try_msix(f);
	if (msi_read(f, &msi) == SL_OK)
		(void)!msi_open(f, msi.messages, 0xfee00018, 0);
	(void)!acs_isolates(f);
	(void)groups_quirk(f);
	if (sriov_read(pci, f, &s) == SL_OK && s.reach > s.total_vfs)
		abort();
	if (f->is_bridge && pci_gap_find(pci, f, true, 0x10000, 0x10000, &addr) == SL_OK &&
	    (addr < f->pref.base || addr + 0xffff > f->pref.base + (f->pref.size - 1) || addr % 0x10000))
		abort();
	if (sriov_enable(pci, f, 2, &s) != SL_OK)
		return;
	for (uint16_t i = 0; i < 3; i++) {
		struct pci_func *vf = sriov_vf(pci, f, i);
		if ((vf != NULL) != (i < 2) || (vf && (vf->pf != f || pci_find(pci, vf->bdf) != vf)))
			abort();
		if (vf)
			try_lists(vf);
	}
	if (pci_flr(pci, f) == SL_OK) /* its VFs would be lost */
		abort();
	if (sriov_disable(pci, f) != SL_OK || sriov_vf(pci, f, 0))
		abort();
}

/* Every function is in a group, and every group of more than one has a reason with a text and a remedy. */
static void try_groups(struct pci *pci)
{
	struct group_reason r;
	bdf_t alias[GROUPS_ALIASES];
	char text[320];
	acs_enable_all(pci);
	unsigned n = groups_compute(pci);
	PCI_EACH(f, pci) {
		size_t ids = groups_alias(f, alias);
		if (groups_of(f) == 0 || groups_of(f) > n || ids == 0 || ids > GROUPS_ALIASES)
			abort();
	}
	for (unsigned id = 1; id <= n; id++) {
		unsigned reasons = 0;
		for (; groups_reason(pci, id, reasons, &r) == SL_OK; reasons++) {
			groups_reason_text(&r, text, sizeof(text));
			if (!text[0] || !groups_remedy(&r)[0])
				abort();
		}
		if ((reasons > 0) != (groups_next(pci, id, groups_next(pci, id, NULL)) != NULL))
			abort();
	}
}

/* honest: the functions are as they say. */
static void try_all(struct pci *pci, bool honest)
{
	PCI_EACH(f, pci)
		try_function(pci, f);
	try_groups(pci);
	(void)pci_quiesce(pci);
	if (pci_quiesce(pci) && honest)
		abort();
	PCI_EACH(f, pci) {
		pci_mem_enable(f, true);
		if (!f->is_bridge && pci_flr(pci, f) == SL_BUSY)
			abort();
		pci_mem_enable(f, false);
	}
}

static void run(const struct pci_cfg *cfg)
{
	static struct pci pci;
	pci.cfg = pci.cfg ? cfg : NULL; /* pci_scan() takes the first and keeps it */
	pci.n_ranges = pci.n_roots = 0;
	accesses = 0;
	if (pci_scan(&pci, cfg, 0, 0, BUSES - 1) != SL_OK)
		abort();
	for (unsigned i = 0; cfg != &cm_cfg && i < FUNCTIONS; i++)
		if (memcmp(fn[i].data, fn[i].header, sizeof(fn[i].header)) != 0)
			abort();
	const struct show deep = {.numbers = 2, .verbose = 3};
	if (!TAILQ_EMPTY(&pci.funcs)) /* one, as that is a lot of text */
		show_function(TAILQ_FIRST(&pci.funcs), &deep);
	show_tree(&pci, &deep);
	try_all(&pci, cfg == &cm_cfg && !patches);
	TAILQ_CONCAT(&pci.spare, &pci.funcs, link); /* functions are never freed: use them again */
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct pci_cfg raw_cfg = {.rd = raw_rd, .wr = raw_wr};
	static bool ready;
	if (!ready && pmm_add(support_ram(256 << 20, 0x40000000), 256 << 8) != SL_OK)
		abort();
	ready = true;
	if (n >= 17 && p[0] & 1) {
		raw_fill(p + 1, n - 1);
		run(&raw_cfg);
	} else if (n >= 2 && !(p[0] & 1)) {
		model_fill(p, n);
		run(&cm_cfg);
		if (!patches && cm.violations) {
			fprintf(stderr, "%s\n", cm.why);
			abort();
		}
		cm_free(&cm);
	}
	return 0;
}
