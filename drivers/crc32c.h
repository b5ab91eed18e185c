/* CRC-32C of RFC 3720, which goes on from an earlier one; 0 at the start. */
#pragma once
#include <stddef.h>
#include <stdint.h>

uint32_t crc32c(uint32_t crc, const void *p, size_t n);
