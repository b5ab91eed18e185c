/* Authentication of a firmware image: a descriptor in guest memory says where its parts are, and the signature has to be
 * by the model's key (fw_key.h).
 * SPDX-License-Identifier: GPL-2.0-or-later */
#pragma once
#include "mem.h"

/* What a generation's firmware has to be. */
struct fw_rules {
	uint32_t device;     /* in an image of engines */
	unsigned key_bytes;  /* of modulus and signature */
	const char *modulus; /* fw_key.h */
};

struct fw_image {
	bool mmp;         /* of the PKE unit; else of engines: */
	uint32_t engines; /* bit each */
	char name[8];     /* begins so */
};

/* NULL when the descriptor at addr and all that it points to is good; else what is not. */
const char *fw_verify(const struct mem *m, uint64_t addr, const struct fw_rules *rules, struct fw_image *image);
