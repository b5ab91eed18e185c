#include "apps/inflate.h"
#include "kernel/str.h"

/* Of the PNG reader the decompressor alone is used; its other functions fall away when linking. The buffer
 * that is decoded into is given, so nothing is ever allocated. */
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

int inflate(uint8_t *in, size_t len, void *out, size_t room)
{
	memset(in + len, 0xff, INFLATE_PAD); /* ones, as zeros would end a block of fixed tables */
	return stbi_zlib_decode_noheader_buffer(out, (int)room, (const char *)in, (int)(len + INFLATE_PAD));
}
