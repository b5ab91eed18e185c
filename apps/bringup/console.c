#include "apps/bringup/console.h"
#include "kernel/console.h"
#include "kernel/fmt.h"
#include "kernel/log.h"
#include "kernel/ps2.h"
#include "kernel/screen.h"
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

/* Its controller is asked how it is set up only where the FADT says that it is one, and registers may be
 * written to at all. */
static void add_ps2(const struct machine *m)
{
	const struct acpi_table *fadt = acpi_find(&m->acpi, "FACP", 0);
	if (fadt && !acpi_fadt_i8042(fadt->data))
		return;
	switch (ps2_start(fadt && m->cfg->access != ACCESS_READ)) {
	case PS2_NONE:
		return;
	case PS2_DISABLED:
		log_line("console",
			 "no keys are taken from a PS/2 keyboard: the firmware left its port disabled");
		return;
	case PS2_SET_1:
	case PS2_SET_2:
		log_line("console", "keys are taken from a PS/2 keyboard, if there is one");
		console_add_input(ps2_read);
	}
}

static void say_screen(const struct machine *m)
{
	const struct boot_screen *fb = &m->boot->screen;
	const char *why = screen_unusable(fb);
	char name[80];
	if (!fb->width)
		return;
	if (!screen_name(name, sizeof name)) {
		log_line("console", "nothing is shown on the screen: %s",
			 !m->cfg->screen ? "screen=0"
			 : why           ? why
					 : "its framebuffer lies over other registers or in RAM");
		return;
	}
	log_line("console", "output goes to the screen, %s", name);
	if (fb->screens > 1)
		log_line("console", "of %u screens, this is %s; the others stay as they are", fb->screens,
			 fb->console ? "one that the firmware's console is on"
				     : "the first with a framebuffer; the firmware's console is on none");
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
	add_ps2(m);
	say_screen(m);
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
