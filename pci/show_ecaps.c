/* Decodes extended capabilities: PCIe §7.7.4 to §7.9, chapters 9 and 10. Those with <?> are named and not
 * decoded. */
#include "kernel/log.h"
#include "pci/regs.h"
#include "pci/show_caps.h"
#include "pci/show_kinds.h"
#include "pci/show_text.h"

static void aer_uncorrectable(uint32_t v)
{
	show_flags(v, "DLP#4 SDES#5 TLP#c FCP#d CmpltTO#e CmpltAbrt#f UnxCmplt#g RxOF#h MalfTLP#i\n");
	show_flags(
		v,
		"\t\t\tECRC#j UnsupReq#k ACSViol#l UncorrIntErr#m BlockedTLP#n AtomicOpBlocked#o TLPBlockedErr#p\n");
	show_flags(
		v,
		"\t\t\tPoisonTLPBlocked#q DMWrReqBlocked#r IDECheck#s MisIDETLP#t PCRC_CHECK#u TLPXlatBlocked#v\n");
}

static void aer(const struct pci_func *f, unsigned c)
{
	static const char *const what[] = {"UESta", "UEMsk", "UESvrt", "CESta", "CEMsk"};
	for (unsigned i = 0; i < ARRAY_LEN(what); i++) {
		uint32_t v = show_r32(f, c + 4 + 4 * i);
		log_text("\t\t%s:\t", what[i]);
		if (i < 3)
			aer_uncorrectable(v);
		else
			show_flags(
				v,
				"RxErr#0 BadTLP#6 BadDLLP#7 Rollover#8 Timeout#c AdvNonFatalErr#d CorrIntErr#e HeaderOF#f\n");
	}
	uint32_t cap = show_r32(f, c + 0x18);
	log_text("\t\tAERCap:\tFirst Error Pointer: %02x,", cap & 0x1f);
	show_flags(cap, " ECRCGenCap#5 ECRCGenEn#6 ECRCChkCap#7 ECRCChkEn#8\n"
			"\t\t\tMultHdrRecCap#9 MultHdrRecEn#a TLPPfxPres#b HdrLogCap#c\n");
	log_text("\t\tHeaderLog: %08x %08x %08x %08x\n", show_r32(f, c + 0x1c), show_r32(f, c + 0x20),
		 show_r32(f, c + 0x24), show_r32(f, c + 0x28));
	if (f->port_type != PCI_PORT_ROOT && f->port_type != PCI_PORT_RC_EVENTS)
		return;
	uint32_t st = show_r32(f, c + 0x30), source = show_r32(f, c + 0x34);
	show_flags(show_r32(f, c + 0x2c), "\t\tRootCmd: CERptEn#0 NFERptEn#1 FERptEn#2\n");
	show_flags(st, "\t\tRootSta: CERcvd#0 MultCERcvd#1 UERcvd#2 MultUERcvd#3\n"
		       "\t\t\t FirstFatal#4 NonFatalMsg#5 FatalMsg#6");
	log_text(" IntMsgNum %u\n\t\tErrorSrc: ERR_COR: %04x ERR_FATAL/NONFATAL: %04x\n", st >> 27,
		 source & 0xffff, source >> 16);
}

static void sriov(const struct pci_func *f, unsigned c)
{
	uint32_t cap = show_r32(f, c + 4), migration = show_r32(f, c + 0x3c);
	show_flags(cap, "\t\tIOVCap:\tMigration#0 10BitTagReq#2");
	log_text(" IntMsgNum %u\n", cap >> 21);
	show_flags(show_r16(f, c + SRIOV_CTL),
		   "\t\tIOVCtl:\tEnable#0 Migration#1 Interrupt#2 MSE#3 ARIHierarchy#4 10BitTagReq#5\n");
	show_flags(show_r16(f, c + 0x0a), "\t\tIOVSta:\tMigration#0\n");
	log_text("\t\tInitial VFs: %u, Total VFs: %u, Number of VFs: %u, Function Dependency Link: %02x\n",
		 show_r16(f, c + SRIOV_INITIAL), show_r16(f, c + SRIOV_TOTAL), show_r16(f, c + SRIOV_NUM),
		 show_r16(f, c + 0x12) & 0xff);
	log_text("\t\tVF offset: %u, stride: %u, Device ID: %04x\n", show_r16(f, c + SRIOV_OFFSET),
		 show_r16(f, c + SRIOV_STRIDE), show_r16(f, c + SRIOV_VF_DEV));
	log_text("\t\tSupported Page Size: %08x, System Page Size: %08x\n", show_r32(f, c + SRIOV_PGSIZES),
		 show_r32(f, c + SRIOV_PGSIZE));
	for (unsigned i = 0; i < PCI_BARS; i++) {
		uint32_t lo = show_r32(f, c + SRIOV_BAR + 4 * i);
		bool wide = (lo & BAR_TYPE) == 4 && i + 1 < PCI_BARS;
		if (!lo || lo == UINT32_MAX)
			continue;
		log_text("\t\tRegion %u: Memory at ", i);
		if (wide)
			log_text("%08x", show_r32(f, c + SRIOV_BAR + 4 * i + 4));
		log_text("%08x (%s-bit, %sprefetchable)\n", (uint32_t)(lo & BAR_MEM_ADDR), wide ? "64" : "32",
			 lo & BAR_PREF ? "" : "non-");
		i += wide;
	}
	log_text("\t\tVF Migration: offset: %08x, BIR: %x\n", migration & ~7u, migration & 7);
}

static void acs(const struct pci_func *f, unsigned c)
{
	for (unsigned i = 0; i < 2; i++) {
		log_text("\t\tACSC%s:\t", i ? "tl" : "ap");
		show_flags(
			show_r16(f, c + (i ? ACS_CTL : ACS_CAP)),
			"SrcValid#0 TransBlk#1 ReqRedir#2 CmpltRedir#3 UpstreamFwd#4 EgressCtrl#5 DirectTrans#6\n");
	}
}

static void ari(const struct pci_func *f, unsigned c)
{
	show_flags(show_r16(f, c + 4), "\t\tARICap:\tMFVC#0 ACS#1");
	log_text(", Next Function: %u\n", show_r16(f, c + 4) >> 8);
	show_flags(show_r16(f, c + 6), "\t\tARICtl:\tMFVC#0 ACS#1");
	log_text(", Function Group: %u\n", show_r16(f, c + 6) >> 4 & 7);
}

static void ats(const struct pci_func *f, unsigned c)
{
	log_text("\t\tATSCap:\tInvalidate Queue Depth: %02x\n", show_r16(f, c + 4) & 0x1f);
	show_flags(show_r16(f, c + 6), "\t\tATSCtl:\tEnable#f");
	log_text(", Smallest Translation Unit: %02x\n", show_r16(f, c + 6) & 0x1f);
}

static void pri(const struct pci_func *f, unsigned c)
{
	show_flags(show_r16(f, c + 4), "\t\tPRICtl: Enable#0 Reset#1\n");
	show_flags(show_r16(f, c + 6), "\t\tPRISta: RF#0 UPRGI#1 Stopped#8 PASID#f\n");
	log_text("\t\tPage Request Capacity: %08x, Page Request Allocation: %08x\n", show_r32(f, c + 8),
		 show_r32(f, c + 12));
}

static void pasid(const struct pci_func *f, unsigned c)
{
	show_flags(show_r16(f, c + 4), "\t\tPASIDCap: Exec#1 Priv#2");
	log_text(", Max PASID Width: %02x\n", show_r16(f, c + 4) >> 8 & 0x1f);
	show_flags(show_r16(f, c + 6), "\t\tPASIDCtl: Enable#0 Exec#1 Priv#2\n");
}

/* The arbitration schemes that are named, then bits that are not, when they are set. */
static void schemes(uint32_t v, unsigned named)
{
	show_flags(v, named > 4 ? "Fixed#0 WRR32#1 WRR64#2 WRR128#3 TWRR128#4 WRR256#5"
				: "Fixed#0 WRR32#1 WRR64#2 WRR128#3");
	for (unsigned i = named; i < 8; i++)
		if (v & BIT(i))
			log_text(" ??%u+", i);
	log_text("\n");
}

static void scheme(unsigned i, unsigned named)
{
	static const char *const names[] = {"Fixed", "WRR32", "WRR64", "WRR128", "TWRR128", "WRR256"};
	if (i < named)
		log_text("ArbSelect=%s", names[i]);
	else
		log_text("ArbSelect=??%u", i);
}

static void channel(const struct pci_func *f, unsigned c, unsigned i)
{
	uint32_t cap = show_r32(f, c), ctl = show_r32(f, c + 4);
	log_text("\t\tVC%u:\tCaps:\tPATOffset=%02x MaxTimeSlots=%u", i, cap >> 24, (cap >> 16 & 0x7f) + 1);
	show_flags(cap, " RejSnoopTrans#f\n\t\t\tArb:\t");
	schemes(cap, 6);
	show_flags(ctl, "\t\t\tCtrl:\tEnable#v");
	log_text(" ID=%u ", ctl >> 24 & 7);
	scheme(ctl >> 17 & 7, 6);
	log_text(" TC/VC=%02x\n", ctl & 0xff);
	show_flags(show_r16(f, c + 10), "\t\t\tStatus:\tNegoPending#1 InProgress#0\n");
	if (cap >> 24)
		log_text("\t\t\tPort Arbitration Table <?>\n");
}

/* PCIe §7.9.1 */
static void channels(const struct pci_func *f, unsigned c)
{
	uint32_t cap = show_r32(f, c + 4), cap2 = show_r32(f, c + 8);
	log_text("\t\tCaps:\tLPEVC=%u RefClk=", cap >> 4 & 7);
	if (cap >> 8 & 3)
		log_text("??%u", cap >> 8 & 3);
	else
		log_text("100ns");
	log_text(" PATEntryBits=%u\n\t\tArb:\t", 1u << (cap >> 10 & 3));
	schemes(cap2, 4);
	log_text("\t\tCtrl:\t");
	scheme(show_r16(f, c + 12) >> 1 & 7, 4);
	show_flags(show_r16(f, c + 14), "\n\t\tStatus:\tInProgress#0\n");
	if (cap2 >> 24)
		log_text("\t\tPort Arbitration Table [%x] <?>\n", c + 16 * (cap2 >> 24));
	for (unsigned i = 0; i <= (cap & 7); i++)
		channel(f, c + 16 + 12 * i, i);
}

/* Root Complex Link Declaration: PCIe §7.9.8 */
static void links(const struct pci_func *f, unsigned c)
{
	static const char *const types[] = {"Config", "Egress", "Internal"};
	uint32_t self = show_r32(f, c + 4);
	unsigned n = self >> 8 & 0xff, type = self & 0xff;
	log_text("\t\tDesc:\tPortNumber=%02x ComponentID=%02x EltType=", self >> 24, self >> 16 & 0xff);
	if (type < ARRAY_LEN(types))
		log_text("%s\n", types[type]);
	else
		log_text("??%u\n", type);
	for (unsigned i = 0, at = c + 16; i < n && at + 16 <= 0x1000; i++, at += 16) {
		uint32_t d = show_r32(f, at), lo = show_r32(f, at + 8), hi = show_r32(f, at + 12);
		unsigned bus_bits = lo & 7 ? lo & 7 : 8; /* N: §7.9.8.3.3 */
		log_text("\t\tLink%u:\tDesc:\tTargetPort=%02x TargetComponent=%02x", i, d >> 24,
			 d >> 16 & 0xff);
		show_flags(d, " AssocRCRB#2 LinkType=");
		show_flags(d, d & 2 ? "Config LinkValid#0\n" : "MemMapped LinkValid#0\n");
		if (d & 2) /* where the function is, and where its configuration space is */
			log_text("\t\t\tAddr:\t%02x:%02x.%u  CfgSpace=%08x%08x\n",
				 lo >> 20 & 0xffu >> (8 - bus_bits), lo >> 15 & 0x1f, lo >> 12 & 7, hi, lo);
		else
			log_text("\t\t\tAddr:\t%08x%08x\n", hi, lo);
	}
}

/* Numbers of the bits that are set: "0, 4-5, 31". */
static void bit_ranges(uint32_t v)
{
	const char *comma = "";
	for (unsigned i = 0, j; i < 32; i = j + 1) {
		for (j = i; j < 31 && v >> i & v >> (j + 1) & 1; j++)
			;
		if (!(v >> i & 1))
			continue;
		log_text("%s%u", comma, i);
		if (j > i)
			log_text("-%u", j);
		comma = ", ";
	}
}

/* Root Complex Event Collector Endpoint Association: PCIe §7.9.10 */
static void collector(const struct pci_func *f, const struct pci_cap *cap, bool deepest)
{
	uint32_t map = show_r32(f, cap->off + 4u), buses = show_r32(f, cap->off + 8u);
	unsigned first = buses >> 8 & 0xff, last = buses >> 16 & 0xff;
	log_text("\t\tRCiEPBitmap: ");
	if (map) {
		log_text("RCiEP at Device(s): ");
		bit_ranges(map);
		log_text("\n");
	} else {
		log_text(deepest ? "00000000 [none]\n" : "[none]\n");
	}
	if (cap->version < 2)
		return;
	log_text("\t\tAssociatedBusNumbers:");
	if (first <= last || deepest)
		log_text(" %02x-%02x", first, last);
	log_text(first <= last ? "\n" : " [none]\n");
}

/* PCIe §7.9.11 */
static void multicast(const struct pci_func *f, unsigned c)
{
	uint16_t cap = show_r16(f, c + 4), ctl = show_r16(f, c + 6);
	uint32_t bar = show_r32(f, c + 8), over = show_r32(f, c + 0x28);
	bool end = f->port_type == PCI_PORT_ENDPOINT || f->port_type == PCI_PORT_RC_ENDPOINT;
	log_text("\t\tMcastCap: MaxGroups %u, ", (cap & 0x3f) + 1u);
	if (end)
		log_text("WindowSz %u (%llu bytes)", cap >> 8 & 0x3f, 1ull << (cap >> 8 & 0x3f));
	else
		show_flags(cap, "ECRCRegen#f\n");
	log_text("\t\tMcastCtl: NumGroups %u,", (ctl & 0x3f) + 1u);
	show_flags(ctl, " Enable#f\n");
	log_text("\t\tMcastBAR: IndexPos %u, BaseAddr %08x%08x\n", bar & 0x3f, show_r32(f, c + 12),
		 bar & ~0xfffu);
	log_text("\t\tMcastReceiveVec:      %08x%08x\n", show_r32(f, c + 0x14), show_r32(f, c + 0x10));
	log_text("\t\tMcastBlockAllVec:     %08x%08x\n", show_r32(f, c + 0x1c), show_r32(f, c + 0x18));
	log_text("\t\tMcastBlockUntransVec: %08x%08x\n", show_r32(f, c + 0x24), show_r32(f, c + 0x20));
	if (end)
		return;
	log_text("\t\tMcastOverlayBAR: OverlaySize %u ", over & 0x3f);
	if ((over & 0x3f) < 6)
		log_text("(disabled)");
	else
		log_text("(%llu bytes)", 1ull << (over & 0x3f));
	log_text(", BaseAddr %08x%08x\n", show_r32(f, c + 0x2c), over & ~0x3fu);
}

#define RESIZABLE_SIZES 44 /* 1 MB to 8 EB: §7.8.6.2, §7.8.6.3 */

static void print_size(unsigned log2_mb)
{
	static const char *const unit[] = {"MB", "GB", "TB", "PB", "EB"};
	log_text(" %u%s", 1u << log2_mb % 10, unit[log2_mb / 10]);
}

/* PCIe §7.8.6, §7.8.7 */
static void resizable(const struct pci_func *f, unsigned c)
{
	unsigned n = show_r32(f, c + 8) >> 5 & 7;
	if (n < 1 || n > PCI_BARS) {
		log_text("\t\t<error in resizable BAR: num_bars=%u is out of specification>\n", n);
		return;
	}
	for (unsigned i = 0; i < n; i++) {
		uint32_t cap = show_r32(f, c + 4 + 8 * i), ctl = show_r32(f, c + 8 + 8 * i);
		uint64_t sizes = cap >> 4 | (uint64_t)(ctl >> 16) << 28;
		log_text("\t\tBAR %u: current size:", ctl & 7);
		if ((ctl >> 8 & 0x3f) < RESIZABLE_SIZES)
			print_size(ctl >> 8 & 0x3f);
		else
			log_text(" <unknown>");
		if (sizes)
			log_text(", supported:");
		for (unsigned b = 0; b < RESIZABLE_SIZES; b++)
			if (sizes >> b & 1)
				print_size(b);
		log_text("\n");
	}
}

/* TLP Processing Hints: PCIe §7.9.13 */
static void hints(const struct pci_func *f, unsigned c)
{
	static const char *const table[] = {
		"No steering table available", "Steering table in TPH capability structure",
		"Steering table in MSI-X table", "Reserved steering table location"};
	uint32_t cap = show_r32(f, c + 4);
	if (cap & BIT(1))
		log_text("\t\tInterrupt vector mode supported\n");
	if (cap & BIT(2))
		log_text("\t\tDevice specific mode supported\n");
	if (cap & BIT(8))
		log_text("\t\tExtended requester support\n");
	log_text("\t\t%s\n", table[cap >> 9 & 3]);
}

/* value * 32^scale, in ns: PCIe §7.8.2, §7.8.3 */
static uint64_t scaled(unsigned value, unsigned scale)
{
	return (uint64_t)value << 5 * scale;
}

static void tolerance(const struct pci_func *f, unsigned c)
{
	uint16_t snoop = show_r16(f, c + 4), not = show_r16(f, c + 6);
	log_text("\t\tMax snoop latency: %lluns\n", (ull)scaled(snoop & 0x3ff, snoop >> 10 & 7));
	log_text("\t\tMax no snoop latency: %lluns\n", (ull)scaled(not &0x3ff, not >> 10 & 7));
}

/* PCIe §7.7.3 */
static void secondary(const struct pci_func *f, unsigned c)
{
	uint32_t bad = show_r32(f, c + 8) & 0xffff;
	show_flags(show_r32(f, c + 4), "\t\tLnkCtl3: LnkEquIntrruptEn#1 PerformEqu#0\n");
	log_text("\t\tLaneErrStat: %s", bad ? "LaneErr at lane:" : "0");
	for (unsigned i = 0; i < 16; i++)
		if (bad >> i & 1)
			log_text(" %u", i);
	log_text("\n");
}

/* Downstream Port Containment: PCIe §7.9.14 */
static void containment(const struct pci_func *f, unsigned c)
{
	uint16_t cap = show_r16(f, c + 4), ctl = show_r16(f, c + 6), st = show_r16(f, c + 8);
	log_text("\t\tDpcCap:\tIntMsgNum %u,", cap & 0x1f);
	show_flags(cap, " RPExt#5 PoisonedTLP#6 SwTrigger#7");
	log_text(" RP PIO Log %u,", cap >> 8 & 0xf);
	show_flags(cap, " DL_ActiveErr#c\n");
	log_text("\t\tDpcCtl:\tTrigger:%u", ctl & 3);
	show_flags(ctl, " Cmpl#2 INT#3 ErrCor#4 PoisonedTLP#5 SwTrigger#6 DL_ActiveErr#7\n");
	show_flags(st, "\t\tDpcSta:\tTrigger#0");
	log_text(" Reason:%02x", st >> 1 & 3);
	show_flags(st, " INT#3 RPBusy#4");
	log_text(" TriggerExt:%02x RP PIO ErrPtr:%02x\n", st >> 5 & 3, st >> 8 & 0x1f);
	log_text("\t\tSource:\t%04x\n", show_r16(f, c + 10));
}

static void power_on(const char *name, unsigned value, unsigned scale)
{
	static const uint8_t us[] = {2, 10, 100};
	if (scale < ARRAY_LEN(us))
		log_text("%s=%uus\n", name, value * us[scale]);
	else
		log_text("%s=<error>\n", name);
}

/* L1 PM Substates: PCIe §7.8.3 */
static void substates(const struct pci_func *f, unsigned c)
{
	uint32_t cap = show_r32(f, c + 4), one = show_r32(f, c + 8), two = show_r32(f, c + 12);
	show_flags(cap,
		   "\t\tL1SubCap: PCI-PM_L1.2#0 PCI-PM_L1.1#1 ASPM_L1.2#2 ASPM_L1.1#3 L1_PM_Substates#4\n");
	if (cap & 5) {
		log_text("\t\t\t  PortCommonModeRestoreTime=%uus", cap >> 8 & 0xff);
		power_on(" PortTPowerOnTime", cap >> 19 & 0x1f, cap >> 16 & 3);
	}
	show_flags(one, "\t\tL1SubCtl1: PCI-PM_L1.2#0 PCI-PM_L1.1#1 ASPM_L1.2#2 ASPM_L1.1#3\n");
	if (cap & 5)
		log_text("\t\t\t   T_CommonMode=%uus", one >> 8 & 0xff);
	if (cap & 4) {
		if (one >> 29 < 6)
			log_text(" LTR1.2_Threshold=%lluns", (ull)scaled(one >> 16 & 0x3ff, one >> 29));
		else
			log_text(" LTR1.2_Threshold=<error>");
	}
	log_text("%s\t\tL1SubCtl2:", cap & 5 ? "\n" : "");
	if (cap & 5)
		power_on(" T_PwrOn", two >> 3 & 0x1f, two & 3);
	else
		log_text("\n");
}

static void granularity(const char *name, unsigned ns, const char *zero)
{
	log_text("\t\t%s: ", name);
	if (ns == 0)
		log_text("%s\n", zero);
	else if (ns == 0xff)
		log_text("Greater than 254ns\n");
	else
		log_text("%uns\n", ns);
}

/* Precision Time Measurement: PCIe §7.9.15 */
static void time_measurement(const struct pci_func *f, unsigned c)
{
	uint32_t cap = show_r32(f, c + 4), ctl = show_r32(f, c + 8);
	show_flags(cap, "\t\tPTMCap: Requester#0 Responder#1 Root#2\n");
	granularity("PTMClockGranularity", cap >> 8 & 0xff, "Unimplemented");
	show_flags(ctl, "\t\tPTMControl: Enabled#0 RootSelected#1\n");
	granularity("PTMEffectiveGranularity", ctl >> 8 & 0xff, "Unknown");
}

/* Lane Margining at the Receiver, the port's registers: PCIe §7.7.7 */
static void margining(const struct pci_func *f, unsigned c)
{
	show_flags(show_r16(f, c + 4), "\t\tPortCap: Uses Driver#0\n");
	show_flags(show_r16(f, c + 6), "\t\tPortSta: MargReady#0 MargSoftReady#1\n");
}

/* Data Object Exchange: PCIe §7.9.24 */
static void exchange(const struct pci_func *f, unsigned c)
{
	uint32_t cap = show_r32(f, c + 4);
	show_flags(cap, "\t\tDOECap: IntSup#0\n");
	if (cap & 1)
		log_text("\t\t\tIntMsgNum %u\n", cap >> 1 & 0x7ff);
	show_flags(show_r32(f, c + 8), "\t\tDOECtl: IntEn#1\n");
	show_flags(show_r32(f, c + 12), "\t\tDOESta: Busy#0 IntSta#1 Error#2 ObjectReady#v\n");
}

static void serial_number(const struct pci_func *f, unsigned c)
{
	uint32_t lo = show_r32(f, c + 4), hi = show_r32(f, c + 8);
	log_text("Device Serial Number %02x-%02x-%02x-%02x-%02x-%02x-%02x-%02x\n", hi >> 24, hi >> 16 & 0xff,
		 hi >> 8 & 0xff, hi & 0xff, lo >> 24, lo >> 16 & 0xff, lo >> 8 & 0xff, lo & 0xff);
}

static void vendor_specific(const struct pci_func *f, unsigned c)
{
	uint32_t v = show_r32(f, c + 4);
	log_text("Vendor Specific Information: ID=%04x Rev=%u Len=%03x <?>\n", v & 0xffff, v >> 16 & 0xf,
		 v >> 20);
}

#define VENDOR_CXL 0x1e98

static void designated(const struct pci_func *f, unsigned c, bool deep)
{
	uint32_t v = show_r32(f, c + 4);
	bool cxl = (v & 0xffff) == VENDOR_CXL;
	log_text("Designated Vendor-Specific: Vendor=%04x ID=%04x Rev=%u Len=%u%s\n", v & 0xffff,
		 show_r16(f, c + 8), v >> 16 & 0xf, v >> 20, cxl ? ": CXL" : " <?>");
	if (cxl && deep)
		show_cxl(f, c);
}

#define ECAP_DSN   0x03
#define ECAP_RCEC  0x07
#define ECAP_VSEC  0x0b
#define ECAP_DVSEC 0x23

static const struct {
	const char *name;
	void (*deep)(const struct pci_func *f, unsigned c);
} known[] = {
	[ECAP_ID_AER] = {"Advanced Error Reporting", aer},
	[0x02] = {"Virtual Channel", channels},
	[0x04] = {"Power Budgeting <?>", NULL},
	[0x05] = {"Root Complex Link", links},
	[0x06] = {"Root Complex Internal Link <?>", NULL},
	[ECAP_RCEC] = {"Root Complex Event Collector Endpoint Association", NULL},
	[0x08] = {"Multi-Function Virtual Channel <?>", NULL},
	[0x09] = {"Virtual Channel", channels},
	[0x0a] = {"Root Complex Register Block <?>", NULL},
	[ECAP_ID_ACS] = {"Access Control Services", acs},
	[ECAP_ID_ARI] = {"Alternative Routing-ID Interpretation (ARI)", ari},
	[ECAP_ID_ATS] = {"Address Translation Service (ATS)", ats},
	[ECAP_ID_SRIOV] = {"Single Root I/O Virtualization (SR-IOV)", sriov},
	[0x11] = {"Multi-Root I/O Virtualization <?>", NULL},
	[0x12] = {"Multicast", multicast},
	[ECAP_ID_PRI] = {"Page Request Interface (PRI)", pri},
	[0x15] = {"Physical Resizable BAR", resizable},
	[0x16] = {"Dynamic Power Allocation <?>", NULL},
	[0x17] = {"Transaction Processing Hints", hints},
	[0x18] = {"Latency Tolerance Reporting", tolerance},
	[0x19] = {"Secondary PCI Express", secondary},
	[0x1a] = {"Protocol Multiplexing <?>", NULL},
	[ECAP_ID_PASID] = {"Process Address Space ID (PASID)", pasid},
	[0x1c] = {"LN Requester <?>", NULL},
	[0x1d] = {"Downstream Port Containment", containment},
	[0x1e] = {"L1 PM Substates", substates},
	[0x1f] = {"Precision Time Measurement", time_measurement},
	[0x20] = {"PCI Express over M_PHY <?>", NULL},
	[0x21] = {"FRS Queueing <?>", NULL},
	[0x22] = {"Readiness Time Reporting <?>", NULL},
	[0x24] = {"Virtual Resizable BAR", resizable},
	[0x25] = {"Data Link Feature <?>", NULL},
	[0x26] = {"Physical Layer 16.0 GT/s <?>", NULL},
	[0x27] = {"Lane Margining at the Receiver", margining},
	[0x28] = {"Hierarchy ID <?>", NULL},
	[0x29] = {"Native PCIe Enclosure Management <?>", NULL},
	[0x2a] = {"Physical Layer 32.0 GT/s <?>", NULL},
	[0x2e] = {"Data Object Exchange", exchange},
};

void show_extended(const struct pci_func *f, const struct pci_cap *cap, const struct show *how)
{
	bool deep = how->verbose > 1;
	const char *name = cap->id < ARRAY_LEN(known) ? known[cap->id].name : NULL;
	log_text("\tCapabilities: [%03x", cap->off);
	if (deep)
		log_text(" v%u", cap->version);
	log_text("] ");
	if (cap->id == ECAP_DSN)
		serial_number(f, cap->off);
	else if (cap->id == ECAP_VSEC)
		vendor_specific(f, cap->off);
	else if (cap->id == ECAP_DVSEC)
		designated(f, cap->off, deep);
	else if (name)
		log_text("%s\n", name);
	else
		log_text("Extended Capability ID 0x%x\n", cap->id);
	if (deep && cap->id == ECAP_RCEC)
		collector(f, cap, how->verbose > 2);
	else if (deep && name && known[cap->id].deep)
		known[cap->id].deep(f, cap->off);
}
