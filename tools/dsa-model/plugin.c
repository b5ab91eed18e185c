// What QEMU calls when it loads the plugin. The guard runs before that, as a constructor: QEMU may refuse the
// plugin for its version of the API, and would say no more than that. SPDX-License-Identifier:
// GPL-2.0-or-later
#include "dsa.h"

#define EXPORT __attribute__((visibility("default")))
typedef uint64_t plugin_id;
EXPORT int qemu_plugin_version = 4;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

const char model_name[] = "dsa-model";
static bool fits;

__attribute__((constructor)) static void look_at_qemu(void)
{
	fits = qemu_check(&qemu_plugin_version) && dsa_memory_fits() && movdir64b_fits();
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)info, (void)argc, (void)argv;
	if (!fits)
		return -1;
	dsa_register();
	movdir64b_install(id, qemu_plugin_version);
	return 0;
}
