/* A compressed kernel of any bytes: nothing outside of its memory is read or written. */
#include <stdlib.h>
#include "boot/unlzma.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static uint16_t work[UNLZMA_WORK / 2];
	struct span file = {p, n};
	uint64_t size = unlzma_size(file);
	if (size > 100000)
		size = 1000;
	uint8_t *out = malloc((size_t)size + 1);
	(void)!unlzma(file, work, out, (size_t)size);
	free(out);
	return 0;
}
