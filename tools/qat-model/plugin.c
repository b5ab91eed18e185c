// What QEMU calls when it loads the plugin. The guard runs before that, as a constructor: QEMU may refuse the
// plugin for its version of the API, and would say no more than that. SPDX-License-Identifier:
// GPL-2.0-or-later
#include "qat.h"

#define EXPORT __attribute__((visibility("default")))
typedef uint64_t plugin_id;
EXPORT int qemu_plugin_version = 4;
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv);

const char model_name[] = "qat-model";
static bool fits;

__attribute__((constructor)) static void look_at_qemu(void)
{
	fits = qemu_check(&qemu_plugin_version);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	(void)id, (void)info, (void)argc, (void)argv;
	if (!fits)
		return -1;
	vf_register();
	pf_register();
	return 0;
}
