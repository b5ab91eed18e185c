/* Decodes the capabilities of a function: PCIe §7.5 to §7.8, PCI Bus Power Management §3.2, PCI-X 2.0 §7.2.
 * AGP is named and not decoded. */
#include "kernel/log.h"
#include "pci/regs.h"
#include "pci/show_caps.h"
#include "pci/show_kinds.h"
#include "pci/show_text.h"

static void power(const struct pci_func *f, unsigned c, bool deep)
{
	static const uint16_t milliamps[] = {0, 55, 100, 160, 220, 270, 320, 375};
	uint16_t cap = show_r16(f, c + 2), st = show_r16(f, c + 4), bridge = show_r16(f, c + 6) & 0xff;
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
	if (bridge) /* BPCC_En; whether the bus below loses its power, which is the reverse of B2_B3# */
		show_flags(bridge ^ 0x40u, "\t\tBridge: PM#7 B3#6\n");
}

static void msi(const struct pci_func *f, unsigned c, bool deep)
{
	uint16_t ctl = show_r16(f, c + MSI_CTL);
	bool wide = ctl & MSI_CTL_64;
	show_flags(ctl, "MSI: Enable#0");
	log_text(" Count=%u/%u", 1u << (ctl >> 4 & 7), 1u << (ctl >> 1 & 7));
	show_flags(ctl, " Maskable#8 64bit#7\n");
	if (!deep)
		return;
	if (wide)
		log_text("\t\tAddress: %08x%08x  Data: %04x\n", show_r32(f, c + MSI_ADDR_HI),
			 show_r32(f, c + MSI_ADDR), show_r16(f, c + MSI_DATA_64));
	else
		log_text("\t\tAddress: %08x  Data: %04x\n", show_r32(f, c + MSI_ADDR),
			 show_r16(f, c + MSI_DATA_32));
	unsigned mask = c + (wide ? MSI_MASK_64 : MSI_MASK_32);
	if (ctl & MSI_CTL_PVM)
		log_text("\t\tMasking: %08x  Pending: %08x\n", show_r32(f, mask), show_r32(f, mask + 4));
}

static void msix(const struct pci_func *f, unsigned c, bool deep)
{
	uint16_t ctl = show_r16(f, c + MSIX_CTL);
	uint32_t table = show_r32(f, c + MSIX_TABLE), pba = show_r32(f, c + MSIX_PBA);
	show_flags(ctl, "MSI-X: Enable#f");
	log_text(" Count=%u", (unsigned)(ctl & MSIX_CTL_SIZE) + 1);
	show_flags(ctl, " Masked#e\n");
	if (deep)
		log_text("\t\tVector table: BAR=%u offset=%08x\n\t\tPBA: BAR=%u offset=%08x\n", table & 7,
			 table & ~7u, pba & 7, pba & ~7u);
}

static void sata(const struct pci_func *f, unsigned c, bool deep)
{
	uint16_t v = show_r16(f, c + 2);
	uint32_t at = show_r32(f, c + 4);
	log_text("SATA HBA v%u.%u", v >> 4 & 0xf, v & 0xf);
	if (deep && (at & 0xf) >= 4 && (at & 0xf) <= 9)
		log_text(" BAR%u Offset=%08x", (at & 0xf) - 4, at >> 4 & 0xfffff);
	else if (deep && (at & 0xf) == 0xf)
		log_text(" InCfgSpace");
	else if (deep)
		log_text(" BAR??%u", at & 0xf);
	log_text("\n");
}

static void pcix_place(uint32_t st)
{
	log_text("\t\tStatus: Dev=%02x:%02x.%x", st >> 8 & 0xff, st >> 3 & 0x1f, st & 7);
	show_flags(st, " 64bit#g 133MHz#h SCD#i USC#j");
}

static void pcix_bridge(const struct pci_func *f, unsigned c)
{
	static const char *const mhz[] = {"conv", "66MHz", "100MHz", "133MHz"};
	uint16_t sec = show_r16(f, c + 2);
	uint32_t st = show_r32(f, c + 4), up = show_r32(f, c + 8), down = show_r32(f, c + 12);
	unsigned freq = sec >> 6 & 7;
	show_flags(sec, "\t\tSecondary Status: 64bit#0 133MHz#1 SCD#2 USC#3 SCO#4 SRD#5 Freq=");
	if (freq < ARRAY_LEN(mhz))
		log_text("%s\n", mhz[freq]);
	else
		log_text("?%u\n", freq);
	pcix_place(st);
	show_flags(st, " SCO#k SRD#l\n");
	log_text("\t\tUpstream: Capacity=%u CommitmentLimit=%u\n", up & 0xffff, up >> 16);
	log_text("\t\tDownstream: Capacity=%u CommitmentLimit=%u\n", down & 0xffff, down >> 16);
}

static void pcix(const struct pci_func *f, unsigned c, bool deep)
{
	static const uint8_t splits[] = {1, 2, 3, 4, 8, 12, 16, 32};
	uint16_t cmd = show_r16(f, c + 2);
	uint32_t st = show_r32(f, c + 4);
	log_text("PCI-X %s device\n", f->is_bridge ? "bridge" : "non-bridge");
	if (!deep)
		return;
	if (f->is_bridge) {
		pcix_bridge(f, c);
		return;
	}
	show_flags(cmd, "\t\tCommand: DPERE#0 ERO#1");
	log_text(" RBC=%u OST=%u\n", 512u << (cmd >> 2 & 3), splits[cmd >> 4 & 7]);
	pcix_place(st);
	log_text(" DC=%s DMMRBC=%u DMOST=%u DMCRS=%u", st & BIT(20) ? "bridge" : "simple",
		 512u << (st >> 21 & 3), splits[st >> 23 & 7], 8u << (st >> 26 & 7));
	show_flags(st, " RSCEM#t 266MHz#u 533MHz#v\n");
}

static void ea_property(const char *which, unsigned p)
{
	static const char *const low[] = {"memory space, non-prefetchable",
					  "memory space, prefetchable",
					  "I/O space",
					  "VF memory space, prefetchable",
					  "VF memory space, non-prefetchable",
					  "allocation behind bridge, non-prefetchable memory",
					  "allocation behind bridge, prefetchable memory",
					  "allocation behind bridge, I/O space"};
	static const char *const high[] = {"memory space resource unavailable for use",
					   "I/O space resource unavailable for use",
					   "entry unavailable for use"};
	log_text("\t\t\t %s: ", which);
	if (p < ARRAY_LEN(low) || p >= 0xfd)
		log_text("%s", p < ARRAY_LEN(low) ? low[p] : high[p - 0xfd]);
	else
		log_text("[%02x]", p);
}

/* Which BAR an entry stands for: PCIe §7.8.5.3, BEI. */
static void ea_bar(unsigned bei)
{
	static const char *const other[] = {"resource behind function", "not indicated", "expansion ROM"};
	log_text("\t\t\t BAR Equivalent Indicator: ");
	if (bei < 6 || (bei > 8 && bei < 15))
		log_text(bei < 6 ? "BAR %u\n" : "VF-BAR %u\n", bei < 6 ? bei : bei - 9);
	else
		log_text("%s\n", bei == 15 ? "reserved" : other[bei - 6]);
}

/* Enhanced Allocation: PCIe §7.8.5. An entry without a length has no address. */
static void allocation(const struct pci_func *f, unsigned c, bool deep)
{
	unsigned n = show_r16(f, c + 2) & 0x3f, at = c + 4, size = 2;
	log_text("Enhanced Allocation (EA): NumEntries=%u", n);
	if (deep && f->is_bridge) {
		log_text(", secondary=%u, subordinate=%u", show_r16(f, c + 4) & 0xff,
			 show_r16(f, c + 4) >> 8);
		at += 4;
	}
	log_text("\n");
	for (unsigned i = 0; deep && i < n && size >= 2 && at + 12 <= 0x100; i++, at += 4 * (size + 1)) {
		uint32_t head = show_r32(f, at), base = show_r32(f, at + 4), most = show_r32(f, at + 8);
		size = head & 7;
		log_text("\t\tEntry %u:", i);
		show_flags(head, " Enable#v Writable#u");
		log_text(" EntrySize=%u\n", size);
		ea_bar(head >> 4 & 0xf);
		ea_property("PrimaryProperties", head >> 8 & 0xff);
		log_text("\n");
		ea_property("SecondaryProperties", head >> 16 & 0xff);
		log_text((head >> 16 & 0xff) == 0xff ? ", PrimaryProperties should be used\n" : "\n");
		if (size < 2)
			return;
		log_text("\t\t\t Base: ");
		if (base & 2)
			log_text("%x", show_r32(f, at + 12));
		log_text("%08x\n\t\t\t MaxOffset: ", base & ~3u);
		if (most & 2)
			log_text("%x", show_r32(f, at + (base & 2 ? 16 : 12)));
		log_text("%08x\n", most | 3);
	}
}

static void advanced(const struct pci_func *f, unsigned c, bool deep)
{
	log_text("PCI Advanced Features\n");
	if (!deep)
		return;
	show_flags(show_r16(f, c + 2), "\t\tAFCap: TP#8 FLR#9\n");
	show_flags(show_r16(f, c + 4), "\t\tAFCtrl: FLR#0\n\t\tAFStatus: TP#8\n");
}

#define VIRTIO_VENDOR 0x1af4
#define VIRTIO_FIRST  0x1000 /* device ids */
#define VIRTIO_LAST   0x107f

/* Virtual I/O Device §4.1.4: where in which BAR a structure lies. */
static bool is_virtio(const struct pci_func *f, const struct pci_cap *c)
{
	return c->id == CAP_ID_VENDOR && f->vendor == VIRTIO_VENDOR && f->device >= VIRTIO_FIRST &&
	       f->device <= VIRTIO_LAST && (show_r16(f, c->off + 2u) & 0xff) >= 16;
}

static void virtio(const struct pci_func *f, unsigned c, bool deep)
{
	static const char *const types[] = {"<unknown>", "CommonCfg", "Notify", "ISR", "DeviceCfg"};
	uint16_t head = show_r16(f, c + 2);
	unsigned type = head >> 8;
	log_text("Vendor Specific Information: VirtIO: %s\n", types[type < ARRAY_LEN(types) ? type : 0]);
	if (!deep)
		return;
	log_text("\t\tBAR=%u offset=%08x size=%08x", show_r16(f, c + 4) & 0xff, show_r32(f, c + 8),
		 show_r32(f, c + 12));
	if (type == 2 && (head & 0xff) >= 20)
		log_text(" multiplier=%08x", show_r32(f, c + 16));
	log_text("\n");
}

static void named(const struct pci_func *f, const struct pci_cap *c, const struct show *how)
{
	static const char *const names[0x15] = {[0x03] = "Vital Product Data",
						[0x06] = "CompactPCI hot-swap <?>",
						[0x0b] = "CompactPCI central resource control <?>",
						[0x0c] = "Hot-plug capable",
						[0x0e] = "AGP3 <?>",
						[0x0f] = "Secure device <?>"};
	uint16_t v = show_r16(f, c->off + 2u);
	switch (c->id) {
	case 0x02:
		log_text("AGP version %x.%x\n", v >> 4 & 0xf, v & 0xf);
		break;
	case 0x04:
		log_text("Slot ID: %u slots,", v & 0x1f);
		show_flags(v, " First#5");
		log_text(", chassis %02x\n", v >> 8);
		break;
	case CAP_ID_VENDOR:
		log_text("Vendor Specific Information: Len=%02x <?>\n", v & 0xff);
		break;
	case 0x0a:
		log_text("Debug port: BAR=%u offset=%04x\n", v >> 13, v & 0x1fff);
		break;
	case CAP_ID_SSVID:
		log_text("Subsystem: ");
		show_subsystem(f, show_r16(f, c->off + 4u), show_r16(f, c->off + 6u), how);
		log_text("\n");
		break;
	default:
		if (c->id < ARRAY_LEN(names) && names[c->id])
			log_text("%s\n", names[c->id]);
		else
			log_text("Capability ID 0x%x [%04x]\n", c->id, v);
		break;
	}
}

static void capability(const struct pci_func *f, const struct pci_cap *c, const struct show *how, bool deep)
{
	log_text("\tCapabilities: [%02x] ", c->off);
	if (is_virtio(f, c)) {
		virtio(f, c->off, deep);
		return;
	}
	switch (c->id) {
	case CAP_ID_PM:
		power(f, c->off, deep);
		break;
	case CAP_ID_MSI:
		msi(f, c->off, deep);
		break;
	case CAP_ID_PCIX:
		pcix(f, c->off, deep);
		break;
	case CAP_ID_PCIE:
		show_express(f, c->off, deep);
		break;
	case CAP_ID_MSIX:
		msix(f, c->off, deep);
		break;
	case 0x08:
		show_hypertransport(f, c->off, deep);
		break;
	case 0x12:
		sata(f, c->off, deep);
		break;
	case 0x13:
		advanced(f, c->off, deep);
		break;
	case 0x14:
		allocation(f, c->off, deep);
		break;
	default:
		named(f, c, how);
		break;
	}
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
		show_extended(f, &c, how);
	if (e != SL_END && f->cap_pcie)
		log_text("\tCapabilities: <extended chain broken>\n");
}
