/* Firmware files of QAT cards as anyone could have made them: what is taken lies inside of the file, and an
 * image is laid out inside of its room. The checksum is put right, so that what is behind it is reached. */
#include <stdlib.h>
#include <string.h>
#include "drivers/qat/pf.h"

static void inside(struct span whole, struct span part)
{
	if (part.p < whole.p || part.p > whole.p + whole.n || part.n > (size_t)(whole.p + whole.n - part.p))
		__builtin_trap();
}

static void look(struct span file, const struct qat_image *i)
{
	uint64_t n = qat_fw_chunk_bytes(i);
	inside(file, i->header);
	inside(file, i->modulus);
	inside(file, i->exponent);
	inside(file, i->signature);
	inside(file, i->body);
	if (n > QAT_PF_CHUNK)
		__builtin_trap();
	uint8_t *chunk = malloc(n);
	if (chunk)
		qat_fw_chunk(i, 0x3ff, 0x123456000, chunk);
	free(chunk);
}

static void put_checksum(uint8_t *p, size_t n)
{
	uint32_t c = 0;
	for (size_t i = 8; i < n; i++) {
		c ^= (uint32_t)p[i] << 8;
		for (unsigned k = 0; k < 8; k++)
			c = (c << 1 ^ (c & 0x8000 ? 0x1021 : 0)) & 0xffff;
	}
	p[4] = (uint8_t)c;
	p[5] = (uint8_t)(c >> 8);
	p[6] = p[7] = 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct qat_fw_object objects[] = {{"a", 1}, {"b", 6}};
	static const struct qat_fw_chip chips[] = {
		{0x01000000, 0, 256, NULL, 0}, {0x01000000, 0, 1, NULL, 0}, {0x08000000, 0, 2, objects, 2}};
	static struct qat_fw fw;
	struct qat_image mmp;
	uint8_t *copy = malloc(n + 1);
	const char *why = NULL;
	if (!copy)
		return 0;
	memcpy(copy, p, n);
	if (n > 8)
		put_checksum(copy, n);
	struct span file = {copy, n};
	for (unsigned c = 0; c < 2;
	     c++) { /* the other one has images that a fuzzer's inputs are long enough for */
		if (qat_fw_read(file, &chips[c], &fw, &why) == SL_OK)
			for (unsigned i = 0; i < fw.images; i++)
				look(file, &fw.image[i]);
		else if (!why)
			__builtin_trap();
		if (qat_fw_read_mmp(file, &chips[c], &mmp, &why) == SL_OK)
			look(file, &mmp);
	}
	free(copy);
	return 0;
}
