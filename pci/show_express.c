/* Decodes a PCI Express capability: PCIe §7.5.3. */
#include "kernel/log.h"
#include "pci/regs.h"
#include "pci/show_kinds.h"
#include "pci/show_text.h"

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
	uint32_t cap = show_r32(f, c + 0x0c);
	uint16_t ctl = show_r16(f, c + 0x10), st = show_r16(f, c + 0x12);
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
	show_flags(ctl, " LnkDisable#4 CommClk#6\n"
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
	uint32_t cap = show_r32(f, c + 0x14);
	uint16_t ctl = show_r16(f, c + 0x18), st = show_r16(f, c + 0x1a);
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
	uint32_t cap = show_r32(f, c + PCIE_DEVCAP);
	uint16_t ctl = show_r16(f, c + PCIE_DEVCTL), st = show_r16(f, c + PCIE_DEVSTA);
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
	show_flags(cap, " TEE-IO#u");
	show_flags(ctl, "\n\t\tDevCtl:\tCorrErr#0 NonFatalErr#1 FatalErr#2 UnsupReq#3\n"
			"\t\t\tRlxdOrd#4 ExtTag#8 PhantFunc#9 AuxPwr#a NoSnoop#b");
	show_flags(ctl, type == PCI_PORT_PCIE_TO_PCI ? " BrConfRtry#f"
			: flr && cap & DEVCAP_FLR    ? " FLReset#f"
						     : "");
	log_text("\n\t\t\tMaxPayload %u bytes, MaxReadReq %u bytes\n", 128u << (ctl >> 5 & 7),
		 128u << (ctl >> 12 & 7));
	show_flags(st, "\t\tDevSta:\tCorrErr#0 NonFatalErr#1 FatalErr#2 UnsupReq#3 AuxPwr#4 TransPend#5\n");
}

static const char *of(const char *const *names, unsigned n, unsigned value)
{
	return value < n ? names[value] : NULL;
}
#define OF(names, value, other) (of(names, ARRAY_LEN(names), value) ? (names)[value] : (other))

static bool has_memory(const struct pci_func *f)
{
	for (unsigned i = 0; i < PCI_BARS; i++)
		if (f->bar[i].size && !f->bar[i].io)
			return true;
	return false;
}

/* Which parts of the second registers a port type has. */
struct second {
	bool end, root, down, swch, memory;
};

static void devcap2(uint32_t cap, struct second t)
{
	static const char *const ranges[16] = {"Not Supported",    "Range A",          "Range B",
					       "Range AB",         [6] = "Range BC",   [7] = "Range ABC",
					       [14] = "Range BCD", [15] = "Range ABCD"};
	static const char *const obff[] = {"Not Supported", "Via message", "Via WAKE#", "Via message/WAKE#"};
	static const char *const power[] = {"Not Supported", "Dev Specific", "Form Factor Dev Specific",
					    "Reserved"};
	static const char *const lines[] = {"Not Supported", "64byte cachelines", "128byte cachelines",
					    "Reserved"};
	unsigned prefixes = cap >> 22 & 3;
	log_text("\t\tDevCap2: Completion Timeout: %s,", OF(ranges, cap & 0xf, "Unknown"));
	show_flags(cap, " TimeoutDis#4 NROPrPrP#a LTR#b\n\t\t\t 10BitTagComp#g 10BitTagReq#h OBFF ");
	log_text("%s,", obff[cap >> 18 & 3]);
	show_flags(cap, " ExtFmt#k EETLPPrefix#l");
	if (cap & BIT(21))
		log_text(", MaxEETLPPrefixes %u", prefixes ? prefixes : 4);
	log_text("\n\t\t\t EmergencyPowerReduction %s,", power[cap >> 24 & 3]);
	show_flags(cap, " EmergencyPowerReductionInit#q\n\t\t\t FRS#v");
	if (t.root)
		log_text(" LN System CLS %s,", lines[cap >> 14 & 3]);
	if (t.root || t.end)
		show_flags(cap, " TPHComp#c ExtTPHComp#d");
	if (t.down)
		show_flags(cap, " ARIFwd#5");
	log_text("\n");
	if (t.root || t.swch)
		show_flags(cap, "\t\t\t AtomicOpsCap: Routing#6");
	else if (t.memory)
		log_text("\t\t\t AtomicOpsCap:");
	if (t.root || t.memory)
		show_flags(cap, " 32bit#7 64bit#8 128bitCAS#9");
	if (t.root || t.swch || t.memory)
		log_text("\n");
}

static void devctl2(uint16_t ctl, struct second t, bool requests)
{
	static const char *const after[16] = {
		"50us to 50ms",       "50us to 100us",       "1ms to 10ms",
		[5] = "16ms to 55ms", [6] = "65ms to 210ms", [9] = "260ms to 900ms",
		[10] = "1s to 3.5s",  [13] = "4s to 13s",    [14] = "17s to 64s"};
	static const char *const obff[] = {"Disabled", "Via message A", "Via message B", "Via WAKE#"};
	log_text("\t\tDevCtl2: Completion Timeout: %s,", OF(after, ctl & 0xf, "Unknown"));
	show_flags(ctl, " TimeoutDis#4");
	show_flags(ctl, t.down ? " ARIFwd#5\n" : "\n");
	if (requests || t.swch)
		log_text("\t\t\t AtomicOpsCtl:");
	if (requests)
		show_flags(ctl, " ReqEn#6");
	if (t.root || t.swch)
		show_flags(ctl, " EgressBlck#7");
	if (requests || t.swch)
		log_text("\n");
	show_flags(ctl, "\t\t\t IDOReq#8 IDOCompl#9 LTR#a EmergencyPowerReductionReq#b\n"
			"\t\t\t 10BitTagReq#c OBFF ");
	log_text("%s,", obff[ctl >> 13 & 3]);
	show_flags(ctl, " EETLPPrefixBlk#f\n");
}

static void link2(const struct pci_func *f, unsigned c, struct second t, unsigned type)
{
	static const char *const margin[] = {"Normal Operating Range",
					     "800-1200mV(full-swing)/400-700mV(half-swing)",
					     "200-400mV(full-swing)/100-200mV(half-swing)",
					     "200-400mV(full-swing)/100-200mV(half-swing)",
					     "200-400mV(full-swing)/100-200mV(half-swing)",
					     "200-400mV(full-swing)/100-200mV(half-swing)"};
	static const char *const preset[] = {
		"-6dB de-emphasis, 0dB preshoot",     "-3.5dB de-emphasis, 0dB preshoot",
		"-4.4dB de-emphasis, 0dB preshoot",   "-2.5dB de-emphasis, 0dB preshoot",
		"0dB de-emphasis, 0dB preshoot",      "0dB de-emphasis, 1.9dB preshoot",
		"0dB de-emphasis, 2.5dB preshoot",    "-6.0dB de-emphasis, 3.5dB preshoot",
		"-3.5dB de-emphasis, 3.5dB preshoot", "0dB de-emphasis, 3.5dB preshoot"};
	static const char *const cross[] = {"unsupported", "Upstream Port", "Downstream Port", "incomplete"};
	static const char *const below[] = {
		"Link Down - Not Determined", "Link Down - Not Present",
		"Link Down - Present",        NULL,
		"Link Up - Present",          "Link Up - Present and DRS Received"};
	uint32_t cap = show_r32(f, c + 0x2c);
	uint16_t ctl = show_r16(f, c + 0x30), st = show_r16(f, c + 0x32);
	bool whole = (type != PCI_PORT_ENDPOINT && type != PCI_PORT_LEGACY_ENDPOINT) || !(f->bdf.rid & 0xff);
	if (whole && cap) {
		static const char *const speeds[] = {"Unknown",   "2.5GT/s",    "2.5-5GT/s",
						     "2.5-8GT/s", "2.5-16GT/s", "2.5-32GT/s"};
		unsigned vector = cap >> 1 & 0x7f, top = 0;
		for (; vector >> top; top++)
			;
		log_text("\t\tLnkCap2: Supported Link Speeds: %s,", OF(speeds, top, "RsvdP"));
		show_flags(cap, " Crosslink#8 Retimer#n 2Retimers#o DRS#v\n");
	}
	if (whole) {
		unsigned to = ctl & 0xf;
		log_text("\t\tLnkCtl2: Target Link Speed: %s,", to == 0  ? "2.5GT/s"
								: to > 6 ? "Unknown"
									 : speed(to));
		show_flags(ctl, " EnterCompliance#4 SpeedDis#5");
		if (type == PCI_PORT_DOWNSTREAM)
			log_text(", Selectable De-emphasis: %s", ctl & BIT(6) ? "-3.5dB" : "-6dB");
		log_text("\n\t\t\t Transmit Margin: %s,", OF(margin, (unsigned)ctl >> 7 & 7, "Unknown"));
		show_flags(ctl, " EnterModifiedCompliance#a ComplianceSOS#b\n");
		log_text("\t\t\t Compliance Preset/De-emphasis: %s\n",
			 OF(preset, (unsigned)ctl >> 12, "Unknown"));
	}
	log_text("\t\tLnkSta2: Current De-emphasis Level: %s,", st & 1 ? "-3.5dB" : "-6dB");
	show_flags(st, " EqualizationComplete#1 EqualizationPhase1#2\n"
		       "\t\t\t EqualizationPhase2#3 EqualizationPhase3#4 LinkEqualizationRequest#5\n"
		       "\t\t\t Retimer#6 2Retimers#7 CrosslinkRes: ");
	log_text("%s", cross[st >> 8 & 3]);
	if ((t.down || type == PCI_PORT_PCI_TO_PCIE) && cap & BIT(31)) {
		show_flags(st, ", DRS#f\n\t\t\t DownstreamComp: ");
		log_text("%s", OF(below, (unsigned)st >> 12 & 7, "Reserved"));
	}
	log_text("\n");
}

/* Device and Link Capabilities, Control and Status 2: version 2 on, PCIe §7.5.3.15 to §7.5.3.20. */
static void second(const struct pci_func *f, unsigned c, unsigned type)
{
	struct second t = {.end = type == PCI_PORT_ENDPOINT,
			   .root = type == PCI_PORT_ROOT,
			   .down = type == PCI_PORT_ROOT || type == PCI_PORT_DOWNSTREAM,
			   .swch = type == PCI_PORT_UPSTREAM || type == PCI_PORT_DOWNSTREAM,
			   .memory = has_memory(f)};
	bool requests = t.root || t.end || type == PCI_PORT_LEGACY_ENDPOINT || type == PCI_PORT_RC_ENDPOINT;
	devcap2(show_r32(f, c + PCIE_DEVCAP2), t);
	devctl2(show_r16(f, c + PCIE_DEVCTL2), t, requests);
	if (type < PCI_PORT_RC_ENDPOINT)
		link2(f, c, t, type);
}

void show_express(const struct pci_func *f, unsigned c, bool deep)
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
	uint16_t cap = show_r16(f, c + PCIE_CAP);
	unsigned type = cap >> 4 & 0xf;
	bool port = type == PCI_PORT_ROOT || type == PCI_PORT_DOWNSTREAM || type == PCI_PORT_PCI_TO_PCIE;
	log_text("Express ");
	if (deep)
		log_text("(v%u) ", cap & 0xf);
	if (name[type])
		log_text("%s", name[type]);
	else
		log_text("Unknown type %u", type);
	show_flags(cap, port ? " (Slot#8)" : "");
	log_text(", IntMsgNum %u\n", cap >> 9 & 0x1f);
	if (!deep)
		return;
	device(f, c, type);
	if (type < PCI_PORT_RC_ENDPOINT)
		link(f, c, type);
	if (port && cap & BIT(8))
		slot(f, c);
	if (type == PCI_PORT_ROOT || type == PCI_PORT_RC_EVENTS) {
		uint32_t st = show_r32(f, c + 0x20);
		show_flags(show_r16(f, c + 0x1e), "\t\tRootCap: CRSVisible#0\n");
		show_flags(
			show_r16(f, c + 0x1c),
			"\t\tRootCtl: ErrCorrectable#0 ErrNon-Fatal#1 ErrFatal#2 PMEIntEna#3 CRSVisible#4\n");
		log_text("\t\tRootSta: PME ReqID %04x,", st & 0xffff);
		show_flags(st, " PMEStatus#g PMEPending#h\n");
	}
	if ((cap & 0xf) >= 2)
		second(f, c, type);
}
