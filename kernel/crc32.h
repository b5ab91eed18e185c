/* CRC-32 of IEEE 802.3, as zlib's crc32() counts it. */
#pragma once
#include "kernel/bits.h"

/* Continues crc (0: begins) over n bytes. */
uint32_t crc32(uint32_t crc, const void *p, size_t n);
