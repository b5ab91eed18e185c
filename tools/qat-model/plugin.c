// What QEMU calls when it loads the plugin, and the guard: the model is compiled for one layout of QEMU's
// structs. SPDX-License-Identifier: GPL-2.0-or-later
#include "qat.h"
#include "qapi/qapi-commands-machine-common.h"
#include "qapi/qapi-commands-control.h"

#define EXPORT __attribute__((visibility("default")))
typedef uint64_t plugin_id;
EXPORT int qemu_plugin_version = 4;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

static bool refuse(const char *what)
{
	fprintf(stderr,
		"qat-model: this QEMU is not the one the model was compiled for (10.0): %s; use QEMU "
		"10.0.x\n",
		what);
	return false;
}

// The version first: the property table is only read when it says 10.0. Then the fields of PCIDevice by their
// own names.
static bool layout_fits(void)
{
	static const struct {
		const char *name;
		size_t off;
	} want[] = {
		{"addr", offsetof(PCIDevice, devfn)},
		{"romfile", offsetof(PCIDevice, romfile)},
		{"acpi-index", offsetof(PCIDevice, acpi_index)},
		{"x-max-bounce-buffer-size", offsetof(PCIDevice, max_bounce_buffer_size)},
	};
	VersionInfo *v = qmp_query_version(NULL);
	bool version = v->qemu->major == 10 && v->qemu->minor == 0;
	qapi_free_VersionInfo(v);
	if (!version)
		return refuse("another version");
	DeviceClass *dc = (DeviceClass *)object_class_by_name(TYPE_PCI_DEVICE);
	if (!dc || !dc->props_)
		return refuse("no PCI device class");
	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		size_t n = 0;
		while (n < dc->props_count_ && strcmp(dc->props_[n].name, want[i].name))
			n++;
		if (n == dc->props_count_ || (size_t)dc->props_[n].offset != want[i].off)
			return refuse(want[i].name);
	}
	return true;
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)id, (void)info, (void)argc, (void)argv;
	if (!layout_fits())
		return -1;
	vf_register();
	pf_register();
	return 0;
}
