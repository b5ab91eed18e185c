#include "kernel/fmt.h"
#include "kernel/uart.h"

const uint16_t uart_coms[4] = {0x3f8, 0x2f8, 0x3e8, 0x2e8};

/* Two values, so that a bus that floats at one of them does not pass for a UART. */
bool uart_answers(const struct uart *u)
{
	static const uint8_t values[] = {0x5a, 0xa5};
	for (unsigned i = 0; i < ARRAY_LEN(values); i++) {
		uart_wr(u, SCR, values[i]);
		if (uart_rd(u, SCR) != values[i])
			return false;
	}
	return uart_rd(u, LSR) != 0xff;
}

uint32_t uart_divisor(const struct uart *u)
{
	uint8_t lcr = uart_rd(u, LCR);
	uart_wr(u, LCR, lcr | LCR_DLAB);
	uint32_t divisor = uart_rd(u, DLL) | (uint32_t)uart_rd(u, DLM) << 8;
	uart_wr(u, LCR, lcr);
	return divisor;
}

bool uart_is_set_up(const struct uart *u)
{
	return (uart_rd(u, LCR) & (uint8_t)~LCR_DLAB) == LCR_8N1 &&
	       (uart_rd(u, MCR) & MCR_READY) == MCR_READY && uart_divisor(u);
}

uint32_t uart_clock(const struct uart *u)
{
	return u->at.clock ? u->at.clock : UART_CLOCK;
}

void uart_name(const struct acpi_uart *at, char *out, size_t size)
{
	for (unsigned i = 0; i < ARRAY_LEN(uart_coms); i++)
		if (!at->mmio && at->addr == uart_coms[i]) {
			fmt_print(out, size, "COM%u (port 0x%x)", i + 1, uart_coms[i]);
			return;
		}
	fmt_print(out, size, "the UART at %s 0x%llx", at->mmio ? "memory" : "port", (ull)at->addr);
}
