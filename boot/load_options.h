/* The load options of an EFI image (UEFI §9.1, LoadOptions): what a boot entry, a boot loader or the UEFI
 * Shell gives the loader as its command line. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum load_options {
	LOAD_OPTIONS_NONE,  /* nothing, or the program's name alone */
	LOAD_OPTIONS_WORDS, /* options for config_parse() */
	LOAD_OPTIONS_OTHER, /* not for Sluice: binary data of firmware, or words without a key=value */
};

#define LOAD_OPTIONS_MAX 4096u /* characters */

/* Makes a line of raw[0..size), UCS-2 or ASCII, of any size and with or without a NUL, and puts it into line,
 * which has room for LOAD_OPTIONS_MAX + 1 characters and ends with a NUL. A first word that is the program's
 * name (it ends in .efi, with or without a path, and has no '=') becomes blanks, and quotation marks of the
 * UEFI Shell are left out. */
enum load_options load_options_read(const uint8_t *raw, size_t size, char *line);
