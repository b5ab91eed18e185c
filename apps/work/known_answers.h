/* Known answers of NIST's, the IEEE's and the IETF's documents for each algorithm (RFC 1951 has none: its
 * streams are zlib's): the portable code (drivers/crypto) is held to them on the host, an accelerator where
 * it runs. */
#pragma once
#include "drivers/compute.h"

struct kat { /* text is hexadecimal */
	const char *name;
	uint8_t service, cipher, hash;
	const char *key, *iv, *aad, *in, *out, *digest;
};

extern const struct kat kats[];
extern const unsigned kat_count;

#define KAT_MAX 128u /* bytes of any field */
/* The bytes of a field; how many there are. out has room for KAT_MAX. */
unsigned kat_bytes(const char *hex, uint8_t *out);
