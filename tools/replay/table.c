#include "table.h"
#include <stdio.h>
#include "iommu/dmar/dmar.h"
#include "iommu/ivrs/ivrs.h"

/* A path as "00:1c.0 -> 00.0", or what else the scope names: VT-d §8.3.1. */
static void print_scope(const struct dmar_scope *s)
{
	unsigned hops = dmar_scope_hops(s);
	printf("  %s", dmar_scope_name(s->type));
	if (s->type > DMAR_SCOPE_BRIDGE)
		printf(" %u", s->enum_id);
	for (unsigned i = 0; i < hops; i++) {
		uint8_t dev, fn;
		dmar_scope_hop(s, i, &dev, &fn);
		if (i == 0)
			printf(" %02x:%02x.%x", s->bus, dev, fn);
		else
			printf(" -> %02x.%x", dev, fn);
	}
	printf("%s\n", s->type == DMAR_SCOPE_BRIDGE ? " and all below" : "");
}

static void print_scopes(const struct dmar_entry *e)
{
	struct dmar_scope s = {0};
	struct span scopes;
	uint16_t seg;
	if (dmar_scopes(e, &seg, &scopes) != SL_OK)
		return;
	while (dmar_scope_next(scopes, &s) == SL_OK)
		print_scope(&s);
}

static void print_rmrr(const struct dmar_rmrr *r, unsigned number)
{
	printf("RMRR %u: segment %u, 0x%llx..0x%llx", number, r->seg, (ull)r->base, (ull)r->limit);
	if (r->limit > r->base)
		printf(" (%llu KiB)", (ull)((r->limit - r->base) / 1024 + 1));
	printf(", for\n");
}

static void print_unit(const struct dmar_drhd *d, unsigned number)
{
	printf("DRHD: iommu%u of segment %u, registers at 0x%llx (%llu KiB), covers %s\n", number, d->seg,
	       (ull)d->base, (ull)(d->size / 1024),
	       d->include_all && d->scopes.n ? "what is named below and all that no other unit names"
	       : d->include_all              ? "all that no other unit names"
	       : d->scopes.n                 ? "what is named below"
					     : "nothing");
}

/* ATSR, RHSA, ANDD, SATC, SIDP: VT-d §8.5 to §8.9. False when it is none of them or too short. */
static bool print_other(const struct dmar_entry *e)
{
	struct dmar_atsr atsr;
	struct dmar_rhsa rhsa;
	struct dmar_andd andd;
	struct dmar_satc satc;
	struct dmar_sidp sidp;
	if (e->type == DMAR_ATSR && dmar_atsr(e, &atsr) == SL_OK)
		printf("ATSR: segment %u, ATS may be used below %s\n", atsr.seg,
		       atsr.all_ports ? "all root ports" : "these root ports");
	else if (e->type == DMAR_RHSA && dmar_rhsa(e, &rhsa) == SL_OK)
		printf("RHSA: the unit at 0x%llx is in proximity domain %u\n", (ull)rhsa.base, rhsa.domain);
	else if (e->type == DMAR_ANDD && dmar_andd(e, &andd) == SL_OK)
		printf("ANDD: namespace device %u\n", andd.number);
	else if (e->type == DMAR_SATC && dmar_satc(e, &satc) == SL_OK)
		printf("SATC: segment %u, ATS of these is trusted\n", satc.seg);
	else if (e->type == DMAR_SIDP && dmar_sidp(e, &sidp) == SL_OK)
		printf("SIDP: segment %u, properties of\n", sidp.seg);
	else
		return false;
	return true;
}

void table_print(struct span table)
{
	struct dmar t;
	struct dmar_entry e = {0};
	struct dmar_drhd d;
	struct dmar_rmrr r;
	unsigned units = 0, rmrrs = 0;
	if (dmar_open(table, &t) != SL_OK)
		return;
	printf("DMAR: %zu bytes, host address width %u, interrupt remapping %s, x2APIC %s, DMA opt-in %s\n",
	       t.bytes.n, t.haw, t.flags & DMAR_INTR_REMAP ? "offered" : "not offered",
	       t.flags & DMAR_X2APIC_OPT_OUT ? "not wanted" : "allowed",
	       t.flags & DMAR_DMA_OPT_IN ? "set" : "not set");
	while (dmar_next(&t, &e) == SL_OK) {
		if (e.type == DMAR_DRHD && dmar_drhd(&e, &d) == SL_OK)
			print_unit(&d, units++);
		else if (e.type == DMAR_RMRR && dmar_rmrr(&e, &r) == SL_OK)
			print_rmrr(&r, rmrrs++);
		else if (!print_other(&e))
			continue;
		print_scopes(&e);
	}
}

void table_print_ivrs(struct span table)
{
	struct ivrs t;
	struct ivrs_block b = {0};
	char text[256];
	if (ivrs_open(table, &t) != SL_OK)
		return;
	printf("IVRS: %zu bytes, physical addresses of %u bits, IVinfo 0x%x: pre-boot DMA protection %s\n",
	       t.bytes.n, (unsigned)FGET(t.info, IVRS_PA_SIZE), t.info,
	       t.info & IVRS_DMA_REMAP ? "promised" : "not promised");
	while (ivrs_next(&t, &b) == SL_OK) {
		struct ivrs_ivhd h;
		struct ivrs_entry e = {0};
		ivrs_block_text(&b, text, sizeof(text));
		printf("%s\n", text);
		if (!ivrs_is_ivhd(b.type) || ivrs_ivhd(&b, &h) != SL_OK)
			continue;
		while (ivrs_entry_next(h.entries, &e) == SL_OK) {
			ivrs_entry_text(&e, text, sizeof(text));
			printf("  %s\n", text);
		}
	}
}
