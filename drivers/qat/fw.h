/* Firmware files for QAT cards that authenticate their firmware: the containers that the vendor ships.
 * Nothing in a file is trusted; the card decides whether its contents are genuine. Layouts and limits are
 * those of the drivers that Intel publishes; this has never read a file of a real card. */
#pragma once
#include "kernel/err.h"
#include "kernel/span.h"

#define QAT_FW_IMAGES 32u

/* One of several files in a container (MOF), and the engines it is for. */
struct qat_fw_object {
	const char *name;
	uint32_t engines;
};

/* The card that files must match. */
struct qat_fw_chip {
	uint32_t device;  /* as in the images */
	uint8_t revision; /* PCI Revision ID */
	uint16_t rsa;     /* bytes of modulus and signature */
	const struct qat_fw_object
		*object; /* the objects that a file must have, n of them; 0: the file is a single object */
	unsigned objects;
};

/* One image: parts of the file, which must stay in memory. */
struct qat_image {
	struct span header, modulus, exponent, signature, body;
	uint32_t engines; /* one bit each, at least one; 0: for the public key unit (MMP) */
};

struct qat_fw {
	struct qat_image image[QAT_FW_IMAGES]; /* in the order of loading; without objects, engine 0's last */
	unsigned images;
	uint32_t engines; /* of all */
};

/* The engines' file (SUOF, or MOF with objects). On an error *why has half a sentence. SL_BADVAL: not such a
 * file; SL_CHECKSUM; SL_TRUNC: a part runs past the end; SL_UNSUPPORTED: for another card; SL_NOSPACE: more
 * images than fit. */
enum sl_err qat_fw_read(struct span file, const struct qat_fw_chip *chip, struct qat_fw *fw,
			const char **why) MUST_CHECK;

/* The public key unit's file: one image without a container. Errors as above. */
enum sl_err qat_fw_read_mmp(struct span file, const struct qat_fw_chip *chip, struct qat_image *image,
			    const char **why) MUST_CHECK;

/* Authentication needs an image in one piece of memory: a descriptor with the places of its parts, then the
 * parts. The bytes that takes: */
uint64_t qat_fw_chunk_bytes(const struct qat_image *image);
/* Lays the image out in that many bytes at chunk, which the device sees at iova. engines: the engines to
 * load; ignored for the public key unit. */
void qat_fw_chunk(const struct qat_image *image, uint32_t engines, uint64_t iova, uint8_t *chunk);
