/* A hostile configuration space: whatever it answers, the scan, the capability lists and SR-IOV end, stay
 * inside the space, and leave Command, BARs and the SR-IOV control as they were.
 *
 * Input: 12 bytes that say where functions are, 4 whose bits give each function something plausible (a PCI
 * Express capability and an extended list that starts with ARI and SR-IOV; a bridge with bus numbers), so
 * that the code behind is reached; then registers, repeated as often as needed. A bit of every byte says
 * whether it can be written. */
#include <stdlib.h>
#include <string.h>
#include "kernel/pmm.h"
#include "pci/acs.h"
#include "pci/groups.h"
#include "pci/msix.h"
#include "pci/regs.h"
#include "pci/sriov.h"
#include "tests/unit/support.h"

enum { FUNCTIONS = 12, BUSES = 4 };

static struct {
	bdf_t bdf;
	uint8_t data[0x1000], mask[0x1000];
} fn[FUNCTIONS];
static bool planted[FUNCTIONS];
static unsigned accesses;

/* The first at this address; two can be given the same. */
static int find(bdf_t bdf, uint16_t off, unsigned bytes)
{
	if (off % bytes || off + bytes > 0x1000 || ++accesses > 10000000)
		abort();
	for (int i = 0; i < FUNCTIONS; i++)
		if (bdf_eq(fn[i].bdf, bdf))
			return i;
	return -1;
}

static uint32_t rd(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes)
{
	(void)ctx;
	uint32_t v = 0;
	int i = find(bdf, off, bytes);
	for (int pf = 0; i < 0 && pf < FUNCTIONS; pf++)
		if (planted[pf] && fn[pf].data[0x120 + SRIOV_CTL] & 1)
			i = FUNCTIONS - 1; /* VFs look like this one, wherever they are */
	if (i < 0)
		return UINT32_MAX;
	memcpy(&v, fn[i].data + off, bytes);
	return v;
}

static void wr(void *ctx, bdf_t bdf, uint16_t off, unsigned bytes, uint32_t v)
{
	(void)ctx;
	int i = find(bdf, off, bytes);
	for (unsigned b = 0; i >= 0 && b < bytes; b++) {
		uint8_t mask = fn[i].mask[off + b];
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
	planted[i] = true;
	put(i, 0x120, 0x00010000 | ECAP_ID_SRIOV);
	put(i, 0x120 + SRIOV_CTL, 0);
	put(i, 0x120 + SRIOV_PGSIZES, 0x553);
	fn[i].data[0x120 + SRIOV_OFFSET + 1] &= 1;
	fn[i].data[0x120 + SRIOV_STRIDE + 1] = 0;
	memset(fn[i].mask + 0x120 + SRIOV_CTL, 0x1f, 1);
	memset(fn[i].mask + 0x120 + SRIOV_NUM, 0xff, 2);
}

static void fill(const uint8_t *p, size_t n)
{
	for (unsigned i = 0; i < FUNCTIONS; i++) {
		fn[i].bdf = bdf_make(0, p[i] >> 6, i < 4 ? i : p[i] >> 3 & 3, p[i] & 7);
		size_t at = 16 + i * 37u;
		for (unsigned off = 0; off < 0x1000; off++, at++) {
			uint8_t v = n > 16 ? p[16 + at % (n - 16)] : 0;
			fn[i].data[off] = v;
			fn[i].mask[off] = v & 1 ? 0xff : 0xf0;
		}
		if (fn[i].data[0] == 0xff)
			fn[i].data[0] = 0x86;
		planted[i] = false;
		if (p[12 + i % 4] >> i / 4 & 1)
			plausible(i);
		if (p[12 + i % 4] >> (3 + i / 4) & 1) {
			fn[i].data[CFG_HDR_TYPE] = 0x81;
			fn[i].data[CFG_SEC] &= 3;
			fn[i].data[CFG_SUB] &= 3;
		}
	}
}

static void try_function(struct pci *pci, struct pci_func *f)
{
	struct sriov s;
	struct msix x;
	struct msi y;
	uint64_t addr = 0;
	(void)!msix_read(f, &x);
	if (msi_read(f, &y) == SL_OK)
		(void)!msi_open(f, y.messages, 0xfee00018, 0);
	(void)!acs_isolates(f);
	if (sriov_read(pci, f, &s) == SL_OK && s.reach > s.total_vfs)
		abort();
	if (f->is_bridge && pci_gap_find(pci, f, true, 0x10000, 0x10000, &addr) == SL_OK &&
	    (addr < f->pref.base || addr + 0xffff > f->pref.base + (f->pref.size - 1) || addr % 0x10000))
		abort();
	if (sriov_enable(pci, f, 2, &s) == SL_OK && sriov_disable(pci, f) != SL_OK)
		abort();
}

/* Every function is in a group, and every group of more than one has a reason with a text and a remedy. */
static void try_groups(struct pci *pci)
{
	struct group_reason r;
	bdf_t alias[GROUPS_ALIASES];
	char text[320];
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

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct pci_cfg cfg = {.rd = rd, .wr = wr};
	static struct pci pci;
	static bool ready;
	if (n < 16)
		return 0;
	if (!ready && pmm_add(support_ram(64 << 20, 0x40000000), 64 << 8) != SL_OK)
		abort();
	ready = true;
	fill(p, n);
	uint8_t before[FUNCTIONS][0x40];
	for (unsigned i = 0; i < FUNCTIONS; i++)
		memcpy(before[i], fn[i].data, 0x40);
	accesses = 0;
	pci.n_ranges = pci.n_roots = 0;
	if (pci_scan(&pci, &cfg, 0, 0, BUSES - 1) != SL_OK)
		abort();
	for (unsigned i = 0; i < FUNCTIONS; i++)
		if (memcmp(before[i], fn[i].data, 0x40) != 0)
			abort();
	PCI_EACH(f, &pci)
		try_function(&pci, f);
	try_groups(&pci);
	pci_quiesce(&pci);
	TAILQ_CONCAT(&pci.spare, &pci.funcs, link); /* functions are kept for ever: use them again */
	return 0;
}
