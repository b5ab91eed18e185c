/* The shell's input and output: every console device. Today that is the serial console (kernel/serial.h); a
 * further device is a row in console.c. */
#pragma once
#include "kernel/log.h"

/* To every device. */
void console_write(const char *text, size_t len);
/* The next byte that was typed on any of them; -1 when there is none. */
int console_read(void);
/* True when Ctrl-C was typed since console_stop_clear(). */
bool console_stop(void);
void console_stop_clear(void);

/* From now on the log writes to sink instead of the devices, and sink writes to them; then back. */
void console_take(log_sink_fn *sink);
void console_give_back(log_sink_fn *sink);
