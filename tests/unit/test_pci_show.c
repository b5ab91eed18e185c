/* lspci's text, from recorded machines: the bytes come back as they were recorded, and what is said of a
 * capability is what pciutils said of it on that machine. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "kernel/log.h"
#include "kernel/pmm.h"
#include "pci/replay.h"
#include "pci/show.h"
#include "tests/unit/support.h"
#include "tests/unit/support_pci.h"

static char text[1 << 22];
static size_t len;

static void sink(const char *s, size_t n)
{
	assert_true(n < sizeof text - len);
	memcpy(text + len, s, n);
	len += n;
	text[len] = 0;
}

static char *whole_file(const char *name)
{
	char path[512];
	if (!support_file("lspci", name, path, sizeof path))
		return NULL;
	FILE *in = fopen(path, "r");
	assert_non_null(in);
	char *all = calloc(1, 4 << 20);
	assert_true(fread(all, 1, (4 << 20) - 1, in) > 0);
	fclose(in);
	return all;
}

static void show_all(const struct show *how)
{
	len = 0;
	text[0] = 0;
	PCI_EACH(f, &pci)
		show_function(f, how);
}

static void machine(const char *name, uint16_t last)
{
	char file[96];
	struct replay *r;
	snprintf(file, sizeof file, "%s.txt", name);
	char *dump = whole_file(file);
	if (!dump || !scan_recorded(file, last, &r)) {
		free(dump);
		return;
	}
	snprintf(file, sizeof file, "%s.decoded", name);
	char *decoded = whole_file(file);
	unsigned lines = 0;
	show_all(&(struct show){.numbers = 1, .verbose = 2, .bytes = 256, .segments = last > 0});
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		bool hex = strlen(line) == 51 && line[2] == ':';
		/* Those that show_caps.c has no name for, and subsystems, whose names pciutils adds. */
		bool bare = strstr(line, "apability ID 0x") || strstr(line, "] Subsystem: ");
		if (hex && !strstr(dump, line))
			fail_msg("%s: not recorded: %s", name, line);
		if (strncmp(line, "\tCapabilities: [", 16) == 0 && !bare) {
			lines++;
			if (!strstr(decoded, line))
				fail_msg("%s: pciutils has no such line: %s", name, line);
		}
	}
	assert_true(lines > 0);
	for (unsigned i = 0; i < 9; i++)
		show_all(&(struct show){.numbers = i % 3, .verbose = i / 3, .bytes = i == 8 ? 4096 : 0});
	len = 0;
	show_tree(&pci);
	assert_true(len > 0);
	free(dump);
	free(decoded);
	replay_free(r);
}

static void test_recorded(void **state)
{
	(void)state;
	machine("alder-lake-p-laptop-whole-machine", 0);
	machine("asus-p6t6-tree", 0);
	machine("pci-x-bridges-and-domains", 4);
	machine("root-complex-link-declarations", 0);
	machine("intel-82576-sriov-pf", 0);
	machine("haswell-e-root-port-acs-and-connectx3", 0);
	machine("plx-9716-switch-port-acs-dpc", 0);
	machine("samsung-pm174x-nvme-sriov", 0);
}

int main(void)
{
	phys_t ram = support_ram(16 << 20, 0x40000000);
	if (pmm_add(ram, 16 << 8) != SL_OK)
		return 1;
	log_sink_add(sink);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_recorded, pci_setup, pci_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
