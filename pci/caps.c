#include "kernel/log.h"
#include "pci/priv.h"
#include "pci/regs.h"

/* Both areas end where no further header fits; a walk that takes more steps than there are places has met a
 * loop. */
enum {
	CAP_END = 0x100,
	CAP_MAX = (CAP_END - CAP_FIRST) / 4,
	ECAP_END = 0x1000,
	ECAP_MAX = (ECAP_END - ECAP_FIRST) / 4
};

/* PCIe §7.5.1.1.11; the low two bits of a pointer are reserved and masked. */
enum sl_err pci_cap_next(const struct pci_func *fn, struct pci_cap *cap)
{
	uint16_t at = cap->next;
	if (cap->seen == 0)
		at = fn_rd16(fn, CFG_STATUS) & STATUS_CAP
			     ? fn_rd8(fn, fn->hdr_type == 2 ? CFG_CB_CAP_PTR : CFG_CAP_PTR) & 0xfc
			     : 0;
	if (at == 0)
		return SL_END;
	if (at < CAP_FIRST || cap->seen >= CAP_MAX)
		return SL_BADVAL;
	uint16_t header = fn_rd16(fn, at);
	if (header == 0xffff)
		return SL_BADVAL;
	*cap = (struct pci_cap){.off = at,
				.id = header & 0xff,
				.next = header >> 8 & 0xfc,
				.seen = (uint16_t)(cap->seen + 1)};
	return SL_OK;
}

/* PCIe §7.6.3. The list always starts at 100h; a first header of 0 is an empty list. Functions without a PCI
 * Express capability have no extended space, and some mirror their first 256 bytes there. */
enum sl_err pci_ecap_next(const struct pci_func *fn, struct pci_cap *cap)
{
	uint16_t at = cap->seen == 0 ? ECAP_FIRST : cap->next;
	if (at == 0 || !fn->cap_pcie)
		return SL_END;
	if (at < ECAP_FIRST || cap->seen >= ECAP_MAX)
		return SL_BADVAL;
	uint32_t header = fn_rd32(fn, at);
	if (cap->seen == 0 && (header == 0 || header == UINT32_MAX))
		return SL_END;
	if (header == UINT32_MAX)
		return SL_BADVAL;
	*cap = (struct pci_cap){.off = at,
				.id = (uint16_t)FGET(header, ECAP_ID),
				.version = (uint8_t)FGET(header, ECAP_VER),
				.next = FGET(header, ECAP_NEXT) & 0xffc,
				.seen = (uint16_t)(cap->seen + 1)};
	return SL_OK;
}

uint16_t pci_cap_find(const struct pci_func *fn, uint8_t id, uint16_t len)
{
	struct pci_cap cap = {0};
	while (pci_cap_next(fn, &cap) == SL_OK)
		if (cap.id == id && cap.off + len <= CAP_END)
			return cap.off;
	return 0;
}

uint16_t pci_ecap_find(const struct pci_func *fn, uint16_t id, uint16_t len)
{
	struct pci_cap cap = {0};
	while (pci_ecap_next(fn, &cap) == SL_OK)
		if (cap.id == id && cap.off + len <= ECAP_END)
			return cap.off;
	return 0;
}

/* Reports a broken list once; entries before the break are used. */
static void lists_check(const struct pci_func *f)
{
	struct pci_cap cap = {0}, ecap = {0};
	enum sl_err e;
	while ((e = pci_cap_next(f, &cap)) == SL_OK)
		;
	if (e != SL_END)
		log_warn("pci", BDF_FMT ": capability list is broken after %02x", BDF_ARG(f->bdf), cap.off);
	while ((e = pci_ecap_next(f, &ecap)) == SL_OK)
		;
	if (e != SL_END)
		log_warn("pci", BDF_FMT ": extended capability list is broken after %03x", BDF_ARG(f->bdf),
			 ecap.off);
}

/* The lengths cover the registers that Sluice uses, so that none of them lies outside the area. */
void caps_read(struct pci_func *f)
{
	f->cap_pm = pci_cap_find(f, CAP_ID_PM, 8);
	f->cap_msi = pci_cap_find(f, CAP_ID_MSI, 10);
	f->cap_msix = pci_cap_find(f, CAP_ID_MSIX, 12);
	f->cap_pcie = pci_cap_find(f, CAP_ID_PCIE, PCIE_DEVSTA + 2);
	f->port_type = PCI_PORT_CONVENTIONAL;
	if (f->cap_pcie)
		f->port_type = (uint8_t)FGET(fn_rd16(f, f->cap_pcie + PCIE_CAP), PCIE_TYPE);
	f->cap_aer = pci_ecap_find(f, ECAP_ID_AER, 0x2c);
	f->cap_acs = pci_ecap_find(f, ECAP_ID_ACS, ACS_CTL + 2);
	f->cap_ari = pci_ecap_find(f, ECAP_ID_ARI, ARI_CAP + 4);
	f->cap_ats = pci_ecap_find(f, ECAP_ID_ATS, 8);
	f->cap_sriov = pci_ecap_find(f, ECAP_ID_SRIOV, SRIOV_BAR + 4 * PCI_BARS);
	f->cap_pri = pci_ecap_find(f, ECAP_ID_PRI, 0x10);
	f->cap_pasid = pci_ecap_find(f, ECAP_ID_PASID, 8);
	lists_check(f);
}

bool caps_is_downstream(const struct pci_func *f)
{
	return f && (f->port_type == PCI_PORT_ROOT || f->port_type == PCI_PORT_DOWNSTREAM);
}

bool caps_has_devctl2(const struct pci_func *f)
{
	return f->cap_pcie && f->cap_pcie + PCIE_DEVCTL2 + 2 <= CAP_END &&
	       FGET(fn_rd16(f, f->cap_pcie + PCIE_CAP), PCIE_VER) >= 2;
}
