/* Text on the framebuffer that firmware set up (UEFI §12.9, Graphics Output Protocol): an output of the
 * console. What stands on the screen is kept in memory: the framebuffer, which is uncached, is written and
 * never read, and only where a character changed. Characters are 8x16 pixels, larger by a whole number on
 * large screens. */
#pragma once
#include "boot/boot_info.h"

/* Pixels of one character, and what fits at most. */
#define SCREEN_WIDE  8u
#define SCREEN_HIGH  16u
#define SCREEN_COLS  256u
#define SCREEN_ROWS  128u
#define SCREEN_FIRST 0x20 /* characters of the font, 16 bytes each */
#define SCREEN_LAST  0x7e
extern const uint8_t screen_font[SCREEN_LAST - SCREEN_FIRST + 1][SCREEN_HIGH];

/* Why nothing can be drawn with these values of the firmware, in words ("it is smaller than 80x25
 * characters"); NULL: it can. */
const char *screen_unusable(const struct boot_screen *fb);

/* Bytes of a pixel, 1 to 4; 0: the format is not described in UEFI. */
unsigned screen_pixel_bytes(const struct boot_screen *fb);

/* Bytes of all lines of pixels: firmware's fb->size may be all of the device's memory. */
uint64_t screen_bytes(const struct boot_screen *fb);

/* Starts to draw: clears all of it. The pixels are screen_bytes(fb) bytes, mapped by the caller, who has
 * checked the values with screen_unusable() and keeps the mapping. */
void screen_start(const struct boot_screen *fb, volatile void *pixels);

/* "1280x800 pixels, 160x50 characters". False when nothing is drawn. */
bool screen_name(char *out, size_t size);
/* Characters of a line, and lines; false when nothing is drawn. */
bool screen_size(unsigned *cols, unsigned *rows);

/* A console output. Understands newline, carriage return, backspace, tab, ESC 7 and ESC 8 (save and restore
 * the cursor), and of ANSI's sequences CSI row ; column H, CSI 6 n (where is the cursor), CSI J and CSI K
 * (clear to the end of the screen, of the line; CSI 2 J all of it); others are left out. */
void screen_write(const char *text, size_t len);

/* A console input: the answers to CSI 6 n, as a terminal sends them. */
int screen_read(void);
