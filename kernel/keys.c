#include "kernel/keys.h"

#define FIRST    0x04u /* A */
#define KEY_HOME 0x4au
#define KEYPAD   0x54u
#define NON_US   0x64u
#define ESC      "\x1b"

/* From FIRST on; without and with Shift. */
static const char plain[] = "abcdefghijklmnopqrstuvwxyz1234567890\r" ESC "\x7f\t -=[]\\#;'`,./";
static const char shift[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ!@#$%^&*()\r" ESC "\x7f\t _+{}|~:\"~<>?";
_Static_assert(sizeof plain == sizeof shift, "the same keys");

/* What follows ESC [, from Home on: Home, Page Up, Delete, End, Page Down, right, left, down, up. */
static const char after_home[][3] = {"H", "5~", "3~", "F", "6~", "C", "D", "B", "A"};
static const char keypad[] = "/*-+\r1234567890.";

static unsigned one(char c, unsigned modifiers, char *out)
{
	bool in_ctrl = (c >= '@' && c <= '_') || (c >= 'a' && c <= 'z');
	*out = modifiers & KEYS_CTRL && in_ctrl ? (char)(c & 0x1f) : c;
	return 1;
}

unsigned keys_bytes(unsigned key, unsigned modifiers, bool caps, char out[KEYS_BYTES])
{
	bool up = modifiers & KEYS_SHIFT;
	if (key - KEYPAD < sizeof keypad - 1)
		return one(keypad[key - KEYPAD], 0, out);
	if (key == NON_US)
		return one(up ? '|' : '\\', modifiers, out);
	if (key - KEY_HOME < ARRAY_LEN(after_home)) {
		const char *end = after_home[key - KEY_HOME];
		unsigned n = 0;
		out[n++] = '\x1b';
		out[n++] = '[';
		while (*end)
			out[n++] = *end++;
		return n;
	}
	if (key - FIRST >= sizeof plain - 1)
		return 0;
	bool letter = plain[key - FIRST] >= 'a' && plain[key - FIRST] <= 'z';
	return one((up != (caps && letter) ? shift : plain)[key - FIRST], modifiers, out);
}
