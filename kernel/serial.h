/* The serial console: 16550 UARTs on ports or in memory, polled both ways. Output goes to every UART that was
 * added. A UART that stops taking bytes costs at most a second: from then on its text waits in a ring that
 * all UARTs share and is sent once the UART takes bytes again. Only text pushed out of the ring is lost; it
 * is counted. */
#pragma once
#include "kernel/uart.h"

#define SERIAL_UARTS     6
#define SERIAL_RING      65536u
#define SERIAL_FLUSH_US  15000000u /* at the end of a run: longer than a reader is likely to pause */
#define SERIAL_BAUD_KEEP 0         /* for serial_add(): the rate that the UART has now */

/* Maps the registers. SL_NOMEM when they cannot be mapped. */
enum sl_err uart_map(const struct acpi_uart *at, struct uart *out) MUST_CHECK;

/* Adds the UART, 8N1 at baud, and sends it the ring's content; for one added before, only sets the rate. With
 * SERIAL_BAUD_KEEP the divisor stays when the firmware has set the UART up, else it becomes 115200.
 * SL_NOTFOUND when no UART with a scratch register answers there, SL_NOSPACE after SERIAL_UARTS. */
enum sl_err serial_add(const struct acpi_uart *at, uint32_t baud) MUST_CHECK;

/* UART i, from 0 on, as text: "COM2 (port 0x2f8), 115200 8N1". False after the last. */
bool serial_name(unsigned i, char *out, size_t size);

/* A console output. */
void serial_write(const char *text, size_t len);
/* Waits until all text is sent, or until a UART has not taken a byte for stall_us: that one is waited
 * for a second when asked again. */
void serial_flush(uint64_t stall_us);
/* Bytes of output pushed out of the ring before a UART took them: the maximum over the UARTs that take bytes
 * now. */
uint64_t serial_lost(void);

/* A console input. Bytes are fetched in these calls and whenever core 0 writes, into a ring of 256 bytes;
 * input that does not fit is lost. These calls also send waiting output as far as the UARTs take it. */
int serial_read(void);
