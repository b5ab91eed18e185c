#include "kernel/inflate.h"
#include "kernel/str.h"

/* Only the decompressor of the PNG reader is used; the linker drops its other functions. The caller provides
 * the output buffer, so nothing is ever allocated. */
#define STBI_ONLY_PNG
#define STBI_NO_STDIO
#define STBI_NO_SIMD
#define STBI_NO_LINEAR
#define STBI_NO_HDR
#define STBI_NO_FAILURE_STRINGS
#define STBI_NO_THREAD_LOCALS
#define STBI_MALLOC(n)     ((void)(n), (void *)0)
#define STBI_REALLOC(p, n) ((void)(p), (void)(n), (void *)0)
#define STBI_FREE(p)       ((void)(p))
#define STBI_ASSERT(x)     ((void)(x))
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
/* To the end of the file, as gcc warns of the unused declarations there. */
#pragma GCC diagnostic ignored "-Wunused-function"
#include <stb/stb_image.h>

static int with_pad(uint8_t *in, size_t len, int pad, void *out, size_t room)
{
	memset(in + len, pad, INFLATE_PAD);
	return stbi_zlib_decode_noheader_buffer(out, (int)room, (const char *)in, (int)(len + INFLATE_PAD));
}

/* A truncated stream must not be completed by the bytes behind it: the result must be the same before zeros
 * and before ones. */
int inflate(uint8_t *in, size_t len, void *out, size_t room)
{
	int n = with_pad(in, len, 0, out, room);
	return n >= 0 && with_pad(in, len, 0xff, out, room) == n ? n : -1;
}
