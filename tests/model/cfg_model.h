/* A configuration space that behaves as the specification says, for tests: write masks, routing through
 * bridges by their bus numbers, ARI Forwarding, VFs that exist only while VF Enable is set, function level
 * reset. Register numbers are typed here a second time, from the specification, so that the code under test
 * is checked against another reading of it.
 *
 * What software must not do is counted in `violations`, with the last one in `why`. */
#pragma once
#include "pci/cfg.h"

struct cm_fn {
	struct cm_fn *parent; /* bridge above; NULL: on root bus `bus` */
	uint16_t seg;
	uint8_t bus, devfn;
	uint8_t data[0x1000], mask[0x1000];
	uint8_t clear[0x1000]; /* bits that are cleared by writing one */
	bool absent;           /* never answers */
	bool all_devices;      /* answers to every device number of its bus */

	unsigned last_cap, last_ecap; /* ends of the lists */
	unsigned pcie;                /* PCI Express capability */
	uint64_t reset_at;            /* 100 ms after a function level reset may not be accessed */
	uint64_t pending_until;       /* Transactions Pending until then */

	unsigned pm;       /* power management capability */
	bool power_stuck;  /* PowerState keeps its value */
	uint64_t power_at; /* 10 ms after a change from or to D3hot may not be accessed */
	uint64_t anew_at;  /* a bridge that started anew: what is below it may not, for 100 ms */

	unsigned sriov;                /* SR-IOV capability of a PF */
	uint16_t offset[2], stride[2]; /* without and with ARI Capable Hierarchy */
	uint16_t more_from, more;      /* NumVFs from which on First VF Offset is larger, and by how much */
	bool refuses_vfe;
	uint64_t vfe_set_at, vfe_cleared_at;
	struct cm_fn *pf;
	unsigned vf_index;
};

struct cm {
	struct pci_cfg cfg;
	struct cm_fn *fn[600];
	size_t n;
	unsigned writes, violations;
	const char *why;
};

void cm_init(struct cm *m);
void cm_free(struct cm *m);

/* A type 0 function. parent NULL: on a root bus. id: device << 16 | vendor. */
struct cm_fn *cm_add(struct cm *m, struct cm_fn *parent, unsigned seg, unsigned bus, unsigned devfn,
		     uint32_t id, uint32_t class);
/* A type 1 function; type is the Device/Port Type of its PCI Express capability (at 40h, version 2, with ARI
 * Forwarding Supported), -1: a conventional bridge. */
struct cm_fn *cm_bridge(struct cm *m, struct cm_fn *parent, unsigned seg, unsigned bus, unsigned devfn,
			unsigned sec, unsigned sub, int type);
/* An endpoint's PCI Express capability with FLR. */
void cm_pcie(struct cm_fn *f, unsigned off, unsigned type);
/* Advanced Error Reporting, with the registers of a root port where f is one. */
void cm_aer(struct cm_fn *f, unsigned off);
/* One capability more at the end of the list. */
void cm_cap(struct cm_fn *f, unsigned off, unsigned id);
void cm_ecap(struct cm_fn *f, unsigned off, unsigned id);
/* Power management capability in that state; keeps: No_Soft_Reset, else the function loses its registers when
 * it leaves D3hot. Below a bridge that is not in D0 nothing answers. */
void cm_pm(struct cm_fn *f, unsigned off, unsigned state, bool keeps);
/* BAR register at off: flags are its read-only low bits; a 64-bit one takes two. */
void cm_bar(struct cm_fn *f, unsigned off, uint64_t size, unsigned flags, uint64_t addr);
/* Forwarding windows: first and last address. */
void cm_window(struct cm_fn *bridge, uint64_t base, uint64_t limit);
void cm_window_pref(struct cm_fn *bridge, uint64_t base, uint64_t limit);
/* SR-IOV capability at off and total VFs, each with a PCI Express capability at 40h and MSI-X at 80h. */
void cm_sriov(struct cm *m, struct cm_fn *pf, unsigned off, unsigned total, uint16_t offset, uint16_t stride);

uint32_t cm_get(const struct cm_fn *f, unsigned off, unsigned bytes);
void cm_put(struct cm_fn *f, unsigned off, unsigned bytes, uint64_t v);
