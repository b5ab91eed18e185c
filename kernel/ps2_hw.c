#include "kernel/ps2.h"
#include "kernel/x86/port.h"

uint8_t ps2_in(uint16_t port)
{
	return port_in8(port);
}

void ps2_out(uint16_t port, uint8_t v)
{
	port_out8(port, v);
}
