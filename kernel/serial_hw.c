/* The registers of a console in memory are mapped by the kernel's tables. */
#include "kernel/serial.h"
#include "kernel/paging.h"

enum sl_err uart_map(const struct acpi_uart *at, struct uart *out)
{
	*out = (struct uart){.at = *at};
	if (at->mmio)
		out->regs = mmio_claim("a UART", PHYS(at->addr), 8ull * at->stride, PHYS_UART);
	return at->mmio && !out->regs ? SL_NOMEM : SL_OK;
}
