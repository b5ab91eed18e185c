#include "kernel/core.h"
#include "kernel/mmio.h"
#include "kernel/serial.h"
#include "kernel/x86/cpu.h"
#include "kernel/x86/paging.h"
#include "kernel/x86/port.h"

/* 16550 registers */
#define RBR       0
#define THR       0
#define DLL       0
#define IER       1
#define DLM       1
#define FCR       2
#define LCR       3
#define MCR       4
#define LSR       5
#define SCR       7
#define LSR_DR    0x01
#define LSR_THRE  0x20
#define FIFO_SIZE 16
#define CTRL_C    3

static struct uart {
	uint16_t port;
	volatile uint8_t *regs; /* NULL: on ports */
	unsigned stride;
} uart;

static uint8_t rd(unsigned r)
{
	if (!uart.regs)
		return port_in8((uint16_t)(uart.port + r));
	return uart.stride == 4 ? (uint8_t)mmio_rd32(uart.regs + r * 4) : mmio_rd8(uart.regs + r);
}

static void wr(unsigned r, uint8_t v)
{
	if (!uart.regs)
		port_out8((uint16_t)(uart.port + r), v);
	else if (uart.stride == 4)
		mmio_wr32(uart.regs + r * 4, v);
	else
		mmio_wr8(uart.regs + r, v);
}

enum sl_err serial_init(const struct acpi_uart *at, uint32_t baud)
{
	volatile uint8_t *regs =
		at->mmio ? (volatile uint8_t *)mmio_claim("the UART of the SPCR", PHYS(at->addr),
							  8ull * at->stride, PHYS_UART)
			 : NULL;
	if (at->mmio && !regs)
		return SL_RANGE;
	struct uart before = uart;
	uart.port = (uint16_t)at->addr;
	uart.regs = regs;
	uart.stride = at->stride;
	wr(SCR, 0x5a);
	if (rd(SCR) != 0x5a) {
		uart = before;
		return SL_NOTFOUND;
	}
	uint32_t divisor = 115200 / baud;
	wr(IER, 0);
	wr(LCR, 0x80);
	wr(DLL, (uint8_t)divisor);
	wr(DLM, (uint8_t)(divisor >> 8));
	wr(LCR, 3);
	wr(FCR, 7);
	wr(MCR, 3);
	return SL_OK;
}

static struct {
	uint8_t byte[256];
	unsigned head, tail; /* free-running */
	bool stop;
} typed;

/* At most a FIFO a time; a UART that is gone reads all ones. */
static void receive(void)
{
	if (core_index() != 0)
		return;
	for (unsigned i = 0; i < FIFO_SIZE; i++) {
		uint8_t lsr = rd(LSR);
		if (lsr == 0xff || !(lsr & LSR_DR))
			return;
		uint8_t c = rd(RBR);
		if (c == CTRL_C)
			typed.stop = true;
		if (typed.head - typed.tail < sizeof typed.byte)
			typed.byte[typed.head++ % sizeof typed.byte] = c;
	}
}

int serial_read(void)
{
	receive();
	return typed.head == typed.tail ? -1 : typed.byte[typed.tail++ % sizeof typed.byte];
}

bool serial_stop(void)
{
	receive();
	return typed.stop;
}

void serial_stop_clear(void)
{
	if (typed.stop)
		typed.tail = typed.head;
	typed.stop = false;
}

/* Room for a whole FIFO; false when the UART does not drain (a second's worth of polls: nobody listens, or it
 * is gone). */
static bool wait_empty(void)
{
	for (unsigned i = 0; i < 1000000; i++)
		if (rd(LSR) & LSR_THRE)
			return true;
	return false;
}

void serial_write(const char *text, size_t len)
{
	static bool stuck;
	unsigned room = 0;
	for (size_t i = 0; i < len && !stuck;) {
		bool cr = text[i] == '\n';
		if (room < 2) {
			receive();
			stuck = !wait_empty();
			room = FIFO_SIZE;
		}
		if (cr) {
			wr(THR, '\r');
			room--;
		}
		wr(THR, (uint8_t)text[i++]);
		room--;
	}
}
