#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/str.h"
#include "pci/names.h"
#include "pci/regs.h"
#include "pci/show_caps.h"
#include "pci/show_text.h"

#define CFG_CACHE_LINE 0x0c
#define CFG_LATENCY    0x0d
#define CFG_BIST       0x0f
#define CFG_INT_LINE   0x3c
#define CFG_INT_PIN    0x3d
#define CFG_MIN_GNT    0x3e
#define CFG_MAX_LAT    0x3f
#define CFG_IO_BASE    0x1c
#define CFG_IO_LIMIT   0x1d
#define CFG_SEC_STATUS 0x1e
#define CFG_IO_BASE_HI 0x30
#define CFG_BRIDGE_CTL 0x3e
#define CFG_CB_STATUS  0x16
#define CFG_CB_MEM     0x1c /* CardBus: two windows of memory, two of I/O */
#define CFG_CB_SUBSYS  0x40
#define CFG_CB_LEGACY  0x44

static void show_class(uint32_t class, const struct show *how)
{
	const char *name = pci_class_name(class), *base = pci_class_name((class & 0xff0000) | 0xfe00);
	if (how->numbers == 1)
		log_text("%04x", class >> 8);
	else if (how->numbers == 2 || (name && name == base)) /* no name for the sub-class */
		log_text("%s [%04x]", name ? name : "Class", class >> 8);
	else if (name)
		log_text("%s", name);
	else
		log_text("Class %04x", class >> 8);
}

static void show_line(const struct pci_func *f, const struct show *how)
{
	char name[16];
	fmt_print(name, sizeof name, BDF_FMT, BDF_ARG(f->bdf));
	log_text("%s ", how->segments ? name : name + 5);
	show_class(f->class, how);
	log_text(": ");
	show_names(f->vendor, f->device, how);
	if (f->revision)
		log_text(" (rev %02x)", f->revision);
	const char *interface = pci_interface_name(f->class);
	if (how->verbose && ((f->class & 0xff) || interface)) {
		log_text(" (prog-if %02x", f->class & 0xff);
		if (interface)
			log_text(" [%s]", interface);
		log_text(")");
	}
	log_text("\n");
}

static void show_size(uint64_t size)
{
	static const char unit[] = "\0KMGT";
	unsigned i = 0;
	for (; i < 4 && size && size % 1024 == 0; i++)
		size /= 1024;
	log_text(" [size=%llu%.1s]", (ull)size, &unit[i]);
}

static void show_bar(const struct pci_func *f, unsigned i, const struct show *how)
{
	const struct pci_bar *b = &f->bar[i];
	uint16_t cmd = f->pf ? CMD_MSE : fn_rd16(f, CFG_CMD);
	if (!b->size)
		return;
	log_text("\t");
	if (how->verbose > 1)
		log_text("Region %u: ", i);
	log_text(b->io ? "I/O ports at " : "Memory at ");
	if (!b->addr)
		log_text("<unassigned>");
	else if (b->io)
		log_text("%04llx", (ull)b->addr);
	else
		log_text("%08llx", (ull)b->addr);
	if (!b->io)
		log_text(" (%s-bit, %sprefetchable)", b->mem64 ? "64" : "32", b->prefetch ? "" : "non-");
	if (f->pf)
		log_text(" [virtual]");
	if (!(cmd & (b->io ? CMD_IOSE : CMD_MSE)))
		log_text(" [disabled]");
	show_size(b->size);
	log_text("\n");
}

static void show_rom(const struct pci_func *f)
{
	unsigned at = f->is_bridge ? CFG_ROM1 : CFG_ROM0;
	uint32_t rom = f->rom.size ? fn_rd32(f, at) : 0;
	if (!(rom & ROM_ADDR))
		return;
	log_text("\tExpansion ROM at %08llx%s", (ull)(rom & ROM_ADDR),
		 !(rom & 1)                         ? " [disabled]"
		 : !(fn_rd16(f, CFG_CMD) & CMD_MSE) ? " [disabled by cmd]"
						    : "");
	show_size(f->rom.size);
	log_text("\n");
}

/* A window of a bridge, from its first to its last byte; one that is closed has base above limit. */
static void show_window(const char *name, uint64_t base, uint64_t limit, unsigned digits, const char *bits,
			const struct show *how)
{
	log_text("\t%s behind bridge:", name);
	if (base <= limit || how->verbose > 2)
		log_text(" %0*llx-%0*llx", (int)digits, (ull)base, (int)digits, (ull)limit);
	if (base <= limit)
		show_size(limit - base + 1);
	log_text("%s [%s-bit]\n", base <= limit ? "" : " [disabled]", bits);
}

static void show_buses(const struct pci_func *f)
{
	log_text("\tBus: primary=%02x, secondary=%02x, subordinate=%02x, sec-latency=%u\n", fn_rd8(f, 0x18),
		 fn_rd8(f, CFG_SEC), fn_rd8(f, CFG_SUB), fn_rd8(f, 0x1b));
}

/* A window of a CardBus bridge: closed where Command has its kind of decoding off. */
static void show_socket_window(const struct pci_func *f, unsigned i, const struct show *how)
{
	bool io = i >= 2;
	unsigned at = CFG_CB_MEM + 8 * i;
	uint32_t base = show_r32(f, at), limit = show_r32(f, at + 4), keep = io && !(base & 1) ? 0xfffc : ~3u;
	base = io ? base & keep : base;
	limit = io ? (limit & keep) + 3 : limit + 0xfff;
	if (base > limit && how->verbose < 3)
		return;
	log_text("\t%s window %u: %08x-%08x%s%s\n", io ? "I/O" : "Memory", i & 1, base, limit,
		 fn_rd16(f, CFG_CMD) & (io ? CMD_IOSE : CMD_MSE) ? "" : " [disabled]",
		 !io && fn_rd16(f, CFG_BRIDGE_CTL) >> (8 + i) & 1 ? " (prefetchable)" : "");
}

/* A CardBus bridge: PC Card Standard, volume 7, section 4. */
static void show_socket(const struct pci_func *f, const struct show *how)
{
	uint32_t legacy = show_r32(f, CFG_CB_LEGACY) & 0xffff;
	show_buses(f);
	for (unsigned i = 0; i < 4; i++)
		show_socket_window(f, i, how);
	if (fn_rd16(f, CFG_CB_STATUS) & BIT(14))
		log_text("\tSecondary status: SERR\n");
	if (how->verbose > 1)
		show_flags(
			fn_rd16(f, CFG_BRIDGE_CTL),
			"\tBridgeCtl: Parity#0 SERR#1 ISA#2 VGA#3 MAbort#5 >Reset#6 16bInt#7 PostWrite#a\n");
	if (legacy)
		log_text("\t16-bit legacy interface ports at %04x\n", legacy);
}

static void show_bridge(const struct pci_func *f, const struct show *how)
{
	unsigned b = fn_rd8(f, CFG_IO_BASE), l = fn_rd8(f, CFG_IO_LIMIT);
	bool wide = (b & 0xf) == 1;
	uint64_t hi = fn_rd32(f, CFG_IO_BASE_HI);
	show_buses(f);
	show_window("I/O", (b & 0xf0) << 8 | (wide ? (hi & 0xffff) << 16 : 0),
		    (l & 0xf0) << 8 | 0xfff | (wide ? hi >> 16 << 16 : 0), wide ? 8 : 4, wide ? "32" : "16",
		    how);
	uint64_t mb = fn_rd16(f, CFG_MEM_BASE) & WIN_ADDR, ml = fn_rd16(f, CFG_MEM_LIMIT) & WIN_ADDR;
	show_window("Memory", mb << 16, ml << 16 | 0xfffff, 8, "32", how);
	uint64_t pb = fn_rd16(f, CFG_PREF_BASE), pl = fn_rd16(f, CFG_PREF_LIMIT) & WIN_ADDR;
	bool pref64 = (pb & WIN_TYPE) == 1;
	uint64_t pb_hi = pref64 ? fn_rd32(f, CFG_PREF_BASE_HI) : 0;
	uint64_t pl_hi = pref64 ? fn_rd32(f, CFG_PREF_LIMIT_HI) : 0;
	show_window("Prefetchable memory", (pb & WIN_ADDR) << 16 | pb_hi << 32,
		    pl << 16 | 0xfffff | pl_hi << 32, pref64 ? 16 : 8, pref64 ? "64" : "32", how);
	if (how->verbose < 2)
		return;
	static const char *const devsel[] = {"fast", "medium", "slow", "??"};
	uint16_t s = fn_rd16(f, CFG_SEC_STATUS);
	show_flags(s, "\tSecondary status: 66MHz#5 FastB2B#7 ParErr#8 DEVSEL=");
	log_text("%s", devsel[s >> 9 & 3]);
	show_flags(s, " >TAbort#b <TAbort#c <MAbort#d <SERR#e <PERR#f\n");
	show_flags(fn_rd16(f, CFG_BRIDGE_CTL),
		   "\tBridgeCtl: Parity#0 SERR#1 NoISA#2 VGA#3 VGA16#4 MAbort#5 >Reset#6 FastB2B#7\n"
		   "\t\tPriDiscTmr#8 SecDiscTmr#9 DiscTmrStat#a DiscTmrSERREn#b\n");
}

/* In quarters of a microsecond. */
static void show_grant(unsigned least, unsigned most)
{
	if (!least && !most)
		return;
	log_text(" (");
	if (least)
		log_text("%uns min%s", least * 250, most ? ", " : "");
	if (most)
		log_text("%uns max", most * 250);
	log_text(")");
}

/* Where a bridge has the ids of its subsystem; 0: nowhere. */
static unsigned subsystem_at(const struct pci_func *f)
{
	unsigned at = f->hdr_type == 1 ? pci_cap_find(f, CAP_ID_SSVID, 8) : 0;
	return at ? at + 4 : f->hdr_type == 2 ? CFG_CB_SUBSYS : 0;
}

static void show_registers(const struct pci_func *f, const struct show *how)
{
	static const char *const devsel[] = {"fast", "medium", "slow", "??"};
	uint16_t cmd = fn_rd16(f, CFG_CMD), st = fn_rd16(f, CFG_STATUS);
	uint8_t pin = fn_rd8(f, CFG_INT_PIN), irq = fn_rd8(f, CFG_INT_LINE);
	unsigned latency = fn_rd8(f, CFG_LATENCY), line = fn_rd8(f, CFG_CACHE_LINE) * 4u;
	unsigned at = subsystem_at(f);
	uint16_t vendor = at ? fn_rd16(f, at) : f->is_bridge ? 0 : f->sub_vendor;
	if (vendor && vendor != 0xffff) {
		log_text("\tSubsystem: ");
		show_subsystem(f, vendor, at ? fn_rd16(f, at + 2) : f->sub_device, how);
		log_text("\n");
	}
	if (how->verbose < 2) {
		log_text("\tFlags: %s%s%s devsel", cmd & CMD_BME ? "bus master, " : "",
			 st & BIT(5) ? "66MHz, " : "", devsel[st >> 9 & 3]);
		if (cmd & CMD_BME)
			log_text(", latency %u", latency);
		if (irq)
			log_text(", IRQ %u", irq);
		if (f->group)
			log_text(", IOMMU group %u", f->group);
		log_text("\n");
		return;
	}
	show_flags(
		cmd,
		"\tControl: I/O#0 Mem#1 BusMaster#2 SpecCycle#3 MemWINV#4 VGASnoop#5 ParErr#6 Stepping#7 SERR#8 FastB2B#9 DisINTx#a\n");
	show_flags(st, "\tStatus: Cap#4 66MHz#5 UDF#6 FastB2B#7 ParErr#8 DEVSEL=");
	log_text("%s", devsel[st >> 9 & 3]);
	show_flags(st, " >TAbort#b <TAbort#c <MAbort#d >SERR#e <PERR#f INTx#3\n");
	if (cmd & CMD_BME) {
		log_text("\tLatency: %u", latency);
		if (!f->is_bridge)
			show_grant(fn_rd8(f, CFG_MIN_GNT), fn_rd8(f, CFG_MAX_LAT));
		if (line)
			log_text(", Cache Line Size: %u bytes", line);
		log_text("\n");
	}
	if (pin || irq)
		log_text("\tInterrupt: pin %c routed to IRQ %u\n", pin && pin <= 26 ? 'A' + pin - 1 : '?',
			 irq);
	if (f->group)
		log_text("\tIOMMU group: %u\n", f->group);
}

/* PCIe §7.5.1.1.10 */
static void show_self_test(const struct pci_func *f)
{
	uint8_t bist = fn_rd8(f, CFG_BIST);
	if (bist & 0x40 && bist & 0x80)
		log_text("\tBIST is running\n");
	else if (bist & 0x80)
		log_text("\tBIST result: %02x\n", bist & 0xf);
}

static void show_bytes(const struct pci_func *f, unsigned bytes)
{
	for (unsigned off = 0; off < bytes; off += 16) {
		char hex[16 * 3 + 1];
		for (unsigned i = 0; i < 16; i++)
			fmt_print(hex + 3 * i, 4, " %02x", fn_rd8(f, off + i));
		log_text("%02x:%s\n", off, hex);
	}
}

void show_function(const struct pci_func *f, const struct show *how)
{
	show_line(f, how);
	if (how->verbose) {
		show_registers(f, how);
		show_self_test(f);
		for (unsigned i = 0; i < PCI_BARS; i++)
			show_bar(f, i, how);
		if (f->hdr_type == 1)
			show_bridge(f, how);
		else if (f->hdr_type == 2)
			show_socket(f, how);
		show_rom(f);
		show_capabilities(f, how, how->verbose > 1);
	}
	show_bytes(f, how->bytes);
	if (how->verbose || how->bytes)
		log_text("\n");
}
