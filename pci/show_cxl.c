/* Decodes the DVSECs of Compute Express Link: CXL 3.0 §8.1.3 to §8.1.9. */
#include "kernel/log.h"
#include "pci/regs.h"
#include "pci/show_kinds.h"
#include "pci/show_text.h"

/* ---- PCIe DVSEC for CXL Devices: §8.1.3 ---- */

/* A table that codes beyond it do not reach. */
#define OF(table, code, other) ((code) < ARRAY_LEN(table) ? (table)[code] : (other))

/* Range Size and Range Base, high dword first; size 0 gives an end below the base. */
static void cxl_range(const struct pci_func *f, unsigned at, unsigned n)
{
	static const char *const types[] = {"Volatile", "Non-volatile", "CDAT"};
	static const char *const classes[] = {"DRAM", "Storage", "CDAT"};
	static const uint16_t interleave[] = {0, 256, 4096, 512, 1024, 2048, 8192, 16384};
	static const uint16_t timeout[] = {1, 4, 16, 64, 256};
	uint32_t lo = show_r32(f, at + 4);
	uint64_t size = (uint64_t)show_r32(f, at) << 32 | (lo & 0xf0000000);
	uint64_t base = (uint64_t)show_r32(f, at + 8) << 32 | (show_r32(f, at + 12) & 0xf0000000);
	log_text("\t\tRange%u: %016llx-%016llx\n", n, (ull)base, (ull)(base + size - 1));
	show_flags(lo, "\t\t\tValid#0 Active#1");
	log_text(" Type=%s Class=%s interleave=%u timeout=%us\n", OF(types, lo >> 2 & 7, "reserved"),
		 OF(classes, lo >> 5 & 7, "reserved"), OF(interleave, lo >> 8 & 0x1f, 0u),
		 OF(timeout, lo >> 13 & 7, 0u));
}

static void cxl_device(const struct pci_func *f, unsigned c, unsigned rev)
{
	uint16_t cap = show_r16(f, c + 0x0a), ctl = show_r16(f, c + 0x0c), cache = show_r16(f, c + 0x16);
	unsigned unit = cache & 0xf, n = cache >> 8;
	if (rev < 1)
		return;
	show_flags(cap, "\t\tCXLCap:\tCache#0 IO#1 Mem#2 Mem HW Init#3");
	log_text(" HDMCount %u", cap >> 4 & 3);
	show_flags(cap, " Viral#e\n");
	show_flags(ctl, "\t\tCXLCtl:\tCache#0 IO#1 Mem#2");
	log_text(" Cache SF Cov %u Cache SF Gran %u", ctl >> 3 & 0x1f, ctl >> 8 & 7);
	show_flags(ctl, " Cache Clean#b Viral#e\n");
	show_flags(show_r16(f, c + 0x0e), "\t\tCXLSta:\tViral#e\n");
	show_flags(show_r16(f, c + 0x12), "\t\tCXLSta2:\tResetComplete#1 ResetError#2 PMComplete#f\n");
	if (unit == 0)
		log_text("\t\tCache Size Not Reported\n");
	else if (unit < 3)
		log_text("\t\tCache Size: %08x\n", n << (unit == 1 ? 16 : 20));
	else
		log_text("\t\tCache Size: %u of unknown unit size (%u)\n", n, unit);
	cxl_range(f, c + 0x18, 1);
	cxl_range(f, c + 0x28, 2);
}

/* ---- ports, global persistent flush, Flex Bus, registers ---- */

/* Non-CXL Function Map: §8.1.4 */
static void cxl_map(const struct pci_func *f, unsigned c)
{
	for (unsigned i = 0; i < 8; i++)
		log_text("\t\tFuncMap %u: %08x\n", i, show_r32(f, c + 0x0c + 4 * i));
}

/* CXL Extensions DVSEC for Ports: §8.1.5 */
static void cxl_port(const struct pci_func *f, unsigned c)
{
	uint16_t buses = show_r16(f, c + 0x0e);
	show_flags(show_r16(f, c + 0x0a), "\t\tCXLPortSta:\tPMComplete#0\n");
	show_flags(show_r16(f, c + 0x0c),
		   "\t\tCXLPortCtl:\tUnmaskSBR#0 UnmaskLinkDisable#1 AltMem#2 AltBME#3 ViralEnable#e\n");
	log_text("\t\tAlternateBus:\t%02x-%02x\n\t\tAlternateBus:\t%04x-%04x\n", buses & 0xff, buses >> 8,
		 show_r16(f, c + 0x10), show_r16(f, c + 0x12));
}

/* Base and scale of a time: §8.1.6, §8.1.7 */
static void cxl_time(const char *what, unsigned v)
{
	static const char *const units[] = {"us", "us", "us", "ms", "ms", "ms", "s", "s"};
	static const uint8_t times[] = {1, 10, 100};
	unsigned scale = v >> 8 & 0xf;
	if (scale >= ARRAY_LEN(units))
		log_text("\t\tReserved time scale encoding %x\n", scale);
	log_text("\t\tGPF Phase %s: %u%s\n", what,
		 (v & 0xf) * (scale < ARRAY_LEN(units) ? times[scale % 3] : 1u), OF(units, scale, "<?>"));
}

/* Flex Bus Port: §8.1.8 */
static void cxl_flex_bus(const struct pci_func *f, unsigned c, unsigned rev, unsigned len)
{
	static const char more[] = " 256BFlit#d PBRFlit#e\n";
	const char *end = rev < 2 ? "\n" : more;
	uint16_t cap = show_r16(f, c + 0x0a), ctl = show_r16(f, c + 0x0c), st = show_r16(f, c + 0x0e);
	if (rev < 1) {
		log_text("\t\tRevision %u not supported\n", rev);
		return;
	}
	show_flags(cap, "\t\tFBCap:\tCache#0 IO#1 Mem#2 68BFlit#5 MltLogDev#6");
	show_flags(cap, end);
	show_flags(
		ctl,
		"\t\tFBCtl:\tCache#0 IO#1 Mem#2 SynHdrByp#3 DrftBuf#4 68BFlit#5 MltLogDev#6 RCD#7 Retimer1#8 Retimer2#9");
	show_flags(ctl, end);
	show_flags(st, "\t\tFBSta:\tCache#0 IO#1 Mem#2 SynHdrByp#3 DrftBuf#4 68BFlit#5 MltLogDev#6");
	show_flags(st, end);
	log_text("\t\tFBModTS:\tReceived FB Data: %06x\n", show_r32(f, c + 0x10) & 0xffffff);
	if (rev < 2 || len < 0x20)
		return;
	show_flags(show_r32(f, c + 0x14), "\t\tFBCap2:\tNOPHint#0\n");
	show_flags(show_r32(f, c + 0x18), "\t\tFBCtl2:\tNOPHint#0\n");
	log_text("\t\tFBSta2:\tNOPHintInfo: %x\n", show_r32(f, c + 0x1c) & 3);
}

/* Register Locator: §8.1.9; blocks that are empty have no line. */
static void cxl_locator(const struct pci_func *f, unsigned c, unsigned len)
{
	static const char *const ids[] = {"empty", "component registers", "BAR virtualization",
					  "CXL device registers", "CPMU registers"};
	for (unsigned at = 0x0c, i = 1; at + 8 <= len; at += 8, i++) {
		uint32_t lo = show_r32(f, c + at);
		unsigned id = lo >> 8 & 0xff;
		if (id)
			log_text("\t\tBlock%u: BIR: bar%u, ID: %s, offset: %08x%08x\n", i, lo & 7,
				 OF(ids, id, "<?>"), show_r32(f, c + at + 4), lo & 0xffff0000);
	}
}

void show_cxl(const struct pci_func *f, unsigned c)
{
	uint32_t head = show_r32(f, c + 4);
	unsigned rev = head >> 16 & 0xf, len = head >> 20, id = show_r16(f, c + 8);
	switch (id) {
	case 0:
		cxl_device(f, c, rev);
		break;
	case 2:
		cxl_map(f, c);
		break;
	case 3:
		cxl_port(f, c);
		break;
	case 4:
		cxl_time("1 Timeout", show_r16(f, c + 0x0c));
		cxl_time("2 Timeout", show_r16(f, c + 0x0e));
		break;
	case 5:
		cxl_time("2 Duration", show_r16(f, c + 0x0a));
		log_text("\t\tGPF Phase 2 Power: %umW\n", show_r32(f, c + 0x0c));
		break;
	case 7:
		cxl_flex_bus(f, c, rev, len);
		break;
	case 8:
		cxl_locator(f, c, len);
		break;
	case 9: /* Multi-Logical Device: §8.1.10 */
		break;
	default:
		log_text("\t\tUnknown ID %04x\n", id);
	}
}
