/* The console UART: a 16550 on ports or in memory. Output only, polled. */
#pragma once
#include "kernel/acpi.h"

#define SERIAL_COM1 0x3f8

/* 115200 baud clock, 8N1. SL_NOTFOUND when nothing answers there: the UART used before goes on
 * being used. */
enum sl_err serial_init(const struct acpi_uart *uart, uint32_t baud) MUST_CHECK;

/* A log sink. */
void serial_write(const char *text, size_t len);
