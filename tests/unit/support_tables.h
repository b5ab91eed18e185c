/* Tables of the firmware for the tests of rules about them: the text from which tools/mktable.py made a table
 * says also what the machine has besides, and what is to be found. */
#pragma once
#include "iommu/dmar/lint.h"

#define KEYS_MAX 64

struct fake {
	struct {
		bdf_t fn;
		uint32_t class;
		uint8_t sec, sub;
	} f[16];
	unsigned n;
	struct boot_region region[16];
	struct table_memory_map map;
};

struct keys {
	char key[KEYS_MAX][96];
	unsigned n;
};

struct own {
	struct fake machine;
	struct table_facts known;
	struct keys want;
	uint8_t bytes[2048];
	size_t n;
};

void keys_add(struct keys *k, const char *key);
/* In any order. */
void keys_same(const char *what, struct keys *want, struct keys *got);
size_t tables_read_file(const char *path, uint8_t *p, size_t max);
/* NAME.txt of dir, and the table beside it. */
void own_read(const char *dir, struct own *o, const char *name);
