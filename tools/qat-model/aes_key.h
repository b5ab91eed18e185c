/* The AES key schedule backwards.
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Turns the end of a key's schedule (16 bytes: the last round key; 32: the last, then the one before) into
 * the key. False for other lengths: those are not specified. FIPS 197 §5.2 */
bool aes_key_first(uint8_t *key, size_t len);
