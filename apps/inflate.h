/* RFC 1951 on the CPU, by stb_image's decoder: what an accelerator deflates is checked with it. */
#pragma once
#include "kernel/bits.h"

/* Bytes written to out, at most room; -1 when the stream is not whole and right, or does not fit. */
int inflate(const void *in, size_t len, void *out, size_t room);
