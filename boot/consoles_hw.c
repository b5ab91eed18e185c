/* Before firmware is left, its console tells where Sluice speaks from there on. */
#include "boot/loader.h"
#include "kernel/fmt.h"
#include "kernel/screen.h"
#include "kernel/str.h"
#include "kernel/uart.h"

struct list {
	char text[160];
	struct acpi_uart uart[CONFIG_CONSOLES + 1]; /* or the four ports and the SPCR's */
	unsigned n;
};
_Static_assert(CONFIG_CONSOLES >= ARRAY_LEN(uart_coms), "room for each");

static void add(struct list *l, const struct acpi_uart *at)
{
	char name[48];
	uart_name(at, name, sizeof name);
	for (unsigned i = 0; i < l->n; i++)
		if (l->uart[i].addr == at->addr && l->uart[i].mmio == at->mmio)
			return;
	size_t used = strlen(l->text);
	fmt_print(l->text + used, sizeof l->text - used, "%s%s", used ? ", " : "", name);
	l->uart[l->n++] = *at;
}

/* What answers at a port; a UART in memory is the kernel's to ask. */
static void ask(struct list *l, const struct acpi_uart *at)
{
	struct uart u = {.at = *at};
	if (at->mmio || uart_answers(&u))
		add(l, at);
}

void consoles_say(const struct config *cfg, const struct acpi *acpi, const struct boot_screen *fb)
{
	struct list l = {.n = 0};
	struct acpi_uart spcr;
	const struct acpi_table *t = acpi_find(acpi, "SPCR", 0);
	for (unsigned i = 0; i < cfg->consoles; i++)
		ask(&l, &cfg->console[i]);
	for (unsigned i = 0; !cfg->consoles && i < ARRAY_LEN(uart_coms); i++) {
		struct acpi_uart com = {.addr = uart_coms[i], .stride = 1};
		ask(&l, &com);
	}
	if (!cfg->consoles && t && acpi_spcr(t->data, &spcr) == SL_OK)
		ask(&l, &spcr);
	const char *why = !cfg->screen ? "screen=0"
			  : fb->width  ? screen_unusable(fb)
				       : "the firmware uses none";
	if (l.n && !why)
		say("sluice: from here on the console is %s and this screen, %ux%u pixels\n", l.text,
		    fb->width, fb->height);
	else if (l.n)
		say("sluice: from here on the console is %s; nothing is drawn on a screen: %s\n", l.text,
		    why);
	else if (!why)
		say("sluice: from here on the console is this screen, %ux%u pixels; no serial port answers\n",
		    fb->width, fb->height);
	else
		say("sluice: no serial port answers, so nothing more is shown unless a PCI serial controller is found; "
		    "nothing is drawn on a screen: %s\n"
		    "        try: console= in sluice.cfg names a UART\n",
		    why);
}
