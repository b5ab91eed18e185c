/* lspci's text, from recorded machines: the bytes come back as they were recorded, and their decoding is what
 * pciutils 3.9.0 says, line by line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "pci/regs.h"
#include "tests/unit/test.h"
#include "tools/replay/replay.h"
#include "pci/show.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"

static char text[1 << 22];
static size_t len;

static void sink(const char *s, size_t n)
{
	assert_true(n < sizeof text - len);
	memcpy(text + len, s, n);
	len += n;
	text[len] = 0;
}

static char *whole_file(const char *path)
{
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	char *all = calloc(1, 4 << 20);
	assert_true(fread(all, 1, (4 << 20) - 1, in) > 0);
	fclose(in);
	return all;
}

static void show_all(const struct show *how)
{
	len = 0;
	text[0] = 0;
	PCI_EACH(f, &pci)
		show_function(f, how);
}

static bool begins(const char *line, const char *with)
{
	return strncmp(line, with, strlen(with)) == 0;
}

/* Lines that are not compared: names that pciutils' list of subsystems has; addresses, which replay sizes by
 * a guess; what is read from more than the recorded bytes; DOE's status, whose error pciutils 3.9.0 takes
 * from the wrong bits (PCIe 7.9.24.4); AGP's registers. */
static bool left_out(const char *line)
{
	return !*line || begins(line, "\tSubsystem: ") || begins(line, "\tRegion ") ||
	       begins(line, "\tExpansion ROM") || begins(line, "\t\tNot readable") ||
	       begins(line, "\t\tDOESta: ") || begins(line, "\t\tStatus: RQ=") ||
	       begins(line, "\t\tCommand: RQ=");
}

/* Did the scan find the function that this line begins with? Without function 0 of its device it does not. */
static bool found(const char *line)
{
	unsigned seg = 0, bus, dev, fn;
	if (sscanf(line, "%4x:%2x:%2x.%1x", &seg, &bus, &dev, &fn) != 4) {
		seg = 0;
		if (sscanf(line, "%2x:%2x.%1x", &bus, &dev, &fn) != 3)
			return false;
	}
	return pci_find(&pci, bdf_make(seg, bus, dev, fn)) != NULL;
}

struct reader {
	char *at;
	bool gone;
};

/* The next line to compare, cut off at its end. */
static char *next_line(struct reader *r)
{
	while (r->at && *r->at) {
		char *line = r->at, *end = strchr(line, '\n');
		r->at = end ? end + 1 : NULL;
		if (end)
			*end = 0;
		r->gone = *line == '\t' ? r->gone : !found(line);
		if (!r->gone && !left_out(line))
			return line;
	}
	return NULL;
}

/* What 3.13 has and the recorded texts, which are of 3.9, do not: our text in their words. A ? is a sign, +
 * or -; \1 to \10 put it where they have it. A ~ is words up to the next comma, on both sides. */
#define DEVCTL2                                                                                              \
	"\t\t\t IDOReq? IDOCompl? LTR? EmergencyPowerReductionReq?\n\t\t\t 10BitTagReq? OBFF ~, "            \
	"EETLPPrefixBlk?\n"
static const struct {
	const char *ours, *theirs;
} older[] = {
	{" TEE-IO?\n", "\n"},
	{" LnkDisable?", " Disabled\1"},
	{" ARIFwd?\n\t\t\t AtomicOpsCtl: ReqEn? EgressBlck?\n" DEVCTL2,
	 " LTR\6 10BitTagReq\10 OBFF ~, ARIFwd\1\n\t\t\t AtomicOpsCtl: ReqEn\2 EgressBlck\3\n"},
	{" ARIFwd?\n\t\t\t AtomicOpsCtl: EgressBlck?\n" DEVCTL2,
	 " LTR\5 10BitTagReq\7 OBFF ~, ARIFwd\1\n\t\t\t AtomicOpsCtl: EgressBlck\2\n"},
	{" ARIFwd?\n" DEVCTL2, " LTR\4 10BitTagReq\6 OBFF ~, ARIFwd\1\n"},
	{"\n\t\t\t AtomicOpsCtl: ReqEn?\n" DEVCTL2,
	 " LTR\4 10BitTagReq\6 OBFF Disabled,\n\t\t\t AtomicOpsCtl: ReqEn\1\n"},
	{"\n\t\t\t AtomicOpsCtl: EgressBlck?\n" DEVCTL2,
	 " LTR\4 10BitTagReq\6 OBFF Disabled,\n\t\t\t AtomicOpsCtl: EgressBlck\1\n"},
	{"\n" DEVCTL2, " LTR\3 10BitTagReq\5 OBFF Disabled,\n"},
	{"\n\t\t\tECRC? UnsupReq? ACSViol? UncorrIntErr? BlockedTLP? AtomicOpBlocked? TLPBlockedErr?\n",
	 " ECRC\1 UnsupReq\2 ACSViol\3\n"},
	{"\t\t\tPoisonTLPBlocked? DMWrReqBlocked? IDECheck? MisIDETLP? PCRC_CHECK? TLPXlatBlocked?\n", ""},
	{" CorrIntErr? HeaderOF?\n", "\n"},
	{" Stopped? PASID?\n", " Stopped\1\n"},
	{"Requester? Responder? Root?\n", "Requester:\1 Responder:\2 Root:\3\n"},
	{"Enabled? RootSelected?\n", "Enabled:\1 RootSelected:\2\n"},
	{"Receiver\n\t\tPortCap: Uses Driver?\n\t\tPortSta: MargReady? MargSoftReady?\n", "Receiver <?>\n"},
	{"Physical Layer 32.0 GT/s <?>", "Extended Capability ID 0x2a"},
};

struct match {
	char sign[16]; /* from 1 on */
	const char *words;
	size_t words_len, len;
};

/* Does text begin with the pattern? */
static bool matches(const char *at, const char *pattern, struct match *hit)
{
	const char *from = at;
	for (unsigned n = 1; *pattern; pattern++, at++) {
		if (*pattern == '~') {
			hit->words = at;
			hit->words_len = strcspn(at, ",\n");
			at += hit->words_len - 1;
		} else if (*pattern == '?' && (*at == '+' || *at == '-')) {
			hit->sign[n++ & 15] = *at;
		} else if (*pattern != *at) {
			return false;
		}
	}
	hit->len = (size_t)(at - from);
	return true;
}

static size_t in_their_words(char *out, const char *theirs, const struct match *hit)
{
	size_t to = 0;
	for (; *theirs; theirs++) {
		if (*theirs == '~') {
			memcpy(out + to, hit->words, hit->words_len);
			to += hit->words_len;
		} else {
			out[to++] = *theirs <= 8 ? hit->sign[(unsigned char)*theirs] : *theirs;
		}
	}
	return to;
}

static void in_older_words(void)
{
	static char out[sizeof(text)];
	size_t to = 0;
	for (const char *at = text; *at;) {
		struct match hit = {.len = 1};
		unsigned i = 0;
		assert_true(to < sizeof(out) - 256);
		while (i < ARRAY_LEN(older) && !matches(at, older[i].ours, &hit))
			i++;
		if (i < ARRAY_LEN(older))
			to += in_their_words(out + to, older[i].theirs, &hit);
		else
			out[to++] = *at;
		at += i < ARRAY_LEN(older) ? hit.len : 1;
	}
	out[to] = 0;
	memcpy(text, out, to + 1);
}

/* An interrupt message number, in each of the words that 3.9 had for it, becomes "#n". */
static void message_number(char *line)
{
	static const struct {
		const char *words;
		int base;
	} ways[] = {{"IntMsgNum ", 10},
		    {"IntMsg ", 10},
		    {"INT Msg #", 10},
		    {"MSI ", 16},
		    {"Interrupt Message Number: ", 16},
		    {"Interrupt Message Number ", 16}};
	for (unsigned i = 0; i < ARRAY_LEN(ways); i++) {
		char *at = strstr(line, ways[i].words), *end, number[16], rest[256];
		if (!at)
			continue;
		unsigned long n = strtoul(at + strlen(ways[i].words), &end, ways[i].base);
		if (end == at + strlen(ways[i].words))
			continue;
		snprintf(number, sizeof(number), "#%lu", n);
		snprintf(rest, sizeof(rest), "%s", end);
		strcpy(at, number);
		strcat(at, rest);
		return;
	}
}

/* Of a function's first line the name of the function; of a subsystem's that it is one. */
static void cut(char *line)
{
	char *subsystem = strstr(line, "] Subsystem: "), *size = strstr(line, " [size=");
	if (*line != '\t' && strchr(line, ' '))
		*strchr(line, ' ') = 0;
	if (subsystem)
		strcpy(subsystem, "] Subsystem");
	if (size) {
		const char *rest = strchr(size, ']') + 1;
		memmove(size, rest, strlen(rest) + 1);
	}
	message_number(line);
}

static unsigned same_text(const char *name, char *decoded)
{
	in_older_words();
	struct reader us = {.at = text}, them = {.at = decoded};
	char *ours, *theirs;
	unsigned lines = 0;
	for (;; lines++) {
		ours = next_line(&us);
		theirs = next_line(&them);
		if (!ours || !theirs)
			break;
		cut(ours);
		cut(theirs);
		if (strcmp(ours, theirs) != 0)
			fail_msg("%s: line %u is\n%s\nand pciutils has\n%s", name, lines, ours, theirs);
	}
	if (ours || theirs)
		fail_msg("%s: after %u lines %s has more: %s", name, lines, ours ? "ours" : "pciutils",
			 ours ? ours : theirs);
	return lines;
}

static void same_bytes(const char *name, const char *dump)
{
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		if (strlen(line) == 51 && line[2] == ':' && !strstr(dump, line))
			fail_msg("%s: not recorded: %s", name, line);
}

/* What is shown of the functions that were scanned is what a dump has, and what pciutils made of it. */
static void shown(const char *name, const char *dumped, const char *said, bool segments, unsigned least)
{
	char *dump = whole_file(dumped), *decoded = whole_file(said);
	PCI_EACH(f, &pci)
		if (f->found_power) /* the scan woke it, to find what is below */
			fn_wr16(f, f->cap_pm + PM_CSR,
				(uint16_t)(fn_rd16(f, f->cap_pm + PM_CSR) | f->found_power));
	show_all(&(struct show){.numbers = 1, .bytes = 256, .segments = segments});
	same_bytes(name, dump);
	show_all(&(struct show){.numbers = 2, .verbose = 3, .segments = segments});
	assert_true(same_text(name, decoded) >= least);
	for (unsigned i = 0; i < 9; i++)
		show_all(&(struct show){.numbers = i % 3, .verbose = i / 3, .bytes = i == 8 ? 4096 : 0});
	for (unsigned i = 0; i < 2; i++) {
		len = 0;
		show_tree(&pci, &(struct show){.verbose = i});
		assert_true(len > 0);
	}
	free(dump);
	free(decoded);
}

static void machine(const char *name, uint16_t last, unsigned least)
{
	char file[96], dump[512], decoded[512];
	struct replay *r;
	snprintf(file, sizeof file, "%s.txt", name);
	scan_recorded(file, last, &r);
	support_file("lspci", file, dump, sizeof dump);
	snprintf(file, sizeof file, "%s.decoded", name);
	support_file("lspci", file, decoded, sizeof decoded);
	shown(name, dump, decoded, last > 0, least);
	replay_free(r);
}

/* What no recorded machine has: CardBus bridges, HyperTransport, most of CXL, an endpoint at another device
 * number than 0. The bytes are synthetic; the expected text is from pciutils 3.9.0. Where that reads other
 * bits than the specification says (upper half of HyperTransport's Link Frequency Capability, PMComplete of
 * CXL's ports, CXL's function maps), the bytes are such that both say the same, or it is not in there. */
static void test_made(void **state)
{
	(void)state;
	struct replay *r = replay_load("tests/data/lspci/made.txt");
	assert_non_null(r);
	assert_int_equal(pci_scan(&pci, replay_cfg(r), 0, 0, 255), SL_OK);
	shown("made", "tests/data/lspci/made.txt", "tests/data/lspci/made.decoded", false, 400);
	static const char *const less[] = {"tests/data/lspci/made.0", "tests/data/lspci/made.v",
					   "tests/data/lspci/made.vv"};
	for (unsigned verbose = 0; verbose < ARRAY_LEN(less); verbose++) {
		char *decoded = whole_file(less[verbose]);
		show_all(&(struct show){.numbers = 2, .verbose = verbose});
		assert_true(same_text(less[verbose], decoded) >= 30);
		free(decoded);
	}
	char *tree = whole_file("tests/data/lspci/made.tree");
	len = 0;
	show_tree(&pci, &(struct show){0});
	for (char *at; (at = strstr(text, "[00]-"));) /* a bridge without buses: pciutils has none there */
		memmove(at, at + 5, strlen(at + 5) + 1);
	assert_string_equal(text, tree);
	free(tree);
	replay_free(r);
}

/* Capabilities filled with bytes at random, on functions of every port type, so that each bit of each field
 * is set in some and clear in others. What pciutils 3.9.0 itself gets wrong is not in there: sizes in 32
 * bits, device 31 of an event collector, Enhanced Allocation and DVSECs that it ends at. any.decoded is what
 * `lspci -vvv -nn -F any.txt` printed. */
static void test_any_bytes(void **state)
{
	(void)state;
	struct replay *r = replay_load("tests/data/lspci/any.txt");
	assert_non_null(r);
	assert_int_equal(pci_scan(&pci, replay_cfg(r), 0, 0, 255), SL_OK);
	shown("any", "tests/data/lspci/any.txt", "tests/data/lspci/any.decoded", false, 5000);
	replay_free(r);
}

static void shows(struct pci_func *f, unsigned numbers, const char *want)
{
	len = 0;
	show_function(f, &(struct show){.numbers = numbers});
	assert_string_equal(text, want);
}

/* Where the subsystem's ids and the programming interface stand. */
static void test_ids(void **state)
{
	(void)state;
	struct cm_fn *bridge = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4);
	cm_cap(bridge, 0x80, 0x0d);
	cm_put(bridge, 0x84, 2, 0x8086);
	cm_put(bridge, 0x86, 2, 0xeeee);
	cm_put(cm_add(&m, NULL, 0, 0, 0x10, 0x10ca8086, 0x0108ee), 0x2c, 4, 0xeeed8086);
	scan_all();
	show_all(&(struct show){.numbers = 2, .verbose = 1});
	assert_non_null(strstr(text, "\tSubsystem: Intel Corporation Device [8086:eeee]\n"));
	assert_non_null(strstr(text, "\tSubsystem: Intel Corporation Device [8086:eeed]\n"));
	assert_non_null(strstr(text, "[8086:10ca] (rev 03) (prog-if ee)\n"));
	show_all(&(struct show){.numbers = 2});
	assert_null(strstr(text, "prog-if"));
}

/* A device that is not ready reads as ones: that is no subsystem. */
static void test_no_subsystem(void **state)
{
	(void)state;
	cm_put(cm_add(&m, NULL, 0, 0, 0x10, 0x10ca8086, 0x0108ee), 0x2c, 4, 0x1234ffff);
	scan_all();
	show_all(&(struct show){.numbers = 2, .verbose = 1});
	assert_null(strstr(text, "Subsystem"));
}

/* A subsystem that has the function's own ids has its name. */
static void test_own_subsystem(void **state)
{
	(void)state;
	cm_put(cm_add(&m, NULL, 0, 0, 0x10, 0x10ca8086, 0x020000), 0x2c, 4, 0x10ca8086);
	cm_put(cm_add(&m, NULL, 0, 0, 0x18, 0x10ca8086, 0x020000), 0x2c, 4, 0xeeed8086);
	scan_all();
	show_all(&(struct show){.numbers = 2, .verbose = 1});
	assert_non_null(strstr(text, "\tSubsystem: Intel Corporation 82576 Virtual Function [8086:10ca]\n"));
	assert_non_null(strstr(text, "\tSubsystem: Intel Corporation Device [8086:eeed]\n"));
}

/* What pciutils 3.9.0 does not read, or reads from the wrong bits: PCIe §7.7.7, §7.9.24. */
static void test_later_registers(void **state)
{
	(void)state;
	struct cm_fn *made = cm_add(&m, NULL, 0, 0, 0x10, 0x10ca8086, 0x020000);
	cm_pcie(made, 0x40, 0);
	cm_ecap(made, 0x100, 0x27);
	cm_put(made, 0x104, 4, 0xfe01fffe);
	cm_ecap(made, 0x140, 0x27);
	cm_put(made, 0x144, 4, 0x01fe0001);
	cm_ecap(made, 0x180, 0x2e);
	cm_put(made, 0x18c, 4, 0x80000001);
	cm_ecap(made, 0x1c0, 0x2e);
	cm_put(made, 0x1cc, 4, 6);
	scan_all();
	show_all(&(struct show){.verbose = 2});
	assert_non_null(strstr(text, "\t\tPortCap: Uses Driver-\n\t\tPortSta: MargReady+ MargSoftReady-\n"));
	assert_non_null(strstr(text, "\t\tPortCap: Uses Driver+\n\t\tPortSta: MargReady- MargSoftReady+\n"));
	assert_non_null(strstr(text, "\t\tDOESta: Busy+ IntSta- Error- ObjectReady+\n"));
	assert_non_null(strstr(text, "\t\tDOESta: Busy- IntSta+ Error+ ObjectReady-\n"));
}

/* A ROM is where its register says, and cannot be read while either enable bit is clear. */
static void test_rom(void **state)
{
	(void)state;
	static const struct {
		uint32_t rom;
		unsigned command;
		const char *want;
	} row[] = {{0xfe000001, 2, "\tExpansion ROM at fe000000 [size=64K]\n"},
		   {0xfe000001, 5, "\tExpansion ROM at fe000000 [disabled by cmd] [size=64K]\n"},
		   {0xfe000000, 2, "\tExpansion ROM at fe000000 [disabled] [size=64K]\n"}};
	struct cm_fn *end = cm_add(&m, NULL, 0, 0, 0x10, 0x10ca8086, 0x020000);
	struct cm_fn *bridge = cm_bridge(&m, NULL, 0, 0, 0x08, 1, 1, 4);
	scan_all();
	for (unsigned i = 0; i < 2 * ARRAY_LEN(row); i++) {
		struct pci_func *f = pci_find(&pci, bdf_make(0, 0, i % 2 ? 1 : 2, 0));
		assert_non_null(f);
		cm_put(i % 2 ? bridge : end, i % 2 ? 0x38 : 0x30, 4, row[i / 2].rom);
		cm_put(i % 2 ? bridge : end, 4, 2, row[i / 2].command);
		f->rom.size = 64 << 10;
		len = 0;
		show_function(f, &(struct show){.verbose = 1});
		if (!strstr(text, row[i / 2].want))
			fail_msg("\"%s\" is not in\n%s", row[i / 2].want, text);
		f->rom.size = 0;
		len = 0;
		show_function(f, &(struct show){.verbose = 1});
		assert_null(strstr(text, "ROM"));
	}
}

/* CXL's function maps are eight words (CXL 3.0 §8.1.4); pciutils 3.9.0 reads other bytes. */
static void test_cxl_map(void **state)
{
	(void)state;
	struct cm_fn *made = cm_add(&m, NULL, 0, 0, 0x10, 0x10ca8086, 0x020000);
	cm_pcie(made, 0x40, 0);
	cm_ecap(made, 0x100, 0x23);
	cm_put(made, 0x104, 4, 0x02c01e98);
	cm_put(made, 0x108, 2, 2);
	for (unsigned i = 0; i < 9; i++)
		cm_put(made, 0x10c + 4 * i, 4, 0x80000001u + 0x10 * i);
	scan_all();
	show_all(&(struct show){.verbose = 2});
	assert_non_null(strstr(text, ": CXL\n"
				     "\t\tFuncMap 0: 80000001\n\t\tFuncMap 1: 80000011\n"
				     "\t\tFuncMap 2: 80000021\n\t\tFuncMap 3: 80000031\n"
				     "\t\tFuncMap 4: 80000041\n\t\tFuncMap 5: 80000051\n"
				     "\t\tFuncMap 6: 80000061\n\t\tFuncMap 7: 80000071\n\n"));
}

/* Links up to the end of configuration space, and not beyond it. */
static void test_links_to_the_end(void **state)
{
	(void)state;
	struct cm_fn *made = cm_add(&m, NULL, 0, 0, 0x10, 0x10ca8086, 0x020000);
	cm_pcie(made, 0x40, 4);
	cm_ecap(made, 0x100, 0x04);
	cm_ecap(made, 0xfd0, 0x05);
	cm_put(made, 0xfd4, 4, 0x0300);
	for (unsigned i = 0; i < 2; i++)
		cm_put(made, 0xfe8 + 16 * i, 4, 0x1000 * (i + 1));
	scan_all();
	show_all(&(struct show){.verbose = 2});
	assert_non_null(strstr(text, "\t\t\tAddr:\t0000000000001000\n"));
	assert_non_null(strstr(text, "\tLink1:\tDesc:"));
	assert_non_null(strstr(text, "\t\t\tAddr:\t0000000000002000\n"));
	assert_null(strstr(text, "\tLink2:"));
}

/* Buses of several segments stand one below the other. */
static void test_tree_of_segments(void **state)
{
	(void)state;
	cm_add(&m, NULL, 0, 0, 0x08, 0x10ca8086, 0x020000);
	cm_add(&m, NULL, 3, 0x40, 0x10, 0x10ca8086, 0x020000);
	cm_add(&m, NULL, 3, 0x40, 0x18, 0x10ca8086, 0x020000);
	assert_int_equal(pci_scan(&pci, &m.cfg, 0, 0, 255), SL_OK);
	assert_int_equal(pci_scan(&pci, &m.cfg, 3, 0, 255), SL_OK);
	len = 0;
	show_tree(&pci, &(struct show){.segments = true});
	assert_string_equal(text, "-+-[0000:00]---01.0\n"
				  " \\-[0003:40]-+-02.0\n"
				  "             \\-03.0\n");
}

/* One bus, of a segment that is not 0, with its segment. */
static void test_tree_of_one_bus(void **state)
{
	(void)state;
	cm_add(&m, NULL, 3, 0x40, 0x10, 0x10ca8086, 0x020000);
	assert_int_equal(pci_scan(&pci, &m.cfg, 3, 0, 255), SL_OK);
	len = 0;
	show_tree(&pci, &(struct show){.segments = true});
	assert_string_equal(text, "-[0003:40]---02.0\n");
}

/* The first line of a function: names, numbers, both, and what has no name. */
static void test_names(void **state)
{
	(void)state;
	struct pci_func f = {.bdf = {0, 0x0109}, .vendor = 0x8086, .device = 0x10ca, .class = 0x010802};
	shows(&f, 0, "01:01.1 Non-Volatile memory controller: Intel Corporation 82576 Virtual Function\n");
	shows(&f, 1, "01:01.1 0108: 8086:10ca\n");
	shows(&f, 2,
	      "01:01.1 Non-Volatile memory controller [0108]: "
	      "Intel Corporation 82576 Virtual Function [8086:10ca]\n");
	f.class = 0x01ee00; /* the base class has a name, */
	f.revision = 0x1f;
	shows(&f, 0,
	      "01:01.1 Mass storage controller [01ee]: "
	      "Intel Corporation 82576 Virtual Function (rev 1f)\n");
	f.class = 0xee0000; /* and neither */
	f.device = 0xeeee;
	f.revision = 0;
	shows(&f, 0, "01:01.1 Class ee00: Intel Corporation Device eeee\n");
	shows(&f, 2, "01:01.1 Class [ee00]: Intel Corporation Device [8086:eeee]\n");
	f.vendor = 0xeeee;
	shows(&f, 0, "01:01.1 Class ee00: Device eeee:eeee\n");
	shows(&f, 2, "01:01.1 Class [ee00]: Device [eeee:eeee]\n");
}

/* Where registers lie, and in which state. */
static void test_regions(void **state)
{
	(void)state;
	static const struct {
		struct pci_bar bar;
		unsigned command;
		bool virtual;
		const char *want;
	} row[] = {
		{{.addr = 0xe0000000, .size = 4096},
		 2,
		 false,
		 "Memory at e0000000 (32-bit, non-prefetchable) [size=4K]\n"},
		{{.addr = 0x1e0000000, .size = 3 << 20, .mem64 = true, .prefetch = true},
		 1,
		 false,
		 "Memory at 1e0000000 (64-bit, prefetchable) [disabled] [size=3M]\n"},
		{{.addr = 0xc000, .size = 32, .io = true}, 1, false, "I/O ports at c000 [size=32]\n"},
		{{.addr = 0xc000, .size = 32, .io = true},
		 2,
		 false,
		 "I/O ports at c000 [disabled] [size=32]\n"},
		{{.size = 1ull << 50},
		 2,
		 false,
		 "Memory at <unassigned> (32-bit, non-prefetchable) [size=1024T]\n"},
		{{.size = 1ull << 40},
		 2,
		 false,
		 "Memory at <unassigned> (32-bit, non-prefetchable) [size=1T]\n"},
		{{.addr = 0xe0000000, .size = 1 << 30},
		 0,
		 true,
		 "Memory at e0000000 (32-bit, non-prefetchable) [virtual] [size=1G]\n"},
	};
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		struct cm_fn *made = cm_add(&m, NULL, 0, 0, 8 * i, 0x00101b36, 0x010802);
		cm_put(made, 4, 2, row[i].command);
	}
	scan_all();
	for (unsigned i = 0; i < ARRAY_LEN(row); i++) {
		char want[200];
		struct pci_func *f = pci_find(&pci, bdf_make(0, 0, i, 0));
		assert_non_null(f);
		f->bar[5] = row[i].bar;
		f->pf = row[i].virtual ? f : NULL;
		for (unsigned verbose = 1; verbose < 4; verbose++) {
			len = 0;
			show_function(f, &(struct show){.verbose = verbose});
			snprintf(want, sizeof(want), "\n\t%s%s", verbose > 1 ? "Region 5: " : "",
				 row[i].want);
			if (!strstr(text, want))
				fail_msg("\"%s\" is not in\n%s", want, text);
		}
		f->pf = NULL;
	}
}

static void test_recorded(void **state)
{
	(void)state;
	machine("alder-lake-p-laptop-whole-machine", 0, 700);
	machine("asus-p6t6-tree", 0, 700);
	machine("broken-extended-capability-chain", 0, 3);
	machine("cavium-thunderx-nic-ea-sriov", 2, 50);
	machine("haswell-e-root-port-acs-and-connectx3", 0, 100);
	machine("intel-0d93-cxl-accelerator-sriov-ats-pasid", 0, 100);
	machine("intel-82576-sriov-pf", 0, 50);
	machine("intel-skylake-igpu-ats-pasid-pri", 0, 30);
	machine("nics-256-bytes-82599-x710-connectx5", 0, 50);
	machine("pci-x-bridges-and-domains", 4, 200);
	machine("plx-9716-switch-port-acs-dpc", 0, 20);
	machine("resizable-bar", 0, 50);
	machine("root-complex-link-declarations", 0, 200);
	machine("samsung-pm174x-nvme-sriov", 0, 50);
	machine("x99-root-ports", 0, 100);
}

int main(void)
{
	phys_t ram = support_ram(16 << 20, 0x40000000);
	if (pmm_add(ram, 16 << 8) != SL_OK)
		return 1;
	log_sink_add(sink);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recorded, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_made, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_any_bytes, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_ids, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_no_subsystem, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_own_subsystem, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_later_registers, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_rom, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_cxl_map, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_links_to_the_end, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_tree_of_segments, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_tree_of_one_bus, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_names, pci_setup, pci_teardown),
		cmocka_unit_test_setup_teardown(test_regions, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
