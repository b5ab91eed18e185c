/* What the capabilities of a function say: PCIe chapter 7, PCI Bus Power Management §3.2. */
#include "kernel/log.h"
#include "pci/regs.h"
#include "pci/show.h"

static uint32_t r32(const struct pci_func *f, unsigned off)
{
	return off + 4 <= 0x1000 ? fn_rd32(f, off) : UINT32_MAX;
}

static uint16_t r16(const struct pci_func *f, unsigned off)
{
	return off + 2 <= 0x1000 ? fn_rd16(f, off) : UINT16_MAX;
}

static void power(const struct pci_func *f, unsigned c, bool deep)
{
	static const uint16_t milliamps[] = {0, 55, 100, 160, 220, 270, 320, 375};
	uint16_t cap = r16(f, c + 2), st = r16(f, c + 4);
	log_text("Power Management version %u\n", cap & 7);
	if (!deep)
		return;
	show_flags(cap, "\t\tFlags: PMEClk#3 DSI#5 D1#9 D2#a AuxCurrent=");
	log_text("%umA", milliamps[cap >> 6 & 7]);
	show_flags(cap, " PME(D0#b,D1#c,D2#d,D3hot#e,D3cold#f)\n");
	log_text("\t\tStatus: D%u", st & 3);
	show_flags(st, " NoSoftRst#3 PME-Enable#8");
	log_text(" DSel=%u DScale=%u", st >> 9 & 0xf, st >> 13 & 3);
	show_flags(st, " PME#f\n");
}

static void msi(const struct pci_func *f, unsigned c, bool deep)
{
	uint16_t ctl = r16(f, c + MSI_CTL);
	bool wide = ctl & MSI_CTL_64;
	show_flags(ctl, "MSI: Enable#0");
	log_text(" Count=%u/%u", 1u << (ctl >> 4 & 7), 1u << (ctl >> 1 & 7));
	show_flags(ctl, " Maskable#8 64bit#7\n");
	if (!deep)
		return;
	if (wide)
		log_text("\t\tAddress: %08x%08x  Data: %04x\n", r32(f, c + MSI_ADDR_HI), r32(f, c + MSI_ADDR),
			 r16(f, c + MSI_DATA_64));
	else
		log_text("\t\tAddress: %08x  Data: %04x\n", r32(f, c + MSI_ADDR), r16(f, c + MSI_DATA_32));
	unsigned mask = c + (wide ? MSI_MASK_64 : MSI_MASK_32);
	if (ctl & MSI_CTL_PVM)
		log_text("\t\tMasking: %08x  Pending: %08x\n", r32(f, mask), r32(f, mask + 4));
}

static void msix(const struct pci_func *f, unsigned c, bool deep)
{
	uint16_t ctl = r16(f, c + MSIX_CTL);
	uint32_t table = r32(f, c + MSIX_TABLE), pba = r32(f, c + MSIX_PBA);
	show_flags(ctl, "MSI-X: Enable#f");
	log_text(" Count=%u", (unsigned)(ctl & MSIX_CTL_SIZE) + 1);
	show_flags(ctl, " Masked#e\n");
	if (deep)
		log_text("\t\tVector table: BAR=%u offset=%08x\n\t\tPBA: BAR=%u offset=%08x\n", table & 7,
			 table & ~7u, pba & 7, pba & ~7u);
}

static const char *speed(unsigned code)
{
	static const char *const text[] = {"unknown", "2.5GT/s", "5GT/s", "8GT/s",
					   "16GT/s",  "32GT/s",  "64GT/s"};
	return text[code < ARRAY_LEN(text) ? code : 0];
}

static const char *const l0s[] = {"<64ns", "<128ns", "<256ns", "<512ns", "<1us", "<2us", "<4us", "unlimited"};
static const char *const l1[] = {"<1us", "<2us", "<4us", "<8us", "<16us", "<32us", "<64us", "unlimited"};

/* A slot's power limit in thousandths of a watt, as %g would print watts. */
static void watts(uint32_t value, uint32_t scale)
{
	static const uint16_t milli[] = {1000, 100, 10, 1};
	uint32_t mw = value * milli[scale & 3], part = mw % 1000;
	unsigned digits = 3;
	for (; part && part % 10 == 0; digits--)
		part /= 10;
	log_text("%u", mw / 1000);
	if (part)
		log_text(".%0*u", (int)digits, part);
	log_text("W");
}

/* A port may well have less below it than it can. */
static const char *against(unsigned is, unsigned can, bool port)
{
	return is > can ? " (overdriven)" : is == can || port ? "" : " (downgraded)";
}

static void link(const struct pci_func *f, unsigned c, unsigned type)
{
	static const char *const aspm[] = {"not supported", "L0s", "L1", "L0s L1"};
	static const char *const on[] = {"Disabled", "L0s Enabled", "L1 Enabled", "L0s L1 Enabled"};
	uint32_t cap = r32(f, c + 0x0c);
	uint16_t ctl = r16(f, c + 0x10), st = r16(f, c + 0x12);
	unsigned can = cap >> 10 & 3;
	log_text("\t\tLnkCap:\tPort #%u, Speed %s, Width x%u, ASPM %s", cap >> 24, speed(cap & 0xf),
		 cap >> 4 & 0x3f, aspm[can]);
	if (can)
		log_text(", Exit Latency ");
	if (can & 1)
		log_text("L0s %s", l0s[cap >> 12 & 7]);
	if (can & 2)
		log_text("%sL1 %s", can & 1 ? ", " : "", l1[cap >> 15 & 7]);
	show_flags(cap, "\n\t\t\tClockPM#i Surprise#j LLActRep#k BwNot#l ASPMOptComp#m\n");
	log_text("\t\tLnkCtl:\tASPM %s;", on[ctl & 3]);
	if (type == PCI_PORT_ROOT || type == PCI_PORT_ENDPOINT || type == PCI_PORT_LEGACY_ENDPOINT ||
	    type == PCI_PORT_PCIE_TO_PCI)
		log_text(" RCB %u bytes,", ctl & BIT(3) ? 128 : 64);
	show_flags(ctl, " Disabled#4 CommClk#6\n"
			"\t\t\tExtSynch#7 ClockPM#8 AutWidDis#9 BWInt#a AutBWInt#b\n");
	unsigned s = st & 0xf, w = st >> 4 & 0x3f, sc = cap & 0xf, wc = cap >> 4 & 0x3f;
	bool port = type == PCI_PORT_ROOT || type == PCI_PORT_DOWNSTREAM || type == PCI_PORT_PCI_TO_PCIE;
	log_text("\t\tLnkSta:\tSpeed %s%s, Width x%u%s\n", speed(s), against(s, sc, port), w,
		 against(w, wc, port));
	show_flags(st, "\t\t\tTrErr#a Train#b SlotClk#c DLActive#d BWMgmt#e ABWMgmt#f\n");
}

static void slot(const struct pci_func *f, unsigned c)
{
	static const char *const light[] = {"Unknown", "On", "Blink", "Off"};
	uint32_t cap = r32(f, c + 0x14);
	uint16_t ctl = r16(f, c + 0x18), st = r16(f, c + 0x1a);
	show_flags(cap, "\t\tSltCap:\tAttnBtn#0 PwrCtrl#1 MRL#2 AttnInd#3 PwrInd#4 HotPlug#6 Surprise#5\n");
	log_text("\t\t\tSlot #%u, PowerLimit ", cap >> 19);
	watts(cap >> 7 & 0xff, cap >> 15);
	show_flags(cap, "; Interlock#h NoCompl#i\n");
	show_flags(ctl,
		   "\t\tSltCtl:\tEnable: AttnBtn#0 PwrFlt#1 MRL#2 PresDet#3 CmdCplt#4 HPIrq#5 LinkChg#c\n");
	log_text("\t\t\tControl: AttnInd %s, PwrInd %s,", light[ctl >> 6 & 3], light[ctl >> 8 & 3]);
	show_flags(ctl, " Power#a Interlock#b\n");
	show_flags(st, "\t\tSltSta:\tStatus: AttnBtn#0 PowerFlt#1 MRL#5 CmdCplt#4 PresDet#6 Interlock#7\n"
		       "\t\t\tChanged: MRL#2 PresDet#3 LinkState#8\n");
}

static void device(const struct pci_func *f, unsigned c, unsigned type)
{
	uint32_t cap = r32(f, c + PCIE_DEVCAP);
	uint16_t ctl = r16(f, c + PCIE_DEVCTL), st = r16(f, c + PCIE_DEVSTA);
	bool end = type == PCI_PORT_ENDPOINT || type == PCI_PORT_LEGACY_ENDPOINT;
	bool flr = end || type == PCI_PORT_RC_ENDPOINT;
	bool up = type == PCI_PORT_UPSTREAM || type == PCI_PORT_PCIE_TO_PCI;
	log_text("\t\tDevCap:\tMaxPayload %u bytes, PhantFunc %u", 128u << (cap & 7),
		 (1u << (cap >> 3 & 3)) - 1);
	if (end)
		log_text(", Latency L0s %s, L1 %s", l0s[cap >> 6 & 7], l1[cap >> 9 & 7]);
	show_flags(cap, "\n\t\t\tExtTag#5");
	show_flags(cap, end || up ? " AttnBtn#c AttnInd#d PwrInd#e RBE#f" : " RBE#f");
	show_flags(cap, flr ? " FLReset#s" : "");
	if (type == PCI_PORT_ENDPOINT || up) {
		log_text(" SlotPowerLimit ");
		watts(cap >> 18 & 0xff, cap >> 26);
	}
	show_flags(ctl, "\n\t\tDevCtl:\tCorrErr#0 NonFatalErr#1 FatalErr#2 UnsupReq#3\n"
			"\t\t\tRlxdOrd#4 ExtTag#8 PhantFunc#9 AuxPwr#a NoSnoop#b");
	show_flags(ctl, type == PCI_PORT_PCIE_TO_PCI ? " BrConfRtry#f"
			: flr && cap & DEVCAP_FLR    ? " FLReset#f"
						     : "");
	log_text("\n\t\t\tMaxPayload %u bytes, MaxReadReq %u bytes\n", 128u << (ctl >> 5 & 7),
		 128u << (ctl >> 12 & 7));
	show_flags(st, "\t\tDevSta:\tCorrErr#0 NonFatalErr#1 FatalErr#2 UnsupReq#3 AuxPwr#4 TransPend#5\n");
}

static void express(const struct pci_func *f, unsigned c, bool deep)
{
	static const char *const name[16] = {"Endpoint",
					     "Legacy Endpoint",
					     NULL,
					     NULL,
					     "Root Port",
					     "Upstream Port",
					     "Downstream Port",
					     "PCI-Express to PCI/PCI-X Bridge",
					     "PCI/PCI-X to PCI-Express Bridge",
					     "Root Complex Integrated Endpoint",
					     "Root Complex Event Collector"};
	uint16_t cap = r16(f, c + PCIE_CAP);
	unsigned type = cap >> 4 & 0xf;
	bool port = type == PCI_PORT_ROOT || type == PCI_PORT_DOWNSTREAM;
	log_text("Express (v%u) %s", cap & 0xf, name[type] ? name[type] : "Unknown type");
	show_flags(cap, port ? " (Slot#8)" : "");
	log_text(", MSI %02x\n", cap >> 9 & 0x1f);
	if (!deep)
		return;
	device(f, c, type);
	if (type < PCI_PORT_RC_ENDPOINT)
		link(f, c, type);
	if (port && cap & BIT(8))
		slot(f, c);
	if (type == PCI_PORT_ROOT || type == PCI_PORT_RC_EVENTS) {
		uint32_t st = r32(f, c + 0x20);
		show_flags(r16(f, c + 0x1e), "\t\tRootCap: CRSVisible#0\n");
		show_flags(r16(f, c + 0x1c), "\t\tRootCtl: ErrCorrectable#0 ErrNon-Fatal#1 ErrFatal#2 "
					     "PMEIntEna#3 CRSVisible#4\n");
		log_text("\t\tRootSta: PME ReqID %04x,", st & 0xffff);
		show_flags(st, " PMEStatus#g PMEPending#h\n");
	}
}

static void sata(const struct pci_func *f, unsigned c)
{
	uint16_t v = r16(f, c + 2);
	uint32_t at = r32(f, c + 4);
	log_text("SATA HBA v%u.%u", v >> 4 & 0xf, v & 0xf);
	if ((at & 0xf) >= 4 && (at & 0xf) <= 9)
		log_text(" BAR%u Offset=%08x", (at & 0xf) - 4, at >> 4 & 0xfffff);
	else if ((at & 0xf) == 0xf)
		log_text(" InCfgSpace");
	log_text("\n");
}

static void capability(const struct pci_func *f, const struct pci_cap *c, const struct show *how, bool deep)
{
	log_text("\tCapabilities: [%02x] ", c->off);
	switch (c->id) {
	case CAP_ID_PM:
		power(f, c->off, deep);
		break;
	case CAP_ID_MSI:
		msi(f, c->off, deep);
		break;
	case 0x09:
		log_text("Vendor Specific Information: Len=%02x <?>\n", r16(f, c->off + 2u) & 0xff);
		break;
	case 0x0d:
		log_text("Subsystem: ");
		show_names(r16(f, c->off + 4u), r16(f, c->off + 6u), how);
		log_text("\n");
		break;
	case 0x03:
		log_text("Vital Product Data\n");
		break;
	case 0x0c:
		log_text("Hot-plug capable\n");
		break;
	case CAP_ID_PCIE:
		express(f, c->off, deep);
		break;
	case CAP_ID_MSIX:
		msix(f, c->off, deep);
		break;
	case 0x12:
		sata(f, c->off);
		break;
	default:
		log_text("Capability ID 0x%x [%04x]\n", c->id, r16(f, c->off + 2u));
		break;
	}
}

static void aer(const struct pci_func *f, unsigned c)
{
	static const char *const what[] = {"UESta", "UEMsk", "UESvrt", "CESta", "CEMsk"};
	for (unsigned i = 0; i < ARRAY_LEN(what); i++) {
		log_text("\t\t%s:\t", what[i]);
		show_flags(
			r32(f, c + 4 + 4 * i),
			i < 3 ? "DLP#4 SDES#5 TLP#c FCP#d CmpltTO#e CmpltAbrt#f UnxCmplt#g RxOF#h MalfTLP#i "
				"ECRC#j UnsupReq#k ACSViol#l\n"
			      : "RxErr#0 BadTLP#6 BadDLLP#7 Rollover#8 Timeout#c AdvNonFatalErr#d\n");
	}
	uint32_t cap = r32(f, c + 0x18);
	log_text("\t\tAERCap:\tFirst Error Pointer: %02x,", cap & 0x1f);
	show_flags(cap, " ECRCGenCap#5 ECRCGenEn#6 ECRCChkCap#7 ECRCChkEn#8\n"
			"\t\t\tMultHdrRecCap#9 MultHdrRecEn#a TLPPfxPres#b HdrLogCap#c\n");
	log_text("\t\tHeaderLog: %08x %08x %08x %08x\n", r32(f, c + 0x1c), r32(f, c + 0x20), r32(f, c + 0x24),
		 r32(f, c + 0x28));
	if (f->port_type != PCI_PORT_ROOT && f->port_type != PCI_PORT_RC_EVENTS)
		return;
	uint32_t st = r32(f, c + 0x30), source = r32(f, c + 0x34);
	show_flags(r32(f, c + 0x2c), "\t\tRootCmd: CERptEn#0 NFERptEn#1 FERptEn#2\n");
	show_flags(st, "\t\tRootSta: CERcvd#0 MultCERcvd#1 UERcvd#2 MultUERcvd#3\n"
		       "\t\t\t FirstFatal#4 NonFatalMsg#5 FatalMsg#6");
	log_text(" IntMsg %u\n\t\tErrorSrc: ERR_COR: %04x ERR_FATAL/NONFATAL: %04x\n", st >> 27,
		 source & 0xffff, source >> 16);
}

static void sriov(const struct pci_func *f, unsigned c)
{
	uint32_t cap = r32(f, c + 4), migration = r32(f, c + 0x3c);
	show_flags(cap, "\t\tIOVCap:\tMigration#0 10BitTagReq#2");
	log_text(" Interrupt Message Number: %03x\n", cap >> 21);
	show_flags(r16(f, c + SRIOV_CTL),
		   "\t\tIOVCtl:\tEnable#0 Migration#1 Interrupt#2 MSE#3 ARIHierarchy#4 10BitTagReq#5\n");
	show_flags(r16(f, c + 0x0a), "\t\tIOVSta:\tMigration#0\n");
	log_text("\t\tInitial VFs: %u, Total VFs: %u, Number of VFs: %u, Function Dependency Link: %02x\n",
		 r16(f, c + SRIOV_INITIAL), r16(f, c + SRIOV_TOTAL), r16(f, c + SRIOV_NUM),
		 r16(f, c + 0x12) & 0xff);
	log_text("\t\tVF offset: %u, stride: %u, Device ID: %04x\n", r16(f, c + SRIOV_OFFSET),
		 r16(f, c + SRIOV_STRIDE), r16(f, c + SRIOV_VF_DEV));
	log_text("\t\tSupported Page Size: %08x, System Page Size: %08x\n", r32(f, c + SRIOV_PGSIZES),
		 r32(f, c + SRIOV_PGSIZE));
	for (unsigned i = 0; i < PCI_BARS; i++) {
		uint32_t lo = r32(f, c + SRIOV_BAR + 4 * i);
		bool wide = (lo & BAR_TYPE) == 4 && i + 1 < PCI_BARS;
		if (!lo || lo == UINT32_MAX)
			continue;
		log_text("\t\tRegion %u: Memory at ", i);
		if (wide)
			log_text("%08x", r32(f, c + SRIOV_BAR + 4 * i + 4));
		log_text("%08x (%s-bit, %sprefetchable)\n", (uint32_t)(lo & BAR_MEM_ADDR), wide ? "64" : "32",
			 lo & BAR_PREF ? "" : "non-");
		i += wide;
	}
	log_text("\t\tVF Migration: offset: %08x, BIR: %x\n", migration & ~7u, migration & 7);
}

static void serial_number(const struct pci_func *f, unsigned c)
{
	uint32_t lo = r32(f, c + 4), hi = r32(f, c + 8);
	log_text("Device Serial Number %02x-%02x-%02x-%02x-%02x-%02x-%02x-%02x\n", hi >> 24, hi >> 16 & 0xff,
		 hi >> 8 & 0xff, hi & 0xff, lo >> 24, lo >> 16 & 0xff, lo >> 8 & 0xff, lo & 0xff);
}

static const char *extended_name(uint16_t id)
{
	switch (id) {
	case ECAP_ID_AER:
		return "Advanced Error Reporting";
	case ECAP_ID_ACS:
		return "Access Control Services";
	case ECAP_ID_ARI:
		return "Alternative Routing-ID Interpretation (ARI)";
	case ECAP_ID_ATS:
		return "Address Translation Service (ATS)";
	case ECAP_ID_SRIOV:
		return "Single Root I/O Virtualization (SR-IOV)";
	case ECAP_ID_PRI:
		return "Page Request Interface (PRI)";
	case ECAP_ID_PASID:
		return "Process Address Space ID (PASID)";
	}
	return NULL;
}

static void extended_deep(const struct pci_func *f, const struct pci_cap *cap)
{
	unsigned c = cap->off;
	switch (cap->id) {
	case ECAP_ID_AER:
		aer(f, c);
		break;
	case ECAP_ID_ACS:
		show_flags(r16(f, c + ACS_CAP), "\t\tACSCap:\tSrcValid#0 TransBlk#1 ReqRedir#2 CmpltRedir#3 "
						"UpstreamFwd#4 EgressCtrl#5 DirectTrans#6\n");
		show_flags(r16(f, c + ACS_CTL), "\t\tACSCtl:\tSrcValid#0 TransBlk#1 ReqRedir#2 CmpltRedir#3 "
						"UpstreamFwd#4 EgressCtrl#5 DirectTrans#6\n");
		break;
	case ECAP_ID_ARI:
		show_flags(r16(f, c + 4), "\t\tARICap:\tMFVC#0 ACS#1");
		log_text(", Next Function: %u\n", r16(f, c + 4) >> 8);
		show_flags(r16(f, c + 6), "\t\tARICtl:\tMFVC#0 ACS#1");
		log_text(", Function Group: %u\n", r16(f, c + 6) >> 4 & 7);
		break;
	case ECAP_ID_ATS:
		log_text("\t\tATSCap:\tInvalidate Queue Depth: %02x\n", r16(f, c + 4) & 0x1f);
		show_flags(r16(f, c + 6), "\t\tATSCtl:\tEnable#f");
		log_text(", Smallest Translation Unit: %02x\n", r16(f, c + 6) & 0x1f);
		break;
	case ECAP_ID_SRIOV:
		sriov(f, c);
		break;
	case ECAP_ID_PRI:
		show_flags(r16(f, c + 4), "\t\tPRICtl: Enable#0 Reset#1\n");
		show_flags(r16(f, c + 6), "\t\tPRISta: RF#0 UPRGI#1 Stopped#8\n");
		log_text("\t\tPage Request Capacity: %08x, Page Request Allocation: %08x\n", r32(f, c + 8),
			 r32(f, c + 12));
		break;
	case ECAP_ID_PASID:
		show_flags(r16(f, c + 4), "\t\tPASIDCap: Exec#1 Priv#2");
		log_text(", Max PASID Width: %02x\n", r16(f, c + 4) >> 8 & 0x1f);
		show_flags(r16(f, c + 6), "\t\tPASIDCtl: Enable#0 Exec#1 Priv#2\n");
		break;
	}
}

static void extended(const struct pci_func *f, const struct pci_cap *c, bool deep)
{
	log_text("\tCapabilities: [%03x v%u] ", c->off, c->version);
	const char *name = extended_name(c->id);
	if (c->id == 0x03)
		serial_number(f, c->off);
	else if (name)
		log_text("%s\n", name);
	else
		log_text("Extended Capability ID 0x%x\n", c->id);
	if (deep)
		extended_deep(f, c);
}

void show_capabilities(const struct pci_func *f, const struct show *how, bool deep)
{
	struct pci_cap c = {0};
	enum sl_err e;
	while (!(e = pci_cap_next(f, &c)))
		capability(f, &c, how, deep);
	if (e != SL_END)
		log_text("\tCapabilities: <chain broken>\n");
	c = (struct pci_cap){0};
	while (f->cap_pcie && !(e = pci_ecap_next(f, &c)))
		extended(f, &c, deep);
	if (e != SL_END && f->cap_pcie)
		log_text("\tCapabilities: <extended chain broken>\n");
}
