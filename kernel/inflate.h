/* RFC 1951 on the CPU, by stb_image's decoder. The loader unpacks the kernel with it, and an accelerator's
 * deflate output is checked with it. */
#pragma once
#include "kernel/bits.h"

#define INFLATE_PAD 4u

/* Bytes written to out, at most room; -1 when the stream is malformed or does not fit. The decoder expects
 * bytes behind a stream, as a zlib wrapper has them: INFLATE_PAD bytes after in + len are overwritten. */
int inflate(uint8_t *in, size_t len, void *out, size_t room);

/* The same for a gzip file of one member whose header is 10 bytes (RFC 1952, no name, as gzip -n writes it).
 * Reads file only. -1 also when the output length differs from the file's last 4 bytes. */
int gunzip(const uint8_t *file, size_t len, void *out, size_t room);

/* Bytes that gunzip() will write, from the file's end; 0 when it is not a gzip file. */
uint32_t gunzip_size(const uint8_t *file, size_t len);
