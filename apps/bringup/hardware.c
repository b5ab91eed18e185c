#include "apps/bringup/hardware.h"
#include <stdarg.h>
#include "apps/bringup/hardware_errors.h"
#include "kernel/core.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/time.h"
#include "kernel/hwerr.h"
#include "pci/errors.h"
#include "pci/regs.h"

#define LINES_MAX 16u /* of one kind; after that they are counted */
#define TICK_US   1000000u
#define LOOK_US   10000000u

static unsigned nmis_told[CORES_MAX];

static bool counted(unsigned *n)
{
	return (*n)++ < LINES_MAX;
}

/* For the audit's report: n errors; who as printf. */
static void note(enum hardware_source source, enum hardware_grade grade, unsigned n, const char *text,
		 const char *who, ...) PRINTF_LIKE(5, 6);
static void note(enum hardware_source source, enum hardware_grade grade, unsigned n, const char *text,
		 const char *who, ...)
{
	struct hardware_error e = {.source = (uint8_t)source, .grade = (uint8_t)grade, .count = n};
	va_list ap;
	va_start(ap, who);
	fmt_vprint(e.who, sizeof e.who, who, ap);
	va_end(ap);
	fmt_print(e.text, sizeof e.text, "%s", text);
	hardware_errors_add(hardware_errors(), &e);
}

/* --- NMIs */

static const char *why(uint8_t port)
{
	return port == 0xff  ? "no device answers at that port"
	       : port & 0x80 ? "SERR# (bit 7): a PCI device or the chipset reports a system error"
	       : port & 0x40
		       ? "IOCHK# (bit 6): a device on the LPC or eSPI bus reports an error"
		       : "neither SERR# nor IOCHK#: it was sent from outside, by a BMC or its button, by firmware or by a hypervisor";
}

static void say_nmis(struct machine *m)
{
	for (unsigned i = 0; i < core_count(); i++) {
		uint8_t port;
		unsigned n = hwerr_nmis(i, &port), more = n - nmis_told[i];
		if (!more)
			continue;
		nmis_told[i] = n;
		bool show = counted(&m->hw.nmis);
		note(HARDWARE_NMI, HARDWARE_UNCORRECTED, more, why(port), "core %u", i);
		m->hw.nmis += more - 1;
		if (show)
			log_fail(
				"hardware", "the machine's event log (IPMI SEL) says who sent it",
				"non-maskable interrupts on core %u that no core sent: %u, port 61h reads 0x%02x: %s",
				i, more, port, why(port));
	}
}

/* A source that was set without an interrupt: NMIs may be masked, in the chipset or in the local APIC. One
 * that does not clear is reported once. */
static uint8_t new_sources(void)
{
	static uint8_t told;
	uint8_t port = hwerr_port(), now = port == 0xff ? 0 : port & 0xc0, new = now &(uint8_t)~told;
	told = now;
	return new ? port : 0;
}

static void say_sources(struct machine *m)
{
	uint8_t port = new_sources();
	if (!port)
		return;
	note(HARDWARE_NMI, HARDWARE_UNCORRECTED, 1, why(port), "machine");
	if (counted(&m->hw.nmis))
		log_fail("hardware", "the machine's event log (IPMI SEL) says who reported it",
			 "port 61h reads 0x%02x, and no core was interrupted: %s", port, why(port));
}

/* --- machine checks */

static void say_machine_check(struct machine *m, unsigned core, const struct hwerr *h)
{
	char text[200];
	mca_text(&h->e, text, sizeof text);
	note(HARDWARE_MCE,
	     h->before                    ? HARDWARE_BEFORE
	     : h->e.kind == MCA_CORRECTED ? HARDWARE_CORRECTED
					  : HARDWARE_UNCORRECTED,
	     1, text, "core %u", core);
	if (h->before) {
		log_warn("hardware", "core %u has a machine check from before this run: %s", core, text);
	} else if (h->e.kind == MCA_CORRECTED) {
		if (counted(&m->hw.mces_corrected))
			log_warn("hardware", "core %u: corrected machine check: %s", core, text);
	} else if (counted(&m->hw.mces)) {
		log_fail(
			"hardware",
			"memory, cache or bus as the line names it; the machine's event log (IPMI SEL) names the part",
			"core %u: uncorrected machine check, in data that nothing has used: %s", core, text);
	}
}

static void say_machine_checks(struct machine *m)
{
	struct hwerr h;
	unsigned lost;
	for (unsigned i = 0; i < core_count(); i++)
		while (hwerr_next(i, &h, &lost)) {
			if (lost)
				log_warn("hardware",
					 "core %u: %u machine checks before this one were not kept", i, lost);
			say_machine_check(m, i, &h);
		}
}

/* --- PCI Express */

static bool is_above(const struct pci_func *f, const struct pci_func *below)
{
	while (below && below != f)
		below = below->parent;
	return below;
}

/* It masters the bus, or a function below it does. */
static bool in_use(const struct machine *m, const struct pci_func *f)
{
	PCI_EACH(g, &m->pci)
		if (!g->is_bridge && fn_rd16(g, CFG_CMD) & CMD_BME && is_above(f, g))
			return true;
	return false;
}

static void note_function(const struct pci_func *f, enum hardware_grade grade, const char *text)
{
	note(HARDWARE_AER, grade, 1, text, BDF_FMT, BDF_ARG(f->bdf));
}

static void say_lost(struct machine *m, const struct pci_func *f, const char *text)
{
	note_function(f, HARDWARE_UNCORRECTED, text);
	if (counted(&m->hw.aers))
		log_fail(
			"hardware",
			"reseat the card; another slot or cable; fewer lanes or a lower link speed in firmware setup; lspci -vv shows the registers",
			BDF_FMT ": uncorrectable PCIe error: %s", BDF_ARG(f->bdf), text);
}

static void say_function(struct machine *m, struct pci_func *f, bool provoked)
{
	struct pci_errors e;
	char text[400];
	pci_errors_take(f, &e);
	if (e.class == PCI_ERROR_NONE)
		return;
	pci_errors_text(&e, text, sizeof text);
	if (e.class == PCI_ERROR_LOST || (e.class == PCI_ERROR_REFUSED && !provoked && in_use(m, f))) {
		say_lost(m, f, text);
	} else if (e.class == PCI_ERROR_REFUSED) {
		note_function(f, HARDWARE_REFUSED, text);
		if (counted(&m->hw.aers_refused))
			log_line("hardware", BDF_FMT " reports a refused request (%s): %s", BDF_ARG(f->bdf),
				 provoked ? "expected in this stage" : "it is not in use", text);
	} else {
		note_function(f, HARDWARE_CORRECTED, text);
		if (counted(&m->hw.aers_corrected))
			log_warn("hardware", BDF_FMT ": corrected PCIe error: %s", BDF_ARG(f->bdf), text);
	}
}

static void say_functions(struct machine *m, bool provoked)
{
	PCI_EACH(f, &m->pci)
		say_function(m, f, provoked);
}

/* --- */

/* Prints and clears functions' errors from before this run. */
enum sl_err stage_hardware(struct machine *m)
{
	struct pci_errors e;
	char text[400];
	unsigned silent, banks = hwerr_banks(&silent), express = 0, before = 0;
	PCI_EACH(f, &m->pci) {
		pci_errors_take(f, &e);
		express += f->cap_pcie != 0;
		before += e.class != PCI_ERROR_NONE;
		pci_errors_text(&e, text, sizeof text);
		if (e.class != PCI_ERROR_LOST)
			continue;
		note_function(f, HARDWARE_BEFORE, text);
		log_warn("hardware", BDF_FMT " has an uncorrectable PCIe error from before this run: %s",
			 BDF_ARG(f->bdf), text);
	}
	uint8_t port = new_sources();
	if (port)
		log_warn("hardware", "port 61h has a system error from before this run, 0x%02x: %s", port,
			 why(port));
	m->hw.begun = true;
	log_line(
		"hardware",
		"errors are checked after each stage: machine-check banks of each core: %u, left off by the firmware: %u; PCIe functions: %u, with error bits from before: %u",
		banks, silent, express, before);
	return SL_OK;
}

void hardware_say(struct machine *m, bool provoked)
{
	hwerr_look();
	say_nmis(m);
	if (m->hw.begun)
		say_sources(m);
	say_machine_checks(m);
	if (m->hw.begun)
		say_functions(m, provoked);
}

void hardware_tick(struct machine *m)
{
	static uint64_t next;
	if (now_us() >= next) {
		next = now_us() + TICK_US;
		hardware_say(m, false);
		return;
	}
	say_nmis(m);
	say_machine_checks(m);
}

static void nothing(void *arg)
{
	(void)arg; /* a core looks at its banks before and after work */
}

/* A core that was given up is busy, and is left out. */
static void look_everywhere(void)
{
	for (unsigned i = 1; i < core_count(); i++)
		if (core_run(i, nothing, NULL) == SL_OK && core_join(i, now_us() + LOOK_US))
			return; /* core_join() has reported it */
}

enum sl_err hardware_verdict(struct machine *m, const char **failed, enum sl_err e)
{
	const struct hardware *h = &m->hw;
	look_everywhere();
	hardware_say(m, false);
	if (h->mces_corrected || h->aers_corrected)
		log_warn("hardware", "corrected in this run: machine checks: %u, PCIe errors: %u",
			 h->mces_corrected, h->aers_corrected);
	enum sl_err own = h->mces ? SL_MCE : h->aers ? SL_AER : h->nmis ? SL_NMI : SL_OK;
	bool explains = own == SL_NMI ? !e : !e || e == SL_TIMEOUT || e == SL_DEVICE;
	if (!own || !explains)
		return e;
	*failed = "hardware";
	return own;
}
