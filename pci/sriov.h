/* Single Root I/O Virtualization: PCIe chapter 9. A PF is any function with cap_sriov. */
#pragma once
#include "pci/pci.h"

struct sriov {
	uint16_t initial_vfs, total_vfs, num_vfs;
	uint16_t offset, stride; /* routing ids: PF + offset + index * stride; both may change with NumVFs */
	uint16_t vf_device;      /* VF Device ID */
	uint16_t reach;          /* VFs that fit into the bus numbers at this offset and stride */
	uint32_t page_sizes;     /* Supported Page Sizes, bit n: 2^(n + 12) bytes */
	bool vf_enable, ari;     /* VF Enable, ARI Capable Hierarchy */
	struct pci_bar bar[PCI_BARS]; /* address of VF 0, size of one VF */
};

/* Reads the capability; changes nothing. SL_NOTFOUND when the function is not a PF. */
enum sl_err sriov_read(const struct pci *pci, const struct pci_func *pf, struct sriov *out) MUST_CHECK;

/* Brings up numvfs VFs in the order of PCIe §9.2.1.1 and adds them to the list, with pf, vf_index, BARs and
 * capabilities set. Each VF's Command register is 0: the caller uses pci_mem_enable() and pci_bus_master().
 * VF BARs keep the firmware's addresses where these are valid, otherwise get free ones from the window of the
 * bridge above. Takes 100 ms, and 1 s more when the firmware had left VFs enabled. On an error everything is
 * restored and one FAIL line gives the reason: SL_UNSUPPORTED, SL_RANGE (more VFs than the PF has, routing
 * ids outside the bus numbers), SL_BUSY (has VFs enabled already), SL_BADVAL (impossible offset or stride),
 * SL_NOSPACE (no addresses), SL_DEVICE, SL_TIMEOUT (a VF does not answer), SL_NOMEM. */
enum sl_err sriov_enable(struct pci *pci, struct pci_func *pf, uint16_t numvfs, struct sriov *out) MUST_CHECK;

/* Stops the VFs, removes them from the list (their pointers become invalid) and restores NumVFs, System Page
 * Size, VF BARs and both ARI bits. VF Enable stays clear even if the firmware had set it. The caller has
 * detached the VFs from their domains. Takes the 1 s of PCIe §9.3.3.3.1. SL_NOTFOUND when sriov_enable() did
 * not succeed before. */
enum sl_err sriov_disable(struct pci *pci, struct pci_func *pf) MUST_CHECK;

/* VF number index of a PF with VFs enabled; NULL when there is none. */
struct pci_func *sriov_vf(const struct pci *pci, const struct pci_func *pf, uint16_t index);
