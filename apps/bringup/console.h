/* Which UARTs are the console. */
#pragma once
#include "apps/machine.h"

/* Stage acpi: adds the UART that the SPCR table names, at its rate, or those in memory that console= names,
 * and prints the console's UARTs so far. */
void console_from_acpi(const struct machine *m);
/* Stage pci: adds the UARTs that are PCI functions, unless console= names others. */
void console_from_pci(const struct machine *m);
