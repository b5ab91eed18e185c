/* The serial console: 16550 UARTs on ports or in memory, polled both ways. What is written goes to every one
 * that was added. A UART that stops taking bytes costs at most a second: from then on its text waits in a
 * ring that all UARTs share, is sent as soon as bytes are taken again, and only what is pushed out of the
 * ring is lost and counted. */
#pragma once
#include "kernel/uart.h"

#define SERIAL_UARTS     6
#define SERIAL_RING      65536u
#define SERIAL_FLUSH_US  15000000u /* at the end of a run: longer than a reader is likely to pause */
#define SERIAL_BAUD_KEEP 0         /* for serial_add(): the rate that the UART has now */

/* Maps the registers. SL_NOMEM when they cannot be mapped. */
enum sl_err uart_map(const struct acpi_uart *at, struct uart *out) MUST_CHECK;

/* Adds the UART, 8N1 at baud, and gives it what the ring still holds; for one that was added before only the
 * rate is set. With SERIAL_BAUD_KEEP the divisor stays where firmware has set the UART up, else it becomes
 * 115200. SL_NOTFOUND when no UART with a scratch register answers there, SL_NOSPACE after SERIAL_UARTS. */
enum sl_err serial_add(const struct acpi_uart *at, uint32_t baud) MUST_CHECK;

/* UART i, from 0 on, for a person: "COM2 (port 0x2f8), 115200 8N1". False when there are no more. */
bool serial_name(unsigned i, char *out, size_t size);

/* A log sink. */
void serial_write(const char *text, size_t len);
/* Waits until all text is sent, or until a UART has not taken a byte for stall_us: that one is waited
 * for a second when asked again. */
void serial_flush(uint64_t stall_us);
/* Bytes of output that were pushed out of the ring before a UART took them: the most of any UART that takes
 * bytes now. */
uint64_t serial_lost(void);

/* What is typed, on any of them. Bytes are fetched whenever core 0 writes and in these calls, which are core
 * 0's, and wait in a ring of 256; what comes while that is full is lost. These calls also send what waits, as
 * far as that takes no time. -1 when nothing has come. */
int serial_read(void);
/* True when Ctrl-C was typed since serial_stop_clear(): what runs ends itself soon. It is asked at poll
 * points. */
bool serial_stop(void);
/* Forgets Ctrl-C and, when it came, what was typed before it. */
void serial_stop_clear(void);
