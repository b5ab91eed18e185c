/* A PS/2 keyboard behind an i8042 keyboard controller, polled: an input of the console. Firmware has set the
 * controller up; it stays as it is, whether it translates to scan code set 1, as PCs always had it, or not.
 */
#pragma once
#include "kernel/bits.h"

enum ps2 {
	PS2_NONE,     /* no controller answers */
	PS2_SET_1,    /* keys are read */
	PS2_SET_2,    /* keys are read: the controller does not translate */
	PS2_DISABLED, /* firmware has disabled the keyboard's port: there are no keys */
};

/* What there is; keys pressed before are dropped. ask: the controller may be asked for its configuration
 * byte, which is one write to port 64h (command 20h) each time; else, and where it does not answer, it is
 * taken to translate. */
enum ps2 ps2_start(bool ask);

/* The next byte typed; -1 when there is none. Core 0 only. */
int ps2_read(void);

/* The ports 60h (data) and 64h (status, command): host tests bring their own. */
uint8_t ps2_in(uint16_t port);
void ps2_out(uint16_t port, uint8_t v);
