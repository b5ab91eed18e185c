#include "drivers/qat/fw.h"
#include "kernel/str.h"

/* File: header, chunk headers, chunks. The first chunk holds strings, the others an image each. Chunks are
 * told apart by their place, not by their names: so does the vendor's driver. */
#define SUOF_ID       0x53554f46u
#define SUOF_CHECKED  8u /* the checksum is over all from here on */
#define SUOF_MINOR    8u
#define SUOF_MAJOR    9u
#define SUOF_TYPE     10u
#define SUOF_CHUNKS   14u
#define SUOF_HEADER   16u
#define CHUNK_OFFSET  8u
#define CHUNK_HEADER  24u
#define OBJECT_HEADER 8u /* in front of an image: its length, reserved */

/* A file of files: the header is the same, the first chunk that is named so holds strings, another one
 * objects. */
#define MOF_ID             0x00666f6du
#define MOF_OBJECTS        2u /* how many */
#define MOF_OBJECTS_HEADER 8u
#define MOF_OBJECT         32u
#define MOF_SIZE           16u
#define MOF_NAME           24u /* offset of the object's name in the strings */

/* Image: header, modulus, exponent, signature, body. Lengths in the header are in words of 4 bytes. */
#define CSS_HEADER_WORDS 4u
#define CSS_FILE_WORDS   24u
#define CSS_TYPE         40u /* 0 engines, 1 public key unit */
#define CSS_HEADER       128u
#define CSS_EXPONENT     4u

/* Body of an engines' image: mode, start-up sequence, instructions. */
#define MODE_DEVICE  8u
#define MODE_MAX_REV 12u
#define MODE_MIN_REV 14u
#define MODE_ENGINES 16u
#define MODE_BYTES   552u
#define INIT_BYTES   400u
#define CODE_MAX     0x20000u
#define BODY_MAX     0x40000u
#define BODY_MAX_MMP 0x30000u

/* Chunk: a descriptor of 16 words, its size and address, then the parts. */
#define DESC_LENGTH    0u
#define DESC_ENGINES   4u
#define DESC_HEADER    8u
#define DESC_BODY      16u
#define DESC_SIGNATURE 24u
#define DESC_KEY       32u
#define DESC_MODE      40u
#define DESC_INIT      48u
#define DESC_CODE      56u
#define DESC_SIZE      64u
#define DESC_ADDRESS   72u
#define DESC_BYTES     80u

static enum sl_err bad(const char **why, const char *text, enum sl_err e)
{
	*why = text;
	return e;
}

/* CRC-16 of polynomial 1021, most significant bit first, from 0. */
static uint32_t checksum(struct span s)
{
	uint16_t half[16];
	for (unsigned i = 0; i < 16; i++) {
		uint32_t c = i << 12;
		for (unsigned bit = 0; bit < 4; bit++)
			c = c << 1 ^ (c & 0x8000 ? 0x1021 : 0);
		half[i] = (uint16_t)c;
	}
	uint32_t crc = 0;
	for (size_t i = 0; i < s.n; i++) {
		crc = (crc << 4 ^ half[(crc >> 12 ^ s.p[i] >> 4) & 15]) & 0xffff;
		crc = (crc << 4 ^ half[(crc >> 12 ^ s.p[i]) & 15]) & 0xffff;
	}
	return crc;
}

static uint32_t before_body(const struct qat_fw_chip *chip)
{
	return CSS_HEADER + chip->rsa + CSS_EXPONENT + chip->rsa;
}

/* The parts of an image, which is all of s. */
static enum sl_err read_image(struct span s, const struct qat_fw_chip *chip, uint32_t type, uint32_t most,
			      struct qat_image *image, const char **why)
{
	uint32_t before = before_body(chip);
	if (s.n <= before)
		return bad(why, "an image is shorter than its header, key and signature", SL_TRUNC);
	if (4ull * span_u32(s, CSS_HEADER_WORDS) != before)
		return bad(why, "an image is signed for another generation of cards", SL_UNSUPPORTED);
	if (4ull * span_u32(s, CSS_FILE_WORDS) != s.n)
		return bad(why, "an image is not as long as its header says", SL_TRUNC);
	if (span_u32(s, CSS_TYPE) != type)
		return bad(why, type ? "it is not for the public key unit" : "an image is not for engines",
			   SL_UNSUPPORTED);
	if (s.n - before > most)
		return bad(why, "an image is longer than an engine's memory", SL_RANGE);
	*image = (struct qat_image){
		.header = span_sub(s, 0, CSS_HEADER),
		.modulus = span_sub(s, CSS_HEADER, chip->rsa),
		.exponent = span_sub(s, CSS_HEADER + chip->rsa, CSS_EXPONENT),
		.signature = span_sub(s, CSS_HEADER + chip->rsa + CSS_EXPONENT, chip->rsa),
		.body = span_sub(s, before, most),
	};
	return SL_OK;
}

static enum sl_err read_engine_image(struct span s, const struct qat_fw_chip *chip, struct qat_image *image,
				     const char **why)
{
	enum sl_err e = read_image(s, chip, 0, BODY_MAX, image, why);
	if (e)
		return e;
	struct span mode = image->body;
	uint32_t revision = 0xf0 | (chip->revision & 0xf);
	if (mode.n < MODE_BYTES + INIT_BYTES)
		return bad(why, "an image is too short for an engine", SL_TRUNC);
	if (span_u32(mode, MODE_DEVICE) != chip->device)
		return bad(why, "it is for another kind of card", SL_UNSUPPORTED);
	if (revision > span_u16(mode, MODE_MAX_REV) || revision < span_u16(mode, MODE_MIN_REV))
		return bad(why, "it is for other revisions of this card", SL_UNSUPPORTED);
	image->engines = span_u32(mode, MODE_ENGINES);
	return image->engines ? SL_OK : bad(why, "an image is for no engine", SL_BADVAL);
}

static void engine_0_last(struct qat_fw *fw)
{
	struct qat_image *last = &fw->image[fw->images - 1];
	for (unsigned i = 0; i < fw->images; i++)
		if (fw->image[i].engines & 1) {
			struct qat_image t = fw->image[i];
			fw->image[i] = *last;
			*last = t;
			return;
		}
}

/* Adds the images of one file, as far as they are for these engines. */
static enum sl_err read_suof(struct span file, const struct qat_fw_chip *chip, uint32_t engines,
			     struct qat_fw *fw, const char **why)
{
	if (!span_has(file, 0, SUOF_HEADER) || span_u32(file, 0) != SUOF_ID)
		return bad(why, "it is no firmware file for engines (SUOF)", SL_BADVAL);
	if (span_u8(file, SUOF_MAJOR) != 0 || span_u8(file, SUOF_MINOR) != 1 || span_u8(file, SUOF_TYPE) != 0)
		return bad(why, "it is of a version that is not known", SL_UNSUPPORTED);
	if (span_u32(file, 4) != checksum(span_sub(file, SUOF_CHECKED, file.n)))
		return bad(why, "its checksum does not match: copy it again", SL_CHECKSUM);
	unsigned chunks = span_u16(file, SUOF_CHUNKS);
	if (chunks < 2)
		return bad(why, "there is no image in it", SL_BADVAL);
	if (chunks - 1 > QAT_FW_IMAGES - fw->images)
		return bad(why, "there are more images in it than engines", SL_NOSPACE);
	for (unsigned i = 1; i < chunks; i++) {
		size_t header = SUOF_HEADER + CHUNK_HEADER * (size_t)i;
		uint64_t at = span_u64(file, header + CHUNK_OFFSET);
		if (!span_has(file, header, CHUNK_HEADER) || at > file.n)
			return bad(why, "a part of it lies outside of the file", SL_TRUNC);
		uint32_t len = span_u32(file, at);
		if (!span_has(file, at + OBJECT_HEADER, len))
			return bad(why, "an image lies outside of the file", SL_TRUNC);
		struct qat_image *image = &fw->image[fw->images];
		enum sl_err e = read_engine_image(span_sub(file, at + OBJECT_HEADER, len), chip, image, why);
		if (e)
			return e;
		image->engines &= engines;
		fw->engines |= image->engines;
		fw->images += image->engines != 0;
	}
	return SL_OK;
}

/* A string of the table at off, which ends inside of it. */
static bool is_named(struct span strings, uint32_t off, const char *name)
{
	size_t n = strlen(name) + 1;
	return span_has(strings, off, n) && memcmp(strings.p + off, name, n) == 0;
}

/* Where strings and objects are, each from there to the end of the file. */
static enum sl_err read_mof(struct span file, struct span *strings, struct span *objects, const char **why)
{
	*strings = *objects = (struct span){NULL, 0};
	if (!span_has(file, 0, SUOF_HEADER) || span_u32(file, 0) != MOF_ID)
		return bad(why, "it is no firmware file for engines (MOF)", SL_BADVAL);
	if (span_u8(file, SUOF_MAJOR) != 0 || span_u8(file, SUOF_MINOR) != 1)
		return bad(why, "it is of a version that is not known", SL_UNSUPPORTED);
	if (span_u32(file, 4) != checksum(span_sub(file, SUOF_CHECKED, file.n)))
		return bad(why, "its checksum does not match: copy it again", SL_CHECKSUM);
	for (unsigned i = 0; i < span_u16(file, SUOF_CHUNKS); i++) {
		size_t header = SUOF_HEADER + CHUNK_HEADER * (size_t)i;
		uint64_t at = span_u64(file, header + CHUNK_OFFSET);
		if (!span_has(file, header, CHUNK_HEADER) || at > file.n)
			return bad(why, "a part of it lies outside of the file", SL_TRUNC);
		if (memcmp(file.p + header, "SYM_OBJS", 8) == 0)
			*strings = span_sub(file, at + 4, span_u32(file, at));
		else if (memcmp(file.p + header, "SUF_OBJS", 8) == 0)
			*objects = span_sub(file, at, file.n);
	}
	return objects->n ? SL_OK : bad(why, "there is no image in it", SL_BADVAL);
}

/* An object by its name. */
static enum sl_err find_object(struct span strings, struct span objects, const char *name,
			       struct span *object, const char **why)
{
	for (unsigned i = 0; i < span_u16(objects, MOF_OBJECTS); i++) {
		size_t header = MOF_OBJECTS_HEADER + MOF_OBJECT * (size_t)i;
		uint64_t at = span_u64(objects, header + CHUNK_OFFSET),
			 n = span_u64(objects, header + MOF_SIZE);
		if (!span_has(objects, header, MOF_OBJECT) || at > objects.n || n > objects.n - at)
			return bad(why, "a part of it lies outside of the file", SL_TRUNC);
		if (is_named(strings, span_u32(objects, header + MOF_NAME), name)) {
			*object = span_sub(objects, at, n);
			return SL_OK;
		}
	}
	return bad(why, "it has nothing for one of the services", SL_NOTFOUND);
}

enum sl_err qat_fw_read(struct span file, const struct qat_fw_chip *chip, struct qat_fw *fw, const char **why)
{
	struct span strings, objects, object;
	fw->images = 0;
	fw->engines = 0;
	enum sl_err e;
	if (!chip->objects) {
		e = read_suof(file, chip, UINT32_MAX, fw, why);
		if (!e)
			engine_0_last(fw);
		return e;
	}
	e = read_mof(file, &strings, &objects, why);
	for (unsigned i = 0; i < chip->objects && !e; i++) {
		e = find_object(strings, objects, chip->object[i].name, &object, why);
		if (!e)
			e = read_suof(object, chip, chip->object[i].engines, fw, why);
	}
	return e;
}

enum sl_err qat_fw_read_mmp(struct span file, const struct qat_fw_chip *chip, struct qat_image *image,
			    const char **why)
{
	return read_image(file, chip, 1, BODY_MAX_MMP, image, why);
}

/* An engine may read as much as its memory takes, whatever the image has. */
static uint64_t body_room(const struct qat_image *image)
{
	uint64_t least = image->engines ? MODE_BYTES + INIT_BYTES + CODE_MAX : 0;
	return image->body.n > least ? image->body.n : least;
}

/* In memory the exponent stands at the end of as many bytes again as the modulus has. */
static uint64_t key_bytes(const struct qat_image *image)
{
	return 2 * (uint64_t)image->modulus.n;
}

uint64_t qat_fw_chunk_bytes(const struct qat_image *image)
{
	return DESC_BYTES + CSS_HEADER + key_bytes(image) + image->signature.n + body_room(image);
}

static void put32(uint8_t *p, uint64_t v)
{
	for (unsigned i = 0; i < 4; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

/* Addresses have their high word first. */
static void put_address(uint8_t *p, uint64_t v)
{
	put32(p, v >> 32);
	put32(p + 4, v);
}

static void put_part(uint8_t *chunk, uint64_t off, struct span part)
{
	memcpy(chunk + off, part.p, part.n);
}

void qat_fw_chunk(const struct qat_image *image, uint32_t engines, uint64_t iova, uint8_t *chunk)
{
	uint64_t size = qat_fw_chunk_bytes(image), key = DESC_BYTES + CSS_HEADER;
	uint64_t signature = key + key_bytes(image), body = signature + image->signature.n;
	memset(chunk, 0, size);
	put32(chunk + DESC_LENGTH, image->body.n);
	put_address(chunk + DESC_HEADER, iova + DESC_BYTES);
	put_address(chunk + DESC_KEY, iova + key);
	put_address(chunk + DESC_SIGNATURE, iova + signature);
	put_address(chunk + DESC_BODY, iova + body);
	if (image->engines) {
		put32(chunk + DESC_ENGINES, image->engines & engines);
		put_address(chunk + DESC_MODE, iova + body);
		put_address(chunk + DESC_INIT, iova + body + MODE_BYTES);
		put_address(chunk + DESC_CODE, iova + body + MODE_BYTES + INIT_BYTES);
	} else {
		put_address(chunk + DESC_CODE, iova + body);
	}
	put32(chunk + DESC_SIZE, size);
	put32(chunk + DESC_ADDRESS, iova);
	put32(chunk + DESC_ADDRESS + 4, iova >> 32);
	put_part(chunk, DESC_BYTES, image->header);
	put_part(chunk, key, image->modulus);
	put_part(chunk, signature - CSS_EXPONENT, image->exponent);
	put_part(chunk, signature, image->signature);
	put_part(chunk, body, image->body);
}
