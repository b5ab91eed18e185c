/* What test_qat_model.py loads the model's plugin into instead of a QEMU: it says a version and shows a
 * layout as ordered, and has as many of QEMU's functions as it was compiled with; missing ones are those that
 * are not in STUBS. fake_qemu PLUGIN MAJOR.MINOR.MICRO SHIFT BYTES SHIFT: bytes that a class's fields lie
 * behind where they should; BYTES: of a memory region. Prints the version of the plugin API that the plugin
 * asks for, and what qemu_plugin_install() returned. */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STUB(name)                                                                                           \
	void name(void);                                                                                     \
	void name(void) {}
STUBS

static int64_t version[3];
static size_t shift, bytes;
static int registered;

struct version_info {
	const int64_t *number;
	char *package;
};

#ifndef NO_VERSION
struct version_info *qmp_query_version(void **error);
struct version_info *qmp_query_version(void **error)
{
	static struct version_info v;
	(void)error;
	v.number = version;
	return &v;
}
#endif

void *object_class_by_name(const char *name);
void *object_class_by_name(const char *name)
{
	static char c[512];
	bool port = !strcmp(name, "pcie-root-port");
	const char *desc = port ? "PCI Express Root Port" : "Host bridge";
	uint16_t ids[] = {port ? 0x1b36 : 0x8086, port ? 0x000c : 0x29c0};
	void *f = c;
	memset(c, 0, sizeof c);
	memcpy(c + shift + 0x70, &desc, sizeof desc);
	c[shift + 0x82] = port;
	memcpy(c + shift + 0xb8, &f, sizeof f);
	if (port)
		memcpy(c + shift + 0xc0, &f, sizeof f);
	memcpy(c + shift + 0xd0, &f, sizeof f);
	memcpy(c + shift + 0xd8, ids, sizeof ids);
	c[shift + 0xdf] = port ? 0 : 6;
	return c;
}

void object_initialize(void *obj, size_t size, const char *type);
void object_initialize(void *obj, size_t size, const char *type)
{
	(void)type;
	memset(obj, 0, bytes < size ? bytes : size);
}

void type_register_static(const void *info);
void type_register_static(const void *info)
{
	(void)info;
	registered++;
}

int main(int argc, char **argv)
{
	if (argc != 5 || sscanf(argv[2], "%ld.%ld.%ld", &version[0], &version[1], &version[2]) != 3)
		return 2;
	shift = strtoul(argv[3], NULL, 0);
	bytes = strtoul(argv[4], NULL, 0);
	void *plugin = dlopen(argv[1], RTLD_NOW);
	if (!plugin) {
		fprintf(stderr, "%s\n", dlerror());
		return 3;
	}
	int (*install)(uint64_t id, const void *info, int n, char **args);
	*(void **)&install = dlsym(plugin, "qemu_plugin_install");
	int result = install(1, NULL, 0, NULL);
	printf("api=%d install=%d types=%d\n", *(int *)dlsym(plugin, "qemu_plugin_version"), result,
	       registered);
	return 0;
}
