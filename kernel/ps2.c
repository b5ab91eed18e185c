#include "kernel/ps2.h"
#include "kernel/keys.h"
#include "kernel/str.h"
#include "kernel/time.h"

#define DATA   0x60 /* ports of the i8042 */
#define STATUS 0x64 /* read; written, a command */
#define OBF    0x01 /* of the status: a byte is there to be read, */
#define AUX    0x20 /* which is a mouse's; */
#define IBF    0x02 /* the controller has not taken the last command yet */
#define GONE   0xff /* no device drives the bus */

#define READ_CONFIG 0x20 /* command: the configuration byte, of which: */
#define DISABLED    0x10 /* the keyboard's clock is held */
#define TRANSLATES  0x40 /* set 2, which keyboards send, to set 1 */
#define ANSWER_US   20000u
#define ASK_MOST    4u
#define POLL_MOST   100000u /* where the clock stands still */

#define BREAK     0x80
#define EXTENDED  0xe0
#define PAUSE     0xe1 /* with two bytes behind it, pressed as well as released */
#define ACK       0xfa
#define RELEASED  0xf0 /* in set 2: before the code of a key that is released */
#define DROP_MOST 64u
#define DROP_US   100000u
#define READ_MOST 16u

static struct {
	enum ps2 state;
	bool extended, released, caps;
	uint8_t skip; /* bytes of a sequence that means nothing here */
	uint8_t modifiers;
	char byte[KEYS_BYTES];
	unsigned at, n;
} k;

/* Scan code set 1 from 0 on, as HID usages: make codes without a prefix, and those behind E0h that differ. */
static const uint8_t usage[] = {
	0,    0x29, 0x1e, 0x1f, 0x20, 0x21, 0x22, 0x23, 0x24,
	0x25, 0x26, 0x27, 0x2d, 0x2e, 0x2a, 0x2b, /* Esc to Tab */
	0x14, 0x1a, 0x08, 0x15, 0x17, 0x1c, 0x18, 0x0c, 0x12,
	0x13, 0x2f, 0x30, 0x28, 0,    0x04, 0x16, /* Q to S */
	0x07, 0x09, 0x0a, 0x0b, 0x0d, 0x0e, 0x0f, 0x33, 0x34,
	0x35, 0,    0x31, 0x1d, 0x1b, 0x06, 0x19, /* D to V */
	0x05, 0x11, 0x10, 0x36, 0x37, 0x38, 0,    0x55, 0,
	0x2c, 0x39, 0x3a, 0x3b, 0x3c, 0x3d, 0x3e, /* B to F5 */
	0x3f, 0x40, 0x41, 0x42, 0x43, 0x53, 0x47, 0x5f, 0x60,
	0x61, 0x56, 0x5c, 0x5d, 0x5e, 0x57, 0x59,             /* F6 to keypad 1 */
	0x5a, 0x5b, 0x62, 0x63, 0,    0,    0x64, 0x44, 0x45, /* keypad 2 to F12 */
};
static const struct {
	uint8_t code, usage;
} behind_e0[] = {
	{0x1c, 0x58}, {0x35, 0x54}, {0x47, 0x4a}, {0x48, 0x52}, {0x49, 0x4b}, {0x4b, 0x50},
	{0x4d, 0x4f}, {0x4f, 0x4d}, {0x50, 0x51}, {0x51, 0x4e}, {0x53, 0x4c},
};

/* Codes of set 2 as those of set 1, prefixes aside: of the keys above. */
static const uint8_t set_1[] = {
	0,    0x43, 0,    0x3f, 0x3d, 0x3b, 0x3c, 0x58, 0,    0x44, 0x42, 0x40, 0x3e, 0x0f, 0x29, 0, /* 00 */
	0,    0x38, 0x2a, 0,    0x1d, 0x10, 0x02, 0,    0,    0,    0x2c, 0x1f, 0x1e, 0x11, 0x03, 0, /* 10 */
	0,    0x2e, 0x2d, 0x20, 0x12, 0x05, 0x04, 0,    0,    0x39, 0x2f, 0x21, 0x14, 0x13, 0x06, 0, /* 20 */
	0,    0x31, 0x30, 0x23, 0x22, 0x15, 0x07, 0,    0,    0,    0x32, 0x24, 0x16, 0x08, 0x09, 0, /* 30 */
	0,    0x33, 0x25, 0x17, 0x18, 0x0b, 0x0a, 0,    0,    0x34, 0x35, 0x26, 0x27, 0x19, 0x0c, 0, /* 40 */
	0,    0,    0x28, 0,    0x1a, 0x0d, 0,    0,    0x3a, 0x36, 0x1c, 0x1b, 0,    0x2b, 0,    0, /* 50 */
	0,    0x56, 0,    0,    0,    0,    0x0e, 0,    0,    0x4f, 0,    0x4b, 0x47, 0,    0,    0, /* 60 */
	0x52, 0x53, 0x50, 0x4c, 0x4d, 0x48, 0x01, 0x45, 0x57, 0x4e, 0x51, 0x4a, 0x37, 0x49, 0x46, 0, /* 70 */
	0,    0,    0,    0x41,                                                                      /* 80 */
};

static unsigned usage_of(uint8_t code, bool extended)
{
	for (size_t i = 0; extended && i < ARRAY_LEN(behind_e0); i++)
		if (behind_e0[i].code == code)
			return behind_e0[i].usage;
	return !extended && code < ARRAY_LEN(usage) ? usage[code] : KEY_NONE;
}

static uint8_t modifier_of(uint8_t code, bool extended)
{
	uint8_t side = extended ? KEYS_RIGHT : KEYS_LEFT;
	switch (code) {
	case 0x1d:
		return KEYS_CTRL & side;
	case 0x38:
		return KEYS_ALT & side;
	case 0x2a: /* behind E0h the keyboard's own, around keys such as Home */
		return extended ? 0 : KEYS_SHIFT & KEYS_LEFT;
	case 0x36:
		return extended ? 0 : KEYS_SHIFT & KEYS_RIGHT;
	default:
		return 0;
	}
}

static void key(uint8_t code, bool pressed, bool extended)
{
	uint8_t modifier = modifier_of(code, extended);
	if (modifier) {
		k.modifiers = (uint8_t)(pressed ? k.modifiers | modifier : k.modifiers & ~modifier);
		return;
	}
	unsigned what = usage_of(code, extended);
	if (!pressed || !what)
		return;
	k.caps ^= what == KEY_CAPS_LOCK;
	k.at = 0;
	k.n = keys_bytes(what, k.modifiers, k.caps, k.byte);
}

static void scan(uint8_t byte)
{
	bool extended = k.extended, released = k.released, set_2 = k.state == PS2_SET_2;
	if (set_2 && byte == RELEASED) {
		k.released = true; /* E0h may stand before it */
		return;
	}
	k.released = false;
	k.extended = byte == EXTENDED;
	if (k.skip)
		k.skip--;
	else if (byte == PAUSE)
		k.skip = 2;
	else if (set_2 && byte < sizeof set_1)
		key(set_1[byte], !released, extended);
	else if (!set_2 && byte != EXTENDED && byte != ACK && byte)
		key(byte & 0x7f, !(byte & BREAK), extended);
}

/* A byte of the keyboard; false when none is there. Those of a mouse are left out. */
static bool fetch(uint8_t *byte)
{
	for (unsigned i = 0; i < READ_MOST; i++) {
		uint8_t status = ps2_in(STATUS);
		if (status == GONE || !(status & OBF))
			return false;
		*byte = ps2_in(DATA);
		if (!(status & AUX))
			return true;
	}
	return false;
}

/* The configuration byte; false when there is no answer. */
static bool read_config(uint8_t *config)
{
	uint64_t end = now_us() + ANSWER_US;
	unsigned i = 0;
	while (ps2_in(STATUS) & IBF)
		if (++i == POLL_MOST || now_us() > end)
			return false;
	ps2_out(STATUS, READ_CONFIG);
	while (!fetch(config))
		if (++i >= POLL_MOST || now_us() > end)
			return false;
	return true;
}

/* A key that is pressed at that moment may stand before the answer: what comes twice is the answer. */
static enum ps2 ask_controller(void)
{
	uint8_t config, before = 0;
	for (unsigned i = 0; i < ASK_MOST && read_config(&config); i++) {
		if (i && config == before)
			return config & DISABLED ? PS2_DISABLED : config & TRANSLATES ? PS2_SET_1 : PS2_SET_2;
		before = config;
	}
	return PS2_SET_1;
}

enum ps2 ps2_start(bool ask)
{
	uint64_t end = now_us() + DROP_US;
	uint8_t status = ps2_in(STATUS);
	for (unsigned i = 0; status != GONE && status & OBF && i < DROP_MOST && now_us() < end; i++) {
		ps2_in(DATA);
		status = ps2_in(STATUS);
	}
	memset(&k, 0, sizeof k);
	k.state = status == GONE ? PS2_NONE : ask ? ask_controller() : PS2_SET_1;
	return k.state;
}

int ps2_read(void)
{
	uint8_t byte;
	for (unsigned i = 0;
	     (k.state == PS2_SET_1 || k.state == PS2_SET_2) && k.at == k.n && i < READ_MOST && fetch(&byte);
	     i++)
		scan(byte);
	return k.at == k.n ? -1 : (uint8_t)k.byte[k.at++];
}
