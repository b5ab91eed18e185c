// A plugin for stock QEMU that gives qtest one more command, for tests/boot/test_walker.py: a request with a
// PASID, which no device of QEMU's makes.
//
//     pasid DEVFN PASID ADDRESS read           OK RESULT VALUE (RESULT: 0x0, or why not)
//     pasid DEVFN PASID ADDRESS write VALUE    OK RESULT
//
// Eight bytes; numbers hexadecimal; functions of the root bus. SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is used of QEMU, in words of its own. */
enum {
	SPACE_IN_UNIT = 16
}; /* where the address space is in what vtd_find_add_as() answers, in 10.0 and 11.1 */
struct attrs {
	uint32_t bits;
	bool unspecified;
	uint8_t unused_1;
	uint16_t unused_2;
};
struct version {
	const struct {
		int64_t major, minor, micro;
	} * number;
	const char *package;
};
void *vtd_find_add_as(void *unit, void *bus, int devfn, unsigned pasid);
void *object_resolve_path_type(const char *path, const char *type, bool *ambiguous);
uint32_t address_space_rw(void *space, uint64_t at, struct attrs attrs, void *buf, uint64_t len, bool write);
void qtest_set_command_cb(bool (*run)(void *chr, char **words));
void qtest_sendf(void *chr, const char *format, ...);
struct version *qmp_query_version(void **error);
void qapi_free_VersionInfo(struct version *v);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 4;
EXPORT int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv);

static uint64_t number(const char *word)
{
	return strtoull(word, NULL, 16);
}

static unsigned count(char **words)
{
	unsigned n = 0;
	while (words[n])
		n++;
	return n;
}

static bool run(void *chr, char **words)
{
	unsigned n = count(words);
	if (strcmp(words[0], "pasid"))
		return false;
	void *unit = object_resolve_path_type("", "intel-iommu", NULL),
	     *bus = object_resolve_path_type("", "PCIE", NULL);
	bool write = n == 6 && !strcmp(words[4], "write");
	// QEMU ends at a request with PASID for the interrupt range.
	if (!unit || !bus || (n != 5 && !write) || number(words[3]) >> 20 == 0xfee) {
		qtest_sendf(chr, "FAIL no such request\n");
		return true;
	}
	char *as = vtd_find_add_as(unit, bus, (int)number(words[1]), (unsigned)number(words[2]));
	uint64_t value = write ? number(words[5]) : 0;
	uint32_t result = address_space_rw(as + SPACE_IN_UNIT, number(words[3]), (struct attrs){0}, &value,
					   sizeof value, write);
	if (write)
		qtest_sendf(chr, "OK 0x%x\n", result);
	else
		qtest_sendf(chr, "OK 0x%x 0x%llx\n", result, (unsigned long long)value);
	return true;
}

/* The version of the plugin interface is asked for before anything of the plugin runs but this. */
__attribute__((constructor)) static void look_at_qemu(void)
{
	struct version *v = qmp_query_version(NULL);
	qemu_plugin_version = v->number->major >= 11 ? 7 : 4;
	qapi_free_VersionInfo(v);
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv)
{
	(void)id, (void)info, (void)argc, (void)argv;
	qtest_set_command_cb(run);
	return 0;
}
