/* Keys as the bytes that a serial terminal sends for them, for a US layout. Keys are numbered as in HID Usage
 * Tables 1.4 §10, page 07h, whatever keyboard they come from. */
#pragma once
#include "kernel/bits.h"

/* Modifiers, as a boot keyboard reports them: HID 1.11 §8.3. */
#define KEYS_CTRL  0x11u /* left, right */
#define KEYS_SHIFT 0x22u
#define KEYS_ALT   0x44u
#define KEYS_LEFT  0x0fu /* of any modifier: the key on the left, */
#define KEYS_RIGHT 0xf0u /* and the one on the right */

#define KEY_NONE      0x00u
#define KEY_CAPS_LOCK 0x39u
#define KEYS_BYTES    5u

/* What a press of that key sends, at most KEYS_BYTES bytes; returns how many, 0 for a key that sends nothing.
 * The keypad has digits, as with Num Lock. caps: Caps Lock is on. */
unsigned keys_bytes(unsigned key, unsigned modifiers, bool caps, char out[KEYS_BYTES]);
