/* Firmware of QAT cards: files as they come and as they could be damaged, and the bring-up of a PF against a
 * model of its registers, with all that can go wrong on the way. */
#include <string.h>
#include <stdio.h>
#include "drivers/crypto/sha.h"
#include "drivers/qat/pf_steps.h"
#include "tests/model/qat_pf_model.h"
#include "tests/unit/test.h"

#define DEVICE 0x01000000u
#define BASE   0x2000000000ull

static const struct qat_fw_chip chip = {DEVICE, 4, 256, NULL, 0};

/* --- files */

struct file {
	size_t n;
	uint8_t b[300000];
};

static void put(uint8_t *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		p[i] = (uint8_t)(v >> (8 * i));
}

static uint32_t crc16(const uint8_t *p, size_t n)
{
	uint32_t c = 0;
	for (size_t i = 0; i < n; i++) {
		c ^= (uint32_t)p[i] << 8;
		for (unsigned k = 0; k < 8; k++)
			c = (c << 1 ^ (c & 0x8000 ? 0x1021 : 0)) & 0xffff;
	}
	return c;
}

static unsigned rsa = 256;
static uint32_t device = DEVICE;
#define BEFORE (132 + 2 * rsa)

/* An image with a body of so many bytes, signed as the model wants it. */
static size_t make_image(uint8_t *to, uint32_t engines, size_t body)
{
	memset(to, 0, BEFORE + body);
	put(to + 4, BEFORE / 4, 4);
	put(to + 24, (BEFORE + body) / 4, 4);
	put(to + 40, engines ? 0 : 1, 4);
	memset(to + 128, 0x5a, rsa);
	put(to + 128 + rsa, 3, 4);
	uint8_t *b = to + BEFORE;
	for (size_t i = 0; i < body; i++)
		b[i] = (uint8_t)(i * 7 + engines);
	if (engines) {
		put(b + 8, device, 4);
		put(b + 12, 0xff, 2);
		put(b + 14, 0, 2);
		put(b + 16, engines, 4);
	}
	uint64_t sum = qat_pf_model_sum(qat_pf_model_sum(0, to, 128), b, body);
	memcpy(to + 132 + rsa, &sum, sizeof sum);
	return BEFORE + body;
}

static void seal(struct file *f)
{
	put(f->b + 4, crc16(f->b + 8, f->n - 8), 4);
}

/* A file with an image for each mask. */
static void make_file(struct file *f, const uint32_t *engines, unsigned n)
{
	memset(f, 0, sizeof *f);
	put(f->b, 0x53554f46, 4);
	f->b[8] = 1;
	put(f->b + 12, n + 1, 2);
	put(f->b + 14, n + 1, 2);
	f->n = 16 + 24 * ((size_t)n + 1);
	for (unsigned i = 0; i <= n; i++) {
		uint8_t *chunk = f->b + 16 + 24 * i;
		size_t len = 16;
		if (i) {
			size_t image = make_image(f->b + f->n + 8, engines[i - 1], 1024 + 64 * i);
			put(f->b + f->n, image, 4);
			len = 8 + image;
		}
		memcpy(chunk, i ? "SUF_IMAG" : "SUF_OBJS", 8);
		put(chunk + 8, f->n, 8);
		put(chunk + 16, len, 8);
		f->n += len;
	}
	seal(f);
}

static struct file file, mmp_file;
static struct qat_fw fw;
static struct qat_image mmp;
static const char *why;

static struct span span_of(const struct file *f)
{
	return (struct span){f->b, f->n};
}

static const uint32_t three[] = {0x001, 0x154, 0x2aa};

static void make_files(void)
{
	rsa = 256;
	device = DEVICE;
	make_file(&file, three, 3);
	mmp_file.n = make_image(mmp_file.b, 0, 4096);
	assert_int_equal(qat_fw_read(span_of(&file), &chip, &fw, &why), SL_OK);
	assert_int_equal(qat_fw_read_mmp(span_of(&mmp_file), &chip, &mmp, &why), SL_OK);
}

/* 4xxx: a file with an object for each service, whose names are behind each other in a table. */
static struct {
	const char *name;
	uint32_t engines;
} objects[] = {{"qat_4xxx_dc.bin.old", 0xf0},
	       {"qat_4xxx_dc.bin", 0xff},
	       {"qat_4xxx_sym.bin", 0xff},
	       {"qat_4xxx_admin.bin", 0x100}};
static unsigned images_each = 1;
#define OBJECTS ARRAY_LEN(objects)
#define STRINGS (16u + 24u * 2)

static void make_mof(void)
{
	static struct file part;
	size_t table = STRINGS + 4 + 80, at = table + 8 + 32 * OBJECTS, name = 0;
	rsa = 384;
	device = 0x08000000;
	memset(&file, 0, sizeof file);
	put(file.b, 0x666f6d, 4);
	file.b[8] = 1;
	put(file.b + 14, 2, 2);
	memcpy(file.b + 16, "SYM_OBJS", 8);
	put(file.b + 24, STRINGS, 8);
	put(file.b + STRINGS, 80, 4);
	memcpy(file.b + 40, "SUF_OBJS", 8);
	put(file.b + 48, table, 8);
	put(file.b + table + 2, OBJECTS, 2);
	for (unsigned i = 0; i < OBJECTS; i++) {
		uint8_t *header = file.b + table + 8 + 32 * i;
		uint32_t engines[16];
		for (unsigned k = 0; k < images_each; k++)
			engines[k] = objects[i].engines;
		make_file(&part, engines, images_each);
		memcpy(file.b + at, part.b, part.n);
		put(header + 8, at - table, 8);
		put(header + 16, part.n, 8);
		put(header + 24, name, 4);
		memcpy(file.b + STRINGS + 4 + name, objects[i].name, strlen(objects[i].name));
		name += strlen(objects[i].name) + 1;
		at += part.n;
	}
	file.n = at;
	seal(&file);
	mmp_file.n = make_image(mmp_file.b, 0, 4096);
}

static const struct qat_fw_chip *gen4(void)
{
	return &qat_pf_4xxx.fw;
}

static void test_mof(void **state)
{
	(void)state;
	make_mof();
	assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_OK);
	assert_int_equal(fw.images, 3);
	assert_int_equal(fw.image[0].engines, 0xf0); /* sym, as the table of the card has it */
	assert_int_equal(fw.image[1].engines, 0x0f);
	assert_int_equal(fw.image[2].engines, 0x100);
	assert_int_equal(fw.engines, 0x1ff);
	/* The first is looked at too. */
	objects[0].name = "qat_4xxx_dc.bin";
	objects[1].name = "qat_4xxx_dc.bin.old";
	make_mof();
	assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_OK);
	assert_int_equal(fw.images, 2); /* whose engines are another service's */
	assert_int_equal(fw.engines, 0x1f0);
	objects[0].name = "qat_4xxx_dc.bin.old";
	objects[1].name = "qat_4xxx_dc.bin";
	/* What is for engines of another service alone is left out. */
	objects[2].engines = 0x0f;
	make_mof();
	objects[2].engines = 0xff;
	assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_OK);
	assert_int_equal(fw.images, 2);
	assert_int_equal(fw.engines, 0x10f);
	images_each = 12;
	make_mof();
	images_each = 1;
	assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_NOSPACE);
	make_mof();
	assert_int_equal(qat_fw_read_mmp(span_of(&mmp_file), gen4(), &mmp, &why), SL_OK);
	assert_int_equal(qat_fw_read(span_of(&file), &chip, &fw, &why), SL_BADVAL);
	assert_int_equal(qat_fw_read_mmp(span_of(&mmp_file), &chip, &mmp, &why), SL_UNSUPPORTED);
}

static void test_damaged_mof(void **state)
{
	(void)state;
	size_t table = STRINGS + 4 + 80, dc = table + 8 + 32;
	static const struct {
		size_t off;
		uint64_t v;
		unsigned bytes;
		enum sl_err e;
	} cases[] = {
		{0, 0x53554f46, 4, SL_BADVAL}, {8, 2, 1, SL_UNSUPPORTED},
		{9, 1, 1, SL_UNSUPPORTED},     {14, 1, 2, SL_BADVAL}, /* no objects */
		{40, 'X', 1, SL_BADVAL},       {48, 1u << 20, 8, SL_TRUNC},
		{48, UINT64_MAX, 8, SL_TRUNC}, {24, UINT64_MAX, 8, SL_TRUNC},
		{STRINGS, 0, 4, SL_NOTFOUND}, /* no names */
		{STRINGS, 20, 4, SL_NOTFOUND}, {STRINGS + 4 + 20, 'X', 1, SL_NOTFOUND},
	};
	for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
		make_mof();
		put(file.b + cases[i].off, cases[i].v, cases[i].bytes);
		seal(&file);
		assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), cases[i].e);
	}
	for (unsigned i = 0; i < 4; i++) {
		make_mof();
		put(i < 2 ? file.b + dc + 8 : file.b + dc + 16, i % 2 ? UINT64_MAX : 1u << 20, 8);
		seal(&file);
		assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_TRUNC);
	}
	make_mof();
	put(file.b + dc + 24, UINT32_MAX, 4);
	seal(&file);
	assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_NOTFOUND);
	make_mof();
	put(file.b + table + 2, 3, 2); /* the admin's is beyond the end */
	seal(&file);
	assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_NOTFOUND);
	make_mof();
	file.b[file.n - 1] ^= 1;
	assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_CHECKSUM);
	make_mof();
	for (size_t n = 0, whole = file.n; n < whole; n += n < 400 ? 1 : 97) {
		file.n = n;
		if (n > 8)
			seal(&file);
		assert_int_not_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_OK);
		make_mof();
	}
}

static void test_file(void **state)
{
	(void)state;
	make_files();
	assert_int_equal(fw.images, 3);
	assert_int_equal(fw.engines, 0x3ff);
	assert_int_equal(fw.image[2].engines, 1); /* engine 0 is loaded last */
	assert_int_equal(fw.image[0].engines, 0x2aa);
	assert_int_equal(fw.image[1].body.n, 1024 + 64 * 2);
	assert_int_equal(mmp.engines, 0);
	assert_int_equal(mmp.body.n, 4096);
	assert_int_equal(qat_fw_chunk_bytes(&mmp), 80 + 128 + 512 + 256 + 4096);
	assert_int_equal(qat_fw_chunk_bytes(&fw.image[0]), 80 + 128 + 512 + 256 + 552 + 400 + 0x20000);
}

/* Changes some bytes of a good file, with a good checksum after it. */
static enum sl_err changed(size_t off, uint64_t v, unsigned bytes)
{
	uint8_t saved[8];
	memcpy(saved, file.b + off, bytes);
	put(file.b + off, v, bytes);
	seal(&file);
	why = NULL;
	enum sl_err e = qat_fw_read(span_of(&file), &chip, &fw, &why);
	assert_true(!e || why);
	memcpy(file.b + off, saved, bytes);
	seal(&file);
	return e;
}

static void test_damaged(void **state)
{
	(void)state;
	make_files();
	size_t chunk = 16 + 24, object = 16 + 24 * 4 + 16, image = object + 8, body = image + BEFORE;
	assert_int_equal(changed(0, 0x464f5553, 4), SL_BADVAL);
	assert_int_equal(changed(8, 2, 1), SL_UNSUPPORTED);
	assert_int_equal(changed(9, 1, 1), SL_UNSUPPORTED);
	assert_int_equal(changed(10, 1, 1), SL_UNSUPPORTED);
	assert_int_equal(changed(14, 1, 2), SL_BADVAL);
	assert_int_equal(changed(14, 34, 2), SL_NOSPACE);
	assert_int_equal(changed(14, 33, 2), SL_TRUNC); /* chunk headers out of image bytes */
	assert_int_equal(changed(chunk + 8, file.n, 8), SL_TRUNC);
	assert_int_equal(changed(chunk + 8, file.n - 7, 8), SL_TRUNC);
	assert_int_equal(changed(chunk + 8, UINT64_MAX - 3, 8), SL_TRUNC);
	assert_int_equal(changed(object, file.n - object - 7, 4), SL_TRUNC);
	assert_int_equal(changed(object, UINT32_MAX, 4), SL_TRUNC);
	assert_int_equal(changed(object, BEFORE, 4), SL_TRUNC);
	assert_int_equal(changed(image + 4, BEFORE / 4 + 1, 4), SL_UNSUPPORTED);
	assert_int_equal(changed(image + 24, (BEFORE + 1088) / 4 - 1, 4), SL_TRUNC);
	assert_int_equal(changed(image + 24, 0x40000000 + (BEFORE + 1088) / 4, 4), SL_TRUNC);
	assert_int_equal(changed(image + 40, 1, 4), SL_UNSUPPORTED);
	assert_int_equal(changed(body + 8, 0x02000000, 4), SL_UNSUPPORTED);
	assert_int_equal(changed(body + 12, 0xf3, 2), SL_UNSUPPORTED); /* this card's is f4 */
	assert_int_equal(changed(body + 12, 0xf4, 2), SL_OK);
	assert_int_equal(changed(body + 14, 0xf5, 2), SL_UNSUPPORTED);
	assert_int_equal(changed(body + 16, 0, 4), SL_BADVAL);
	/* The signature is for the card to look at. */
	assert_int_equal(changed(image + 388, 1, 1), SL_OK);
	file.b[body + 1000] ^= 1;
	assert_int_equal(qat_fw_read(span_of(&file), &chip, &fw, &why), SL_CHECKSUM);
	file.b[body + 1000] ^= 1;
	/* Cut off anywhere. */
	for (size_t n = 0; n < file.n; n += n < 400 ? 1 : 97) {
		struct file *part = &mmp_file;
		memcpy(part->b, file.b, n);
		part->n = n;
		if (n > 8)
			seal(part);
		assert_int_not_equal(qat_fw_read(span_of(part), &chip, &fw, &why), SL_OK);
	}
	assert_int_equal(changed(0, 0x53554f46, 4), SL_OK);
}

static void test_damaged_mmp(void **state)
{
	(void)state;
	make_files();
	struct span s = span_of(&mmp_file);
	s.n--;
	assert_int_equal(qat_fw_read_mmp(s, &chip, &mmp, &why), SL_TRUNC);
	s.n = BEFORE;
	assert_int_equal(qat_fw_read_mmp(s, &chip, &mmp, &why), SL_TRUNC);
	s.n = 0;
	assert_int_equal(qat_fw_read_mmp(s, &chip, &mmp, &why), SL_TRUNC);
	assert_int_equal(qat_fw_read_mmp(span_of(&file), &chip, &mmp, &why), SL_UNSUPPORTED);
	mmp_file.n = make_image(mmp_file.b, 0, 0x30004);
	assert_int_equal(qat_fw_read_mmp(span_of(&mmp_file), &chip, &mmp, &why), SL_RANGE);
	mmp_file.n = make_image(mmp_file.b, 0, 0x30000);
	assert_int_equal(qat_fw_read_mmp(span_of(&mmp_file), &chip, &mmp, &why), SL_OK);
	/* An engine's image that has no room for what an engine needs. */
	size_t n = make_image(file.b + 16 + 24 * 4 + 16 + 8, 1, 948);
	put(file.b + 16 + 24 * 4 + 16, n, 4);
	seal(&file);
	assert_int_equal(qat_fw_read(span_of(&file), &chip, &fw, &why), SL_TRUNC);
}

static void test_largest(void **state)
{
	(void)state;
	static uint8_t chunk[QAT_PF_CHUNK + 1];
	uint8_t *image = file.b;
	for (unsigned i = 0; i < 2; i++) {
		struct span whole = {image, make_image(image, i ? 1 : 0, i ? 0x40000 : 0x30000)};
		struct qat_image got = {.header = span_sub(whole, 0, 128),
					.modulus = span_sub(whole, 128, 256),
					.exponent = span_sub(whole, 384, 4),
					.signature = span_sub(whole, 388, 256),
					.body = span_sub(whole, BEFORE, whole.n),
					.engines = i};
		assert_true(qat_fw_chunk_bytes(&got) <= QAT_PF_CHUNK);
		memset(chunk, 0xee, sizeof chunk);
		qat_fw_chunk(&got, 1, BASE, chunk);
		assert_int_equal(chunk[qat_fw_chunk_bytes(&got)], 0xee);
	}
}

/* --- the card */

static struct qat_pf_model model;
static uint8_t chunk_memory[QAT_PF_CHUNK], admin_memory[QAT_PF_ADMIN];
static struct qat_pf pf;

static void *reach(void *ctx, uint64_t iova, uint64_t len)
{
	(void)ctx;
	if (iova >= BASE && iova + len <= BASE + QAT_PF_ADMIN)
		return admin_memory + (iova - BASE);
	if (iova >= BASE + 0x10000 && iova + len <= BASE + 0x10000 + QAT_PF_CHUNK)
		return chunk_memory + (iova - BASE - 0x10000);
	return NULL;
}

static uint32_t rd(void *ctx, enum qat_pf_bar bar, uint32_t off)
{
	return qat_pf_model_rd(ctx, bar == QAT_PF_RINGS, off);
}

static void wr(void *ctx, enum qat_pf_bar bar, uint32_t off, uint32_t v)
{
	qat_pf_model_wr(ctx, bar == QAT_PF_RINGS, off, v);
}

static uint64_t now(void *ctx)
{
	return ((struct qat_pf_model *)ctx)->now += 500;
}

static void fresh(void)
{
	make_files();
	qat_pf_model_init(&model, 2, reach, NULL);
	memset(chunk_memory, 0xee, sizeof chunk_memory);
	memset(admin_memory, 0xee, sizeof admin_memory);
	pf = (struct qat_pf){.chip = &qat_pf_c62x,
			     .io = {&model, rd, wr, now},
			     .accels = 0x1f,
			     .engines = 0x3ff,
			     .chunk = {chunk_memory, IOVA(BASE + 0x10000), PHYS(0), QAT_PF_CHUNK, NULL},
			     .admin = {admin_memory, IOVA(BASE), PHYS(0), QAT_PF_ADMIN, NULL}};
}

static void start(enum sl_err want, const char *text)
{
	enum sl_err e = qat_pf_start(&pf, &fw, &mmp);
	assert_int_equal(e, want);
	assert_string_equal(model.last ? model.last : "", "");
	assert_int_equal(model.errors, 0);
	if (text && !strstr(pf.why, text))
		fail_msg("\"%s\" does not say \"%s\"", pf.why, text);
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(qat_pf_model_serves(&model, i), !want && (i != 2 || model.gen == 4));
	assert_int_equal(qat_pf_runs(&pf), !want);
	if (want)
		assert_true((model.reset & 0x3ff) == (model.gen == 4 ? 0x15
						      : model.stuck  ? 0x3ff
								     : pf.engines));
}

static void test_bring_up(void **state)
{
	(void)state;
	fresh();
	start(SL_OK, NULL);
	assert_string_equal(model.order, "aroMALALALScfim");
	assert_int_equal(model.ready, 0x3ff);
	assert_int_equal(model.cycles / 0x3100, 2 * 11); /* each engine's counter moves once, one's twice */
	assert_int_equal(pf.capabilities, 0x81);
	for (unsigned ae = 0; ae < 10; ae++) { /* errors in an engine's memory are reported */
		assert_true(qat_pf_model_rd(&model, false, 0x20818 + 0x1000 * ae) & BIT(28));
		assert_int_equal(qat_pf_model_rd(&model, false, 0x20960 + 0x1000 * ae), BIT(24) | BIT(12));
	}
	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(qat_pf_model_rd(&model, false, 0x54 + 0x4000 * i), 0x200000);
	qat_pf_stop(&pf);
	for (unsigned i = 0; i < 4; i++)
		assert_false(qat_pf_model_serves(&model, i));
	assert_int_equal(model.reset, 0x1f003ff);
	for (uint32_t off = 0x30000; off < 0x30200; off += 4)
		assert_int_equal(qat_pf_model_rd(&model, true, off), 0);
	for (uint32_t off = 0x3a574; off < 0x3a740; off += 4)
		assert_int_equal(qat_pf_model_rd(&model, false, off), 0);
	/* And once more. */
	memset(model.order, 0, sizeof model.order);
	start(SL_OK, NULL);
	assert_string_equal(model.order, "aroMALALALScfim");
	assert_int_equal(model.errors, 0);
}

static void test_slow(void **state)
{
	(void)state;
	fresh();
	model.slow = 15;
	start(SL_OK, NULL);
}

/* With parts of it switched off. */
static void test_fused(void **state)
{
	(void)state;
	uint32_t accels, engines;
	assert_int_equal(qat_pf_masks(&qat_pf_c62x, 0, 0, &accels, &engines), SL_OK);
	assert_int_equal(accels, 0x1f);
	assert_int_equal(engines, 0x3ff);
	assert_int_equal(qat_pf_masks(&qat_pf_c62x, BIT(18) | BIT(9), BIT(1), &accels, &engines), SL_OK);
	assert_int_equal(accels, 0x1b);
	assert_int_equal(engines, 0x3ff & ~(3u << 4) & ~(1u << 9) & ~2u);
	assert_int_equal(qat_pf_masks(&qat_pf_c62x, BIT(0), 0, &accels, &engines), SL_NOTFOUND);
	assert_int_equal(qat_pf_masks(&qat_pf_c62x, 0, BIT(16), &accels, &engines), SL_NOTFOUND);
	assert_int_equal(qat_pf_masks(&qat_pf_c62x, UINT32_MAX, UINT32_MAX, &accels, &engines), SL_NOTFOUND);
	fresh();
	pf.accels = 0x1b;
	pf.engines = 0x1cd;
	start(SL_OK, NULL);
	assert_int_equal(model.ready, 0x1cd);
	assert_int_equal(~model.reset & 0x3ff, 0x1cd);
	/* The file may have more than this card, not less. */
	fresh();
	make_file(&file, three, 2);
	assert_int_equal(qat_fw_read(span_of(&file), &chip, &fw, &why), SL_OK);
	pf.engines = 0x155;
	start(SL_OK, NULL);
	fresh();
	make_file(&file, three, 2);
	assert_int_equal(qat_fw_read(span_of(&file), &chip, &fw, &why), SL_OK);
	assert_int_equal(qat_pf_start(&pf, &fw, &mmp), SL_UNSUPPORTED);
	assert_non_null(strstr(pf.why, "2aa"));
	assert_string_equal(model.order, "");
}

static void test_bars(void **state)
{
	(void)state;
	enum { K = 0x40000 };
	unsigned misc = 9, rings = 9;
	assert_int_equal(qat_pf_bars(&qat_pf_c62x, 0, (uint64_t[6]){K, 0, K, 0, K, 0}, &misc, &rings), SL_OK);
	assert_int_equal(misc, 2);
	assert_int_equal(rings, 4);
	assert_int_equal(qat_pf_bars(&qat_pf_c62x, 1u << 31, (uint64_t[6]){K, 0, K, 0, 0, 0}, &misc, &rings),
			 SL_OK);
	assert_int_equal(misc, 0);
	assert_int_equal(rings, 2);
	assert_int_equal(qat_pf_bars(&qat_pf_c62x, 0, (uint64_t[6]){K, 0, K, 0, 0, 0}, &misc, &rings),
			 SL_NOTFOUND);
	assert_int_equal(qat_pf_bars(&qat_pf_c62x, 0, (uint64_t[6]){K, 0, 0x3a734, 0, K, 0}, &misc, &rings),
			 SL_NOSPACE);
	assert_int_equal(qat_pf_bars(&qat_pf_c62x, 0, (uint64_t[6]){K, 0, K, 0, 0x30000, 0}, &misc, &rings),
			 SL_NOSPACE);
}

static void test_not_genuine(void **state)
{
	(void)state;
	fresh();
	mmp_file.b[388] ^= 1;
	start(SL_VERIFY,
	      "does not accept the firmware for the public key unit as genuine: its signature is wrong");
	fresh();
	file.b[file.n - 1] ^= 1;
	start(SL_VERIFY, "does not accept the firmware for engines as genuine");
	fresh();
	mmp_file.b[200] ^= 1; /* another key */
	start(SL_VERIFY, "genuine");
}

static void test_card_fails(void **state)
{
	(void)state;
	fresh();
	model.stuck = true;
	start(SL_TIMEOUT, "engines do not come out of reset (register 00000200)");
	fresh();
	model.dead = 1u << 4;
	start(SL_TIMEOUT, "engine 4 does not run after its reset");
	fresh();
	model.busy = 1u << 9;
	start(SL_TIMEOUT, "engine 9 takes no register writes");
	fresh();
	model.mute = true;
	start(SL_TIMEOUT, "does not say whether firmware for the public key unit is genuine");
	fresh();
	model.load_fails = true;
	start(SL_DEVICE, "engines 8 cannot be loaded (status");
	assert_true(model.now < 1000000);
	fresh();
	model.never_starts = true;
	start(SL_TIMEOUT, "firmware is loaded but does not start");
	fresh();
	model.silent = 1u << 7;
	start(SL_TIMEOUT, "firmware of engine 7 does not answer (message 3)");
	fresh();
	model.sick = 1u << 5;
	start(SL_DEVICE, "firmware of engine 5 answers message 3 with status 1");
	fresh();
	pf.chunk.len = PAGE_SIZE;
	start(SL_NOSPACE, "does not fit");
}

/* An engine that runs already, or whose contexts are on, is not loaded. */
static void engine_runs(void (*make)(void))
{
	for (unsigned ae = 0; ae < 9; ae += 3) {
		char text[48];
		snprintf(text, sizeof text, "engine %u runs although it must not", ae);
		make();
		model.runs = 1u << ae;
		start(SL_BUSY, text);
		make();
		model.ready_to_run = 1u << ae;
		start(SL_BUSY, text);
		assert_int_equal(model.loaded & 1u << ae, 0);
	}
}

static void fresh_gen4(void)
{
	fresh();
	make_mof();
	assert_int_equal(qat_fw_read(span_of(&file), gen4(), &fw, &why), SL_OK);
	assert_int_equal(qat_fw_read_mmp(span_of(&mmp_file), gen4(), &mmp, &why), SL_OK);
	qat_pf_model_init(&model, 4, reach, NULL);
	pf.chip = &qat_pf_4xxx;
	pf.accels = 1;
	pf.engines = 0x1ff;
}

static void test_gen4(void **state)
{
	(void)state;
	uint32_t accels, engines;
	fresh_gen4();
	start(SL_OK, NULL);
	assert_string_equal(model.order, "aproMALALALScfi");
	assert_int_equal(model.ready, 0x1ff);
	assert_int_equal(model.constants, 0x100);
	assert_int_equal(qat_pf_model_rd(&model, false, 0x54), 0x7000000);
	assert_int_equal(qat_pf_model_rd(&model, false, 0x41a218), BIT(18)); /* no interrupt about power */
	qat_pf_stop(&pf);
	assert_int_equal(model.reset, 0x100015);
	for (uint32_t off = 0x400; off < 0x424; off += 4)
		assert_int_equal(qat_pf_model_rd(&model, true, off), 0);
	assert_int_equal(model.errors, 0);
	fresh_gen4();
	pf.engines = 0x1f3;
	start(SL_OK, NULL);
	assert_int_equal(model.loaded, 0x1f3);
	fresh_gen4();
	pf.engines = 0x1fe;
	model.dead = 1;
	start(SL_OK, NULL);
	fresh_gen4();
	model.asleep = true;
	start(SL_TIMEOUT, "the card does not power up");
	fresh_gen4();
	model.load_fails = true;
	start(SL_DEVICE, "engines f cannot be loaded");
	fresh_gen4();
	mmp_file.b[132 + 384] ^= 1;
	start(SL_VERIFY, "public key unit as genuine");
	fresh_gen4();
	model.silent = 1u << 8;
	start(SL_TIMEOUT, "firmware of engine 8 does not answer (message 3)");
	assert_int_equal(qat_pf_masks(&qat_pf_4xxx, 0x3, 0xff, &accels, &engines), SL_OK);
	assert_int_equal(engines, 0x1fc);
	assert_int_equal(accels, 1);
	assert_int_equal(qat_pf_masks(&qat_pf_4xxx, 0x100, 0, &accels, &engines), SL_NOTFOUND);
	assert_int_equal(qat_pf_masks(&qat_pf_4xxx, 0xff, 0, &accels, &engines), SL_NOTFOUND);
}

static void test_engine_runs(void **state)
{
	(void)state;
	engine_runs(fresh);
	engine_runs(fresh_gen4);
}

/* Registers of exactly the size that is wanted; a card without memory of its own; engines that a fuse takes.
 */
static void test_masks(void **state)
{
	(void)state;
	const struct qat_pf_chip *chips[] = {&qat_pf_c62x, &qat_pf_4xxx};
	for (unsigned i = 0; i < 2; i++) {
		const struct qat_pf_chip *c = chips[i];
		for (unsigned less = 0; less < 4; less++) {
			unsigned misc = 9, rings = 9;
			uint64_t bytes[6] = {16, 0, c->misc_bytes - (less & 1), 0, c->rings_bytes - less / 2,
					     0};
			assert_int_equal(qat_pf_bars(c, 0, bytes, &misc, &rings), less ? SL_NOSPACE : SL_OK);
			assert_true(misc == 2 && rings == 4);
		}
	}
	uint32_t accels, engines;
	for (unsigned ae = 1; ae < 10; ae++) {
		assert_int_equal(qat_pf_masks(&qat_pf_c62x, BIT(ae), 0, &accels, &engines), SL_OK);
		assert_int_equal(engines, 0x3ff & ~(1u << ae));
	}
	/* Messages alone, or work alone, is not enough. */
	assert_int_equal(qat_pf_masks(&qat_pf_4xxx, 0xfe, 0, &accels, &engines), SL_OK);
	assert_int_equal(engines, 0x101);
}

/* A card that is gone from the bus reads all ones; every wait ends. */
static void test_gone(void **state)
{
	(void)state;
	fresh();
	model.gone = true;
	assert_int_equal(qat_pf_start(&pf, &fw, &mmp), SL_TIMEOUT);
	assert_non_null(strstr(pf.why, "do not come out of reset"));
	assert_false(qat_pf_runs(&pf));
}

static void test_constants(void **state)
{
	(void)state;
	/* SHA-256 of the table as it was published with the drivers of Intel. */
	static const uint8_t want[32] = {0xd5, 0xa6, 0x06, 0x6c, 0xac, 0x41, 0x96, 0x79, 0xcb, 0xca, 0x0d,
					 0x6e, 0xa4, 0xc6, 0x5a, 0x96, 0x7a, 0xa2, 0xd2, 0xcf, 0xba, 0x9a,
					 0xc4, 0xac, 0x56, 0x02, 0x84, 0x51, 0x94, 0xc0, 0x1f, 0x68};
	uint8_t table[QAT_CONSTANTS], hash[32];
	memset(table, 0xee, sizeof table);
	qat_constants(table);
	sha_hash(SHA_256, table, sizeof table, hash);
	assert_memory_equal(hash, want, sizeof want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),        cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_damaged_mmp), cmocka_unit_test(test_largest),
		cmocka_unit_test(test_bring_up),    cmocka_unit_test(test_slow),
		cmocka_unit_test(test_fused),       cmocka_unit_test(test_bars),
		cmocka_unit_test(test_not_genuine), cmocka_unit_test(test_card_fails),
		cmocka_unit_test(test_gone),        cmocka_unit_test(test_mof),
		cmocka_unit_test(test_damaged_mof), cmocka_unit_test(test_gen4),
		cmocka_unit_test(test_constants),   cmocka_unit_test(test_engine_runs),
		cmocka_unit_test(test_masks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
