/* The guard of 16-bit T10 protection information: CRC-16, polynomial 8BB7h, nothing reflected or inverted
 * (NVM §5.2.1.1). Computed by the CPU, to check a device's. */
#pragma once
#include <stddef.h>
#include <stdint.h>

/* The guard of n bytes that follow others whose guard is crc; 0 to start. */
uint16_t crc16_t10dif(uint16_t crc, const void *data, size_t n);
