/* Configuration space dumps of real machines, which are not part of the source: read from $SLUICE_DATA, or
 * else ../shared/data as seen from the top of the source. */
#pragma once
#include <stdbool.h>
#include <stddef.h>

/* The path of file `name` of the folder lspci. When it is not there, prints a line that begins with SKIP and
 * returns false. */
bool lspci_data(const char *name, char *path, size_t n);

/* Calls fn with the name, without ".txt", of every dump. Returns how many there are; prints SKIP when there
 * are none. */
unsigned lspci_each(void (*fn)(const char *name));
