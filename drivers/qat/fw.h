/* Firmware files for QAT cards that authenticate what they load: the containers that the vendor ships.
 * Nothing in a file is believed; that its contents are genuine is for the card to say. Layouts and limits are
 * those of the drivers that Intel publishes; no file of a real card was ever read by this. */
#pragma once
#include "kernel/err.h"
#include "kernel/span.h"

#define QAT_FW_IMAGES 32u

/* One of several files in a file (MOF), and the engines that it is used for. */
struct qat_fw_object {
	const char *name;
	uint32_t engines;
};

/* What files have to be for. */
struct qat_fw_chip {
	uint32_t device;                    /* as in the images */
	uint8_t revision;                   /* PCI Revision ID */
	uint16_t rsa;                       /* bytes of modulus and signature */
	const struct qat_fw_object *object; /* those that a file must have, n of them; 0: it is one itself */
	unsigned objects;
};

/* One image: parts of the file, which has to stay. */
struct qat_image {
	struct span header, modulus, exponent, signature, body;
	uint32_t engines; /* bit each, at least one; 0: the public key unit's (MMP) */
};

struct qat_fw {
	struct qat_image image[QAT_FW_IMAGES]; /* in the order of loading; without objects, engine 0's last */
	unsigned images;
	uint32_t engines; /* of all */
};

/* The engines' file (SUOF, or MOF with objects). Otherwise *why has half a sentence: SL_BADVAL is no such
 * file, SL_CHECKSUM, SL_TRUNC runs past its end, SL_UNSUPPORTED is for another card, SL_NOSPACE more images
 * than fit. */
enum sl_err qat_fw_read(struct span file, const struct qat_fw_chip *chip, struct qat_fw *fw,
			const char **why) MUST_CHECK;

/* The public key unit's file: one image without a container. Errors as above. */
enum sl_err qat_fw_read_mmp(struct span file, const struct qat_fw_chip *chip, struct qat_image *image,
			    const char **why) MUST_CHECK;

/* Authentication wants an image in one piece of memory: a descriptor that says where its parts are, then the
 * parts. This is how many bytes that takes, */
uint64_t qat_fw_chunk_bytes(const struct qat_image *image);
/* and this lays it out in so many bytes at chunk, which the device sees at iova. engines: those of the image
 * that are meant; ignored for the public key unit. */
void qat_fw_chunk(const struct qat_image *image, uint32_t engines, uint64_t iova, uint8_t *chunk);
