/* Decodes a HyperTransport capability: HyperTransport I/O Link Specification 3.10 §7. For interfaces, links
 * and errors; for the rest only the name. */
#include "kernel/log.h"
#include "pci/regs.h"
#include "pci/show_kinds.h"
#include "pci/show_text.h"

#define HT_REV_1_02 0x22 /* Revision ID: from then on there is more than the links' width */

static const char *width(unsigned code)
{
	static const char *const text[] = {"8bit", "16bit", "[2]", "32bit", "2bit", "4bit", "[6]", "N/C"};
	return text[code & 7];
}

/* Link Control and Link Config: §7.5.4, §7.5.5. which: " 0", " 1" or "". */
static void ht_link(const struct pci_func *f, unsigned at, const char *which, bool old)
{
	uint16_t ctl = show_r16(f, at), cnf = show_r16(f, at + 2);
	log_text("\t\tLink Control%s:", which);
	show_flags(ctl, " CFlE#1 CST#2 CFE#3 <LkFail#4 Init#5 EOC#6 TXO#7 <CRCErr=");
	log_text("%x", ctl >> 8 & 0xf);
	show_flags(ctl, old ? "" : " IsocEn#c LSEn#d ExtCTL#e 64b#f");
	log_text("\n\t\tLink Config%s: MLWI=%s", which, width(cnf));
	show_flags(cnf, old ? "" : " DwFcIn#3");
	log_text(" MLWO=%s", width(cnf >> 4));
	show_flags(cnf, old ? "" : " DwFcOut#7");
	log_text(" LWI=%s", width(cnf >> 8));
	show_flags(cnf, old ? "" : " DwFcInEn#b");
	log_text(" LWO=%s", width(cnf >> 12));
	show_flags(cnf, old ? "\n" : " DwFcOutEn#f\n");
}

/* Link Frequency, Link Error, Link Frequency Capability: §7.5.7 to §7.5.9. */
static void ht_frequency(const struct pci_func *f, unsigned at, const char *which)
{
	static const char *const mhz[] = {"200MHz", "300MHz", "400MHz", "500MHz", "600MHz",
					  "800MHz", "1.0GHz", "1.2GHz", "1.4GHz", "1.6GHz"};
	unsigned v = show_r8(f, at), freq = v & 0xf;
	log_text("\t\tLink Frequency%s: ", which);
	if (freq < ARRAY_LEN(mhz))
		log_text("%s", mhz[freq]);
	else if (freq == 15)
		log_text("Vend");
	else
		log_text("[%x]", freq);
	log_text("\n\t\tLink Error%s:", which);
	show_flags(v, " <Prot#4 <Ovfl#5 <EOC#6 CTLTm#7\n");
}

static void ht_frequencies(const struct pci_func *f, unsigned at, const char *which)
{
	log_text("\t\tLink Frequency Capability%s:", which);
	show_flags(
		show_r16(f, at),
		" 200MHz#0 300MHz#1 400MHz#2 500MHz#3 600MHz#4 800MHz#5 1.0GHz#6 1.2GHz#7 1.4GHz#8 1.6GHz#9 Vend#f\n");
}

/* Error Handling and what is passed down beyond 40 bits: §7.5.13, §7.5.14. */
static void ht_errors(const struct pci_func *f, unsigned at)
{
	uint16_t upper = show_r16(f, at + 2);
	show_flags(
		show_r16(f, at),
		"\t\tError Handling: PFlE#0 OFlE#1 PFE#2 OFE#3 EOCFE#4 RFE#5 CRCFE#6 SERRFE#7 CF#8 RE#9 PNFE#a ONFE#b EOCNFE#c RNFE#d CRCNFE#e SERRNFE#f\n");
	log_text("\t\tPrefetchable memory behind bridge Upper: %02x-%02x\n", upper & 0xff, upper >> 8);
}

/* False when that is all there is. */
static bool ht_revision(unsigned rid)
{
	log_text("\t\tRevision ID: %u.%02u\n", rid >> 5, rid & 0x1f);
	return rid >= HT_REV_1_02;
}

static void ht_slave(const struct pci_func *f, unsigned c)
{
	uint16_t cmd = show_r16(f, c + 2);
	unsigned rid = show_r8(f, c + 0x0c);
	bool old = rid < HT_REV_1_02;
	log_text("%s\t\tCommand: BaseUnitID=%u UnitCnt=%u",
		 old && rid > 0x11 ? "\t\t!!! Possibly incomplete decoding\n" : "", cmd & 0x1f,
		 cmd >> 5 & 0x1f);
	show_flags(cmd, old ? " MastHost#a DefDir#b\n" : " MastHost#a DefDir#b DUL#c\n");
	ht_link(f, c + 4, " 0", old);
	ht_link(f, c + 8, " 1", old);
	if (!ht_revision(rid))
		return;
	ht_frequency(f, c + 0x0d, " 0");
	ht_frequencies(f, c + 0x0e, " 0");
	show_flags(show_r16(f, c + 0x10),
		   "\t\tFeature Capability: IsocFC#0 LDTSTOP#1 CRCTM#2 ECTLT#3 64bA#4 UIDRD#5\n");
	ht_frequency(f, c + 0x11, " 1");
	ht_frequencies(f, c + 0x12, " 1");
	ht_errors(f, c + 0x16);
	log_text("\t\tBus Number: %02x\n", show_r8(f, c + 0x1a));
}

static void ht_host(const struct pci_func *f, unsigned c)
{
	uint16_t cmd = show_r16(f, c + 2), features = show_r16(f, c + 0x0c);
	unsigned rid = show_r8(f, c + 8);
	bool old = rid < HT_REV_1_02;
	log_text("%s", old && rid > 0x11 ? "\t\t!!! Possibly incomplete decoding\n" : "");
	show_flags(cmd, "\t\tCommand: WarmRst#0 DblEnd#1");
	if (!old) {
		log_text(" DevNum=%u", cmd >> 2 & 0x1f);
		show_flags(cmd, " ChainSide#7 HostHide#8 Slave#a <EOCErr#b DUL#c");
	}
	log_text("\n");
	ht_link(f, c + 4, "", old);
	if (!ht_revision(rid))
		return;
	ht_frequency(f, c + 9, "");
	ht_frequencies(f, c + 0x0a, "");
	show_flags(
		features,
		"\t\tFeature Capability: IsocFC#0 LDTSTOP#1 CRCTM#2 ECTLT#3 64bA#4 UIDRD#5 ExtRS#8 UCnfE#9\n");
	if (features & BIT(8)) /* Extended Register Set */
		ht_errors(f, c + 0x12);
}

void show_hypertransport(const struct pci_func *f, unsigned c, bool deep)
{
	static const char *const names[] = {"Interrupt Discovery and Configuration",
					    NULL,
					    "UnitID Clumping",
					    "Extended Configuration Space Access",
					    "Address Mapping",
					    NULL,
					    "DirectRoute",
					    "VCSet",
					    "Retry Mode",
					    "X86 (reserved)"};
	uint16_t v = show_r16(f, c + 2);
	unsigned type = v >> 11; /* of interfaces the upper three bits count: §7.3 */
	log_text("HyperTransport: ");
	if (type < 8) {
		log_text("%s Interface\n", type < 4 ? "Slave or Primary" : "Host or Secondary");
		if (deep)
			(type < 4 ? ht_slave : ht_host)(f, c);
	} else if (type == 8) {
		log_text("Switch\n");
	} else if (type == 0x11) {
		log_text("Revision ID: %u.%02u\n", v >> 5 & 7, v & 0x1f);
	} else if (type == 0x15) {
		show_flags(v, "MSI Mapping Enable#0 Fixed#1\n");
		if (deep && !(v & 2))
			log_text("\t\tMapping Address Base: %08x%08x\n", show_r32(f, c + 8),
				 show_r32(f, c + 4) & 0xfff00000);
	} else if (type >= 0x10 && type - 0x10 < ARRAY_LEN(names)) {
		log_text("%s\n", names[type - 0x10]);
	} else {
		log_text("#%02x\n", type);
	}
}
