/* Registers of a 16550 on ports or in memory. */
#include "kernel/mmio.h"
#include "kernel/uart.h"
#include "kernel/x86/port.h"

uint8_t uart_rd(const struct uart *u, unsigned reg)
{
	if (!u->regs)
		return port_in8((uint16_t)(u->at.addr + reg));
	volatile uint8_t *p = u->regs + reg * u->at.stride;
	return u->at.stride == 4 ? (uint8_t)mmio_rd32(p) : mmio_rd8(p);
}

void uart_wr(const struct uart *u, unsigned reg, uint8_t value)
{
	if (!u->regs)
		port_out8((uint16_t)(u->at.addr + reg), value);
	else if (u->at.stride == 4)
		mmio_wr32(u->regs + reg * 4, value);
	else
		mmio_wr8(u->regs + reg * u->at.stride, value);
}
