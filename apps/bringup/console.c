#include "apps/bringup/console.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/serial.h"
#include "pci/path.h"
#include "pci/regs.h"

#define CLASS_16550                                                                                          \
	0x0700 /* serial controller; programming interfaces 2 to 6 are compatible with the 16550 */
#define INTERFACE_LO 2
#define INTERFACE_HI 6

static void print_from(unsigned first)
{
	char name[80];
	for (unsigned i = first; serial_name(i, name, sizeof name); i++)
		log_line("console", "output goes to %s; keys are taken from it too", name);
}

static unsigned serial_count(void)
{
	char name[80];
	unsigned n = 0;
	while (serial_name(n, name, sizeof name))
		n++;
	return n;
}

static void add_spcr(const struct machine *m)
{
	const struct acpi_table *t = acpi_find(&m->acpi, "SPCR", 0);
	struct acpi_uart uart;
	if (!t || acpi_spcr(t->data, &uart))
		return;
	uint32_t baud = m->cfg->baud;
	enum sl_err e = serial_add(&uart, baud ? baud : uart.baud);
	log_line("acpi", "SPCR names the UART at %s 0x%llx as console: %s", uart.mmio ? "memory" : "port",
		 (ull)uart.addr, sl_err_text(e));
}

void console_from_acpi(const struct machine *m)
{
	const struct config *cfg = m->cfg;
	if (!cfg->consoles)
		add_spcr(m);
	for (unsigned i = 0; i < cfg->consoles; i++) {
		const struct acpi_uart *u = &cfg->console[i];
		enum sl_err e = serial_add(u, cfg->baud);
		if (e)
			log_warn("console", "console= names a UART at %s 0x%llx, and it is not used: %s",
				 u->mmio ? "memory" : "port", (ull)u->addr, sl_err_text(e));
	}
	print_from(0);
}

/* BAR 0 has the registers; firmware has switched the decoding on where the function is its console. */
static bool pci_uart(const struct pci_func *f, struct acpi_uart *out)
{
	const struct pci_bar *bar = &f->bar[0];
	uint8_t interface = f->class & 0xff;
	*out = (struct acpi_uart){.addr = bar->addr, .mmio = !bar->io, .stride = 1};
	return f->class >> 8 == CLASS_16550 && interface >= INTERFACE_LO && interface <= INTERFACE_HI &&
	       bar->addr && (bar->size >= 8 || f->cfg->read_only) &&
	       fn_rd16(f, CFG_CMD) & (bar->io ? CMD_IOSE : CMD_MSE);
}

void console_from_pci(const struct machine *m)
{
	const struct config *cfg = m->cfg;
	unsigned before = serial_count();
	struct acpi_uart uart;
	PCI_EACH(f, &m->pci) {
		if (cfg->consoles || !pci_uart(f, &uart) || pci_power_on(f))
			continue;
		enum sl_err e = serial_add(&uart, cfg->baud);
		if (e)
			log_line("console", BDF_FMT " is a serial controller without a UART that answers: %s",
				 BDF_ARG(f->bdf), sl_err_text(e));
	}
	print_from(before);
}
