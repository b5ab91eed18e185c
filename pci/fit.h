/* How many VFs a PF can have with the firmware's set-up of this machine, and what is missing for the rest: a
 * dry run of sriov_enable() that writes no register. */
#pragma once
#include "pci/pci.h"

struct sriov_route { /* First VF Offset and VF Stride: PCIe §9.3.3.9, §9.3.3.10 */
	uint16_t offset, stride;
};

struct sriov_fit {
	uint16_t by_bus;        /* VFs with routing ids on buses that are forwarded to the PF */
	uint16_t by_bars;       /* VFs whose VF BARs have addresses */
	unsigned missing_buses; /* after the last forwarded bus */
	unsigned last_bus;      /* the last forwarded bus */
	uint64_t each;          /* bytes of VF BARs of one VF */
	uint64_t missing_bytes; /* for the VFs without addresses */
	bool unsized;   /* writes are not allowed, so VF BARs are not sized: by_bars and each are not valid */
	bool no_window; /* it is on a root bus, whose windows are unknown: the only addresses are those that
			   the firmware gave */
};

/* For total VFs. pf->vf_bar has the firmware's values (vf_bars_read()); it is changed and restored. */
void sriov_fit(const struct pci *pci, struct pci_func *pf, uint16_t total, struct sriov_route route,
	       struct sriov_fit *out);

/* First VF Offset and VF Stride with ARI Capable Hierarchy clear (0) and set (1): written for that and
 * restored; known[i] is false where the bit does not take that value, or must not change because VFs of the
 * device are enabled (PCIe §9.3.3.3.5). */
void sriov_routes(const struct pci *pci, struct pci_func *pf, struct sriov_route route[2], bool known[2]);

/* True when the port above can forward ARI requests: PCIe §6.13. */
bool sriov_ari_forwards(const struct pci_func *pf);
