/* app=tour: the demo, with a paragraph before each stage for whoever watches. It goes on by itself after
 * seconds=, or with a key. */
#include "apps/report/tour.h"
#include "kernel/log.h"
#include "kernel/serial.h"
#include "kernel/str.h"
#include "kernel/time.h"
#include "kernel/x86/cpu.h"

/* At most 78 columns. */
static const struct page {
	const char *stage, *text;
} pages[] = {
	{"acpi", "From firmware to the machine\n"
		 "  A UEFI loader brought one file. The kernel in it now owns memory, page\n"
		 "  tables, exceptions and the clock. There is no operating system below, and\n"
		 "  none will come.\n"},
	{"cores", "The processors\n"
		  "  Firmware names them in the ACPI tables. Each is started and given stacks and\n"
		  "  protections of its own; those without work are halted.\n"},
	{"pci", "PCI Express\n"
		"  Every function is found by reading configuration space. A function that\n"
		"  masters the bus can read and write all memory: firmware has left many so.\n"
		"  That ends here.\n"},
	{"groups", "Who can be told apart\n"
		   "  Functions that reach each other behind the IOMMU's back, or share an id, can\n"
		   "  not be given to different owners. Each group has its reason, and what to do\n"
		   "  about it.\n"},
	{"iommu", "The IOMMU goes on\n"
		  "  Firmware's DMAR table says where the units are; what is wrong in it is said.\n"
		  "  Then our own tables, empty: from now on no device reaches any memory at all.\n"},
	{"pf", "One device comes back\n"
	       "  An NVMe controller whose disk may be overwritten gets a domain: an address\n"
	       "  space of its own, in which there is its memory and nothing else.\n"},
	{"sriov", "One device becomes many\n"
		  "  By SR-IOV the controller shows more functions, each with registers and\n"
		  "  queues. They can be given to different programs, if they can be held apart.\n"},
	{"domains", "A domain for each\n"
		    "  All see the same device addresses, with different memory behind them. So it\n"
		    "  is translation that holds them apart, not luck. Every table is walked and\n"
		    "  checked.\n"},
	{"verify", "Work, and no result is believed\n"
		   "  All of them write, read, copy, fill and compare at once. Every result is\n"
		   "  held against what the processor computes.\n"},
	{"timed", "How fast\n"
		  "  Random reads against the clock. No interrupts: a core looks at its rings\n"
		  "  itself. Latency is shown by its distribution, as the slowest thousandth is\n"
		  "  what hurts.\n"},
	{"refuse", "What must not happen\n"
		   "  Each function is told to write into memory of every other one and of the\n"
		   "  kernel. The device may well report success. Memory, disk and the IOMMU's\n"
		   "  record decide.\n"},
	{"irqs", "Interrupts are writes, too\n"
		 "  So a device could forge them. With interrupt remapping an interrupt passes\n"
		 "  only by an entry that names its sender. What this machine does not hold back\n"
		 "  is said.\n"},
};

static bool hurry; /* nobody wants to read any more */

static enum sl_err wait(uint32_t seconds)
{
	uint64_t end = now_us() + seconds * 1000000ull;
	while (!hurry && now_us() < end) {
		int key = serial_read();
		if (serial_stop())
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
		log_text("\n-- the tour: any key goes on, q goes on without pauses, Ctrl-C ends it --\n");
	log_text("\n== %u of %u: %s\n", next + 1, (unsigned)ARRAY_LEN(pages), pages[next].text);
	next++;
	return wait(m->cfg->seconds);
}
