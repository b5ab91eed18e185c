/* RFC 1951 on the CPU, by stb_image's decoder. An accelerator's deflate output is checked with it. */
#pragma once
#include "kernel/bits.h"

#define INFLATE_PAD 4u

/* Bytes written to out, at most room; -1 when the stream is malformed or does not fit. The decoder expects
 * bytes behind a stream, as a zlib wrapper has them: INFLATE_PAD bytes after in + len are overwritten. */
int inflate(uint8_t *in, size_t len, void *out, size_t room);
