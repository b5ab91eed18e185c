/* The console UART: a 16550 on ports or in memory, polled both ways. */
#pragma once
#include "kernel/acpi.h"

#define SERIAL_COM1 0x3f8

/* 115200 baud clock, 8N1. SL_NOTFOUND when nothing answers there: the UART used before goes on
 * being used. */
enum sl_err serial_init(const struct acpi_uart *uart, uint32_t baud) MUST_CHECK;

/* A log sink. */
void serial_write(const char *text, size_t len);

/* What is typed. Bytes are fetched whenever core 0 writes and in these calls, which are core 0's, and wait in
 * a ring of 256; what comes while that is full is lost. -1 when nothing has come. */
int serial_read(void);
/* True when Ctrl-C was typed since serial_stop_clear(): what runs ends itself soon. It is asked at poll
 * points. */
bool serial_stop(void);
/* Forgets Ctrl-C and, when it came, what was typed before it. */
void serial_stop_clear(void);
