/* What firmware says about the screen, checked: for the loader, which announces it, and the kernel. */
#include "kernel/screen.h"

#define SIDE_MOST  16384u /* pixels */
#define COLS_LEAST 80u
#define ROWS_LEAST 25u

/* Bytes of a pixel: UEFI §12.9.2, EFI_PIXEL_BITMASK; the highest bit of the masks says how many. 0: none. */
unsigned screen_pixel_bytes(const struct boot_screen *fb)
{
	uint32_t all = fb->red | fb->green | fb->blue | fb->reserved;
	if (fb->format == BOOT_SCREEN_RGB || fb->format == BOOT_SCREEN_BGR)
		return 4;
	if (fb->format != BOOT_SCREEN_MASK || !(fb->red | fb->green | fb->blue))
		return 0;
	return all >> 24 ? 4 : all >> 16 ? 3 : all >> 8 ? 2 : 1;
}

uint64_t screen_bytes(const struct boot_screen *fb)
{
	return (uint64_t)fb->stride * fb->height * screen_pixel_bytes(fb);
}

const char *screen_unusable(const struct boot_screen *fb)
{
	unsigned bytes = screen_pixel_bytes(fb);
	if (fb->format == BOOT_SCREEN_BLT)
		return "its mode has no framebuffer (PixelBltOnly), so only firmware can draw on it";
	if (!fb->base || !bytes)
		return "its pixel format is none that UEFI describes";
	if (fb->width > SIDE_MOST || fb->height > SIDE_MOST || fb->stride < fb->width ||
	    fb->stride > SIDE_MOST)
		return "its size is not a screen's";
	if (fb->width < COLS_LEAST * SCREEN_WIDE || fb->height < ROWS_LEAST * SCREEN_HIGH)
		return "it is smaller than 80x25 characters";
	if (screen_bytes(fb) > fb->size)
		return "its framebuffer is smaller than its pixels";
	return NULL;
}
