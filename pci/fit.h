/* How many VFs a PF can have on this machine as firmware set it up, and what is missing for the rest:
 * sriov_enable() in thought. Nothing is written to a register. */
#pragma once
#include "pci/pci.h"

struct sriov_route { /* First VF Offset and VF Stride: PCIe §9.3.3.9, §9.3.3.10 */
	uint16_t offset, stride;
};

struct sriov_fit {
	uint16_t by_bus;        /* VFs whose routing ids lie on buses that lead to the PF */
	uint16_t by_bars;       /* VFs for whose VF BARs there are addresses */
	unsigned missing_buses; /* behind the last one that leads there */
	unsigned last_bus;      /* of those */
	uint64_t each;          /* bytes of VF BARs of one VF */
	uint64_t missing_bytes; /* of the VFs that have none */
	bool unsized;   /* nothing may be written, so VF BARs are not sized: by_bars and each say nothing */
	bool no_window; /* it is on a root bus, whose windows are unknown: the only addresses are those that
			   the firmware gave */
};

/* For total VFs. pf->vf_bar has what firmware left (vf_bars_read()); it is changed and put back. */
void sriov_fit(const struct pci *pci, struct pci_func *pf, uint16_t total, struct sriov_route route,
	       struct sriov_fit *out);

/* First VF Offset and VF Stride with ARI Capable Hierarchy clear (0) and set (1): written for that, and put
 * back; known[i] is false where the bit does not take that value, or must not change because VFs of the
 * device are on (PCIe §9.3.3.3.5). */
void sriov_routes(const struct pci *pci, struct pci_func *pf, struct sriov_route route[2], bool known[2]);

/* True when the port above can forward ARI requests: PCIe §6.13. */
bool sriov_ari_forwards(const struct pci_func *pf);
