/* The console: everything that shows what is printed (serial line, screen) and everything that keys are typed
 * on. It is one sink of the log; the shell puts its own in that place and writes here itself. Up to four
 * outputs and four inputs. */
#pragma once
#include "kernel/log.h"

#define CONSOLE_DEVICES 4u

/* The next byte typed, as a serial terminal sends it (ESC [ A for the arrow upwards); -1 when there is none.
 * Must not wait. */
typedef int console_input_fn(void);

/* Adds an output, and replays the log's ring to it, or an input. One that is there already, or is one too
 * many, is left out. */
void console_add_output(log_sink_fn *write);
void console_add_input(console_input_fn *read);

/* How many outputs there are: more than the serial line means a screen. */
unsigned console_outputs(void);

/* To every output. A log sink. */
void console_write(const char *text, size_t len);

/* The next byte typed on any input; -1 when there is none. Core 0 only. Every call of this function and of
 * the next one fetches what was typed, into a ring of 256 bytes; input that does not fit is lost. */
int console_read(void);
/* True when Ctrl-C was typed since console_stop_clear(). Long-running code checks this at poll points and
 * ends. Core 0 only. */
bool console_stop(void);
/* Forgets Ctrl-C and, when it came, the input before it. */
void console_stop_clear(void);
