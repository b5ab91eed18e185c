/* One 16550 UART: its registers and state. Used by the loader and the kernel. */
#pragma once
#include "kernel/acpi.h"

/* Where PCs have COM1 to COM4. */
extern const uint16_t uart_coms[4];

/* 16550 registers */
#define RBR       0
#define THR       0
#define DLL       0 /* with LCR.DLAB */
#define IER       1
#define DLM       1 /* with LCR.DLAB */
#define FCR       2
#define LCR       3
#define LCR_8N1   0x03
#define LCR_DLAB  0x80
#define MCR       4
#define MCR_READY 0x03 /* DTR, RTS */
#define LSR       5
#define LSR_DR    0x01
#define LSR_THRE  0x20
#define LSR_TEMT  0x40
#define SCR       7

#define UART_CLOCK 1843200u /* Hz, of a UART whose clock no table names */
#define UART_BAUD  115200u  /* of one that the firmware has not set up */

struct uart {
	struct acpi_uart at;
	volatile uint8_t *regs; /* NULL: on ports */
};

/* Host tests bring their own of these two and of uart_map() (kernel/serial.h). */
uint8_t uart_rd(const struct uart *u, unsigned reg);
void uart_wr(const struct uart *u, unsigned reg, uint8_t value);

/* True when a UART with a scratch register answers. */
bool uart_answers(const struct uart *u);
/* True when the firmware has set it up: 8N1, DTR and RTS on, a divisor. A reset clears all of these. */
bool uart_is_set_up(const struct uart *u);
/* The divisor latch; nothing may be sent meanwhile. */
uint32_t uart_divisor(const struct uart *u);
/* Hz: the clock that a table names, else UART_CLOCK. */
uint32_t uart_clock(const struct uart *u);
/* As text: "COM2 (port 0x2f8)". */
void uart_name(const struct acpi_uart *at, char *out, size_t size);
