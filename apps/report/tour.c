/* app=tour: the demo, with a paragraph before each stage for the viewer. Continues after seconds=, or at a
 * key. */
#include "apps/report/tour.h"
#include "kernel/log.h"
#include "kernel/console.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/cpu.h"

/* At most 78 columns. */
static const struct page {
	const char *stage, *text;
} pages[] = {
	{"acpi", "From the firmware to the machine\n"
		 "  A UEFI loader brought one file. The kernel in it now owns memory, page\n"
		 "  tables, exceptions and the clock. There is no operating system below it.\n"},
	{"cores", "The processors\n"
		  "  The firmware lists them in the ACPI tables. Each one is started and gets its\n"
		  "  own stacks and protections; idle cores are halted.\n"},
	{"pci", "PCI Express\n"
		"  Every function is found by reading configuration space. A function that is a\n"
		"  bus master can read and write all memory, and the firmware left many in that\n"
		"  state. That ends here.\n"},
	{"groups", "IOMMU groups\n"
		   "  Functions that reach each other without passing the IOMMU, or share an id,\n"
		   "  need the same owner. Each group comes with the reason, and with what you can\n"
		   "  do about it.\n"},
	{"iommu", "The IOMMU is enabled\n"
		  "  The firmware's DMAR table says where the units are; its problems are listed.\n"
		  "  Then our own tables are used. They are empty: no device reaches any memory.\n"},
	{"pf", "One device gets memory\n"
	       "  An NVMe controller whose disk may be overwritten gets a domain: its own\n"
	       "  address space, which contains its memory and nothing else.\n"},
	{"sriov", "One device becomes many\n"
		  "  With SR-IOV the controller presents more functions, each with registers and\n"
		  "  queues. Different programs can use them, if each is isolated from the others.\n"},
	{"domains", "A domain for each\n"
		    "  All of them see the same device addresses, with different memory behind them,\n"
		    "  so only translation isolates them. Every table is walked and checked.\n"},
	{"verify", "Work, with every result checked\n"
		   "  All of them write, read, copy, fill and compare at once. Every result is\n"
		   "  compared with what the processor computes.\n"},
	{"timed", "Speed\n"
		  "  Random reads against the clock. No interrupts: each core polls its rings.\n"
		  "  Latency is shown as a distribution, because the slowest thousandth is what\n"
		  "  hurts.\n"},
	{"refuse", "DMA that has to be refused\n"
		   "  Each function is told to write to the memory of every other function and of\n"
		   "  the kernel. The device may report success all the same; the verdict is from\n"
		   "  memory, disk and the IOMMU's record.\n"},
	{"irqs", "Interrupts are writes, too\n"
		 "  So a device could forge them. With interrupt remapping, an interrupt passes\n"
		 "  only through an entry that names its sender. Anything that this machine fails\n"
		 "  to block is reported.\n"},
};

static bool hurry; /* the viewer has asked to skip the pauses */

static enum sl_err wait(uint32_t seconds)
{
	uint64_t end = now_us() + seconds * 1000000ull;
	while (!hurry && now_us() < end) {
		int key = console_read();
		if (console_stop())
			return SL_STOPPED;
		hurry = key == 'q';
		if (key >= 0)
			break;
		cpu_pause();
	}
	return SL_OK;
}

enum sl_err tour_page(const struct machine *m, const char *stage)
{
	static unsigned next; /* a stage that comes twice is explained once */
	if (next == ARRAY_LEN(pages) || strcmp(pages[next].stage, stage) != 0)
		return SL_OK;
	if (!next)
		log_text("\n-- the tour: any key continues, q continues without pauses, Ctrl-C ends it --\n");
	log_text("\n== %u of %u: %s\n", next + 1, (unsigned)ARRAY_LEN(pages), pages[next].text);
	next++;
	return wait(m->cfg->seconds);
}
